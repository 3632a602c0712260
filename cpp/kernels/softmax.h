// Softmax, its logarithm and crossentropy over the rows of a matrix.
#pragma once
#include <cstdint>

#include "simd/dispatch.h"

namespace fk {

// Of each row: the maximum of the logits, 1 / sum of exp(logit - maximum), and (dense) the sum of the targets.
constexpr int64_t kSparseStats = 2, kDenseStats = 3;

#define FK_SOFTMAX_KERNELS(T, type)                                                                                   \
    FK_KERNEL(void, softmax_##type, (T * y, const T* x, int64_t rows, int64_t n))                                     \
    FK_KERNEL(void, softmax_grad_##type, (T * dx, const T* y, const T* dy, int64_t rows, int64_t n))                  \
    FK_KERNEL(void, log_softmax_##type, (T * y, const T* x, int64_t rows, int64_t n))                                 \
    FK_KERNEL(void, log_softmax_grad_##type, (T * dx, const T* y, const T* dy, int64_t rows, int64_t n))              \
    FK_KERNEL(void, sparse_crossentropy_##type,                                                                       \
              (T * loss, T * stats, const int32_t* labels, const T* x, int64_t rows, int64_t n))                      \
    FK_KERNEL(void, sparse_crossentropy_grad_##type,                                                                  \
              (T * dx, const int32_t* labels, const T* x, const T* stats, const T* dy, int64_t rows, int64_t n))      \
    FK_KERNEL(void, crossentropy_##type, (T * loss, T * stats, const T* target, const T* x, int64_t rows, int64_t n)) \
    FK_KERNEL(void, crossentropy_grad_##type,                                                                         \
              (T * dx, const T* target, const T* x, const T* stats, const T* dy, int64_t rows, int64_t n))
FK_SOFTMAX_KERNELS(float, f32)
FK_SOFTMAX_KERNELS(double, f64)

}  // namespace fk
