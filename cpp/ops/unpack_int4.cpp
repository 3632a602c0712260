// unpack_int4(x; axis, length) = the numbers of 4 bits that lie in pairs in bytes, the first of a pair in the low half:
// int8 from -8 to 7, or uint8 from 0 to 15, whichever x is. `axis` becomes `length` long, twice as long or one less.
#include "core/parallel.h"
#include "graph/op.h"

namespace fk {
namespace {

std::vector<TensorType> infer(const Call& call) {
    const TensorType& x = call.in[0];
    if (x.dtype != DType::int8 && x.dtype != DType::uint8)
        fail<TypeError>("[unpack_int4] bytes are int8 or uint8. Received: dtype=", name_of(x.dtype));
    const int64_t axis = call.attrs.integer("axis"), length = call.attrs.integer("length");
    check(axis >= 0 && axis < x.shape.rank() && length >= 0 && length <= 2 * x.shape[int(axis)],
          "[unpack_int4] there must be as many numbers. Received: x.shape=", x.shape, ", axis=", axis,
          ", length=", length);
    std::vector<int64_t> dims = x.shape.vec();
    dims[size_t(axis)] = length;
    return {{x.dtype, Shape(dims)}};
}

template <class T>
T number(T byte, int64_t half) {
    return half ? T(byte >> 4) : T(T(uint8_t(byte) << 4) >> 4);
}

template <class T>
void unpack(const T* x, T* y, int64_t rows, int64_t bytes, int64_t length, int64_t inner) {
    parallel_for(rows, (1 << 16) / (length * inner + 1) + 1, [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
            const T* from = x + row * bytes * inner;
            T* to = y + row * length * inner;
            if (inner == 1)
                for (int64_t i = 0; i < length / 2; ++i)
                    to[2 * i] = number(from[i], 0), to[2 * i + 1] = number(from[i], 1);
            for (int64_t i = inner == 1 ? length - length % 2 : 0; i < length; ++i)
                for (int64_t j = 0; j < inner; ++j) to[i * inner + j] = number(from[i / 2 * inner + j], i % 2);
        }
    });
}

Kernel kernel(const Call& call) {
    const Shape& shape = call.in[0].shape;
    const int axis = int(call.attrs.integer("axis"));
    const int64_t rows = shape.count(0, axis), inner = shape.count(axis + 1, shape.rank());
    const auto run = [=, bytes = shape[axis], length = call.attrs.integer("length")](auto zero) -> Kernel {
        using T = decltype(zero);
        return {[=](const void* const* in, void* const* out, void*) {
            unpack(static_cast<const T*>(in[0]), static_cast<T*>(out[0]), rows, bytes, length, inner);
        }};
    };
    return call.in[0].dtype == DType::int8 ? run(int8_t{}) : run(uint8_t{});
}

}  // namespace

FK_OP(unpack_int4, .infer = infer, .kernel = kernel)

}  // namespace fk
