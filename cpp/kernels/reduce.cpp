#include "kernels/reduce.h"

#include "kernels/reduce_folds.h"

namespace fk::FK_ISA {
namespace {

// y[k] = fold over rows r < n of x[r * stride + k], for `width` vectors of columns at once, the last of them partial.
template <class Op, int width, class T, class F>
FK_INLINE void fold_columns_of(V<T>* acc, const T* x, int64_t n, int64_t stride, int64_t last, const F& f) {
    constexpr int64_t step = kStep<T>;
    for (int u = 0; u < width; ++u) acc[u] = V<T>(Op::template identity<T>());
    if (last == step) {
        for (int64_t r = 0; r < n; ++r, x += stride)
            for (int u = 0; u < width; ++u) acc[u] = Op::combine(acc[u], f(get(x + u * step), u));
    } else {
        for (int64_t r = 0; r < n; ++r, x += stride) {
            for (int u = 0; u < width - 1; ++u) acc[u] = Op::combine(acc[u], f(get(x + u * step), u));
            acc[width - 1] = Op::combine(acc[width - 1], f(get_partial(x + (width - 1) * step, last), width - 1));
        }
    }
}

template <int width, class T>
FK_INLINE void put_columns(T* y, const V<T>* acc, int64_t last) {
    for (int u = 0; u < width - 1; ++u) put(y + u * kStep<T>, acc[u]);
    put_partial(y + (width - 1) * kStep<T>, acc[width - 1], last);
}

template <class Op, int width, class T>
void fold_block(T* y, const T* x, int64_t n, int64_t stride, int64_t last) {
    V<T> acc[width];
    if constexpr (std::is_same_v<Op, LogSumExp>) {
        V<T> shift[width];
        fold_columns_of<Max, width, T>(shift, x, n, stride, last, [](V<T> v, int) { return v; });
        for (int u = 0; u < width; ++u) shift[u] = finite_or_zero(shift[u]);
        fold_columns_of<Sum, width, T>(acc, x, n, stride, last, [&](V<T> v, int u) { return exp(v - shift[u]); });
        for (int u = 0; u < width; ++u) acc[u] = shift[u] + log(acc[u]);
    } else {
        fold_columns_of<Op, width, T>(acc, x, n, stride, last, [](V<T> v, int) { return v; });
    }
    put_columns<width>(y, acc, last);
}

// Calls block<width>(column, last) over `inner` columns, eight vectors at a time, then as many as are left.
template <class T, class F>
FK_INLINE void over_columns(int64_t inner, const F& block) {
    constexpr int64_t step = kStep<T>, wide = 8 * step;
    int64_t k = 0;
    for (; k + wide <= inner; k += wide) block(std::integral_constant<int, 8>{}, k, step);
    if (k + 4 * step <= inner) block(std::integral_constant<int, 4>{}, k, step), k += 4 * step;
    for (; k < inner; k += step) block(std::integral_constant<int, 1>{}, k, inner - k < step ? inner - k : step);
}

template <class Op, class T>
FK_INLINE void fold_rows(T* y, const T* x, int64_t n, int64_t inner) {
    if (inner == 1) {
        *y = fold_row<Op>(x, n);
        return;
    }
    over_columns<T>(inner, [&](auto width, int64_t k, int64_t last) {
        fold_block<Op, decltype(width)::value>(y + k, x + k, n, inner, last);
    });
}

// Rows of a few neighbouring elements, one after the other: for vectors they are too short (1 million rows, one
// thread of Zen 4, maxima and sums: of two 25.6 -> 0.15 and 4.0 -> 0.16 ms, of eight 35 -> 2.9 and 4.0 -> 1.8).
constexpr int64_t kShortRow = 8;

template <class Op, int64_t fixed, class T>
void fold_short_rows(T* y, const T* x, int64_t rows, int64_t n) {
    if constexpr (fixed > 0) n = fixed;
    for (int64_t r = 0; r < rows; ++r, x += n) {
        T sum = x[0];
        for (int64_t j = 1; j < n; ++j) sum = Op::combine(sum, x[j]);
        y[r] = sum;
    }
}

template <class Op, class T>
void reduce_short_rows(T* y, const T* x, const ReduceShape& s) {
    parallel_for(s.outer, kGrain / s.n, [&](int64_t begin, int64_t end) {
        const auto fold = [&](auto fixed) { fold_short_rows<Op, fixed>(y + begin, x + begin * s.n, end - begin, s.n); };
        switch (s.n) {
            case 2: return fold(std::integral_constant<int64_t, 2>{});
            case 3: return fold(std::integral_constant<int64_t, 3>{});
            case 4: return fold(std::integral_constant<int64_t, 4>{});
            default: return fold(std::integral_constant<int64_t, 0>{});
        }
    });
}

// Rows of a few vectors, as many at a time as a vector has lanes: their results lie across the lanes of as many
// vectors, which are turned and meet in the tree of `across`. 51,200 rows of 32, one thread of Zen 5:
// sums 176 -> 75 us, maxima 1,350 -> 97.
constexpr int64_t kLongRow = 2 * kAccumulators * kLanes;  // is folded another way

template <class Op>
void reduce_rows_together(float* y, const float* x, const ReduceShape& s) {
    const int64_t n = s.n, whole = n / kLanes * kLanes;
    const Vec identity = Op::template identity<float>();
    parallel_for(s.outer, kGrain / n, [&](int64_t begin, int64_t end) {
        for (; begin + kLanes <= end; begin += kLanes) {
            const float* from = x + begin * n;
            Vec acc[kLanes];
            for (int i = 0; i < kLanes; ++i) acc[i] = identity;
            for (int64_t j = 0; j < whole; j += kLanes)
                for (int i = 0; i < kLanes; ++i) acc[i] = Op::combine(acc[i], load(from + i * n + j));
            for (int i = 0; whole < n && i < kLanes; ++i) {
                const Vec rest = load_partial(from + i * n + whole, n - whole);
                acc[i] = Op::combine(acc[i], select(first_lanes(n - whole), rest, identity));
            }
            transpose(acc);
            for (int half = kLanes / 2; half > 0; half /= 2)
                for (int i = 0; i < half; ++i) acc[i] = Op::combine(acc[i], acc[i + half]);
            store(y + begin, acc[0]);
        }
        for (; begin < end; ++begin) y[begin] = fold_row<Op>(x + begin * n, n);
    });
}

// piece(o, begin, rows, p) for every piece of every outer slice; p counts them all.
template <class F>
FK_INLINE void over_pieces(const ReduceShape& s, const F& piece) {
    const int64_t rows = reduce_piece(s), pieces = (s.n + rows - 1) / rows;
    const int64_t work = (s.n < rows ? s.n : rows) * s.inner;
    parallel_for(s.outer * pieces, work >= kGrain ? 1 : kGrain / work, [&](int64_t begin, int64_t end) {
        int64_t o = begin / pieces, first = begin % pieces * rows;
        for (int64_t p = begin; p < end; ++p) {
            piece(o, first, s.n - first < rows ? s.n - first : rows, p);
            if ((first += rows) >= s.n) ++o, first = 0;
        }
    });
}

template <class Op, class T>
void reduce_as(T* y, const T* x, const ReduceShape& s, T* partial) {
    if (s.n == 0) {
        for (int64_t i = 0; i < s.outer * s.inner; ++i) y[i] = Op::template identity<T>();
        return;
    }
    if (s.outer * s.inner == 0) return;
    if constexpr (!std::is_same_v<Op, LogSumExp>)
        if (s.inner == 1 && s.n <= kShortRow) return reduce_short_rows<Op>(y, x, s);
    if constexpr (!std::is_same_v<Op, LogSumExp> && std::is_same_v<T, float>)
        if (s.inner == 1 && s.n < kLongRow && s.outer >= kLanes) return reduce_rows_together<Op>(y, x, s);
    const int64_t pieces = (s.n + reduce_piece(s) - 1) / reduce_piece(s);
    T* first = pieces == 1 ? y : partial;
    over_pieces(s, [&](int64_t o, int64_t begin, int64_t rows, int64_t p) {
        fold_rows<Op>(first + p * s.inner, x + (o * s.n + begin) * s.inner, rows, s.inner);
    });
    if (pieces == 1) return;
    for (int64_t o = 0; o < s.outer; ++o) {
        const T* from = partial + o * pieces * s.inner;
        T* to = y + o * s.inner;
        for (int64_t k = 0; k < s.inner; ++k) to[k] = from[k];
        for (int64_t p = 1; p < pieces; ++p)
            for (int64_t k = 0; k < s.inner; ++k) to[k] = Op::combine(to[k], from[p * s.inner + k]);
    }
}

template <class T>
void reduce_of(Reduction kind, void* y, const void* x, const ReduceShape& s, void* scratch) {
    T *to = static_cast<T*>(y), *partial = static_cast<T*>(scratch);
    const T* from = static_cast<const T*>(x);
    switch (kind) {
        case Reduction::sum: return reduce_as<Sum>(to, from, s, partial);
        case Reduction::prod: return reduce_as<Prod>(to, from, s, partial);
        case Reduction::max: return reduce_as<Max>(to, from, s, partial);
        case Reduction::min: return reduce_as<Min>(to, from, s, partial);
        case Reduction::logsumexp:
            if constexpr (Floating<T>) return reduce_as<LogSumExp>(to, from, s, partial);
    }
}

// --- moments ---

template <int width, class T>
void moments_block(T* mean, T* squares, const T* x, int64_t n, int64_t stride, int64_t last) {
    V<T> m[width], s[width];
    fold_columns_of<Sum, width, T>(m, x, n, stride, last, [](V<T> v, int) { return v; });
    for (int u = 0; u < width; ++u) m[u] = m[u] / V<T>(T(n));
    fold_columns_of<Sum, width, T>(s, x, n, stride, last, [&](V<T> v, int u) { return (v - m[u]) * (v - m[u]); });
    put_columns<width>(mean, m, last);
    put_columns<width>(squares, s, last);
}

template <class T>
void moments_of(T* mean, T* variance, const T* x, const ReduceShape& s, T* scratch) {
    if (s.outer * s.inner == 0) return;
    if (s.n == 0) {
        for (int64_t i = 0; i < s.outer * s.inner; ++i) mean[i] = variance[i] = T(__builtin_nan(""));
        return;
    }
    const int64_t rows_of_piece = reduce_piece(s), pieces = (s.n + rows_of_piece - 1) / rows_of_piece;
    T* means = pieces == 1 ? mean : scratch;
    T* squares = pieces == 1 ? variance : scratch + reduce_scratch(s);
    over_pieces(s, [&](int64_t o, int64_t begin, int64_t rows, int64_t p) {
        const T* from = x + (o * s.n + begin) * s.inner;
        if (s.inner == 1) {
            const T m = fold<Sum>(from, rows, [](V<T> v) { return v; }) / T(rows);
            means[p] = m;
            squares[p] = fold<Sum>(from, rows, [&](V<T> v) { return (v - V<T>(m)) * (v - V<T>(m)); });
            return;
        }
        over_columns<T>(s.inner, [&](auto width, int64_t k, int64_t last) {
            moments_block<decltype(width)::value>(means + p * s.inner + k, squares + p * s.inner + k, from + k, rows,
                                                  s.inner, last);
        });
    });
    for (int64_t o = 0; o < s.outer; ++o)
        for (int64_t k = 0; k < s.inner; ++k) {
            const int64_t at = o * pieces * s.inner + k, to = o * s.inner + k;
            T m = means[at], total = squares[at];
            for (int64_t p = 1, seen = rows_of_piece; p < pieces; ++p) {
                const int64_t rows = s.n - seen < rows_of_piece ? s.n - seen : rows_of_piece;
                const T d = means[at + p * s.inner] - m, share = T(rows) / T(seen + rows);
                m += d * share;
                total += squares[at + p * s.inner] + d * d * share * T(seen);
                seen += rows;
            }
            mean[to] = m;
            variance[to] = total / T(s.n);
        }
}

}  // namespace

void reduce(Reduction kind, DType type, void* y, const void* x, const ReduceShape& shape, void* scratch) {
    with_type(type, [&](auto t) { reduce_of<decltype(t)>(kind, y, x, shape, scratch); });
}

void moments(DType type, void* mean, void* variance, const void* x, const ReduceShape& shape, void* scratch) {
    const auto run = [&](auto t) {
        using T = decltype(t);
        moments_of(static_cast<T*>(mean), static_cast<T*>(variance), static_cast<const T*>(x), shape,
                   static_cast<T*>(scratch));
    };
    type == DType::float64 ? run(double{}) : run(float{});
}

}  // namespace fk::FK_ISA
