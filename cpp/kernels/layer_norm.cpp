#include "kernels/layer_norm.h"

#include "core/parallel.h"
#include "kernels/rows.h"

namespace fk::FK_ISA {
namespace {

// f(block, first row, rows) in parallel.
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
FK_VEC void layer_norm(T* y0, T* mean, T* inverse, const T* x0, const T* gamma, const T* beta, T epsilon,
                       const LayerShape& shape) {
    using V = VecOf<T>;
    const int64_t n = shape.n;
    const auto normalize = [&](const auto& group, int64_t first) FK_INLINED {
        const T* x = x0 + first * n;
        T* y = y0 + first * n;
        using S = NumberOf<decltype(group)>;
        const auto m =
            group.spread(shape.centered ? group.sum(n, [&](int64_t r, int64_t i, auto lanes)
                                                           FK_INLINED { return lanes.load(x + r * n + i); }) /
                                              S(T(n))
                                        : S(T(0)));
        const S squares = group.sum(n, [&](int64_t r, int64_t i, auto lanes) FK_INLINED {
            const V d = lanes.load(x + r * n + i) - V(m[r]);
            return d * d;
        });
        const auto scale = group.spread(S(T(1)) / sqrt(squares / S(T(n)) + S(epsilon)));
        for (int64_t r = 0; r < group.count; ++r) mean[first + r] = m[r], inverse[first + r] = scale[r];
        for_each_vector_of<T>(group, n, [&](int64_t r, int64_t i, auto lanes) FK_INLINED {
            const V h = (lanes.load(x + r * n + i) - V(m[r])) * V(scale[r]);
            lanes.store(y + r * n + i,
                        fma(h, gamma ? lanes.load(gamma + i) : V(T(1)), beta ? lanes.load(beta + i) : V(T(0))));
        });
    };
    for_each_block(shape, shape.rows,
                   [&](int64_t, int64_t first, int64_t rows) { for_rows<T>(first, first + rows, n, normalize); });
}

// With g = dy gamma and h the normalised row: dx = (g - mean(g) - h mean(g h)) / sqrt(variance + epsilon), where
// mean(g) is left out if rows are not centered.
template <class T>
FK_VEC void layer_norm_grad(T* dx0, T* dgamma, T* dbeta, const T* x0, const T* gamma, const T* mean, const T* inverse,
                            const T* dy0, const LayerShape& shape, T* table) {
    using V = VecOf<T>;
    const int64_t n = shape.n;
    for_each_block(shape, shape.rows, [&](int64_t block, int64_t start, int64_t rows) {
        T *sums = table + block * 2 * n, *products = sums + n;
        for (int64_t i = 0; i < 2 * n; ++i) sums[i] = T(0);
        for_rows<T>(start, start + rows, n, [&](const auto& group, int64_t first) FK_INLINED {
            const T *x = x0 + first * n, *dy = dy0 + first * n, *m = mean + first, *scale = inverse + first;
            T* dx = dx0 + first * n;
            using S = NumberOf<decltype(group)>;
            const auto normalized = [&](int64_t r, int64_t i, auto lanes)
                                        FK_INLINED { return (lanes.load(x + r * n + i) - V(m[r])) * V(scale[r]); };
            const auto gradient = [&](int64_t r, int64_t i, auto lanes) FK_INLINED {
                const V g = lanes.load(dy + r * n + i);
                return gamma ? g * lanes.load(gamma + i) : g;
            };
            const auto a = group.spread(shape.centered ? group.sum(n, gradient) / S(T(n)) : S(T(0)));
            const auto b = group.spread(group.sum(n, [&](int64_t r, int64_t i, auto lanes) FK_INLINED {
                return gradient(r, i, lanes) * normalized(r, i, lanes);
            }) / S(T(n)));
            for_each_vector<T>(n, [&](int64_t i, auto lanes) FK_INLINED {
                V sum = lanes.load(sums + i), product = lanes.load(products + i);
                for (int64_t r = 0; r < group.count; ++r) {
                    const V h = normalized(r, i, lanes), g = lanes.load(dy + r * n + i);
                    lanes.store(dx + r * n + i, (gradient(r, i, lanes) - V(a[r]) - h * V(b[r])) * V(scale[r]));
                    sum += g;
                    product = fma(g, h, product);
                }
                lanes.store(sums + i, sum);
                lanes.store(products + i, product);
            });
        });
    });
    for_each_vector<T>(n, [&](int64_t i, auto lanes) FK_INLINED {
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

#define FK_DEFINE(T, type)                                                                                  \
    void layer_norm_##type(T* y, T* mean, T* inverse, const T* x, const T* gamma, const T* beta, T epsilon, \
                           const LayerShape& shape) {                                                       \
        layer_norm(y, mean, inverse, x, gamma, beta, epsilon, shape);                                       \
    }                                                                                                       \
    void layer_norm_grad_##type(T* dx, T* dgamma, T* dbeta, const T* x, const T* gamma, const T* mean,      \
                                const T* inverse, const T* dy, const LayerShape& shape, T* table) {         \
        layer_norm_grad(dx, dgamma, dbeta, x, gamma, mean, inverse, dy, shape, table);                      \
    }
FK_DEFINE(float, f32)
FK_DEFINE(double, f64)
#undef FK_DEFINE

}  // namespace fk::FK_ISA
