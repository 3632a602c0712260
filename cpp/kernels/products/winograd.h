// Convolutions of 3x3 taps at stride 1 by Winograd's F(2x2, 3x3): four outputs from sixteen products per channel and
// filter instead of 36. Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015.
//   Y = A^T [ (G w G^T) * (B^T x B) ] A    for tiles of 4x4 inputs and 2x2 outputs, * summed over channels
//   dW = G^T [ sum over tiles of (B^T x B) * (A dY A^T) ] G
// The gradient of the weights takes tiles of 6x6 inputs and 4x4 outputs where they are many: 36 products for sixteen
// outputs instead of 64. Their transforms magnify rounding errors, but what rounds most in a long sum is the sum: in
// twelve parts it errs less than one chain of multiply-adds (8x32x32x16 -> 16 on one thread of Zen 4: 157 -> 210
// GFLOP/s of the direct sums). An output is a short sum, where they would show.
#pragma once
#include <cstddef>
#include <cstdint>

#include "core/parallel.h"
#include "kernels/products/gemm.h"

namespace fk {

// y[i][j] = sum over a, b of x[i + a - before[0]][j + b - before[1]] w[a][b], zeros outside of x. Element (tap,
// channel, filter) of the weights is w[tap w_tap + channel w_k + filter w_n], one of w_k and w_n being 1; turned: the
// last tap comes first.
struct Winograd {
    int64_t batch, groups, channels, filters;  // channels, filters: of a group, the next of which lies behind them
    int64_t in[2], out[2], before[2];          // height, width
    int64_t made[2];                           // outputs that are computed; those behind them are zero
    int64_t in_pixel, out_pixel;               // of all groups: floats from one pixel to the next
    int64_t w_tap, w_k, w_n, w_group;
    bool turned;
    bool pairs;             // transforms are rounded to pairs of bfloat16, where the CPU multiplies those
    Activation activation;  // up to relu6
    int threads;
    bool of_weights = false;  // the gradient of the weights
    int64_t side = 2;         // outputs of a tile along an axis: 2, or 4 for that gradient
};

namespace {

constexpr int64_t kWinogradPad = 16;  // floats between the parts, so that they meet in no set of the L1

// What a tile is transformed to: values per channel.
FK_INLINE int64_t winograd_parts(const Winograd& g) { return (g.side + 2) * (g.side + 2); }
FK_INLINE int64_t winograd_tiles(const Winograd& g) {
    return g.batch * ((g.made[0] + g.side - 1) / g.side) * ((g.made[1] + g.side - 1) / g.side);
}
constexpr int64_t kFewestSums = 12;  // of large tiles
// Tiles that are transformed, multiplied and transformed back at a time: some 256 KB, in the L2. The gradient of the
// weights loads and stores all of its sums for each chunk: with twice as many tiles 128x12x12x32 -> 64 takes 3.8 -> 3.3
// ms.
FK_INLINE int64_t winograd_chunk(const Winograd& g) {
    const int64_t bytes = 4 * winograd_parts(g) * (g.channels + g.filters);
    int64_t wanted = ((g.of_weights ? 512 : 256) << 10) / bytes / 28 * 28;
    wanted = wanted < 28 ? 28 : wanted > 112 ? 112 : wanted;
    const int64_t each = winograd_tiles(g) / kFewestSums;
    return g.side > 2 && wanted > each ? each : wanted;
}
// Floats of one part of a chunk, with so many channels.
FK_INLINE int64_t winograd_part(const Winograd& g, int64_t channels) {
    return (winograd_chunk(g) * channels + 15) / 16 * 16 + kWinogradPad;
}
// Floats of one part of the sums of the gradient of the weights. Without a pad 36 parts of 16 KB meet in four sets of
// the L2 of Zen 3: with it, and transforms that hold a column at a time, 64x8x8x64 -> 64 takes 2.75 -> 1.92 ms.
FK_INLINE int64_t winograd_sum_part(const Winograd& g) {
    return (g.channels * g.filters + 15) / 16 * 16 + kWinogradPad;
}
FK_INLINE int64_t winograd_slot_bytes(const Winograd& g) {
    const int64_t sums = g.of_weights ? winograd_sum_part(g) : 0;
    return winograd_parts(g) * (winograd_part(g, g.channels) + winograd_part(g, g.filters) + sums) *
           int64_t(sizeof(float));
}
FK_INLINE int64_t winograd_zeros(const Winograd& g) {
    return ((g.channels > g.filters ? g.channels : g.filters) + 31) / 16 * 16;
}
// Of transformed weights, in panels, and with whole blocks of channels.
FK_INLINE int64_t winograd_packed(const Winograd& g) {
    return (g.filters + 31) / 32 * 32 * ((g.channels + 15) / 16 * 16);
}
// Sums of the gradient of the weights that are taken apart, for threads, transformed back and added in order: of four
// chunks at least, and no more than 8 MB of them, or two.
FK_INLINE int64_t winograd_sums(const Winograd& g) {
    const int64_t chunks = (winograd_tiles(g) + winograd_chunk(g) - 1) / winograd_chunk(g);
    const int64_t fit = (8 << 20) / (36 * g.channels * g.filters), most = fit < 2 ? 2 : fit > 16 ? 16 : fit;
    int64_t wanted = chunks < 8 ? (chunks + 1) / 2 : chunks / 4;
    if (g.side > 2 && wanted < kFewestSums) wanted = kFewestSums;
    return wanted < most ? wanted : most;
}
// Threads that are at work at a time, each with a slot of memory: no more than there are sums.
FK_INLINE int winograd_slots(const Winograd& g) {
    return g.of_weights && winograd_sums(g) < g.threads ? int(winograd_sums(g)) : g.threads;
}
FK_INLINE size_t winograd_scratch_bytes(const Winograd& g) {
    const int64_t shared = g.of_weights ? 9 * winograd_sums(g) * g.channels * g.filters : 16 * winograd_packed(g);
    return size_t(128 + (shared + winograd_zeros(g)) * int64_t(sizeof(float)) +
                  winograd_slots(g) * winograd_slot_bytes(g));
}

}  // namespace

// Both give up, and return false, where something is not finite: in a tile it would reach outputs that do not see it.
FK_PRODUCT(bool, winograd_f32,
           (const Winograd& g, const float* x, const float* w, const float* bias, float* y, void* scratch))
FK_PRODUCT(bool, winograd_weights_f32, (const Winograd& g, const float* x, const float* dy, float* dw, void* scratch))

}  // namespace fk
