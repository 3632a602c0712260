#include "core/slot.h"
#include "kernels/conv_groups_loops.h"
#include "kernels/loop.h"

namespace fk::FK_ISA {
namespace {

// dw[c] += sum over lines and pixels of channel c of x and dy, kChannels x kApart chains that are joined in order.
template <int kChannels, int kApart, class Which>
FK_VEC void add_products(const float* x, int64_t x_line, const float* dy, int64_t lines, int64_t pixels,
                         const Which& which, int64_t channel, float* dw) {
    Vec sum[kApart][kChannels];
    for (int u = 0; u < kApart; ++u)
        for (int c = 0; c < kChannels; ++c) sum[u][c] = Vec(0.f);
    const auto add = [&](const float* from, const float* slope, Vec* to) FK_INLINED {
        const Vec d = load(slope);
#pragma GCC unroll 8
        for (int c = 0; c < kChannels; ++c) to[c] = fma(which.channel(channel + c)(from), d, to[c]);
    };
    for (int64_t l = 0; l < lines; ++l, x += x_line, dy += pixels * kBlock) {
        int64_t i = 0;
        for (; i + kApart <= pixels; i += kApart)
#pragma GCC unroll 8
            for (int u = 0; u < kApart; ++u) add(x + (i + u) * kBlock, dy + (i + u) * kBlock, sum[u]);
        for (; i < pixels; ++i) add(x + i * kBlock, dy + i * kBlock, sum[0]);
    }
    for (int c = 0; c < kChannels; ++c, dw += kBlock) {
        Vec total = sum[0][c];
        for (int u = 1; u < kApart; ++u) total = total + sum[u][c];
        store(dw, load(dw) + total);
    }
}

// All channels of a group; eight chains hide the latency of multiply-adds.
template <class Which>
void add_tap(const ConvGroups& g, const float* x, int64_t x_line, const float* dy, int64_t lines, int64_t pixels,
             const Which& which, float* dw) {
    const auto add = [&](auto channels, auto apart) {
        for (int64_t c = 0; c < g.width; c += channels)
            add_products<channels, apart>(x, x_line, dy, lines, pixels, which, c, dw + c * kBlock);
    };
    switch (g.width) {
        case 1: return add(Number<1>{}, Number<8>{});
        case 2: return add(Number<2>{}, Number<4>{});
        case 4: return add(Number<4>{}, Number<2>{});
        default: return add(Number<8>{}, Number<1>{});
    }
}

// Adds the sums of a band to dw, rows (tap, channel of a group) of a block.
void weights_band(const ConvGroups& g, const GroupsSweep& s, const Band& band, const float* x, const float* dy,
                  int64_t n, float* dw, float* copy) {
    const GroupsAxis &v = s.axis[0], &h = s.axis[1];
    const Rows rows = rows_seen(v, band.line, band.lines);
    const int64_t x_row = h.step * s.rows_apart * kBlock;
    copy_rows(s, x + band.image * v.in * h.in * g.channels, rows, g.channels, n, copy);
    float* slopes = copy + (rows.end - rows.begin) * x_row;
    dy += ((band.image * v.out + band.line) * h.out + h.first) * g.channels;
    for (int64_t l = 0; l < band.lines; ++l)
        copy_pixels(slopes + l * h.count * kBlock, dy + l * h.out * g.channels, g.channels, h.count, n);
    for (int64_t r = 0; r < v.taps; ++r) {
        int64_t begin = 0, end = band.lines;  // lines that see this row of taps
        const auto row = [&](int64_t line) { return (band.line + line) * v.step + v.at + r * v.at_step; };
        while (begin < end && row(begin) < 0) ++begin;
        while (begin < end && row(end - 1) >= v.in) --end;
        if (begin == end) continue;
        for (int64_t t = 0; t < h.taps; ++t)
            for_each_vector_of_block(g.width, n, [&](int64_t lane, const auto& which) {
                add_tap(g, copy + (row(begin) - rows.begin) * x_row + column_of(s, t) + lane, v.step * x_row,
                        slopes + begin * h.count * kBlock + lane, end - begin, h.count, which,
                        dw + (r * h.taps + t) * g.width * kBlock + lane);
            });
    }
}

// f(sweep, band) for the bands of a part.
template <class F>
FK_VEC void for_each_band(const ConvGroups& c, int64_t part, const F& f) {
    for (int64_t i = 0; i < c.sweep_count; ++i) {
        const int64_t bands = c.batch * bands_per_image(c.sweeps[i]);
        for (int64_t band = part * bands / c.parts; band < (part + 1) * bands / c.parts; ++band)
            f(c.sweeps[i], band_at(c.sweeps[i], band));
    }
}

}  // namespace

void conv_groups_weights_f32(const ConvGroups& c, const float* x, const float* dy, float* dw, void* scratch) {
    const int64_t rows = c.taps * c.width, size = rows * c.channels, runs = pieces(c.channels, kGroupRun);
    float* sums = reinterpret_cast<float*>(static_cast<char*>(scratch) + 64);  // of all parts but the first
    __builtin_memset(scratch, 0, 64);
    parallel_for(runs * c.parts, 1, [&](int64_t begin, int64_t end) {
        const Slot slot(scratch, static_cast<char*>(scratch) + 64 + c.packed_bytes, c.threads, c.slot_bytes);
        float *sum = reinterpret_cast<float*>(slot.memory), *copy = sum + rows * kGroupRun;
        for (int64_t i = begin; i < end; ++i) {
            const int64_t part = i / runs, first = i % runs * kGroupRun, n = least(c.channels - first, kGroupRun);
            __builtin_memset(sum, 0, size_t(rows * kGroupRun) * sizeof(float));
            for_each_band(c, part, [&](const GroupsSweep& s, const Band& band) {
                for (int64_t j = 0; j < n; j += kBlock)
                    weights_band(c, s, band, x + first + j, dy + first + j, least(n - j, kBlock), sum + j * rows, copy);
            });
            float* to = (part == 0 ? dw : sums + (part - 1) * size) + first;
            for (int64_t r = 0; r < rows; ++r)
                for (int64_t j = 0; j < n; j += kLanes)
                    store_up_to(to + r * c.channels + j, load(sum + (j / kBlock * rows + r) * kBlock + j % kBlock),
                                n - j);
        }
    });
    for (int64_t part = 1; part < c.parts; ++part)
        for_each_vector<float>(size, [&](int64_t i, auto lanes) {
            lanes.store(dw + i, lanes.load(dw + i) + lanes.load(sums + (part - 1) * size + i));
        });
}

}  // namespace fk::FK_ISA
