// Regular parts of a tensor.
//   slice(x; start, stop, step)          y[i] = x[start + i * step], per axis; a negative step walks backwards to stop
//   = -1 place(x; shape, start, step, value)  y = value except y[start + i * step] = x[i]: padding, and the reverse of
//   slice dynamic_slice(x, starts; shape)      a part whose place is itself a tensor, moved inside where it would stick
//   out slice_update(x, starts, part)        x with `part` written there
#include <algorithm>
#include <cstring>
#include <string_view>

#include "ops/strided.h"
#include "ops/index.h"

namespace fk {
namespace {

Kernel nothing() {
    return {[](const void* const*, void* const*, void*) {}};
}

std::vector<int64_t> per_axis(const Attrs& attrs, const char* name, int rank, int64_t otherwise) {
    std::vector<int64_t> values = attrs.has(name) ? attrs.integers(name) : std::vector<int64_t>(rank, otherwise);
    check(int(values.size()) == rank, "[slice] ", name, " must have one entry per dimension. Received: ", values.size(),
          " entries for rank ", rank);
    return values;
}

int64_t offset_of(const std::vector<int64_t>& start, const Strides& strides) {
    int64_t offset = 0;
    for (size_t d = 0; d < start.size(); ++d) offset += start[d] * strides[d];
    return offset;
}

Strides stepped(Strides strides, const std::vector<int64_t>& step) {
    for (size_t d = 0; d < step.size(); ++d) strides[d] *= step[d];
    return strides;
}

// --- slice ---

std::vector<TensorType> infer_slice(const Call& call) {
    const Shape& x = call.in[0].shape;
    const auto start = per_axis(call.attrs, "start", x.rank(), 0), stop = call.attrs.integers("stop");
    const auto step = per_axis(call.attrs, "step", x.rank(), 1);
    check(int(stop.size()) == x.rank(), "[slice] stop must have one entry per dimension. Received: ", stop.size(),
          " entries for x.shape=", x);
    Shape shape = x;
    for (int d = 0; d < x.rank(); ++d) {
        const bool fits = step[d] > 0 ? 0 <= start[d] && start[d] <= stop[d] && stop[d] <= x[d]
                                      : step[d] < 0 && -1 <= stop[d] && stop[d] <= start[d] && start[d] < x[d];
        check(fits, "[slice] the part must lie inside the tensor. Received: start=", start[d], ", stop=", stop[d],
              ", step=", step[d], " on axis ", d, " of x.shape=", x);
        const int64_t length = step[d] > 0 ? stop[d] - start[d] : start[d] - stop[d], pace = std::abs(step[d]);
        shape[d] = (length + pace - 1) / pace;
    }
    return {{call.in[0].dtype, shape}};
}

Kernel kernel_slice(const Call& call) {
    const TensorType &x = call.in[0], &y = call.out[0];
    if (y.count() == 0) return nothing();
    const Strides strides = row_major(x.shape);
    const int64_t offset =
        offset_of(per_axis(call.attrs, "start", x.shape.rank(), 0), strides) * int64_t(size_of(x.dtype));
    const StridedCopy copy = strided_copy(y.shape, row_major(y.shape),
                                          stepped(strides, per_axis(call.attrs, "step", x.shape.rank(), 1)), x.dtype);
    return {[copy, offset](const void* const* in, void* const* out, void*) {
        copy_strided(out[0], static_cast<const char*>(in[0]) + offset, copy);
    }};
}

std::vector<Tensor> gradient_slice(const Gradient& g) {
    const Shape& x = g.in[0]->shape;
    return {call("place", {g.dout[0]},
                 {{"shape", x.vec()},
                  {"start", per_axis(g.attrs, "start", x.rank(), 0)},
                  {"step", per_axis(g.attrs, "step", x.rank(), 1)}})};
}

// --- place ---

std::vector<TensorType> infer_place(const Call& call) {
    const Shape& x = call.in[0].shape;
    const Shape shape = call.attrs.shape();
    check(shape.rank() == x.rank(), "[pad] the rank must stay the same. Received: x.shape=", x, ", shape=", shape);
    const auto start = per_axis(call.attrs, "start", x.rank(), 0), step = per_axis(call.attrs, "step", x.rank(), 1);
    for (int d = 0; d < x.rank(); ++d) {
        const int64_t last = start[d] + (x[d] - 1) * step[d];
        check(x[d] == 0 || (0 <= std::min(start[d], last) && std::max(start[d], last) < shape[d] && step[d] != 0),
              "[pad] the tensor must fit into the padded shape. Received: x.shape=", x, ", shape=", shape,
              ", start=", start[d], ", step=", step[d], " on axis ", d);
    }
    return {{call.in[0].dtype, shape}};
}

Kernel kernel_place(const Call& call) {
    const TensorType &x = call.in[0], &y = call.out[0];
    const Strides strides = row_major(y.shape);
    const auto start = per_axis(call.attrs, "start", x.shape.rank(), 0);
    const auto step = per_axis(call.attrs, "step", x.shape.rank(), 1);
    const int64_t offset = offset_of(start, strides) * int64_t(size_of(x.dtype)), n = x.count(), total = y.count();
    const StridedCopy copy = strided_copy(x.shape, stepped(strides, step), row_major(x.shape), x.dtype);
    return dispatch(x.dtype, [&](auto zero) -> Kernel {
        using T = decltype(zero);
        T value = zero;
        if constexpr (HalfFloat<T>)
            value = T(float(call.attrs.number("value", 0)));
        else
            value = T(call.attrs.number("value", 0));
        return {[=](const void* const* in, void* const* out, void*) {
            if (n < total)
                parallel_for(total, 1 << 16, [&](int64_t begin, int64_t end) {
                    std::fill(static_cast<T*>(out[0]) + begin, static_cast<T*>(out[0]) + end, value);
                });
            if (n > 0) copy_strided(static_cast<char*>(out[0]) + offset, in[0], copy);
        }};
    });
}

std::vector<Tensor> gradient_place(const Gradient& g) {
    const Shape& x = g.in[0]->shape;
    const auto start = per_axis(g.attrs, "start", x.rank(), 0), step = per_axis(g.attrs, "step", x.rank(), 1);
    std::vector<int64_t> stop(x.rank());
    for (int d = 0; d < x.rank(); ++d)
        stop[d] = x[d] == 0 ? start[d] : start[d] + (x[d] - 1) * step[d] + (step[d] > 0 ? 1 : -1);
    return {call("slice", {g.dout[0]}, {{"start", start}, {"stop", stop}, {"step", step}})};
}

// Zeros around images become the padding of the convolution that reads them, or of its kernel's gradient.
std::optional<Op::Absorbed> absorb_place(const Call& self, const Op& next, const Call& next_call, int operand) {
    const std::string_view name = next.name;
    const Shape& x = self.in[0].shape;
    const int rank = x.rank();
    if (operand != 0 || x.count() == 0 || self.attrs.number("value", 0) != 0 ||
        !(name.ends_with("conv") || name.ends_with("conv_bias") || name.ends_with("conv_kernel_grad")))
        return std::nullopt;
    const Shape& y = self.out[0].shape;
    const auto start = per_axis(self.attrs, "start", rank, 0), step = per_axis(self.attrs, "step", rank, 1);
    if (y[0] != x[0] || y[-1] != x[-1] || std::any_of(step.begin(), step.end(), [](int64_t s) { return s != 1; }))
        return std::nullopt;
    auto pads = next_call.attrs.integers("pads");
    for (int i = 0; i < rank - 2; ++i)
        pads[2 * i] += start[i + 1], pads[2 * i + 1] += y[i + 1] - start[i + 1] - x[i + 1];
    Op::Absorbed both{next.name, next_call.attrs, {}};
    both.attrs.set("pads", pads);
    for (int k = 1; k < int(next_call.in.size()); ++k) both.extra.push_back(k);
    return both;
}

// --- dynamic_slice and slice_update ---

void check_starts(const TensorType& x, const TensorType& starts, const Shape& part) {
    check_index(starts, "slice");
    check(starts.shape.rank() == 1 && starts.shape[0] == x.shape.rank() && part.rank() == x.shape.rank(),
          "[slice] start_indices and the part must have one entry per dimension. Received: inputs.shape=", x.shape,
          ", start_indices.shape=", starts.shape, ", part of shape ", part);
    for (int d = 0; d < part.rank(); ++d)
        check(part[d] <= x.shape[d],
              "[slice] the part must not be larger than the tensor. Received: inputs.shape=", x.shape,
              ", part of shape ", part);
}

// Byte offset of the part, its start moved inside the tensor.
int64_t dynamic_offset(const Shape& x, const Shape& part, const Strides& strides, int64_t element, const void* starts,
                       DType type) {
    int64_t offset = 0;
    for (int d = 0; d < x.rank(); ++d)
        offset += std::clamp<int64_t>(wrapped(index_at(starts, type, d), x[d]), 0, x[d] - part[d]) * strides[d];
    return offset * element;
}

std::vector<TensorType> infer_dynamic_slice(const Call& call) {
    const Shape shape = call.attrs.shape();
    check_starts(call.in[0], call.in[1], shape);
    return {{call.in[0].dtype, shape}};
}

Kernel kernel_dynamic_slice(const Call& call) {
    const TensorType x = call.in[0], y = call.out[0];
    if (y.count() == 0) return nothing();
    const DType type = call.in[1].dtype;
    const Strides strides = row_major(x.shape);
    const StridedCopy copy = strided_copy(y.shape, row_major(y.shape), strides, x.dtype);
    return {[=](const void* const* in, void* const* out, void*) {
        const int64_t offset = dynamic_offset(x.shape, y.shape, strides, copy.element, in[1], type);
        copy_strided(out[0], static_cast<const char*>(in[0]) + offset, copy);
    }};
}

std::vector<Tensor> gradient_dynamic_slice(const Gradient& g) {
    const TensorType& x = *g.in[0];
    return {call("slice_update", {full(x.shape, x.dtype, 0), g.in[1], g.dout[0]}), nullptr};
}

std::vector<TensorType> infer_slice_update(const Call& call) {
    check_starts(call.in[0], call.in[1], call.in[2].shape);
    if (call.in[0].dtype != call.in[2].dtype)
        fail<TypeError>("[slice_update] the part must have the dtype of the tensor. Received: ",
                        name_of(call.in[2].dtype), " for ", name_of(call.in[0].dtype));
    return {call.in[0]};
}

Kernel kernel_slice_update(const Call& call) {
    const TensorType x = call.in[0], part = call.in[2];
    const DType type = call.in[1].dtype;
    const Strides strides = row_major(x.shape);
    const StridedCopy copy = strided_copy(part.shape, strides, row_major(part.shape), x.dtype);
    return {[=](const void* const* in, void* const* out, void*) {
        if (out[0] != in[0] && x.count() > 0) std::memcpy(out[0], in[0], x.bytes());
        if (part.count() == 0) return;
        const int64_t offset = dynamic_offset(x.shape, part.shape, strides, copy.element, in[1], type);
        copy_strided(static_cast<char*>(out[0]) + offset, in[2], copy);
    }};
}

std::vector<Tensor> gradient_slice_update(const Gradient& g) {
    const TensorType& part = *g.in[2];
    Tensor dx, dpart;
    if (g.needs[0]) dx = call("slice_update", {g.dout[0], g.in[1], full(part.shape, part.dtype, 0)});
    if (g.needs[2]) dpart = call("dynamic_slice", {g.dout[0], g.in[1]}, {{"shape", part.shape.vec()}});
    return {dx, nullptr, dpart};
}

std::vector<std::pair<int, int>> first_input(const Call&) { return {{0, 0}}; }

}  // namespace

FK_OP(slice, .infer = infer_slice, .kernel = kernel_slice, .gradient = gradient_slice)
FK_OP(place, .infer = infer_place, .kernel = kernel_place, .gradient = gradient_place, .absorb = absorb_place,
      .repeats = true, .samples = 1)
FK_OP(dynamic_slice, .infer = infer_dynamic_slice, .kernel = kernel_dynamic_slice, .gradient = gradient_dynamic_slice)
FK_OP(slice_update, .infer = infer_slice_update, .kernel = kernel_slice_update, .gradient = gradient_slice_update,
      .in_place = first_input)

}  // namespace fk
