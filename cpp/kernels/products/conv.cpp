#include "kernels/products/conv.h"

#include "core/parallel.h"
#include "core/slot.h"
#include "kernels/products/exponents.h"
#include "kernels/products/gemm.h"
#include "kernels/products/lanes.h"
#include "kernels/products/pairs.h"
#include "kernels/sizes.h"

namespace fk::FK_ISA {
namespace {

template <class T>
constexpr int64_t kPanel = 2 * Lanes<T>::count;

// --- bands ---

struct Band {
    int64_t image, images, line, lines;  // lines: of all its images together
};
FK_VEC int64_t bands_per_image(const ConvBands& b) { return pieces(b.lines, b.lines_per_band); }
FK_VEC int64_t count_bands(const ConvBands& b) { return pieces(b.images, b.images_per_band) * bands_per_image(b); }
FK_VEC Band band_at(const ConvBands& b, int64_t i) {
    const int64_t each = bands_per_image(b), image = i / each * b.images_per_band, line = i % each * b.lines_per_band;
    const int64_t images = least(b.images - image, b.images_per_band);
    return {image, images, line, images * least(b.lines - line, b.lines_per_band)};
}

// What a line of n elements is made of.
template <class T>
FK_VEC void copy_line(T* to, const T* from, int64_t n, Planes) {
    __builtin_memcpy(to, from, size_t(n) * sizeof(T));
}
#if defined(__AVX512BF16__)
FK_VEC void copy_line(Bf16Pair* to, const float* from, int64_t n, Planes planes) {
    pair_lines(from, 0, 1, 2 * n, to, 0, planes);
}
#endif
template <class T>
FK_VEC void zero_line(T* to, int64_t n, Planes planes) {
    for (int64_t i = 0; i < planes.count; ++i) __builtin_memset(to + i * planes.apart, 0, size_t(n) * sizeof(T));
}

// Lines of a band's copy, per plane.
FK_VEC int64_t band_height(const ConvImage& s, const ConvBands& b, const Band& band) {
    return b.lines_per_band == b.lines ? s.padded[1] : (band.lines - 1) * b.line_step + b.span;
}

// What the band reads: in place, or copied to `to` with its zeros.
template <class T>
const T* band_image(const ConvImage& s, const ConvBands& b, const Band& band, const Sum<T>* a, int64_t a_image, T* to,
                    Planes planes = {}) {
    a += band.image * a_image;
    const int64_t row = s.size[2] * s.channels, padded_row = s.padded[2] * s.channels, first = band.line * b.line_step;
    if constexpr (kSteps<T> == 1)
        if (!s.copy) return a + first * row;
    const int64_t height = band_height(s, b, band);
    const int64_t left = s.before[2] * s.channels, right = padded_row - left - row;
    T* y = to;
    for (int64_t i = 0; i < band.images; ++i)
        for (int64_t pd = 0; pd < s.padded[0]; ++pd)
            for (int64_t ph = first; ph < first + height; ++ph, y += padded_row) {
                const int64_t d = pd - s.before[0], h = ph - s.before[1];
                if (d < 0 || d >= s.size[0] || h < 0 || h >= s.size[1]) {
                    zero_line(y, padded_row, planes);
                    continue;
                }
                zero_line(y, left, planes);
                copy_line(y + left, a + i * a_image + (d * s.size[1] + h) * row * kSteps<T>, row, planes);
                zero_line(y + left + row, right, planes);
            }
    return to;
}

// --- C = A * W ---

// One panel of the weights of a group: rows (tap, k) of kPanel columns, zeros after the last.
template <class T>
void pack_weights(const Conv& c, const T* w, int64_t column, T* to, Planes) {
    const int64_t columns = least(c.n - column, kPanel<T>);
    for (int64_t t = 0; t < c.taps; ++t) {
        const T* tap = w + c.tap_order[t] * c.w_tap + column * c.w_n;
        for (int64_t k = 0; k < c.k; ++k, to += kPanel<T>) {
            const T* from = tap + k * c.w_k;
            if (c.w_n == 1 && columns == kPanel<T>) {
                __builtin_memcpy(to, from, kPanel<T> * sizeof(T));
                continue;
            }
            for (int64_t j = 0; j < kPanel<T>; ++j) to[j] = j < columns ? from[j * c.w_n] : T(0);
        }
    }
}

#if defined(__AVX512BF16__)
void pack_weights(const Conv& c, const float* w, int64_t column, Bf16Pair* to, Planes planes) {
    constexpr int64_t width = kPanel<Bf16Pair>;
    const int64_t columns = least(c.n - column, width), k = 2 * c.k;
    for (int64_t t = 0; t < c.taps; ++t, to += c.k * width) {
        const float* tap = w + c.tap_order[t] * c.w_tap + column * c.w_n;
        c.w_n == 1 ? pair_rows(tap, c.w_k, k, columns, width, to, planes)
                   : pair_columns(tap, c.w_n, k, columns, width, to, planes);
    }
}
#endif

constexpr int64_t kMostPairs = 32;

// Rows of B that a panel keeps in L1 while the pixels of the band pass.
constexpr int64_t kDepth = 320;

template <class T>
void sweep_band(const Conv& c, const ConvSweep& s, const Band& band, const Sum<T>* a, const T* packed,
                const Sum<T>* bias, Sum<T>* y, T* slot) {
    const int64_t a_plane = c.slot_bytes / (c.planes * int64_t(sizeof(T)));
    const T* image = band_image<T>(s.image, s.bands, band, a + s.a_first, c.a_image, slot, {c.planes, a_plane});
    const int64_t rows = c.taps * c.k, group = pieces(c.n, kPanel<T>) * rows * kPanel<T>;
    y += band.image * c.c_image + s.c_first + band.line * s.c_line;
    BrgemmPair<T> pairs[kMostPairs];
    for (int64_t g = 0; g < c.groups; ++g) {
        int64_t run = 0;
        do {
            const int64_t k = s.run_count > 0 ? s.runs[run].k : 0;
            int64_t count = 0;
            for (; run < s.run_count && s.runs[run].k == k && count < kMostPairs &&
                   (count == 0 || (count + 1) * k <= kDepth);
                 ++run, ++count)
                pairs[count] = {image + g * c.k + s.runs[run].at, packed + g * group + s.runs[run].row * kPanel<T>};
            const bool last = run == s.run_count;
            const Brgemm<T> part{.m = band.lines * s.bands.pixels,
                                 .n = c.n,
                                 .k = k,
                                 .a_row = 0,
                                 .a_col = 1,
                                 .b_row = kPanel<T>,
                                 .b_panel = rows * kPanel<T>,
                                 .c_row = 0,
                                 .b_padded = true,
                                 .accumulate = run > count,
                                 .activation = last ? c.activation : Activation::linear,
                                 .bias = last && bias ? bias + g * c.n : nullptr,
                                 .planes = c.planes,
                                 .a_plane = a_plane,
                                 .b_plane = c.groups * group,
                                 .a_rows = s.a_rows,
                                 .c_rows = s.c_rows};
            run_brgemm(part, pairs, count, y + g * c.n);
        } while (run < s.run_count);
    }
}

template <class T>
void conv(const Conv& c, const Sum<T>* a, const Sum<T>* w, const Sum<T>* bias, Sum<T>* y, void* scratch) {
    T* packed = reinterpret_cast<T*>(static_cast<char*>(scratch) + 64);
    const int64_t rows = c.taps * c.k, panels = pieces(c.n, kPanel<T>), panel = rows * kPanel<T>;
    const Planes planes{c.planes, c.groups * panels * panel};
    parallel_for(c.groups * panels, 1 + (1 << 16) / (panel + 1), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i)
            pack_weights(c, w + i / panels * c.w_group, i % panels * kPanel<T>, packed + i * panel, planes);
    });
    __builtin_memset(scratch, 0, 64);
    char* slots = reinterpret_cast<char*>(packed) + pieces(planes.count * planes.apart * int64_t(sizeof(T)), 64) * 64;
    for (int64_t i = 0; i < c.sweep_count; ++i) {
        const ConvSweep& s = c.sweeps[i];
        parallel_for(count_bands(s.bands), s.bands.chunk, [&](int64_t begin, int64_t end) {
            const Slot slot(scratch, slots, c.threads, c.slot_bytes);
            for (int64_t band = begin; band < end; ++band)
                sweep_band<T>(c, s, band_at(s.bands, band), a, packed, bias, y, reinterpret_cast<T*>(slot.memory));
        });
    }
}

