#include "kernels/products/winograd.h"

#include "core/slot.h"
#include "kernels/products/lanes.h"
#include "kernels/products/pairs.h"
#include "kernels/products/winograd_registers.h"
#include "kernels/products/winograd_transforms.h"
#include "kernels/sizes.h"

namespace fk::FK_ISA {
namespace {

// Products m x k by k x n of all parts; part i of an operand lies i times its distance from the first.
struct Parts {
    const float* first;
    int64_t apart;
};
template <class T>
void multiply(int64_t parts, const Brgemm<T>& product, Parts a, Parts b, float* c, int64_t c_apart) {
    for (int64_t i = 0; i < parts; ++i) {
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

// Outputs of tiles [first, first + count). False where something is not finite.
bool outputs_in_registers(const Winograd& g, const float* x, const Memory& memory, const float* bias, int64_t first,
                          int64_t count, float* inputs, float* y) {
    const int64_t blocks = pieces(g.channels, 16);
    const auto outputs = [&](auto half, auto one) {
        auto* to = reinterpret_cast<decltype(half)*>(inputs);
        using T = decltype(one);
        transform_inputs<2>(g, x, memory.zeros, first, count, Fours<decltype(half)>{to, blocks});
        return multiply_to_outputs(g, reinterpret_cast<const T*>(inputs), reinterpret_cast<const T*>(memory.shared),
                                   bias, first, count, y);
    };
#if defined(__AVX512BF16__)
    if (g.pairs) return outputs(bfloat16_t{}, Bf16Pair{});
#endif
    return outputs(0.f, 0.f);
}

// The same from sums in memory.
bool outputs_through_memory(const Winograd& g, const float* x, const Memory& memory, const float* bias, int64_t first,
                            int64_t count, float* inputs, float* y) {
    const int64_t packed = winograd_packed(g), in_part = winograd_part(g, g.channels);
    float* sums = inputs + 16 * in_part;
    transform_inputs<2>(g, x, memory.zeros, first, count, Rows{inputs, in_part, g.channels});
    const auto product = [&](auto one, int64_t k) {
        using T = decltype(one);
        multiply<T>(16,
                    {.m = count,
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
    if (g.pairs) {
        for (int64_t i = 0; i < 16; ++i) pair_in_place(inputs + i * in_part, count, g.channels);
        product(Bf16Pair{}, g.channels / 2);
        return transform_outputs(g, sums, bias, first, count, y);
    }
#endif
    product(0.f, g.channels);
    return transform_outputs(g, sums, bias, first, count, y);
}

// y of one group. False where something is not finite.
bool outputs_of_group(const Winograd& g, const float* x, const float* w, const float* bias, float* y, void* scratch) {
    const int64_t packed = winograd_packed(g);
    const bool in_registers = sums_fit_registers(g);
    const int64_t panel = in_registers ? kLanes : kPanel, blocks = pieces(g.channels, 16);
    const Memory memory(g, scratch, 16 * packed);
    parallel_for(pieces(g.filters, panel), 1, [&](int64_t begin, int64_t end) {
        for (int64_t p = begin; p < end; ++p) {
            if (in_registers) {
                float* to = memory.shared + p * blocks * kWeightBlock;
                if (g.channels % 16) __builtin_memset(to, 0, size_t(blocks * kWeightBlock) * sizeof(float));
                transform_weights(g, w, p * panel, panel, 16 * kLanes, kWeightBlock, to);
                for (int64_t i = 0; kMultipliesBfloat16 && g.pairs && i < 16 * blocks; ++i)
                    pair_rows_in_place(to + i * 16 * kLanes, 16, kLanes);
                continue;
            }
            float* to = memory.shared + p * panel * g.channels;
            transform_weights(g, w, p * panel, panel, packed, 16 * panel, to);
            for (int64_t i = 0; kMultipliesBfloat16 && g.pairs && i < 16; ++i)
                pair_rows_in_place(to + i * packed, g.channels, panel);
        }
    });
    const auto outputs = in_registers ? outputs_in_registers : outputs_through_memory;
    const int64_t some = in_registers ? most(4, kTilesAtOnce / g.channels) : winograd_chunk(g);
    int failed = 0;
    parallel_for(winograd_tiles(g), winograd_chunk(g), [&](int64_t first, int64_t end) {
        const Slot slot(memory.flags, memory.slots, winograd_slots(g), winograd_slot_bytes(g));
        bool finite = true;
        for (; first < end; first += some)
            finite &=
                outputs(g, x, memory, bias, first, least(end - first, some), reinterpret_cast<float*>(slot.memory), y);
        if (!finite) __atomic_store_n(&failed, 1, __ATOMIC_RELAXED);
    });
    return !failed;
}

template <int side>
bool weights_of(const Winograd& g, const float* x, const float* dy, float* dw, void* scratch) {
    constexpr int64_t parts = (side + 2) * (side + 2);
    const int64_t size = g.channels * g.filters, in_part = winograd_part(g, g.channels);
    const int64_t out_part = winograd_part(g, g.filters);
    const int64_t tiles = winograd_tiles(g), chunk = winograd_chunk(g), chunks = pieces(tiles, chunk);
    const int64_t count = winograd_sums(g);
    const bool pairs = kMultipliesBfloat16 && g.pairs;
    const bool whole = kLanes == 16 && !pairs && g.channels % kLanes == 0 && g.filters % kLanes == 0;
    const Memory memory(g, scratch, 9 * count * size);
    int failed = 0;
    parallel_for(count, 1, [&](int64_t begin, int64_t end) {
        const Slot slot(memory.flags, memory.slots, winograd_slots(g), winograd_slot_bytes(g));
        float* inputs = reinterpret_cast<float*>(slot.memory);
        float *slopes = inputs + parts * in_part, *sums = slopes + parts * out_part;
        for (int64_t s = begin; s < end; ++s) {
            const int64_t from = s * chunks / count, to = (s + 1) * chunks / count;
            for (int64_t c = from; c < to; ++c) {
                const int64_t first = c * chunk, n = least(tiles - first, chunk);
                transform_inputs<side>(g, x, memory.zeros, first, n, Rows{inputs, in_part, g.channels});
                transform_slopes<side>(g, dy, memory.zeros, first, n, slopes);
                const auto product = [&](auto one, int64_t k) {
                    using T = decltype(one);
                    multiply<T>(parts,
                                {.m = g.channels,
                                 .n = g.filters,
                                 .k = k,
                                 .a_row = 1,
                                 .a_col = g.channels,
                                 .b_row = g.filters,
                                 .b_panel = kPanel,
                                 .c_row = g.filters,
                                 .accumulate = c > from},
                                {inputs, in_part}, {slopes, out_part}, sums, winograd_sum_part(g));
                };
#if defined(__AVX512BF16__)
                if (pairs) {
                    for (int64_t i = 0; i < parts; ++i) {
                        pair_rows_in_place(inputs + i * in_part, n, g.channels);
                        pair_rows_in_place(slopes + i * out_part, n, g.filters);
                    }
                    product(Bf16Pair{}, (n + 1) / 2);
                }
#endif
                if (whole)
                    (near_l2_bytes() ? outer_products<4> : outer_products<0>)(g, parts, n, inputs, slopes, c > from,
                                                                              sums);
                else if (!pairs)
                    product(0.f, n);
            }
            if (!transform_sums<side>(g, sums, memory.shared + s * 9 * size))
                __atomic_store_n(&failed, 1, __ATOMIC_RELAXED);
        }
    });
    parallel_for(9 * g.channels, 1 + 4096 / g.filters, [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row)
            for (int64_t j = 0; j < g.filters; j += kLanes) {
                const float* from = memory.shared + row * g.filters + j;
                Vec sum = load_up_to(from, g.filters - j);
                for (int64_t s = 1; s < count; ++s) sum = sum + load_up_to(from + s * 9 * size, g.filters - j);
                store_up_to(dw + row * g.out_pixel + j, sum, g.filters - j);
            }
    });
    return !failed;
}

}  // namespace

bool winograd_f32(const Winograd& g, const float* x, const float* w, const float* bias, float* y, void* scratch) {
    if (g.made[0] < g.out[0] || g.made[1] < g.out[1])
        for (int64_t i = 0; i < g.batch; ++i) clear_rest(g, y + i * g.out[0] * g.out[1] * g.out_pixel);
    for (int64_t i = 0; i < g.groups; ++i)
        if (!outputs_of_group(g, x + i * g.channels, w + i * g.w_group, bias ? bias + i * g.filters : nullptr,
                              y + i * g.filters, scratch))
            return false;
    return true;
}

bool winograd_weights_f32(const Winograd& g, const float* x, const float* dy, float* dw, void* scratch) {
    const auto weights = g.side == 2 ? weights_of<2> : weights_of<4>;
    for (int64_t i = 0; i < g.groups; ++i)
        if (!weights(g, x + i * g.channels, dy + i * g.filters, dw + i * g.filters, scratch)) return false;
    return true;
}

}  // namespace fk::FK_ISA
