// The one op whose gradient is a Python function:
//   custom_gradient(arguments..., values...; arguments, rule)  the values; their gradients go through Python's rule
// number `rule` to the first `arguments` inputs.
#include <cstring>

#include "bind/convert.h"

namespace fk::bind {
namespace {

// Python's (rule, gradients) -> gradients of the arguments. It lives as long as the interpreter, which may be gone
// before static objects are.
py::function* apply_rule = nullptr;

std::vector<TensorType> infer(const Call& call) {
    return {call.in.begin() + call.attrs.integer("arguments"), call.in.end()};
}

Kernel kernel(const Call& call) {
    const size_t arguments = size_t(call.attrs.integer("arguments"));
    std::vector<size_t> bytes;
    for (const TensorType& t : call.out) bytes.push_back(t.bytes());
    return {[=](const void* const* in, void* const* out, void*) {
        for (size_t i = 0; i < bytes.size(); ++i)
            if (bytes[i] > 0 && out[i] != in[arguments + i]) std::memcpy(out[i], in[arguments + i], bytes[i]);
    }};
}

std::vector<Tensor> gradient(const Gradient& g) {
    const WithGil gil;
    py::list flowing;
    for (size_t i = 0; i < g.out.size(); ++i)
        flowing.append(g.dout[i]
                           ? g.dout[i]
                           : call("broadcast_to", {full({}, g.out[i]->dtype, 0)}, {{"shape", g.out[i]->shape.vec()}}));
    const py::list found = (*apply_rule)(g.attrs.integer("rule"), flowing);
    std::vector<Tensor> gradients(g.in.size());
    for (size_t i = 0; i < found.size(); ++i)
        if (!found[i].is_none()) gradients[i] = to_tensor(found[i]);
    return gradients;
}

std::vector<std::pair<int, int>> in_place(const Call& call) {
    std::vector<std::pair<int, int>> pairs;
    const int arguments = int(call.attrs.integer("arguments"));
    for (int i = arguments; i < int(call.in.size()); ++i) pairs.push_back({i - arguments, i});
    return pairs;
}

}  // namespace

FK_OP(custom_gradient, .infer = infer, .kernel = kernel, .gradient = gradient, .in_place = in_place)

void bind_custom_gradient(py::module_& m) {
    m.def("set_gradient_rules", [](py::function f) { apply_rule = new py::function(std::move(f)); });
}

}  // namespace fk::bind
