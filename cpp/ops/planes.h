// How exact products of floats must be, and what this CPU makes of it (kernels/products/gemm.h, "planes").
#pragma once
#include "graph/op.h"
#include "kernels/products/gemm.h"

namespace fk {

// The attribute `planes` of ops with the trait `products`: in how many planes of bfloat16 the operands of float32
// products must be kept at least. `split` asks for them even where floats are faster (tests do).

// In how many planes m n k products are taken for which so many elements are split; 0: as floats.
inline int planes_of(const Attrs& attrs, DType dtype, int64_t m, int64_t n, int64_t k, int64_t elements) {
    if (dtype != DType::float32 || !multiplies_bfloat16()) return 0;
    const int planes = int(attrs.integer("planes", 3));
    return planes_pay(planes, m, n, k, elements) || attrs.flag("split", false) ? planes : 0;
}
// The same for products large enough.
inline int planes_of(const Attrs& attrs, DType dtype) { return planes_of(attrs, dtype, 4096, 4096, 4096, 0); }

}  // namespace fk
