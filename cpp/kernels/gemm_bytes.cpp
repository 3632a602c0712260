// C = A B of int8, copied to words (byte_words.h). Few rows wait, copied, for one panel after the other; of many,
// blocks of rows pass over panels that are all there.
#include "core/slot.h"
#include "kernels/byte_words.h"

namespace fk::FK_ISA {
namespace {

// Lines and panels of `words` words.
struct Copies {
    int64_t words;
    const int32_t *lines, *panels;
};

template <int rows, int vectors>
FK_DOT void tile(const Copies& from, int64_t columns, int32_t* c, int64_t c_row) {
    IVec sum[rows][vectors];
    const int64_t line = from.words + kByteHead;
#pragma GCC unroll 8
    for (int i = 0; i < rows; ++i)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) sum[i][v] = IVec(from.lines[i * line]);
    const int32_t *a = from.lines + kByteHead, *b = from.panels;
    for (int64_t at = 0; at < from.words; ++at, b += vectors * kLanes) {
        IVec column[vectors];
#pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) column[v] = load(b + v * kLanes);
#pragma GCC unroll 8
        for (int i = 0; i < rows; ++i) {
            const IVec x(a[i * line + at]);
#pragma GCC unroll 4
            for (int v = 0; v < vectors; ++v) sum[i][v] = dot(sum[i][v], x, column[v]);
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < rows; ++i)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) {
            int32_t* to = c + i * c_row + v * kLanes;
            const int64_t n = columns - v * kLanes;
            n >= kLanes ? store(to, sum[i][v]) : store_partial(to, sum[i][v], n);
        }
}

using Tile = void (*)(const Copies&, int64_t, int32_t*, int64_t);
template <int vectors>
constexpr Tile kTiles[kRows] = {tile<1, vectors>, tile<2, vectors>, tile<3, vectors>,
                                tile<4, vectors>, tile<5, vectors>, tile<6, vectors>};
constexpr const Tile* kTilesOf[] = {
    kTiles<1>,
    kTiles<2>,
#if defined(FK_AVX512)
    kTiles<3>,
    kTiles<4>,
#endif
};

// All rows of `lines` by up to kBytePanel columns.
void multiply(const Copies& all, int64_t rows, int64_t columns, int32_t* c, int64_t c_row) {
    const int64_t line = all.words + kByteHead;
    for (int64_t j = 0; j < columns; j += kPanel)
        for (int64_t i = 0; i < rows; i += kRows) {
            const int64_t count = least(rows - i, kRows), n = least(columns - j, kPanel);
            kTilesOf[pieces(n, kLanes) - 1][count - 1]({all.words, all.lines + i * line, all.panels + j * all.words}, n,
                                                       c + i * c_row + j, c_row);
        }
}

// One line by `columns` columns whose bytes lie along k, as inner products.
template <int columns>
FK_DOT void inner(const int32_t* line, const int8_t* b, int64_t b_col, int64_t k, int32_t* c) {
    constexpr int64_t step = kLanes * kGroup;
    const int32_t* a = line + kByteHead;
    IVec sum[columns];
#pragma GCC unroll 4
    for (int j = 0; j < columns; ++j) sum[j] = IVec(0);
    int64_t p = 0;
    for (; p + step <= k; p += step) {
        const IVec x = load(a + p / kGroup);
#pragma GCC unroll 4
        for (int j = 0; j < columns; ++j) sum[j] = dot(sum[j], x, words_of(b + j * b_col + p));
    }
    const auto* rest = reinterpret_cast<const LineNumber*>(a);
#pragma GCC unroll 4
    for (int j = 0; j < columns; ++j) {
        int32_t lanes[kLanes];
        store(lanes, sum[j]);
        uint32_t total = uint32_t(line[0]);
        for (int32_t lane : lanes) total += uint32_t(lane);
        for (int64_t q = p; q < k; ++q) total += uint32_t(rest[q] * (b[j * b_col + q] + kOffset));
        c[j] = int32_t(total);
    }
}

// One line by kBytePanel columns that lie side by side, which are read in place.
FK_DOT void one_row(const int32_t* line, const int8_t* b, int64_t b_row, int64_t k, int32_t* c) {
    constexpr int panels = kBytePanel / kPanel;
    const int32_t* a = line + kByteHead;
    IVec sum[panels][kVectors];
#pragma GCC unroll 8
    for (int i = 0; i < panels; ++i)
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) sum[i][v] = IVec(line[0]);
    for (int64_t at = 0; at < k / kGroup; ++at, b += kGroup * b_row) {
        const IVec x(a[at]);
#pragma GCC unroll 8
        for (int i = 0; i < panels; ++i) {
            const Words words = side_by_side(b + i * kPanel, b_row);
#pragma GCC unroll 4
            for (int v = 0; v < kVectors; ++v) sum[i][v] = dot(sum[i][v], x, words.v[v]);
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < panels; ++i)
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) store(c + i * kPanel + v * kLanes, sum[i][v]);
    const auto* rest = reinterpret_cast<const LineNumber*>(a + k / kGroup);
    for (int64_t s = 0; s < k % kGroup; ++s)
        for (int64_t j = 0; j < kBytePanel; ++j)
            c[j] = int32_t(uint32_t(c[j]) + uint32_t(rest[s] * (b[s * b_row + j] + kOffset)));
}

