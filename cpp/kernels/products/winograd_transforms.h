// From pixels, gradients and taps to tiles of sixteen, and back.
#pragma once
#include "kernels/products/winograd.h"
#include "kernels/sizes.h"

namespace fk::FK_ISA {
namespace {

constexpr int64_t kPanel = 2 * kLanes;  // of weights

// --- the transforms of one line, for tiles of 2x2 outputs or of 4x4; of a tile, of its lines, then of its columns ---

// Elements i of lines that are `step` vectors apart.
struct Line {
    Vec* first;
    int step;
    FK_MEMBER Vec& operator[](int i) const { return first[i * step]; }
};

// B^T. Of large tiles at the points 0, 1, -1, 2, -1/2 and infinity, which magnify errors less than 0, 1, -1, 2 and -2
// (simulated: half as much); what divides is left to G.
template <int side>
struct InputLine {
    FK_MEMBER void operator()(Line x, Line to) const {
        if constexpr (side == 2) {
            to[0] = x[0] - x[2], to[1] = x[1] + x[2], to[2] = x[2] - x[1], to[3] = x[1] - x[3];
        } else {
            const Vec u = x[4] - x[2], w = x[3] - x[1];
            const Vec even = fma(Vec(-1.5f), x[3], u), odd = fma(Vec(1.5f), x[2], -w);
            to[5] = fma(Vec(-1.5f), u, x[5] - x[3] - w);
            to[0] = x[0] - x[2] + fma(Vec(-1.5f), w, u);
            to[1] = even - odd, to[2] = even + odd;
            to[3] = fma(Vec(0.5f), w, u), to[4] = fma(Vec(-2.f), w, u);
        }
    }
};
// A.
template <int side>
struct SlopeLine {
    FK_MEMBER void operator()(Line y, Line to) const {
        if constexpr (side == 2) {
            to[0] = y[0], to[1] = y[0] + y[1], to[2] = y[0] - y[1], to[3] = -y[1];
        } else {
            const Vec even = y[0] + y[2], odd = y[1] + y[3], two(2.f), half(-0.5f);
            to[0] = y[0], to[1] = even + odd, to[2] = even - odd, to[5] = y[3];
            to[3] = fma(two, fma(two, fma(two, y[3], y[2]), y[1]), y[0]);
            to[4] = fma(half, fma(half, fma(half, y[3], y[2]), y[1]), y[0]);
        }
    }
};
// G^T.
template <int side>
struct WeightSlopeLine {
    FK_MEMBER void operator()(Line s, Line to) const {
        if constexpr (side == 2) {
            const Vec half(0.5f), sum = (s[1] + s[2]) * half;
            to[0] = s[0] + sum, to[1] = (s[1] - s[2]) * half, to[2] = sum + s[3];
        } else {
            const Vec third(1.f / 3), fifteenth(1.f / 15);
            const Vec difference = (s[2] - s[1]) * third, sum = (s[1] + s[2]) * third;
            to[0] = s[0] + difference + fma(Vec(-16.f), s[4], s[3]) * fifteenth;
            to[1] = fma(Vec(8.f), s[4], s[3] + s[3]) * fifteenth - sum;
            to[2] = difference + (s[3] - s[4]) * Vec(4.f / 15) + s[5];
        }
    }
};
FK_VEC void weight_line(Vec a, Vec b, Vec c, Vec* to, int step) {
    const Vec half(0.5f), outer = (a + c) * half, inner = b * half;
    to[0] = a, to[step] = outer + inner, to[2 * step] = outer - inner, to[3 * step] = c;
}
FK_VEC void output_line(Vec a, Vec b, Vec c, Vec d, Vec* to, int step) { to[0] = a + b + c, to[step] = b - c - d; }

// The compiler may not compute from p what it would have to keep for all of a loop: sixteen addresses or 36 are more
// than the registers hold.
template <class T>
FK_VEC T* afresh(T* p) {
    asm("" : "+r"(p));
    return p;
}

// From `in` lines of so many vectors, row(i, v), to out x out, of which put(j, v) takes column j: sixteen registers
// hold no more than that.
template <int in, int out, class Row, class Transform, class Put>
FK_VEC void both_ways(const Row& row, const Transform& line, const Put& put) {
    Vec lines[in * out];
#pragma GCC unroll 6
    for (int i = 0; i < in; ++i) {
        Vec x[in];
        row(i, x);
        line(Line{x, 1}, Line{lines + i * out, 1});
    }
#pragma GCC unroll 6
    for (int j = 0; j < out; ++j) {
        Vec v[out];
        line(Line{lines + j, out}, Line{v, 1});
        put(j, v);
    }
}

// --- tiles of an image ---

// Walks over the tiles of the batch; row and column are those of the first output.
template <int side>
struct Tile {
    int64_t image, row, column;
    FK_MEMBER Tile(const Winograd& g, int64_t i) {
        const int64_t across = pieces(g.made[1], side), each = across * pieces(g.made[0], side);
        image = i / each, row = i % each / across * side, column = i % across * side;
    }
    FK_MEMBER void step(const Winograd& g) {
        if ((column += side) < g.made[1]) return;
        column = 0;
        if ((row += side) < g.made[0]) return;
        row = 0, ++image;
    }
};

template <bool b>
struct Known {
    static constexpr bool value = b;
};

// f(row, whole) for side x side pixels, `pixel` floats apart, from (row, column) on: row(i, c, v) loads a line of
// vectors of channels from c on; pixels outside of the image are zeros. whole says that the channels are whole vectors,
// and is known to the compiler.
template <int side, class F>
FK_VEC void with_pixels(const float* image, const int64_t* size, int64_t channels, int64_t pixel, int64_t row,
                        int64_t column, const float* zeros, const F& f) {
    const int64_t line = size[1] * pixel;
    const bool whole = channels % kLanes == 0;
    if (whole && row >= 0 && column >= 0 && row + side <= size[0] && column + side <= size[1]) {
        const float* first = image + (row * size[1] + column) * pixel;
        return f(
            [=](int i, int64_t c, Vec* v) FK_INLINED {
                const float* from = afresh(first + i * line + c);
#pragma GCC unroll 6
                for (int j = 0; j < side; ++j) v[j] = load(from + j * pixel);
            },
            Known<true>{});
    }
    bool inside[side];
    for (int64_t j = 0; j < side; ++j) inside[j] = column + j >= 0 && column + j < size[1];
    const auto some = [&](auto known) FK_INLINED {
        f(
            [&](int i, int64_t c, Vec* v) FK_INLINED {
                const bool has_row = row + i >= 0 && row + i < size[0];
                const int64_t at = ((row + i) * size[1] + column) * pixel;
#pragma GCC unroll 6
                for (int j = 0; j < side; ++j) {
                    const float* from = (has_row && inside[j] ? image + at + j * pixel : zeros) + c;
                    v[j] = known.value ? load(from) : load_up_to(from, channels - c);
                }
            },
            known);
    };
    whole ? some(Known<true>{}) : some(Known<false>{});
}

// Where the parts of tiles go: `part` floats from one to the next, in each a row of channels per tile.
struct Rows {
    float* first;
    int64_t part, channels;
    FK_MEMBER float* at(int64_t tile, int64_t channel) const { return first + tile * channels + channel; }
    template <bool whole>
    FK_MEMBER void put(float* p, Vec x, int64_t n) const {
        whole ? store(p, x) : store_up_to(p, x, n);
    }
};
// Of four tiles sixteen channels at a time, zeros behind the last, so that whoever multiplies them knows all distances.
// T is float or bfloat16_t.
constexpr int64_t kFourTiles = 4, kPart = kFourTiles * 16, kBlock = 16 * kPart;
template <class T>
struct Fours {
    static constexpr int64_t part = kPart;
    T* first;
    int64_t blocks;
    FK_MEMBER T* at(int64_t tile, int64_t channel) const {
        return first + tile / kFourTiles * blocks * kBlock + tile % kFourTiles * 16 + channel / 16 * kBlock +
               channel % 16;
    }
    template <bool whole>
    FK_MEMBER void put(T* p, Vec x, int64_t) const {
        store_rounded(p, x);
    }
};

// Tiles [first, first + count). Pixels of tiles of in x in become out x out parts.
template <int side, int in, int out, class Place, class Transform>
FK_VEC void transform_tiles(const Winograd& g, const float* images, const int64_t* size, int64_t channels,
                            int64_t pixel, const int64_t* before, const float* zeros, int64_t first, int64_t count,
                            const Place& place, const Transform& line) {
    Tile<side> t(g, first);
    for (int64_t i = 0; i < count; ++i, t.step(g)) {
        const auto transform = [&](const auto& row, auto whole) FK_INLINED {
            for (int64_t c = 0; c < channels; c += kLanes) {
                auto* p = place.at(i, c);
                both_ways<in, out>([&](int line, Vec* pixels) FK_INLINED { row(line, c, pixels); }, line,
                                   [&](int column, const Vec* v) FK_INLINED {
                                       auto* to = afresh(p + column * place.part);
#pragma GCC unroll 6
                                       for (int i = 0; i < out; ++i)
                                           place.template put<whole.value>(to + i * out * place.part, v[i],
                                                                           channels - c);
                                   });
            }
        };
        with_pixels<in>(images + t.image * size[0] * size[1] * pixel, size, channels, pixel, t.row - before[0],
                        t.column - before[1], zeros, transform);
    }
}

// B^T x B.
template <int side, class Place>
void transform_inputs(const Winograd& g, const float* x, const float* zeros, int64_t first, int64_t count,
                      const Place& place) {
    transform_tiles<side, side + 2, side + 2>(g, x, g.in, g.channels, g.in_pixel, g.before, zeros, first, count, place,
                                              InputLine<side>{});
}

// A dY A^T.
template <int side>
void transform_slopes(const Winograd& g, const float* dy, const float* zeros, int64_t first, int64_t count, float* to) {
    constexpr int64_t none[2] = {0, 0};
    transform_tiles<side, side, side + 2>(g, dy, g.out, g.filters, g.out_pixel, none, zeros, first, count,
                                          Rows{to, winograd_part(g, g.filters), g.filters}, SlopeLine<side>{});
}

// act(v) of the four outputs of tile after tile to y. `finite` says whether all were.
class Outputs {
public:
    FK_MEMBER explicit Outputs(const Winograd& g)
        : g_(g),
          floor_(g.activation == Activation::linear ? -__builtin_inff() : 0.f),
          ceiling_(g.activation == Activation::relu6 ? 6.f : __builtin_inff()) {}

