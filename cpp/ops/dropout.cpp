// dropout(x, seed; rate) -> y = x / (1 - rate) where kept and 0 elsewhere, mask = which are kept
// dropout_grad(dy, mask; rate) -> dy / (1 - rate) where kept
// The rate is rounded to a multiple of 2^-16: sixteen random bits decide about an element.
#include "core/parallel.h"
#include "kernels/random.h"
#include "ops/by_type.h"
#include "ops/seeds.h"

namespace fk {
namespace {

double rate_of(const Call& call) { return rate_of(call.attrs, "dropout"); }

std::vector<TensorType> infer(const Call& call) {
    check_float(call.in[0], "dropout");
    check_seed(call.in[1], "dropout");
    rate_of(call);
    return {call.in[0], {DType::boolean, call.in[0].shape}};
}

Kernel kernel(const Call& call) {
    const double rate = rate_of(call);
    return by_type(call.in[0].dtype, [=, n = call.in[0].count()](auto zero) -> Kernel {
        using T = decltype(zero);
        return {[=](const void* const* in, void* const* out, void*) {
            const T* x = input<T>(in, 0);
            const uint32_t* key = input<uint32_t>(in, 1);
            T* y = output<T>(out, 0);
            uint8_t* mask = output<uint8_t>(out, 1);
            parallel_for(n, kRandomGrain, [&](int64_t begin, int64_t end) {
                FK_BY_TYPE(T, dropout, y, mask, x, begin, end, key, dropout_threshold(rate), T(1 / (1 - rate)));
            });
        }};
    });
}

std::vector<Tensor> gradient(const Gradient& g) {
    return {g.needs[0] ? call("dropout_grad", {g.dout[0], g.out[1]}, g.attrs) : nullptr, nullptr};
}

std::vector<TensorType> infer_grad(const Call& call) {
    check(call.in[0].shape == call.in[1].shape,
          "[dropout_grad] gradient and mask must have one shape. Received: ", call.in[0].shape, " and ",
          call.in[1].shape);
    return {call.in[0]};
}

Kernel kernel_grad(const Call& call) {
    return by_type(call.in[0].dtype, [rate = rate_of(call), n = call.in[0].count()](auto zero) -> Kernel {
        using T = decltype(zero);
        return {[=](const void* const* in, void* const* out, void*) {
            const T* dy = input<T>(in, 0);
            const uint8_t* mask = input<uint8_t>(in, 1);
            T* dx = output<T>(out, 0);
            parallel_for(n, 4 * kRandomGrain, [&](int64_t begin, int64_t end) {
                FK_BY_TYPE(T, dropout_grad, dx, dy, mask, begin, end, T(1 / (1 - rate)));
            });
        }};
    });
}

std::vector<Tensor> gradient_grad(const Gradient& g) {
    return {call("dropout_grad", {g.dout[0], g.in[1]}, g.attrs), nullptr};
}

std::vector<std::pair<int, int>> in_place(const Call&) { return {{0, 0}}; }

}  // namespace

FK_OP(dropout, .infer = infer, .kernel = kernel, .gradient = gradient, .in_place = in_place, .widens = true)
FK_OP(dropout_grad, .infer = infer_grad, .kernel = kernel_grad, .gradient = gradient_grad, .in_place = in_place)

}  // namespace fk
