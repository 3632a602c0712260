#include "kernels/ctc.h"

#include "kernels/loop.h"
#include "kernels/softmax.h"
#include "simd/math.h"

namespace fk::FK_ISA {
namespace {

template <class T>
constexpr T kNever = T(-__builtin_inf());
template <class T>
constexpr T kLowest = sizeof(T) == sizeof(float) ? T(-__FLT_MAX__) : T(-__DBL_MAX__);

// log(e^a + e^b + e^c). What is subtracted is never -inf, so that nothing but -inf gives -inf.
template <class T>
FK_VEC VecOf<T> log_sum(VecOf<T> a, VecOf<T> b, VecOf<T> c) {
    const VecOf<T> m = max(max(VecOf<T>(kLowest<T>), a), max(b, c));
    return m + log(exp_negative(a - m) + exp_negative(b - m) + exp_negative(c - m));
}

template <class T>
FK_VEC T largest(const T* row, int64_t n) {
    return max(kLowest<T>, row_max(row, n));
}

template <class T>
FK_VEC void gather_emissions(const CtcSample<T>& s, int64_t frame) {
    const T* log_p = s.log_p + frame * s.classes;
    for (int64_t i = 0; i < s.states; ++i) s.emission[i] = s.symbols[i] < 0 ? T(0) : log_p[s.symbols[i]];
}

FK_VEC void softmax_in_place(float* x, int64_t n) { softmax_f32(x, x, 1, n); }
FK_VEC void softmax_in_place(double* x, int64_t n) { softmax_f64(x, x, 1, n); }

template <class T>
FK_VEC void forward(const CtcSample<T>& s, T* loss, T* alpha) {
    using V = VecOf<T>;
    const int64_t n = s.states;
    alpha += kCtcMargin;
    for (int64_t i = -kCtcMargin; i < n; ++i) alpha[i] = i < 0 ? kNever<T> : i == 0 ? T(0) : T(kCtcForbidden);
    double total = 0;  // of what was subtracted from the rows
    for (int64_t frame = 0; frame < s.frames; ++frame) {
        const T *from = alpha, shift = largest(from, n);
        alpha += s.width;
        for (int64_t i = -kCtcMargin; i < 0; ++i) alpha[i] = kNever<T>;
        gather_emissions(s, frame);
        for_each_vector<T>(n, [&](int64_t i, auto lanes) FK_INLINED {
            const V entered = log_sum<T>(lanes.load(from + i), lanes.load(from + i - 1),
                                         lanes.load(from + i - 2) + lanes.load(s.skip + i));
            lanes.store(alpha + i, entered - V(shift) + lanes.load(s.emission + i));
        });
        total += shift;
    }
    // Alignments end with the last label or with the blank after it.
    *loss = T(-(total + hmax(log_sum<T>(V(alpha[n - 1]), V(alpha[n - 2]), V(kNever<T>)))));
}

template <class T>
FK_VEC void backward(const CtcSample<T>& s, T* d_log_p, const T* alpha, T dloss, T* beta, T* occupancy) {
    using V = VecOf<T>;
    const int64_t n = s.states;
    for (int64_t i = 0; i < n + kCtcMargin; ++i) beta[i] = i == n - 1 || i == n - 2 ? T(0) : kNever<T>;
    for (int64_t frame = s.frames - 1; frame >= 0; --frame) {
        // In each frame every alignment is in one of the states, so the factors that rows lack cancel.
        const T* reached = alpha + (frame + 1) * s.width + kCtcMargin;
        for_each_vector<T>(n, [&](int64_t i, auto lanes) FK_INLINED {
            lanes.store(occupancy + i, lanes.load(reached + i) + lanes.load(beta + i));
        });
        softmax_in_place(occupancy, n);
        T* dp = d_log_p + frame * s.classes;
        for (int64_t i = 0; i < n; ++i)
            if (s.symbols[i] >= 0) dp[s.symbols[i]] -= dloss * occupancy[i];

        const V shift(largest(beta, n));
        gather_emissions(s, frame);
        for_each_vector<T>(n, [&](int64_t i, auto lanes) FK_INLINED {
            lanes.store(beta + i, lanes.load(beta + i) - shift + lanes.load(s.emission + i));
        });
        for_each_vector<T>(n, [&](int64_t i, auto lanes) FK_INLINED {
            lanes.store(beta + i, log_sum<T>(lanes.load(beta + i), lanes.load(beta + i + 1),
                                             lanes.load(beta + i + 2) + lanes.load(s.skip + i + 2)));
        });
    }
}

}  // namespace

#define FK_DEFINE(T, type)                                                                                        \
    void ctc_forward_##type(const CtcSample<T>& s, T* loss, T* alpha) { forward(s, loss, alpha); }                \
    void ctc_backward_##type(const CtcSample<T>& s, T* d_log_p, const T* alpha, T dloss, T* beta, T* occupancy) { \
        backward(s, d_log_p, alpha, dloss, beta, occupancy);                                                      \
    }
FK_DEFINE(float, f32)
FK_DEFINE(double, f64)
#undef FK_DEFINE

}  // namespace fk::FK_ISA
