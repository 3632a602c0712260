// The loops behind the rows of elementwise_rows.h: one table per compute type, indexed by the row's number.
// For tile.cpp; split over several files only so that they compile in parallel.
#pragma once
#include "core/parallel.h"
#include "kernels/elementwise_words.h"
#include "kernels/tile.h"

namespace fk::FK_ISA {

extern const TileLoop loops_f32[], loops_f64[], loops_i32[], loops_u32[], loops_i64[], loops_u8[], loops_i8[],
    loops_bool[];

namespace {

// An attribute as T; integers saturate, so that clip(x, -inf, 3) means what it says.
template <class T>
FK_INLINE T attribute_as(double v) {
    if constexpr (Floating<T>) {
        return T(v);
    } else if constexpr (std::is_same_v<T, bool>) {
        return v > 0;
    } else {
        constexpr T low = std::is_signed_v<T> ? T(T(1) << (8 * sizeof(T) - 1)) : T(0), high = T(~low);
        return v != v ? T(0) : v <= double(low) ? low : v >= double(high) ? high : T(v);
    }
}

template <class F, class T, int tensors>
void tile_loop(void* y, const void* const* x, int64_t n, const double* k) {
    using V = typename Lanes<T>::V;
    constexpr int64_t step = Lanes<T>::n;
    T* to = static_cast<T*>(y);
    const T* a = static_cast<const T*>(x[0]);
    const T* b = tensors > 1 ? static_cast<const T*>(x[1]) : a;
    const T* c = tensors > 2 ? static_cast<const T*>(x[2]) : a;
    const V p = attribute_as<V>(k[0]), q = attribute_as<V>(k[1]);
    int64_t i = 0;
    for (; i + step <= n; i += step) put(to + i, F::f(get(a + i), get(b + i), get(c + i), p, q, k));
    if (n -= i; n > 0)
        put_partial(to + i, F::f(get_partial(a + i, n), get_partial(b + i, n), get_partial(c + i, n), p, q, k), n);
}

constexpr bool takes(TileFunction::Types types, bool integer) {
    return integer ? types != TileFunction::floats : types != TileFunction::integers;
}

template <class F, class T>
constexpr TileLoop loop_of() {
    if constexpr (takes(F::types, std::is_integral_v<T>))
        return tile_loop<F, T, F::tensors>;
    else
        return nullptr;
}

// One struct per row.
#define FK_ROW(name, count, type, result, attributes, formula)                                                        \
    struct row_##name {                                                                                               \
        static constexpr int tensors = count;                                                                         \
        static constexpr TileFunction::Types types = TileFunction::type;                                              \
        template <class T>                                                                                            \
        FK_INLINED static T f([[maybe_unused]] T a, [[maybe_unused]] T b, [[maybe_unused]] T c, [[maybe_unused]] T p, \
                              [[maybe_unused]] T q, [[maybe_unused]] const double* k) {                               \
            return formula;                                                                                           \
        }                                                                                                             \
    };
#include "kernels/elementwise_rows.h"

}  // namespace
}  // namespace fk::FK_ISA

// At namespace scope inside fk::FK_ISA, for each type of the file:
//     const TileLoop loops_f32[] = {
//     #define FK_ROW(name, ...) loop_of<row_##name, float>(),
//     #include "kernels/elementwise_rows.h"
//     };
