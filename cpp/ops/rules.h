// The words in which gradient rules are written: operators and a few functions that emit ops.
#pragma once
#include "graph/op.h"

namespace fk {

inline Tensor operator+(const Tensor& a, const Tensor& b) { return call("add", {a, b}); }
inline Tensor operator-(const Tensor& a, const Tensor& b) { return call("subtract", {a, b}); }
inline Tensor operator*(const Tensor& a, const Tensor& b) { return call("multiply", {a, b}); }
inline Tensor operator/(const Tensor& a, const Tensor& b) { return call("divide", {a, b}); }
inline Tensor operator-(const Tensor& a) { return call("negative", {a}); }
// One pass over memory: a * scale + shift, for floats.
inline Tensor affine(const Tensor& a, double scale, double shift) {
    return call("affine", {a}, {{"scale", scale}, {"shift", shift}});
}
inline Tensor operator*(double scale, const Tensor& a) { return affine(a, scale, 0.0); }
inline Tensor operator+(double shift, const Tensor& a) { return affine(a, 1.0, shift); }
inline Tensor operator-(double shift, const Tensor& a) { return affine(a, -1.0, shift); }

inline Tensor zero_like(const Tensor& a) { return full({}, a->dtype, 0.0); }  // a scalar: it broadcasts

// The gradient of something that was broadcast from the shape of `like`.
inline Tensor sum_to(const Tensor& gradient, const Tensor& like) {
    if (gradient->shape == like->shape) return gradient;
    return call("sum_to", {gradient}, {{"shape", like->shape.vec()}});
}

// For absorb(): is what an addition adds to its operand one number per column?
inline bool is_bias(const Call& next, int operand) {
    if (next.in.size() != 2) return false;
    const TensorType &y = next.in[operand], &bias = next.in[1 - operand];
    return bias.shape.rank() == 1 && y.shape.rank() >= 1 && bias.shape[0] == y.shape[-1] && bias.dtype == y.dtype &&
           next.out[0] == y;
}

}  // namespace fk
