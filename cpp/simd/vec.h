// One small vocabulary over the vector registers of an ISA, and the same words for one float or double, so that
// a formula `template <class T> T f(T x)` is written once and runs on Vec, float and double.
// For files compiled per ISA only; everything lives in namespace fk::FK_ISA.
//
//   Vec   kLanes floats            Vec x = 1.5f;  + - * / and unary -
//   IVec  kLanes int32             + - * & | ^ ~ << >> (arithmetic), shift_right (logical), == >
//   Mask  kLanes truth values      from == != < <= > >= on Vec; & | ^ !; any(m), all(m)
//
//   load(p) store(p, v)            any alignment; p: float* (Vec), a half* (Vec: widened, rounded to nearest even),
//                                  int32_t* (IVec) or double* (double)
//   load_partial(p, n)             the first n lanes, zeros after; 0 <= n <= kLanes; touches nothing outside
//   store_partial(p, v, n)         the first n lanes
//   first_lanes(n) lane_numbers()  Mask of the first n lanes; IVec 0, 1, 2, ...
//   select(m, a, b)                a where m, else b
//   fma(a, b, c)                   a * b + c, fused where the CPU has it (all but portable)
//   abs copysign(magnitude, sign) sqrt floor ceil trunc round (half to even) isnan
//   min(a, b) max(a, b)            one instruction: the SECOND operand when either is NaN, so max(Vec(0), x) keeps
//                                  the NaN of x; min_nan, max_nan: NaN when either is, as numpy.minimum / maximum
//   rcp rsqrt                      approximation and a Newton-type step, 1-2 ulp, right at 0, inf and NaN; a denormal
//                                  counts as zero. Cheaper than / and sqrt
//   to_int(x) to_float(i)          truncating; NaN and out of range give some integer
//   as_int(x) as_float(i)          the same bits
//   times_power_of_two(x, k)       2^k x for whole k; times_normal_power_of_two for k in [-126, 127]
//   load_fours(p)                  four floats, again and again; spread<i>(x): number i of each four in their place
//   take_lanes(x, from)            lane i is lane from[i] of x; from: 0 ... kLanes - 1
//   transpose(rows)                Vec rows[kLanes]: element i of row j becomes element j of row i
//   hsum hmax hmin                 over lanes in one fixed tree; hmax and hmin propagate NaN
//   lanewise(f, x[, y])            f(float) lane by lane: for what is not worth a vector formula
//
// lanes_of<T> is kLanes for Vec, 1 for float and double; VecOf<float> and of halves is Vec, VecOf<double> is double, so
// that a loop
//     using V = VecOf<T>;
//     for (; n >= lanes_of<V>; ...) store(y, f(load(x)));
//     if (n > 0) store_partial(y, f(load_partial(x, n)), n);
// serves both.
#pragma once
#include <cstdint>

#include "core/dtype.h"

#if !defined(FK_ISA)
#error "vec.h belongs to files compiled per ISA"
#endif

#define FK_VEC [[gnu::always_inline, maybe_unused]] static inline
#define FK_MEMBER [[gnu::always_inline]]
#define FK_INLINED __attribute__((always_inline))  // behind a lambda's parameters, where [[]] belongs to its type

#if defined(FK_AVX512)
#include "simd/vec_avx512.h"
#elif defined(FK_ISA_avx2)
#include "simd/vec_avx2.h"
#else
#include "simd/vec_portable.h"
#endif

