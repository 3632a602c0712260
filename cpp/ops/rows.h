// A tensor seen as (outer, n, inner) around one axis, from or to which `picked` rows go by index.
#pragma once
#include <algorithm>

#include "core/parallel.h"
#include "core/tensor.h"
#include "ops/index.h"

namespace fk {

struct Rows {
    int64_t outer, n, inner, picked;

    Rows(const Shape& x, int axis, int64_t indices)
        : outer(x.count(0, axis)), n(x[axis]), inner(x.count(axis + 1, x.rank())), picked(indices) {}

    int64_t grain() const { return 1 + (1 << 14) / (1 + inner); }  // rows worth handing to a thread
};

inline Shape with_axis_replaced(const Shape& x, int axis, const Shape& by) {
    std::vector<int64_t> dims(x.begin(), x.begin() + axis);
    dims.insert(dims.end(), by.begin(), by.end());
    dims.insert(dims.end(), x.begin() + axis + 1, x.end());
    return Shape{std::span<const int64_t>(dims)};
}

// y = base (zeros when null), then y[o, indices[j], :] = combine(y[o, indices[j], :], updates[o, j, :]) for j in order.
// Each row of y belongs to one chunk and its updates come in the order of j: the same bits for any number of threads.
template <class T, class F>
void combine_rows(const Rows& r, T* y, const T* base, const T* updates, const void* indices, DType index_type,
                  const F& combine) {
    const int64_t total = r.outer * r.n * r.inner;
    if (total == 0) return;
    // With few outer slices, ranges of rows: every chunk reads all indices, so no more than eight.
    const int64_t ranges = r.outer >= 8 ? 1 : std::clamp<int64_t>(total >> 16, 1, std::min<int64_t>(8, r.n));
    const int64_t per_range = (r.n + ranges - 1) / ranges;
    parallel_for(r.outer * ranges, total >> 16 ? 1 : r.outer * ranges, [&](int64_t begin, int64_t end) {
        for (int64_t chunk = begin; chunk < end; ++chunk) {
            const int64_t o = chunk / ranges, first = chunk % ranges * per_range,
                          last = std::min(first + per_range, r.n);
            if (first >= last) continue;
            T* to = y + o * r.n * r.inner;
            T *rows_begin = to + first * r.inner, *rows_end = to + last * r.inner;
            if (base == nullptr)
                std::fill(rows_begin, rows_end, T(0.f));
            else if (base != y)
                std::copy(base + (rows_begin - y), base + (rows_end - y), rows_begin);
            for (int64_t j = 0; j < r.picked; ++j) {
                const int64_t row = wrapped(index_at(indices, index_type, j), r.n);
                if (row < first || row >= last) continue;
                T* target = to + row * r.inner;
                const T* update = updates + (o * r.picked + j) * r.inner;
                for (int64_t i = 0; i < r.inner; ++i) target[i] = combine(target[i], update[i]);
            }
        }
    });
}

}  // namespace fk
