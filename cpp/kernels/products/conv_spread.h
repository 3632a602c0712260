// The gradient of images of few channels: products of dY with all taps, spread over the pixels that met it. A
// convolution to few filters is the same, of the turned kernel (ConvShape::turned), with a bias and an activation.
#pragma once
#include <cstddef>
#include <cstdint>

#include "kernels/products/gemm.h"
#include "simd/dispatch.h"

namespace fk {

// dY (out planes, lines, pixels, filters) and dX (in planes, lines, pixels, channels) of a convolution of one group.
struct ConvSpread {
    int64_t batch, channels, filters;
    int64_t in[3], out[3], kernel[3], stride[3], dilation[3], before[3];  // planes, lines, pixels of a line
    int64_t lines;                                                        // of dX, that are made at a time
    int64_t pixels;                                                       // of dY, that are multiplied at a time
    int threads;
    int64_t slot_bytes;
    Activation activation = Activation::linear;
};

inline constexpr int64_t kSpreadPanel = 32;  // the widest

// Scratch: 64 bytes, then a slot per thread: a panel of dY, the products of some of its pixels with all taps, and lines
// of dX channel by channel. The bias, an element per channel, may be null.
FK_PRODUCT(void, conv_spread_f32,
           (const ConvSpread& c, const float* dy, const float* w, const float* bias, float* dx, void* scratch))

}  // namespace fk
