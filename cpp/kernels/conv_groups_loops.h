// What convolutions of groups of few channels share: lanes, copies of a block, bands.
#pragma once
#include <cstddef>

#include "kernels/conv_groups.h"
#include "kernels/sizes.h"

namespace fk::FK_ISA {
namespace {

constexpr int64_t kBlock = kGroupBlock;

template <int n>
struct Number {
    constexpr operator int() const { return n; }
};

// --- which input each lane of a vector meets ---

// Groups narrower than a vector: lane l meets channel `c` of its group.
struct InVector {
    IVec first;
    FK_MEMBER InVector(int64_t width, int64_t) : first(lane_numbers() & IVec(int32_t(-width))) {}
    struct Channel {
        IVec from;
        FK_MEMBER Vec operator()(const float* x) const { return take_lanes(load(x), from); }
    };
    FK_MEMBER Channel channel(int64_t c) const { return {first + IVec(int32_t(c))}; }
};
// Others: all lanes meet the same. A pixel of the copy begins at x - lane.
struct InGroup {
    int64_t first;
    FK_MEMBER InGroup(int64_t width, int64_t lane) : first((lane & -width) - lane) {}
    struct Channel {
        int64_t from;
        FK_MEMBER Vec operator()(const float* x) const { return Vec(x[from]); }
    };
    FK_MEMBER Channel channel(int64_t c) const { return {first + c}; }
};

// f(lane, which) for the vectors of a block of which n channels are used; which: InVector or InGroup.
template <class F>
FK_VEC void for_each_vector_of_block(int64_t width, int64_t n, const F& f) {
    for (int64_t lane = 0; lane < n; lane += kLanes)
        width < kLanes ? f(lane, InVector(width, lane)) : f(lane, InGroup(width, lane));
}

// --- copies of a block ---

struct Rows {
    int64_t begin, end;  // of the input
};
FK_VEC Rows rows_seen(const GroupsAxis& a, int64_t line, int64_t lines) {
    const int64_t begin = most(0, line * a.step + a.at);
    return {begin, most(begin, least(a.in, line * a.step + a.at + inputs_of(a, lines)))};
}

// Pixels `apart` floats from one to the next; the next block, whose turn it is soon, comes nearer.
FK_VEC void copy_pixels(float* to, const float* from, int64_t apart, int64_t pixels, int64_t n) {
    for (int64_t i = 0; i < pixels; ++i, to += kBlock, from += apart) {
        __builtin_prefetch(from + kBlock);
        for (int64_t j = 0; j < kBlock; j += kLanes)
            store(to + j, n == kBlock ? load(from + j) : load_up_to(from + j, n - j));
    }
}
FK_VEC void zero_pixels(float* to, int64_t pixels) { __builtin_memset(to, 0, size_t(pixels * kBlock) * sizeof(float)); }

// Rows of x, n channels of a block of `channels`, with the zeros that taps meet beside them.
void copy_rows(const GroupsSweep& s, const float* x, Rows rows, int64_t channels, int64_t n, float* to) {
    const GroupsAxis& a = s.axis[1];
    const int64_t columns = inputs_of(a, a.count);
    for (int64_t r = rows.begin; r < rows.end; ++r)
        for (int64_t first = a.at; first < a.at + a.step; ++first, to += s.rows_apart * kBlock) {
            // Columns first, first + step, ...: up to `begin` and from `end` on they are outside.
            const int64_t all = pieces(a.at + columns - first, a.step);
            const int64_t begin = least(all, first < 0 ? pieces(-first, a.step) : 0);
            const int64_t end = most(begin, least(all, pieces(a.in - first, a.step)));
            zero_pixels(to, begin);
            copy_pixels(to + begin * kBlock, x + (r * a.in + first + begin * a.step) * channels, a.step * channels,
                        end - begin, n);
            zero_pixels(to + end * kBlock, all - end);
        }
}

// Of tap t of a line, in a row of the copy.
FK_VEC int64_t column_of(const GroupsSweep& s, int64_t t) {
    const int64_t j = t * s.axis[1].at_step, step = s.axis[1].step;
    return (j % step * s.rows_apart + j / step) * kBlock;
}

// --- bands ---

struct Band {
    int64_t image, line, lines;
};
FK_VEC int64_t bands_per_image(const GroupsSweep& s) { return pieces(s.axis[0].count, s.lines_per_band); }
FK_VEC Band band_at(const GroupsSweep& s, int64_t i) {
    const int64_t each = bands_per_image(s), line = i % each * s.lines_per_band;
    return {i / each, line, least(s.axis[0].count - line, s.lines_per_band)};
}

}  // namespace
}  // namespace fk::FK_ISA
