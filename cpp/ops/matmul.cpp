// matmul (NumPy's rules, with transposes) and dense = act(x w + bias), what the epilogue fusion makes of a layer.
#include <algorithm>

#include "core/parallel.h"
#include "graph/op.h"
#include "kernels/gemm.h"

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
    check(a.rank() > 0 && b.rank() > 0, "[matmul] scalars cannot be multiplied as matrices. Received: shapes ", a, " and ", b);
    const int da = std::min(a.rank(), 2), db = std::min(b.rank(), 2);
    p.m = da == 1 ? 1 : p.ta ? a[-1] : a[-2];
    p.k = da == 1 ? a[-1] : p.ta ? a[-2] : a[-1];
    const int64_t kb = db == 1 ? b[-1] : p.tb ? b[-1] : b[-2];
    p.n = db == 1 ? 1 : p.tb ? b[-2] : b[-1];
    check(p.k == kb, "[matmul] the inner dimensions must be equal. Received: shapes ", a, " and ", b, ", transpose_a=", p.ta,
          ", transpose_b=", p.tb);
    p.batch = broadcast(Shape(std::span(a.begin(), size_t(a.rank() - da))), Shape(std::span(b.begin(), size_t(b.rank() - db))), "matmul");
    std::vector<int64_t> out = p.batch.vec();
    if (da == 2) out.push_back(p.m);
    if (db == 2) out.push_back(p.n);
    p.out = Shape(out);
    p.a_offsets = offsets(p.batch, a, da), p.b_offsets = offsets(p.batch, b, db);
    return p;
}

Gemm gemm_of(const Product& p) {
    Gemm g;
    g.m = p.m, g.n = p.n, g.k = p.k;
    g.a_row = p.ta ? 1 : p.k, g.a_col = p.ta ? p.m : 1;
    g.b_row = p.tb ? 1 : p.n, g.b_col = p.tb ? p.k : 1;
    g.c_row = p.n, g.c_batch = p.m * p.n;
    g.batch = p.batch.count();
    g.threads = std::min(64, num_threads());
    return g;
}

Kernel matmul_kernel(const Call& c) {
    const Product p = product(c);
    Gemm base = gemm_of(p);
    const bool bias = c.in.size() > 2;
    if (c.attrs.has("activation")) {
        const std::string& name = c.attrs.text("activation");
        base.activation = name == "relu" ? Activation::relu : name == "sigmoid" ? Activation::sigmoid : name == "tanh" ? Activation::tanh : Activation::linear;
    }
    switch (c.in[0].dtype) {
        case DType::float64:
            return {[p, base, bias](const void* const* in, void* const* out, void* scratch) {
                Gemm g = base;
                g.a_offsets = p.a_offsets.data(), g.b_offsets = p.b_offsets.data();
                gemm_f64(g, static_cast<const double*>(in[0]), static_cast<const double*>(in[1]),
                         bias ? static_cast<const double*>(in[2]) : nullptr, static_cast<double*>(out[0]), scratch);
            }, gemm_scratch_bytes(base, 8)};
        default:
            return {[p, base, bias](const void* const* in, void* const* out, void* scratch) {
                Gemm g = base;
                g.a_offsets = p.a_offsets.data(), g.b_offsets = p.b_offsets.data();
                gemm_f32(g, static_cast<const float*>(in[0]), static_cast<const float*>(in[1]),
                         bias ? static_cast<const float*>(in[2]) : nullptr, static_cast<float*>(out[0]), scratch);
            }, gemm_scratch_bytes(base, 4)};
    }
}

Tensor reduced(const Tensor& gradient, const Tensor& like) {
    return gradient->shape == like->shape ? gradient : call("sum_to", {gradient}, {{"shape", like->shape.vec()}});
}

Tensor reshaped(const Tensor& x, std::vector<int64_t> dims) { return call("reshape", {x}, {{"shape", std::move(dims)}}); }

std::vector<Tensor> matmul_gradient(const Gradient& g) {
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
    const auto mm = [](const Tensor& x, const Tensor& y, bool tx, bool ty) {
        return call("matmul", {x, y}, {{"transpose_a", tx}, {"transpose_b", ty}});
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
    if (da) da = va ? reshaped(reduced(da, a), g.in[0]->shape.vec()) : reduced(da, a);
    if (db) db = vb ? reshaped(reduced(db, b), g.in[1]->shape.vec()) : reduced(db, b);
    return {da, db};
}

bool is_bias(const Call& next, int operand) {
    if (next.in.size() != 2) return false;
    const TensorType &y = next.in[operand], &bias = next.in[1 - operand];
    return bias.shape.rank() == 1 && y.shape.rank() >= 1 && bias.shape[0] == y.shape[-1] && bias.dtype == y.dtype &&
           (y.dtype == DType::float32 || y.dtype == DType::float64) && next.out[0].shape == y.shape;
}

std::optional<Op::Absorbed> absorb(const Call& self, const Op& next, const Call& next_call, int operand) {
    if (self.in[0].shape.rank() < 2 || self.in[1].shape.rank() != 2 || !is_float(self.in[0].dtype) || self.in[0].dtype == DType::bfloat16)
        return std::nullopt;
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

std::vector<TensorType> infer(const Call& c) { return {{c.in[0].dtype, product(c).out}}; }

}  // namespace

FK_OP(matmul, .infer = infer, .kernel = matmul_kernel, .gradient = matmul_gradient, .promote = Op::Promote::common, .absorb = absorb)
FK_OP(dense, .infer = infer, .kernel = matmul_kernel, .promote = Op::Promote::common, .absorb = absorb)

}  // namespace fk
