// cast(x; dtype): the same values in another dtype. The gradient goes back to the dtype of x.
#include "kernels/cast.h"

#include "graph/op.h"

namespace fk {
namespace {

std::vector<TensorType> infer(const Call& call) { return {{call.attrs.dtype(), call.in[0].shape}}; }

Kernel kernel(const Call& call) {
    const DType to = call.out[0].dtype, from = call.in[0].dtype;
    const int64_t n = call.in[0].count();
    return {[=](const void* const* in, void* const* out, void*) { cast_elements(out[0], to, in[0], from, n); }};
}

std::vector<Tensor> gradient(const Gradient& g) {
    if (!is_float(g.out[0]->dtype)) return {nullptr};
    return {call("cast", {g.dout[0]}, {{"dtype", std::string(name_of(g.in[0]->dtype))}})};
}

}  // namespace

FK_OP(cast, .infer = infer, .kernel = kernel, .gradient = gradient, .noop_when_same = true)

}  // namespace fk
