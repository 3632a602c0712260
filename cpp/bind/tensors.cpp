// Tensor, Variable and the callables that Python's ops are made of.
#include "bind/convert.h"

namespace fk::bind {
namespace {

// A primitive as Python calls it: primitive(*tensors, **attributes). Python numbers take the dtype of the tensors.
py::object call_primitive(const Op& op, const py::args& args, const py::kwargs& kwargs) {
    const bool promotes = op.promote != Op::Promote::none;
    std::vector<Tensor> in(args.size());
    std::vector<size_t> numbers;
    bool keeps = op.view;  // the result shares its input's memory
    for (size_t i = 0; i < in.size(); ++i) {
        if (promotes && is_python_number(args[i]))
            numbers.push_back(i);
        else
            in[i] = to_tensor(args[i], !keeps && !current_trace());
    }
    if (!numbers.empty()) {
        DType common = DType::boolean;
        for (const Tensor& t : in)
            if (t) common = promote(common, t->dtype);
        for (size_t i : numbers) {
            const Tensor natural = to_tensor(args[i]);
            const bool wider = numbers.size() == in.size() || natural->dtype == DType::int64 ||
                               (is_float(natural->dtype) && !is_float(common)) || common == DType::boolean;
            in[i] = wider ? natural
                          : full({}, common,
                                 PyFloat_Check(args[i].ptr()) ? PyFloat_AsDouble(args[i].ptr())
                                                              : double(args[i].cast<int64_t>()));
        }
    }
    Attrs attrs;
    for (const auto& [name, value] : kwargs)
        if (!value.is_none()) attrs.set(name.cast<std::string>(), to_attr(name.cast<std::string>(), value));

    std::vector<Tensor> out;
    size_t elements = 0;
    for (const Tensor& t : in) elements += size_t(t->count());
    if (elements > 16384) {
        const py::gil_scoped_release release;
        out = apply(op, std::move(in), std::move(attrs));
    } else {
        out = apply(op, std::move(in), std::move(attrs));
    }
    if (out.size() == 1) return py::cast(std::move(out[0]));
    py::tuple results(out.size());
    for (size_t i = 0; i < out.size(); ++i) results[i] = py::cast(std::move(out[i]));
    return results;
}

struct Primitive {
    std::string name;
    const Op* op = nullptr;  // found at the first call
};

}  // namespace

void bind_tensors(py::module_& m) {
    py::class_<TensorImpl, Tensor>(m, "Tensor", py::dynamic_attr())
        .def_property_readonly("shape", [](const TensorImpl& t) { return shape_tuple(t.shape); })
        .def_property_readonly("dtype", [](const TensorImpl& t) { return py::str(name_of(t.dtype).data()); })
        .def_property_readonly("ndim", [](const TensorImpl& t) { return t.shape.rank(); })
        .def_property_readonly("size", [](const TensorImpl& t) { return t.count(); })
        .def_property_readonly("_symbolic", &TensorImpl::symbolic)
        .def("numpy", [](const Tensor& t) { return to_numpy(t); });

    py::class_<Variable, std::shared_ptr<Variable>>(m, "Variable", py::dynamic_attr())
        .def(py::init([](py::handle value, bool trainable) {
                 return std::make_shared<Variable>(to_tensor(value), trainable);
             }),
             py::arg("value"), py::arg("trainable"))
        .def_property_readonly("shape", [](const Variable& v) { return shape_tuple(v.type.shape); })
        .def_property_readonly("dtype", [](const Variable& v) { return py::str(name_of(v.read_dtype()).data()); })
        .def_readwrite("_trainable", &Variable::trainable)
        .def_readwrite("autocast", &Variable::autocast)
        .def("_read", &Variable::read)
        .def("_read_autocast", &Variable::read_autocast)
        .def("_concrete", &Variable::value, py::call_guard<py::gil_scoped_release>())
        .def("_assign", [](Variable& v, py::handle value) {
            Tensor t = to_tensor(value);
            const py::gil_scoped_release release;
            v.assign(std::move(t));
        });

    py::class_<Primitive>(m, "Primitive")
        .def_readonly("name", &Primitive::name)
        .def("__call__",
             [](Primitive& p, const py::args& args, const py::kwargs& kwargs) {
                 if (!p.op) p.op = &find_op(p.name);
                 return call_primitive(*p.op, args, kwargs);
             })
        .def("__repr__", [](const Primitive& p) { return "<primitive " + p.name + ">"; });
    // None: variables are read in their own dtype. Both give the name of a dtype or None.
    const auto name_or_none = [](std::optional<DType> dtype) -> py::object {
        return dtype ? py::object(py::str(name_of(*dtype).data())) : py::none();
    };
    m.def("autocast_dtype", [=] { return name_or_none(autocast_dtype()); });
    m.def("set_autocast_dtype", [=](const std::optional<std::string>& name) {
        return name_or_none(set_autocast_dtype(name ? std::optional(parse_dtype(*name)) : std::nullopt));
    });
    m.def("primitive", [](const std::string& name) { return Primitive{name}; });
    m.def("primitive_names", &op_names);
    m.def("to_tensor", [](py::handle value) { return to_tensor(value); });
    m.def("set_default_float", [](const std::string& name) { default_float = parse_dtype(name); });
    m.def("promote", [](const std::string& a, const std::string& b) {
        return std::string(name_of(promote(parse_dtype(a), parse_dtype(b))));
    });
}

}  // namespace fk::bind