// --- dW = A^T dY ---

// Columns of dY as panels of all its lines of k pixels, zeros after the last column.
template <class T>
void pack_pixels(const T* dy, int64_t lines, int64_t k, int64_t channels, int64_t n, T* to, Planes) {
    using L = Lanes<T>;
    const int64_t pixels = lines * k;
    for (int64_t column = 0; column < n; column += kPanel<T>, to += pixels * kPanel<T>) {
        const int64_t columns = least(n - column, kPanel<T>);
        for (int64_t p = 0; p < pixels; ++p) {
            const T* from = dy + p * channels + column;
            for (int64_t j = 0; j < kPanel<T>; j += L::count) {
                const int64_t left = columns - j;
                L::store(to + p * kPanel<T> + j, left >= L::count ? L::load(from + j)
                                                 : left > 0       ? L::load(from + j, left)
                                                                  : typename L::V(T(0)));
            }
        }
    }
}

#if defined(__AVX512BF16__)
void pack_pixels(const float* dy, int64_t lines, int64_t k, int64_t channels, int64_t n, Bf16Pair* to, Planes planes) {
    constexpr int64_t width = kPanel<Bf16Pair>;
    for (int64_t column = 0; column < n; column += width)
        for (int64_t i = 0; i < lines; ++i, to += (k + 1) / 2 * width)
            pair_rows(dy + i * k * channels + column, channels, k, least(n - column, width), width, to, planes);
}

