// Connectionist temporal classification (Graves et al., 2006): the negative log likelihood of a sequence of labels that
// is shorter than its outputs, summed over all alignments of the two by log-space dynamic programming.
//   ctc_loss(target, log_p, target_length, output_length; mask_index) -> loss, alpha
// target (batch, labels), log_p (batch, frames, classes), lengths (batch,), which count no more than there is;
// integers are int32. `alpha` is for the gradient:
//   ctc_loss_grad(target, log_p, target_length, output_length, alpha, dloss; mask_index) -> d_log_p
#include "kernels/ctc.h"

#include <algorithm>
#include <limits>

#include "core/parallel.h"
#include "ops/by_type.h"

namespace fk {
namespace {

struct Size {
    int64_t batch, frames, classes, labels, width, blank;
    explicit Size(const Call& call)
        : batch(call.in[1].shape[0]),
          frames(call.in[1].shape[1]),
          classes(call.in[1].shape[2]),
          labels(call.in[0].shape[1]),
          width(kCtcMargin + 2 * labels + 1),
          blank(call.attrs.integer("mask_index")) {}
    int64_t alpha() const { return (frames + 1) * width; }  // numbers of a sample
    int64_t grain() const { return 1 + (1 << 10) / (1 + frames * width); }
};

std::vector<TensorType> infer(const Call& call) {
    const TensorType &target = call.in[0], &log_p = call.in[1];
    check_float(log_p, "ctc_loss");
    check(target.shape.rank() == 2 && log_p.shape.rank() == 3 && target.shape[0] == log_p.shape[0],
          "[ctc_loss] target must be (batch, labels), output (batch, frames, classes). Received: target.shape=",
          target.shape, ", output.shape=", log_p.shape);
    const TensorType length{DType::int32, {target.shape[0]}};
    check(call.in[2] == length && call.in[3] == length,
          "[ctc_loss] lengths must be int32, one per sample. Received: target_length.shape=", call.in[2].shape,
          ", output_length.shape=", call.in[3].shape);
    if (target.dtype != DType::int32)
        fail<TypeError>("[ctc_loss] target must be int32. Received: dtype=", name_of(target.dtype));
    const Size s(call);
    check(s.blank >= 0 && s.blank < s.classes, "[ctc_loss] mask_index must be one of the ", s.classes,
          " classes. Received: mask_index=", s.blank);
    return {{log_p.dtype, {s.batch}}, {log_p.dtype, {s.batch, s.frames + 1, s.width}}};
}

// Rows of a width each that a sample works in.
enum Row { symbols, skip, emission, beta, occupancy, kRows };

template <class T>
CtcSample<T> sample_of(const Size& s, const void* const* in, int64_t i, T* rows) {
    const auto clamped = [&](size_t length, int64_t most) {
        return std::clamp<int64_t>(input<int32_t>(in, length)[i], 0, most);
    };
    const int32_t* target = input<int32_t>(in, 0) + i * s.labels;
    const int64_t states = 2 * clamped(2, s.labels) + 1;
    auto* symbol = reinterpret_cast<int32_t*>(rows + Row::symbols * s.width);
    T* skips = rows + Row::skip * s.width;
    std::fill(skips, skips + s.width, -std::numeric_limits<T>::infinity());
    for (int64_t state = 0; state < states; ++state) {
        const bool is_label = state % 2 == 1;
        const int32_t* label = target + state / 2;
        symbol[state] = !is_label ? int32_t(s.blank) : *label >= 0 && *label < s.classes ? *label : -1;
        if (is_label && state > 1) skips[state] = label[0] == label[-1] ? T(kCtcForbidden) : T(0);
    }
    return {input<T>(in, 1) + i * s.frames * s.classes,
            clamped(3, s.frames),
            s.classes,
            states,
            s.width,
            symbol,
            skips,
            rows + Row::emission * s.width};
}

// work(i, sample, rows) for every sample.
template <class T, class F>
Kernel over_samples(const Size& s, const F& work) {
    const auto run = [=](const void* const* in, void* const* out, void* scratch) {
        parallel_for(s.batch, s.grain(), [&](int64_t begin, int64_t end) {
            for (int64_t i = begin; i < end; ++i) {
                T* rows = static_cast<T*>(scratch) + i * kRows * s.width;
                work(in, out, i, sample_of(s, in, i, rows), rows);
            }
        });
    };
    return {run, size_t(s.batch * kRows * s.width) * sizeof(T)};
}

Kernel kernel(const Call& call) {
    return by_type(call.in[1].dtype, [s = Size(call)](auto zero) -> Kernel {
        using T = decltype(zero);
        return over_samples<T>(s, [s](const void* const*, void* const* out, int64_t i, const CtcSample<T>& sample, T*) {
            FK_BY_TYPE(T, ctc_forward, sample, output<T>(out, 0) + i, output<T>(out, 1) + i * s.alpha());
        });
    });
}

std::vector<Tensor> gradient(const Gradient& g) {
    if (!g.dout[0]) return {};
    return {nullptr, call("ctc_loss_grad", {g.in[0], g.in[1], g.in[2], g.in[3], g.out[1], g.dout[0]}, g.attrs)};
}

std::vector<TensorType> infer_grad(const Call& call) { return {call.in[1]}; }

Kernel kernel_grad(const Call& call) {
    return by_type(call.in[1].dtype, [s = Size(call)](auto zero) -> Kernel {
        using T = decltype(zero);
        return over_samples<T>(
            s, [s](const void* const* in, void* const* out, int64_t i, const CtcSample<T>& sample, T* rows) {
                T* d_log_p = output<T>(out, 0) + i * s.frames * s.classes;
                std::fill(d_log_p, d_log_p + s.frames * s.classes, T(0));
                FK_BY_TYPE(T, ctc_backward, sample, d_log_p, input<T>(in, 4) + i * s.alpha(), input<T>(in, 5)[i],
                           rows + Row::beta * s.width, rows + Row::occupancy * s.width);
            });
    });
}

std::vector<Tensor> gradient_grad(const Gradient&) { fail("[ctc_loss] has no second derivative"); }

}  // namespace

FK_OP(ctc_loss, .infer = infer, .kernel = kernel, .gradient = gradient, .widens = true)
FK_OP(ctc_loss_grad, .infer = infer_grad, .kernel = kernel_grad, .gradient = gradient_grad)

}  // namespace fk
