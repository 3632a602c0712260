#include "ops/conv_plan.h"

#include <algorithm>

#include "core/parallel.h"

namespace fk {

ConvShape::ConvShape(const char* tag, const Attrs& attrs, const Shape& x, const Shape& kernel)
    : batch(x[0]), in_channels(x[-1]), out_channels(kernel[-1]), groups(attrs.integer("groups", 1)) {
    const int rank = x.rank() - 2;
    check(rank >= 1 && rank <= 3 && kernel.rank() == x.rank(), "[", tag,
          "] the images must have one to three spatial axes and the kernel as many. Received: shapes ", x, " and ",
          kernel);
    check(groups > 0 && in_channels == groups * kernel[-2] && out_channels % groups == 0, "[", tag,
          "] channels must fit the kernel and the groups. Received: shapes ", x, " and ", kernel, ", groups=", groups);
    const auto strides = attrs.integers("strides"), dilation = attrs.integers("dilation"),
               pads = attrs.integers("pads");
    check(int(strides.size()) == rank && int(dilation.size()) == rank && int(pads.size()) == 2 * rank, "[", tag,
          "] strides and dilation take one number, pads two per spatial axis. Received: ", strides.size(), ", ",
          dilation.size(), " and ", pads.size(), " numbers for ", rank, " axes");
    for (int i = 0; i < rank; ++i) {
        ConvAxis& a = axis[spatial_axis(rank, i)];
        a = {x[i + 1], 0, kernel[i], strides[i], dilation[i], pads[2 * i], pads[2 * i + 1]};
        // After a crop (graph/crop.cpp) the last pixels may be left out.
        check(a.stride > 0 && a.dilation > 0 && a.kernel > 0 && a.before >= 0 && (a.after >= 0 || -a.after < a.in), "[",
              tag, "] kernel, strides and dilation must be positive, pads not negative. Received: kernel ", a.kernel,
              ", stride ", a.stride, ", dilation ", a.dilation, ", pads ", a.before, " and ", a.after);
        const int64_t room = a.in + a.before + a.after - ((a.kernel - 1) * a.dilation + 1);
        a.out = room < 0 || a.in == 0 ? 0 : room / a.stride + 1;
    }
}

bool ConvShape::pointwise() const {
    if (groups != 1) return false;
    for (const ConvAxis& a : axis)
        if (a.kernel != 1 || a.stride != 1 || a.before != 0 || a.after != 0) return false;
    return true;
}

std::optional<ConvShape> ConvShape::turned() const {
    ConvShape t = *this;
    std::swap(t.in_channels, t.out_channels);
    for (ConvAxis& a : t.axis) {
        const int64_t reach = (a.kernel - 1) * a.dilation;
        if (a.stride != 1 || a.out < 1 || a.before > reach || a.after > reach) return {};
        std::swap(a.in, a.out), a.before = reach - a.before, a.after = reach - a.after;
    }
    return groups == 1 ? std::optional(t) : std::nullopt;
}

namespace {

// Output positions first, first + pitch, ... (count of them), of which number j reads A at j * step + offset of each
// tap.
struct AxisSweep {
    int64_t in, count, step, pitch = 1, first = 0;
    std::vector<std::pair<int64_t, int64_t>> taps = {};  // kernel index, offset; offsets ascend
    int64_t before = 0, padded = 0, span = 1;
    int64_t skipped = 0;  // inputs in front that are none of ours

