// Which convolutions run by Winograd's algorithm (kernels/products/winograd.h), and the kernels that try it first.
#pragma once
#include <algorithm>
#include <optional>

#include "core/parallel.h"
#include "kernels/products/winograd.h"
#include "ops/by_type.h"
#include "ops/conv_plan.h"

namespace fk {

// Does it pay? Transforms take about a third of the time of the products with 32 channels, and the direct kernels do
// not multiply zeros around the image.
inline bool pays(const Winograd& g) {
    if (g.channels < 16 || g.filters < 16) return false;
    double products = 16, direct = 1;
    for (int axis : {0, 1}) {
        int64_t met = 0;
        for (int64_t i = -g.before[axis]; i < g.out[axis] - g.before[axis]; ++i)
            for (int64_t tap = 0; tap < 3; ++tap) met += i + tap >= 0 && i + tap < g.in[axis];
        products *= double((g.made[axis] + 1) / 2);
        direct *= double(met);
    }
    return 1.35 * products < direct;
}

// The convolution as Winograd's, or the gradient of its image, with operands in so many planes (0: floats).
inline std::optional<Winograd> winograd_of(const Call& c, const ConvShape& s, int planes, bool image_gradient = false) {
    const int64_t channels = s.in_channels / s.groups, filters = s.out_channels / s.groups;
    // Tiles multiply pairs too fast for transforms to pay, but for six products (Granite Rapids, GFLOP/s, floats by
    // Winograd / three planes: 16 channels 160 / 180, 32 260 / 310, 64 330 / 250 at 8x8 and 313 / 320 at 56x56).
    if (planes > 0 && c.attrs.flag("split", false)) return {};
    if (planes == 2 || (planes == 1 && multiplies_tiles())) return {};
    if (planes == 3 && channels + filters <= 64) return {};
    // Pairs of whole vectors; with 16 channels only where sums stay in the registers (8x32x32x16 -> 16 on Zen 5: direct
    // sums of pairs 113 us, these 67).
    for (int64_t n : {channels, filters})
        if (planes == 1 && (n < (near_l2_bytes() ? 16 : 32) || n % 16)) return {};
    if (c.in[0].dtype != DType::float32 || c.attrs.flag("direct", false) || s.batch == 0) return {};
    const ConvAxis& depth = s.axis[0];
    if (depth.in != 1 || depth.kernel != 1 || depth.out != 1) return {};
    Winograd g{};
    g.batch = s.batch, g.groups = s.groups, g.channels = channels, g.filters = filters;
    g.in_pixel = s.in_channels, g.out_pixel = s.out_channels;
    g.w_tap = channels * s.out_channels, g.w_k = s.out_channels, g.w_n = 1, g.w_group = filters;
    g.threads = std::min(64, num_threads()), g.pairs = planes == 1;
    for (int i : {0, 1}) {
        const ConvAxis& a = s.axis[i + 1];
        if (a.kernel != 3 || a.stride != 1 || a.dilation != 1 || a.out < 1) return {};
        g.in[i] = a.in, g.out[i] = g.made[i] = a.out, g.before[i] = a.before;
        if (!image_gradient) continue;
        std::swap(g.in[i], g.out[i]), g.before[i] = 2 - a.before;
        g.made[i] = std::min(g.out[i], g.in[i] + g.before[i]);  // what lies further on sees nothing
        if (g.made[i] < 1) return {};
    }
    if (image_gradient) {
        std::swap(g.channels, g.filters), std::swap(g.in_pixel, g.out_pixel), std::swap(g.w_k, g.w_n);
        g.turned = true;
    }
    return pays(g) ? std::optional(g) : std::nullopt;
}

// The gradient of the weights. Sixteen sums per weight instead of nine, and several times, must stay in reach of the
// L2. Large tiles have 36: they need enough of them for several sums, and images that they do not overlap by much.
inline std::optional<Winograd> winograd_of_weights(const Call& c, const ConvShape& s, int planes) {
    constexpr int64_t kMostWeights = 1 << 16, kMostLarge = 1 << 12, kManyTiles = 256;
    auto small = winograd_of(c, s, planes);
    if (!small || small->channels * small->filters > kMostWeights) return {};
    small->of_weights = true;
    // Of floats, also where pairs would do, with few channels (2x32x32x16 -> 16 on Zen 5: pairs 35 us, floats 29), and
    // with large tiles but for many sums: half of the products, and smaller errors (64x32x32x16 -> 16: pairs 1060 us,
    // large tiles 620; 128x13x13x32 -> 64 1220 and 1060; 64x8x8x64 -> 64 472 and 559).
    small->pairs = small->pairs && small->channels >= 32 && small->filters >= 32;
    Winograd large = *small;
    large.side = 4, large.pairs = false;
    const int64_t weights = small->channels * small->filters;
    const int64_t most = planes == 1 ? kMostLarge / 2 : kMostLarge;
    const bool pays = winograd_tiles(large) >= kManyTiles && weights <= most &&
                      1.3 * double(winograd_tiles(large) * winograd_parts(large)) <
                          double(winograd_tiles(*small) * winograd_parts(*small));
    return pays ? large : small;
}

// run(in, out, scratch) of Winograd's, and the direct kernel where that returns false.
template <class Run>
Kernel first_try(size_t scratch_bytes, Run run, Kernel direct) {
    const size_t both = std::max(scratch_bytes, direct.scratch_bytes);
    return {[run, direct = std::move(direct)](const void* const* in, void* const* out, void* scratch) {
                if (!run(in, out, scratch)) direct.run(in, out, scratch);
            },
            both};
}

inline Kernel winograd_kernel(Winograd g, Activation activation, bool biased, Kernel direct) {
    g.activation = activation;
    return first_try(
        winograd_scratch_bytes(g),
        [=](const void* const* in, void* const* out, void* scratch) {
            return winograd_f32(g, input<float>(in, 0), input<float>(in, 1), biased ? input<float>(in, 2) : nullptr,
                                output<float>(out, 0), scratch);
        },
        std::move(direct));
}

}  // namespace fk
