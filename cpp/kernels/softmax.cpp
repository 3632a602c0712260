#include "kernels/softmax.h"

#include "core/parallel.h"
#include "kernels/rows.h"
#include "simd/math.h"

namespace fk::FK_ISA {
namespace {

// 16,384 exponentials take some 8 us: worth handing to another thread. Whole groups of short rows.
FK_VEC int64_t row_grain(int64_t n) {
    const int64_t grain = n > 0 && n < 16384 ? 16384 / n : 1;
    return grain < kLanes ? grain : grain / kLanes * kLanes;
}

// f(group of rows, its first row) in parallel.
template <class T, class F>
FK_VEC void for_all_rows(int64_t rows, int64_t n, const F& f) {
    parallel_for(rows, row_grain(n), [&](int64_t begin, int64_t end) { for_rows<T>(begin, end, n, f); });
}

template <class Rows, class T>
FK_VEC auto maximum(const Rows& group, const T* x, int64_t n) {
    return group.max(n, [&](int64_t r, int64_t i, auto lanes) FK_INLINED { return lanes.load(x + r * n + i); });
}
// `m` has the largest of each row.
template <class Rows, class T, class PerRow>
FK_VEC auto exp_sum(const Rows& group, const T* x, const PerRow& m, int64_t n) {
    return group.sum(n, [&](int64_t r, int64_t i, auto lanes)
                            FK_INLINED { return exp_negative(lanes.load(x + r * n + i) - VecOf<T>(m[r])); });
}

template <class T>
FK_VEC void softmax(T* y0, const T* x0, int64_t rows, int64_t n) {
    using V = VecOf<T>;
    for_all_rows<T>(rows, n, [&](const auto& group, int64_t first) FK_INLINED {
        const T* x = x0 + first * n;
        T* y = y0 + first * n;
        const auto m = group.spread(maximum(group, x, n));
        const auto sum = group.sum(n, [&](int64_t r, int64_t i, auto lanes) FK_INLINED {
            const V e = exp_negative(lanes.load(x + r * n + i) - V(m[r]));
            lanes.store(y + r * n + i, e);
            return e;
        });
        const auto scale = group.spread(NumberOf<decltype(group)>(T(1)) / sum);
        for_each_vector_of<T>(group, n, [&](int64_t r, int64_t i, auto lanes) FK_INLINED {
            lanes.store(y + r * n + i, lanes.load(y + r * n + i) * V(scale[r]));
        });
    });
}

// dx = y (dy - sum(y dy))
template <class T>
FK_VEC void softmax_grad(T* dx0, const T* y0, const T* dy0, int64_t rows, int64_t n) {
    using V = VecOf<T>;
    for_all_rows<T>(rows, n, [&](const auto& group, int64_t first) FK_INLINED {
        const T *y = y0 + first * n, *dy = dy0 + first * n;
        T* dx = dx0 + first * n;
        const auto dot = group.spread(group.sum(n, [&](int64_t r, int64_t i, auto lanes) FK_INLINED {
            return lanes.load(y + r * n + i) * lanes.load(dy + r * n + i);
        }));
        for_each_vector_of<T>(group, n, [&](int64_t r, int64_t i, auto lanes) FK_INLINED {
            lanes.store(dx + r * n + i, lanes.load(y + r * n + i) * (lanes.load(dy + r * n + i) - V(dot[r])));
        });
    });
}

template <class T>
FK_VEC void log_softmax(T* y0, const T* x0, int64_t rows, int64_t n) {
    using V = VecOf<T>;
    for_all_rows<T>(rows, n, [&](const auto& group, int64_t first) FK_INLINED {
        const T* x = x0 + first * n;
        T* y = y0 + first * n;
        const auto m = group.spread(maximum(group, x, n));
        const auto log_sum = group.spread(log(exp_sum(group, x, m, n)));
        for_each_vector_of<T>(group, n, [&](int64_t r, int64_t i, auto lanes) FK_INLINED {
            lanes.store(y + r * n + i, lanes.load(x + r * n + i) - V(m[r]) - V(log_sum[r]));
        });
    });
}

// dx = dy - exp(y) sum(dy)
template <class T>
FK_VEC void log_softmax_grad(T* dx0, const T* y0, const T* dy0, int64_t rows, int64_t n) {
    using V = VecOf<T>;
    for_all_rows<T>(rows, n, [&](const auto& group, int64_t first) FK_INLINED {
        const T *y = y0 + first * n, *dy = dy0 + first * n;
        T* dx = dx0 + first * n;
        const auto total = group.spread(
            group.sum(n, [&](int64_t r, int64_t i, auto lanes) FK_INLINED { return lanes.load(dy + r * n + i); }));
        for_each_vector_of<T>(group, n, [&](int64_t r, int64_t i, auto lanes) FK_INLINED {
            lanes.store(dx + r * n + i,
                        lanes.load(dy + r * n + i) - exp_negative(lanes.load(y + r * n + i)) * V(total[r]));
        });
    });
}

FK_VEC bool is_class(int32_t label, int64_t n) { return label >= 0 && label < n; }

template <class T>
FK_VEC void sparse_crossentropy(T* loss, T* stats, const int32_t* labels, const T* x0, int64_t rows, int64_t n) {
    for_all_rows<T>(rows, n, [&](const auto& group, int64_t first) FK_INLINED {
        const T* x = x0 + first * n;
        const auto m = group.spread(maximum(group, x, n));
        const auto sum = exp_sum(group, x, m, n);
        const auto log_sum = group.spread(log(sum)), inverse = group.spread(NumberOf<decltype(group)>(T(1)) / sum);
        for (int64_t r = 0; r < group.count; ++r) {
            const int64_t row = first + r;
            stats[row * kSparseStats] = m[r];
            stats[row * kSparseStats + 1] = inverse[r];
            loss[row] = is_class(labels[row], n) ? log_sum[r] - (x[r * n + labels[row]] - m[r]) : T(__builtin_nan(""));
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
    for_all_rows<T>(rows, n, [&](const auto& group, int64_t first) FK_INLINED {
        const T *x = x0 + first * n, *target = target0 + first * n;
        const auto m = group.spread(maximum(group, x, n));
        const auto sum = exp_sum(group, x, m, n);
        const auto log_sum = group.spread(log(sum)), inverse = group.spread(NumberOf<decltype(group)>(T(1)) / sum);
        const auto likelihood = group.spread(group.sum(n, [&](int64_t r, int64_t i, auto lanes) FK_INLINED {
            return lanes.load(target + r * n + i) * (lanes.load(x + r * n + i) - V(m[r]) - V(log_sum[r]));
        }));
        const auto weight = group.spread(
            group.sum(n, [&](int64_t r, int64_t i, auto lanes) FK_INLINED { return lanes.load(target + r * n + i); }));
        for (int64_t r = 0; r < group.count; ++r) {
            T* s = stats + (first + r) * kDenseStats;
            loss[first + r] = -likelihood[r];
            s[0] = m[r], s[1] = inverse[r], s[2] = weight[r];
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
