// Depthwise convolution and its gradients.
#pragma once
#include "kernels/window.h"
#include "simd/dispatch.h"

namespace fk {

#define FK_DEPTHWISE_KERNELS(T, type)                                                                                 \
    /* y[o, c m] = clip(sum over taps x[i, c] w[tap, c, m] + bias[c m]); bias may be null */                          \
    FK_KERNEL(void, depthwise_##type, (const Window& g, const T* x, const T* w, const T* bias, T* y))                 \
    /* dx[i, c] = sum over taps and m dy[o, c m] w[tap, c, m]; the window goes from positions of dx to those of dy */ \
    FK_KERNEL(void, depthwise_input_grad_##type, (const Window& g, const T* dy, const T* w, T* dx))                   \
    /* dw[tap, c, m] = sum over images and positions x[i, c] dy[o, c m]; `sums`: parts - 1 tensors like dw */         \
    FK_KERNEL(void, depthwise_kernel_grad_##type, (const Window& g, const T* x, const T* dy, T* dw, T* sums))
FK_DEPTHWISE_KERNELS(float, f32)
FK_DEPTHWISE_KERNELS(double, f64)
#undef FK_DEPTHWISE_KERNELS

}  // namespace fk
