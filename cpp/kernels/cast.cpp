#include "kernels/cast.h"

#include "core/parallel.h"
#include "kernels/elementwise_words.h"
#include "kernels/loop.h"

namespace fk::FK_ISA {
namespace {

constexpr int64_t kGrain = 1 << 15;  // elements

template <class T>
concept FloatOrHalf = HalfFloat<T> || std::is_same_v<T, float>;

template <class T, class S>
FK_INLINE T convert(S from) {
    using W = decltype(from + 0);
    const W v = from;
    if constexpr (HalfFloat<T>) {
        return T(float(v));
    } else if constexpr (std::is_same_v<T, bool>) {
        return v != 0;
    } else if constexpr (std::is_integral_v<T> && !std::is_integral_v<W>) {
        constexpr T low = std::is_signed_v<T> ? T(T(1) << (8 * sizeof(T) - 1)) : T(0), high = T(~low);
        // W(high) rounds up to the power of two where it is not exact, so that >= catches all that does not fit.
        return v != v ? T(0) : v <= W(low) ? low : v >= W(high) ? high : T(v);
    } else {
        return T(v);
    }
}

template <class T, class S>
void cast_all(void* to, const void* from, int64_t n) {
    parallel_for(n, kGrain, [&](int64_t begin, int64_t end) {
        T* y = static_cast<T*>(to);
        const S* x = static_cast<const S*>(from);
        if constexpr ((HalfFloat<T> && FloatOrHalf<S>) || (HalfFloat<S> && FloatOrHalf<T>))
            for_each_vector<float>(end - begin, [&](int64_t i, auto lanes) FK_INLINED {
                lanes.store(y + begin + i, lanes.load(x + begin + i));
            });
        else
            for (int64_t i = begin; i < end; ++i) y[i] = convert<T>(x[i]);
    });
}

// f(value of the C++ type of `t`)
template <class F>
FK_INLINE void with_type(DType t, const F& f) {
    switch (t) {
        case DType::boolean: return f(bool{});
        case DType::int8: return f(int8_t{});
        case DType::uint8: return f(uint8_t{});
        case DType::int32: return f(int32_t{});
        case DType::uint32: return f(uint32_t{});
        case DType::int64: return f(int64_t{});
        case DType::float16: return f(float16_t{});
        case DType::bfloat16: return f(bfloat16_t{});
        case DType::float32: return f(float{});
        default: return f(double{});
    }
}

}  // namespace

void cast_elements(void* to, DType to_type, const void* from, DType from_type, int64_t n) {
    // Integers wrap: their bits are those of uint8. (Less code than loops of their own.)
    if (to_type == DType::int8 && !is_float(from_type)) to_type = DType::uint8;
    if (from_type == DType::int8 && size_of(to_type) == 1) from_type = DType::uint8;
    with_type(to_type, [&](auto t) {
        with_type(from_type, [&](auto s) {
            using T = decltype(t);
            using S = decltype(s);
            constexpr bool never =
                (std::is_same_v<T, int8_t> && std::is_integral_v<S>) || (std::is_same_v<S, int8_t> && sizeof(T) == 1);
            if constexpr (!never) cast_all<T, S>(to, from, n);
        });
    });
}

}  // namespace fk::FK_ISA
