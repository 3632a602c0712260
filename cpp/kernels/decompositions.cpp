#include "kernels/decompositions.h"

#include "simd/vec.h"

namespace fk::FK_ISA {
namespace {

constexpr double kEpsilon = __DBL_EPSILON__;
constexpr double kNothing = 1e-100;  // beside numbers of about 1; its square is a number
constexpr int kSweeps = 60;          // of Jacobi; ten are many
constexpr int kShifts = 60;          // of QL, for one eigenvalue; two are usual
constexpr int64_t kSums = 32;        // of a dot product, side by side

FK_VEC void add_scaled(double* __restrict y, const double* __restrict x, double factor, int64_t n) {
    for (int64_t i = 0; i < n; ++i) y[i] = fma(factor, x[i], y[i]);
}
// Both in one pass: rows of a large matrix come from far.
FK_VEC void add_scaled(double* __restrict y, const double* __restrict a, double a_factor, const double* __restrict b,
                       double b_factor, int64_t n) {
    for (int64_t i = 0; i < n; ++i) y[i] = fma(b_factor, b[i], fma(a_factor, a[i], y[i]));
}

FK_VEC void make_identity(double* a, int64_t m, int64_t n) {
    for (int64_t i = 0; i < m; ++i)
        for (int64_t j = 0; j < n; ++j) a[i * n + j] = i == j ? 1.0 : 0.0;
}

FK_VEC void swap(double& a, double& b) {
    const double before = a;
    a = b;
    b = before;
}

FK_VEC void swap_rows(double* a, double* b, int64_t n) {
    for (int64_t i = 0; i < n; ++i) swap(a[i], b[i]);
}

// (x, y) becomes (c x - s y, s x + c y).
FK_VEC void turn(double* __restrict x, double* __restrict y, double c, double s, int64_t n) {
    for (int64_t i = 0; i < n; ++i) {
        const double before = x[i];
        x[i] = fma(c, before, -s * y[i]);
        y[i] = fma(s, before, c * y[i]);
    }
}

FK_VEC double dot_product(const double* x, const double* y, int64_t n) {
    double sums[kSums] = {};
    int64_t i = 0;
    for (; i + kSums <= n; i += kSums)
        for (int64_t l = 0; l < kSums; ++l) sums[l] = fma(x[i + l], y[i + l], sums[l]);
    for (int64_t l = 0; i < n; ++i, ++l) sums[l] = fma(x[i], y[i], sums[l]);
    for (int64_t half = kSums / 2; half > 0; half /= 2)
        for (int64_t l = 0; l < half; ++l) sums[l] += sums[l + half];
    return sums[0];
}

// x (n numbers, `stride` apart) becomes v with v[0] = 1 behind its first element, which becomes that of
// (1 - tau v v^T) x, the others being zero there. Returns tau: 0 where they are zero already.
FK_VEC double make_reflection(double* x, int64_t n, int64_t stride) {
    double rest = 0;
    for (int64_t i = 1; i < n; ++i) rest += x[i * stride] * x[i * stride];
    if (rest == 0) return 0;
    const double first = x[0], length = __builtin_sqrt(first * first + rest), beta = first > 0 ? -length : length;
    for (int64_t i = 1; i < n; ++i) x[i * stride] /= first - beta;
    x[0] = beta;
    return (beta - first) / beta;
}

// The rows of t (n, width), `stride` apart, become (1 - tau v v^T) t, with v[0] = 1. sums: `width` numbers.
FK_VEC void reflect(const double* v, int64_t v_stride, double tau, double* t, int64_t n, int64_t width, int64_t stride,
                    double* sums) {
    if (tau == 0) return;
    for (int64_t j = 0; j < width; ++j) sums[j] = t[j];
    for (int64_t i = 1; i < n; ++i) add_scaled(sums, t + i * stride, v[i * v_stride], width);
    add_scaled(t, sums, -tau, width);
    for (int64_t i = 1; i < n; ++i) add_scaled(t + i * stride, sums, -tau * v[i * v_stride], width);
}

// The symmetric a becomes tridiagonal, `diagonal` and `beside` (n - 1); row k of a keeps reflection k, of which `taus`
// has the factor, and z becomes the product of all of them.
FK_VEC void make_tridiagonal(double* a, double* z, int64_t n, double* diagonal, double* beside, double* taus) {
    for (int64_t k = 0; k + 1 < n; ++k) {
        const int64_t size = n - 1 - k;
        double *v = a + k * n + k + 1, *rest = a + (k + 1) * n + k + 1, *w = diagonal + k + 1;
        diagonal[k] = a[k * n + k];
        const double tau = taus[k] = make_reflection(v, size, 1);
        beside[k] = v[0];
        v[0] = 1;
        if (tau == 0) continue;
        // rest - v w^T - w v^T with w = p - (p v) tau / 2 v, p = tau rest v
        for (int64_t j = 0; j < size; ++j) w[j] = 0;
        for (int64_t i = 0; i < size; ++i) add_scaled(w, rest + i * n, tau * v[i], size);
        double along = 0;
        for (int64_t j = 0; j < size; ++j) along += w[j] * v[j];
        add_scaled(w, v, -0.5 * tau * along, size);
        for (int64_t i = 0; i < size; ++i) add_scaled(rest + i * n, w, -v[i], v, -w[i], size);
    }
    diagonal[n - 1] = a[n * n - 1];
    make_identity(z, n, n);
    for (int64_t k = n - 2; k >= 0; --k)
        reflect(a + k * n + k + 1, 1, taus[k], z + (k + 1) * n + k + 1, n - 1 - k, n - 1 - k, n, a + (n - 1) * n);
}

// One step of QL on [first, last] of a tridiagonal matrix; the rows of z turn with it.
FK_VEC void shift(double* d, double* e, int64_t first, int64_t last, double* z, int64_t n) {
    const double half = (d[first + 1] - d[first]) / (2 * e[first]);
    const double root = __builtin_sqrt(half * half + 1);
    double g = d[last] - d[first] + e[first] / (half + (half < 0 ? -root : root));
    double c = 1, s = 1, p = 0;
    for (int64_t i = last - 1; i >= first; --i) {
        const double f = s * e[i], b = c * e[i], r = __builtin_sqrt(f * f + g * g);
        e[i + 1] = r;
        if (r == 0) {  // falls into two
            d[i + 1] -= p;
            e[last] = 0;
            return;
        }
        s = f / r, c = g / r;
        g = d[i + 1] - p;
        const double both = (d[i] - g) * s + 2 * c * b;
        p = s * both;
        d[i + 1] = g + p;
        g = c * both - b;
        turn(z + i * n, z + (i + 1) * n, c, s, n);
    }
    d[first] -= p;
    e[first] = g;
    e[last] = 0;
}

// By values, the least first, or the greatest; rows of a and b go along. b may be null.
FK_VEC void sort_rows(double* values, int64_t n, bool ascending, double* a, int64_t a_width, double* b,
                      int64_t b_width) {
    for (int64_t i = 0; i + 1 < n; ++i) {
        int64_t next = i;
        for (int64_t j = i + 1; j < n; ++j)
            if (ascending ? values[j] < values[next] : values[j] > values[next]) next = j;
        if (next == i) continue;
        swap(values[i], values[next]);
        swap_rows(a + i * a_width, a + next * a_width, a_width);
        if (b) swap_rows(b + i * b_width, b + next * b_width, b_width);
    }
}

// w becomes z w, whose rows are nearly orthogonal, the longest first, and turns becomes z: two or three sweeps are left
// of ten.
FK_VEC bool turn_by_eigenvectors(double* w, double* turns, int64_t k, int64_t p, double* room) {
    double *products = room, *vectors = products + k * k, *before = vectors + k * k, *values = before + k * p;
    for (int64_t i = 0; i < k; ++i)
        for (int64_t j = 0; j <= i; ++j)
            products[i * k + j] = products[j * k + i] = dot_product(w + i * p, w + j * p, p);
    if (!decompose_symmetric(products, values, vectors, k, values + k)) return false;
    for (int64_t i = 0; i < k * p; ++i) before[i] = w[i], w[i] = 0;
    for (int64_t i = 0; i < k; ++i) {
        const double* z = vectors + (k - 1 - i) * k;
        for (int64_t j = 0; j < k; ++j) add_scaled(w + i * p, before + j * p, z[j], p);
        for (int64_t j = 0; turns && j < k; ++j) turns[i * k + j] = z[j];
    }
    return true;
}

}  // namespace

void decompose_qr(double* a, double* q, int64_t m, int64_t n, int64_t columns, double* room) {
    const int64_t k = m < n ? m : n;
    double *taus = room, *sums = room + k;
    for (int64_t i = 0; i < k; ++i) {
        double* x = a + i * n + i;
        taus[i] = make_reflection(x, m - i, n);
        reflect(x, n, taus[i], x + 1, m - i, n - i - 1, n, sums);
    }
    make_identity(q, m, columns);
    for (int64_t i = k - 1; i >= 0; --i)
        reflect(a + i * n + i, n, taus[i], q + i * columns + i, m - i, columns - i, columns, sums);
    for (int64_t i = 1; i < m; ++i)
        for (int64_t j = 0; j < i && j < n; ++j) a[i * n + j] = 0;
}

bool decompose_symmetric(double* a, double* values, double* vectors, int64_t n, double* room) {
    if (n == 0) return true;
    double *beside = room, *taus = room + n;
    make_tridiagonal(a, vectors, n, values, beside, taus);
    for (int64_t i = 0; i < n; ++i)  // columns of the product of reflections as rows
        for (int64_t j = 0; j < i; ++j) swap(vectors[i * n + j], vectors[j * n + i]);
    beside[n - 1] = 0;
    for (int64_t first = 0; first < n; ++first)
        for (int tries = 0;; ++tries) {
            int64_t last = first;
            while (last + 1 < n &&
                   __builtin_fabs(beside[last]) >
                       kNothing + kEpsilon * (__builtin_fabs(values[last]) + __builtin_fabs(values[last + 1])))
                ++last;
            if (last == first) break;
            if (tries == kShifts) return false;
            shift(values, beside, first, last, vectors, n);
        }
    sort_rows(values, n, true, vectors, n, nullptr, 0);
    return true;
}

bool decompose_rows(double* w, double* values, double* turns, int64_t k, int64_t p, double* room) {
    // Turns by less than `slight` leave less than rounding errors in what was orthogonal before: no sweep follows them.
    const double small = kEpsilon * __builtin_sqrt(double(p)), nothing = 1e-200, slight = 1e-9;
    double* squares = values;
    if (turns) make_identity(turns, k, k);
    if (k >= kManyRows && !turn_by_eigenvectors(w, turns, k, p, room)) return false;
    for (int64_t i = 0; i < k; ++i) squares[i] = dot_product(w + i * p, w + i * p, p);
    bool turned = true;
    for (int sweep = 0; turned; ++sweep) {
        if (sweep == kSweeps) return false;
        turned = false;
        for (int64_t i = 0; i + 1 < k; ++i)
            for (int64_t j = i + 1; j < k; ++j) {
                double *x = w + i * p, *y = w + j * p;
                const double xx = squares[i], yy = squares[j];
                if (xx < nothing || yy < nothing) continue;
                const double xy = dot_product(x, y, p), lengths = __builtin_sqrt(xx) * __builtin_sqrt(yy);
                if (!(__builtin_fabs(xy) > small * lengths)) continue;
                const double half = (yy - xx) / (2 * xy), size = __builtin_fabs(half);
                const double tangent = (half < 0 ? -1 : 1) / (size + __builtin_sqrt(1 + size * size));
                const double c = 1 / __builtin_sqrt(1 + tangent * tangent);
                turn(x, y, c, c * tangent, p);
                if (turns) turn(turns + i * k, turns + j * k, c, c * tangent, k);
                squares[i] = dot_product(x, x, p), squares[j] = dot_product(y, y, p);
                turned |= __builtin_fabs(tangent) > slight || __builtin_fabs(xy) > slight * lengths;
            }
    }
    for (int64_t i = 0; i < k; ++i) {
        double* x = w + i * p;
        values[i] = squares[i] < nothing ? 0 : __builtin_sqrt(squares[i]);
        for (int64_t j = 0; j < p; ++j) x[j] = values[i] == 0 ? 0 : x[j] / values[i];
    }
    sort_rows(values, k, false, w, p, turns, k);
    return true;
}

}  // namespace fk::FK_ISA
