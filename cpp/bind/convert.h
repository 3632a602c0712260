// Between Python objects and tensors.
#pragma once
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "bind/gil.h"
#include "graph/trace.h"

namespace py = pybind11;

namespace fk::bind {

// A tensor, variable (its value), number, array or nested list as a tensor. With `borrow` an array that needs no
// conversion is not copied: only for tensors that do not outlive the call. Python floats and lists of them become
// `floats`, lists of ints int32.
Tensor to_tensor(py::handle object, bool borrow = false, DType floats = default_float);
// What one of the two readers of a variable gives. While a burst holds the variable, the other threads of Python go on.
Tensor read_variable(Variable& variable, Tensor (Variable::*read)());
bool is_python_number(py::handle object);
Attr to_attr(const std::string& name, py::handle value);
py::dtype numpy_dtype(DType dtype);
DType dtype_of(const py::array& array);  // that holds the array's values; narrower and unsigned kinds widen
// A NumPy array on the tensor's memory (kept alive by the array). Throws when symbolic.
py::array to_numpy(const Tensor& tensor);
py::tuple shape_tuple(const Shape& shape);

void bind_arrays(py::module_& module);
void bind_tensors(py::module_& module);
void bind_traces(py::module_& module);
void bind_programs(py::module_& module);
void bind_custom_gradient(py::module_& module);

}  // namespace fk::bind
