// Whole products: chooses a way by shape, cuts the work into blocks, copies what would be slow to read in place.
#include "kernels/products/gemm.h"

#include "core/parallel.h"
#include "core/slot.h"
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

template <class T>
constexpr int64_t kPanel = 2 * Lanes<T>::count;

constexpr int64_t kWideColumns = 256;  // that are worth a copy of A
constexpr int64_t kHalfPage = 512,
                  kFewRows = 64;  // columns whose halves lie in one page of 4 KB; rows that one step takes
constexpr int64_t kFewColumns = 128, kManyRows = 112;  // of one thread; the rows are worth packing B
constexpr int64_t kTileRowsOfThread = 16;              // fewer would wait for their own sums

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

// How a product is cut. Blocks of rows x columns are handed to threads; each goes through k in steps of `depth`, and
// at each step through its rows in steps that fit the L2.
struct Blocks {
    int64_t rows, columns, depth, step;
    bool copy_a;  // to lines of a_line elements
    int64_t a_line;
    int64_t keep;              // elements per panel of B kept for the following steps; 0: there is only one step
    int64_t a_plane, b_plane;  // from one plane of the copies to the next; b_plane: of a panel
    int64_t a_bytes, slot_bytes;
};

// Where A is copied, every block of columns does it, as every block of rows packs B: how is the product cut best? In
// vectors of products per step of k; a copied element takes the time of one (Zen 4). With two threads 1024x256x8192
// with columns of A takes 25 ms instead of 74.
template <class T>
void cut_for_copies(const Gemm& g, int64_t wanted, Blocks& s) {
    double least_cost = 1e300;
    const int64_t first = pieces(g.m, kGemmRows * kGemmRowBlocks), all = pieces(g.n, kPanel<T>) * kPanel<T>;
    const int64_t share = pieces(pieces(g.n, kPanel<T>), g.threads) * kPanel<T>;
    for (int64_t r = first; r <= most(first, least(wanted, pieces(g.m, kGemmRows))); ++r)
        for (int64_t columns = least(128, share); columns <= least(kGemmColumns, all); columns += kPanel<T>) {
            const int64_t c = pieces(g.n, columns), blocks = r * c * g.batch;
            if (blocks > 2 * wanted && c > pieces(g.n, kGemmColumns)) continue;
            const double shares = double(g.threads) / double(blocks);
            // The last block of one thread may find the others idle.
            const double rounds = double(pieces(blocks, g.threads)) * shares + (g.threads > 1 ? 0.1 * shares : 0);
            const double products = double(g.m) * double(g.n) / (16.0 * kSteps<T>);
            const double cost = rounds * products + double(c * g.m) + double(r * g.n);
            if (cost < least_cost) least_cost = cost, s.rows = pieces(g.m, r), s.columns = columns;
        }
}

