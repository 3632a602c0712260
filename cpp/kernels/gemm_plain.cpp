// Products of integers and of truth values: a loop the compiler vectorises, modulo 2^bits as NumPy has it.
#include "core/parallel.h"
#include "kernels/products/gemm.h"

namespace fk::FK_ISA {
namespace {

template <class T>
struct Wide {
    using type = uint64_t;  // the sum of a narrower type, cut off at the end, is the same modulo 2^bits
};
template <>
struct Wide<int32_t> {
    using type = uint32_t;
};
template <>
struct Wide<uint32_t> {
    using type = uint32_t;
};
template <>
struct Wide<uint8_t> {
    using type = uint8_t;
};

template <class T>
void gemm(const Gemm& g, const T* a, const T* b, T* c) {
    using W = typename Wide<T>::type;
    constexpr int64_t kPiece = 64;  // columns whose sums are held at once
    const int64_t row_work = g.n * g.k + 1, grain = row_work > 1000000 ? 1 : 1000000 / row_work;
    parallel_for(g.batch * g.m, grain, [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
            const int64_t product = row / g.m, i = row % g.m;
            const T* x = a + (g.a_offsets ? g.a_offsets[product] : 0) + i * g.a_row;
            const T* y = b + (g.b_offsets ? g.b_offsets[product] : 0);
            for (int64_t j0 = 0; j0 < g.n; j0 += kPiece) {
                const int64_t width = g.n - j0 < kPiece ? g.n - j0 : kPiece;
                W sum[kPiece] = {};
                for (int64_t p = 0; p < g.k; ++p) {
                    const W xv = W(x[p * g.a_col]);
                    const T* line = y + p * g.b_row + j0 * g.b_col;
                    for (int64_t j = 0; j < width; ++j) sum[j] = W(sum[j] + W(xv * W(line[j * g.b_col])));
                }
                T* to = c + product * g.c_batch + i * g.c_row + j0;
                for (int64_t j = 0; j < width; ++j) to[j] = T(sum[j]);
            }
        }
    });
}

}  // namespace

void gemm_u8(const Gemm& g, const uint8_t* a, const uint8_t* b, uint8_t* c) { gemm(g, a, b, c); }
void gemm_i32(const Gemm& g, const int32_t* a, const int32_t* b, int32_t* c) { gemm(g, a, b, c); }
void gemm_u32(const Gemm& g, const uint32_t* a, const uint32_t* b, uint32_t* c) { gemm(g, a, b, c); }
void gemm_i64(const Gemm& g, const int64_t* a, const int64_t* b, int64_t* c) { gemm(g, a, b, c); }
// Counts the pairs of trues, in 64 bits; any count but 0 is true.
void gemm_bool(const Gemm& g, const bool* a, const bool* b, bool* c) { gemm(g, a, b, c); }

}  // namespace fk::FK_ISA
