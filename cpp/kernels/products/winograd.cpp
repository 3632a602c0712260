#include "kernels/products/winograd.h"

#include "core/slot.h"
#include "kernels/products/lanes.h"
#include "kernels/products/pairs.h"
#include "kernels/products/winograd_transforms.h"
#include "kernels/sizes.h"

namespace fk::FK_ISA {
namespace {

// c = a b with sixteen channels and filters, one vector of AVX-512: all of b fits the registers, where a tile of brgemm
// would begin and end every sixteen steps (64x32x32x16 -> 16 on Zen 4: 112 -> 133 GFLOP/s of the direct sums).
template <int kRows>
FK_VEC void square_rows(const float* a, const Vec* b, float* c) {
    Vec sum[kRows];
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) sum[i] = Vec(0.f);
#pragma GCC unroll 16
    for (int k = 0; k < kLanes; ++k)
#pragma GCC unroll 8
        for (int i = 0; i < kRows; ++i) sum[i] = fma(Vec(a[i * kLanes + k]), b[k], sum[i]);
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) store(c + i * kLanes, sum[i]);
}
FK_VEC void square_product(const float* a, const float* b, int64_t m, float* c) {
    Vec rows[kLanes];
#pragma GCC unroll 16
    for (int k = 0; k < kLanes; ++k) rows[k] = load(b + k * kPanel);
    int64_t i = 0;
    for (; i + 8 <= m; i += 8) square_rows<8>(a + i * kLanes, rows, c + i * kLanes);
    for (; i + 4 <= m; i += 4) square_rows<4>(a + i * kLanes, rows, c + i * kLanes);
    for (; i < m; ++i) square_rows<1>(a + i * kLanes, rows, c + i * kLanes);
}

// Sixteen products m x k by k x n; part i of an operand lies i times its distance from the first.
struct Parts {
    const float* first;
    int64_t apart;
};
template <class T>
void multiply(const Brgemm<T>& product, Parts a, Parts b, float* c, int64_t c_apart) {
    if (kSteps<T> == 1 && kLanes == 16 && product.n == 16 && product.a_row == 16 && product.k == 16 &&
        product.b_padded) {
        for (int64_t i = 0; i < 16; ++i)
            square_product(a.first + i * a.apart, b.first + i * b.apart, product.m, c + i * c_apart);
        return;
    }
    for (int64_t i = 0; i < 16; ++i) {
        const BrgemmPair<T> pair{reinterpret_cast<const T*>(a.first + i * a.apart),
                                 reinterpret_cast<const T*>(b.first + i * b.apart)};
        run_brgemm(product, &pair, 1, c + i * c_apart);
    }
}

// Lines of channels, and rows of tiles or channels two by two, become pairs in place: what is written was read before.
FK_VEC void pair_in_place([[maybe_unused]] float* x, [[maybe_unused]] int64_t lines, [[maybe_unused]] int64_t k) {
#if defined(__AVX512BF16__)
    pair_lines(x, k, lines, k, reinterpret_cast<Bf16Pair*>(x), k / 2, {});
#endif
}
FK_VEC void pair_rows_in_place([[maybe_unused]] float* x, [[maybe_unused]] int64_t k, [[maybe_unused]] int64_t n) {
#if defined(__AVX512BF16__)
    pair_rows(x, n, k, n, n, reinterpret_cast<Bf16Pair*>(x), {});
#endif
}

// What the threads share: flags of slots, a line of zeros, `floats` more, and a slot each.
struct Memory {
    void* flags;
    float *zeros, *shared;
    char* slots;
    Memory(const Winograd& g, void* scratch, int64_t floats)
        : flags(scratch),
          zeros(reinterpret_cast<float*>(static_cast<char*>(scratch) + 64)),
          shared(zeros + winograd_zeros(g)),
          slots(reinterpret_cast<char*>(shared) + pieces(floats * int64_t(sizeof(float)), 64) * 64) {
        __builtin_memset(flags, 0, 64);
        __builtin_memset(zeros, 0, size_t(winograd_zeros(g)) * sizeof(float));
    }
};

}  // namespace

