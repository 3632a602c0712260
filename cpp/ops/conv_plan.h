// From the shape of a convolution to the plans of kernels/products/conv.h, made once and kept by the kernel.
#pragma once
#include <memory>
#include <optional>
#include <vector>

#include "graph/op.h"
#include "kernels/products/conv.h"

namespace fk {

// One spatial axis: output position o reads input o * stride + tap * dilation - before.
struct ConvAxis {
    int64_t in = 1, out = 1, kernel = 1, stride = 1, dilation = 1, before = 0, after = 0;
};

// A convolution of images (batch, depth, height, width, channels); fewer spatial axes are 1 in front, one is the
// height.
struct ConvShape {
    int64_t batch, in_channels, out_channels, groups;
    ConvAxis axis[3];

    // Attributes `strides`, `dilation`, `pads` (before and after, per axis), `groups`; sizes from x and the kernel.
    // Throws with the tag where they do not fit each other.
    ConvShape(const char* tag, const Attrs& attrs, const Shape& x, const Shape& kernel);

    int64_t taps() const { return axis[0].kernel * axis[1].kernel * axis[2].kernel; }
    int64_t in_pixels() const { return axis[0].in * axis[1].in * axis[2].in; }
    int64_t out_pixels() const { return axis[0].out * axis[1].out * axis[2].out; }
    double flops() const {
        return 2.0 * double(batch) * double(out_pixels()) * double(taps()) * double(in_channels / groups) *
               double(out_channels);
    }
    bool pointwise() const;  // a product of pixels and channels, nothing else
    // The convolution of y to x with channels and filters exchanged and the taps from the last: y here is its image's
    // gradient, and the kernel's gradients are one another's. For strides and groups of 1.
    std::optional<ConvShape> turned() const;
};

// Position of each of `rank` spatial axes among the three.
inline int spatial_axis(int rank, int i) { return rank == 1 ? 1 : 3 - rank + i; }

struct SweepTables {
    std::vector<ConvRun> runs;
    std::vector<int32_t> a_rows, c_rows;
};
struct ConvPlan {
    Conv conv;
    std::vector<SweepTables> tables;
    std::vector<ConvSweep> sweeps;
    std::vector<int32_t> tap_order;
    size_t scratch_bytes;
};
// With planes the channels that are summed over, which must be even, are pairs of bfloat16, made of floats.
std::shared_ptr<ConvPlan> plan_conv(const ConvShape& shape, size_t element_bytes, int planes);  // y of x and w
std::shared_ptr<ConvPlan> plan_conv_input_grad(const ConvShape& shape, size_t element_bytes,
                                               int planes);  // dx of dy, w

struct ConvWeightsPlan {
    ConvWeights conv;
    std::vector<int32_t> a_lines, a_rows, c_rows;
    size_t scratch_bytes;
};
std::shared_ptr<ConvWeightsPlan> plan_conv_kernel_grad(const ConvShape& shape, size_t element_bytes, int planes);

}  // namespace fk
