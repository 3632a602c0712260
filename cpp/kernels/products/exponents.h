// Which floats three planes of bfloat16 hold, and which products of planes are those of the floats.
#pragma once
#include "core/parallel.h"
#include "kernels/products/lanes.h"

#if defined(__AVX512BF16__)
namespace fk::FK_ISA {
namespace {

// Of the absolute values of floats, as bits: the least that is not zero, and the greatest.
struct Extent {
    uint32_t least = UINT32_MAX, greatest = 0;
    void include(Extent e) {
        least = e.least < least ? e.least : least;
        greatest = e.greatest > greatest ? e.greatest : greatest;
    }
    int low() const { return int(least >> 23); }
    int high() const { return int(greatest >> 23); }
};

// The extent of what it has been shown.
class Extents {
public:
    FK_MEMBER void include(const float* x, int64_t n) {
        const __m512i one = _mm512_set1_epi32(1), magnitude = _mm512_set1_epi32(INT32_MAX);
        for (int64_t i = 0; i < n; i += kLanes) {
            const __mmask16 mask = n - i >= kLanes ? __mmask16(-1) : first_lanes(n - i).v;
            const __m512i bits = _mm512_and_si512(_mm512_maskz_loadu_epi32(mask, x + i), magnitude);
            low_ = _mm512_min_epu32(low_, _mm512_sub_epi32(bits, one));  // zero becomes the greatest
            high_ = _mm512_max_epu32(high_, bits);
        }
    }
    FK_MEMBER Extent all() const {
        const uint32_t least = _mm512_reduce_min_epu32(low_);
        return {least == UINT32_MAX ? least : least + 1, _mm512_reduce_max_epu32(high_)};
    }

private:
    __m512i low_ = _mm512_set1_epi32(-1), high_ = _mm512_setzero_si512();
};

// What several threads find.
class SharedExtent {
public:
    void include(Extent e) {
        while (__atomic_test_and_set(&busy_, __ATOMIC_ACQUIRE)) {}
        all.include(e);
        __atomic_clear(&busy_, __ATOMIC_RELEASE);
    }
    Extent all;

private:
    bool busy_ = false;
};

// Of `lines` runs of n floats, `stride` apart: one pass at the speed of memory, beside which a product has k or n more.
Extent extent_of(const float* x, int64_t stride, int64_t lines, int64_t n) {
    if (stride == n) n *= lines, lines = 1;
    constexpr int64_t kPiece = 1 << 12, kPiecesPerChunk = 16;
    const int64_t cuts = (n + kPiece - 1) / kPiece;
    SharedExtent shared;
    parallel_for(lines * cuts, 1 + kPiecesPerChunk * kPiece / (n < kPiece ? n + 1 : kPiece),
                 [&](int64_t begin, int64_t end) {
                     Extents found;
                     for (int64_t i = begin; i < end; ++i) {
                         const int64_t from = i % cuts * kPiece;
                         found.include(x + i / cuts * stride + from, n - from < kPiece ? n - from : kPiece);
                     }
                     shared.include(found.all());
                 });
    return shared.all;
}

// Do planes hold the operands, and are their products and sums normal numbers? The last bit of an operand must not be
// a denormal (exponent 1 + 23), which the CPU takes for zero, nor its first plane round to infinity; products that are
// flushed, below 2^-126, lie 30 bits below that of the least operands, and sums have 2^25 terms of room.
FK_VEC bool splits(const Extent& a, const Extent& b) {
    constexpr int bias = 127;
    if (a.greatest == 0 || b.greatest == 0) return a.high() < 255 && b.high() < 255;
    return a.low() >= 24 && b.low() >= 24 && a.high() < 254 && b.high() < 254 && a.low() + b.low() >= 2 * bias - 96 &&
           a.high() + b.high() <= 2 * bias + 100;
}

}  // namespace
}  // namespace fk::FK_ISA
#endif
