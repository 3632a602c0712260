// broadcast_to(x; shape) and its gradient sum_to(x; shape), which sums over every axis that had been broadcast.
#include "kernels/tile.h"
#include "ops/rules.h"

namespace fk {
namespace {

std::vector<TensorType> infer_broadcast_to(const Call& call) {
    const Shape &from = call.in[0].shape, to = call.attrs.shape();
    bool fits = from.rank() <= to.rank();
    for (int i = 1; fits && i <= from.rank(); ++i) fits = from[-i] == to[-i] || from[-i] == 1;
    check(fits, "[broadcast_to] the tensor must broadcast to the shape. Received: tensor of shape ", from,
          ", shape=", to);
    return {{call.in[0].dtype, to}};
}

// A tile program without instructions copies.
Kernel kernel_broadcast_to(const Call& call) {
    const DType dtype = call.in[0].dtype;
    TileProgram p(tile_compute_type(dtype), call.out[0].shape);
    p.output(p.input(dtype, call.in[0].shape), dtype);
    p.finish();
    return {[p](const void* const* in, void* const* out, void*) { tile_run(p, in, out); }};
}

std::vector<Tensor> gradient_broadcast_to(const Gradient& g) { return {sum_to(g.dout[0], g.in[0])}; }

std::vector<TensorType> infer_sum_to(const Call& call) {
    const Shape &from = call.in[0].shape, to = call.attrs.shape();
    bool fits = to.rank() <= from.rank();
    for (int i = 1; fits && i <= to.rank(); ++i) fits = to[-i] == from[-i] || to[-i] == 1;
    check(fits, "[sum_to] the shape must broadcast to that of the tensor. Received: tensor of shape ", from,
          ", shape=", to);
    return {{call.in[0].dtype, to}};
}

// A sum over the axes in which the shapes differ. The leading ones are dropped, which does not move any element.
Kernel kernel_sum_to(const Call& call) {
    const Shape &from = call.in[0].shape, &to = call.out[0].shape;
    std::vector<int64_t> axes;
    for (int d = 0; d < from.rank(); ++d) {
        const int at = d - (from.rank() - to.rank());
        if (at < 0 || to[at] != from[d]) axes.push_back(d);
    }
    const Attrs attrs{{"axes", axes}};
    return find_op("sum").kernel({attrs, call.in, call.out});
}

std::vector<Tensor> gradient_sum_to(const Gradient& g) {
    return {call("broadcast_to", {g.dout[0]}, {{"shape", g.in[0]->shape.vec()}})};
}

}  // namespace

FK_OP(broadcast_to, .infer = infer_broadcast_to, .kernel = kernel_broadcast_to, .gradient = gradient_broadcast_to,
      .noop_when_same = true)
// Sums over all pixels do not miss those that are zero.
std::optional<Attrs> crop(const Call& c, int operand, const Shape& x) {
    const Shape y = c.attrs.shape();
    return operand == 0 && y.rank() == 1 && y[0] == x[-1] ? std::optional(c.attrs) : std::nullopt;
}

FK_OP(sum_to, .infer = infer_sum_to, .kernel = kernel_sum_to, .gradient = gradient_sum_to, .noop_when_same = true,
      .crop = crop, .samples = 1, .sums = true)

}  // namespace fk
