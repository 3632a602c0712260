// The elementwise ops: everything but the gradients follows from the rows of kernels/elementwise_rows.h.
#include <numbers>
#include <string_view>

#include "kernels/tile.h"
#include "ops/rules.h"

namespace fk {
namespace {

namespace row {
enum Row : int {
#define FK_ROW(name, ...) name,
#include "kernels/elementwise_rows.h"
    count
};
}  // namespace row

// --- gradients, one row each; a row without a rule has none ---

using Rule = std::vector<Tensor> (*)(const Gradient&);
template <int r>
constexpr Rule rule = nullptr;

// x, a, b: the inputs; y: the result; dy: its gradient.
#define FK_RULE(name, ...)                                                                                    \
    template <>                                                                                               \
    constexpr Rule rule<row::name> = [](const Gradient& g) -> std::vector<Tensor> {                           \
        [[maybe_unused]] const Tensor &x = g.in[0], &a = x, &b = g.in.back(), &y = g.out[0], &dy = g.dout[0]; \
        __VA_ARGS__                                                                                           \
    };

Tensor of(const char* name, const Tensor& x) { return call(name, {x}); }
Tensor of(const char* name, const Tensor& a, const Tensor& b) { return call(name, {a, b}); }
Tensor squared(const Tensor& x) { return of("square", x); }
Tensor clip_grad(const Tensor& dy, const Tensor& x, double low, double high) {
    return call("clip_grad", {dy, x}, {{"minimum", low}, {"maximum", high}});
}

// Gradients of broadcast inputs, each computed only when it is wanted.
template <class A, class B>
std::vector<Tensor> both(const Gradient& g, const A& da, const B& db) {
    return {g.needs[0] ? sum_to(da(), g.in[0]) : nullptr, g.needs[1] ? sum_to(db(), g.in[1]) : nullptr};
}
#define FK_BOTH(name, da, db) FK_RULE(name, return both(g, [&] { return da; }, [&] { return db; });)

using std::numbers::inv_sqrtpi, std::numbers::ln10, std::numbers::ln2;

FK_RULE(identity, return {dy};)
FK_RULE(affine, return {g.attrs.number("scale") * dy};)
FK_RULE(negative, return {-dy};)
FK_RULE(abs, return {dy * of("sign", x)};)
FK_RULE(square, return {2.0 * dy * x};)
FK_RULE(sqrt, return {0.5 * dy / y};)
FK_RULE(rsqrt, return {-0.5 * dy * y * squared(y)};)
FK_RULE(cbrt, return {dy / (3.0 * squared(y))};)
FK_RULE(reciprocal, return {-dy * squared(y)};)
FK_RULE(exp, return {dy * y};)
FK_RULE(expm1, return {dy * (1.0 + y)};)
FK_RULE(exp2, return {ln2 * dy * y};)
FK_RULE(log, return {dy / x};)
FK_RULE(log1p, return {dy / (1.0 + x)};)
FK_RULE(log2, return {1 / ln2 * dy / x};)
FK_RULE(log10, return {1 / ln10 * dy / x};)
FK_RULE(sin, return {dy * of("cos", x)};)
FK_RULE(cos, return {-dy * of("sin", x)};)
FK_RULE(tan, return {dy * (1.0 + squared(y))};)
FK_RULE(arcsin, return {dy * of("rsqrt", 1.0 - squared(x))};)
FK_RULE(arccos, return {-dy * of("rsqrt", 1.0 - squared(x))};)
FK_RULE(arctan, return {dy / (1.0 + squared(x))};)
FK_RULE(sinh, return {dy * of("cosh", x)};)
FK_RULE(cosh, return {dy * of("sinh", x)};)
FK_RULE(tanh, return {of("tanh_grad", dy, y)};)
FK_RULE(arcsinh, return {dy * of("rsqrt", 1.0 + squared(x))};)
FK_RULE(arccosh, return {dy * of("rsqrt", -1.0 + squared(x))};)
FK_RULE(arctanh, return {dy / (1.0 - squared(x))};)
FK_RULE(erf, return {2 * inv_sqrtpi * dy * of("exp", -squared(x))};)
FK_RULE(erfinv, return {0.5 / inv_sqrtpi * dy * of("exp", squared(y))};)

FK_RULE(clip, return {call("clip_grad", {dy, x}, g.attrs)};)
FK_RULE(relu, return {of("relu_grad", dy, y)};)
FK_RULE(relu6, return {of("relu6_grad", dy, y)};)
FK_RULE(leaky_relu, return {call("leaky_relu_grad", {dy, x}, g.attrs)};)
FK_RULE(elu, return {call("elu_grad", {dy, x}, g.attrs)};)
FK_RULE(selu, return {1.0507009873554805 * call("elu_grad", {dy, x}, {{"alpha", 1.6732632423543772}})};)
FK_RULE(sigmoid, return {of("sigmoid_grad", dy, y)};)
FK_RULE(log_sigmoid, return {dy * of("sigmoid", -x)};)
FK_RULE(softplus, return {dy * of("sigmoid", x)};)
FK_RULE(softsign, return {dy / squared(1.0 + of("abs", x))};)
FK_RULE(silu, return {of("silu_grad", dy, x)};)
FK_RULE(mish, return {of("mish_grad", dy, x)};)
FK_RULE(gelu, return {call("gelu_grad", {dy, x}, g.attrs)};)
FK_RULE(hard_sigmoid, return {1.0 / 6 * clip_grad(dy, x, -3.0, 3.0)};)
FK_RULE(hard_tanh, return {clip_grad(dy, x, -1.0, 1.0)};)

FK_BOTH(add, dy, dy)
FK_BOTH(subtract, dy, -dy)
FK_BOTH(multiply, dy* b, dy* a)
FK_BOTH(divide, dy / b, -dy*(y / b))
FK_BOTH(mod, dy, -dy* of("floor_divide", a, b))
FK_BOTH(fmod, dy, -dy* of("trunc", a / b))
FK_BOTH(arctan2, dy*(b / (squared(a) + squared(b))), -dy*(a / (squared(a) + squared(b))))
FK_BOTH(squared_difference, 2.0 * dy * (a - b), 2.0 * dy * (b - a))
FK_BOTH(maximum, call("maximum_grad", {dy, a, b}), call("maximum_grad", {dy, b, a}))
FK_BOTH(minimum, call("maximum_grad", {dy, b, a}), call("maximum_grad", {dy, a, b}))
// b a^(b-1), which is 0 at b = 0 whatever a is; a^b log(a), which counts as 0 where a is not positive.
Tensor power_minus_one(const Tensor& a, const Tensor& b) {
    const Tensor one = full({}, b->dtype, 1.0);
    return of("power", a, call("where", {of("equal", b, zero_like(b)), one, b - one}));
}
Tensor log_or_zero(const Tensor& a) {
    return of("log", call("where", {of("greater", a, zero_like(a)), a, full({}, a->dtype, 1.0)}));
}
FK_BOTH(power, dy*(b* power_minus_one(a, b)), dy*(y* log_or_zero(a)))
FK_RULE(where, const Tensor zero = zero_like(dy);
        return {nullptr, g.needs[1] ? sum_to(call("where", {a, dy, zero}), g.in[1]) : nullptr,
                g.needs[2] ? sum_to(call("where", {a, zero, dy}), b) : nullptr};)

// Second derivatives. These ops are linear in `a`; what is flat in pieces has nothing more to say about `b`.
FK_RULE(relu_grad, return {of("relu_grad", dy, b), nullptr};)
FK_RULE(relu6_grad, return {of("relu6_grad", dy, b), nullptr};)
FK_RULE(leaky_relu_grad, return {call("leaky_relu_grad", {dy, b}, g.attrs), nullptr};)
FK_RULE(clip_grad, return {call("clip_grad", {dy, b}, g.attrs), nullptr};)
FK_RULE(elu_grad, return {call("elu_grad", {dy, b}, g.attrs), dy * (y - of("relu_grad", a, b))};)
FK_RULE(sigmoid_grad, return {of("sigmoid_grad", dy, b), dy * a * affine(b, -2.0, 1.0)};)
FK_RULE(tanh_grad, return {of("tanh_grad", dy, b), -2.0 * dy * a * b};)
FK_RULE(silu_grad, const Tensor s = of("sigmoid", b);
        return {of("silu_grad", dy, b), dy * a * s * (1.0 - s) * (2.0 + b * affine(s, -2.0, 1.0))};)
// With t = tanh(softplus(x)) and s = sigmoid(x) the slope is t + x u, u = s (1 - t^2).
FK_RULE(mish_grad, const Tensor t = of("tanh", of("softplus", b)), s = of("sigmoid", b), u = s * (1.0 - squared(t));
        return {of("mish_grad", dy, b), dy * a * u * (2.0 + b * (1.0 - s - 2.0 * s * t))};)
FK_RULE(
    gelu_grad, const Tensor da = call("gelu_grad", {dy, b}, g.attrs); if (!g.needs[1]) return {da, nullptr};
    if (!g.attrs.flag("approximate")) {
        const Tensor density = affine(of("exp", -0.5 * squared(b)), 0.3989422804014327, 0.0);
        return {da, dy * a * density * (2.0 - squared(b))};
    }
    // x s(t): s' = s (1 - s) t', t' = c + 3 d x^2, t'' = 6 d x
    const double c = 1.5957691216057308,
    d = c * 0.044715;
    const Tensor s = of("sigmoid", b* affine(squared(b), d, c)), t1 = affine(squared(b), 3 * d, c);
    return {da, dy * a * (s * (1.0 - s)) * (2.0 * t1 + 6 * d * squared(b) + b * affine(s, -2.0, 1.0) * squared(t1))};)
FK_RULE(maximum_grad, return {call("maximum_grad", {dy, g.in[1], b}), nullptr, nullptr};)

// --- shape rule and kernel ---

std::vector<TensorType> infer_row(const TileFunction& f, const Call& call) {
    check(int(call.in.size()) == f.tensors, "[", f.name, "] takes ", f.tensors, " tensors. Received: ", call.in.size());
    const DType dtype = call.in.back().dtype;
    if ((f.types == TileFunction::integers && is_float(dtype)) || (f.types == TileFunction::floats && !is_float(dtype)))
        fail<TypeError>("[", f.name, "] tensors must be ",
                        f.types == TileFunction::floats ? "floating-point" : "integers",
                        ". Received: dtype=", name_of(dtype));
    Shape shape = call.in[0].shape;
    for (const TensorType& t : call.in) {
        shape = broadcast(shape, t.shape, f.name);
        if (t.dtype != dtype && !(&t == &call.in[0] && t.dtype == DType::boolean && f.tensors == 3))
            fail<TypeError>("[", f.name, "] tensors must have one dtype. Received: ", name_of(t.dtype), " and ",
                            name_of(dtype));
    }
    return {{f.result == TileFunction::truth ? DType::boolean : dtype, shape}};
}

Kernel row_kernel(int number, const Call& call) {
    const TileFunction& f = tile_function(number);
    TileProgram p(tile_compute_type(call.in.back().dtype), call.out[0].shape);
    int values[3];
    for (size_t i = 0; i < call.in.size(); ++i) values[i] = p.input(call.in[i].dtype, call.in[i].shape);
    const int y = p.append(number, std::span(values, call.in.size()), tile_attributes(f, call.attrs));
    p.output(y, call.out[0].dtype);
    p.finish();
    return {[p](const void* const* in, void* const* out, void*) { tile_run(p, in, out); }};
}

// The gradient of a relu goes into the gradient of the batch normalisation before it, whose two passes read dy.
std::optional<Op::Absorbed> absorb_relu_grad(const Call& self, const Op& next, const Call& next_call, int operand) {
    const int dy = int(next_call.in.size()) - 1;
    if (next.name != "batch_norm_grad" || operand != dy || self.in[1] != self.out[0]) return std::nullopt;
    Op::Absorbed both{"batch_norm_relu_grad", next_call.attrs, {}};
    for (int i = 0; i < dy; ++i) both.extra.push_back(i);
    return both;
}

template <int r>
void register_row() {
    const TileFunction& f = tile_function(r);
    Op op{.name = f.name};
    op.infer = [](const Call& call) { return infer_row(tile_function(r), call); };
    op.kernel = [](const Call& call) { return row_kernel(r, call); };
    op.gradient = rule<r>;
    op.promote = f.types == TileFunction::floats ? Op::Promote::to_float : Op::Promote::common;
    op.promote_from = r == row::where;
    op.tile = f.name;
    if (r == row::relu_grad || r == row::relu6_grad)
        op.absorb = [](const Call& self, const Op& next, const Call& next_call, int operand) {
            auto both = absorb_relu_grad(self, next, next_call, operand);
            if (both) both->attrs.set("activation", std::string(r == row::relu_grad ? "relu" : "relu6"));
            return both;
        };
    register_op(std::move(op));
}

[[maybe_unused]] const bool registered = []<int... r>(std::integer_sequence<int, r...>) {
    (register_row<r>(), ...);
    return true;
}(std::make_integer_sequence<int, row::count>());

}  // namespace
}  // namespace fk
