#include "kernels/fft.h"

#include "core/slot.h"
#include "kernels/loop.h"
#include "kernels/sizes.h"

namespace fk::FK_ISA {
namespace {

// Rows of `width` transforms each: number i of all of them, then number i + 1.
template <class T>
struct Numbers {
    T *re, *im;
    FK_MEMBER Numbers swapped() const { return {im, re}; }
};

// put(k, re, im) for the transforms of length 2 and 4 of the numbers (re, im), and of odd lengths, where pairs of
// numbers share cosines and sines. Radix 0: `radix` says it.
template <int kRadix, class T, class V, class Put>
FK_VEC void small_transform(int64_t radix, const T* roots, const V* re, const V* im, const Put& put) {
    if constexpr (kRadix == 2) {
        put(0, re[0] + re[1], im[0] + im[1]);
        put(1, re[0] - re[1], im[0] - im[1]);
    } else if constexpr (kRadix == 4) {
        const V ar = re[0] + re[2], ai = im[0] + im[2], br = re[0] - re[2], bi = im[0] - im[2];
        const V cr = re[1] + re[3], ci = im[1] + im[3], dr = re[1] - re[3], di = im[1] - im[3];
        put(0, ar + cr, ai + ci);
        put(1, br + di, bi - dr);
        put(2, ar - cr, ai - ci);
        put(3, br - di, bi + dr);
    } else {
        const int64_t n = kRadix ? kRadix : radix, half = n / 2;
        V sr = re[0], si = im[0];
        for (int64_t j = 1; j < n; ++j) sr = sr + re[j], si = si + im[j];
        put(0, sr, si);
        for (int64_t k = 1; k <= half; ++k) {
            V ar = re[0], ai = im[0], br(T(0)), bi(T(0));
            for (int64_t j = 1; j <= half; ++j) {
                const V c(roots[2 * (j * k % n)]), s(roots[2 * (j * k % n) + 1]);
                ar = fma(c, re[j] + re[n - j], ar), ai = fma(c, im[j] + im[n - j], ai);
                br = fma(s, re[j] - re[n - j], br), bi = fma(s, im[j] - im[n - j], bi);
            }
            put(k, ar + bi, ai - br);
            put(n - k, ar - bi, ai + br);
        }
    }
}

// One step: numbers p + places * j, for j < radix, of `stride` each, become numbers radix * p + k.
template <int kRadix, class T>
FK_VEC void step(const FftSteps<T>& s, int i, Numbers<T> x, Numbers<T> y, int64_t places, int64_t stride) {
    using V = VecOf<T>;
    const int64_t radix = kRadix ? kRadix : s.radix[i];
    for (int64_t p = 0; p < places; ++p) {
        const T* turns = s.turns[i] + 2 * p * (radix - 1);
        const Numbers<T> from{x.re + p * stride, x.im + p * stride};
        const Numbers<T> to{y.re + radix * p * stride, y.im + radix * p * stride};
        for_each_vector<T>(stride, [&](int64_t q, auto lanes) FK_INLINED {
            V re[kRadix ? kRadix : kFftPrime], im[kRadix ? kRadix : kFftPrime];
            int64_t j = 0;
            do {  // at least once, which the compiler should see
                re[j] = lanes.load(from.re + j * places * stride + q);
                im[j] = lanes.load(from.im + j * places * stride + q);
            } while (++j < radix);
            small_transform<kRadix>(radix, s.roots[i], re, im, [&](int64_t k, V r, V i) FK_INLINED {
                if (k > 0) {
                    const V c(turns[2 * k - 2]), s(turns[2 * k - 1]), before = r;
                    r = fma(c, r, s * i);
                    i = fma(c, i, -(s * before));
                }
                lanes.store(to.re + k * stride + q, r);
                lanes.store(to.im + k * stride + q, i);
            });
        });
    }
}

// The transform of x, which uses both: the result lies in x again.
template <class T>
void run_steps(const FftSteps<T>& s, Numbers<T>& x, Numbers<T>& other, int64_t width) {
    int64_t stride = width, left = s.n;
    for (int i = 0; i < s.count; ++i) {
        const int64_t radix = s.radix[i], places = left / radix;
        if (radix == 4)
            step<4>(s, i, x, other, places, stride);
        else if (radix == 2)
            step<2>(s, i, x, other, places, stride);
        else if (radix == 3)
            step<3>(s, i, x, other, places, stride);
        else if (radix == 5)
            step<5>(s, i, x, other, places, stride);
        else
            step<0>(s, i, x, other, places, stride);
        const Numbers<T> made = other;
        other = x;
        x = made;
        left = places;
        stride *= radix;
    }
}

// x_k times e^(-i angle_k).
template <class T>
FK_VEC void multiply(Numbers<T> x, const T* angles, int64_t n, int64_t width) {
    using V = VecOf<T>;
    for (int64_t k = 0; k < n; ++k) {
        const V c(angles[2 * k]), s(angles[2 * k + 1]);
        T *re = x.re + k * width, *im = x.im + k * width;
        for_each_vector<T>(width, [&](int64_t q, auto lanes) FK_INLINED {
            const V r = lanes.load(re + q), i = lanes.load(im + q);
            lanes.store(re + q, fma(c, r, s * i));
            lanes.store(im + q, fma(c, i, -(s * r)));
        });
    }
}

template <class T>
FK_VEC void clear(T* x, int64_t n) {
    __builtin_memset(x, 0, size_t(n) * sizeof(T));
}

template <class T>
void transform(const FftPlan<T>& f, Numbers<T>& x, Numbers<T>& other, int64_t width) {
    if (!f.chirp) return run_steps(f.steps, x, other, width);
    const int64_t n = f.steps.n;
    multiply(x, f.chirp, f.n, width);
    clear(x.re + f.n * width, (n - f.n) * width);
    clear(x.im + f.n * width, (n - f.n) * width);
    run_steps(f.steps, x, other, width);
    multiply(x, f.filter, n, width);
    Numbers<T> turned = x.swapped(), room = other.swapped();
    run_steps(f.steps, turned, room, width);
    x = turned.swapped(), other = room.swapped();
    multiply(x, f.chirp, f.n, width);
}

// Number i < n of each of `width` transforms to row(i), or zero where x is null.
template <class T, class Row>
FK_VEC void gather(const T* x, int64_t n, int64_t width, const Row& row) {
    int64_t i = 0;
    if constexpr (sizeof(T) == sizeof(float)) {
        for (; x && width == kLanes && i + kLanes <= n; i += kLanes) {
            Vec block[kLanes];
            for (int l = 0; l < kLanes; ++l) block[l] = load(x + l * n + i);
            transpose(block);
            for (int l = 0; l < kLanes; ++l) store(row(i + l), block[l]);
        }
    }
    for (; i < n; ++i)
        for (int64_t l = 0; l < width; ++l) row(i)[l] = x ? x[l * n + i] : T(0);
}

// The reverse.
template <class T, class Row>
FK_VEC void scatter(T* y, int64_t n, int64_t width, const Row& row) {
    if (!y) return;
    int64_t i = 0;
    if constexpr (sizeof(T) == sizeof(float)) {
        for (; width == kLanes && i + kLanes <= n; i += kLanes) {
            Vec block[kLanes];
            for (int l = 0; l < kLanes; ++l) block[l] = load(row(i + l));
            transpose(block);
            for (int l = 0; l < kLanes; ++l) store(y + l * n + i, block[l]);
        }
    }
    for (; i < n; ++i)
        for (int64_t l = 0; l < width; ++l) y[l * n + i] = row(i)[l];
}

// z holds the transform of x_2j + i x_(2j+1); y_k = e_k + e^(-i pi k / n) o_k for k <= n, of even and odd numbers.
template <class T>
FK_VEC void part_halves(const FftPlan<T>& f, Numbers<T> z, Numbers<T> y, int64_t width) {
    using V = VecOf<T>;
    const int64_t n = f.n;
    for (int64_t k = 0; k <= n; ++k) {
        const int64_t a = k % n * width, b = (n - k) % n * width;
        const V c(k < n ? f.halves[2 * k] : T(-1)), s(k < n ? f.halves[2 * k + 1] : T(0)), half(T(0.5));
        for_each_vector<T>(width, [&](int64_t q, auto lanes) FK_INLINED {
            const V ar = lanes.load(z.re + a + q), ai = lanes.load(z.im + a + q);
            const V br = lanes.load(z.re + b + q), bi = lanes.load(z.im + b + q);
            const V odd_re = half * (ai + bi), odd_im = half * (br - ar);
            lanes.store(y.re + k * width + q, fma(half, ar + br, fma(c, odd_re, s * odd_im)));
            lanes.store(y.im + k * width + q, fma(half, ai - bi, fma(c, odd_im, -(s * odd_re))));
        });
    }
}

// The reverse: z, whose inverse transform is x_2j + i x_(2j+1), where x is the real part of that of y.
template <class T>
FK_VEC void join_halves(const FftPlan<T>& f, Numbers<T> y, Numbers<T> z, int64_t width) {
    using V = VecOf<T>;
    const int64_t n = f.n;
    clear(y.im, width);
    clear(y.im + n * width, width);
    for (int64_t k = 0; k < n; ++k) {
        const int64_t a = k * width, b = (n - k) * width;
        const V c(f.halves[2 * k]), s(f.halves[2 * k + 1]), half(T(k == 0 ? 1 : 0.5));
        for_each_vector<T>(width, [&](int64_t q, auto lanes) FK_INLINED {
            const V ar = half * lanes.load(y.re + a + q), ai = half * lanes.load(y.im + a + q);
            const V br = half * lanes.load(y.re + b + q), bi = half * lanes.load(y.im + b + q);
            const V dr = ar - br, di = ai + bi;
            lanes.store(z.re + a + q, (ar + br) - fma(c, di, s * dr));
            lanes.store(z.im + a + q, (ai - bi) + fma(c, dr, -(s * di)));
        });
    }
}

// `width` transforms at once. a, b: memory.
template <class T>
void transform_together(const FftPlan<T>& f, const T* re, const T* im, T* out_re, T* out_im, int64_t width,
                        Numbers<T> a, Numbers<T> b) {
    const auto rows_of = [width](T* x) FK_INLINED { return [=](int64_t i) FK_INLINED { return x + i * width; }; };
    const auto alternating = [width](Numbers<T> x) FK_INLINED {
        return [=](int64_t i) FK_INLINED { return (i % 2 ? x.im : x.re) + i / 2 * width; };
    };
    const int64_t read = f.way == FftPlan<T>::whole ? f.n : f.n + 1;
    if (f.way == FftPlan<T>::real_to_half) {
        gather(re, f.in, width, alternating(a));
        for (int64_t i = f.in; i < 2 * f.n; ++i) clear(alternating(a)(i), width);
    } else {
        gather(re, f.in, width, rows_of(a.re));
        gather(im, f.in, width, rows_of(a.im));
        clear(a.re + f.in * width, (read - f.in) * width);
        clear(a.im + f.in * width, (read - f.in) * width);
    }
    if (f.way == FftPlan<T>::half_to_real) {
        join_halves(f, a, b, width);
        Numbers<T> turned = b.swapped(), room = a.swapped();
        transform(f, turned, room, width);
        return scatter(out_re, f.out, width, alternating(turned.swapped()));
    }
    transform(f, a, b, width);
    if (f.way == FftPlan<T>::real_to_half) {
        part_halves(f, a, b, width);
        a = b;
    }
    scatter(out_re, f.out, width, rows_of(a.re));
    scatter(out_im, f.out, width, rows_of(a.im));
}

template <class T>
FK_VEC void run(const FftPlan<T>& f, const T* re, const T* im, T* out_re, T* out_im, int64_t count, void* scratch) {
    if (count == 0) return;
    const int64_t together = least(least(f.together, kLanes), count), size = f.rows * f.together;
    const int64_t groups = pieces(count, together), work = f.steps.n * together;
    __builtin_memset(scratch, 0, 64);
    parallel_for(groups, most(1, (1 << 14) / work), [&](int64_t begin, int64_t end) {
        const Slot slot(scratch, static_cast<char*>(scratch) + 64, f.threads, 4 * size * int64_t(sizeof(T)));
        T* memory = reinterpret_cast<T*>(slot.memory);
        for (int64_t first = begin * together; first < least(end * together, count); first += together)
            transform_together(f, re ? re + first * f.in : nullptr, im ? im + first * f.in : nullptr,
                               out_re ? out_re + first * f.out : nullptr, out_im ? out_im + first * f.out : nullptr,
                               least(together, count - first), Numbers<T>{memory, memory + size},
                               Numbers<T>{memory + 2 * size, memory + 3 * size});
    });
}

}  // namespace

#define FK_DEFINE(T, type)                                                                                 \
    void fft_##type(const FftPlan<T>& plan, const T* re, const T* im, T* out_re, T* out_im, int64_t count, \
                    void* scratch) {                                                                       \
        run(plan, re, im, out_re, out_im, count, scratch);                                                 \
    }
FK_DEFINE(float, f32)
FK_DEFINE(double, f64)
#undef FK_DEFINE

}  // namespace fk::FK_ISA
