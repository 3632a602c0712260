// What batch and group normalisation share: loops over channels, blocks, planes and the table of sums.
#pragma once
#include "core/parallel.h"
#include "kernels/batch_norm.h"
#include "kernels/loop.h"

namespace fk::FK_ISA {
namespace {

// A part of a row kept in registers: sweep(c, lanes, Columns<K>) for every group of K vectors of the n channels.
template <int K>
struct Columns {
    static constexpr int count = K;
};
template <class T, class F>
FK_VEC void for_each_columns(int64_t n, const F& sweep) {
    constexpr int64_t step = lanes_of<VecOf<T>>;
    int64_t c = 0;
    for (; c + 4 * step <= n; c += 4 * step) sweep(c, WholeVector{}, Columns<4>{});
    for (; c + 2 * step <= n; c += 2 * step) sweep(c, WholeVector{}, Columns<2>{});
    for (; c + step <= n; c += step) sweep(c, WholeVector{}, Columns<1>{});
    if (c < n) sweep(c, PartialVector{n - c}, Columns<1>{});
}

// f(row, channel) for planes, in parallel; a chunk is at least 16,384 elements.
template <class F>
FK_INLINE void for_each_plane(const BatchShape& s, const F& f) {
    const int64_t grain = s.inner < 16384 ? 16384 / s.inner : 1;
    parallel_for(s.outer() * s.channels, grain, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) f(i / s.channels, i % s.channels);
    });
}
// f(block, first row, rows) in parallel; small blocks, of small samples, several at a time.
template <class F>
FK_INLINE void for_each_block(const BatchShape& s, const F& f) {
    parallel_for(s.samples * s.blocks, 1 + 8192 / (1 + s.rows_per_block * s.channels), [&](int64_t begin, int64_t end) {
        for (int64_t block = begin; block < end; ++block) {
            const int64_t first = block % s.blocks * s.rows_per_block, left = s.rows - first;
            f(block, block / s.blocks * s.rows + first, left < s.rows_per_block ? left : s.rows_per_block);
        }
    });
}

// What stands in the two rows of each block of the table, in double: f(first channel, channels, each) and
// each(g), which calls g(first row, second row, elements in the block) for all blocks in order.
template <class T, class F>
FK_VEC void for_each_table_columns(const BatchShape& s, const T* table, const F& f) {
    constexpr int64_t kColumns = 64;
    for (int64_t c = 0; c < s.channels; c += kColumns) {
        const int64_t n = s.channels - c < kColumns ? s.channels - c : kColumns;
        f(c, n, [&](const auto& g) FK_INLINED {
            for (int64_t block = 0; block < s.samples * s.blocks; ++block) {
                const int64_t left = s.rows - block % s.blocks * s.rows_per_block;
                const T* row = table + block * 2 * s.channels + c;
                g(row, row + s.channels, double(s.inner) * double(left < s.rows_per_block ? left : s.rows_per_block));
            }
        });
    }
}

// y = scale (x - mean) + offset
template <class T>
FK_VEC void coefficients(const BatchNorm<T>& b, T* scale, T* offset) {
    for (int64_t c = 0; c < b.shape.channels; ++c) {
        scale[c] = T(1) / sqrt(b.variance[c] + b.epsilon) * (b.gamma ? b.gamma[c] : T(1));
        offset[c] = b.beta ? b.beta[c] : T(0);
    }
}

}  // namespace
}  // namespace fk::FK_ISA
