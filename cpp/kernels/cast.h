// Conversion between dtypes. Float to integer truncates and saturates, NaN gives 0; integers wrap; bool is x != 0.
#pragma once
#include "core/dtype.h"
#include "simd/dispatch.h"

namespace fk {

FK_KERNEL(void, cast_elements, (void* to, DType to_type, const void* from, DType from_type, int64_t n))

}  // namespace fk
