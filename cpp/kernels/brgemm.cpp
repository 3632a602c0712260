// The register tiles under every product.
#include "kernels/gemm.h"
#include "kernels/lanes.h"

namespace fk::FK_ISA {
namespace {

// Rows x vectors of a tile: sums for all of it, one row of B and one element of A have to fit the registers (16, with
// AVX-512 32), and two FMA units with a latency of 4 want at least 8 sums. Measured with AVX2 on Zen 3 in L1: 6x2
// reaches 98% of the FMA peak. Doubles make do with fewer variants: each is compiled for every ISA.
#if defined(FK_ISA_avx512)
constexpr int kMostRows = 14;
#else
constexpr int kMostRows = 6;
#endif
template <class T>
constexpr int kTileRows = kMostRows;
template <>
constexpr int kTileRows<double> = 4;
constexpr int kTileVectors = 2;

template <class T>
constexpr int64_t kPanel = kTileVectors * Lanes<T>::count;

enum class Source { full, partial, packing };

template <class T>
using Tile = void (*)(const Brgemm<T>& g, const BrgemmPair<T>* pairs, int64_t count, int64_t row, int64_t panel,
                      int64_t columns, bool packed, T* c);

// Rows [row, row + kRows) and `columns` columns of a panel. Source says how a row of B is read: whole vectors, the last
// one partial, or partial and left in g.pack; with `packed` it comes from there.
template <class T, int kRows, int kVectors, Source source>
void tile(const Brgemm<T>& g, const BrgemmPair<T>* pairs, int64_t count, int64_t row, int64_t panel, int64_t columns,
          bool packed, T* c) {
    using L = Lanes<T>;
    using V = typename L::V;
    const int64_t last = columns - (kVectors - 1) * L::count;  // columns in the last vector
    const bool whole = last == L::count;
    V sum[kRows][kVectors];
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 2
        for (int j = 0; j < kVectors; ++j) {
            const T* p = c + i * g.c_row + j * L::count;
            sum[i][j] = !g.accumulate ? V(T(0)) : whole || j + 1 < kVectors ? L::load(p) : L::load(p, last);
        }
    if (g.accumulate)  // the first sums of the next tile wait for these
#pragma GCC unroll 16
        for (int i = 0; i < kRows; ++i) __builtin_prefetch(c + (kRows + i) * g.c_row + columns - 1, 1);
    T* pack = g.pack + panel * g.pack_panel;
    for (int64_t r = 0; r < count; ++r) {
        const T* a = pairs[r].a + row * g.a_row;
        const T* b = packed ? pack + r * g.k * kPanel<T> : pairs[r].b + panel * g.b_panel;
        const int64_t b_row = packed ? kPanel<T> : g.b_row, a_row = g.a_row, a_col = g.a_col;
        for (int64_t p = 0; p < g.k; ++p) {
            V bv[kVectors];
#pragma GCC unroll 2
            for (int j = 0; j < kVectors; ++j)
                bv[j] = source == Source::full || j + 1 < kVectors ? L::load(b + j * L::count)
                                                                   : L::load(b + j * L::count, last);
            if constexpr (source == Source::packing) {
#pragma GCC unroll 2
                for (int j = 0; j < kVectors; ++j) L::store(pack + j * L::count, bv[j]);
                pack += kPanel<T>;
                __builtin_prefetch(b + 8 * b_row);
            }
#pragma GCC unroll 16
            for (int i = 0; i < kRows; ++i) {
                const V av(a[i * a_row]);
#pragma GCC unroll 2
                for (int j = 0; j < kVectors; ++j) sum[i][j] = fma(av, bv[j], sum[i][j]);
            }
            a += a_col;
            b += b_row;
        }
    }
    if (g.bias) {
        const T* p = g.bias + panel * kPanel<T>;
#pragma GCC unroll 2
        for (int j = 0; j < kVectors; ++j) {
            const V bias = whole || j + 1 < kVectors ? L::load(p + j * L::count) : L::load(p + j * L::count, last);
#pragma GCC unroll 16
            for (int i = 0; i < kRows; ++i) sum[i][j] = sum[i][j] + bias;
        }
    }
    const V floor(g.relu ? T(0) : -T(__builtin_inf()));  // max(floor, x) keeps the NaN of x
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 2
        for (int j = 0; j < kVectors; ++j) {
            T* p = c + i * g.c_row + j * L::count;
            const V y = max(floor, sum[i][j]);
            if (whole || j + 1 < kVectors)
                L::store(p, y);
            else
                L::store(p, y, last);
        }
}

// Table of tiles by [rows - 1][vectors - 1][source], filled by recursion over rows.
template <class T>
struct Tiles {
    Tile<T> by[kTileRows<T>][kTileVectors][3];
};
template <class T, int kRows = kTileRows<T>>
constexpr void fill(Tiles<T>& t) {
    t.by[kRows - 1][0][0] = tile<T, kRows, 1, Source::full>;
    t.by[kRows - 1][0][1] = tile<T, kRows, 1, Source::partial>;
    t.by[kRows - 1][0][2] = tile<T, kRows, 1, Source::packing>;
    t.by[kRows - 1][1][0] = tile<T, kRows, 2, Source::full>;
    t.by[kRows - 1][1][1] = tile<T, kRows, 2, Source::partial>;
    t.by[kRows - 1][1][2] = tile<T, kRows, 2, Source::packing>;
    if constexpr (kRows > 1) fill<T, kRows - 1>(t);
}
template <class T>
constexpr Tiles<T> kTiles = [] {
    Tiles<T> t{};
    fill<T>(t);
    return t;
}();

// Panel by panel, all rows: the panel of B stays in L1 while A passes. Rows are dealt out evenly, 32 as 6 6 5 5 5 5:
// a tile of two rows left over would run at half speed.
template <class T>
void brgemm(const Brgemm<T>& g, const BrgemmPair<T>* pairs, int64_t count, T* c) {
    const int64_t tiles = (g.m + kTileRows<T> - 1) / kTileRows<T>;
    const bool pack = g.pack && (tiles > 1 || g.pack_panel > 0);
    // While a panel is at work, each of its tiles fetches a share of the lines of the next one: rows of B far apart
    // are lines (and pages) that no prefetcher of the CPU expects. Costs nothing and takes 1024^3 from 72 to 78
    // GFLOP/s.
    const int64_t share = pack && tiles > 2 ? (g.k + tiles - 3) / (tiles - 2) : 0;
    for (int64_t panel = 0; panel * kPanel<T> < g.n; ++panel) {
        const int64_t rest = g.n - panel * kPanel<T>, columns = rest < kPanel<T> ? rest : kPanel<T>;
        const int64_t vectors = (columns + Lanes<T>::count - 1) / Lanes<T>::count;
        const bool whole = g.b_padded || columns % Lanes<T>::count == 0;
        for (int64_t t = 0, row = 0; t < tiles; ++t) {
            const int64_t rows = (g.m - row + tiles - t - 1) / (tiles - t);
            const bool packed = pack && t > 0;
            if (packed && rest > kPanel<T>) {
                const int64_t end = t * share < g.k ? t * share : g.k;
                const T* line = pairs[0].b + (panel + 1) * g.b_panel + (rest < 2 * kPanel<T> ? 0 : kPanel<T> - 1);
                for (int64_t p = (t - 1) * share; p < end; ++p) __builtin_prefetch(line + p * g.b_row);
            }
            const Source source = packed  ? Source::full
                                  : pack  ? Source::packing
                                  : whole ? Source::full
                                          : Source::partial;
            kTiles<T>.by[rows - 1][vectors - 1][int(source)](g, pairs, count, row, panel, columns, packed,
                                                             c + row * g.c_row + panel * kPanel<T>);
            row += rows;
        }
    }
}

}  // namespace

void brgemm_f32(const Brgemm<float>& g, const BrgemmPair<float>* pairs, int64_t count, float* c) {
    brgemm(g, pairs, count, c);
}
void brgemm_f64(const Brgemm<double>& g, const BrgemmPair<double>* pairs, int64_t count, double* c) {
    brgemm(g, pairs, count, c);
}
int64_t brgemm_panel_f32() { return kPanel<float>; }
int64_t brgemm_panel_f64() { return kPanel<double>; }

}  // namespace fk::FK_ISA
