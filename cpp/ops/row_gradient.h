// The gradient of a table of which some rows were taken, as take_grad would make it, a few rows at a time.
#pragma once
#include <algorithm>
#include <bit>

#include "ops/index.h"

namespace fk {

class RowGradient {
public:
    static constexpr int64_t kElements = 1024;  // at most, that `fill` makes: 4 KB stay in the L1

    RowGradient(const TensorType& dy, const TensorType& indices, const TensorType& table)
        : rows_(table.shape[0]),
          width_(table.count() / rows_),
          picked_(dy.count() / width_),
          shift_(std::bit_width(uint64_t(std::max<int64_t>(1, kElements / width_))) - 1),
          type_(indices.dtype) {}

    size_t scratch_bytes() const { return size_t(blocks() + 1 + picked_) * sizeof(int32_t); }

    // Picked rows by block of the table, each block's in the order of the indices: the sums of take_grad, bit by bit.
    void sort(const void* indices, void* scratch) const {
        int32_t *ends = static_cast<int32_t*>(scratch), *order = ends + blocks() + 1;
        std::fill(ends, order, 0);
        for_each(indices, [&](int64_t, int64_t row) { ++ends[(row >> shift_) + 1]; });
        for (int64_t b = 0; b < blocks(); ++b) ends[b + 1] += ends[b];
        for_each(indices, [&](int64_t j, int64_t row) { order[ends[row >> shift_]++] = int32_t(j); });
    }

    // The gradient from element `from` of the table on, not beyond `to`: gives how many elements it made.
    template <class T>
    int64_t fill(const T* dy, const void* indices, const void* scratch, int64_t from, int64_t to, T* gradient) const {
        const int32_t *ends = static_cast<const int32_t*>(scratch), *order = ends + blocks() + 1;
        const int64_t block = (from / width_) >> shift_;
        to = std::min({to, from + kElements, ((block + 1) << shift_) * width_});
        std::fill(gradient, gradient + (to - from), T(0));
        for (int32_t k = block > 0 ? ends[block - 1] : 0; k < ends[block]; ++k) {
            const int64_t start = wrapped(index_at(indices, type_, order[k]), rows_) * width_;
            const int64_t first = std::max(from, start), last = std::min(to, start + width_);
            const int64_t at = order[k] * width_ - start;
            for (int64_t i = first; i < last; ++i) gradient[i - from] += dy[at + i];
        }
        return to - from;
    }

private:
    int64_t blocks() const { return (rows_ >> shift_) + 1; }

    template <class F>
    void for_each(const void* indices, const F& f) const {
        for (int64_t j = 0; j < picked_; ++j) {
            const int64_t row = wrapped(index_at(indices, type_, j), rows_);
            if (row >= 0 && row < rows_) f(j, row);
        }
    }

    int64_t rows_, width_, picked_;
    int shift_;  // a block has 2^shift rows
    DType type_;
};

}  // namespace fk
