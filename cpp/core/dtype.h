// The element types a tensor can hold.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace fk {

// Order is the promotion order within a kind, but that int8 and uint8 do not hold each other, nor do the halves. Halves
// are storage types: kernels widen them.
enum class DType : uint8_t { boolean, int8, uint8, int32, uint32, int64, float16, bfloat16, float32, float64 };
constexpr size_t kDTypes = size_t(DType::float64) + 1;

constexpr size_t size_of(DType t) {
    switch (t) {
        case DType::boolean:
        case DType::int8:
        case DType::uint8: return 1;
        case DType::float16:
        case DType::bfloat16: return 2;
        case DType::int32:
        case DType::uint32:
        case DType::float32: return 4;
        default: return 8;
    }
}
constexpr bool is_float(DType t) { return t >= DType::float16; }
constexpr bool is_half(DType t) { return t == DType::float16 || t == DType::bfloat16; }
constexpr bool is_integer(DType t) { return t > DType::boolean && t < DType::float16; }

std::string_view name_of(DType t);
DType parse_dtype(std::string_view name);  // throws TypeError naming the dtypes that exist
DType promote(DType a, DType b);           // the lattice of Keras (and JAX): int64 + float32 -> float32

// Both round to nearest even and keep NaN. Always inlined, so that code compiled per ISA may use them.
struct bfloat16_t {
    uint16_t bits;
    bfloat16_t() = default;
    [[gnu::always_inline]] explicit bfloat16_t(float f) {
        const uint32_t u = __builtin_bit_cast(uint32_t, f);
        bits = (u & 0x7fffffffu) > 0x7f800000u ? uint16_t((u >> 16) | 0x40)
                                               : uint16_t((u + 0x7fffu + ((u >> 16) & 1)) >> 16);
    }
    [[gnu::always_inline]] operator float() const { return __builtin_bit_cast(float, uint32_t(bits) << 16); }
};

// IEEE's: 5 bits of exponent, 10 of fraction; 65504 is the largest number, 2^-24 the smallest. No step makes or reads a
// float32 denormal, which kernels flush to zero.
struct float16_t {
    uint16_t bits;
    float16_t() = default;
    [[gnu::always_inline]] explicit float16_t(float f) {
        const uint32_t u = __builtin_bit_cast(uint32_t, f), sign = u >> 16 & 0x8000, magnitude = u & 0x7fffffff;
        uint32_t rounded;
        if (magnitude > 0x7f800000)
            rounded = 0x7e00 | (magnitude >> 13 & 0x3ff);
        else if (magnitude >= 0x477ff000)  // 65520 and above
            rounded = 0x7c00;
        else if (magnitude < 0x38800000)  // below 2^-14: the last bit of x + 0.5 is worth 2^-24
            rounded = __builtin_bit_cast(uint32_t, __builtin_bit_cast(float, magnitude) + 0.5f) - 0x3f000000;
        else
            rounded = (magnitude - (112u << 23) + 0xfff + (magnitude >> 13 & 1)) >> 13;
        bits = uint16_t(sign | rounded);
    }
    [[gnu::always_inline]] operator float() const {
        const uint32_t sign = uint32_t(bits & 0x8000) << 16, exponent = bits >> 10 & 31, fraction = bits & 0x3ff;
        if (exponent == 0) return __builtin_bit_cast(float, sign | __builtin_bit_cast(uint32_t, fraction * 0x1p-24f));
        return __builtin_bit_cast(float, sign | (exponent == 31 ? 255 : exponent + 112) << 23 | fraction << 13);
    }
};

template <class T>
concept HalfFloat = std::is_same_v<T, float16_t> || std::is_same_v<T, bfloat16_t>;

// Calls f with a value of the C++ type of `t`: dispatch(t, [&](auto zero) { using T = decltype(zero); ... }).
template <class F>
decltype(auto) dispatch(DType t, F&& f) {
    switch (t) {
        case DType::boolean: return f(bool{});
        case DType::int8: return f(int8_t{});
        case DType::uint8: return f(uint8_t{});
        case DType::int32: return f(int32_t{});
        case DType::uint32: return f(uint32_t{});
        case DType::int64: return f(int64_t{});
        case DType::float16: return f(float16_t(0.f));
        case DType::bfloat16: return f(bfloat16_t(0.f));
        case DType::float32: return f(float{});
        default: return f(double{});
    }
}

}  // namespace fk
