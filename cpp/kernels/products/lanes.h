// Vectors of float or double under one name, for kernels that keep sums of either in registers.
#pragma once
#include "kernels/products/gemm.h"
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
FK_VEC Doubles fma(Doubles a, Doubles b, Doubles c) {
#if defined(FK_AVX512)
    return Doubles::D(_mm512_fmadd_pd(a.v, b.v, c.v));
#elif defined(__FMA__)
    return Doubles::D(_mm256_fmadd_pd(a.v, b.v, c.v));
#else
    for (int i = 0; i < Doubles::kCount; ++i) c.v[i] = fma(a.v[i], b.v[i], c.v[i]);
    return c;
#endif
}
FK_VEC Doubles operator+(Doubles a, Doubles b) { return a.v + b.v; }
FK_VEC Doubles max(Doubles a, Doubles b) { return a.v > b.v ? a.v : b.v; }
FK_VEC Doubles min(Doubles a, Doubles b) { return a.v < b.v ? a.v : b.v; }
FK_VEC double hsum(Doubles x) {
    double s = 0;
    for (int i = 0; i < Doubles::kCount; ++i) s += x.v[i];
    return s;
}

FK_VEC void store_rounded(float* p, Vec x) { store(p, x); }

#if defined(__AMX_BF16__)
inline constexpr bool kTiles = true;  // brgemm_bf16 is that of tiles.cpp
#else
inline constexpr bool kTiles = false;
#endif

#if defined(__AVX512BF16__)
inline constexpr bool kMultipliesBfloat16 = true;

// Pairs of bfloat16, neighbours along k: one instruction adds both products to a float.
struct Pairs {
    __m512bh v;
    Pairs() = default;
    FK_MEMBER Pairs(__m512i bits) : v(__m512bh(bits)) {}
    FK_MEMBER Pairs(Bf16Pair x) : v(__m512bh(_mm512_set1_epi32(int32_t(x.bits)))) {}
};
template <int i>
FK_VEC Pairs spread(Pairs x) {
    return _mm512_shuffle_epi32(__m512i(x.v), _MM_PERM_ENUM(i * 0x55));
}
FK_VEC Vec fma(Pairs a, Pairs b, Vec c) { return _mm512_dpbf16_ps(c.v, a.v, b.v); }

// first[i] and second[i], rounded to nearest even, as pair i.
FK_VEC IVec rounded(Vec x) { return _mm512_cvtepu16_epi32(__m256i(_mm512_cvtneps_pbh(x.v))); }
FK_VEC IVec to_pairs(Vec first, Vec second) { return rounded(first) | (rounded(second) << 16); }
FK_VEC void store_rounded(bfloat16_t* p, Vec x) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), __m256i(_mm512_cvtneps_pbh(x.v)));
}
// Elements 2 i and 2 i + 1 of 2 kLanes floats as pair i.
FK_VEC IVec to_pairs_along(Vec low, Vec high) { return IVec(__m512i(_mm512_cvtne2ps_pbh(high.v, low.v))); }
#else
inline constexpr bool kMultipliesBfloat16 = false;
#endif

// Steps of k in one element.
template <class T>
constexpr int64_t kSteps = 1;
template <>
inline constexpr int64_t kSteps<Bf16Pair> = 2;

FK_VEC void run_brgemm(const Brgemm<float>& g, const BrgemmPair<float>* pairs, int64_t count, float* c) {
    brgemm_f32(g, pairs, count, c);
}
FK_VEC void run_brgemm(const Brgemm<double>& g, const BrgemmPair<double>* pairs, int64_t count, double* c) {
    brgemm_f64(g, pairs, count, c);
}
#if defined(__AVX512BF16__)
FK_VEC void run_brgemm(const Brgemm<Bf16Pair>& g, const BrgemmPair<Bf16Pair>* pairs, int64_t count, float* c) {
    brgemm_bf16(g, pairs, count, c);
}
#endif

FK_VEC void run_gemm(const Gemm& g, const float* a, const float* b, const float* bias, float* c, void* scratch) {
    gemm_f32(g, a, b, bias, c, scratch);
}
FK_VEC void run_gemm(const Gemm& g, const double* a, const double* b, const double* bias, double* c, void* scratch) {
    gemm_f64(g, a, b, bias, c, scratch);
}

// V: what sums are kept in; Operand: what is multiplied.
template <class T>
struct Lanes;
template <>
struct Lanes<float> {
    using V = Vec;
    using Operand = Vec;
    static constexpr int count = kLanes;
    FK_MEMBER static V load(const float* p) { return FK_ISA::load(p); }
    FK_MEMBER static V load(const float* p, int64_t n) { return load_partial(p, n); }
    FK_MEMBER static V load_fours(const float* p) { return FK_ISA::load_fours(p); }
    FK_MEMBER static void store(float* p, V v) { FK_ISA::store(p, v); }
    FK_MEMBER static void store(float* p, V v, int64_t n) { store_partial(p, v, n); }
};
template <>
struct Lanes<double> {
    using V = Doubles;
    using Operand = Doubles;
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
#if defined(__AVX512BF16__)
template <>
struct Lanes<Bf16Pair> : Lanes<float> {
    using Operand = Pairs;
    using Lanes<float>::load;
    FK_MEMBER static Pairs load_fours(const Bf16Pair* p) {
        return _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
    }
    FK_MEMBER static Pairs load(const Bf16Pair* p) { return _mm512_loadu_si512(p); }
    FK_MEMBER static Pairs load(const Bf16Pair* p, int64_t n) { return _mm512_maskz_loadu_epi32(first_lanes(n).v, p); }
};
#endif

}  // namespace fk::FK_ISA
