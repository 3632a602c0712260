// The gradient of images of few channels: products of dY with all taps, spread over the pixels that met it.
#pragma once
#include <cstddef>
#include <cstdint>

#include "simd/dispatch.h"

namespace fk {

// dY (out lines, out pixels, filters) and dX (in lines, in pixels, channels) of a convolution of one group.
struct ConvSpread {
    int64_t batch, channels, filters;
    int64_t in[2], out[2], kernel[2], stride[2], dilation[2], before[2];  // lines, pixels of a line
    int64_t lines;                                                        // of dX, that are made at a time
    int64_t pixels;                                                       // of dY, that are multiplied at a time
    int threads;
    int64_t slot_bytes;
};

inline constexpr int64_t kSpreadPanel = 32;  // the widest

// Scratch: 64 bytes, then a slot per thread: a panel of dY, the products of some of its pixels with all taps, and lines
// of dX channel by channel.
FK_PRODUCT(void, conv_spread_f32, (const ConvSpread& c, const float* dy, const float* w, float* dx, void* scratch))

}  // namespace fk
