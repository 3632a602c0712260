// The vocabulary of vec.h on GCC/Clang vector types of 16 bytes: one SSE2 or NEON register, on any CPU correct code.
#pragma once

namespace fk::FK_ISA {

inline constexpr int kLanes = 4;

typedef float F4 __attribute__((vector_size(16)));
typedef int32_t I4 __attribute__((vector_size(16)));
typedef uint32_t U4 __attribute__((vector_size(16)));

struct Vec {
    F4 v;
    Vec() = default;
    FK_MEMBER Vec(F4 x) : v(x) {}
    FK_MEMBER Vec(float x) : v(F4{x, x, x, x}) {}
    FK_MEMBER Vec(double x) : Vec(float(x)) {}
    FK_MEMBER Vec(int x) : Vec(float(x)) {}
};
struct IVec {
    I4 v;
    IVec() = default;
    FK_MEMBER IVec(I4 x) : v(x) {}
    FK_MEMBER IVec(int32_t x) : v(I4{x, x, x, x}) {}
};
struct Mask {
    I4 v;  // all ones or all zeros
};

FK_VEC Vec operator+(Vec a, Vec b) { return a.v + b.v; }
FK_VEC Vec operator-(Vec a, Vec b) { return a.v - b.v; }
FK_VEC Vec operator*(Vec a, Vec b) { return a.v * b.v; }
FK_VEC Vec operator/(Vec a, Vec b) { return a.v / b.v; }
#if defined(__ARM_FEATURE_FMA)
FK_VEC Vec fma(Vec a, Vec b, Vec c) {
    for (int i = 0; i < kLanes; ++i) c.v[i] = __builtin_fmaf(a.v[i], b.v[i], c.v[i]);
    return c;
}
#else
FK_VEC Vec fma(Vec a, Vec b, Vec c) { return a.v * b.v + c.v; }
#endif
FK_VEC Vec min(Vec a, Vec b) { return a.v < b.v ? a.v : b.v; }
FK_VEC Vec max(Vec a, Vec b) { return a.v > b.v ? a.v : b.v; }

FK_VEC Mask operator==(Vec a, Vec b) { return {a.v == b.v}; }
FK_VEC Mask operator!=(Vec a, Vec b) { return {a.v != b.v}; }
FK_VEC Mask operator<(Vec a, Vec b) { return {a.v < b.v}; }
FK_VEC Mask operator<=(Vec a, Vec b) { return {a.v <= b.v}; }
FK_VEC Mask operator>(Vec a, Vec b) { return {a.v > b.v}; }
FK_VEC Mask operator>=(Vec a, Vec b) { return {a.v >= b.v}; }
FK_VEC Mask operator&(Mask a, Mask b) { return {a.v & b.v}; }
FK_VEC Mask operator|(Mask a, Mask b) { return {a.v | b.v}; }
FK_VEC Mask operator^(Mask a, Mask b) { return {a.v ^ b.v}; }
FK_VEC Mask operator!(Mask a) { return {~a.v}; }
FK_VEC bool any(Mask m) { return (m.v[0] | m.v[1] | m.v[2] | m.v[3]) != 0; }
FK_VEC bool all(Mask m) { return (m.v[0] & m.v[1] & m.v[2] & m.v[3]) != 0; }
FK_VEC Vec select(Mask m, Vec a, Vec b) { return m.v ? a.v : b.v; }
FK_VEC IVec select(Mask m, IVec a, IVec b) { return m.v ? a.v : b.v; }

FK_VEC IVec operator+(IVec a, IVec b) { return I4(U4(a.v) + U4(b.v)); }
FK_VEC IVec operator-(IVec a, IVec b) { return I4(U4(a.v) - U4(b.v)); }
FK_VEC IVec operator*(IVec a, IVec b) { return I4(U4(a.v) * U4(b.v)); }
FK_VEC IVec operator&(IVec a, IVec b) { return a.v & b.v; }
FK_VEC IVec operator|(IVec a, IVec b) { return a.v | b.v; }
FK_VEC IVec operator^(IVec a, IVec b) { return a.v ^ b.v; }
FK_VEC IVec operator~(IVec a) { return ~a.v; }
FK_VEC IVec operator<<(IVec a, int bits) { return I4(U4(a.v) << bits); }
FK_VEC IVec operator>>(IVec a, int bits) { return a.v >> bits; }
FK_VEC IVec shift_right(IVec a, int bits) { return I4(U4(a.v) >> bits); }
FK_VEC Mask operator==(IVec a, IVec b) { return {a.v == b.v}; }
FK_VEC Mask operator>(IVec a, IVec b) { return {a.v > b.v}; }

FK_VEC IVec as_int(Vec x) { return I4(x.v); }
FK_VEC Vec as_float(IVec x) { return F4(x.v); }
FK_VEC Vec to_float(IVec x) { return __builtin_convertvector(x.v, F4); }
#if defined(__SSE2__)
// cvttps2dq gives INT_MIN for what does not fit, where the conversion of the language would be undefined.
FK_VEC IVec to_int(Vec x) { return I4(__builtin_ia32_cvttps2dq(x.v)); }
#else
FK_VEC IVec to_int(Vec x) {
    const Vec lim(2147483520.f);
    return __builtin_convertvector(select((x > Vec(-lim.v)) & (x < lim), x, Vec(-lim.v)).v, I4);
}
#endif

FK_VEC IVec lane_numbers() { return I4{0, 1, 2, 3}; }
FK_VEC Mask first_lanes(int64_t n) { return {lane_numbers().v < IVec(int32_t(n)).v}; }

FK_VEC Vec load(const float* p) {
    F4 v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}
FK_VEC IVec load(const int32_t* p) {
    I4 v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}
FK_VEC void store(float* p, Vec x) { __builtin_memcpy(p, &x.v, sizeof x.v); }
FK_VEC void store(int32_t* p, IVec x) { __builtin_memcpy(p, &x.v, sizeof x.v); }
FK_VEC Vec load_partial(const float* p, int64_t n) {
    return F4{n > 0 ? p[0] : 0.f, n > 1 ? p[1] : 0.f, n > 2 ? p[2] : 0.f, n > 3 ? p[3] : 0.f};
}
FK_VEC IVec load_partial(const int32_t* p, int64_t n) {
    return I4{n > 0 ? p[0] : 0, n > 1 ? p[1] : 0, n > 2 ? p[2] : 0, n > 3 ? p[3] : 0};
}
FK_VEC void store_partial(float* p, Vec x, int64_t n) {
    for (int i = 0; i < kLanes; ++i)
        if (i < n) p[i] = x.v[i];
}
FK_VEC void store_partial(int32_t* p, IVec x, int64_t n) {
    for (int i = 0; i < kLanes; ++i)
        if (i < n) p[i] = x.v[i];
}

template <HalfFloat T>
FK_VEC Vec load_partial(const T* p, int64_t n) {
    F4 v{};
    for (int i = 0; i < kLanes; ++i)
        if (i < n) v[i] = float(p[i]);
    return v;
}
template <HalfFloat T>
FK_VEC void store_partial(T* p, Vec x, int64_t n) {
    for (int i = 0; i < kLanes; ++i)
        if (i < n) p[i] = T(x.v[i]);
}
template <HalfFloat T>
FK_VEC Vec load(const T* p) {
    return load_partial(p, kLanes);
}
template <HalfFloat T>
FK_VEC void store(T* p, Vec x) {
    store_partial(p, x, kLanes);
}

FK_VEC Vec sqrt(Vec x) {
    return F4{__builtin_sqrtf(x.v[0]), __builtin_sqrtf(x.v[1]), __builtin_sqrtf(x.v[2]), __builtin_sqrtf(x.v[3])};
}
FK_VEC Vec rsqrt_estimate(Vec x) { return Vec(1.f) / sqrt(x); }
FK_VEC Vec rcp_estimate(Vec x) { return Vec(1.f) / x; }

// SSE2 has no rounding instruction. From 2^23 on every float is whole, below it adding and subtracting 2^23 rounds
// (half to even); the sign is put back for -0.
FK_VEC Vec with_sign(Vec magnitude, Vec sign) {
    return as_float(as_int(magnitude) | (as_int(sign) & IVec(int32_t(0x80000000))));
}
FK_VEC Vec round(Vec x) {
    const Vec magnitude = as_float(as_int(x) & IVec(0x7fffffff)), big(0x1p23f);
    return select(magnitude < big, with_sign((magnitude + big) - big, x), x);
}
FK_VEC Vec floor(Vec x) {
    const Vec r = round(x);
    return select(r > x, r - Vec(1.f), r);
}
FK_VEC Vec ceil(Vec x) {
    const Vec r = round(x);
    return select(r < x, with_sign(r + Vec(1.f), x), r);
}
FK_VEC Vec trunc(Vec x) { return select(x < Vec(0.f), ceil(x), floor(x)); }

FK_VEC Vec load_fours(const float* p) { return load(p); }
template <int i>
FK_VEC Vec spread(Vec x) {
    return Vec(x.v[i]);
}
FK_VEC Vec take_lanes(Vec x, IVec from) { return F4{x.v[from.v[0]], x.v[from.v[1]], x.v[from.v[2]], x.v[from.v[3]]}; }
FK_VEC void transpose(Vec* r) {
    const Vec a = r[0], b = r[1], c = r[2], d = r[3];
    for (int i = 0; i < kLanes; ++i) r[i] = F4{a.v[i], b.v[i], c.v[i], d.v[i]};
}

FK_VEC float hsum(Vec x) { return (x.v[0] + x.v[2]) + (x.v[1] + x.v[3]); }
FK_VEC float hmax(Vec x) {
    float m = x.v[0];
    for (int i = 1; i < kLanes; ++i) m = m != m || m > x.v[i] ? m : x.v[i];
    return m;
}
FK_VEC float hmin(Vec x) {
    float m = x.v[0];
    for (int i = 1; i < kLanes; ++i) m = m != m || m < x.v[i] ? m : x.v[i];
    return m;
}

}  // namespace fk::FK_ISA
