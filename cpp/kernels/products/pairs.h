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
// The first plane of x, rounded to nearest; x keeps what that leaves of it. Ties may go either way: the next plane has
// the difference.
FK_VEC IVec take_plane(Vec& x) {
    const IVec top = (as_int(x) + IVec(0x8000)) & IVec(int32_t(0xffff0000));
    x = x - as_float(top);
    return top;
}
// f(plane, pairs), pair i being (first[i], second[i]).
template <class F>
FK_VEC void each_plane(Vec first, Vec second, int64_t planes, F f) {
    for (int64_t i = 0; i + 1 < planes; ++i) {
        const IVec low = take_plane(first), high = take_plane(second);
        f(i, shift_right(low, 16) | high);
    }
    f(planes - 1, to_pairs(first, second));
}
// Pair i being elements 2 i and 2 i + 1 of the 2 kLanes in (low, high).
template <class F>
FK_VEC void each_plane_along(Vec low, Vec high, int64_t planes, F f) {
    for (int64_t i = 0; i + 1 < planes; ++i) {
        const Vec tops[] = {as_float(take_plane(low)), as_float(take_plane(high))};
        f(i, to_pairs_along(tops[0], tops[1]));
    }
    f(planes - 1, to_pairs_along(low, high));
}

// Rows of n floats, `row` apart, two at a time: line p has (x[2 p][j], x[2 p + 1][j]) at j, `width` pairs in all with
// zeros after the n-th. A row that is missing at the end counts as zeros.
FK_VEC void pair_rows(const float* from, int64_t row, int64_t k, int64_t n, int64_t width, Bf16Pair* to,
                      Planes planes) {
    for (int64_t p = 0; p < k; p += 2, from += 2 * row, to += width)
        for (int64_t j = 0; j < width; j += kLanes) {
            const Vec first = load_up_to(from + j, n - j);
            const Vec second = p + 1 < k ? load_up_to(from + row + j, n - j) : Vec(0.f);
            each_plane(first, second, planes.count,
                       [&](int64_t i, IVec pairs) { store(to + i * planes.apart + j, pairs); });
        }
}

// Lines of k contiguous floats, `line` apart, as lines of pairs (x[2 p], x[2 p + 1]).
FK_VEC void pair_lines(const float* from, int64_t line, int64_t lines, int64_t k, Bf16Pair* to, int64_t to_line,
                       Planes planes) {
    for (int64_t i = 0; i < lines; ++i, from += line, to += to_line)
        for (int64_t p = 0; p < k; p += 2 * kLanes)
            each_plane_along(load_up_to(from + p, k - p), load_up_to(from + p + kLanes, k - p - kLanes), planes.count,
                             [&](int64_t plane, IVec pairs) {
                                 store_up_to(to + plane * planes.apart + p / 2, pairs, (k - p + 1) / 2);
                             });
}

// Sixteen vectors of pairs in so many planes, turned, to `to`: pair r of vector j becomes pair j of line r.
FK_VEC void store_turned(Vec (&lines)[3][kLanes], int64_t count, Bf16Pair* to, int64_t to_line, int64_t n,
                         Planes planes) {
    for (int64_t plane = 0; plane < planes.count; ++plane, to += planes.apart) {
        transpose(lines[plane]);
        for (int r = 0; r < kLanes && r < count; ++r) store_up_to(to + r * to_line, as_int(lines[plane][r]), n);
    }
}

// Columns of k contiguous floats, `column` apart, as rows of `width` pairs, zeros after the last column.
FK_VEC void pair_columns(const float* from, int64_t column, int64_t k, int64_t columns, int64_t width, Bf16Pair* to,
                         Planes planes) {
    Vec rows[3][kLanes];
    for (int64_t j = 0; j < width; j += kLanes)
        for (int64_t p = 0; p < k; p += 2 * kLanes) {
            for (int r = 0; r < kLanes; ++r) {
                const float* x = from + (j + r) * column + p;
                const bool exists = j + r < columns;
                each_plane_along(load_up_to(x, exists ? k - p : 0), load_up_to(x + kLanes, exists ? k - p - kLanes : 0),
                                 planes.count, [&](int64_t plane, IVec pairs) { rows[plane][r] = as_float(pairs); });
            }
            store_turned(rows, (k - p + 1) / 2, to + p / 2 * width + j, width, kLanes, planes);
        }
}

// k rows of n floats, `row` apart, as n lines of pairs (x[2 p][i], x[2 p + 1][i]): the transposed matrix by lines.
FK_VEC void pair_turned(const float* from, int64_t row, int64_t k, int64_t n, Bf16Pair* to, int64_t to_line,
                        Planes planes) {
    Vec lines[3][kLanes];
    for (int64_t p = 0; p < k; p += 2 * kLanes)
        for (int64_t i = 0; i < n; i += kLanes) {
            for (int r = 0; r < kLanes; ++r) {
                const float* x = from + (p + 2 * r) * row + i;
                const int64_t left = k - p - 2 * r;
                each_plane(left > 0 ? load_up_to(x, n - i) : Vec(0.f), left > 1 ? load_up_to(x + row, n - i) : Vec(0.f),
                           planes.count, [&](int64_t plane, IVec pairs) { lines[plane][r] = as_float(pairs); });
            }
            store_turned(lines, n - i, to + i * to_line + p / 2, to_line, (k - p + 1) / 2, planes);
        }
}

#endif

}  // namespace fk::FK_ISA
