// Philox4x32-10 for a group of 16 counters at a time, for code compiled per ISA. core/rng.h is the scalar form.
//
// Element i of a stream is found at group i / 64, word (i % 64) / 16, counter 16 * group + i % 16: the words of a
// group lie in the order in which registers produce them, on every ISA, and no transposition is needed.
#pragma once
#include <cstdint>

#include "simd/vec.h"

namespace fk::FK_ISA {
namespace {

constexpr uint32_t kPhiloxM0 = 0xD2511F53u, kPhiloxM1 = 0xCD9E8D57u, kPhiloxW0 = 0x9E3779B9u, kPhiloxW1 = 0xBB67AE85u;
constexpr int kPhiloxGroup = 64;

typedef uint16_t Bits16 __attribute__((may_alias));  // halves of words

#if defined(FK_ISA_avx2) || defined(FK_AVX512)
// A counter per 64-bit lane: the multiply reads the low halves only, so the high halves may hold anything, and
// even and odd counters come back together by one shift and one blend.
#if defined(FK_AVX512)
struct PhiloxLanes {
    using V = __m512i;
    static constexpr int lanes = 16;
    FK_VEC V even(uint64_t c) {
        return _mm512_add_epi64(_mm512_set1_epi64(int64_t(c)), _mm512_set_epi64(14, 12, 10, 8, 6, 4, 2, 0));
    }
    FK_VEC V odd(uint64_t c) { return even(c + 1); }
    FK_VEC V set(uint32_t k) { return _mm512_set1_epi64(k); }
    FK_VEC V mul(V a, V b) { return _mm512_mul_epu32(a, b); }
    FK_VEC V high(V a) { return _mm512_srli_epi64(a, 32); }
    FK_VEC V exclusive_or(V a, V b) { return _mm512_xor_si512(a, b); }
    FK_VEC void store(uint32_t* p, V e, V o) {
        _mm512_storeu_si512(p, _mm512_mask_blend_epi32(0xAAAA, e, _mm512_slli_epi64(o, 32)));
    }
};
#else
struct PhiloxLanes {
    using V = __m256i;
    static constexpr int lanes = 8;
    FK_VEC V even(uint64_t c) {
        return _mm256_add_epi64(_mm256_set1_epi64x(int64_t(c)), _mm256_set_epi64x(6, 4, 2, 0));
    }
    FK_VEC V odd(uint64_t c) { return even(c + 1); }
    FK_VEC V set(uint32_t k) { return _mm256_set1_epi64x(k); }
    FK_VEC V mul(V a, V b) { return _mm256_mul_epu32(a, b); }
    FK_VEC V high(V a) { return _mm256_srli_epi64(a, 32); }
    FK_VEC V exclusive_or(V a, V b) { return _mm256_xor_si256(a, b); }
    FK_VEC void store(uint32_t* p, V e, V o) {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm256_blend_epi32(e, _mm256_slli_epi64(o, 32), 0xAA));
    }
};
#endif

// The 64 words of a group, times two halves on AVX2.
FK_VEC void philox_group(const uint32_t key[2], uint64_t group, uint32_t out[kPhiloxGroup]) {
    using L = PhiloxLanes;
    using V = L::V;
    const V m0 = L::set(kPhiloxM0), m1 = L::set(kPhiloxM1);
    for (int part = 0; part < 16; part += L::lanes) {
        const uint64_t counter = group * 16 + part;
        const V ce = L::even(counter), co = L::odd(counter);
        V e0 = ce, e1 = L::high(ce), e2 = L::set(0), e3 = e2, o0 = co, o1 = L::high(co), o2 = e2, o3 = e2;
        uint32_t k0 = key[0], k1 = key[1];
        for (int round = 0; round < 10; ++round, k0 += kPhiloxW0, k1 += kPhiloxW1) {
            const V q0 = L::set(k0), q1 = L::set(k1);
            const V ep0 = L::mul(m0, e0), ep1 = L::mul(m1, e2), op0 = L::mul(m0, o0), op1 = L::mul(m1, o2);
            e0 = L::exclusive_or(L::exclusive_or(L::high(ep1), e1), q0), e1 = ep1;
            e2 = L::exclusive_or(L::exclusive_or(L::high(ep0), e3), q1), e3 = ep0;
            o0 = L::exclusive_or(L::exclusive_or(L::high(op1), o1), q0), o1 = op1;
            o2 = L::exclusive_or(L::exclusive_or(L::high(op0), o3), q1), o3 = op0;
        }
        L::store(out + part, e0, o0);
        L::store(out + part + 16, e1, o1);
        L::store(out + part + 32, e2, o2);
        L::store(out + part + 48, e3, o3);
    }
}
#else
FK_VEC void philox_group(const uint32_t key[2], uint64_t group, uint32_t out[kPhiloxGroup]) {
    uint32_t *c0 = out, *c1 = out + 16, *c2 = out + 32, *c3 = out + 48;
    for (int i = 0; i < 16; ++i) {
        c0[i] = uint32_t(group * 16 + i);
        c1[i] = uint32_t((group * 16 + i) >> 32);
        c2[i] = c3[i] = 0;
    }
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; ++round, k0 += kPhiloxW0, k1 += kPhiloxW1)
        for (int i = 0; i < 16; ++i) {
            const uint64_t p0 = uint64_t(kPhiloxM0) * c0[i], p1 = uint64_t(kPhiloxM1) * c2[i];
            c0[i] = uint32_t(p1 >> 32) ^ c1[i] ^ k0, c1[i] = uint32_t(p1);
            c2[i] = uint32_t(p0 >> 32) ^ c3[i] ^ k1, c3[i] = uint32_t(p0);
        }
}
#endif

}  // namespace
}  // namespace fk::FK_ISA
