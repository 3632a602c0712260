// attention(q, k, v, [mask,] [seed]; scale, causal, save, [rate]) -> y, p: y = dropout(softmax(scale q k^T)) v of heads
//   that lie side by side.
//   q (batch, queries, heads, size), k (batch, keys, heads, size), v (batch, keys, heads, value_size)
//   mask of bool, of rank 4, broadcasts to (batch, heads, queries, keys): where it is false, a query does not see a
//   key; causal: nor does query i see a key behind i. One that sees none takes the mean of all values. p (batch, heads,
//   queries, keys), the probabilities, is for the gradient, which makes them again where it is empty: without `save`,
//   or where it would be larger than 32 MB. With a rate, what the op `dropout` would drop of them for the same seed is
//   dropped, and negative in p.
// attention_grad(q, k, v, [mask,] [seed,] p, dy; scale, causal, [rate]) -> dq, dk, dv
#include "kernels/products/attention.h"

#include <algorithm>
#include <array>

#include "kernels/random.h"
#include "ops/by_type.h"
#include "ops/planes.h"
#include "ops/rules.h"
#include "ops/seeds.h"

namespace fk {
namespace {

constexpr int64_t kBlockBytes = 256 << 10;  // of scores and their gradients, in the L2
constexpr int64_t kFewestQueries = 16;      // of a block
constexpr size_t kSavedBytes = 32 << 20;    // what is read from the L3 sooner than made again

// Where a mask and a seed are among the inputs, of which the last `more` are p and dy; 0: nowhere.
struct Given {
    size_t mask = 0, seed = 0;
    Given(const Attrs& attrs, size_t count, size_t more) {
        if (attrs.has("rate")) seed = count - more - 1;
        if (count == 4 + (seed > 0) + more) mask = 3;
    }
    template <class T>
    static const T* at(const void* const* in, size_t place) {
        return place ? input<T>(in, place) : nullptr;
    }
};

Attention attention_of(const Call& c, bool backward) {
    const Shape &q = c.in[0].shape, &k = c.in[1].shape, &v = c.in[2].shape;
    Attention a{};
    a.batch = q[0], a.heads = q[2], a.queries = q[1], a.keys = k[1], a.size = q[3], a.value_size = v[3];
    a.scale = c.attrs.number("scale"), a.causal = c.attrs.flag("causal");
    const Given given(c.attrs, c.in.size(), backward ? 2 : 0);
    if ((a.drops = given.seed > 0)) {
        const double rate = rate_of(c.attrs, "attention");
        a.threshold = dropout_threshold(rate), a.kept_scale = 1 / (1 - rate);
    }
    if (given.mask) {
        const Shape& mask = c.in[given.mask].shape;
        int64_t stride = 1;
        for (int i = 3; i >= 0; --i) a.mask[i] = mask[i] == 1 ? 0 : stride, stride *= mask[i];
    }
    const auto bytes = int64_t(c.in[0].bytes() / std::max<size_t>(1, size_t(q.count())));
    a.line = ((a.keys + 15) / 16 | 1) * 16;  // lines of neighbours in different sets of the L1
    a.signs = a.drops ? a.line + 2 * kDropoutGroup : 0;
    const int64_t fit = std::max(kFewestQueries, kBlockBytes / ((1 + backward) * a.line * std::max<int64_t>(1, bytes)));
    const int64_t blocks = std::max<int64_t>(1, (a.queries + fit - 1) / fit);
    a.block = std::max<int64_t>(1, (a.queries + blocks - 1) / blocks);
    a.threads = std::min(64, num_threads());
    a.planes = planes_of(c.attrs, c.in[0].dtype, a.block, a.keys, a.size, (a.block + a.keys) * a.size);
    return a;
}

// The memory of a thread: scores, their gradients, signs, lines of the mask, and what the products want.
template <class T>
size_t scratch_bytes(Attention& a) {
    const int64_t width = std::max(a.size, a.value_size);
    size_t products = 0;
    for (auto [m, n, k] : {std::array{a.block, a.keys, width}, {a.block, width, a.keys}, {a.keys, width, a.block}}) {
        Gemm g;
        g.m = m, g.n = n, g.k = k, g.planes = a.planes;
        products = std::max(products, gemm_scratch_bytes(g, sizeof(T)));
    }
    const size_t own = size_t((2 * a.block + kMaskLines) * a.line + a.signs) * sizeof(T);
    a.slot_bytes = int64_t((own + products + 63) / 64 * 64);
    return 64 + size_t(a.threads) * size_t(a.slot_bytes);
}

std::vector<TensorType> infer(const Call& c) {
    const Given given(c.attrs, c.in.size(), 0);
    check(c.in.size() == size_t(3 + (given.mask > 0) + (given.seed > 0)),
          "[attention] takes queries, keys, values, a mask and, with a rate, a seed. Received: ", c.in.size(),
          " tensors");
    check_float(c.in[0], "attention");
    for (const TensorType& t : c.in.first(3)) {
        check(t.shape.rank() == 4, "[attention] tensors must be (batch, length, heads, size). Received: ", t.shape);
        if (t.dtype != c.in[0].dtype)
            fail<TypeError>("[attention] queries, keys and values must have one dtype. Received: ",
                            name_of(c.in[0].dtype), " and ", name_of(t.dtype));
    }
    const Shape &q = c.in[0].shape, &k = c.in[1].shape, &v = c.in[2].shape;
    check(k[0] == q[0] && v[0] == q[0] && k[2] == q[2] && v[2] == q[2] && k[3] == q[3] && v[1] == k[1],
          "[attention] queries, keys and values must fit. Received: shapes ", q, ", ", k, " and ", v);
    if (given.seed) rate_of(c.attrs, "attention"), check_seed(c.in[given.seed], "attention");
    if (given.mask) {
        const Shape &mask = c.in[3].shape, scores{q[0], q[2], q[1], k[1]};
        if (c.in[3].dtype != DType::boolean)
            fail<TypeError>("[attention] the mask must be bool. Received: dtype=", name_of(c.in[3].dtype));
        bool fits = mask.rank() == 4;
        for (int i = 0; fits && i < 4; ++i) fits = mask[i] == 1 || mask[i] == scores[i];
        check(fits, "[attention] the mask must broadcast to ", scores, ". Received: shape ", mask);
    }
    TensorType p{c.in[0].dtype, {q[0], q[2], q[1], k[1]}};
    if (!c.attrs.flag("save") || p.bytes() > kSavedBytes) p.shape = {0};
    return {{c.in[0].dtype, {q[0], q[1], q[2], v[3]}}, p};
}

Kernel kernel(const Call& c) {
    return by_type(c.in[0].dtype, [&](auto zero) -> Kernel {
        using T = decltype(zero);
        Attention a = attention_of(c, false);
        const size_t bytes = scratch_bytes<T>(a);
        const Given given(c.attrs, c.in.size(), 0);
        const bool saved = c.out[1].count() > 0;
        return {[=](const void* const* in, void* const* out, void* scratch) {
                    FK_BY_TYPE(T, attention, a, input<T>(in, 0), input<T>(in, 1), input<T>(in, 2),
                               Given::at<bool>(in, given.mask), Given::at<uint32_t>(in, given.seed), output<T>(out, 0),
                               saved ? output<T>(out, 1) : nullptr, scratch);
                },
                bytes};
    });
}

std::vector<Tensor> gradient(const Gradient& g) {
    std::vector<Tensor> in(g.in.begin(), g.in.end()), d(g.in.size());
    if (!g.dout[0]) return d;
    in.insert(in.end(), {g.out[1], g.dout[0]});
    const auto found = call_all("attention_grad", in, g.attrs);
    std::copy(found.begin(), found.end(), d.begin());
    return d;
}

std::vector<TensorType> infer_grad(const Call& c) { return {c.in[0], c.in[1], c.in[2]}; }

Kernel kernel_grad(const Call& c) {
    return by_type(c.in[0].dtype, [&](auto zero) -> Kernel {
        using T = decltype(zero);
        Attention a = attention_of(c, true);
        const size_t bytes = scratch_bytes<T>(a);
        const Given given(c.attrs, c.in.size(), 2);
        const size_t p = c.in.size() - 2;
        const bool saved = c.in[p].count() > 0;
        return {[=](const void* const* in, void* const* out, void* scratch) {
                    FK_BY_TYPE(T, attention_grad, a, input<T>(in, 0), input<T>(in, 1), input<T>(in, 2),
                               Given::at<bool>(in, given.mask), Given::at<uint32_t>(in, given.seed),
                               saved ? input<T>(in, p) : nullptr, input<T>(in, p + 1), output<T>(out, 0),
                               output<T>(out, 1), output<T>(out, 2), scratch);
                },
                bytes};
    });
}

// --- the second derivative, of whole tensors by (batch, heads) ---

Tensor heads(const Tensor& x) { return call("transpose", {x}, {{"perm", std::vector<int64_t>{0, 2, 1, 3}}}); }

Tensor up_to_the_diagonal(int64_t rows, int64_t columns) {
    const Tensor x = make_tensor({DType::boolean, {rows, columns}});
    for (int64_t i = 0; i < rows * columns; ++i) static_cast<bool*>(x->data)[i] = i % columns <= i / columns;
    return x;
}

// With p = softmax(scale q k^T), dp = drop(dy v^T) and ds = softmax_grad(p, dp) scale the op gives dq = ds k, dk = ds^T
// q, dv = drop(p)^T dy; u are the gradients of those three.
std::vector<Tensor> gradient_grad(const Gradient& g) {
    const Given given(g.attrs, g.in.size(), 2);
    const auto product = [&](const Tensor& a, const Tensor& b, bool ta = false, bool tb = false) {
        Attrs attrs{{"transpose_a", ta}, {"transpose_b", tb}};
        if (g.attrs.has("planes")) attrs.set("planes", g.attrs.integer("planes"));
        return call("matmul", {a, b}, std::move(attrs));
    };
    const Tensor q = heads(g.in[0]), k = heads(g.in[1]), v = heads(g.in[2]), dy = heads(g.in.back());
    const double scale = g.attrs.number("scale");
    Tensor seen = given.mask ? g.in[given.mask] : nullptr;
    if (g.attrs.flag("causal")) {
        const Tensor causal = up_to_the_diagonal(q->shape[2], k->shape[2]);
        seen = seen ? call("logical_and", {seen, causal}) : causal;
    }
    const auto hide = [&](const Tensor& x, double otherwise) {
        return seen ? call("where", {seen, x, full({}, x->dtype, otherwise)}) : x;
    };
    const double hidden = q->dtype == DType::float32 ? double(kHiddenLogit<float>) : kHiddenLogit<double>;
    const Tensor p = call("softmax", {hide(scale * product(q, k, false, true), hidden)});
    Tensor kept = p, is_kept;
    if (given.seed) {
        const auto dropped = call_all("dropout", {p, g.in[given.seed]}, {{"rate", g.attrs.number("rate")}});
        kept = dropped[0], is_kept = dropped[1];
    }
    const auto drop = [&](const Tensor& x) {
        return is_kept ? call("dropout_grad", {x, is_kept}, {{"rate", g.attrs.number("rate")}}) : x;
    };
    const Tensor dp = drop(product(dy, v, false, true)), ds = hide(scale * call("softmax_grad", {p, dp}), 0);

    Tensor of_ds, of_p, of_q, of_k, of_dy;
    const auto add = [](Tensor& sum, const Tensor& x) { sum = sum ? sum + x : x; };
    if (g.dout[0]) {
        const Tensor u = heads(g.dout[0]);
        add(of_ds, product(u, k, false, true)), add(of_k, product(ds, u, true));
    }
    if (g.dout[1]) {
        const Tensor u = heads(g.dout[1]);
        add(of_ds, product(q, u, false, true)), add(of_q, product(ds, u));
    }
    if (g.dout[2]) {
        const Tensor u = heads(g.dout[2]);
        add(of_p, drop(product(dy, u, false, true))), add(of_dy, product(kept, u));
    }
    Tensor of_v;
    if (of_ds) {
        const Tensor d = hide(scale * of_ds, 0);
        const auto sum = [](const Tensor& x) { return call("sum", {x}, {{"axes", int64_t(-1)}, {"keepdims", true}}); };
        add(of_p, d * (dp - sum(p * dp)) - dp * sum(d * p));
        const Tensor of_products = drop(call("softmax_grad", {p, d}));  // of dy v^T
        add(of_dy, product(of_products, v)), add(of_v, product(of_products, dy, true));
    }
    if (of_p) {
        const Tensor of_logits = hide(scale * call("softmax_grad", {p, of_p}), 0);
        add(of_q, product(of_logits, k)), add(of_k, product(of_logits, q, true));
    }
    std::vector<Tensor> d(g.in.size());
    const Tensor found[] = {of_q, of_k, of_v};
    for (size_t i = 0; i < 3; ++i)
        if (found[i]) d[i] = heads(found[i]);
    if (of_dy) d.back() = heads(of_dy);
    return d;
}

}  // namespace

FK_OP(attention, .infer = infer, .kernel = kernel, .gradient = gradient, .widens = true, .products = true)
FK_OP(attention_grad, .infer = infer_grad, .kernel = kernel_grad, .gradient = gradient_grad, .products = true)

}  // namespace fk
