// Systems of equations, for matrices of any batch shape; a (..., n, n), b (..., n, k) with equal batches. NumPy has
// these too, but not inside a program and without gradients. A singular matrix gives NaN.
//   solve(a, b)                      a x = b, by LU with row exchanges
//   triangular_solve(a, b; lower)    the same, reading only the lower or the upper part of a
//   cholesky(a)                      the lower L with a = L L^T; NaN where a is not positive definite
//   slogdet(a)                       sign and log |det|
#include <cmath>
#include <limits>

#include "core/parallel.h"
#include "ops/rules.h"

namespace fk {
namespace {

int64_t side(const TensorType& a) { return a.shape[-1]; }
int64_t batch(const TensorType& a) { return a.shape.count(0, a.shape.rank() - 2); }

void check_square(const TensorType& a, const char* tag) {
    check(a.shape.rank() >= 2 && a.shape[-1] == a.shape[-2], "[", tag, "] matrices must be square. Received: shape ",
          a.shape);
    if (a.dtype != DType::float32 && a.dtype != DType::float64)
        fail<TypeError>("[", tag, "] matrices must be float32 or float64. Received: dtype=", name_of(a.dtype));
}

void check_system(const Call& call, const char* tag) {
    const TensorType &a = call.in[0], &b = call.in[1];
    check_square(a, tag);
    bool fits = a.dtype == b.dtype && a.shape.rank() == b.shape.rank();
    for (int d = 0; fits && d < a.shape.rank() - 1; ++d) fits = a.shape[d] == b.shape[d];
    check(fits, "[", tag, "] b must have the rows, the batch and the dtype of a. Received: a.shape=", a.shape,
          ", b.shape=", b.shape);
}

// f(begin, end) over the matrices of a batch, a chunk being worth handing to a thread.
template <class F>
void over_matrices(int64_t count, int64_t n, const F& f) {
    parallel_for(count, 1 + (1 << 15) / (1 + n * n * n), f);
}

// For float and double: f(T()) -> Kernel.
template <class F>
Kernel for_floats(DType dtype, const F& f) {
    return dtype == DType::float32 ? f(float()) : f(double());
}

// L (unit diagonal) and U in place of a; rows[i] is the row of a that row i of LU came from. Returns the sign of that
// permutation, 0 when a is singular.
template <class T>
int factor(T* a, int32_t* rows, int64_t n) {
    int sign = 1;
    for (int64_t i = 0; i < n; ++i) rows[i] = int32_t(i);
    for (int64_t k = 0; k < n; ++k) {
        int64_t pivot = k;
        for (int64_t i = k + 1; i < n; ++i)
            if (std::abs(a[i * n + k]) > std::abs(a[pivot * n + k])) pivot = i;
        if (!(std::abs(a[pivot * n + k]) > 0)) return 0;  // NaN counts as singular
        if (pivot != k) {
            std::swap_ranges(a + k * n, a + (k + 1) * n, a + pivot * n);
            std::swap(rows[k], rows[pivot]);
            sign = -sign;
        }
        for (int64_t i = k + 1; i < n; ++i) {
            const T factor = a[i * n + k] /= a[k * n + k];
            for (int64_t j = k + 1; j < n; ++j) a[i * n + j] -= factor * a[k * n + j];
        }
    }
    return sign;
}

// Solves in place of x (n, k); `unit`: the diagonal counts as ones.
template <class T>
void substitute(const T* a, T* x, int64_t n, int64_t k, bool lower, bool unit) {
    for (int64_t step = 0; step < n; ++step) {
        const int64_t i = lower ? step : n - 1 - step;
        for (int64_t j = lower ? 0 : i + 1; j < (lower ? i : n); ++j)
            for (int64_t c = 0; c < k; ++c) x[i * k + c] -= a[i * n + j] * x[j * k + c];
        if (!unit)
            for (int64_t c = 0; c < k; ++c) x[i * k + c] /= a[i * n + i];
    }
}

Tensor turned(const Tensor& a) {
    std::vector<int64_t> perm(size_t(a->shape.rank()));
    for (size_t d = 0; d < perm.size(); ++d) perm[d] = int64_t(d);
    std::swap(perm[perm.size() - 1], perm[perm.size() - 2]);
    return call("transpose", {a}, {{"perm", perm}});
}

Tensor product(const Tensor& a, const Tensor& b, bool transpose_a = false, bool transpose_b = false) {
    return call("matmul", {a, b}, {{"transpose_a", transpose_a}, {"transpose_b", transpose_b}});
}

// The matrix of f(i, j).
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

// x with its upper (or lower) part made zero and its diagonal scaled.
Tensor part(const Tensor& x, bool lower, double diagonal) {
    return x * matrix(side(*x), x->dtype, [&](int64_t i, int64_t j) {
               return i == j ? diagonal : (j < i) == lower ? 1.0 : 0.0;
           });
}

// --- solve ---

std::vector<TensorType> infer_solve(const Call& call) {
    check_system(call, "solve");
    return {call.in[1]};
}

Kernel kernel_solve(const Call& call) {
    const int64_t n = side(call.in[0]), k = call.in[1].shape[-1], count = batch(call.in[0]);
    return for_floats(call.in[0].dtype, [&](auto zero) -> Kernel {
        using T = decltype(zero);
        return {[=](const void* const* in, void* const* out, void*) {
            over_matrices(count, n, [&](int64_t begin, int64_t end) {
                thread_local std::vector<T> lu;
                thread_local std::vector<int32_t> rows;
                rows.resize(size_t(n));
                for (int64_t i = begin; i < end; ++i) {
                    const T *a = static_cast<const T*>(in[0]) + i * n * n,
                            *b = static_cast<const T*>(in[1]) + i * n * k;
                    T* x = static_cast<T*>(out[0]) + i * n * k;
                    lu.assign(a, a + n * n);
                    if (factor(lu.data(), rows.data(), n) == 0) {
                        std::fill(x, x + n * k, std::numeric_limits<T>::quiet_NaN());
                        continue;
                    }
                    for (int64_t r = 0; r < n; ++r)
                        std::copy(b + rows[size_t(r)] * k, b + (rows[size_t(r)] + 1) * k, x + r * k);
                    substitute(lu.data(), x, n, k, true, true);
                    substitute(lu.data(), x, n, k, false, false);
                }
            });
        }};
    });
}

std::vector<Tensor> gradient_solve(const Gradient& g) {
    const Tensor db = call("solve", {turned(g.in[0]), g.dout[0]});
    return {g.needs[0] ? -product(db, g.out[0], false, true) : nullptr, db};
}

// --- triangular_solve ---

std::vector<TensorType> infer_triangular(const Call& call) {
    check_system(call, "solve_triangular");
    return {call.in[1]};
}

Kernel kernel_triangular(const Call& call) {
    const int64_t n = side(call.in[0]), k = call.in[1].shape[-1], count = batch(call.in[0]);
    const bool lower = call.attrs.flag("lower");
    return for_floats(call.in[0].dtype, [&](auto zero) -> Kernel {
        using T = decltype(zero);
        return {[=](const void* const* in, void* const* out, void*) {
            over_matrices(count, n, [&](int64_t begin, int64_t end) {
                T* x = static_cast<T*>(out[0]);
                const T* b = static_cast<const T*>(in[1]);
                if (x != b) std::copy(b + begin * n * k, b + end * n * k, x + begin * n * k);
                for (int64_t i = begin; i < end; ++i)
                    substitute(static_cast<const T*>(in[0]) + i * n * n, x + i * n * k, n, k, lower, false);
            });
        }};
    });
}

std::vector<Tensor> gradient_triangular(const Gradient& g) {
    const bool lower = g.attrs.flag("lower");
    const Tensor db = call("triangular_solve", {turned(g.in[0]), g.dout[0]}, {{"lower", !lower}});
    return {g.needs[0] ? -part(product(db, g.out[0], false, true), lower, 1) : nullptr, db};
}

// --- cholesky ---

std::vector<TensorType> infer_cholesky(const Call& call) {
    check_square(call.in[0], "cholesky");
    return {call.in[0]};
}

Kernel kernel_cholesky(const Call& call) {
    const int64_t n = side(call.in[0]), count = batch(call.in[0]);
    return for_floats(call.in[0].dtype, [&](auto zero) -> Kernel {
        using T = decltype(zero);
        return {[=](const void* const* in, void* const* out, void*) {
            over_matrices(count, n, [&](int64_t begin, int64_t end) {
                for (int64_t m = begin; m < end; ++m) {
                    const T* a = static_cast<const T*>(in[0]) + m * n * n;
                    T* l = static_cast<T*>(out[0]) + m * n * n;
                    bool definite = true;
                    for (int64_t i = 0; i < n; ++i) {
                        for (int64_t j = 0; j <= i; ++j) {
                            T sum = a[i * n + j];
                            for (int64_t k = 0; k < j; ++k) sum -= l[i * n + k] * l[j * n + k];
                            definite = definite && (i != j || sum > 0);
                            l[i * n + j] = i == j ? std::sqrt(sum) : sum / l[j * n + j];
                        }
                        std::fill(l + i * n + i + 1, l + (i + 1) * n, T(0));
                    }
                    if (!definite) std::fill(l, l + n * n, std::numeric_limits<T>::quiet_NaN());
                }
            });
        }};
    });
}

// Murray, "Differentiation of the Cholesky decomposition", 2016: L^-T P L^-1 with P the lower part of L^T dL, its
// diagonal halved; the gradient is that made symmetric.
std::vector<Tensor> gradient_cholesky(const Gradient& g) {
    const Tensor& l = g.out[0];
    const Tensor p = part(product(l, g.dout[0], true), true, 0.5);
    const Tensor half = call("triangular_solve", {turned(l), p}, {{"lower", false}});
    const Tensor s = turned(call("triangular_solve", {turned(l), turned(half)}, {{"lower", false}}));
    return {0.5 * (s + turned(s))};
}

// --- slogdet ---

std::vector<TensorType> infer_slogdet(const Call& call) {
    const TensorType& a = call.in[0];
    check_square(a, "slogdet");
    const TensorType scalar{a.dtype, Shape(std::span(a.shape.begin(), a.shape.end() - 2))};
    return {scalar, scalar};
}

Kernel kernel_slogdet(const Call& call) {
    const int64_t n = side(call.in[0]), count = batch(call.in[0]);
    return for_floats(call.in[0].dtype, [&](auto zero) -> Kernel {
        using T = decltype(zero);
        return {[=](const void* const* in, void* const* out, void*) {
            over_matrices(count, n, [&](int64_t begin, int64_t end) {
                thread_local std::vector<T> lu;
                thread_local std::vector<int32_t> rows;
                rows.resize(size_t(n));
                for (int64_t m = begin; m < end; ++m) {
                    const T* a = static_cast<const T*>(in[0]) + m * n * n;
                    lu.assign(a, a + n * n);
                    int sign = factor(lu.data(), rows.data(), n);
                    T log = sign == 0 ? -std::numeric_limits<T>::infinity() : T(0);
                    for (int64_t i = 0; sign != 0 && i < n; ++i) {
                        const T pivot = lu[size_t(i * n + i)];
                        sign = pivot < 0 ? -sign : sign;
                        log += std::log(std::abs(pivot));
                    }
                    static_cast<T*>(out[0])[m] = T(sign);
                    static_cast<T*>(out[1])[m] = log;
                }
            });
        }};
    });
}

std::vector<Tensor> gradient_slogdet(const Gradient& g) {
    if (!g.dout[1]) return {nullptr};
    const TensorType& a = *g.in[0];
    const Tensor eye = matrix(side(a), a.dtype, [](int64_t i, int64_t j) { return i == j ? 1.0 : 0.0; });
    std::vector<int64_t> scalar = g.dout[1]->shape.vec();
    scalar.insert(scalar.end(), {1, 1});
    return {call("solve", {turned(g.in[0]), eye * call("reshape", {g.dout[1]}, {{"shape", scalar}})})};
}

}  // namespace

FK_OP(solve, .infer = infer_solve, .kernel = kernel_solve, .gradient = gradient_solve, .widens = true)
FK_OP(triangular_solve, .infer = infer_triangular, .kernel = kernel_triangular, .gradient = gradient_triangular,
      .widens = true)
FK_OP(cholesky, .infer = infer_cholesky, .kernel = kernel_cholesky, .gradient = gradient_cholesky, .widens = true)
FK_OP(slogdet, .infer = infer_slogdet, .kernel = kernel_slogdet, .gradient = gradient_slogdet, .widens = true)

}  // namespace fk
