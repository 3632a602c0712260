// Pooling and its gradients.
#pragma once
#include "kernels/window.h"
#include "simd/dispatch.h"

namespace fk {

#define FK_POOL_KERNELS(T, type)                                                                                       \
    FK_KERNEL(void, max_pool_##type, (const Window& g, const T* x, T* y))                                              \
    /* dx, from the windows whose first greatest element x is, where gate (unless null) is positive; and its transpose \
     */                                                                                                                \
    FK_KERNEL(void, max_pool_grad_##type,                                                                              \
              (const Window& g, const T* x, const T* y, const T* dy, const T* gate, T* dx))                            \
    FK_KERNEL(void, max_pool_pick_##type, (const Window& g, const T* x, const T* y, const T* u, T* picked))            \
    /* the same in two steps: which of its inputs is the first greatest (infinity: none, as y is NaN, or gated and not \
       positive); dx */                                                                                                \
    FK_KERNEL(void, max_pool_where_##type, (const Window& g, const T* x, const T* y, bool gated, T* where))            \
    FK_KERNEL(void, max_pool_route_##type, (const Window& g, const T* where, const T* dy, T* dx))                      \
    /* mean over the taps that meet the image, and the gradient of x */                                                \
    FK_KERNEL(void, average_pool_##type, (const Window& g, const T* x, T* y))                                          \
    FK_KERNEL(void, average_pool_grad_##type, (const Window& g, const T* dy, T* dx))
FK_POOL_KERNELS(float, f32)
FK_POOL_KERNELS(double, f64)
#undef FK_POOL_KERNELS

}  // namespace fk
