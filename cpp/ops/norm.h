// What batch_norm and layer_norm share.
#pragma once
#include "kernels/norm.h"
#include "ops/by_type.h"
#include "ops/rules.h"

namespace fk {

// Rows of `n` elements in blocks of some 16,384: 64 KB, which a core keeps in L2 between the passes over them.
inline int64_t rows_per_block(int64_t n) { return n > 0 && n < 16384 ? 16384 / n : 1; }
inline int64_t count_blocks(int64_t rows, int64_t per_block) { return (rows + per_block - 1) / per_block; }

// gamma and beta are optional: attributes `scale` and `offset` say whether they follow the input x.
struct Affine {
    bool scale, offset;
    explicit Affine(const Attrs& attrs) : scale(attrs.flag("scale")), offset(attrs.flag("offset")) {}
    size_t count() const { return size_t(scale) + size_t(offset); }
};

// No second derivatives: better an error than zeros.
template <class Words>
std::vector<Tensor> no_second_derivative(const Words& tag) {
    fail("[", tag, "] has no second derivatives. Write the normalisation with ops.mean and ops.var to have them");
}

}  // namespace fk
