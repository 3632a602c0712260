// max_pool(x; size, strides, pads), average_pool(x; ...): images x (batch, spatial ..., channels), windows of `size`.
// Zeros around the image are not part of any window. Where several elements are greatest, the first is.
// max_pool_grad(x, y, dy; ...), average_pool_grad(dy; ..., shape): gradients of x.
// max_pool_pick(x, y, u; ...): of every window of x the element of u where x is greatest.
// max_pool_relu_grad(x, y, dy, r; ..., gated): relu_grad(max_pool_grad(x, y, dy), r), which epilogue fusion makes of
// the two; with `gated` r is x, and not given.
// max_pool_where(x, y; ..., gated), max_pool_route(where, dy; ..., shape): the two gradients by parts. `where` says
// which of a window's elements is y, or with `gated` that y is not positive, so that after the forward pass nobody
// reads x, which is several times larger.
#include "kernels/pool.h"
#include "ops/by_type.h"
#include "ops/window.h"

namespace fk {
namespace {

std::shared_ptr<WindowPlan> plan(const char* tag, const Attrs& attrs, const Shape& x) {
    const int rank = x.rank() - 2;
    check(rank >= 1 && rank <= 3, "[", tag, "] images must have one to three spatial axes. Received: shape ", x);
    std::vector<int64_t> kernel = attrs.integers("size");
    kernel.push_back(x[-1]), kernel.push_back(x[-1]);
    Attrs own = attrs;
    own.set("dilation", std::vector<int64_t>(size_t(rank), 1));
    const ConvShape s(tag, own, x, Shape(kernel));
    return plan_window(s.axis, false, s.batch, s.in_channels, 1);
}

Shape pooled(const WindowPlan& p, Shape x) {
    for (int i = 0; i < x.rank() - 2; ++i) x[i + 1] = p.window.axis[spatial_axis(x.rank() - 2, i)].out;
    return x;
}

template <const auto& tag>
std::vector<TensorType> infer(const Call& c) {
    check_float(c.in[0], tag);
    return {{c.in[0].dtype, pooled(*plan(tag, c.attrs, c.in[0].shape), c.in[0].shape)}};
}

// Kernels take the window, the inputs and the output. `gate` is the number of an input, or -1 for none.
#define FK_POOL_KERNEL(name, shape, gate_number, ...)                           \
    Kernel kernel_##name(const Call& c) {                                       \
        return by_type(c.in[0].dtype, [&](auto zero) -> Kernel {                \
            using T = decltype(zero);                                           \
            const auto p = plan(#name, c.attrs, shape);                         \
            const int gate [[maybe_unused]] = gate_number;                      \
            return {[=](const void* const* in, void* const* out, void*) {       \
                FK_BY_TYPE(T, name, p->window, __VA_ARGS__, output<T>(out, 0)); \
            }};                                                                 \
        });                                                                     \
    }
bool gated_by_x(const Call& c) { return c.attrs.flag("gated", false); }
FK_POOL_KERNEL(max_pool, c.in[0].shape, -1, input<T>(in, 0))
FK_POOL_KERNEL(average_pool, c.in[0].shape, -1, input<T>(in, 0))
FK_POOL_KERNEL(max_pool_grad, c.in[0].shape,
               gated_by_x(c)     ? 0
               : c.in.size() > 3 ? 3
                                 : -1,
               input<T>(in, 0), input<T>(in, 1), input<T>(in, 2), gate < 0 ? nullptr : input<T>(in, size_t(gate)))
FK_POOL_KERNEL(max_pool_where, c.in[0].shape, gated_by_x(c) ? 1 : -1, input<T>(in, 0), input<T>(in, 1), gate > 0)
FK_POOL_KERNEL(max_pool_route, c.out[0].shape, -1, input<T>(in, 0), input<T>(in, 1))
FK_POOL_KERNEL(max_pool_pick, c.in[0].shape, -1, input<T>(in, 0), input<T>(in, 1), input<T>(in, 2))
FK_POOL_KERNEL(average_pool_grad, c.out[0].shape, -1, input<T>(in, 0))
#undef FK_POOL_KERNEL

constexpr char kMax[] = "max_pool", kAverage[] = "average_pool", kAverageGrad[] = "average_pool_grad",
               kRoute[] = "max_pool_route";

std::vector<TensorType> infer_max_grad(const Call& c) { return {c.in[0]}; }
std::vector<TensorType> infer_pick(const Call& c) { return {c.in[1]}; }
// Of dx, whose spatial sizes are the attribute `shape`.
template <const auto& tag>
std::vector<TensorType> infer_image(const Call& c) {
    check_float(c.in[0], tag);
    Shape x = c.in[0].shape;
    const auto spatial = c.attrs.integers("shape");
    check(int(spatial.size()) == x.rank() - 2, "[", tag, "] shape takes one size per spatial axis");
    for (size_t i = 0; i < spatial.size(); ++i) x[int(i) + 1] = spatial[i];
    check(pooled(*plan(tag, c.attrs, x), x) == c.in[0].shape, "[", tag,
          "] dy must have the shape of the pooled images. Received: shape ", c.in[0].shape);
    return {{c.in[0].dtype, x}};
}
std::vector<int64_t> spatial_sizes(const Shape& x) { return {x.begin() + 1, x.end() - 1}; }

std::vector<Tensor> gradient_max(const Gradient& g) {
    return {call("max_pool_grad", {g.in[0], g.out[0], g.dout[0]}, g.attrs)};
}
std::vector<Tensor> gradient_max_grad(const Gradient& g) {
    return {nullptr, nullptr, call("max_pool_pick", {g.in[0], g.in[1], g.dout[0]}, g.attrs)};
}
std::vector<Tensor> gradient_pick(const Gradient& g) {
    return {nullptr, nullptr, call("max_pool_grad", {g.in[0], g.in[1], g.dout[0]}, g.attrs)};
}
std::vector<Tensor> gradient_average(const Gradient& g) {
    Attrs attrs = g.attrs;
    attrs.set("shape", spatial_sizes(g.in[0]->shape));
    return {call("average_pool_grad", {g.dout[0]}, attrs)};
}
std::vector<Tensor> gradient_average_grad(const Gradient& g) { return {call("average_pool", {g.dout[0]}, g.attrs)}; }

std::optional<Op::Absorbed> absorb_relu_grad(const Call& self, const Op& next, const Call&, int operand) {
    if (next.name != "relu_grad" || operand != 0) return std::nullopt;
    return Op::Absorbed{"max_pool_relu_grad", self.attrs, {1}};
}

// The gate is x itself, whatever made it.
std::optional<Op::Remade> gate_by_x(const Attrs& attrs, std::span<const int> in, const Op&, const Attrs&,
                                    std::span<const int>, std::span<const int>) {
    if (in.size() < 4 || in[3] != in[0]) return std::nullopt;
    Op::Remade r{attrs, {in.begin(), in.begin() + 3}};
    r.attrs.set("gated", true);
    return r;
}

// Where x is so large that not to store it pays for another op: 2 MB.
std::vector<Op::Part> parts_of_grad(const Call& c) {
    if (c.in.size() > 3 || c.in[0].bytes() < (size_t(2) << 20)) return {};
    constexpr int x = 0, y = 1, dy = 2, dx = 3, where = 4;
    Attrs attrs = c.attrs;
    attrs.set("shape", spatial_sizes(c.in[0].shape));
    return {{"max_pool_where", c.attrs, {x, y}, {where}}, {"max_pool_route", attrs, {where, dy}, {dx}}};
}

// Pixels up to the end of the last window, in the image (operand 0) and in what a relu made of it (operand 3).
std::optional<Shape> reads(const Call& c, int operand) {
    if (operand != 0 && operand != 3) return std::nullopt;
    Shape x = c.in[0].shape;
    const auto size = c.attrs.integers("size"), strides = c.attrs.integers("strides"), pads = c.attrs.integers("pads");
    for (size_t i = 0; i < size.size(); ++i) {
        int64_t& side = x[int(i) + 1];
        if (pads[2 * i + 1] == 0 && side >= size[i]) side -= (side + pads[2 * i] - size[i]) % strides[i];
    }
    return x;
}

std::optional<Attrs> crop(const Call& c, int operand, const Shape& x) {
    if (operand != 0 && operand != 3) return std::nullopt;
    const Shape &y = c.in.size() > 1 ? c.in[1].shape : c.out[0].shape, &image = c.in[0].shape;
    const bool fits =
        image == x && (c.in.size() < 4 || c.in[3].shape == x) && pooled(*plan("pool", c.attrs, x), x) == y;
    return fits ? std::optional(c.attrs) : std::nullopt;
}

}  // namespace

FK_OP(max_pool, .infer = infer<kMax>, .kernel = kernel_max_pool, .gradient = gradient_max, .reads = reads, .crop = crop,
      .samples = 1, .widens = true)
FK_OP(max_pool_grad, .infer = infer_max_grad, .kernel = kernel_max_pool_grad, .gradient = gradient_max_grad,
      .absorb = absorb_relu_grad, .reads = reads, .crop = crop, .samples = 3, .parts = parts_of_grad)
FK_OP(max_pool_relu_grad, .infer = infer_max_grad, .kernel = kernel_max_pool_grad, .remake = gate_by_x, .reads = reads,
      .crop = crop, .samples = 4, .parts = parts_of_grad)
FK_OP(max_pool_where, .infer = infer_pick, .kernel = kernel_max_pool_where, .samples = 2)
FK_OP(max_pool_route, .infer = infer_image<kRoute>, .kernel = kernel_max_pool_route, .samples = 2)
FK_OP(max_pool_pick, .infer = infer_pick, .kernel = kernel_max_pool_pick, .gradient = gradient_pick)
FK_OP(average_pool, .infer = infer<kAverage>, .kernel = kernel_average_pool, .gradient = gradient_average,
      .reads = reads, .crop = crop, .samples = 1, .widens = true)
FK_OP(average_pool_grad, .infer = infer_image<kAverageGrad>, .kernel = kernel_average_pool_grad,
      .gradient = gradient_average_grad, .samples = 1)

}  // namespace fk