template <class T>
Blocks cut(const Gemm& g) {
    Blocks s;
    s.depth = most(1, pieces(g.k, most(1, pieces(g.k, kSteps<T> * gemm_depth(g.n, g.k)))));
    s.depth = pieces(s.depth, kSteps<T>) * kSteps<T>;
    const int64_t deep = s.depth / kSteps<T>;
    const double flops = 2.0 * double(g.m) * double(g.n) * double(g.k) * double(g.batch);
    int64_t wanted = most(1, least(g.threads == 1 ? 1 : 8 * g.threads, int64_t(flops / kChunkFlops)));
    if (wanted == 1 && g.threads > 1 && flops > 1.5 * kChunkFlops) wanted = 2;
    if (wanted > g.threads && wanted < 4 * g.threads) wanted -= wanted % g.threads;  // equal shares
    const int64_t row_blocks = pieces(g.m, kGemmRows * kGemmRowBlocks);
    // Lines of A that fall into two sets of the L1 or one have to be copied, which pays for many columns: 1024^3 on two
    // threads of Zen 4 175 -> 205 GFLOP/s.
    const bool colliding = g.a_col == 1 && g.a_row % 512 == 0 && g.m > 64;
    const int64_t fair = pieces(wanted, row_blocks * g.batch);
    const int64_t one_each = pieces(g.threads, row_blocks * g.batch);
    const int64_t wide = colliding ? most(1, g.n / kWideColumns / one_each) * one_each : fair;
    int64_t column_blocks = least(most(least(fair, wide), pieces(g.n, kGemmColumns)), pieces(g.n, kPanel<T>));
    int64_t fewest_rows = kGemmRows;
    // Two threads that write parts of one page take lines from each other, since prefetchers go on where the other one
    // writes: blocks of many rows are better than narrow columns (two threads of Emerald Rapids: 784x128x32 131 -> 222
    // GFLOP/s, 3200x64x32 191 -> 258, 500x300x64 217 -> 271).
    if (!colliding && g.n <= kHalfPage && g.n < kFewColumns * column_blocks && g.m >= g.threads * kManyRows) {
        column_blocks = pieces(g.n, kGemmColumns);
        fewest_rows = kManyRows;
        wanted = least(wanted, g.m / kManyRows);
        wanted -= wanted % g.threads;
    }
    int64_t blocks = most(row_blocks, least(pieces(wanted, column_blocks * g.batch), pieces(g.m, fewest_rows)));
    // No thread idle, where a few rows more than a tile has are left for it (two threads of Zen 4: 32x32x3200 62 -> 34
    // us), and equal shares (3200x32x32 46 -> 35 us).
    const int64_t shares = pieces(least(wanted, g.threads), column_blocks * g.batch);
    if (blocks < shares) blocks = least(shares, pieces(g.m, kTileRowsOfThread));
    if (blocks > shares && blocks < 4 * shares) blocks = pieces(blocks, shares) * shares;
    s.rows = pieces(g.m, blocks);
    s.columns = pieces(pieces(g.n, column_blocks), kPanel<T>) * kPanel<T>;
    // Columns of A, side by side, where a tile would otherwise touch so many cache lines that lie a kilobyte or more
    // apart, or two kilobytes, in one or two sets of the L1 (Emerald Rapids: 1024x1024x128 119 -> 143 GFLOP/s, on two
    // threads 234 -> 286, 784x1024x128 261 -> 289; with 100 steps and 300 rows 3% slower).
    const bool far_columns = g.a_col >= 256 && s.depth >= (g.a_col % 512 == 0 ? 64 : 128);
    const bool tall = g.a_col != 1 && s.depth > 128;
    if (kSteps<T> > 1 || ((tall || far_columns) && g.m > 64)) cut_for_copies<T>(g, wanted, s);
    s.step = pieces(s.rows, pieces(s.rows, kGemmRows));
    const int64_t planes = kSteps<T> > 1 ? g.planes : 1;
    s.b_plane = deep * kPanel<T>;
    s.keep = s.step < s.rows ? planes * s.b_plane : 0;
    // Lines of A far apart are copied where that (half a cycle per element) is small beside the products. Pairs are
    // always a copy.
    s.copy_a = kSteps<T> > 1 ||
               (g.a_col == 1 ? s.depth > 64 && g.m > 64 && s.columns >= kWideColumns : far_columns && s.columns >= 64);
    // An odd number of cache lines: each in a set of its own.
    s.a_line = (pieces(kSteps<T> == 1 && g.a_row == 1 ? s.step : deep, 16) | 1) * 16;
    s.a_plane = (s.step + kGemmPad) * (deep + kGemmPad) / 16 * 16;
    s.a_bytes = planes * s.a_plane * int64_t(sizeof(T));
    s.slot_bytes = s.a_bytes + planes * (s.keep ? s.columns + kGemmPad : kGemmPad) * deep * int64_t(sizeof(T));
    s.slot_bytes = pieces(s.slot_bytes, 64) * 64;
    return s;
}

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

// Rows [i0, i1) and columns [j0, j1) of C, as far as steps [k0, k1) of k make them.
struct Block {
    int64_t i0, i1, j0, j1, k0, k1;
};

