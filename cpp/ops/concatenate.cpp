// concatenate(x_0, x_1, ...; axis): the inputs one after another along `axis`.
#include "ops/strided.h"

namespace fk {
namespace {

int axis_of(const Attrs& attrs, const TensorType& first) {
    return normalize_axis(attrs.integer("axis"), first.shape.rank(), "concatenate");
}

std::vector<TensorType> infer(const Call& call) {
    check(!call.in.empty(), "[concatenate] there must be at least one tensor. Received: none");
    TensorType out = call.in[0];
    const int axis = axis_of(call.attrs, out);
    for (const TensorType& x : call.in.subspan(1)) {
        bool fits = x.shape.rank() == out.shape.rank();
        for (int d = 0; fits && d < out.shape.rank(); ++d) fits = d == axis || x.shape[d] == out.shape[d];
        check(fits, "[concatenate] shapes must agree in all dimensions but the axis. Received: axis=", axis,
              ", shapes ", call.in[0].shape, " and ", x.shape);
        out.shape[axis] += x.shape[axis];
    }
    return {out};
}

Kernel kernel(const Call& call) {
    const int axis = axis_of(call.attrs, call.in[0]);
    const Strides to = row_major(call.out[0].shape);
    std::vector<StridedCopy> copies;
    std::vector<int64_t> offsets;
    int64_t offset = 0;
    for (const TensorType& x : call.in) {
        copies.push_back(strided_copy(x.shape, to, row_major(x.shape), x.dtype));
        offsets.push_back(x.count() > 0 ? offset : -1);  // -1: nothing to copy
        offset += x.shape[axis] * to[axis] * int64_t(size_of(x.dtype));
    }
    return {[copies, offsets](const void* const* in, void* const* out, void*) {
        for (size_t i = 0; i < copies.size(); ++i)
            if (offsets[i] >= 0) copy_strided(static_cast<char*>(out[0]) + offsets[i], in[i], copies[i]);
    }};
}

std::vector<Tensor> gradient(const Gradient& g) {
    const int axis = axis_of(g.attrs, *g.in[0]);
    std::vector<int64_t> start(g.out[0]->shape.rank(), 0), stop = g.out[0]->shape.vec();
    std::vector<Tensor> gradients;
    int64_t at = 0;
    for (size_t i = 0; i < g.in.size(); ++i) {
        start[axis] = at;
        stop[axis] = at += g.in[i]->shape[axis];
        gradients.push_back(g.needs[i] ? call("slice", {g.dout[0]}, {{"start", start}, {"stop", stop}}) : nullptr);
    }
    return gradients;
}

}  // namespace

FK_OP(concatenate, .infer = infer, .kernel = kernel, .gradient = gradient, .promote = Op::Promote::common)

}  // namespace fk
