#include "kernels/layer_norm.h"

#include "core/parallel.h"
#include "kernels/norm_statistics.h"

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
    for_each_block(shape, shape.rows, [&](int64_t, int64_t first, int64_t rows) {
        for (int64_t r = first; r < first + rows; ++r) {
            const T* x = x0 + r * n;
            T *y = y0 + r * n, squares;
            if (shape.centered) {
                plane_statistics(mean + r, &squares, x, n);
            } else {
                mean[r] = T(0);
                squares = sum_of<T>(
                    n, [&](int64_t i, auto lanes) FK_INLINED { return lanes.load(x + i) * lanes.load(x + i); });
            }
            inverse[r] = T(1) / sqrt(squares / T(n) + epsilon);
            const V m(mean[r]), scale(inverse[r]);
            for_each_vector<T>(n, [&](int64_t i, auto lanes) FK_INLINED {
                const V h = (lanes.load(x + i) - m) * scale;
                lanes.store(y + i,
                            fma(h, gamma ? lanes.load(gamma + i) : V(T(1)), beta ? lanes.load(beta + i) : V(T(0))));
            });
        }
    });
}

// With g = dy gamma and h the normalised row: dx = (g - mean(g) - h mean(g h)) / sqrt(variance + epsilon), where
// mean(g) is left out if rows are not centered.
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
            const auto gradient = [&](int64_t i, auto lanes) FK_INLINED {
                const V g = lanes.load(dy + i);
                return gamma ? g * lanes.load(gamma + i) : g;
            };
            const V a(shape.centered ? sum_of<T>(n, gradient) / T(n) : T(0));
            const V b(sum_of<T>(n, [&](int64_t i, auto lanes)
                                       FK_INLINED { return gradient(i, lanes) * ((lanes.load(x + i) - m) * scale); }) /
                      T(n));
            for_each_vector<T>(n, [&](int64_t i, auto lanes) FK_INLINED {
                const V h = (lanes.load(x + i) - m) * scale, g = lanes.load(dy + i);
                lanes.store(dx + i, (gradient(i, lanes) - a - h * b) * scale);
                lanes.store(sums + i, lanes.load(sums + i) + g);
                lanes.store(products + i, fma(g, h, lanes.load(products + i)));
            });
        }
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
