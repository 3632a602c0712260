// qr(a; complete) -> q, r: a = q r with orthonormal columns of q and upper triangular r, for matrices (..., m, n) of
// any batch shape. q is (m, k) and r (k, n), with k = min(m, n), or m when `complete`. Computed in double.
#include "kernels/decompositions.h"
#include "ops/matrices.h"

namespace fk {
namespace {

std::vector<TensorType> infer(const Call& call) {
    const TensorType& a = call.in[0];
    check_matrices(a, "qr");
    const int64_t m = rows(a), n = side(a), k = call.attrs.flag("complete") ? m : std::min(m, n);
    return {matrices_like(a, m, k), matrices_like(a, k, n)};
}

Kernel kernel(const Call& call) {
    const TensorType& a = call.in[0];
    const int64_t m = rows(a), n = side(a), k = side(call.out[0]);
    return by_type(a.dtype, [&](auto zero) -> Kernel {
        using T = decltype(zero);
        const int64_t numbers = m * n + m * k + 2 * std::max(m, n);
        const auto work = [=](const void* const* in, void* const* out, int64_t i, double* r) {
            const T* x = input<T>(in, 0) + i * m * n;
            double *q = r + m * n, *room = q + m * k;
            // NaN where the matrix is not finite
            const double scale = magnitude(x, m * n);
            for (int64_t j = 0; j < m * n; ++j) r[j] = double(x[j]) / scale;
            decompose_qr(r, q, m, n, k, room);
            for (int64_t j = 0; j < m * k; ++j) output<T>(out, 0)[i * m * k + j] = T(q[j] + 0 * scale);
            for (int64_t j = 0; j < k * n; ++j) output<T>(out, 1)[i * k * n + j] = T(r[j] * scale);
        };
        return matrix_by_matrix(a, numbers, work);
    });
}

// The gradient of a = q r for m >= n: (dq + q h) r^-T with the symmetric h that has the lower part of
// r dr^T - dq^T q (Walter & Lehmann, "Algorithmic differentiation of linear algebra functions", 2013).
Tensor gradient_of_tall(const Tensor& q, const Tensor& r, const Tensor& dq, const Tensor& dr) {
    Tensor h = dr ? product(r, dr, false, true) : nullptr;
    if (dq) h = h ? h - product(dq, q, true) : -product(dq, q, true);
    Tensor total = product(q, part(h, true, 1) + turned(part(h, true, 0)));
    if (dq) total = dq + total;
    return turned(call("triangular_solve", {r, turned(total)}, {{"lower", false}}));
}

Tensor columns(const Tensor& x, int64_t begin, int64_t end) {
    std::vector<int64_t> stop = x->shape.vec(), start(stop.size());
    start.back() = begin, stop.back() = end;
    return call("slice", {x}, {{"start", start}, {"stop", stop}});
}

std::vector<Tensor> gradient(const Gradient& g) {
    const Tensor &a = g.in[0], &q = g.out[0], &r = g.out[1], &dq = g.dout[0], &dr = g.dout[1];
    const int64_t m = rows(*a), n = side(*a);
    check(m <= n || side(*q) == n, "[qr] mode 'complete' has a gradient where there are no more rows than columns. ",
          "Received: x.shape=", a->shape);
    if (m >= n) return {gradient_of_tall(q, r, dq, dr)};
    // Of the first m columns, which make q; the others are q times theirs of r.
    const Tensor first = columns(r, 0, m);
    if (!dr) return {call("place", {gradient_of_tall(q, first, dq, nullptr)}, {{"shape", a->shape.vec()}})};
    const Tensor rest = columns(dr, m, n), through_q = product(columns(a, m, n), rest, false, true);
    const Tensor square = gradient_of_tall(q, first, dq ? dq + through_q : through_q, columns(dr, 0, m));
    return {call("concatenate", {square, product(q, rest)}, {{"axis", int64_t(-1)}})};
}

}  // namespace

FK_OP(qr, .infer = infer, .kernel = kernel, .gradient = gradient, .widens = true)

}  // namespace fk
