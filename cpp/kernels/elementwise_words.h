// The words of the formulas in elementwise_rows.h that simd/ does not have: integers, truth values, activations.
#pragma once
#include <type_traits>

#include "simd/math.h"

namespace fk::FK_ISA {

template <class T>
concept Integral = std::is_integral_v<T>;  // bool too
template <class T>
concept Floating = !Integral<T>;

#define FK_INT            \
    template <Integral T> \
    FK_VEC
#define FK_FLOAT          \
    template <Floating T> \
    FK_VEC

// Integers wrap around, as in NumPy; the arithmetic is unsigned because signed overflow is undefined.
FK_FLOAT T negate(T a) { return -a; }
FK_INT T negate(T a) { return T(uint64_t(0) - uint64_t(a)); }
FK_FLOAT T plus(T a, T b) { return a + b; }
FK_FLOAT T minus(T a, T b) { return a - b; }
FK_FLOAT T times(T a, T b) { return a * b; }
FK_INT T plus(T a, T b) { return T(uint64_t(a) + uint64_t(b)); }
FK_INT T minus(T a, T b) { return T(uint64_t(a) - uint64_t(b)); }
FK_INT T times(T a, T b) { return T(uint64_t(a) * uint64_t(b)); }

FK_INT T select(bool m, T a, T b) { return m ? a : b; }
FK_INT T max(T a, T b) { return a > b ? a : b; }
FK_INT T min(T a, T b) { return a < b ? a : b; }
FK_INT T max_nan(T a, T b) { return max(a, b); }
FK_INT T min_nan(T a, T b) { return min(a, b); }
FK_INT T abs(T a) { return a < T(0) ? negate(a) : a; }
FK_INT T floor(T a) { return a; }
FK_INT T ceil(T a) { return a; }
FK_INT T trunc(T a) { return a; }
FK_INT T round(T a) { return a; }
FK_INT bool isnan(T) { return false; }
FK_INT bool isinf(T) { return false; }
FK_INT bool isfinite(T) { return true; }
FK_INT T bitwise_not(T a) {
    if constexpr (std::is_same_v<T, bool>)
        return !a;
    else
        return T(~a);
}
FK_INT T left_shift(T a, T b) { return b >= T(0) && uint64_t(b) < 8 * sizeof(T) ? T(uint64_t(a) << b) : T(0); }
FK_INT T right_shift(T a, T b) { return b >= T(0) && uint64_t(b) < 8 * sizeof(T) ? T(a >> b) : T(a < T(0) ? -1 : 0); }

// The sign rule of Python: the quotient is rounded down, the rest has the sign of the divisor. Dividing by zero gives
// zero, as in NumPy; dividing by -1 is apart because the smallest integer has no negative.
FK_INT T floor_divide(T a, T b) {
    if constexpr (std::is_signed_v<T>) {
        if (b == -1) return negate(a);
        if (b == 0) return 0;
        const T q = T(a / b);
        return T(q - ((a % b != 0) & ((a < 0) != (b < 0))));
    } else {
        return b == T(0) ? T(0) : T(a / b);
    }
}
FK_INT T modulo(T a, T b) {
    if constexpr (std::is_signed_v<T>) {
        if (b == 0 || b == -1) return 0;
        const T r = T(a % b);
        return r != 0 && (r < 0) != (b < 0) ? T(r + b) : r;
    } else {
        return b == T(0) ? T(0) : T(a % b);
    }
}
FK_INT T fmod(T a, T b) {
    // The processor refuses the smallest number by -1.
    if constexpr (std::is_signed_v<T>)
        if (b == -1) return 0;
    return b == T(0) ? T(0) : T(a % b);
}
// By squaring; a negative exponent rounds the fraction towards zero.
FK_INT T power(T a, T b) {
    if (b < T(0)) {
        if (a == T(-1)) return b % 2 == 0 ? T(1) : T(-1);
        return T(a == T(1));
    }
    T y = T(1);
    for (uint64_t n = uint64_t(b); n != 0; n >>= 1) {
        if (n & 1) y = times(y, a);
        a = times(a, a);
    }
    return y;
}

FK_FLOAT auto isinf(T a) { return abs(a) == T(__builtin_inf()); }
FK_FLOAT auto isfinite(T a) { return abs(a) < T(__builtin_inf()); }
FK_FLOAT T power(T a, T b) { return pow(a, b); }
FK_FLOAT T modulo(T a, T b) {
    const T r = fmod(a, b);
    return select(r == T(0), copysign(r, b), select((r < T(0)) ^ (b < T(0)), r + b, r));
}
// From the rest, as in NumPy: floor(a / b) is wrong by one where the quotient rounds up to a whole number.
FK_FLOAT T floor_divide(T a, T b) {
    const T r = fmod(a, b);
    const T q = (a - r) / b - select((r != T(0)) & ((r < T(0)) ^ (b < T(0))), T(1), T(0)), whole = floor(q);
    return select(b == T(0), a / b, select(q - whole > T(0.5), whole + T(1), whole));
}

// A truth value as a number.
template <class T>
FK_VEC T truth(bool m) {
    return T(m);
}
template <class T>
    requires(std::is_same_v<T, Vec>)
FK_VEC Vec truth(Mask m) {
    return select(m, Vec(1.f), Vec(0.f));
}

FK_VEC double exp2(double x) { return __builtin_exp2(x); }
FK_VEC Vec exp2(Vec x) {
    const Vec k = round(min(Vec(129.f), max(Vec(-152.f), x)));
    const Vec fraction = select(isnan(x), x, min(Vec(1.f), max(Vec(-1.f), x - k)));
    return times_power_of_two(exp(fraction * Vec(0.693147181f)), k);
}

FK_FLOAT T gelu_erf(T x) { return T(0.5) * x * (T(1) + erf(x * T(0.7071067811865476))); }
FK_FLOAT T gelu_erf_slope(T x) {
    const T density = exp(T(-0.5) * x * x) * T(0.3989422804014327);
    return fma(x, density, T(0.5) + T(0.5) * erf(x * T(0.7071067811865476)));
}
// Of floats by one polynomial and one power of two each, where nothing cancels. With a = |x| and Q(a) the normal
// distribution right of a, gelu is max(0, x) - a Q(a), and log2 Q(a) is nearly a parabola. The slope is s or, right of
// 0, 1 - s, with s = Q(a) - a density(a), e^(-a^2/2) times something smooth. From 6 on both differ from their limits by
// less than 4e-8. Errors: gelu 5e-8 left of 0 and 1.9 ulp right of it, the slope 1.1e-7.
FK_VEC Vec exp2_of_negative(Vec x) {  // for x in [-126, 0]
    const Vec k = round(x), r = x - k;
    const Vec p =
        polynomial(r, 0.693147182f, 0.240226477f, 0.0555033237f, 0.00961843692f, 0.0013398875f, 0.00015353362f);
    return times_normal_power_of_two(fma(r, p, Vec(1.f)), k);
}
FK_VEC Vec gelu_erf(Vec x) {
    const Vec end(6.f), a = abs(x), t = min(end, a);  // NaN passes through
    const Vec q = exp2_of_negative(polynomial(t, -1.f, -1.15110552f, -0.45920977f, -0.0524740107f, 0.00699697947f,
                                              -4.67587597e-05f, -0.000250673562f, 6.44124666e-05f, -7.80146274e-06f,
                                              3.92869509e-07f));
    return fma(-select(a > end, Vec(0.f), t), q, max(Vec(0.f), x));
}
FK_VEC Vec gelu_erf_slope(Vec x) {
    const Vec end(6.f), a = abs(x), t = min(end, a);
    const Vec p = polynomial(t, 0.5f, -0.797884226f, 0.249992698f, -0.132924139f, 0.0622804016f, -0.0260962881f,
                             0.00968593266f, -0.00307195401f, 0.000786684628f, -0.000151732354f, 2.02307747e-05f,
                             -1.63706557e-06f, 5.99619057e-08f);
    const Vec s = select(a > end, Vec(0.f), exp2_of_negative(t * t * Vec(-0.721347520f)) * p);
    return select(x < Vec(0.f), s, Vec(1.f) - s);
}
// 0.5 (1 + tanh(u)) is sigmoid(2 u), and 2 u = x (linear + cubic x^2).
constexpr double kGeluLinear = 1.5957691216057308, kGeluCubic = kGeluLinear * 0.044715;  // 2 sqrt(2 / pi)
FK_FLOAT T gelu_tanh(T x) { return x * sigmoid(x * fma(x * x, T(kGeluCubic), T(kGeluLinear))); }
FK_FLOAT T gelu_tanh_slope(T x) {
    const T s = sigmoid(x * fma(x * x, T(kGeluCubic), T(kGeluLinear)));
    return fma(x * s * (T(1) - s), fma(x * x, T(3 * kGeluCubic), T(kGeluLinear)), s);
}
FK_FLOAT T silu_slope(T x) {
    const T s = sigmoid(x);
    return s * fma(x, T(1) - s, T(1));
}
// tanh(softplus(x)) = w / (w + 2), w = e^x (e^x + 2); from x = 20 on it is 1 in float and in double.
FK_FLOAT T mish(T x) {
    const T e = exp(min(T(20), x)), w = e * (e + T(2));
    return x * (w / (w + T(2)));
}
// Of t = w / (w + 2) the slope is 4 e^x (e^x + 1) / (w + 2)^2.
FK_FLOAT T mish_slope(T x) {
    const T e = exp(min(T(20), x)), w = e * (e + T(2)), share = T(1) / (w + T(2));
    return fma(T(4) * x * share, e * (e + T(1)) * share, w * share);
}

// Giles, "Approximating the erfinv function" (2010), single precision: polynomials in w = -log(1 - x^2).
FK_FLOAT T erfinv_estimate(T x) {
    const T w = -log((T(1) - x) * (T(1) + x));
    const auto horner = [](T v, auto... c) {
        T y = T(0);
        ((y = fma(y, v, T(c))), ...);
        return y;
    };
    const T near = horner(w - T(2.5), 2.81022636e-08f, 3.43273939e-07f, -3.5233877e-06f, -4.39150654e-06f,
                          0.00021858087f, -0.00125372503f, -0.00417768164f, 0.246640727f, 1.50140941f);
    const T far = horner(sqrt(max(T(5), w)) - T(3), -0.000200214257f, 0.000100950558f, 0.00134934322f, -0.00367342844f,
                         0.00573950773f, -0.0076224613f, 0.00943887047f, 1.00167406f, 2.83297682f);
    const T y = select(w < T(5), near, far) * x;
    return select(abs(x) == T(1), x * T(__builtin_inf()), y);
}
FK_VEC Vec erfinv(Vec x) { return erfinv_estimate(x); }
// Two Newton steps take 7 digits past 16; on erfc where erf is close to one and has no digits left.
FK_VEC double erfinv(double x) {
    const double a = abs(x);
    double y = erfinv_estimate(a);
    if (!(a < 1)) return copysign(y, x);
    for (int i = 0; i < 2; ++i) {
        const double miss = a < 0.5 ? a - erf(y) : __builtin_erfc(y) - (1 - a);
        y += miss / (1.1283791670955126 * exp(-y * y));
    }
    return copysign(y, x);
}

#undef FK_INT
#undef FK_FLOAT

// A loop over T goes n at a time: over float in a Vec; over the others one by one, and the compiler makes the vectors.
template <class T>
struct Lanes {
    using V = T;
    static constexpr int64_t n = 1;
};
template <>
struct Lanes<float> {
    using V = Vec;
    static constexpr int64_t n = kLanes;
};
template <class T>
FK_VEC typename Lanes<T>::V get(const T* p) {
    if constexpr (Lanes<T>::n > 1)
        return load(p);
    else
        return *p;
}
template <class T>
FK_VEC typename Lanes<T>::V get_partial(const T* p, int64_t n) {
    if constexpr (Lanes<T>::n > 1)
        return load_partial(p, n);
    else
        return *p;
}
template <class T>
FK_VEC void put(T* p, typename Lanes<T>::V v) {
    if constexpr (Lanes<T>::n > 1)
        store(p, v);
    else
        *p = v;
}
template <class T>
FK_VEC void put_partial(T* p, typename Lanes<T>::V v, int64_t n) {
    if constexpr (Lanes<T>::n > 1)
        store_partial(p, v, n);
    else
        *p = v;
}

}  // namespace fk::FK_ISA
