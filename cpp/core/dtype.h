// The element types a tensor can hold.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace fk {

// Order is the promotion order within a kind; bfloat16 is a storage type: kernels widen it.
enum class DType : uint8_t { boolean, uint8, int32, uint32, int64, bfloat16, float32, float64 };

constexpr size_t size_of(DType t) {
    switch (t) {
        case DType::boolean:
        case DType::uint8: return 1;
        case DType::bfloat16: return 2;
        case DType::int32:
        case DType::uint32:
        case DType::float32: return 4;
        default: return 8;
    }
}
constexpr bool is_float(DType t) { return t >= DType::bfloat16; }
constexpr bool is_integer(DType t) { return t > DType::boolean && t < DType::bfloat16; }

std::string_view name_of(DType t);
DType parse_dtype(std::string_view name);  // throws TypeError naming the dtypes that exist
DType promote(DType a, DType b);           // the lattice of Keras (and JAX): int64 + float32 -> float32

struct bfloat16_t {
    uint16_t bits;
    bfloat16_t() = default;
    explicit bfloat16_t(float f) {
        const uint32_t u = __builtin_bit_cast(uint32_t, f);
        // Round to nearest even; NaN keeps a payload bit so that it stays NaN.
        bits = (u & 0x7fffffffu) > 0x7f800000u ? uint16_t((u >> 16) | 0x40)
                                               : uint16_t((u + 0x7fffu + ((u >> 16) & 1)) >> 16);
    }
    operator float() const { return __builtin_bit_cast(float, uint32_t(bits) << 16); }
};

// Calls f with a value of the C++ type of `t`: dispatch(t, [&](auto zero) { using T = decltype(zero); ... }).
template <class F>
decltype(auto) dispatch(DType t, F&& f) {
    switch (t) {
        case DType::boolean: return f(bool{});
        case DType::uint8: return f(uint8_t{});
        case DType::int32: return f(int32_t{});
        case DType::uint32: return f(uint32_t{});
        case DType::int64: return f(int64_t{});
        case DType::bfloat16: return f(bfloat16_t(0.f));
        case DType::float32: return f(float{});
        default: return f(double{});
    }
}

}  // namespace fk
