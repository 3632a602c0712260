// One driver for LSTM and GRU; a Cell says how gates are made and differentiated.
#include "kernels/products/recurrence.h"

#include "kernels/products/lanes.h"
#include "kernels/loop.h"
#include "kernels/products/pairs.h"
#include "simd/math.h"
#include "kernels/sizes.h"

namespace fk::FK_ISA {
namespace {

FK_VEC void run_gemm(const Gemm& g, const float* a, const float* b, const float* bias, float* c, void* scratch) {
    gemm_f32(g, a, b, bias, c, scratch);
}
FK_VEC void run_gemm(const Gemm& g, const double* a, const double* b, const double* bias, double* c, void* scratch) {
    gemm_f64(g, a, b, bias, c, scratch);
}

template <class T>
constexpr int64_t kPanel = 2 * Lanes<T>::count;

// About 20 us of one core: what a piece of a step must hold for another thread to be worth the join.
constexpr double kPieceFlops = 2e6;

// Columns of gates that go through one product: from gate `gate` of the rows of gates, from gate `weight` of a matrix.
struct Part {
    int64_t gate, weight, count;
};

// x P(x^2) / Q(x^2), fitted to the relative error: within 6 ulp, and 14 operations where the tanh of math.h takes 30.
// The sigmoid of math.h stays: as a tanh it would lose its small values.
FK_VEC Vec quick_tanh(Vec x) {
    const Vec c = min(Vec(9.02f), max(Vec(-9.02f), x)), u = c * c;  // beyond, the float is 1; NaN passes through
    const Vec p = polynomial(u, 1.f, 0.133797199f, 0.00349403615f, 2.05835056e-05f, 1.33191023e-08f);
    const Vec q = polynomial(u, 1.f, 0.467130333f, 0.0258710794f, 0.000328309543f, 7.76203251e-07f);
    return min(Vec(1.f), max(Vec(-1.f), c * p / q));
}
FK_VEC double quick_tanh(double x) { return tanh(x); }

// --- cells ---

struct Lstm {
    static constexpr int64_t gates = 4;
    static constexpr bool has_carry = true;
    static constexpr Part input[] = {{0, 0, 4}}, recurrent[] = {{0, 0, 4}};
    static constexpr Part steps[] = {{0, 0, 1}, {1, 1, 1}, {2, 2, 1}, {3, 3, 1}};  // one gate each: packed apart

    // Gates of one row, in place, from their sums, and the states they lead to.
    template <class T>
    FK_VEC void forward(int64_t n, int64_t units, T* gates, const T*, const T* c, T* new_h, T* new_c, bool save) {
        using V = VecOf<T>;
        for_each_vector<T>(n, [&](int64_t j, auto lanes) [[gnu::always_inline]] {
            const V i = sigmoid(lanes.load(gates + j)), f = sigmoid(lanes.load(gates + units + j));
            const V g = quick_tanh(lanes.load(gates + 2 * units + j)), o = sigmoid(lanes.load(gates + 3 * units + j));
            const V carry = fma(f, lanes.load(c + j), i * g);
            if (save) {
                lanes.store(gates + j, i), lanes.store(gates + units + j, f);
                lanes.store(gates + 2 * units + j, g), lanes.store(gates + 3 * units + j, o);
            }
            lanes.store(new_c + j, carry);
            lanes.store(new_h + j, o * quick_tanh(carry));
        });
    }

    // Gradients of the sums of one row from those of its states; dh is used up, dc becomes that of the step before.
    template <class T>
    FK_VEC void backward(int64_t n, int64_t units, const T* gates, const T*, const T* c, const T* new_c, const T* dy,
                         T* dh, T* dc, T* dgates, T* sums) {
        using V = VecOf<T>;
        for_each_vector<T>(n, [&](int64_t j, auto lanes) [[gnu::always_inline]] {
            const V one(T(1)), i = lanes.load(gates + j), f = lanes.load(gates + units + j);
            const V g = lanes.load(gates + 2 * units + j), o = lanes.load(gates + 3 * units + j);
            const V t = quick_tanh(lanes.load(new_c + j)), ct = lanes.load(c + j);
            V d = lanes.load(dh + j);
            if (dy) d = d + lanes.load(dy + j);
            const V carry = fma(d * o, one - t * t, lanes.load(dc + j));
            const V di = carry * g * i * (one - i), df = carry * ct * f * (one - f);
            const V dg = carry * i * (one - g * g), d_o = d * t * o * (one - o);
            lanes.store(dc + j, carry * f);
            lanes.store(dh + j, V(T(0)));
            lanes.store(dgates + j, di), lanes.store(dgates + units + j, df);
            lanes.store(dgates + 2 * units + j, dg), lanes.store(dgates + 3 * units + j, d_o);
            lanes.store(sums + j, lanes.load(sums + j) + di);
            lanes.store(sums + units + j, lanes.load(sums + units + j) + df);
            lanes.store(sums + 2 * units + j, lanes.load(sums + 2 * units + j) + dg);
            lanes.store(sums + 3 * units + j, lanes.load(sums + 3 * units + j) + d_o);
        });
    }

