// What batch_norm, layer_norm and group_norm share.
#pragma once
#include "ops/by_type.h"
#include "ops/rules.h"

namespace fk {

// Rows of `n` elements in blocks of some 16,384: 64 KB, which a core keeps in L2 between the passes over them.
inline int64_t rows_per_block(int64_t n) { return n > 0 && n < 16384 ? 16384 / n : 1; }
inline int64_t count_blocks(int64_t rows, int64_t per_block) { return (rows + per_block - 1) / per_block; }

// gamma and beta are optional: attributes `scale` and `offset` say whether they follow the input x.
struct Affine {
    bool scale, offset;
    explicit Affine(const Attrs& attrs) : scale(attrs.flag("scale")), offset(attrs.flag("offset")) {}
    size_t count() const { return size_t(scale) + size_t(offset); }
};

// The gradient of the gradient. With h = (x - mean) r the normalised x, r = 1 / sqrt(variance + epsilon), g = dy gamma,
// <> the mean over `axes`, N its count and P(t) = t - <t> - h <t h>, the first gradients were
//   dx = r P(g),  dgamma = sum(dy h),  dbeta = sum(dy)
// and their derivatives along u, v, w (weights of dx, dgamma, dbeta; null for none) are, with q = -u <g h> - g <u h>:
//   x:   r^2 (P(q) - h (<u g> - <u> <g> - <u h> <g h>)) + r P(v dy)
//   dy:  gamma r P(u) + v h + w          gamma: the sum of dy r P(u)
// Where x is not centered, h = x r, and <t>, <u> and <g> alone are left out.
// Written in ops of x alone, so that it can be differentiated again.
struct NormDerivatives {
    Tensor x, gamma, dy;
};
inline NormDerivatives derive_norm_gradient(const Tensor& x, const Tensor& gamma, const Tensor& dy, const Tensor& u,
                                            const Tensor& v, const Tensor& w, const std::vector<int64_t>& axes,
                                            double epsilon, bool is_centered = true) {
    const auto mean = [&](const Tensor& t) { return call("mean", {t}, {{"axes", axes}, {"keepdims", true}}); };
    const Tensor centered = is_centered ? x - mean(x) : x,
                 r = call("rsqrt", {epsilon + mean(call("square", {centered}))}), h = centered * r;
    const auto project = [&](const Tensor& t) { return (is_centered ? t - mean(t) : t) - h * mean(t * h); };
    NormDerivatives d;
    const auto add = [](Tensor& to, const Tensor& t) { to = to ? to + t : t; };
    if (u) {
        const Tensor g = gamma ? dy * gamma : dy, uh = mean(u * h), gh = mean(g * h), pu = r * project(u);
        const Tensor ug = mean(u * g), s = (is_centered ? ug - mean(u) * mean(g) : ug) - uh * gh;
        add(d.x, r * r * (project(-(u * gh) - g * uh) - h * s));
        add(d.dy, gamma ? gamma * pu : pu);
        if (gamma) d.gamma = sum_to(dy * pu, gamma);
    }
    if (v) add(d.x, r * project(v * dy)), add(d.dy, v * h);
    if (w) add(d.dy, call("broadcast_to", {w}, {{"shape", x->shape.vec()}}));
    return d;
}

}  // namespace fk
