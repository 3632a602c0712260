// Batch normalisation of large images by its parts, so that strips of samples (graph/strips.cpp) meet only in vectors
// of one element per channel, the last axis:
//   batch_norm_sums(x) -> table (samples, blocks, 2, channels)
//   batch_norm_moments(table; rows) -> mean, variance; a sample has so many rows
//   batch_norm_apply(x, [gamma,] [beta,] mean, variance; epsilon, scale, offset, activation) -> y
//   batch_norm_products(dy, x, [gamma,] [beta,] mean, variance; ...) -> table
//   batch_norm_slopes(table, variance; rows, epsilon) -> dgamma, dbeta
//   batch_norm_input_grad(dy, x, [gamma,] [beta,] mean, variance, dgamma, dbeta; ..., rows of all samples) -> dx
#include "ops/batch_norm.h"

namespace fk {
namespace {

BatchShape shape_of(const TensorType& x) { return batch_shape(x.shape, x.shape.rank() - 1); }

BatchShape shape_of_table(const TensorType& table, int64_t rows) {
    const Shape& t = table.shape;
    return {t[0], rows, t[3], 1, count_blocks(rows, t[1]), t[1]};
}

TensorType table_of(const TensorType& x) {
    const BatchShape s = shape_of(x);
    check(x.shape.rank() > 2 && s.samples == x.shape[0],
          "[batch_norm_sums] samples must be large images. Received: shape ", x.shape);
    return {x.dtype, {s.samples, s.blocks, 2, s.channels}};
}

std::vector<TensorType> infer_sums(const Call& call) { return {table_of(call.in[0])}; }
std::vector<TensorType> infer_products(const Call& call) { return {table_of(call.in[1])}; }
std::vector<TensorType> infer_two(const Call& call) {
    const TensorType channel{call.in[0].dtype, {call.in[0].shape[3]}};
    return {channel, channel};
}
std::vector<TensorType> infer_first(const Call& call) { return {call.in[0]}; }

// The inputs from x on, bound.
template <class T>
BatchNorm<T> bound(const BatchShape& s, const Attrs& attrs, const void* const* in, void* scratch) {
    const Affine has(attrs);
    const size_t mean = 1 + has.count();
    return {s,
            T(attrs.number("epsilon")),
            clip_of(attrs),
            input<T>(in, 0),
            has.scale ? input<T>(in, 1) : nullptr,
            has.offset ? input<T>(in, has.count()) : nullptr,
            input<T>(in, mean),
            input<T>(in, mean + 1),
            static_cast<T*>(scratch)};
}
size_t room_bytes(const TensorType& x) { return 4 * size_t(x.shape[-1]) * size_of(x.dtype); }

Kernel kernel_sums(const Call& call) {
    return by_type(call.in[0].dtype, [s = shape_of(call.in[0])](auto zero) -> Kernel {
        using T = decltype(zero);
        return {[s](const void* const* in, void* const* out, void*) {
            FK_BY_TYPE(T, batch_sums, output<T>(out, 0), input<T>(in, 0), s);
        }};
    });
}

Kernel kernel_moments(const Call& call) {
    const BatchShape s = shape_of_table(call.in[0], call.attrs.integer("rows"));
    return by_type(call.in[0].dtype, [s](auto zero) -> Kernel {
        using T = decltype(zero);
        return {[s](const void* const* in, void* const* out, void*) {
            FK_BY_TYPE(T, batch_moments, output<T>(out, 0), output<T>(out, 1), input<T>(in, 0), s);
        }};
    });
}

Kernel kernel_apply(const Call& call) {
    return by_type(call.in[0].dtype, [&](auto zero) -> Kernel {
        using T = decltype(zero);
        return {[s = shape_of(call.in[0]), attrs = call.attrs](const void* const* in, void* const* out, void* scratch) {
                    FK_BY_TYPE(T, batch_apply, output<T>(out, 0), bound<T>(s, attrs, in, scratch));
                },
                room_bytes(call.in[0])};
    });
}

Kernel kernel_products(const Call& call) {
    return by_type(call.in[0].dtype, [&](auto zero) -> Kernel {
        using T = decltype(zero);
        return {[s = shape_of(call.in[1]), attrs = call.attrs](const void* const* in, void* const* out, void* scratch) {
                    BatchNorm<T> b = bound<T>(s, attrs, in + 1, scratch);
                    b.dy = input<T>(in, 0);
                    FK_BY_TYPE(T, batch_products, output<T>(out, 0), b);
                },
                room_bytes(call.in[0])};
    });
}

Kernel kernel_slopes(const Call& call) {
    const BatchShape s = shape_of_table(call.in[0], call.attrs.integer("rows"));
    return by_type(call.in[0].dtype, [&](auto zero) -> Kernel {
        using T = decltype(zero);
        return {[s, epsilon = T(call.attrs.number("epsilon"))](const void* const* in, void* const* out, void*) {
            BatchNorm<T> b{};
            b.shape = s, b.epsilon = epsilon, b.variance = input<T>(in, 1);
            FK_BY_TYPE(T, batch_slopes, output<T>(out, 0), output<T>(out, 1), input<T>(in, 0), b);
        }};
    });
}

Kernel kernel_input_grad(const Call& call) {
    const double rows = double(call.attrs.integer("rows"));
    return by_type(call.in[0].dtype, [&](auto zero) -> Kernel {
        using T = decltype(zero);
        return {[s = shape_of(call.in[1]), attrs = call.attrs, rows, slopes = call.in.size() - 2](
                    const void* const* in, void* const* out, void* scratch) {
                    BatchNorm<T> b = bound<T>(s, attrs, in + 1, scratch);
                    b.dy = input<T>(in, 0);
                    FK_BY_TYPE(T, batch_input_grad, output<T>(out, 0), input<T>(in, slopes), input<T>(in, slopes + 1),
                               rows, b);
                },
                room_bytes(call.in[0])};
    });
}

std::vector<std::pair<int, int>> in_place(const Call&) { return {{0, 0}}; }

}  // namespace

FK_OP(batch_norm_sums, .infer = infer_sums, .kernel = kernel_sums, .samples = 1)
FK_OP(batch_norm_moments, .infer = infer_two, .kernel = kernel_moments)
FK_OP(batch_norm_apply, .infer = infer_first, .kernel = kernel_apply, .in_place = in_place, .samples = 1, .cheap = true)
FK_OP(batch_norm_products, .infer = infer_products, .kernel = kernel_products, .samples = 2)
FK_OP(batch_norm_slopes, .infer = infer_two, .kernel = kernel_slopes)
FK_OP(batch_norm_input_grad, .infer = infer_first, .kernel = kernel_input_grad, .in_place = in_place, .samples = 2)

}  // namespace fk
