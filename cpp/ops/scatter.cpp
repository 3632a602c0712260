// Rows written by index tensors; indices outside the axis are dropped.
//   scatter(x, indices, updates; axis, reduction)  reduction: set (the last one wins), add, mul, max, min
//   linear_index(indices; dims)                    coordinates (..., k) of a tensor of shape `dims` as one int64 index
#include <limits>

#include "ops/index.h"
#include "ops/rows.h"

namespace fk {
namespace {

// --- scatter ---

std::vector<TensorType> infer_scatter(const Call& call) {
    const TensorType &x = call.in[0], &indices = call.in[1], &updates = call.in[2];
    check_index(indices, "scatter_update");
    const int axis = normalize_axis(call.attrs.integer("axis"), x.shape.rank(), "scatter_update");
    const Shape expected = with_axis_replaced(x.shape, axis, indices.shape);
    check(updates.shape == expected,
          "[scatter_update] updates must have one row per index. Received: inputs.shape=", x.shape,
          ", indices.shape=", indices.shape, ", updates.shape=", updates.shape, " instead of ", expected);
    if (updates.dtype != x.dtype)
        fail<TypeError>("[scatter_update] updates must have the dtype of the inputs. Received: ",
                        name_of(updates.dtype), " for ", name_of(x.dtype));
    const std::string& how = call.attrs.text("reduction");
    check(how == "set" || how == "add" || how == "mul" || how == "max" || how == "min",
          "[scatter_update] reduction must be one of None, 'add', 'max', 'min', 'mul'. Received: reduction='", how,
          "'");
    return {x};
}

template <class T>
T combined(const std::string& how, T a, T b) {
    if (how == "add") return T(a + b);
    if (how == "mul") return T(a * b);
    if (how == "max") return a < b || b != b ? b : a;
    return b < a || b != b ? b : a;
}

Kernel kernel_scatter(const Call& call) {
    const TensorType& x = call.in[0];
    const Rows r(x.shape, normalize_axis(call.attrs.integer("axis"), x.shape.rank(), "scatter_update"),
                 call.in[1].count());
    const std::string how = call.attrs.text("reduction");
    return dispatch(x.dtype, [&](auto zero) -> Kernel {
        using T = decltype(zero);
        const auto make = [&](auto combine) -> Kernel {
            return {[r, combine, type = call.in[1].dtype](const void* const* in, void* const* out, void*) {
                combine_rows<T>(r, static_cast<T*>(out[0]), static_cast<const T*>(in[0]), static_cast<const T*>(in[2]),
                                in[1], type, combine);
            }};
        };
        if (how == "set") return make([](T, T b) { return b; });
        if (how == "add") return make([](T a, T b) { return T(a + b); });
        return make([how](T a, T b) { return combined<T>(how, a, b); });
    });
}

std::vector<Tensor> gradient_scatter(const Gradient& g) {
    const std::string how = g.attrs.text("reduction");
    const Attrs axis{{"axis", g.attrs.integer("axis")}};
    const Tensor &dy = g.dout[0], &indices = g.in[1], &updates = g.in[2];
    const auto rows_of = [&](const Tensor& t) { return call("take", {t, indices}, axis); };
    Tensor dx, dupdates;
    if (how == "add") {
        dx = dy;
        if (g.needs[2]) dupdates = rows_of(dy);
    } else if (how == "set") {
        Attrs set = g.attrs;
        if (g.needs[0]) dx = call("scatter", {dy, indices, full(updates->shape, updates->dtype, 0)}, set);
        if (g.needs[2]) dupdates = rows_of(dy);
    } else if (how == "mul") {
        if (g.needs[0]) dx = call("scatter", {dy, indices, updates}, g.attrs);
        if (g.needs[2]) dupdates = call("divide", {rows_of(call("multiply", {dy, g.out[0]})), updates});
    } else {  // max, min: to whichever is the result
        const auto where_equal = [](const Tensor& a, const Tensor& b, const Tensor& d) {
            return call("multiply",
                        {d, call("cast", {call("equal", {a, b})}, {{"dtype", std::string(name_of(d->dtype))}})});
        };
        if (g.needs[0]) dx = where_equal(g.in[0], g.out[0], dy);
        if (g.needs[2]) dupdates = where_equal(updates, rows_of(g.out[0]), rows_of(dy));
    }
    return {dx, nullptr, dupdates};
}

std::vector<std::pair<int, int>> first_input(const Call&) { return {{0, 0}}; }

// --- linear_index ---

std::vector<TensorType> infer_linear_index(const Call& call) {
    const TensorType& indices = call.in[0];
    check_index(indices, "linear_index");
    const size_t k = call.attrs.integers("dims").size();
    check(indices.shape.rank() > 0 && size_t(indices.shape[-1]) == k,
          "[linear_index] the last dimension of indices must be the number of dims. Received: indices.shape=",
          indices.shape, ", ", k, " dims");
    return {{DType::int64, Shape(std::span(indices.shape.begin(), indices.shape.end() - 1))}};
}

Kernel kernel_linear_index(const Call& call) {
    const std::vector<int64_t> dims = call.attrs.integers("dims");
    const int64_t n = call.out[0].count(), k = int64_t(dims.size());
    return {[=, type = call.in[0].dtype](const void* const* in, void* const* out, void*) {
        for (int64_t i = 0; i < n; ++i) {
            int64_t linear = 0;
            for (int64_t d = 0; d < k; ++d) {
                const int64_t index = wrapped(index_at(in[0], type, i * k + d), dims[d]);
                if (index < 0 || index >= dims[d]) {
                    linear = std::numeric_limits<int64_t>::min() / 2;  // stays outside when it is wrapped again
                    break;
                }
                linear = linear * dims[d] + index;
            }
            static_cast<int64_t*>(out[0])[i] = linear;
        }
    }};
}

}  // namespace

FK_OP(scatter, .infer = infer_scatter, .kernel = kernel_scatter, .gradient = gradient_scatter, .in_place = first_input,
      .widens = true)
FK_OP(linear_index, .infer = infer_linear_index, .kernel = kernel_linear_index)

}  // namespace fk
