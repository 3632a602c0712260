#include "kernels/products/attention.h"

#include "core/slot.h"
#include "kernels/philox.h"
#include "kernels/products/lanes.h"
#include "kernels/random.h"
#include "kernels/rows.h"
#include "kernels/sizes.h"
#include "simd/math.h"

namespace fk::FK_ISA {
namespace {

// Which probabilities are kept, by the bits that the op `dropout` would draw for all of them.
template <class T>
class Signs {
public:
    FK_MEMBER Signs(const Attention& a, const uint32_t* seed, T* memory)
        : signs_(memory), seed_(seed), threshold_(a.threshold) {}

    // Of `n` elements from number `first` on: 1 where one is kept, -1 where it is dropped.
    FK_MEMBER const T* draw(int64_t first, int64_t n) {
        const int64_t begin = first / kDropoutGroup, end = pieces(first + n, kDropoutGroup);
        int64_t group = begin;
        if (begin == last_) {  // where a row ends, the next one begins
            if (place_ > 0) __builtin_memcpy(signs_, signs_ + place_ * kDropoutGroup, kDropoutGroup * sizeof(T));
            ++group;
        }
        for (; group < end; ++group) draw_group(group, signs_ + (group - begin) * kDropoutGroup);
        last_ = end - 1, place_ = last_ - begin;
        return signs_ + first % kDropoutGroup;
    }

private:
    FK_MEMBER void draw_group(int64_t group, T* signs) const {
        uint32_t words[kPhiloxGroup];
        philox_group(seed_, uint64_t(group), words);
        const Bits16* bits = reinterpret_cast<const Bits16*>(words);
        const uint32_t threshold = threshold_;
        for (int64_t i = 0; i < kDropoutGroup; ++i) signs[i] = bits[i] >= threshold ? T(1) : T(-1);
    }

    T* signs_;
    const uint32_t* seed_;
    uint32_t threshold_;
    int64_t last_ = -1, place_ = 0;  // the last group that was drawn, and where among those of its row
};

// The scores of one query, and its probabilities, which may be in their place: `n` keys in front of those it may not
// see; of them those that `seen` says (null: all).
template <class T>
struct Row {
    using V = VecOf<T>;
    T *scores, *p;
    int64_t n;
    const T* seen;
    T scale, kept_scale;
    bool drops;

    Row() = default;
    FK_MEMBER Row(const Attention& a, T* scores, T* p, int64_t n, const T* seen)
        : scores(scores), p(p), n(n), seen(seen), scale(T(a.scale)), kept_scale(T(a.kept_scale)), drops(a.drops) {}

    // Of two: the factor is scale * log2(e).
    template <class Lanes>
    FK_MEMBER V logit(int64_t i, V factor, Lanes lanes) const {
        const V x = lanes.load(scores + i) * factor;
        return seen ? select(lanes.load(seen + i) > V(T(0)), x, V(kHiddenLogit<T>)) : x;
    }
    // Exponentials, times the reciprocal of their sum, become probabilities.
    FK_MEMBER void normalize(V inverse) const {
        for_each_vector<T>(
            n, [&](int64_t i, auto lanes) FK_INLINED { lanes.store(p + i, lanes.load(scores + i) * inverse); });
    }
    // The same with signs, and in `kept`, which may be the scores or null, what is left of those that are positive.
    FK_MEMBER void normalize(V inverse, const T* signs, T* kept) const {
        for_each_vector<T>(n, [&](int64_t i, auto lanes) FK_INLINED {
            const V signed_p = copysign(lanes.load(scores + i) * inverse, lanes.load(signs + i));
            lanes.store(p + i, signed_p);
            if (kept) lanes.store(kept + i, dropped(signed_p, signed_p));
        });
    }
    // What dropout makes of x, a probability p or its gradient. The sign tells of a zero and of a NaN, too.
    FK_MEMBER V dropped(V p, V x) const { return select(copysign(V(T(1)), p) > V(T(0)), x * V(kept_scale), V(T(0))); }

