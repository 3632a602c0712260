#include "kernels/softmax.h"

#include "core/parallel.h"
#include "kernels/loop.h"
#include "simd/math.h"

namespace fk::FK_ISA {
namespace {

// 16,384 exponentials take some 8 us: worth handing to another thread.
FK_VEC int64_t row_grain(int64_t n) { return n > 0 && n < 16384 ? 16384 / n : 1; }

template <class T>
FK_VEC T exp_sum(const T* x, T m, int64_t n) {
    using V = VecOf<T>;
    return sum_of<T>(n, [&](int64_t i, auto lanes) FK_INLINED { return exp_negative(lanes.load(x + i) - V(m)); });
}

template <class T>
FK_VEC void softmax(T* y0, const T* x0, int64_t rows, int64_t n) {
    using V = VecOf<T>;
    parallel_for(rows, row_grain(n), [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
            const T* x = x0 + row * n;
            T* y = y0 + row * n;
            const T m = row_max(x, n);
            const T sum = sum_of<T>(n, [&](int64_t i, auto lanes) FK_INLINED {
                const V e = exp_negative(lanes.load(x + i) - V(m));
                lanes.store(y + i, e);
                return e;
            });
            const V scale(T(1) / sum);
            for_each_vector<T>(
                n, [&](int64_t i, auto lanes) FK_INLINED { lanes.store(y + i, lanes.load(y + i) * scale); });
        }
    });
}

// dx = y (dy - sum(y dy))
template <class T>
FK_VEC void softmax_grad(T* dx0, const T* y0, const T* dy0, int64_t rows, int64_t n) {
    using V = VecOf<T>;
    parallel_for(rows, row_grain(n), [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
            const T *y = y0 + row * n, *dy = dy0 + row * n;
            T* dx = dx0 + row * n;
            const V dot(
                sum_of<T>(n, [&](int64_t i, auto lanes) FK_INLINED { return lanes.load(y + i) * lanes.load(dy + i); }));
            for_each_vector<T>(n, [&](int64_t i, auto lanes) FK_INLINED {
                lanes.store(dx + i, lanes.load(y + i) * (lanes.load(dy + i) - dot));
            });
        }
    });
}

template <class T>
FK_VEC void log_softmax(T* y0, const T* x0, int64_t rows, int64_t n) {
    using V = VecOf<T>;
    parallel_for(rows, row_grain(n), [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
            const T* x = x0 + row * n;
            T* y = y0 + row * n;
            const T m = row_max(x, n);
            const V shift(m), log_sum(log(exp_sum(x, m, n)));
            for_each_vector<T>(
                n, [&](int64_t i, auto lanes) FK_INLINED { lanes.store(y + i, lanes.load(x + i) - shift - log_sum); });
        }
    });
}

// dx = dy - exp(y) sum(dy)
template <class T>
FK_VEC void log_softmax_grad(T* dx0, const T* y0, const T* dy0, int64_t rows, int64_t n) {
    using V = VecOf<T>;
    parallel_for(rows, row_grain(n), [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
            const T *y = y0 + row * n, *dy = dy0 + row * n;
            T* dx = dx0 + row * n;
            const V total(sum_of<T>(n, [&](int64_t i, auto lanes) FK_INLINED { return lanes.load(dy + i); }));
            for_each_vector<T>(n, [&](int64_t i, auto lanes) FK_INLINED {
                lanes.store(dx + i, lanes.load(dy + i) - exp_negative(lanes.load(y + i)) * total);
            });
        }
    });
}

FK_VEC bool is_class(int32_t label, int64_t n) { return label >= 0 && label < n; }

template <class T>
FK_VEC void sparse_crossentropy(T* loss, T* stats, const int32_t* labels, const T* x0, int64_t rows, int64_t n) {
    parallel_for(rows, row_grain(n), [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
            const T* x = x0 + row * n;
            const T m = row_max(x, n), sum = exp_sum(x, m, n);
            stats[row * kSparseStats] = m;
            stats[row * kSparseStats + 1] = T(1) / sum;
            loss[row] = is_class(labels[row], n) ? log(sum) - (x[labels[row]] - m) : T(__builtin_nan(""));
        }
    });
}

