// Layouts of row-major tensors as strides, and their simplest form for kernels/copy.h.
#pragma once
#include "core/tensor.h"
#include "graph/op.h"
#include "kernels/copy.h"

namespace fk {

using Strides = std::array<int64_t, kMaxRank>;

Strides row_major(const Shape& shape);  // in elements

// The copy of `dims` elements between two layouts (strides in elements), dims of one dropped and neighbours merged
// wherever both sides run on: most transposes and slices become two- or three-dimensional.
StridedCopy strided_copy(const Shape& dims, const Strides& to, const Strides& from, DType dtype);

}  // namespace fk