    // Bias of the input products; that of a recurrent product that stands for itself.
    template <class T>
    FK_VEC const T* input_bias(const T* bias, int64_t, T*) {
        return bias;
    }
    template <class T>
    FK_VEC const T* own_bias(const T*, int64_t) {
        return nullptr;
    }
    template <class T>
    FK_VEC void bias_gradient(const T* sums, int64_t units, T* dbias) {
        for (int64_t j = 0; j < 4 * units; ++j) dbias[j] = sums[j];
    }
};

// The fourth gate is h R_n + b_hn, which r multiplies. Backward the third is its gradient and the fourth that of
// x W_n: the recurrent products then take the first three, the input products the first two and the last.
struct Gru {
    static constexpr int64_t gates = 3;
    static constexpr bool has_carry = false;
    static constexpr Part input[] = {{0, 0, 2}, {3, 2, 1}}, recurrent[] = {{0, 0, 3}};
    static constexpr Part steps[] = {{0, 0, 1}, {1, 1, 1}, {3, 2, 1}};

    template <class T>
    FK_VEC void forward(int64_t n, int64_t units, T* gates, const T* h, const T*, T* new_h, T*, bool save) {
        using V = VecOf<T>;
        for_each_vector<T>(n, [&](int64_t j, auto lanes) [[gnu::always_inline]] {
            const V z = sigmoid(lanes.load(gates + j)), r = sigmoid(lanes.load(gates + units + j));
            const V inner = lanes.load(gates + 3 * units + j);
            const V m = quick_tanh(fma(r, inner, lanes.load(gates + 2 * units + j)));
            if (save) {
                lanes.store(gates + j, z), lanes.store(gates + units + j, r);
                lanes.store(gates + 2 * units + j, m);
            }
            lanes.store(new_h + j, fma(z, lanes.load(h + j) - m, m));
        });
    }

    template <class T>
    FK_VEC void backward(int64_t n, int64_t units, const T* gates, const T* h, const T*, const T*, const T* dy, T* dh,
                         T*, T* dgates, T* sums) {
        using V = VecOf<T>;
        for_each_vector<T>(n, [&](int64_t j, auto lanes) [[gnu::always_inline]] {
            const V one(T(1)), z = lanes.load(gates + j), r = lanes.load(gates + units + j);
            const V m = lanes.load(gates + 2 * units + j), inner = lanes.load(gates + 3 * units + j);
            V d = lanes.load(dh + j);
            if (dy) d = d + lanes.load(dy + j);
            const V dz = d * (lanes.load(h + j) - m) * z * (one - z), dm = d * (one - z) * (one - m * m);
            const V dr = dm * inner * r * (one - r), dinner = dm * r;
            lanes.store(dh + j, d * z);
            lanes.store(dgates + j, dz), lanes.store(dgates + units + j, dr);
            lanes.store(dgates + 2 * units + j, dinner), lanes.store(dgates + 3 * units + j, dm);
            lanes.store(sums + j, lanes.load(sums + j) + dz);
            lanes.store(sums + units + j, lanes.load(sums + units + j) + dr);
            lanes.store(sums + 2 * units + j, lanes.load(sums + 2 * units + j) + dinner);
            lanes.store(sums + 3 * units + j, lanes.load(sums + 3 * units + j) + dm);
        });
    }

