// Memory: every value gets a place before the first step. Views share their source's place; an elementwise result
// may take over the memory of an input that dies there; a variable's new value is written straight into the
// variable when nobody reads the old one later.
#include <algorithm>
#include <numeric>

#include "graph/graph.h"

namespace fk {
namespace {

struct Block {  // arena memory, in use from node `first` to node `last`
    size_t bytes = 0;
    int first = 0, last = 0;
    size_t offset = 0;
};

// Pairs (output, input) of a node that may share memory.
std::vector<std::pair<int, int>> shareable(const Graph& g, const Graph::Node& n) {
    std::vector<TensorType> in, out;
    const Call call = g.call(n, in, out);
    std::vector<std::pair<int, int>> pairs;
    if (n.fused || n.op->tile) {
        for (size_t o = 0; o < out.size(); ++o)
            for (size_t i = 0; i < in.size(); ++i)
                if (in[i].shape == out[o].shape && size_of(in[i].dtype) == size_of(out[o].dtype) &&
                    (!n.fused || n.full_inputs[i]))
                    pairs.push_back({int(o), int(i)});
    } else if (n.op->in_place) {
        pairs = n.op->in_place(call);
    }
    return pairs;
}

// Greedy by size: the largest blocks first, each at the lowest offset where it meets no block of its lifetime.
size_t place_blocks(std::vector<Block>& blocks) {
    std::vector<size_t> order(blocks.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return blocks[a].bytes > blocks[b].bytes; });
    std::vector<const Block*> placed;  // by offset
    size_t total = 0;
    for (size_t i : order) {
        Block& block = blocks[i];
        size_t offset = 0;
        for (const Block* other : placed) {
            if (other->last < block.first || block.last < other->first) continue;
            if (other->offset >= offset + block.bytes) break;
            offset = std::max(offset, other->offset + other->bytes);
        }
        block.offset = offset;
        total = std::max(total, offset + block.bytes);
        placed.insert(std::upper_bound(placed.begin(), placed.end(), &block,
                                       [](const Block* a, const Block* b) { return a->offset < b->offset; }),
                      &block);
    }
    return total;
}

size_t round_up(size_t bytes) {
    return std::max<size_t>(kAlignment, (bytes + kAlignment - 1) / kAlignment * kAlignment);
}

class Planner {
public:
    Planner(const Graph& g, const std::vector<Kernel>& kernels)
        : g_(g),
          kernels_(kernels),
          root_(g.types.size()),
          made_at_(g.types.size(), -1),
          last_read_(g.types.size(), -1),
          block_(g.types.size(), -1) {}

    Plan plan() {
        find_lifetimes();
        place_fixed();
        place_finals();
        place_arena();
        list_copies();
        return std::move(plan_);
    }

private:
    void find_lifetimes() {
        std::iota(root_.begin(), root_.end(), 0);
        for (size_t i = 0; i < g_.nodes.size(); ++i) {
            const auto& n = g_.nodes[i];
            if (n.op->view && !n.fused) {
                root_[n.out[0]] = root_[n.in[0]];
                continue;
            }
            for (int v : n.in) last_read_[root_[v]] = int(i);
            for (int v : n.out) made_at_[v] = int(i);
        }
    }

    void place_fixed() {
        plan_.places.resize(g_.types.size());
        fixed_.assign(g_.types.size(), false);
        const auto fix = [&](int v, Place place) { plan_.places[v] = place, fixed_[v] = true; };
        for (size_t i = 0; i < g_.feeds.size(); ++i) fix(g_.feeds[i], {Place::feed, i});
        for (size_t i = 0; i < g_.constants.size(); ++i) fix(g_.constants[i].first, {Place::constant, i});
        for (size_t i = 0; i < g_.states.size(); ++i)
            if (g_.states[i].before >= 0) fix(g_.states[i].before, {Place::state, i});
    }

    // May node `made_at(after)` write into the state's memory? Only when every read of the old value is over.
    bool can_write_state(size_t s) const {
        const int before = g_.states[s].before, after = root_[g_.states[s].after];
        if (made_at_[after] < 0 || fixed_[after]) return false;
        if (before < 0) return true;
        for (int v : g_.outputs)
            if (root_[v] == before) return false;
        for (const auto& other : g_.states)
            if (other.after >= 0 && root_[other.after] == before) return false;
        if (last_read_[before] < made_at_[after]) return true;
        if (last_read_[before] > made_at_[after]) return false;
        const auto& n = g_.nodes[made_at_[after]];
        const auto pairs = shareable(g_, n);
        for (size_t i = 0; i < n.in.size(); ++i) {
            if (root_[n.in[i]] != before) continue;
            const auto allowed = std::any_of(pairs.begin(), pairs.end(),
                                             [&](auto p) { return p.second == int(i) && n.out[p.first] == after; });
            if (!allowed) return false;
        }
        return true;
    }

