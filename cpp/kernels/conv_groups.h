// Convolutions of groups of few channels, and the gradients of their images and kernels: vectors lie along the
// channels of several groups, and each lane meets the channels of its own.
#pragma once
#include <cstddef>
#include <cstdint>

#include "core/parallel.h"
#include "simd/dispatch.h"

namespace fk {

// Channels that are made at a time, on any ISA: a cache line, whole groups.
inline constexpr int64_t kGroupBlock = 16;
// Channels whose gradients of the kernel are taken together: blocks of a pixel that follow one another in memory.
inline constexpr int64_t kGroupRun = 64;

// Positions first, first + pitch, ... of an axis of the output, `count` of them, that see the same taps: position j
// sees tap `tap` + t tap_step of the kernel at input j step + at + t at_step, t < taps.
struct GroupsAxis {
    int64_t in, out, first, count, pitch;
    int64_t taps, tap, tap_step;
    int64_t step, at, at_step;
};

// The pixels that see the same taps, in lines and along a line. Those of a block of channels are copied together with
// the zeros beside them, every step-th one to one row: so taps meet neighbours in memory.
struct GroupsSweep {
    GroupsAxis axis[2];
    int64_t rows_apart;      // pixels from one of the `step` rows of a line to the next
    int64_t lines_per_band;  // of the output
};

namespace {
// Inputs from the first to the last that so many positions see.
FK_INLINE int64_t inputs_of(const GroupsAxis& a, int64_t positions) {
    return (positions - 1) * a.step + (a.taps > 0 ? a.taps - 1 : 0) * a.at_step + 1;
}
}  // namespace

// As many filters as channels, `width` per group: 1, 2, 4, 8 or 16.
struct ConvGroups {
    int64_t batch, channels, width, taps, kernel_columns;
    bool turned;  // the gradient of the image: of dY and the weights' turned groups
    const GroupsSweep* sweeps;
    int64_t sweep_count;
    double low, high;  // what sums are clipped to
    int64_t parts;     // sums over images of the kernel's gradient, added in order
    int threads;
    int64_t packed_bytes, slot_bytes;
};

// Y = clip(X * W + bias), bias may be null. Scratch: 64 bytes, packed_bytes, a slot per thread.
FK_KERNEL(void, conv_groups_f32,
          (const ConvGroups& c, const float* x, const float* w, const float* bias, float* y, void* scratch))
// Scratch: 64 bytes, packed_bytes for all parts but the first, a slot per thread.
FK_KERNEL(void, conv_groups_weights_f32,
          (const ConvGroups& c, const float* x, const float* dy, float* dw, void* scratch))

}  // namespace fk
