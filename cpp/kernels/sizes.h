// How long, how many, and vectors at the end of something.
#pragma once
#include <cstdint>

#include "simd/vec.h"

namespace fk::FK_ISA {

FK_VEC int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
FK_VEC int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
FK_VEC int64_t pieces(int64_t n, int64_t size) { return (n + size - 1) / size; }

FK_VEC Vec load_up_to(const float* p, int64_t n) {
    return n >= kLanes ? load(p) : n > 0 ? load_partial(p, n) : Vec(0.f);
}
FK_VEC void store_up_to(float* p, Vec v, int64_t n) { n >= kLanes ? store(p, v) : store_partial(p, v, n); }

}  // namespace fk::FK_ISA