    // The gradient of a probability, from that of what was left of it.
    FK_MEMBER V of_p(V at, V slope) const { return drops ? dropped(at, slope) : slope; }
    // From gradients of what was left of the probabilities, the sum of whose products with them is `dot`, those of the
    // products q k, to d.
    FK_MEMBER void slopes(T* d, V dot) const {
        for_each_vector<T>(n, [&](int64_t i, auto lanes) FK_INLINED {
            const V at = lanes.load(p + i);
            const V x = (drops ? abs(at) : at) * (of_p(at, lanes.load(d + i)) - dot) * V(scale);
            lanes.store(d + i, seen ? select(lanes.load(seen + i) > V(T(0)), x, V(T(0))) : x);
        });
    }
    // What is left of the probabilities, to `kept`, which may be where they are.
    FK_MEMBER void drop(T* kept) const {
        for_each_vector<T>(n, [&](int64_t i, auto lanes) FK_INLINED {
            const V at = lanes.load(p + i);
            lanes.store(kept + i, dropped(at, at));
        });
    }
};

// The rows of a group of queries.
static_assert(kLanes <= kMaskLines);
template <class T, class Group>
struct RowsOf {
    using V = VecOf<T>;
    const Group& group;
    Row<T> row[std::is_same_v<Group, OneRow<T>> ? 1 : kLanes];

    FK_MEMBER auto lengths() const {
        return [this](int64_t r) FK_INLINED { return row[r].n; };
    }
    // Scores become exponentials; the reciprocals of their sums. A NaN may get lost in the greatest; it comes back with
    // the exponentials.
    FK_MEMBER auto exponentials() const {
        const V factor(T(1.4426950408889634) * row[0].scale);
        const auto m = group.spread(group.max(
            lengths(), [&](int64_t r, int64_t i, auto lanes) FK_INLINED { return row[r].logit(i, factor, lanes); }));
        return group.spread(NumberOf<Group>(T(1)) /
                            group.sum(lengths(), [&](int64_t r, int64_t i, auto lanes) FK_INLINED {
                                const V e = exp2_negative(row[r].logit(i, factor, lanes) - V(m[r]));
                                lanes.store(row[r].scores + i, e);
                                return e;
                            }));
    }
    // Of each row the sum of the probabilities times the gradients d of what was left of them, lines of `line`.
    FK_MEMBER auto dots(const T* d, int64_t line) const {
        return group.spread(group.sum(lengths(), [&](int64_t r, int64_t i, auto lanes) FK_INLINED {
            const V p = lanes.load(row[r].p + i);
            return p * row[r].of_p(p, lanes.load(d + r * line + i));
        }));
    }
};

// Queries [first, first + rows) of one head, and the memory of a thread.
template <class T>
struct Block {
    using V = VecOf<T>;
    const Attention& a;
    int64_t sample, head, first, rows, keys;  // keys that some of the queries may see
    T *scores, *p, *kept, *slopes, *seen;
    int64_t p_line, kept_line;  // from a query's probabilities, and what dropout leaves of them, to the next one's
    void* products;

    // Probabilities take the place of scores, in aligned lines, unless they are saved.
    FK_MEMBER Block(const Attention& a, const bool* mask, T* saved, int64_t which, int64_t block, void* memory)
        : a(a), sample(which / a.heads), head(which % a.heads), first(block * a.block), mask_(mask) {
        rows = least(a.queries - first, a.block);
        keys = a.causal && !mask ? least(a.keys, first + rows) : a.keys;
        slopes = static_cast<T*>(memory);
        scores = slopes + a.block * a.line;
        seen = scores + a.block * a.line;
        products = seen + kMaskLines * a.line;
        p = saved ? saved + number(0) * a.keys : scores;
        p_line = saved ? a.keys : a.line;
        kept = a.drops ? scores : p;
        kept_line = a.drops ? a.line : p_line;
    }

