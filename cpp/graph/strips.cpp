// Where samples do not meet, a program runs some of them at a time through all of its nodes, so that what lies between
// two nodes stays in the L3, and threads wait for each other once instead of in every node. The widest layer of
// MobileNetV2 makes 50 MB of 32 images at 128x128, which go to memory and back, and 3 MB of two of them: 3.0 -> 2.55
// ms an image. In training samples meet in the moments of batch normalisations, and strips begin again: 12.3 -> 10.5.
#include <algorithm>
#include <cstring>

#include "core/parallel.h"
#include "core/slot.h"
#include "graph/levels.h"

namespace fk {
namespace {

// What a node reads and writes. On Granite Rapids (L2 2 MB, L3 far) 1 MB takes ResNet-20 from 69 to 59 ms a step, 0.5
// MB is between; on Zen 4 (L2 1 MB, L3 near) 2 MB are as fast.
constexpr size_t kStripBytes = 1 << 20;
constexpr size_t kSavedBytes = 4 << 20;  // what strips must spare the memory
constexpr size_t kFlagBytes = 64;        // one per slot, so that there are at most as many

// A group as a graph of its own, bound to kernels.
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
        std::memset(scratch, 0, kFlagBytes);
        parallel_for(count, 1, [&](int64_t begin, int64_t end) {
            const Slot slot(scratch, static_cast<std::byte*>(scratch) + kFlagBytes, slots, int64_t(slot_bytes));
            for (int64_t i = begin; i < end; ++i) run_one(i, in, out, reinterpret_cast<std::byte*>(slot.memory));
        });
    }
};

// How many samples of a group go through its nodes at a time; 0: all of them, node by node.
int64_t samples_of(const Graph& g, const std::vector<Member>& group, const std::vector<int>& uses, int64_t samples) {
    struct Value {
        int reads = 0;
        bool made = false, whole = false;
    };
    std::unordered_map<int, Value> values;
    size_t widest = 0;
    bool worth = false, sums = false;
    for (const Member& m : group) {
        size_t bytes = 0;
        for (size_t k = 0; k < m.node.in.size(); ++k) {
            Value& v = values[m.node.in[k]];
            if (m.sampled[k])
                ++v.reads, bytes += g.types[m.node.in[k]].bytes();
            else
                v.whole = true;
        }
        if (!m.sums) values[m.node.out[0]].made = true, bytes += g.types[m.node.out[0]].bytes();
        worth = worth || m.node.op->samples > 0, sums = sums || m.sums;
        widest = std::max(widest, bytes);
    }
    // Half of the passes over memory that are no more: a value inside is neither written nor read.
    size_t saved = 0;
    for (const auto& [v, value] : values) {
        if (value.reads > 0 && value.whole) return 0;
        const bool stored = !value.made || value.reads < uses[v];
        const int touches = value.reads + value.made - stored;
        if (touches > 0) saved += g.types[v].bytes() * size_t(touches) / 2;
    }
    // Elementwise ops alone are tile programs, which go through memory once as it is.
    if (saved < kSavedBytes || !worth) return 0;
    // The number of threads has no say in whether there are strips, which decides what is fused, and halves are rounded
    // where that ends; nor, where samples are summed up, in how large they are.
    const auto at_most = [&](int64_t each) {
        for (each = std::max<int64_t>(each, 1); samples % each != 0;) --each;
        return each;
    };
    const int64_t wanted = std::max<int64_t>(
        1, std::min(int64_t(kStripBytes / std::max<size_t>(1, widest / size_t(samples))), samples / (sums ? 1 : 2)));
    const int64_t each = at_most(wanted);
    if (each == samples || 4 * each < wanted) return 0;
    return sums ? each : at_most(std::min(wanted, samples / std::min(int(kFlagBytes), num_threads())));
}

