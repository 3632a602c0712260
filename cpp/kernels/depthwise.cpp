#include "kernels/depthwise.h"

#include <cstddef>

#include "core/parallel.h"
#include "kernels/window_loops.h"

namespace fk::FK_ISA {
namespace {

// P pixels and K vectors of channels; s begins at the first of the pixels. Where kTaps is not 0 it is s.taps, and
// neighbours are one tap apart, so that each input is loaded once for all pixels that see it.
template <int P, int kTaps, class T, class L, int K>
FK_VEC void depthwise_pixels(const Window& g, const TapRows& rows, const Segment& s, const T* x, const T* w,
                             const T* bias, T* y, int64_t c, const L& lanes, Block<K>) {
    using V = VecOf<T>;
    constexpr int64_t step = lanes_of<V>;
    const WindowAxis& a = g.axis[2];
    const int64_t next = s.stride * g.channels, x_tap = a.in_step * g.channels, w_tap = a.tap_step * g.channels;
    V sum[P][K];
    for (int p = 0; p < P; ++p)
        for (int k = 0; k < K; ++k) sum[p][k] = V(T(0));
    for_each_tap_row(rows, [&](int64_t tap, int64_t pixel) {
        const T* from = x + (pixel + s.at) * g.channels + c;
        const T* weight = w + (tap + s.first) * g.channels + c;
        if constexpr (kTaps > 0) {
            V v[kTaps][K];
            for (int t = 0; t < kTaps; ++t)
                for (int k = 0; k < K; ++k) v[t][k] = lanes.load(weight + t * w_tap + k * step);
#pragma GCC unroll 16
            for (int i = 0; i < P + kTaps - 1; ++i)
                for (int k = 0; k < K; ++k) {
                    const V u = lanes.load(from + i * next + k * step);
                    for (int p = 0; p < P; ++p)
                        if (i >= p && i - p < kTaps) sum[p][k] = fma(u, v[i - p][k], sum[p][k]);
                }
        } else {
            for (int64_t t = 0; t < s.taps; ++t) {
                for (int k = 0; k < K; ++k) {
                    const V v = lanes.load(weight + k * step);
                    for (int p = 0; p < P; ++p) sum[p][k] = fma(lanes.load(from + p * next + k * step), v, sum[p][k]);
                }
                from += x_tap, weight += w_tap;
            }
        }
    });
    const V low{T(g.low)}, high{T(g.high)};
    for (int k = 0; k < K; ++k) {
        const V b = bias ? lanes.load(bias + c + k * step) : V(T(0));
        for (int p = 0; p < P; ++p) {
            const V y_p = min(high, max(low, bias ? sum[p][k] + b : sum[p][k]));
            lanes.store(y + p * a.pitch * g.channels + c + k * step, y_p);
        }
    }
}

template <class T>
void depthwise_line(const Window& window, int64_t line, const T* x, const T* w, const T* bias, T* y) {
    const Window g = window;  // stores of vectors may change what a reference refers to: 49 -> 56 GFLOP/s
    const WindowAxis& a = g.axis[2];
    const TapRows rows = tap_rows(g, line);
    y += line * a.out * g.channels;
    for_each_segment(a, [&](Segment s) {
        const bool shared = s.taps == 3 && s.stride == a.in_step;
        const auto some = [&](auto pixels, auto taps) {
            constexpr int P = decltype(pixels)::count;
            for_each_block<T, 8 / P>(g.channels, [&](int64_t c, auto lanes, auto block) {
                depthwise_pixels<P, decltype(taps)::count>(g, rows, s, x, w, bias, y + s.begin * g.channels, c, lanes,
                                                           block);
            });
            s.begin += P * a.pitch, s.at += P * s.stride, s.count -= P;
        };
        while (shared && s.count >= 4) some(Block<4>{}, Block<3>{});
        while (s.count >= 4) some(Block<4>{}, Block<0>{});
        if (s.count >= 2) some(Block<2>{}, Block<0>{});
        if (s.count >= 1) some(Block<1>{}, Block<0>{});
    });
}

// f(output pixel, input pixel, tap) of a line, for the general multiplier.
template <class F>
FK_VEC void for_each_meeting(const Window& g, int64_t line, const F& f) {
    const WindowAxis& a = g.axis[2];
    const TapRows rows = tap_rows(g, line);
    for (int64_t o = 0; o < a.out; ++o)
        for_each_tap_row(rows, [&](int64_t tap, int64_t pixel) {
            for (int64_t t = 0; t < a.spans[o].count; ++t)
                f(line * a.out + o, pixel + a.spans[o].at + t * a.in_step, tap + a.spans[o].first + t * a.tap_step);
        });
}

template <class T>
void depthwise(const Window& g, const T* x, const T* w, const T* bias, T* y) {
    const int64_t m = g.multiplier, channels = g.channels * m, row = g.axis[2].out * channels;
    parallel_for(lines_of(g), g.chunk, [&](int64_t begin, int64_t end) {
        for (int64_t line = begin; line < end; ++line) {
            if (m == 1) {
                depthwise_line(g, line, x, w, bias, y);
                continue;
            }
            __builtin_memset(y + line * row, 0, size_t(row) * sizeof(T));
            for_each_meeting(g, line, [&](int64_t o, int64_t i, int64_t tap) {
                for (int64_t c = 0; c < channels; ++c)
                    y[o * channels + c] += x[i * g.channels + c / m] * w[tap * channels + c];
            });
        }
    });
}

template <class T>
void depthwise_input_grad(const Window& g, const T* dy, const T* w, T* dx) {
    const int64_t m = g.multiplier, channels = g.channels * m, row = g.axis[2].out * g.channels;
    parallel_for(lines_of(g), g.chunk, [&](int64_t begin, int64_t end) {
        for (int64_t line = begin; line < end; ++line) {
            if (m == 1) {
                depthwise_line<T>(g, line, dy, w, nullptr, dx);
                continue;
            }
            __builtin_memset(dx + line * row, 0, size_t(row) * sizeof(T));
            for_each_meeting(g, line, [&](int64_t i, int64_t o, int64_t tap) {
                for (int64_t c = 0; c < channels; ++c)
                    dx[i * g.channels + c / m] += dy[o * channels + c] * w[tap * channels + c];
            });
        }
    });
}

// Sums over the pixels of a segment for kTaps neighbouring taps of a row, which share the reads of dy; added to dw.
template <int kTaps, class T>
FK_VEC void depthwise_taps(const Window& g, const Segment& s, const T* x, const T* dy, T* dw) {
    using V = VecOf<T>;
    constexpr int64_t step = lanes_of<V>;
    const WindowAxis& a = g.axis[2];
    const int64_t x_tap = a.in_step * g.channels, w_tap = a.tap_step * g.channels, x_next = s.stride * g.channels;
    for_each_block<T, kTaps == 1 ? 4 : 2>(g.channels, [&](int64_t c, auto lanes, auto block) {
        constexpr int K = decltype(block)::count;
        V sum[kTaps][K];
        for (int t = 0; t < kTaps; ++t)
            for (int k = 0; k < K; ++k) sum[t][k] = V(T(0));
        const T *from = x + c, *slope = dy + c;
        for (int64_t o = 0; o < s.count; ++o, from += x_next, slope += a.pitch * g.channels)
            for (int k = 0; k < K; ++k) {
                const V u = lanes.load(slope + k * step);
                for (int t = 0; t < kTaps; ++t) sum[t][k] = fma(lanes.load(from + t * x_tap + k * step), u, sum[t][k]);
            }
        for (int t = 0; t < kTaps; ++t)
            for (int k = 0; k < K; ++k) {
                T* to = dw + t * w_tap + c + k * step;
                lanes.store(to, lanes.load(to) + sum[t][k]);
            }
    });
}

// Adds the sums of a line to those in dw.
template <class T>
void depthwise_kernel_grad_line(const Window& g, int64_t line, const T* x, const T* dy, T* dw) {
    const WindowAxis& a = g.axis[2];
    for_each_tap_row(tap_rows(g, line), [&](int64_t tap, int64_t pixel) {
        for_each_segment(a, [&](const Segment& s) {
            const T* from = x + (pixel + s.at) * g.channels;
            const T* slope = dy + (line * a.out + s.begin) * g.channels;
            T* to = dw + (tap + s.first) * g.channels;
            const auto some = [&](int64_t t, auto taps) {
                depthwise_taps<decltype(taps)::count>(g, s, from + t * a.in_step * g.channels, slope,
                                                      to + t * a.tap_step * g.channels);
            };
            int64_t t = 0;
            for (; t + 3 <= s.taps; t += 3) some(t, Block<3>{});
            for (; t < s.taps; ++t) some(t, Block<1>{});
        });
    });
}

template <class T>
void depthwise_kernel_grad(const Window& g, const T* x, const T* dy, T* dw, T* sums) {
    const int64_t m = g.multiplier, channels = g.channels * m, lines = lines_of(g);
    const int64_t size = g.axis[0].kernel * g.axis[1].kernel * g.axis[2].kernel * channels;
    parallel_for(g.parts, 1, [&](int64_t begin, int64_t end) {
        for (int64_t part = begin; part < end; ++part) {
            T* to = part == 0 ? dw : sums + (part - 1) * size;
            __builtin_memset(to, 0, size_t(size) * sizeof(T));
            for (int64_t line = part * lines / g.parts; line < (part + 1) * lines / g.parts; ++line) {
                if (m == 1) {
                    depthwise_kernel_grad_line(g, line, x, dy, to);
                    continue;
                }
                for_each_meeting(g, line, [&](int64_t o, int64_t i, int64_t tap) {
                    for (int64_t c = 0; c < channels; ++c)
                        to[tap * channels + c] += x[i * g.channels + c / m] * dy[o * channels + c];
                });
            }
        }
    });
    for (int64_t part = 1; part < g.parts; ++part)
        for_each_vector<T>(size, [&](int64_t i, auto lanes) {
            lanes.store(dw + i, lanes.load(dw + i) + lanes.load(sums + (part - 1) * size + i));
        });
}

}  // namespace

#define FK_DEFINE(T, type)                                                                        \
    void depthwise_##type(const Window& g, const T* x, const T* w, const T* bias, T* y) {         \
        depthwise(g, x, w, bias, y);                                                              \
    }                                                                                             \
    void depthwise_input_grad_##type(const Window& g, const T* dy, const T* w, T* dx) {           \
        depthwise_input_grad(g, dy, w, dx);                                                       \
    }                                                                                             \
    void depthwise_kernel_grad_##type(const Window& g, const T* x, const T* dy, T* dw, T* sums) { \
        depthwise_kernel_grad(g, x, dy, dw, sums);                                                \
    }
FK_DEFINE(float, f32)
FK_DEFINE(double, f64)
#undef FK_DEFINE

}  // namespace fk::FK_ISA
