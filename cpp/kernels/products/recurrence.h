// Recurrent layers over whole sequences, forward and backward through time: LSTM, GRU with reset_after, SimpleRNN.
//   LSTM, gates i f g o:  z = x W + h R + b,  c' = s(z_f) c + s(z_i) tanh(z_g),  h' = s(z_o) tanh(c')
//   GRU, gates z r n:     z, r = s(x W + b_x + h R + b_h),  n = tanh(x W_n + b_xn + r (h R_n + b_hn)),
//                         h' = z h + (1 - z) n
//   SimpleRNN:            h' = tanh(x W + h R + b)
// Relu may stand for tanh.
#pragma once
#include "core/parallel.h"
#include "kernels/products/gemm.h"

namespace fk {

struct Recurrence {
    int64_t batch, steps, features, units;
    int64_t width;  // of a row of gates, in units
    bool relu;
    bool reverse;      // x is read, and dx written, from the last step to the first
    bool sequences;    // y has all steps, else the last one
    bool zero_masked;  // y is 0 where the mask is false, else the state that was kept
    bool save;         // forward leaves what backward needs
    int threads;       // see Gemm
    int planes;        // see Gemm; of the products that lie outside the walk through time where there are several
    bool split;        // even where floats are faster
    bool h_pattern;    // is there one, so that steps need room for the h that gates see?
};

// x (batch, steps, features), mask (batch, steps), kernel (features, gates * units), recurrent (units, gates * units);
// bias (4 * units) of the LSTM, (2, 3 * units) of the GRU, (units). c is the LSTM's alone; null is what there is not.
// For the gradient, by step, then sample: gates (steps, batch, width * units), the GRU's fourth being h R_n + b_hn; hs
// and cs (1 + steps, batch, units), the initial states first. The products of each gate see x and h multiplied by a
// pattern of its own, the same at all steps: (gates, batch, features) and (gates, batch, units).
template <class T>
struct RecurrentForward {
    const T *x, *h0, *c0, *kernel, *recurrent, *bias;
    const bool* mask;
    const T *x_pattern, *h_pattern;
    T *y, *h, *c, *gates, *hs, *cs;
    void* scratch;
};
template <class T>
struct RecurrentBackward {
    const T *x, *kernel, *recurrent;
    const bool* mask;
    const T *x_pattern, *h_pattern, *gates, *hs, *cs, *dy, *dh, *dc;
    T *dx, *dh0, *dc0, *dkernel, *drecurrent, *dbias;
    void* scratch;
};

#define FK_RECURRENT(declare, name, T, type)                                          \
    declare(void, name##_##type, (const Recurrence& r, const RecurrentForward<T>& f)) \
        declare(void, name##_grad_##type, (const Recurrence& r, const RecurrentBackward<T>& f))
FK_RECURRENT(FK_PRODUCT, lstm, float, f32)
FK_RECURRENT(FK_KERNEL, lstm, double, f64)
FK_RECURRENT(FK_PRODUCT, gru, float, f32)
FK_RECURRENT(FK_KERNEL, gru, double, f64)
FK_RECURRENT(FK_PRODUCT, simple_rnn, float, f32)
FK_RECURRENT(FK_KERNEL, simple_rnn, double, f64)
#undef FK_RECURRENT

namespace {

// Groups of at most 16 samples: the sums over a batch are taken by group, so that they depend on its size alone.
FK_INLINE int64_t recurrent_group(int64_t batch) {
    const int64_t groups = (batch + 15) / 16;
    return groups > 0 ? (batch + groups - 1) / groups : 1;
}

// One or two groups walk through time together, each chunk on one thread: two where threads are few, because the
// weights are then read half as often.
FK_INLINE int64_t recurrent_chunk(const Recurrence& r) {
    const int64_t group = recurrent_group(r.batch);
    return r.batch >= 2 * group * r.threads ? 2 * group : group;
}

// Steps whose input products are made together: some 256 rows, half a megabyte that is read again from L2 and L3.
FK_INLINE int64_t recurrent_span(const Recurrence& r) {
    const int64_t span = r.batch > 0 ? 256 / r.batch : 1;
    return span < 1 ? 1 : span < r.steps ? span : r.steps;
}

// Offsets into the scratch, in elements; `products` is what gemm gets.
struct RecurrentScratch {
    int64_t x, gates, h, c, packed, pairs, dropped, sums, products;
};
FK_INLINE RecurrentScratch recurrent_scratch(const Recurrence& r, bool backward) {
    int64_t end = 0;
    const auto take = [&](int64_t n) {
        const int64_t at = end;
        end += (n + 15) / 16 * 16;
        return at;
    };
    const int64_t rows = (backward ? r.steps : recurrent_span(r)) * r.batch;
    const int64_t padded = (r.units + kGemmPad - 1) / kGemmPad * kGemmPad;
    const bool own = !backward && !r.save;
    const int64_t groups = (r.batch + recurrent_group(r.batch) - 1) / recurrent_group(r.batch);
    RecurrentScratch s{};
    s.x = take(rows * r.features);
    s.gates = take(backward || own ? rows * r.width * r.units : 0);
    s.h = take(own ? 2 * r.batch * r.units : 0);
    s.c = take(own ? 2 * r.batch * r.units : 0);
    s.packed = take(r.width * padded * r.units);
    s.pairs = take(r.planes == 1 ? r.batch * (backward ? r.width : 1) * (r.units / 2) : 0);
    s.dropped = take(r.h_pattern ? (backward ? rows : r.batch) * r.units : 0);
    s.sums = take((backward ? groups : 1) * r.width * r.units);
    s.products = end;
    return s;
}

}  // namespace
}  // namespace fk
