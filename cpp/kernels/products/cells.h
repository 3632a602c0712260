// LSTM, GRU and SimpleRNN as seen from one step: how gates are made from their sums, and differentiated.
#pragma once
#include "kernels/loop.h"
#include "kernels/products/lanes.h"
#include "kernels/sizes.h"
#include "simd/math.h"

namespace fk::FK_ISA {
namespace {

// Columns of gates that go through one product: from gate `gate` of the rows of gates, from gate `weight` of a matrix.
struct Part {
    int64_t gate, weight, count;
};

// x P(x^2) / Q(x^2), fitted to the relative error: within 6 ulp, and 14 operations where the tanh of math.h takes 30.
// The sigmoid of math.h stays: as a tanh it would lose its small values.
FK_VEC Vec quick_tanh(Vec x) {
    const Vec c = min(Vec(9.02f), max(Vec(-9.02f), x)), u = c * c;  // beyond, the float is 1; NaN passes through
    const Vec p = polynomial(u, 1.f, 0.133797199f, 0.00349403615f, 2.05835056e-05f, 1.33191023e-08f);
    const Vec q = polynomial(u, 1.f, 0.467130333f, 0.0258710794f, 0.000328309543f, 7.76203251e-07f);
    return min(Vec(1.f), max(Vec(-1.f), c * p / q));
}
FK_VEC double quick_tanh(double x) { return tanh(x); }

// What makes new values, and its slope where it gave y.
struct Tanh {
    template <class V>
    FK_VEC V value(V x) {
        return quick_tanh(x);
    }
    template <class V>
    FK_VEC V slope(V y) {
        return V(1) - y * y;
    }
};
struct Relu {
    template <class V>
    FK_VEC V value(V x) {
        return max(V(0), x);  // keeps NaN
    }
    template <class V>
    FK_VEC V slope(V y) {
        return select(y > V(0), V(1), V(0));
    }
};

// Of cells whose gates have one bias each.
template <int64_t count>
struct OneBias {
    static constexpr int64_t gates = count;

    // Bias of the input products; that of a recurrent product that stands for itself.
    template <class T>
    FK_VEC const T* input_bias(const T* bias, int64_t, T*) {
        return bias;
    }
    template <class T>
    FK_VEC const T* own_bias(const T*, int64_t) {
        return nullptr;
    }
    template <class T>
    FK_VEC void bias_gradient(const T* sums, int64_t units, T* dbias) {
        for (int64_t j = 0; j < gates * units; ++j) dbias[j] = sums[j];
    }
};

template <class New>
struct Lstm : OneBias<4> {
    static constexpr bool has_carry = true;
    static constexpr Part input[] = {{0, 0, 4}}, recurrent[] = {{0, 0, 4}};
    static constexpr Part steps[] = {{0, 0, 1}, {1, 1, 1}, {2, 2, 1}, {3, 3, 1}};  // one gate each: packed apart

    // Gates of one row, in place, from their sums, and the states they lead to.
    template <class T>
    FK_VEC void forward(int64_t n, int64_t units, T* gates, const T*, const T* c, T* new_h, T* new_c, bool save) {
        using V = VecOf<T>;
        for_each_vector<T>(n, [&](int64_t j, auto lanes) FK_INLINED {
            const V i = sigmoid(lanes.load(gates + j)), f = sigmoid(lanes.load(gates + units + j));
            const V g = New::value(lanes.load(gates + 2 * units + j)), o = sigmoid(lanes.load(gates + 3 * units + j));
            const V carry = fma(f, lanes.load(c + j), i * g);
            if (save) {
                lanes.store(gates + j, i), lanes.store(gates + units + j, f);
                lanes.store(gates + 2 * units + j, g), lanes.store(gates + 3 * units + j, o);
            }
            lanes.store(new_c + j, carry);
            lanes.store(new_h + j, o * New::value(carry));
        });
    }

    // Gradients of the sums of one row from those of its states; dh is used up, dc becomes that of the step before.
    template <class T>
    FK_VEC void backward(int64_t n, int64_t units, const T* gates, const T*, const T* c, const T* new_c, const T* dy,
                         T* dh, T* dc, T* dgates, T* sums) {
        using V = VecOf<T>;
        for_each_vector<T>(n, [&](int64_t j, auto lanes) FK_INLINED {
            const V one(T(1)), i = lanes.load(gates + j), f = lanes.load(gates + units + j);
            const V g = lanes.load(gates + 2 * units + j), o = lanes.load(gates + 3 * units + j);
            const V t = New::value(lanes.load(new_c + j)), ct = lanes.load(c + j);
            V d = lanes.load(dh + j);
            if (dy) d = d + lanes.load(dy + j);
            const V carry = fma(d * o, New::slope(t), lanes.load(dc + j));
            const V di = carry * g * i * (one - i), df = carry * ct * f * (one - f);
            const V dg = carry * i * New::slope(g), d_o = d * t * o * (one - o);
            lanes.store(dc + j, carry * f);
            lanes.store(dh + j, V(T(0)));
            lanes.store(dgates + j, di), lanes.store(dgates + units + j, df);
            lanes.store(dgates + 2 * units + j, dg), lanes.store(dgates + 3 * units + j, d_o);
            lanes.store(sums + j, lanes.load(sums + j) + di);
            lanes.store(sums + units + j, lanes.load(sums + units + j) + df);
            lanes.store(sums + 2 * units + j, lanes.load(sums + 2 * units + j) + dg);
            lanes.store(sums + 3 * units + j, lanes.load(sums + 3 * units + j) + d_o);
        });
    }
};

// The fourth gate is h R_n + b_hn, which r multiplies. Backward the third is its gradient and the fourth that of
// x W_n: the recurrent products then take the first three, the input products the first two and the last.
template <class New>
struct Gru {
    static constexpr int64_t gates = 3;
    static constexpr bool has_carry = false;
    static constexpr Part input[] = {{0, 0, 2}, {3, 2, 1}}, recurrent[] = {{0, 0, 3}};
    static constexpr Part steps[] = {{0, 0, 1}, {1, 1, 1}, {3, 2, 1}};

