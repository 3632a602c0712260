// Reading indices from tensors of any integer dtype.
#pragma once
#include "core/parallel.h"
#include "core/tensor.h"
#include "graph/op.h"

namespace fk {

inline void check_index(const TensorType& indices, const char* tag) {
    if (!is_integer(indices.dtype) && indices.dtype != DType::boolean) [[unlikely]]
        fail<TypeError>("[", tag, "] indices must be integers. Received: dtype=", name_of(indices.dtype));
}

inline int64_t index_at(const void* indices, DType dtype, int64_t i) {
    switch (dtype) {
        case DType::int32: return static_cast<const int32_t*>(indices)[i];
        case DType::int64: return static_cast<const int64_t*>(indices)[i];
        case DType::uint32: return static_cast<const uint32_t*>(indices)[i];
        case DType::int8: return static_cast<const int8_t*>(indices)[i];
        default: return static_cast<const uint8_t*>(indices)[i];  // uint8 and bool
    }
}

// f(the indices as what they are): for loops that would ask for their dtype at every element.
template <class F>
void with_indices(const void* indices, DType dtype, const F& f) {
    switch (dtype) {
        case DType::int32: return f(static_cast<const int32_t*>(indices));
        case DType::int64: return f(static_cast<const int64_t*>(indices));
        case DType::uint32: return f(static_cast<const uint32_t*>(indices));
        case DType::int8: return f(static_cast<const int8_t*>(indices));
        default: return f(static_cast<const uint8_t*>(indices));
    }
}

// Negative indices count from the end, as in NumPy.
inline int64_t wrapped(int64_t index, int64_t size) { return index < 0 ? index + size : index; }

}  // namespace fk
