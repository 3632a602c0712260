#include "kernels/norm.h"

#include "core/parallel.h"
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
    for (; c + step <= n; c += step) sweep(c, WholeVector{}, Columns<1>{});
    if (c < n) sweep(c, PartialVector{n - c}, Columns<1>{});
}

// Mean of a block and sum of squared deviations from it. One pass over the distances from the block's first row: near
// enough to the mean for the squares not to cancel.
template <class T>
FK_VEC void block_statistics(T* mean, T* squares, const T* x, int64_t rows, int64_t channels) {
    using V = VecOf<T>;
    constexpr int64_t step = lanes_of<V>;
    const V count{T(rows)};
    for_each_columns<T>(channels, [&](int64_t c, auto lanes, auto columns) [[gnu::always_inline]] {
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
FK_VEC void plane_statistics(T* mean, T* squares, const T* x, int64_t n) {
    using V = VecOf<T>;
    const T m = sum_of<T>(n, [&](int64_t i, auto lanes) [[gnu::always_inline]] { return lanes.load(x + i); }) / T(n);
    *mean = m;
    *squares = sum_of<T>(n, [&](int64_t i, auto lanes) [[gnu::always_inline]] {
        const V d = lanes.load(x + i) - V(m);
        return d * d;
    });
}

// f(row, channel) for planes, in parallel; a chunk is at least 16,384 elements.
template <class F>
FK_INLINE void for_each_plane(const BatchShape& s, const F& f) {
    const int64_t grain = s.inner < 16384 ? 16384 / s.inner : 1;
    parallel_for(s.outer * s.channels, grain, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) f(i / s.channels, i % s.channels);
    });
}
// f(block, first row, rows) in parallel.
template <class Shape, class F>
FK_INLINE void for_each_block(const Shape& s, int64_t rows, const F& f) {
    parallel_for(s.blocks, 1, [&](int64_t begin, int64_t end) {
        for (int64_t block = begin; block < end; ++block) {
            const int64_t first = block * s.rows_per_block, left = rows - first;
            f(block, first, left < s.rows_per_block ? left : s.rows_per_block);
        }
    });
}

template <class T>
FK_VEC void batch_norm(T* y, T* mean, T* variance, const T* x, const T* gamma, const T* beta, T epsilon, Clip clip,
                       const BatchShape& shape, T* table) {
    using V = VecOf<T>;
    const V low{T(clip.low)}, high{T(clip.high)};
    const BatchShape s = shape;
    const int64_t channels = s.channels;
    if (s.inner == 1)
        for_each_block(s, s.outer, [&](int64_t block, int64_t first, int64_t rows) {
            T* row = table + block * 2 * channels;
            block_statistics(row, row + channels, x + first * channels, rows, channels);
        });
    else
        for_each_plane(s, [&](int64_t o, int64_t c) {
            T* row = table + o * 2 * channels;
            plane_statistics(row + c, row + channels + c, x + (o * channels + c) * s.inner, s.inner);
        });

    T *scale = table + s.blocks * 2 * channels, *shift = scale + channels;
    const double count = double(s.outer) * double(s.inner);
    for (int64_t c = 0; c < channels; ++c) {
        double total = 0, squares = 0, left = double(s.outer);
        for (int64_t b = 0; b < s.blocks; ++b, left -= double(s.rows_per_block))
            total += table[b * 2 * channels + c] * double(s.inner) *
                     (left < double(s.rows_per_block) ? left : double(s.rows_per_block));
        const double m = total / count;
        left = double(s.outer);
        for (int64_t b = 0; b < s.blocks; ++b, left -= double(s.rows_per_block)) {
            const double weight = double(s.inner) * (left < double(s.rows_per_block) ? left : double(s.rows_per_block));
            const double d = table[b * 2 * channels + c] - m;
            squares += table[b * 2 * channels + channels + c] + weight * d * d;
        }
        mean[c] = T(m);
        variance[c] = T(squares / count);
        scale[c] = T(1) / sqrt(variance[c] + epsilon) * (gamma ? gamma[c] : T(1));
        shift[c] = beta ? beta[c] : T(0);
    }

    if (s.inner == 1)
        for_each_block(s, s.outer, [&](int64_t, int64_t first, int64_t rows) {
            for (int64_t r = first; r < first + rows; ++r) {
                const T* from = x + r * channels;
                T* to = y + r * channels;
                for_each_vector<T>(channels, [&](int64_t c, auto lanes) [[gnu::always_inline]] {
                    const V z =
                        fma(lanes.load(from + c) - lanes.load(mean + c), lanes.load(scale + c), lanes.load(shift + c));
                    lanes.store(to + c, min(high, max(low, z)));
                });
            }
        });
    else
        for_each_plane(s, [&](int64_t o, int64_t c) {
            const T* from = x + (o * channels + c) * s.inner;
            T* to = y + (o * channels + c) * s.inner;
            const V m(mean[c]), a(scale[c]), b(shift[c]);
            for_each_vector<T>(s.inner, [&](int64_t i, auto lanes) [[gnu::always_inline]] {
                lanes.store(to + i, min(high, max(low, fma(lanes.load(from + i) - m, a, b))));
            });
        });
}

// How the gradient of a relu behind the normalisation knows what it let through: there is none, it reads y, or it makes
// y once more, which costs two operations and no memory.
enum class Gate { none, read, made };
template <Gate gate, class V>
FK_VEC V let_through(V g, V y, V low, V top) {
    return gate == Gate::none ? g : select((y > low) & !(y >= top), g, V(0));
}

// Sums of dy and of dy (x - mean) over a block of rows.
template <Gate gate, class T>
FK_VEC void block_products(T* sums, T* products, const T* x, const T* dy, const T* y, const T* mean, const T* scale,
                           const T* beta, VecOf<T> low, VecOf<T> top, int64_t rows, int64_t channels) {
    using V = VecOf<T>;
    constexpr int64_t step = lanes_of<V>;
    for_each_columns<T>(channels, [&](int64_t c, auto lanes, auto columns) [[gnu::always_inline]] {
        constexpr int K = decltype(columns)::count;
        V m[K], s[K], b[K], sum[K], product[K];
        for (int k = 0; k < K; ++k) {
            m[k] = lanes.load(mean + c + k * step);
            s[k] = lanes.load(scale + c + k * step);
            b[k] = lanes.load(beta + c + k * step);
            sum[k] = product[k] = V(T(0));
        }
        for (int64_t r = 0; r < rows; ++r)
            for (int k = 0; k < K; ++k) {
                const int64_t at = r * channels + c + k * step;
                const V centered = lanes.load(x + at) - m[k];
                const V z = gate == Gate::read ? lanes.load(y + at) : fma(centered, s[k], b[k]);
                const V g = let_through<gate>(lanes.load(dy + at), z, low, top);
                sum[k] += g;
                product[k] = fma(g, centered, product[k]);
            }
        for (int k = 0; k < K; ++k) {
            lanes.store(sums + c + k * step, sum[k]);
            lanes.store(products + c + k * step, product[k]);
        }
    });
}

// With h = (x - mean) / sqrt(variance + epsilon) and N elements per channel:
//   dbeta = sum(dy);  dgamma = sum(dy h);  dx = gamma / sqrt(variance + epsilon) (dy - dbeta / N - h dgamma / N)
template <Gate gate, class T>
FK_VEC void batch_norm_grad(T* dx, T* dgamma, T* dbeta, const T* x, const T* gamma, const T* beta, const T* mean,
                            const T* variance, const T* dy, const T* y, T epsilon, Clip clip, const BatchShape& shape,
                            T* table) {
    using V = VecOf<T>;
    const BatchShape s = shape;
    const int64_t channels = s.channels;
    // Nothing is >= NaN: a relu has no upper end.
    const V low{T(clip.low)}, top{T(clip.high < __builtin_inf() ? clip.high : __builtin_nan(""))};
    // dx = a dy + b (x - mean) + shift;  y = a (x - mean) + offset
    T *a = table + s.blocks * 2 * channels, *b = a + channels, *shift = b + channels, *offset = shift + channels;
    for (int64_t c = 0; c < channels; ++c) {
        a[c] = T(1) / sqrt(variance[c] + epsilon) * (gamma ? gamma[c] : T(1));
        offset[c] = beta ? beta[c] : T(0);
    }
    if (s.inner == 1)
        for_each_block(s, s.outer, [&](int64_t block, int64_t first, int64_t rows) {
            T* row = table + block * 2 * channels;
            const int64_t at = first * channels;
            block_products<gate>(row, row + channels, x + at, dy + at, y + at, mean, a, offset, low, top, rows,
                                 channels);
        });
    else
        for_each_plane(s, [&](int64_t o, int64_t c) {
            const T *from = x + (o * channels + c) * s.inner, *g = dy + (o * channels + c) * s.inner;
            const T* made = y + (o * channels + c) * s.inner;
            const V m(mean[c]), scale(a[c]), add(offset[c]);
            const auto slope = [&](int64_t i, auto lanes) [[gnu::always_inline]] {
                const V z = gate == Gate::read ? lanes.load(made + i) : fma(lanes.load(from + i) - m, scale, add);
                return let_through<gate>(lanes.load(g + i), z, low, top);
            };
            T* row = table + o * 2 * channels;
            row[c] = sum_of<T>(s.inner, slope);
            row[channels + c] = sum_of<T>(s.inner, [&](int64_t i, auto lanes) [[gnu::always_inline]] {
                return slope(i, lanes) * (lanes.load(from + i) - m);
            });
        });

    const double count = double(s.outer) * double(s.inner);
    for (int64_t c = 0; c < channels; ++c) {
        double sum = 0, product = 0;
        for (int64_t k = 0; k < s.blocks; ++k) {
            sum += table[k * 2 * channels + c];
            product += table[k * 2 * channels + channels + c];
        }
        const T inverse = T(1) / sqrt(variance[c] + epsilon);
        dbeta[c] = T(sum);
        dgamma[c] = T(product) * inverse;
        b[c] = -a[c] * inverse * T(dgamma[c] / count);
        shift[c] = -a[c] * T(sum / count);
    }

    if (s.inner == 1)
        for_each_block(s, s.outer, [&](int64_t, int64_t first, int64_t rows) {
            for (int64_t r = first; r < first + rows; ++r) {
                const T *from = x + r * channels, *slope = dy + r * channels, *made = y + r * channels;
                T* to = dx + r * channels;
                for_each_vector<T>(channels, [&](int64_t c, auto lanes) [[gnu::always_inline]] {
                    const V centered = lanes.load(from + c) - lanes.load(mean + c), scale = lanes.load(a + c);
                    const V z =
                        gate == Gate::read ? lanes.load(made + c) : fma(centered, scale, lanes.load(offset + c));
                    const V g = let_through<gate>(lanes.load(slope + c), z, low, top);
                    lanes.store(to + c, fma(scale, g, fma(lanes.load(b + c), centered, lanes.load(shift + c))));
                });
            }
        });
    else
        for_each_plane(s, [&](int64_t o, int64_t c) {
            const T *from = x + (o * channels + c) * s.inner, *slope = dy + (o * channels + c) * s.inner;
            const T* made = y + (o * channels + c) * s.inner;
            T* to = dx + (o * channels + c) * s.inner;
            const V m(mean[c]), scale(a[c]), bc(b[c]), sc(shift[c]), add(offset[c]);
            for_each_vector<T>(s.inner, [&](int64_t i, auto lanes) [[gnu::always_inline]] {
                const V centered = lanes.load(from + i) - m;
                const V z = gate == Gate::read ? lanes.load(made + i) : fma(centered, scale, add);
                lanes.store(to + i,
                            fma(scale, let_through<gate>(lanes.load(slope + i), z, low, top), fma(bc, centered, sc)));
            });
        });
}

template <class T>
FK_VEC void layer_norm(T* y0, T* mean, T* inverse, const T* x0, const T* gamma, const T* beta, T epsilon,
                       const LayerShape& shape) {
    using V = VecOf<T>;
    const int64_t n = shape.n;
    for_each_block(shape, shape.rows, [&](int64_t, int64_t first, int64_t rows) {
        for (int64_t r = first; r < first + rows; ++r) {
            const T* x = x0 + r * n;
            T *y = y0 + r * n, squares;
            plane_statistics(mean + r, &squares, x, n);
            inverse[r] = T(1) / sqrt(squares / T(n) + epsilon);
            const V m(mean[r]), scale(inverse[r]);
            for_each_vector<T>(n, [&](int64_t i, auto lanes) [[gnu::always_inline]] {
                const V h = (lanes.load(x + i) - m) * scale;
                lanes.store(y + i,
                            fma(h, gamma ? lanes.load(gamma + i) : V(T(1)), beta ? lanes.load(beta + i) : V(T(0))));
            });
        }
    });
}

// With g = dy gamma and h the normalised row: dx = (g - mean(g) - h mean(g h)) / sqrt(variance + epsilon)
template <class T>
FK_VEC void layer_norm_grad(T* dx0, T* dgamma, T* dbeta, const T* x0, const T* gamma, const T* mean, const T* inverse,
                            const T* dy0, const LayerShape& shape, T* table) {
    using V = VecOf<T>;
    const int64_t n = shape.n;
    for_each_block(shape, shape.rows, [&](int64_t block, int64_t first, int64_t rows) {
        T *sums = table + block * 2 * n, *products = sums + n;
        for (int64_t i = 0; i < 2 * n; ++i) sums[i] = T(0);
        for (int64_t r = first; r < first + rows; ++r) {
            const T *x = x0 + r * n, *dy = dy0 + r * n;
            T* dx = dx0 + r * n;
            const V m(mean[r]), scale(inverse[r]);
            const auto gradient = [&](int64_t i, auto lanes) [[gnu::always_inline]] {
                const V g = lanes.load(dy + i);
                return gamma ? g * lanes.load(gamma + i) : g;
            };
            const V a(sum_of<T>(n, gradient) / T(n));
            const V b(sum_of<T>(n,
                                [&](int64_t i, auto lanes) [[gnu::always_inline]] {
                                    return gradient(i, lanes) * ((lanes.load(x + i) - m) * scale);
                                }) /
                      T(n));
            for_each_vector<T>(n, [&](int64_t i, auto lanes) [[gnu::always_inline]] {
                const V h = (lanes.load(x + i) - m) * scale, g = lanes.load(dy + i);
                lanes.store(dx + i, (gradient(i, lanes) - a - h * b) * scale);
                lanes.store(sums + i, lanes.load(sums + i) + g);
                lanes.store(products + i, fma(g, h, lanes.load(products + i)));
            });
        }
    });
    for_each_vector<T>(n, [&](int64_t i, auto lanes) [[gnu::always_inline]] {
        V sum(T(0)), product(T(0));
        for (int64_t block = 0; block < shape.blocks; ++block) {
            sum += lanes.load(table + block * 2 * n + i);
            product += lanes.load(table + block * 2 * n + n + i);
        }
        lanes.store(dbeta + i, sum);
        lanes.store(dgamma + i, product);
    });
}

}  // namespace