template <class T>
void block(const Product<T>& p, const Blocks& s, const Block& b, char* memory) {
    const Gemm& g = p.g;
    const int64_t columns = b.j1 - b.j0;
    T* a_copy = reinterpret_cast<T*>(memory);
    T* b_copy = reinterpret_cast<T*>(memory + s.a_bytes);
    const bool in_tile = g.activation <= Activation::relu6;
    for (int64_t p0 = b.k0; p0 == 0 || p0 < b.k1; p0 += s.depth) {
        const int64_t depth = least(b.k1 - p0, s.depth);
        const bool last = p0 + depth == g.k;
        for (int64_t i = b.i0; i < b.i1; i += s.step) {
            const Brgemm<T> part{.m = least(b.i1 - i, s.step),
                                 .n = columns,
                                 .k = pieces(depth, kSteps<T>),
                                 .a_row = g.a_row,
                                 .a_col = g.a_col,
                                 .b_row = g.b_row,
                                 .b_panel = kPanel<T>,
                                 .c_row = g.c_row,
                                 .accumulate = g.accumulate || p0 > 0,
                                 .activation = last && in_tile ? g.activation : Activation::linear,
                                 .bias = last && p.bias ? p.bias + b.j0 : nullptr};
            step(p, s, part, depth, p.a + i * g.a_row + p0 * g.a_col, p.b + p0 * g.b_row + b.j0 * g.b_col,
                 p.c + i * g.c_row + b.j0, a_copy, b_copy, i == b.i0);
        }
    }
    if (!in_tile && b.k1 == g.k)
        for (int64_t i = b.i0; i < b.i1; ++i) activate(g.activation, p.c + i * g.c_row + b.j0, columns);
}

// --- two threads, two slices of k ---

constexpr int64_t kFlags = 64;  // bytes in front of the slots: the panels that are made

// A batch of few rows times weights that stay in the L2 of two threads, with what an optimizer keeps of them.
// Optimizers update weights by rows: a thread that reads columns of them takes half of the lines from the other one,
// which then has to get them back. Here threads share rows, too: one multiplies the first steps of k, panel by panel of
// C, and the other goes on with each panel that is made, so that every sum is one chain as ever. The mlp on two threads
// of Emerald Rapids: 172 -> 130 us a step (its forward product 45 -> 34, its update 52 -> 22); of Zen 4 116 -> 113.
// Larger weights come from the L3 anyway, and the product alone is slower so (3200 x 128 on Zen 4: a step 361 -> 402).
// More threads get their chunks as it comes.
template <class T>
bool in_slices(const Gemm& g) {
    return kSteps<T> == 1 && g.threads == 2 && g.batch == 1 && g.m <= kFewRows && g.a_col == 1 && g.b_col == 1 &&
           g.n > 2 * kPanel<T> && g.n <= least(kHalfPage, kFlags * kPanel<T>) && g.k >= 512 &&
           g.n * g.k <= kDeepElements;
}

template <class T>
void slices(const Product<T>& p, void* scratch) {
    const Gemm& g = p.g;
    const int64_t panels = pieces(g.n, kPanel<T>);
    // The second thread waits for the first panel: both end together if the first has the larger part.
    const int64_t middle = g.k * panels / (2 * panels - 1);
    const int64_t depth = gemm_depth(g.n, g.k);
    auto* made = static_cast<uint8_t*>(scratch);
    __builtin_memset(made, 0, kFlags);
    parallel_for(2, 1, [&](int64_t begin, int64_t end) {
        for (int64_t slice = begin; slice < end; ++slice) {
            const int64_t from = slice == 0 ? 0 : middle, to = slice == 0 ? middle : g.k;
            Blocks s{};
            s.depth = pieces(to - from, pieces(to - from, depth));
            s.step = g.m;
            char* memory = static_cast<char*>(scratch) + kFlags + slice * depth * kPanel<T> * int64_t(sizeof(T));
            for (int64_t j = 0; j < panels; ++j) {
                if (slice == 1) wait_for(made + j);
                block(p, s, {0, g.m, j * kPanel<T>, least(g.n, (j + 1) * kPanel<T>), from, to}, memory);
                __atomic_store_n(made + j, uint8_t(1), __ATOMIC_RELEASE);
            }
        }
    });
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
// is split. bench/planes.py fits the table; the row of AVX512-BF16 is Zen 4, that of AMX Granite Rapids.
struct PlaneCost {
    double product, split;
};
#if defined(__AMX_BF16__)
constexpr PlaneCost kPlaneCosts[] = {{0.19, 8.8}, {0.40, 14.2}, {0.62, 15.6}};
#else
constexpr PlaneCost kPlaneCosts[] = {{0.52, 5}, {1.53, 5}, {3.14, 5}};
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
    const PlaneCost& cost = kPlaneCosts[planes - 1];
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
