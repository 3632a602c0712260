#include "kernels/batch_norm.h"

#include "kernels/batch_norm_loops.h"
#include "kernels/norm_statistics.h"

namespace fk::FK_ISA {
namespace {

// Mean of a block and sum of squared deviations from it. One pass over the distances from the block's first row: near
// enough to the mean for the squares not to cancel.
template <class T>
FK_VEC void block_statistics(T* mean, T* squares, const T* x, int64_t rows, int64_t channels) {
    using V = VecOf<T>;
    constexpr int64_t step = lanes_of<V>;
    const V count{T(rows)};
    for_each_columns<T>(channels, [&](int64_t c, auto lanes, auto columns) FK_INLINED {
        constexpr int K = decltype(columns)::count;
        V origin[K], sum[K], square[K];
        for (int k = 0; k < K; ++k) {
            origin[k] = lanes.load(x + c + k * step);
            sum[k] = square[k] = V(T(0));
        }
        for (int64_t r = 1; r < rows; ++r)
            for (int k = 0; k < K; ++k) {
                const V d = lanes.load(x + r * channels + c + k * step) - origin[k];
                sum[k] += d;
                square[k] = fma(d, d, square[k]);
            }
        for (int k = 0; k < K; ++k) {
            const V shift = sum[k] / count;
            lanes.store(mean + c + k * step, origin[k] + shift);
            lanes.store(squares + c + k * step, max(V(T(0)), square[k] - sum[k] * shift));
        }
    });
}

template <class T>
FK_VEC void batch_sums(T* table, const T* x, const BatchShape& shape) {
    const BatchShape s = shape;
    const int64_t channels = s.channels;
    if (s.inner == 1)
        for_each_block(s, [&](int64_t block, int64_t first, int64_t rows) {
            T* row = table + block * 2 * channels;
            block_statistics(row, row + channels, x + first * channels, rows, channels);
        });
    else
        for_each_plane(s, [&](int64_t o, int64_t c) {
            T* row = table + o * 2 * channels;
            plane_statistics(row + c, row + channels + c, x + (o * channels + c) * s.inner, s.inner);
        });
}

template <class T>
FK_VEC void batch_moments(T* mean, T* variance, const T* table, const BatchShape& shape) {
    const BatchShape s = shape;
    const double count = double(s.outer()) * double(s.inner);
    for_each_table_columns(s, table, [&](int64_t first, int64_t n, const auto& each) FK_INLINED {
        double total[64] = {}, squares[64] = {};
        each([&](const T* means, const T*, double weight) FK_INLINED {
            for (int64_t c = 0; c < n; ++c) total[c] += weight * double(means[c]);
        });
        for (int64_t c = 0; c < n; ++c) total[c] /= count;
        each([&](const T* means, const T* deviations, double weight) FK_INLINED {
            for (int64_t c = 0; c < n; ++c) {
                const double d = double(means[c]) - total[c];
                squares[c] += double(deviations[c]) + weight * d * d;
            }
        });
        for (int64_t c = 0; c < n; ++c) mean[first + c] = T(total[c]), variance[first + c] = T(squares[c] / count);
    });
}

template <class T>
FK_VEC void batch_apply(T* y, const BatchNorm<T>& given) {
    using V = VecOf<T>;
    const BatchNorm<T> b = given;
    const BatchShape s = b.shape;
    const int64_t channels = s.channels;
    const V low{T(b.clip.low)}, high{T(b.clip.high)};
    T *scale = b.room, *offset = scale + channels;
    coefficients(b, scale, offset);
    if (s.inner == 1)
        for_each_block(s, [&](int64_t, int64_t first, int64_t rows) {
            for (int64_t r = first; r < first + rows; ++r) {
                const T* from = b.x + r * channels;
                T* to = y + r * channels;
                for_each_vector<T>(channels, [&](int64_t c, auto lanes) FK_INLINED {
                    const V z = fma(lanes.load(from + c) - lanes.load(b.mean + c), lanes.load(scale + c),
                                    lanes.load(offset + c));
                    lanes.store(to + c, min(high, max(low, z)));
                });
            }
        });
    else
        for_each_plane(s, [&](int64_t o, int64_t c) {
            const T* from = b.x + (o * channels + c) * s.inner;
            T* to = y + (o * channels + c) * s.inner;
            const V m(b.mean[c]), a(scale[c]), add(offset[c]);
            for_each_vector<T>(s.inner, [&](int64_t i, auto lanes) FK_INLINED {
                lanes.store(to + i, min(high, max(low, fma(lanes.load(from + i) - m, a, add))));
            });
        });
}

}  // namespace

#define FK_DEFINE(T, type)                                                                                 \
    void batch_sums_##type(T* table, const T* x, const BatchShape& shape) { batch_sums(table, x, shape); } \
    void batch_moments_##type(T* mean, T* variance, const T* table, const BatchShape& shape) {             \
        batch_moments(mean, variance, table, shape);                                                       \
    }                                                                                                      \
    void batch_apply_##type(T* y, const BatchNorm<T>& b) { batch_apply(y, b); }
FK_DEFINE(float, f32)
FK_DEFINE(double, f64)
#undef FK_DEFINE

}  // namespace fk::FK_ISA
