// What ops that draw random numbers, or drop elements by them, check and have in common.
#pragma once
#include <algorithm>
#include <cmath>

#include "graph/op.h"

namespace fk {

inline void check_seed(const TensorType& seed, const char* tag) {
    check(seed == TensorType{DType::uint32, {2}}, "[", tag,
          "] seed must be uint32 of shape (2,). Received: ", name_of(seed.dtype), " ", seed.shape);
}

// Of elements that are dropped.
inline double rate_of(const Attrs& attrs, const char* tag) {
    const double rate = attrs.number("rate");
    check(rate >= 0 && rate < 1, "[", tag, "] rate must be in [0, 1). Received: rate=", rate);
    return rate;
}

// An element is dropped where its sixteen random bits are below this number.
inline uint32_t dropout_threshold(double rate) {
    return uint32_t(std::clamp(std::round(rate * 65536), rate > 0 ? 1.0 : 0.0, 65535.0));
}

}  // namespace fk
