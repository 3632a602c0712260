// brgemm of pairs on the tiles of AMX: eight registers of sixteen lines of sixteen pairs, or floats.
#include "kernels/products/gemm.h"
#include "kernels/products/lanes.h"
#include "kernels/sizes.h"

#if defined(__AMX_BF16__)
namespace fk::FK_ISA {
namespace {

// A block of C is two by two tiles. Its sums are tiles 0 to 3; A and B pass through the others, a line of A or B being
// read for two products. Steps of k are sixteen pairs; where k ends with fewer, tiles 6 and 7 have the shape of the
// rest.
//
//                    B  5 | 7: 16 pairs of k by 16 columns, lines of a panel as pack_panel leaves them
//   A  4: 16 rows       0 | 1    C: 16 rows by 16 columns of floats
//      6: 16 rows       2 | 3
constexpr int64_t kSide = 16;
constexpr int64_t kPanel = 2 * kSide;

// In assembly because the compiler's own functions do not tell it that they read memory.
template <int tile>
FK_VEC void load_tile(const void* from, int64_t stride_bytes) {
    asm volatile("tileloadd (%1,%2,1), %%tmm%c0" ::"i"(tile), "r"(from), "r"(stride_bytes) : "memory");
}
// Past the L1, as far as the CPU does: B passes once while A stays.
template <int tile>
FK_VEC void load_passing_tile(const void* from, int64_t stride_bytes) {
    asm volatile("tileloaddt1 (%1,%2,1), %%tmm%c0" ::"i"(tile), "r"(from), "r"(stride_bytes) : "memory");
}
template <int tile>
FK_VEC void store_tile(void* to, int64_t stride_bytes) {
    asm volatile("tilestored %%tmm%c0, (%1,%2,1)" ::"i"(tile), "r"(to), "r"(stride_bytes) : "memory");
}
template <int tile>
FK_VEC void zero_tile() {
    asm volatile("tilezero %%tmm%c0" ::"i"(tile));
}
template <int c, int a, int b>
FK_VEC void add_product() {
    asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(c), "i"(a), "i"(b));
}

// The shapes of the tiles, for as long as it lives: a thread owns them only while it is in here, so that no fork,
// switch of threads or other library ever meets them.
class Shapes {
public:
    explicit Shapes(int64_t rest) {
        struct alignas(64) {
            uint8_t palette = 1, start = 0, unused[14] = {};
            uint16_t line_bytes[16] = {};
            uint8_t lines[16] = {};
        } shapes;
        for (int tile = 0; tile < 8; ++tile) shapes.line_bytes[tile] = 64, shapes.lines[tile] = kSide;
        if (rest > 0) shapes.line_bytes[6] = uint16_t(4 * rest), shapes.lines[7] = uint8_t(rest);
        asm volatile("ldtilecfg %0" ::"m"(shapes) : "memory");
    }
    ~Shapes() { asm volatile("tilerelease"); }
    Shapes(const Shapes&) = delete;
};

FK_VEC int64_t a_offset(const Brgemm<Bf16Pair>& g, int64_t row) { return g.a_rows ? g.a_rows[row] : row * g.a_row; }
FK_VEC int64_t c_offset(const Brgemm<Bf16Pair>& g, int64_t row) { return g.c_rows ? g.c_rows[row] : row * g.c_row; }

// Bytes between sixteen rows of A that tiles can be loaded from where they are, else 0.
int64_t stride_in_place(const Brgemm<Bf16Pair>& g, int64_t row) {
    if ((g.m - row < kSide && !g.a_padded) || g.a_col != 1 || g.odd) return 0;
    const int64_t stride = a_offset(g, row + 1) - a_offset(g, row);
    for (int64_t i = 2; g.a_rows && i < kSide; ++i)
        if (a_offset(g, row + i) - a_offset(g, row + i - 1) != stride) return 0;
    return 4 * stride;
}

FK_VEC Vec load_pairs(const Bf16Pair* from, int64_t n) {
    return as_float(IVec(_mm512_maskz_loadu_epi32(first_lanes(n).v, from)));
}

// Pairs [0, n) of rows [row, row + rows) of A, which begins at `a`, as a tile with zeros around them. Of the last pair
// of an odd number of steps only the first half is the product's.
void copy_tile(const Brgemm<Bf16Pair>& g, const Bf16Pair* a, int64_t row, int64_t rows, int64_t n, bool odd,
               Bf16Pair* to) {
    const int64_t first = a_offset(g, row);
    bool neighbours = true;  // are the rows of a column side by side?
    for (int64_t i = 1; i < rows; ++i) neighbours = neighbours && a_offset(g, row + i) == first + i;
    Vec lines[kSide];
    if (g.a_col == 1) {
        for (int64_t i = 0; i < kSide; ++i) lines[i] = i < rows ? load_pairs(a + a_offset(g, row + i), n) : Vec(0.f);
    } else if (neighbours) {
        for (int64_t p = 0; p < kSide; ++p) lines[p] = p < n ? load_pairs(a + first + p * g.a_col, rows) : Vec(0.f);
        transpose(lines);
    } else {
        for (int64_t i = 0; i < kSide; ++i) {
            Bf16Pair line[kSide];
            for (int64_t p = 0; p < kSide; ++p)
                line[p] = i < rows && p < n ? a[a_offset(g, row + i) + p * g.a_col] : Bf16Pair{0};
            lines[i] = load_pairs(line, kSide);
        }
    }
    const __mmask16 halved = odd ? __mmask16(1u << (n - 1)) : __mmask16(0);
    for (int64_t i = 0; i < kSide; ++i) {
        const __m512i pairs = as_int(lines[i]).v;
        _mm512_storeu_si512(to + i * kSide, _mm512_mask_and_epi32(pairs, halved, pairs, _mm512_set1_epi32(0xffff)));
    }
}

// What a step multiplies: sixteen rows of A, twice, and a panel of B, in planes.
struct Operands {
    const Bf16Pair *a[2], *b;
    int64_t a_line[2], b_line;  // bytes from one row to the next
    int64_t a_plane[2], b_plane;
};

// The products of a step from the i-th on, through tiles a0, a1, b0, b1 (which may be one tile each: it is loaded again
// then). A tile stays where the next product of planes has it too: six products of three planes take 14 loads, not 24.
template <bool two_rows, bool two_columns, int planes, int a0, int a1, int b0, int b1, int i = 0>
FK_VEC void step(const Operands& o) {
    constexpr PlaneProduct now = kPlaneProducts[planes - 1][i], before = kPlaneProducts[planes - 1][i > 0 ? i - 1 : 0];
    constexpr bool new_a = i == 0 || now.a != before.a || (two_rows && a0 == a1);
    constexpr bool new_b = i == 0 || now.b != before.b || (two_columns && b0 == b1);
    const Bf16Pair* upper = o.a[0] + now.a * o.a_plane[0];
    const Bf16Pair* b = o.b + now.b * o.b_plane;
    if constexpr (new_b) load_passing_tile<b0>(b, o.b_line);
    if constexpr (new_a) load_tile<a0>(upper, o.a_line[0]);
    add_product<0, a0, b0>();
    if constexpr (two_rows) {
        if constexpr (new_a) load_tile<a1>(o.a[1] + now.a * o.a_plane[1], o.a_line[1]);
        add_product<2, a1, b0>();
    }
    if constexpr (two_columns) {
        if constexpr (new_b) load_passing_tile<b1>(b + kSide, o.b_line);
        if constexpr (two_rows) add_product<3, a1, b1>();
        if constexpr (two_rows && a0 == a1) load_tile<a0>(upper, o.a_line[0]);
        add_product<1, a0, b1>();
    }
    if constexpr (i + 1 < count_products(planes)) step<two_rows, two_columns, planes, a0, a1, b0, b1, i + 1>(o);
}

// A panel of `columns` columns, beside the 32 rows from `row` on.
struct Part {
    int64_t row, rows, panel, columns;
};

// Steps of k that are copied and multiplied at a time: 64 KB of A in all planes, for each sixteen rows.
constexpr int64_t kCopies = 64;

struct Steps {
    int64_t first, count, per_pair,
        rest;            // rest: pairs of k in the last step of each pair, 0: sixteen as in all others
    int64_t strides[2];  // of rows that are read in place, else 0
    const Bf16Pair* copies[2];
};

// A core whose 512-bit multipliers rest for 0.6 us (140 products of tiles) takes 0.28 us to wake them when sums are
// stored (Granite Rapids: 2.9 instead of 3.8 TFLOP/s in runs of 190 products). One FMA now and then keeps them awake.
FK_VEC void stay_awake() {
    Vec zero(0.f);
    asm volatile("vfmadd231ps %0,%0,%0" : "+v"(zero.v));
}

// Where the sums of a part come from and go to, lines `stride` elements apart; from null: they begin as zeros.
struct Sums {
    const float* from;
    float* to;
    int64_t from_stride, to_stride;
    // Lines of C that the next part will read or write: fetched along the way, as C is seldom nearer than the L3.
    const char* next;
    int64_t next_stride;
};

template <bool two_rows, bool two_columns, int planes>
void multiply(const Brgemm<Bf16Pair>& g, const BrgemmPair<Bf16Pair>* pairs, const Part& at, const Steps& steps,
              const Sums& sums) {
    if (sums.from) {
        const int64_t line = 4 * sums.from_stride, down = kSide * sums.from_stride;
        load_tile<0>(sums.from, line);
        if constexpr (two_columns) load_tile<1>(sums.from + kSide, line);
        if constexpr (two_rows) load_tile<2>(sums.from + down, line);
        if constexpr (two_rows && two_columns) load_tile<3>(sums.from + down + kSide, line);
    } else {
        zero_tile<0>(), zero_tile<1>(), zero_tile<2>(), zero_tile<3>();
    }
    int64_t r = steps.first / steps.per_pair, j = steps.first % steps.per_pair;
    for (int64_t s = 0; s < steps.count; ++s) {
        if (sums.next && s < kSide / 2)
            for (int64_t i = 4 * s; i < 4 * s + 4; ++i) {
                __builtin_prefetch(sums.next + i * sums.next_stride, 1);
                __builtin_prefetch(sums.next + i * sums.next_stride + 64, 1);
            }
        if (s % 4 == 3) stay_awake();
        const bool rest = steps.rest && j + 1 == steps.per_pair;
        Operands o{{},
                   pairs[r].b + at.panel * g.b_panel + j * kSide * g.b_row,
                   {4 * kSide, 4 * kSide},
                   4 * g.b_row,
                   {kSide * kSide, kSide * kSide},
                   g.b_plane};
        for (int t = 0; t < 1 + two_rows; ++t) {
            o.a[t] = steps.copies[t] + s * planes * kSide * kSide;
            if (!steps.strides[t]) continue;
            o.a[t] = pairs[r].a + a_offset(g, at.row + t * kSide) + j * kSide;
            o.a_line[t] = steps.strides[t], o.a_plane[t] = g.a_plane;
        }
        if (rest)
            step<two_rows, two_columns, planes, 6, 6, 7, 7>(o);
        else if (steps.rest)
            step<two_rows, two_columns, planes, 4, 4, 5, 5>(o);
        else
            step<two_rows, two_columns, planes, 4, 6, 5, 7>(o);
        if (++j == steps.per_pair) j = 0, ++r;
    }
    const int64_t line = 4 * sums.to_stride, down = kSide * sums.to_stride;
    store_tile<0>(sums.to, line);
    if constexpr (two_columns) store_tile<1>(sums.to + kSide, line);
    if constexpr (two_rows) store_tile<2>(sums.to + down, line);
    if constexpr (two_rows && two_columns) store_tile<3>(sums.to + down + kSide, line);
}

using Multiply = void (*)(const Brgemm<Bf16Pair>&, const BrgemmPair<Bf16Pair>*, const Part&, const Steps&, const Sums&);
#define FK_PLANES(rows, columns) {multiply<rows, columns, 1>, multiply<rows, columns, 2>, multiply<rows, columns, 3>}
constexpr Multiply kMultiply[2][2][3] = {{FK_PLANES(false, false), FK_PLANES(false, true)},
                                         {FK_PLANES(true, false), FK_PLANES(true, true)}};
#undef FK_PLANES

// f(place in C, vector of sums, how many of its columns exist) for all of a part.
template <class F>
FK_VEC void each_vector(const Brgemm<Bf16Pair>& g, const Part& at, float* c, float* sums, F f) {
    for (int64_t i = 0; i < at.rows; ++i)
        for (int64_t j = 0; j < at.columns; j += kSide)
            f(c + c_offset(g, at.row + i) + at.panel * kPanel + j, sums + i * kPanel + j, at.columns - j);
}

// Elements between the rows of C from `row` on where that is the same for all 32, else 0.
int64_t even_rows_of_c(const Brgemm<Bf16Pair>& g, int64_t row) {
    if (g.m - row < kPanel) return 0;
    const int64_t stride = c_offset(g, row + 1) - c_offset(g, row);
    for (int64_t i = 2; g.c_rows && i < kPanel; ++i)
        if (c_offset(g, row + i) - c_offset(g, row + i - 1) != stride) return 0;
    return stride;
}

// c_stride: even_rows_of_c of the part's rows.
void part(const Brgemm<Bf16Pair>& g, const BrgemmPair<Bf16Pair>* pairs, const Part& at, const Steps& steps, bool last,
          int64_t c_stride, float* c) {
    alignas(64) float staged[2 * kSide * kPanel];
    const bool adds = g.accumulate || steps.first > 0;
    const float* bias = last && g.bias ? g.bias + at.panel * kPanel : nullptr;
    const bool clamped = last && g.activation != Activation::linear;
    const bool in_place = c_stride && at.columns == kPanel, stores_in_place = in_place && !bias && !clamped;
    float* first = c + c_offset(g, at.row) + at.panel * kPanel;
    Sums sums{adds ? staged : nullptr, staged, kPanel, kPanel, nullptr, 0};
    if (in_place && adds) sums.from = first, sums.from_stride = c_stride;
    if (stores_in_place) sums.to = first, sums.to_stride = c_stride;
    if (c_stride && (at.panel + 1) * kPanel < g.n)
        sums.next = reinterpret_cast<const char*>(first + kPanel), sums.next_stride = 4 * c_stride;
    if (adds && !in_place)
        each_vector(g, at, c, staged,
                    [](float* y, float* sum, int64_t n) { store(sum, n >= kLanes ? load(y) : load_partial(y, n)); });
    kMultiply[at.rows > kSide][at.columns > kSide][g.planes - 1](g, pairs, at, steps, sums);
    if (stores_in_place) return;
    const Vec floor(clamped ? 0.f : -__builtin_inff());
    const Vec ceiling(clamped && g.activation == Activation::relu6 ? 6.f : __builtin_inff());
    each_vector(g, at, c, staged, [&](float* y, float* sum, int64_t n) {
        Vec v = load(sum);
        const int64_t column = (sum - staged) % kPanel;
        if (bias) v = v + (n >= kLanes ? load(bias + column) : load_partial(bias + column, n));
        v = min(ceiling, max(floor, v));
        n >= kLanes ? store(y, v) : store_partial(y, v, n);
    });
}

}  // namespace