// A product: the rows of A, which become lines, the columns of B, and what is made of the sums.
struct Product {
    const Gemm& g;
    const int8_t *a, *b;
    int32_t* c;

    int64_t columns(int64_t panel) const { return least(g.n - panel * kBytePanel, kBytePanel); }
    int64_t line() const { return pieces(g.k, kGroup) + kByteHead; }

    void copy_rows(int64_t begin, int64_t end, int32_t* lines) const {
        for (int64_t i = begin; i < end; ++i, lines += line())
            if (g.a_col == 1)
                copy_row(a + i * g.a_row, 1, g.k, lines);
            else
                copy_row(a + i * g.a_row, g.a_col, g.k, lines);
    }
    void finish(const int32_t*, int64_t, int64_t, int64_t) const {}

    void copy_columns(int64_t panel, int32_t* to) const {
        const int8_t* from = b + panel * kBytePanel * g.b_col;
        if (g.b_col == 1)
            copy_panels(from, g.b_row, 1, g.k, columns(panel), to);
        else if (g.b_row == 1)
            copy_turned(from, g.b_col, g.k, columns(panel), to);
        else
            copy_panels(from, g.b_row, g.b_col, g.k, columns(panel), to);
    }
};

// All lines by a panel, in place where copies do not pay.
void few_rows(const Product& p, const int32_t* lines, int64_t panel, int32_t* copy) {
    const Gemm& g = p.g;
    const int64_t first = panel * kBytePanel, columns = p.columns(panel);
    const int8_t* b = p.b + first * g.b_col;
    int32_t* c = p.c + first;
    if (g.m == 1 && g.b_col == 1 && columns == kBytePanel) return one_row(lines, b, g.b_row, g.k, c);
    if (g.m > kInnerRows || g.b_row != 1 || g.b_col == 1) {
        p.copy_columns(panel, copy);
        return multiply({pieces(g.k, kGroup), lines, copy}, g.m, columns, c, g.c_row);
    }
    for (int64_t j = 0; j < columns;) {
        const int64_t count = columns - j >= 4 ? 4 : 1;
        for (int64_t i = 0; i < g.m; ++i)
            (count == 4 ? inner<4> : inner<1>)(lines + i * p.line(), b + j * g.b_col, g.b_col, g.k,
                                               c + i * g.c_row + j);
        j += count;
    }
}

struct RoundedProduct : Product {
    const float *x, *t, *bias;
    float epsilon;

