// What depthwise convolution and pooling share: blocks of channels, segments of the width, rows of taps.
#pragma once
#include "kernels/loop.h"
#include "kernels/window.h"

namespace fk::FK_ISA {
namespace {

// Vectors of channels that are in registers together: f(channel, lanes, Block<K>), K halving from kMost to the rest.
template <int K>
struct Block {
    static constexpr int count = K;
};
template <class T, int kMost, class F>
FK_VEC void for_each_block(int64_t n, const F& f, int64_t c = 0) {
    constexpr int64_t step = lanes_of<VecOf<T>>;
    for (; c + kMost * step <= n; c += kMost * step) f(c, WholeVector{}, Block<kMost>{});
    if constexpr (kMost > 1)
        for_each_block<T, kMost / 2>(n, f, c);
    else if (c < n)
        f(c, PartialVector{n - c}, Block<1>{});
}

// Positions of the width that see the same taps, `stride` inputs apart.
struct Segment {
    int64_t begin, count, first, taps, at, stride;
};
template <class F>
FK_VEC void for_each_segment(const WindowAxis& a, const F& f) {
    for (int64_t phase = 0; phase < a.pitch && phase < a.out; ++phase)
        for (int64_t o = phase; o < a.out;) {
            const WindowSpan& s = a.spans[o];
            int64_t count = 1;
            for (; o + count * a.pitch < a.out; ++count) {
                const WindowSpan& next = a.spans[o + count * a.pitch];
                if (next.first != s.first || next.count != s.count) break;
            }
            f(Segment{o, count, s.first, s.count, s.at, count > 1 ? a.spans[o + a.pitch].at - s.at : 0});
            o += count * a.pitch;
        }
}

// The rows of taps that a line (image, depth, height) of the output sees. Found once per line: four divisions in each
// block of pixels took half of the time of a 3x3 kernel.
struct TapRows {
    int64_t depths, heights;
    int64_t tap, tap_depth, tap_height;        // the first, and from one to the next
    int64_t pixel, pixel_depth, pixel_height;  // of the input, at the beginning of its line
};
FK_VEC TapRows tap_rows(const Window& g, int64_t line) {
    const WindowAxis &d = g.axis[0], &h = g.axis[1], &w = g.axis[2];
    const int64_t image = line / (d.out * h.out);
    const WindowSpan &sd = d.spans[line / h.out % d.out], &sh = h.spans[line % h.out];
    return {sd.count,
            sh.count,
            (sd.first * h.kernel + sh.first) * w.kernel,
            d.tap_step * h.kernel * w.kernel,
            h.tap_step * w.kernel,
            ((image * d.in + sd.at) * h.in + sh.at) * w.in,
            d.in_step * h.in * w.in,
            h.in_step * w.in};
}
// f(first tap of the row, first input pixel)
template <class F>
FK_VEC void for_each_tap_row(const TapRows& r, const F& f) {
    for (int64_t i = 0; i < r.depths; ++i)
        for (int64_t j = 0; j < r.heights; ++j)
            f(r.tap + i * r.tap_depth + j * r.tap_height, r.pixel + i * r.pixel_depth + j * r.pixel_height);
}
FK_VEC int64_t lines_of(const Window& g) { return g.images * g.axis[0].out * g.axis[1].out; }

}  // namespace
}  // namespace fk::FK_ISA
