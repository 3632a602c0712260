// Reductions over axes (all of them when the attribute `axes` is absent), with keepdims: sum mean prod max min any all
// logsumexp moments.
#include <array>

#include "kernels/cast.h"
#include "kernels/reduce.h"
#include "kernels/tile.h"
#include "ops/rules.h"

namespace fk {
namespace {

// Which axes of x are reduced; throws on repeated ones and those out of range.
std::array<bool, kMaxRank> reduced_axes(const Attrs& attrs, const Shape& x, const char* tag) {
    std::array<bool, kMaxRank> reduced{};
    if (!attrs.has("axes")) {
        reduced.fill(true);
        return reduced;
    }
    for (int64_t axis : attrs.integers("axes")) {
        bool& r = reduced[size_t(normalize_axis(axis, x.rank(), tag))];
        check(!r, "[", tag, "] axes must be distinct. Received: axis=", axis, " twice");
        r = true;
    }
    return reduced;
}

Shape reduced_shape(const Attrs& attrs, const Shape& x, const char* tag, bool keepdims) {
    const auto reduced = reduced_axes(attrs, x, tag);
    std::vector<int64_t> dims;
    for (int d = 0; d < x.rank(); ++d) {
        if (!reduced[size_t(d)])
            dims.push_back(x[d]);
        else if (keepdims)
            dims.push_back(1);
    }
    return Shape(std::span<const int64_t>(dims));
}

int64_t reduced_count(const Attrs& attrs, const Shape& x, const char* tag) {
    const auto reduced = reduced_axes(attrs, x, tag);
    int64_t n = 1;
    for (int d = 0; d < x.rank(); ++d)
        if (reduced[size_t(d)]) n *= x[d];
    return n;
}

// Each pass reduces one run of neighbouring axes, the innermost first; usually there is one.
std::vector<ReduceShape> passes_of(const Attrs& attrs, const Shape& x, const char* tag) {
    const auto reduced = reduced_axes(attrs, x, tag);
    std::vector<ReduceShape> passes;
    int64_t inner = 1;
    for (int d = x.rank() - 1; d >= 0;) {
        if (x[d] == 1 || !reduced[size_t(d)]) {
            inner *= x[d--];
            continue;
        }
        int64_t n = 1;
        for (; d >= 0 && (x[d] == 1 || reduced[size_t(d)]); --d) n *= x[d];
        passes.push_back({x.count(0, d + 1), n, inner});
    }
    if (passes.empty()) passes.push_back({1, 1, inner});
    return passes;
}

// Parts of the scratch memory of a kernel, each aligned.
struct Scratch {
    size_t bytes = 0;
    size_t take(int64_t count, DType type) {
        const size_t at = bytes;
        bytes += (size_t(count) * size_of(type) + kAlignment - 1) / kAlignment * kAlignment;
        return at;
    }
};

void divide(void* y, DType type, int64_t count, double by) {
    const auto run = [&](auto* p) {
        for (int64_t i = 0; i < count; ++i) p[i] = std::remove_reference_t<decltype(*p)>(p[i] / by);
    };
    type == DType::float64 ? run(static_cast<double*>(y)) : run(static_cast<float*>(y));
}

Kernel reduce_kernel(Reduction kind, bool mean, const Call& call, const char* tag) {
    const TensorType &x = call.in[0], &y = call.out[0];
    const DType type = tile_compute_type(y.dtype);
    std::vector<ReduceShape> passes = passes_of(call.attrs, x.shape, tag);
    const double divisor = mean ? double(reduced_count(call.attrs, x.shape, tag)) : 0.0;

    Scratch s;
    const bool casts_in = x.dtype != type, casts_out = y.dtype != type;
    const size_t wide = casts_in ? s.take(x.count(), type) : 0, result = casts_out ? s.take(y.count(), type) : 0;
    size_t between[2] = {};
    for (size_t i = 0; i + 1 < passes.size() && i < 2; ++i)
        between[i] = s.take(passes[i].outer * passes[i].inner, type);
    int64_t partial_count = 0;
    for (const ReduceShape& p : passes) partial_count = std::max(partial_count, reduce_scratch(p));
    const size_t partial = s.take(partial_count, type);

    const auto run = [=, x_type = x.dtype, y_type = y.dtype, x_count = x.count(), y_count = y.count()](
                         const void* const* in, void* const* out, void* memory) {
        char* base = static_cast<char*>(memory);
        const void* from = in[0];
        if (casts_in) {
            cast_elements(base + wide, type, from, x_type, x_count);
            from = base + wide;
        }
        void* to = casts_out ? base + result : out[0];
        for (size_t i = 0; i < passes.size(); ++i) {
            void* next = i + 1 < passes.size() ? base + between[i % 2] : to;
            reduce(kind, type, next, from, passes[i], base + partial);
            from = next;
        }
        if (mean) divide(to, type, y_count, divisor);
        if (casts_out) cast_elements(out[0], y_type, to, type, y_count);
    };
    return {run, s.bytes};
}

// dy with the reduced axes as ones, so that it broadcasts against x.
Tensor kept(const Gradient& g, const Tensor& t, const char* tag) {
    const Shape shape = reduced_shape(g.attrs, g.in[0]->shape, tag, true);
    return t->shape == shape ? t : call("reshape", {t}, {{"shape", shape.vec()}});
}
Tensor spread(const Tensor& t, const Tensor& like) {
    return t->shape == like->shape ? t : call("broadcast_to", {t}, {{"shape", like->shape.vec()}});
}
Attrs keeping(const Attrs& attrs) {
    Attrs kept = attrs;
    kept.set("keepdims", true);
    return kept;
}
Tensor same_dtype(const Tensor& t, const Tensor& like) {
    return call("cast", {t}, {{"dtype", std::string(name_of(like->dtype))}});
}

DType same_type(DType t) { return t; }
// Sums and products of small types would overflow at once: they get 32 bits, as in Keras.
DType wide_type(DType t) {
    return t == DType::uint8 ? DType::uint32 : t == DType::boolean || t == DType::int8 ? DType::int32 : t;
}
DType bool_type(DType) { return DType::boolean; }

template <DType (*type)(DType)>
std::vector<TensorType> infer_as(const Call& call, const char* tag, bool needs_elements) {
    const Shape& x = call.in[0].shape;
    const Shape shape = reduced_shape(call.attrs, x, tag, call.attrs.flag("keepdims", false));
    check(!needs_elements || reduced_count(call.attrs, x, tag) > 0, "[", tag,
          "] the reduced axes must not be empty. Received: tensor of shape ", x);
    return {{type(call.in[0].dtype), shape}};
}

#define FK_REDUCTION(op_name, type, kind, mean, needs_elements, ...)                                       \
    FK_OP(                                                                                                 \
        op_name, .infer = [](const Call& call) { return infer_as<type>(call, #op_name, needs_elements); }, \
        .kernel = [](const Call& call) { return reduce_kernel(Reduction::kind, mean, call, #op_name); }, __VA_ARGS__)
// `dy` has the reduced axes as ones, `y` too; `x` is the input.
#define FK_GRADIENT_OF(op_name, ...)                                              \
    .gradient = [](const Gradient& g) -> std::vector<Tensor> {                    \
        [[maybe_unused]] const char* tag = #op_name;                              \
        [[maybe_unused]] const Tensor &x = g.in[0], dy = kept(g, g.dout[0], tag); \
        __VA_ARGS__                                                               \
    }

std::vector<Tensor> extreme_gradient(const Gradient& g, const Tensor& dy, const Tensor& y) {
    // Shared equally among ties.
    const Tensor is_extreme = same_dtype(call("equal", {g.in[0], y}), dy);
    return {dy * is_extreme / call("sum", {is_extreme}, keeping(g.attrs))};
}

FK_REDUCTION(sum, wide_type, sum, false, false, FK_GRADIENT_OF(sum, return {spread(dy, x)};), .samples = 1)
FK_REDUCTION(mean, same_type, sum, true, false,
             FK_GRADIENT_OF(mean, return {spread(1.0 / double(reduced_count(g.attrs, x->shape, tag)) * dy, x)};),
             .promote = Op::Promote::to_float, .samples = 1)
FK_REDUCTION(max, same_type, max, false, true,
             FK_GRADIENT_OF(max, return extreme_gradient(g, dy, kept(g, g.out[0], tag));), .samples = 1)
FK_REDUCTION(min, same_type, min, false, true,
             FK_GRADIENT_OF(min, return extreme_gradient(g, dy, kept(g, g.out[0], tag));), .samples = 1)
FK_REDUCTION(any, bool_type, max, false, false, .samples = 1)
FK_REDUCTION(all, bool_type, min, false, false, .samples = 1)
FK_REDUCTION(logsumexp, same_type, logsumexp, false, false,
             FK_GRADIENT_OF(logsumexp, return {dy * call("exp", {x - kept(g, g.out[0], tag)})};),
             .promote = Op::Promote::to_float, .samples = 1)
// The product of the others: the product over x, or of all but the zero where there is just one.
FK_REDUCTION(prod, wide_type, prod, false, false,
             FK_GRADIENT_OF(prod, const Tensor zero = zero_like(x), is_zero = call("equal", {x, zero});
                            const Tensor safe = call("where", {is_zero, full({}, x->dtype, 1.0), x});
                            const Tensor zeros = call("sum", {same_dtype(is_zero, x)}, keeping(g.attrs));
                            const Tensor rest = call("prod", {safe}, keeping(g.attrs));
                            const Tensor if_one = call("where",
                                                       {call("equal", {zeros, full({}, x->dtype, 1.0)}), rest, zero});
                            const Tensor if_none = call("where", {call("equal", {zeros, zero}), rest, zero}) / safe;
                            return {dy * call("where", {is_zero, if_one, if_none})};),
             .samples = 1)

// --- moments: mean and variance in one pass over memory ---

std::vector<TensorType> infer_moments(const Call& call) {
    const Shape shape = reduced_shape(call.attrs, call.in[0].shape, "moments", call.attrs.flag("keepdims", false));
    return {{call.in[0].dtype, shape}, {call.in[0].dtype, shape}};
}

// Over several runs of axes the groups are equal in size, so that the variance is the mean of the variances plus the
// variance of the means.
Kernel kernel_moments(const Call& call) {
    const TensorType &x = call.in[0], &y = call.out[0];
    const DType type = tile_compute_type(x.dtype);
    const std::vector<ReduceShape> passes = passes_of(call.attrs, x.shape, "moments");

    Scratch s;
    const bool casts = x.dtype != type;
    const size_t wide = casts ? s.take(x.count(), type) : 0;
    int64_t partial_count = 0, largest = 0;
    for (const ReduceShape& p : passes) {
        partial_count = std::max(partial_count, reduce_scratch(p));
        largest = std::max(largest, p.outer * p.inner);
    }
    const size_t partial = s.take(2 * partial_count, type);
    size_t part[5];  // two means, two variances, the variance of the means
    for (size_t& p : part) p = casts || passes.size() > 1 ? s.take(largest, type) : 0;

    const auto run = [=, x_type = x.dtype, x_count = x.count(), y_count = y.count()](const void* const* in,
                                                                                     void* const* out, void* memory) {
        char* base = static_cast<char*>(memory);
        const void* from = in[0];
        if (casts) {
            cast_elements(base + wide, type, from, x_type, x_count);
            from = base + wide;
        }
        const void* variance_from = nullptr;
        for (size_t i = 0; i < passes.size(); ++i) {
            const bool last = i + 1 == passes.size() && !casts;
            void* mean = last ? out[0] : base + part[i % 2];
            void* variance = last ? out[1] : base + part[2 + i % 2];
            moments(type, mean, variance, from, passes[i], base + partial);
            if (i > 0) {
                reduce(Reduction::sum, type, base + part[4], variance_from, passes[i], base + partial);
                const auto add_mean = [&](auto* v) {
                    using T = std::remove_pointer_t<decltype(v)>;
                    const T* w = reinterpret_cast<const T*>(base + part[4]);
                    for (int64_t k = 0; k < passes[i].outer * passes[i].inner; ++k) v[k] += w[k] / T(passes[i].n);
                };
                type == DType::float64 ? add_mean(static_cast<double*>(variance))
                                       : add_mean(static_cast<float*>(variance));
            }
            from = mean, variance_from = variance;
        }
        if (casts) {
            cast_elements(out[0], x_type, from, type, y_count);
            cast_elements(out[1], x_type, variance_from, type, y_count);
        }
    };
    return {run, s.bytes};
}

std::vector<Tensor> gradient_moments(const Gradient& g) {
    const Tensor& x = g.in[0];
    const double share = 1.0 / double(reduced_count(g.attrs, x->shape, "moments"));
    Tensor dx;
    if (g.dout[1]) dx = 2 * share * kept(g, g.dout[1], "moments") * (x - kept(g, g.out[0], "moments"));
    if (!g.dout[0]) return {dx};
    const Tensor dmean = share * kept(g, g.dout[0], "moments");
    return {dx ? dx + dmean : spread(dmean, x)};
}

FK_OP(moments, .infer = infer_moments, .kernel = kernel_moments, .gradient = gradient_moments,
      .promote = Op::Promote::to_float)

}  // namespace
}  // namespace fk