bool winograd_f32(const Winograd& g, const float* x, const float* w, const float* bias, float* y, void* scratch) {
    const int64_t packed = winograd_packed(g), in_part = winograd_part(g, g.channels);
    const bool pairs = kMultipliesBfloat16 && g.pairs;
    const Memory memory(g, scratch, 16 * packed);
    parallel_for(pieces(g.filters, kPanel), 1, [&](int64_t begin, int64_t end) {
        for (int64_t p = begin; p < end; ++p) {
            float* panel = memory.shared + p * kPanel * g.channels;
            transform_weights(g, w, p * kPanel, packed, panel);
            for (int64_t i = 0; pairs && i < 16; ++i) pair_rows_in_place(panel + i * packed, g.channels, kPanel);
        }
    });
    const int64_t tiles = winograd_tiles(g), chunk = winograd_chunk(g);
    const auto outputs = g.filters % kLanes == 0 ? transform_outputs<true> : transform_outputs<false>;
    int failed = 0;
    if (g.made[0] < g.out[0] || g.made[1] < g.out[1])
        for (int64_t i = 0; i < g.batch; ++i) clear_rest(g, y + i * g.out[0] * g.out[1] * g.filters);
    parallel_for(tiles, chunk, [&](int64_t first, int64_t end) {
        const Slot slot(memory.flags, memory.slots, g.threads, winograd_slot_bytes(g));
        float* inputs = reinterpret_cast<float*>(slot.memory);
        float* sums = inputs + 16 * in_part;
        for (; first < end; first += chunk) {
            const int64_t count = least(end - first, chunk);
            transform_inputs(g, x, memory.zeros, first, count, inputs);
            const auto product = [&](auto one, int64_t k) {
                using T = decltype(one);
                multiply<T>({.m = count,
                             .n = g.filters,
                             .k = k,
                             .a_row = k,
                             .a_col = 1,
                             .b_row = kPanel,
                             .b_panel = g.channels * kPanel,
                             .c_row = g.filters,
                             .b_padded = true},
                            {inputs, in_part}, {memory.shared, packed}, sums, winograd_part(g, g.filters));
            };
#if defined(__AVX512BF16__)
            if (pairs) {
                for (int64_t i = 0; i < 16; ++i) pair_in_place(inputs + i * in_part, count, g.channels);
                product(Bf16Pair{}, g.channels / 2);
            }
#endif
            if (!pairs) product(0.f, g.channels);
            if (!outputs(g, sums, bias, first, count, y)) __atomic_store_n(&failed, 1, __ATOMIC_RELAXED);
        }
    });
    return !failed;
}

bool winograd_weights_f32(const Winograd& g, const float* x, const float* dy, float* dw, void* scratch) {
    const int64_t size = g.channels * g.filters, in_part = winograd_part(g, g.channels);
    const int64_t out_part = winograd_part(g, g.filters);
    const int64_t tiles = winograd_tiles(g), chunk = winograd_chunk(g), chunks = pieces(tiles, chunk);
    const int64_t count = winograd_sums(g);
    const bool pairs = kMultipliesBfloat16 && g.pairs;
    const Memory memory(g, scratch, 16 * count * size);
    parallel_for(count, 1, [&](int64_t begin, int64_t end) {
        const Slot slot(memory.flags, memory.slots, g.threads, winograd_slot_bytes(g));
        float* inputs = reinterpret_cast<float*>(slot.memory);
        float* slopes = inputs + 16 * in_part;
        for (int64_t s = begin; s < end; ++s)
            for (int64_t c = s * chunks / count; c < (s + 1) * chunks / count; ++c) {
                const int64_t first = c * chunk, n = least(tiles - first, chunk);
                transform_inputs(g, x, memory.zeros, first, n, inputs);
                transform_slopes(g, dy, memory.zeros, first, n, slopes);
                const auto product = [&](auto one, int64_t k) {
                    using T = decltype(one);
                    multiply<T>({.m = g.channels,
                                 .n = g.filters,
                                 .k = k,
                                 .a_row = 1,
                                 .a_col = g.channels,
                                 .b_row = g.filters,
                                 .b_panel = kPanel,
                                 .c_row = g.filters,
                                 .accumulate = c > s * chunks / count},
                                {inputs, in_part}, {slopes, out_part}, memory.shared + s * 16 * size, size);
                };
#if defined(__AVX512BF16__)
                if (pairs) {
                    for (int64_t i = 0; i < 16; ++i) {
                        pair_rows_in_place(inputs + i * in_part, n, g.channels);
                        pair_rows_in_place(slopes + i * out_part, n, g.filters);
                    }
                    product(Bf16Pair{}, (n + 1) / 2);
                }
#endif
                if (!pairs) product(0.f, n);
            }
    });
    int failed = 0;
    parallel_for(size, 512, [&](int64_t begin, int64_t end) {
        if (!transform_sums(g, memory.shared, count, begin, end, dw)) __atomic_store_n(&failed, 1, __ATOMIC_RELAXED);
    });
    return !failed;
}

}  // namespace fk::FK_ISA
