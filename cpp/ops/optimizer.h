// What the update ops share: one node updates all variables of an optimizer, as one index space.
#pragma once
#include <algorithm>

#include "core/parallel.h"
#include "graph/op.h"

namespace fk {

// Inputs and outputs of an update op are groups of n tensors, one per variable, variables first; then one scalar.
inline void check_update(const Call& call, const char* tag, int64_t n, int64_t groups) {
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
}

// The outputs are all input groups but the gradients, which are group 1.
inline std::vector<TensorType> infer_update(const Call& call, const char* tag, int64_t groups) {
    const int64_t n = call.attrs.integer("n");
    check_update(call, tag, n, groups);
    std::vector<TensorType> out(call.in.begin(), call.in.begin() + n);
    out.insert(out.end(), call.in.begin() + 2 * n, call.in.end() - 1);
    return out;
}

inline std::vector<std::pair<int, int>> in_place_update(const Call& call) {
    const int n = int(call.attrs.integer("n")), outputs = int(call.in.size()) - 1 - n;
    std::vector<std::pair<int, int>> pairs;
    for (int i = 0; i < outputs; ++i) pairs.push_back({i, i < n ? i : i + n});
    return pairs;
}

// The elements of all variables, one after another. A chunk of 8,192 is some 2.5 us of an Adam step from L2: small
// enough to share the 100,000 parameters of a small net evenly, large beside the cost of handing it out.
class IndexSpace {
public:
    IndexSpace(const Call& call, int64_t n) : starts_(size_t(n) + 1, 0) {
        for (int64_t i = 0; i < n; ++i) starts_[i + 1] = starts_[i] + call.in[i].count();
    }
    // f(variable, from, count) in pieces that do not depend on the number of threads.
    template <class F>
    void for_each(const F& f) const {
        parallel_for(starts_.back(), 8192, [&](int64_t begin, int64_t end) {
            size_t i = size_t(std::upper_bound(starts_.begin(), starts_.end(), begin) - starts_.begin()) - 1;
            for (; begin < end; ++i) {
                const int64_t stop = std::min(end, starts_[i + 1]);
                if (stop > begin) f(i, begin - starts_[i], stop - begin);
                begin = std::max(begin, stop);
            }
        });
    }

private:
    std::vector<int64_t> starts_;
};

// Element `from` of tensor number `i`, or null.
template <class T>
T* element(void* const* tensors, size_t i, int64_t from, bool present = true) {
    return present ? static_cast<T*>(tensors[i]) + from : nullptr;
}
template <class T>
const T* element(const void* const* tensors, size_t i, int64_t from, bool present = true) {
    return present ? static_cast<const T*>(tensors[i]) + from : nullptr;
}

}  // namespace fk
