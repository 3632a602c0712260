// One driver for all of them; a Cell says how gates are made and differentiated.
#include "kernels/products/recurrence.h"

#include "kernels/loop.h"
#include "kernels/products/cells.h"
#include "kernels/products/pairs.h"
#include "kernels/products/row_times.h"

namespace fk::FK_ISA {
namespace {

template <class T>
constexpr int64_t kPanel = 2 * Lanes<T>::count;

// --- what a step is made of ---

// A row, under a pattern if there is one, with which it may be added.
template <class T>
FK_VEC void move_row(int64_t n, const T* from, T* to, const T* pattern, bool add) {
    if (!pattern) {
        __builtin_memcpy(to, from, size_t(n) * sizeof(T));
        return;
    }
    for_each_vector<T>(n, [&](int64_t j, auto lanes) FK_INLINED {
        const auto old = add ? lanes.load(to + j) : VecOf<T>(T(0));
        lanes.store(to + j, fma(lanes.load(from + j), lanes.load(pattern + j), old));
    });
}

// (batch, steps, width) to (steps [first, first + count), batch, width), or the other way.
template <class T>
void by_step(const Recurrence& r, int64_t width, int64_t first, int64_t count, T* rows, T* x, bool back,
             const T* pattern = nullptr, bool add = false) {
    const int64_t grain = most(1, 16384 / most(1, width));
    parallel_for(count * r.batch, grain, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
            const int64_t s = first + i / r.batch, t = r.reverse ? r.steps - 1 - s : s;
            T *row = rows + i * width, *at = x + (i % r.batch * r.steps + t) * width;
            move_row(width, back ? row : at, back ? at : row, pattern ? pattern + i % r.batch * width : nullptr, add);
        }
    });
}

// n columns of b, `k` rows of elements at p * b_row + j * b_col, as panels, zeros after the last column.
template <class T>
void pack(const T* b, int64_t b_row, int64_t b_col, int64_t k, int64_t n, T* to) {
    for (int64_t j0 = 0; j0 < n; j0 += kPanel<T>)
        for (int64_t p = 0; p < k; ++p)
            for (int64_t j = j0; j < j0 + kPanel<T>; ++j) *to++ = j < n ? b[p * b_row + j * b_col] : T(0);
}

template <class T>
FK_VEC int64_t packed_size(int64_t k, int64_t n) {
    return (n + kPanel<T> - 1) / kPanel<T> * kPanel<T> * (k / kSteps<T>);
}

// Rows of k elements, `row` apart, as the recurrent products read them.
template <class P>
struct Rows {
    const P* a;
    int64_t row;
};
template <class T>
FK_VEC Rows<T> rows_of(const T* a, int64_t row, int64_t, int64_t, T*) {
    return {a, row};
}
#if defined(__AVX512BF16__)
FK_VEC void pack(const float* b, int64_t b_row, int64_t b_col, int64_t k, int64_t n, Bf16Pair* to) {
    constexpr int64_t width = kPanel<Bf16Pair>;
    for (int64_t j = 0; j < n; j += width, to += k / 2 * width)
        b_row == 1 ? pair_columns(b + j * b_col, b_col, k, least(n - j, width), width, to, {})
                   : pair_rows(b + j, b_row, k, least(n - j, width), width, to, {});
}
FK_VEC Rows<Bf16Pair> rows_of(const float* a, int64_t row, int64_t m, int64_t k, Bf16Pair* to) {
    pair_lines(a, row, m, k, to, k / 2, {});
    return {to, k / 2};
}
#endif

// Are the recurrent products those of pairs of bfloat16? It depends on the shape alone.
FK_VEC bool as_pairs(const Recurrence& r) {
    return r.planes == 1 && r.units % 2 == 0 && r.units >= 16 && r.batch >= 16;
}

FK_VEC int planes_of(const Recurrence& r, const Gemm& g) {
    return r.split || planes_pay(r.planes, g.m, g.n, g.k, (g.m + g.n) * g.k) ? r.planes : 0;
}

// Units of a step that one thread takes: all of them, unless the samples are one chunk and the step is large.
template <class P, class Cell>
int64_t units_per_piece(const Recurrence& r) {
    if (kSteps<P> > 1 || r.h_pattern) return r.units;  // a chunk makes the pairs, or the products, of its rows
    const double flops = 2.0 * double(least(r.batch, 16)) * double(r.units) * double(Cell::gates);  // per unit
    const int64_t piece = most(1, int64_t(kChunkFlops / flops) / kGemmPad) * kGemmPad;
    return piece < r.units && r.batch <= recurrent_chunk(r) ? piece : r.units;
}

