// Whole products: chooses a way by shape, cuts the work into blocks, copies what would be slow to read in place.
#include "kernels/products/gemm.h"

#include "core/parallel.h"
#include "core/slot.h"
#include "kernels/products/blocks.h"
#include "kernels/products/exponents.h"
#include "kernels/products/few_rows.h"
#include "kernels/products/pairs.h"
#include "kernels/products/panels.h"
#include "kernels/products/tile_blocks.h"
#include "kernels/sizes.h"

namespace fk::FK_ISA {
namespace {

template <class T>
FK_VEC void run_one(const Brgemm<T>& g, BrgemmPair<T> pair, Sum<T>* c) {
    run_brgemm(g, &pair, 1, c);
}

// --- copies ---

FK_VEC void pack_panel(const float* b, int64_t b_row, int64_t b_col, int64_t k, int64_t columns, int64_t width,
                       float* to, Planes = {}) {
    b_row == 1 ? pack_columns(b, b_col, k, columns, width, to) : pack_any(b, b_row, b_col, k, columns, width, to);
}
FK_VEC void pack_panel(const double* b, int64_t b_row, int64_t b_col, int64_t k, int64_t columns, int64_t width,
                       double* to, Planes = {}) {
    pack_any(b, b_row, b_col, k, columns, width, to);
}
#if defined(__AVX512BF16__)
FK_VEC void pack_panel(const float* b, int64_t b_row, int64_t b_col, int64_t k, int64_t columns, int64_t width,
                       Bf16Pair* to, Planes planes) {
    b_row == 1 ? pair_columns(b, b_col, k, columns, width, to, planes)
               : pair_rows(b, b_row, k, columns, width, to, planes);
}
#endif

// `lines` runs of n contiguous elements, `stride` apart, to lines to_stride apart.
template <class T>
FK_VEC void copy_lines(const T* from, int64_t stride, int64_t lines, int64_t n, T* to, int64_t to_stride) {
    for (int64_t i = 0; i < lines; ++i) __builtin_memcpy(to + i * to_stride, from + i * stride, size_t(n) * sizeof(T));
}

// --- tiles ---

// `depth` columns of A as brgemm reads them: where they are, or copied.
template <class T>
const T* rows_of_a(const Gemm& g, const Blocks& s, Brgemm<T>& part, int64_t depth, const T* a, T* copy) {
    if (!s.copy_a) return a;
    part.a_row = s.a_line, part.a_col = 1;
    if (g.a_row == 1) {
        copy_lines(a, g.a_col, depth, part.m, copy, s.a_line);
        part.a_row = 1, part.a_col = s.a_line;
    } else if (g.a_col == 1) {
        copy_lines(a, g.a_row, part.m, depth, copy, s.a_line);
    } else {
        pack_any(a, g.a_row, g.a_col, part.m, depth, s.a_line, copy);
    }
    return copy;
}
#if defined(__AVX512BF16__) && !defined(__AMX_BF16__)
const Bf16Pair* rows_of_a(const Gemm& g, const Blocks& s, Brgemm<Bf16Pair>& part, int64_t depth, const float* a,
                          Bf16Pair* copy) {
    const Planes planes{g.planes, s.a_plane};
    part.planes = g.planes, part.a_plane = s.a_plane, part.b_plane = s.b_plane;
    part.a_row = s.a_line, part.a_col = 1;
    if (g.a_col == 1) {
        pair_lines(a, g.a_row, part.m, depth, copy, s.a_line, planes);
    } else {
        const int64_t width = pieces(part.m, kLanes) * kLanes;
        pair_rows(a, g.a_col, depth, part.m, width, copy, planes);
        part.a_row = 1, part.a_col = width;
    }
    return copy;
}
#endif

// Products of rows [i0, i0 + rows) at depth [p0, p0 + depth) with all columns of the block; B is in place at `b`, or
// for all but the first step in panels at b_copy.
template <class T>
void step(const Product<T>& p, const Blocks& s, Brgemm<T> part, int64_t depth, const Sum<T>* a_place, const Sum<T>* b,
          Sum<T>* c, T* a_copy, T* b_copy, bool first) {
    const Gemm& g = p.g;
    const T* a = rows_of_a(g, s, part, depth, a_place, a_copy);
    if constexpr (kSteps<T> == 1)
        if (first && g.b_col == 1) {
            part.pack = b_copy;
            part.pack_panel = s.keep;
            return run_one<T>(part, {a, b}, c);
        }
    part.b_row = kPanel<T>;
    part.b_panel = s.keep;
    part.b_padded = true;
    if (!first) return run_one<T>(part, {a, b_copy}, c);
    const int64_t columns = part.n;
    const Sum<T>* bias = part.bias;
    for (int64_t j = 0; j < columns; j += kPanel<T>) {
        part.n = least(columns - j, kPanel<T>);
        part.bias = bias ? bias + j : nullptr;
        T* to = b_copy + j / kPanel<T> * s.keep;
        pack_panel(b + j * g.b_col, g.b_row, g.b_col, depth, part.n, kPanel<T>, to, {part.planes, s.b_plane});
        run_one<T>(part, {a, to}, c + j);
    }
}

constexpr Activation kLastInTile = Activation::relu6;

// Rows [i0, i1) and columns [j0, j1) of C, as far as steps [k0, k1) of k make them.
struct Block {
    int64_t i0, i1, j0, j1, k0, k1;
};

// Rows [i, i + s.step) of a block at depth [p0, p0 + s.depth); `first` rows leave B in panels in the memory, where the
// others read it.
template <class T>
void rows_of_block(const Product<T>& p, const Blocks& s, const Block& b, int64_t i, int64_t p0, char* memory,
                   bool first) {
    const Gemm& g = p.g;
    const int64_t depth = least(b.k1 - p0, s.depth);
    const bool last = p0 + depth == g.k;
    const Brgemm<T> part{.m = least(b.i1 - i, s.step),
                         .n = b.j1 - b.j0,
                         .k = pieces(depth, kSteps<T>),
                         .a_row = g.a_row,
                         .a_col = g.a_col,
                         .b_row = g.b_row,
                         .b_panel = kPanel<T>,
                         .c_row = g.c_row,
                         .accumulate = g.accumulate || p0 > 0,
                         .activation = last && g.activation <= kLastInTile ? g.activation : Activation::linear,
                         .bias = last && p.bias ? p.bias + b.j0 : nullptr};
    Sum<T>* c = p.c + i * g.c_row + b.j0;
    step(p, s, part, depth, p.a + i * g.a_row + p0 * g.a_col, p.b + p0 * g.b_row + b.j0 * g.b_col, c,
         reinterpret_cast<T*>(memory), reinterpret_cast<T*>(memory + s.a_bytes), first);
    if (last && g.activation > kLastInTile)
        for (int64_t row = 0; row < part.m; ++row) activate(g.activation, c + row * g.c_row, part.n);
}

template <class T>
void block(const Product<T>& p, const Blocks& s, const Block& b, char* memory) {
    for (int64_t p0 = b.k0; p0 == 0 || p0 < b.k1; p0 += s.depth)
        for (int64_t i = b.i0; i < b.i1; i += s.step) rows_of_block(p, s, b, i, p0, memory, i == b.i0);
}

// --- two threads, two slices of k ---

constexpr int64_t kFlags = 256;      // bytes in front of the slots: the tiles of C whose first half is made
constexpr int64_t kFewRows = 64;     // that one block of A has
constexpr int64_t kSlicedRows = 14;  // of such a tile, at most

// A batch of few rows times weights that stay in the L2 of two threads, with what an optimizer keeps of them.
// Optimizers update weights by rows: a thread that reads columns of them takes half of the lines from the other one,
// which then has to get them back. Here threads share rows, too: one multiplies the first half of k, tile by tile of C,
// and the other goes on with each tile that is made, so that every sum is one chain as ever. The mlp on two threads
// of Emerald Rapids: 172 -> 130 us a step (its forward product 45 -> 34, its update 52 -> 22); of Zen 4 116 -> 113. The
// second thread waits for its first tile, 2 us; when it had whole panels to begin with, and the first thread another
// one in return, a quarter of the weights changed places: 154 -> 140 us.
// Larger weights come from the L3 anyway, and the product alone is slower so (3200 x 128 on Zen 4: a step 361 -> 402).
// More threads get their chunks as it comes.
template <class T>
bool in_slices(const Gemm& g) {
    return kSteps<T> == 1 && g.threads == 2 && g.batch == 1 && g.m <= kFewRows && g.a_col == 1 && g.b_col == 1 &&
           g.n > 2 * kPanel<T> && pieces(g.n, kPanel<T>) * pieces(g.m, kSlicedRows) <= kFlags && g.n <= kHalfPage &&
           g.k >= 512 && g.k <= 2 * gemm_depth(true) && g.n * g.k <= kDeepElements;
}

template <class T>
void slices(const Product<T>& p, void* scratch) {
    const Gemm& g = p.g;
    const int64_t groups = pieces(g.m, kSlicedRows), middle = g.k / 2;
    auto* made = static_cast<uint8_t*>(scratch);
    __builtin_memset(made, 0, kFlags);
    parallel_for(2, 1, [&](int64_t begin, int64_t end) {
        for (int64_t thread = begin; thread < end; ++thread) {
            const int64_t from = thread == 0 ? 0 : middle, to = thread == 0 ? middle : g.k;
            Blocks s{};
            s.depth = to - from;
            s.step = pieces(g.m, groups);
            s.keep = s.depth * kPanel<T>;
            char* memory =
                static_cast<char*>(scratch) + kFlags + thread * (g.k - middle) * kPanel<T> * int64_t(sizeof(T));
            uint8_t* flag = made;
            for (int64_t j = 0; j < g.n; j += kPanel<T>)
                for (int64_t i = 0; i < g.m; i += s.step, ++flag) {
                    if (thread == 1) wait_for(flag);
                    rows_of_block(p, s, {0, g.m, j, least(g.n, j + kPanel<T>), from, to}, i, from, memory, i == 0);
                    if (thread == 0) __atomic_store_n(flag, uint8_t(1), __ATOMIC_RELEASE);
                }
        }
    });
}

// --- runs of k ---

template <class T>
void runs(const Gemm& g, const T* a, const T* b, T* c, void* scratch) {
    const int64_t count = g.m * g.n, each = pieces(g.k, g.runs);
    Gemm run = g;
    run.k = each, run.c_row = g.n, run.accumulate = false, run.threads = 1;
    const Blocks s = cut<T>(run);
    auto* sums = reinterpret_cast<T*>(static_cast<char*>(scratch) + 64);
    char* slots = static_cast<char*>(scratch) + 64 + pieces(g.runs * count * int64_t(sizeof(T)), 64) * 64;
    __builtin_memset(scratch, 0, 64);
    parallel_for(g.runs, 1, [&](int64_t begin, int64_t end) {
        const Slot slot(scratch, slots, g.threads, s.slot_bytes);
        for (int64_t i = begin; i < end; ++i) {
            Gemm now = run;
            now.k = least(g.k - i * each, each);
            const Product<T> p{now, a + i * each * g.a_col, b + i * each * g.b_row, nullptr, sums + i * count};
            for (int64_t row = 0; row < g.m; row += s.rows)
                for (int64_t column = 0; column < g.n; column += s.columns)
                    block(p, s, {row, least(g.m, row + s.rows), column, least(g.n, column + s.columns), 0, now.k},
                          slot.memory);
        }
    });
    for (int64_t i = 0; i < g.runs; ++i)
        for (int64_t row = 0; row < g.m; ++row) {
            const T* from = sums + i * count + row * g.n;
            T* to = c + row * g.c_row;
            for (int64_t j = 0; j < g.n; ++j) to[j] = i > 0 || g.accumulate ? to[j] + from[j] : from[j];
        }
}

#if defined(__AMX_BF16__)
// Do planes hold the operands? Else C is not the product.
bool gemm_on_tiles(const Gemm& g, const float* a, const float* b, const float* bias, float* c, void* scratch) {
    if (g.m == 0 || g.n == 0 || g.batch == 0) return true;
    const TileBlocks s = cut_for_tiles(g);
    const int64_t across = pieces(g.n, s.columns), each = pieces(g.m, s.rows) * across;
    const double block = double(s.rows) * double(s.columns) * double(g.k) * count_products(g.planes);
    const int64_t slot_bytes = pieces(tile_slot_bytes(g.planes, s.room, s.columns), 64) * 64;
    SharedExtent extent_a, extent_b;
    __builtin_memset(scratch, 0, 64);
    parallel_for(g.batch * each, most(1, int64_t(kTileChunk / (block + 1))), [&](int64_t begin, int64_t end) {
        const Slot slot(scratch, static_cast<char*>(scratch) + 64, g.threads, slot_bytes);
        Extents found_a, found_b;
        for (int64_t i = begin; i < end; ++i) {
            const int64_t which = i / each, at = i % each;
            tile_block(g, s, a + (g.a_offsets ? g.a_offsets[which] : 0), b + (g.b_offsets ? g.b_offsets[which] : 0),
                       bias, c + which * g.c_batch, at / across * s.rows, at % across * s.columns, slot.memory, found_a,
                       found_b, [&](float* y, int64_t rows, int64_t columns) {
                           for (int64_t row = 0; g.activation > Activation::relu6 && row < rows; ++row)
                               activate(g.activation, y + row * g.c_row, columns);
                       });
        }
        extent_a.include(found_a.all());
        extent_b.include(found_b.all());
    });
    return g.planes == 1 || splits(extent_a.all, extent_b.all);
}
#endif

template <class T>
void gemm(const Gemm& given, const Sum<T>* a, const Sum<T>* b, const Sum<T>* bias, Sum<T>* c, void* scratch) {
    if (given.m == 0 || given.n == 0 || given.batch == 0) return;
    Gemm g = given;
    const Way other = choose(turn(g));
    const bool turned = g.n == 1 && g.c_row == 1 ? other != Way::tiles
                                                 : kSteps<T> == 1 && other == Way::dots && choose(g) == Way::tiles;
    if (turned) {
        g = turn(g);
        const Sum<T>* t = a;
        a = b, b = t;
    }
    const auto product = [&](int64_t i) {
        return Product<T>{g,
                          a + (g.a_offsets ? g.a_offsets[i] : 0),
                          b + (g.b_offsets ? g.b_offsets[i] : 0),
                          bias,
                          c + i * g.c_batch,
                          turned ? given.c_row : 1,
                          turned};
    };
    const Way way = choose(g);
    const double row_flops = 2.0 * double(g.k) * double(g.m);
    if (kSteps<T> == 1 && way != Way::tiles) {
        const int64_t columns =
            least(g.n, pieces(most(64, int64_t(kChunkFlops / most(1, int64_t(row_flops)))), 16) * 16);
        const int64_t cuts = pieces(g.n, columns),
                      grain = most(1, int64_t(kChunkFlops / (row_flops * double(columns) + 1)));
        parallel_for(g.batch * cuts, grain, [&](int64_t begin, int64_t end) {
            for (int64_t i = begin; i < end; ++i) {
                const int64_t j = i % cuts * columns;
                if constexpr (kSteps<T> == 1)
                    way == Way::dots ? dots(product(i / cuts), j, least(g.n, j + columns))
                                     : gather_columns(product(i / cuts), j, least(g.n, j + columns));
            }
        });
        return;
    }
    if constexpr (kSteps<T> == 1)
        if (g.runs > 1 && !turned) return runs(g, a, b, c, scratch);
    if (in_slices<T>(g)) return slices(product(0), scratch);
    const Blocks s = cut<T>(g);
    const int64_t across = pieces(g.n, s.columns), each = pieces(g.m, s.rows) * across;
    const int64_t grain =
        most(1, int64_t(kChunkFlops / (row_flops / double(g.m) * double(s.rows) * double(s.columns) + 1)));
    __builtin_memset(scratch, 0, 64);
    parallel_for(g.batch * each, grain, [&](int64_t begin, int64_t end) {
        const Slot slot(scratch, static_cast<char*>(scratch) + 64, g.threads, s.slot_bytes);
        for (int64_t i = begin; i < end; ++i) {
            const int64_t row = i % each / across * s.rows, column = i % each % across * s.columns;
            block(product(i / each), s, {row, least(g.m, row + s.rows), column, least(g.n, column + s.columns), 0, g.k},
                  slot.memory);
        }
    });
}

// --- products of planes ---

// What products of one, two and three planes cost, in multiply-adds of floats: per multiply-add, and per element that
// is split. bench/planes.py fits the table.
struct PlaneCost {
    double product, split;
};
#if defined(__AMX_BF16__)
constexpr PlaneCost kGraniteRapids[] = {{0.19, 8.8}, {0.40, 14.2}, {0.62, 15.6}};
// Planes must gain a tenth: there were minutes when AMX fell to a fourth of its rate, vectors by little, and products
// of three planes took 1.3 to 1.6 times as long as those of floats.
constexpr double kGain = 0.9;
constexpr PlaneCost kEmeraldRapids[] = {
    {0.23 / kGain, 8.7 / kGain}, {0.50 / kGain, 13.6 / kGain}, {0.81 / kGain, 13.6 / kGain}};
FK_VEC const PlaneCost& plane_cost(int planes) {
    return (has_float16_tiles() ? kGraniteRapids : kEmeraldRapids)[planes - 1];
}
#else
constexpr PlaneCost kZen4[] = {{0.52, 5}, {1.53, 5}, {3.14, 5}};
FK_VEC const PlaneCost& plane_cost(int planes) { return kZen4[planes - 1]; }
#endif

#if defined(__AVX512BF16__)
FK_VEC bool in_lines(const Gemm& g) { return (g.a_row == 1 || g.a_col == 1) && (g.b_row == 1 || g.b_col == 1); }

// Of all the matrices of the batch.
Extent extent_of(const float* x, int64_t row, int64_t col, int64_t rows, int64_t cols, const int64_t* offsets,
                 int64_t batch) {
    Extent all;
    for (int64_t i = 0; i < (offsets ? batch : 1); ++i)
        if (i == 0 || offsets[i] != offsets[i - 1])
            all.include(col == 1 ? extent_of(x + (offsets ? offsets[i] : 0), row, rows, cols)
                                 : extent_of(x + (offsets ? offsets[i] : 0), col, cols, rows));
    return all;
}
bool splits(const Gemm& g, const float* a, const float* b) {
    return splits(extent_of(a, g.a_row, g.a_col, g.m, g.k, g.a_offsets, g.batch),
                  extent_of(b, g.b_row, g.b_col, g.k, g.n, g.b_offsets, g.batch));
}
#endif

}  // namespace

bool planes_pay(int planes, int64_t m, int64_t n, int64_t k, int64_t elements) {
    if (!kMultipliesBfloat16 || planes == 0 || m < 16 || n < 16 || k < 16) return false;
    // Tiles are 16 rows by 16 columns by 32 steps whatever is in them.
    const int64_t rows = kTiles ? pieces(m, 16) * 16 : m, steps = kTiles ? pieces(k, 32) * 32 : k;
    const PlaneCost& cost = plane_cost(planes);
    return cost.product * double(rows) * double(pieces(n, 16) * 16) * double(steps) + cost.split * double(elements) <
           double(m) * double(n) * double(k);
}

void gemm_f32(const Gemm& g, const float* a, const float* b, const float* bias, float* c, void* scratch) {
#if defined(__AMX_BF16__)
    // Sums cannot be added twice: there the operands are looked at first.
    if (g.planes > 0 && g.k > 0 && in_lines(g) && (g.planes == 1 || !g.accumulate || splits(g, a, b)) &&
        gemm_on_tiles(g, a, b, bias, c, scratch))
        return;
#elif defined(__AVX512BF16__)
    if (g.planes > 0 && in_lines(g) && (g.planes == 1 || splits(g, a, b)))
        return gemm<Bf16Pair>(g, a, b, bias, c, scratch);
#endif
    gemm<float>(g, a, b, bias, c, scratch);
}
#ifndef FK_BASE
void gemm_f64(const Gemm& g, const double* a, const double* b, const double* bias, double* c, void* scratch) {
    gemm<double>(g, a, b, bias, c, scratch);
}
#endif

}  // namespace fk::FK_ISA
