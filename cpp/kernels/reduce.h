// Reductions of x seen as (outer, n, inner) over its middle axis, to (outer, inner). n is cut into pieces of a size
// that depends on the shape only and the pieces are combined in order: the bits do not depend on the threads.
// compute types: float32, float64, int32, uint32, int64, uint8, int8, bool.
#pragma once
#include "core/dtype.h"
#include "simd/dispatch.h"

namespace fk {

enum class Reduction : uint8_t { sum, prod, max, min, logsumexp };  // logsumexp: floats only

struct ReduceShape {
    int64_t outer, n, inner;
};

// Rows of the middle axis in one piece: 32 KB of float32 or so.
static inline int64_t reduce_piece(const ReduceShape& s) {
    const int64_t rows = s.inner <= 1 ? 4096 : 8192 / s.inner;
    return rows < 32 ? 32 : rows;
}
// Elements of the compute type that a reduction needs as scratch; moments needs twice as many.
static inline int64_t reduce_scratch(const ReduceShape& s) {
    const int64_t pieces = (s.n + reduce_piece(s) - 1) / reduce_piece(s);
    return pieces > 1 ? s.outer * pieces * s.inner : 0;
}

FK_KERNEL(void, reduce, (Reduction kind, DType type, void* y, const void* x, const ReduceShape& shape, void* scratch))

// Mean and variance (the mean of squared distances from the mean): per piece in two passes over L1, then combined by
// Chan's formula, so that a large mean costs no digits. float32 and float64.
FK_KERNEL(void, moments,
          (DType type, void* mean, void* variance, const void* x, const ReduceShape& shape, void* scratch))

// The index of the first largest (or smallest) along the middle axis; NaN counts as both. n > 0.
FK_KERNEL(void, arg_extreme, (bool largest, DType type, int32_t* y, const void* x, const ReduceShape& shape))

// Running sums or products along the middle axis, from the end when `reverse`.
FK_KERNEL(void, cumulate, (Reduction kind, DType type, void* y, const void* x, const ReduceShape& shape, bool reverse))
// The gradient of a running product: dx[i] = (product of x before i) * (dy[i] + x[i+1] (dy[i+1] + x[i+2] (...))),
// right where x is zero too.
FK_KERNEL(void, cumprod_backward,
          (DType type, void* dx, const void* dy, const void* x, const ReduceShape& shape, bool reverse))

}  // namespace fk
