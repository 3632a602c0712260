// depthwise_conv(x, w; strides, dilation, pads): w (spatial ..., channels, multiplier); channel c of images x gives the
// channels [c multiplier, (c + 1) multiplier) of the result.
// depthwise_conv_input_grad(dy, w; ..., shape), depthwise_conv_kernel_grad(x, dy; ..., kernel): as those of conv.
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

template <bool backward, class Run>
Kernel window_kernel(const ConvShape& s, int64_t multiplier, const Run& run) {
    const auto plan = plan_window(s.axis, backward, s.batch, s.in_channels, multiplier);
    return {[plan, run](const void* const* in, void* const* out, void*) { run(plan->window, in, out); }};
}

Kernel kernel(const Call& c) {
    return by_type(c.in[0].dtype, [&](auto zero) {
        using T = decltype(zero);
        return window_kernel<false>(grouped("depthwise_conv", c.attrs, c.in[0].shape, c.in[1].shape), c.in[1].shape[-1],
                                    [](const Window& g, const void* const* in, void* const* out) {
                                        FK_BY_TYPE(T, depthwise, g, input<T>(in, 0), input<T>(in, 1),
                                                   output<T>(out, 0));
                                    });
    });
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
    return by_type(c.in[0].dtype, [&](auto zero) {
        using T = decltype(zero);
        return window_kernel<true>(grouped("depthwise_conv_input_grad", c.attrs, input_shape(c), c.in[1].shape),
                                   c.in[1].shape[-1], [](const Window& g, const void* const* in, void* const* out) {
                                       FK_BY_TYPE(T, depthwise_input_grad, g, input<T>(in, 0), input<T>(in, 1),
                                                  output<T>(out, 0));
                                   });
    });
}

std::vector<Tensor> gradient_input_grad(const Gradient& g) {
    const Tensor &dy = g.in[0], &w = g.in[1], &u = g.dout[0];
    Tensor ddy, dw;
    if (g.needs[0]) ddy = call("depthwise_conv", {u, w}, g.attrs);
    if (g.needs[1]) dw = call("depthwise_conv_kernel_grad", {u, dy}, with(g.attrs, "kernel", w->shape, 0));
    return {ddy, dw};
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
        const auto plan = plan_window(s.axis, false, s.batch, s.in_channels, w[-1]);
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
      .scale_shape = scale_shape, .widens = true)
FK_OP(depthwise_conv_input_grad, .infer = infer_input_grad, .kernel = kernel_input_grad,
      .gradient = gradient_input_grad, .promote = Op::Promote::common)
FK_OP(depthwise_conv_kernel_grad, .infer = infer_kernel_grad, .kernel = kernel_kernel_grad,
      .gradient = gradient_kernel_grad, .promote = Op::Promote::common)

}  // namespace fk
