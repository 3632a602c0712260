// Matrix products: C = act(A B + bias), and the batch-reduce block under it that convolutions and recurrent cells
// call directly. float runs on the vector registers in full; double is the same code on the same registers.
#pragma once
#include <cstddef>
#include <cstdint>

#include "core/parallel.h"
#include "simd/dispatch.h"

namespace fk {

// The first three are done in the registers that hold the sums.
enum class Activation : uint8_t { linear, relu, relu6, sigmoid, tanh };

// Two bfloat16 that follow one another along k; the first in the low half.
struct Bf16Pair {
    uint32_t bits;
};

// Floats as sums of bfloat16: plane 0 is x rounded, plane 1 what that leaves, rounded, and so on; three hold every bit
// of a float (but see `splits` in exponents.h). Of the products of planes those are taken whose first bits lie within
// the last of the result: one of one plane, three of two, six of three. Neighbours share an operand.
struct PlaneProduct {
    int a, b;
};
constexpr PlaneProduct kPlaneProducts[3][6] = {
    {{0, 0}}, {{0, 1}, {0, 0}, {1, 0}}, {{0, 2}, {0, 1}, {1, 1}, {1, 0}, {2, 0}, {0, 0}}};
constexpr int count_products(int planes) { return planes * (planes + 1) / 2; }

// What the products of elements of T are summed up in, and C and bias are made of.
template <class T>
struct SumType {
    using type = T;
};
template <>
struct SumType<Bf16Pair> {
    using type = float;
};
template <class T>
using Sum = typename SumType<T>::type;

// One block: C[m, n] = act(sum over r of A_r[m, k] B_r[k, n] (+ C) (+ bias[n])), act up to relu6, the sum held in
// registers throughout. Every element is one chain of multiply-adds in the order of r, then k, whatever the sizes:
// neither blocking, nor threads, nor the number of rows in the batch changes a bit.
//   A_r: element (i, p) at a[i * a_row + p * a_col], read in place.
//   B_r: columns in panels of brgemm_panel_*() columns, element (p, j) at b[(j / panel) * b_panel + p * b_row + j %
//        panel]; a row-major matrix is b_panel = panel, b_row = its row stride. With b_padded the last panel may be
//        read to its full width, otherwise nothing outside [0, n) is touched.
// With T = Bf16Pair k counts pairs, B is padded, and both operands may have planes.
template <class T>
struct Brgemm {
    int64_t m, n, k;
    int64_t a_row, a_col;
    int64_t b_row, b_panel;
    int64_t c_row;
    bool b_padded = false;
    bool accumulate = false;
    Activation activation = Activation::linear;
    const Sum<T>* bias = nullptr;
    // The last pair of A counts by its first half: what follows it there is none of the product's.
    bool odd = false;
    // Of pairs: plane i of an operand lies a_plane or b_plane elements behind plane i - 1.
    int planes = 1;
    int64_t a_plane = 0, b_plane = 0;
    bool a_padded = false;  // whatever follows the rows of A may be read, up to a multiple of 16 rows
    // Where given, the first rows of tiles leave each panel here as they pass over it and the other rows read it from
    // here, so that packing costs a few stores that the arithmetic hides. With pack_panel 0 the panels follow one
    // another in the same pairs * k * panel elements, or twice as many, as they may come in twos; with pairs * k *
    // panel they are all there afterwards.
    T* pack = nullptr;
    int64_t pack_panel = 0;
    // Where given, both: element (i, p) of A_r at a[a_rows[i] + p * a_col], row i of C at c[c_rows[i]], and B is
    // padded. The rows of a convolution's products are pixels, or weights, which no one stride joins.
    const int32_t *a_rows = nullptr, *c_rows = nullptr;
};
template <class T>
struct BrgemmPair {
    const T *a, *b;
};

FK_KERNEL(void, brgemm_f32, (const Brgemm<float>& g, const BrgemmPair<float>* pairs, int64_t count, float* c))
FK_KERNEL(void, brgemm_f64, (const Brgemm<double>& g, const BrgemmPair<double>* pairs, int64_t count, double* c))
#ifdef FK_ISA
// Where kMultipliesBfloat16 (lanes.h), in brgemm.cpp or tiles.cpp; callers are compiled per ISA themselves.
namespace FK_ISA {
void brgemm_bf16(const Brgemm<Bf16Pair>& g, const BrgemmPair<Bf16Pair>* pairs, int64_t count, float* c);
}
#endif
FK_KERNEL(int64_t, brgemm_panel_f32, ())
FK_KERNEL(int64_t, brgemm_panel_f64, ())

// A product of whole matrices, or of a batch of them, with any strides (a transpose is a pair of swapped strides; fast
// where one of the two is 1). Threads share it in blocks of rows and columns.
struct Gemm {
    int64_t m = 0, n = 0, k = 0;
    int64_t a_row = 0, a_col = 0, b_row = 0, b_col = 0, c_row = 0;
    bool accumulate = false;
    Activation activation = Activation::linear;
    // Product i of the batch reads at a + a_offsets[i], b + b_offsets[i] (null: 0) and writes at c + i * c_batch.
    int64_t batch = 1, c_batch = 0;
    const int64_t *a_offsets = nullptr, *b_offsets = nullptr;
    int threads = 1;  // that the scratch has room for, up to 64; more take turns
    // float only: the operands are multiplied as so many planes of bfloat16, where the CPU can do that (and, for more
    // than one, where they have no infinities or extreme exponents); 0: as floats.
    int planes = 0;
    // Of a single product without bias and activation, and not in planes: k is cut into so many runs (gemm_runs), each
    // of which gives every element a chain; the sums of these are added in order.
    int64_t runs = 1;
};

// For gradients of weights: few elements, each a sum over all rows of a batch. Threads take runs of rows, which they
// have in their L2, where otherwise all of them would read all rows, and there is work for more than two (Emerald
// Rapids, 128x128x3200 on two threads: 198 -> 292 GFLOP/s; 256x256 gains nothing). The number of runs depends on the
// product alone: with any number of threads the sums are the same, and better ones than a single chain.
inline int64_t gemm_runs(int64_t m, int64_t n, int64_t k) {
    constexpr int64_t kRun = 512, kMostRuns = 16, kFewSums = 1 << 14;
    return m * n > kFewSums || k < 4 * kRun ? 1 : k / kRun < kMostRuns ? k / kRun : kMostRuns;
}

// Are m n k products of so many planes, for which so many elements are split, faster than those of floats on this CPU?
FK_PRODUCT(bool, planes_pay, (int planes, int64_t m, int64_t n, int64_t k, int64_t elements))

// `bias` may be null; `scratch` holds gemm_scratch_bytes(g, sizeof(element)) bytes, aligned to 64.
FK_PRODUCT(void, gemm_f32, (const Gemm& g, const float* a, const float* b, const float* bias, float* c, void* scratch))
FK_KERNEL(void, gemm_f64,
          (const Gemm& g, const double* a, const double* b, const double* bias, double* c, void* scratch))

// What a chunk must hold to be worth handing to another thread (a join costs about 1 us): 20 us of one core.
constexpr double kChunkFlops = 2e6;

// What is copied at a time, into one slot of the scratch per thread: rows of A to a depth that both fit two thirds of
// the L2, and a panel of B. One thread goes through up to eight such blocks of rows and 1024 columns.
constexpr int64_t kGemmRows = 168, kGemmRowBlocks = 8, kGemmColumns = 1024;
// Steps of k at a time. Where the L1 is refilled from the L2 as fast as a register tile reads B, panels may be longer
// than the L1 is large, and C is read and written less often: on Zen 4 1024 take 128x1024x1024 from 107 to 113 GFLOP/s.
// On Granite Rapids, with twice the FMAs a cycle, 512 were 4% slower than 256; but all of k at once is better there,
// too, where B takes a fourth of the L2 (Emerald Rapids: 10000x128x784 130 -> 148, 512x512x512 5% slower).
constexpr int64_t kDeepElements = 1 << 17;  // of such a B
FK_INLINE int64_t gemm_depth(bool deep) { return near_l2_bytes() ? near_l2_bytes() / 1024 : deep ? 1024 : 256; }
FK_INLINE int64_t gemm_depth(int64_t n, int64_t k) {
    return gemm_depth(k <= gemm_depth(true) && n * k <= kDeepElements);
}
constexpr int64_t kGemmPad = 32;  // the widest panel, and what keeps lines of a copy out of one set of the L1

// Tiles (tile_blocks.h): columns of B and rows of k that are kept in the L2 together, in all planes 1 MB; what meets at
// a time; and how many products are worth another chunk (20 us).
constexpr int64_t kTileColumns = 512, kTileRows = 32, kTileSteps = 32;
constexpr double kTileChunk = 3e7;
constexpr int64_t tile_slice(int planes) { return planes == 1 ? 512 : planes == 2 ? 256 : 160; }
constexpr int64_t tile_depth(int planes) { return 2 * tile_slice(planes); }

namespace {

// What a block of so many columns and rows of k is copied to: one slice of 32 rows of A, and all slices of B, each with
// the room of the first; in bfloat16 per plane.
struct TileRoom {
    int64_t a_line, a_plane, b_plane, slices;  // in pairs; a_plane, b_plane: of a slice, b_plane: of a panel
};
FK_INLINE TileRoom tile_room(int planes, int64_t k) {
    const int64_t slice = tile_slice(planes), depth = k < tile_depth(planes) ? k : tile_depth(planes);
    const int64_t pairs = ((k < slice ? k : slice) + kTileSteps - 1) / kTileSteps * (kTileSteps / 2);
    const int64_t a_line = pairs + 16;  // lines in different sets of the L1
    return {a_line, kTileRows * a_line, pairs * kGemmPad, (depth + slice - 1) / slice};
}
FK_INLINE int64_t tile_slot_bytes(int planes, const TileRoom& room, int64_t columns) {
    const int64_t panels = (columns + kGemmPad - 1) / kGemmPad;
    return planes * (room.a_plane + room.slices * panels * room.b_plane) * int64_t(sizeof(Bf16Pair));
}

}  // namespace

#ifndef FK_ISA
// Enough for the blocks of any ISA, also of products with fewer rows, columns or steps.
inline size_t gemm_scratch_bytes(const Gemm& g, size_t element_bytes) {
    const auto least = [](int64_t a, int64_t b) { return a < b ? a : b; };
    const auto most = [](int64_t a, int64_t b) { return a > b ? a : b; };
    const auto whole = [](int64_t n, int64_t size) { return (n + size - 1) / size * size; };
    const int64_t rows = least(g.m, kGemmRows), k = g.k + g.k % 2;  // pairs are whole
    const int64_t wide = least(k, gemm_depth(false)), deep = least(k, gemm_depth(true));
    // Whole panels are kept: 33 columns take 64 of AVX-512.
    const int64_t columns = g.m <= kGemmRows ? 0 : least(whole(g.n, kGemmPad), kGemmColumns);
    const int64_t b_wide = wide * (columns + 2 * kGemmPad),
                  b_deep = least(deep * columns, kDeepElements) + 3 * deep * kGemmPad;
    const size_t planes = size_t(2 * g.planes);
    const size_t bytes = 2 * planes > element_bytes ? 2 * planes : element_bytes;  // pairs go twice as deep
    size_t slot = size_t((rows + kGemmPad) * (deep + 2 * kGemmPad) + most(b_wide, b_deep)) * bytes;
    if (g.planes > 0) {
        const auto tiles = size_t(tile_slot_bytes(g.planes, tile_room(g.planes, g.k), least(g.n, kTileColumns)));
        slot = slot > tiles ? slot : tiles;
    }
    const size_t sums = g.runs > 1 ? size_t(g.runs * g.m * g.n) * element_bytes : 0;
    return 64 + (sums + 63) / 64 * 64 + (slot + 63) / 64 * 64 * size_t(g.threads);
}
#endif

// The same for integers and bool (whose sum is "or"), by a plain loop, without accumulate and activation.
#define FK_GEMM_PLAIN(suffix, T) FK_KERNEL(void, gemm_##suffix, (const Gemm& g, const T* a, const T* b, T* c))
FK_GEMM_PLAIN(u8, uint8_t)
FK_GEMM_PLAIN(i32, int32_t)
FK_GEMM_PLAIN(u32, uint32_t)
FK_GEMM_PLAIN(i64, int64_t)
FK_GEMM_PLAIN(bool, bool)
#undef FK_GEMM_PLAIN

}  // namespace fk
