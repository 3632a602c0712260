// Tensor, Variable and the callables that Python's ops are made of.
#include <span>
#include <utility>

#include "bind/convert.h"

namespace fk::bind {
namespace {

// A primitive as Python calls it: primitive(*tensors, **attributes), the values of the latter after the tensors, their
// names in `names` unless null. Python numbers take the dtype of the tensors.
py::object call_primitive(const Op& op, std::span<PyObject* const> args, PyObject* const* values, PyObject* names) {
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
                               common == DType::boolean ||
                               (!is_float(common) && (is_float(natural->dtype) || op.promote == Op::Promote::to_float));
            in[i] = wider ? natural
                          : full({}, common,
                                 PyFloat_Check(args[i]) ? PyFloat_AsDouble(args[i])
                                                        : double(py::handle(args[i]).cast<int64_t>()));
        }
    }
    Attrs attrs;
    for (Py_ssize_t i = 0; names && i < PyTuple_GET_SIZE(names); ++i) {
        if (values[i] == Py_None) continue;
        const auto name = py::handle(PyTuple_GET_ITEM(names, i)).cast<std::string>();
        attrs.set(name, to_attr(name, values[i]));
    }

    std::vector<Tensor> out;
    size_t elements = 0;
    for (const Tensor& t : in) elements += size_t(t->count());
    if (elements > 16384) {
        const WithoutGil release;
        out = apply(op, std::move(in), std::move(attrs));
    } else {
        out = apply(op, std::move(in), std::move(attrs));
    }
    if (out.size() == 1) return py::cast(std::move(out[0]));
    py::tuple results(out.size());
    for (size_t i = 0; i < out.size(); ++i) results[i] = py::cast(std::move(out[i]));
    return results;
}

// A function of the interpreter's own kind: through pybind11 a call took 0.35 us more, of 1.5 us for a small product.
struct Primitive {
    std::string name;
    PyMethodDef definition{};
    const Op* op = nullptr;  // found at the first call

    static PyObject* call(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* names) {
        auto& p = *static_cast<Primitive*>(PyCapsule_GetPointer(self, nullptr));
        static thread_local std::exception_ptr raised;
        try {
            if (!p.op) p.op = &find_op(p.name);
            return call_primitive(*p.op, {args, size_t(count)}, args + count, names).release().ptr();
        } catch (...) {
            raised = std::current_exception();
        }
        // pybind11 knows which Python exception that is.
        static PyObject* const raise =
            py::cpp_function([] { std::rethrow_exception(std::exchange(raised, nullptr)); }).release().ptr();
        return PyObject_CallNoArgs(raise);
    }
};

py::object make_primitive(const std::string& name) {
    auto* p = new Primitive{name};  // never freed: functions of the module
    const auto call = reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(&Primitive::call));
    p->definition = {p->name.c_str(), call, METH_FASTCALL | METH_KEYWORDS, nullptr};
    const py::object self = py::reinterpret_steal<py::object>(PyCapsule_New(p, nullptr, nullptr));
    return py::reinterpret_steal<py::object>(PyCFunction_New(&p->definition, self.ptr()));
}

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
        .def("_read", [](Variable& v) { return read_variable(v, &Variable::read); })
        .def("_read_autocast", [](Variable& v) { return read_variable(v, &Variable::read_autocast); })
        .def("_concrete", &Variable::value, py::call_guard<WithoutGil>())
        .def("_assign", [](Variable& v, py::handle value) {
            Tensor t = to_tensor(value);
            const WithoutGil release;
            v.assign(std::move(t));
        });

    // None: variables are read in their own dtype. Both give the name of a dtype or None.
    const auto name_or_none = [](std::optional<DType> dtype) -> py::object {
        return dtype ? py::object(py::str(name_of(*dtype).data())) : py::none();
    };
    m.def("autocast_dtype", [=] { return name_or_none(autocast_dtype()); });
    m.def("set_autocast_dtype", [=](const std::optional<std::string>& name) {
        return name_or_none(set_autocast_dtype(name ? std::optional(parse_dtype(*name)) : std::nullopt));
    });
    m.def("primitive", &make_primitive);
    m.def("primitive_names", &op_names);
    m.def(
        "to_tensor",
        [](py::handle value, bool wide) { return to_tensor(value, false, wide ? DType::float64 : default_float); },
        py::arg("value"), py::arg("wide") = false);
    m.def("set_default_float", [](const std::string& name) { default_float = parse_dtype(name); });
    m.def("promote", [](const std::string& a, const std::string& b) {
        return std::string(name_of(promote(parse_dtype(a), parse_dtype(b))));
    });
}

}  // namespace fk::bind
