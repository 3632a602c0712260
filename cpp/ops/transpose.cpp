// transpose(x; perm): y[i_perm[0], i_perm[1], ...] = x[i_0, i_1, ...].
#include "ops/strided.h"

namespace fk {
namespace {

std::vector<int64_t> permutation(const Attrs& attrs, const Shape& x) {
    const int rank = x.rank();
    std::vector<int64_t> perm = attrs.integers("perm");
    check(int(perm.size()) == rank, "[transpose] axes must name every dimension once. Received: ", perm.size(),
          " axes for x.shape=", x);
    unsigned seen = 0;
    for (int64_t& axis : perm) {
        axis = normalize_axis(axis, rank, "transpose");
        check(!(seen >> axis & 1), "[transpose] axes must name every dimension once. Received: axis ", axis, " twice");
        seen |= 1u << axis;
    }
    return perm;
}

std::vector<TensorType> infer(const Call& call) {
    Shape shape = call.in[0].shape;
    const auto perm = permutation(call.attrs, call.in[0].shape);
    for (size_t d = 0; d < perm.size(); ++d) shape[int(d)] = call.in[0].shape[int(perm[d])];
    return {{call.in[0].dtype, shape}};
}

Kernel kernel(const Call& call) {
    const Shape& shape = call.out[0].shape;
    const Strides x = row_major(call.in[0].shape);
    Strides from{};
    const auto perm = permutation(call.attrs, call.in[0].shape);
    for (size_t d = 0; d < perm.size(); ++d) from[d] = x[perm[d]];
    if (shape.count() == 0) return {[](const void* const*, void* const*, void*) {}};
    const StridedCopy copy = strided_copy(shape, row_major(shape), from, call.in[0].dtype);
    return {[copy](const void* const* in, void* const* out, void*) { copy_strided(out[0], in[0], copy); }};
}

std::vector<Tensor> gradient(const Gradient& g) {
    const auto perm = permutation(g.attrs, g.in[0]->shape);
    std::vector<int64_t> inverse(perm.size());
    for (size_t d = 0; d < perm.size(); ++d) inverse[perm[d]] = int64_t(d);
    return {call("transpose", {g.dout[0]}, {{"perm", inverse}})};
}

}  // namespace

FK_OP(transpose, .infer = infer, .kernel = kernel, .gradient = gradient)

}  // namespace fk
