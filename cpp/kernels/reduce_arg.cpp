#include "kernels/reduce.h"

#include "kernels/reduce_folds.h"

namespace fk::FK_ISA {
namespace {

// Short rows, as many at a time as a vector has lanes: turned, each is a lane, and columns come one by one. One thread
// of Zen 5: 51,200 rows of 12 1,024 -> 118 us, 20,000 rows of 100 936 -> 444, rows of 1,000 as before.
constexpr int64_t kLongRow = 256;

template <class Op>
void arg_rows_together(int32_t* y, const float* x, int64_t n) {
    Vec best(Op::template identity<float>());
    IVec at(0);
    for (int64_t j = 0; j < n; j += kLanes) {
        const int64_t columns = n - j < kLanes ? n - j : kLanes;
        Vec v[kLanes];
        for (int i = 0; i < kLanes; ++i)
            v[i] = columns == kLanes ? load(x + i * n + j) : load_partial(x + i * n + j, columns);
        transpose(v);
        for (int64_t c = 0; c < columns; ++c) {
            const Mask larger = std::is_same_v<Op, Max> ? v[c] > best : v[c] < best;
            const Mask better = (best == best) & (isnan(v[c]) | larger);
            best = select(better, v[c], best), at = select(better, IVec(int32_t(j + c)), at);
        }
    }
    store(y, at);
}

template <class Op, class T>
void arg_extreme_of(int32_t* y, const T* x, const ReduceShape& s) {
    const int64_t work = s.n * s.inner;
    if (work == 0) return;
    parallel_for(s.outer, work >= kGrain ? 1 : kGrain / work, [&](int64_t begin, int64_t end) {
        int64_t o = begin;
        if constexpr (std::is_same_v<T, float>)
            if (s.inner == 1 && s.n <= kLongRow)
                for (; o + kLanes <= end; o += kLanes) arg_rows_together<Op>(y + o, x + o * s.n, s.n);
        for (; o < end; ++o) {
            const T* from = x + o * work;
            int32_t* to = y + o * s.inner;
            if (s.inner == 1) {
                const T extreme = fold_row<Op>(from, s.n);  // NaN where there is one
                int64_t i = 0;
                if constexpr (kStep<T> > 1)
                    while (i + kStep<T> <= s.n && !any((load(from + i) == extreme) | isnan(load(from + i))))
                        i += kStep<T>;
                while (!(from[i] == extreme || isnan(from[i]))) ++i;
                *to = int32_t(i);
                continue;
            }
            constexpr int64_t kBlock = 512;  // best and its index stay in L1
            for (int64_t k = 0; k < s.inner; k += kBlock) {
                const int64_t columns = s.inner - k < kBlock ? s.inner - k : kBlock;
                T best[kBlock];
                for (int64_t c = 0; c < columns; ++c) best[c] = from[k + c], to[k + c] = 0;
                for (int64_t r = 1; r < s.n; ++r)
                    for (int64_t c = 0; c < columns; ++c) {
                        const T v = from[r * s.inner + k + c], b = best[c];
                        // v is better, or the first NaN. Without short circuits, so that it becomes vectors.
                        const bool better = (b == b) & ((v != v) | (std::is_same_v<Op, Max> ? v > b : v < b));
                        best[c] = better ? v : b;
                        to[k + c] = better ? int32_t(r) : to[k + c];
                    }
            }
        }
    });
}

}  // namespace

void arg_extreme(bool largest, DType type, int32_t* y, const void* x, const ReduceShape& shape) {
    with_type(type, [&](auto t) {
        const auto* from = static_cast<const decltype(t)*>(x);
        largest ? arg_extreme_of<Max>(y, from, shape) : arg_extreme_of<Min>(y, from, shape);
    });
}

}  // namespace fk::FK_ISA