// dx = (softmax(x) - onehot(label)) dy; the exponentials are cheaper than storing and loading the probabilities.
template <class T>
FK_VEC void sparse_crossentropy_grad(T* dx0, const int32_t* labels, const T* x0, const T* stats, const T* dy,
                                     int64_t rows, int64_t n) {
    using V = VecOf<T>;
    parallel_for(rows, row_grain(n), [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
            const T* x = x0 + row * n;
            T* dx = dx0 + row * n;
            const bool known = is_class(labels[row], n);
            const V m(stats[row * kSparseStats]);
            const V scale(known ? stats[row * kSparseStats + 1] * dy[row] : T(__builtin_nan("")));
            for_each_vector<T>(n, [&](int64_t i, auto lanes)
                                      FK_INLINED { lanes.store(dx + i, exp_negative(lanes.load(x + i) - m) * scale); });
            if (known) dx[labels[row]] -= dy[row];
        }
    });
}

// loss = -sum(target log_softmax(x))
template <class T>
FK_VEC void crossentropy(T* loss, T* stats, const T* target0, const T* x0, int64_t rows, int64_t n) {
    using V = VecOf<T>;
    parallel_for(rows, row_grain(n), [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
            const T *x = x0 + row * n, *target = target0 + row * n;
            const T m = row_max(x, n), sum = exp_sum(x, m, n);
            const V shift(m), log_sum(log(sum));
            loss[row] = -sum_of<T>(n, [&](int64_t i, auto lanes) FK_INLINED {
                return lanes.load(target + i) * (lanes.load(x + i) - shift - log_sum);
            });
            stats[row * kDenseStats] = m;
            stats[row * kDenseStats + 1] = T(1) / sum;
            stats[row * kDenseStats + 2] =
                sum_of<T>(n, [&](int64_t i, auto lanes) FK_INLINED { return lanes.load(target + i); });
        }
    });
}

// dx = (softmax(x) sum(target) - target) dy
template <class T>
FK_VEC void crossentropy_grad(T* dx0, const T* target0, const T* x0, const T* stats, const T* dy, int64_t rows,
                              int64_t n) {
    using V = VecOf<T>;
    parallel_for(rows, row_grain(n), [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
            const T *x = x0 + row * n, *target = target0 + row * n, *s = stats + row * kDenseStats;
            T* dx = dx0 + row * n;
            const V m(s[0]), scale(s[1] * s[2]), weight(dy[row]);
            for_each_vector<T>(n, [&](int64_t i, auto lanes) FK_INLINED {
                lanes.store(dx + i, (exp_negative(lanes.load(x + i) - m) * scale - lanes.load(target + i)) * weight);
            });
        }
    });
}

}  // namespace

#define FK_DEFINE(T, type)                                                                                           \
    void softmax_##type(T* y, const T* x, int64_t rows, int64_t n) { softmax(y, x, rows, n); }                       \
    void softmax_grad_##type(T* dx, const T* y, const T* dy, int64_t rows, int64_t n) {                              \
        softmax_grad(dx, y, dy, rows, n);                                                                            \
    }                                                                                                                \
    void log_softmax_##type(T* y, const T* x, int64_t rows, int64_t n) { log_softmax(y, x, rows, n); }               \
    void log_softmax_grad_##type(T* dx, const T* y, const T* dy, int64_t rows, int64_t n) {                          \
        log_softmax_grad(dx, y, dy, rows, n);                                                                        \
    }                                                                                                                \
    void sparse_crossentropy_##type(T* loss, T* stats, const int32_t* labels, const T* x, int64_t rows, int64_t n) { \
        sparse_crossentropy(loss, stats, labels, x, rows, n);                                                        \
    }                                                                                                                \
    void sparse_crossentropy_grad_##type(T* dx, const int32_t* labels, const T* x, const T* stats, const T* dy,      \
                                         int64_t rows, int64_t n) {                                                  \
        sparse_crossentropy_grad(dx, labels, x, stats, dy, rows, n);                                                 \
    }                                                                                                                \
    void crossentropy_##type(T* loss, T* stats, const T* target, const T* x, int64_t rows, int64_t n) {              \
        crossentropy(loss, stats, target, x, rows, n);                                                               \
    }                                                                                                                \
    void crossentropy_grad_##type(T* dx, const T* target, const T* x, const T* stats, const T* dy, int64_t rows,     \
                                  int64_t n) {                                                                       \
        crossentropy_grad(dx, target, x, stats, dy, rows, n);                                                        \
    }
FK_DEFINE(float, f32)
FK_DEFINE(double, f64)
#undef FK_DEFINE

}  // namespace fk::FK_ISA