// Are the weights copied to blocks for the one sample? From 8 steps on the copy is paid for.
FK_VEC bool blocks_packed(const Recurrence& r, int64_t piece) {
    return r.batch == 1 && r.steps >= 8 && piece == r.units && !r.h_pattern;
}

// Does each step multiply its own rows of h? The only step is a product of all of them otherwise.
FK_VEC bool walks(const Recurrence& r) { return r.steps > 1 || r.h_pattern; }

template <class T>
FK_VEC void scale_or_copy(bool keep, const T* from, int64_t n, T* to) {
    for (int64_t j = 0; j < n; ++j) to[j] = keep ? from[j] : T(0);
}

// --- forward ---

template <class T>
struct Step {
    int64_t step;    // of the sequence as it is read
    const T *h, *c;  // states before, of all samples
    T *gates, *new_h, *new_c;
};

// The weights that steps multiply with, and where they put their rows of h, as pairs or under a pattern.
template <class P, class T>
struct Walk {
    P *packed, *copy;
    T* dropped;
};

// Rows [begin, end) of h as gate `gate` sees them.
template <class T>
const T* seen_by(const Recurrence& r, int64_t gate, const T* h, const T* pattern, int64_t begin, int64_t end,
                 T* dropped) {
    if (!pattern) return h;
    for (int64_t i = begin; i < end; ++i)
        move_row(r.units, h + i * r.units, dropped + i * r.units, pattern + (gate * r.batch + i % r.batch) * r.units,
                 false);
    return dropped;
}

template <class Cell, class P, class T>
void forward_rows(const Recurrence& r, const RecurrentForward<T>& f, const Walk<P, T>& walk, const Step<T>& s,
                  int64_t begin, int64_t end, int64_t first, int64_t last) {
    const int64_t units = r.units, width = r.width * units, columns = Cell::gates * units, n = last - first;
    const int64_t k = units / kSteps<P>;
    const auto rows = [&](const T* h) {
        return rows_of(h + begin * units, units, end - begin, units, walk.copy + begin * k);
    };
    Rows<P> h = f.h_pattern ? Rows<P>{} : rows(s.h);
    const auto add_product = [&](const Part& part) {
        const T* seen = seen_by(r, part.weight, s.h, f.h_pattern, begin, end, walk.dropped);
        if (f.h_pattern) h = rows(seen);
        const bool own = part.gate >= Cell::gates;
        const T* bias = own ? Cell::own_bias(f.bias, units) : nullptr;
        T* c = s.gates + begin * width + part.gate * units + first;
        if (r.batch == 1) {
            const bool in_blocks = blocks_packed(r, n);
            row_times(units, (part.count - 1) * units + n, seen,
                      in_blocks ? reinterpret_cast<const T*>(walk.packed) + part.weight * units * units
                                : f.recurrent + part.weight * units + first,
                      in_blocks ? 0 : columns, s.step % 2 != 0, !own, bias ? bias + first : nullptr, c);
            return;
        }
        const BrgemmPair<P> pair{h.a, walk.packed + part.weight * packed_size<P>(units, units) + first * k};
        run_brgemm(Brgemm<P>{.m = end - begin,
                             .n = n,
                             .k = k,
                             .a_row = h.row,
                             .a_col = 1,
                             .b_row = kPanel<P>,
                             .b_panel = k * kPanel<P>,
                             .c_row = width,
                             .b_padded = true,
                             .accumulate = !own,
                             .bias = bias ? bias + first : nullptr},
                   &pair, 1, c);
    };
    // One step is made for all samples at once. For one sample, neighbouring gates are one product of more columns: 64
    // of one gate are four vectors, which wait for each other.
    if (r.steps > 1 && r.batch == 1 && n == units && !r.h_pattern)
        for (const Part& part : Cell::input) add_product(part);
    else if (walks(r))
        for (const Part& part : Cell::steps) add_product(part);
    const int64_t t = r.reverse ? r.steps - 1 - s.step : s.step;
    for (int64_t i = begin; i < end; ++i) {
        const bool keep = f.mask && !f.mask[i * r.steps + t];
        T *h = s.new_h + i * units + first, *c = Cell::has_carry ? s.new_c + i * units + first : nullptr;
        const T *old_h = s.h + i * units + first, *old_c = Cell::has_carry ? s.c + i * units + first : nullptr;
        if (keep) {
            __builtin_memcpy(h, old_h, size_t(n) * sizeof(T));
            if (c) __builtin_memcpy(c, old_c, size_t(n) * sizeof(T));
        } else {
            Cell::forward(n, units, s.gates + i * width + first, old_h, old_c, h, c, r.save);
        }
        if (r.sequences || s.step + 1 == r.steps)
            scale_or_copy(!(keep && r.zero_masked), h, n,
                          f.y + (r.sequences ? i * r.steps + s.step : i) * units + first);
    }
}