    // Channels [c, c + n) of line `below` of tile t.
    FK_MEMBER void store(const Tile<2>& t, int below, int64_t c, int64_t n, Vec left, Vec right, float* y) {
        if (t.row + below >= g_.made[0]) return;
        float* to = y + ((t.image * g_.out[0] + t.row + below) * g_.out[1] + t.column) * g_.out_pixel + c;
        put(to, left, n);
        if (t.column + 1 < g_.made[1]) put(to + g_.out_pixel, right, n);
    }
    FK_MEMBER bool finite() const { return !any(isnan(wrong_)); }

private:
    FK_MEMBER void put(float* to, Vec x, int64_t n) {
        wrong_ = fma(x, Vec(0.f), wrong_);
        store_up_to(to, min(ceiling_, max(floor_, x)), n);
    }

    const Winograd& g_;
    Vec floor_, ceiling_, wrong_{0.f};
};

// act(A^T m A + bias) of tiles, to y. False where something is not finite.
template <bool whole>
bool transform_outputs_of(const Winograd& g, const float* m, const float* bias, int64_t first, int64_t count,
                          float* y) {
    const int64_t part = winograd_part(g, g.filters);
    Outputs outputs(g);
    Tile<2> t(g, first);
    for (int64_t i = 0; i < count; ++i, m += g.filters, t.step(g)) {
        for (int64_t c = 0; c < g.filters; c += kLanes) {
            const int64_t n = whole ? kLanes : g.filters - c;
            Vec lines[8], v[4];
            const float* from = m + c;
#pragma GCC unroll 4
            for (int i = 0; i < 4; ++i, from = afresh(from + 4 * part)) {
                const auto at = [&](int j) FK_INLINED { return load_up_to(from + j * part, n); };
                output_line(at(0), at(1), at(2), at(3), lines + 2 * i, 1);
            }
#pragma GCC unroll 2
            for (int j = 0; j < 2; ++j) output_line(lines[j], lines[2 + j], lines[4 + j], lines[6 + j], v + j, 2);
            const Vec b = bias ? load_up_to(bias + c, n) : Vec(0.f);
#pragma GCC unroll 4
            for (int j = 0; j < 4; ++j) v[j] = v[j] + b;
            outputs.store(t, 0, c, n, v[0], v[1], y);
            outputs.store(t, 1, c, n, v[2], v[3], y);
        }
    }
    return outputs.finite();
}

bool transform_outputs(const Winograd& g, const float* m, const float* bias, int64_t first, int64_t count, float* y) {
    return g.filters % kLanes == 0 ? transform_outputs_of<true>(g, m, bias, first, count, y)
                                   : transform_outputs_of<false>(g, m, bias, first, count, y);
}

// The outputs of an image that are not made.
void clear_rest(const Winograd& g, float* y) {
    const int64_t line = g.out[1] * g.out_pixel, made = g.made[1] * g.out_pixel;
    for (int64_t i = 0; i < g.out[0]; ++i) {
        const int64_t from = i < g.made[0] ? made : 0;
        __builtin_memset(y + i * line + from, 0, size_t(line - from) * sizeof(float));
    }
}

// --- weights ---

// G w G^T from the nine taps.
FK_VEC void transform_taps(const Vec* taps, Vec* to) {
    Vec lines[12];
#pragma GCC unroll 3
    for (int j = 0; j < 3; ++j) weight_line(taps[j], taps[3 + j], taps[6 + j], lines + j, 3);
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) weight_line(lines[3 * j], lines[3 * j + 1], lines[3 * j + 2], to + 4 * j, 1);
}

// The transformed weights of filters [first, first + panel) as a panel, `part` floats from one of the sixteen to the
// next, `block` floats from sixteen channels to the next.
void transform_weights(const Winograd& g, const float* w, int64_t first, int64_t panel, int64_t part, int64_t block,
                       float* to) {
    const auto at = [&](int64_t c) { return to + c / 16 * block + c % 16 * panel; };
    const auto load_taps = [&](const float* from, int64_t n, Vec* taps) {
        for (int tap = 0; tap < 9; ++tap)
            taps[tap] = n > 0 ? load_up_to(from + (g.turned ? 8 - tap : tap) * g.w_tap, n) : Vec(0.f);
    };
    Vec taps[9], v[16];
    for (int64_t j = 0; j < panel; j += kLanes) {
        if (g.w_n == 1) {
            for (int64_t c = 0; c < g.channels; ++c) {
                load_taps(w + c * g.w_k + first + j, g.filters - first - j, taps);
                transform_taps(taps, v);
                for (int i = 0; i < 16; ++i) store(at(c) + i * part + j, v[i]);
            }
            continue;
        }
        for (int64_t c = 0; c < g.channels; c += kLanes) {
            Vec block[9][kLanes];
            for (int64_t r = 0; r < kLanes; ++r) {
                load_taps(w + (first + j + r) * g.w_n + c, first + j + r < g.filters ? g.channels - c : 0, taps);
                for (int tap = 0; tap < 9; ++tap) block[tap][r] = taps[tap];
            }
            for (auto& rows : block) transpose(rows);
            for (int64_t r = 0; r < least(kLanes, g.channels - c); ++r) {
                for (int tap = 0; tap < 9; ++tap) taps[tap] = block[tap][r];
                transform_taps(taps, v);
                for (int i = 0; i < 16; ++i) store(at(c + r) + i * part + j, v[i]);
            }
        }
    }
}

// G^T s G: the gradient of the taps. False where it is not finite.
template <int side>
bool transform_sums(const Winograd& g, const float* sums, float* dw) {
    const int64_t size = g.channels * g.filters, part = winograd_sum_part(g);
    Vec wrong(0.f);
    for (int64_t i = 0; i < size; i += kLanes) {
        const int64_t n = size - i;
        both_ways<side + 2, 3>(
            [&](int line, Vec* s) FK_INLINED {
                const float* from = afresh(sums + line * (side + 2) * part + i);
#pragma GCC unroll 6
                for (int j = 0; j < side + 2; ++j) s[j] = load_up_to(from + j * part, n);
            },
            WeightSlopeLine<side>{},
            [&](int column, const Vec* v) FK_INLINED {
                float* to = afresh(dw + column * size + i);
#pragma GCC unroll 3
                for (int j = 0; j < 3; ++j) {
                    wrong = fma(v[j], Vec(0.f), wrong);
                    store_up_to(to + 3 * j * size, v[j], n);
                }
            });
    }
    return !any(isnan(wrong));
}

}  // namespace
}  // namespace fk::FK_ISA
