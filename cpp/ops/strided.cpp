#include "ops/strided.h"

namespace fk {

Strides row_major(const Shape& shape) {
    Strides strides{};
    int64_t step = 1;
    for (int d = shape.rank() - 1; d >= 0; --d) {
        strides[d] = step;
        step *= shape[d];
    }
    return strides;
}

StridedCopy strided_copy(const Shape& dims, const Strides& to, const Strides& from, DType dtype) {
    StridedCopy copy;
    copy.element = int64_t(size_of(dtype));
    for (int d = 0; d < dims.rank(); ++d) {
        if (dims[d] == 1) continue;
        const int64_t t = to[d] * copy.element, f = from[d] * copy.element;
        const int last = copy.rank - 1;
        if (last >= 0 && copy.to[last] == dims[d] * t && copy.from[last] == dims[d] * f) {
            copy.dims[last] *= dims[d], copy.to[last] = t, copy.from[last] = f;
        } else {
            copy.dims[copy.rank] = dims[d], copy.to[copy.rank] = t, copy.from[copy.rank] = f;
            ++copy.rank;
        }
    }
    return copy;
}

}  // namespace fk