    void copy_rows(int64_t begin, int64_t end, int32_t* lines) const {
        for (int64_t i = begin; i < end; ++i, lines += line()) round_row(x + i * g.a_row, g.k, epsilon, lines);
    }
    // Sums of rows from `begin` to `end` and a panel become floats where they are.
    void finish(const int32_t* lines, int64_t begin, int64_t end, int64_t panel) const {
        const int64_t first = panel * kBytePanel;
        const Vec low(g.activation == Activation::linear ? -__builtin_inff() : 0.f);
        const Vec high(g.activation == Activation::relu6 ? 6.f : __builtin_inff());
        for (int64_t i = begin; i < end; ++i, lines += line()) {
            int32_t* sums = c + i * g.c_row + first;
            const Vec s(as_float(lines[1]));
            for (int64_t j = 0; j < columns(panel); j += kLanes) {
                const int64_t n = least(columns(panel) - j, kLanes);
                const auto part = [&](const float* v) FK_INLINED { return load_up_to(v + first + j, n); };
                const IVec sum = n == kLanes ? load(sums + j) : load_partial(sums + j, n);
                Vec y = to_float(sum) / (s * part(t));
                if (bias) y = y + part(bias);
                store_up_to(reinterpret_cast<float*>(sums + j), min(high, max(low, y)), n);
            }
        }
    }
};

constexpr double kByteChunk = 3 * kChunkFlops;

template <class P>
void product(const P& p, char* scratch) {
    const Gemm& g = p.g;
    const int64_t words = pieces(g.k, kGroup), panels = pieces(g.n, kBytePanel), panel_words = kBytePanel * words;
    const bool few = g.m <= kByteRows;
    const int64_t blocks = few ? 1 : pieces(pieces(g.m, kByteRows), g.threads) * g.threads;
    const int64_t rows = least(g.m, pieces(pieces(g.m, blocks), kRows) * kRows), lines = rows * (words + kByteHead);
    auto* shared = reinterpret_cast<int32_t*>(scratch + 64);
    const int64_t own_bytes = pieces(4 * (few ? panel_words : lines), 64) * 64;
    char* own = scratch + 64 + pieces(4 * (few ? lines : panels * panel_words), 64) * 64;
    const double work = 2.0 * double(rows) * double(g.k) * double(few ? kBytePanel : g.n) + 1;
    const int64_t grain = most(1, int64_t(kByteChunk / work));
    __builtin_memset(scratch, 0, 64);
    if (few)
        p.copy_rows(0, g.m, shared);
    else
        parallel_for(panels, (1 << 18) / (panel_words + 1) + 1, [&](int64_t begin, int64_t end) {
            for (int64_t j = begin; j < end; ++j) p.copy_columns(j, shared + j * panel_words);
        });
    parallel_for(few ? panels : pieces(g.m, rows), grain, [&](int64_t begin, int64_t end) {
        const Slot slot(scratch, own, g.threads, own_bytes);
        auto* copy = reinterpret_cast<int32_t*>(slot.memory);
        for (int64_t i = begin; i < end; ++i) {
            if (few) {
                few_rows(p, shared, i, copy);
                p.finish(shared, 0, g.m, i);
                continue;
            }
            const int64_t first = i * rows, last = least(g.m, first + rows);
            p.copy_rows(first, last, copy);
            for (int64_t j = 0; j < panels; ++j) {
                multiply({words, copy, shared + j * panel_words}, last - first, p.columns(j),
                         p.c + first * g.c_row + j * kBytePanel, g.c_row);
                p.finish(copy, first, last, j);
            }
        }
    });
}

}  // namespace

void gemm_i8(const Gemm& g, const int8_t* a, const int8_t* b, int32_t* c, void* scratch) {
#if defined(FK_AVX512)
    if (!__builtin_cpu_supports("avx512vnni")) return avx2::gemm_i8(g, a, b, c, scratch);
#endif
    if (g.m == 0 || g.n == 0) return;
    for (int64_t i = 0; i < g.batch; ++i)
        product(Product{g, a + (g.a_offsets ? g.a_offsets[i] : 0), b + (g.b_offsets ? g.b_offsets[i] : 0),
                        c + i * g.c_batch},
                static_cast<char*>(scratch));
}

void dense_i8(const Gemm& g, const float* a, const int8_t* b, const float* t, const float* bias, float epsilon,
              float* y, void* scratch) {
#if defined(FK_AVX512)
    if (!__builtin_cpu_supports("avx512vnni")) return avx2::dense_i8(g, a, b, t, bias, epsilon, y, scratch);
#endif
    if (g.m == 0 || g.n == 0) return;
    product(RoundedProduct{{g, nullptr, b, reinterpret_cast<int32_t*>(y)}, a, t, bias, epsilon},
            static_cast<char*>(scratch));
}

}  // namespace fk::FK_ISA
