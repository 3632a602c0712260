// layer_norm(x, [gamma,] [beta]; axes, epsilon, scale, offset, centered) -> y, mean, inverse
//   y = (x - mean) inverse gamma + beta over the last `axes` axes, inverse = 1 / sqrt(variance + epsilon)
//   centered=False: the mean is 0, the variance the mean of x^2
// layer_norm_grad(x, [gamma,] mean, inverse, dy; axes, scale, centered) -> dx, dgamma, dbeta
#include "kernels/layer_norm.h"
#include "ops/norm.h"

namespace fk {
namespace {

int outer_rank(const Call& call) { return call.in[0].shape.rank() - int(call.attrs.integer("axes")); }

LayerShape shape_of(const Call& call) {
    const Shape& x = call.in[0].shape;
    LayerShape s{x.count(0, outer_rank(call)), x.count(outer_rank(call), x.rank()), 1, 0,
                 call.attrs.flag("centered", true)};
    s.rows_per_block = rows_per_block(s.n);
    s.blocks = count_blocks(s.rows, s.rows_per_block);
    return s;
}

TensorType normalized_type(const Call& call) {
    const Shape& x = call.in[0].shape;
    return {call.in[0].dtype, Shape(std::span(x.begin() + outer_rank(call), x.end()))};
}

std::vector<TensorType> infer(const Call& call) {
    check_float(call.in[0], "layer_normalization");
    const Shape& x = call.in[0].shape;
    const int rank = outer_rank(call);
    check(rank >= 0 && rank < x.rank(), "[layer_normalization] the axes must be axes of x. Received: x.shape=", x);
    check(call.in.size() == 1 + Affine(call.attrs).count(),
          "[layer_normalization] takes x, gamma and beta. Received: ", call.in.size(), " tensors");
    const TensorType weight = normalized_type(call),
                     row{call.in[0].dtype, Shape(std::span(x.begin(), x.begin() + rank))};
    for (const TensorType& t : call.in.subspan(1))
        check(t == weight, "[layer_normalization] gamma and beta must have the shape ", weight.shape, " and dtype ",
              name_of(weight.dtype), ". Received: ", t.shape, " ", name_of(t.dtype));
    return {call.in[0], row, row};
}

Kernel kernel(const Call& call) {
    return by_type(call.in[0].dtype,
                   [&, s = shape_of(call), epsilon = call.attrs.number("epsilon")](auto zero) -> Kernel {
                       using T = decltype(zero);
                       return {[=, has = Affine(call.attrs)](const void* const* in, void* const* out, void*) {
                           const T* gamma = has.scale ? input<T>(in, 1) : nullptr;
                           const T* beta = has.offset ? input<T>(in, has.count()) : nullptr;
                           FK_BY_TYPE(T, layer_norm, output<T>(out, 0), output<T>(out, 1), output<T>(out, 2),
                                      input<T>(in, 0), gamma, beta, T(epsilon), s);
                       }};
                   });
}

// mean and inverse are by-products for the gradient: ops/ does not hand them out.
std::vector<Tensor> gradient(const Gradient& g) {
    const Affine has(g.attrs);
    std::vector<Tensor> in{g.in[0]}, d(g.in.size());
    if (!g.dout[0]) return d;
    if (has.scale) in.push_back(g.in[1]);
    in.insert(in.end(), {g.out[1], g.out[2], g.dout[0]});
    const auto found = call_all("layer_norm_grad", in, g.attrs);
    d[0] = found[0];
    if (has.scale) d[1] = found[1];
    if (has.offset) d[has.count()] = found[2];
    return d;
}

std::vector<TensorType> infer_grad(const Call& call) {
    return {call.in[0], normalized_type(call), normalized_type(call)};
}

Kernel kernel_grad(const Call& call) {
    return by_type(call.in[0].dtype, [&, s = shape_of(call)](auto zero) -> Kernel {
        using T = decltype(zero);
        return {[=, scale = size_t(Affine(call.attrs).scale)](const void* const* in, void* const* out, void* scratch) {
                    FK_BY_TYPE(T, layer_norm_grad, output<T>(out, 0), output<T>(out, 1), output<T>(out, 2),
                               input<T>(in, 0), scale ? input<T>(in, 1) : nullptr, input<T>(in, 1 + scale),
                               input<T>(in, 2 + scale), input<T>(in, 3 + scale), s, static_cast<T*>(scratch));
                },
                size_t(2 * s.blocks * s.n) * sizeof(T)};
    });
}

std::vector<Tensor> gradient_grad(const Gradient& g) {
    const int rank = g.in[0]->shape.rank();
    std::vector<int64_t> axes;
    for (int a = rank - int(g.attrs.integer("axes")); a < rank; ++a) axes.push_back(a);
    const NormDerivatives d =
        derive_norm_gradient(g.in[0], g.attrs.flag("scale") ? g.in[1] : nullptr, g.in.back(), g.dout[0], g.dout[1],
                             g.dout[2], axes, g.attrs.number("epsilon"), g.attrs.flag("centered", true));
    std::vector<Tensor> result(g.in.size());
    result.front() = d.x, result.back() = d.dy;
    if (d.gamma) result[1] = d.gamma;
    return result;
}

std::vector<std::pair<int, int>> in_place(const Call&) { return {{0, 0}}; }

}  // namespace

FK_OP(layer_norm, .infer = infer, .kernel = kernel, .gradient = gradient, .in_place = in_place, .widens = true)
FK_OP(layer_norm_grad, .infer = infer_grad, .kernel = kernel_grad, .gradient = gradient_grad, .in_place = in_place)

}  // namespace fk
