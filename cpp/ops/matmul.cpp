// matmul(a, b; transpose_a, transpose_b) by NumPy's rules (but int8 gives int32), and dense(a, b[, bias]; ...,
// activation) = act(a b + bias), which epilogue fusion makes of a layer after the gradients are in the graph.
#include <algorithm>

#include "core/parallel.h"
#include "graph/op.h"
#include "kernels/gemm_bytes.h"
#include "kernels/products/gemm.h"
#include "ops/planes.h"
#include "ops/rules.h"

namespace fk {
namespace {

// Both operands as batches of matrices: vectors get a dimension that the result loses again.
struct Product {
    Shape batch, out;
    int64_t m, n, k;
    bool ta, tb;
    std::vector<int64_t> a_offsets, b_offsets;  // elements, one per matrix of the batch
};

std::vector<int64_t> offsets(const Shape& batch, const Shape& x, int matrix_dims) {
    const int64_t matrix = x.count(x.rank() - matrix_dims, x.rank());
    std::vector<int64_t> result(size_t(batch.count()));
    std::array<int64_t, kMaxRank> strides{};
    int64_t stride = matrix;
    for (int d = 1; d <= batch.rank(); ++d) {
        const int i = x.rank() - matrix_dims - d;
        if (i < 0) break;
        strides[batch.rank() - d] = x[i] == 1 ? 0 : stride;
        stride *= x[i];
    }
    for (size_t flat = 0; flat < result.size(); ++flat) {
        int64_t rest = int64_t(flat);
        for (int d = batch.rank() - 1; d >= 0; --d) {
            result[flat] += rest % batch[d] * strides[d];
            rest /= batch[d];
        }
    }
    return result;
}

Product product(const Call& c) {
    const Shape &a = c.in[0].shape, &b = c.in[1].shape;
    Product p;
    p.ta = c.attrs.flag("transpose_a", false) && a.rank() > 1;
    p.tb = c.attrs.flag("transpose_b", false) && b.rank() > 1;
    check(a.rank() > 0 && b.rank() > 0, "[matmul] scalars cannot be multiplied as matrices. Received: shapes ", a,
          " and ", b);
    const int da = std::min(a.rank(), 2), db = std::min(b.rank(), 2);
    p.m = da == 1 ? 1 : p.ta ? a[-1] : a[-2];
    p.k = da == 1 ? a[-1] : p.ta ? a[-2] : a[-1];
    const int64_t kb = db == 1 ? b[-1] : p.tb ? b[-1] : b[-2];
    p.n = db == 1 ? 1 : p.tb ? b[-2] : b[-1];
    check(p.k == kb, "[matmul] the inner dimensions must be equal. Received: shapes ", a, " and ", b,
          ", transpose_a=", p.ta, ", transpose_b=", p.tb);
    p.batch = broadcast(Shape(std::span(a.begin(), size_t(a.rank() - da))),
                        Shape(std::span(b.begin(), size_t(b.rank() - db))), "matmul");
    std::vector<int64_t> out = p.batch.vec();
    if (da == 2) out.push_back(p.m);
    if (db == 2) out.push_back(p.n);
    p.out = Shape(out);
    if (b.rank() <= 2 && !p.ta && a.rank() > 2) {  // the batch is more rows
        p.m *= p.batch.count();
        p.batch = {};
        p.a_offsets = p.b_offsets = {0};
        return p;
    }
    p.a_offsets = offsets(p.batch, a, da), p.b_offsets = offsets(p.batch, b, db);
    return p;
}

Activation activation_of(const Attrs& attrs) {
    if (!attrs.has("activation")) return Activation::linear;
    const std::string& name = attrs.text("activation");
    if (name == "linear") return Activation::linear;
    if (name == "relu") return Activation::relu;
    if (name == "sigmoid") return Activation::sigmoid;
    if (name == "tanh") return Activation::tanh;
    fail("[dense] activation must be 'linear', 'relu', 'sigmoid' or 'tanh'. Received: activation='", name, "'");
}

Gemm gemm_of(const Call& c, const Product& p) {
    Gemm g;
    g.m = p.m, g.n = p.n, g.k = p.k;
    g.a_row = p.ta ? 1 : p.k, g.a_col = p.ta ? p.m : 1;
    g.b_row = p.tb ? 1 : p.n, g.b_col = p.tb ? p.k : 1;
    g.c_row = p.n, g.c_batch = p.m * p.n;
    g.batch = p.batch.count();
    g.threads = std::min(64, num_threads());
    g.planes = planes_of(c.attrs, c.in[0].dtype, g.m, g.n, g.k, (g.m + g.n) * g.k);
    g.activation = activation_of(c.attrs);
    const bool plain = c.in.size() == 2 && g.activation == Activation::linear && g.planes == 0;
    if (plain && p.ta && g.batch == 1) g.runs = gemm_runs(g.m, g.n, g.k);
    return g;
}

// run(gemm, in, out, scratch) with the parts that must outlive this call bound into the kernel; scratch_bytes(gemm) of
// scratch.
template <class Bytes, class Run>
Kernel bind(const Call& c, Bytes scratch_bytes, Run run) {
    Product p = product(c);
    const Gemm g = gemm_of(c, p);
    return {[p = std::move(p), g, run](const void* const* in, void* const* out, void* scratch) {
                Gemm now = g;
                now.a_offsets = p.a_offsets.data(), now.b_offsets = p.b_offsets.data();
                run(now, in, out, scratch);
            },
            scratch_bytes(g)};
}

template <class T>
const T* input(const void* const* in, size_t i) {
    return static_cast<const T*>(in[i]);
}

template <class T, class F>
Kernel plain_kernel(const Call& c, F gemm) {
    const auto nothing = [](const Gemm&) { return size_t(0); };
    return bind(c, nothing, [gemm](const Gemm& g, const void* const* in, void* const* out, void*) {
        gemm(g, input<T>(in, 0), input<T>(in, 1), static_cast<T*>(out[0]));
    });
}

template <class T, class F>
Kernel float_kernel(const Call& c, F gemm) {
    const bool biased = c.in.size() > 2;
    return bind(
        c, [](const Gemm& g) { return gemm_scratch_bytes(g, sizeof(T)); },
        [gemm, biased](const Gemm& g, const void* const* in, void* const* out, void* scratch) {
            gemm(g, input<T>(in, 0), input<T>(in, 1), biased ? input<T>(in, 2) : nullptr, static_cast<T*>(out[0]),
                 scratch);
        });
}

Kernel byte_kernel(const Call& c) {
    return bind(c, gemm_i8_scratch_bytes, [](const Gemm& g, const void* const* in, void* const* out, void* scratch) {
        gemm_i8(g, input<int8_t>(in, 0), input<int8_t>(in, 1), static_cast<int32_t*>(out[0]), scratch);
    });
}

Kernel kernel(const Call& c) {
#define FK_CALL(name) [](auto... args) { name(args...); }
    switch (c.in[0].dtype) {
        case DType::boolean: return plain_kernel<bool>(c, FK_CALL(gemm_bool));
        case DType::int8: return byte_kernel(c);
        case DType::uint8: return plain_kernel<uint8_t>(c, FK_CALL(gemm_u8));
        case DType::int32: return plain_kernel<int32_t>(c, FK_CALL(gemm_i32));
        case DType::uint32: return plain_kernel<uint32_t>(c, FK_CALL(gemm_u32));
        case DType::int64: return plain_kernel<int64_t>(c, FK_CALL(gemm_i64));
        case DType::float32: return float_kernel<float>(c, FK_CALL(gemm_f32));
        case DType::float16:
        case DType::bfloat16:  // widened: never here
        case DType::float64: break;
    }
    return float_kernel<double>(c, FK_CALL(gemm_f64));
#undef FK_CALL
}

Tensor reshaped(const Tensor& x, std::vector<int64_t> dims) {
    return call("reshape", {x}, {{"shape", std::move(dims)}});
}

std::vector<Tensor> gradient(const Gradient& g) {
    const bool ta = g.attrs.flag("transpose_a", false), tb = g.attrs.flag("transpose_b", false);
    Tensor a = g.in[0], b = g.in[1], dy = g.dout[0];
    // Vectors become matrices, so that one rule holds.
    std::vector<int64_t> dims = dy->shape.vec();
    const bool va = a->shape.rank() == 1, vb = b->shape.rank() == 1;
    if (vb) dims.push_back(1);
    if (va) dims.insert(dims.end() - 1, 1);
    if (va || vb) dy = reshaped(dy, dims);
    if (va) a = reshaped(a, ta ? std::vector<int64_t>{a->count(), 1} : std::vector<int64_t>{1, a->count()});
    if (vb) b = reshaped(b, tb ? std::vector<int64_t>{1, b->count()} : std::vector<int64_t>{b->count(), 1});
    const auto mm = [&](const Tensor& x, const Tensor& y, bool tx, bool ty) {
        Attrs attrs{{"transpose_a", tx}, {"transpose_b", ty}};
        for (const auto& [name, value] : g.attrs.items())
            if (name == "planes" || name == "split") attrs.set(name, value);
        return call("matmul", {x, y}, std::move(attrs));
    };
    Tensor da, db;
    if (g.needs[0]) da = ta ? mm(b, dy, tb, true) : mm(dy, b, false, !tb);
    if (g.needs[1]) {
        // x (batch..., m, k) with one w (k, n): the batch is more rows.
        if (!ta && !tb && b->shape.rank() == 2 && a->shape.rank() > 2)
            db = mm(reshaped(a, {a->shape.count(0, a->shape.rank() - 1), a->shape[-1]}),
                    reshaped(dy, {dy->shape.count(0, dy->shape.rank() - 1), dy->shape[-1]}), true, false);
        else
            db = tb ? mm(dy, a, true, ta) : mm(a, dy, !ta, false);
    }
    if (da) da = va ? reshaped(sum_to(da, a), g.in[0]->shape.vec()) : sum_to(da, a);
    if (db) db = vb ? reshaped(sum_to(db, b), g.in[1]->shape.vec()) : sum_to(db, b);
    return {da, db};
}

// relu, sigmoid and tanh tell their slope from their value.
std::vector<Tensor> gradient_dense(const Gradient& g) {
    const std::string activation = g.attrs.has("activation") ? g.attrs.text("activation") : "linear";
    const Tensor dz = activation == "linear" ? g.dout[0] : call((activation + "_grad").c_str(), {g.dout[0], g.out[0]});
    std::vector<Tensor> slopes = gradient({g.attrs, g.in.first(2), g.out, std::span(&dz, 1), g.needs});
    if (g.in.size() > 2) slopes.push_back(g.needs[2] ? sum_to(dz, g.in[2]) : nullptr);
    return slopes;
}

bool fusible(const TensorType& y) { return y.dtype == DType::float32 || y.dtype == DType::float64; }

std::optional<Op::Absorbed> absorb(const Call& self, const Op& next, const Call& next_call, int operand) {
    if (self.in[0].shape.rank() < 2 || self.in[1].shape.rank() < 2 || !fusible(self.out[0])) return std::nullopt;
    const bool activated = self.attrs.has("activation"), biased = self.in.size() > 2;
    Attrs attrs = self.attrs;
    if (next.name == "add" && !biased && !activated && is_bias(next_call, operand))
        return Op::Absorbed{"dense", attrs, {1 - operand}};
    if (!activated && (next.name == "relu" || next.name == "sigmoid" || next.name == "tanh")) {
        attrs.set("activation", next.name);
        return Op::Absorbed{"dense", attrs, {}};
    }
    return std::nullopt;
}

// Reads the second operand of a batch of products as it was before its last two axes changed places. (A single matrix
// stays turned: few rows and many would meet different sums.)
std::optional<Op::Remade> remake(const Attrs& attrs, std::span<const int> in, const Op& maker, const Attrs& maker_attrs,
                                 std::span<const int> made_of, std::span<const int> made) {
    if (maker.name != "transpose" || in[1] != made[0]) return std::nullopt;
    const std::vector<int64_t> perm = maker_attrs.integers("perm");
    const int64_t rank = int64_t(perm.size());
    if (rank < 3) return std::nullopt;
    for (int64_t d = 0; d < rank; ++d) {
        const int64_t from = d < rank - 2 ? d : 2 * rank - 3 - d;
        if (perm[size_t(d)] != from && perm[size_t(d)] != from - rank) return std::nullopt;
    }
    Op::Remade remade{attrs, {in.begin(), in.end()}};
    remade.attrs.set("transpose_b", !attrs.flag("transpose_b", false));
    remade.in[1] = made_of[0];
    return remade;
}

std::vector<TensorType> infer(const Call& c) {
    const DType dtype = c.in[0].dtype;
    return {{dtype == DType::int8 ? DType::int32 : dtype, product(c).out}};
}

std::vector<TensorType> infer_dense(const Call& c) {
    const TensorType out = infer(c)[0];
    if (!fusible(out))
        fail<TypeError>("[dense] tensors must be float32 or float64. Received: dtype=", name_of(out.dtype));
    activation_of(c.attrs);
    if (c.in.size() > 2)
        check(out.shape.rank() > 0 && c.in[2].shape == Shape{out.shape[-1]},
              "[dense] the bias must have one element per column of the product. Received: bias of shape ",
              c.in[2].shape, ", product of shape ", out.shape);
    return {out};
}

}  // namespace

FK_OP(matmul, .infer = infer, .kernel = kernel, .gradient = gradient, .promote = Op::Promote::common, .absorb = absorb,
      .remake = remake, .widens = true, .products = true)
FK_OP(dense, .infer = infer_dense, .kernel = kernel, .gradient = gradient_dense, .promote = Op::Promote::common,
      .absorb = absorb, .remake = remake, .widens = true, .products = true)

}  // namespace fk
