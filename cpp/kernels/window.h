// Windows that slide over images (depth, height, width, channels), channel by channel: depthwise convolution, pooling
// and their gradients.
#pragma once
#include <cstddef>
#include <cstdint>

#include "simd/dispatch.h"

namespace fk {

// What position o of an axis of the output sees: `count` taps from `first` on, tap_step apart, at inputs `at`,
// at + in_step, ... Positions `pitch` apart see alike.
struct WindowSpan {
    int32_t first, count, at;
};
struct WindowAxis {
    int64_t in, out, kernel, tap_step, in_step, pitch;
    const WindowSpan* spans;  // out of them
};
struct Window {
    WindowAxis axis[3];
    int64_t images, channels, multiplier;  // the output of a depthwise convolution has channels * multiplier
    int64_t chunk;                         // lines (image, depth, height) worth handing to a thread
    int64_t parts;                         // sums over images of depthwise_kernel_grad, added in order
    bool overlap, cover;                   // do windows share inputs, does every input have one?
    double low, high;                      // what a depthwise convolution clips its sums to
};

#define FK_WINDOW_KERNELS(T, type)                                                                                     \
    /* y[o, c m] = clip(sum over taps x[i, c] w[tap, c, m] + bias[c m]); bias may be null */                           \
    FK_KERNEL(void, depthwise_##type, (const Window& g, const T* x, const T* w, const T* bias, T* y))                  \
    /* dx[i, c] = sum over taps and m dy[o, c m] w[tap, c, m]; the window goes from positions of dx to those of dy */  \
    FK_KERNEL(void, depthwise_input_grad_##type, (const Window& g, const T* dy, const T* w, T* dx))                    \
    /* dw[tap, c, m] = sum over images and positions x[i, c] dy[o, c m]; `sums`: parts - 1 tensors like dw */          \
    FK_KERNEL(void, depthwise_kernel_grad_##type, (const Window& g, const T* x, const T* dy, T* dw, T* sums))          \
    FK_KERNEL(void, max_pool_##type, (const Window& g, const T* x, T* y))                                              \
    /* dx, from the windows whose first greatest element x is, where gate (unless null) is positive; and its transpose \
     */                                                                                                                \
    FK_KERNEL(void, max_pool_grad_##type,                                                                              \
              (const Window& g, const T* x, const T* y, const T* dy, const T* gate, T* dx))                            \
    FK_KERNEL(void, max_pool_pick_##type, (const Window& g, const T* x, const T* y, const T* u, T* picked))            \
    /* the same in two steps: which of its inputs is the first greatest (infinity: none, y is NaN); dx, where gate     \
       (unless null) is positive, which is like y */                                                                                 \
    FK_KERNEL(void, max_pool_where_##type, (const Window& g, const T* x, const T* y, T* where))                        \
    FK_KERNEL(void, max_pool_route_##type, (const Window& g, const T* where, const T* dy, const T* gate, T* dx))       \
    /* mean over the taps that meet the image, and the gradient of x */                                                \
    FK_KERNEL(void, average_pool_##type, (const Window& g, const T* x, T* y))                                          \
    FK_KERNEL(void, average_pool_grad_##type, (const Window& g, const T* dy, T* dx))
FK_WINDOW_KERNELS(float, f32)
FK_WINDOW_KERNELS(double, f64)
#undef FK_WINDOW_KERNELS

}  // namespace fk
