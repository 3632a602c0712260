#include "kernels/random.h"

#include "kernels/philox.h"
#include "simd/math.h"

namespace fk::FK_ISA {
namespace {

// make(words, y) turns the 64 words of a group into 64 floats or 32 doubles.
template <class T, class F>
FK_VEC void fill(T* y, int64_t begin, int64_t end, const uint32_t* key, const F& make) {
    constexpr int64_t per = kPhiloxGroup * int64_t(sizeof(uint32_t)) / int64_t(sizeof(T));
    for (int64_t i = begin; i < end; i += per) {
        uint32_t words[kPhiloxGroup];
        philox_group(key, uint64_t(i / per), words);
        if (end - i >= per) {
            make(words, y + i);
        } else {
            T values[per];
            make(words, values);
            for (int64_t j = 0; j < end - i; ++j) y[i + j] = values[j];
        }
    }
}

FK_VEC IVec words_at(const uint32_t* words) { return load(reinterpret_cast<const int32_t*>(words)); }
// 53 bits of element j of a group of doubles.
FK_VEC uint64_t bits53(const uint32_t* words, int j) { return ((uint64_t(words[j]) << 32) | words[j + 32]) >> 11; }

// mean + stddev times the inverse of the error function, for |x| <= erf(sqrt(2)): the central branch of M. Giles,
// "Approximating the erfinv function", 2010.
template <class V>
FK_VEC V normal_from_erf(V x) {
    const V w = V(0) - log(V(1) - x * x) - V(2.5);
    V p = V(2.81022636e-08);
    p = fma(p, w, V(3.43273939e-07));
    p = fma(p, w, V(-3.5233877e-06));
    p = fma(p, w, V(-4.39150654e-06));
    p = fma(p, w, V(0.00021858087));
    p = fma(p, w, V(-0.00125372503));
    p = fma(p, w, V(-0.00417768164));
    p = fma(p, w, V(0.246640727));
    p = fma(p, w, V(1.50140941));
    return p * x;
}

constexpr double kErfSqrt2 = 0.95449973610364158560, kSqrt2 = 1.41421356237309504880, kPi = 3.14159265358979323846;

static_assert(kDropoutGroup == 2 * kPhiloxGroup);

template <class T>
FK_VEC void dropout_part(T* y, uint8_t* mask, const T* x, const Bits16* bits, int64_t n, uint32_t threshold, T scale) {
#pragma GCC ivdep  // y may be x
    for (int64_t i = 0; i < n; ++i) mask[i] = bits[i] >= threshold;
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) y[i] = mask[i] ? x[i] * scale : T(0);
}

template <class T>
FK_VEC void dropout(T* y, uint8_t* mask, const T* x, int64_t begin, int64_t end, const uint32_t* key,
                    uint32_t threshold, T scale) {
    for (int64_t i = begin; i < end; i += kDropoutGroup) {
        uint32_t words[kPhiloxGroup];
        philox_group(key, uint64_t(i / kDropoutGroup), words);
        const Bits16* bits = reinterpret_cast<const Bits16*>(words);
        if (end - i >= kDropoutGroup)
            dropout_part(y + i, mask + i, x + i, bits, kDropoutGroup, threshold, scale);
        else
            dropout_part(y + i, mask + i, x + i, bits, end - i, threshold, scale);
    }
}

template <class T>
FK_VEC void dropout_grad(T* dx, const T* dy, const uint8_t* mask, int64_t begin, int64_t end, T scale) {
#pragma GCC ivdep  // dx may be dy
    for (int64_t i = begin; i < end; ++i) dx[i] = mask[i] ? dy[i] * scale : T(0);
}

}  // namespace

void random_words(uint32_t* y, int64_t begin, int64_t end, const uint32_t* key) {
    fill(y, begin, end, key,
         [](const uint32_t* words, uint32_t* to) { __builtin_memcpy(to, words, 4 * kPhiloxGroup); });
}

