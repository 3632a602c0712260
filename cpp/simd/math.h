// Elementary functions, written once on the vocabulary of vec.h. Vec: within 2.3 ulp of the true value (sin and cos
// near multiples of pi 4.4, portable 9.4), right at 0, -0, inf, NaN, overflow and (unless the CPU flushes them)
// denormals. float and double: libm.
//
//   exp expm1 log log2 log10 log1p tanh sigmoid erf sin cos atan atan2 fmod    vector formulas
//   pow tan asin acos sinh cosh asinh acosh atanh cbrt                         libm, lane by lane
//
// Polynomials are minimax fits (Lawson iteration in double precision, coefficients then rounded to float).
#pragma once
#include "simd/vec.h"

namespace fk::FK_ISA {

FK_VEC Vec polynomial(Vec, float c) { return c; }
// c0 + c1 x + c2 x^2 + ...
template <class... Rest>
FK_VEC Vec polynomial(Vec x, float c0, Rest... rest) {
    return fma(polynomial(x, rest...), x, Vec(c0));
}

// x = k ln2 + r with |r| <= ln2 / 2; ln2 in two parts, the first short enough for k * part to be exact.
FK_VEC Vec reduce_by_ln2(Vec x, Vec k) { return fma(k, Vec(2.12194440e-4f), fma(k, Vec(-0.693359375f), x)); }

FK_VEC Vec exp(Vec x) {
    x = min(Vec(89.f), max(Vec(-104.f), x));  // beyond: inf and 0, from the scaling below. NaN passes through.
    const Vec k = round(x * Vec(1.44269504f)), r = reduce_by_ln2(x, k);
    const Vec p = polynomial(r, 0.49999994f, 0.166665196f, 0.0416683927f, 0.00836878084f, 0.00138144661f);
    return times_power_of_two(fma(r * r, p, r) + Vec(1.f), k);
}

// exp for x <= 0. Below -87.3 the result would be denormal and is 0, so one scaling does where exp needs two.
FK_VEC Vec exp_negative(Vec x) {
    const Vec c = max(Vec(-87.3f), x), k = round(c * Vec(1.44269504f)), r = reduce_by_ln2(c, k);
    const Vec p = polynomial(r, 0.49999994f, 0.166665196f, 0.0416683927f, 0.00836878084f, 0.00138144661f);
    const Vec e = times_normal_power_of_two(fma(r * r, p, r) + Vec(1.f), k);
    return select(x < Vec(-87.3f), Vec(0.f), e);
}

// 2^x for x <= 0, cheaper than the above, as x needs no reduction. Below -126 it is 0.
FK_VEC Vec exp2_negative(Vec x) {
    const Vec c = max(Vec(-126.f), x), k = round(c), r = c - k;
    const Vec p =
        polynomial(r, 1.f, 0.693147182f, 0.240226477f, 0.0555033237f, 0.00961843692f, 0.0013398875f, 0.00015353362f);
    return select(x < Vec(-126.f), Vec(0.f), times_normal_power_of_two(p, k));
}

FK_VEC Vec expm1(Vec x) {
    const Vec c = min(Vec(89.f), max(Vec(-20.f), x));  // below: -1 in float
    const Vec k = round(c * Vec(1.44269504f)), r = reduce_by_ln2(c, k);
    const Vec p = polynomial(r, 0.5f, 0.166666657f, 0.0416663587f, 0.00833338965f, 0.00139407208f, 0.000198458845f);
    const Vec e = fma(r * r, p, r);                                      // e^r - 1
    const Vec half = times_normal_power_of_two(Vec(1.f), k - Vec(1.f));  // 2^128 is not a float
    const Vec y = fma(half, e, half - Vec(0.5f));                        // (2^k e^r - 1) / 2
    return select(k == Vec(0.f), select(x == Vec(0.f), x, e), y + y);    // keeps -0 and the low bits of small x
}

// x = (1 + f) 2^e, log(1 + f) = f + low.
struct LogParts {
    Vec e, f, low;
};
FK_VEC LogParts log_parts(Vec x) {
    const Mask tiny = x < Vec(0x1p-126f);
    const IVec bits = as_int(select(tiny, x * Vec(0x1p23f), x));
    // The exponent steps at sqrt(1/2), so that 1 + f is in [sqrt(1/2), sqrt(2)).
    const IVec shifted = bits - IVec(0x3f3504f3);
    const Vec e = to_float(shifted >> 23) - select(tiny, Vec(23.f), Vec(0.f));
    const Vec f = as_float((shifted & IVec(0x007fffff)) + IVec(0x3f3504f3)) - Vec(1.f);
    const Vec q = polynomial(f, 0.333333135f, -0.250000089f, 0.200021192f, -0.166679963f, 0.142195508f, -0.124055922f,
                             0.118881777f, -0.116756387f, 0.0674659163f);
    const Vec ff = f * f;
    return {e, f, fma(f * ff, q, Vec(-0.5f) * ff)};
}
FK_VEC Vec where_log_is_finite(Vec x, Vec y) {
    y = select(x < Vec(__builtin_inff()), y, x);  // inf and NaN
    y = select(x == Vec(0.f), Vec(-__builtin_inff()), y);
    return select(x < Vec(0.f), Vec(__builtin_nanf("")), y);
}
// The two parts added with the small one first.
FK_VEC Vec log(Vec x) {
    const LogParts p = log_parts(x);
    const Vec low = fma(p.e, Vec(-2.12194440e-4f), p.low);
    return where_log_is_finite(x, fma(p.e, Vec(0.693359375f), p.f + low));
}
// f + low times log2(e) or log10(e), of which the first has few digits: with those of f, cut as well, it is exact.
FK_VEC Vec log_of_base(Vec x, float high, float rest, float high_of_2, float rest_of_2) {
    const LogParts p = log_parts(x);
    const Vec f = as_float(as_int(p.f) & IVec(int32_t(0xfffff000))), low = (p.f - f) + p.low;
    const Vec small = fma(low, Vec(high), fma(f + low, Vec(rest), p.e * Vec(rest_of_2)));
    return where_log_is_finite(x, fma(p.e, Vec(high_of_2), fma(f, Vec(high), small)));
}
FK_VEC Vec log2(Vec x) { return log_of_base(x, 1.44238281f, 3.12229304e-4f, 1.f, 0.f); }
FK_VEC Vec log10(Vec x) { return log_of_base(x, 0.434082031f, 2.12450672e-4f, 0.300781250f, 2.48745663e-4f); }

// log of the rounded 1 + x, plus the first-order effect of that rounding.
FK_VEC Vec log1p(Vec x) {
    const Vec u = x + Vec(1.f), lost = select(x > Vec(1.f), Vec(1.f) - (u - x), x - (u - Vec(1.f)));
    const Vec y = log(u) + lost / u;
    return select((u == Vec(1.f)) | (x == Vec(__builtin_inff())), x, select(u == Vec(0.f), log(u), y));
}

// t / (t + 2) with t = e^{2|x|} - 1; from |x| = 10 on the float is 1.
FK_VEC Vec tanh(Vec x) {
    const Vec t = expm1(min(Vec(20.f), abs(x) + abs(x)));
    return copysign(t / (t + Vec(2.f)), x);
}

FK_VEC Vec sigmoid(Vec x) { return Vec(1.f) / (Vec(1.f) + exp(-x)); }

// Below 1: x times a polynomial in x^2. Above: 1 - erfc, whose logarithm is nearly a parabola.
FK_VEC Vec erf(Vec x) {
    const Vec a = min(Vec(3.95f), abs(x));  // from 3.92 on the float is 1; NaN passes through
    const Vec small = polynomial(x * x, 0.128379107f, -0.37612626f, 0.112835854f, -0.026853811f, 0.00518832728f,
                                 -0.000801019138f, 7.85385419e-05f);
    const Vec large = polynomial(a, -0.00034152274f, -1.12708914f, -0.638144851f, -0.103106759f, 0.0218380652f,
                                 -0.00294765853f, 0.000186379228f);
    return select(abs(x) < Vec(1.f), fma(x, small, x), copysign(Vec(1.f) - exp(large), x));
}

// sin(r) or cos(r) for |r| <= pi/4 by quadrant, r = x - q pi/2 with pi/2 in three parts, exact for |q| < 2^13; larger
// arguments are rare and go to libm.
template <class Libm>
FK_VEC Vec sine_of_quadrant(Vec x, int quadrant, Libm libm) {
    const Vec q = round(x * Vec(0.636619772f));
    Vec r = fma(q, Vec(-1.5703125f), x);
    r = fma(q, Vec(-4.837512969970703125e-4f), r);
    r = fma(q, Vec(-7.54978995489188e-8f), r);
    const Vec u = r * r;
    const Vec s = fma(r * u, polynomial(u, -0.166666552f, 0.00833215564f, -0.000195146305f), r);
    const Vec c =
        fma(u * u, polynomial(u, 0.0416666456f, -0.00138873095f, 2.44324128e-05f), fma(u, Vec(-0.5f), Vec(1.f)));
    const IVec n = to_int(q) + IVec(quadrant);
    const Vec y = select((n & IVec(1)) == IVec(1), c, s);
    const Vec signed_y = as_float(as_int(y) ^ ((n & IVec(2)) << 30));
    const Mask small = abs(x) < Vec(8192.f);
    return all(small) ? signed_y : select(small, signed_y, lanewise(libm, x));
}
FK_VEC Vec sin(Vec x) {
    const Vec y = sine_of_quadrant(x, 0, [](float v) { return __builtin_sinf(v); });
    return select(x == Vec(0.f), x, y);
}
FK_VEC Vec cos(Vec x) {
    return sine_of_quadrant(x, 1, [](float v) { return __builtin_cosf(v); });
}

// atan(t) for |t| <= tan(pi / 8).
FK_VEC Vec small_atan(Vec t) {
    const Vec u = t * t;
    return fma(t * u, polynomial(u, -0.333333164f, 0.1999847f, -0.142435104f, 0.105936334f, -0.0607774183f), t);
}
constexpr float kHalfPi = 1.57079637f, kHalfPiRest = -4.37113883e-8f, kEighthOfTurn = 0.414213568f;  // tan(pi / 8)

// Where |x| is larger, moved by pi / 4, tan(a - pi / 4) = (tan a - 1) / (tan a + 1), or by pi / 2, -1 / tan a.
FK_VEC Vec atan(Vec x) {
    const Vec a = abs(x), one(1.f);
    const Mask high = a > Vec(2.41421366f), middle = a > Vec(kEighthOfTurn);
    const Vec t = select(high, -one, select(middle, a - one, a)) / select(high, a, select(middle, a + one, one));
    const Vec turns = select(high, one, select(middle, Vec(0.5f), Vec(0.f)));  // in pi / 2
    const Vec y = fma(turns, Vec(kHalfPi), fma(turns, Vec(kHalfPiRest), small_atan(t)));
    return copysign(select(isnan(x), x, y), x);
}

// atan of the smaller over the larger, then by octant.
FK_VEC Vec atan2(Vec y, Vec x) {
    const Vec a = abs(y), b = abs(x), zero(0.f), infinite(__builtin_inff());
    const Mask steep = a > b;
    Vec high = select(steep, a, b), low = select(steep, b, a);
    const Mask both_infinite = low == infinite;
    high = select(both_infinite, Vec(1.f), high), low = select(both_infinite, Vec(1.f), low);
    // Neither does their sum overflow then, nor is their difference a denormal.
    const Vec scale = select(high > Vec(0x1p100f), Vec(0x1p-30f), select(high < Vec(0x1p-80f), Vec(0x1p40f), Vec(1.f)));
    high = high * scale, low = low * scale;
    const Mask far = low > Vec(kEighthOfTurn) * high;
    const Vec t = select(high == zero, zero, select(far, low - high, low) / select(far, low + high, high));
    const Vec turns = select(far, Vec(0.5f), zero);
    // From 0, pi / 2 or pi, upwards or downwards.
    const Mask ahead = as_int(x) > IVec(-1);  // -0 is not
    const Vec start = select(steep, Vec(1.f), select(ahead, zero, Vec(2.f)));
    const Mask down = steep ^ !ahead;
    const Vec sign = select(down, Vec(-1.f), Vec(1.f)), total = fma(sign, turns, start);
    const Vec angle = fma(total, Vec(kHalfPi), fma(total, Vec(kHalfPiRest), sign * small_atan(t)));
    return select(isnan(x) | isnan(y), x + y, copysign(angle, y));
}

// a - q b is exact, where it is rounded once, for the quotient q of fewer than 23 bits, rounded down, or for the next
// one, which division may give.
FK_VEC Vec fmod(Vec a, Vec b) {
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
    const Vec x = abs(a), y = abs(b), q = trunc(x / y), r = fma(-q, y, x);
    if (all((q < Vec(0x1p22f)) & (y > Vec(0x1p-100f)) & (y < Vec(__builtin_inff()))))
        return copysign(select(r < Vec(0.f), r + y, r), a);
#endif
    return lanewise([](float u, float v) { return __builtin_fmodf(u, v); }, a, b);
}

#define FK_FROM_LIBM(name)                                        \
    FK_VEC float name(float x) { return __builtin_##name##f(x); } \
    FK_VEC double name(double x) { return __builtin_##name(x); }
#define FK_LANEWISE(name)                                                   \
    FK_FROM_LIBM(name)                                                      \
    FK_VEC Vec name(Vec x) {                                                \
        return lanewise([](float v) { return __builtin_##name##f(v); }, x); \
    }
#define FK_FROM_LIBM_2(name)                                                  \
    FK_VEC float name(float x, float y) { return __builtin_##name##f(x, y); } \
    FK_VEC double name(double x, double y) { return __builtin_##name(x, y); }
#define FK_LANEWISE_2(name)                                                                \
    FK_FROM_LIBM_2(name)                                                                   \
    FK_VEC Vec name(Vec x, Vec y) {                                                        \
        return lanewise([](float a, float b) { return __builtin_##name##f(a, b); }, x, y); \
    }
FK_FROM_LIBM(exp)
FK_FROM_LIBM(expm1)
FK_FROM_LIBM(log)
FK_FROM_LIBM(log1p)
FK_FROM_LIBM(log2)
FK_FROM_LIBM(log10)
FK_FROM_LIBM(atan)
FK_FROM_LIBM(tanh)
FK_FROM_LIBM(erf)
FK_FROM_LIBM(sin)
FK_FROM_LIBM(cos)
FK_LANEWISE(tan)
FK_LANEWISE(asin)
FK_LANEWISE(acos)
FK_LANEWISE(sinh)
FK_LANEWISE(cosh)
FK_LANEWISE(asinh)
FK_LANEWISE(acosh)
FK_LANEWISE(atanh)
FK_LANEWISE(cbrt)
FK_LANEWISE_2(pow)
FK_FROM_LIBM_2(atan2)
FK_FROM_LIBM_2(fmod)
#undef FK_FROM_LIBM
#undef FK_FROM_LIBM_2
#undef FK_LANEWISE
#undef FK_LANEWISE_2
FK_VEC float sigmoid(float x) { return 1.f / (1.f + exp(-x)); }
FK_VEC double sigmoid(double x) { return 1.0 / (1.0 + exp(-x)); }
FK_VEC double exp_negative(double x) { return exp(x); }
FK_VEC double exp2_negative(double x) { return __builtin_exp2(x); }

}  // namespace fk::FK_ISA
