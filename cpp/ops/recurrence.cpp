// Recurrent layers over whole sequences.
//   lstm(x, h0, c0, kernel, recurrent, [bias,] [mask,] [x_pattern,] [h_pattern]; bias, mask, reverse, sequences,
//   zero_masked, save, x_pattern, h_pattern, relu)
//     -> y, h, c, gates, hs, cs
//   gru, simple_rnn(x, h0, kernel, recurrent, [bias,] ...; the same) -> y, h, gates, hs
//   x (batch, steps, features), mask (batch, steps) of bool: False keeps the state. y (batch, steps, units) or, without
//   `sequences`, (batch, units); what follows the states is for the gradient, and empty without `save`.
//   x_pattern (gates, batch, features), h_pattern (gates, batch, units): what the products of each gate see multiplied.
//   lstm_grad, gru_grad, simple_rnn_grad(x, kernel, recurrent, [mask,] [x_pattern,] [h_pattern,] gates, hs, [cs,] [dy,]
//   [dh,] [dc]; bias, mask ..., dy, dh, dc, dx)
//     -> dx (empty without the attribute), dh0, [dc0,] dkernel, drecurrent, dbias (empty without bias)
//   lstm_cell(x, h, c, kernel, recurrent, [bias]; bias) -> h, c: one step
#include "kernels/products/recurrence.h"

#include <algorithm>

#include "ops/by_type.h"
#include "ops/planes.h"
#include "ops/rules.h"

