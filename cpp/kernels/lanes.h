// Vectors of float or double under one name, for kernels that keep sums of either in registers.
#pragma once
#include "simd/vec.h"

namespace fk::FK_ISA {

// Doubles in a register as wide as that of Vec.
struct Doubles {
    typedef double D __attribute__((vector_size(4 * kLanes)));
    D v;
    Doubles() = default;
    FK_MEMBER Doubles(D x) : v(x) {}
    FK_MEMBER Doubles(double x) : v(D{} + x) {}
    static constexpr int kCount = kLanes / 2;
};
FK_VEC Doubles fma(Doubles a, Doubles b, Doubles c) { return a.v * b.v + c.v; }
FK_VEC Doubles operator+(Doubles a, Doubles b) { return a.v + b.v; }
FK_VEC Doubles max(Doubles a, Doubles b) { return a.v > b.v ? a.v : b.v; }
FK_VEC Doubles min(Doubles a, Doubles b) { return a.v < b.v ? a.v : b.v; }
FK_VEC double hsum(Doubles x) {
    double s = 0;
    for (int i = 0; i < Doubles::kCount; ++i) s += x.v[i];
    return s;
}

template <class T>
struct Lanes;
template <>
struct Lanes<float> {
    using V = Vec;
    static constexpr int count = kLanes;
    FK_MEMBER static V load(const float* p) { return FK_ISA::load(p); }
    FK_MEMBER static V load(const float* p, int64_t n) { return load_partial(p, n); }
    FK_MEMBER static void store(float* p, V v) { FK_ISA::store(p, v); }
    FK_MEMBER static void store(float* p, V v, int64_t n) { store_partial(p, v, n); }
};
template <>
struct Lanes<double> {
    using V = Doubles;
    static constexpr int count = Doubles::kCount;
    FK_MEMBER static V load(const double* p) {
        V v;
        __builtin_memcpy(&v.v, p, sizeof v.v);
        return v;
    }
    FK_MEMBER static V load(const double* p, int64_t n) {
        Doubles::D v{};
        for (int i = 0; i < count; ++i)
            if (i < n) v[i] = p[i];
        return v;
    }
    FK_MEMBER static void store(double* p, V v) { __builtin_memcpy(p, &v.v, sizeof v.v); }
    FK_MEMBER static void store(double* p, V v, int64_t n) {
        for (int i = 0; i < count; ++i)
            if (i < n) p[i] = v.v[i];
    }
};

}  // namespace fk::FK_ISA
