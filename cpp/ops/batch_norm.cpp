// batch_norm(x, [gamma,] [beta]; axis, epsilon, scale, offset) -> y, mean, variance
//   y = (x - mean) / sqrt(variance + epsilon) gamma + beta, moments per channel (`axis`) over all other axes
//   with `activation` (relu, relu6) of that, which epilogue fusion makes of a layer
// batch_norm_grad(x, [gamma,] mean, variance, dy; axis, epsilon, scale) -> dx, dgamma, dbeta
// batch_norm_relu_grad(dy, y, x, [gamma,] mean, variance; ..., activation): dy is the gradient of the activation's
// result
//   y; with the attribute `made`, beta takes the place of y, which is told from x instead of read
#include "ops/batch_norm.h"

#include <numeric>

namespace fk {
namespace {

int axis_of(const Call& call) {
    return normalize_axis(call.attrs.integer("axis"), call.in[0].shape.rank(), "batch_normalization");
}

BatchShape shape_of(const Call& call) { return batch_shape(call.in[0].shape, axis_of(call)); }

// The table, then four rows of coefficients.
size_t table_bytes(const Call& call) {
    const BatchShape s = shape_of(call);
    return size_t(s.table() + 4 * s.channels) * size_of(call.in[0].dtype);
}

std::vector<TensorType> infer(const Call& call) {
    check_float(call.in[0], "batch_normalization");
    const TensorType channel{call.in[0].dtype, {call.in[0].shape[axis_of(call)]}};
    check(call.in.size() == 1 + Affine(call.attrs).count(),
          "[batch_normalization] takes x, gamma and beta. Received: ", call.in.size(), " tensors");
    for (const TensorType& t : call.in.subspan(1))
        check(t == channel, "[batch_normalization] gamma and beta must have the shape ", channel.shape, " and dtype ",
              name_of(channel.dtype), ". Received: ", t.shape, " ", name_of(t.dtype));
    return {call.in[0], channel, channel};
}

Kernel kernel(const Call& call) {
    return by_type(
        call.in[0].dtype, [&, s = shape_of(call), epsilon = call.attrs.number("epsilon")](auto zero) -> Kernel {
            using T = decltype(zero);
            return {[=, has = Affine(call.attrs), clip = clip_of(call.attrs)](const void* const* in, void* const* out,
                                                                              void* scratch) {
                        T *table = static_cast<T*>(scratch), *mean = output<T>(out, 1), *variance = output<T>(out, 2);
                        const BatchNorm<T> b{s,
                                             T(epsilon),
                                             clip,
                                             input<T>(in, 0),
                                             has.scale ? input<T>(in, 1) : nullptr,
                                             has.offset ? input<T>(in, has.count()) : nullptr,
                                             mean,
                                             variance,
                                             table + s.table()};
                        FK_BY_TYPE(T, batch_sums, table, b.x, s);
                        FK_BY_TYPE(T, batch_moments, mean, variance, table, s);
                        FK_BY_TYPE(T, batch_apply, output<T>(out, 0), b);
                    },
                    table_bytes(call)};
        });
}

std::vector<Tensor> gradient(const Gradient& g) {
    const Affine has(g.attrs);
    const Tensor &x = g.in[0], &mean = g.out[1];
    const int axis = normalize_axis(g.attrs.integer("axis"), x->shape.rank(), "batch_normalization");
    std::vector<Tensor> d(g.in.size());
    if (g.dout[0]) {
        std::vector<Tensor> in{x};
        if (has.scale) in.push_back(g.in[1]);
        in.insert(in.end(), {mean, g.out[2], g.dout[0]});
        const auto found = call_all("batch_norm_grad", in, g.attrs);
        d[0] = found[0];
        if (has.scale) d[1] = found[1];
        if (has.offset) d[has.count()] = found[2];
    }
    // What flows into the moments themselves: dmean / N + dvariance 2 (x - mean) / N.
    std::vector<int64_t> channel(x->shape.rank(), 1);
    channel[axis] = x->shape[axis];
    const auto along = [&](const Tensor& t) { return call("reshape", {t}, {{"shape", channel}}); };
    const double n = double(x->shape.count()) / double(x->shape[axis]);
    const auto add = [&](const Tensor& t) { d[0] = d[0] ? d[0] + t : t; };
    if (g.dout[2]) add(along((2 / n) * g.dout[2]) * (x - along(mean)));
    if (g.dout[1]) add(call("broadcast_to", {along((1 / n) * g.dout[1])}, {{"shape", x->shape.vec()}}));
    return d;
}

std::vector<TensorType> infer_grad(const Call& call) {
    const TensorType channel{call.in[0].dtype, {call.in[0].shape[axis_of(call)]}};
    return {call.in[0], channel, channel};
}

template <class T>
void run_grad(const BatchNorm<T>& b, void* const* out, T* table) {
    T *dgamma = output<T>(out, 1), *dbeta = output<T>(out, 2);
    FK_BY_TYPE(T, batch_products, table, b);
    FK_BY_TYPE(T, batch_slopes, dgamma, dbeta, table, b);
    FK_BY_TYPE(T, batch_input_grad, output<T>(out, 0), dgamma, dbeta, double(b.shape.outer()) * double(b.shape.inner),
               b);
}

Kernel kernel_grad(const Call& call) {
    return by_type(
        call.in[0].dtype, [&, s = shape_of(call), epsilon = call.attrs.number("epsilon")](auto zero) -> Kernel {
            using T = decltype(zero);
            return {
                [=, scale = size_t(Affine(call.attrs).scale)](const void* const* in, void* const* out, void* scratch) {
                    T* table = static_cast<T*>(scratch);
                    run_grad<T>({s,
                                 T(epsilon),
                                 {},
                                 input<T>(in, 0),
                                 scale ? input<T>(in, 1) : nullptr,
                                 nullptr,
                                 input<T>(in, 1 + scale),
                                 input<T>(in, 2 + scale),
                                 table + s.table(),
                                 input<T>(in, 3 + scale)},
                                out, table);
                },
                table_bytes(call)};
        });
}

std::vector<Tensor> gradient_grad(const Gradient& g) {
    const Tensor& x = g.in[0];
    const bool scale = g.attrs.flag("scale");
    const int axis = normalize_axis(g.attrs.integer("axis"), x->shape.rank(), "batch_normalization");
    std::vector<int64_t> channel(x->shape.rank(), 1), others;
    channel[axis] = x->shape[axis];
    for (int a = 0; a < x->shape.rank(); ++a)
        if (a != axis) others.push_back(a);
    const auto along = [&](const Tensor& t) { return t ? call("reshape", {t}, {{"shape", channel}}) : nullptr; };
    const NormDerivatives d =
        derive_norm_gradient(x, scale ? along(g.in[1]) : nullptr, g.in.back(), g.dout[0], along(g.dout[1]),
                             along(g.dout[2]), others, g.attrs.number("epsilon"));
    std::vector<Tensor> result(g.in.size());
    result.front() = d.x, result.back() = d.dy;
    if (d.gamma) result[1] = call("reshape", {d.gamma}, {{"shape", g.in[1]->shape.vec()}});
    return result;
}

// --- with a relu behind it ---

std::optional<Op::Absorbed> absorb(const Call& self, const Op& next, const Call&, int) {
    if ((next.name != "relu" && next.name != "relu6") || self.attrs.has("activation")) return std::nullopt;
    Attrs attrs = self.attrs;
    attrs.set("activation", next.name);
    return Op::Absorbed{"batch_norm", attrs, {}};
}

// Inputs without the first two, dy and y.
Call without_relu(const Call& call) { return {call.attrs, call.in.subspan(2), call.out}; }
std::vector<TensorType> infer_relu_grad(const Call& call) { return infer_grad(without_relu(call)); }

Kernel kernel_relu_grad(const Call& call) {
    return by_type(
        call.in[0].dtype,
        [&, s = shape_of(without_relu(call)), epsilon = call.attrs.number("epsilon"),
         made = call.attrs.flag("made", false)](auto zero) -> Kernel {
            using T = decltype(zero);
            return {[=, scale = size_t(Affine(call.attrs).scale), clip = clip_of(call.attrs)](
                        const void* const* in, void* const* out, void* scratch) {
                        T* table = static_cast<T*>(scratch);
                        run_grad<T>({s, T(epsilon), clip, input<T>(in, 2), scale ? input<T>(in, 3) : nullptr,
                                     made ? input<T>(in, 1) : nullptr, input<T>(in, 3 + scale), input<T>(in, 4 + scale),
                                     table + s.table(), input<T>(in, 0), made ? nullptr : input<T>(in, 1)},
                                    out, table);
                    },
                    table_bytes(without_relu(call))};
        });
}

// y comes from the very normalisation whose gradient this is.
std::optional<Op::Remade> remake(const Attrs& attrs, std::span<const int> in, const Op& maker, const Attrs& maker_attrs,
                                 std::span<const int> made_of, std::span<const int> made) {
    if (maker.name != "batch_norm") return std::nullopt;
    const Affine has(maker_attrs);
    const size_t mean = in.size() - 2;
    if (!has.offset || attrs.flag("made", false) || in[1] != made[0] || in[2] != made_of[0] || in[mean] != made[1] ||
        in[mean + 1] != made[2] || (has.scale && in[3] != made_of[1]))
        return std::nullopt;
    Op::Remade r{attrs, {in.begin(), in.end()}};
    r.attrs.set("made", true), r.in[1] = made_of[has.count()];
    return r;
}

// --- by parts (batch_norm_parts.cpp) ---

// Where channels come last and passes over memory cost more than a few more ops: 2 MB.
bool in_parts(const TensorType& x, int64_t axis) {
    return x.shape.rank() > 2 && (axis == -1 || axis == x.shape.rank() - 1) && x.shape[0] > 1 &&
           x.bytes() >= (size_t(2) << 20) && batch_shape(x.shape, x.shape.rank() - 1).samples == x.shape[0];
}

std::vector<Op::Part> parts(const Call& call) {
    const TensorType& x = call.in[0];
    if (!in_parts(x, call.attrs.integer("axis"))) return {};
    const int y = int(call.in.size()), mean = y + 1, variance = y + 2, table = y + 3;
    std::vector<int> in(call.in.size());
    std::iota(in.begin(), in.end(), 0);
    in.insert(in.end(), {mean, variance});
    return {{"batch_norm_sums", {}, {0}, {table}},
            {"batch_norm_moments", {{"rows", x.shape.count(1, x.shape.rank() - 1)}}, {table}, {mean, variance}},
            {"batch_norm_apply", call.attrs, in, {y}}};
}

// dy, x, then the coefficients: numbers of inputs of `call`.
std::vector<Op::Part> parts_of_grad(const Call& call, int x, std::vector<int> in, Attrs attrs) {
    const TensorType& type = call.in[size_t(x)];
    if (!in_parts(type, call.attrs.integer("axis"))) return {};
    const int dx = int(call.in.size()), dgamma = dx + 1, dbeta = dx + 2, table = dx + 3, variance = in.back();
    std::vector<int> more = in;
    more.insert(more.end(), {dgamma, dbeta});
    Attrs all = attrs;
    all.set("rows", type.shape.count() / type.shape[-1]);
    const Attrs each{{"rows", type.shape.count(1, type.shape.rank() - 1)}, {"epsilon", call.attrs.number("epsilon")}};
    return {{"batch_norm_products", attrs, in, {table}},
            {"batch_norm_slopes", each, {table, variance}, {dgamma, dbeta}},
            {"batch_norm_input_grad", all, more, {dx}}};
}

std::vector<Op::Part> parts_grad(const Call& call) {
    Attrs attrs = call.attrs;
    attrs.set("offset", false);  // no relu asks for beta
    const int dy = int(call.in.size()) - 1;
    std::vector<int> in{dy};
    for (int i = 0; i < dy; ++i) in.push_back(i);
    return parts_of_grad(call, 0, in, attrs);
}

std::vector<Op::Part> parts_relu_grad(const Call& call) {
    if (!call.attrs.flag("made", false)) return {};
    Attrs attrs = call.attrs;
    attrs.set("offset", true);
    std::vector<int> in{0, 2};
    if (Affine(attrs).scale) in.push_back(3);
    in.insert(in.end(), {1, int(call.in.size()) - 2, int(call.in.size()) - 1});
    return parts_of_grad(call, 2, in, attrs);
}

// The moments are taken before anything is written; the last pass reads each element before it writes it.
std::vector<std::pair<int, int>> in_place(const Call&) { return {{0, 0}}; }

}  // namespace

FK_OP(batch_norm, .infer = infer, .kernel = kernel, .gradient = gradient, .in_place = in_place, .absorb = absorb,
      .parts = parts, .widens = true)
FK_OP(batch_norm_grad, .infer = infer_grad, .kernel = kernel_grad, .gradient = gradient_grad, .in_place = in_place,
      .parts = parts_grad)

FK_OP(batch_norm_relu_grad, .infer = infer_relu_grad, .kernel = kernel_relu_grad, .in_place = in_place,
      .remake = remake, .parts = parts_relu_grad)

}  // namespace fk
