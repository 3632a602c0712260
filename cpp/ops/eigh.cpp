// eigh(a) -> values, vectors: a = vectors diag(values) vectors^T for symmetric matrices (..., n, n) of any batch shape,
// the values ascending. Of `a` the rows are read as they are: what is not symmetric is for the caller to remove.
// Computed in double; NaN where the matrix is not finite.
#include "kernels/decompositions.h"
#include "ops/matrices.h"

namespace fk {
namespace {

std::vector<TensorType> infer(const Call& call) {
    const TensorType& a = call.in[0];
    check_square(a, "eigh");
    return {vectors_like(a, side(a)), a};
}

Kernel kernel(const Call& call) {
    const TensorType& a = call.in[0];
    const int64_t n = side(a);
    return by_type(a.dtype, [&](auto zero) -> Kernel {
        using T = decltype(zero);
        const auto work = [=](const void* const* in, void* const* out, int64_t i, double* x) {
            const T* matrix = input<T>(in, 0) + i * n * n;
            T *values = output<T>(out, 0) + i * n, *vectors = output<T>(out, 1) + i * n * n;
            double *turned = x + n * n, *found = turned + n * n, *room = found + n;
            const double scale = magnitude(matrix, n * n);
            for (int64_t j = 0; j < n * n; ++j) x[j] = double(matrix[j]) / scale;
            if (!std::isfinite(scale) || !decompose_symmetric(x, found, turned, n, room)) {
                fill_nan(values, n);
                fill_nan(vectors, n * n);
                return;
            }
            for (int64_t j = 0; j < n; ++j) values[j] = T(found[j] * scale);
            for (int64_t r = 0; r < n; ++r)
                for (int64_t c = 0; c < n; ++c) vectors[r * n + c] = T(turned[c * n + r]);
        };
        return matrix_by_matrix(a, 2 * n * n + 4 * n, work);
    });
}

// Giles, "Collected matrix derivative results for forward and reverse mode", 2008: V (diag(dw) + F o (V^T dV)) V^T with
// F_ij = 1 / (w_j - w_i), 0 on the diagonal. Vectors of equal values have no derivative: it is infinite.
std::vector<Tensor> gradient(const Gradient& g) {
    const Tensor &w = g.out[0], &v = g.out[1], &dw = g.dout[0], &dv = g.dout[1];
    Tensor inner = dw ? diagonal_of(dw) : nullptr;
    if (dv) {
        const Tensor eye = identity(side(*v), v->dtype), distance = as_row(w) - as_column(w);
        const Tensor f = call("reciprocal", {distance + eye}) - eye;
        const Tensor turning = f * product(v, dv, true);
        inner = inner ? inner + turning : turning;
    }
    return {product(product(v, inner), v, false, true)};
}

}  // namespace

FK_OP(eigh, .infer = infer, .kernel = kernel, .gradient = gradient, .widens = true)

}  // namespace fk
