// Attention of heads that lie side by side: y = softmax(scale q k^T) v, and its gradients, head by head.
#pragma once
#include <cstddef>

#include "core/parallel.h"
#include "kernels/products/gemm.h"

namespace fk {

// q (batch, queries, heads, size), k (batch, keys, heads, size), v (batch, keys, heads, value_size); y and dy like q
// with value_size.
struct Attention {
    int64_t batch, heads, queries, keys, size, value_size;
    double scale;
    bool causal;      // query i sees the keys up to i
    int64_t mask[4];  // elements of the mask from one sample, head, query, key to the next; 0: they share it
    // Probabilities are dropped as the op `dropout` drops elements: where 16 random bits are below the threshold.
    bool drops;
    uint32_t threshold;
    double kept_scale;    // of those that are not
    int threads, planes;  // see Gemm
    // Scores of so many queries are made at a time, in lines of so many elements; memory of a thread, of which so many
    // elements are for the signs of one line, drawn in whole groups.
    int64_t block, line, signs, slot_bytes;
};

// Lines of the mask that a thread has room for: those of a group of queries.
constexpr int64_t kMaskLines = 16;

// What a hidden key's logit becomes: far below all others, and finite, so that a query that sees nothing sees all
// alike.
template <class T>
constexpr T kHiddenLogit = -0.7f * 3.4028235e38f;
template <>
inline constexpr double kHiddenLogit<double> = -0.7 * 1.7976931348623157e308;

// `mask` may be null; where it is false a key is as good as not there, and a query that sees none takes the mean of
// all. `seed` is null unless probabilities are dropped. `p` (batch, heads, queries, keys) are the probabilities,
// negative where they were dropped, which the gradient makes again where it gets null.
#define FK_ATTENTION(declare, T, type)                                                                             \
    declare(void, attention_##type,                                                                                \
            (const Attention& a, const T* q, const T* k, const T* v, const bool* mask, const uint32_t* seed, T* y, \
             T* p, void* scratch))                                                                                 \
        declare(void, attention_grad_##type,                                                                       \
                (const Attention& a, const T* q, const T* k, const T* v, const bool* mask, const uint32_t* seed,   \
                 const T* p, const T* dy, T* dq, T* dk, T* dv, void* scratch))
FK_ATTENTION(FK_PRODUCT, float, f32)
FK_ATTENTION(FK_KERNEL, double, f64)
#undef FK_ATTENTION

}  // namespace fk
