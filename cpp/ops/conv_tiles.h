// Which gradients of kernels run on tiles (kernels/products/conv_tiles.h).
#pragma once
#include <algorithm>
#include <optional>

#include "core/parallel.h"
#include "kernels/products/conv_tiles.h"
#include "ops/conv_plan.h"

namespace fk {

inline std::optional<ConvTiles> tiles_of(const ConvShape& s, int planes) {
    const ConvAxis& depth = s.axis[0];
    if (planes == 0 || !multiplies_tiles() || s.groups != 1 || s.batch == 0) return {};
    if (depth.in != 1 || depth.kernel != 1 || depth.out != 1) return {};
    ConvTiles c{};
    c.batch = s.batch, c.channels = s.in_channels, c.filters = s.out_channels, c.planes = planes;
    for (int i : {0, 1}) {
        const ConvAxis& a = s.axis[i + 1];
        if (a.out < 1) return {};
        c.in[i] = a.in, c.out[i] = a.out, c.kernel[i] = a.kernel, c.stride[i] = a.stride;
        c.dilation[i] = a.dilation, c.before[i] = a.before;
    }
    const int64_t line_bytes = planes * 4 * line_pairs(c) * row_of_x(c);
    c.lines_per_band = std::clamp<int64_t>(kTileBandBytes / line_bytes, 1, c.out[0]);
    c.images_per_band = 1;
    if (c.lines_per_band == c.out[0])
        c.images_per_band =
            std::clamp<int64_t>(kTileBandBytes / (line_bytes * lines_of_x(c, c.lines_per_band)), 1, s.batch);
    const int64_t bands =
        (s.batch + c.images_per_band - 1) / c.images_per_band * ((c.out[0] + c.lines_per_band - 1) / c.lines_per_band);
    // As in conv_plan.cpp: they depend on the shape alone, and so do the bits.
    c.parts = std::clamp<int64_t>((4 << 20) / (4 * conv_tiles_sums(c)), 2, 16);
    c.parts = std::max<int64_t>(1, std::min({bands, int64_t(s.flops() / 4e6), c.parts}));
    c.threads = int(std::min<int64_t>(std::min(64, num_threads()), c.parts));
    return c;
}

}  // namespace fk
