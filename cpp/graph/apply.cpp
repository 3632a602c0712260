// The front door of every op: runs it at once, or records it into the trace of its inputs; tapes write it down.
#include <algorithm>

#include "core/parallel.h"
#include "graph/trace.h"

namespace fk {

DType default_float = DType::float32;
std::atomic<int> float32_product_planes{3};

static thread_local std::vector<Tape*> tapes;

static std::shared_ptr<Trace> trace_of(const Op& op, const std::vector<Tensor>& in) {
    std::shared_ptr<Trace> found;
    for (const Tensor& t : in) {
        if (!t->symbolic()) continue;
        auto trace = t->trace.lock();
        if (!trace || (found && trace != found))
            fail("[", op.name,
                 "] a symbolic tensor was used outside of the trace that made it: it was kept from inside a "
                 "traced function (a training step, a layer's call). Return it, or assign it to a Variable");
        found = std::move(trace);
    }
    return found;
}

static void unify_dtypes(const Op& op, std::vector<Tensor>& in) {
    const size_t first = size_t(op.promote_from);
    if (op.promote == Op::Promote::none || in.size() <= first) return;
    DType dtype = in[first]->dtype;
    for (size_t i = first; i < in.size(); ++i) dtype = promote(dtype, in[i]->dtype);
    if (op.promote == Op::Promote::to_float && !is_float(dtype)) dtype = default_float;
    for (size_t i = first; i < in.size(); ++i)
        if (in[i]->dtype != dtype) in[i] = call("cast", {in[i]}, {{"dtype", std::string(name_of(dtype))}});
}

// What holds all floats among the inputs; bool when there is none.
static DType common_float(const std::vector<Tensor>& in) {
    DType common = DType::boolean;
    for (const Tensor& t : in)
        if (is_float(t->dtype)) common = promote(common, t->dtype);
    return common;
}

// In how many planes of bfloat16, of 8 bits each, an op must keep its operands. The 11 bits of float16 fit two.
static int planes_of(const std::vector<Tensor>& in) {
    const int allowed = float32_product_planes.load(std::memory_order_relaxed);
    const DType common = common_float(in);
    return common == DType::bfloat16 ? 1 : common == DType::float16 ? std::min(allowed, 2) : allowed;
}

// The casts are ops like any other: tapes differentiate them, the fuser merges them with what stands before and after.
static std::vector<Tensor> apply_widened(const Op& op, std::vector<Tensor> in, Attrs attrs) {
    const DType common = common_float(in);
    for (Tensor& t : in)
        if (is_half(t->dtype)) t = call("cast", {t}, {{"dtype", std::string("float32")}});
    std::vector<Tensor> out = apply(op, std::move(in), std::move(attrs));
    for (Tensor& t : out)
        if (is_half(common) && t->dtype == DType::float32)
            t = call("cast", {t}, {{"dtype", std::string(name_of(common))}});
    return out;
}

void run_kernel(const Op& op, const Call& call, const void* const* in, void* const* out) {
    const Kernel kernel = op.kernel(call);
    // Kept for the next call of the thread: 0.1 to 0.2 us of the 1.2 to 3 of a small product.
    constexpr size_t kKeptBytes = 1 << 20;
    static thread_local std::unique_ptr<Buffer> kept;
    std::unique_ptr<Buffer> scratch;
    const bool keeps = kernel.scratch_bytes > 0 && kernel.scratch_bytes <= kKeptBytes;
    if (keeps) scratch = kept ? std::move(kept) : std::make_unique<Buffer>(kKeptBytes);
    if (kernel.scratch_bytes > kKeptBytes) scratch = std::make_unique<Buffer>(kernel.scratch_bytes);
    // Denormals are flushed here as in programs and on workers: one op has one result.
    auto body = [&] { kernel.run(in, out, scratch ? scratch->data() : nullptr); };
    run_flushed([](void* p) { (*static_cast<decltype(body)*>(p))(); }, &body);
    if (keeps) kept = std::move(scratch);
}

std::vector<Tensor> apply(const Op& op, std::vector<Tensor> in, Attrs attrs) {
    unify_dtypes(op, in);
    if (op.products && !attrs.has("planes"))
        if (const int planes = planes_of(in); planes < 3) attrs.set("planes", int64_t(planes));
    if (op.widens && std::any_of(in.begin(), in.end(), [](const Tensor& t) { return is_half(t->dtype); }))
        return apply_widened(op, std::move(in), std::move(attrs));
    std::vector<TensorType> in_types(in.size());
    for (size_t i = 0; i < in.size(); ++i) in_types[i] = *in[i];
    std::vector<TensorType> out_types = op.infer({attrs, in_types, {}});
    for (const TensorType& t : out_types) t.shape.check_size();
    std::vector<Tensor> out(out_types.size());

    if (const auto trace = trace_of(op, in)) {
        for (size_t i = 0; i < out.size(); ++i) out[i] = trace->symbol(out_types[i], int(trace->nodes.size()));
        trace->nodes.push_back({&op, attrs, in, out});
    } else if (op.view) {
        out[0] = make_tensor(out_types[0], in[0]->buffer, in[0]->data);
    } else {
        for (size_t i = 0; i < out.size(); ++i) out[i] = make_tensor(out_types[i]);
        std::vector<const void*> sources(in.size());
        std::vector<void*> results(out.size());
        for (size_t i = 0; i < in.size(); ++i) sources[i] = in[i]->data;
        for (size_t i = 0; i < out.size(); ++i) results[i] = out[i]->data;
        run_kernel(op, {attrs, in_types, out_types}, sources.data(), results.data());
    }
    record_on_tapes(op, attrs, in, out);
    return out;
}

void record_on_tapes(const Op& op, const Attrs& attrs, const std::vector<Tensor>& in, const std::vector<Tensor>& out) {
    for (Tape* tape : tapes)
        if (tape->recording()) tape->record(op, attrs, in, out);
}

void watch_on_tapes(const Variable& variable, const Tensor& value) {
    for (Tape* tape : tapes)
        if (tape->recording() && tape->watch_variables) tape->watch(value, &variable);
}

bool taping() {
    return std::any_of(tapes.begin(), tapes.end(), [](const Tape* tape) { return tape->recording(); });
}

void Tape::start() {
    recording_ = true;
    tapes.push_back(this);
}

void Tape::stop() {
    recording_ = false;
    std::erase(tapes, this);
}

}  // namespace fk
