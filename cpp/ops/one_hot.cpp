// one_hot(x; num_classes, dtype): a new last axis with a one at index x; all zeros where x is outside [0, num_classes).
#include "ops/index.h"

namespace fk {
namespace {

std::vector<TensorType> infer(const Call& call) {
    check_index(call.in[0], "one_hot");
    const int64_t classes = call.attrs.integer("num_classes");
    check(classes >= 0, "[one_hot] num_classes must not be negative. Received: num_classes=", classes);
    std::vector<int64_t> dims = call.in[0].shape.vec();
    dims.push_back(classes);
    return {{call.attrs.dtype(), Shape{std::span<const int64_t>(dims)}}};
}

Kernel kernel(const Call& call) {
    const int64_t n = call.in[0].count(), classes = call.attrs.integer("num_classes");
    return dispatch(call.out[0].dtype, [&](auto zero) -> Kernel {
        using T = decltype(zero);
        return {[=, type = call.in[0].dtype](const void* const* in, void* const* out, void*) {
            T* y = static_cast<T*>(out[0]);
            parallel_for(n, 1 + (1 << 14) / (1 + classes), [&](int64_t begin, int64_t end) {
                std::fill(y + begin * classes, y + end * classes, T(0.f));
                for (int64_t i = begin; i < end; ++i) {
                    const int64_t k = index_at(in[0], type, i);
                    if (0 <= k && k < classes) y[i * classes + k] = T(1.f);
                }
            });
        }};
    });
}

}  // namespace

FK_OP(one_hot, .infer = infer, .kernel = kernel)

}  // namespace fk
