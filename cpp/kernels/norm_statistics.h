// The mean of contiguous elements and the sum of squared distances from it, for batch normalisation.
#pragma once
#include "kernels/loop.h"

namespace fk::FK_ISA {
namespace {

template <class T>
FK_VEC void plane_statistics(T* mean, T* squares, const T* x, int64_t n) {
    using V = VecOf<T>;
    const T m = sum_of<T>(n, [&](int64_t i, auto lanes) FK_INLINED { return lanes.load(x + i); }) / T(n);
    *mean = m;
    *squares = sum_of<T>(n, [&](int64_t i, auto lanes) FK_INLINED {
        const V d = lanes.load(x + i) - V(m);
        return d * d;
    });
}

}  // namespace
}  // namespace fk::FK_ISA
