// Random numbers by counter: element i of a result depends on the key and on i only, so any thread may make any part.
#pragma once
#include <cstdint>

#include "simd/dispatch.h"

namespace fk {

// Elements [begin, end) of a result; `begin` is a multiple of kRandomGrain.
constexpr int64_t kRandomGrain = 1 << 14;
// 16 random bits decide about an element that may be dropped: so many elements have theirs from one group of words.
constexpr int64_t kDropoutGroup = 128;

FK_KERNEL(void, random_words, (uint32_t* y, int64_t begin, int64_t end, const uint32_t* key))
FK_KERNEL(void, random_uniform_f32, (float* y, int64_t begin, int64_t end, const uint32_t* key, float low, float high))
FK_KERNEL(void, random_uniform_f64,
          (double* y, int64_t begin, int64_t end, const uint32_t* key, double low, double high))
FK_KERNEL(void, random_normal_f32,
          (float* y, int64_t begin, int64_t end, const uint32_t* key, float mean, float stddev))
FK_KERNEL(void, random_normal_f64,
          (double* y, int64_t begin, int64_t end, const uint32_t* key, double mean, double stddev))
// Cut at two standard deviations.
FK_KERNEL(void, truncated_normal_f32,
          (float* y, int64_t begin, int64_t end, const uint32_t* key, float mean, float stddev))
FK_KERNEL(void, truncated_normal_f64,
          (double* y, int64_t begin, int64_t end, const uint32_t* key, double mean, double stddev))

// y = x * scale where 16 random bits are at least `threshold`, else 0; mask = which.
FK_KERNEL(void, dropout_f32,
          (float* y, uint8_t* mask, const float* x, int64_t begin, int64_t end, const uint32_t* key, uint32_t threshold,
           float scale))
FK_KERNEL(void, dropout_f64,
          (double* y, uint8_t* mask, const double* x, int64_t begin, int64_t end, const uint32_t* key,
           uint32_t threshold, double scale))
FK_KERNEL(void, dropout_grad_f32,
          (float* dx, const float* dy, const uint8_t* mask, int64_t begin, int64_t end, float scale))
FK_KERNEL(void, dropout_grad_f64,
          (double* dx, const double* dy, const uint8_t* mask, int64_t begin, int64_t end, double scale))

}  // namespace fk
