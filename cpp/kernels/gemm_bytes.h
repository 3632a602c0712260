// Products of int8, exact in int32, and of floats that are rounded to int8 on the way.
#pragma once
#include "kernels/products/gemm.h"

namespace fk {

constexpr int64_t kByteRows = 96;   // of A that are copied at a time
constexpr int64_t kBytePanel = 64;  // columns of B that are copied at a time
constexpr int64_t kByteHead = 2;    // words in front of a copied row of A

#ifndef FK_ISA
// Enough for any ISA: a word of 32 bits holds two steps of k, or more.
inline size_t gemm_i8_scratch_bytes(const Gemm& g) {
    const int64_t words = (g.k + 1) / 2, rows = g.m < kByteRows ? g.m : kByteRows;
    const int64_t lines = rows * (words + kByteHead), panel = kBytePanel * words;
    const int64_t panels = (g.n + kBytePanel - 1) / kBytePanel;
    const int64_t shared = g.m <= kByteRows ? lines : panels * panel, own = g.m <= kByteRows ? panel : lines;
    return 128 + size_t(4 * shared) + size_t(4 * own + 64) * size_t(g.threads);
}
#endif

// Without `accumulate` and `activation`; `scratch` holds gemm_i8_scratch_bytes(g) bytes, aligned to 64.
FK_KERNEL(void, gemm_i8, (const Gemm& g, const int8_t* a, const int8_t* b, int32_t* c, void* scratch))

// Y = act(A B / (s t) + bias) of float rows of A, which are contiguous: s = 127 / (max |row| + epsilon), A = round(s
// row), and t divides a column. `bias` may be null; activations up to relu6; scratch as above.
FK_KERNEL(void, dense_i8,
          (const Gemm& g, const float* a, const int8_t* b, const float* t, const float* bias, float epsilon, float* y,
           void* scratch))

}  // namespace fk
