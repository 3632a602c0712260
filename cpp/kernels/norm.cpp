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
    parallel_for(s.outer() * s.channels, grain, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) f(i / s.channels, i % s.channels);
    });
}
// f(block, first row, rows) in parallel.
template <class F>
FK_INLINE void for_each_block(const BatchShape& s, const F& f) {
    parallel_for(s.samples * s.blocks, 1, [&](int64_t begin, int64_t end) {
        for (int64_t block = begin; block < end; ++block) {
            const int64_t first = block % s.blocks * s.rows_per_block, left = s.rows - first;
            f(block, block / s.blocks * s.rows + first, left < s.rows_per_block ? left : s.rows_per_block);
        }
    });
}
template <class F>
FK_INLINE void for_each_block(const LayerShape& s, int64_t rows, const F& f) {
    parallel_for(s.blocks, 1, [&](int64_t begin, int64_t end) {
        for (int64_t block = begin; block < end; ++block) {
            const int64_t first = block * s.rows_per_block, left = rows - first;
            f(block, first, left < s.rows_per_block ? left : s.rows_per_block);
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

// What stands in the two rows of each block of the table, in double: f(first channel, channels, each) and
// each(g), which calls g(first row, second row, elements in the block) for all blocks in order.
template <class T, class F>
FK_VEC void for_each_table_columns(const BatchShape& s, const T* table, const F& f) {
    constexpr int64_t kColumns = 64;
    for (int64_t c = 0; c < s.channels; c += kColumns) {
        const int64_t n = s.channels - c < kColumns ? s.channels - c : kColumns;
        f(c, n, [&](const auto& g) [[gnu::always_inline]] {
            for (int64_t block = 0; block < s.samples * s.blocks; ++block) {
                const int64_t left = s.rows - block % s.blocks * s.rows_per_block;
                const T* row = table + block * 2 * s.channels + c;
                g(row, row + s.channels, double(s.inner) * double(left < s.rows_per_block ? left : s.rows_per_block));
            }
        });
    }
}

template <class T>
FK_VEC void batch_moments(T* mean, T* variance, const T* table, const BatchShape& shape) {
    const BatchShape s = shape;
    const double count = double(s.outer()) * double(s.inner);
    for_each_table_columns(s, table, [&](int64_t first, int64_t n, const auto& each) [[gnu::always_inline]] {
        double total[64] = {}, squares[64] = {};
        each([&](const T* means, const T*, double weight) [[gnu::always_inline]] {
            for (int64_t c = 0; c < n; ++c) total[c] += weight * double(means[c]);
        });
        for (int64_t c = 0; c < n; ++c) total[c] /= count;
        each([&](const T* means, const T* deviations, double weight) [[gnu::always_inline]] {
            for (int64_t c = 0; c < n; ++c) {
                const double d = double(means[c]) - total[c];
                squares[c] += double(deviations[c]) + weight * d * d;
            }
        });
        for (int64_t c = 0; c < n; ++c) mean[first + c] = T(total[c]), variance[first + c] = T(squares[c] / count);
    });
}

// y = scale (x - mean) + offset
template <class T>
FK_VEC void coefficients(const BatchNorm<T>& b, T* scale, T* offset) {
    for (int64_t c = 0; c < b.shape.channels; ++c) {
        scale[c] = T(1) / sqrt(b.variance[c] + b.epsilon) * (b.gamma ? b.gamma[c] : T(1));
        offset[c] = b.beta ? b.beta[c] : T(0);
    }
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
                for_each_vector<T>(channels, [&](int64_t c, auto lanes) [[gnu::always_inline]] {
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
            for_each_vector<T>(s.inner, [&](int64_t i, auto lanes) [[gnu::always_inline]] {
                lanes.store(to + i, min(high, max(low, fma(lanes.load(from + i) - m, a, add))));
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
// Nothing is >= NaN: a relu has no upper end.
template <class T>
FK_VEC T top_of(Clip clip) {
    return T(clip.high < __builtin_inf() ? clip.high : __builtin_nan(""));
}

// Sums of dy and of dy (x - mean) over a block of rows.
template <Gate gate, class T>
FK_VEC void block_products(T* sums, T* products, const BatchNorm<T>& given, const T* scale, const T* beta,
                           int64_t first, int64_t rows) {
    using V = VecOf<T>;
    constexpr int64_t step = lanes_of<V>;
    const BatchNorm<T> n = given;
    const int64_t channels = n.shape.channels;
    const V low{T(n.clip.low)}, top{top_of<T>(n.clip)};
    for_each_columns<T>(channels, [&](int64_t c, auto lanes, auto columns) [[gnu::always_inline]] {
        constexpr int K = decltype(columns)::count;
        V m[K], s[K], b[K], sum[K], product[K];
        for (int k = 0; k < K; ++k) {
            m[k] = lanes.load(n.mean + c + k * step);
            s[k] = lanes.load(scale + c + k * step);
            b[k] = lanes.load(beta + c + k * step);
            sum[k] = product[k] = V(T(0));
        }
        for (int64_t r = first; r < first + rows; ++r)
            for (int k = 0; k < K; ++k) {
                const int64_t at = r * channels + c + k * step;
                const V centered = lanes.load(n.x + at) - m[k];
                const V z = gate == Gate::read ? lanes.load(n.y + at) : fma(centered, s[k], b[k]);
                const V g = let_through<gate>(lanes.load(n.dy + at), z, low, top);
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
FK_VEC void batch_products(T* table, const BatchNorm<T>& b) {
    using V = VecOf<T>;
    const BatchShape s = b.shape;
    const int64_t channels = s.channels;
    const V low{T(b.clip.low)}, top{top_of<T>(b.clip)};
    T *scale = b.room, *offset = scale + channels;
    coefficients(b, scale, offset);
    if (s.inner == 1)
        for_each_block(s, [&](int64_t block, int64_t first, int64_t rows) {
            T* row = table + block * 2 * channels;
            block_products<gate>(row, row + channels, b, scale, offset, first, rows);
        });
    else
        for_each_plane(s, [&](int64_t o, int64_t c) {
            const int64_t at = (o * channels + c) * s.inner;
            const T *from = b.x + at, *g = b.dy + at, *made = b.y + (gate == Gate::read ? at : 0);
            const V m(b.mean[c]), a(scale[c]), add(offset[c]);
            const auto slope = [&](int64_t i, auto lanes) [[gnu::always_inline]] {
                const V z = gate == Gate::read ? lanes.load(made + i) : fma(lanes.load(from + i) - m, a, add);
                return let_through<gate>(lanes.load(g + i), z, low, top);
            };
            T* row = table + o * 2 * channels;
            row[c] = sum_of<T>(s.inner, slope);
            row[channels + c] = sum_of<T>(s.inner, [&](int64_t i, auto lanes) [[gnu::always_inline]] {
                return slope(i, lanes) * (lanes.load(from + i) - m);
            });
        });
}

template <class T>
FK_VEC void batch_slopes(T* dgamma, T* dbeta, const T* table, const BatchNorm<T>& b) {
    for_each_table_columns(b.shape, table, [&](int64_t first, int64_t n, const auto& each) [[gnu::always_inline]] {
        double sum[64] = {}, product[64] = {};
        each([&](const T* sums, const T* products, double) [[gnu::always_inline]] {
            for (int64_t c = 0; c < n; ++c) sum[c] += double(sums[c]), product[c] += double(products[c]);
        });
        for (int64_t c = 0; c < n; ++c) {
            dbeta[first + c] = T(sum[c]);
            dgamma[first + c] = T(product[c]) * (T(1) / sqrt(b.variance[first + c] + b.epsilon));
        }
    });
}

// dx = a dy + slope (x - mean) + shift
template <Gate gate, class T>
FK_VEC void batch_input_grad(T* dx, const T* dgamma, const T* dbeta, double count, const BatchNorm<T>& given) {
    using V = VecOf<T>;
    const BatchNorm<T> b = given;
    const BatchShape s = b.shape;
    const int64_t channels = s.channels;
    const V low{T(b.clip.low)}, top{top_of<T>(b.clip)};
    T *a = b.room, *offset = a + channels, *slope = offset + channels, *shift = slope + channels;
    coefficients(b, a, offset);
    for (int64_t c = 0; c < channels; ++c) {
        const T inverse = T(1) / sqrt(b.variance[c] + b.epsilon);
        slope[c] = -a[c] * inverse * T(dgamma[c] / count);
        shift[c] = -a[c] * T(dbeta[c] / count);
    }
    if (s.inner == 1)
        for_each_block(s, [&](int64_t, int64_t first, int64_t rows) {
            for (int64_t r = first; r < first + rows; ++r) {
                const T *from = b.x + r * channels, *g = b.dy + r * channels;
                const T* made = b.y + (gate == Gate::read ? r * channels : 0);
                T* to = dx + r * channels;
                for_each_vector<T>(channels, [&](int64_t c, auto lanes) [[gnu::always_inline]] {
                    const V centered = lanes.load(from + c) - lanes.load(b.mean + c), scale = lanes.load(a + c);
                    const V z =
                        gate == Gate::read ? lanes.load(made + c) : fma(centered, scale, lanes.load(offset + c));
                    const V d = let_through<gate>(lanes.load(g + c), z, low, top);
                    lanes.store(to + c, fma(scale, d, fma(lanes.load(slope + c), centered, lanes.load(shift + c))));
                });
            }
        });
    else
        for_each_plane(s, [&](int64_t o, int64_t c) {
            const int64_t at = (o * channels + c) * s.inner;
            const T *from = b.x + at, *g = b.dy + at, *made = b.y + (gate == Gate::read ? at : 0);
            T* to = dx + at;
            const V m(b.mean[c]), scale(a[c]), bc(slope[c]), sc(shift[c]), add(offset[c]);
            for_each_vector<T>(s.inner, [&](int64_t i, auto lanes) [[gnu::always_inline]] {
                const V centered = lanes.load(from + i) - m;
                const V z = gate == Gate::read ? lanes.load(made + i) : fma(centered, scale, add);
                lanes.store(to + i,
                            fma(scale, let_through<gate>(lanes.load(g + i), z, low, top), fma(bc, centered, sc)));
            });
        });
}

// run<gate>() for what b says.
template <class T, class F>
FK_VEC void gated(const BatchNorm<T>& b, const F& run) {
    b.clip.low < 0 ? run.template operator()<Gate::none>()
    : b.y          ? run.template operator()<Gate::read>()
                   : run.template operator()<Gate::made>();
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

#define FK_DEFINE(T, type)                                                                                      \
    void batch_sums_##type(T* table, const T* x, const BatchShape& shape) { batch_sums(table, x, shape); }      \
    void batch_moments_##type(T* mean, T* variance, const T* table, const BatchShape& shape) {                  \
        batch_moments(mean, variance, table, shape);                                                            \
    }                                                                                                           \
    void batch_apply_##type(T* y, const BatchNorm<T>& b) { batch_apply(y, b); }                                 \
    void batch_products_##type(T* table, const BatchNorm<T>& b) {                                               \
        gated(b, [&]<Gate gate>() { batch_products<gate>(table, b); });                                         \
    }                                                                                                           \
    void batch_slopes_##type(T* dgamma, T* dbeta, const T* table, const BatchNorm<T>& b) {                      \
        batch_slopes(dgamma, dbeta, table, b);                                                                  \
    }                                                                                                           \
    void batch_input_grad_##type(T* dx, const T* dgamma, const T* dbeta, double count, const BatchNorm<T>& b) { \
        gated(b, [&]<Gate gate>() { batch_input_grad<gate>(dx, dgamma, dbeta, count, b); });                    \
    }                                                                                                           \
    void layer_norm_##type(T* y, T* mean, T* inverse, const T* x, const T* gamma, const T* beta, T epsilon,     \
                           const LayerShape& shape) {                                                           \
        layer_norm(y, mean, inverse, x, gamma, beta, epsilon, shape);                                           \
    }                                                                                                           \
    void layer_norm_grad_##type(T* dx, T* dgamma, T* dbeta, const T* x, const T* gamma, const T* mean,          \
                                const T* inverse, const T* dy, const LayerShape& shape, T* table) {             \
        layer_norm_grad(dx, dgamma, dbeta, x, gamma, mean, inverse, dy, shape, table);                          \
    }
FK_DEFINE(float, f32)
FK_DEFINE(double, f64)
#undef FK_DEFINE

}  // namespace fk::FK_ISA
