// Winograd's products whose sums stay in the registers, with vectors of sixteen floats.
#pragma once
#include <type_traits>

#include "kernels/products/lanes.h"
#include "kernels/products/winograd_transforms.h"

namespace fk::FK_ISA {
namespace {

// --- outputs ---

// Do the products' sums stay in the registers, and become outputs there? 8x16x16x32 -> 32 on one thread of Zen 4: 176
// -> 203 GFLOP/s of the direct sums, 64x8x8x64 -> 64 217 -> 237, 128 channels 227 -> 231. Weights then pass once for
// four tiles: where two multiply-adds a cycle want them and they come from the L2, on Zen 5, 48 channels of 8x28x28
// take 580 us instead of 615, but 96 2,370 instead of 1,950 and 128 4,690 instead of 3,470; of pairs 64 channels of
// 64x8x8 386 instead of 410, 96 1,350 instead of 1,230. On Intel's, where permutations take the port of a multiply-add,
// sums in memory are thought to be as fast from 32 channels on.
FK_VEC bool sums_fit_registers(const Winograd& g) {
    const int64_t most_channels = !near_l2_bytes() ? 16 : !starts_two_wide_fmas() ? 128 : g.pairs ? 64 : 48;
    return kLanes == 16 && g.filters % kLanes == 0 && g.channels <= most_channels;
}
// Tiles times channels that pass at once: their inputs, 8 KB, and the weights of 16 filters meet in the L1.
constexpr int64_t kTilesAtOnce = 128;

// Of the sixteen operands of A that meet a line of weights so many come four channels at a time and are spread in the
// registers; the others are read by the multiply-adds that want them. A core of Zen 5 starts two multiply-adds a cycle,
// two loads, and two permutations beside them: 20 loads for 16 multiply-adds take 10 cycles, 15.5 less than 8. Products
// of 8x32x32x16 -> 16: none 86 us, 4 78, 6 75, 8 81. Intel's permutations take the port of a multiply-add.
constexpr int kMostSpread = 6;

// Weights of sixteen channels and filters: of each of the sixteen parts channels by filters.
constexpr int64_t kWeightBlock = 16 * 16 * kLanes;

// Four products of a line of the sixteen, of so many tiles and a vector of filters: up to sixteen chains.
template <int kTiles, int kSpread, class T>
FK_VEC void multiply_line(int64_t blocks, const T* inputs, const T* weights, Vec (*m)[4]) {
    using L = Lanes<T>;
    using Operand = typename L::Operand;
    constexpr int64_t steps = 16 / kSteps<T>, part = kPart / kSteps<T>, block = kBlock / kSteps<T>;
#pragma GCC unroll 4
    for (int t = 0; t < kTiles; ++t)
#pragma GCC unroll 4
        for (int j = 0; j < 4; ++j) m[t][j] = Vec(0.f);
    for (; blocks > 0; --blocks, inputs += block - steps, weights += kWeightBlock - steps * kLanes)
        for (const T* end = inputs + steps; inputs < end; inputs += 4, weights += 4 * kLanes) {
            [[maybe_unused]] Operand fours[16];
#pragma GCC unroll 16
            for (int s = 0; s < kSpread && s < 4 * kTiles; ++s)
                fours[s] = L::load_fours(inputs + s / 4 * steps + s % 4 * part);
            const auto step = [&](auto at) FK_INLINED {
                constexpr int i = decltype(at)::value;
                Operand w[4];
#pragma GCC unroll 4
                for (int j = 0; j < 4; ++j) w[j] = L::load(weights + i * kLanes + j * 16 * kLanes);
#pragma GCC unroll 4
                for (int t = 0; t < kTiles; ++t)
#pragma GCC unroll 4
                    for (int j = 0; j < 4; ++j)
                        m[t][j] = fma(4 * t + j < kSpread ? spread<i>(fours[4 * t + j])
                                                          : Operand(inputs[t * steps + j * part + i]),
                                      w[j], m[t][j]);
            };
            step(std::integral_constant<int, 0>{}), step(std::integral_constant<int, 1>{});
            step(std::integral_constant<int, 2>{}), step(std::integral_constant<int, 3>{});
        }
}

// The two outputs of each tile that such a line adds to those above and below, A^T m A line by line.
template <int line, int kTiles, int kSpread, class T>
FK_VEC void add_line(const Winograd& g, const T* inputs, const T* weights, Vec bias, const Tile<2>& first, int64_t c,
                     Outputs& outputs, float* kept, float* y) {
    Vec m[kTiles][4];
    multiply_line<kTiles, kSpread>(pieces(g.channels, 16), inputs + line * 4 * kPart / kSteps<T>,
                                   weights + line * 4 * 16 * kLanes, m);
    Tile<2> tile = first;
    float* at = kept;
#pragma GCC unroll 4
    for (int t = 0; t < kTiles; ++t, at += 4 * kLanes) {
        const Vec left = m[t][0] + m[t][1] + m[t][2], right = m[t][1] - m[t][2] - m[t][3];
        if constexpr (line == 0) {
            store(at, bias + left), store(at + kLanes, bias + right);
        } else if constexpr (line == 1) {
            store(at, load(at) + left), store(at + kLanes, load(at + kLanes) + right);
            store(at + 2 * kLanes, bias + left), store(at + 3 * kLanes, bias + right);
        } else if constexpr (line == 2) {
            outputs.store(tile, 0, c, kLanes, load(at) + left, load(at + kLanes) + right, y);
            store(at + 2 * kLanes, load(at + 2 * kLanes) - left), store(at + 3 * kLanes, load(at + 3 * kLanes) - right);
            tile.step(g);
        } else {
            outputs.store(tile, 1, c, kLanes, load(at + 2 * kLanes) - left, load(at + 3 * kLanes) - right, y);
            tile.step(g);
        }
    }
}

template <int kTiles, int kSpread, class T>
FK_VEC void outputs_of(const Winograd& g, const T* inputs, const T* weights, const float* bias, Tile<2>& tile,
                       Outputs& outputs, float* y) {
    alignas(64) float sums[kTiles * 4 * kLanes];
    const int64_t blocks = pieces(g.channels, 16);
    for (int64_t c = 0; c < g.filters; c += kLanes, weights += blocks * kWeightBlock) {
        const Vec b = bias ? load(bias + c) : Vec(0.f);
        float* kept = afresh(sums);
        add_line<0, kTiles, kSpread>(g, inputs, weights, b, tile, c, outputs, kept, y);
        add_line<1, kTiles, kSpread>(g, inputs, weights, b, tile, c, outputs, kept, y);
        add_line<2, kTiles, kSpread>(g, inputs, weights, b, tile, c, outputs, kept, y);
        add_line<3, kTiles, kSpread>(g, inputs, weights, b, tile, c, outputs, kept, y);
    }
    for (int i = 0; i < kTiles; ++i) tile.step(g);
}

template <int kSpread, class T>
bool multiply(const Winograd& g, const T* inputs, const T* weights, const float* bias, int64_t first, int64_t count,
              float* y) {
    const int64_t group = pieces(g.channels, 16) * kBlock / kSteps<T>;
    Outputs outputs(g);
    Tile<2> tile(g, first);
    int64_t i = 0;
    for (; i + 4 <= count; i += 4, inputs += group) outputs_of<4, kSpread>(g, inputs, weights, bias, tile, outputs, y);
    for (; i < count; ++i, inputs += 16 / kSteps<T>) outputs_of<1, 0>(g, inputs, weights, bias, tile, outputs, y);
    return outputs.finite();
}

// Of tiles [first, first + count), T being float, or Bf16Pair for pairs of channels.
template <class T>
bool multiply_to_outputs(const Winograd& g, const T* inputs, const T* weights, const float* bias, int64_t first,
                         int64_t count, float* y) {
    return (near_l2_bytes() ? multiply<kMostSpread, T> : multiply<0, T>)(g, inputs, weights, bias, first, count, y);
}

// --- gradients of weights ---

// Sums of outer products of sixteen channels and filters, in the registers, part by part: with calls of brgemm for
// twenty tiles at a time 4x32x32x16 -> 16 took 101 us on Zen 4 instead of 85, 64x8x8x64 -> 64 1,180 instead of 1,050.
// With four operands spread, or none (Zen 5: 64x8x8x64 -> 64 545 -> 510 us).
template <int kSpread>
void outer_products(const Winograd& g, int64_t parts, int64_t tiles, const float* inputs, const float* slopes,
                    bool accumulate, float* sums) {
    constexpr int n = 16;
    const int64_t channels = g.channels, filters = g.filters;
    for (; parts > 0; --parts, inputs += winograd_part(g, channels), slopes += winograd_part(g, filters),
                      sums += winograd_sum_part(g))
        for (int64_t i = 0; i < channels; i += n)
            for (int64_t j = 0; j < filters; j += n) {
                const float *a = inputs + i, *b = slopes + j;
                float* c = sums + i * filters + j;
                Vec sum[n];
#pragma GCC unroll 16
                for (int r = 0; r < n; ++r) sum[r] = accumulate ? load(c + r * filters) : Vec(0.f);
                for (int64_t t = 0; t < tiles; ++t, a += channels, b += filters) {
                    const Vec v = load(b);
                    if constexpr (kSpread > 0) {
                        const Vec four = load_fours(a);
                        sum[0] = fma(spread<0>(four), v, sum[0]), sum[1] = fma(spread<1>(four), v, sum[1]);
                        sum[2] = fma(spread<2>(four), v, sum[2]), sum[3] = fma(spread<3>(four), v, sum[3]);
                    }
#pragma GCC unroll 16
                    for (int r = kSpread; r < n; ++r) sum[r] = fma(Vec(a[r]), v, sum[r]);
                }
#pragma GCC unroll 16
                for (int r = 0; r < n; ++r) store(c + r * filters, sum[r]);
            }
}

}  // namespace
}  // namespace fk::FK_ISA