#define FK_DEFINE(T, type)                                                                                            \
    void batch_norm_##type(T* y, T* mean, T* variance, const T* x, const T* gamma, const T* beta, T epsilon,          \
                           Clip clip, const BatchShape& shape, T* table) {                                            \
        batch_norm(y, mean, variance, x, gamma, beta, epsilon, clip, shape, table);                                   \
    }                                                                                                                 \
    void batch_norm_grad_##type(T* dx, T* dgamma, T* dbeta, const T* x, const T* gamma, const T* beta, const T* mean, \
                                const T* variance, const T* dy, const T* y, T epsilon, Clip clip,                     \
                                const BatchShape& shape, T* table) {                                                  \
        const auto run = [&]<Gate gate>() {                                                                           \
            batch_norm_grad<gate>(dx, dgamma, dbeta, x, gamma, beta, mean, variance, dy, y ? y : dy, epsilon, clip,   \
                                  shape, table);                                                                      \
        };                                                                                                            \
        clip.low < 0 ? run.template operator()<Gate::none>()                                                          \
        : y          ? run.template operator()<Gate::read>()                                                          \
                     : run.template operator()<Gate::made>();                                                         \
    }                                                                                                                 \
    void layer_norm_##type(T* y, T* mean, T* inverse, const T* x, const T* gamma, const T* beta, T epsilon,           \
                           const LayerShape& shape) {                                                                 \
        layer_norm(y, mean, inverse, x, gamma, beta, epsilon, shape);                                                 \
    }                                                                                                                 \
    void layer_norm_grad_##type(T* dx, T* dgamma, T* dbeta, const T* x, const T* gamma, const T* mean,                \
                                const T* inverse, const T* dy, const LayerShape& shape, T* table) {                   \
        layer_norm_grad(dx, dgamma, dbeta, x, gamma, mean, inverse, dy, shape, table);                                \
    }
FK_DEFINE(float, f32)
FK_DEFINE(double, f64)
#undef FK_DEFINE

}  // namespace fk::FK_ISA