// Element i and the one `step` further on, as pair i: what is still to be read lies behind what is written.
void pair_with_next(float* x, int64_t n, int64_t step, Planes planes) {
    auto* pairs = reinterpret_cast<Bf16Pair*>(x);
    for (int64_t i = 0; i < n; i += kLanes) {
        const Vec first = load_up_to(x + i, n - i), second = load_up_to(x + i + step, n - i - step);
        each_plane(first, second, planes.count,
                   [&](int64_t plane, IVec x) { store_up_to(pairs + plane * planes.apart + i, x, n - i); });
    }
}
#endif

// What the rows of dW read of a band.
template <class T>
const T* band_pixels(const ConvWeights& c, const Band& band, const Sum<T>* a, void* slot,
                     [[maybe_unused]] Planes planes) {
    const auto* image = band_image(c.image, c.bands, band, a, c.a_image, static_cast<Sum<T>*>(slot));
#if defined(__AVX512BF16__)
    if constexpr (kSteps<T> > 1) {
        const int64_t lines = band.images * c.image.padded[0] * band_height(c.image, c.bands, band);
        pair_with_next(static_cast<float*>(slot), lines * c.image.padded[2] * c.image.channels, c.a_pixel, planes);
        return static_cast<const T*>(slot);
    }
#endif
    return reinterpret_cast<const T*>(image);
}

template <class T>
void weights_band(const ConvWeights& c, const Band& band, bool first, const Sum<T>* a, const Sum<T>* dy, Sum<T>* dw,
                  char* slot) {
    const int64_t count_planes = kSteps<T> > 1 ? c.planes : 1, plane_bytes = count_planes * int64_t(sizeof(T));
    const Planes a_planes{count_planes, (c.slot_bytes - c.packed_bytes) / plane_bytes};
    const Planes y_planes{count_planes, c.packed_bytes / plane_bytes};
    const T* image = band_pixels<T>(c, band, a, slot, a_planes);
    T* copy = reinterpret_cast<T*>(slot + c.slot_bytes - c.packed_bytes);
    dy += band.image * c.y_image + band.line * c.bands.pixels * c.y_channels;
    // Columns of dY in place are lines far apart, which an L1 keeps badly; copying them takes as long as two or three
    // tiles of rows do.
    const bool in_place = kSteps<T> == 1 && c.n % Lanes<T>::count == 0 && (c.y_channels <= 32 || c.rows <= 12);
    BrgemmPair<T> pairs[kMostPairs];
    for (int64_t line = 0; line < band.lines; line += c.block_lines)
        for (int64_t g = 0; g < c.groups; ++g) {
            const int64_t lines = least(band.lines - line, c.block_lines), pixels = lines * c.bands.pixels;
            const Sum<T>* y = dy + line * c.bands.pixels * c.y_channels + g * c.n;
            const int64_t length = c.one_line ? pixels : c.bands.pixels, k = pieces(length, kSteps<T>);
            const int64_t b_row = in_place ? c.y_channels : kPanel<T>;
            if (!in_place) pack_pixels(y, pixels / length, length, c.y_channels, c.n, copy, y_planes);
            const T* b = in_place ? reinterpret_cast<const T*>(y) : copy;
            for (int64_t from = 0; from < lines; from += c.one_line ? lines : kMostPairs) {
                const int64_t count = c.one_line ? 1 : least(lines - from, kMostPairs);
                for (int64_t i = 0; i < count; ++i)
                    pairs[i] = {image + g * c.a_group + c.a_lines[line + from + i], b + (from + i) * k * b_row};
                const Brgemm<T> part{.m = c.rows,
                                     .n = c.n,
                                     .k = k,
                                     .a_row = 0,
                                     .a_col = c.a_pixel * kSteps<T>,
                                     .b_row = b_row,
                                     .b_panel = in_place ? kPanel<T> : pixels / length * k * kPanel<T>,
                                     .c_row = 0,
                                     .b_padded = true,
                                     .accumulate = !first || line + from > 0,
                                     .odd = length % kSteps<T> != 0,
                                     .planes = int(count_planes),
                                     .a_plane = a_planes.apart,
                                     .b_plane = y_planes.apart,
                                     .a_rows = c.a_rows,
                                     .c_rows = c.c_rows};
                run_brgemm(part, pairs, count, dw + g * c.n);
            }
        }
}

