// Batch normalisation, forward and backward.
#pragma once
#include <cstdint>

#include "simd/dispatch.h"

namespace fk {

// A batch-normalised tensor is `samples` times (rows, channels, inner): inner = 1 where channels come last. Sums over
// the others are taken in blocks of the rows of a sample, then over blocks, so that they depend neither on the number
// of threads nor on how many samples are at work together.
struct BatchShape {
    int64_t samples, rows, channels, inner, rows_per_block, blocks;  // blocks of one sample
    int64_t outer() const { return samples * rows; }
    int64_t table() const { return samples * blocks * 2 * channels; }  // elements: two rows per block
};
// A relu behind batch normalisation clips y to [low, high]; its gradient lets through what is inside.
struct Clip {
    double low = -__builtin_inf(), high = __builtin_inf();
};
// Batch normalisation by its parts: sums per block, moments of them, y; backward sums of the gradient per block, slopes
// of gamma and beta, dx. `room` holds 4 channels of elements. dy, where there is a clip, is the gradient of what it
// gave: y, or where that is null, made of x again.
template <class T>
struct BatchNorm {
    BatchShape shape;
    T epsilon;
    Clip clip;
    const T *x, *gamma, *beta, *mean, *variance;  // gamma, beta: or null
    T* room;
    const T *dy = nullptr, *y = nullptr;
};

#define FK_BATCH_NORM_KERNELS(T, type)                                                                       \
    FK_KERNEL(void, batch_sums_##type, (T * table, const T* x, const BatchShape& shape))                     \
    FK_KERNEL(void, batch_moments_##type, (T * mean, T * variance, const T* table, const BatchShape& shape)) \
    FK_KERNEL(void, batch_apply_##type, (T * y, const BatchNorm<T>& b))                                      \
    FK_KERNEL(void, batch_products_##type, (T * table, const BatchNorm<T>& b))                               \
    FK_KERNEL(void, batch_slopes_##type, (T * dgamma, T * dbeta, const T* table, const BatchNorm<T>& b))     \
    FK_KERNEL(void, batch_input_grad_##type,                                                                 \
              (T * dx, const T* dgamma, const T* dbeta, double count, const BatchNorm<T>& b))
FK_BATCH_NORM_KERNELS(float, f32)
FK_BATCH_NORM_KERNELS(double, f64)
#undef FK_BATCH_NORM_KERNELS

}  // namespace fk
