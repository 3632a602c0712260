// The vocabulary of vec.h on AVX2 + FMA registers.
#pragma once
#include <immintrin.h>

namespace fk::FK_ISA {

inline constexpr int kLanes = 8;

struct Vec {
    __m256 v;
    Vec() = default;
    FK_MEMBER Vec(__m256 x) : v(x) {}
    FK_MEMBER Vec(float x) : v(_mm256_set1_ps(x)) {}
    FK_MEMBER Vec(double x) : Vec(float(x)) {}
    FK_MEMBER Vec(int x) : Vec(float(x)) {}
};
struct IVec {
    __m256i v;
    IVec() = default;
    FK_MEMBER IVec(__m256i x) : v(x) {}
    FK_MEMBER IVec(int32_t x) : v(_mm256_set1_epi32(x)) {}
};
struct Mask {
    __m256 v;  // all ones or all zeros
};

FK_VEC Vec operator+(Vec a, Vec b) { return _mm256_add_ps(a.v, b.v); }
FK_VEC Vec operator-(Vec a, Vec b) { return _mm256_sub_ps(a.v, b.v); }
FK_VEC Vec operator*(Vec a, Vec b) { return _mm256_mul_ps(a.v, b.v); }
FK_VEC Vec operator/(Vec a, Vec b) { return _mm256_div_ps(a.v, b.v); }
FK_VEC Vec fma(Vec a, Vec b, Vec c) { return _mm256_fmadd_ps(a.v, b.v, c.v); }
FK_VEC Vec min(Vec a, Vec b) { return _mm256_min_ps(a.v, b.v); }
FK_VEC Vec max(Vec a, Vec b) { return _mm256_max_ps(a.v, b.v); }
FK_VEC Vec sqrt(Vec x) { return _mm256_sqrt_ps(x.v); }
FK_VEC Vec rsqrt_estimate(Vec x) { return _mm256_rsqrt_ps(x.v); }
FK_VEC Vec rcp_estimate(Vec x) { return _mm256_rcp_ps(x.v); }
FK_VEC Vec floor(Vec x) { return _mm256_round_ps(x.v, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC); }
FK_VEC Vec ceil(Vec x) { return _mm256_round_ps(x.v, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC); }
FK_VEC Vec trunc(Vec x) { return _mm256_round_ps(x.v, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC); }
FK_VEC Vec round(Vec x) { return _mm256_round_ps(x.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }

FK_VEC Mask operator==(Vec a, Vec b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_EQ_OQ)}; }
FK_VEC Mask operator!=(Vec a, Vec b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_NEQ_UQ)}; }
FK_VEC Mask operator<(Vec a, Vec b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_LT_OQ)}; }
FK_VEC Mask operator<=(Vec a, Vec b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_LE_OQ)}; }
FK_VEC Mask operator>(Vec a, Vec b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_GT_OQ)}; }
FK_VEC Mask operator>=(Vec a, Vec b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_GE_OQ)}; }
FK_VEC Mask operator&(Mask a, Mask b) { return {_mm256_and_ps(a.v, b.v)}; }
FK_VEC Mask operator|(Mask a, Mask b) { return {_mm256_or_ps(a.v, b.v)}; }
FK_VEC Mask operator^(Mask a, Mask b) { return {_mm256_xor_ps(a.v, b.v)}; }
FK_VEC Mask operator!(Mask a) { return {_mm256_xor_ps(a.v, _mm256_castsi256_ps(_mm256_set1_epi32(-1)))}; }
FK_VEC bool any(Mask m) { return _mm256_movemask_ps(m.v) != 0; }
FK_VEC bool all(Mask m) { return _mm256_movemask_ps(m.v) == 0xff; }
FK_VEC Vec select(Mask m, Vec a, Vec b) { return _mm256_blendv_ps(b.v, a.v, m.v); }
FK_VEC IVec select(Mask m, IVec a, IVec b) { return _mm256_blendv_epi8(b.v, a.v, _mm256_castps_si256(m.v)); }

FK_VEC IVec operator+(IVec a, IVec b) { return _mm256_add_epi32(a.v, b.v); }
FK_VEC IVec operator-(IVec a, IVec b) { return _mm256_sub_epi32(a.v, b.v); }
FK_VEC IVec operator*(IVec a, IVec b) { return _mm256_mullo_epi32(a.v, b.v); }
FK_VEC IVec operator&(IVec a, IVec b) { return _mm256_and_si256(a.v, b.v); }
FK_VEC IVec operator|(IVec a, IVec b) { return _mm256_or_si256(a.v, b.v); }
FK_VEC IVec operator^(IVec a, IVec b) { return _mm256_xor_si256(a.v, b.v); }
FK_VEC IVec operator~(IVec a) { return a ^ IVec(-1); }
FK_VEC IVec operator<<(IVec a, int bits) { return _mm256_slli_epi32(a.v, bits); }
FK_VEC IVec operator>>(IVec a, int bits) { return _mm256_srai_epi32(a.v, bits); }
FK_VEC IVec shift_right(IVec a, int bits) { return _mm256_srli_epi32(a.v, bits); }
FK_VEC Mask operator==(IVec a, IVec b) { return {_mm256_castsi256_ps(_mm256_cmpeq_epi32(a.v, b.v))}; }
FK_VEC Mask operator>(IVec a, IVec b) { return {_mm256_castsi256_ps(_mm256_cmpgt_epi32(a.v, b.v))}; }

