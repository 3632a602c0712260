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
    const bool moving = has_momentum(call), centered = is_centered(call);
    const T rho = T(call.attrs.number("rho")), momentum = T(call.attrs.number("momentum", 0));
    const T epsilon = T(call.attrs.number("epsilon"));
    const Update update(call);
    return {[=, rate = call.in.size() - 1, a = moving ? 2 : 1](const void* const* in, void* const* out, void* scratch) {
                const T lr = *static_cast<const T*>(in[rate]);
                update.for_each<T>(in, out, scratch, [&](const UpdatePiece<T>& x) {
                    step({.p = x.value(),
                          .v = x.slot(0),
                          .m = x.slot(1, moving),
                          .a = x.slot(a, centered),
                          .p0 = x.old_value(),
                          .g = x.gradient,
                          .v0 = x.old_slot(0),
                          .m0 = x.old_slot(1, moving),
                          .a0 = x.old_slot(a, centered),
                          .lr = lr,
                          .rho = rho,
                          .momentum = momentum,
                          .epsilon = epsilon},
                         x.count);
                });
            },
            update.scratch_bytes()};
}

std::vector<TensorType> infer(const Call& call) {
    return infer_update(call, "rmsprop_update", 3 + has_momentum(call) + is_centered(call));
}

Kernel kernel(const Call& call) { return call.in[0].dtype == DType::float32 ? make<float>(call) : make<double>(call); }

}  // namespace

FK_OP(rmsprop_update, .infer = infer, .kernel = kernel, .in_place = in_place_update, .widens = true)

}  // namespace fk
