// The vocabulary of vec.h on AVX-512 registers (F, VL, BW, DQ).
#pragma once
// GCC 12's own _mm512_undefined_ps() reads itself and warns wherever it is inlined.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop

namespace fk::FK_ISA {

inline constexpr int kLanes = 16;

struct Vec {
    __m512 v;
    Vec() = default;
    FK_MEMBER Vec(__m512 x) : v(x) {}
    FK_MEMBER Vec(float x) : v(_mm512_set1_ps(x)) {}
    FK_MEMBER Vec(double x) : Vec(float(x)) {}
    FK_MEMBER Vec(int x) : Vec(float(x)) {}
};
struct IVec {
    __m512i v;
    IVec() = default;
    FK_MEMBER IVec(__m512i x) : v(x) {}
    FK_MEMBER IVec(int32_t x) : v(_mm512_set1_epi32(x)) {}
};
struct Mask {
    __mmask16 v;
};

FK_VEC Vec operator+(Vec a, Vec b) { return _mm512_add_ps(a.v, b.v); }
FK_VEC Vec operator-(Vec a, Vec b) { return _mm512_sub_ps(a.v, b.v); }
FK_VEC Vec operator*(Vec a, Vec b) { return _mm512_mul_ps(a.v, b.v); }
FK_VEC Vec operator/(Vec a, Vec b) { return _mm512_div_ps(a.v, b.v); }
FK_VEC Vec fma(Vec a, Vec b, Vec c) { return _mm512_fmadd_ps(a.v, b.v, c.v); }
FK_VEC Vec min(Vec a, Vec b) { return _mm512_min_ps(a.v, b.v); }
FK_VEC Vec max(Vec a, Vec b) { return _mm512_max_ps(a.v, b.v); }
FK_VEC Vec sqrt(Vec x) { return _mm512_sqrt_ps(x.v); }
FK_VEC Vec rsqrt_estimate(Vec x) { return _mm512_rsqrt14_ps(x.v); }
FK_VEC Vec rcp_estimate(Vec x) { return _mm512_rcp14_ps(x.v); }
FK_VEC Vec floor(Vec x) { return _mm512_roundscale_ps(x.v, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC); }
FK_VEC Vec ceil(Vec x) { return _mm512_roundscale_ps(x.v, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC); }
FK_VEC Vec trunc(Vec x) { return _mm512_roundscale_ps(x.v, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC); }
FK_VEC Vec round(Vec x) { return _mm512_roundscale_ps(x.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }

FK_VEC Mask operator==(Vec a, Vec b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_EQ_OQ)}; }
FK_VEC Mask operator!=(Vec a, Vec b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_NEQ_UQ)}; }
FK_VEC Mask operator<(Vec a, Vec b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ)}; }
FK_VEC Mask operator<=(Vec a, Vec b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LE_OQ)}; }
FK_VEC Mask operator>(Vec a, Vec b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_GT_OQ)}; }
FK_VEC Mask operator>=(Vec a, Vec b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_GE_OQ)}; }
FK_VEC Mask operator&(Mask a, Mask b) { return {__mmask16(a.v & b.v)}; }
FK_VEC Mask operator|(Mask a, Mask b) { return {__mmask16(a.v | b.v)}; }
FK_VEC Mask operator^(Mask a, Mask b) { return {__mmask16(a.v ^ b.v)}; }
FK_VEC Mask operator!(Mask a) { return {__mmask16(~a.v)}; }
FK_VEC bool any(Mask m) { return m.v != 0; }
FK_VEC bool all(Mask m) { return m.v == 0xffff; }
FK_VEC Vec select(Mask m, Vec a, Vec b) { return _mm512_mask_blend_ps(m.v, b.v, a.v); }
FK_VEC IVec select(Mask m, IVec a, IVec b) { return _mm512_mask_blend_epi32(m.v, b.v, a.v); }

FK_VEC IVec operator+(IVec a, IVec b) { return _mm512_add_epi32(a.v, b.v); }
FK_VEC IVec operator-(IVec a, IVec b) { return _mm512_sub_epi32(a.v, b.v); }
FK_VEC IVec operator*(IVec a, IVec b) { return _mm512_mullo_epi32(a.v, b.v); }
FK_VEC IVec operator&(IVec a, IVec b) { return _mm512_and_si512(a.v, b.v); }
FK_VEC IVec operator|(IVec a, IVec b) { return _mm512_or_si512(a.v, b.v); }
FK_VEC IVec operator^(IVec a, IVec b) { return _mm512_xor_si512(a.v, b.v); }
FK_VEC IVec operator~(IVec a) { return a ^ IVec(-1); }
FK_VEC IVec operator<<(IVec a, int bits) { return _mm512_slli_epi32(a.v, unsigned(bits)); }
FK_VEC IVec operator>>(IVec a, int bits) { return _mm512_srai_epi32(a.v, unsigned(bits)); }
FK_VEC IVec shift_right(IVec a, int bits) { return _mm512_srli_epi32(a.v, unsigned(bits)); }
FK_VEC Mask operator==(IVec a, IVec b) { return {_mm512_cmpeq_epi32_mask(a.v, b.v)}; }
FK_VEC Mask operator>(IVec a, IVec b) { return {_mm512_cmpgt_epi32_mask(a.v, b.v)}; }

FK_VEC IVec as_int(Vec x) { return _mm512_castps_si512(x.v); }
FK_VEC Vec as_float(IVec x) { return _mm512_castsi512_ps(x.v); }
FK_VEC Vec to_float(IVec x) { return _mm512_cvtepi32_ps(x.v); }
FK_VEC IVec to_int(Vec x) { return _mm512_cvttps_epi32(x.v); }