template <class Cell, class P, class T>
void forward(const Recurrence& r, const RecurrentForward<T>& f) {
    const int64_t units = r.units, width = r.width * units, columns = Cell::gates * units, state = r.batch * units;
    const RecurrentScratch at = recurrent_scratch(r, false);
    T* memory = static_cast<T*>(f.scratch);
    T *x = memory + at.x, *hs = r.save ? f.hs : memory + at.h;
    T* cs = r.save ? f.cs : memory + at.c;
    const Walk<P, T> walk{reinterpret_cast<P*>(memory + at.packed), reinterpret_cast<P*>(memory + at.pairs),
                          memory + at.dropped};
    void* products = memory + at.products;
    const auto slot = [&](T* states, int64_t step) { return states + (r.save ? step : step % 2) * state; };
    const auto product = [&](int64_t m, int64_t k, const Part& part, bool accumulate, const T* a, const T* b,
                             const T* bias, T* gates) {
        Gemm g;
        g.m = m, g.n = part.count * units, g.k = k;
        g.a_row = k, g.a_col = 1, g.b_row = columns, g.b_col = 1, g.c_row = width;
        g.accumulate = accumulate, g.threads = r.threads, g.planes = planes_of(r, g);
        run_gemm(g, a, b + part.weight * units, bias, gates + part.gate * units, products);
    };
    __builtin_memcpy(hs, f.h0, size_t(state) * sizeof(T));
    if (Cell::has_carry) __builtin_memcpy(cs, f.c0, size_t(state) * sizeof(T));
    if (blocks_packed(r, units_per_piece<T, Cell>(r)))
        for (const Part& part : Cell::input)
            pack_blocks(units, part.count * units, f.recurrent + part.weight * units, columns,
                        memory + at.packed + part.weight * units * units);
    if (walks(r) && r.batch > 1)
        for (int64_t g = 0; g < Cell::gates; ++g)
            pack(f.recurrent + g * units, columns, 1, units, units, walk.packed + g * packed_size<P>(units, units));
    const T* bias = Cell::input_bias(f.bias, units, memory + at.sums);
    const int64_t span = recurrent_span(r), chunk = recurrent_chunk(r), piece = units_per_piece<P, Cell>(r);
    for (int64_t first = 0; first < r.steps; first += span) {
        const int64_t count = least(span, r.steps - first), rows = count * r.batch;
        T* gates = r.save ? f.gates + first * r.batch * width : memory + at.gates;
        for (int64_t g = 0; g < (f.x_pattern ? Cell::gates : 1); ++g) {
            by_step(r, r.features, first, count, x, const_cast<T*>(f.x), false,
                    f.x_pattern ? f.x_pattern + g * r.batch * r.features : nullptr);
            product(rows, r.features, {g, g, f.x_pattern ? 1 : Cell::gates}, false, x, f.kernel,
                    bias ? bias + g * units : nullptr, gates);
        }
        if (!walks(r))
            for (const Part& part : Cell::steps)
                product(r.batch, units, part, part.gate < Cell::gates, hs, f.recurrent,
                        part.gate < Cell::gates ? nullptr : Cell::own_bias(f.bias, units), gates);
        parallel_for(r.batch, chunk, [&](int64_t begin, int64_t end) {
            for (int64_t s = first; s < first + count; ++s) {
                const Step<T> step{s,
                                   slot(hs, s),
                                   slot(cs, s),
                                   gates + (s - first) * r.batch * width,
                                   slot(hs, s + 1),
                                   slot(cs, s + 1)};
                parallel_for(units, piece, [&](int64_t from, int64_t to) {
                    forward_rows<Cell>(r, f, walk, step, begin, end, from, to);
                });
            }
        });
    }
    __builtin_memcpy(f.h, slot(hs, r.steps), size_t(state) * sizeof(T));
    if (Cell::has_carry) __builtin_memcpy(f.c, slot(cs, r.steps), size_t(state) * sizeof(T));
}

