// One row times a matrix: the recurrent product of one sample.
#pragma once
#include "kernels/products/lanes.h"
#include "kernels/sizes.h"

namespace fk::FK_ISA {
namespace {

// c (+)= a b + bias for one row: the same chains of multiply-adds as in a tile, several vectors at a time because a
// tile of one row waits for its own two sums.
template <int kVectors, class T>
FK_VEC void row_product(int64_t k, const T* a, const T* b, int64_t b_row, int64_t last, bool accumulate, const T* bias,
                        T* c) {
    using L = Lanes<T>;
    using V = typename L::V;
    const auto at = [&](const T* p, int v) FK_INLINED {
        return v + 1 < kVectors || last == L::count ? L::load(p + v * L::count) : L::load(p + v * L::count, last);
    };
    V sum[kVectors];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) sum[v] = accumulate ? at(c, v) : V(T(0));
    for (int64_t p = 0; p < k; ++p, b += b_row) {
        const V x(a[p]);
#pragma GCC unroll 8
        for (int v = 0; v < kVectors; ++v) sum[v] = fma(x, at(b, v), sum[v]);
    }
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
        if (bias) sum[v] = sum[v] + at(bias, v);
        if (v + 1 < kVectors || last == L::count)
            L::store(c + v * L::count, sum[v]);
        else
            L::store(c + v * L::count, sum[v], last);
    }
}
// The same for all columns, in blocks. They lie in rows of b, or (b_row 0) one block after the other, as pack_blocks
// leaves them. With `back` the last block comes first: a walk to and fro meets in L1 what it read last, where going
// round would always come too late (64 KB of weights, LSTM of 64 units: 118 -> 97 us for 100 steps, together with
// reading in one stream). Blocks of 64 floats by as many rows are half an L1.
template <int kVectors = 64 / kLanes, class T>
FK_VEC void row_times(int64_t k, int64_t n, const T* a, const T* b, int64_t b_row, bool back, bool accumulate,
                      const T* bias, T* c, int64_t begin = 0) {
    constexpr int64_t lanes = Lanes<T>::count, columns = kVectors * lanes;
    const int64_t blocks = kVectors == 1 ? (n - begin + lanes - 1) / lanes : (n - begin) / columns;
    const auto product = [&](int64_t i) FK_INLINED {
        const int64_t j = begin + i * columns, width = least(n - j, columns);
        row_product<kVectors>(k, a, b + (b_row ? j : j * k), b_row ? b_row : width, width - (kVectors - 1) * lanes,
                              accumulate, bias ? bias + j : nullptr, c + j);
    };
    for (int64_t i = 0; !back && i < blocks; ++i) product(i);
    if constexpr (kVectors > 1)
        row_times<kVectors / 2>(k, n, a, b, b_row, back, accumulate, bias, c, begin + blocks * columns);
    for (int64_t i = blocks; back && i > 0; --i) product(i - 1);
}
template <int kVectors = 64 / kLanes, class T>
FK_VEC void pack_blocks(int64_t k, int64_t n, const T* b, int64_t b_row, T* to, int64_t begin = 0) {
    constexpr int64_t columns = kVectors * Lanes<T>::count;
    int64_t j = begin;
    for (; kVectors == 1 ? j < n : j + columns <= n; j += columns)
        for (int64_t p = 0, width = least(n - j, columns); p < k; ++p)
            __builtin_memcpy(to + j * k + p * width, b + p * b_row + j, size_t(width) * sizeof(T));
    if constexpr (kVectors > 1) pack_blocks<kVectors / 2>(k, n, b, b_row, to, j);
}

}  // namespace
}  // namespace fk::FK_ISA
