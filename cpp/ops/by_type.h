// For ops whose kernels exist for float32 and float64.
#pragma once
#include "graph/op.h"

// name_f32(...) or name_f64(...), inside code that is a template of T.
#define FK_BY_TYPE(T, name, ...)                  \
    do {                                          \
        if constexpr (sizeof(T) == sizeof(float)) \
            name##_f32(__VA_ARGS__);              \
        else                                      \
            name##_f64(__VA_ARGS__);              \
    } while (false)

namespace fk {

inline void check_float(const TensorType& t, const char* tag) {
    if (t.dtype != DType::float32 && t.dtype != DType::float64)
        fail<TypeError>("[", tag, "] tensors must be float32 or float64. Received: dtype=", name_of(t.dtype));
}

// make(float()) or make(double()), whichever the dtype says.
template <class F>
Kernel by_type(DType dtype, const F& make) {
    return dtype == DType::float32 ? make(float{}) : make(double{});
}

template <class T>
const T* input(const void* const* in, size_t i) {
    return static_cast<const T*>(in[i]);
}
template <class T>
T* output(void* const* out, size_t i) {
    return static_cast<T*>(out[i]);
}

}  // namespace fk
