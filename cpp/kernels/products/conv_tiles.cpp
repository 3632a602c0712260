// The gradient of a convolution's kernel on the tiles of AMX.
#include "kernels/products/conv_tiles.h"

#if defined(__AMX_BF16__)
#include "core/slot.h"
#include "kernels/products/exponents.h"
#include "kernels/products/pairs.h"
#include "kernels/sizes.h"

namespace fk::FK_ISA {
namespace {

// A line of X under the taps of a line of the kernel: row p, tap t, channel c is the pair of the pixels that pixels 2 p
// and 2 p + 1 of dY meet at tap t. Zeros around the image; x is null for a line of zeros.
void copy_x(const ConvTiles& c, const float* x, Bf16Pair* to, Planes planes) {
    const int64_t row = row_of_x(c);
    if (!x) {
        for (int64_t i = 0; i < planes.count; ++i)
            __builtin_memset(to + i * planes.apart, 0, size_t(line_pairs(c) * row) * sizeof *to);
        return;
    }
    for (int64_t p = 0; p < line_pairs(c); ++p)
        for (int64_t t = 0; t < c.kernel[1]; ++t, to += c.channels) {
            const int64_t at = 2 * p * c.stride[1] + t * c.dilation[1] - c.before[1], next = at + c.stride[1];
            const bool first = at >= 0 && at < c.in[1];
            const bool second = next >= 0 && next < c.in[1] && 2 * p + 1 < c.out[1];
            for (int64_t i = 0; i < c.channels; i += kLanes) {
                const int64_t n = c.channels - i;
                each_plane(load_up_to(x + at * c.channels + i, first ? n : 0),
                           load_up_to(x + next * c.channels + i, second ? n : 0), planes.count,
                           [&](int64_t plane, IVec pairs) { store_up_to(to + plane * planes.apart + i, pairs, n); });
            }
        }
}

// Images and lines of dY that a band has.
struct TileBand {
    int64_t image, images, line, lines;
};
FK_VEC int64_t bands_per_image(const ConvTiles& c) { return pieces(c.out[0], c.lines_per_band); }
FK_VEC TileBand tile_band(const ConvTiles& c, int64_t i) {
    const int64_t each = bands_per_image(c), image = i / each * c.images_per_band, line = i % each * c.lines_per_band;
    return {image, least(c.batch - image, c.images_per_band), line, least(c.out[0] - line, c.lines_per_band)};
}

void multiply_band(const ConvTiles& c, const TileBand& band, bool first, const float* x, const float* dy, char* slot,
                   float* sums) {
    const Planes x_planes{c.planes, pairs_of_x(c)}, dy_planes{c.planes, pairs_of_dy(c)};
    auto* x_copy = reinterpret_cast<Bf16Pair*>(slot);
    Bf16Pair* dy_copy = x_copy + c.planes * x_planes.apart;
    const int64_t line = line_pairs(c), row = row_of_x(c), x_line = line * row, dy_line = line_of_dy(c);
    const int64_t x_lines = lines_of_x(c, band.lines);
    const bool joined = c.stride[0] == 1;  // lines of dY meet lines of X that follow one another
    constexpr int64_t kMostRuns = 64;
    BrgemmPair<Bf16Pair> runs[kMostRuns];
    for (int64_t i = 0; i < band.images; ++i) {
        const int64_t image = band.image + i;
        for (int64_t h = 0; h < x_lines; ++h) {
            const int64_t at = band.line * c.stride[0] + h - c.before[0];
            const bool exists = at >= 0 && at < c.in[0];
            copy_x(c, exists ? x + (image * c.in[0] + at) * c.in[1] * c.channels : nullptr,
                   x_copy + (i * x_lines + h) * x_line, x_planes);
        }
        const float* from = dy + (image * c.out[0] + band.line) * c.out[1] * c.filters;
        const int64_t whole = c.out[1] % 2 == 0 ? band.lines : 1;  // lines that can be turned at once
        for (int64_t h = 0; h < band.lines; h += whole)
            pair_turned(from + h * c.out[1] * c.filters, c.filters, whole * c.out[1], c.filters,
                        dy_copy + (i * band.lines + h) * line, dy_line, dy_planes);
    }
    const int64_t run_lines = joined ? band.lines : 1, run_count = band.images * band.lines / run_lines;
    for (int64_t tap = 0; tap < c.kernel[0]; ++tap)
        for (int64_t from = 0; from < run_count; from += kMostRuns) {
            const int64_t count = least(run_count - from, kMostRuns);
            for (int64_t i = 0; i < count; ++i) {
                const int64_t h = (from + i) * run_lines, image = h / band.lines, in_image = h % band.lines;
                runs[i] = {dy_copy + h * line,
                           x_copy + (image * x_lines + in_image * c.stride[0] + tap * c.dilation[0]) * x_line};
            }
            const Brgemm<Bf16Pair> part{.m = c.filters,
                                        .n = row,
                                        .k = run_lines * line,
                                        .a_row = dy_line,
                                        .a_col = 1,
                                        .b_row = row,
                                        .b_panel = 2 * kLanes,
                                        .c_row = c.kernel[0] * row,
                                        .b_padded = true,
                                        .accumulate = !first || from > 0,
                                        .planes = c.planes,
                                        .a_plane = dy_planes.apart,
                                        .b_plane = x_planes.apart,
                                        .a_padded = true};
            brgemm_bf16(part, runs, count, sums + tap * row);
        }
}

// Weights [begin, end) of each filter: the sums of all parts, turned to (tap, channel, filter).
void turn_sums(const ConvTiles& c, const float* sums, int64_t begin, int64_t end, float* dw) {
    const int64_t weights = c.kernel[0] * row_of_x(c), size = conv_tiles_sums(c);
    for (int64_t w = begin; w < end; w += kLanes)
        for (int64_t f = 0; f < c.filters; f += kLanes) {
            Vec lines[kLanes];
            for (int64_t i = 0; i < kLanes; ++i) {
                lines[i] = Vec(0.f);
                for (int64_t p = 0; f + i < c.filters && p < c.parts; ++p)
                    lines[i] = lines[i] + load_up_to(sums + p * size + (f + i) * weights + w, end - w);
            }
            transpose(lines);
            for (int64_t i = 0; i < kLanes && w + i < end; ++i)
                store_up_to(dw + (w + i) * c.filters + f, lines[i], c.filters - f);
        }
}

}  // namespace

bool conv_weights_on_tiles(const ConvTiles& c, const float* x, const float* dy, float* dw, void* scratch) {
    const int64_t x_size = c.in[0] * c.in[1] * c.channels, dy_size = c.out[0] * c.out[1] * c.filters;
    if (c.planes > 1 && !splits(extent_of(x, x_size, c.batch, x_size), extent_of(dy, dy_size, c.batch, dy_size)))
        return false;
    const int64_t size = conv_tiles_sums(c), bands = pieces(c.batch, c.images_per_band) * bands_per_image(c);
    float* sums = reinterpret_cast<float*>(static_cast<char*>(scratch) + 64);
    char* slots = reinterpret_cast<char*>(sums + c.parts * size);
    __builtin_memset(scratch, 0, 64);
    parallel_for(c.parts, 1, [&](int64_t begin, int64_t end) {
        const Slot slot(scratch, slots, c.threads, conv_tiles_slot_bytes(c));
        for (int64_t part = begin; part < end; ++part) {
            const int64_t first = part * bands / c.parts, last = (part + 1) * bands / c.parts;
            for (int64_t i = first; i < last; ++i)
                multiply_band(c, tile_band(c, i), i == first, x, dy, slot.memory, sums + part * size);
        }
    });
    const int64_t weights = c.kernel[0] * row_of_x(c), blocks = pieces(weights, kLanes);
    parallel_for(blocks, 1 + (1 << 15) / (kLanes * c.filters * c.parts), [&](int64_t begin, int64_t end) {
        turn_sums(c, sums, begin * kLanes, least(weights, end * kLanes), dw);
    });
    return true;
}

}  // namespace fk::FK_ISA
#else
namespace fk::FK_ISA {
bool conv_weights_on_tiles(const ConvTiles&, const float*, const float*, float*, void*) { return false; }
}  // namespace fk::FK_ISA
#endif