    template <class T>
    FK_VEC void forward(int64_t n, int64_t units, T* gates, const T* h, const T*, T* new_h, T*, bool save) {
        using V = VecOf<T>;
        for_each_vector<T>(n, [&](int64_t j, auto lanes) FK_INLINED {
            const V z = sigmoid(lanes.load(gates + j)), r = sigmoid(lanes.load(gates + units + j));
            const V inner = lanes.load(gates + 3 * units + j);
            const V m = New::value(fma(r, inner, lanes.load(gates + 2 * units + j)));
            if (save) {
                lanes.store(gates + j, z), lanes.store(gates + units + j, r);
                lanes.store(gates + 2 * units + j, m);
            }
            lanes.store(new_h + j, fma(z, lanes.load(h + j) - m, m));
        });
    }

    template <class T>
    FK_VEC void backward(int64_t n, int64_t units, const T* gates, const T* h, const T*, const T*, const T* dy, T* dh,
                         T*, T* dgates, T* sums) {
        using V = VecOf<T>;
        for_each_vector<T>(n, [&](int64_t j, auto lanes) FK_INLINED {
            const V one(T(1)), z = lanes.load(gates + j), r = lanes.load(gates + units + j);
            const V m = lanes.load(gates + 2 * units + j), inner = lanes.load(gates + 3 * units + j);
            V d = lanes.load(dh + j);
            if (dy) d = d + lanes.load(dy + j);
            const V dz = d * (lanes.load(h + j) - m) * z * (one - z), dm = d * (one - z) * New::slope(m);
            const V dr = dm * inner * r * (one - r), dinner = dm * r;
            lanes.store(dh + j, d * z);
            lanes.store(dgates + j, dz), lanes.store(dgates + units + j, dr);
            lanes.store(dgates + 2 * units + j, dinner), lanes.store(dgates + 3 * units + j, dm);
            lanes.store(sums + j, lanes.load(sums + j) + dz);
            lanes.store(sums + units + j, lanes.load(sums + units + j) + dr);
            lanes.store(sums + 2 * units + j, lanes.load(sums + 2 * units + j) + dinner);
            lanes.store(sums + 3 * units + j, lanes.load(sums + 3 * units + j) + dm);
        });
    }

    template <class T>
    FK_VEC const T* input_bias(const T* bias, int64_t units, T* memory) {
        if (!bias) return nullptr;
        for (int64_t j = 0; j < 3 * units; ++j) memory[j] = bias[j] + (j < 2 * units ? bias[3 * units + j] : T(0));
        return memory;
    }
    template <class T>
    FK_VEC const T* own_bias(const T* bias, int64_t units) {
        return bias ? bias + 5 * units : nullptr;
    }
    template <class T>
    FK_VEC void bias_gradient(const T* sums, int64_t units, T* dbias) {
        for (int64_t j = 0; j < 3 * units; ++j) {
            dbias[j] = sums[j < 2 * units ? j : j + units];
            dbias[3 * units + j] = sums[j];
        }
    }
};

template <class New>
struct Simple : OneBias<1> {
    static constexpr bool has_carry = false;
    static constexpr Part input[] = {{0, 0, 1}}, recurrent[] = {{0, 0, 1}}, steps[] = {{0, 0, 1}};

    template <class T>
    FK_VEC void forward(int64_t n, int64_t, T* gates, const T*, const T*, T* new_h, T*, bool save) {
        for_each_vector<T>(n, [&](int64_t j, auto lanes) FK_INLINED {
            const VecOf<T> y = New::value(lanes.load(gates + j));
            if (save) lanes.store(gates + j, y);
            lanes.store(new_h + j, y);
        });
    }

    template <class T>
    FK_VEC void backward(int64_t n, int64_t, const T* gates, const T*, const T*, const T*, const T* dy, T* dh, T*,
                         T* dgates, T* sums) {
        using V = VecOf<T>;
        for_each_vector<T>(n, [&](int64_t j, auto lanes) FK_INLINED {
            V d = lanes.load(dh + j);
            if (dy) d = d + lanes.load(dy + j);
            d = d * New::slope(lanes.load(gates + j));
            lanes.store(dh + j, V(T(0)));
            lanes.store(dgates + j, d);
            lanes.store(sums + j, lanes.load(sums + j) + d);
        });
    }
};

}  // namespace
}  // namespace fk::FK_ISA
