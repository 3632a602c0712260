// adam_update(p..., g..., m..., v..., [vhat...,] alpha; n, beta_1, beta_2, epsilon, amsgrad) -> (p..., m..., v...,
// [vhat...])
//   m += (g - m) (1 - beta_1);  v += (g g - v) (1 - beta_2);  p -= m alpha / (sqrt(v) + epsilon)
// With amsgrad the square root is that of vhat = max(vhat, v).
#include "kernels/optimizer.h"
#include "ops/optimizer.h"

namespace fk {
namespace {

void step(const AdamStep<float>& s, int64_t n) { adam_f32(s, n); }
void step(const AdamStep<double>& s, int64_t n) { adam_f64(s, n); }

template <class T>
Kernel make(const Call& call) {
    const bool amsgrad = call.attrs.flag("amsgrad", false);
    const T c1 = T(1 - call.attrs.number("beta_1")), c2 = T(1 - call.attrs.number("beta_2"));
    const T epsilon = T(call.attrs.number("epsilon"));
    const Update update(call);
    return {[=, alpha = call.in.size() - 1](const void* const* in, void* const* out, void* scratch) {
                const T a = *static_cast<const T*>(in[alpha]);
                update.for_each<T>(in, out, scratch, [&](const UpdatePiece<T>& x) {
                    step({.p = x.value(),
                          .m = x.slot(0),
                          .v = x.slot(1),
                          .vhat = x.slot(2, amsgrad),
                          .p0 = x.old_value(),
                          .g = x.gradient,
                          .m0 = x.old_slot(0),
                          .v0 = x.old_slot(1),
                          .vhat0 = x.old_slot(2, amsgrad),
                          .alpha = a,
                          .one_minus_beta_1 = c1,
                          .one_minus_beta_2 = c2,
                          .epsilon = epsilon},
                         x.count);
                });
            },
            update.scratch_bytes()};
}

std::vector<TensorType> infer(const Call& call) {
    return infer_update(call, "adam_update", call.attrs.flag("amsgrad", false) ? 5 : 4);
}

Kernel kernel(const Call& call) { return call.in[0].dtype == DType::float32 ? make<float>(call) : make<double>(call); }

}  // namespace

FK_OP(adam_update, .infer = infer, .kernel = kernel, .in_place = in_place_update, .widens = true)

}  // namespace fk
