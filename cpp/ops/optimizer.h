// What the update ops share: one node updates all variables of an optimizer, as one index space.
//
// Inputs are groups of n tensors, one per variable: the variables, their gradients, and slots; then one scalar. Outputs
// are all groups but the gradients. In a program a gradient of which few rows are not zero, an embedding's, need not be
// stored: take_grad becomes part of the update. The attribute `rows` then numbers the variables whose (dy, indices)
// come first, and the group of gradients is without theirs.
#pragma once
#include <optional>

#include "core/parallel.h"
#include "graph/op.h"
#include "ops/row_gradient.h"

namespace fk {

// Where the tensors are.
struct UpdateInputs {
    explicit UpdateInputs(const Attrs& attrs)
        : n(attrs.integer("n")), rows(attrs.has("rows") ? attrs.integers("rows") : std::vector<int64_t>()) {}

    int64_t n;
    std::vector<int64_t> rows;

    int64_t variable(int64_t i) const { return 2 * int64_t(rows.size()) + i; }
    int64_t slot(int64_t group, int64_t i) const { return int64_t(rows.size()) + (2 + group) * n + i; }
    // dy of a gradient by rows, whose indices come next.
    int64_t gradient(int64_t i) const {
        int64_t before = 0;
        for (size_t k = 0; k < rows.size(); ++k) {
            if (rows[k] == i) return 2 * int64_t(k);
            before += rows[k] < i;
        }
        return variable(n) + i - before;
    }
    bool by_rows(int64_t i) const { return std::find(rows.begin(), rows.end(), i) != rows.end(); }
};

inline std::vector<TensorType> infer_update(const Call& call, const char* tag, int64_t groups) {
    const int64_t n = call.attrs.integer("n");
    check(int64_t(call.in.size()) == n * groups + 1 && n > 0, "[", tag, "] needs ", groups,
          " groups of n tensors and a scalar. Received: n=", n, ", ", call.in.size(), " tensors");
    const DType dtype = call.in[0].dtype;
    check(dtype == DType::float32 || dtype == DType::float64, "[", tag,
          "] variables must be float32 or float64. Received: dtype=", name_of(dtype));
    for (size_t i = 0; i + 1 < call.in.size(); ++i) {
        const TensorType& variable = call.in[i % size_t(n)];
        check(call.in[i] == variable && variable.dtype == dtype, "[", tag,
              "] gradients and slots must have the shape and dtype of their variable. Received: ", call.in[i].shape,
              " ", name_of(call.in[i].dtype), " for a variable ", variable.shape, " ", name_of(variable.dtype));
    }
    check(call.in.back().count() == 1 && call.in.back().dtype == dtype, "[", tag,
          "] the learning rate must be one number of the variables' dtype. Received: ", call.in.back().shape, " ",
          name_of(call.in.back().dtype));
    std::vector<TensorType> out(call.in.begin(), call.in.begin() + n);
    out.insert(out.end(), call.in.begin() + 2 * n, call.in.end() - 1);
    return out;
}

inline std::vector<std::pair<int, int>> in_place_update(const Call& call) {
    const UpdateInputs at(call.attrs);
    std::vector<std::pair<int, int>> pairs;
    for (int64_t i = 0; i < at.n; ++i) pairs.push_back({int(i), int(at.variable(i))});
    for (int64_t o = at.n, in = at.slot(0, 0); in + 1 < int64_t(call.in.size()); ++o, ++in)
        pairs.push_back({int(o), int(in)});
    return pairs;
}

// The update `next` with its input number `operand`, a gradient, taken by rows.
inline std::optional<Op::Absorbed> absorb_rows(const Op& next, const Call& next_call, int operand) {
    if (next.in_place != in_place_update) return std::nullopt;
    const UpdateInputs at(next_call.attrs);
    for (int64_t i = 0; i < at.n; ++i) {
        if (at.by_rows(i) || at.gradient(i) != operand) continue;
        Op::Absorbed both{next.name, next_call.attrs, {}};
        std::vector<int64_t> rows{i};
        rows.insert(rows.end(), at.rows.begin(), at.rows.end());
        both.attrs.set("rows", std::move(rows));
        for (int k = 0; k < int(next_call.in.size()); ++k)
            if (k != operand) both.extra.push_back(k);
        return both;
    }
    return std::nullopt;
}

// Elements [from, from + count) of one variable.
template <class T>
struct UpdatePiece {
    const UpdateInputs& at;
    const void* const* in;
    void* const* out;
    int64_t variable, from, count;
    const T* gradient;

    T* value() const { return static_cast<T*>(out[variable]) + from; }
    const T* old_value() const { return static_cast<const T*>(in[at.variable(variable)]) + from; }
    // Null where the update has no such slot.
    T* slot(int64_t group, bool present = true) const {
        return present ? static_cast<T*>(out[(1 + group) * at.n + variable]) + from : nullptr;
    }
    const T* old_slot(int64_t group, bool present = true) const {
        return present ? static_cast<const T*>(in[at.slot(group, variable)]) + from : nullptr;
    }
};

class Update {
public:
    explicit Update(const Call& call) : at_(call.attrs) {
        for (int64_t i = 0; i < at_.n; ++i) {
            starts_.push_back(starts_.back() + call.in[at_.variable(i)].count());
            gradients_.push_back(at_.gradient(i));
            offsets_.push_back(scratch_bytes_);
            rows_.emplace_back();
            if (!at_.by_rows(i)) continue;
            const int64_t dy = at_.gradient(i);
            rows_.back().emplace(call.in[dy], call.in[dy + 1], call.in[at_.variable(i)]);
            scratch_bytes_ += (rows_.back()->scratch_bytes() + 63) / 64 * 64;
        }
    }
    size_t scratch_bytes() const { return scratch_bytes_; }

    // f(piece) over all elements of all variables, one after another, in pieces that do not depend on the number of
    // threads. A chunk of 8,192 is some 2.5 us of an Adam step from L2: small enough to share the 100,000 parameters of
    // a small net evenly, large beside the cost of handing it out.
    template <class T, class F>
    void for_each(const void* const* in, void* const* out, void* scratch, const F& f) const {
        const auto lists = [&](int64_t i) { return static_cast<char*>(scratch) + offsets_[i]; };
        for (int64_t i : at_.rows) rows_[i]->sort(in[gradients_[i] + 1], lists(i));
        const auto update = [&](int64_t i, int64_t from, int64_t to) {
            const T* g = static_cast<const T*>(in[gradients_[i]]);
            UpdatePiece<T> piece{at_, in, out, i, from, to - from, g + from};
            if (!rows_[i]) return f(piece);
            alignas(64) T rows[RowGradient::kElements];
            for (piece.gradient = rows; piece.from < to; piece.from += piece.count) {
                piece.count = rows_[i]->fill(g, in[gradients_[i] + 1], lists(i), piece.from, to, rows);
                f(piece);
            }
        };
        parallel_for(starts_.back(), 8192, [&](int64_t begin, int64_t end) {
            int64_t i = std::upper_bound(starts_.begin(), starts_.end(), begin) - starts_.begin() - 1;
            for (; begin < end; ++i) {
                const int64_t stop = std::min(end, starts_[i + 1]);
                if (stop > begin) update(i, begin - starts_[i], stop - starts_[i]);
                begin = std::max(begin, stop);
            }
        });
    }

private:
    UpdateInputs at_;
    std::vector<int64_t> starts_{0}, gradients_;
    std::vector<std::optional<RowGradient>> rows_;  // of the variables whose gradients come so
    std::vector<size_t> offsets_;
    size_t scratch_bytes_ = 0;
};

}  // namespace fk
