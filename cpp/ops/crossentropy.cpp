// Softmax crossentropy of logits over the last axis, one loss per row.
//   sparse_crossentropy(labels, logits)  -> loss = -log_softmax(logits)[label], stats
//   crossentropy(target, logits)         -> loss = -sum(target log_softmax(logits)), stats
// Labels are int32; a label outside the classes makes the loss and the gradient of its row NaN. `stats` is for the
// gradients, sparse_crossentropy_grad(labels, logits, stats, dloss) and crossentropy_grad(target, logits, stats,
// dloss):
//   (softmax(logits) - onehot(label)) dloss   and   (softmax(logits) sum(target) - target) dloss
#include "kernels/softmax.h"
#include "ops/by_type.h"
#include "ops/rules.h"

namespace fk {
namespace {

Tensor sum_last(const Tensor& x) { return call("sum", {x}, {{"axes", int64_t(-1)}, {"keepdims", true}}); }
Tensor as_column(const Tensor& x) {
    std::vector<int64_t> dims = x->shape.vec();
    dims.push_back(1);
    return call("reshape", {x}, {{"shape", dims}});
}
Tensor as_row_values(const Tensor& x) {
    const std::vector<int64_t> dims(x->shape.begin(), x->shape.end() - 1);
    return call("reshape", {x}, {{"shape", dims}});
}

struct Size {
    int64_t rows, n;
    explicit Size(const Call& call)
        : rows(call.in[1].shape.count(0, call.in[1].shape.rank() - 1)), n(call.in[1].shape[-1]) {}
};

Shape row_shape(const TensorType& logits) { return Shape(std::span(logits.shape.begin(), logits.shape.end() - 1)); }
TensorType stats_type(const TensorType& logits, int64_t n) {
    std::vector<int64_t> dims(logits.shape.begin(), logits.shape.end() - 1);
    dims.push_back(n);
    return {logits.dtype, Shape(std::span<const int64_t>(dims))};
}

void check_logits(const Call& call, const char* tag) {
    check_float(call.in[1], tag);
    check(call.in[1].shape.rank() > 0, "[", tag, "] logits must have an axis of classes. Received: a scalar");
}

std::vector<TensorType> infer_sparse(const Call& call) {
    check_logits(call, "sparse_crossentropy");
    const TensorType &labels = call.in[0], &logits = call.in[1];
    if (labels.dtype != DType::int32)
        fail<TypeError>("[sparse_crossentropy] labels must be int32. Received: dtype=", name_of(labels.dtype));
    check(labels.shape == row_shape(logits),
          "[sparse_crossentropy] labels must have one label per row of logits. Received: ", "labels.shape=",
          labels.shape, ", logits.shape=", logits.shape);
    return {{logits.dtype, labels.shape}, stats_type(logits, kSparseStats)};
}
std::vector<TensorType> infer_dense(const Call& call) {
    check_logits(call, "crossentropy");
    check(call.in[0] == call.in[1],
          "[crossentropy] target and logits must have the same shape. Received: target.shape=", call.in[0].shape,
          ", logits.shape=", call.in[1].shape);
    return {{call.in[1].dtype, row_shape(call.in[1])}, stats_type(call.in[1], kDenseStats)};
}
std::vector<TensorType> infer_grad(const Call& call) { return {call.in[1]}; }

Kernel kernel_sparse(const Call& call) {
    return by_type(call.in[1].dtype, [s = Size(call)](auto zero) -> Kernel {
        using T = decltype(zero);
        return {[s](const void* const* in, void* const* out, void*) {
            FK_BY_TYPE(T, sparse_crossentropy, output<T>(out, 0), output<T>(out, 1), input<int32_t>(in, 0),
                       input<T>(in, 1), s.rows, s.n);
        }};
    });
}
Kernel kernel_sparse_grad(const Call& call) {
    return by_type(call.in[1].dtype, [s = Size(call)](auto zero) -> Kernel {
        using T = decltype(zero);
        return {[s](const void* const* in, void* const* out, void*) {
            FK_BY_TYPE(T, sparse_crossentropy_grad, output<T>(out, 0), input<int32_t>(in, 0), input<T>(in, 1),
                       input<T>(in, 2), input<T>(in, 3), s.rows, s.n);
        }};
    });
}
Kernel kernel_dense(const Call& call) {
    return by_type(call.in[1].dtype, [s = Size(call)](auto zero) -> Kernel {
        using T = decltype(zero);
        return {[s](const void* const* in, void* const* out, void*) {
            FK_BY_TYPE(T, crossentropy, output<T>(out, 0), output<T>(out, 1), input<T>(in, 0), input<T>(in, 1), s.rows,
                       s.n);
        }};
    });
}
Kernel kernel_dense_grad(const Call& call) {
    return by_type(call.in[1].dtype, [s = Size(call)](auto zero) -> Kernel {
        using T = decltype(zero);
        return {[s](const void* const* in, void* const* out, void*) {
            FK_BY_TYPE(T, crossentropy_grad, output<T>(out, 0), input<T>(in, 0), input<T>(in, 1), input<T>(in, 2),
                       input<T>(in, 3), s.rows, s.n);
        }};
    });
}

// `stats` is a by-product: only the loss has a gradient.
std::vector<Tensor> gradient_sparse(const Gradient& g) {
    if (!g.dout[0]) return {};
    return {nullptr, call("sparse_crossentropy_grad", {g.in[0], g.in[1], g.out[1], g.dout[0]})};
}
std::vector<Tensor> gradient_dense(const Gradient& g) {
    if (!g.dout[0]) return {};
    return {g.needs[0] ? -(call("log_softmax", {g.in[1]}) * as_column(g.dout[0])) : nullptr,
            g.needs[1] ? call("crossentropy_grad", {g.in[0], g.in[1], g.out[1], g.dout[0]}) : nullptr};
}

// Second derivatives. With p = softmax(x) and w the gradient of the first: d/dx of sum(w p c) is softmax_grad(p, w) c.
std::vector<Tensor> gradient_sparse_grad(const Gradient& g) {
    const Tensor &labels = g.in[0], &x = g.in[1], &dy = g.in[3], &w = g.dout[0], p = call("softmax", {x});
    Tensor ddy;
    if (g.needs[3]) {
        const Attrs one_hot{{"num_classes", x->shape[-1]}, {"dtype", std::string(name_of(x->dtype))}};
        ddy = as_row_values(sum_last(w * (p - call("one_hot", {labels}, one_hot))));
    }
    return {nullptr, g.needs[1] ? call("softmax_grad", {p, w}) * as_column(dy) : nullptr, nullptr, ddy};
}
std::vector<Tensor> gradient_dense_grad(const Gradient& g) {
    const Tensor &target = g.in[0], &x = g.in[1], &w = g.dout[0], c = as_column(g.in[3]), p = call("softmax", {x});
    return {g.needs[0] ? c * (sum_last(w * p) - w) : nullptr,
            g.needs[1] ? call("softmax_grad", {p, w}) * (c * sum_last(target)) : nullptr, nullptr,
            g.needs[3] ? as_row_values(sum_last(w * (p * sum_last(target) - target))) : nullptr};
}

std::vector<std::pair<int, int>> onto_logits(const Call&) { return {{0, 1}}; }

}  // namespace

FK_OP(sparse_crossentropy, .infer = infer_sparse, .kernel = kernel_sparse, .gradient = gradient_sparse, .widens = true)
FK_OP(sparse_crossentropy_grad, .infer = infer_grad, .kernel = kernel_sparse_grad, .gradient = gradient_sparse_grad,
      .in_place = onto_logits)
FK_OP(crossentropy, .infer = infer_dense, .kernel = kernel_dense, .gradient = gradient_dense,
      .promote = Op::Promote::to_float, .widens = true)
FK_OP(crossentropy_grad, .infer = infer_grad, .kernel = kernel_dense_grad, .gradient = gradient_dense_grad,
      .in_place = onto_logits)

}  // namespace fk