// Rounding must not reach `high`, which is outside.
void random_uniform_f32(float* y, int64_t begin, int64_t end, const uint32_t* key, float low, float high) {
    const Vec unit((high - low) * 0x1p-24f), start(low), last(high > low ? __builtin_nextafterf(high, low) : low);
    fill(y, begin, end, key, [&](const uint32_t* words, float* to) {
        for (int i = 0; i < kPhiloxGroup; i += kLanes)
            store(to + i, min(last, fma(to_float(shift_right(words_at(words + i), 8)), unit, start)));
    });
}
void random_uniform_f64(double* y, int64_t begin, int64_t end, const uint32_t* key, double low, double high) {
    const double last = high > low ? __builtin_nextafter(high, low) : low;
    fill(y, begin, end, key, [&](const uint32_t* words, double* to) {
        for (int i = 0; i < 32; ++i) to[i] = min(last, double(bits53(words, i)) * 0x1p-53 * (high - low) + low);
    });
}

// Box-Muller: two words make two numbers. Bits16 a step is added before the logarithm, so that it never sees 0.
void random_normal_f32(float* y, int64_t begin, int64_t end, const uint32_t* key, float mean, float stddev) {
    fill(y, begin, end, key, [&](const uint32_t* words, float* to) {
        for (int pair = 0; pair < kPhiloxGroup; pair += 32)
            for (int i = pair; i < pair + 16; i += kLanes) {
                const Vec u = (to_float(shift_right(words_at(words + i), 1)) + Vec(0.5f)) * Vec(0x1p-31f);
                const Vec angle = to_float(words_at(words + i + 16)) * Vec(kPi * 0x1p-31);
                const Vec radius = sqrt(Vec(-2.f) * log(u)) * Vec(stddev);
                store(to + i, fma(radius, cos(angle), Vec(mean)));
                store(to + i + 16, fma(radius, sin(angle), Vec(mean)));
            }
    });
}
void random_normal_f64(double* y, int64_t begin, int64_t end, const uint32_t* key, double mean, double stddev) {
    fill(y, begin, end, key, [&](const uint32_t* words, double* to) {
        for (int i = 0; i < 16; ++i) {
            const double u = (double(bits53(words, i)) + 0.5) * 0x1p-53,
                         angle = double(bits53(words, i + 16)) * kPi * 0x1p-52;
            const double radius = sqrt(-2 * log(u)) * stddev;
            to[i] = radius * cos(angle) + mean;
            to[i + 16] = radius * sin(angle) + mean;
        }
    });
}

void truncated_normal_f32(float* y, int64_t begin, int64_t end, const uint32_t* key, float mean, float stddev) {
    fill(y, begin, end, key, [&](const uint32_t* words, float* to) {
        for (int i = 0; i < kPhiloxGroup; i += kLanes) {
            const Vec x = (to_float(words_at(words + i) >> 8) + Vec(0.5f)) * Vec(0x1p-23 * kErfSqrt2);
            const Vec z = max(Vec(-2.f), min(Vec(2.f), normal_from_erf(x) * Vec(kSqrt2)));
            store(to + i, fma(z, Vec(stddev), Vec(mean)));
        }
    });
}
void truncated_normal_f64(double* y, int64_t begin, int64_t end, const uint32_t* key, double mean, double stddev) {
    fill(y, begin, end, key, [&](const uint32_t* words, double* to) {
        for (int i = 0; i < 32; ++i) {
            const double x = ((double(bits53(words, i)) + 0.5) * 0x1p-52 - 1) * kErfSqrt2;
            double z = normal_from_erf(x);  // right to 1e-7; each Newton step doubles the digits
            for (int step = 0; step < 2; ++step) z -= (erf(z) - x) * exp(z * z) * 0.88622692545275801365;
            to[i] = max(-2.0, min(2.0, z * kSqrt2)) * stddev + mean;
        }
    });
}

void dropout_f32(float* y, uint8_t* mask, const float* x, int64_t begin, int64_t end, const uint32_t* key,
                 uint32_t threshold, float scale) {
    dropout(y, mask, x, begin, end, key, threshold, scale);
}
void dropout_f64(double* y, uint8_t* mask, const double* x, int64_t begin, int64_t end, const uint32_t* key,
                 uint32_t threshold, double scale) {
    dropout(y, mask, x, begin, end, key, threshold, scale);
}
void dropout_grad_f32(float* dx, const float* dy, const uint8_t* mask, int64_t begin, int64_t end, float scale) {
    dropout_grad(dx, dy, mask, begin, end, scale);
}
void dropout_grad_f64(double* dx, const double* dy, const uint8_t* mask, int64_t begin, int64_t end, double scale) {
    dropout_grad(dx, dy, mask, begin, end, scale);
}

}  // namespace fk::FK_ISA
