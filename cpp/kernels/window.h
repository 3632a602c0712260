// Windows that slide over images (depth, height, width, channels), channel by channel, in depthwise convolution,
// pooling and their gradients.
#pragma once
#include <cstdint>

namespace fk {

// What position o of an axis of the output sees: `count` taps from `first` on, tap_step apart, at inputs `at`,
// at + in_step, ... Positions `pitch` apart see alike.
struct WindowSpan {
    int32_t first, count, at;
};
struct WindowAxis {
    int64_t in, out, kernel, tap_step, in_step, pitch;
    const WindowSpan* spans;  // out of them
};
struct Window {
    WindowAxis axis[3];
    int64_t images, channels, multiplier;  // the output of a depthwise convolution has channels * multiplier
    int64_t chunk;                         // lines (image, depth, height) worth handing to a thread
    int64_t parts;                         // sums over images of depthwise_kernel_grad, added in order
    bool overlap, cover;                   // do windows share inputs, does every input have one?
    double low, high;                      // what a depthwise convolution clips its sums to
};

}  // namespace fk