// --- backward ---

template <class Cell, class T>
void backward_gates(const Recurrence& r, const RecurrentBackward<T>& f, int64_t s, int64_t begin, int64_t end,
                    int64_t first, int64_t last, T* dgates, T* sums) {
    const int64_t units = r.units, width = r.width * units, n = last - first, state = r.batch * units;
    const int64_t t = r.reverse ? r.steps - 1 - s : s, group = recurrent_group(r.batch);
    for (int64_t i = begin; i < end; ++i) {
        const bool keep = f.mask && !f.mask[i * r.steps + t];
        const int64_t at = i * units + first, row = (s * r.batch + i) * width + first;
        const T* dy = nullptr;
        if (f.dy && !(keep && r.zero_masked) && (r.sequences || s + 1 == r.steps))
            dy = f.dy + (r.sequences ? i * r.steps + s : i) * units + first;
        if (keep) {
            for (int64_t j = 0; dy && j < n; ++j) f.dh0[at + j] += dy[j];
            for (int64_t g = 0; g < r.width; ++g) __builtin_memset(dgates + row + g * units, 0, size_t(n) * sizeof(T));
            continue;
        }
        const T *h = f.hs + s * state + at, *c = Cell::has_carry ? f.cs + s * state + at : nullptr;
        Cell::backward(n, units, f.gates + row, h, c, Cell::has_carry ? c + state : nullptr, dy, f.dh0 + at,
                       Cell::has_carry ? f.dc0 + at : nullptr, dgates + row, sums + i / group * width + first);
    }
}

