// Folds of contiguous elements, and the operations that reductions, arg max, arg min and running sums fold with.
#pragma once
#include "core/dtype.h"
#include "core/parallel.h"
#include "kernels/elementwise_words.h"

namespace fk::FK_ISA {
namespace {

constexpr int64_t kGrain = 1 << 15;  // elements

template <class T>
using V = typename Lanes<T>::V;
template <class T>
constexpr int64_t kStep = Lanes<T>::n;
constexpr int kAccumulators = 8;  // hide the latency of an addition (3-4 cycles, two a cycle)

struct Sum {
    template <class T>
    FK_INLINE static T combine(T a, T b) {
        return plus(a, b);
    }
    template <class T>
    static constexpr T identity() {
        return T(0);
    }
};
struct Prod {
    template <class T>
    FK_INLINE static T combine(T a, T b) {
        return times(a, b);
    }
    template <class T>
    static constexpr T identity() {
        return T(1);
    }
};
struct Max {
    template <class T>
    FK_INLINE static T combine(T a, T b) {
        return max_nan(a, b);
    }
    template <class T>
    static constexpr T identity() {
        if constexpr (std::is_integral_v<T>)
            return std::is_signed_v<T> ? T(T(1) << (8 * sizeof(T) - 1)) : T(0);
        else
            return T(-__builtin_inf());
    }
};
struct Min {
    template <class T>
    FK_INLINE static T combine(T a, T b) {
        return min_nan(a, b);
    }
    template <class T>
    static constexpr T identity() {
        if constexpr (std::is_integral_v<T>)
            return bitwise_not(Max::identity<T>());
        else
            return T(__builtin_inf());
    }
};
// Partial results are logarithms of sums of exponentials. Two equal ones are apart because inf - inf is NaN.
struct LogSumExp {
    template <class T>
    FK_INLINE static T combine(T a, T b) {
        const T high = max_nan(a, b), low = min_nan(a, b), d = low - high;
        return high + select(low == high, T(0.6931471805599453), log1p(exp(d)));
    }
    template <class T>
    static constexpr T identity() {
        return T(-__builtin_inf());
    }
};

// The lanes of a vector, combined in one fixed tree.
template <class Op, class T>
FK_INLINE T across(V<T> v) {
    if constexpr (kStep<T> == 1) {
        return v;
    } else if constexpr (std::is_same_v<Op, Sum>) {
        return hsum(v);
    } else if constexpr (std::is_same_v<Op, Max> && std::is_same_v<T, float>) {
        return hmax(v);
    } else if constexpr (std::is_same_v<Op, Min> && std::is_same_v<T, float>) {
        return hmin(v);
    } else {
        T lanes[kStep<T>];
        store(lanes, v);
        for (int64_t half = kStep<T> / 2; half > 0; half /= 2)
            for (int64_t i = 0; i < half; ++i) lanes[i] = Op::combine(lanes[i], lanes[i + half]);
        return lanes[0];
    }
}

// f folded over n > 0 contiguous elements: acc = combine(acc, f(x)); `identity` must fold to nothing.
template <class Op, class T, class F>
FK_INLINE T fold_floats(const T* x, int64_t n, const F& f) {
    constexpr int64_t step = kStep<T>;
    const V<T> identity = Op::template identity<T>();
    V<T> acc[kAccumulators];
    int64_t i = 0;
    if (n >= 2 * kAccumulators * step) {
        for (int u = 0; u < kAccumulators; ++u) acc[u] = f(get(x + u * step));
        for (i = kAccumulators * step; i + kAccumulators * step <= n; i += kAccumulators * step)
            for (int u = 0; u < kAccumulators; ++u) acc[u] = Op::combine(acc[u], f(get(x + i + u * step)));
        static_assert(kAccumulators == 8);
        for (int u = 0; u < 4; ++u) acc[u] = Op::combine(acc[u], acc[u + 4]);
        acc[0] = Op::combine(Op::combine(acc[0], acc[2]), Op::combine(acc[1], acc[3]));
    } else {
        acc[0] = identity;
    }
    for (; i + step <= n; i += step) acc[0] = Op::combine(acc[0], f(get(x + i)));
    if constexpr (step > 1)
        if (i < n) acc[0] = Op::combine(acc[0], select(first_lanes(n - i), f(load_partial(x + i, n - i)), identity));
    return across<Op, T>(acc[0]);
}

template <class Op, class T, class F>
FK_INLINE T fold(const T* x, int64_t n, const F& f) {
    if constexpr (std::is_integral_v<T>) {
        // The compiler may reorder these itself. Of eight accumulators GCC 12 lost some on AVX-512: 24 ones made 9.
        T acc = Op::template identity<T>();
        for (int64_t i = 0; i < n; ++i) acc = Op::combine(acc, f(x[i]));
        return acc;
    } else {
        return fold_floats<Op>(x, n, f);
    }
}

template <class T>
FK_INLINE T finite_or_zero(T v) {
    return select(isfinite(v), v, T(0));
}

template <class Op, class T>
FK_INLINE T fold_row(const T* x, int64_t n) {
    if constexpr (std::is_same_v<Op, LogSumExp>) {
        const T high = fold<Max>(x, n, [](V<T> v) { return v; });
        const T shift = finite_or_zero(high);
        return shift + log(fold<Sum>(x, n, [&](V<T> v) { return exp(v - V<T>(shift)); }));
    } else {
        return fold<Op>(x, n, [](V<T> v) { return v; });
    }
}

// f(value of the C++ type of `t`)
template <class F>
FK_INLINE void with_type(DType t, const F& f) {
    switch (t) {
        case DType::boolean: return f(bool{});
        case DType::int8: return f(int8_t{});
        case DType::uint8: return f(uint8_t{});
        case DType::int32: return f(int32_t{});
        case DType::uint32: return f(uint32_t{});
        case DType::int64: return f(int64_t{});
        case DType::float64: return f(double{});
        default: return f(float{});
    }
}

}  // namespace
}  // namespace fk::FK_ISA
