// Order along the last axis, NaN after every number. Equal elements keep their order.
//   argsort(x)              int32 positions, ascending
//   top_k(x; k)             the k largest, descending (a NaN counts as largest), and their int32 positions
//   searchsorted(s, v; right)  where v would be inserted into the ascending 1-D s, as int32
#include <algorithm>
#include <numeric>

#include "core/parallel.h"
#include "graph/op.h"

namespace fk {
namespace {

template <class T>
bool less(T a, T b) {
    return a < b || (b != b && a == a);
}

// lanes(begin, end) over the rows along the last axis.
template <class F>
void over_lanes(int64_t lanes, int64_t n, const F& f) {
    parallel_for(lanes, 1 + (1 << 12) / (1 + n), f);
}

void check_sortable(const Call& call, const char* tag) {
    check(call.in[0].shape.rank() > 0, "[", tag, "] x must have at least one dimension. Received: a scalar");
    check(call.in[0].shape[-1] < int64_t(1) << 31, "[", tag, "] positions are int32. Received: x.shape=", call.in[0].shape);
}

// --- argsort ---

std::vector<TensorType> infer_argsort(const Call& call) {
    check_sortable(call, "argsort");
    return {{DType::int32, call.in[0].shape}};
}

Kernel kernel_argsort(const Call& call) {
    const int64_t n = call.in[0].shape[-1], lanes = n == 0 ? 0 : call.in[0].count() / n;
    return dispatch(call.in[0].dtype, [&](auto zero) -> Kernel {
        using T = decltype(zero);
        return {[=](const void* const* in, void* const* out, void*) {
            over_lanes(lanes, n, [&](int64_t begin, int64_t end) {
                for (int64_t lane = begin; lane < end; ++lane) {
                    const T* x = static_cast<const T*>(in[0]) + lane * n;
                    int32_t* order = static_cast<int32_t*>(out[0]) + lane * n;
                    std::iota(order, order + n, 0);
                    std::sort(order, order + n, [x](int32_t a, int32_t b) {
                        return less(x[a], x[b]) || (!less(x[b], x[a]) && a < b);
                    });
                }
            });
        }};
    });
}

// --- top_k ---

std::vector<TensorType> infer_top_k(const Call& call) {
    check_sortable(call, "top_k");
    const int64_t k = call.attrs.integer("k");
    check(0 <= k && k <= call.in[0].shape[-1],
          "[top_k] k must not be larger than the last dimension. Received: k=", k, ", x.shape=", call.in[0].shape);
    Shape shape = call.in[0].shape;
    shape[-1] = k;
    return {{call.in[0].dtype, shape}, {DType::int32, shape}};
}

Kernel kernel_top_k(const Call& call) {
    const int64_t n = call.in[0].shape[-1], k = call.attrs.integer("k"), lanes = k == 0 ? 0 : call.in[0].count() / n;
    return dispatch(call.in[0].dtype, [&](auto zero) -> Kernel {
        using T = decltype(zero);
        return {[=](const void* const* in, void* const* out, void*) {
            over_lanes(lanes, n, [&](int64_t begin, int64_t end) {
                thread_local std::vector<int32_t> order;
                for (int64_t lane = begin; lane < end; ++lane) {
                    const T* x = static_cast<const T*>(in[0]) + lane * n;
                    order.resize(size_t(n));
                    std::iota(order.begin(), order.end(), 0);
                    std::partial_sort(order.begin(), order.begin() + k, order.end(), [x](int32_t a, int32_t b) {
                        return less(x[b], x[a]) || (!less(x[a], x[b]) && a < b);
                    });
                    for (int64_t i = 0; i < k; ++i) {
                        static_cast<T*>(out[0])[lane * k + i] = x[order[size_t(i)]];
                        static_cast<int32_t*>(out[1])[lane * k + i] = order[size_t(i)];
                    }
                }
            });
        }};
    });
}

std::vector<Tensor> gradient_top_k(const Gradient& g) {
    if (!g.dout[0]) return {nullptr};
    return {call("take_along_axis_grad", {g.dout[0], g.out[1]}, {{"axis", int64_t(-1)}, {"shape", g.in[0]->shape.vec()}})};
}

// --- searchsorted ---

std::vector<TensorType> infer_searchsorted(const Call& call) {
    check(call.in[0].shape.rank() == 1, "[searchsorted] sorted_sequence must be 1-D. Received: sorted_sequence.shape=",
          call.in[0].shape);
    return {{DType::int32, call.in[1].shape}};
}

Kernel kernel_searchsorted(const Call& call) {
    const int64_t n = call.in[0].count(), count = call.in[1].count();
    const bool right = call.attrs.flag("right");
    return dispatch(call.in[0].dtype, [&](auto zero) -> Kernel {
        using T = decltype(zero);
        return {[=](const void* const* in, void* const* out, void*) {
            const T *s = static_cast<const T*>(in[0]), *v = static_cast<const T*>(in[1]);
            parallel_for(count, 1 << 12, [&](int64_t begin, int64_t end) {
                for (int64_t i = begin; i < end; ++i)
                    static_cast<int32_t*>(out[0])[i] =
                        int32_t((right ? std::upper_bound(s, s + n, v[i], less<T>) : std::lower_bound(s, s + n, v[i], less<T>)) - s);
            });
        }};
    });
}

}  // namespace

FK_OP(argsort, .infer = infer_argsort, .kernel = kernel_argsort)
FK_OP(top_k, .infer = infer_top_k, .kernel = kernel_top_k, .gradient = gradient_top_k)
FK_OP(searchsorted, .infer = infer_searchsorted, .kernel = kernel_searchsorted, .promote = Op::Promote::common)

}  // namespace fk