template <class Cell, class P, class T>
void backward(const Recurrence& r, const RecurrentBackward<T>& f) {
    const int64_t units = r.units, width = r.width * units, columns = Cell::gates * units, state = r.batch * units;
    const int64_t rows = r.steps * r.batch, part_size = packed_size<P>(units, units);
    const RecurrentScratch at = recurrent_scratch(r, true);
    T* memory = static_cast<T*>(f.scratch);
    T *x = memory + at.x, *dgates = memory + at.gates, *sums = memory + at.sums, *dropped = memory + at.dropped;
    P *packed = reinterpret_cast<P*>(memory + at.packed), *copy = reinterpret_cast<P*>(memory + at.pairs);
    void* products = memory + at.products;
    for (int64_t g = 0; g < Cell::gates; ++g)
        pack(f.recurrent + g * units, 1, columns, units, units, packed + g * part_size);
    // dh0 and dc0 hold the gradients of the states of the step at work.
    for (int64_t j = 0; j < state; ++j) f.dh0[j] = f.dh ? f.dh[j] : T(0);
    if (Cell::has_carry)
        for (int64_t j = 0; j < state; ++j) f.dc0[j] = f.dc ? f.dc[j] : T(0);
    const int64_t group = recurrent_group(r.batch), groups = (r.batch + group - 1) / group;
    const int64_t chunk = recurrent_chunk(r), piece = units_per_piece<P, Cell>(r);
    for (int64_t j = 0; j < groups * width; ++j) sums[j] = 0;
    parallel_for(r.batch, chunk, [&](int64_t begin, int64_t end) {
        for (int64_t s = r.steps - 1; s >= 0; --s) {
            parallel_for(units, piece, [&](int64_t from, int64_t to) {
                backward_gates<Cell>(r, f, s, begin, end, from, to, dgates, sums);
            });
            parallel_for(units, piece, [&](int64_t from, int64_t to) {
                const int64_t k = units / kSteps<P>;
                const Rows<P> rows = rows_of(dgates + (s * r.batch + begin) * width, width, end - begin, width,
                                             copy + begin * r.width * k);
                BrgemmPair<P> pairs[4];
                for (int64_t g = 0; g < Cell::gates; ++g)
                    pairs[g] = {rows.a + g * k, packed + g * part_size + from * k};
                const Brgemm<P> product{.m = end - begin,
                                        .n = to - from,
                                        .k = k,
                                        .a_row = rows.row,
                                        .a_col = 1,
                                        .b_row = kPanel<P>,
                                        .b_panel = k * kPanel<P>,
                                        .c_row = units,
                                        .b_padded = true,
                                        .accumulate = !f.h_pattern};
                if (!f.h_pattern) return run_brgemm(product, pairs, Cell::gates, f.dh0 + begin * units + from);
                for (int64_t g = 0; g < Cell::gates; ++g) {
                    run_brgemm(product, pairs + g, 1, dropped + begin * units);
                    for (int64_t i = begin; i < end; ++i)
                        move_row(units, dropped + i * units, f.dh0 + i * units, f.h_pattern + (g * r.batch + i) * units,
                                 true);
                }
            });
        }
    });
    for (int64_t i = 1; i < groups; ++i)
        for (int64_t j = 0; j < width; ++j) sums[j] += sums[i * width + j];
    if (f.dbias) Cell::bias_gradient(sums, units, f.dbias);

    // What is left are three products of whole matrices, rows being steps and samples.
    const auto weights = [&](const T* a, int64_t m, const Part& part, T* dw) {
        Gemm g;
        g.m = m, g.n = part.count * units, g.k = rows;
        g.a_row = 1, g.a_col = m, g.b_row = width, g.b_col = 1, g.c_row = columns;
        g.threads = r.threads, g.planes = planes_of(r, g);
        run_gemm(g, a, dgates + part.gate * units, nullptr, dw + part.weight * units, products);
    };
    if (!f.h_pattern)
        for (const Part& part : Cell::recurrent) weights(f.hs, units, part, f.drecurrent);
    else
        for (int64_t g = 0; g < Cell::gates; ++g) {
            parallel_for(rows, 16384 / most(1, units) + 1,
                         [&](int64_t begin, int64_t end) { seen_by(r, g, f.hs, f.h_pattern, begin, end, dropped); });
            weights(dropped, units, {g, g, 1}, f.drecurrent);
        }
    const auto inputs = [&](const auto& parts) {
        const auto pattern = [&](const Part& part) {
            return f.x_pattern ? f.x_pattern + part.weight * r.batch * r.features : nullptr;
        };
        for (const Part& part : parts) {
            if (f.x_pattern || part.weight == 0)
                by_step(r, r.features, 0, r.steps, x, const_cast<T*>(f.x), false, pattern(part));
            weights(x, r.features, part, f.dkernel);
        }
        if (!f.dx) return;
        for (const Part& part : parts) {
            Gemm g;
            g.m = rows, g.n = r.features, g.k = part.count * units;
            g.a_row = width, g.a_col = 1, g.b_row = 1, g.b_col = columns, g.c_row = r.features;
            g.accumulate = !f.x_pattern && part.weight > 0, g.threads = r.threads, g.planes = planes_of(r, g);
            run_gemm(g, dgates + part.gate * units, f.kernel + part.weight * units, nullptr, x, products);
            if (f.x_pattern) by_step(r, r.features, 0, r.steps, x, f.dx, true, pattern(part), part.weight > 0);
        }
        if (!f.x_pattern) by_step(r, r.features, 0, r.steps, x, f.dx, true);
    };
    f.x_pattern ? inputs(Cell::steps) : inputs(Cell::input);
}

template <template <class> class Cell, class T, class F>
void with_cell(const Recurrence& r, const F& run) {
    const auto by_activation = [&](auto number) { r.relu ? run(Cell<Relu>{}, number) : run(Cell<Tanh>{}, number); };
    if constexpr (kMultipliesBfloat16 && sizeof(T) == sizeof(float))
        if (as_pairs(r)) return by_activation(Bf16Pair{});
    by_activation(T(0));
}

}  // namespace

#define FK_RECURRENT(name, Cell, T, type)                                                               \
    void name##_##type(const Recurrence& r, const RecurrentForward<T>& f) {                             \
        with_cell<Cell, T>(r, [&](auto cell, auto p) { forward<decltype(cell), decltype(p)>(r, f); });  \
    }                                                                                                   \
    void name##_grad_##type(const Recurrence& r, const RecurrentBackward<T>& f) {                       \
        with_cell<Cell, T>(r, [&](auto cell, auto p) { backward<decltype(cell), decltype(p)>(r, f); }); \
    }
FK_RECURRENT(lstm, Lstm, float, f32)
FK_RECURRENT(gru, Gru, float, f32)
FK_RECURRENT(simple_rnn, Simple, float, f32)
#ifndef FK_BASE
FK_RECURRENT(lstm, Lstm, double, f64)
FK_RECURRENT(gru, Gru, double, f64)
FK_RECURRENT(simple_rnn, Simple, double, f64)
#endif
#undef FK_RECURRENT

}  // namespace fk::FK_ISA
