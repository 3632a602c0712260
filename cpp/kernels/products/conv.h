// Convolutions of images (depth, height, width, channels) as sums of products over kernel offsets, straight from the
// image: pixels are the rows of A, where a kernel offset only moves A. The plans are made by ops/conv_plan.cpp.
#pragma once
#include <cstddef>
#include <cstdint>

#include "kernels/products/gemm.h"

namespace fk {

// An image and the zeros around it. With `copy`, the lines that a band reads are copied to scratch with their zeros;
// otherwise there are none and the image is read in place.
struct ConvImage {
    int64_t size[3], before[3], padded[3];  // depth, height, width
    int64_t channels;
    bool copy;
};

// The part of the work that is done at a time: some images, or some lines of one image. A line is a row of pixels of
// the output; line_step lines of the padded image lie between those of one output line and the next.
struct ConvBands {
    int64_t images, lines, pixels;  // in all, per image, per line
    int64_t images_per_band, lines_per_band;
    int64_t line_step, span;  // span: padded lines that one output line reads
    int64_t chunk;            // bands worth handing to a thread
};

// Taps whose channels follow one another in A: k elements at a + `at`, times rows of packed B from `row` on.
struct ConvRun {
    int64_t at, k, row;
};

// All output pixels that see the same taps. The gradient of a strided convolution has one sweep per phase.
struct ConvSweep {
    ConvImage image;
    ConvBands bands;
    const ConvRun* runs;
    int64_t run_count;
    const int32_t *a_rows, *c_rows;  // of the pixels of a band
    int64_t a_first;                 // in the image: where its lines begin
    int64_t c_first, c_line;
};

// C = act(A * W + bias). Element (tap, k, n) of the weights of group g is w[g w_group + tap w_tap + k w_k + n w_n];
// packed rows take the taps in the order of tap_order.
struct Conv {
    int64_t groups, k, n, a_image, c_image;
    int64_t taps, w_tap, w_k, w_n, w_group;
    const int32_t* tap_order;
    const ConvSweep* sweeps;
    int64_t sweep_count;
    Activation activation;
    int threads;
    int64_t slot_bytes;
    // Of floats: the same convolution with k, rows, offsets and places in A counted in pairs of bfloat16, in `planes`
    // planes (gemm.h), for the CPUs that multiply those; or null. Pairs are a copy of A, never A in place.
    const Conv* pairs = nullptr;
    int planes = 1;
    int64_t a_size = 0, w_size = 0;  // elements of A and W
};

// dW = sum over pixels of A^T dY. Row i of dW, a weight (tap, channel), reads A at a_rows[i].
struct ConvWeights {
    ConvImage image;
    ConvBands bands;
    int64_t block_lines;  // of a band, that go through the products at a time
    int64_t groups, rows, n, a_image, y_image, y_channels;
    int64_t a_pixel;                           // from one pixel of a line to the next
    int64_t a_group;                           // from one group of channels to the next
    const int32_t *a_lines, *a_rows, *c_rows;  // a_lines: of the lines of a band
    bool one_line;                             // lines of one pixel are one line of pixels, a_pixel apart
    int64_t parts;                             // the bands are dealt out to so many sums, which are added in order
    int threads;
    int64_t slot_bytes, packed_bytes;  // of a slot; of the copy of dY at its end
    // Of floats: A and dY are multiplied in so many planes of pairs, 0: as floats. The image is copied, with room for
    // its pairs: element i and the one a_pixel further on.
    int planes = 0;
};

// `bias` may be null. Scratch: conv_scratch_bytes, aligned to 64.
FK_PRODUCT(void, conv_f32, (const Conv& c, const float* a, const float* w, const float* bias, float* y, void* scratch))
FK_KERNEL(void, conv_f64,
          (const Conv& c, const double* a, const double* w, const double* bias, double* y, void* scratch))
FK_PRODUCT(void, conv_weights_f32, (const ConvWeights& c, const float* a, const float* dy, float* dw, void* scratch))
FK_KERNEL(void, conv_weights_f64, (const ConvWeights& c, const double* a, const double* dy, double* dw, void* scratch))

constexpr int64_t kWidestPanel = 32;  // columns of packed B, on any ISA

}  // namespace fk
