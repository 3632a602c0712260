// Order along the last axis, NaN after every number. Equal elements keep their order.
//   sort(x)                 ascending
//   argsort(x)              int32 positions, ascending
//   top_k(x; k)             the k largest, descending (a NaN counts as largest), and their int32 positions
//   searchsorted(s, v; right)  where v would be inserted into the ascending 1-D s, as int32
#include <algorithm>
#include <bit>

#include "core/parallel.h"
#include "graph/op.h"

namespace fk {
namespace {

// An element as an unsigned key in the same order, NaN above all, -0 equal to 0.
template <class T>
auto key_of(T x) {
    if constexpr (HalfFloat<T>) {
        return key_of(float(x));
    } else if constexpr (std::is_floating_point_v<T>) {
        using U = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
        constexpr U sign = U(1) << (8 * sizeof(T) - 1);
        if (x != x) return U(~U(0));
        const U bits = std::bit_cast<U>(x + T(0));
        return U(bits & sign ? ~bits : bits | sign);
    } else {
        using U = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;
        return U(std::is_signed_v<T> ? U(x) ^ (U(1) << (8 * sizeof(U) - 1)) : U(x));
    }
}

// Key and position as one integer: comparing these needs no look at x and keeps the order of equal elements.
template <class T>
using Packed = std::conditional_t<sizeof(key_of(T())) == 4, uint64_t, unsigned __int128>;

template <class T>
std::vector<Packed<T>>& packed(const T* x, int64_t n, bool descending) {
    thread_local std::vector<Packed<T>> items;
    items.resize(size_t(n));
    for (int64_t i = 0; i < n; ++i) {
        const auto key = key_of(x[i]);
        items[size_t(i)] = Packed<T>(descending ? decltype(key)(~key) : key) << 32 | uint32_t(i);
    }
    return items;
}

// Byte by byte of the keys, the lowest first. On lanes of 1,024 floats ten times as fast as comparing; below 128
// elements the 256 counters cost more than they save.
template <class T>
void sort_packed(std::vector<Packed<T>>& items) {
    if (items.size() < 128) return std::sort(items.begin(), items.end());
    thread_local std::vector<Packed<T>> spare;
    spare.resize(items.size());
    for (int shift = 32; shift < 32 + 8 * int(sizeof(key_of(T()))); shift += 8) {
        uint32_t place[257] = {};
        for (const auto item : items) ++place[uint8_t(item >> shift) + 1];
        if (place[uint8_t(items[0] >> shift) + 1] == items.size()) continue;  // all alike
        for (int b = 0; b < 256; ++b) place[b + 1] += place[b];
        for (const auto item : items) spare[place[uint8_t(item >> shift)]++] = item;
        items.swap(spare);
    }
}

// lanes(begin, end) over the rows along the last axis.
template <class F>
void over_lanes(int64_t lanes, int64_t n, const F& f) {
    parallel_for(lanes, 1 + (1 << 12) / (1 + n), f);
}

void check_sortable(const Call& call, const char* tag) {
    check(call.in[0].shape.rank() > 0, "[", tag, "] x must have at least one dimension. Received: a scalar");
    check(call.in[0].shape[-1] < int64_t(1) << 31, "[", tag,
          "] positions are int32. Received: x.shape=", call.in[0].shape);
}

// emit(lane, i, x, position) for the first `k` of each lane in order.
template <class T, class F>
void ordered(const void* x, int64_t lanes, int64_t n, int64_t k, bool descending, const F& emit) {
    over_lanes(lanes, n, [&](int64_t begin, int64_t end) {
        for (int64_t lane = begin; lane < end; ++lane) {
            const T* row = static_cast<const T*>(x) + lane * n;
            auto& items = packed(row, n, descending);
            if (k == n)
                sort_packed<T>(items);
            else
                std::partial_sort(items.begin(), items.begin() + k, items.end());
            for (int64_t i = 0; i < k; ++i) emit(lane * k + i, row, int32_t(items[size_t(i)]));
        }
    });
}

int64_t lanes_of(const Call& call) {
    const int64_t n = call.in[0].shape[-1];
    return n == 0 ? 0 : call.in[0].count() / n;
}

// --- sort and argsort ---

std::vector<TensorType> infer_sort(const Call& call) {
    check_sortable(call, "sort");
    return {call.in[0]};
}

std::vector<TensorType> infer_argsort(const Call& call) {
    check_sortable(call, "argsort");
    return {{DType::int32, call.in[0].shape}};
}

Kernel kernel_sort(const Call& call) {
    const int64_t n = call.in[0].shape[-1], lanes = lanes_of(call);
    return dispatch(call.in[0].dtype, [&](auto zero) -> Kernel {
        using T = decltype(zero);
        return {[=](const void* const* in, void* const* out, void*) {
            T* y = static_cast<T*>(out[0]);
            ordered<T>(in[0], lanes, n, n, false, [y](int64_t i, const T* x, int32_t p) { y[i] = x[p]; });
        }};
    });
}

Kernel kernel_argsort(const Call& call) {
    const int64_t n = call.in[0].shape[-1], lanes = lanes_of(call);
    return dispatch(call.in[0].dtype, [&](auto zero) -> Kernel {
        using T = decltype(zero);
        return {[=](const void* const* in, void* const* out, void*) {
            int32_t* y = static_cast<int32_t*>(out[0]);
            ordered<T>(in[0], lanes, n, n, false, [y](int64_t i, const T*, int32_t p) { y[i] = p; });
        }};
    });
}

std::vector<Tensor> back_to(const Gradient& g, const Tensor& positions) {
    return {
        call("take_along_axis_grad", {g.dout[0], positions}, {{"axis", int64_t(-1)}, {"shape", g.in[0]->shape.vec()}})};
}

std::vector<Tensor> gradient_sort(const Gradient& g) { return back_to(g, call("argsort", {g.in[0]})); }

// --- top_k ---

std::vector<TensorType> infer_top_k(const Call& call) {
    check_sortable(call, "top_k");
    const int64_t k = call.attrs.integer("k");
    check(0 <= k && k <= call.in[0].shape[-1], "[top_k] k must not be larger than the last dimension. Received: k=", k,
          ", x.shape=", call.in[0].shape);
    Shape shape = call.in[0].shape;
    shape[-1] = k;
    return {{call.in[0].dtype, shape}, {DType::int32, shape}};
}

Kernel kernel_top_k(const Call& call) {
    const int64_t n = call.in[0].shape[-1], k = call.attrs.integer("k"), lanes = lanes_of(call);
    return dispatch(call.in[0].dtype, [&](auto zero) -> Kernel {
        using T = decltype(zero);
        return {[=](const void* const* in, void* const* out, void*) {
            T* values = static_cast<T*>(out[0]);
            int32_t* positions = static_cast<int32_t*>(out[1]);
            ordered<T>(in[0], lanes, n, k, true, [=](int64_t i, const T* x, int32_t p) {
                values[i] = x[p];
                positions[i] = p;
            });
        }};
    });
}

std::vector<Tensor> gradient_top_k(const Gradient& g) {
    if (!g.dout[0]) return {nullptr};
    return back_to(g, g.out[1]);
}

// --- searchsorted ---

template <class T>
bool less(T a, T b) {
    return a < b || (b != b && a == a);
}

std::vector<TensorType> infer_searchsorted(const Call& call) {
    check(call.in[0].shape.rank() == 1,
          "[searchsorted] sorted_sequence must be 1-D. Received: sorted_sequence.shape=", call.in[0].shape);
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
                    static_cast<int32_t*>(out[0])[i] = int32_t((right ? std::upper_bound(s, s + n, v[i], less<T>)
                                                                      : std::lower_bound(s, s + n, v[i], less<T>)) -
                                                               s);
            });
        }};
    });
}

}  // namespace

FK_OP(sort, .infer = infer_sort, .kernel = kernel_sort, .gradient = gradient_sort)
FK_OP(argsort, .infer = infer_argsort, .kernel = kernel_argsort)
FK_OP(top_k, .infer = infer_top_k, .kernel = kernel_top_k, .gradient = gradient_top_k)
FK_OP(searchsorted, .infer = infer_searchsorted, .kernel = kernel_searchsorted, .promote = Op::Promote::common)

}  // namespace fk
