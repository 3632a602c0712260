// Copies between strided layouts. Transposing, slicing, padding, concatenating and flipping are all this one loop.
#pragma once
#include <cstdint>

#include "simd/dispatch.h"

namespace fk {

// dims in row-major order of the target, without dims of one; strides in bytes, and the last dim of the target is the
// one with the smallest stride. ops/strided.cpp makes it.
struct StridedCopy {
    int rank = 0;
    int64_t dims[8], to[8], from[8];
    int64_t element = 4;  // bytes: 1, 2, 4 or 8
};

FK_KERNEL(void, copy_strided, (void* to, const void* from, const StridedCopy& copy))

}  // namespace fk
