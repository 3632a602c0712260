// barrier(x, after) -> x: the same values, as a value of its own that is not made before `after` is there. What is
// computed from it is not merged with what was computed from x, and cannot run earlier.
#include <cstring>

#include "graph/op.h"

namespace fk {
namespace {

std::vector<TensorType> infer(const Call& call) { return {call.in[0]}; }

Kernel kernel(const Call& call) {
    const size_t bytes = call.in[0].bytes();
    return {[bytes](const void* const* in, void* const* out, void*) {
        if (bytes > 0 && out[0] != in[0]) std::memcpy(out[0], in[0], bytes);
    }};
}

std::vector<Tensor> gradient(const Gradient& g) { return {g.dout[0], nullptr}; }

// No view: x and its copy may both be results, of a strip for one.
std::vector<std::pair<int, int>> in_place(const Call&) { return {{0, 0}}; }

}  // namespace

FK_OP(barrier, .infer = infer, .kernel = kernel, .gradient = gradient, .in_place = in_place, .samples = 2)

}  // namespace fk
