#include "kernels/tile.h"

#include "kernels/elementwise.h"
#include "kernels/loop.h"

namespace fk::FK_ISA {
namespace {

const TileLoop* loops_for(DType compute) {
    switch (compute) {
        case DType::boolean: return loops_bool;
        case DType::int8: return loops_i8;
        case DType::uint8: return loops_u8;
        case DType::int32: return loops_i32;
        case DType::uint32: return loops_u32;
        case DType::int64: return loops_i64;
        case DType::float64: return loops_f64;
        default: return loops_f32;
    }
}

int64_t width_of(DType t) { return int64_t(size_of(t)); }

// --- between memory and registers ---

template <class T, class S>
FK_INLINE void convert_run(T* to, const S* from, int64_t n) {
    if constexpr (HalfFloat<T> || HalfFloat<S>)
        for_each_vector<float>(n, [&](int64_t i, auto lanes) FK_INLINED { lanes.store(to + i, lanes.load(from + i)); });
    else
        for (int64_t i = 0; i < n; ++i) to[i] = T(from[i]);
}

// Short runs of the last dim are laid out together, as many as the dim before has left: those of two to four elements
// are too short for a loop each (a division of 1 million rows of two by one number each, one thread of Zen 4: 3.3 ->
// 0.41 ms, rows of four 4.4 -> 1.7), those of some vectors for a call (differences of all pairs of 40 rows of 32, 32
// times, one thread of Zen 5: 321 -> 148 us).
constexpr int64_t kShortRun = 4, kLongRun = 256;

// `bytes` of them, in pieces of 64; the last ones overlap.
FK_VEC void copy_short(void* to, const void* from, int64_t bytes) {
    char* y = static_cast<char*>(to);
    const char* x = static_cast<const char*>(from);
    if (bytes >= 64) {
        for (int64_t i = 0; i < bytes - 64; i += 64) __builtin_memcpy(y + i, x + i, 64);
        __builtin_memcpy(y + bytes - 64, x + bytes - 64, 64);
    } else if (bytes >= 32) {
        __builtin_memcpy(y, x, 32), __builtin_memcpy(y + bytes - 32, x + bytes - 32, 32);
    } else if (bytes >= 16) {
        __builtin_memcpy(y, x, 16), __builtin_memcpy(y + bytes - 16, x + bytes - 16, 16);
    } else {
        for (int64_t i = 0; i < bytes; ++i) y[i] = x[i];
    }
}

// `rows` of them, which lie `stride` apart.
template <class T, class S>
void lay_out_rows(T* to, const S* from, int64_t rows, int64_t stride, int64_t inner, int64_t step) {
    const auto rows_of = [&](auto n) {
        for (int64_t r = 0; r < rows; ++r)
            for (int64_t i = 0; i < n; ++i) to[r * n + i] = T(from[r * stride + i * step]);
    };
    switch (inner) {
        case 2: return rows_of(std::integral_constant<int64_t, 2>{});
        case 3: return rows_of(std::integral_constant<int64_t, 3>{});
        case kShortRun: return rows_of(std::integral_constant<int64_t, kShortRun>{});
    }
    for (int64_t r = 0; r < rows; ++r, to += inner, from += stride) {
        if (step == 0) {
            const T value = T(*from);
            for (int64_t i = 0; i < inner; ++i) to[i] = value;
        } else if constexpr (std::is_same_v<T, S>) {
            copy_short(to, from, inner * int64_t(sizeof(T)));
        } else {
            convert_run(to, from, inner);
        }
    }
}

// Elements [begin, begin + n) of a broadcast input, as T. Walks runs of the last dim: each is a copy or a fill; short
// ones go together, as many as the dim before has left.
template <class T, class S>
void lay_out(T* to, const S* from, const TileProgram& p, const TileProgram::Input& input, int64_t begin, int64_t n) {
    const int last = p.rank - 1;
    int64_t index[TileProgram::kMaxRank] = {}, at = begin, offset = 0;
    for (int d = last; d >= 0; --d) {
        index[d] = at % p.dims[d];
        at /= p.dims[d];
        offset += index[d] * input.strides[d];
    }
    if (last < 0) {
        *to = T(from[0]);
        return;
    }
    const int64_t inner = p.dims[last], step = input.strides[last];
    const bool rows_together = 1 < inner && inner <= kLongRun && last > 0;
    for (int64_t run = inner - index[last]; n > 0; run = inner) {
        if (rows_together && index[last] == 0 && n >= inner) {
            const int64_t left = p.dims[last - 1] - index[last - 1], rows = n / inner < left ? n / inner : left;
            lay_out_rows(to, from + offset, rows, input.strides[last - 1], inner, step);
            run = rows * inner;
            index[last - 1] += rows - 1, offset += (rows - 1) * input.strides[last - 1];  // to the last of them
        } else {
            if (run > n) run = n;
            if (step != 0) {
                convert_run(to, from + offset, run);
            } else {
                const T value = T(from[offset]);
                for (int64_t i = 0; i < run; ++i) to[i] = value;
            }
        }
        to += run, n -= run;
        offset -= index[last] * step;
        index[last] = 0;
        for (int d = last - 1; d >= 0; --d) {
            offset += input.strides[d];
            if (++index[d] < p.dims[d]) break;
            offset -= p.dims[d] * input.strides[d];
            index[d] = 0;
        }
    }
}

template <class T>
void load_as(void* to, const void* from, const TileProgram& p, const TileProgram::Input& input, int64_t begin,
             int64_t n) {
    T* y = static_cast<T*>(to);
    const auto from_type = [&](auto type) {
        using S = decltype(type);
        const S* x = static_cast<const S*>(from);
        if (input.kind == TileProgram::Input::full)
            convert_run(y, x + begin, n);
        else
            lay_out(y, x, p, input, begin, n);
    };
    if (input.dtype == DType::boolean) return from_type(bool{});
    if constexpr (std::is_same_v<T, float>) {
        if (input.dtype == DType::float16) return from_type(float16_t{});
        if (input.dtype == DType::bfloat16) return from_type(bfloat16_t{});
    }
    from_type(T{});
}

void load_input(void* to, const void* from, const TileProgram& p, const TileProgram::Input& input, int64_t begin,
                int64_t n) {
    switch (p.compute) {
        case DType::boolean:
        case DType::int8:
        case DType::uint8: return load_as<uint8_t>(to, from, p, input, begin, n);
        case DType::int32:
        case DType::uint32: return load_as<int32_t>(to, from, p, input, begin, n);
        case DType::int64: return load_as<int64_t>(to, from, p, input, begin, n);
        case DType::float64: return load_as<double>(to, from, p, input, begin, n);
        default: return load_as<float>(to, from, p, input, begin, n);
    }
}

template <class T>
void store_truth(void* to, const void* from, int64_t n) {
    bool* y = static_cast<bool*>(to);
    const T* x = static_cast<const T*>(from);
    for (int64_t i = 0; i < n; ++i) y[i] = x[i] != 0;
}

void store_output(void* to, DType dtype, const void* from, DType compute, int64_t n) {
    if (dtype == compute) {
        __builtin_memcpy(to, from, size_t(n * width_of(compute)));
    } else if (dtype == DType::float16) {
        convert_run(static_cast<float16_t*>(to), static_cast<const float*>(from), n);
    } else if (dtype == DType::bfloat16) {
        convert_run(static_cast<bfloat16_t*>(to), static_cast<const float*>(from), n);
    } else {
        switch (compute) {
            case DType::float32: return store_truth<float>(to, from, n);
            case DType::float64: return store_truth<double>(to, from, n);
            case DType::int64: return store_truth<int64_t>(to, from, n);
            case DType::int8:
            case DType::uint8: return store_truth<uint8_t>(to, from, n);
            default: return store_truth<int32_t>(to, from, n);
        }
    }
}

// --- one chunk ---

constexpr int64_t kRegisterBytes = 48 << 10;  // finish() never asks for more

void run_chunk(const TileProgram& p, const void* const* in, void* const* out, int64_t begin, int64_t end) {
    alignas(64) char memory[kRegisterBytes];
    const int64_t width = width_of(p.compute), register_bytes = p.tile * width;
    const TileLoop* loops = loops_for(p.compute);
    const void* value[TileProgram::kMaxValues];
    using Input = TileProgram::Input;

    for (int i = 0; i < p.inputs; ++i) {
        const Input& input = p.input_of[i];
        if (input.location >= 0) value[i] = memory + input.location * register_bytes;
        if (input.kind == Input::scalar || input.kind == Input::once) {
            const int64_t n = end - begin < p.tile ? end - begin : p.tile;
            load_input(memory + input.location * register_bytes, in[i], p, input, begin, n);
        }
    }
    const int64_t step = p.tile > 0 ? p.tile : end - begin;
    for (int64_t at = begin; at < end; at += step) {
        const int64_t n = end - at < step ? end - at : step;
        for (int i = 0; i < p.inputs; ++i) {
            const Input& input = p.input_of[i];
            if (input.location < 0)
                value[i] = static_cast<const char*>(in[i]) + at * width;
            else if (input.kind == Input::full || input.kind == Input::strided)
                load_input(memory + input.location * register_bytes, in[i], p, input, at, n);
        }
        for (int i = 0; i < p.instructions; ++i) {
            const TileProgram::Instruction& s = p.instruction_of[i];
            void* to = s.location >= 0 ? memory + s.location * register_bytes
                                       : static_cast<char*>(out[~s.location]) + at * width;
            const void* from[3] = {value[s.from[0]], value[s.from[1]], value[s.from[2]]};
            loops[s.function](to, from, n, s.attribute);
            value[p.inputs + i] = to;
        }
        for (int i = 0; i < p.outputs; ++i) {
            const TileProgram::Output& o = p.output_of[i];
            if (!o.direct)
                store_output(static_cast<char*>(out[i]) + at * width_of(o.dtype), o.dtype, value[o.value], p.compute,
                             n);
        }
    }
}

}  // namespace

void tile_run(const TileProgram& p, const void* const* in, void* const* out) {
    parallel_for(p.count, p.grain, [&](int64_t begin, int64_t end) { run_chunk(p, in, out, begin, end); });
}

}  // namespace fk::FK_ISA
