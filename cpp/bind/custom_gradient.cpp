// Gradients that are Python functions: a record of a tape, and no op of a program.
#include "bind/convert.h"

namespace fk::bind {
namespace {

// Python's (rule, gradients) -> gradients of the arguments. It lives as long as the interpreter, which may be gone
// before static objects are.
py::function* apply_rule = nullptr;

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

const Op custom_gradient{.name = "custom_gradient", .gradient = gradient};

}  // namespace

void bind_custom_gradient(py::module_& m) {
    m.def("set_gradient_rules", [](py::function f) { apply_rule = new py::function(std::move(f)); });
    // The recording tapes take Python's rule number `rule` for the gradients of `values` by `arguments`.
    m.def("record_rule", [](const std::vector<Tensor>& arguments, const std::vector<Tensor>& values, int64_t rule) {
        record_on_tapes(custom_gradient, {{"rule", rule}}, arguments, values);
    });
}

}  // namespace fk::bind
