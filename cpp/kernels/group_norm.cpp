#include "kernels/group_norm.h"

#include "kernels/batch_norm_loops.h"

namespace fk::FK_ISA {
namespace {

// f(sample, first channel of a group, channels of a group), samples in parallel.
template <class F>
FK_INLINE void for_each_group(const BatchShape& s, int64_t groups, const F& f) {
    const int64_t size = s.channels / groups;
    parallel_for(s.samples, 1 + 2048 / (1 + s.blocks * s.channels), [&](int64_t begin, int64_t end) {
        for (int64_t sample = begin; sample < end; ++sample)
            for (int64_t first = 0; first < s.channels; first += size) f(sample, first, size);
    });
}

// each(first row + first, second row + first, elements per channel) for the blocks of a sample in order.
template <class T, class F>
FK_VEC void for_each_row_pair(const BatchShape& s, const T* table, int64_t sample, int64_t first, const F& each) {
    for (int64_t block = 0; block < s.blocks; ++block) {
        const int64_t left = s.rows - block * s.rows_per_block;
        const T* row = table + (sample * s.blocks + block) * 2 * s.channels + first;
        each(row, row + s.channels, double(left < s.rows_per_block ? left : s.rows_per_block));
    }
}

template <class T>
FK_VEC void group_moments(T* statistics, const T* table, T epsilon, int64_t groups, const BatchShape& shape) {
    const BatchShape s = shape;
    for_each_group(s, groups, [&](int64_t sample, int64_t first, int64_t size) {
        const double count = double(s.rows) * double(size);
        double mean = 0, squares = 0;
        for_each_row_pair(s, table, sample, first, [&](const T* means, const T*, double weight) FK_INLINED {
            for (int64_t c = 0; c < size; ++c) mean += weight * double(means[c]);
        });
        mean /= count;
        for_each_row_pair(s, table, sample, first, [&](const T* means, const T* deviations, double weight) FK_INLINED {
            for (int64_t c = 0; c < size; ++c) {
                const double d = double(means[c]) - mean;
                squares += double(deviations[c]) + weight * d * d;
            }
        });
        T* of_group = statistics + sample * 2 * s.channels + first;
        const T inverse = T(1) / sqrt(T(squares / count) + epsilon);
        for (int64_t c = 0; c < size; ++c) of_group[c] = T(mean), of_group[s.channels + c] = inverse;
    });
}

template <class T>
FK_VEC void group_apply(T* y, const GroupNorm<T>& given) {
    using V = VecOf<T>;
    constexpr int64_t step = lanes_of<V>;
    const GroupNorm<T> g = given;
    const int64_t channels = g.shape.channels;
    for_each_block(g.shape, [&](int64_t block, int64_t first, int64_t rows) {
        const T *mean = g.statistics + block / g.shape.blocks * 2 * channels, *inverse = mean + channels;
        for_each_columns<T>(channels, [&](int64_t c, auto lanes, auto columns) FK_INLINED {
            constexpr int K = decltype(columns)::count;
            V m[K], a[K], b[K];
            for (int k = 0; k < K; ++k) {
                const int64_t at = c + k * step;
                m[k] = lanes.load(mean + at), a[k] = lanes.load(inverse + at);
                if (g.gamma) a[k] *= lanes.load(g.gamma + at);
                b[k] = g.beta ? lanes.load(g.beta + at) : V(T(0));
            }
            for (int64_t r = first; r < first + rows; ++r)
                for (int k = 0; k < K; ++k) {
                    const int64_t at = r * channels + c + k * step;
                    lanes.store(y + at, fma(lanes.load(g.x + at) - m[k], a[k], b[k]));
                }
        });
    });
}

template <class T>
FK_VEC void group_products(T* table, const GroupNorm<T>& given) {
    using V = VecOf<T>;
    constexpr int64_t step = lanes_of<V>;
    const GroupNorm<T> g = given;
    const int64_t channels = g.shape.channels;
    for_each_block(g.shape, [&](int64_t block, int64_t first, int64_t rows) {
        const T *mean = g.statistics + block / g.shape.blocks * 2 * channels, *inverse = mean + channels;
        T *sums = table + block * 2 * channels, *products = sums + channels;
        for_each_columns<T>(channels, [&](int64_t c, auto lanes, auto columns) FK_INLINED {
            constexpr int K = decltype(columns)::count;
            V m[K], sum[K], product[K];
            for (int k = 0; k < K; ++k) m[k] = lanes.load(mean + c + k * step), sum[k] = product[k] = V(T(0));
            for (int64_t r = first; r < first + rows; ++r)
                for (int k = 0; k < K; ++k) {
                    const int64_t at = r * channels + c + k * step;
                    const V d = lanes.load(g.dy + at);
                    sum[k] += d;
                    product[k] = fma(d, lanes.load(g.x + at) - m[k], product[k]);
                }
            for (int k = 0; k < K; ++k) {
                const int64_t at = c + k * step;
                lanes.store(sums + at, sum[k]);
                lanes.store(products + at, product[k] * lanes.load(inverse + at));
            }
        });
    });
}

// dbeta = sum(dy);  dgamma = sum(dy h)
template <class T>
FK_VEC void group_slopes(T* dgamma, T* dbeta, const T* table, const BatchShape& shape) {
    for_each_table_columns(shape, table, [&](int64_t first, int64_t n, const auto& each) FK_INLINED {
        double sum[64] = {}, product[64] = {};
        each([&](const T* sums, const T* products, double) FK_INLINED {
            for (int64_t c = 0; c < n; ++c) sum[c] += double(sums[c]), product[c] += double(products[c]);
        });
        for (int64_t c = 0; c < n; ++c) dbeta[first + c] = T(sum[c]), dgamma[first + c] = T(product[c]);
    });
}

// With <> the mean over a group, r = 1 / sqrt(variance + epsilon) and h = (x - mean) r:
//   dx = r (gamma dy - <gamma dy> - h <gamma dy h>) = r gamma dy + slope (x - mean) + shift
template <class T>
FK_VEC void group_input_grad(T* dx, const T* table, T* room, const GroupNorm<T>& given) {
    using V = VecOf<T>;
    constexpr int64_t step = lanes_of<V>;
    const GroupNorm<T> g = given;
    const BatchShape s = g.shape;
    const int64_t channels = s.channels;
    for_each_group(s, g.groups, [&](int64_t sample, int64_t first, int64_t size) {
        const double count = double(s.rows) * double(size);
        double sum = 0, product = 0;
        for_each_row_pair(s, table, sample, first, [&](const T* sums, const T* products, double) FK_INLINED {
            for (int64_t c = 0; c < size; ++c) {
                const double weight = g.gamma ? double(g.gamma[first + c]) : 1.0;
                sum += weight * double(sums[c]), product += weight * double(products[c]);
            }
        });
        T* slope = room + sample * 2 * channels + first;
        const T inverse = g.statistics[(sample * 2 + 1) * channels + first];
        const T of_x = -inverse * inverse * T(product / count), shift = -inverse * T(sum / count);
        for (int64_t c = 0; c < size; ++c) slope[c] = of_x, slope[channels + c] = shift;
    });
    for_each_block(s, [&](int64_t block, int64_t first, int64_t rows) {
        const int64_t of_sample = block / s.blocks * 2 * channels;
        const T *mean = g.statistics + of_sample, *inverse = mean + channels;
        const T *slope = room + of_sample, *shift = slope + channels;
        for_each_columns<T>(channels, [&](int64_t c, auto lanes, auto columns) FK_INLINED {
            constexpr int K = decltype(columns)::count;
            V m[K], a[K], b[K], add[K];
            for (int k = 0; k < K; ++k) {
                const int64_t at = c + k * step;
                m[k] = lanes.load(mean + at), a[k] = lanes.load(inverse + at);
                if (g.gamma) a[k] *= lanes.load(g.gamma + at);
                b[k] = lanes.load(slope + at), add[k] = lanes.load(shift + at);
            }
            for (int64_t r = first; r < first + rows; ++r)
                for (int k = 0; k < K; ++k) {
                    const int64_t at = r * channels + c + k * step;
                    const V of_x = fma(b[k], lanes.load(g.x + at) - m[k], add[k]);
                    lanes.store(dx + at, fma(a[k], lanes.load(g.dy + at), of_x));
                }
        });
    });
}

}  // namespace

#define FK_DEFINE(T, type)                                                                                         \
    void group_moments_##type(T* statistics, const T* table, T epsilon, int64_t groups, const BatchShape& shape) { \
        group_moments(statistics, table, epsilon, groups, shape);                                                  \
    }                                                                                                              \
    void group_apply_##type(T* y, const GroupNorm<T>& g) { group_apply(y, g); }                                    \
    void group_products_##type(T* table, const GroupNorm<T>& g) { group_products(table, g); }                      \
    void group_slopes_##type(T* dgamma, T* dbeta, const T* table, const BatchShape& shape) {                       \
        group_slopes(dgamma, dbeta, table, shape);                                                                 \
    }                                                                                                              \
    void group_input_grad_##type(T* dx, const T* table, T* room, const GroupNorm<T>& g) {                          \
        group_input_grad(dx, table, room, g);                                                                      \
    }
FK_DEFINE(float, f32)
FK_DEFINE(double, f64)
#undef FK_DEFINE

}  // namespace fk::FK_ISA
