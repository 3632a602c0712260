// quantized_matmul(x, kernel, scale; epsilon, transpose) = q kernel / (s scale) of float32 rows x (..., k), an int8
// kernel (k, n), or (n, k) with `transpose`, and a divisor for each of its columns: s = 127 / (max |row| + epsilon),
// and q is s x, rounded to int8. quantized_dense(x, kernel, scale[, bias]; ..., activation) is what epilogue fusion
// makes of it.
#include <algorithm>

#include "core/parallel.h"
#include "graph/op.h"
#include "kernels/gemm_bytes.h"
#include "ops/rules.h"

namespace fk {
namespace {

Gemm gemm_of(const Call& c) {
    const Shape &x = c.in[0].shape, &kernel = c.in[1].shape;
    const bool turned = c.attrs.flag("transpose", false);
    Gemm g;
    g.k = x[-1], g.m = x.count(0, x.rank() - 1), g.n = kernel[turned ? 0 : 1];
    g.a_row = g.k, g.a_col = 1, g.c_row = g.n;
    g.b_row = turned ? 1 : g.n, g.b_col = turned ? g.k : 1;
    g.threads = std::min(64, num_threads());
    if (c.attrs.has("activation")) g.activation = Activation::relu;
    return g;
}

std::vector<TensorType> infer(const Call& c) {
    const TensorType &x = c.in[0], &kernel = c.in[1], &scale = c.in[2];
    if (x.dtype != DType::float32 || kernel.dtype != DType::int8 || scale.dtype != DType::float32)
        fail<TypeError>("[quantized_matmul] rows and scale must be float32, the kernel int8. Received: dtypes ",
                        name_of(x.dtype), ", ", name_of(scale.dtype), ", ", name_of(kernel.dtype));
    check(x.shape.rank() > 0 && kernel.shape.rank() == 2, "[quantized_matmul] a kernel is a matrix. Received: shapes ",
          x.shape, ", ", kernel.shape);
    const bool turned = c.attrs.flag("transpose", false);
    const int64_t n = kernel.shape[turned ? 0 : 1];
    check(
        x.shape[-1] == kernel.shape[turned ? 1 : 0] && scale.shape == Shape{n},
        "[quantized_matmul] the rows must be as long as the kernel's columns, and each column have a scale. Received: "
        "shapes ",
        x.shape, ", ", kernel.shape, ", ", scale.shape, ", transpose=", turned);
    std::vector<int64_t> out = x.shape.vec();
    out.back() = n;
    return {{DType::float32, Shape(out)}};
}

Kernel kernel(const Call& c) {
    const Gemm g = gemm_of(c);
    return {[g, biased = c.in.size() > 3, epsilon = float(c.attrs.number("epsilon"))](const void* const* in,
                                                                                      void* const* out, void* scratch) {
                const auto floats = [&](int i) { return static_cast<const float*>(in[i]); };
                dense_i8(g, floats(0), static_cast<const int8_t*>(in[1]), floats(2), biased ? floats(3) : nullptr,
                         epsilon, static_cast<float*>(out[0]), scratch);
            },
            gemm_i8_scratch_bytes(g)};
}

// As if nothing were rounded; the kernel and its scale are not trained.
std::vector<Tensor> gradient(const Gradient& g) {
    const bool turned = g.attrs.flag("transpose", false);
    const Tensor numbers = call("cast", {g.in[1]}, {{"dtype", std::string("float32")}});
    const Tensor scale = turned ? call("reshape", {g.in[2]}, {{"shape", std::vector<int64_t>{-1, 1}}}) : g.in[2];
    return {call("matmul", {g.dout[0], numbers / scale}, {{"transpose_b", !turned}}), nullptr, nullptr};
}

std::optional<Op::Absorbed> absorb(const Call& self, const Op& next, const Call& next_call, int operand) {
    const bool activated = self.attrs.has("activation"), biased = self.in.size() > 3;
    Attrs attrs = self.attrs;
    if (next.name == "add" && !biased && !activated && is_bias(next_call, operand))
        return Op::Absorbed{"quantized_dense", attrs, {1 - operand}};
    if (next.name != "relu" || activated) return std::nullopt;
    attrs.set("activation", next.name);
    return Op::Absorbed{"quantized_dense", attrs, {}};
}

}  // namespace

FK_OP(quantized_matmul, .infer = infer, .kernel = kernel, .gradient = gradient, .absorb = absorb)
FK_OP(quantized_dense, .infer = infer, .kernel = kernel, .absorb = absorb)

}  // namespace fk