    // Counts zeros around A into the offsets; drops taps that meet nothing else.
    void finish(bool drop) {
        if (drop)
            std::erase_if(taps, [&](const auto& t) { return t.second > in - 1 || (count - 1) * step + t.second < 0; });
        padded = in;
        if (taps.empty()) return;
        before = std::max<int64_t>(0, -taps.front().second);
        padded = before + std::max(in, (count - 1) * step + taps.back().second + 1);
        for (auto& t : taps) t.second += before;
        span = taps.back().second + 1;
    }
};

// Cuts the positions where they begin or cease to meet a tap, so that none multiplies zeros; or not at all where that
// would save less than one product in twenty. `outer`: only the inputs are kept that a part reads; else all stay.
std::vector<AxisSweep> without_zeros(const AxisSweep& s, bool outer) {
    const auto meets = [&](int64_t j, const std::pair<int64_t, int64_t>& tap) {
        const int64_t at = j * s.step + tap.second - s.before;
        return at >= 0 && at < s.in;
    };
    std::vector<AxisSweep> cut;
    int64_t met = 0;
    for (int64_t j = 0; j < s.count; ++j) {
        AxisSweep part{.in = s.in, .count = 1, .step = s.step, .pitch = s.pitch, .first = s.first + j * s.pitch};
        for (const auto& tap : s.taps)
            if (meets(j, tap)) part.taps.push_back({tap.first, j * s.step + tap.second - s.before});
        met += int64_t(part.taps.size());
        const auto alike = [](const auto& a, const auto& b) { return a.first == b.first; };
        if (!cut.empty() &&
            std::equal(part.taps.begin(), part.taps.end(), cut.back().taps.begin(), cut.back().taps.end(), alike))
            ++cut.back().count;
        else
            cut.push_back(std::move(part));
    }
    if (double(met) > 0.95 * double(s.count) * double(s.taps.size())) return {s};
    for (AxisSweep& part : cut) {
        if (outer && !part.taps.empty()) {
            part.skipped = part.taps.front().second;
            part.in = (part.count - 1) * part.step + part.taps.back().second + 1 - part.skipped;
            for (auto& tap : part.taps) tap.second -= part.skipped;
        }
        part.finish(false);
    }
    return cut;
}

AxisSweep forward(const ConvAxis& a, bool drop) {
    AxisSweep s{.in = a.in, .count = a.out, .step = a.stride};
    for (int64_t k = 0; k < a.kernel; ++k) s.taps.push_back({k, k * a.dilation - a.before});
    s.finish(drop);
    return s;
}

// Input position i meets tap k at output (i + before - k dilation) / stride, where that is whole: positions of equal
// remainder meet the same taps.
std::vector<AxisSweep> backward(const ConvAxis& a) {
    std::vector<AxisSweep> phases;
    for (int64_t first = 0; first < std::min(a.stride, a.in); ++first) {
        AxisSweep s{.in = a.out, .count = (a.in - first + a.stride - 1) / a.stride, .step = 1, .pitch = a.stride};
        s.first = first;
        for (int64_t k = a.kernel - 1; k >= 0; --k) {
            const int64_t at = first + a.before - k * a.dilation;
            if (at % a.stride == 0) s.taps.push_back({k, at / a.stride});
        }
        s.finish(true);
        phases.push_back(std::move(s));
    }
    return phases;
}

int32_t narrow(int64_t offset) {
    check(offset <= INT32_MAX, "[conv] an image must have fewer than 2^31 elements. Received: ", offset);
    return int32_t(offset);
}

ConvImage image_of(const AxisSweep* s, int64_t channels, bool pairs) {
    ConvImage image{{}, {}, {}, channels, pairs};
    for (int i = 0; i < 3; ++i) {
        image.size[i] = s[i].in, image.before[i] = s[i].before, image.padded[i] = s[i].padded;
        image.copy = image.copy || image.padded[i] != image.size[i];
    }
    return image;
}

int64_t padded_row(const ConvImage& m) { return m.padded[2] * m.channels; }

// Lines of one plane can be cut anywhere, several planes stay together. A chunk holds at least 2 MFLOP, some 20 us.
ConvBands bands_of(const AxisSweep* s, int64_t batch, int64_t lines_wanted, int64_t pixels_wanted, double flops) {
    ConvBands b{};
    b.images = batch, b.lines = s[0].count * s[1].count, b.pixels = s[2].count;
    b.line_step = s[1].step, b.span = s[1].span;
    const bool flat = s[0].count == 1 && s[0].padded == 1;
    b.lines_per_band = flat ? std::clamp<int64_t>(lines_wanted, 1, std::max<int64_t>(1, b.lines)) : b.lines;
    b.images_per_band = 1;
    const int64_t pixels = b.lines * b.pixels;
    if (b.lines_per_band == b.lines && pixels > 0)
        b.images_per_band = std::clamp<int64_t>(pixels_wanted / pixels, 1, std::max<int64_t>(1, batch));
    if (pixels == 0 || batch == 0) b.images = 0, b.lines = b.lines_per_band = 1;
    const double band =
        flops / std::max(1.0, double(batch * pixels)) * double(b.images_per_band * b.lines_per_band * b.pixels);
    b.chunk = 1 + int64_t(2e6 / (band + 1));
    return b;
}

// Bytes of the copy of a band, to a multiple of 64.
int64_t band_bytes(const ConvImage& m, const ConvBands& b, size_t element_bytes) {
    if (!m.copy) return 0;
    const int64_t height = b.lines_per_band == b.lines ? m.padded[1] : (b.lines_per_band - 1) * b.line_step + b.span;
    return (b.images_per_band * m.padded[0] * height * padded_row(m) * int64_t(element_bytes) + 63) / 64 * 64;
}

constexpr int64_t kBandBytes = 96 << 10;  // of A: stays in the L2 while panel after panel of the weights passes
constexpr int64_t kLongestRun = 320;

// Pixels that go through the products of the kernel's gradient together: a line of A and of dY each, in the L1.
constexpr int64_t kBlockPixels = 192;

// The offsets in A and in C of the pixels of a band.
void tabulate(SweepTables& t, const AxisSweep* s, const ConvImage& m, const ConvBands& b, int64_t a_image,
              int64_t c_image, const int64_t* c_stride) {
    const int64_t a_copy = m.copy ? m.padded[0] * m.padded[1] * padded_row(m) : a_image;
    for (int64_t i = 0; i < b.images_per_band; ++i)
        for (int64_t l = 0; l < b.lines_per_band; ++l)
            for (int64_t x = 0; x < b.pixels; ++x) {
                const int64_t d = l / std::max<int64_t>(1, s[1].count), h = l % std::max<int64_t>(1, s[1].count);
                const int64_t row = d * s[0].step * m.padded[1] + h * s[1].step;
                t.a_rows.push_back(narrow(i * a_copy + row * padded_row(m) + x * s[2].step * m.channels));
                t.c_rows.push_back(narrow(i * c_image + d * s[0].pitch * c_stride[0] + h * s[1].pitch * c_stride[1] +
                                          x * s[2].pitch * c_stride[2]));
            }
}

struct Sides {
    int64_t a_channels, c_channels, k, n;
    int64_t c_size[3];
    bool pairs;  // a_channels and k count pairs of floats
};

void add_part(ConvPlan& p, const AxisSweep* s, const Sides& sides, const ConvAxis* axis, int64_t batch, double flops,
              size_t element_bytes) {
    const ConvImage m = image_of(s, sides.a_channels, sides.pairs);
    const int64_t line_bytes = std::max<int64_t>(1, s[1].step * padded_row(m) * int64_t(element_bytes));
    int64_t lines = std::max<int64_t>(1, kBandBytes / line_bytes);
    if (batch > 0) {  // few large images: enough bands for some threads
        const int64_t wanted = std::min<int64_t>(16, int64_t(flops / 4e6));
        const int64_t per_image = std::max<int64_t>(1, wanted / batch);
        lines = std::min(lines, (s[1].count + per_image - 1) / per_image);
    }
    const ConvBands b = bands_of(s, batch, lines, 64, flops);
    const int64_t c_stride[3] = {sides.c_size[1] * sides.c_size[2] * sides.c_channels,
                                 sides.c_size[2] * sides.c_channels, sides.c_channels};
    SweepTables t;
    tabulate(t, s, m, b, p.conv.a_image, p.conv.c_image, c_stride);
    for (const auto& [kd, d] : s[0].taps)
        for (const auto& [kh, h] : s[1].taps)
            for (const auto& [kw, w] : s[2].taps) {
                const int64_t at = ((d * m.padded[1] + h) * m.padded[2] + w) * m.channels;
                const int32_t tap = int32_t((kd * axis[1].kernel + kh) * axis[2].kernel + kw);
                const auto place = std::find(p.tap_order.begin(), p.tap_order.end(), tap);
                const int64_t row = (place - p.tap_order.begin()) * sides.k;
                if (place == p.tap_order.end()) p.tap_order.push_back(tap);
                const bool follows = !t.runs.empty() && t.runs.back().at + t.runs.back().k == at &&
                                     t.runs.back().row + t.runs.back().k == row;
                if (follows && sides.k == m.channels)
                    t.runs.back().k += sides.k;
                else
                    t.runs.push_back({at, sides.k, row});
            }
    std::vector<ConvRun> cut;
    for (const ConvRun& r : t.runs) {
        const int64_t n = std::max<int64_t>(1, (r.k + kLongestRun - 1) / kLongestRun),
                      part = std::max<int64_t>(1, (r.k + n - 1) / n);
        for (int64_t k = 0; k == 0 || k < r.k; k += part) cut.push_back({r.at + k, std::min(part, r.k - k), r.row + k});
    }
    t.runs = std::move(cut);
    const int64_t first = s[0].first * c_stride[0] + s[1].first * c_stride[1] + s[2].first * c_stride[2];
    const int64_t a_first = (s[0].skipped * m.size[1] + s[1].skipped) * m.size[2] * m.channels * (sides.pairs ? 2 : 1);
    p.sweeps.push_back(
        {m, b, nullptr, int64_t(t.runs.size()), nullptr, nullptr, a_first, first, s[1].pitch * c_stride[1]});
    p.tables.push_back(std::move(t));
    p.conv.slot_bytes = std::max(p.conv.slot_bytes, p.conv.planes * band_bytes(m, b, element_bytes));
}

void add_sweep(ConvPlan& p, const AxisSweep* s, const Sides& sides, const ConvAxis* axis, int64_t batch, double flops,
               size_t element_bytes) {
    // Pairs are copied, line by line, for every part: cut columns would copy the image again and again.
    const bool volume = s[0].padded > 1;
    const auto whole = [](const AxisSweep& axis) { return std::vector{axis}; };
    const auto columns = sides.pairs ? whole(s[2]) : without_zeros(s[2], false);
    const auto lines = sides.pairs && volume ? whole(s[1]) : without_zeros(s[1], !volume);
    for (const AxisSweep& plane : without_zeros(s[0], true))
        for (const AxisSweep& line : lines)
            for (const AxisSweep& column : columns) {
                const AxisSweep part[3] = {plane, line, column};
                double share = 1;
                for (int i : {0, 1, 2}) share *= double(part[i].count) / double(std::max<int64_t>(1, s[i].count));
                add_part(p, part, sides, axis, batch, flops * share, element_bytes);
            }
}

void finish(ConvPlan& p, size_t element_bytes) {
    for (size_t i = 0; i < p.sweeps.size(); ++i) {
        p.sweeps[i].runs = p.tables[i].runs.data();
        p.sweeps[i].a_rows = p.tables[i].a_rows.data(), p.sweeps[i].c_rows = p.tables[i].c_rows.data();
    }
    p.conv.sweeps = p.sweeps.data(), p.conv.sweep_count = int64_t(p.sweeps.size());
    p.conv.tap_order = p.tap_order.data(), p.conv.taps = int64_t(p.tap_order.size());
    p.conv.threads = std::min(64, num_threads());
    const int64_t panels = (p.conv.n + kWidestPanel - 1) / kWidestPanel * kWidestPanel;
    const int64_t elements = p.conv.planes * p.conv.groups * panels * p.conv.taps * p.conv.k;
    const int64_t packed = (elements * int64_t(element_bytes) + 63) / 64 * 64;
    p.scratch_bytes = size_t(64 + packed + p.conv.threads * p.conv.slot_bytes);
}

}  // namespace

std::shared_ptr<ConvPlan> plan_conv(const ConvShape& c, size_t element_bytes, int planes) {
    auto p = std::make_shared<ConvPlan>();
    const int64_t per_element = planes ? 2 : 1, k = c.in_channels / c.groups, n = c.out_channels / c.groups;
    p->conv = {.groups = c.groups,
               .k = k / per_element,
               .n = n,
               .a_image = c.in_pixels() * c.in_channels,
               .c_image = c.out_pixels() * c.out_channels,
               .taps = 0,
               .w_tap = k * c.out_channels,
               .w_k = c.out_channels,
               .w_n = 1,
               .w_group = n,
               .tap_order = nullptr,
               .sweeps = nullptr,
               .sweep_count = 0,
               .activation = Activation::linear,
               .threads = 1,
               .slot_bytes = 0,
               .planes = std::max(1, planes),
               .a_size = c.batch * c.in_pixels() * c.in_channels,
               .w_size = c.taps() * k * c.out_channels};
    const AxisSweep s[3] = {forward(c.axis[0], true), forward(c.axis[1], true), forward(c.axis[2], true)};
    const Sides sides{c.in_channels / per_element,
                      c.out_channels,
                      k / per_element,
                      n,
                      {c.axis[0].out, c.axis[1].out, c.axis[2].out},
                      planes > 0};
    add_sweep(*p, s, sides, c.axis, c.batch, c.flops(), element_bytes);
    finish(*p, element_bytes);
    return p;
}

std::shared_ptr<ConvPlan> plan_conv_input_grad(const ConvShape& c, size_t element_bytes, int planes) {
    auto p = std::make_shared<ConvPlan>();
    const int64_t per_element = planes ? 2 : 1, k = c.out_channels / c.groups, n = c.in_channels / c.groups;
    p->conv = {.groups = c.groups,
               .k = k / per_element,
               .n = n,
               .a_image = c.out_pixels() * c.out_channels,
               .c_image = c.in_pixels() * c.in_channels,
               .taps = 0,
               .w_tap = n * c.out_channels,
               .w_k = 1,
               .w_n = c.out_channels,
               .w_group = k,
               .tap_order = nullptr,
               .sweeps = nullptr,
               .sweep_count = 0,
               .activation = Activation::linear,
               .threads = 1,
               .slot_bytes = 0,
               .planes = std::max(1, planes),
               .a_size = c.batch * c.out_pixels() * c.out_channels,
               .w_size = c.taps() * n * c.out_channels};
    const std::vector<AxisSweep> phases[3] = {backward(c.axis[0]), backward(c.axis[1]), backward(c.axis[2])};
    const Sides sides{c.out_channels / per_element,
                      c.in_channels,
                      k / per_element,
                      n,
                      {c.axis[0].in, c.axis[1].in, c.axis[2].in},
                      planes > 0};
    const double count = double(phases[0].size() * phases[1].size() * phases[2].size());
    for (const AxisSweep& d : phases[0])
        for (const AxisSweep& h : phases[1])
            for (const AxisSweep& w : phases[2]) {
                const AxisSweep s[3] = {d, h, w};
                add_sweep(*p, s, sides, c.axis, c.batch, c.flops() / count, element_bytes);
            }
    finish(*p, element_bytes);
    return p;
}

std::shared_ptr<ConvWeightsPlan> plan_conv_kernel_grad(const ConvShape& c, size_t element_bytes, int planes) {
    auto p = std::make_shared<ConvWeightsPlan>();
    const AxisSweep s[3] = {forward(c.axis[0], false), forward(c.axis[1], false), forward(c.axis[2], false)};
    const ConvImage m = image_of(s, c.in_channels, planes > 0);
    const int64_t k = c.in_channels / c.groups, n = c.out_channels / c.groups;
    const int64_t line_bytes = std::max<int64_t>(1, s[1].step * padded_row(m) * int64_t(element_bytes));
    const ConvBands b = bands_of(s, c.batch, std::max<int64_t>(1, kBandBytes / line_bytes), kBlockPixels, c.flops());
    const int64_t a_image = c.in_pixels() * c.in_channels;
    ConvWeights& v = p->conv;
    v.image = m, v.bands = b, v.planes = planes;
    v.block_lines = std::max<int64_t>(1, kBlockPixels / std::max<int64_t>(1, b.pixels));
    const int64_t band_lines = b.images_per_band * b.lines_per_band;
    const int64_t height = b.lines_per_band == b.lines ? m.padded[1] : (b.lines_per_band - 1) * b.line_step + b.span;
    const int64_t image_pixels = m.padded[0] * height * m.padded[2];
    for (int64_t i = 0; i < b.images_per_band; ++i)
        for (int64_t l = 0; l < b.lines_per_band; ++l) {
            const int64_t each = std::max<int64_t>(1, s[1].count);
            const int64_t row = l / each * s[0].step * m.padded[1] + l % each * s[1].step;
            p->a_lines.push_back(narrow((i * image_pixels + row * m.padded[2]) * m.channels));
        }
    for (const auto& [kd, d] : s[0].taps)
        for (const auto& [kh, h] : s[1].taps)
            for (const auto& [kw, w] : s[2].taps)
                for (int64_t i = 0; i < k; ++i) {
                    p->c_rows.push_back(narrow(int64_t(p->a_rows.size()) * c.out_channels));
                    p->a_rows.push_back(narrow(((d * m.padded[1] + h) * m.padded[2] + w) * m.channels + i));
                }
    v.groups = c.groups, v.rows = int64_t(p->a_rows.size()), v.n = n;
    v.a_image = a_image, v.y_image = c.out_pixels() * c.out_channels, v.y_channels = c.out_channels;
    v.one_line = b.pixels == 1 && s[0].count == 1 && b.images_per_band == 1;
    v.a_pixel = (v.one_line ? s[1].step * m.padded[2] : s[2].step) * m.channels;
    v.a_group = k;
    v.a_lines = p->a_lines.data(), v.a_rows = p->a_rows.data(), v.c_rows = p->c_rows.data();
    const int64_t size = v.rows * c.out_channels, bytes = std::max<int64_t>(1, size * int64_t(element_bytes));
    const int64_t bands =
        (b.images + b.images_per_band - 1) / b.images_per_band * ((b.lines + b.lines_per_band - 1) / b.lines_per_band);
    // The sums cost memory: 4 MB of them, or two. They depend on the shape alone, and so do the bits.
    v.parts = std::max<int64_t>(
        1, std::min({bands, int64_t(c.flops() / 4e6), std::max<int64_t>(2, (4 << 20) / bytes), int64_t(32)}));
    v.threads = int(std::min<int64_t>(std::min(64, num_threads()), v.parts));
    v.packed_bytes = std::min(v.block_lines, band_lines) * b.pixels * ((n + kWidestPanel - 1) / kWidestPanel) *
                     kWidestPanel * int64_t(element_bytes);
    v.packed_bytes = (v.packed_bytes + 63) / 64 * 64 * std::max(1, planes);
    const int64_t copy = band_bytes(m, b, element_bytes) * std::max(1, planes);
    v.slot_bytes = (copy + v.packed_bytes + 63) / 64 * 64;
    v.packed_bytes = v.slot_bytes - copy;
    p->scratch_bytes =
        size_t(64 + ((v.parts - 1) * size * int64_t(element_bytes) + 63) / 64 * 64 + v.threads * v.slot_bytes);
    return p;
}

}  // namespace fk
