// cumsum(x; axis, reverse) and cumprod(x; axis, reverse); argmax(x; axis, keepdims) and argmin, over all of x when
// there is no axis: int32 indices.
#include "kernels/cast.h"
#include "kernels/reduce.h"
#include "kernels/tile.h"
#include "ops/rules.h"

namespace fk {
namespace {

ReduceShape around(const Shape& x, int64_t axis, const char* tag) {
    const int d = normalize_axis(axis, x.rank(), tag);
    return {x.count(0, d), x[d], x.count(d + 1, x.rank())};
}

std::vector<TensorType> infer_running(const Call& call, const char* tag) {
    normalize_axis(call.attrs.integer("axis"), call.in[0].shape.rank(), tag);
    const DType type = call.in[0].dtype;
    return {{type == DType::boolean ? DType::int32 : type, call.in[0].shape}};
}

// bool runs as int32 and halves as float32, converted on the way in and out.
Kernel kernel_running(Reduction kind, const Call& call, const char* tag) {
    const DType from = call.in[0].dtype, to = call.out[0].dtype, type = tile_compute_type(to);
    const ReduceShape shape = around(call.in[0].shape, call.attrs.integer("axis"), tag);
    const bool reverse = call.attrs.flag("reverse", false);
    const int64_t n = call.in[0].count();
    if (from == type)
        return {[=](const void* const* in, void* const* out, void*) {
            cumulate(kind, type, out[0], in[0], shape, reverse);
        }};
    const auto run = [=](const void* const* in, void* const* out, void* scratch) {
        cast_elements(scratch, type, in[0], from, n);
        cumulate(kind, type, scratch, scratch, shape, reverse);
        cast_elements(out[0], to, scratch, type, n);
    };
    return {run, size_t(n) * size_of(type)};
}

std::vector<Tensor> gradient_cumsum(const Gradient& g) {
    return {
        call("cumsum", {g.dout[0]}, {{"axis", g.attrs.integer("axis")}, {"reverse", !g.attrs.flag("reverse", false)}})};
}
std::vector<Tensor> gradient_cumprod(const Gradient& g) {
    return {call("cumprod_grad", {g.dout[0], g.in[0]}, g.attrs)};
}

std::vector<TensorType> infer_cumprod_grad(const Call& call) { return {call.in[1]}; }
Kernel kernel_cumprod_grad(const Call& call) {
    const DType type = call.in[1].dtype, wide = tile_compute_type(type);
    const ReduceShape shape = around(call.in[1].shape, call.attrs.integer("axis"), "cumprod");
    const bool reverse = call.attrs.flag("reverse", false);
    const int64_t n = call.in[1].count();
    const size_t bytes = type == wide ? 0 : size_t(n) * size_of(wide);
    const auto run = [=](const void* const* in, void* const* out, void* scratch) {
        if (bytes == 0) return cumprod_backward(type, out[0], in[0], in[1], shape, reverse);
        char *dy = static_cast<char*>(scratch), *x = dy + bytes, *dx = x + bytes;
        cast_elements(dy, wide, in[0], type, n);
        cast_elements(x, wide, in[1], type, n);
        cumprod_backward(wide, dx, dy, x, shape, reverse);
        cast_elements(out[0], type, dx, wide, n);
    };
    return {run, 3 * bytes};
}
std::vector<Tensor> gradient_cumprod_grad(const Gradient&) { fail("[cumprod] has no second derivative"); }

FK_OP(
    cumsum, .infer = [](const Call& call) { return infer_running(call, "cumsum"); },
    .kernel = [](const Call& call) { return kernel_running(Reduction::sum, call, "cumsum"); },
    .gradient = gradient_cumsum)
FK_OP(
    cumprod, .infer = [](const Call& call) { return infer_running(call, "cumprod"); },
    .kernel = [](const Call& call) { return kernel_running(Reduction::prod, call, "cumprod"); },
    .gradient = gradient_cumprod)
FK_OP(cumprod_grad, .infer = infer_cumprod_grad, .kernel = kernel_cumprod_grad, .gradient = gradient_cumprod_grad)

std::vector<TensorType> infer_arg(const Call& call, const char* tag) {
    const Shape& x = call.in[0].shape;
    const bool all = !call.attrs.has("axis"), keepdims = call.attrs.flag("keepdims", false);
    const int axis = all ? 0 : normalize_axis(call.attrs.integer("axis"), x.rank(), tag);
    check((all ? x.count() : x[axis]) > 0, "[", tag, "] the axis must not be empty. Received: tensor of shape ", x);
    std::vector<int64_t> dims;
    for (int d = 0; d < x.rank(); ++d) {
        if (!all && d != axis)
            dims.push_back(x[d]);
        else if (keepdims)
            dims.push_back(1);
    }
    return {{DType::int32, Shape(std::span<const int64_t>(dims))}};
}

Kernel kernel_arg(bool largest, const Call& call, const char* tag) {
    const DType from = call.in[0].dtype, type = tile_compute_type(from);
    const int64_t n = call.in[0].count();
    const ReduceShape shape =
        call.attrs.has("axis") ? around(call.in[0].shape, call.attrs.integer("axis"), tag) : ReduceShape{1, n, 1};
    const bool casts = from != type;
    const auto run = [=](const void* const* in, void* const* out, void* scratch) {
        if (casts) cast_elements(scratch, type, in[0], from, n);
        arg_extreme(largest, type, static_cast<int32_t*>(out[0]), casts ? scratch : in[0], shape);
    };
    return {run, casts ? size_t(n) * size_of(type) : 0};
}

FK_OP(
    argmax, .infer = [](const Call& call) { return infer_arg(call, "argmax"); },
    .kernel = [](const Call& call) { return kernel_arg(true, call, "argmax"); })
FK_OP(
    argmin, .infer = [](const Call& call) { return infer_arg(call, "argmin"); },
    .kernel = [](const Call& call) { return kernel_arg(false, call, "argmin"); })

}  // namespace
}  // namespace fk
