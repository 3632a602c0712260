#include "bind/convert.h"

#include <algorithm>
#include <cstring>

namespace fk::bind {

// Made once each and never freed: making one costs more than a small kernel.
py::dtype numpy_dtype(DType dtype) {
    static py::dtype* made[kDTypes] = {};
    py::dtype*& slot = made[size_t(dtype)];
    if (!slot)
        slot = new py::dtype(dtype == DType::bfloat16
                                 ? py::dtype::from_args(py::module_::import("ml_dtypes").attr("bfloat16"))
                                 : py::dtype(std::string(name_of(dtype))));
    return *slot;
}

py::tuple shape_tuple(const Shape& shape) {
    py::tuple t(shape.rank());
    for (int i = 0; i < shape.rank(); ++i) t[i] = py::int_(shape[i]);
    return t;
}

DType dtype_of(const py::array& array) {
    const py::dtype d = array.dtype();
    const auto size = d.itemsize();
    switch (d.kind()) {
        case 'b': return DType::boolean;
        case 'i': return size == 1 ? DType::int8 : size <= 4 ? DType::int32 : DType::int64;
        case 'u': return size == 1 ? DType::uint8 : size == 2 ? DType::int32 : size == 4 ? DType::uint32 : DType::int64;
        case 'f': return size == 2 ? DType::float16 : size == 4 ? DType::float32 : DType::float64;
        default: break;
    }
    const std::string name = py::str(d);
    if (name == "bfloat16") return DType::bfloat16;
    fail<TypeError>("[tensor] arrays must hold numbers or booleans. Received: dtype=", name);
}

// numpy.asarray(o, dtype), with `flags` of NumPy's.
static py::array as_array(py::handle o, py::dtype dtype = {}, int flags = 0) {
    const auto& api = py::detail::npy_api::get();
    PyObject* type = dtype.release().ptr();
    PyObject* made =
        staying([&] { return api.PyArray_FromAny_(o.ptr(), type, 0, 0, api.NPY_ARRAY_ENSUREARRAY_ | flags, nullptr); });
    if (!made) throw py::error_already_set();
    return py::reinterpret_steal<py::array>(made);
}

static Tensor from_array(py::array array, DType dtype, bool borrow) {
    using Numpy = py::detail::npy_api;
    constexpr int plain = Numpy::NPY_ARRAY_C_CONTIGUOUS_ | Numpy::NPY_ARRAY_ALIGNED_;
    const py::dtype given = array.dtype(), wanted = dtype == DType::bfloat16 ? given : numpy_dtype(dtype);
    if ((!given.is(wanted) && !given.equal(wanted)) || (array.flags() & plain) != plain) {
        array = as_array(array, wanted, plain | Numpy::NPY_ARRAY_FORCECAST_);
        borrow = true;  // already a copy of our own
    }
    check(array.ndim() <= kMaxRank, "[tensor] a tensor has at most ", kMaxRank,
          " dimensions. Received: ", array.ndim());
    const TensorType type{dtype, Shape(std::span<const int64_t>(array.shape(), size_t(array.ndim())))};
    if (borrow) {
        void* data = const_cast<void*>(array.data());
        auto* keep = new py::object(std::move(array));
        return make_tensor(type,
                           std::make_shared<Buffer>(data,
                                                    [keep] {
                                                        if (!Py_IsInitialized())
                                                            return;  // the interpreter is gone, and the array with it
                                                        const WithGil gil;
                                                        delete keep;
                                                    }),
                           data);
    }
    Tensor t = make_tensor(type);
    std::memcpy(t->data, array.data(), type.bytes());
    return t;
}

Tensor read_variable(Variable& variable, Tensor (Variable::*read)()) {
    if (variable.mutex.try_lock_shared()) {
        variable.mutex.unlock_shared();
        return (variable.*read)();
    }
    const WithoutGil release;
    return (variable.*read)();
}

// numpy.float64 is a Python float too: x * numpy.sqrt(2.0) stays float32.
bool is_python_number(py::handle o) {
    return PyFloat_Check(o.ptr()) || PyLong_CheckExact(o.ptr()) || PyBool_Check(o.ptr());
}

// `what` is named in the error.
template <class... What>
static int64_t to_integer(py::handle value, const What&... what) {
    if (!PyIndex_Check(value.ptr()))
        fail<TypeError>(what..., " must be an integer. Received: ", std::string(py::repr(value)));
    const auto index = py::reinterpret_steal<py::object>(PyNumber_Index(value.ptr()));
    if (!index) throw py::error_already_set();
    int beyond;
    const int64_t integer = PyLong_AsLongLongAndOverflow(index.ptr(), &beyond);
    if (beyond) fail<std::overflow_error>(what..., " must fit 64 bits. Received: ", std::string(py::str(index)));
    return integer;
}

template <class... What>
static double to_number(py::handle value, const What&... what) {
    if (!PyNumber_Check(value.ptr()))
        fail<TypeError>(what..., " must be a number. Received: ", std::string(py::repr(value)));
    const double number = PyFloat_AsDouble(value.ptr());
    if (PyErr_Occurred()) throw py::error_already_set();
    return number;
}

Tensor to_tensor(py::handle o, bool borrow, DType floats) {
    py::detail::make_caster<Tensor> tensor;  // asking for the type first would look it up twice
    if (tensor.load(o, false)) return py::detail::cast_op<Tensor>(tensor);
    if (py::isinstance<Variable>(o))
        return read_variable(*o.cast<std::shared_ptr<Variable>>(), &Variable::read_autocast);
    if (PyBool_Check(o.ptr())) return full({}, DType::boolean, o.ptr() == Py_True);
    if (PyFloat_Check(o.ptr())) return full({}, floats, PyFloat_AS_DOUBLE(o.ptr()));
    if (PyLong_CheckExact(o.ptr())) {
        const int64_t value = to_integer(o, "[tensor] a value");
        Tensor t = make_tensor({value == int32_t(value) ? DType::int32 : DType::int64, {}});
        if (t->dtype == DType::int32)
            *static_cast<int32_t*>(t->data) = int32_t(value);
        else
            *static_cast<int64_t*>(t->data) = value;
        return t;
    }
    if (py::isinstance<py::array>(o)) {
        const auto array = py::reinterpret_borrow<py::array>(o);
        return from_array(array, dtype_of(array), borrow);
    }
    if (o.is_none()) fail<TypeError>("[tensor] a tensor is needed. Received: None");
    if (py::isinstance<py::str>(o))
        fail<TypeError>("[tensor] a tensor holds numbers. Received: ", std::string(py::repr(o)));
    if (py::hasattr(o, "_keras_history"))
        fail<TypeError>("[tensor] a KerasTensor has no value; use it with layers and keras.ops only. Received: ",
                        std::string(py::repr(o)));
    if (py::isinstance<py::list>(o) || py::isinstance<py::tuple>(o)) {
        // Lists may hold tensors of a trace: those are stacked.
        bool symbolic = false;
        for (py::handle item : py::reinterpret_borrow<py::sequence>(o))
            symbolic = symbolic || py::isinstance<Variable>(item) ||
                       (py::isinstance<TensorImpl>(item) && item.cast<Tensor>()->symbolic());
        if (symbolic) {
            std::vector<Tensor> parts;
            for (py::handle item : py::reinterpret_borrow<py::sequence>(o)) {
                Tensor t = to_tensor(item, false, floats);
                std::vector<int64_t> dims = t->shape.vec();
                dims.insert(dims.begin(), 1);
                parts.push_back(call("reshape", {t}, {{"shape", dims}}));
            }
            return call("concatenate", std::move(parts), {{"axis", int64_t(0)}});
        }
    }
    const py::array array = as_array(o);
    DType dtype = dtype_of(array);
    if (!py::hasattr(o, "dtype")) {  // Python lists: NumPy's defaults are twice as wide as Keras's
        if (dtype == DType::float64) dtype = floats;
        if (dtype == DType::int64) {
            const py::array_t<int64_t> wide(array);
            const auto* p = wide.data();
            dtype = std::all_of(p, p + wide.size(), [](int64_t v) { return v == int32_t(v); }) ? DType::int32
                                                                                               : DType::int64;
        }
    }
    return from_array(array, dtype, true);
}

Attr to_attr(const std::string& name, py::handle value) {
    if (py::detail::make_caster<bool> flag; flag.load(value, false)) return bool(flag);  // NumPy's too
    if (PyIndex_Check(value.ptr())) return to_integer(value, "[attribute] ", name);
    if (PyFloat_Check(value.ptr())) return value.cast<double>();
    if (py::isinstance<py::str>(value)) return value.cast<std::string>();
    if (py::isinstance<py::tuple>(value) || py::isinstance<py::list>(value)) {
        const auto items = py::reinterpret_borrow<py::sequence>(value);
        const bool floats = std::any_of(items.begin(), items.end(), [](py::handle item) {
            return PyNumber_Check(item.ptr()) && !PyIndex_Check(item.ptr());
        });
        std::vector<double> numbers;
        std::vector<int64_t> integers;
        for (py::handle item : items) {
            if (floats)
                numbers.push_back(to_number(item, "[attribute] ", name));
            else
                integers.push_back(to_integer(item, "[attribute] ", name));
        }
        if (floats) return numbers;
        return integers;
    }
    fail<TypeError>("[attribute] ", name,
                    " must be a number, a string or a list of numbers. Received: ", std::string(py::repr(value)));
}

py::array to_numpy(const Tensor& t) {
    if (t->symbolic())
        fail<TypeError>(
            "[tensor] this tensor has no value yet: it belongs to a function that is being traced (a training step, a "
            "layer's call). Use ops on it, or run eagerly: compile(run_eagerly=True)");
    auto* keep = new std::shared_ptr<Buffer>(t->buffer);
    const py::capsule owner(keep, [](void* p) { delete static_cast<std::shared_ptr<Buffer>*>(p); });
    return py::array(numpy_dtype(t->dtype), t->shape.vec(), t->data, owner);
}

}  // namespace fk::bind
