// Copies of float matrices as pairs of bfloat16, rounded to nearest even, for the CPUs that multiply them.
#pragma once
#include "kernels/lanes.h"

#if defined(__AVX512BF16__)
namespace fk::FK_ISA {

FK_VEC void store(Bf16Pair* to, IVec pairs) { _mm512_storeu_si512(to, pairs.v); }
FK_VEC void store_partial(Bf16Pair* to, IVec pairs, int64_t n) {
    _mm512_mask_storeu_epi32(to, first_lanes(n).v, pairs.v);
}
FK_VEC Vec load_up_to(const float* from, int64_t n) {
    return n >= kLanes ? load(from) : n > 0 ? load_partial(from, n) : Vec(0.f);
}

// Rows of n floats, `row` apart, two at a time: line p has (x[2 p][j], x[2 p + 1][j]) at j, `width` pairs in all with
// zeros after the n-th. A row that is missing at the end counts as zeros.
FK_VEC void pair_rows(const float* from, int64_t row, int64_t k, int64_t n, int64_t width, Bf16Pair* to) {
    for (int64_t p = 0; p < k; p += 2, from += 2 * row, to += width)
        for (int64_t j = 0; j < width; j += kLanes) {
            const Vec second = p + 1 < k ? load_up_to(from + row + j, n - j) : Vec(0.f);
            store(to + j, to_pairs(load_up_to(from + j, n - j), second));
        }
}

// Lines of k contiguous floats, `line` apart, as lines of pairs (x[2 p], x[2 p + 1]).
FK_VEC void pair_lines(const float* from, int64_t line, int64_t lines, int64_t k, Bf16Pair* to, int64_t to_line) {
    for (int64_t i = 0; i < lines; ++i, from += line, to += to_line) {
        int64_t p = 0;
        for (; p + 2 * kLanes <= k; p += 2 * kLanes)
            store(to + p / 2, to_pairs_along(load(from + p), load(from + p + kLanes)));
        if (p < k)
            store_partial(to + p / 2,
                          to_pairs_along(load_up_to(from + p, k - p), load_up_to(from + p + kLanes, k - p - kLanes)),
                          (k - p + 1) / 2);
    }
}

// Columns of k contiguous floats, `column` apart, as rows of `width` pairs, zeros after the last column.
FK_VEC void pair_columns(const float* from, int64_t column, int64_t k, int64_t columns, int64_t width, Bf16Pair* to) {
    for (int64_t j = 0; j < width; j += kLanes)
        for (int64_t p = 0; p < k; p += 2 * kLanes) {
            Vec rows[kLanes];
            for (int r = 0; r < kLanes; ++r) {
                const float* x = from + (j + r) * column + p;
                rows[r] = j + r >= columns
                              ? Vec(0.f)
                              : as_float(to_pairs_along(load_up_to(x, k - p), load_up_to(x + kLanes, k - p - kLanes)));
            }
            transpose(rows);
            for (int r = 0; r < kLanes; ++r)
                if (p + 2 * r < k) store(to + (p / 2 + r) * width + j, as_int(rows[r]));
        }
}

}  // namespace fk::FK_ISA
#endif
