// What batch normalisation and its parts share.
#pragma once
#include "kernels/batch_norm.h"
#include "ops/norm.h"

namespace fk {

// x of shape `x`, normalised over all axes but `axis`. Blocks of some 16,384 elements: 64 KB, which a core keeps in L2
// between the passes over them; a sample has blocks of its own where it is at least half as large.
inline BatchShape batch_shape(const Shape& x, int axis) {
    BatchShape s{1, x.count(0, axis), x[axis], x.count(axis + 1, x.rank()), 1, 0};
    if (s.inner == 0) s.rows = 0, s.inner = 1;
    int64_t most = 1;
    if (s.inner == 1) {
        if (axis > 1 && x[0] > 0 && s.rows / x[0] * s.channels >= 8192) s.samples = x[0], s.rows /= x[0];
        most = rows_per_block(s.channels);
    }
    s.blocks = count_blocks(s.rows, most);
    if (s.blocks > 0) s.rows_per_block = count_blocks(s.rows, s.blocks);
    return s;
}

inline Clip clip_of(const Attrs& attrs) {
    if (!attrs.has("activation")) return {};
    return attrs.text("activation") == "relu6" ? Clip{0, 6} : Clip{.low = 0};
}

}  // namespace fk
