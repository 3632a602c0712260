// Numbers of 8 bits as words of 32, which the instructions of an ISA multiply and add up: rows of A in lines, columns
// of B side by side in panels.
#pragma once
#include <type_traits>

#include "kernels/gemm_bytes.h"
#include "kernels/loop.h"
#include "kernels/sizes.h"

namespace fk::FK_ISA {
namespace {

#if defined(FK_AVX512)
// The instruction takes four bytes with and four without sign: B + 128, for which sums start at -128 times the sum of
// the row of A. CPUs that lack it run the rows of AVX2.
#define FK_DOT [[gnu::target("avx512vnni")]]
using Number = uint8_t;
constexpr int32_t kOffset = 128;
FK_DOT FK_VEC IVec dot(IVec sum, IVec a, IVec b) { return _mm512_dpbusd_epi32(sum.v, b.v, a.v); }
FK_VEC IVec words_of(const int8_t* b) { return IVec(_mm512_loadu_si512(b)) ^ IVec(int32_t(0x80808080)); }
#else
// Two numbers of 16 bits: their products and sums are exact.
#define FK_DOT
using Number = uint16_t;
constexpr int32_t kOffset = 0;
#if defined(FK_ISA_avx2)
FK_VEC IVec dot(IVec sum, IVec a, IVec b) { return sum + IVec(_mm256_madd_epi16(a.v, b.v)); }
FK_VEC IVec words_of(const int8_t* b) {
    return _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(b)));
}
#else
FK_VEC IVec dot(IVec sum, IVec a, IVec b) {
    return sum + ((a << 16) >> 16) * ((b << 16) >> 16) + (a >> 16) * (b >> 16);
}
FK_VEC IVec words_of(const int8_t* b) {
    int32_t words[kLanes];
    for (int i = 0; i < kLanes; ++i) words[i] = int32_t(b[2 * i] & 0xffff) | int32_t(uint32_t(b[2 * i + 1]) << 16);
    return load(words);
}
#endif
#endif

constexpr int64_t kGroup = 4 / sizeof(Number);             // steps of k in a word
constexpr int kRows = 6, kVectors = kLanes == 16 ? 4 : 2;  // of a tile of sums in registers
constexpr int64_t kPanel = kVectors * kLanes;
constexpr int64_t kInnerRows = 4;  // so few do not pay for turning columns whose bytes lie along k
static_assert(kBytePanel % kPanel == 0);

// `depth` numbers, `step` bytes from one to the next along k.
FK_VEC int32_t word_of(const int8_t* x, int64_t step, int64_t depth, int32_t offset) {
    uint32_t word = 0;
    for (int64_t s = 0; s < depth; ++s) word |= uint32_t(Number(x[s * step] + offset)) << (8 * int(sizeof(Number)) * s);
    return int32_t(word);
}

// body(word, first step of k, its steps): the number of steps is known to the compiler in all words but the last.
template <class F>
FK_VEC void for_each_word(int64_t k, const F& body) {
    const int64_t whole = k / kGroup;
    for (int64_t at = 0; at < whole; ++at) body(at, at * kGroup, kGroup);
    if (k % kGroup) body(whole, whole * kGroup, k % kGroup);
}

// A row: the number that its sums start with, one that `dense_i8` keeps its scale in, and words, which are numbers side
// by side.
typedef std::make_signed_t<Number> LineNumber __attribute__((may_alias));
FK_VEC LineNumber* numbers_of(int32_t* line) { return reinterpret_cast<LineNumber*>(line + kByteHead); }
FK_VEC void finish_line(int32_t* line, int64_t k, uint32_t sum) {
    line[0] = int32_t(uint32_t(-kOffset) * sum);
    for (int64_t p = k; p % kGroup; ++p) numbers_of(line)[p] = 0;
}

FK_VEC void copy_row(const int8_t* a, int64_t a_col, int64_t k, int32_t* line) {
    uint32_t sum = 0;
    for (int64_t p = 0; p < k; ++p) {
        numbers_of(line)[p] = a[p * a_col];
        sum += uint32_t(int32_t(a[p * a_col]));
    }
    finish_line(line, k, sum);
}

// What is not finite makes a scale of 0 or NaN, and then zeros.
void round_row(const float* a, int64_t k, float epsilon, int32_t* line) {
    const Vec largest = reduce_vectors<float>(
        k, Vec(0.f), [](Vec x, Vec y) FK_INLINED { return max_nan(x, y); },
        [&](int64_t i, auto lanes) FK_INLINED { return abs(lanes.load(a + i)); });
    const float scale = 127.f / (hmax(largest) + epsilon);
    line[1] = as_int(scale);
    uint32_t sum = 0;
    for (int64_t p = 0; p < k; p += kLanes) {
        const int64_t n = least(k - p, kLanes);
        const Vec x = load_up_to(a + p, n) * Vec(scale), y = min(Vec(127.f), max(Vec(-127.f), round(x)));
        int32_t rounded[kLanes];
        store(rounded, to_int(select(isnan(x), Vec(0.f), y)));
        for (int64_t i = 0; i < n; ++i) {
            numbers_of(line)[p + i] = LineNumber(rounded[i]);
            sum += uint32_t(rounded[i]);
        }
    }
    finish_line(line, k, sum);
}

