// sgd_update(p..., g..., [m...,] lr; n, momentum, nesterov) -> (p..., [m...])
//   without momentum: p -= lr g
//   with:             m = momentum m - lr g;  p += m, or with nesterov p += momentum m - lr g
// There is momentum where there are m.
#include "kernels/optimizer.h"
#include "ops/optimizer.h"

namespace fk {
namespace {

bool has_momentum(const Call& call) { return int64_t(call.in.size()) > 2 * call.attrs.integer("n") + 1; }

void step(const SgdStep<float>& s, int64_t n) { sgd_f32(s, n); }
void step(const SgdStep<double>& s, int64_t n) { sgd_f64(s, n); }

template <class T>
Kernel make(const Call& call) {
    const int64_t n = call.attrs.integer("n");
    const bool moving = has_momentum(call), nesterov = call.attrs.flag("nesterov", false);
    const T momentum = T(call.attrs.number("momentum", 0));
    const size_t k = size_t(n), rate = call.in.size() - 1;
    return {[=, space = IndexSpace(call, n)](const void* const* in, void* const* out, void*) {
        const T lr = *static_cast<const T*>(in[rate]);
        space.for_each([&](size_t i, int64_t from, int64_t count) {
            step({.p = element<T>(out, i, from),
                  .m = element<T>(out, k + i, from, moving),
                  .p0 = element<T>(in, i, from),
                  .g = element<T>(in, k + i, from),
                  .m0 = element<T>(in, 2 * k + i, from, moving),
                  .lr = lr,
                  .momentum = momentum,
                  .nesterov = nesterov},
                 count);
        });
    }};
}

std::vector<TensorType> infer(const Call& call) { return infer_update(call, "sgd_update", has_momentum(call) ? 3 : 2); }

Kernel kernel(const Call& call) { return call.in[0].dtype == DType::float32 ? make<float>(call) : make<double>(call); }

}  // namespace

FK_OP(sgd_update, .infer = infer, .kernel = kernel, .in_place = in_place_update, .widens = true)

}  // namespace fk
