// Over the last axis:
//   softmax(x)      y = exp(x - max) / sum(exp(x - max))        softmax_grad(y, dy)      y (dy - sum(y dy))
//   log_softmax(x)  y = x - max - log(sum(exp(x - max)))        log_softmax_grad(y, dy)  dy - exp(y) sum(dy)
#include "kernels/softmax.h"
#include "ops/by_type.h"
#include "ops/rules.h"

namespace fk {
namespace {

Tensor sum_last(const Tensor& x) { return call("sum", {x}, {{"axes", int64_t(-1)}, {"keepdims", true}}); }

int64_t columns(const Call& call) { return call.in[0].shape[-1]; }
int64_t rows(const Call& call) { return call.in[0].shape.count(0, call.in[0].shape.rank() - 1); }

std::vector<TensorType> infer(const Call& call) {
    check_float(call.in[0], "softmax");
    check(call.in[0].shape.rank() > 0, "[softmax] the tensor must have an axis. Received: a scalar");
    for (const TensorType& t : call.in)
        check(t == call.in[0], "[softmax] tensors must be alike. Received: ", t.shape, " and ", call.in[0].shape);
    return {call.in[0]};
}

Kernel kernel_softmax(const Call& call) {
    return by_type(call.in[0].dtype, [m = rows(call), n = columns(call)](auto zero) -> Kernel {
        using T = decltype(zero);
        return {[=](const void* const* in, void* const* out, void*) {
            FK_BY_TYPE(T, softmax, output<T>(out, 0), input<T>(in, 0), m, n);
        }};
    });
}
Kernel kernel_softmax_grad(const Call& call) {
    return by_type(call.in[0].dtype, [m = rows(call), n = columns(call)](auto zero) -> Kernel {
        using T = decltype(zero);
        return {[=](const void* const* in, void* const* out, void*) {
            FK_BY_TYPE(T, softmax_grad, output<T>(out, 0), input<T>(in, 0), input<T>(in, 1), m, n);
        }};
    });
}
Kernel kernel_log_softmax(const Call& call) {
    return by_type(call.in[0].dtype, [m = rows(call), n = columns(call)](auto zero) -> Kernel {
        using T = decltype(zero);
        return {[=](const void* const* in, void* const* out, void*) {
            FK_BY_TYPE(T, log_softmax, output<T>(out, 0), input<T>(in, 0), m, n);
        }};
    });
}
Kernel kernel_log_softmax_grad(const Call& call) {
    return by_type(call.in[0].dtype, [m = rows(call), n = columns(call)](auto zero) -> Kernel {
        using T = decltype(zero);
        return {[=](const void* const* in, void* const* out, void*) {
            FK_BY_TYPE(T, log_softmax_grad, output<T>(out, 0), input<T>(in, 0), input<T>(in, 1), m, n);
        }};
    });
}

std::vector<Tensor> gradient_softmax(const Gradient& g) { return {call("softmax_grad", {g.out[0], g.dout[0]})}; }
std::vector<Tensor> gradient_log_softmax(const Gradient& g) {
    return {call("log_softmax_grad", {g.out[0], g.dout[0]})};
}

std::vector<Tensor> gradient_softmax_grad(const Gradient& g) {
    const Tensor &y = g.in[0], &dy = g.in[1], &d = g.dout[0];
    return {g.needs[0] ? d * (dy - sum_last(y * dy)) - dy * sum_last(d * y) : nullptr,
            g.needs[1] ? call("softmax_grad", {y, d}) : nullptr};
}
std::vector<Tensor> gradient_log_softmax_grad(const Gradient& g) {
    const Tensor &y = g.in[0], &dy = g.in[1], &d = g.dout[0], p = call("exp", {y});
    return {g.needs[0] ? -(d * p * sum_last(dy)) : nullptr, g.needs[1] ? d - sum_last(d * p) : nullptr};
}

// A row is read before it is written over.
std::vector<std::pair<int, int>> onto_first(const Call&) { return {{0, 0}}; }
std::vector<std::pair<int, int>> onto_either(const Call&) { return {{0, 0}, {0, 1}}; }

}  // namespace

FK_OP(softmax, .infer = infer, .kernel = kernel_softmax, .gradient = gradient_softmax, .promote = Op::Promote::to_float,
      .in_place = onto_first, .widens = true)
FK_OP(softmax_grad, .infer = infer, .kernel = kernel_softmax_grad, .gradient = gradient_softmax_grad,
      .in_place = onto_either)
FK_OP(log_softmax, .infer = infer, .kernel = kernel_log_softmax, .gradient = gradient_log_softmax,
      .promote = Op::Promote::to_float, .in_place = onto_first, .widens = true)
FK_OP(log_softmax_grad, .infer = infer, .kernel = kernel_log_softmax_grad, .gradient = gradient_log_softmax_grad,
      .in_place = onto_either)

}  // namespace fk
