// How the register tiles of vectors go through a whole product: in blocks of rows, of columns and of k.
#pragma once
#include "kernels/products/gemm.h"
#include "kernels/products/lanes.h"
#include "kernels/sizes.h"

namespace fk::FK_ISA {
namespace {

template <class T>
constexpr int64_t kPanel = 2 * Lanes<T>::count;

constexpr int64_t kWideColumns = 256;                  // that are worth a copy of A
constexpr int64_t kHalfPage = 512;                     // columns whose halves lie in one page of 4 KB
constexpr int64_t kFewColumns = 128, kManyRows = 112;  // of one thread; the rows are worth packing B
constexpr int64_t kFewestRows = 16;                    // of one thread: fewer would wait for their own sums

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
    if (blocks < shares) blocks = least(shares, pieces(g.m, kFewestRows));
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
    s.slot_bytes = s.a_bytes + planes * (s.keep ? s.columns + kGemmPad : 2 * kGemmPad) * deep * int64_t(sizeof(T));
    s.slot_bytes = pieces(s.slot_bytes, 64) * 64;
    return s;
}

}  // namespace
}  // namespace fk::FK_ISA