namespace fk::FK_ISA {

// --- words every ISA builds the same way ---

FK_VEC Vec& operator+=(Vec& a, Vec b) { return a = a + b; }
FK_VEC Vec& operator-=(Vec& a, Vec b) { return a = a - b; }
FK_VEC Vec& operator*=(Vec& a, Vec b) { return a = a * b; }
FK_VEC Vec& operator/=(Vec& a, Vec b) { return a = a / b; }

FK_VEC Mask isnan(Vec x) { return x != x; }
FK_VEC Vec abs(Vec x) { return as_float(as_int(x) & IVec(0x7fffffff)); }
FK_VEC Vec copysign(Vec magnitude, Vec sign) {
    return as_float((as_int(magnitude) & IVec(0x7fffffff)) | (as_int(sign) & IVec(int32_t(0x80000000))));
}
FK_VEC Vec operator-(Vec x) { return as_float(as_int(x) ^ IVec(int32_t(0x80000000))); }
FK_VEC Vec max_nan(Vec a, Vec b) { return select(isnan(a), a, max(a, b)); }
FK_VEC Vec min_nan(Vec a, Vec b) { return select(isnan(a), a, min(a, b)); }

// Third-order steps: y (1 + e/2 + 3e^2/8) takes the 12 bits of the weakest estimate past the 24 of a float.
FK_VEC Vec rsqrt(Vec x) {
    const Vec y = rsqrt_estimate(x), e = fma(-(x * y), y, Vec(1.f));
    const Vec better = fma(y * e, fma(e, Vec(0.375f), Vec(0.5f)), y);
    return select(isnan(better), y, better);  // 0 * inf: the estimate itself is right
}
FK_VEC Vec rcp(Vec x) {
    const Vec y = rcp_estimate(x), e = fma(-x, y, Vec(1.f));
    const Vec better = fma(y * e, e + Vec(1.f), y);
    return select(isnan(better), y, better);
}

#if !defined(FK_AVX512)
FK_VEC Vec power_of_two(IVec k) { return as_float((k + IVec(127)) << 23); }
FK_VEC Vec times_normal_power_of_two(Vec x, Vec k) { return x * power_of_two(to_int(k)); }
FK_VEC Vec times_power_of_two(Vec x, Vec k) {
    const IVec n = to_int(k), half = n >> 1;  // 2^128 and 2^-150 are not floats: in two steps
    return x * power_of_two(half) * power_of_two(n - half);
}
#endif

template <class F>
FK_VEC Vec lanewise(F f, Vec x) {
    float a[kLanes];
    store(a, x);
    for (float& v : a) v = f(v);
    return load(a);
}
template <class F>
FK_VEC Vec lanewise(F f, Vec x, Vec y) {
    float a[kLanes], b[kLanes];
    store(a, x), store(b, y);
    for (int i = 0; i < kLanes; ++i) a[i] = f(a[i], b[i]);
    return load(a);
}

// --- the same words for one float or double ---

template <class T>
inline constexpr int lanes_of = 1;
template <>
inline constexpr int lanes_of<Vec> = kLanes;

template <class T>
struct VecOfType;
template <>
struct VecOfType<float> {
    using type = Vec;
};
template <HalfFloat T>
struct VecOfType<T> {
    using type = Vec;
};
template <>
struct VecOfType<double> {
    using type = double;
};
template <class T>
using VecOf = typename VecOfType<T>::type;

FK_VEC double load(const double* p) { return *p; }
FK_VEC double load_partial(const double* p, int64_t n) { return n > 0 ? *p : 0.0; }
FK_VEC void store(double* p, double v) { *p = v; }
FK_VEC void store_partial(double* p, double v, int64_t n) {
    if (n > 0) *p = v;
}

FK_VEC bool any(bool m) { return m; }
FK_VEC bool all(bool m) { return m; }
FK_VEC float as_float(int32_t i) { return __builtin_bit_cast(float, i); }
FK_VEC int32_t as_int(float x) { return __builtin_bit_cast(int32_t, x); }
FK_VEC float to_float(int32_t i) { return float(i); }
FK_VEC int32_t to_int(float x) { return int32_t(x); }

#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
#define FK_SCALAR_FMA(suffix, a, b, c) __builtin_fma##suffix(a, b, c)
#else
#define FK_SCALAR_FMA(suffix, a, b, c) (a * b + c)  // the function would take a hundred times as long
#endif
#define FK_SCALAR_WORDS(T, suffix)                                           \
    FK_VEC T select(bool m, T a, T b) { return m ? a : b; }                  \
    FK_VEC T fma(T a, T b, T c) { return FK_SCALAR_FMA(suffix, a, b, c); }   \
    FK_VEC T min(T a, T b) { return a < b ? a : b; }                         \
    FK_VEC T max(T a, T b) { return a > b ? a : b; }                         \
    FK_VEC bool isnan(T x) { return x != x; }                                \
    FK_VEC T min_nan(T a, T b) { return isnan(a) ? a : min(a, b); }          \
    FK_VEC T max_nan(T a, T b) { return isnan(a) ? a : max(a, b); }          \
    FK_VEC T abs(T x) { return __builtin_fabs##suffix(x); }                  \
    FK_VEC T copysign(T m, T s) { return __builtin_copysign##suffix(m, s); } \
    FK_VEC T sqrt(T x) { return __builtin_sqrt##suffix(x); }                 \
    FK_VEC T rsqrt(T x) { return T(1) / __builtin_sqrt##suffix(x); }         \
    FK_VEC T rcp(T x) { return T(1) / x; }                                   \
    FK_VEC T floor(T x) { return __builtin_floor##suffix(x); }               \
    FK_VEC T ceil(T x) { return __builtin_ceil##suffix(x); }                 \
    FK_VEC T trunc(T x) { return __builtin_trunc##suffix(x); }               \
    FK_VEC T round(T x) { return __builtin_rint##suffix(x); }                \
    FK_VEC T hsum(T x) { return x; }                                         \
    FK_VEC T hmax(T x) { return x; }                                         \
    FK_VEC T hmin(T x) { return x; }                                         \
    template <class F>                                                       \
    FK_VEC T lanewise(F f, T x) {                                            \
        return f(x);                                                         \
    }                                                                        \
    template <class F>                                                       \
    FK_VEC T lanewise(F f, T x, T y) {                                       \
        return f(x, y);                                                      \
    }
FK_SCALAR_WORDS(float, f)
FK_SCALAR_WORDS(double, )
#undef FK_SCALAR_WORDS
#undef FK_SCALAR_FMA

}  // namespace fk::FK_ISA
