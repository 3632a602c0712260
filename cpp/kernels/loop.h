// Loops over contiguous elements, for code compiled per ISA: whole vectors, then the rest as one partial vector with
// the same arithmetic, so that a value does not depend on where its range was cut.
#pragma once
#include "simd/vec.h"

namespace fk::FK_ISA {
namespace {

struct WholeVector {
    template <class T>
    FK_MEMBER VecOf<T> load(const T* p) const {
        return FK_ISA::load(p);
    }
    template <class T, class V>
    FK_MEMBER void store(T* p, V v) const {
        FK_ISA::store(p, v);
    }
};
struct PartialVector {
    int64_t n;
    template <class T>
    FK_MEMBER VecOf<T> load(const T* p) const {
        return load_partial(p, n);
    }
    template <class T, class V>
    FK_MEMBER void store(T* p, V v) const {
        store_partial(p, v, n);
    }
};

FK_VEC Vec keep_first(Vec x, int64_t n, Vec other) { return select(first_lanes(n), x, other); }
FK_VEC double keep_first(double x, int64_t, double) { return x; }

// body(i, lanes): lanes.load(p + i), lanes.store(p + i, v).
template <class T, class F>
FK_VEC void for_each_vector(int64_t n, const F& body) {
    constexpr int64_t step = lanes_of<VecOf<T>>;
    int64_t i = 0;
    for (; i + step <= n; i += step) body(i, WholeVector{});
    if (i < n) body(i, PartialVector{n - i});
}

// join(join(first, value(0)), value(1)) ... over all elements, in four interleaved chains (the latency of an addition
// is four of its throughput) that are joined in a fixed order. value(i, lanes) gives a vector.
template <class T, class Join, class F>
FK_VEC VecOf<T> reduce_vectors(int64_t n, VecOf<T> first, const Join& join, const F& value) {
    using V = VecOf<T>;
    constexpr int64_t step = lanes_of<V>;
    V a = first, b = first, c = first, d = first;
    int64_t i = 0;
    for (; i + 4 * step <= n; i += 4 * step) {
        a = join(a, value(i, WholeVector{}));
        b = join(b, value(i + step, WholeVector{}));
        c = join(c, value(i + 2 * step, WholeVector{}));
        d = join(d, value(i + 3 * step, WholeVector{}));
    }
    for (; i + step <= n; i += step) a = join(a, value(i, WholeVector{}));
    if (i < n) b = join(b, keep_first(value(i, PartialVector{n - i}), n - i, first));
    return join(join(a, b), join(c, d));
}

// In parts of 4,096, added in double: 100,000 floats in a row would lose three digits.
template <class T, class F>
FK_VEC T sum_of(int64_t n, const F& value) {
    using V = VecOf<T>;
    double total = 0;
    for (int64_t begin = 0; begin < n; begin += 4096) {
        const int64_t left = n - begin;
        total += hsum(reduce_vectors<T>(
            left < 4096 ? left : 4096, V(T(0)), [](V a, V b) FK_INLINED { return a + b; },
            [&](int64_t i, auto lanes) FK_INLINED { return value(begin + i, lanes); }));
    }
    return T(total);
}

// The largest element. A NaN may get lost; it comes back with the exponentials that are taken next.
template <class T>
FK_VEC T row_max(const T* x, int64_t n) {
    using V = VecOf<T>;
    const V m = reduce_vectors<T>(
        n, V(T(-__builtin_inf())), [](V a, V b) FK_INLINED { return max(a, b); },
        [&](int64_t i, auto lanes) FK_INLINED { return lanes.load(x + i); });
    return hmax(m);
}

}  // namespace
}  // namespace fk::FK_ISA
