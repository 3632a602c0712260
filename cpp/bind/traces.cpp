// Traces and tapes.
#include "bind/convert.h"

namespace fk::bind {

// The object as a variable, null when it is none.
static const Variable* variable_of(py::handle object) {
    return py::isinstance<Variable>(object) ? object.cast<const Variable*>() : nullptr;
}

void bind_traces(py::module_& m) {
    py::class_<Trace, std::shared_ptr<Trace>>(m, "Trace")
        .def(py::init([] { return std::make_shared<Trace>(); }))
        .def("feed", [](Trace& t, const std::vector<int64_t>& shape, const std::string& dtype) {
            return t.feed({parse_dtype(dtype), Shape(shape)});
        });

    // with TraceScope(trace or None): ops on the trace's tensors are recorded; None leaves the trace.
    struct Scope {
        std::shared_ptr<Trace> trace;
        std::vector<std::unique_ptr<TraceScope>> entered;
    };
    py::class_<Scope>(m, "TraceScope")
        .def(py::init([](std::shared_ptr<Trace> trace) { return Scope{std::move(trace), {}}; }),
             py::arg("trace").none(true))
        .def("__enter__", [](Scope& s) { s.entered.push_back(std::make_unique<TraceScope>(s.trace)); })
        .def("__exit__", [](Scope& s, const py::args&) { s.entered.pop_back(); });
    m.def("tracing", [] { return bool(current_trace()); });
    m.def("taping", &taping);
    // (name, inputs) of the primitive that made a symbolic tensor, or None.
    m.def("producer", [](const Tensor& t) -> py::object {
        const auto trace = t->trace.lock();
        if (!trace || t->producer < 0) return py::none();
        const auto& node = trace->nodes[size_t(t->producer)];
        return py::make_tuple(node.op->name, py::cast(node.in));
    });

    py::class_<Reads>(m, "Reads")
        .def(py::init<>())
        .def("start", &Reads::start)
        .def("stop", &Reads::stop)
        .def("watch", &Reads::watch)
        .def_property_readonly("found", &Reads::found);

    py::class_<Tape>(m, "Tape")
        .def(py::init<>())
        .def("start", &Tape::start)
        .def("stop", &Tape::stop)
        .def("clear", &Tape::clear)
        .def_property_readonly("recording", &Tape::recording)
        .def_readwrite("watch_variables", &Tape::watch_variables)
        .def("watch", [](Tape& tape, py::handle object) { tape.watch(to_tensor(object), variable_of(object)); })
        .def("gradient", [](Tape& tape, const py::list& targets, const py::list& sources, const py::list& seeds) {
            std::vector<Tensor> to, from, weights;
            for (py::handle t : targets) to.push_back(to_tensor(t));
            for (py::handle s : sources) {
                const Variable* variable = variable_of(s);
                from.push_back(variable ? tape.source(*variable, to_tensor(s)) : to_tensor(s));
            }
            for (py::handle w : seeds) weights.push_back(w.is_none() ? nullptr : to_tensor(w));
            const WithoutGil release;
            return tape.gradient(to, from, weights);
        });
}

}  // namespace fk::bind
