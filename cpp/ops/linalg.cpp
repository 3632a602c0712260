// Systems of equations, for matrices of any batch shape; a (..., n, n), b (..., n, k) with equal batches. A singular
// matrix gives NaN.
//   solve(a, b)                      a x = b, by LU with row exchanges
//   triangular_solve(a, b; lower)    the same, reading only the lower or the upper part of a
//   cholesky(a)                      the lower L with a = L L^T; NaN where a is not positive definite
//   slogdet(a)                       sign and log |det|
//   lu_factor(a)                     L below and U on and above the diagonal; as int32 the row with which each one was
//                                    exchanged in turn, and the row of a that it is; a is (..., m, n)
#include "ops/matrices.h"

namespace fk {
namespace {

void check_system(const Call& call, const char* tag) {
    const TensorType &a = call.in[0], &b = call.in[1];
    check_square(a, tag);
    bool fits = a.dtype == b.dtype && a.shape.rank() == b.shape.rank();
    for (int d = 0; fits && d < a.shape.rank() - 1; ++d) fits = a.shape[d] == b.shape[d];
    check(fits, "[", tag, "] b must have the rows, the batch and the dtype of a. Received: a.shape=", a.shape,
          ", b.shape=", b.shape);
}

// L (unit diagonal) and U in place of a (m, n); origin[i] is the row of a that row i of LU came from, and where
// `exchanged` is not null, row k was exchanged with row exchanged[k] in step k. Returns the sign of that permutation, 0
// when a is singular.
template <class T>
int factor(T* a, int32_t* origin, int32_t* exchanged, int64_t m, int64_t n) {
    int sign = 1;
    bool singular = false;
    for (int64_t i = 0; i < m; ++i) origin[i] = int32_t(i);
    for (int64_t k = 0; k < std::min(m, n); ++k) {
        int64_t pivot = k;
        for (int64_t i = k + 1; i < m; ++i)
            if (std::abs(a[i * n + k]) > std::abs(a[pivot * n + k])) pivot = i;
        if (exchanged) exchanged[k] = int32_t(pivot);
        singular = singular || !(std::abs(a[pivot * n + k]) > 0);  // NaN counts as singular
        if (a[pivot * n + k] == 0) continue;
        if (pivot != k) {
            std::swap_ranges(a + k * n, a + (k + 1) * n, a + pivot * n);
            std::swap(origin[k], origin[pivot]);
            sign = -sign;
        }
        for (int64_t i = k + 1; i < m; ++i) {
            const T factor = a[i * n + k] /= a[k * n + k];
            for (int64_t j = k + 1; j < n; ++j) a[i * n + j] -= factor * a[k * n + j];
        }
    }
    return singular ? 0 : sign;
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

// --- solve ---

std::vector<TensorType> infer_solve(const Call& call) {
    check_system(call, "solve");
    return {call.in[1]};
}

Kernel kernel_solve(const Call& call) {
    const int64_t n = side(call.in[0]), k = call.in[1].shape[-1], count = batch(call.in[0]);
    return by_type(call.in[0].dtype, [&](auto zero) -> Kernel {
        using T = decltype(zero);
        return {[=](const void* const* in, void* const* out, void*) {
            over_matrices(count, n, [&](int64_t begin, int64_t end) {
                thread_local std::vector<T> lu;
                thread_local std::vector<int32_t> origin;
                origin.resize(size_t(n));
                for (int64_t i = begin; i < end; ++i) {
                    const T *a = static_cast<const T*>(in[0]) + i * n * n,
                            *b = static_cast<const T*>(in[1]) + i * n * k;
                    T* x = static_cast<T*>(out[0]) + i * n * k;
                    lu.assign(a, a + n * n);
                    if (factor(lu.data(), origin.data(), nullptr, n, n) == 0) {
                        std::fill(x, x + n * k, std::numeric_limits<T>::quiet_NaN());
                        continue;
                    }
                    for (int64_t r = 0; r < n; ++r)
                        std::copy(b + origin[size_t(r)] * k, b + (origin[size_t(r)] + 1) * k, x + r * k);
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
    return by_type(call.in[0].dtype, [&](auto zero) -> Kernel {
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
    return by_type(call.in[0].dtype, [&](auto zero) -> Kernel {
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
    return by_type(call.in[0].dtype, [&](auto zero) -> Kernel {
        using T = decltype(zero);
        return {[=](const void* const* in, void* const* out, void*) {
            over_matrices(count, n, [&](int64_t begin, int64_t end) {
                thread_local std::vector<T> lu;
                thread_local std::vector<int32_t> origin;
                origin.resize(size_t(n));
                for (int64_t m = begin; m < end; ++m) {
                    const T* a = static_cast<const T*>(in[0]) + m * n * n;
                    lu.assign(a, a + n * n);
                    int sign = factor(lu.data(), origin.data(), nullptr, n, n);
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
    std::vector<int64_t> scalar = g.dout[1]->shape.vec();
    scalar.insert(scalar.end(), {1, 1});
    const Tensor scale = call("reshape", {g.dout[1]}, {{"shape", scalar}});
    return {call("solve", {turned(g.in[0]), identity(side(a), a.dtype) * scale})};
}

// --- lu_factor ---

std::vector<TensorType> infer_lu(const Call& call) {
    const TensorType& a = call.in[0];
    check_matrices(a, "lu_factor");
    const int64_t m = rows(a), n = side(a);
    return {a, {DType::int32, vectors_like(a, std::min(m, n)).shape}, {DType::int32, vectors_like(a, m).shape}};
}

Kernel kernel_lu(const Call& call) {
    const int64_t m = rows(call.in[0]), n = side(call.in[0]), k = std::min(m, n), count = batch(call.in[0]);
    return by_type(call.in[0].dtype, [&](auto zero) -> Kernel {
        using T = decltype(zero);
        return {[=](const void* const* in, void* const* out, void*) {
            over_matrices(count, std::max(m, n), [&](int64_t begin, int64_t end) {
                for (int64_t i = begin; i < end; ++i) {
                    const T* a = input<T>(in, 0) + i * m * n;
                    T* lu = output<T>(out, 0) + i * m * n;
                    std::copy(a, a + m * n, lu);
                    factor(lu, output<int32_t>(out, 2) + i * m, output<int32_t>(out, 1) + i * k, m, n);
                }
            });
        }};
    });
}

Tensor cut(const Tensor& x, const Shape& shape) {
    if (x->shape == shape) return x;
    return call("slice", {x}, {{"start", std::vector<int64_t>(size_t(shape.rank()))}, {"stop", shape.vec()}});
}
Tensor filled(const Tensor& x, const Shape& shape) {
    if (x->shape == shape) return x;
    return call("place", {x}, {{"shape", shape.vec()}});
}

// De Hoog, Anderssen & Lukas, "Differentiation of matrix functionals using triangular factorization", 2011. Zeros make
// the matrices square; U has ones on the rest of its diagonal.
std::vector<Tensor> gradient_lu(const Gradient& g) {
    if (!g.dout[0]) return {nullptr};
    const TensorType& a = *g.in[0];
    const int64_t m = rows(a), n = side(a), k = std::min(m, n), size = std::max(m, n);
    const Shape square = matrices_like(a, size, size).shape;
    const Tensor lu = filled(g.out[0], square), d = filled(g.dout[0], square);
    const Tensor rest = matrix(size, a.dtype, [&](int64_t i, int64_t j) { return i == j && i >= k ? 1.0 : 0.0; });
    const Tensor lower = part(lu, true, 0) + identity(size, a.dtype), upper = part(lu, false, 1) + rest;
    const Tensor x = part(product(lower, d, true), true, 0) + part(product(d, upper, false, true), false, 1);
    const Tensor half = call("triangular_solve", {turned(lower), x}, {{"lower", false}});
    const Tensor whole = turned(call("triangular_solve", {upper, turned(half)}, {{"lower", false}}));
    const Tensor origin = call("broadcast_to", {as_column(g.out[2])}, {{"shape", a.shape.vec()}});
    return {call("take_along_axis_grad", {cut(whole, a.shape), origin},
                 {{"axis", int64_t(a.shape.rank() - 2)}, {"shape", a.shape.vec()}})};
}

}  // namespace

FK_OP(solve, .infer = infer_solve, .kernel = kernel_solve, .gradient = gradient_solve, .widens = true)
FK_OP(triangular_solve, .infer = infer_triangular, .kernel = kernel_triangular, .gradient = gradient_triangular,
      .widens = true)
FK_OP(cholesky, .infer = infer_cholesky, .kernel = kernel_cholesky, .gradient = gradient_cholesky, .widens = true)
FK_OP(lu_factor, .infer = infer_lu, .kernel = kernel_lu, .gradient = gradient_lu, .widens = true)
FK_OP(slogdet, .infer = infer_slogdet, .kernel = kernel_slogdet, .gradient = gradient_slogdet, .widens = true)

}  // namespace fk
