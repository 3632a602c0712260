// Singular values, for matrices (..., m, n) of any batch shape. Computed in double; NaN where the matrix is not finite.
//   svd(a; full) -> u, s, vt     a = u diag(s) vt, s descending; u is (m, k) and vt (k, n), k = min(m, n), or square
//                                when `full`
//   singular_values(a) -> s
//   pinv(a; rcond)               the pseudo-inverse; singular values up to rcond times the largest count as 0
#include "kernels/decompositions.h"
#include "ops/matrices.h"

namespace fk {
namespace {

// A matrix of which the longer side, of length p, are the columns of k rows.
struct Sides {
    int64_t m, n, k, p;
    bool tall;
    explicit Sides(const TensorType& a) : m(rows(a)), n(side(a)), k(std::min(m, n)), p(std::max(m, n)), tall(m > n) {}
    // Numbers that a Decomposed has, with `wanted` directions.
    int64_t room(int64_t wanted) const { return k + k * k + wanted * p + room_for_rows(k, p); }
};

// In memory of the caller: scale * turns^T diag(values) directions is the matrix, or its transpose when it is tall.
struct Decomposed {
    double *values, *turns, *directions;
    double scale;
};

// False where there are none.
template <class T>
bool decompose(const Sides& s, const T* a, bool vectors, double* room, Decomposed& d) {
    double* values = room + room_for_rows(s.k, s.p);
    d = {values, values + s.k, values + s.k + s.k * s.k, magnitude(a, s.m * s.n)};
    if (!std::isfinite(d.scale)) return false;
    for (int64_t i = 0; i < s.m; ++i)
        for (int64_t j = 0; j < s.n; ++j)
            d.directions[s.tall ? j * s.p + i : i * s.p + j] = double(a[i * s.n + j]) / d.scale;
    return decompose_rows(d.directions, d.values, vectors ? d.turns : nullptr, s.k, s.p, room);
}

// The directions that are missing among the first `wanted`: columns of Q, where Q R are those that there are.
int64_t room_to_complete(const Sides& s, int64_t wanted) { return s.p * (s.k + wanted + 2); }
void complete(const Sides& s, const Decomposed& d, int64_t wanted, double* room) {
    int64_t there = 0;
    while (there < s.k && d.values[there] > 0) ++there;
    if (there == wanted) return;
    double *columns = room, *q = columns + s.p * s.k;
    for (int64_t i = 0; i < s.p; ++i)
        for (int64_t j = 0; j < there; ++j) columns[i * there + j] = d.directions[j * s.p + i];
    decompose_qr(columns, q, s.p, there, wanted, q + s.p * wanted);
    for (int64_t j = there; j < wanted; ++j)
        for (int64_t i = 0; i < s.p; ++i) d.directions[j * s.p + i] = q[i * wanted + j];
}

// --- svd ---

std::vector<TensorType> infer_svd(const Call& call) {
    const TensorType& a = call.in[0];
    check_matrices(a, "svd");
    const Sides s(a);
    const bool full = call.attrs.flag("full");
    return {matrices_like(a, s.m, full ? s.m : s.k), vectors_like(a, s.k), matrices_like(a, full ? s.n : s.k, s.n)};
}

// to (count, p) is `from`, or to (p, count) its transpose.
template <class T>
void write(const double* from, int64_t count, int64_t p, bool transposed, T* to) {
    for (int64_t i = 0; i < count; ++i)
        for (int64_t j = 0; j < p; ++j) to[transposed ? j * count + i : i * p + j] = T(from[i * p + j]);
}

Kernel kernel_svd(const Call& call) {
    const TensorType& a = call.in[0];
    const Sides s(a);
    const int64_t u_size = call.out[0].shape.count(a.shape.rank() - 2, a.shape.rank());
    const int64_t v_size = call.out[2].shape.count(a.shape.rank() - 2, a.shape.rank());
    const int64_t wanted = call.attrs.flag("full") ? s.p : s.k;
    return by_type(a.dtype, [&](auto zero) -> Kernel {
        using T = decltype(zero);
        const int64_t numbers = s.room(wanted) + room_to_complete(s, wanted);
        const auto work = [=](const void* const* in, void* const* out, int64_t i, double* room) {
            T *u = output<T>(out, 0) + i * u_size, *values = output<T>(out, 1) + i * s.k;
            T* v = output<T>(out, 2) + i * v_size;
            Decomposed d;
            if (!decompose(s, input<T>(in, 0) + i * s.m * s.n, true, room, d)) {
                fill_nan(u, u_size), fill_nan(values, s.k), fill_nan(v, v_size);
                return;
            }
            complete(s, d, wanted, room + s.room(wanted));
            for (int64_t j = 0; j < s.k; ++j) values[j] = T(d.values[j] * d.scale);
            write(d.directions, wanted, s.p, s.tall, s.tall ? u : v);
            write(d.turns, s.k, s.k, !s.tall, s.tall ? v : u);
        };
        return matrix_by_matrix(a, numbers, work);
    });
}

// U dS V^T.
Tensor gradient_of_values(const Tensor& a, const Tensor& ds) {
    const std::vector<Tensor> found = call_all("svd", {a}, {{"full", false}});
    return product(found[0] * as_row(ds), found[2]);
}

// As in Giles, "Collected matrix derivative results", 2008, with F_ij = 1 / (s_j^2 - s_i^2), 0 on the diagonal:
// U ((F o (U^T dU - dU^T U)) S + S (F o (V^T dV - dV^T V)) + dS) V^T, and what dU and dV have outside of U and V.
std::vector<Tensor> gradient_svd(const Gradient& g) {
    const Tensor &a = g.in[0], &u = g.out[0], &s = g.out[1], &vt = g.out[2];
    const Tensor &du = g.dout[0], &ds = g.dout[1], &dvt = g.dout[2];
    const int64_t m = rows(*a), n = side(*a), k = std::min(m, n);
    if (!du && !dvt) return {gradient_of_values(a, ds)};
    check(side(*u) == rows(*vt), "[svd] the vectors of full_matrices=True have a gradient where the matrices ",
          "are square. Received: x.shape=", a->shape);
    const Tensor row = as_row(s), column = as_column(s), eye = identity(k, s->dtype);
    const Tensor f = call("reciprocal", {(row - column) * (row + column) + eye}) - eye;
    const auto turning = [&](const Tensor& x) { return f * (x - turned(x)); };
    Tensor inner = ds ? diagonal_of(ds) : nullptr, outside;
    const auto add = [](Tensor& sum, const Tensor& term) { sum = sum ? sum + term : term; };
    if (du) {
        const Tensor along = product(u, du, true);
        add(inner, turning(along) * row);
        if (m > n) add(outside, product((du - product(u, along)) / row, vt));
    }
    if (dvt) {
        const Tensor along = product(vt, dvt, false, true);
        add(inner, column * turning(along));
        if (n > m) add(outside, product(u, (dvt - product(along, vt, true)) / column));
    }
    const Tensor inside = product(product(u, inner), vt);
    return {outside ? inside + outside : inside};
}

// --- singular_values ---

std::vector<TensorType> infer_values(const Call& call) {
    check_matrices(call.in[0], "svd");
    return {vectors_like(call.in[0], Sides(call.in[0]).k)};
}

Kernel kernel_values(const Call& call) {
    const Sides s(call.in[0]);
    return by_type(call.in[0].dtype, [&](auto zero) -> Kernel {
        using T = decltype(zero);
        const auto work = [=](const void* const* in, void* const* out, int64_t i, double* room) {
            T* values = output<T>(out, 0) + i * s.k;
            Decomposed d;
            if (!decompose(s, input<T>(in, 0) + i * s.m * s.n, false, room, d)) return fill_nan(values, s.k);
            for (int64_t j = 0; j < s.k; ++j) values[j] = T(d.values[j] * d.scale);
        };
        return matrix_by_matrix(call.in[0], s.room(s.k), work);
    });
}

std::vector<Tensor> gradient_values(const Gradient& g) { return {gradient_of_values(g.in[0], g.dout[0])}; }

// --- pinv ---

std::vector<TensorType> infer_pinv(const Call& call) {
    const TensorType& a = call.in[0];
    check_matrices(a, "pinv");
    return {matrices_like(a, side(a), rows(a))};
}

Kernel kernel_pinv(const Call& call) {
    const Sides s(call.in[0]);
    const double rcond = call.attrs.number("rcond");
    return by_type(call.in[0].dtype, [&](auto zero) -> Kernel {
        using T = decltype(zero);
        const auto work = [=](const void* const* in, void* const* out, int64_t i, double* room) {
            T* inverse = output<T>(out, 0) + i * s.m * s.n;
            Decomposed d;
            if (!decompose(s, input<T>(in, 0) + i * s.m * s.n, true, room, d)) return fill_nan(inverse, s.m * s.n);
            // The sum over j of turns_j directions_j^T / value_j, (k, p), or its transpose.
            double* sum = room + s.room(s.k);
            std::fill(sum, sum + s.k * s.p, 0.0);
            for (int64_t j = 0; j < s.k && d.values[j] > rcond * d.values[0]; ++j)
                for (int64_t r = 0; r < s.k; ++r) {
                    const double factor = d.turns[j * s.k + r] / d.values[j];
                    for (int64_t c = 0; c < s.p; ++c) sum[r * s.p + c] += factor * d.directions[j * s.p + c];
                }
            for (int64_t j = 0; j < s.k * s.p; ++j) sum[j] /= d.scale;
            write(sum, s.k, s.p, !s.tall, inverse);
        };
        return matrix_by_matrix(call.in[0], s.room(s.k) + s.k * s.p, work);
    });
}

// Golub & Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares problems whose variables
// separate", 1973: -P^T dP P^T + (1 - a P) dP^T P P^T + P^T P dP^T (1 - P a).
std::vector<Tensor> gradient_pinv(const Gradient& g) {
    const Tensor &a = g.in[0], &p = g.out[0], &dp = g.dout[0];
    const Tensor left = product(product(dp, p, true), p, false, true),
                 right = product(product(p, p, true), dp, false, true);
    const Tensor inside = product(product(p, dp, true), p, false, true);
    return {left - product(a, product(p, left)) + right - product(product(right, p), a) - inside};
}

}  // namespace

FK_OP(svd, .infer = infer_svd, .kernel = kernel_svd, .gradient = gradient_svd, .widens = true)
FK_OP(singular_values, .infer = infer_values, .kernel = kernel_values, .gradient = gradient_values, .widens = true)
FK_OP(pinv, .infer = infer_pinv, .kernel = kernel_pinv, .gradient = gradient_pinv, .widens = true)

}  // namespace fk
