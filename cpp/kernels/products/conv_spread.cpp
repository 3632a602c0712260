#include "kernels/products/conv_spread.h"

#include "core/parallel.h"
#include "core/slot.h"
#include "kernels/products/activate.h"
#include "kernels/products/lanes.h"
#include "kernels/products/panels.h"

namespace fk::FK_ISA {
namespace {

constexpr int64_t kPanel = 2 * kLanes;

// to[tap and channel][pixel] = w[tap and channel] . dY[pixel], for pixels [first, first + count).
void multiply(const ConvSpread& c, const float* dy, const float* w, int64_t first, int64_t count, float* panel,
              float* to) {
    Brgemm<float> g{.m = c.kernel[1] * c.kernel[2] * c.channels,
                    .n = 0,
                    .k = c.filters,
                    .a_row = c.filters,
                    .a_col = 1,
                    .b_row = kPanel,
                    .b_panel = 0,
                    .c_row = c.pixels,
                    .b_padded = true};
    for (int64_t p = 0; p < count; p += kPanel) {
        g.n = least(count - p, kPanel);
        pack_columns(dy + (first + p) * c.filters, c.filters, c.filters, g.n, kPanel, panel);
        const BrgemmPair<float> pair{w, panel};
        brgemm_f32(g, &pair, 1, to + p);
    }
}

// Products with one tap, of pixels that follow one another, to pixels of dX that lie `stride` apart.
FK_VEC void add(float* to, const float* from, int64_t count, int64_t stride) {
    if (stride > 1)
        for (int64_t i = 0; i < count; ++i) to[i * stride] += from[i];
    else
        for (int64_t i = 0; i < count; i += kLanes)
            store_up_to(to + i, load_up_to(to + i, count - i) + load_up_to(from + i, count - i), count - i);
}

// Products of dY's pixels [first, first + count) to the lines [y0, y1) of dX, which lie channel by channel.
void spread(const ConvSpread& c, const float* products, int64_t first, int64_t count, int64_t y0, int64_t y1,
            float* lines) {
    const int64_t width = c.out[2], step = c.stride[2];
    for (int64_t p = first; p < first + count;) {
        const int64_t line = p / width, begin = p % width, end = least(width, begin + first + count - p);
        for (int64_t i = 0; i < c.kernel[1]; ++i) {
            const int64_t y = line * c.stride[1] + i * c.dilation[1] - c.before[1];
            if (y < y0 || y >= y1) continue;
            for (int64_t j = 0; j < c.kernel[2]; ++j) {
                // Of the line's pixels, those whose x = pixel * step + shift is inside.
                const int64_t shift = j * c.dilation[2] - c.before[2];
                const int64_t low = most(begin, shift < 0 ? pieces(-shift, step) : 0);
                const int64_t high = least(end, c.in[2] > shift ? pieces(c.in[2] - shift, step) : 0);
                if (low >= high) continue;
                const float* from = products + (i * c.kernel[2] + j) * c.channels * c.pixels + p - first + low - begin;
                float* to = lines + (y - y0) * c.in[2] + low * step + shift;
                for (int64_t k = 0; k < c.channels; ++k)
                    add(to + k * (y1 - y0) * c.in[2], from + k * c.pixels, high - low, step);
            }
        }
        p += end - begin;
    }
}

// Lines [y0, y1) of a plane of an image's dX.
void make_lines(const ConvSpread& c, const float* dy, const float* w, const float* bias, int64_t plane, int64_t y0,
                int64_t y1, float* dx, float* room) {
    const int64_t size = (y1 - y0) * c.in[2], reach = (c.kernel[1] - 1) * c.dilation[1];
    const int64_t taps = c.kernel[1] * c.kernel[2];
    float *panel = room, *products = panel + c.filters * kPanel;
    float* lines = c.channels == 1 ? dx : products + taps * c.channels * c.pixels;
    for (int64_t k = 0; k < c.channels; ++k)
        for (int64_t i = 0; i < size; ++i) lines[k * size + i] = bias ? bias[k] : 0.f;
    const int64_t first = least(c.out[1], pieces(most(0, y0 + c.before[1] - reach), c.stride[1])) * c.out[2];
    const int64_t last = least(c.out[1], (y1 - 1 + c.before[1]) / c.stride[1] + 1) * c.out[2];
    for (int64_t i = 0; i < c.kernel[0]; ++i) {
        const int64_t at = plane + c.before[0] - i * c.dilation[0], from = at / c.stride[0];
        if (at < 0 || at % c.stride[0] != 0 || from >= c.out[0]) continue;
        const float* there = dy + from * c.out[1] * c.out[2] * c.filters;
        for (int64_t p = first; p < last; p += c.pixels) {
            const int64_t count = least(c.pixels, last - p);
            multiply(c, there, w + i * taps * c.channels * c.filters, p, count, panel, products);
            spread(c, products, p, count, y0, y1, lines);
        }
    }
    activate(c.activation, lines, size * c.channels);
    if (lines == dx) return;
    for (int64_t i = 0; i < size; ++i)
        for (int64_t k = 0; k < c.channels; ++k) dx[i * c.channels + k] = lines[k * size + i];
}

}  // namespace

void conv_spread_f32(const ConvSpread& c, const float* dy, const float* w, const float* bias, float* dx,
                     void* scratch) {
    const int64_t bands = pieces(c.in[1], c.lines), line = c.in[2] * c.channels, plane = c.in[1] * line;
    const double flops = 2.0 * double(c.lines * c.in[2] / (c.stride[1] * c.stride[2]) + 1) * double(c.filters) *
                         double(c.kernel[0] * c.kernel[1] * c.kernel[2] * c.channels);
    __builtin_memset(scratch, 0, 64);
    parallel_for(c.batch * c.in[0] * bands, most(1, int64_t(1e6 / flops)), [&](int64_t begin, int64_t end) {
        const Slot slot(scratch, static_cast<char*>(scratch) + 64, c.threads, c.slot_bytes);
        for (int64_t i = begin; i < end; ++i) {
            const int64_t y0 = i % bands * c.lines, image = i / bands / c.in[0];
            make_lines(c, dy + image * c.out[0] * c.out[1] * c.out[2] * c.filters, w, bias, i / bands % c.in[0], y0,
                       least(c.in[1], y0 + c.lines), dx + i / bands * plane + y0 * line,
                       reinterpret_cast<float*>(slot.memory));
        }
    });
}

}  // namespace fk::FK_ISA
