// The register tiles under every product.
#include "kernels/products/gemm.h"
#include "kernels/products/lanes.h"

namespace fk::FK_ISA {
namespace {

// Rows x vectors of a tile: sums for all of it, one row of B and one element of A have to fit the registers (16, with
// AVX-512 32), and two FMA units with a latency of 4 want at least 8 sums. Measured with AVX2 on Zen 3 in L1: 6x2
// reaches 98% of the FMA peak. Doubles make do with fewer variants: each is compiled for every ISA.
#if defined(FK_AVX512)
constexpr int kMostRows = 14, kUnroll = 1;
#else
constexpr int kMostRows = 6, kUnroll = 2;
#endif
template <class T>
constexpr int kTileRows = kMostRows;
template <>
constexpr int kTileRows<double> = 4;
constexpr int kTileVectors = 2;

template <class T>
constexpr int64_t kPanel = kTileVectors * Lanes<T>::count;

// Two panels at once: 10 loads for 24 multiply-adds instead of 16 for 28, which tells where a core's load ports are
// shared: beside a busy hyperthread of Emerald Rapids, operands in the L1, 14x2 makes 108 GFLOP/s and 6x4 119, alone
// both 153. B is read twice as often; AMD's (near_l2_bytes), with two loads for one multiply-add, keep 14x2.
constexpr int kWideRows = 6, kWideVectors = 2 * kTileVectors;
template <class T>
constexpr bool kHasWideTiles = (kMostRows > kWideRows) && (kTileRows<T> == kMostRows) && (kSteps<T> == 1);

enum class Source { full, partial, packing, rows, ahead };

// A column of tiles of equal height: rows from `row` on, `columns` columns of a panel, or of two. With `packed` B comes
// from g.pack, panels pack_panel elements apart. Meanwhile the lines of B at fetch, fetch + g.b_row, ... are fetched,
// `share` per kFetchSteps steps of k: more at a time would wait for each other where they come from memory
// (256x2000x8192 on one thread of Zen 4: 86 -> 90 GFLOP/s).
constexpr int64_t kFetchSteps = 32;
template <class T>
struct Column {
    int64_t row, tiles, panel, columns;
    bool packed;
    const T* fetch;
    int64_t share, pack_panel;
};
template <class T>
using Tiling = void (*)(const Brgemm<T>& g, const BrgemmPair<T>* pairs, int64_t count, const Column<T>& at, Sum<T>* c);

template <class T>
constexpr bool kOfPairs = kSteps<T> > 1;

// Source says how a row of B is read: whole vectors; the last one partial; partial, and left in g.pack. With `rows` it
// is whole vectors, and the rows of A and C are found in tables; with `ahead` too, and the A of the next tile, whose
// rows follow one another, is fetched.
template <class T, int kRows, int kVectors, Source source>
FK_VEC void tile(const Brgemm<T>& g, const BrgemmPair<T>* pairs, int64_t count, const Column<T>& at, int64_t row,
                 const T* fetch, Sum<T>* c) {
    using L = Lanes<T>;
    using V = typename L::V;
    using Operand = typename L::Operand;
    const int64_t last = at.columns - (kVectors - 1) * L::count;  // columns in the last vector
    const bool whole = kVectors == kWideVectors || last == L::count;
    const int64_t k = g.k, c_row = g.c_row;
    constexpr bool tabled = source == Source::rows;
    // f(i, row i of C) from `to` on. An addition leads from row to row: GCC would keep the addresses of all rows, from
    // the loads of a tile to its stores, in memory.
    const auto rows_of_c = [&](Sum<T>* to, auto f) FK_INLINED {
#pragma GCC unroll 16
        for (int i = 0; i < kRows; ++i, to += c_row) {
            asm("" : "+r"(to));
            f(i, tabled ? c + g.c_rows[row + i] : to);
        }
    };
    V sum[kRows][kVectors];
    if (g.accumulate)
        rows_of_c(c, [&](int i, const Sum<T>* from) FK_INLINED {
#pragma GCC unroll 4
            for (int j = 0; j < kVectors; ++j)
                sum[i][j] =
                    whole || j + 1 < kVectors ? L::load(from + j * L::count) : L::load(from + j * L::count, last);
        });
    else
#pragma GCC unroll 16
        for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 4
            for (int j = 0; j < kVectors; ++j) sum[i][j] = V(Sum<T>(0));
    // C of the next tile: its first sums may wait for it, and the stores of many rows where C is not in the cache
    // (MobileNetV2 at 128x128 predicts 2 to 5% faster and trains 3%; for products of 100 rows it costs 3%).
    if (!tabled && (g.accumulate || g.m > 112))
        rows_of_c(c + kRows * c_row, [&](int, const Sum<T>* next) FK_INLINED {
#pragma GCC unroll 4
            for (int j = 0; j == 0 || j + 1 < kVectors; ++j) __builtin_prefetch(next + j * L::count, 1);
            if (kVectors > 1) __builtin_prefetch(next + at.columns - 1, 1);
        });
    T* pack = g.pack + at.panel * g.pack_panel;
    const auto add_product = [&](int64_t r, PlaneProduct plane) FK_INLINED {
        const T* a = pairs[r].a + (tabled ? 0 : row * g.a_row) + plane.a * g.a_plane;
        const T* a_of[kRows];
        if constexpr (tabled)
#pragma GCC unroll 16
            for (int i = 0; i < kRows; ++i) a_of[i] = a + g.a_rows[row + i];
        const T* b = at.packed ? pack + r * k * kPanel<T> : pairs[r].b + at.panel * g.b_panel + plane.b * g.b_plane;
        const int64_t b_row = at.packed ? kPanel<T> : g.b_row, a_row = g.a_row, a_col = g.a_col;
        const int64_t b_panel = at.packed ? at.pack_panel : g.b_panel;
        const auto vector_of_b = [&](int j) FK_INLINED {
            return b + j / kTileVectors * b_panel + j % kTileVectors * L::count;
        };
        const int64_t whole_k = kOfPairs<T> && tabled ? k - g.odd : k;
        [[maybe_unused]] const T* next = a + kRows * k;
        const auto add = [&](int64_t p, auto factor) FK_INLINED {
            Operand bv[kVectors];
#pragma GCC unroll 4
            for (int j = 0; j < kVectors; ++j)
                bv[j] = kOfPairs<T> || tabled || source == Source::full || source == Source::ahead || j + 1 < kVectors
                            ? L::load(vector_of_b(j))
                            : L::load(vector_of_b(j), last);
            if constexpr (source == Source::packing) {
#pragma GCC unroll 4
                for (int j = 0; j < kVectors; ++j)
                    L::store(pack + j / kTileVectors * at.pack_panel + j % kTileVectors * L::count, bv[j]);
                pack += kPanel<T>;
                __builtin_prefetch(b + 8 * b_row);
            }
#pragma GCC unroll 16
            for (int i = 0; i < kRows; ++i) {
                const Operand av(factor(tabled ? a_of[i][p * a_col] : a[i * a_row]));
#pragma GCC unroll 4
                for (int j = 0; j < kVectors; ++j) sum[i][j] = fma(av, bv[j], sum[i][j]);
            }
            a += a_col;
            b += b_row;
            if constexpr (source == Source::ahead) __builtin_prefetch(next), next += 64 / sizeof(T);
        };
        for (int64_t p = 0; p < whole_k;) {
            for (int64_t i = 0; i < at.share; ++i, fetch += g.b_row)
#pragma GCC unroll 2
                for (int j = 0; j == 0 || j < kVectors; j += kTileVectors) {
                    __builtin_prefetch(fetch + j / kTileVectors * g.b_panel);
                    __builtin_prefetch(fetch + j / kTileVectors * g.b_panel + kPanel<T> - 1);
                }
            const int64_t end = p + kFetchSteps < whole_k ? p + kFetchSteps : whole_k;
#pragma GCC unroll kUnroll
            for (; p < end; ++p) add(p, [](T x) FK_INLINED { return x; });
        }
        if constexpr (kOfPairs<T> && tabled)
            if (g.odd) add(whole_k, [](T x) FK_INLINED { return T{x.bits & 0xffff}; });
    };
    if constexpr (kOfPairs<T>)
        for (int i = 0; i < count_products(g.planes); ++i)
            for (int64_t r = 0; r < count; ++r) add_product(r, kPlaneProducts[g.planes - 1][i]);
    else
        for (int64_t r = 0; r < count; ++r) add_product(r, {0, 0});
    if (g.bias) {
        const Sum<T>* p = g.bias + at.panel * kPanel<T>;
#pragma GCC unroll 4
        for (int j = 0; j < kVectors; ++j) {
            const V bias = whole || j + 1 < kVectors ? L::load(p + j * L::count) : L::load(p + j * L::count, last);
#pragma GCC unroll 16
            for (int i = 0; i < kRows; ++i) sum[i][j] = sum[i][j] + bias;
        }
    }
    if (g.activation != Activation::linear) {
        // max(0, x) and min(ceiling, x) keep the NaN of x.
        using S = Sum<T>;
        const V ceiling(g.activation == Activation::relu6 ? S(6) : S(__builtin_inf()));
#pragma GCC unroll 16
        for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 4
            for (int j = 0; j < kVectors; ++j) sum[i][j] = min(ceiling, max(V(S(0)), sum[i][j]));
    }
    rows_of_c(c, [&](int i, Sum<T>* to) FK_INLINED {
#pragma GCC unroll 4
        for (int j = 0; j < kVectors; ++j)
            whole || j + 1 < kVectors ? L::store(to + j * L::count, sum[i][j])
                                      : L::store(to + j * L::count, sum[i][j], last);
    });
}

// One call for the column: a call per tile costs a tenth where k is 32.
template <class T, int kRows, int kVectors, Source source>
void column(const Brgemm<T>& g, const BrgemmPair<T>* pairs, int64_t count, const Column<T>& at, Sum<T>* c) {
    const int64_t fetched = at.share * ((g.k + kFetchSteps - 1) / kFetchSteps) * g.b_row;
    for (int64_t t = 0; t < at.tiles; ++t) {
        tile<T, kRows, kVectors, source>(g, pairs, count, at, at.row + t * kRows, at.fetch + t * fetched, c);
        c += kRows * g.c_row;
    }
}

// By [rows - 1][vectors - 1][source], filled by recursion over rows.
template <class T>
struct Tilings {
    Tiling<T> by[kTileRows<T>][kWideVectors][5];
};
template <class T, int kRows, int kVectors>
constexpr void fill_sources(Tilings<T>& t) {
    Tiling<T>* by = t.by[kRows - 1][kVectors - 1];
    by[int(Source::full)] = column<T, kRows, kVectors, Source::full>;
    by[int(Source::rows)] = column<T, kRows, kVectors, Source::rows>;
    if constexpr (!kOfPairs<T>) {
        by[int(Source::packing)] = column<T, kRows, kVectors, Source::packing>;
        by[int(Source::ahead)] = column<T, kRows, kVectors, Source::ahead>;
        if constexpr (kVectors <= kTileVectors) by[int(Source::partial)] = column<T, kRows, kVectors, Source::partial>;
    }
}
template <class T, int kRows = kTileRows<T>>
constexpr void fill(Tilings<T>& t) {
    fill_sources<T, kRows, 1>(t);
    fill_sources<T, kRows, 2>(t);
    if constexpr (kHasWideTiles<T> && kRows <= kWideRows) fill_sources<T, kRows, kWideVectors>(t);
    if constexpr (kRows > 1) fill<T, kRows - 1>(t);
}
template <class T>
constexpr Tilings<T> kTilings = [] {
    Tilings<T> t{};
    fill<T>(t);
    return t;
}();

// Panel by panel, or two by two, all rows: the panel of B stays near while A passes. Rows are dealt out evenly, 32 as 6
// 6 5 5 5 5: a tile of two rows left over would run at half speed.
template <class T>
void brgemm(const Brgemm<T>& g, const BrgemmPair<T>* pairs, int64_t count, Sum<T>* c) {
    if (g.m == 0) return;
    const bool wide_tiles = kHasWideTiles<T> && !near_l2_bytes();
    const int64_t fetches = (g.k + kFetchSteps - 1) / kFetchSteps;  // of a tile
    int64_t step;                                                   // panels
    for (int64_t panel = 0; panel * kPanel<T> < g.n; panel += step) {
        const int64_t rest = g.n - panel * kPanel<T>;
        step = wide_tiles && rest >= 2 * kPanel<T> ? 2 : 1;
        const int64_t columns = rest < step * kPanel<T> ? rest : step * kPanel<T>;
        const int64_t vectors = (columns + Lanes<T>::count - 1) / Lanes<T>::count;
        const int64_t most_rows = step == 2 ? kWideRows : kTileRows<T>;
        const int64_t tiles = (g.m + most_rows - 1) / most_rows;
        const int64_t low = g.m / tiles, high_tiles = g.m % tiles;  // that many tiles have low + 1 rows, the others low
        Column<T> at{.row = 0,
                     .tiles = 0,
                     .panel = panel,
                     .columns = columns,
                     .packed = false,
                     .fetch = nullptr,
                     .share = 0,
                     .pack_panel = g.pack_panel ? g.pack_panel : count * g.k * kPanel<T>};
        const auto run = [&](int64_t n, int64_t rows, Source source) {
            if (n == 0) return;
            at.tiles = n;
            kTilings<T>.by[rows - 1][vectors - 1][int(source)](g, pairs, count, at,
                                                               c + at.row * g.c_row + panel * kPanel<T>);
            at.row += n * rows;
            at.fetch += n * at.share * fetches * g.b_row;
        };
        // The first panel meets A where it comes from; a prefetcher of the CPU sees rows, not that the next ones
        // follow. 131072 rows of 96 floats from memory, Zen 4: 54 -> 81 GFLOP/s with 24 columns, 70 -> 103 with 32. Of
        // one vector and few rows (Winograd's with 16 channels) the fetch would take a tenth of the time.
        const bool pays = tiles > 1 && (g.n > Lanes<T>::count || g.m > 112);
        const bool streams = !kOfPairs<T> && count == 1 && pays && g.a_row == g.k && g.a_col == 1;
        const Source full = streams && panel == 0 ? Source::ahead : Source::full;
        if (!g.pack || (tiles == 1 && g.pack_panel == 0)) {
            const Source source = g.a_rows                                       ? Source::rows
                                  : g.b_padded || columns % Lanes<T>::count == 0 ? full
                                                                                 : Source::partial;
            run(high_tiles, low + 1, source);
            run(tiles - high_tiles, low, source);
            continue;
        }
        const bool first_high = high_tiles > 0;
        run(1, low + first_high, Source::packing);
        // While a panel is at work, each of its tiles fetches a share of the lines of the next one: rows of B far apart
        // are lines (and pages) that no prefetcher of the CPU expects. Took 1024^3 from 72 to 78 GFLOP/s.
        at.packed = true;
        if (rest >= 2 * step * kPanel<T>) {
            at.fetch = pairs[0].b + (panel + step) * g.b_panel;
            const int64_t times = (tiles - 1) * fetches;
            at.share = times > 0 ? (g.k + times - 1) / times : 0;
        }
        run(high_tiles - first_high, low + 1, full);
        run(tiles - (high_tiles > 0 ? high_tiles : 1), low, full);
    }
}

}  // namespace

#ifdef FK_BASE
#if !defined(__AMX_BF16__)
void brgemm_bf16(const Brgemm<Bf16Pair>& g, const BrgemmPair<Bf16Pair>* pairs, int64_t count, float* c) {
    brgemm(g, pairs, count, c);
}
#endif
#else
void brgemm_f32(const Brgemm<float>& g, const BrgemmPair<float>* pairs, int64_t count, float* c) {
    brgemm(g, pairs, count, c);
}
void brgemm_f64(const Brgemm<double>& g, const BrgemmPair<double>* pairs, int64_t count, double* c) {
    brgemm(g, pairs, count, c);
}
int64_t brgemm_panel_f32() { return kPanel<float>; }
int64_t brgemm_panel_f64() { return kPanel<double>; }
#endif

}  // namespace fk::FK_ISA
