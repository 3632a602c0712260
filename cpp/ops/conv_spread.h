// Which gradients of images are spread from their few channels (kernels/products/conv_spread.h).
#pragma once
#include <algorithm>
#include <optional>

#include "core/parallel.h"
#include "kernels/products/conv_spread.h"
#include "ops/by_type.h"
#include "ops/conv_plan.h"

namespace fk {

// Directly, columns of a product are a vector of 16 channels; up to this many of them spreading is faster (GFLOP/s on
// Zen 4, 3x3 taps, 32 filters: 1 channel 6.6 -> 46, 3 channels 19 -> 56, 8 channels 50 -> 59).
inline constexpr int64_t kMostSpreadChannels = 8;
inline constexpr int64_t kSpreadProducts = 1 << 14, kSpreadLines = 1 << 16;  // floats of a slot, about: an L1, an L2

inline std::optional<ConvSpread> spread_of(const Call& call, const ConvShape& s) {
    if (call.in[0].dtype != DType::float32 || call.attrs.flag("direct", false) || s.groups != 1) return {};
    if (s.in_channels > kMostSpreadChannels || s.in_channels * s.out_channels == 0 || s.batch == 0) return {};
    // Images of one pixel a line lie as those of one line would: their one axis is that of the pixels.
    const auto trivial = [](const ConvAxis& a) { return a.in == 1 && a.kernel == 1 && a.out == 1 && a.before == 0; };
    const bool one_axis = trivial(s.axis[2]);
    const ConvAxis *axis[] = {&s.axis[one_axis ? 0 : 1], &s.axis[one_axis ? 1 : 2]}, &other = s.axis[one_axis ? 2 : 0];
    if (!trivial(other) || axis[0]->in < 1 || axis[0]->out < 1 || axis[1]->in < 1 || axis[1]->out < 1) return {};
    ConvSpread c{};
    c.batch = s.batch, c.channels = s.in_channels, c.filters = s.out_channels;
    for (int i : {0, 1}) {
        c.in[i] = axis[i]->in, c.out[i] = axis[i]->out, c.kernel[i] = axis[i]->kernel, c.stride[i] = axis[i]->stride;
        c.dilation[i] = axis[i]->dilation, c.before[i] = axis[i]->before;
    }
    const int64_t rows = s.taps() * s.in_channels, reach = (c.kernel[0] - 1) * c.dilation[0];
    const auto whole = [](int64_t n) { return (n + kSpreadPanel - 1) / kSpreadPanel * kSpreadPanel; };
    c.pixels =
        std::clamp(kSpreadProducts / rows / kSpreadPanel * kSpreadPanel, kSpreadPanel, whole(c.out[0] * c.out[1]));
    // Neighbouring bands both multiply the lines that reach into each other.
    c.lines = std::clamp(kSpreadLines / (c.in[1] * c.channels), std::min(c.in[0], 8 * (reach + 1)), c.in[0]);
    c.threads = std::min(64, num_threads());
    c.slot_bytes = whole(c.filters * kSpreadPanel + rows * c.pixels + c.lines * c.in[1] * c.channels) * 4;
    return c;
}

inline Kernel spread_kernel(const ConvSpread& c) {
    return {[c](const void* const* in, void* const* out, void* scratch) {
                conv_spread_f32(c, input<float>(in, 0), input<float>(in, 1), output<float>(out, 0), scratch);
            },
            size_t(64 + c.threads * c.slot_bytes)};
}

}  // namespace fk
