// Winograd's products whose sums stay in the registers, with vectors of sixteen floats.
#pragma once
#include "kernels/products/lanes.h"
#include "kernels/products/winograd_transforms.h"

namespace fk::FK_ISA {
namespace {

// --- outputs ---

// Do the products' sums stay in the registers, and become outputs there? 8x16x16x32 -> 32 on one thread of Zen 4: 176
// -> 203 GFLOP/s of the direct sums, 64x8x8x64 -> 64 217 -> 237, 128 channels 227 -> 231. Each multiply-add has an
// operand from memory then, and two have a second: no matter where there is one of them per cycle, as on Zen 4; where
// there are two, sums in memory are thought to be as fast from 32 channels on.
FK_VEC bool sums_fit_registers(const Winograd& g) {
    return kLanes == 16 && g.filters % kLanes == 0 && g.channels <= (near_l2_bytes() ? 128 : 16);
}
// Tiles times channels that pass at once: their inputs, 8 KB, and the weights of 16 filters meet in the L1.
constexpr int64_t kTilesAtOnce = 128;

// Of four tiles and a vector of filters two of the sixteen products are made at a time, eight chains in the registers,
// and added to the outputs at once, which stay there too.
constexpr int kOutputSigns[2][4] = {{1, 1, 1, 0}, {0, 1, -1, -1}};  // A^T

template <int part, int kTiles>
FK_VEC void add_part(const Vec* m, Vec (*y)[4]) {
#pragma GCC unroll 4
    for (int t = 0; t < kTiles; ++t)
#pragma GCC unroll 4
        for (int o = 0; o < 4; ++o) {
            const int sign = kOutputSigns[o / 2][part / 4] * kOutputSigns[o % 2][part % 4];
            if (sign) y[t][o] = sign > 0 ? y[t][o] + m[t] : y[t][o] - m[t];
        }
}

// T is float, or Bf16Pair for pairs of channels.
template <class T, int part, int kTiles>
FK_VEC void add_products(int64_t k, const T* inputs, int64_t in_part, const T* weights, int64_t w_part, Vec (*y)[4]) {
    using L = Lanes<T>;
    using Operand = typename L::Operand;
    const T *a0 = inputs + part * in_part, *a1 = a0 + in_part, *b0 = weights + part * w_part, *b1 = b0 + w_part;
    Vec m0[kTiles], m1[kTiles];
#pragma GCC unroll 4
    for (int t = 0; t < kTiles; ++t) m0[t] = m1[t] = Vec(0.f);
#pragma GCC unroll 4
    for (int64_t i = 0; i < k; ++i) {
        const Operand v0 = L::load(b0 + i * kLanes), v1 = L::load(b1 + i * kLanes);
#pragma GCC unroll 4
        for (int t = 0; t < kTiles; ++t) {
            m0[t] = fma(Operand(a0[t * k + i]), v0, m0[t]);
            m1[t] = fma(Operand(a1[t * k + i]), v1, m1[t]);
        }
    }
    add_part<part, kTiles>(m0, y);
    add_part<part + 1, kTiles>(m1, y);
    if constexpr (part + 2 < 16) add_products<T, part + 2, kTiles>(k, inputs, in_part, weights, w_part, y);
}

template <int kTiles, class T>
FK_VEC void outputs_of(const Winograd& g, const T* inputs, int64_t in_part, const T* weights, int64_t w_part,
                       const float* bias, Tile<2>& tile, Outputs& outputs, float* y) {
    const int64_t k = g.channels / kSteps<T>;
    Tile<2> t = tile;
    for (int64_t c = 0; c < g.filters; c += kLanes) {
        Vec v[kTiles][4];
        const Vec b = bias ? load(bias + c) : Vec(0.f);
#pragma GCC unroll 4
        for (int i = 0; i < kTiles; ++i)
#pragma GCC unroll 4
            for (int o = 0; o < 4; ++o) v[i][o] = b;
        add_products<T, 0, kTiles>(k, inputs, in_part, weights + c * g.channels, w_part, v);
        t = tile;
#pragma GCC unroll 4
        for (int i = 0; i < kTiles; ++i, t.step(g)) outputs.store(t, c, kLanes, v[i], y);
    }
    tile = t;
}

// Of tiles [first, first + count), whose inputs lie `in_part` elements apart, the weights w_part.
template <class T>
bool multiply_to_outputs(const Winograd& g, const T* inputs, int64_t in_part, const T* weights, int64_t w_part,
                         const float* bias, int64_t first, int64_t count, float* y) {
    const int64_t line = g.channels / kSteps<T>;
    Outputs outputs(g);
    Tile<2> tile(g, first);
    int64_t i = 0;
    for (; i + 4 <= count; i += 4)
        outputs_of<4>(g, inputs + i * line, in_part, weights, w_part, bias, tile, outputs, y);
    for (; i < count; ++i) outputs_of<1>(g, inputs + i * line, in_part, weights, w_part, bias, tile, outputs, y);
    return outputs.finite();
}

// --- gradients of weights ---

// Sums of outer products of sixteen channels and filters, in the registers, part by part: with calls of brgemm for
// twenty tiles at a time 4x32x32x16 -> 16 took 101 us on Zen 4 instead of 85, 64x8x8x64 -> 64 1,180 instead of 1,050.
void outer_products(const Winograd& g, int64_t parts, int64_t tiles, const float* inputs, const float* slopes,
                    bool accumulate, float* sums) {
    constexpr int n = 16;
    const int64_t channels = g.channels, filters = g.filters;
    for (; parts > 0; --parts, inputs += winograd_part(g, channels), slopes += winograd_part(g, filters))
        for (int64_t i = 0; i < channels; i += n, sums += n * filters)
            for (int64_t j = 0; j < filters; j += n) {
                const float *a = inputs + i, *b = slopes + j;
                float* c = sums + j;
                Vec sum[n];
#pragma GCC unroll 16
                for (int r = 0; r < n; ++r) sum[r] = accumulate ? load(c + r * filters) : Vec(0.f);
                for (int64_t t = 0; t < tiles; ++t, a += channels, b += filters) {
                    const Vec v = load(b);
#pragma GCC unroll 16
                    for (int r = 0; r < n; ++r) sum[r] = fma(Vec(a[r]), v, sum[r]);
                }
#pragma GCC unroll 16
                for (int r = 0; r < n; ++r) store(c + r * filters, sum[r]);
            }
}

}  // namespace
}  // namespace fk::FK_ISA
