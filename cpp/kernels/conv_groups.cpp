#include "kernels/conv_groups.h"

#include "core/slot.h"
#include "kernels/conv_groups_loops.h"

namespace fk::FK_ISA {
namespace {

constexpr int kMostPixels = kLanes == 16 ? 14 : 10;  // sums in registers, beside the weights of three taps

// Rows (tap, channel of a group) of the weights of a block, whose n channels begin at `first`.
void pack_block(const ConvGroups& c, const float* w, int64_t first, int64_t n, float* to) {
    const int64_t k = c.width;
    if (!c.turned) return copy_pixels(to, w + first, c.channels, c.taps * k, n);
    for (int64_t t = 0; t < c.taps; ++t, w += k * c.channels)
        for (int64_t i = 0; i < k; ++i, to += kBlock)
            for (int64_t j = 0; j < kBlock; ++j) to[j] = j < n ? w[j % k * c.channels + first + j / k * k + i] : 0.f;
}

// What the pixels of a line see: rows of the copy and, of the weights, the first row of taps.
struct Seen {
    const float *x, *w;
    int64_t rows, x_row, w_row, w_tap;
};

// sum[p] += kTaps neighbouring taps of pixel p.
template <int kPixels, int kTaps, class Which>
FK_VEC void add_taps(Vec* sum, const float* x, const float* w, int64_t w_tap, int64_t width, const Which& which) {
    for (int64_t c = 0; c < width; ++c, w += kBlock) {
        const auto meet = which.channel(c);
        Vec v[kTaps];
#pragma GCC unroll 3
        for (int t = 0; t < kTaps; ++t) v[t] = load(w + t * w_tap);
#pragma GCC unroll 16
        for (int i = 0; i < kPixels + kTaps - 1; ++i) {
            const Vec u = meet(x + i * kBlock);
#pragma GCC unroll 3
            for (int t = 0; t < kTaps; ++t)
                if (i >= t && i - t < kPixels) sum[i - t] = fma(u, v[t], sum[i - t]);
        }
    }
}

// kPixels outputs of a line, `next` apart.
template <int kPixels, class Which>
void tile(const ConvGroups& g, const GroupsSweep& s, const Seen& seen, const Which& which, const float* bias, float* y,
          int64_t next, int64_t n) {
    const GroupsAxis& a = s.axis[1];
    // Every m-th tap of a line meets neighbours; with stride 2 those are the first and the third.
    const int64_t width = g.width, taps = a.taps, m = a.step % a.at_step ? taps : a.step / a.at_step;
    Vec sum[kPixels];
#pragma GCC unroll 16
    for (int p = 0; p < kPixels; ++p) sum[p] = Vec(0.f);
    for (int64_t r = 0; r < seen.rows; ++r) {
        const float *x = seen.x + r * seen.x_row, *w = seen.w + r * seen.w_row;
        for (int64_t first = 0; first < m && first < taps; ++first) {
            int64_t t = first;
            const auto add = [&](auto count) FK_INLINED {
                for (; t + (count - 1) * m < taps; t += count * m)
                    add_taps<kPixels, count>(sum, x + column_of(s, t), w + t * seen.w_tap, m * seen.w_tap, width,
                                             which);
            };
            add(Number<3>{}), add(Number<2>{}), add(Number<1>{});
        }
    }
    const Vec b = bias ? load_up_to(bias, n) : Vec(0.f), low(g.low), high(g.high);
#pragma GCC unroll 16
    for (int p = 0; p < kPixels; ++p, y += next) store_up_to(y, min(high, max(low, sum[p] + b)), n);
}

template <class Which>
using Tile = void (*)(const ConvGroups&, const GroupsSweep&, const Seen&, const Which&, const float*, float*, int64_t,
                      int64_t);
template <class Which, int kPixels = kMostPixels>
constexpr void fill(Tile<Which>* tiles) {
    tiles[kPixels - 1] = tile<kPixels, Which>;
    if constexpr (kPixels > 1) fill<Which, kPixels - 1>(tiles);
}
template <class Which>
struct Tiles {
    Tile<Which> of[kMostPixels];
    constexpr Tiles() : of() { fill<Which>(of); }
};
template <class Which>
constexpr Tiles<Which> kTiles{};

// One vector of channels of a line of outputs; pixels are dealt out evenly.
template <class Which>
void output_line(const ConvGroups& g, const GroupsSweep& s, Seen seen, const Which& which, const float* bias, float* y,
                 int64_t n) {
    const GroupsAxis& a = s.axis[1];
    const int64_t next = a.pitch * g.channels;
    for (int64_t tiles = pieces(a.count, kMostPixels), left = a.count; tiles > 0; --tiles) {
        const int64_t pixels = pieces(left, tiles);
        kTiles<Which>.of[pixels - 1](g, s, seen, which, bias, y, next, n);
        seen.x += pixels * kBlock, y += pixels * next, left -= pixels;
    }
}

// The rows of taps that a line sees.
FK_VEC Rows taps_seen(const GroupsAxis& a, int64_t line) {
    const int64_t at = line * a.step + a.at;
    const int64_t begin = at < 0 ? pieces(-at, a.at_step) : 0;
    return {begin, most(begin, at < a.in ? least(a.taps, (a.in - 1 - at) / a.at_step + 1) : 0)};
}

// `n` channels of a block of a band; x, bias and y begin at the block.
void output_band(const ConvGroups& g, const GroupsSweep& s, const Band& band, const float* x, const float* packed,
                 const float* bias, float* y, int64_t n, float* copy) {
    const GroupsAxis &v = s.axis[0], &h = s.axis[1];
    const Rows rows = rows_seen(v, band.line, band.lines);
    const int64_t x_row = h.step * s.rows_apart * kBlock, w_tap = g.width * kBlock;
    copy_rows(s, x + band.image * v.in * h.in * g.channels, rows, g.channels, n, copy);
    y += (band.image * v.out * h.out + h.first) * g.channels;
    for (int64_t line = band.line; line < band.line + band.lines; ++line) {
        const Rows taps = taps_seen(v, line);
        const int64_t tap = (v.tap + taps.begin * v.tap_step) * g.kernel_columns + h.tap;
        const int64_t row = line * v.step + v.at + taps.begin * v.at_step - rows.begin;
        float* to = y + (v.first + line * v.pitch) * h.out * g.channels;
        for_each_vector_of_block(g.width, n, [&](int64_t lane, const auto& which) {
            const Seen seen{.x = copy + row * x_row + lane,
                            .w = packed + tap * w_tap + lane,
                            .rows = taps.end - taps.begin,
                            .x_row = v.at_step * x_row,
                            .w_row = v.tap_step * g.kernel_columns * w_tap,
                            .w_tap = h.tap_step * w_tap};
            output_line(g, s, seen, which, bias ? bias + lane : nullptr, to + lane, n - lane);
        });
    }
}

}  // namespace

void conv_groups_f32(const ConvGroups& c, const float* x, const float* w, const float* bias, float* y, void* scratch) {
    const int64_t blocks = pieces(c.channels, kBlock), rows = c.taps * c.width;
    float* packed = reinterpret_cast<float*>(static_cast<char*>(scratch) + 64);
    parallel_for(blocks, 1 + (1 << 15) / (rows * kBlock), [&](int64_t begin, int64_t end) {
        for (int64_t b = begin; b < end; ++b)
            pack_block(c, w, b * kBlock, least(c.channels - b * kBlock, kBlock), packed + b * rows * kBlock);
    });
    __builtin_memset(scratch, 0, 64);
    char* slots = reinterpret_cast<char*>(packed) + c.packed_bytes;
    for (int64_t i = 0; i < c.sweep_count; ++i) {
        const GroupsSweep& s = c.sweeps[i];
        const int64_t products = s.lines_per_band * s.axis[1].count * rows * kBlock;
        parallel_for(c.batch * bands_per_image(s) * blocks, 1 + (1 << 20) / (products + 1),
                     [&](int64_t begin, int64_t end) {
                         const Slot slot(scratch, slots, c.threads, c.slot_bytes);
                         for (int64_t j = begin; j < end; ++j) {
                             const int64_t b = j % blocks, first = b * kBlock;
                             output_band(c, s, band_at(s, j / blocks), x + first, packed + b * rows * kBlock,
                                         bias ? bias + first : nullptr, y + first, least(c.channels - first, kBlock),
                                         reinterpret_cast<float*>(slot.memory));
                         }
                     });
    }
}

}  // namespace fk::FK_ISA
