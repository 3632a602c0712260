// The ways a product can go, and those of few rows or one step of k, where tiles of registers would stay empty.
#pragma once
#include "kernels/products/activate.h"
#include "kernels/products/lanes.h"
#include "kernels/sizes.h"

namespace fk::FK_ISA {
namespace {

// gather: one row, or one step of k, times row-major B; dots: few rows, k contiguous in A and in B; tiles: everything
// else.
enum class Way { gather, dots, tiles };

FK_VEC Way choose(const Gemm& g) {
    // Up to 3 rows, transposing B costs more than the inner products lose in their last additions.
    if (g.m <= 3 && g.a_col == 1 && g.b_row == 1 && g.b_col != 1) return Way::dots;
    // Of one step nothing is read twice, and C is written line by line (619x819x1 on Zen 4: 67 -> 33 us).
    if ((g.m == 1 || (g.k == 1 && g.n >= kLanes)) && g.b_col == 1) return Way::gather;
    return Way::tiles;
}

// The same product transposed: worth it where C has few columns, as few rows have ways of their own. Its rows are the
// columns of C, 1 apart; its columns lie c_row of the other apart.
FK_VEC Gemm turn(const Gemm& g) {
    Gemm t = g;
    t.m = g.n, t.n = g.m;
    t.a_row = g.b_col, t.a_col = g.b_row, t.b_row = g.a_col, t.b_col = g.a_row;
    t.c_row = 1;
    t.a_offsets = g.b_offsets, t.b_offsets = g.a_offsets;
    return t;
}

// --- vector times matrix: y[n] = x[k] B ---

// Rows of B contiguous: y gathers eight rows of B at a time, read as eight streams. On Zen 3 it reads 93 GB/s from L2
// where a tile of 1x8 vectors reads 76; each y is still one chain in the order of k.
template <int kRows, bool accumulate, class T>
FK_VEC void add_rows(int64_t n, const T* x, int64_t x_step, const T* b, int64_t b_row, T* y) {
    using L = Lanes<T>;
    typename L::V xv[kRows];
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) xv[r] = typename L::V(x[r * x_step]);
    int64_t j = 0;
    for (; j + L::count <= n; j += L::count) {
        auto s = accumulate ? L::load(y + j) : typename L::V(T(0));
#pragma GCC unroll 8
        for (int r = 0; r < kRows; ++r) s = fma(xv[r], L::load(b + r * b_row + j), s);
        L::store(y + j, s);
    }
    if (j < n) {
        auto s = accumulate ? L::load(y + j, n - j) : typename L::V(T(0));
#pragma GCC unroll 8
        for (int r = 0; r < kRows; ++r) s = fma(xv[r], L::load(b + r * b_row + j, n - j), s);
        L::store(y + j, s, n - j);
    }
}

// Columns of B contiguous: inner products, kColumns at a time. Each is two chains of vectors and one tree, whatever
// its neighbours, so y[j] does not depend on where the columns were cut.
template <int kColumns, class T>
FK_VEC void dot_columns(int64_t k, const T* x, const T* b, int64_t b_col, T* y) {
    using L = Lanes<T>;
    using V = typename L::V;
    V even[kColumns], odd[kColumns];
#pragma GCC unroll 4
    for (int j = 0; j < kColumns; ++j) even[j] = odd[j] = V(T(0));
    int64_t p = 0;
    for (; p + 2 * L::count <= k; p += 2 * L::count) {
        const V x0 = L::load(x + p), x1 = L::load(x + p + L::count);
#pragma GCC unroll 4
        for (int j = 0; j < kColumns; ++j) {
            even[j] = fma(x0, L::load(b + j * b_col + p), even[j]);
            odd[j] = fma(x1, L::load(b + j * b_col + p + L::count), odd[j]);
        }
    }
    for (; p < k; p += L::count) {
        const int64_t rest = least(k - p, L::count);
        const V x0 = L::load(x + p, rest);
#pragma GCC unroll 4
        for (int j = 0; j < kColumns; ++j) even[j] = fma(x0, L::load(b + j * b_col + p, rest), even[j]);
    }
#pragma GCC unroll 4
    for (int j = 0; j < kColumns; ++j) y[j] += hsum(even[j] + odd[j]);
}

template <int n>
struct Rows {
    static constexpr int value = n;
};

template <class T>
struct Product {
    const Gemm& g;
    const Sum<T>*a, *b, *bias;
    Sum<T>* c;
    int64_t c_col = 1;
    bool turned = false;  // bias goes by rows
};

// Columns [begin, end) by gathering, where they are contiguous.
template <class T>
void gather_columns(const Product<T>& p, int64_t begin, int64_t end) {
    const Gemm& g = p.g;
    for (int64_t i = 0; i < g.m; ++i) {
        const T* x = p.a + i * g.a_row;
        T* y = p.c + i * g.c_row;
        bool accumulate = g.accumulate;
        const auto add = [&](auto rows, int64_t k) {
            constexpr int kRows = decltype(rows)::value;
            const auto run = accumulate ? add_rows<kRows, true, T> : add_rows<kRows, false, T>;
            run(end - begin, x + k * g.a_col, g.a_col, p.b + k * g.b_row + begin, g.b_row, y + begin);
            accumulate = true;
        };
        int64_t k = 0;
        for (; k + 8 <= g.k; k += 8) add(Rows<8>{}, k);
        for (; k < g.k; ++k) add(Rows<1>{}, k);
        for (int64_t j = begin; !accumulate && j < end; ++j) y[j] = 0;  // the sum of nothing
        if (p.bias)
            for (int64_t j = begin; j < end; ++j) y[j] += p.bias[p.turned ? i : j];
        activate(g.activation, y + begin, end - begin);
    }
}

// Columns [begin, end) by inner products.
template <class T>
void dots(const Product<T>& p, int64_t begin, int64_t end) {
    const Gemm& g = p.g;
    constexpr int64_t kSome = 64;
    T y[kSome];
    for (int64_t i = 0; i < g.m; ++i)
        for (int64_t at = begin; at < end; at += kSome) {
            const T *x = p.a + i * g.a_row, *b = p.b + at * g.b_col;
            T* c = p.c + i * g.c_row + at * p.c_col;
            const int64_t n = least(end - at, kSome);
            for (int64_t j = 0; j < n; ++j) y[j] = g.accumulate ? c[j * p.c_col] : T(0);
            int64_t j = 0;
            for (; j + 4 <= n; j += 4) dot_columns<4>(g.k, x, b + j * g.b_col, g.b_col, y + j);
            for (; j < n; ++j) dot_columns<1>(g.k, x, b + j * g.b_col, g.b_col, y + j);
            for (j = 0; p.bias && j < n; ++j) y[j] += p.bias[p.turned ? i : at + j];
            activate(g.activation, y, n);
            for (j = 0; j < n; ++j) c[j * p.c_col] = y[j];
        }
}

}  // namespace
}  // namespace fk::FK_ISA
