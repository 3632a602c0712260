// The gradient of a convolution's kernel on the tiles of AMX: dW^T = dY^T X, summed over pixels.
#pragma once
#include <cstddef>
#include <cstdint>

#include "core/parallel.h"
#include "simd/dispatch.h"

namespace fk {

// Images (height, width, channels) and dY (height, width, filters) of a convolution of one group.
struct ConvTiles {
    int64_t batch, channels, filters;
    int64_t in[2], out[2], kernel[2], stride[2], dilation[2], before[2];  // height, width
    int planes;
    int threads;
    // A band is some images, or some lines of dY of one image; bands are dealt out to so many sums, added in order.
    int64_t images_per_band, lines_per_band, parts;
};

namespace {

constexpr int64_t kTileBandBytes = 384 << 10;  // of the copies of X, in all planes: they stay in the L2

// Copies are pairs of neighbouring pixels of dY, so lines of odd width end with half a pair.
FK_INLINE int64_t line_pairs(const ConvTiles& c) { return (c.out[1] + 1) / 2; }
// That so many lines of dY meet.
FK_INLINE int64_t lines_of_x(const ConvTiles& c, int64_t lines) {
    return (lines - 1) * c.stride[0] + (c.kernel[0] - 1) * c.dilation[0] + 1;
}
// Pairs of a row of the copy of X: all taps of a line of the kernel, and all channels, for a pair of pixels.
FK_INLINE int64_t row_of_x(const ConvTiles& c) { return c.kernel[1] * c.channels; }
FK_INLINE int64_t pairs_of_x(const ConvTiles& c) {  // per plane; a panel may be read past the last row
    return c.images_per_band * lines_of_x(c, c.lines_per_band) * line_pairs(c) * row_of_x(c) + 32;
}
FK_INLINE int64_t line_of_dy(const ConvTiles& c) {  // per filter; not a power of two
    return (c.images_per_band * c.lines_per_band * line_pairs(c) + 15) / 16 * 16 + 16;
}
FK_INLINE int64_t pairs_of_dy(const ConvTiles& c) { return (c.filters + 15) / 16 * 16 * line_of_dy(c); }
FK_INLINE int64_t conv_tiles_slot_bytes(const ConvTiles& c) {
    return (c.planes * (pairs_of_x(c) + pairs_of_dy(c)) * 4 + 63) / 64 * 64;
}
FK_INLINE int64_t conv_tiles_sums(const ConvTiles& c) { return (c.filters * c.kernel[0] * row_of_x(c) + 15) / 16 * 16; }
FK_INLINE size_t conv_tiles_scratch_bytes(const ConvTiles& c) {
    return size_t(64 + c.parts * conv_tiles_sums(c) * 4 + c.threads * conv_tiles_slot_bytes(c));
}

}  // namespace

// Gives up, and returns false, where the CPU has no tiles or planes do not hold the operands.
FK_PRODUCT(bool, conv_weights_on_tiles, (const ConvTiles& c, const float* x, const float* dy, float* dw, void* scratch))

}  // namespace fk
