// Panels of B as brgemm reads them: `width` elements (whole vectors) per k, zeros after the last column.
#pragma once
#include "kernels/sizes.h"
#include "simd/vec.h"

namespace fk::FK_ISA {
namespace {

// Of columns that are contiguous.
FK_VEC void pack_columns(const float* b, int64_t b_col, int64_t k, int64_t columns, int64_t width, float* to) {
    for (int64_t j = 0; j < width; j += kLanes)
        for (int64_t p = 0; p < k; p += kLanes) {
            const int64_t depth = least(k - p, kLanes);
            Vec rows[kLanes];
            for (int r = 0; r < kLanes; ++r) {
                const float* from = b + (j + r) * b_col + p;
                rows[r] = j + r >= columns ? Vec(0.f) : depth == kLanes ? load(from) : load_partial(from, depth);
            }
            transpose(rows);
            for (int r = 0; r < kLanes; ++r)
                if (r < depth) store(to + (p + r) * width + j, rows[r]);
        }
}

// Of columns with any strides.
template <class T>
FK_VEC void pack_any(const T* b, int64_t b_row, int64_t b_col, int64_t k, int64_t columns, int64_t width, T* to) {
    for (int64_t p = 0; p < k; ++p)
        for (int64_t j = 0; j < width; ++j) to[p * width + j] = j < columns ? b[p * b_row + j * b_col] : T(0);
}

}  // namespace
}  // namespace fk::FK_ISA
