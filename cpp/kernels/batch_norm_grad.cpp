#include "kernels/batch_norm_loops.h"

namespace fk::FK_ISA {
namespace {

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
    for_each_columns<T>(channels, [&](int64_t c, auto lanes, auto columns) FK_INLINED {
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
            const auto slope = [&](int64_t i, auto lanes) FK_INLINED {
                const V z = gate == Gate::read ? lanes.load(made + i) : fma(lanes.load(from + i) - m, a, add);
                return let_through<gate>(lanes.load(g + i), z, low, top);
            };
            T* row = table + o * 2 * channels;
            row[c] = sum_of<T>(s.inner, slope);
            row[channels + c] = sum_of<T>(s.inner, [&](int64_t i, auto lanes) FK_INLINED {
                return slope(i, lanes) * (lanes.load(from + i) - m);
            });
        });
}

template <class T>
FK_VEC void batch_slopes(T* dgamma, T* dbeta, const T* table, const BatchNorm<T>& b) {
    for_each_table_columns(b.shape, table, [&](int64_t first, int64_t n, const auto& each) FK_INLINED {
        double sum[64] = {}, product[64] = {};
        each([&](const T* sums, const T* products, double) FK_INLINED {
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
                for_each_vector<T>(channels, [&](int64_t c, auto lanes) FK_INLINED {
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
            for_each_vector<T>(s.inner, [&](int64_t i, auto lanes) FK_INLINED {
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

}  // namespace

#define FK_DEFINE(T, type)                                                                                      \
    void batch_products_##type(T* table, const BatchNorm<T>& b) {                                               \
        gated(b, [&]<Gate gate>() { batch_products<gate>(table, b); });                                         \
    }                                                                                                           \
    void batch_slopes_##type(T* dgamma, T* dbeta, const T* table, const BatchNorm<T>& b) {                      \
        batch_slopes(dgamma, dbeta, table, b);                                                                  \
    }                                                                                                           \
    void batch_input_grad_##type(T* dx, const T* dgamma, const T* dbeta, double count, const BatchNorm<T>& b) { \
        gated(b, [&]<Gate gate>() { batch_input_grad<gate>(dx, dgamma, dbeta, count, b); });                    \
    }
FK_DEFINE(float, f32)
FK_DEFINE(double, f64)
#undef FK_DEFINE

}  // namespace fk::FK_ISA
