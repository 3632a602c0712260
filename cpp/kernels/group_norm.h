// Group normalisation, forward and backward.
#pragma once
#include "kernels/batch_norm.h"

namespace fk {

// Images of (samples, pixels, channels) in blocks of pixels. Each of `groups` is as many neighbouring channels, over
// all pixels of a sample; what a sample's groups are normalised by stands in two rows of `statistics` (samples, 2,
// channels), so that loops run along the channels: the mean and 1 / sqrt(variance + epsilon) of the channel's group.
// The gradient's table of sums has two rows per block: of dy and of dy h, h being the normalised x.
template <class T>
struct GroupNorm {
    BatchShape shape;
    int64_t groups;
    const T *x, *statistics, *gamma, *beta;  // gamma, beta: or null
    const T* dy = nullptr;
};

// group_moments combines what batch_sums leaves per block. `room` holds 2 samples x channels of elements.
#define FK_GROUP_NORM_KERNELS(T, type)                                                                     \
    FK_KERNEL(void, group_moments_##type,                                                                  \
              (T * statistics, const T* table, T epsilon, int64_t groups, const BatchShape& shape))        \
    FK_KERNEL(void, group_apply_##type, (T * y, const GroupNorm<T>& g))                                    \
    FK_KERNEL(void, group_products_##type, (T * table, const GroupNorm<T>& g))                             \
    FK_KERNEL(void, group_slopes_##type, (T * dgamma, T * dbeta, const T* table, const BatchShape& shape)) \
    FK_KERNEL(void, group_input_grad_##type, (T * dx, const T* table, T* room, const GroupNorm<T>& g))
FK_GROUP_NORM_KERNELS(float, f32)
FK_GROUP_NORM_KERNELS(double, f64)
#undef FK_GROUP_NORM_KERNELS

}  // namespace fk
