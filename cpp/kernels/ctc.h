// Connectionist temporal classification of one sample: its loss, and what each frame contributes to the gradient.
#pragma once
#include <cstdint>

#include "simd/dispatch.h"

namespace fk {

// Log weight of what no alignment may do: begin in a later state, step from a label to the same one without a blank. So
// a target that is too long for its frames costs 1e5 and has a finite gradient, as in Keras.
constexpr double kCtcForbidden = -1e5;

// State i is entered from i, i - 1 and i - 2: rows of states have as many cells of -inf before or after them.
constexpr int64_t kCtcMargin = 2;

// States are a blank, the first label, a blank, the second label ... a blank.
template <class T>
struct CtcSample {
    const T* log_p;  // (frames, classes)
    int64_t frames, classes, states;
    int64_t width;           // of a row of states with its margin
    const int32_t* symbols;  // class of each state; -1: outside of the classes, with probability 1, as in Keras
    const T* skip;           // log weight of entering each state from the one before the last; -inf in the margin after
    T* emission;             // memory for a row of states
};

// alpha: (frames + 1, width), of each state what all beginnings weigh that are in it after so many frames. Rows are
// right but for a factor: their largest numbers stay near 0, where floats are dense. Their margin is in front.
// ctc_backward subtracts dloss p(state | target) from d_log_p, for every frame and state. beta, occupancy: memory for
// a row of states and its margin.
#define FK_CTC_KERNELS(T, type)                                                     \
    FK_KERNEL(void, ctc_forward_##type, (const CtcSample<T>& s, T* loss, T* alpha)) \
    FK_KERNEL(void, ctc_backward_##type,                                            \
              (const CtcSample<T>& s, T* d_log_p, const T* alpha, T dloss, T* beta, T* occupancy))
FK_CTC_KERNELS(float, f32)
FK_CTC_KERNELS(double, f64)
#undef FK_CTC_KERNELS

}  // namespace fk
