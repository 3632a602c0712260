// Batch and layer normalisation, forward and backward.
#pragma once
#include <cstdint>

#include "simd/dispatch.h"

namespace fk {

// A batch-normalised tensor is (outer, channels, inner): inner = 1 where channels come last. Sums over the others are
// taken in blocks of outer rows, then over blocks, so that they do not depend on the number of threads. `table` has
// table_size(channels) elements.
struct BatchShape {
    int64_t outer, channels, inner, rows_per_block, blocks;
};
// A relu behind batch normalisation clips y to [low, high]; its gradient lets through what is inside.
struct Clip {
    double low = -__builtin_inf(), high = __builtin_inf();
};
// Layer normalisation works on rows of n; blocks of rows for the sums of gamma and beta.
struct LayerShape {
    int64_t rows, n, rows_per_block, blocks;
};

#define FK_NORM_KERNELS(T, type)                                                                                       \
    FK_KERNEL(void, batch_norm_##type,                                                                                 \
              (T * y, T * mean, T * variance, const T* x, const T* gamma, const T* beta, T epsilon, Clip clip,         \
               const BatchShape& shape, T* table))                                                                     \
    /* dy, where there is a clip, is the gradient of what it gave: y, or where that is null, made of x again */        \
    FK_KERNEL(void, batch_norm_grad_##type,                                                                            \
              (T * dx, T * dgamma, T * dbeta, const T* x, const T* gamma, const T* beta, const T* mean,                \
               const T* variance, const T* dy, const T* y, T epsilon, Clip clip, const BatchShape& shape, T* table))   \
    FK_KERNEL(                                                                                                         \
        void, layer_norm_##type,                                                                                       \
        (T * y, T * mean, T * inverse, const T* x, const T* gamma, const T* beta, T epsilon, const LayerShape& shape)) \
    FK_KERNEL(void, layer_norm_grad_##type,                                                                            \
              (T * dx, T * dgamma, T * dbeta, const T* x, const T* gamma, const T* mean, const T* inverse,             \
               const T* dy, const LayerShape& shape, T* table))
FK_NORM_KERNELS(float, f32)
FK_NORM_KERNELS(double, f64)

}  // namespace fk
