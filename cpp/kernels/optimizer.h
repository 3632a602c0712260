// Optimizer steps over a range of elements; outputs may be the inputs of the same name.
#pragma once
#include <cstdint>

#include "simd/dispatch.h"

namespace fk {

template <class T>
struct AdamStep {
    T *p, *m, *v, *vhat;  // vhat: null without amsgrad
    const T *p0, *g, *m0, *v0, *vhat0;
    T alpha, one_minus_beta_1, one_minus_beta_2, epsilon;
};
template <class T>
struct SgdStep {
    T *p, *m;  // m: null without momentum
    const T *p0, *g, *m0;
    T lr, momentum;
    bool nesterov;
};
template <class T>
struct RmspropStep {
    T *p, *v, *m, *a;  // m: null without momentum; a: null unless centered
    const T *p0, *g, *v0, *m0, *a0;
    T lr, rho, momentum, epsilon;
};

FK_KERNEL(void, adam_f32, (const AdamStep<float>& s, int64_t n))
FK_KERNEL(void, adam_f64, (const AdamStep<double>& s, int64_t n))
FK_KERNEL(void, sgd_f32, (const SgdStep<float>& s, int64_t n))
FK_KERNEL(void, sgd_f64, (const SgdStep<double>& s, int64_t n))
FK_KERNEL(void, rmsprop_f32, (const RmspropStep<float>& s, int64_t n))
FK_KERNEL(void, rmsprop_f64, (const RmspropStep<double>& s, int64_t n))

}  // namespace fk