// 2^k x, one instruction for what takes others eight.
FK_VEC Vec times_power_of_two(Vec x, Vec k) { return _mm512_scalef_ps(x.v, k.v); }
FK_VEC Vec times_normal_power_of_two(Vec x, Vec k) { return times_power_of_two(x, k); }

FK_VEC IVec lane_numbers() { return _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15); }
FK_VEC Mask first_lanes(int64_t n) { return {__mmask16((1u << n) - 1)}; }

FK_VEC Vec load(const float* p) { return _mm512_loadu_ps(p); }
FK_VEC IVec load(const int32_t* p) { return _mm512_loadu_si512(p); }
FK_VEC void store(float* p, Vec x) { _mm512_storeu_ps(p, x.v); }
FK_VEC void store(int32_t* p, IVec x) { _mm512_storeu_si512(p, x.v); }
FK_VEC Vec load_partial(const float* p, int64_t n) { return _mm512_maskz_loadu_ps(first_lanes(n).v, p); }
FK_VEC IVec load_partial(const int32_t* p, int64_t n) { return _mm512_maskz_loadu_epi32(first_lanes(n).v, p); }
FK_VEC void store_partial(float* p, Vec x, int64_t n) { _mm512_mask_storeu_ps(p, first_lanes(n).v, x.v); }
FK_VEC void store_partial(int32_t* p, IVec x, int64_t n) { _mm512_mask_storeu_epi32(p, first_lanes(n).v, x.v); }

FK_VEC Vec widened(bfloat16_t, __m256i bits) { return as_float(IVec(_mm512_cvtepu16_epi32(bits)) << 16); }
FK_VEC Vec widened(float16_t, __m256i bits) { return _mm512_cvtph_ps(bits); }
FK_VEC __m256i rounded_to(bfloat16_t, Vec x) {
    const IVec u = as_int(x), rounded = shift_right(u + IVec(0x7fff) + (shift_right(u, 16) & IVec(1)), 16);
    return _mm512_cvtepi32_epi16(select(x != x, shift_right(u, 16) | IVec(0x40), rounded).v);
}
FK_VEC __m256i rounded_to(float16_t, Vec x) { return _mm512_cvtps_ph(x.v, _MM_FROUND_TO_NEAREST_INT); }
template <HalfFloat T>
FK_VEC Vec load(const T* p) {
    return widened(T(), _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
template <HalfFloat T>
FK_VEC void store(T* p, Vec x) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), rounded_to(T(), x));
}
template <HalfFloat T>
FK_VEC Vec load_partial(const T* p, int64_t n) {
    return widened(T(), _mm256_maskz_loadu_epi16(first_lanes(n).v, p));
}
template <HalfFloat T>
FK_VEC void store_partial(T* p, Vec x, int64_t n) {
    _mm256_mask_storeu_epi16(p, first_lanes(n).v, rounded_to(T(), x));
}

FK_VEC Vec load_fours(const float* p) { return _mm512_broadcast_f32x4(_mm_loadu_ps(p)); }
template <int i>
FK_VEC Vec spread(Vec x) {
    return _mm512_permute_ps(x.v, i * 0x55);
}
FK_VEC Vec take_lanes(Vec x, IVec from) { return _mm512_permutexvar_ps(from.v, x.v); }
FK_VEC void transpose(Vec* r) {
    __m512 pair[16], quad[16], oct[16];
    for (int i = 0; i < 16; i += 2) {
        pair[i] = _mm512_unpacklo_ps(r[i].v, r[i + 1].v);
        pair[i + 1] = _mm512_unpackhi_ps(r[i].v, r[i + 1].v);
    }
    for (int i = 0; i < 16; i += 4)
        for (int j = 0; j < 2; ++j) {
            quad[i + 2 * j] = _mm512_shuffle_ps(pair[i + j], pair[i + j + 2], 0x44);
            quad[i + 2 * j + 1] = _mm512_shuffle_ps(pair[i + j], pair[i + j + 2], 0xee);
        }
    // quad[4 g + c] holds columns c, c + 4, c + 8, c + 12 of rows 4 g ... 4 g + 3, one per 128 bits.
    for (int c = 0; c < 4; ++c)
        for (int h = 0; h < 2; ++h) {
            oct[8 * h + c] = _mm512_shuffle_f32x4(quad[8 * h + c], quad[8 * h + c + 4], 0x88);
            oct[8 * h + c + 4] = _mm512_shuffle_f32x4(quad[8 * h + c], quad[8 * h + c + 4], 0xdd);
        }
    for (int c = 0; c < 4; ++c) {
        r[c] = _mm512_shuffle_f32x4(oct[c], oct[c + 8], 0x88);
        r[c + 8] = _mm512_shuffle_f32x4(oct[c], oct[c + 8], 0xdd);
        r[c + 4] = _mm512_shuffle_f32x4(oct[c + 4], oct[c + 12], 0x88);
        r[c + 12] = _mm512_shuffle_f32x4(oct[c + 4], oct[c + 12], 0xdd);
    }
}

FK_VEC float hsum(Vec x) {
    const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(x.v), _mm512_extractf32x8_ps(x.v, 1));
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
FK_VEC float hmax(Vec x) { return any(x != x) ? __builtin_nanf("") : _mm512_reduce_max_ps(x.v); }
FK_VEC float hmin(Vec x) { return any(x != x) ? __builtin_nanf("") : _mm512_reduce_min_ps(x.v); }

}  // namespace fk::FK_ISA
