// How the tiles of AMX go through a whole product of planes: blocks that stay in the L2 while they are multiplied.
#pragma once
#include "kernels/products/exponents.h"
#include "kernels/products/gemm.h"
#include "kernels/products/pairs.h"
#include "kernels/sizes.h"

#if defined(__AMX_BF16__)
namespace fk::FK_ISA {
namespace {

// B is copied, `depth` rows and `columns` columns at a time, in slices of tile_slice rows; then A passes, 32 rows at a
// time, each slice of them being copied just before it meets all panels of B. So B, a slice of A and 32 rows of C live
// in the L2 (2 MB), and the sums go to memory once per `depth`.
//
//   copy of B: [slice][panel][plane][pair of rows][32 columns]      copy of A: [plane][row][pair of columns]
struct TileBlocks {
    int64_t rows, columns;  // of a block
    TileRoom room;
};

FK_VEC int64_t tile_pairs(int64_t k) { return pieces(k, kTileSteps) * (kTileSteps / 2); }

TileBlocks cut_for_tiles(const Gemm& g) {
    TileBlocks s;
    s.room = tile_room(g.planes, g.k);
    // Every cut across rows splits B once more, every cut across columns A.
    const double products = double(g.m) * double(g.n) * double(g.k) * double(g.batch) * count_products(g.planes);
    const int64_t wanted = g.threads == 1 ? 1 : most(1, least(g.threads, int64_t(products / kTileChunk)));
    const int64_t each = pieces(wanted, g.batch);
    s.rows = g.m, s.columns = least(g.n, kTileColumns);
    if (each > pieces(g.n, s.columns)) {
        const int64_t cuts = pieces(each, pieces(g.n, s.columns));
        if (g.m >= g.n)
            s.rows = pieces(pieces(g.m, cuts), kTileRows) * kTileRows;
        else
            s.columns = pieces(pieces(s.columns, cuts), kGemmPad) * kGemmPad;
    }
    s.columns = pieces(pieces(g.n, pieces(g.n, s.columns)), kGemmPad) * kGemmPad;
    return s;
}

// A matrix that is about to be copied: it is in the L1 afterwards, where a pass of its own would read memory once more.
FK_VEC void include(Extents& found, const float* x, int64_t row, int64_t col, int64_t rows, int64_t cols) {
    if (col == 1)
        for (int64_t i = 0; i < rows; ++i) found.include(x + i * row, cols);
    else
        for (int64_t j = 0; j < cols; ++j) found.include(x + j * col, rows);
}

// Columns [0, columns) of `depth` rows of B as panels of pairs, with zeros down to a whole tile.
void copy_b(const Gemm& g, const TileBlocks& s, const float* b, int64_t depth, int64_t columns, Bf16Pair* to,
            Extents& found) {
    const Planes planes{g.planes, s.room.b_plane};
    const int64_t pairs = pieces(depth, 2), whole = tile_pairs(depth);
    for (int64_t j = 0; j < columns; j += kGemmPad, to += g.planes * s.room.b_plane) {
        const float* from = b + j * g.b_col;
        const int64_t n = least(columns - j, kGemmPad);
        if (g.planes > 1) include(found, from, g.b_row, g.b_col, depth, n);
        g.b_row == 1 ? pair_columns(from, g.b_col, depth, n, kGemmPad, to, planes)
                     : pair_rows(from, g.b_row, depth, n, kGemmPad, to, planes);
        for (int64_t i = 0; i < g.planes && pairs < whole; ++i)
            __builtin_memset(to + i * s.room.b_plane + pairs * kGemmPad, 0,
                             size_t((whole - pairs) * kGemmPad) * sizeof *to);
    }
}
// Rows [0, rows) of `depth` columns of A as lines of pairs, with zeros to the end of a whole tile.
void copy_a(const Gemm& g, const TileBlocks& s, const float* a, int64_t rows, int64_t depth, Bf16Pair* to,
            Extents& found) {
    const Planes planes{g.planes, s.room.a_plane};
    const int64_t pairs = pieces(depth, 2), whole = tile_pairs(depth);
    if (g.planes > 1) include(found, a, g.a_row, g.a_col, rows, depth);
    g.a_col == 1 ? pair_lines(a, g.a_row, rows, depth, to, s.room.a_line, planes)
                 : pair_turned(a, g.a_col, depth, rows, to, s.room.a_line, planes);
    for (int64_t i = 0; i < g.planes && pairs < whole; ++i)
        for (int64_t row = 0; row < rows; ++row)
            __builtin_memset(to + i * s.room.a_plane + row * s.room.a_line + pairs, 0,
                             size_t(whole - pairs) * sizeof *to);
}

// Rows [i0, i0 + s.rows) and columns [j0, j0 + s.columns) of C; finish(c, rows, columns) follows where rows are done.
template <class F>
void tile_block(const Gemm& g, const TileBlocks& s, const float* a, const float* b, const float* bias, float* c,
                int64_t i0, int64_t j0, char* slot, Extents& found_a, Extents& found_b, F finish) {
    const int64_t end = least(g.m, i0 + s.rows), columns = least(g.n - j0, s.columns);
    auto* a_copy = reinterpret_cast<Bf16Pair*>(slot);
    Bf16Pair* b_copy = a_copy + g.planes * s.room.a_plane;
    const int64_t slice = tile_slice(g.planes), depth_of_b = tile_depth(g.planes),
                  b_slice = pieces(columns, kGemmPad) * g.planes * s.room.b_plane;
    for (int64_t p0 = 0; p0 == 0 || p0 < g.k; p0 += depth_of_b) {
        const int64_t slices = pieces(least(g.k - p0, depth_of_b), slice);
        const auto depth_of = [&](int64_t q) { return least(g.k - p0 - q * slice, slice); };
        for (int64_t q = 0; q < slices; ++q)
            copy_b(g, s, b + (p0 + q * slice) * g.b_row + j0 * g.b_col, depth_of(q), columns, b_copy + q * b_slice,
                   found_b);
        for (int64_t i = i0; i < end; i += kTileRows) {
            const int64_t rows = least(end - i, kTileRows);
            float* to = c + i * g.c_row + j0;
            for (int64_t q = 0; q < slices; ++q) {
                const int64_t p = p0 + q * slice, depth = depth_of(q);
                const bool last = p + depth == g.k;
                copy_a(g, s, a + i * g.a_row + p * g.a_col, rows, depth, a_copy, found_a);
                const Brgemm<Bf16Pair> part{
                    .m = rows,
                    .n = columns,
                    .k = tile_pairs(depth),
                    .a_row = s.room.a_line,
                    .a_col = 1,
                    .b_row = kGemmPad,
                    .b_panel = g.planes * s.room.b_plane,
                    .c_row = g.c_row,
                    .b_padded = true,
                    .accumulate = g.accumulate || p > 0,
                    .activation = last && g.activation <= Activation::relu6 ? g.activation : Activation::linear,
                    .bias = last && bias ? bias + j0 : nullptr,
                    .planes = g.planes,
                    .a_plane = s.room.a_plane,
                    .b_plane = s.room.b_plane,
                    .a_padded = true};
                const BrgemmPair<Bf16Pair> pair{a_copy, b_copy + q * b_slice};
                brgemm_bf16(part, &pair, 1, to);
                if (last) finish(to, rows, columns);
            }
        }
    }
}

}  // namespace
}  // namespace fk::FK_ISA
#endif