// A word of each of kPanel columns that lie side by side.
struct Words {
    IVec v[kVectors];
};
FK_VEC Words side_by_side(const int8_t* b, int64_t b_row) {
    Words words;
#if defined(FK_AVX512)
    __m512i pair[4], quad[4];
    for (int i = 0; i < 2; ++i) {
        const __m512i first = words_of(b + 2 * i * b_row).v, second = words_of(b + (2 * i + 1) * b_row).v;
        pair[i] = _mm512_unpacklo_epi8(first, second), pair[i + 2] = _mm512_unpackhi_epi8(first, second);
    }
    for (int i = 0; i < 4; i += 2) {
        quad[i] = _mm512_unpacklo_epi16(pair[i], pair[i + 1]);
        quad[i + 1] = _mm512_unpackhi_epi16(pair[i], pair[i + 1]);
    }
    // quad[i] holds columns 4 i to 4 i + 3 of every sixteen.
    const __m512i low = _mm512_shuffle_i32x4(quad[0], quad[1], 0x44),
                  high = _mm512_shuffle_i32x4(quad[0], quad[1], 0xee),
                  low2 = _mm512_shuffle_i32x4(quad[2], quad[3], 0x44),
                  high2 = _mm512_shuffle_i32x4(quad[2], quad[3], 0xee);
    words.v[0] = _mm512_shuffle_i32x4(low, low2, 0x88), words.v[1] = _mm512_shuffle_i32x4(low, low2, 0xdd);
    words.v[2] = _mm512_shuffle_i32x4(high, high2, 0x88), words.v[3] = _mm512_shuffle_i32x4(high, high2, 0xdd);
#elif defined(FK_ISA_avx2)
    const __m256i first = words_of(b).v, second = words_of(b + b_row).v;
    const __m256i low = _mm256_unpacklo_epi16(first, second), high = _mm256_unpackhi_epi16(first, second);
    words.v[0] = _mm256_permute2x128_si256(low, high, 0x20), words.v[1] = _mm256_permute2x128_si256(low, high, 0x31);
#else
    int32_t each[kPanel];
    for (int64_t j = 0; j < kPanel; ++j) each[j] = word_of(b + j, b_row, kGroup, kOffset);
    for (int v = 0; v < kVectors; ++v) words.v[v] = load(each + v * kLanes);
#endif
    return words;
}

// Up to kBytePanel columns as panels of up to kPanel; what follows the last column is made up.
FK_VEC void copy_panels(const int8_t* b, int64_t b_row, int64_t b_col, int64_t k, int64_t columns, int32_t* panels) {
    const int64_t words = pieces(k, kGroup);
    for_each_word(k, [&](int64_t at, int64_t p, int64_t depth) FK_INLINED {
        for (int64_t first = 0; first < columns; first += kPanel) {
            const int64_t n = least(columns - first, kPanel), width = pieces(n, kLanes) * kLanes;
            const int8_t* from = b + p * b_row + first * b_col;
            int32_t* to = panels + first * words + at * width;
            if (n == kPanel && depth == kGroup && b_col == 1) {
                const Words words = side_by_side(from, b_row);
                for (int v = 0; v < kVectors; ++v) store(to + v * kLanes, words.v[v]);
                continue;
            }
            for (int64_t j = 0; j < n; ++j) to[j] = word_of(from + j * b_col, b_row, depth, kOffset);
            for (int64_t j = n; j < width; ++j) to[j] = 0;
        }
    });
}

// The same of columns whose bytes lie along k.
FK_VEC void copy_turned(const int8_t* b, int64_t b_col, int64_t k, int64_t columns, int32_t* panels) {
    const int64_t words = pieces(k, kGroup);
    for (int64_t j = 0; j < columns; j += kLanes) {
        const int64_t first = j / kPanel * kPanel, n = least(columns - j, kLanes);
        const int64_t width = pieces(least(columns - first, kPanel), kLanes) * kLanes;
        int32_t* to = panels + first * words + j - first;
        int64_t at = 0;
        for (; n == kLanes && (at + kLanes) * kGroup <= k; at += kLanes) {
            Vec rows[kLanes];
            for (int r = 0; r < kLanes; ++r) rows[r] = as_float(words_of(b + (j + r) * b_col + at * kGroup));
            transpose(rows);
            for (int r = 0; r < kLanes; ++r) store(to + (at + r) * width, as_int(rows[r]));
        }
        for (; at < words; ++at)
            for (int64_t r = 0; r < kLanes; ++r) {
                const int64_t depth = least(k - at * kGroup, kGroup);
                to[at * width + r] = r < n ? word_of(b + (j + r) * b_col + at * kGroup, 1, depth, kOffset) : 0;
            }
    }
}

}  // namespace
}  // namespace fk::FK_ISA
