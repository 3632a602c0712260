// Orthogonal decompositions of one matrix, in double and row-major. Numbers are finite and below 2 in size,
// so that squares neither overflow nor lose what counts.
#pragma once
#include <cstdint>

#include "simd/dispatch.h"

namespace fk {

// a (m, n) becomes R, upper triangular, and q (m, columns) the first columns of the orthogonal Q with a = Q R, by
// Householder's reflections and with the signs of LAPACK; columns <= m. room: 2 max(m, n) numbers.
FK_KERNEL(void, decompose_qr, (double* a, double* q, int64_t m, int64_t n, int64_t columns, double* room))

// The eigenvalues of the symmetric a (n, n), ascending, and in the rows of `vectors` their eigenvectors: Householder's
// tridiagonal form, then QL with implicit shifts (Bowdler, Martin, Reinsch & Wilkinson, 1968). a is used up; room: 3 n
// numbers. False when the shifts do not converge.
FK_KERNEL(bool, decompose_symmetric, (double* a, double* values, double* vectors, int64_t n, double* room))

// Many rows are first turned by the eigenvectors of w w^T, after which they are orthogonal to half of the digits.
constexpr int64_t kManyRows = 24;
namespace {
[[maybe_unused]] constexpr int64_t room_for_rows(int64_t k, int64_t p) {
    return k < kManyRows ? 0 : k * (2 * k + 4 + p);
}
}  // namespace

// One-sided Jacobi (Hestenes, 1958): turns the k rows of w (k, p) until they are orthogonal, sorts them by length,
// which are the singular values, and makes their length 1. Where `turns` (k, k) is not null it becomes the product of
// the turns: w before = turns^T diag(values) w. Rows of length 0 become 0. room: room_for_rows(k, p) numbers. False
// when the turns do not converge.
FK_KERNEL(bool, decompose_rows, (double* w, double* values, double* turns, int64_t k, int64_t p, double* room))

}  // namespace fk
