#include "kernels/pool.h"

#include <cstddef>

#include "core/parallel.h"
#include "kernels/window_loops.h"

namespace fk::FK_ISA {
namespace {

// What a position of the output sees: `count` steps along each axis, `step` elements apart. Windows of 2x2 are known to
// the compiler instead of three loops around four loads (8x26x26x32 in the L2, Zen 4: 17.1 -> 14.5 us, its place 18.0
// -> 16.4, its gradient 22.4 -> 20.8).
template <bool two_by_two>
struct Inputs {
    int64_t count[3], step[3];
    // f(element) for all of them, from the first on.
    template <class F>
    FK_MEMBER void each(int64_t first, const F& f) const {
        if constexpr (two_by_two) return f(first), f(first + step[2]), f(first + step[1]), f(first + step[1] + step[2]);
        for (int64_t i = 0; i < count[0]; ++i)
            for (int64_t j = 0; j < count[1]; ++j) {
                int64_t at = first + i * step[0] + j * step[1];
                for (int64_t k = 0; k < count[2]; ++k, at += step[2]) f(at);
            }
    }
};

// f(inputs, first input element, output element, lanes, block) for blocks of channels of the lines [begin, end).
template <class T, class F>
FK_VEC void for_each_output(const Window& window, int64_t begin, int64_t end, const F& f) {
    const Window g = window;
    const WindowAxis& a = g.axis[2];
    const int64_t n = g.channels;
    for (int64_t line = begin; line < end; ++line) {
        const TapRows rows = tap_rows(g, line);
        for_each_segment(a, [&](Segment s) {
            const auto run = [&](auto inputs) FK_INLINED {
                for (int64_t i = 0; i < s.count; ++i)
                    for_each_block<T, 4>(n, [&](int64_t c, auto lanes, auto block) FK_INLINED {
                        f(inputs, (rows.pixel + s.at + i * s.stride) * n + c, (line * a.out + s.begin + i) * n + c,
                          lanes, block);
                    });
            };
            const Inputs<false> seen{{rows.depths, rows.heights, s.taps},
                                     {rows.pixel_depth * n, rows.pixel_height * n, a.in_step * n}};
            if (rows.depths == 1 && rows.heights == 2 && s.taps == 2)
                run(Inputs<true>{{1, 2, 2}, {0, seen.step[1], seen.step[2]}});
            else
                run(seen);
        });
    }
}

// The same for all lines, in parallel.
template <class T, class F>
FK_VEC void make_outputs(const Window& g, const F& f) {
    parallel_for(lines_of(g), g.chunk, [&](int64_t begin, int64_t end) { for_each_output<T>(g, begin, end, f); });
}

// The same where f writes to the inputs' places in dx, image by image in parallel; inputs that no window has are zero.
template <class T, class F>
FK_VEC void make_inputs(const Window& g, T* dx, const F& f) {
    const int64_t lines = g.axis[0].out * g.axis[1].out, images = lines > 0 ? 1 + (g.chunk - 1) / lines : 1;
    const int64_t size = g.axis[0].in * g.axis[1].in * g.axis[2].in * g.channels;
    parallel_for(g.images, images, [&](int64_t begin, int64_t end) {
        if (!g.cover || g.overlap) __builtin_memset(dx + begin * size, 0, size_t((end - begin) * size) * sizeof(T));
        for_each_output<T>(g, begin * lines, end * lines, f);
    });
}

template <class T>
void max_pool(const Window& g, const T* x, T* y) {
    using V = VecOf<T>;
    constexpr int64_t step = lanes_of<V>;
    make_outputs<T>(g, [&](const auto& inputs, int64_t first_input, int64_t to, auto lanes, auto block) FK_INLINED {
        constexpr int K = decltype(block)::count;
        V best[K];
        for (int k = 0; k < K; ++k) best[k] = V(-T(__builtin_inf()));
        inputs.each(first_input, [&](int64_t at) FK_INLINED {
            for (int k = 0; k < K; ++k) best[k] = max_nan(best[k], lanes.load(x + at + k * step));
        });
        for (int k = 0; k < K; ++k) lanes.store(y + to + k * step, best[k]);
    });
}

template <class T>
void max_pool_grad(const Window& g, const T* x, const T* y, const T* dy, const T* gate, T* dx) {
    using V = VecOf<T>;
    constexpr int64_t step = lanes_of<V>;
    const bool add = g.overlap;
    make_inputs<T>(g, dx, [&](const auto& inputs, int64_t first_input, int64_t to, auto lanes, auto block) FK_INLINED {
        constexpr int K = decltype(block)::count;
        V best[K], slope[K];
        for (int k = 0; k < K; ++k) best[k] = lanes.load(y + to + k * step), slope[k] = lanes.load(dy + to + k * step);
        inputs.each(first_input, [&](int64_t at) FK_INLINED {
            for (int k = 0; k < K; ++k) {
                const auto found = lanes.load(x + at + k * step) == best[k];
                V here = select(found, slope[k], V(T(0)));
                if (gate) here = select(lanes.load(gate + at + k * step) > V(T(0)), here, V(T(0)));
                slope[k] = select(found, V(T(0)), slope[k]);  // the first takes all
                lanes.store(dx + at + k * step, add ? lanes.load(dx + at + k * step) + here : here);
            }
        });
    });
}

template <class T>
void max_pool_pick(const Window& g, const T* x, const T* y, const T* u, T* picked) {
    using V = VecOf<T>;
    constexpr int64_t step = lanes_of<V>;
    make_outputs<T>(g, [&](const auto& inputs, int64_t first_input, int64_t to, auto lanes, auto block) FK_INLINED {
        constexpr int K = decltype(block)::count;
        V best[K], sum[K], open[K];
        for (int k = 0; k < K; ++k) best[k] = lanes.load(y + to + k * step), sum[k] = V(T(0)), open[k] = V(T(1));
        inputs.each(first_input, [&](int64_t at) FK_INLINED {
            for (int k = 0; k < K; ++k) {
                const auto found = lanes.load(x + at + k * step) == best[k];
                sum[k] = select(found, fma(open[k], lanes.load(u + at + k * step), sum[k]), sum[k]);
                open[k] = select(found, V(T(0)), open[k]);
            }
        });
        for (int k = 0; k < K; ++k) lanes.store(picked + to + k * step, sum[k]);
    });
}

template <class T>
void max_pool_where(const Window& g, const T* x, const T* y, bool gated, T* where) {
    using V = VecOf<T>;
    constexpr int64_t step = lanes_of<V>;
    make_outputs<T>(g, [&](const auto& inputs, int64_t first_input, int64_t to, auto lanes, auto block) FK_INLINED {
        constexpr int K = decltype(block)::count;
        const V none{T(__builtin_inf())};
        V best[K], found[K], tap(T(0));
        for (int k = 0; k < K; ++k) best[k] = lanes.load(y + to + k * step), found[k] = none;
        inputs.each(first_input, [&](int64_t at) FK_INLINED {
            for (int k = 0; k < K; ++k)
                found[k] = select(lanes.load(x + at + k * step) == best[k], min(tap, found[k]), found[k]);
            tap = tap + V(T(1));
        });
        for (int k = 0; k < K; ++k) {
            if (gated) found[k] = select(best[k] > V(T(0)), found[k], none);
            lanes.store(where + to + k * step, found[k]);
        }
    });
}

template <class T>
void max_pool_route(const Window& g, const T* where, const T* dy, T* dx) {
    using V = VecOf<T>;
    constexpr int64_t step = lanes_of<V>;
    const bool add = g.overlap;
    make_inputs<T>(g, dx, [&](const auto& inputs, int64_t first_input, int64_t to, auto lanes, auto block) FK_INLINED {
        constexpr int K = decltype(block)::count;
        V best[K], slope[K], tap(T(0));
        for (int k = 0; k < K; ++k)
            best[k] = lanes.load(where + to + k * step), slope[k] = lanes.load(dy + to + k * step);
        inputs.each(first_input, [&](int64_t at) FK_INLINED {
            for (int k = 0; k < K; ++k) {
                const V here = select(best[k] == tap, slope[k], V(T(0)));
                lanes.store(dx + at + k * step, add ? lanes.load(dx + at + k * step) + here : here);
            }
            tap = tap + V(T(1));
        });
    });
}

template <class T>
void average_pool(const Window& g, const T* x, T* y) {
    using V = VecOf<T>;
    constexpr int64_t step = lanes_of<V>;
    make_outputs<T>(g, [&](const auto& inputs, int64_t first_input, int64_t to, auto lanes, auto block) FK_INLINED {
        constexpr int K = decltype(block)::count;
        V sum[K];
        for (int k = 0; k < K; ++k) sum[k] = V(T(0));
        inputs.each(first_input, [&](int64_t at) FK_INLINED {
            for (int k = 0; k < K; ++k) sum[k] = sum[k] + lanes.load(x + at + k * step);
        });
        const V count(T(inputs.count[0] * inputs.count[1] * inputs.count[2]));
        for (int k = 0; k < K; ++k) lanes.store(y + to + k * step, sum[k] / count);
    });
}

template <class T>
void average_pool_grad(const Window& g, const T* dy, T* dx) {
    using V = VecOf<T>;
    constexpr int64_t step = lanes_of<V>;
    const bool add = g.overlap;
    make_inputs<T>(g, dx, [&](const auto& inputs, int64_t first_input, int64_t to, auto lanes, auto block) FK_INLINED {
        constexpr int K = decltype(block)::count;
        const V count(T(inputs.count[0] * inputs.count[1] * inputs.count[2]));
        V share[K];
        for (int k = 0; k < K; ++k) share[k] = lanes.load(dy + to + k * step) / count;
        inputs.each(first_input, [&](int64_t at) FK_INLINED {
            for (int k = 0; k < K; ++k)
                lanes.store(dx + at + k * step, add ? lanes.load(dx + at + k * step) + share[k] : share[k]);
        });
    });
}

}  // namespace

#define FK_DEFINE(T, type)                                                                                  \
    void max_pool_##type(const Window& g, const T* x, T* y) { max_pool(g, x, y); }                          \
    void max_pool_grad_##type(const Window& g, const T* x, const T* y, const T* dy, const T* gate, T* dx) { \
        max_pool_grad(g, x, y, dy, gate, dx);                                                               \
    }                                                                                                       \
    void max_pool_pick_##type(const Window& g, const T* x, const T* y, const T* u, T* picked) {             \
        max_pool_pick(g, x, y, u, picked);                                                                  \
    }                                                                                                       \
    void max_pool_where_##type(const Window& g, const T* x, const T* y, bool gated, T* where) {             \
        max_pool_where(g, x, y, gated, where);                                                              \
    }                                                                                                       \
    void max_pool_route_##type(const Window& g, const T* where, const T* dy, T* dx) {                       \
        max_pool_route(g, where, dy, dx);                                                                   \
    }                                                                                                       \
    void average_pool_##type(const Window& g, const T* x, T* y) { average_pool(g, x, y); }                  \
    void average_pool_grad_##type(const Window& g, const T* dy, T* dx) { average_pool_grad(g, dy, dx); }
FK_DEFINE(float, f32)
FK_DEFINE(double, f64)
#undef FK_DEFINE

}  // namespace fk::FK_ISA