// The group as one node, and one more for each of its sums.
void append_strips(Graph& g, std::vector<Member>& group, const std::vector<int>& uses, int64_t samples, int64_t each) {
    auto strips = std::make_shared<Strips>();
    strips->count = samples / each, strips->slots = std::min(int(kFlagBytes), num_threads());
    Graph part;
    std::vector<int> inner_uses(g.types.size());
    std::vector<bool> made(g.types.size()), by_sample(g.types.size());
    for (const Member& m : group)
        for (int v : m.node.in) ++inner_uses[v];
    for (Member& m : group) {
        for (size_t k = 0; k < m.node.in.size(); ++k) {
            const int v = m.node.in[k];
            if (m.sampled[k]) by_sample[v] = true;
            if (!made[v] && std::find(part.feeds.begin(), part.feeds.end(), v) == part.feeds.end())
                part.feeds.push_back(v);
        }
        const int y = m.node.out[0];
        made[y] = true, by_sample[y] = !m.sums;
        if (m.sums || inner_uses[y] < uses[y]) part.outputs.push_back(y);
        part.nodes.push_back(std::move(m.node));
    }
    for (int v : part.feeds) strips->in_bytes.push_back(by_sample[v] ? g.types[v].bytes() / size_t(strips->count) : 0);
    // A sum has a place for each strip.
    Graph::Node node{part.nodes[0].op, {}, part.feeds, part.outputs, std::make_shared<Kernel>(), "strips[", {}};
    std::vector<Graph::Node> sums;
    for (int& v : node.out) {
        const TensorType type = g.types[v];
        strips->out_bytes.push_back(by_sample[v] ? type.bytes() / size_t(strips->count) : type.bytes());
        if (by_sample[v]) continue;
        g.types.push_back({type.dtype, {strips->count, type.count()}});
        const int parts = int(g.types.size()) - 1;
        sums.push_back({&find_op("sum"), {{"axes", int64_t(0)}}, {parts}, {v}, nullptr, {}, {}});
        v = parts;
    }
    part.types = g.types;
    for (auto& n : part.nodes)
        if (by_sample[n.out[0]]) n.attrs = attrs_for(n, g.types[n.out[0]].shape, each);
    for (size_t v = 0; v < by_sample.size(); ++v)
        if (by_sample[v]) part.types[v].shape[0] = each;
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
    node.fused->scratch_bytes = kFlagBytes + size_t(strips->slots) * strips->slot_bytes;
    node.fused->run = [strips](const void* const* i, void* const* o, void* scratch) { strips->run(i, o, scratch); };
    g.nodes.push_back(std::move(node));
    std::move(sums.begin(), sums.end(), std::back_inserter(g.nodes));
}

}  // namespace

void strip_samples(Graph& g) {
    Levels levels(g);
    std::unordered_map<int, int> made;
    make_again(g, levels, made);
    cut_narrow_ends(g, levels);
    std::vector<int> uses = levels.use_counts(g);
    std::vector<int64_t> each;
    for (auto& group : levels.groups) {
        each.push_back(samples_of(g, group, uses, levels.samples));
        if (each.back() > 0) continue;
        // Node by node, what is stored is read.
        std::erase_if(group, [&](const Member& m) { return made.count(m.node.out[0]) > 0; });
        for (Member& m : group)
            for (int& v : m.node.in)
                if (const auto found = made.find(v); found != made.end()) v = found->second;
    }
    if (std::none_of(each.begin(), each.end(), [](int64_t n) { return n > 0; })) return;
    uses = levels.use_counts(g);
    g.nodes.clear();
    for (size_t i = 0; i < each.size(); ++i) {
        std::move(levels.others[i].begin(), levels.others[i].end(), std::back_inserter(g.nodes));
        if (each[i] > 0)
            append_strips(g, levels.groups[i], uses, levels.samples, each[i]);
        else
            for (Member& m : levels.groups[i]) g.nodes.push_back(std::move(m.node));
    }
}

}  // namespace fk
