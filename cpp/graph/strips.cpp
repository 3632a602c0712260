// Where samples do not meet, a program runs some of them at a time through all of its nodes, so that what lies between
// two nodes stays in the L3, and threads wait for each other once instead of in every node. The widest layer of
// MobileNetV2 makes 50 MB of 32 images at 128x128, which go to memory and back, and 3 MB of two of them: 3.0 -> 2.55
// ms an image.
#include <algorithm>
#include <cstring>

#include "core/parallel.h"
#include "graph/graph.h"

namespace fk {
namespace {

constexpr size_t kStripBytes = 4 << 20;  // what a node reads and writes; 2 MB cost a tenth more, 8 and 16 the same
constexpr size_t kFlagBytes = 64;        // one per slot, so that there are at most as many

// A part of a graph, bound to kernels, for `samples` samples.
struct Strips {
    struct Step {
        Kernel kernel;
        std::vector<int> in, out;
        size_t scratch;
    };
    Plan plan;
    std::vector<Step> steps;
    std::vector<size_t> in_bytes, out_bytes;  // from one strip to the next; 0: all strips read the same
    int64_t count = 0;
    size_t pointers = 0, slot_bytes = 0;
    int slots = 1;

    void run_one(int64_t strip, const void* const* in, void* const* out, std::byte* memory) const {
        const auto address = [&](int v) -> void* {
            const Place place = plan.places[v];
            const size_t i = place.index;
            if (place.kind == Place::arena) return memory + pointers * sizeof(void*) + i;
            if (place.kind == Place::output) return static_cast<std::byte*>(out[i]) + size_t(strip) * out_bytes[i];
            return const_cast<std::byte*>(static_cast<const std::byte*>(in[i]) + size_t(strip) * in_bytes[i]);
        };
        void** at = reinterpret_cast<void**>(memory);
        for (const Step& s : steps) {
            std::transform(s.in.begin(), s.in.end(), at, address);
            std::transform(s.out.begin(), s.out.end(), at + s.in.size(), address);
            s.kernel.run(at, at + s.in.size(), memory + pointers * sizeof(void*) + s.scratch);
        }
    }

    void run(const void* const* in, void* const* out, void* scratch) const {
        auto* busy = static_cast<unsigned char*>(scratch);
        std::memset(busy, 0, kFlagBytes);
        parallel_for(count, 1, [&](int64_t begin, int64_t end) {
            int slot = 0;
            while (__atomic_exchange_n(&busy[slot], 1, __ATOMIC_ACQUIRE)) slot = slot + 1 < slots ? slot + 1 : 0;
            for (int64_t i = begin; i < end; ++i)
                run_one(i, in, out, static_cast<std::byte*>(scratch) + kFlagBytes + size_t(slot) * slot_bytes);
            __atomic_store_n(&busy[slot], 0, __ATOMIC_RELEASE);
        });
    }
};

// Where an op is told the shape of its result, that of some samples.
Attrs attrs_for(const Graph::Node& n, const Shape& y, int64_t samples) {
    Attrs attrs = n.attrs;
    if (attrs.has("shape"))
        if (auto shape = attrs.integers("shape"); int(shape.size()) == y.rank() && y.rank() > 0 && shape[0] == y[0])
            shape[0] = samples, attrs.set("shape", shape);
    return attrs;
}

// Finds the nodes. A value is `fed` when it depends on what the program is given: of the others, weights and what is
// made of them, all samples read the same. Nodes are members, or come before all of them, or after.
class Search {
public:
    explicit Search(const Graph& g) : g_(g), fed_(g.types.size()), late_(g.types.size()) {
        for (int v : g.feeds) {
            fed_[v] = true;
            if (samples == 0 && g.types[v].shape.rank() > 0) samples = g.types[v].shape[0];
        }
        for (const auto& n : g.nodes) {
            const bool fed = std::any_of(n.in.begin(), n.in.end(), [&](int v) { return fed_[v]; });
            const bool late = std::any_of(n.in.begin(), n.in.end(), [&](int v) { return late_[v]; });
            side.push_back(!fed ? before : late || !by_sample(n) ? after : member);
            for (int v : n.out) fed_[v] = fed, late_[v] = side.back() == after;
        }
    }
    bool fed(int v) const { return fed_[v]; }

