// depthwise_conv(x, w; strides, dilation, pads): w (spatial ..., channels, multiplier); channel c of images x gives the
// channels [c multiplier, (c + 1) multiplier) of the result.
// depthwise_conv_bias(x, w[, bias]; ..., activation): with bias and relu or relu6, which epilogue fusion makes of a
// layer. depthwise_conv_input_grad(dy, w; ..., shape), depthwise_conv_kernel_grad(x, dy; ..., kernel): as those of
// conv.
#include "kernels/depthwise.h"
#include "ops/by_type.h"
#include "ops/window.h"

namespace fk {
namespace {

void check_tensors(const Call& c, const char* tag) {
    check(c.in.size() == 2, "[", tag, "] takes 2 tensors. Received: ", c.in.size());
    for (const TensorType& t : c.in) {
        check_float(t, tag);
        check(t.shape.rank() >= 3 && t.shape.rank() <= 5 && t.shape.rank() == c.in[0].shape.rank(), "[", tag,
              "] both tensors must have the same one to three spatial axes. Received: shapes ", c.in[0].shape, " and ",
              c.in[1].shape);
    }
}

// The convolution of each channel alone: groups = channels.
ConvShape grouped(const char* tag, const Attrs& attrs, const Shape& x, const Shape& w) {
    check(w[-2] == x[-1], "[", tag, "] the kernel must have the channels of the images. Received: shapes ", x, " and ",
          w);
    Attrs own = attrs;
    own.set("groups", std::max<int64_t>(1, x[-1]));
    Shape kernel = w;
    kernel[-2] = x[-1] > 0 ? 1 : 0, kernel[-1] = x[-1] * w[-1];
    return ConvShape(tag, own, x, kernel);
}

Shape with_spatial(Shape like, int first, const std::vector<int64_t>& spatial) {
    for (size_t i = 0; i < spatial.size(); ++i) like[int(i) + first] = spatial[i];
    return like;
}

void check_spatial(const char* tag, const ConvShape& s, const Shape& dy) {
    const int rank = dy.rank() - 2;
    for (int i = 0; i < rank; ++i)
        check(s.axis[spatial_axis(rank, i)].out == dy[i + 1], "[", tag,
              "] dy must have the shape of the convolution. Received: dy of shape ", dy, ", which should have ",
              s.axis[spatial_axis(rank, i)].out, " on axis ", i + 1);
}

std::vector<TensorType> infer(const Call& c) {
    check_tensors(c, "depthwise_conv");
    const Shape& x = c.in[0].shape;
    const ConvShape s = grouped("depthwise_conv", c.attrs, x, c.in[1].shape);
    Shape y = x;
    for (int i = 0; i < x.rank() - 2; ++i) y[i + 1] = s.axis[spatial_axis(x.rank() - 2, i)].out;
    y[-1] = s.out_channels;
    return {{c.in[0].dtype, y}};
}

// One element per channel of y, whatever axes of size 1 come first.
bool per_channel(const TensorType& t, const TensorType& y) {
    return t.shape.rank() > 0 && t.shape.rank() <= y.shape.rank() && t.shape[-1] == y.shape[-1] &&
           t.shape.count() == y.shape[-1] && t.dtype == y.dtype;
}

std::vector<TensorType> infer_bias(const Call& c) {
    check(c.in.size() == 2 || c.in.size() == 3,
          "[depthwise_conv_bias] takes two or three tensors. Received: ", c.in.size());
    const auto out = infer({c.attrs, c.in.first(2), {}});
    check(c.in[1].shape[-1] == 1, "[depthwise_conv_bias] the multiplier must be 1. Received: kernel of shape ",
          c.in[1].shape);
    check(c.in.size() == 2 || per_channel(c.in[2], out[0]),
          "[depthwise_conv_bias] the bias must have one element per channel. Received: shape ", c.in.back().shape);
    return out;
}

template <bool backward>
std::shared_ptr<WindowPlan> plan_of(const ConvShape& s, int64_t multiplier) {
    return plan_window(s.axis, backward, s.batch, s.in_channels, multiplier);
}

Kernel kernel(const Call& c) {
    return by_type(c.in[0].dtype, [&](auto zero) -> Kernel {
        using T = decltype(zero);
        const auto plan =
            plan_of<false>(grouped("depthwise_conv", c.attrs, c.in[0].shape, c.in[1].shape), c.in[1].shape[-1]);
        if (c.attrs.has("activation")) {
            plan->window.low = 0;
            if (c.attrs.text("activation") == "relu6") plan->window.high = 6;
        }
        return {[plan, biased = c.in.size() > 2](const void* const* in, void* const* out, void*) {
            FK_BY_TYPE(T, depthwise, plan->window, input<T>(in, 0), input<T>(in, 1), biased ? input<T>(in, 2) : nullptr,
                       output<T>(out, 0));
        }};
    });
}

std::optional<Op::Absorbed> absorb(const Call& self, const Op& next, const Call& next_call, int operand) {
    if (self.in[1].shape[-1] != 1 || self.attrs.has("activation")) return std::nullopt;
    if (next.name == "add" && self.in.size() == 2 && next_call.out[0] == next_call.in[operand] &&
        per_channel(next_call.in[1 - operand], next_call.in[operand]))
        return Op::Absorbed{"depthwise_conv_bias", self.attrs, {1 - operand}};
    if (next.name != "relu" && next.name != "relu6") return std::nullopt;
    Attrs attrs = self.attrs;
    attrs.set("activation", next.name);
    return Op::Absorbed{"depthwise_conv_bias", attrs, {}};
}

Attrs with(const Attrs& attrs, const char* name, const Shape& of, int first) {
    Attrs more = attrs;
    more.set(name, std::vector<int64_t>(of.begin() + first, of.begin() + first + of.rank() - 2));
    return more;
}

std::vector<Tensor> gradient(const Gradient& g) {
    const Tensor &x = g.in[0], &w = g.in[1], &dy = g.dout[0];
    Tensor dx, dw;
    if (g.needs[0]) dx = call("depthwise_conv_input_grad", {dy, w}, with(g.attrs, "shape", x->shape, 1));
    if (g.needs[1]) dw = call("depthwise_conv_kernel_grad", {x, dy}, with(g.attrs, "kernel", w->shape, 0));
    return {dx, dw};
}

Shape input_shape(const Call& c) {
    const Shape &dy = c.in[0].shape, &w = c.in[1].shape;
    Shape x = with_spatial(dy, 1, c.attrs.integers("shape"));
    x[-1] = w[-2];
    return x;
}

std::vector<TensorType> infer_input_grad(const Call& c) {
    constexpr const char* tag = "depthwise_conv_input_grad";
    check_tensors(c, tag);
    const Shape x = input_shape(c);
    check(int(c.attrs.integers("shape").size()) == x.rank() - 2, "[", tag, "] shape takes one size per spatial axis");
    const ConvShape s = grouped(tag, c.attrs, x, c.in[1].shape);
    check_spatial(tag, s, c.in[0].shape);
    check(s.out_channels == c.in[0].shape[-1], "[", tag, "] dy must have the channels of the kernel. Received: shapes ",
          c.in[0].shape, " and ", c.in[1].shape);
    return {{c.in[0].dtype, x}};
}

Kernel kernel_input_grad(const Call& c) {
    return by_type(c.in[0].dtype, [&](auto zero) -> Kernel {
        using T = decltype(zero);
        const auto plan = plan_of<true>(grouped("depthwise_conv_input_grad", c.attrs, input_shape(c), c.in[1].shape),
                                        c.in[1].shape[-1]);
        return {[plan](const void* const* in, void* const* out, void*) {
            FK_BY_TYPE(T, depthwise_input_grad, plan->window, input<T>(in, 0), input<T>(in, 1), output<T>(out, 0));
        }};
    });
}

std::vector<Tensor> gradient_input_grad(const Gradient& g) {
    const Tensor &dy = g.in[0], &w = g.in[1], &u = g.dout[0];
    Tensor ddy, dw;
    if (g.needs[0]) ddy = call("depthwise_conv", {u, w}, g.attrs);
    if (g.needs[1]) dw = call("depthwise_conv_kernel_grad", {u, dy}, with(g.attrs, "kernel", w->shape, 0));
    return {ddy, dw};
}

// The part of a gradient that is left when the zeros around the images are cut off is the gradient of padded images.
std::optional<Op::Absorbed> absorb_slice(const Call& self, const Op& next, const Call& next_call, int) {
    const Shape &dx = self.out[0].shape, &part = next_call.out[0].shape;
    if (next.name != "slice" || part[0] != dx[0] || part[-1] != dx[-1] || part.count() == 0) return std::nullopt;
    const auto start =
        next_call.attrs.has("start") ? next_call.attrs.integers("start") : std::vector<int64_t>(size_t(dx.rank()), 0);
    const auto stop = next_call.attrs.integers("stop");
    auto pads = self.attrs.integers("pads"), shape = self.attrs.integers("shape");
    for (int i = 0; i < dx.rank() - 2; ++i) {
        if (part[i + 1] != stop[i + 1] - start[i + 1]) return std::nullopt;  // a step that is not 1
        pads[2 * i] += start[i + 1], pads[2 * i + 1] += dx[i + 1] - stop[i + 1], shape[i] = part[i + 1];
    }
    Op::Absorbed both{"depthwise_conv_input_grad", self.attrs, {}};
    both.attrs.set("pads", pads), both.attrs.set("shape", shape);
    return both;
}

Shape kernel_shape(const Call& c) {
    const Shape &x = c.in[0].shape, &dy = c.in[1].shape;
    std::vector<int64_t> dims = c.attrs.integers("kernel");
    dims.push_back(x[-1]);
    dims.push_back(x[-1] > 0 ? dy[-1] / x[-1] : 1);
    return Shape(dims);
}

std::vector<TensorType> infer_kernel_grad(const Call& c) {
    constexpr const char* tag = "depthwise_conv_kernel_grad";
    check_tensors(c, tag);
    const Shape w = kernel_shape(c);
    check(w.rank() == c.in[0].shape.rank(), "[", tag, "] kernel takes one size per spatial axis");
    check_spatial(tag, grouped(tag, c.attrs, c.in[0].shape, w), c.in[1].shape);
    return {{c.in[0].dtype, w}};
}

Kernel kernel_kernel_grad(const Call& c) {
    return by_type(c.in[0].dtype, [&](auto zero) -> Kernel {
        using T = decltype(zero);
        const Shape w = kernel_shape(c);
        const ConvShape s = grouped("depthwise_conv_kernel_grad", c.attrs, c.in[0].shape, w);
        const auto plan = plan_of<false>(s, w[-1]);
        const int64_t lines = s.batch * s.axis[0].out * s.axis[1].out;
        plan->window.parts = std::max<int64_t>(1, std::min<int64_t>({lines, int64_t(s.flops() / 2e6), 16}));
        return {[plan](const void* const* in, void* const* out, void* scratch) {
                    FK_BY_TYPE(T, depthwise_kernel_grad, plan->window, input<T>(in, 0), input<T>(in, 1),
                               output<T>(out, 0), static_cast<T*>(scratch));
                },
                size_t((plan->window.parts - 1) * w.count()) * sizeof(T)};
    });
}

std::vector<Tensor> gradient_kernel_grad(const Gradient& g) {
    const Tensor &x = g.in[0], &dy = g.in[1], &u = g.dout[0];
    Tensor dx, ddy;
    if (g.needs[0]) dx = call("depthwise_conv_input_grad", {dy, u}, with(g.attrs, "shape", x->shape, 1));
    if (g.needs[1]) ddy = call("depthwise_conv", {x, u}, g.attrs);
    return {dx, ddy};
}

}  // namespace

// Scaling the channels of y scales the filters of w, one per channel.
std::optional<Shape> scale_shape(const Call& c) {
    const Shape& w = c.in[1].shape;
    if (w[-1] != 1) return std::nullopt;
    return Shape{w[-2], 1};
}

FK_OP(depthwise_conv, .infer = infer, .kernel = kernel, .gradient = gradient, .promote = Op::Promote::common,
      .absorb = absorb, .scale_shape = scale_shape, .samples = 1, .widens = true)
FK_OP(depthwise_conv_bias, .infer = infer_bias, .kernel = kernel, .promote = Op::Promote::common, .absorb = absorb,
      .samples = 1)
FK_OP(depthwise_conv_input_grad, .infer = infer_input_grad, .kernel = kernel_input_grad,
      .gradient = gradient_input_grad, .promote = Op::Promote::common, .absorb = absorb_slice, .samples = 1)
FK_OP(depthwise_conv_kernel_grad, .infer = infer_kernel_grad, .kernel = kernel_kernel_grad,
      .gradient = gradient_kernel_grad, .promote = Op::Promote::common, .samples = 2, .sums = true)

}  // namespace fk
