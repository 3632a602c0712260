#include "kernels/reduce.h"

#include "kernels/reduce_folds.h"

namespace fk::FK_ISA {
namespace {

template <class Op, class T>
void cumulate_as(T* y, const T* x, const ReduceShape& s, bool reverse) {
    const int64_t slice = s.n * s.inner, step = reverse ? -s.inner : s.inner;
    if (slice == 0) return;
    parallel_for(s.outer, slice >= kGrain ? 1 : kGrain / slice, [&](int64_t begin, int64_t end) {
        for (int64_t o = begin; o < end; ++o) {
            const int64_t start = o * slice + (reverse ? slice - s.inner : 0);
            T* to = y + start;
            const T* from = x + start;
            if (s.inner == 1) {
                T total = Op::template identity<T>();
                for (int64_t r = 0; r < s.n; ++r) to[r * step] = total = Op::combine(total, from[r * step]);
                continue;
            }
            for (int64_t k = 0; k < s.inner; ++k) to[k] = from[k];
            for (int64_t r = 1; r < s.n; ++r) {
                to += step, from += step;
                for (int64_t k = 0; k < s.inner; ++k) to[k] = Op::combine(to[k - step], from[k]);
            }
        }
    });
}

template <class T>
void cumprod_backward_of(T* dx, const T* dy, const T* x, const ReduceShape& s, bool reverse) {
    const int64_t slice = s.n * s.inner, step = reverse ? -s.inner : s.inner;
    if (slice == 0) return;
    parallel_for(s.outer, slice >= kGrain ? 1 : kGrain / slice, [&](int64_t begin, int64_t end) {
        for (int64_t o = begin; o < end; ++o)
            for (int64_t k = 0; k < s.inner; ++k) {
                int64_t at = o * slice + k + (reverse ? slice - s.inner : 0);
                T before = T(1), after = T(0);
                for (int64_t r = 0; r < s.n; ++r, at += step) {
                    dx[at] = before;
                    before *= x[at];
                }
                for (int64_t r = 0; r < s.n; ++r) {
                    at -= step;
                    after += dy[at];
                    dx[at] *= after;
                    after *= x[at];
                }
            }
    });
}

}  // namespace

void cumulate(Reduction kind, DType type, void* y, const void* x, const ReduceShape& shape, bool reverse) {
    with_type(type, [&](auto t) {
        using T = decltype(t);
        const T* from = static_cast<const T*>(x);
        if (kind == Reduction::sum)
            cumulate_as<Sum>(static_cast<T*>(y), from, shape, reverse);
        else
            cumulate_as<Prod>(static_cast<T*>(y), from, shape, reverse);
    });
}

void cumprod_backward(DType type, void* dx, const void* dy, const void* x, const ReduceShape& shape, bool reverse) {
    const auto run = [&](auto t) {
        using T = decltype(t);
        cumprod_backward_of(static_cast<T*>(dx), static_cast<const T*>(dy), static_cast<const T*>(x), shape, reverse);
    };
    type == DType::float64 ? run(double{}) : run(float{});
}

}  // namespace fk::FK_ISA
