// Activations that are not part of a register tile.
#pragma once
#include "kernels/products/gemm.h"
#include "simd/math.h"

namespace fk::FK_ISA {
namespace {

template <class T, class F>
FK_VEC void map(T* y, int64_t n, F f) {
    constexpr int step = lanes_of<VecOf<T>>;
    int64_t i = 0;
    for (; i + step <= n; i += step) store(y + i, f(load(y + i)));
    if (i < n) store_partial(y + i, f(load_partial(y + i, n - i)), n - i);
}

template <class T>
void activate(Activation activation, T* y, int64_t n) {
    switch (activation) {
        case Activation::linear: return;
        case Activation::relu: return map(y, n, [](auto x) { return max(decltype(x)(0), x); });
        case Activation::relu6: return map(y, n, [](auto x) { return min(decltype(x)(6), max(decltype(x)(0), x)); });
        case Activation::sigmoid: return map(y, n, [](auto x) { return sigmoid(x); });
        case Activation::tanh: return map(y, n, [](auto x) { return tanh(x); });
    }
}

}  // namespace
}  // namespace fk::FK_ISA
