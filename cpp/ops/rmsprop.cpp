// rmsprop_update(p..., g..., v..., [m...,] [a...,] lr; n, rho, epsilon, momentum, centered) -> (p..., v..., [m...,]
// [a...])
//   v = rho v + (1 - rho) g g;  step = lr g / sqrt(v + epsilon)
//   centered: a = rho a + (1 - rho) g and sqrt(v - a a + epsilon)
//   with momentum: m = momentum m + step takes the place of the step
#include "kernels/optimizer.h"
#include "ops/optimizer.h"

namespace fk {
namespace {

bool has_momentum(const Call& call) { return call.attrs.number("momentum", 0) > 0; }
bool is_centered(const Call& call) { return call.attrs.flag("centered", false); }

void step(const RmspropStep<float>& s, int64_t n) { rmsprop_f32(s, n); }
void step(const RmspropStep<double>& s, int64_t n) { rmsprop_f64(s, n); }

template <class T>
Kernel make(const Call& call) {
    const int64_t n = call.attrs.integer("n");
    const bool moving = has_momentum(call), centered = is_centered(call);
    const T rho = T(call.attrs.number("rho")), momentum = T(call.attrs.number("momentum", 0));
    const T epsilon = T(call.attrs.number("epsilon"));
    const size_t k = size_t(n), rate = call.in.size() - 1, a = moving ? 3 * k : 2 * k;  // a: in the outputs
    return {[=, space = IndexSpace(call, n)](const void* const* in, void* const* out, void*) {
        const T lr = *static_cast<const T*>(in[rate]);
        space.for_each([&](size_t i, int64_t from, int64_t count) {
            step({.p = element<T>(out, i, from),
                  .v = element<T>(out, k + i, from),
                  .m = element<T>(out, 2 * k + i, from, moving),
                  .a = element<T>(out, a + i, from, centered),
                  .p0 = element<T>(in, i, from),
                  .g = element<T>(in, k + i, from),
                  .v0 = element<T>(in, 2 * k + i, from),
                  .m0 = element<T>(in, 3 * k + i, from, moving),
                  .a0 = element<T>(in, a + k + i, from, centered),
                  .lr = lr,
                  .rho = rho,
                  .momentum = momentum,
                  .epsilon = epsilon},
                 count);
        });
    }};
}

std::vector<TensorType> infer(const Call& call) {
    return infer_update(call, "rmsprop_update", 3 + has_momentum(call) + is_centered(call));
}

Kernel kernel(const Call& call) { return call.in[0].dtype == DType::float32 ? make<float>(call) : make<double>(call); }

}  // namespace

FK_OP(rmsprop_update, .infer = infer, .kernel = kernel, .in_place = in_place_update, .widens = true)

}  // namespace fk