template <class T>
void conv_weights(const ConvWeights& c, const Sum<T>* a, const Sum<T>* dy, Sum<T>* dw, void* scratch) {
    using S = Sum<T>;
    const int64_t size = c.rows * c.n * c.groups, bands = count_bands(c.bands);
    S* sums = reinterpret_cast<S*>(static_cast<char*>(scratch) + 64);  // of all parts but the first
    char* slots = reinterpret_cast<char*>(sums) + pieces((c.parts - 1) * size * int64_t(sizeof(S)), 64) * 64;
    if (bands == 0 || size == 0) {
        __builtin_memset(dw, 0, size_t(size) * sizeof(S));
        return;
    }
    __builtin_memset(scratch, 0, 64);
    parallel_for(c.parts, 1, [&](int64_t begin, int64_t end) {
        const Slot slot(scratch, slots, c.threads, c.slot_bytes);
        for (int64_t part = begin; part < end; ++part) {
            const int64_t first = part * bands / c.parts, last = (part + 1) * bands / c.parts;
            for (int64_t i = first; i < last; ++i)
                weights_band<T>(c, band_at(c.bands, i), i == first, a, dy, part == 0 ? dw : sums + (part - 1) * size,
                                slot.memory);
        }
    });
    if (c.parts == 1) return;
    parallel_for(size, 1 << 15, [&](int64_t begin, int64_t end) {
        using L = Lanes<S>;
        for (int64_t i = begin; i < end; i += L::count) {
            const int64_t n = least(end - i, L::count);
            auto sum = L::load(dw + i, n);
            for (int64_t part = 1; part < c.parts; ++part) sum = sum + L::load(sums + (part - 1) * size + i, n);
            L::store(dw + i, sum, n);
        }
    });
}

}  // namespace

void conv_f32(const Conv& c, const float* a, const float* w, const float* bias, float* y, void* scratch) {
#if defined(__AVX512BF16__)
    if (c.pairs &&
        (c.pairs->planes == 1 || splits(extent_of(a, c.a_size, 1, c.a_size), extent_of(w, c.w_size, 1, c.w_size))))
        return conv<Bf16Pair>(*c.pairs, a, w, bias, y, scratch);
#endif
    conv<float>(c, a, w, bias, y, scratch);
}
void conv_weights_f32(const ConvWeights& c, const float* a, const float* dy, float* dw, void* scratch) {
#if defined(__AVX512BF16__)
    const int64_t images = c.bands.images;
    if (c.planes == 1 || (c.planes > 1 && splits(extent_of(a, c.a_image, images, c.a_image),
                                                 extent_of(dy, c.y_image, images, c.y_image))))
        return conv_weights<Bf16Pair>(c, a, dy, dw, scratch);
#endif
    conv_weights<float>(c, a, dy, dw, scratch);
}
#ifndef FK_BASE
void conv_f64(const Conv& c, const double* a, const double* w, const double* bias, double* y, void* scratch) {
    conv<double>(c, a, w, bias, y, scratch);
}
void conv_weights_f64(const ConvWeights& c, const double* a, const double* dy, double* dw, void* scratch) {
    conv_weights<double>(c, a, dy, dw, scratch);
}
#endif

}  // namespace fk::FK_ISA