    template <class T>
    FK_VEC const T* input_bias(const T* bias, int64_t units, T* memory) {
        if (!bias) return nullptr;
        for (int64_t j = 0; j < 3 * units; ++j) memory[j] = bias[j] + (j < 2 * units ? bias[3 * units + j] : T(0));
        return memory;
    }
    template <class T>
    FK_VEC const T* own_bias(const T* bias, int64_t units) {
        return bias ? bias + 5 * units : nullptr;
    }
    template <class T>
    FK_VEC void bias_gradient(const T* sums, int64_t units, T* dbias) {
        for (int64_t j = 0; j < 3 * units; ++j) {
            dbias[j] = sums[j < 2 * units ? j : j + units];
            dbias[3 * units + j] = sums[j];
        }
    }
};

// --- what a step is made of ---

// (batch, steps, width) to (steps [first, first + count), batch, width), or the other way.
template <class T>
void by_step(const Recurrence& r, int64_t width, int64_t first, int64_t count, T* rows, T* x, bool back) {
    const int64_t grain = most(1, 16384 / most(1, width));
    parallel_for(count * r.batch, grain, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
            const int64_t s = first + i / r.batch, t = r.reverse ? r.steps - 1 - s : s;
            T *row = rows + i * width, *at = x + (i % r.batch * r.steps + t) * width;
            back ? __builtin_memcpy(at, row, size_t(width) * sizeof(T))
                 : __builtin_memcpy(row, at, size_t(width) * sizeof(T));
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

// c (+)= a b + bias for one row: the same chains of multiply-adds as in a tile, several vectors at a time because a
// tile of one row waits for its own two sums.
template <int kVectors, class T>
FK_VEC void row_product(int64_t k, const T* a, const T* b, int64_t b_row, int64_t last, bool accumulate, const T* bias,
                        T* c) {
    using L = Lanes<T>;
    using V = typename L::V;
    const auto at = [&](const T* p, int v) [[gnu::always_inline]] {
        return v + 1 < kVectors || last == L::count ? L::load(p + v * L::count) : L::load(p + v * L::count, last);
    };
    V sum[kVectors];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) sum[v] = accumulate ? at(c, v) : V(T(0));
    for (int64_t p = 0; p < k; ++p, b += b_row) {
        const V x(a[p]);
#pragma GCC unroll 8
        for (int v = 0; v < kVectors; ++v) sum[v] = fma(x, at(b, v), sum[v]);
    }
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
        if (bias) sum[v] = sum[v] + at(bias, v);
        if (v + 1 < kVectors || last == L::count)
            L::store(c + v * L::count, sum[v]);
        else
            L::store(c + v * L::count, sum[v], last);
    }
}
// The same for all columns, in blocks. They lie in rows of b, or (b_row 0) one block after the other, as pack_blocks
// leaves them. With `back` the last block comes first: a walk to and fro meets in L1 what it read last, where going
// round would always come too late (64 KB of weights, LSTM of 64 units: 118 -> 97 us for 100 steps, together with
// reading in one stream). Blocks of 64 floats by as many rows are half an L1.
template <int kVectors = 64 / kLanes, class T>
FK_VEC void row_times(int64_t k, int64_t n, const T* a, const T* b, int64_t b_row, bool back, bool accumulate,
                      const T* bias, T* c, int64_t begin = 0) {
    constexpr int64_t lanes = Lanes<T>::count, columns = kVectors * lanes;
    const int64_t blocks = kVectors == 1 ? (n - begin + lanes - 1) / lanes : (n - begin) / columns;
    const auto product = [&](int64_t i) [[gnu::always_inline]] {
        const int64_t j = begin + i * columns, width = least(n - j, columns);
        row_product<kVectors>(k, a, b + (b_row ? j : j * k), b_row ? b_row : width, width - (kVectors - 1) * lanes,
                              accumulate, bias ? bias + j : nullptr, c + j);
    };
    for (int64_t i = 0; !back && i < blocks; ++i) product(i);
    if constexpr (kVectors > 1)
        row_times<kVectors / 2>(k, n, a, b, b_row, back, accumulate, bias, c, begin + blocks * columns);
    for (int64_t i = blocks; back && i > 0; --i) product(i - 1);
}
template <int kVectors = 64 / kLanes, class T>
FK_VEC void pack_blocks(int64_t k, int64_t n, const T* b, int64_t b_row, T* to, int64_t begin = 0) {
    constexpr int64_t columns = kVectors * Lanes<T>::count;
    int64_t j = begin;
    for (; kVectors == 1 ? j < n : j + columns <= n; j += columns)
        for (int64_t p = 0, width = least(n - j, columns); p < k; ++p)
            __builtin_memcpy(to + j * k + p * width, b + p * b_row + j, size_t(width) * sizeof(T));
    if constexpr (kVectors > 1) pack_blocks<kVectors / 2>(k, n, b, b_row, to, j);
}

// Units of a step that one thread takes: all of them, unless the samples are one chunk and the step is large.
template <class P, class Cell>
int64_t units_per_piece(const Recurrence& r) {
    if (kSteps<P> > 1) return r.units;  // a chunk makes the pairs of its rows
    const double flops = 2.0 * double(least(r.batch, 16)) * double(r.units) * double(Cell::gates);  // per unit
    const int64_t piece = most(1, int64_t(kPieceFlops / flops) / kGemmPad) * kGemmPad;
    return piece < r.units && r.batch <= recurrent_chunk(r) ? piece : r.units;
}

// Are the weights copied to blocks for the one sample? From 8 steps on the copy is paid for.
FK_VEC bool blocks_packed(const Recurrence& r, int64_t piece) {
    return r.batch == 1 && r.steps >= 8 && piece == r.units;
}

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

template <class Cell, class P, class T>
void forward_rows(const Recurrence& r, const RecurrentForward<T>& f, const P* packed, P* copy, const Step<T>& s,
                  int64_t begin, int64_t end, int64_t first, int64_t last) {
    const int64_t units = r.units, width = 4 * units, columns = Cell::gates * units, n = last - first;
    const int64_t k = units / kSteps<P>;
    const Rows<P> h = rows_of(s.h + begin * units, units, end - begin, units, copy + begin * k);
    const auto add_product = [&](const Part& part) {
        const bool own = part.gate >= Cell::gates;
        const T* bias = own ? Cell::own_bias(f.bias, units) : nullptr;
        T* c = s.gates + begin * width + part.gate * units + first;
        if (r.batch == 1) {
            const bool in_blocks = blocks_packed(r, n);
            row_times(units, (part.count - 1) * units + n, s.h,
                      in_blocks ? reinterpret_cast<const T*>(packed) + part.weight * units * units
                                : f.recurrent + part.weight * units + first,
                      in_blocks ? 0 : columns, s.step % 2 != 0, !own, bias ? bias + first : nullptr, c);
            return;
        }
        const BrgemmPair<P> pair{h.a, packed + part.weight * packed_size<P>(units, units) + first * k};
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
    if (r.steps > 1 && r.batch == 1 && n == units)
        for (const Part& part : Cell::input) add_product(part);
    else if (r.steps > 1)
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
    const int64_t units = r.units, width = 4 * units, columns = Cell::gates * units, state = r.batch * units;
    const RecurrentScratch at = recurrent_scratch(r, false);
    T* memory = static_cast<T*>(f.scratch);
    T *x = memory + at.x, *hs = r.save ? f.hs : memory + at.h;
    T* cs = r.save ? f.cs : memory + at.c;
    P *packed = reinterpret_cast<P*>(memory + at.packed), *copy = reinterpret_cast<P*>(memory + at.pairs);
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
    if (r.steps > 1 && r.batch > 1)
        for (int64_t g = 0; g < Cell::gates; ++g)
            pack(f.recurrent + g * units, columns, 1, units, units, packed + g * packed_size<P>(units, units));
    const T* bias = Cell::input_bias(f.bias, units, memory + at.sums);
    const int64_t span = recurrent_span(r), chunk = recurrent_chunk(r), piece = units_per_piece<P, Cell>(r);
    for (int64_t first = 0; first < r.steps; first += span) {
        const int64_t count = least(span, r.steps - first), rows = count * r.batch;
        T* gates = r.save ? f.gates + first * r.batch * width : memory + at.gates;
        by_step(r, r.features, first, count, x, const_cast<T*>(f.x), false);
        product(rows, r.features, {0, 0, Cell::gates}, false, x, f.kernel, bias, gates);
        if (r.steps == 1)
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
                    forward_rows<Cell>(r, f, packed, copy, step, begin, end, from, to);
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
    const int64_t units = r.units, width = 4 * units, n = last - first, state = r.batch * units;
    const int64_t t = r.reverse ? r.steps - 1 - s : s, group = recurrent_group(r.batch);
    for (int64_t i = begin; i < end; ++i) {
        const bool keep = f.mask && !f.mask[i * r.steps + t];
        const int64_t at = i * units + first, row = (s * r.batch + i) * width + first;
        const T* dy = nullptr;
        if (f.dy && !(keep && r.zero_masked) && (r.sequences || s + 1 == r.steps))
            dy = f.dy + (r.sequences ? i * r.steps + s : i) * units + first;
        if (keep) {
            for (int64_t j = 0; dy && j < n; ++j) f.dh0[at + j] += dy[j];
            for (int64_t g = 0; g < 4; ++g) __builtin_memset(dgates + row + g * units, 0, size_t(n) * sizeof(T));
            continue;
        }
        const T *h = f.hs + s * state + at, *c = Cell::has_carry ? f.cs + s * state + at : nullptr;
        Cell::backward(n, units, f.gates + row, h, c, Cell::has_carry ? c + state : nullptr, dy, f.dh0 + at,
                       Cell::has_carry ? f.dc0 + at : nullptr, dgates + row, sums + i / group * width + first);
    }
}

template <class Cell, class P, class T>
void backward(const Recurrence& r, const RecurrentBackward<T>& f) {
    const int64_t units = r.units, width = 4 * units, columns = Cell::gates * units, state = r.batch * units;
    const int64_t rows = r.steps * r.batch, part_size = packed_size<P>(units, units);
    const RecurrentScratch at = recurrent_scratch(r, true);
    T* memory = static_cast<T*>(f.scratch);
    T *x = memory + at.x, *dgates = memory + at.gates, *sums = memory + at.sums;
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
                const Rows<P> rows =
                    rows_of(dgates + (s * r.batch + begin) * width, width, end - begin, width, copy + begin * 4 * k);
                BrgemmPair<P> pairs[4];
                for (int64_t g = 0; g < Cell::gates; ++g)
                    pairs[g] = {rows.a + g * k, packed + g * part_size + from * k};
                run_brgemm(Brgemm<P>{.m = end - begin,
                                     .n = to - from,
                                     .k = k,
                                     .a_row = rows.row,
                                     .a_col = 1,
                                     .b_row = kPanel<P>,
                                     .b_panel = k * kPanel<P>,
                                     .c_row = units,
                                     .b_padded = true,
                                     .accumulate = true},
                           pairs, Cell::gates, f.dh0 + begin * units + from);
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
    for (const Part& part : Cell::recurrent) weights(f.hs, units, part, f.drecurrent);
    by_step(r, r.features, 0, r.steps, x, const_cast<T*>(f.x), false);
    for (const Part& part : Cell::input) weights(x, r.features, part, f.dkernel);
    if (!f.dx) return;
    for (const Part& part : Cell::input) {
        Gemm g;
        g.m = rows, g.n = r.features, g.k = part.count * units;
        g.a_row = width, g.a_col = 1, g.b_row = 1, g.b_col = columns, g.c_row = r.features;
        g.accumulate = part.weight > 0, g.threads = r.threads, g.planes = planes_of(r, g);
        run_gemm(g, dgates + part.gate * units, f.kernel + part.weight * units, nullptr, x, products);
    }
    by_step(r, r.features, 0, r.steps, x, f.dx, true);
}

}  // namespace

#define FK_RECURRENT(name, Cell)                                                   \
    void name##_f32(const Recurrence& r, const RecurrentForward<float>& f) {       \
        if constexpr (kMultipliesBfloat16)                                         \
            if (as_pairs(r)) return forward<Cell, Bf16Pair>(r, f);                 \
        forward<Cell, float>(r, f);                                                \
    }                                                                              \
    void name##_grad_f32(const Recurrence& r, const RecurrentBackward<float>& f) { \
        if constexpr (kMultipliesBfloat16)                                         \
            if (as_pairs(r)) return backward<Cell, Bf16Pair>(r, f);                \
        backward<Cell, float>(r, f);                                               \
    }
FK_RECURRENT(lstm, Lstm)
FK_RECURRENT(gru, Gru)
#undef FK_RECURRENT

#ifndef FK_BASE
#define FK_RECURRENT(name, Cell)                                                                             \
    void name##_f64(const Recurrence& r, const RecurrentForward<double>& f) { forward<Cell, double>(r, f); } \
    void name##_grad_f64(const Recurrence& r, const RecurrentBackward<double>& f) { backward<Cell, double>(r, f); }
FK_RECURRENT(lstm, Lstm)
FK_RECURRENT(gru, Gru)
#undef FK_RECURRENT
#endif

}  // namespace fk::FK_ISA
