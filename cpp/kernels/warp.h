// An image through an affine map of its coordinates, as scipy.ndimage.affine_transform does it.
#pragma once
#include <cstdint>

#include "simd/dispatch.h"

namespace fk {

// What lies beyond the border. A coordinate is brought into the image before it is interpolated, `constant` gives
// `cval` for every coordinate outside; so the results are SciPy's modes of these names.
enum class Fill : int { nearest, constant, reflect, wrap };

struct Warp {
    int64_t height, width, channels;  // channels come last
    int order;                        // 0: the nearest pixel, 1: bilinear
    Fill fill;
    double cval;
};

// y[i, j] = x[m0 i + m1 j + m2, m3 i + m4 j + m5]
FK_KERNEL(void, warp_f32, (float* y, const float* x, const double* m, const Warp& warp))
FK_KERNEL(void, warp_f64, (double* y, const double* x, const double* m, const Warp& warp))

}  // namespace fk
