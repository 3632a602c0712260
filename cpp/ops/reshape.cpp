// reshape(x; shape): the same elements under another shape; one dimension may be -1.
#include <cstring>

#include "graph/op.h"

namespace fk {
namespace {

std::vector<TensorType> infer(const Call& call) {
    const TensorType& x = call.in[0];
    std::vector<int64_t> dims = call.attrs.integers("shape");
    int64_t known = 1;
    int unknown = -1;
    for (size_t d = 0; d < dims.size(); ++d) {
        if (dims[d] == -1) {
            check(unknown < 0, "[reshape] at most one dimension may be -1.");
            unknown = int(d);
        } else {
            known *= dims[d];
        }
    }
    if (unknown >= 0) {
        check(known > 0 && x.count() % known == 0,
              "[reshape] the known dimensions must divide the number of elements. Received: x.shape=", x.shape,
              ", product of the known dimensions=", known);
        dims[unknown] = x.count() / known;
    }
    const Shape shape{std::span<const int64_t>(dims)};
    check(shape.count() == x.count(), "[reshape] the number of elements must not change. Received: x.shape=", x.shape,
          ", newshape=", shape);
    return {{x.dtype, shape}};
}

// Runs only where the memory cannot be shared.
Kernel kernel(const Call& call) {
    const size_t bytes = call.in[0].bytes();
    return {[bytes](const void* const* in, void* const* out, void*) {
        if (bytes > 0 && out[0] != in[0]) std::memcpy(out[0], in[0], bytes);
    }};
}

std::vector<Tensor> gradient(const Gradient& g) {
    return {call("reshape", {g.dout[0]}, {{"shape", g.in[0]->shape.vec()}})};
}

}  // namespace

FK_OP(reshape, .infer = infer, .kernel = kernel, .gradient = gradient, .view = true)

}  // namespace fk
