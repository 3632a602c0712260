// Discrete Fourier transforms y_k = sum over j of x_j e^(-2 pi i j k / n), real and imaginary parts apart. ops/fft.cpp
// makes the plans.
#pragma once
#include <cstdint>

#include "simd/dispatch.h"

namespace fk {

constexpr int kFftSteps = 64;         // factors of a length
constexpr int64_t kFftPrime = 31;     // the largest of them; lengths with larger ones are convolutions (Bluestein)
constexpr int64_t kFftTogether = 16;  // transforms side by side, at most: one per lane of a vector

// Stockham's transform of length n: in step i, the numbers of radix[i] places are transformed together.
// Tables hold pairs (cos, sin) of 2 pi times what is said.
template <class T>
struct FftSteps {
    int64_t n = 1;
    int count = 0;
    int64_t radix[kFftSteps] = {};
    const T* turns[kFftSteps] =
        {};  // of step i, l being n over the radices before it: p k / l for p < l / radix, 0 < k < radix
    const T* roots[kFftSteps] = {};  // of step i: k / radix for k < radix
};

template <class T>
struct FftPlan {
    enum Way {
        whole,         // complex numbers to complex numbers
        real_to_half,  // real numbers to the first n / 2 + 1, by a transform of n / 2 complex numbers
        half_to_real,  // inverse: the real part of the transform of n / 2 + 1 numbers, by the same
    } way = whole;
    int64_t n = 1;            // of the complex transform, half of the length of those of real numbers
    int64_t in = 1, out = 1;  // numbers read, after which follow zeros, and numbers written
    FftSteps<T> steps;
    const T* chirp = nullptr;   // Bluestein: k^2 / 2n for k < n, and what the transformed numbers are multiplied by;
    const T* filter = nullptr;  // else null
    const T* halves = nullptr;  // k / 2n for k < n, of the ways through halves
    int64_t together = 1;
    int64_t rows =
        1;  // of `together` numbers, of which scratch has four times as many for each thread, behind 64 bytes
    int threads = 1;
};

// `count` transforms, one after the other. A pointer that is null stands for zeros, or for what nobody wants.
#define FK_FFT(T, type)         \
    FK_KERNEL(void, fft_##type, \
              (const FftPlan<T>& plan, const T* re, const T* im, T* out_re, T* out_im, int64_t count, void* scratch))
FK_FFT(float, f32)
FK_FFT(double, f64)
#undef FK_FFT

}  // namespace fk
