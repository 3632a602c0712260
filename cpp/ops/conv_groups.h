// Which convolutions have groups of few channels, and their plans (kernels/conv_groups.h).
#pragma once
#include <algorithm>
#include <limits>
#include <memory>
#include <numeric>
#include <vector>

#include "core/parallel.h"
#include "kernels/conv_groups.h"
#include "ops/by_type.h"
#include "ops/conv_plan.h"

namespace fk {

struct ConvGroupsPlan {
    ConvGroups conv{};
    std::vector<GroupsSweep> sweeps;
    size_t scratch_bytes = 0;
};

namespace groups {

inline constexpr int64_t kBandBytes = 24 << 10;  // of a copy: it stays in the L1 beside the weights
inline constexpr int64_t kMostColumns = 128;     // of a copy, whose line the taps of three meet

inline std::vector<GroupsAxis> forward(const ConvAxis& a) {
    return {{.in = a.in,
             .out = a.out,
             .first = 0,
             .count = a.out,
             .pitch = 1,
             .taps = a.kernel,
             .tap = 0,
             .tap_step = 1,
             .step = a.stride,
             .at = -a.before,
             .at_step = a.dilation}};
}

// Input i meets tap k at output (i + before - k dilation) / stride, where that is whole: the last tap comes first.
inline std::vector<GroupsAxis> backward(const ConvAxis& a) {
    const int64_t common = std::gcd(a.stride, a.dilation), tap_step = a.stride / common;
    std::vector<GroupsAxis> phases;
    for (int64_t first = 0; first < std::min(a.stride, a.in); ++first) {
        GroupsAxis s{.in = a.out,
                     .out = a.in,
                     .first = first,
                     .count = (a.in - first + a.stride - 1) / a.stride,
                     .pitch = a.stride,
                     .taps = 0,
                     .tap = 0,
                     .tap_step = -tap_step,
                     .step = 1,
                     .at = 0,
                     .at_step = a.dilation / common};
        for (int64_t k = 0; k < a.kernel; ++k) {
            const int64_t at = first + a.before - k * a.dilation;
            if (at % a.stride == 0) ++s.taps, s.tap = k, s.at = at / a.stride;
        }
        phases.push_back(s);
    }
    return phases;
}

// Long lines in pieces.
inline std::vector<GroupsAxis> cut(const std::vector<GroupsAxis>& lines) {
    std::vector<GroupsAxis> parts;
    for (const GroupsAxis& line : lines) {
        const int64_t count = (line.count + kMostColumns - 1) / kMostColumns;
        for (int64_t i = 0; i < count; ++i) {
            const int64_t begin = i * line.count / count;
            GroupsAxis part = line;
            part.count = (i + 1) * line.count / count - begin;
            part.first += begin * line.pitch, part.at += begin * line.step;
            parts.push_back(part);
        }
    }
    return parts;
}

inline GroupsSweep sweep_of(const GroupsAxis& lines, const GroupsAxis& line) {
    GroupsSweep s{{lines, line}, (inputs_of(line, line.count) + line.step - 1) / line.step, 1};
    const int64_t wanted = kBandBytes / (line.step * s.rows_apart * kGroupBlock * 4) - inputs_of(lines, 1);
    s.lines_per_band = std::clamp<int64_t>(1 + wanted / lines.step, 1, lines.count);
    return s;
}

inline int64_t copy_floats(const GroupsSweep& s) {
    return inputs_of(s.axis[0], s.lines_per_band) * s.axis[1].step * s.rows_apart * kGroupBlock;
}

}  // namespace groups

// The convolution, or `turned` the gradient of its image; null where it is none of groups of few channels.
inline std::shared_ptr<ConvGroupsPlan> groups_of(const Call& call, const ConvShape& s, bool turned = false) {
    const int64_t width = s.in_channels / s.groups;
    if (call.in[0].dtype != DType::float32 || call.attrs.flag("direct", false) || call.attrs.flag("split", false))
        return {};
    if (s.groups == 1 || s.in_channels != s.out_channels || s.batch == 0) return {};
    if (width == 0 || kGroupBlock % width != 0) return {};
    const auto trivial = [](const ConvAxis& a) { return a.in == 1 && a.kernel == 1 && a.out == 1; };
    if (!trivial(s.axis[0]) || s.out_pixels() == 0 || s.in_pixels() == 0) return {};
    // Images of one pixel a line lie as those of one line would: their one axis is that of the pixels.
    const bool one_axis = trivial(s.axis[2]);
    const ConvAxis &vertical = s.axis[one_axis ? 2 : 1], &horizontal = s.axis[one_axis ? 1 : 2];
    const auto phases = [&](const ConvAxis& a) { return turned ? groups::backward(a) : groups::forward(a); };
    auto p = std::make_shared<ConvGroupsPlan>();
    ConvGroups& c = p->conv;
    int64_t slot = 0;
    for (const GroupsAxis& lines : phases(vertical))
        for (const GroupsAxis& line : groups::cut(phases(horizontal))) {
            p->sweeps.push_back(groups::sweep_of(lines, line));
            slot = std::max(slot, groups::copy_floats(p->sweeps.back()));
        }
    c.batch = s.batch, c.channels = s.in_channels, c.width = width, c.taps = s.taps();
    c.kernel_columns = horizontal.kernel, c.turned = turned;
    c.sweeps = p->sweeps.data(), c.sweep_count = int64_t(p->sweeps.size());
    c.high = std::numeric_limits<double>::infinity(), c.low = -c.high;
    c.parts = 1, c.threads = std::min(64, num_threads());
    const int64_t blocks = (c.channels + kGroupBlock - 1) / kGroupBlock;
    c.packed_bytes = blocks * c.taps * width * kGroupBlock * 4, c.slot_bytes = slot * 4;
    p->scratch_bytes = size_t(64 + c.packed_bytes + c.threads * c.slot_bytes);
    return p;
}

// The gradient of the kernel.
inline std::shared_ptr<ConvGroupsPlan> groups_of_weights(const Call& call, const ConvShape& s) {
    const auto p = groups_of(call, s);
    if (!p) return {};
    ConvGroups& c = p->conv;
    const int64_t runs = (c.channels + kGroupRun - 1) / kGroupRun, size = c.taps * c.width * kGroupRun * 4;
    int64_t bands = 0, slopes = 0;
    for (const GroupsSweep& sweep : p->sweeps) {
        bands += c.batch * ((sweep.axis[0].count + sweep.lines_per_band - 1) / sweep.lines_per_band);
        slopes = std::max(slopes, sweep.lines_per_band * sweep.axis[1].count * kGroupBlock);
    }
    // They depend on the shape alone, and so do the bits.
    c.parts = std::max<int64_t>(1, std::min({bands, int64_t(s.flops() / 4e6), 32 / runs}));
    c.threads = int(std::min<int64_t>(c.threads, c.parts * runs));
    c.packed_bytes = ((c.parts - 1) * c.taps * c.width * c.channels * 4 + 63) / 64 * 64;
    c.slot_bytes += size + slopes * 4;
    p->scratch_bytes = size_t(64 + c.packed_bytes + c.threads * c.slot_bytes);
    return p;
}

inline Kernel groups_kernel(std::shared_ptr<ConvGroupsPlan> p, Activation activation, bool biased) {
    if (activation != Activation::linear) p->conv.low = 0;
    if (activation == Activation::relu6) p->conv.high = 6;
    return {[=](const void* const* in, void* const* out, void* scratch) {
                conv_groups_f32(p->conv, input<float>(in, 0), input<float>(in, 1),
                                biased ? input<float>(in, 2) : nullptr, output<float>(out, 0), scratch);
            },
            p->scratch_bytes};
}

inline Kernel groups_weights_kernel(std::shared_ptr<ConvGroupsPlan> p) {
    return {[=](const void* const* in, void* const* out, void* scratch) {
                conv_groups_weights_f32(p->conv, input<float>(in, 0), input<float>(in, 1), output<float>(out, 0),
                                        scratch);
            },
            p->scratch_bytes};
}

}  // namespace fk
