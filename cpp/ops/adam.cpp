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
    const int64_t n = call.attrs.integer("n");
    const bool amsgrad = call.attrs.flag("amsgrad", false);
    const T c1 = T(1 - call.attrs.number("beta_1")), c2 = T(1 - call.attrs.number("beta_2"));
    const T epsilon = T(call.attrs.number("epsilon"));
    const size_t k = size_t(n), alpha = call.in.size() - 1;
    return {[=, space = IndexSpace(call, n)](const void* const* in, void* const* out, void*) {
        const T a = *static_cast<const T*>(in[alpha]);
        space.for_each([&](size_t i, int64_t from, int64_t count) {
            step({.p = element<T>(out, i, from),
                  .m = element<T>(out, k + i, from),
                  .v = element<T>(out, 2 * k + i, from),
                  .vhat = element<T>(out, 3 * k + i, from, amsgrad),
                  .p0 = element<T>(in, i, from),
                  .g = element<T>(in, k + i, from),
                  .m0 = element<T>(in, 2 * k + i, from),
                  .v0 = element<T>(in, 3 * k + i, from),
                  .vhat0 = element<T>(in, 4 * k + i, from, amsgrad),
                  .alpha = a,
                  .one_minus_beta_1 = c1,
                  .one_minus_beta_2 = c2,
                  .epsilon = epsilon},
                 count);
        });
    }};
}

std::vector<TensorType> infer(const Call& call) {
    return infer_update(call, "adam_update", call.attrs.flag("amsgrad", false) ? 5 : 4);
}

Kernel kernel(const Call& call) { return call.in[0].dtype == DType::float32 ? make<float>(call) : make<double>(call); }

}  // namespace

FK_OP(adam_update, .infer = infer, .kernel = kernel, .in_place = in_place_update, .widens = true)

}  // namespace fk
