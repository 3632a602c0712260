// Which gradients of images are spread over their few channels, and which convolutions over their few filters
// (kernels/products/conv_spread.h).
#pragma once
#include <algorithm>
#include <optional>

#include "core/parallel.h"
#include "kernels/products/conv_spread.h"
#include "ops/by_type.h"
#include "ops/conv_plan.h"

namespace fk {

inline constexpr int64_t kSpreadProducts = 1 << 14, kSpreadLines = 1 << 16;  // floats of a slot, about: an L1, an L2

// Directly, columns of a product are a vector of 16 channels; spreading takes time for each of them, and adds what it
// has multiplied to memory. GFLOP/s on Zen 4, 3x3 taps, 32 filters: 1 channel 6.6 -> 46, 3 channels 19 -> 56, 8
// channels 50 -> 59; the same for 4 filters and 4 channels, 8 and 6. Direct sums of pairs take half the time.
inline bool spread_pays(int64_t channels, int64_t filters, bool pairs) {
    return channels <= 8 && channels * (filters + 14) <= (pairs ? 8 : 15) * filters + 14;
}

// With operands in so many planes otherwise (0: floats). Tiles were not compared for one and two.
inline std::optional<ConvSpread> spread_of(const Call& call, const ConvShape& s, int planes) {
    const bool pairs = planes == 1 || planes == 2;
    if (call.in[0].dtype != DType::float32 || call.attrs.flag("direct", false) || s.groups != 1) return {};
    if (s.in_channels * s.out_channels * s.batch == 0 || (pairs && multiplies_tiles())) return {};
    if (!spread_pays(s.in_channels, s.out_channels, pairs)) return {};
    ConvSpread c{};
    c.batch = s.batch, c.channels = s.in_channels, c.filters = s.out_channels;
    // Images of one pixel a line lie as those of one line would: their one axis is that of the pixels.
    const ConvAxis& last = s.axis[2];
    const bool shifted = last.in == 1 && last.kernel == 1 && last.out == 1 && last.before == 0;
    for (int i : {0, 1, 2}) {
        const ConvAxis& a = s.axis[shifted ? (i + 2) % 3 : i];
        if (a.in < 1 || a.out < 1) return {};
        c.in[i] = a.in, c.out[i] = a.out, c.kernel[i] = a.kernel, c.stride[i] = a.stride;
        c.dilation[i] = a.dilation, c.before[i] = a.before;
    }
    const int64_t rows = c.kernel[1] * c.kernel[2] * s.in_channels, reach = (c.kernel[1] - 1) * c.dilation[1];
    const auto whole = [](int64_t n) { return (n + kSpreadPanel - 1) / kSpreadPanel * kSpreadPanel; };
    c.pixels =
        std::clamp(kSpreadProducts / rows / kSpreadPanel * kSpreadPanel, kSpreadPanel, whole(c.out[1] * c.out[2]));
    // Neighbouring bands both multiply the lines that reach into each other.
    c.lines = std::clamp(kSpreadLines / (c.in[2] * c.channels), std::min(c.in[1], 8 * (reach + 1)), c.in[1]);
    c.threads = std::min(64, num_threads());
    c.slot_bytes = whole(c.filters * kSpreadPanel + rows * c.pixels + c.lines * c.in[2] * c.channels) * 4;
    return c;
}

inline Kernel spread_kernel(const ConvSpread& c) {
    return {[c](const void* const* in, void* const* out, void* scratch) {
                conv_spread_f32(c, input<float>(in, 0), input<float>(in, 1), nullptr, output<float>(out, 0), scratch);
            },
            size_t(64 + c.threads * c.slot_bytes)};
}

// A kernel (taps, rows, columns) with the taps from the last, rows and columns exchanged.
template <class T>
void turn(const T* w, int64_t taps, int64_t rows, int64_t columns, T* to) {
    for (int64_t tap = taps - 1; tap >= 0; --tap)
        for (int64_t column = 0; column < columns; ++column)
            for (int64_t row = 0; row < rows; ++row) *to++ = w[(tap * rows + row) * columns + column];
}

// A convolution to the channels of `c`, which is the turned one.
inline Kernel spread_forward_kernel(ConvSpread c, Activation activation, bool biased) {
    c.activation = activation;
    const int64_t taps = c.kernel[0] * c.kernel[1] * c.kernel[2];
    const int64_t turned = (taps * c.channels * c.filters * 4 + 63) / 64 * 64;
    return {[=](const void* const* in, void* const* out, void* scratch) {
                float* w = static_cast<float*>(scratch);
                turn(input<float>(in, 1), taps, c.filters, c.channels, w);
                conv_spread_f32(c, input<float>(in, 0), w, biased ? input<float>(in, 2) : nullptr,
                                output<float>(out, 0), static_cast<char*>(scratch) + turned);
            },
            size_t(turned + 64 + c.threads * c.slot_bytes)};
}

}  // namespace fk