namespace fk {
namespace {

struct Cell {
    const char *name, *gradient;
    int64_t gates;
    bool carry;
    int64_t biases;  // rows of gates in the bias
    int64_t width;   // gates of a row that is kept for the gradient
};
constexpr Cell kLstm{"lstm", "lstm_grad", 4, true, 1, 4}, kGru{"gru", "gru_grad", 3, false, 2, 4};
constexpr Cell kSimple{"simple_rnn", "simple_rnn_grad", 1, false, 1, 1};

// Where the inputs are; 0 stands for none.
struct Inputs {
    size_t h, c, kernel, recurrent, bias, mask, x_pattern, h_pattern, count;
    Inputs(const Cell& cell, const Attrs& attrs) : h(1), c(cell.carry ? 2 : 0), kernel(h + 1 + cell.carry) {
        recurrent = kernel + 1, count = recurrent + 1;
        bias = attrs.flag("bias") ? count++ : 0;
        mask = attrs.flag("mask") ? count++ : 0;
        x_pattern = attrs.flag("x_pattern", false) ? count++ : 0;
        h_pattern = attrs.flag("h_pattern", false) ? count++ : 0;
    }
};

Recurrence recurrence(const Cell& cell, const Attrs& attrs, const TensorType& type, int64_t units) {
    const Shape& x = type.shape;
    return {x[0],
            x[1],
            x[2],
            units,
            cell.width,
            attrs.flag("relu", false),
            attrs.flag("reverse"),
            attrs.flag("sequences"),
            attrs.flag("zero_masked"),
            attrs.flag("save"),
            std::min(64, num_threads()),
            planes_of(attrs, type.dtype),
            attrs.flag("split", false),
            attrs.flag("h_pattern", false)};
}

// --- forward ---

std::vector<TensorType> infer(const Cell& cell, const Call& call) {
    const Inputs at(cell, call.attrs);
    check(call.in.size() == at.count, "[", cell.name, "] takes ", at.count, " tensors. Received: ", call.in.size());
    const TensorType& x = call.in[0];
    check_float(x, cell.name);
    check(x.shape.rank() == 3, "[", cell.name, "] x must be (batch, steps, features). Received: x.shape=", x.shape);
    check(x.shape[1] > 0, "[", cell.name, "] there must be at least one time step. Received: x.shape=", x.shape);
    check(call.in[at.recurrent].shape.rank() == 2, "[", cell.name,
          "] the recurrent kernel must be a matrix. Received: shape ", call.in[at.recurrent].shape);
    const int64_t batch = x.shape[0], units = call.in[at.recurrent].shape[0], columns = cell.gates * units;
    const auto expect = [&](size_t i, const char* what, const Shape& shape, DType dtype) {
        if (i == 0) return;
        check(call.in[i].shape == shape, "[", cell.name, "] ", what, " must have the shape ", shape,
              ". Received: ", call.in[i].shape);
        if (call.in[i].dtype != dtype)
            fail<TypeError>("[", cell.name, "] ", what, " must be ", name_of(dtype),
                            ". Received: dtype=", name_of(call.in[i].dtype));
    };
    expect(at.h, "the initial state", {batch, units}, x.dtype);
    expect(at.c, "the initial carry", {batch, units}, x.dtype);
    expect(at.kernel, "the kernel", {x.shape[2], columns}, x.dtype);
    expect(at.recurrent, "the recurrent kernel", {units, columns}, x.dtype);
    expect(at.bias, "the bias", cell.biases == 1 ? Shape{columns} : Shape{cell.biases, columns}, x.dtype);
    expect(at.mask, "the mask", {batch, x.shape[1]}, DType::boolean);
    expect(at.x_pattern, "the pattern of the inputs", {cell.gates, batch, x.shape[2]}, x.dtype);
    expect(at.h_pattern, "the pattern of the state", {cell.gates, batch, units}, x.dtype);

    const int64_t steps = x.shape[1];
    const bool save = call.attrs.flag("save");
    const TensorType state{x.dtype, {batch, units}};
    const TensorType gates{x.dtype, save ? Shape{steps, batch, cell.width * units} : Shape{0}},
        states{x.dtype, save ? Shape{1 + steps, batch, units} : Shape{0}};
    const TensorType y = call.attrs.flag("sequences") ? TensorType{x.dtype, {batch, steps, units}} : state;
    if (cell.carry) return {y, state, state, gates, states, states};
    return {y, state, gates, states};
}

Kernel kernel(const Cell& cell, const Call& call) {
    const Inputs at(cell, call.attrs);
    const Recurrence r = recurrence(cell, call.attrs, call.in[0], call.in[at.recurrent].shape[0]);
    Gemm largest;  // its scratch is enough for every product of the kernel
    largest.m = recurrent_span(r) * r.batch, largest.n = cell.gates * r.units;
    largest.k = std::max(r.features, r.units), largest.threads = r.threads, largest.planes = r.planes;
    return by_type(call.in[0].dtype, [&](auto zero) -> Kernel {
        using T = decltype(zero);
        const auto run = [=, carry = cell.carry, gates = cell.gates](const void* const* in, void* const* out,
                                                                     void* scratch) {
            RecurrentForward<T> f{};
            f.x = input<T>(in, 0), f.h0 = input<T>(in, at.h), f.c0 = carry ? input<T>(in, at.c) : nullptr;
            f.kernel = input<T>(in, at.kernel), f.recurrent = input<T>(in, at.recurrent);
            f.bias = at.bias ? input<T>(in, at.bias) : nullptr;
            f.mask = at.mask ? input<bool>(in, at.mask) : nullptr;
            f.x_pattern = at.x_pattern ? input<T>(in, at.x_pattern) : nullptr;
            f.h_pattern = at.h_pattern ? input<T>(in, at.h_pattern) : nullptr;
            f.y = output<T>(out, 0), f.h = output<T>(out, 1), f.c = carry ? output<T>(out, 2) : nullptr;
            f.gates = output<T>(out, 2 + carry), f.hs = output<T>(out, 3 + carry);
            f.cs = carry ? output<T>(out, 5) : nullptr;
            f.scratch = scratch;
            if (gates == kLstm.gates)
                FK_BY_TYPE(T, lstm, r, f);
            else if (gates == kGru.gates)
                FK_BY_TYPE(T, gru, r, f);
            else
                FK_BY_TYPE(T, simple_rnn, r, f);
        };
        return {run, size_t(recurrent_scratch(r, false).products) * sizeof(T) + gemm_scratch_bytes(largest, sizeof(T))};
    });
}

std::vector<Tensor> gradient(const Cell& cell, const Gradient& g) {
    const Inputs at(cell, g.attrs);
    const size_t states = 1 + cell.carry;
    std::vector<Tensor> d(g.in.size()), out(g.out.begin(), g.out.end());
    Attrs attrs = g.attrs;
    if (!attrs.flag("save")) {  // a gradient that nobody announced: once more, and keep everything
        attrs.set("save", true);
        out = call_all(cell.name, {g.in.begin(), g.in.end()}, attrs);
    }
    std::vector<Tensor> in{g.in[0], g.in[at.kernel], g.in[at.recurrent]};
    for (const size_t i : {at.mask, at.x_pattern, at.h_pattern})
        if (i) in.push_back(g.in[i]);
    in.insert(in.end(), out.begin() + 1 + states, out.end());
    static constexpr const char* kFlags[] = {"dy", "dh", "dc"};
    for (size_t i = 0; i < 3; ++i) {
        const bool flows = i <= states && g.dout[i];
        attrs.set(kFlags[i], flows);
        if (flows) in.push_back(g.dout[i]);
    }
    if (!attrs.flag("dy") && !attrs.flag("dh") && !attrs.flag("dc")) return d;
    attrs.set("dx", bool(g.needs[0]));
    const auto found = call_all(cell.gradient, in, attrs);
    if (g.needs[0]) d[0] = found[0];
    d[at.h] = found[1];
    if (cell.carry) d[at.c] = found[2];
    d[at.kernel] = found[1 + states], d[at.recurrent] = found[2 + states];
    if (at.bias) d[at.bias] = found[3 + states];
    return d;
}

// --- backward ---

std::vector<TensorType> infer_grad(const Cell& cell, const Call& call) {
    const TensorType &x = call.in[0], &kernel = call.in[1], &recurrent = call.in[2];
    const int64_t columns = recurrent.shape[1];
    const TensorType state{x.dtype, {x.shape[0], recurrent.shape[0]}};
    std::vector<TensorType> out{call.attrs.flag("dx") ? x : TensorType{x.dtype, {0}}, state};
    if (cell.carry) out.push_back(state);
    out.insert(out.end(), {kernel, recurrent});
    const Shape bias = cell.biases == 1 ? Shape{columns} : Shape{cell.biases, columns};
    out.push_back({x.dtype, call.attrs.flag("bias") ? bias : Shape{0}});
    return out;
}

Kernel kernel_grad(const Cell& cell, const Call& call) {
    const Recurrence r = recurrence(cell, call.attrs, call.in[0], call.in[2].shape[0]);
    size_t count = 3;
    const auto next = [&](bool there) { return there ? count++ : 0; };
    const bool carry = cell.carry;
    const size_t mask = next(call.attrs.flag("mask"));
    const size_t x_pattern = next(call.attrs.flag("x_pattern", false));
    const size_t h_pattern = next(call.attrs.flag("h_pattern", false));
    const size_t gates = next(true), hs = next(true), cs = next(carry);
    const size_t dy = next(call.attrs.flag("dy")), dh = next(call.attrs.flag("dh")), dc = next(call.attrs.flag("dc"));
    const bool dx = call.attrs.flag("dx"), bias = call.attrs.flag("bias");
    const int64_t rows = r.steps * r.batch, columns = cell.gates * r.units, widest = std::max(r.features, r.units);
    Gemm largest;
    largest.m = std::max(rows, widest), largest.n = std::max(columns, r.features);
    largest.k = std::max(rows, columns), largest.threads = r.threads, largest.planes = r.planes;
    return by_type(call.in[0].dtype, [&](auto zero) -> Kernel {
        using T = decltype(zero);
        const auto run = [=, kind = cell.gates](const void* const* in, void* const* out, void* scratch) {
            const auto optional = [&](size_t i) { return i ? input<T>(in, i) : nullptr; };
            RecurrentBackward<T> f{};
            f.x = input<T>(in, 0), f.kernel = input<T>(in, 1), f.recurrent = input<T>(in, 2);
            f.mask = mask ? input<bool>(in, mask) : nullptr;
            f.x_pattern = optional(x_pattern), f.h_pattern = optional(h_pattern);
            f.gates = input<T>(in, gates), f.hs = input<T>(in, hs), f.cs = optional(cs);
            f.dy = optional(dy), f.dh = optional(dh), f.dc = optional(dc);
            f.dx = dx ? output<T>(out, 0) : nullptr;
            f.dh0 = output<T>(out, 1), f.dc0 = carry ? output<T>(out, 2) : nullptr;
            f.dkernel = output<T>(out, 2 + carry), f.drecurrent = output<T>(out, 3 + carry);
            f.dbias = bias ? output<T>(out, 4 + carry) : nullptr;
            f.scratch = scratch;
            if (kind == kLstm.gates)
                FK_BY_TYPE(T, lstm_grad, r, f);
            else if (kind == kGru.gates)
                FK_BY_TYPE(T, gru_grad, r, f);
            else
                FK_BY_TYPE(T, simple_rnn_grad, r, f);
        };
        return {run, size_t(recurrent_scratch(r, true).products) * sizeof(T) + gemm_scratch_bytes(largest, sizeof(T))};
    });
}

std::vector<Tensor> no_second_derivative(const Gradient&) {
    fail("[rnn] the fused LSTM, GRU and SimpleRNN have no second derivative. Use unroll=True");
}

// --- one step ---

Attrs one_step(const Attrs& attrs) {
    Attrs one{{"bias", attrs.flag("bias")}, {"mask", false},        {"reverse", false},
              {"sequences", false},         {"zero_masked", false}, {"save", false}};
    one.set("planes", attrs.integer("planes", 3));
    one.set("split", attrs.flag("split", false));
    return one;
}

// As the lstm of a sequence of one step.
struct OneStep {
    Attrs attrs;
    std::vector<TensorType> in, out;
    explicit OneStep(const Call& c) : attrs(one_step(c.attrs)), in(c.in.begin(), c.in.end()) {
        check(!in.empty() && in[0].shape.rank() == 2,
              "[lstm_cell] x must be (batch, features). Received: ", in.empty() ? Shape{} : in[0].shape);
        in[0].shape = {in[0].shape[0], 1, in[0].shape[1]};
        out = infer(kLstm, {attrs, in, {}});
    }
};

std::vector<TensorType> infer_cell(const Call& call) {
    const OneStep step(call);
    return {step.out[1], step.out[2]};
}

Kernel kernel_cell(const Call& call) {
    const OneStep step(call);
    Kernel whole = kernel(kLstm, {step.attrs, step.in, step.out});
    return {[run = std::move(whole.run)](const void* const* in, void* const* out, void* scratch) {
                // y is h once more: both are written to one place
                void* const all[] = {out[0], out[0], out[1], nullptr, nullptr, nullptr};
                run(in, all, scratch);
            },
            whole.scratch_bytes};
}

std::vector<Tensor> gradient_cell(const Gradient& g) {
    std::vector<Tensor> in(g.in.begin(), g.in.end());
    const Shape x = in[0]->shape;
    in[0] = call("reshape", {in[0]}, {{"shape", std::vector<int64_t>{x[0], 1, x[1]}}});
    Attrs attrs = one_step(g.attrs);
    attrs.set("save", true);
    const std::vector<Tensor> out = call_all("lstm", in, attrs),
                              dout{nullptr, g.dout[0], g.dout[1], nullptr, nullptr, nullptr};
    std::vector<Tensor> d = gradient(kLstm, {attrs, in, out, dout, g.needs});
    if (d[0]) d[0] = call("reshape", {d[0]}, {{"shape", x.vec()}});
    return d;
}

}  // namespace

#define FK_RECURRENT_OPS(name, cell)                                                                       \
    FK_OP(                                                                                                 \
        name, .infer = [](const Call& call) { return infer(cell, call); },                                 \
        .kernel = [](const Call& call) { return kernel(cell, call); },                                     \
        .gradient = [](const Gradient& g) { return gradient(cell, g); }, .widens = true, .products = true) \
    FK_OP(                                                                                                 \
        name##_grad, .infer = [](const Call& call) { return infer_grad(cell, call); },                     \
        .kernel = [](const Call& call) { return kernel_grad(cell, call); }, .gradient = no_second_derivative)
FK_RECURRENT_OPS(lstm, kLstm)
FK_RECURRENT_OPS(gru, kGru)
FK_RECURRENT_OPS(simple_rnn, kSimple)
FK_OP(lstm_cell, .infer = infer_cell, .kernel = kernel_cell, .gradient = gradient_cell, .widens = true,
      .products = true)

}  // namespace fk
