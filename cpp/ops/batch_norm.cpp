// batch_norm(x, [gamma,] [beta]; axis, epsilon, scale, offset) -> y, mean, variance
//   y = (x - mean) / sqrt(variance + epsilon) gamma + beta, moments per channel (`axis`) over all other axes
//   with `activation` (relu, relu6) of that, which epilogue fusion makes of a layer
// batch_norm_grad(x, [gamma,] mean, variance, dy; axis, epsilon, scale) -> dx, dgamma, dbeta
// batch_norm_relu_grad(dy, y, x, [gamma,] mean, variance; ..., activation): dy is the gradient of the activation's
// result
//   y; with the attribute `made`, beta takes the place of y, which is told from x instead of read
#include "ops/norm.h"

namespace fk {
namespace {

int axis_of(const Call& call) {
    return normalize_axis(call.attrs.integer("axis"), call.in[0].shape.rank(), "batch_normalization");
}

BatchShape shape_of(const Call& call) {
    const Shape& x = call.in[0].shape;
    const int axis = axis_of(call);
    BatchShape s{x.count(0, axis), x[axis], x.count(axis + 1, x.rank()), 1, 0};
    if (s.inner == 0) s.outer = 0, s.inner = 1;
    if (s.inner == 1) s.rows_per_block = rows_per_block(s.channels);
    s.blocks = count_blocks(s.outer, s.rows_per_block);
    return s;
}

// Per block two rows of sums, then four rows of coefficients.
size_t table_bytes(const Call& call) {
    const BatchShape s = shape_of(call);
    return size_t((2 * s.blocks + 4) * s.channels) * size_of(call.in[0].dtype);
}

Clip clip_of(const Attrs& attrs) {
    if (!attrs.has("activation")) return {};
    return attrs.text("activation") == "relu6" ? Clip{0, 6} : Clip{.low = 0};
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
                        const T* gamma = has.scale ? input<T>(in, 1) : nullptr;
                        const T* beta = has.offset ? input<T>(in, has.count()) : nullptr;
                        FK_BY_TYPE(T, batch_norm, output<T>(out, 0), output<T>(out, 1), output<T>(out, 2),
                                   input<T>(in, 0), gamma, beta, T(epsilon), clip, s, static_cast<T*>(scratch));
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

Kernel kernel_grad(const Call& call) {
    return by_type(
        call.in[0].dtype, [&, s = shape_of(call), epsilon = call.attrs.number("epsilon")](auto zero) -> Kernel {
            using T = decltype(zero);
            return {
                [=, scale = size_t(Affine(call.attrs).scale)](const void* const* in, void* const* out, void* scratch) {
                    FK_BY_TYPE(T, batch_norm_grad, output<T>(out, 0), output<T>(out, 1), output<T>(out, 2),
                               input<T>(in, 0), scale ? input<T>(in, 1) : nullptr, nullptr, input<T>(in, 1 + scale),
                               input<T>(in, 2 + scale), input<T>(in, 3 + scale), nullptr, T(epsilon), Clip{}, s,
                               static_cast<T*>(scratch));
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
                        FK_BY_TYPE(T, batch_norm_grad, output<T>(out, 0), output<T>(out, 1), output<T>(out, 2),
                                   input<T>(in, 2), scale ? input<T>(in, 3) : nullptr, made ? input<T>(in, 1) : nullptr,
                                   input<T>(in, 3 + scale), input<T>(in, 4 + scale), input<T>(in, 0),
                                   made ? nullptr : input<T>(in, 1), T(epsilon), clip, s, static_cast<T*>(scratch));
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

// The moments are taken before anything is written; the last pass reads each element before it writes it.
std::vector<std::pair<int, int>> in_place(const Call&) { return {{0, 0}}; }

}  // namespace

FK_OP(batch_norm, .infer = infer, .kernel = kernel, .gradient = gradient, .in_place = in_place, .absorb = absorb,
      .widens = true)
FK_OP(batch_norm_grad, .infer = infer_grad, .kernel = kernel_grad, .gradient = gradient_grad, .in_place = in_place)

FK_OP(batch_norm_relu_grad, .infer = infer_relu_grad, .kernel = kernel_relu_grad, .in_place = in_place,
      .remake = remake)

}  // namespace fk
