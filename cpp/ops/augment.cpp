// augment(x, rows, parameters; channels_first, transposed, order, fill, cval, rescale, center, divide, alone)
// Image rows[k] of x, changed as row k of `parameters` says, and then standardised. A row of parameters is
//   theta, tx, ty, shear, zx, zy, flip_horizontal, flip_vertical, channel_shift, brightness
// (degrees, pixels, factors; NaN in the last two: not wanted), with the meaning they have in ImageDataGenerator.
// `alone`: on the calling thread, because the other cores have better to do.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/warp.h"
#include "ops/by_type.h"
#include "ops/index.h"

namespace fk {
namespace {

constexpr int64_t kParameters = 10;

struct Parameters {
    double theta, tx, ty, shear, zx, zy, flip_horizontal, flip_vertical, channel_shift, brightness;
    bool moves() const { return theta != 0 || tx != 0 || ty != 0 || shear != 0 || zx != 1 || zy != 1; }
    bool flips() const { return flip_horizontal != 0 || flip_vertical != 0; }
};
static_assert(sizeof(Parameters) == kParameters * sizeof(double));

struct Augment {
    Warp warp;
    int64_t planes, channels;  // channels first: one warp for each plane
    bool transposed;           // the second axis of the array is called its rows
    double rescale;
    bool center, divide;
    int64_t images, results;
    DType index_dtype;
    bool alone;
    int64_t size() const { return planes * warp.height * warp.width * warp.channels; }
};

using Matrix = std::array<std::array<double, 3>, 3>;

Matrix operator*(const Matrix& a, const Matrix& b) {
    Matrix c{};
    for (size_t i = 0; i < 3; ++i)
        for (size_t j = 0; j < 3; ++j)
            for (size_t k = 0; k < 3; ++k) c[i][j] += a[i][k] * b[k][j];
    return c;
}

// The six numbers of warp(): where a pixel of the result comes from.
std::array<double, 6> source_of(const Parameters& p, const Augment& a) {
    Matrix m{{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
    if (p.moves()) {
        const double theta = p.theta * (M_PI / 180), shear = p.shear * (M_PI / 180);
        m = Matrix{{{std::cos(theta), -std::sin(theta), 0}, {std::sin(theta), std::cos(theta), 0}, {0, 0, 1}}};
        m = m * Matrix{{{1, 0, p.tx}, {0, 1, p.ty}, {0, 0, 1}}};
        m = m * Matrix{{{1, -std::sin(shear), 0}, {0, std::cos(shear), 0}, {0, 0, 1}}};
        m = m * Matrix{{{p.zx, 0, 0}, {0, p.zy, 0}, {0, 0, 1}}};
        // About the centre. Keras names its coordinates x (of the height) and y, then exchanges the two, so the centre
        // of an image that is not square is taken with height and width exchanged.
        double height = double(a.warp.height), width = double(a.warp.width);
        if (a.transposed) std::swap(height, width);
        const double x = height / 2 - 0.5, y = width / 2 - 0.5;
        m = Matrix{{{1, 0, x}, {0, 1, y}, {0, 0, 1}}} * m * Matrix{{{1, 0, -x}, {0, 1, -y}, {0, 0, 1}}};
        if (!a.transposed) {
            for (auto& row : m) std::swap(row[0], row[1]);
            std::swap(m[0], m[1]);
        }
    }
    for (size_t i = 0; i < 2; ++i) {
        if (p.flip_vertical != 0) m[i][2] += m[i][0] * double(a.warp.height - 1), m[i][0] = -m[i][0];
        if (p.flip_horizontal != 0) m[i][2] += m[i][1] * double(a.warp.width - 1), m[i][1] = -m[i][1];
    }
    return {m[0][0], m[0][1], m[0][2], m[1][0], m[1][1], m[1][2]};
}

template <class T>
void shift_channels(T* x, int64_t n, double shift) {
    const auto [low, high] = std::minmax_element(x, x + n);
    const T least = *low, most = *high;
    for (int64_t i = 0; i < n; ++i) x[i] = std::clamp(T(x[i] + T(shift)), least, most);
}

// What Pillow's Brightness makes of the image in bytes: values outside of 0..255 are spread over it and brought back.
template <class T>
void brighten(T* x, const Augment& a, double brightness) {
    const int64_t n = a.size();
    const auto [low, high] = std::minmax_element(x, x + n);
    const float least = float(*low), most = float(*high), top = most - least, factor = float(brightness);
    const bool spread = least < 0 || most > 255;
    const int64_t plane = n / a.channels;
    for (int64_t i = 0; i < n; ++i) {
        float v = float(x[i]);
        if (spread) v = (top != 0 ? (v - least) / top : v - least) * 255;
        v = std::trunc(v);
        const bool alpha = a.channels == 4 && (a.planes == 1 ? i % 4 : i / plane) == 3;
        if (!alpha) v = std::trunc(std::clamp(factor * v, 0.f, 255.f));
        x[i] = T(spread ? v / 255 * top + least : v);
    }
}

template <class T>
void standardise(T* x, const Augment& a) {
    const int64_t n = a.size();
    if (a.rescale != 1)
        for (int64_t i = 0; i < n; ++i) x[i] *= T(a.rescale);
    const auto mean_of = [&](const auto& value) {
        double sum = 0;
        for (int64_t i = 0; i < n; ++i) sum += value(double(x[i]));
        return sum / double(n);
    };
    if (a.center) {
        const T mean = T(mean_of([](double v) { return v; }));
        for (int64_t i = 0; i < n; ++i) x[i] -= mean;
    }
    if (a.divide) {
        const double mean = mean_of([](double v) { return v; });
        const double variance = mean_of([&](double v) { return (v - mean) * (v - mean); });
        const T deviation = T(T(std::sqrt(variance)) + T(1e-6));
        for (int64_t i = 0; i < n; ++i) x[i] /= deviation;
    }
}

template <class T>
void augment(T* y, const T* x, const Parameters& p, const Augment& a) {
    if (p.moves() || p.flips()) {
        const std::array<double, 6> m = source_of(p, a);
        const int64_t plane = a.size() / a.planes;
        for (int64_t k = 0; k < a.planes; ++k) FK_BY_TYPE(T, warp, y + k * plane, x + k * plane, m.data(), a.warp);
    } else {
        std::memcpy(y, x, size_t(a.size()) * sizeof(T));
    }
    if (!std::isnan(p.channel_shift)) shift_channels(y, a.size(), p.channel_shift);
    if (!std::isnan(p.brightness)) brighten(y, a, p.brightness);
    standardise(y, a);
}

Fill parse_fill(const std::string& name) {
    if (name == "nearest") return Fill::nearest;
    if (name == "constant") return Fill::constant;
    if (name == "reflect") return Fill::reflect;
    if (name == "wrap") return Fill::wrap;
    fail("[augment] fill_mode must be 'nearest', 'constant', 'reflect' or 'wrap'. Received: fill_mode='", name, "'");
}

std::vector<TensorType> infer(const Call& call) {
    check_float(call.in[0], "augment");
    check_index(call.in[1], "augment");
    const Shape &x = call.in[0].shape, &rows = call.in[1].shape;
    check(x.rank() == 4, "[augment] images must have rank 4. Received: shape=", x);
    check(rows.rank() == 1, "[augment] the rows must have rank 1. Received: shape=", rows);
    check(call.in[2] == TensorType{DType::float64, Shape({rows[0], kParameters})},
          "[augment] the parameters must be float64 of shape ", Shape({rows[0], kParameters}),
          ". Received: ", call.in[2].shape, " ", name_of(call.in[2].dtype));
    const int64_t order = call.attrs.integer("order");
    check(order == 0 || order == 1, "[augment] the order must be 0 or 1. Received: order=", order);
    parse_fill(call.attrs.text("fill"));
    return {{call.in[0].dtype, Shape({rows[0], x[1], x[2], x[3]})}};
}

template <class T>
void augment_rows(T* y, const T* x, const void* rows, const Parameters* parameters, const Augment& a) {
    for (int64_t k = 0; k < a.results; ++k) {
        const int64_t row = index_at(rows, a.index_dtype, k);
        check(row >= 0 && row < a.images, "[augment] there is no image ", row, " among ", a.images);
    }
    if (a.size() == 0) return;
    // 65,536 elements (some 0.1 ms) a piece: below that a second thread costs more than it saves.
    const int64_t grain = a.alone ? a.results : std::max<int64_t>(1, 65536 / a.size());
    parallel_for(a.results, grain, [&](int64_t begin, int64_t end) {
        for (int64_t k = begin; k < end; ++k)
            augment(y + k * a.size(), x + index_at(rows, a.index_dtype, k) * a.size(), parameters[k], a);
    });
}

Kernel kernel(const Call& call) {
    const Shape& x = call.in[0].shape;
    const Attrs& attrs = call.attrs;
    const bool first = attrs.flag("channels_first", false);
    Augment a{};
    a.warp = {first ? x[2] : x[1],
              first ? x[3] : x[2],
              first ? 1 : x[3],
              int(attrs.integer("order")),
              parse_fill(attrs.text("fill")),
              attrs.number("cval", 0)};
    a.planes = first ? x[1] : 1, a.channels = first ? x[1] : x[3];
    a.transposed = attrs.flag("transposed", false);
    a.rescale = attrs.number("rescale", 1);
    a.center = attrs.flag("center", false), a.divide = attrs.flag("divide", false);
    a.images = x[0], a.results = call.out[0].shape[0], a.index_dtype = call.in[1].dtype;
    a.alone = attrs.flag("alone", false);
    return by_type(call.in[0].dtype, [&](auto zero) -> Kernel {
        using T = decltype(zero);
        return {[a](const void* const* in, void* const* out, void*) {
            augment_rows(output<T>(out, 0), input<T>(in, 0), in[1], input<Parameters>(in, 2), a);
        }};
    });
}

}  // namespace

FK_OP(augment, .infer = infer, .kernel = kernel)

}  // namespace fk
