#include "graph/levels.h"

#include <algorithm>
#include <set>

namespace fk {

Attrs attrs_for(const Graph::Node& n, const Shape& y, int64_t samples) {
    Attrs attrs = n.attrs;
    if (attrs.has("shape"))
        if (auto shape = attrs.integers("shape"); int(shape.size()) == y.rank() && y.rank() > 0 && shape[0] == y[0])
            shape[0] = samples, attrs.set("shape", shape);
    return attrs;
}

namespace {

constexpr size_t kNarrow = 3;  // times less than the widest: 2 and 4 are 1 to 2% slower

// The node as a member of a group, if it can run by sample. Values are `fed` when they depend on what the program is
// given: of the others, weights and what is made of them, all samples read the same, but for what an op calls its
// samples.
std::optional<Member> by_sample(const Graph& g, const Graph::Node& n, const std::vector<bool>& fed, int64_t samples) {
    const TensorType& y = g.types[n.out[0]];
    const bool has_samples = y.shape.rank() > 0 && y.shape[0] == samples;
    const bool alike = n.op->noop_when_same && n.in.size() == 1 && has_samples;  // sums over other axes, too
    const bool elementwise = n.op->tile || alike, sums = n.op->sums && !alike;
    if (n.op->impure || n.out.size() != 1 || (!elementwise && n.op->samples == 0) || samples < 2) return std::nullopt;
    if (!sums && !has_samples) return std::nullopt;
    std::vector<TensorType> in;
    std::vector<bool> sampled;
    size_t bytes = 0;
    for (size_t k = 0; k < n.in.size(); ++k) {
        in.push_back(g.types[n.in[k]]);
        Shape& x = in.back().shape;
        const bool samples_first = x.rank() > 0 && x[0] == samples && (!elementwise || x.rank() == y.shape.rank());
        const bool by = elementwise ? samples_first && fed[n.in[k]] : int(k) < n.op->samples;
        if (by ? !samples_first : elementwise && samples_first) return std::nullopt;
        if (by) bytes += in.back().bytes(), x[0] = 1;
        sampled.push_back(by);
    }
    if (std::find(sampled.begin(), sampled.end(), true) == sampled.end()) return std::nullopt;
    // A sum for every strip must be small beside what it is the sum of, and not be rounded before it is added.
    if (sums && (4 * size_t(samples) * y.bytes() > bytes || is_half(y.dtype))) return std::nullopt;
    try {  // attributes may hold the number of samples in other ways: would the op take one?
        const Attrs attrs = sums ? n.attrs : attrs_for(n, y.shape, 1);
        const TensorType one = n.op->infer({attrs, in, {}})[0];
        const bool fits =
            sums ? one == y
                 : one.shape.rank() == y.shape.rank() && one.shape[0] == 1 && one.count() * samples == y.count();
        return fits ? std::optional(Member{n, std::move(sampled), sums}) : std::nullopt;
    } catch (const std::exception&) {
        return std::nullopt;
    }
}

}  // namespace

Levels::Levels(const Graph& g) {
    std::vector<bool> fed(g.types.size());
    std::vector<size_t> by_sample_at(g.types.size()), whole_at(g.types.size());
    for (int v : g.feeds) {
        fed[v] = true;
        if (samples == 0 && g.types[v].shape.rank() > 0) samples = g.types[v].shape[0];
    }
    for (const auto& n : g.nodes) {
        const bool is_fed = std::any_of(n.in.begin(), n.in.end(), [&](int v) { return fed[v]; });
        auto member = is_fed ? by_sample(g, n, fed, samples) : std::nullopt;
        size_t level = 0;
        for (size_t k = 0; k < n.in.size(); ++k)
            level = std::max(level, member && member->sampled[k] ? by_sample_at[n.in[k]] : whole_at[n.in[k]]);
        for (int v : n.out) {
            fed[v] = is_fed;
            by_sample_at[v] = member && member->sums ? level + 1 : level;
            whole_at[v] = member ? level + 1 : level;
        }
        if (level >= groups.size()) groups.resize(level + 1), others.resize(level + 1);
        if (member)
            groups[level].push_back(std::move(*member));
        else
            others[level].push_back(n);
    }
}

std::vector<int> Levels::use_counts(const Graph& g) const {
    Graph all;
    all.types = g.types, all.outputs = g.outputs, all.states = g.states;
    for (const auto& group : groups)
        for (const Member& m : group) all.nodes.push_back(m.node);
    for (const auto& nodes : others) all.nodes.insert(all.nodes.end(), nodes.begin(), nodes.end());
    return all.use_counts();
}

void make_again(Graph& g, Levels& levels, std::unordered_map<int, int>& made) {
    std::unordered_map<int, const Member*> producer;  // in the groups before
    for (auto& group : levels.groups) {
        std::set<int> read;
        for (const Member& m : group)
            for (size_t k = 0; k < m.node.in.size(); ++k)
                if (m.sampled[k]) read.insert(m.node.in[k]);
        std::vector<Member> again;
        std::unordered_map<int, int> instead;
        for (int v : read) {
            const auto found = producer.find(v);
            if (found == producer.end() || !found->second->node.op->cheap) continue;
            Member m = *found->second;
            if (!read.count(m.node.in[0])) continue;
            g.types.push_back(g.types[v]);
            const int copy = int(g.types.size()) - 1;
            instead[v] = m.node.out[0] = copy, made[copy] = v;
            again.push_back(std::move(m));
        }
        for (Member& m : group)
            for (size_t k = 0; k < m.node.in.size(); ++k)
                if (const auto found = instead.find(m.node.in[k]); m.sampled[k] && found != instead.end())
                    m.node.in[k] = found->second;
        group.insert(group.begin(), std::make_move_iterator(again.begin()), std::make_move_iterator(again.end()));
        for (const Member& m : group) producer[m.node.out[0]] = &m;
    }
}

void cut_narrow_ends(const Graph& g, Levels& levels) {
    for (size_t i = 0; i < levels.groups.size(); ++i) {
        auto& group = levels.groups[i];
        std::vector<size_t> bytes;
        for (const Member& m : group) {
            bytes.push_back(g.types[m.node.out[0]].bytes());
            for (size_t k = 0; k < m.node.in.size(); ++k)
                if (m.sampled[k]) bytes.back() += g.types[m.node.in[k]].bytes();
        }
        const size_t widest = bytes.empty() ? 0 : *std::max_element(bytes.begin(), bytes.end());
        if (widest == 0) continue;  // no elements: all of it would be its end
        size_t begin = group.size(), work = 0, handed = 0;
        while (begin > 0 && kNarrow * bytes[begin - 1] <= widest) work += bytes[--begin];
        std::set<int> known;
        for (size_t j = begin; j < group.size(); ++j) {
            for (size_t k = 0; k < group[j].node.in.size(); ++k)
                if (group[j].sampled[k] && known.insert(group[j].node.in[k]).second)
                    handed += g.types[group[j].node.in[k]].bytes();
            known.insert(group[j].node.out[0]);
        }
        if (begin == group.size() || work < 8 * handed) continue;  // what is handed over goes to memory
        std::vector<Member> end(std::make_move_iterator(group.begin() + int64_t(begin)),
                                std::make_move_iterator(group.end()));
        group.resize(begin);
        levels.groups.insert(levels.groups.begin() + int64_t(i) + 1, std::move(end));
        levels.others.insert(levels.others.begin() + int64_t(i) + 1, std::vector<Graph::Node>());
    }
}

}  // namespace fk
