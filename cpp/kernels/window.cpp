#include "kernels/window.h"

#include "core/parallel.h"
#include "kernels/loop.h"

namespace fk::FK_ISA {
namespace {

// Vectors of channels that are in registers together: f(channel, lanes, Block<K>), K halving from kMost to the rest.
template <int K>
struct Block {
    static constexpr int count = K;
};
template <class T, int kMost, class F>
FK_VEC void for_each_block(int64_t n, const F& f, int64_t c = 0) {
    constexpr int64_t step = lanes_of<VecOf<T>>;
    for (; c + kMost * step <= n; c += kMost * step) f(c, WholeVector{}, Block<kMost>{});
    if constexpr (kMost > 1)
        for_each_block<T, kMost / 2>(n, f, c);
    else if (c < n)
        f(c, PartialVector{n - c}, Block<1>{});
}

// Positions of the width that see the same taps, `stride` inputs apart.
struct Segment {
    int64_t begin, count, first, taps, at, stride;
};
template <class F>
FK_VEC void for_each_segment(const WindowAxis& a, const F& f) {
    for (int64_t phase = 0; phase < a.pitch && phase < a.out; ++phase)
        for (int64_t o = phase; o < a.out;) {
            const WindowSpan& s = a.spans[o];
            int64_t count = 1;
            for (; o + count * a.pitch < a.out; ++count) {
                const WindowSpan& next = a.spans[o + count * a.pitch];
                if (next.first != s.first || next.count != s.count) break;
            }
            f(Segment{o, count, s.first, s.count, s.at, count > 1 ? a.spans[o + a.pitch].at - s.at : 0});
            o += count * a.pitch;
        }
}

// The rows of taps that a line (image, depth, height) of the output sees. Found once per line: four divisions in each
// block of pixels took half of the time of a 3x3 kernel.
struct TapRows {
    int64_t depths, heights;
    int64_t tap, tap_depth, tap_height;        // the first, and from one to the next
    int64_t pixel, pixel_depth, pixel_height;  // of the input, at the beginning of its line
};
FK_VEC TapRows tap_rows(const Window& g, int64_t line) {
    const WindowAxis &d = g.axis[0], &h = g.axis[1], &w = g.axis[2];
    const int64_t image = line / (d.out * h.out);
    const WindowSpan &sd = d.spans[line / h.out % d.out], &sh = h.spans[line % h.out];
    return {sd.count,
            sh.count,
            (sd.first * h.kernel + sh.first) * w.kernel,
            d.tap_step * h.kernel * w.kernel,
            h.tap_step * w.kernel,
            ((image * d.in + sd.at) * h.in + sh.at) * w.in,
            d.in_step * h.in * w.in,
            h.in_step * w.in};
}
// f(first tap of the row, first input pixel)
template <class F>
FK_VEC void for_each_tap_row(const TapRows& r, const F& f) {
    for (int64_t i = 0; i < r.depths; ++i)
        for (int64_t j = 0; j < r.heights; ++j)
            f(r.tap + i * r.tap_depth + j * r.tap_height, r.pixel + i * r.pixel_depth + j * r.pixel_height);
}
FK_VEC int64_t lines_of(const Window& g) { return g.images * g.axis[0].out * g.axis[1].out; }

// --- depthwise ---

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
    for_each_tap_row(rows, [&](int64_t tap, int64_t pixel) [[gnu::always_inline]] {
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
        const auto some = [&](auto pixels, auto taps) [[gnu::always_inline]] {
            constexpr int P = decltype(pixels)::count;
            for_each_block<T, 8 / P>(g.channels, [&](int64_t c, auto lanes, auto block) [[gnu::always_inline]] {
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
        for_each_tap_row(rows, [&](int64_t tap, int64_t pixel) [[gnu::always_inline]] {
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
    for_each_block<T, kTaps == 1 ? 4 : 2>(g.channels, [&](int64_t c, auto lanes, auto block) [[gnu::always_inline]] {
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
            const auto some = [&](int64_t t, auto taps) [[gnu::always_inline]] {
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
        for_each_vector<T>(size, [&](int64_t i, auto lanes) [[gnu::always_inline]] {
            lanes.store(dw + i, lanes.load(dw + i) + lanes.load(sums + (part - 1) * size + i));
        });
}

// --- pooling ---

// What a position of the output sees: `count` steps along each axis, `step` elements apart. Windows of 2x2 are known to
// the compiler: three loops around four loads took longer than the loads.
template <bool two_by_two>
struct Inputs {
    int64_t count[3], step[3];
    // f(element) for all of them, from the first on.
    template <class F>
    FK_MEMBER void each(int64_t first, const F& f) const {
        if constexpr (two_by_two) return f(first), f(first + step[2]), f(first + step[1]), f(first + step[1] + step[2]);
        for (int64_t i = 0; i < count[0]; ++i)
            for (int64_t j = 0; j < count[1]; ++j) {
                int64_t at = first + i * step[0] + j * step[1];
                for (int64_t k = 0; k < count[2]; ++k, at += step[2]) f(at);
            }
    }
};

// f(inputs, first input element, output element, lanes, block) for blocks of channels of the lines [begin, end).
template <class T, class F>
FK_VEC void for_each_output(const Window& window, int64_t begin, int64_t end, const F& f) {
    const Window g = window;
    const WindowAxis& a = g.axis[2];
    const int64_t n = g.channels;
    for (int64_t line = begin; line < end; ++line) {
        const TapRows rows = tap_rows(g, line);
        for_each_segment(a, [&](Segment s) {
            const auto run = [&](auto inputs) [[gnu::always_inline]] {
                for (int64_t i = 0; i < s.count; ++i)
                    for_each_block<T, 4>(n, [&](int64_t c, auto lanes, auto block) [[gnu::always_inline]] {
                        f(inputs, (rows.pixel + s.at + i * s.stride) * n + c, (line * a.out + s.begin + i) * n + c,
                          lanes, block);
                    });
            };
            const Inputs<false> seen{{rows.depths, rows.heights, s.taps},
                                     {rows.pixel_depth * n, rows.pixel_height * n, a.in_step * n}};
            if (rows.depths == 1 && rows.heights == 2 && s.taps == 2)
                run(Inputs<true>{{1, 2, 2}, {0, seen.step[1], seen.step[2]}});
            else
                run(seen);
        });
    }
}

template <class T>
void max_pool(const Window& g, const T* x, T* y) {
    using V = VecOf<T>;
    constexpr int64_t step = lanes_of<V>;
    parallel_for(lines_of(g), g.chunk, [&](int64_t begin, int64_t end) {
        for_each_output<T>(g, begin, end,
                           [&](const auto& inputs, int64_t first_input, int64_t to, auto lanes, auto block)
                               [[gnu::always_inline]] {
                                   constexpr int K = decltype(block)::count;
                                   V best[K];
                                   for (int k = 0; k < K; ++k) best[k] = V(-T(__builtin_inf()));
                                   inputs.each(first_input, [&](int64_t at) [[gnu::always_inline]] {
                                       for (int k = 0; k < K; ++k)
                                           best[k] = max_nan(best[k], lanes.load(x + at + k * step));
                                   });
                                   for (int k = 0; k < K; ++k) lanes.store(y + to + k * step, best[k]);
                               });
    });
}

// f(first line, last line) of some images in parallel.
template <class F>
FK_VEC void for_each_image(const Window& g, const F& f) {
    const int64_t lines = g.axis[0].out * g.axis[1].out, images = lines > 0 ? 1 + (g.chunk - 1) / lines : 1;
    parallel_for(g.images, images, [&](int64_t begin, int64_t end) { f(begin, end, begin * lines, end * lines); });
}

template <class T>
FK_VEC void clear_images(const Window& g, int64_t begin, int64_t end, T* dx) {
    if (g.cover && !g.overlap) return;
    const int64_t image = g.axis[0].in * g.axis[1].in * g.axis[2].in * g.channels;
    __builtin_memset(dx + begin * image, 0, size_t((end - begin) * image) * sizeof(T));
}

template <class T>
void max_pool_grad(const Window& g, const T* x, const T* y, const T* dy, const T* gate, T* dx) {
    using V = VecOf<T>;
    constexpr int64_t step = lanes_of<V>;
    const bool add = g.overlap;
    for_each_image(g, [&](int64_t first, int64_t last, int64_t begin, int64_t end) {
        clear_images(g, first, last, dx);
        for_each_output<T>(
            g, begin, end,
            [&](const auto& inputs, int64_t first_input, int64_t to, auto lanes, auto block) [[gnu::always_inline]] {
                constexpr int K = decltype(block)::count;
                V best[K], slope[K];
                for (int k = 0; k < K; ++k)
                    best[k] = lanes.load(y + to + k * step), slope[k] = lanes.load(dy + to + k * step);
                inputs.each(first_input, [&](int64_t at) [[gnu::always_inline]] {
                    for (int k = 0; k < K; ++k) {
                        const auto found = lanes.load(x + at + k * step) == best[k];
                        V here = select(found, slope[k], V(T(0)));
                        if (gate) here = select(lanes.load(gate + at + k * step) > V(T(0)), here, V(T(0)));
                        slope[k] = select(found, V(T(0)), slope[k]);  // the first takes all
                        lanes.store(dx + at + k * step, add ? lanes.load(dx + at + k * step) + here : here);
                    }
                });
            });
    });
}

template <class T>
void max_pool_pick(const Window& g, const T* x, const T* y, const T* u, T* picked) {
    using V = VecOf<T>;
    constexpr int64_t step = lanes_of<V>;
    parallel_for(lines_of(g), g.chunk, [&](int64_t begin, int64_t end) {
        for_each_output<T>(
            g, begin, end,
            [&](const auto& inputs, int64_t first_input, int64_t to, auto lanes, auto block) [[gnu::always_inline]] {
                constexpr int K = decltype(block)::count;
                V best[K], sum[K], open[K];
                for (int k = 0; k < K; ++k)
                    best[k] = lanes.load(y + to + k * step), sum[k] = V(T(0)), open[k] = V(T(1));
                inputs.each(first_input, [&](int64_t at) [[gnu::always_inline]] {
                    for (int k = 0; k < K; ++k) {
                        const auto found = lanes.load(x + at + k * step) == best[k];
                        sum[k] = select(found, fma(open[k], lanes.load(u + at + k * step), sum[k]), sum[k]);
                        open[k] = select(found, V(T(0)), open[k]);
                    }
                });
                for (int k = 0; k < K; ++k) lanes.store(picked + to + k * step, sum[k]);
            });
    });
}

template <class T>
void max_pool_where(const Window& g, const T* x, const T* y, T* where) {
    using V = VecOf<T>;
    constexpr int64_t step = lanes_of<V>;
    parallel_for(lines_of(g), g.chunk, [&](int64_t begin, int64_t end) {
        for_each_output<T>(
            g, begin, end,
            [&](const auto& inputs, int64_t first_input, int64_t to, auto lanes, auto block) [[gnu::always_inline]] {
                constexpr int K = decltype(block)::count;
                const V none{T(__builtin_inf())};
                V best[K], found[K], tap(T(0));
                for (int k = 0; k < K; ++k) best[k] = lanes.load(y + to + k * step), found[k] = none;
                inputs.each(first_input, [&](int64_t at) [[gnu::always_inline]] {
                    for (int k = 0; k < K; ++k)
                        found[k] = min(found[k], select(lanes.load(x + at + k * step) == best[k], tap, none));
                    tap = tap + V(T(1));
                });
                for (int k = 0; k < K; ++k) lanes.store(where + to + k * step, found[k]);
            });
    });
}

template <class T>
void max_pool_route(const Window& g, const T* where, const T* dy, const T* gate, T* dx) {
    using V = VecOf<T>;
    constexpr int64_t step = lanes_of<V>;
    const bool add = g.overlap;
    for_each_image(g, [&](int64_t first, int64_t last, int64_t begin, int64_t end) {
        clear_images(g, first, last, dx);
        for_each_output<T>(
            g, begin, end,
            [&](const auto& inputs, int64_t first_input, int64_t to, auto lanes, auto block) [[gnu::always_inline]] {
                constexpr int K = decltype(block)::count;
                V best[K], slope[K], tap(T(0));
                for (int k = 0; k < K; ++k) {
                    best[k] = lanes.load(where + to + k * step), slope[k] = lanes.load(dy + to + k * step);
                    if (gate) slope[k] = select(lanes.load(gate + to + k * step) > V(T(0)), slope[k], V(T(0)));
                }
                inputs.each(first_input, [&](int64_t at) [[gnu::always_inline]] {
                    for (int k = 0; k < K; ++k) {
                        const V here = select(best[k] == tap, slope[k], V(T(0)));
                        lanes.store(dx + at + k * step, add ? lanes.load(dx + at + k * step) + here : here);
                    }
                    tap = tap + V(T(1));
                });
            });
    });
}

template <class T>
void average_pool(const Window& g, const T* x, T* y) {
    using V = VecOf<T>;
    constexpr int64_t step = lanes_of<V>;
    parallel_for(lines_of(g), g.chunk, [&](int64_t begin, int64_t end) {
        for_each_output<T>(g, begin, end,
                           [&](const auto& inputs, int64_t first_input, int64_t to, auto lanes, auto block)
                               [[gnu::always_inline]] {
                                   constexpr int K = decltype(block)::count;
                                   V sum[K];
                                   for (int k = 0; k < K; ++k) sum[k] = V(T(0));
                                   inputs.each(first_input, [&](int64_t at) [[gnu::always_inline]] {
                                       for (int k = 0; k < K; ++k) sum[k] = sum[k] + lanes.load(x + at + k * step);
                                   });
                                   const V count(T(inputs.count[0] * inputs.count[1] * inputs.count[2]));
                                   for (int k = 0; k < K; ++k) lanes.store(y + to + k * step, sum[k] / count);
                               });
    });
}

template <class T>
void average_pool_grad(const Window& g, const T* dy, T* dx) {
    using V = VecOf<T>;
    constexpr int64_t step = lanes_of<V>;
    const bool add = g.overlap;
    for_each_image(g, [&](int64_t first, int64_t last, int64_t begin, int64_t end) {
        clear_images(g, first, last, dx);
        for_each_output<T>(
            g, begin, end,
            [&](const auto& inputs, int64_t first_input, int64_t to, auto lanes, auto block) [[gnu::always_inline]] {
                constexpr int K = decltype(block)::count;
                const V count(T(inputs.count[0] * inputs.count[1] * inputs.count[2]));
                V share[K];
                for (int k = 0; k < K; ++k) share[k] = lanes.load(dy + to + k * step) / count;
                inputs.each(first_input, [&](int64_t at) [[gnu::always_inline]] {
                    for (int k = 0; k < K; ++k)
                        lanes.store(dx + at + k * step, add ? lanes.load(dx + at + k * step) + share[k] : share[k]);
                });
            });
    });
}

}  // namespace

#define FK_DEFINE(T, type)                                                                                            \
    void depthwise_##type(const Window& g, const T* x, const T* w, const T* bias, T* y) {                             \
        depthwise(g, x, w, bias, y);                                                                                  \
    }                                                                                                                 \
    void depthwise_input_grad_##type(const Window& g, const T* dy, const T* w, T* dx) {                               \
        depthwise_input_grad(g, dy, w, dx);                                                                           \
    }                                                                                                                 \
    void depthwise_kernel_grad_##type(const Window& g, const T* x, const T* dy, T* dw, T* sums) {                     \
        depthwise_kernel_grad(g, x, dy, dw, sums);                                                                    \
    }                                                                                                                 \
    void max_pool_##type(const Window& g, const T* x, T* y) { max_pool(g, x, y); }                                    \
    void max_pool_grad_##type(const Window& g, const T* x, const T* y, const T* dy, const T* gate, T* dx) {           \
        max_pool_grad(g, x, y, dy, gate, dx);                                                                         \
    }                                                                                                                 \
    void max_pool_pick_##type(const Window& g, const T* x, const T* y, const T* u, T* picked) {                       \
        max_pool_pick(g, x, y, u, picked);                                                                            \
    }                                                                                                                 \
    void max_pool_where_##type(const Window& g, const T* x, const T* y, T* where) { max_pool_where(g, x, y, where); } \
    void max_pool_route_##type(const Window& g, const T* where, const T* dy, const T* gate, T* dx) {                  \
        max_pool_route(g, where, dy, gate, dx);                                                                       \
    }                                                                                                                 \
    void average_pool_##type(const Window& g, const T* x, T* y) { average_pool(g, x, y); }                            \
    void average_pool_grad_##type(const Window& g, const T* dy, T* dx) { average_pool_grad(g, dy, dx); }
FK_DEFINE(float, f32)
FK_DEFINE(double, f64)
#undef FK_DEFINE

}  // namespace fk::FK_ISA
