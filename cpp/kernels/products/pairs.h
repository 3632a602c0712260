// Copies of float matrices as pairs of bfloat16, rounded to nearest even, for the CPUs that multiply them.
#pragma once
#include "kernels/products/lanes.h"
#include "kernels/sizes.h"

namespace fk::FK_ISA {

// A copy in so many planes (gemm.h), `apart` pairs from one to the next.
struct Planes {
    int64_t count = 1, apart = 0;
};

#if defined(__AVX512BF16__)

FK_VEC void store(Bf16Pair* to, IVec pairs) { _mm512_storeu_si512(to, pairs.v); }
FK_VEC void store_up_to(Bf16Pair* to, IVec pairs, int64_t n) {
    n >= kLanes ? store(to, pairs) : _mm512_mask_storeu_epi32(to, first_lanes(n).v, pairs.v);
}
// What planes 0 to `plane` - 1 leave of x.
FK_VEC Vec without_planes(Vec x, int64_t plane) {
    for (int64_t i = 0; i < plane; ++i) x = x - as_float(rounded(x) << 16);
    return x;
}
// first[i] and second[i] as pair i of a plane.
FK_VEC IVec to_pairs(Vec first, Vec second, int64_t plane) {
    return to_pairs(without_planes(first, plane), without_planes(second, plane));
}
// Elements 2 i and 2 i + 1 of up to 2 kLanes floats as pair i of a plane.
FK_VEC IVec to_pairs_along(const float* from, int64_t n, int64_t plane) {
    return to_pairs_along(without_planes(load_up_to(from, n), plane),
                          without_planes(load_up_to(from + kLanes, n - kLanes), plane));
}

// Rows of n floats, `row` apart, two at a time: line p has (x[2 p][j], x[2 p + 1][j]) at j, `width` pairs in all with
// zeros after the n-th. A row that is missing at the end counts as zeros.
FK_VEC void pair_rows(const float* from, int64_t row, int64_t k, int64_t n, int64_t width, Bf16Pair* to,
                      Planes planes) {
    for (int64_t p = 0; p < k; p += 2, from += 2 * row, to += width)
        for (int64_t j = 0; j < width; j += kLanes) {
            const Vec first = load_up_to(from + j, n - j);
            const Vec second = p + 1 < k ? load_up_to(from + row + j, n - j) : Vec(0.f);
            for (int64_t i = 0; i < planes.count; ++i) store(to + i * planes.apart + j, to_pairs(first, second, i));
        }
}

// Lines of k contiguous floats, `line` apart, as lines of pairs (x[2 p], x[2 p + 1]).
FK_VEC void pair_lines(const float* from, int64_t line, int64_t lines, int64_t k, Bf16Pair* to, int64_t to_line,
                       Planes planes) {
    for (int64_t i = 0; i < lines; ++i, from += line, to += to_line)
        for (int64_t p = 0; p < k; p += 2 * kLanes)
            for (int64_t plane = 0; plane < planes.count; ++plane)
                store_up_to(to + plane * planes.apart + p / 2, to_pairs_along(from + p, k - p, plane), (k - p + 1) / 2);
}

// Columns of k contiguous floats, `column` apart, as rows of `width` pairs, zeros after the last column.
FK_VEC void pair_columns(const float* from, int64_t column, int64_t k, int64_t columns, int64_t width, Bf16Pair* to,
                         Planes planes) {
    for (int64_t plane = 0; plane < planes.count; ++plane, to += planes.apart)
        for (int64_t j = 0; j < width; j += kLanes)
            for (int64_t p = 0; p < k; p += 2 * kLanes) {
                Vec rows[kLanes];
                for (int r = 0; r < kLanes; ++r)
                    rows[r] = j + r >= columns ? Vec(0.f)
                                               : as_float(to_pairs_along(from + (j + r) * column + p, k - p, plane));
                transpose(rows);
                for (int r = 0; r < kLanes; ++r)
                    if (p + 2 * r < k) store(to + (p / 2 + r) * width + j, as_int(rows[r]));
            }
}

// k rows of n floats, `row` apart, as n lines of pairs (x[2 p][i], x[2 p + 1][i]): the transposed matrix by lines.
FK_VEC void pair_turned(const float* from, int64_t row, int64_t k, int64_t n, Bf16Pair* to, int64_t to_line,
                        Planes planes) {
    for (int64_t plane = 0; plane < planes.count; ++plane, to += planes.apart)
        for (int64_t p = 0; p < k; p += 2 * kLanes)
            for (int64_t i = 0; i < n; i += kLanes) {
                Vec lines[kLanes];
                for (int r = 0; r < kLanes; ++r) {
                    const float* x = from + (p + 2 * r) * row + i;
                    const int64_t left = k - p - 2 * r;
                    lines[r] = as_float(to_pairs(left > 0 ? load_up_to(x, n - i) : Vec(0.f),
                                                 left > 1 ? load_up_to(x + row, n - i) : Vec(0.f), plane));
                }
                transpose(lines);
                for (int r = 0; r < kLanes && i + r < n; ++r)
                    store_up_to(to + (i + r) * to_line + p / 2, as_int(lines[r]), (k - p + 1) / 2);
            }
}

#endif

}  // namespace fk::FK_ISA