    void place_finals() {
        const int end = int(g_.nodes.size());
        for (size_t s = 0; s < g_.states.size(); ++s) {
            const int after = g_.states[s].after;
            if (after < 0 || after == g_.states[s].before) continue;
            if (can_write_state(s)) {
                plan_.places[root_[after]] = {Place::state, s};
                fixed_[root_[after]] = true;
            } else {
                copied_states_.push_back(s);
                last_read_[root_[after]] = end;
            }
        }
        for (size_t i = 0; i < g_.outputs.size(); ++i) {
            const int r = root_[g_.outputs[i]];
            if (made_at_[r] >= 0 && !fixed_[r]) {
                plan_.places[r] = {Place::output, i};
                fixed_[r] = true;
            } else {
                copied_outputs_.push_back(i);
                last_read_[r] = end;
            }
        }
        for (size_t i = 0; i < g_.outputs.size(); ++i) {
            const int r = root_[g_.outputs[i]];
            const Place place = plan_.places[r];
            const bool direct = place.kind == Place::output && place.index == i;
            plan_.settled.push_back(size_t(direct ? std::max(made_at_[r], last_read_[r]) : end));
        }
        // A state that receives another state's old value may find it overwritten: such values are set aside first.
        for (size_t s : copied_states_) {
            const int after = root_[g_.states[s].after];
            if (made_at_[after] >= 0 || plan_.places[after].kind != Place::state) continue;
            set_aside_.push_back({s, blocks_.size()});
            blocks_.push_back({round_up(g_.types[after].bytes()), end, end, 0});
        }
    }

    void list_copies() {
        const auto bytes = [&](int v) { return g_.types[v].bytes(); };
        std::vector<Place> source(g_.states.size());
        for (size_t s : copied_states_) source[s] = plan_.places[g_.states[s].after];
        for (auto [s, block] : set_aside_) {
            const Place aside{Place::arena, blocks_[block].offset};
            plan_.copies.push_back({source[s], aside, bytes(g_.states[s].after)});
            source[s] = aside;
        }
        for (size_t i : copied_outputs_)
            plan_.copies.push_back({plan_.places[g_.outputs[i]], {Place::output, i}, bytes(g_.outputs[i])});
        for (size_t s : copied_states_)
            plan_.copies.push_back({source[s], {Place::state, s}, bytes(g_.states[s].after)});
    }

    void place_arena() {
        const int end = int(g_.nodes.size());
        plan_.scratch.assign(g_.nodes.size(), 0);
        std::vector<int> scratch_block(g_.nodes.size(), -1);
        for (int i = 0; i < end; ++i) {
            const auto& n = g_.nodes[i];
            if (n.op->view && !n.fused) continue;
            std::vector<std::pair<int, int>> pairs;
            for (size_t o = 0; o < n.out.size(); ++o) {
                const int v = n.out[o];
                if (fixed_[v]) continue;
                if (pairs.empty()) pairs = shareable(g_, n);
                for (auto [po, pi] : pairs) {
                    const int source = root_[n.in[pi]];
                    if (po != int(o) || fixed_[source] || block_[source] < 0 || last_read_[source] != i) continue;
                    if (blocks_[block_[source]].last != i || g_.types[source].bytes() != g_.types[v].bytes()) continue;
                    if (std::count_if(n.out.begin(), n.out.end(), [&](int w) { return block_[w] == block_[source]; }))
                        continue;
                    if (!read_like_output(n, pairs, int(o), source)) continue;
                    block_[v] = block_[source];
                    blocks_[block_[v]].last = std::max(i, last_read_[v]);
                    break;
                }
                if (block_[v] >= 0) continue;
                block_[v] = int(blocks_.size());
                blocks_.push_back({round_up(g_.types[v].bytes()), i, std::max(i, last_read_[v]), 0});
            }
            if (kernels_[i].scratch_bytes) {
                scratch_block[i] = int(blocks_.size());
                blocks_.push_back({round_up(kernels_[i].scratch_bytes), i, i, 0});
            }
        }
        plan_.arena_bytes = place_blocks(blocks_);
        for (size_t v = 0; v < g_.types.size(); ++v)
            if (block_[v] >= 0) plan_.places[v] = {Place::arena, blocks_[block_[v]].offset};
        for (int i = 0; i < end; ++i)
            if (scratch_block[i] >= 0) plan_.scratch[i] = blocks_[scratch_block[i]].offset;
        for (size_t v = 0; v < g_.types.size(); ++v) plan_.places[v] = plan_.places[root_[v]];
    }

    // Every use of `source` by this node must be one that may share with output `o`.
    bool read_like_output(const Graph::Node& n, const std::vector<std::pair<int, int>>& pairs, int o,
                          int source) const {
        for (size_t i = 0; i < n.in.size(); ++i)
            if (root_[n.in[i]] == source && std::find(pairs.begin(), pairs.end(), std::pair(o, int(i))) == pairs.end())
                return false;
        return true;
    }

    const Graph& g_;
    const std::vector<Kernel>& kernels_;
    Plan plan_;
    std::vector<int> root_, made_at_, last_read_, block_;
    std::vector<bool> fixed_;
    std::vector<Block> blocks_;
    std::vector<size_t> copied_states_, copied_outputs_;
    std::vector<std::pair<size_t, size_t>> set_aside_;  // state, block
};

}  // namespace

Plan plan_memory(const Graph& graph, const std::vector<Kernel>& kernels) { return Planner(graph, kernels).plan(); }

}  // namespace fk
