#include "bind/convert.h"

PYBIND11_MODULE(_core, m, py::mod_gil_not_used()) {
    py::register_local_exception_translator([](std::exception_ptr p) {
        try {
            if (p) std::rethrow_exception(p);
        } catch (const fk::TypeError& e) {
            PyErr_SetString(PyExc_TypeError, e.what());
        }
    });
    fk::bind::bind_tensors(m);
    fk::bind::bind_arrays(m);
    fk::bind::bind_traces(m);
    fk::bind::bind_programs(m);
    fk::bind::bind_custom_gradient(m);
}