    // Of query i among those of all heads and samples.
    FK_MEMBER int64_t number(int64_t i) const { return (sample * a.heads + head) * a.queries + first + i; }
    // Element 0 of row i of this head, in a tensor with `length` rows of `width` per sample and head.
    template <class E>
    FK_MEMBER E* at(E* x, int64_t length, int64_t i, int64_t width) const {
        return x + ((sample * length + i) * a.heads + head) * width;
    }
    // Row i, and its mask as row r of a group.
    FK_MEMBER Row<T> row(int64_t i, int64_t r) const {
        const int64_t query = first + i;
        T *x = scores + i * a.line, *y = p + i * p_line, *sees = seen + r * a.line;
        if (!mask_) return {a, x, y, a.causal ? least(keys, query + 1) : keys, nullptr};
        const bool* from = mask_ + sample * a.mask[0] + head * a.mask[1] + query * a.mask[2];
        for (int64_t j = 0; j < keys; ++j) sees[j] = T(from[j * a.mask[3]] && (!a.causal || j <= query));
        return {a, x, y, keys, sees};
    }
    // f(rows of a group, number of the first)
    template <class F>
    FK_MEMBER void for_groups(const F& f) const {
        for_rows<T>(0, rows, a.keys, [&](const auto& group, int64_t begin) FK_INLINED {
            RowsOf<T, std::remove_cvref_t<decltype(group)>> of{group, {}};
            for (int64_t r = 0; r < group.count; ++r) of.row[r] = row(begin + r, r);
            f(of, begin);
        });
    }
    // What lies behind the keys that a query may see.
    FK_MEMBER void clear_rest(const Row<T>& row, T* x, int64_t end) const {
        if (row.n < end) __builtin_memset(x + row.n, 0, size_t(end - row.n) * sizeof(T));
    }
    // `forward`: and what dropout leaves of them; the gradient needs both, one after the other.
    void make_probabilities(const T* q, const T* k, Signs<T>& signs, bool forward) const {
        of_pairs(a.size, q, k, scores, a.line);
        for_groups([&](const auto& of, int64_t begin) FK_INLINED {
            const auto inverse = of.exponentials();
            for (int64_t r = 0; r < of.group.count; ++r) {
                const Row<T>& row = of.row[r];
                const int64_t i = begin + r;
                T* left = a.drops && forward ? kept + i * kept_line : nullptr;
                if (a.drops)
                    row.normalize(V(inverse[r]), signs.draw(number(i) * a.keys, row.n), left);
                else
                    row.normalize(V(inverse[r]));
                clear_rest(row, row.p, p == scores ? keys : a.keys);  // blocks of another size read saved ones
                if (left) clear_rest(row, left, keys);
            }
        });
    }
    // c = x y^T, a product for each query and key, of rows of `width` elements.
    void of_pairs(int64_t width, const T* x, const T* y, T* c, int64_t c_row) const {
        Gemm g;
        g.m = rows, g.n = keys, g.k = width;
        g.a_row = g.b_col = a.heads * width, g.a_col = g.b_row = 1, g.c_row = c_row, g.planes = a.planes;
        run_gemm(g, x, y, nullptr, c, products);
    }
    // c = s y, a row for each query.
    void of_queries(int64_t width, const T* s, int64_t s_row, const T* y, T* c) const {
        Gemm g;
        g.m = rows, g.n = width, g.k = keys;
        g.a_row = s_row, g.a_col = 1, g.b_row = g.c_row = a.heads * width, g.b_col = 1, g.planes = a.planes;
        run_gemm(g, s, y, nullptr, c, products);
    }
    // c (+)= s^T y, a row for each key.
    void of_keys(int64_t width, const T* s, int64_t s_row, const T* y, T* c, bool add) const {
        Gemm g;
        g.m = keys, g.n = width, g.k = rows;
        g.a_row = 1, g.a_col = s_row, g.b_row = g.c_row = a.heads * width, g.b_col = 1, g.planes = a.planes;
        g.accumulate = add;
        run_gemm(g, s, y, nullptr, c, products);
    }

private:
    const bool* mask_;
};

FK_VEC int64_t grain(const Attention& a, double queries) {
    return most(1, int64_t(kChunkFlops / (2 * queries * double(a.keys) * double(a.size + a.value_size) + 1)));
}

template <class T>
void forward(const Attention& a, const T* q, const T* k, const T* v, const bool* mask, const uint32_t* seed, T* y, T* p,
             void* scratch) {
    const int64_t blocks = pieces(a.queries, a.block);
    __builtin_memset(scratch, 0, 64);
    parallel_for(a.batch * a.heads * blocks, grain(a, double(a.block)), [&](int64_t begin, int64_t end) {
        const Slot slot(scratch, static_cast<char*>(scratch) + 64, a.threads, a.slot_bytes);
        Signs<T> signs(a, seed, reinterpret_cast<T*>(slot.memory));
        void* memory = slot.memory + a.signs * int64_t(sizeof(T));
        for (int64_t i = begin; i < end; ++i) {
            const Block<T> b(a, mask, p, i / blocks, i % blocks, memory);
            b.make_probabilities(b.at(q, a.queries, b.first, a.size), b.at(k, a.keys, 0, a.size), signs, true);
            b.of_queries(a.value_size, b.kept, b.kept_line, b.at(v, a.keys, 0, a.value_size),
                         b.at(y, a.queries, b.first, a.value_size));
        }
    });
}

template <class T>
void clear_rows(const Attention& a, T* x, int64_t width, int64_t from) {
    for (int64_t i = from; i < a.keys; ++i) __builtin_memset(x + i * a.heads * width, 0, size_t(width) * sizeof(T));
}

template <class T>
void backward(const Attention& a, const T* q, const T* k, const T* v, const bool* mask, const uint32_t* seed,
              const T* p, const T* dy, T* dq, T* dk, T* dv, void* scratch) {
    const int64_t blocks = pieces(a.queries, a.block);
    __builtin_memset(scratch, 0, 64);
    parallel_for(a.batch * a.heads, grain(a, 2 * double(a.queries)), [&](int64_t begin, int64_t end) {
        const Slot slot(scratch, static_cast<char*>(scratch) + 64, a.threads, a.slot_bytes);
        Signs<T> signs(a, seed, reinterpret_cast<T*>(slot.memory));
        void* memory = slot.memory + a.signs * int64_t(sizeof(T));
        for (int64_t i = begin; i < end; ++i) {
            // The last block sees the most keys, so that the others add to what it has begun.
            int64_t begun = 0;
            for (int64_t block = blocks; block-- > 0;) {
                const Block<T> b(a, mask, const_cast<T*>(p), i, block, memory);
                const T *queries = b.at(q, a.queries, b.first, a.size), *keys = b.at(k, a.keys, 0, a.size);
                const T* slopes = b.at(dy, a.queries, b.first, a.value_size);
                if (!p) b.make_probabilities(queries, keys, signs, false);
                b.of_pairs(a.value_size, slopes, b.at(v, a.keys, 0, a.value_size), b.slopes, a.line);
                b.for_groups([&](const auto& of, int64_t begin) FK_INLINED {
                    const auto dot = of.dots(b.slopes + begin * a.line, a.line);
                    for (int64_t r = 0; r < of.group.count; ++r) {
                        const Row<T>& row = of.row[r];
                        T* dp = b.slopes + (begin + r) * a.line;
                        row.slopes(dp, VecOf<T>(dot[r]));
                        b.clear_rest(row, dp, b.keys);
                        if (!a.drops) continue;
                        T* left = b.kept + (begin + r) * b.kept_line;
                        row.drop(left);
                        b.clear_rest(row, left, b.keys);
                    }
                });
                b.of_keys(a.value_size, b.kept, b.kept_line, slopes, b.at(dv, a.keys, 0, a.value_size), begun > 0);
                b.of_keys(a.size, b.slopes, a.line, queries, b.at(dk, a.keys, 0, a.size), begun > 0);
                b.of_queries(a.size, b.slopes, a.line, keys, b.at(dq, a.queries, b.first, a.size));
                begun = most(begun, b.keys);
            }
            const Block<T> head(a, nullptr, nullptr, i, 0, memory);
            clear_rows(a, head.at(dk, a.keys, 0, a.size), a.size, begun);
            clear_rows(a, head.at(dv, a.keys, 0, a.value_size), a.value_size, begun);
        }
    });
}

}  // namespace

#define FK_DEFINE(T, type)                                                                                          \
    void attention_##type(const Attention& a, const T* q, const T* k, const T* v, const bool* mask,                 \
                          const uint32_t* seed, T* y, T* p, void* scratch) {                                        \
        forward(a, q, k, v, mask, seed, y, p, scratch);                                                             \
    }                                                                                                               \
    void attention_grad_##type(const Attention& a, const T* q, const T* k, const T* v, const bool* mask,            \
                               const uint32_t* seed, const T* p, const T* dy, T* dq, T* dk, T* dv, void* scratch) { \
        backward(a, q, k, v, mask, seed, p, dy, dq, dk, dv, scratch);                                               \
    }
FK_DEFINE(float, f32)
#ifndef FK_BASE
FK_DEFINE(double, f64)
#endif
#undef FK_DEFINE

}  // namespace fk::FK_ISA