    enum Side { before, member, after };
    std::vector<Side> side;  // of each node
    int64_t samples = 0;

private:
    bool by_sample(const Graph::Node& n) const {
        const bool elementwise = n.op->tile || (n.op->noop_when_same && n.in.size() == 1);
        const Shape& y = g_.types[n.out[0]].shape;
        if (n.op->impure || n.out.size() != 1 || y.rank() == 0 || y[0] != samples) return false;
        std::vector<TensorType> in;
        for (size_t k = 0; k < n.in.size(); ++k) {
            in.push_back(g_.types[n.in[k]]);
            Shape& x = in.back().shape;
            const bool sampled = x.rank() > 0 && x[0] == samples && (!elementwise || x.rank() == y.rank());
            if (fed_[n.in[k]] ? !sampled || !(elementwise || int(k) < n.op->samples) : elementwise && sampled)
                return false;
            if (fed_[n.in[k]]) x[0] = 1;
        }
        try {  // attributes may hold the number of samples in other ways: would the op take one?
            const Attrs attrs = attrs_for(n, y, 1);
            const auto one = n.op->infer({attrs, in, {}});
            return one[0].shape.rank() == y.rank() && one[0].shape[0] == 1 &&
                   one[0].count() * samples == g_.types[n.out[0]].count();
        } catch (const std::exception&) {
            return false;
        }
    }

    const Graph& g_;
    std::vector<bool> fed_, late_;
};

}  // namespace

void strip_samples(Graph& g) {
    const Search found(g);
    const int64_t samples = found.samples;
    const auto uses = g.use_counts();
    std::vector<int> inner_uses(g.types.size());
    Graph part;
    std::vector<Graph::Node> before, after;
    for (size_t i = 0; i < g.nodes.size(); ++i) {
        auto& to = found.side[i] == Search::before ? before : found.side[i] == Search::member ? part.nodes : after;
        to.push_back(g.nodes[i]);
        if (found.side[i] == Search::member)
            for (int v : g.nodes[i].in) ++inner_uses[v];
    }
    std::vector<bool> made(g.types.size());
    size_t saved = 0, widest = 0;
    for (const auto& n : part.nodes) {
        size_t bytes = g.types[n.out[0]].bytes();
        if (inner_uses[n.out[0]] == uses[n.out[0]])
            saved += bytes;
        else
            part.outputs.push_back(n.out[0]);
        for (int v : n.in) {
            if (found.fed(v)) bytes += g.types[v].bytes();
            if (!made[v] && std::find(part.feeds.begin(), part.feeds.end(), v) == part.feeds.end())
                part.feeds.push_back(v);
        }
        made[n.out[0]] = true;
        widest = std::max(widest, bytes);
    }
    // Elementwise ops alone are tile programs, which go through memory once as it is.
    if (saved < kStripBytes ||
        std::none_of(part.nodes.begin(), part.nodes.end(), [](const auto& n) { return n.op->samples > 0; }))
        return;
    const int threads = std::min(int(kFlagBytes), num_threads());
    const int64_t wanted = std::max<int64_t>(
        1, std::min(int64_t(kStripBytes / std::max<size_t>(1, widest / size_t(samples))), samples / threads));
    int64_t each = wanted;
    while (samples % each != 0) --each;
    if (each == samples || 4 * each < wanted) return;

    auto strips = std::make_shared<Strips>();
    strips->count = samples / each, strips->slots = threads;
    part.types = g.types;
    const auto step_of = [&](int v) { return found.fed(v) ? g.types[v].bytes() / size_t(strips->count) : 0; };
    for (int v : part.feeds) strips->in_bytes.push_back(step_of(v));
    for (int v : part.outputs) strips->out_bytes.push_back(step_of(v));
    for (size_t v = 0; v < part.types.size(); ++v)
        if (found.fed(int(v)) && part.types[v].shape.rank() > 0) part.types[v].shape[0] = each;
    for (auto& n : part.nodes) n.attrs = attrs_for(n, g.types[n.out[0]].shape, each);
    Graph::Node node{part.nodes[0].op, {}, part.feeds, part.outputs, std::make_shared<Kernel>(), "strips[", {}};
    node.full_inputs.assign(part.feeds.size(), false);
    fuse_elementwise(part);

    std::vector<Kernel> kernels;
    std::vector<TensorType> in, out;
    for (const auto& n : part.nodes) {
        kernels.push_back(n.fused ? *n.fused : n.op->kernel(part.call(n, in, out)));
        node.label += (node.label.back() == '[' ? "" : " ") + (n.label.empty() ? n.op->name : n.label);
        strips->pointers = std::max(strips->pointers, (n.in.size() + n.out.size() + 7) / 8 * 8);
    }
    node.label += "]";
    strips->plan = plan_memory(part, kernels);
    for (size_t i = 0; i < part.nodes.size(); ++i)
        strips->steps.push_back({std::move(kernels[i]), part.nodes[i].in, part.nodes[i].out, strips->plan.scratch[i]});
    strips->slot_bytes = strips->pointers * sizeof(void*) + (strips->plan.arena_bytes + 63) / 64 * 64;
    node.fused->scratch_bytes = kFlagBytes + size_t(threads) * strips->slot_bytes;
    node.fused->run = [strips](const void* const* i, void* const* o, void* scratch) { strips->run(i, o, scratch); };

    g.nodes = std::move(before);
    g.nodes.push_back(std::move(node));
    std::move(after.begin(), after.end(), std::back_inserter(g.nodes));
}

}  // namespace fk
