// Ops straight from and into NumPy arrays: nothing is copied, converted, traced or recorded.
#include <algorithm>

#include "bind/convert.h"

namespace fk::bind {
namespace {

struct Operand {
    std::string name;
    TensorType type;
    std::byte* data;
};

std::string described(const py::array& a) {
    return "dtype=" + std::string(py::str(a.dtype())) + ", shape=" + std::string(py::str(a.attr("shape"))) +
           ", strides=" + std::string(py::str(a.attr("strides")));
}

Operand operand(const std::string& tag, py::handle name, py::handle value, bool write) {
    const auto label = name.cast<std::string>();
    if (!py::isinstance<py::array>(value))
        fail<TypeError>("[", tag, "] ", label, " must be a NumPy array. Received: ", std::string(py::repr(value)));
    const auto a = py::reinterpret_borrow<py::array>(value);
    const DType dtype = dtype_of(a);
    if (!a.dtype().equal(numpy_dtype(dtype)))
        fail<TypeError>("[", tag, "] ", label, " has a dtype without kernels. Received: ", described(a));
    constexpr int plain = py::detail::npy_api::NPY_ARRAY_C_CONTIGUOUS_ | py::detail::npy_api::NPY_ARRAY_ALIGNED_;
    if ((a.flags() & plain) != plain)  // no check(): it would describe every array
        fail("[", tag, "] ", label, " must be C-contiguous and aligned. Received: ", described(a));
    check(!write || a.writeable(), "[", tag, "] ", label, " must be writeable. Received: a read-only array");
    check(a.ndim() <= kMaxRank, "[", tag, "] ", label, " must have at most ", kMaxRank,
          " dimensions. Received: ", a.ndim());
    return {label,
            {dtype, Shape(std::span<const int64_t>(a.shape(), size_t(a.ndim())))},
            static_cast<std::byte*>(const_cast<void*>(a.data()))};
}

bool overlap(const Operand& a, const Operand& b) {
    return a.data < b.data + b.type.bytes() && b.data < a.data + a.type.bytes();
}

// Kernels read while they write: only what the op declares in_place may be one and the same memory.
void check_overlap(const std::string& tag, const Op& op, const Call& call, const std::vector<Operand>& in,
                   const std::vector<Operand>& out) {
    const auto shared = op.in_place ? op.in_place(call) : std::vector<std::pair<int, int>>{};
    for (size_t o = 0; o < out.size(); ++o) {
        for (size_t i = 0; i < in.size(); ++i) {
            const bool same =
                out[o].data == in[i].data && std::count(shared.begin(), shared.end(), std::pair(int(o), int(i)));
            check(same || !overlap(out[o], in[i]), "[", tag, "] ", out[o].name, " must not overlap ", in[i].name);
        }
        for (size_t other = 0; other < o; ++other)
            check(!overlap(out[o], out[other]), "[", tag, "] ", out[o].name, " must not overlap ", out[other].name);
    }
}

py::list run(const std::string& tag, const std::string& name, const py::dict& inputs, const py::dict& outputs,
             const py::kwargs& attributes) {
    const Op& op = find_op(name);
    Attrs attrs;
    for (const auto& [key, value] : attributes)
        attrs.set(key.cast<std::string>(), to_attr(key.cast<std::string>(), value));

    std::vector<Operand> in, out;
    std::vector<TensorType> in_types;
    for (const auto& [key, value] : inputs) in_types.push_back(in.emplace_back(operand(tag, key, value, false)).type);
    if (op.promote != Op::Promote::none)
        for (size_t i = size_t(op.promote_from) + 1; i < in.size(); ++i)
            if (in_types[i].dtype != in_types[size_t(op.promote_from)].dtype)
                fail<TypeError>("[", tag, "] ", in[i].name, " must have the dtype of ",
                                in[size_t(op.promote_from)].name, ". Received: ", name_of(in_types[i].dtype), " and ",
                                name_of(in_types[size_t(op.promote_from)].dtype));

    const std::vector<TensorType> types = op.infer({attrs, in_types, {}});
    check(outputs.size() == types.size(), "[", tag, "] ", name, " has ", types.size(),
          " results. Received: ", outputs.size());
    const Call call{attrs, in_types, types};
    py::list results;
    for (const auto& [key, value] : outputs) {
        const TensorType& type = types[results.size()];
        py::object array = value.is_none() ? py::array(numpy_dtype(type.dtype), type.shape.vec())
                                           : py::reinterpret_borrow<py::object>(value);
        if (!(out.emplace_back(operand(tag, key, array, true)).type == type))
            fail("[", tag, "] ", out.back().name, " must be ", name_of(type.dtype), type.shape,
                 ". Received: ", name_of(out.back().type.dtype), out.back().type.shape);
        results.append(std::move(array));
    }
    check_overlap(tag, op, call, in, out);
    std::vector<const void*> sources;
    std::vector<void*> targets;
    for (const Operand& o : in) sources.push_back(o.data);
    for (const Operand& o : out) targets.push_back(o.data);
    {
        const WithoutGil release;
        run_kernel(op, call, sources.data(), targets.data());
    }
    return results;
}

}  // namespace

void bind_arrays(py::module_& m) {
    m.def("run_on_arrays", &run, py::arg("tag"), py::arg("op"), py::arg("inputs"), py::arg("outputs"));
}

}  // namespace fk::bind
