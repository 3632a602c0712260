// conv(x, w; strides, dilation, pads, groups): images x (batch, spatial ..., channels) with a kernel w (spatial ...,
// channels / groups, filters). `pads` holds the zeros before and after each spatial axis.
// conv_bias(x, w[, bias]; ..., activation) = act(conv(x, w) + bias), which epilogue fusion makes of a layer.
// conv_input_grad(dy, w; ..., shape): the gradient of x, whose spatial sizes are `shape`; a transposed convolution.
// conv_kernel_grad(x, dy; ..., kernel): the gradient of w, whose spatial sizes are `kernel`.
#include <algorithm>

#include "core/parallel.h"
#include "kernels/products/gemm.h"
#include "ops/by_type.h"
#include "ops/conv_groups.h"
#include "ops/conv_plan.h"
#include "ops/conv_spread.h"
#include "ops/conv_tiles.h"
#include "ops/planes.h"
#include "ops/winograd.h"

namespace fk {
namespace {

Shape joined(int64_t first, const std::vector<int64_t>& spatial, std::initializer_list<int64_t> last) {
    std::vector<int64_t> dims;
    if (first >= 0) dims.push_back(first);
    dims.insert(dims.end(), spatial.begin(), spatial.end());
    dims.insert(dims.end(), last);
    return Shape(dims);
}

std::vector<int64_t> spatial_of(const Shape& x, int first) {
    return {x.begin() + first, x.begin() + first + x.rank() - 2};
}

void check_tensors(const Call& c, size_t count, const char* tag) {
    check(c.in.size() == count, "[", tag, "] takes ", count, " tensors. Received: ", c.in.size());
    for (const TensorType& t : c.in) {
        check_float(t, tag);
        check(t.shape.rank() >= 3 && t.shape.rank() <= 5, "[", tag,
              "] tensors must have one to three spatial axes. Received: shape ", t.shape);
    }
}

// --- y ---

ConvShape forward_shape(const Call& c) { return ConvShape("conv", c.attrs, c.in[0].shape, c.in[1].shape); }

TensorType output_type(const Call& c) {
    const ConvShape s = forward_shape(c);
    const int rank = c.in[0].shape.rank() - 2;
    std::vector<int64_t> spatial;
    for (int i = 0; i < rank; ++i) spatial.push_back(s.axis[spatial_axis(rank, i)].out);
    return {c.in[0].dtype, joined(s.batch, spatial, {s.out_channels})};
}

std::vector<TensorType> infer(const Call& c) {
    check_tensors(c, 2, "conv");
    return {output_type(c)};
}

// One element per channel of y, whatever axes of size 1 come first.
bool per_channel(const TensorType& t, const TensorType& y) {
    return t.shape.rank() > 0 && t.shape.rank() <= y.shape.rank() && t.shape[-1] == y.shape[-1] &&
           t.shape.count() == y.shape[-1] && t.dtype == y.dtype;
}

Activation activation_of(const Attrs& attrs) {
    if (!attrs.has("activation")) return Activation::linear;
    const std::string& name = attrs.text("activation");
    return name == "relu6" ? Activation::relu6 : name == "relu" ? Activation::relu : Activation::linear;
}

std::vector<TensorType> infer_bias(const Call& c) {
    check(c.in.size() == 2 || c.in.size() == 3, "[conv_bias] takes two or three tensors. Received: ", c.in.size());
    check_tensors({c.attrs, c.in.first(2), {}}, 2, "conv_bias");
    const TensorType out = output_type(c);
    check(c.in.size() == 2 || per_channel(c.in[2], out),
          "[conv_bias] the bias must have one element per filter. Received: shape ", c.in.back().shape);
    return {out};
}

Gemm pointwise_gemm(const Call& c, int64_t m, int64_t n, int64_t k, bool transposed) {
    Gemm g;
    g.planes = planes_of(c.attrs, c.in[0].dtype, m, n, k, (m + n) * k);
    g.m = m, g.n = n, g.k = k;
    g.a_row = k, g.a_col = 1, g.c_row = n;
    g.b_row = transposed ? 1 : n, g.b_col = transposed ? k : 1;
    g.threads = std::min(64, num_threads());
    return g;
}

template <class T>
Kernel gemm_kernel(const Gemm& g, bool biased) {
    return {[=](const void* const* in, void* const* out, void* scratch) {
                FK_BY_TYPE(T, gemm, g, input<T>(in, 0), input<T>(in, 1), biased ? input<T>(in, 2) : nullptr,
                           output<T>(out, 0), scratch);
            },
            gemm_scratch_bytes(g, sizeof(T))};
}

// As m n k products of two of the call's tensors; a panel is a panel however few columns are in it.
int planes_of(const Call& c, int64_t m, int64_t n, int64_t k) {
    return planes_of(c.attrs, c.in[0].dtype, m, std::max<int64_t>(n, 16), k,
                     c.in[0].shape.count() + c.in[1].shape.count());
}
// Of pixels and filters over all taps and channels, whose pairs must be whole.
int planes_of(const Call& c, const ConvShape& s, int64_t channels, int64_t filters) {
    return channels % 2 ? 0
                        : planes_of(c, s.batch * std::max(s.in_pixels(), s.out_pixels()), filters, s.taps() * channels);
}

// --- crops (graph/crop.cpp) ---

Attrs with(const Attrs& attrs, const char* name, const std::vector<int64_t>& value) {
    Attrs more = attrs;
    more.set(name, value);
    return more;
}

// Attributes of the convolution of `in` to `out` pixels, which are fewer than there were.
std::optional<Attrs> cropped(const Attrs& attrs, const std::vector<int64_t>& in, const std::vector<int64_t>& kernel,
                             const std::vector<int64_t>& out) {
    const auto strides = attrs.integers("strides"), dilation = attrs.integers("dilation");
    auto pads = attrs.integers("pads");
    for (size_t i = 0; i < in.size(); ++i) {
        if (out[i] < 1) return std::nullopt;
        const int64_t last =
            (out[i] - 1) * strides[i] + (kernel[i] - 1) * dilation[i] + 1;  // pixels up to the last tap
        pads[2 * i + 1] = std::min(pads[2 * i + 1], last - in[i] - pads[2 * i]);
        if (-pads[2 * i + 1] >= in[i]) return std::nullopt;
    }
    return with(attrs, "pads", pads);
}

std::optional<Attrs> crop(const Call& c, int operand, const Shape& y) {
    const auto kernel = spatial_of(c.in[1].shape, 0);
    const bool pointwise = std::all_of(kernel.begin(), kernel.end(), [](int64_t k) { return k == 1; });
    return operand == -1 && !pointwise ? cropped(c.attrs, spatial_of(c.in[0].shape, 1), kernel, spatial_of(y, 1))
                                       : std::nullopt;
}
std::optional<Attrs> crop_input_grad(const Call& c, int operand, const Shape& dy) {
    if (operand != 0) return std::nullopt;
    return cropped(c.attrs, c.attrs.integers("shape"), spatial_of(c.in[1].shape, 0), spatial_of(dy, 1));
}
std::optional<Attrs> crop_kernel_grad(const Call& c, int operand, const Shape& dy) {
    if (operand != 1) return std::nullopt;
    return cropped(c.attrs, spatial_of(c.in[0].shape, 1), c.attrs.integers("kernel"), spatial_of(dy, 1));
}

// --- direct ---

// plan(planes), with and without planes.
template <class T, class Plan>
Kernel conv_kernel(const Plan& plan, int planes, Activation activation, bool biased) {
    const std::shared_ptr<ConvPlan> p = plan(0), narrow = planes ? plan(planes) : nullptr;
    p->conv.activation = activation;
    if (narrow) {
        narrow->conv.activation = activation;
        p->conv.pairs = &narrow->conv;
        p->scratch_bytes = std::max(p->scratch_bytes, narrow->scratch_bytes);
    }
    return {[=, keep = narrow](const void* const* in, void* const* out, void* scratch) {
                FK_BY_TYPE(T, conv, p->conv, input<T>(in, 0), input<T>(in, 1), biased ? input<T>(in, 2) : nullptr,
                           output<T>(out, 0), scratch);
            },
            p->scratch_bytes};
}

Kernel kernel(const Call& c) {
    return by_type(c.in[0].dtype, [&](auto zero) -> Kernel {
        using T = decltype(zero);
        const ConvShape s = forward_shape(c);
        const bool biased = c.in.size() > 2;
        const Activation activation = activation_of(c.attrs);
        if (s.pointwise()) {
            Gemm g = pointwise_gemm(c, s.batch * s.out_pixels(), s.out_channels, s.in_channels, false);
            g.activation = activation;
            return gemm_kernel<T>(g, biased);
        }
        const int planes = planes_of(c, s, s.in_channels / s.groups, s.out_channels / s.groups);
        const auto turned = s.turned();
        const auto spread = turned ? spread_of(c, *turned, planes) : std::nullopt;
        if (spread) return spread_forward_kernel(*spread, activation, biased);
        const auto groups = groups_of(c, s);
        Kernel direct = groups ? groups_kernel(groups, activation, biased)
                               : conv_kernel<T>([&](int planes) { return plan_conv(s, sizeof(T), planes); }, planes,
                                                activation, biased);
        const auto winograd = winograd_of(c, s, planes);
        return winograd ? winograd_kernel(*winograd, activation, biased, std::move(direct)) : direct;
    });
}

std::optional<Op::Absorbed> absorb(const Call& self, const Op& next, const Call& next_call, int operand) {
    const bool activated = self.attrs.has("activation"), biased = self.in.size() > 2;
    Attrs attrs = self.attrs;
    if (next.name == "add" && !biased && !activated) {
        const TensorType &y = next_call.in[operand], &bias = next_call.in[1 - operand];
        if (per_channel(bias, y) && next_call.out[0] == y) return Op::Absorbed{"conv_bias", attrs, {1 - operand}};
    }
    if ((next.name == "relu" || next.name == "relu6") && !activated) {
        attrs.set("activation", next.name);
        return Op::Absorbed{"conv_bias", attrs, {}};
    }
    return std::nullopt;
}

// Scaling the channels of y scales the filters of w: its last axis.
std::optional<Shape> scale_shape(const Call& c) { return Shape{c.in[1].shape[-1]}; }

// --- gradients: each op of the three is made of the other two ---

std::vector<Tensor> gradient(const Gradient& g) {
    const Tensor &x = g.in[0], &w = g.in[1], &dy = g.dout[0];
    Tensor dx, dw;
    if (g.needs[0]) dx = call("conv_input_grad", {dy, w}, with(g.attrs, "shape", spatial_of(x->shape, 1)));
    if (g.needs[1]) dw = call("conv_kernel_grad", {x, dy}, with(g.attrs, "kernel", spatial_of(w->shape, 0)));
    return {dx, dw};
}

ConvShape input_grad_shape(const Call& c) {
    const Shape &dy = c.in[0].shape, &w = c.in[1].shape;
    const auto spatial = c.attrs.integers("shape");
    const int rank = dy.rank() - 2;
    check(w.rank() == dy.rank() && int(spatial.size()) == rank && dy[-1] == w[-1],
          "[conv_input_grad] the kernel must fit. Received: shapes ", dy, " and ", w, " for ", spatial.size(), " axes");
    const ConvShape s("conv_input_grad", c.attrs, joined(dy[0], spatial, {w[-2] * c.attrs.integer("groups", 1)}), w);
    for (int i = 0; i < rank; ++i)
        check(s.axis[spatial_axis(rank, i)].out == dy[i + 1],
              "[conv_input_grad] the convolution of `shape` must have the shape of dy. Received: dy of shape ", dy,
              ", which should have ", s.axis[spatial_axis(rank, i)].out, " on axis ", i + 1);
    return s;
}

std::vector<TensorType> infer_input_grad(const Call& c) {
    check_tensors(c, 2, "conv_input_grad");
    const ConvShape s = input_grad_shape(c);
    return {{c.in[0].dtype, joined(s.batch, c.attrs.integers("shape"), {s.in_channels})}};
}

Kernel kernel_input_grad(const Call& c) {
    return by_type(c.in[0].dtype, [&](auto zero) -> Kernel {
        using T = decltype(zero);
        const ConvShape s = input_grad_shape(c);
        if (s.pointwise())
            return gemm_kernel<T>(pointwise_gemm(c, s.batch * s.in_pixels(), s.in_channels, s.out_channels, true),
                                  false);
        const int planes = planes_of(c, s, s.out_channels / s.groups, s.in_channels / s.groups);
        if (const auto spread = spread_of(c, s, planes)) return spread_kernel(*spread);
        const auto groups = groups_of(c, s, true);
        Kernel direct = groups ? groups_kernel(groups, Activation::linear, false)
                               : conv_kernel<T>([&](int planes) { return plan_conv_input_grad(s, sizeof(T), planes); },
                                                planes, Activation::linear, false);
        const auto winograd = winograd_of(c, s, planes, true);
        return winograd ? winograd_kernel(*winograd, Activation::linear, false, std::move(direct)) : direct;
    });
}

std::vector<Tensor> gradient_input_grad(const Gradient& g) {
    const Tensor &dy = g.in[0], &w = g.in[1], &u = g.dout[0];
    Tensor ddy, dw;
    if (g.needs[0]) ddy = call("conv", {u, w}, g.attrs);
    if (g.needs[1]) dw = call("conv_kernel_grad", {u, dy}, with(g.attrs, "kernel", spatial_of(w->shape, 0)));
    return {ddy, dw};
}

Shape kernel_shape(const Call& c) {
    const Shape &x = c.in[0].shape, &dy = c.in[1].shape;
    return joined(-1, c.attrs.integers("kernel"), {x[-1] / c.attrs.integer("groups", 1), dy[-1]});
}

std::vector<TensorType> infer_kernel_grad(const Call& c) {
    check_tensors(c, 2, "conv_kernel_grad");
    const Shape w = kernel_shape(c);
    const ConvShape s("conv_kernel_grad", c.attrs, c.in[0].shape, w);
    const int rank = w.rank() - 2;
    for (int i = 0; i < rank; ++i)
        check(s.axis[spatial_axis(rank, i)].out == c.in[1].shape[i + 1],
              "[conv_kernel_grad] dy must have the shape of the convolution. Received: dy of shape ", c.in[1].shape,
              ", which should have ", s.axis[spatial_axis(rank, i)].out, " on axis ", i + 1);
    return {{c.in[0].dtype, w}};
}

template <class T>
Kernel direct_kernel_grad(const ConvShape& s, int planes) {
    const auto p = plan_conv_kernel_grad(s, sizeof(T), planes);
    return {[p](const void* const* in, void* const* out, void* scratch) {
                FK_BY_TYPE(T, conv_weights, p->conv, input<T>(in, 0), input<T>(in, 1), output<T>(out, 0), scratch);
            },
            p->scratch_bytes};
}

// As the gradient of the turned kernel, which is turned back.
template <class T>
Kernel turned_kernel_grad(const ConvShape& turned, int planes) {
    const Kernel grad = direct_kernel_grad<T>(turned, planes);
    const int64_t taps = turned.taps(), rows = turned.in_channels, columns = turned.out_channels;
    const size_t bytes = (size_t(taps * rows * columns) * sizeof(T) + 63) / 64 * 64;
    return {[=](const void* const* in, void* const* out, void* scratch) {
                const void* exchanged[] = {in[1], in[0]};
                grad.run(exchanged, &scratch, static_cast<char*>(scratch) + bytes);
                turn(static_cast<const T*>(scratch), taps, rows, columns, output<T>(out, 0));
            },
            bytes + grad.scratch_bytes};
}

// Vectors lie along the filters; where these are few and channels are more, along the channels.
bool turned_pays(const ConvShape& s) {
    const auto vectors = [](int64_t rows, int64_t columns) { return rows * ((columns + 15) / 16); };
    return 4 * vectors(s.out_channels, s.in_channels) <= 3 * vectors(s.in_channels, s.out_channels);
}

// By Winograd's algorithm where that pays, or directly.
template <class T>
Kernel kernel_grad_kernel(const Call& c, const ConvShape& s, int planes) {
    const auto turned = c.attrs.flag("direct", false) || !turned_pays(s) ? std::nullopt : s.turned();
    const auto groups = groups_of_weights(c, s);
    Kernel direct = groups   ? groups_weights_kernel(groups)
                    : turned ? turned_kernel_grad<T>(*turned, planes)
                             : direct_kernel_grad<T>(s, planes);
    const auto winograd = winograd_of_weights(c, s, planes);
    if (!winograd) return direct;
    return first_try(
        winograd_scratch_bytes(*winograd),
        [g = *winograd](const void* const* in, void* const* out, void* scratch) {
            return winograd_weights_f32(g, input<float>(in, 0), input<float>(in, 1), output<float>(out, 0), scratch);
        },
        std::move(direct));
}

Kernel kernel_kernel_grad(const Call& c) {
    return by_type(c.in[0].dtype, [&](auto zero) -> Kernel {
        using T = decltype(zero);
        const ConvShape s("conv_kernel_grad", c.attrs, c.in[0].shape, kernel_shape(c));
        int planes =
            planes_of(c, s.taps() * s.in_channels / s.groups, s.out_channels / s.groups, s.batch * s.out_pixels());
        // Three planes of X under all taps take longer to make than floats take to be multiplied: 140 beside 165
        // GFLOP/s with 16 channels, 200 beside 230 with 32, 250 beside 240 with 64 (Granite Rapids).
        if (planes == 3 && multiplies_tiles() && !c.attrs.flag("split", false)) planes = 0;
        const auto tiles = tiles_of(s, planes);
        Kernel by_floats = kernel_grad_kernel<T>(c, s, tiles ? 0 : planes);
        if (!tiles) return by_floats;
        return first_try(
            conv_tiles_scratch_bytes(*tiles),
            [g = *tiles](const void* const* in, void* const* out, void* scratch) {
                return conv_weights_on_tiles(g, input<float>(in, 0), input<float>(in, 1), output<float>(out, 0),
                                             scratch);
            },
            std::move(by_floats));
    });
}

std::vector<Tensor> gradient_kernel_grad(const Gradient& g) {
    const Tensor &x = g.in[0], &dy = g.in[1], &u = g.dout[0];
    Tensor dx, ddy;
    if (g.needs[0]) dx = call("conv_input_grad", {dy, u}, with(g.attrs, "shape", spatial_of(x->shape, 1)));
    if (g.needs[1]) ddy = call("conv", {x, u}, g.attrs);
    return {dx, ddy};
}

}  // namespace

FK_OP(conv, .infer = infer, .kernel = kernel, .gradient = gradient, .promote = Op::Promote::common, .absorb = absorb,
      .scale_shape = scale_shape, .crop = crop, .samples = 1, .widens = true, .products = true)
FK_OP(conv_bias, .infer = infer_bias, .kernel = kernel, .promote = Op::Promote::common, .absorb = absorb, .crop = crop,
      .samples = 1, .products = true)
FK_OP(conv_input_grad, .infer = infer_input_grad, .kernel = kernel_input_grad, .gradient = gradient_input_grad,
      .promote = Op::Promote::common, .crop = crop_input_grad, .samples = 1, .widens = true, .products = true)
FK_OP(conv_kernel_grad, .infer = infer_kernel_grad, .kernel = kernel_kernel_grad, .gradient = gradient_kernel_grad,
      .promote = Op::Promote::common, .crop = crop_kernel_grad, .samples = 2, .sums = true, .products = true)

}  // namespace fk