void brgemm_bf16(const Brgemm<Bf16Pair>& g, const BrgemmPair<Bf16Pair>* pairs, int64_t count, float* c) {
    Steps steps{};
    steps.per_pair = g.k > 0 ? (g.k + kSide - 1) / kSide : 1, steps.rest = g.k % kSide;
    const Shapes shapes(steps.rest);
    alignas(64) Bf16Pair copies[2][kCopies * kSide * kSide];
    const int64_t total = g.k > 0 ? count * steps.per_pair : 0;
    for (int64_t row = 0; row < g.m; row += 2 * kSide) {
        const int64_t rows = least(g.m - row, 2 * kSide), c_stride = even_rows_of_c(g, row);
        for (int t = 0; t < 2; ++t) steps.strides[t] = stride_in_place(g, row + t * kSide), steps.copies[t] = copies[t];
        for (steps.first = 0; steps.first == 0 || steps.first < total; steps.first += steps.count) {
            steps.count = least(total - steps.first, kCopies / g.planes);
            for (int t = 0; t < 2; ++t)
                for (int64_t s = 0; !steps.strides[t] && t * kSide < rows && s < steps.count * g.planes; ++s) {
                    const int64_t step = steps.first + s / g.planes, r = step / steps.per_pair;
                    const int64_t p = step % steps.per_pair * kSide, n = least(g.k - p, kSide);
                    copy_tile(g, pairs[r].a + p * g.a_col + s % g.planes * g.a_plane, row + t * kSide,
                              least(rows - t * kSide, kSide), n, g.odd && p + n == g.k, copies[t] + s * kSide * kSide);
                }
            for (int64_t panel = 0; panel * kPanel < g.n; ++panel)
                part(g, pairs, {row, rows, panel, least(g.n - panel * kPanel, kPanel)}, steps,
                     steps.first + steps.count == total, c_stride, c);
            if (total == 0) break;
        }
    }
}

}  // namespace fk::FK_ISA
#endif
