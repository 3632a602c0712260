#include "core/dtype.h"

#include <array>

#include "core/error.h"

namespace fk {

static constexpr std::array<std::string_view, kDTypes> kNames = {"bool",  "int8",    "uint8",    "int32",   "uint32",
                                                                 "int64", "float16", "bfloat16", "float32", "float64"};

std::string_view name_of(DType t) { return kNames[size_t(t)]; }

DType parse_dtype(std::string_view name) {
    for (size_t i = 0; i < kNames.size(); ++i)
        if (kNames[i] == name) return DType(i);
    std::string known;
    for (auto n : kNames) known += (known.empty() ? "" : ", ") + std::string(n);
    fail<TypeError>("[dtype] dtype must be one of ", known, ". Received: dtype=", name);
}

DType promote(DType a, DType b) {
    if (a > b) std::swap(a, b);
    if (a == DType::int8 && b == DType::uint8) return DType::int32;  // Keras has int16
    if ((a == DType::int8 || a == DType::int32) && b == DType::uint32) return DType::int64;
    if (a == DType::float16 && b == DType::bfloat16) return DType::float32;
    return b;  // the enum is in promotion order
}

}  // namespace fk
