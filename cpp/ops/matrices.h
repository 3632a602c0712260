// What ops on matrices (..., m, n) of any batch shape share.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/slot.h"
#include "ops/by_type.h"
#include "ops/rules.h"

namespace fk {

inline int64_t rows(const TensorType& a) { return a.shape[-2]; }
inline int64_t side(const TensorType& a) { return a.shape[-1]; }
inline int64_t batch(const TensorType& a) { return a.shape.count(0, a.shape.rank() - 2); }

// Matrices of another size in the batch of `a`, and vectors.
inline TensorType matrices_like(const TensorType& a, int64_t m, int64_t n) {
    TensorType result = a;
    result.shape[-2] = m, result.shape[-1] = n;
    return result;
}
inline TensorType vectors_like(const TensorType& a, int64_t n) {
    Shape shape(std::span(a.shape.begin(), a.shape.end() - 1));
    shape[-1] = n;
    return {a.dtype, shape};
}

inline void check_matrices(const TensorType& a, const char* tag) {
    check(a.shape.rank() >= 2, "[", tag, "] matrices have two dimensions or more. Received: shape ", a.shape);
    if (a.dtype != DType::float32 && a.dtype != DType::float64)
        fail<TypeError>("[", tag, "] matrices must be float32 or float64. Received: dtype=", name_of(a.dtype));
}

inline void check_square(const TensorType& a, const char* tag) {
    check(a.shape.rank() >= 2 && a.shape[-1] == a.shape[-2], "[", tag, "] matrices must be square. Received: shape ",
          a.shape);
    check_matrices(a, tag);
}

// f(begin, end) over the matrices of a batch, a chunk being worth handing to a thread.
template <class F>
void over_matrices(int64_t count, int64_t n, const F& f) {
    parallel_for(count, 1 + (1 << 15) / (1 + n * n * n), f);
}

// work(in, out, i, room) for each matrix i of the batch of `a`; `numbers` doubles of room are its own meanwhile.
template <class F>
Kernel matrix_by_matrix(const TensorType& a, int64_t numbers, const F& work) {
    const int64_t count = batch(a), bytes = (8 * numbers + 63) / 64 * 64, n = std::max(rows(a), side(a));
    const int slots = int(std::clamp<int64_t>(std::min<int64_t>(count, num_threads()), 1, 64));
    return {[=](const void* const* in, void* const* out, void* scratch) {
                std::memset(scratch, 0, 64);
                over_matrices(count, n, [&](int64_t begin, int64_t end) {
                    const Slot slot(scratch, static_cast<char*>(scratch) + 64, slots, bytes);
                    for (int64_t i = begin; i < end; ++i) work(in, out, i, reinterpret_cast<double*>(slot.memory));
                });
            },
            size_t(64 + slots * bytes)};
}

// The power of two at or below the greatest |x|, by which numbers are divided without rounding; NaN when one is not
// finite.
template <class T>
double magnitude(const T* x, int64_t n) {
    double most = std::numeric_limits<double>::min();
    for (int64_t i = 0; i < n; ++i) {
        if (!std::isfinite(x[i])) return std::numeric_limits<double>::quiet_NaN();
        most = std::max(most, double(std::abs(x[i])));
    }
    return std::ldexp(1.0, std::ilogb(most));
}

template <class T>
void fill_nan(T* x, int64_t n) {
    std::fill(x, x + n, std::numeric_limits<T>::quiet_NaN());
}

// --- the words of gradient rules ---

inline Tensor turned(const Tensor& a) {
    std::vector<int64_t> perm(size_t(a->shape.rank()));
    for (size_t d = 0; d < perm.size(); ++d) perm[d] = int64_t(d);
    std::swap(perm[perm.size() - 1], perm[perm.size() - 2]);
    return call("transpose", {a}, {{"perm", perm}});
}

inline Tensor product(const Tensor& a, const Tensor& b, bool transpose_a = false, bool transpose_b = false) {
    return call("matmul", {a, b}, {{"transpose_a", transpose_a}, {"transpose_b", transpose_b}});
}

// The matrix (n, n) of f(i, j).
template <class F>
Tensor matrix(int64_t n, DType dtype, const F& f) {
    const Tensor m = full({n, n}, dtype, 0);
    for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j < n; ++j) {
            if (dtype == DType::float32)
                static_cast<float*>(m->data)[i * n + j] = float(f(i, j));
            else
                static_cast<double*>(m->data)[i * n + j] = f(i, j);
        }
    return m;
}

inline Tensor identity(int64_t n, DType dtype) {
    return matrix(n, dtype, [](int64_t i, int64_t j) { return i == j ? 1.0 : 0.0; });
}

// x with its upper (or lower) part made zero and its diagonal scaled.
inline Tensor part(const Tensor& x, bool lower, double diagonal) {
    return x * matrix(side(*x), x->dtype, [&](int64_t i, int64_t j) {
               return i == j ? diagonal : (j < i) == lower ? 1.0 : 0.0;
           });
}

// Vectors (..., n) as rows (..., 1, n) or columns (..., n, 1) of matrices: they broadcast over the others.
inline Tensor as_row(const Tensor& x) {
    std::vector<int64_t> shape = x->shape.vec();
    shape.insert(shape.end() - 1, 1);
    return call("reshape", {x}, {{"shape", shape}});
}
inline Tensor as_column(const Tensor& x) {
    std::vector<int64_t> shape = x->shape.vec();
    shape.push_back(1);
    return call("reshape", {x}, {{"shape", shape}});
}
inline Tensor diagonal_of(const Tensor& x) { return identity(x->shape[-1], x->dtype) * as_row(x); }

}  // namespace fk
