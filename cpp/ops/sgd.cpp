// sgd_update(p..., g..., [m...,] lr; n, momentum, nesterov) -> (p..., [m...])
//   without momentum: p -= lr g
//   with:             m = momentum m - lr g;  p += m, or with nesterov p += momentum m - lr g
// There is momentum where there are m.
#include "kernels/optimizer.h"
#include "ops/optimizer.h"

namespace fk {
namespace {

bool has_momentum(const Call& call) { return int64_t(call.in.size()) > UpdateInputs(call.attrs).slot(0, 0) + 1; }

void step(const SgdStep<float>& s, int64_t n) { sgd_f32(s, n); }
void step(const SgdStep<double>& s, int64_t n) { sgd_f64(s, n); }

template <class T>
Kernel make(const Call& call) {
    const bool moving = has_momentum(call), nesterov = call.attrs.flag("nesterov", false);
    const T momentum = T(call.attrs.number("momentum", 0));
    const Update update(call);
    return {[=, rate = call.in.size() - 1](const void* const* in, void* const* out, void* scratch) {
                const T lr = *static_cast<const T*>(in[rate]);
                update.for_each<T>(in, out, scratch, [&](const UpdatePiece<T>& x) {
                    step({.p = x.value(),
                          .m = x.slot(0, moving),
                          .p0 = x.old_value(),
                          .g = x.gradient,
                          .m0 = x.old_slot(0, moving),
                          .lr = lr,
                          .momentum = momentum,
                          .nesterov = nesterov},
                         x.count);
                });
            },
            update.scratch_bytes()};
}

std::vector<TensorType> infer(const Call& call) { return infer_update(call, "sgd_update", has_momentum(call) ? 3 : 2); }

Kernel kernel(const Call& call) { return call.in[0].dtype == DType::float32 ? make<float>(call) : make<double>(call); }

}  // namespace

FK_OP(sgd_update, .infer = infer, .kernel = kernel, .in_place = in_place_update, .widens = true)

}  // namespace fk
