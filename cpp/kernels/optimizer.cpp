#include "kernels/optimizer.h"

#include "kernels/loop.h"

namespace fk::FK_ISA {
namespace {

// The square root within 1 ulp, by the reciprocal estimate and a third-order step: the divider, which the update
// needs for its division, stays free. Kept away from 0 and infinity, where the step fails: sqrt(0) becomes 1e-19,
// which vanishes beside any epsilon.
FK_VEC Vec moment_sqrt(Vec v) {
    const Vec x = min(Vec(0x1.fffffep127f), max(Vec(0x1p-126f), v));
    const Vec y = rsqrt_estimate(x), s = x * y, e = Vec(1.f) - s * y;
    return fma(s * e, fma(e, Vec(0.375f), Vec(0.5f)), s);
}
FK_VEC double moment_sqrt(double v) { return sqrt(v); }

template <bool amsgrad, class T>
FK_VEC void adam(AdamStep<T> s, int64_t n) {
    using V = VecOf<T>;
    const V alpha(s.alpha), c1(s.one_minus_beta_1), c2(s.one_minus_beta_2), epsilon(s.epsilon);
    for_each_vector<T>(n, [&](int64_t i, auto lanes) FK_INLINED {
        const V g = lanes.load(s.g + i), m0 = lanes.load(s.m0 + i), v0 = lanes.load(s.v0 + i);
        const V m = fma(g - m0, c1, m0), v = fma(g * g - v0, c2, v0);
        lanes.store(s.m + i, m);
        lanes.store(s.v + i, v);
        V second = v;
        if constexpr (amsgrad) {
            second = max_nan(lanes.load(s.vhat0 + i), v);
            lanes.store(s.vhat + i, second);
        }
        lanes.store(s.p + i, lanes.load(s.p0 + i) - m * alpha / (moment_sqrt(second) + epsilon));
    });
}

template <class T>
FK_VEC void sgd(SgdStep<T> s, int64_t n) {
    using V = VecOf<T>;
    const V lr(s.lr), momentum(s.momentum);
    for_each_vector<T>(n, [&](int64_t i, auto lanes) FK_INLINED {
        const V p = lanes.load(s.p0 + i), step = lanes.load(s.g + i) * lr;
        if (!s.m) return lanes.store(s.p + i, p - step);
        const V m = lanes.load(s.m0 + i) * momentum - step;
        lanes.store(s.m + i, m);
        lanes.store(s.p + i, p + (s.nesterov ? m * momentum - step : m));
    });
}

template <class T>
FK_VEC void rmsprop(RmspropStep<T> s, int64_t n) {
    using V = VecOf<T>;
    const V lr(s.lr), rho(s.rho), rest(T(1) - s.rho), momentum(s.momentum), epsilon(s.epsilon);
    for_each_vector<T>(n, [&](int64_t i, auto lanes) FK_INLINED {
        const V g = lanes.load(s.g + i), v = fma(rest * g, g, rho * lanes.load(s.v0 + i));
        lanes.store(s.v + i, v);
        V denominator = v + epsilon;
        if (s.a) {
            const V a = fma(rest, g, rho * lanes.load(s.a0 + i));
            lanes.store(s.a + i, a);
            denominator = v - a * a + epsilon;
        }
        V step = lr * g / sqrt(denominator);
        if (s.m) {
            step = fma(momentum, lanes.load(s.m0 + i), step);
            lanes.store(s.m + i, step);
        }
        lanes.store(s.p + i, lanes.load(s.p0 + i) - step);
    });
}

}  // namespace

void adam_f32(const AdamStep<float>& s, int64_t n) { s.vhat ? adam<true>(s, n) : adam<false>(s, n); }
void adam_f64(const AdamStep<double>& s, int64_t n) { s.vhat ? adam<true>(s, n) : adam<false>(s, n); }
void sgd_f32(const SgdStep<float>& s, int64_t n) { sgd(s, n); }
void sgd_f64(const SgdStep<double>& s, int64_t n) { sgd(s, n); }
void rmsprop_f32(const RmspropStep<float>& s, int64_t n) { rmsprop(s, n); }
void rmsprop_f64(const RmspropStep<double>& s, int64_t n) { rmsprop(s, n); }

}  // namespace fk::FK_ISA