FK_VEC IVec as_int(Vec x) { return _mm256_castps_si256(x.v); }
FK_VEC Vec as_float(IVec x) { return _mm256_castsi256_ps(x.v); }
FK_VEC Vec to_float(IVec x) { return _mm256_cvtepi32_ps(x.v); }
FK_VEC IVec to_int(Vec x) { return _mm256_cvttps_epi32(x.v); }

FK_VEC IVec lane_numbers() { return _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7); }
FK_VEC Mask first_lanes(int64_t n) { return IVec(int32_t(n)) > lane_numbers(); }

FK_VEC Vec load(const float* p) { return _mm256_loadu_ps(p); }
FK_VEC IVec load(const int32_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
FK_VEC void store(float* p, Vec x) { _mm256_storeu_ps(p, x.v); }
FK_VEC void store(int32_t* p, IVec x) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), x.v); }
FK_VEC Vec load_partial(const float* p, int64_t n) {
    return _mm256_maskload_ps(p, _mm256_castps_si256(first_lanes(n).v));
}
FK_VEC IVec load_partial(const int32_t* p, int64_t n) {
    return _mm256_maskload_epi32(p, _mm256_castps_si256(first_lanes(n).v));
}
// In halves: a masked store takes 40 micro-operations on Zen.
FK_VEC void store_partial(float* p, Vec x, int64_t n) {
    if (n >= 8) return store(p, x);
    __m128 part = _mm256_castps256_ps128(x.v);
    if (n & 4) {
        _mm_storeu_ps(p, part);
        part = _mm256_extractf128_ps(x.v, 1);
        p += 4;
    }
    if (n & 2) {
        _mm_storel_pi(reinterpret_cast<__m64*>(p), part);
        part = _mm_movehl_ps(part, part);
        p += 2;
    }
    if (n & 1) _mm_store_ss(p, part);
}
FK_VEC void store_partial(int32_t* p, IVec x, int64_t n) {
    _mm256_maskstore_epi32(p, _mm256_castps_si256(first_lanes(n).v), x.v);
}

FK_VEC Vec load(const bfloat16_t* p) {
    const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return as_float(IVec(_mm256_cvtepu16_epi32(bits)) << 16);
}
FK_VEC void store(bfloat16_t* p, Vec x) {
    const IVec u = as_int(x), rounded = shift_right(u + IVec(0x7fff) + (shift_right(u, 16) & IVec(1)), 16);
    const IVec bits = select(x != x, shift_right(u, 16) | IVec(0x40), rounded);
    const __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(bits.v, bits.v), 0x08);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_castsi256_si128(packed));
}
FK_VEC Vec load(const float16_t* p) { return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))); }
FK_VEC void store(float16_t* p, Vec x) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_cvtps_ph(x.v, _MM_FROUND_TO_NEAREST_INT));
}
template <HalfFloat T>
FK_VEC Vec load_partial(const T* p, int64_t n) {
    T first[kLanes] = {};
    for (int i = 0; i < kLanes; ++i)
        if (i < n) first[i] = p[i];
    return load(first);
}
template <HalfFloat T>
FK_VEC void store_partial(T* p, Vec x, int64_t n) {
    T rounded[kLanes];
    store(rounded, x);
    for (int i = 0; i < kLanes; ++i)
        if (i < n) p[i] = rounded[i];
}

FK_VEC Vec load_fours(const float* p) { return _mm256_broadcast_ps(reinterpret_cast<const __m128*>(p)); }
template <int i>
FK_VEC Vec spread(Vec x) {
    return _mm256_permute_ps(x.v, i * 0x55);
}
FK_VEC Vec take_lanes(Vec x, IVec from) { return _mm256_permutevar8x32_ps(x.v, from.v); }
FK_VEC void transpose(Vec* r) {
    __m256 pair[8], quad[8];
    for (int i = 0; i < 8; i += 2) {
        pair[i] = _mm256_unpacklo_ps(r[i].v, r[i + 1].v);
        pair[i + 1] = _mm256_unpackhi_ps(r[i].v, r[i + 1].v);
    }
    for (int i = 0; i < 8; i += 4)
        for (int j = 0; j < 2; ++j) {
            quad[i + 2 * j] = _mm256_shuffle_ps(pair[i + j], pair[i + j + 2], 0x44);
            quad[i + 2 * j + 1] = _mm256_shuffle_ps(pair[i + j], pair[i + j + 2], 0xee);
        }
    for (int i = 0; i < 4; ++i) {
        r[i] = _mm256_permute2f128_ps(quad[i], quad[i + 4], 0x20);
        r[i + 4] = _mm256_permute2f128_ps(quad[i], quad[i + 4], 0x31);
    }
}

FK_VEC float hsum(Vec x) {
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(x.v), _mm256_extractf128_ps(x.v, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
FK_VEC float hmax(Vec x) {
    if (any(x != x)) return __builtin_nanf("");
    __m128 m = _mm_max_ps(_mm256_castps256_ps128(x.v), _mm256_extractf128_ps(x.v, 1));
    m = _mm_max_ps(m, _mm_movehl_ps(m, m));
    return _mm_cvtss_f32(_mm_max_ss(m, _mm_movehdup_ps(m)));
}
FK_VEC float hmin(Vec x) {
    if (any(x != x)) return __builtin_nanf("");
    __m128 m = _mm_min_ps(_mm256_castps256_ps128(x.v), _mm256_extractf128_ps(x.v, 1));
    m = _mm_min_ps(m, _mm_movehl_ps(m, m));
    return _mm_cvtss_f32(_mm_min_ss(m, _mm_movehdup_ps(m)));
}

}  // namespace fk::FK_ISA
