// group_norm(x, [gamma,] [beta]; groups, epsilon, scale, offset) -> y, statistics
//   y = (x - mean) inverse gamma + beta, inverse = 1 / sqrt(variance + epsilon); moments of each sample (axis 0) over
//   channels/groups neighbouring channels (the last axis) and all axes between. statistics (samples, 2, channels): mean
//   and inverse of each channel's group
// group_norm_grad(x, [gamma,] statistics, dy; groups, epsilon, scale) -> dx, dgamma, dbeta
// By their parts, which strips of samples (graph/strips.cpp) take:
//   group_norm_statistics(x; groups, epsilon) -> statistics
//   group_norm_apply(x, statistics, [gamma,] [beta]; groups, scale, offset) -> y
//   group_norm_products(dy, x, statistics) -> table (samples, blocks, 2, channels)
//   group_norm_slopes(table) -> dgamma, dbeta
//   group_norm_input_grad(dy, x, statistics, table, [gamma]; groups, scale) -> dx
#include "kernels/group_norm.h"

#include <algorithm>

#include "ops/norm.h"

namespace fk {
namespace {

// Blocks of some 16,384 elements, and of 64 pixels at least: there are two numbers per channel of a block.
BatchShape shape_of(const TensorType& x) {
    const int last = x.shape.rank() - 1;
    BatchShape s{x.shape[0], x.shape.count(1, last), x.shape[last], 1, 1, 0};
    s.blocks = count_blocks(s.rows, std::max<int64_t>(64, rows_per_block(s.channels)));
    if (s.blocks > 0) s.rows_per_block = count_blocks(s.rows, s.blocks);
    return s;
}

TensorType statistics_of(const TensorType& x) { return {x.dtype, {x.shape[0], 2, x.shape[-1]}}; }
TensorType table_of(const TensorType& x) {
    const BatchShape s = shape_of(x);
    return {x.dtype, {s.samples, s.blocks, 2, s.channels}};
}
size_t bytes_of_table(const TensorType& x) { return table_of(x).bytes(); }
// Two coefficients for each channel of a sample.
size_t bytes_of_room(const TensorType& x) { return statistics_of(x).bytes(); }

std::vector<TensorType> infer(const Call& call) {
    const TensorType& x = call.in[0];
    check_float(x, "group_normalization");
    check(x.shape.rank() > 1, "[group_normalization] x must have samples and channels. Received: x.shape=", x.shape);
    const int64_t groups = call.attrs.integer("groups");
    check(groups > 0 && x.shape[-1] % groups == 0,
          "[group_normalization] groups must divide the channels. Received: groups=", groups, ", x.shape=", x.shape);
    check(call.in.size() == 1 + Affine(call.attrs).count(),
          "[group_normalization] takes x, gamma and beta. Received: ", call.in.size(), " tensors");
    const TensorType channel{x.dtype, {x.shape[-1]}};
    for (const TensorType& t : call.in.subspan(1))
        check(t == channel, "[group_normalization] gamma and beta must have the shape ", channel.shape, " and dtype ",
              name_of(channel.dtype), ". Received: ", t.shape, " ", name_of(t.dtype));
    return {x, statistics_of(x)};
}

template <class T>
void make_statistics(T* statistics, const T* x, T epsilon, int64_t groups, const BatchShape& s, T* table) {
    FK_BY_TYPE(T, batch_sums, table, x, s);
    FK_BY_TYPE(T, group_moments, statistics, table, epsilon, groups, s);
}

Kernel kernel(const Call& call) {
    return by_type(call.in[0].dtype, [&](auto zero) -> Kernel {
        using T = decltype(zero);
        return {
            [s = shape_of(call.in[0]), groups = call.attrs.integer("groups"), epsilon = T(call.attrs.number("epsilon")),
             has = Affine(call.attrs)](const void* const* in, void* const* out, void* scratch) {
                const GroupNorm<T> g{s,
                                     groups,
                                     input<T>(in, 0),
                                     output<T>(out, 1),
                                     has.scale ? input<T>(in, 1) : nullptr,
                                     has.offset ? input<T>(in, has.count()) : nullptr};
                make_statistics(output<T>(out, 1), g.x, epsilon, groups, s, static_cast<T*>(scratch));
                FK_BY_TYPE(T, group_apply, output<T>(out, 0), g);
            },
            bytes_of_table(call.in[0])};
    });
}

// The statistics are by-products for the gradient: ops/ does not hand them out.
std::vector<Tensor> gradient(const Gradient& g) {
    const Affine has(g.attrs);
    std::vector<Tensor> in{g.in[0]}, d(g.in.size());
    if (!g.dout[0]) return d;
    if (has.scale) in.push_back(g.in[1]);
    in.insert(in.end(), {g.out[1], g.dout[0]});
    const auto found = call_all("group_norm_grad", in, g.attrs);
    d[0] = found[0];
    if (has.scale) d[1] = found[1];
    if (has.offset) d[has.count()] = found[2];
    return d;
}

std::vector<TensorType> infer_grad(const Call& call) {
    const TensorType& x = call.in[0];
    const TensorType channel{x.dtype, {x.shape[-1]}};
    return {x, channel, channel};
}

Kernel kernel_grad(const Call& call) {
    return by_type(call.in[0].dtype, [&](auto zero) -> Kernel {
        using T = decltype(zero);
        return {[s = shape_of(call.in[0]), groups = call.attrs.integer("groups"),
                 scale = size_t(Affine(call.attrs).scale)](const void* const* in, void* const* out, void* scratch) {
                    const GroupNorm<T> g{s,
                                         groups,
                                         input<T>(in, 0),
                                         input<T>(in, 1 + scale),
                                         scale ? input<T>(in, 1) : nullptr,
                                         nullptr,
                                         input<T>(in, 2 + scale)};
                    T *table = static_cast<T*>(scratch), *room = table + s.table();
                    FK_BY_TYPE(T, group_products, table, g);
                    FK_BY_TYPE(T, group_slopes, output<T>(out, 1), output<T>(out, 2), table, s);
                    FK_BY_TYPE(T, group_input_grad, output<T>(out, 0), table, room, g);
                },
                bytes_of_table(call.in[0]) + bytes_of_room(call.in[0])};
    });
}

std::vector<Tensor> gradient_grad(const Gradient& g) {
    const Shape& x = g.in[0]->shape;
    const int64_t groups = g.attrs.integer("groups"), size = x[-1] / groups;
    const auto reshaped = [](const Tensor& t, std::vector<int64_t> shape) {
        return t ? call("reshape", {t}, {{"shape", std::move(shape)}}) : nullptr;
    };
    const auto parted = [&](const Tensor& t) { return reshaped(t, {x[0], x.count(1, x.rank() - 1), groups, size}); };
    const auto along = [&](const Tensor& t) { return reshaped(t, {groups, size}); };
    const NormDerivatives d =
        derive_norm_gradient(parted(g.in[0]), g.attrs.flag("scale") ? along(g.in[1]) : nullptr, parted(g.in.back()),
                             parted(g.dout[0]), along(g.dout[1]), along(g.dout[2]), {1, 3}, g.attrs.number("epsilon"));
    std::vector<Tensor> result(g.in.size());
    result.front() = reshaped(d.x, x.vec()), result.back() = reshaped(d.dy, x.vec());
    if (d.gamma) result[1] = reshaped(d.gamma, g.in[1]->shape.vec());
    return result;
}

// --- by parts ---

std::vector<Op::Part> parts(const Call& call) {
    if (call.in[0].shape[0] < 2) return {};  // nothing to take in strips
    const int y = int(call.in.size()), statistics = y + 1;
    std::vector<int> in{0, statistics};
    for (int i = 1; i < y; ++i) in.push_back(i);
    return {{"group_norm_statistics", call.attrs, {0}, {statistics}}, {"group_norm_apply", call.attrs, in, {y}}};
}

std::vector<Op::Part> parts_grad(const Call& call) {
    if (call.in[0].shape[0] < 2) return {};
    const int x = 0, dy = int(call.in.size()) - 1, statistics = dy - 1, dx = dy + 1, table = dx + 3;
    std::vector<int> in{dy, x, statistics, table};
    if (Affine(call.attrs).scale) in.push_back(1);
    return {{"group_norm_products", {}, {dy, x, statistics}, {table}},
            {"group_norm_slopes", {}, {table}, {dx + 1, dx + 2}},
            {"group_norm_input_grad", call.attrs, in, {dx}}};
}

std::vector<TensorType> infer_statistics(const Call& call) { return {statistics_of(call.in[0])}; }
std::vector<TensorType> infer_products(const Call& call) { return {table_of(call.in[1])}; }
std::vector<TensorType> infer_slopes(const Call& call) {
    const TensorType channel{call.in[0].dtype, {call.in[0].shape[3]}};
    return {channel, channel};
}
std::vector<TensorType> infer_first(const Call& call) { return {call.in[0]}; }

Kernel kernel_statistics(const Call& call) {
    return by_type(call.in[0].dtype, [&](auto zero) -> Kernel {
        using T = decltype(zero);
        return {[s = shape_of(call.in[0]), groups = call.attrs.integer("groups"),
                 epsilon = T(call.attrs.number("epsilon"))](const void* const* in, void* const* out, void* scratch) {
                    make_statistics(output<T>(out, 0), input<T>(in, 0), epsilon, groups, s, static_cast<T*>(scratch));
                },
                bytes_of_table(call.in[0])};
    });
}

Kernel kernel_apply(const Call& call) {
    return by_type(call.in[0].dtype, [&](auto zero) -> Kernel {
        using T = decltype(zero);
        return {[s = shape_of(call.in[0]), groups = call.attrs.integer("groups"), has = Affine(call.attrs)](
                    const void* const* in, void* const* out, void*) {
            const T* gamma = has.scale ? input<T>(in, 2) : nullptr;
            const T* beta = has.offset ? input<T>(in, 1 + has.count()) : nullptr;
            FK_BY_TYPE(T, group_apply, output<T>(out, 0),
                       GroupNorm<T>{s, groups, input<T>(in, 0), input<T>(in, 1), gamma, beta});
        }};
    });
}

Kernel kernel_products(const Call& call) {
    return by_type(call.in[0].dtype, [&](auto zero) -> Kernel {
        using T = decltype(zero);
        return {[s = shape_of(call.in[1])](const void* const* in, void* const* out, void*) {
            FK_BY_TYPE(T, group_products, output<T>(out, 0),
                       GroupNorm<T>{s, 0, input<T>(in, 1), input<T>(in, 2), nullptr, nullptr, input<T>(in, 0)});
        }};
    });
}

Kernel kernel_slopes(const Call& call) {
    const Shape& table = call.in[0].shape;
    return by_type(call.in[0].dtype, [&](auto zero) -> Kernel {
        using T = decltype(zero);
        return {[s = BatchShape{table[0], table[1], table[3], 1, 1, table[1]}](const void* const* in, void* const* out,
                                                                               void*) {
            FK_BY_TYPE(T, group_slopes, output<T>(out, 0), output<T>(out, 1), input<T>(in, 0), s);
        }};
    });
}

Kernel kernel_input_grad(const Call& call) {
    return by_type(call.in[0].dtype, [&](auto zero) -> Kernel {
        using T = decltype(zero);
        return {[s = shape_of(call.in[1]), groups = call.attrs.integer("groups"), scale = call.attrs.flag("scale")](
                    const void* const* in, void* const* out, void* scratch) {
                    FK_BY_TYPE(T, group_input_grad, output<T>(out, 0), input<T>(in, 3), static_cast<T*>(scratch),
                               GroupNorm<T>{s, groups, input<T>(in, 1), input<T>(in, 2),
                                            scale ? input<T>(in, 4) : nullptr, nullptr, input<T>(in, 0)});
                },
                bytes_of_room(call.in[1])};
    });
}

// Sums are taken before anything is written; the last pass reads each element before it writes it.
std::vector<std::pair<int, int>> in_place(const Call&) { return {{0, 0}}; }

}  // namespace

FK_OP(group_norm, .infer = infer, .kernel = kernel, .gradient = gradient, .in_place = in_place, .parts = parts,
      .widens = true)
FK_OP(group_norm_grad, .infer = infer_grad, .kernel = kernel_grad, .gradient = gradient_grad, .in_place = in_place,
      .parts = parts_grad)

FK_OP(group_norm_statistics, .infer = infer_statistics, .kernel = kernel_statistics, .samples = 1)
FK_OP(group_norm_apply, .infer = infer_first, .kernel = kernel_apply, .in_place = in_place, .samples = 2, .cheap = true)
FK_OP(group_norm_products, .infer = infer_products, .kernel = kernel_products, .samples = 3)
FK_OP(group_norm_slopes, .infer = infer_slopes, .kernel = kernel_slopes)
FK_OP(group_norm_input_grad, .infer = infer_first, .kernel = kernel_input_grad, .in_place = in_place, .samples = 4)

}  // namespace fk
