// unstack(x; axis): the slices of x along `axis`, each without that dimension. One op, because a slice per step of a
// sequence would have a gradient as large as the sequence for every step.
#include "ops/strided.h"

namespace fk {
namespace {

int axis_of(const Call& call) { return normalize_axis(call.attrs.integer("axis"), call.in[0].shape.rank(), "unstack"); }

std::vector<TensorType> infer(const Call& call) {
    const Shape& x = call.in[0].shape;
    const int axis = axis_of(call);
    std::vector<int64_t> dims = x.vec();
    dims.erase(dims.begin() + axis);
    return std::vector<TensorType>(size_t(x[axis]), {call.in[0].dtype, Shape(std::span<const int64_t>(dims))});
}

Kernel kernel(const Call& call) {
    const TensorType& x = call.in[0];
    const int axis = axis_of(call);
    const Strides from = row_major(x.shape);
    Shape slice = x.shape;
    slice[axis] = 1;
    const StridedCopy copy = strided_copy(slice, row_major(slice), from, x.dtype);
    const int64_t step = from[axis] * int64_t(size_of(x.dtype)), count = slice.count() > 0 ? x.shape[axis] : 0;
    return {[=](const void* const* in, void* const* out, void*) {
        for (int64_t i = 0; i < count; ++i) copy_strided(out[i], static_cast<const char*>(in[0]) + i * step, copy);
    }};
}

std::vector<Tensor> gradient(const Gradient& g) {
    const int axis = normalize_axis(g.attrs.integer("axis"), g.in[0]->shape.rank(), "unstack");
    std::vector<int64_t> shape = g.in[0]->shape.vec();
    shape[axis] = 1;
    std::vector<Tensor> slices;
    for (const Tensor& d : g.dout) {
        const Tensor slice = d ? d : full(g.out[0]->shape, g.out[0]->dtype, 0);
        slices.push_back(call("reshape", {slice}, {{"shape", shape}}));
    }
    return {call("concatenate", slices, {{"axis", int64_t(axis)}})};
}

}  // namespace

FK_OP(unstack, .infer = infer, .kernel = kernel, .gradient = gradient)

}  // namespace fk
