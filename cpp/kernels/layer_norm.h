// Layer normalisation, forward and backward.
#pragma once
#include <cstdint>

#include "simd/dispatch.h"

namespace fk {

// Layer normalisation works on rows of n; blocks of rows for the sums of gamma and beta. Rows that are not centered
// have a mean of 0: root mean square normalisation.
struct LayerShape {
    int64_t rows, n, rows_per_block, blocks;
    bool centered;
};

#define FK_LAYER_NORM_KERNELS(T, type)                                                                                 \
    FK_KERNEL(                                                                                                         \
        void, layer_norm_##type,                                                                                       \
        (T * y, T * mean, T * inverse, const T* x, const T* gamma, const T* beta, T epsilon, const LayerShape& shape)) \
    FK_KERNEL(void, layer_norm_grad_##type,                                                                            \
              (T * dx, T * dgamma, T * dbeta, const T* x, const T* gamma, const T* mean, const T* inverse,             \
               const T* dy, const LayerShape& shape, T* table))
FK_LAYER_NORM_KERNELS(float, f32)
FK_LAYER_NORM_KERNELS(double, f64)
#undef FK_LAYER_NORM_KERNELS

}  // namespace fk
