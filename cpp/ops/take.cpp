// Rows picked by index tensors. Negative indices count from the end. An index outside the axis reads as "no value":
// NaN, or the lowest signed, the highest unsigned integer, True; its gradient goes nowhere.
//   take(x, indices; axis)                       indices.shape replaces the axis
//   take_grad(dy, indices; axis, shape)          the reverse: sums the rows of dy by index
//   take_along_axis(x, indices; axis)            one index per element; shapes agree in all other dimensions
//   take_along_axis_grad(dy, indices; axis, shape)
#include <cmath>
#include <cstring>
#include <limits>

#include "ops/index.h"
#include "ops/optimizer.h"
#include "ops/rows.h"

namespace fk {
namespace {

template <class T>
T no_value() {
    if constexpr (HalfFloat<T>)
        return T(NAN);
    else if constexpr (std::is_floating_point_v<T>)
        return std::numeric_limits<T>::quiet_NaN();
    else if constexpr (std::is_signed_v<T>)
        return std::numeric_limits<T>::min();
    else
        return std::numeric_limits<T>::max();
}

// f(n) with a number that the compiler knows where rows are a few elements (8x64x64x3 resized to 128x128, one thread of
// Zen 5: 843 -> 448 us).
template <class F>
void with_width(int64_t n, const F& f) {
    switch (n) {
        case 1: return f(std::integral_constant<int64_t, 1>{});
        case 3: return f(std::integral_constant<int64_t, 3>{});
        default: return f(n);
    }
}

// f(outer, first, count) for picked rows [first, first + count) of one outer slice after the other.
template <class F>
void over_runs(const Rows& r, const F& f) {
    parallel_for(r.outer * r.picked, r.grain(), [&](int64_t begin, int64_t end) {
        for (int64_t count; begin < end; begin += count) {
            const int64_t first = begin % r.picked;
            count = std::min(r.picked - first, end - begin);
            f(begin / r.picked, first, count);
        }
    });
}

// --- take ---

std::vector<TensorType> infer_take(const Call& call) {
    check_index(call.in[1], "take");
    const Shape &x = call.in[0].shape, &indices = call.in[1].shape;
    const int axis = normalize_axis(call.attrs.integer("axis"), x.rank(), "take");
    return {{call.in[0].dtype, with_axis_replaced(x, axis, indices)}};
}

Kernel kernel_take(const Call& call) {
    const TensorType &x = call.in[0], &indices = call.in[1];
    const Rows r(x.shape, normalize_axis(call.attrs.integer("axis"), x.shape.rank(), "take"), indices.count());
    return dispatch(x.dtype, [&](auto zero) -> Kernel {
        using T = decltype(zero);
        return {[r, type = indices.dtype](const void* const* in, void* const* out, void*) {
            const T* x = static_cast<const T*>(in[0]);
            T* y = static_cast<T*>(out[0]);
            with_indices(in[1], type, [&](const auto* indices) {
                over_runs(r, [&](int64_t outer, int64_t first, int64_t count) {
                    const T* from = x + outer * r.n * r.inner;
                    T* to = y + (outer * r.picked + first) * r.inner;
                    with_width(r.inner, [&](auto width) {
                        for (int64_t i = 0; i < count; ++i, to += width) {
                            const int64_t row = wrapped(int64_t(indices[first + i]), r.n);
                            if (row < 0 || row >= r.n) [[unlikely]]
                                std::fill(to, to + width, no_value<T>());
                            else
                                std::memcpy(to, from + row * width, size_t(width) * sizeof(T));
                        }
                    });
                });
            });
        }};
    });
}

std::vector<Tensor> gradient_take(const Gradient& g) {
    return {
        call("take_grad", {g.dout[0], g.in[1]}, {{"axis", g.attrs.integer("axis")}, {"shape", g.in[0]->shape.vec()}}),
        nullptr};
}

// --- take_grad ---

std::vector<TensorType> infer_take_grad(const Call& call) {
    check_index(call.in[1], "take_grad");
    const Shape shape = call.attrs.shape();
    const int axis = normalize_axis(call.attrs.integer("axis"), shape.rank(), "take_grad");
    const Shape expected = with_axis_replaced(shape, axis, call.in[1].shape);
    check(call.in[0].shape == expected,
          "[take_grad] the gradient must have the shape of what was taken. Received: ", call.in[0].shape,
          " instead of ", expected);
    return {{call.in[0].dtype, shape}};
}

Kernel kernel_take_grad(const Call& call) {
    const Shape& shape = call.out[0].shape;
    const Rows r(shape, normalize_axis(call.attrs.integer("axis"), shape.rank(), "take_grad"), call.in[1].count());
    return dispatch(call.in[0].dtype, [&](auto zero) -> Kernel {
        using T = decltype(zero);
        return {[r, type = call.in[1].dtype](const void* const* in, void* const* out, void*) {
            combine_rows<T>(r, static_cast<T*>(out[0]), nullptr, static_cast<const T*>(in[0]), in[1], type,
                            [](T a, T b) { return T(a + b); });
        }};
    });
}

std::vector<Tensor> gradient_take_grad(const Gradient& g) {
    return {call("take", {g.dout[0], g.in[1]}, {{"axis", g.attrs.integer("axis")}}), nullptr};
}

// The gradient of an embedding is zero but for the rows that a batch has taken: an update that makes it as it goes
// reads and writes less (20,000 rows of 128, 2,560
// of them taken, two threads of Zen 4: 1,700 -> 1,270 us).
std::optional<Op::Absorbed> absorb_take_grad(const Call& self, const Op& next, const Call& next_call, int operand) {
    const TensorType& table = self.out[0];
    const int axis = normalize_axis(self.attrs.integer("axis"), table.shape.rank(), "take_grad");
    const int64_t picked = self.in[1].count();
    if (axis != 0 || table.count() == 0 || picked >= std::min<int64_t>(table.shape[0], INT32_MAX)) return std::nullopt;
    return absorb_rows(next, next_call, operand);
}

// --- take_along_axis ---

void check_along(const Shape& x, const Shape& indices, int axis) {
    bool fits = x.rank() == indices.rank();
    for (int d = 0; fits && d < x.rank(); ++d) fits = d == axis || x[d] == indices[d];
    check(fits, "[take_along_axis] shapes must agree in all dimensions but the axis. Received: x.shape=", x,
          ", indices.shape=", indices, ", axis=", axis);
}

std::vector<TensorType> infer_along(const Call& call) {
    check_index(call.in[1], "take_along_axis");
    const int axis = normalize_axis(call.attrs.integer("axis"), call.in[0].shape.rank(), "take_along_axis");
    check_along(call.in[0].shape, call.in[1].shape, axis);
    return {{call.in[0].dtype, call.in[1].shape}};
}

Kernel kernel_along(const Call& call) {
    const Shape& x = call.in[0].shape;
    const int axis = normalize_axis(call.attrs.integer("axis"), x.rank(), "take_along_axis");
    const Rows r(x, axis, call.in[1].shape[axis]);
    return dispatch(call.in[0].dtype, [&](auto zero) -> Kernel {
        using T = decltype(zero);
        return {[r, type = call.in[1].dtype](const void* const* in, void* const* out, void*) {
            const T* x = static_cast<const T*>(in[0]);
            T* y = static_cast<T*>(out[0]);
            with_indices(in[1], type, [&](const auto* indices) {
                over_runs(r, [&](int64_t outer, int64_t first, int64_t count) {
                    const T* from = x + outer * r.n * r.inner;
                    const int64_t at = (outer * r.picked + first) * r.inner;
                    with_width(r.inner, [&](auto width) {
                        for (int64_t p = at; p < at + count * width;)
                            for (int64_t i = 0; i < width; ++i, ++p) {
                                const int64_t row = wrapped(int64_t(indices[p]), r.n);
                                y[p] = row < 0 || row >= r.n ? no_value<T>() : from[row * width + i];
                            }
                    });
                });
            });
        }};
    });
}

std::vector<Tensor> gradient_along(const Gradient& g) {
    return {call("take_along_axis_grad", {g.dout[0], g.in[1]},
                 {{"axis", g.attrs.integer("axis")}, {"shape", g.in[0]->shape.vec()}}),
            nullptr};
}

std::vector<TensorType> infer_along_grad(const Call& call) {
    check_index(call.in[1], "take_along_axis_grad");
    const Shape shape = call.attrs.shape();
    check_along(shape, call.in[1].shape,
                normalize_axis(call.attrs.integer("axis"), shape.rank(), "take_along_axis_grad"));
    check(call.in[0].shape == call.in[1].shape,
          "[take_along_axis_grad] the gradient must have the shape of the indices. Received: ", call.in[0].shape,
          " and ", call.in[1].shape);
    return {{call.in[0].dtype, shape}};
}

Kernel kernel_along_grad(const Call& call) {
    const Shape& shape = call.out[0].shape;
    const int axis = normalize_axis(call.attrs.integer("axis"), shape.rank(), "take_along_axis_grad");
    const Rows r(shape, axis, call.in[1].shape[axis]);
    return dispatch(call.in[0].dtype, [&](auto zero) -> Kernel {
        using T = decltype(zero);
        return {[r, type = call.in[1].dtype](const void* const* in, void* const* out, void*) {
            const T* dy = static_cast<const T*>(in[0]);
            parallel_for(r.outer, 1 + (1 << 14) / (1 + (r.n + r.picked) * r.inner), [&](int64_t begin, int64_t end) {
                for (int64_t o = begin; o < end; ++o) {
                    T* to = static_cast<T*>(out[0]) + o * r.n * r.inner;
                    std::fill(to, to + r.n * r.inner, T(0.f));
                    for (int64_t p = o * r.picked; p < (o + 1) * r.picked; ++p)
                        for (int64_t i = 0; i < r.inner; ++i) {
                            const int64_t row = wrapped(index_at(in[1], type, p * r.inner + i), r.n);
                            if (row < 0 || row >= r.n) continue;
                            T& sum = to[row * r.inner + i];
                            sum = T(sum + dy[p * r.inner + i]);
                        }
                }
            });
        }};
    });
}

std::vector<Tensor> gradient_along_grad(const Gradient& g) {
    return {call("take_along_axis", {g.dout[0], g.in[1]}, {{"axis", g.attrs.integer("axis")}}), nullptr};
}

}  // namespace

FK_OP(take, .infer = infer_take, .kernel = kernel_take, .gradient = gradient_take)
FK_OP(take_grad, .infer = infer_take_grad, .kernel = kernel_take_grad, .gradient = gradient_take_grad,
      .absorb = absorb_take_grad, .widens = true)
FK_OP(take_along_axis, .infer = infer_along, .kernel = kernel_along, .gradient = gradient_along)
FK_OP(take_along_axis_grad, .infer = infer_along_grad, .kernel = kernel_along_grad, .gradient = gradient_along_grad,
      .widens = true)

}  // namespace fk
