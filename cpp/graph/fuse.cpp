// Chains of elementwise ops become one tile program: one pass over memory instead of one per op.
//
// Ops join a group when they work on the same shape and compute type and the group can still run as one unit: no
// path leaves it and comes back. Groups are contracted in the reachability relation as they grow, so that two groups
// cannot wait for each other either.
#include <algorithm>
#include <numeric>
#include <set>

#include "graph/graph.h"
#include "kernels/tile.h"

namespace fk {
namespace {

using Bits = std::vector<uint64_t>;
bool has(const Bits& b, int i) { return b[i / 64] >> (i % 64) & 1; }
void add(Bits& b, int i) { b[i / 64] |= uint64_t(1) << (i % 64); }
void add(Bits& b, const Bits& other) {
    for (size_t i = 0; i < b.size(); ++i) b[i] |= other[i];
}
// Do they share one of the bits first ... last, outside of which b has none?
bool meet(const Bits& a, const Bits& b, int first, int last) {
    for (int i = first / 64; i <= last / 64; ++i)
        if (a[i] & b[i]) return true;
    return false;
}

class Fuser {
public:
    explicit Fuser(Graph& g) : g_(g), group_(g.nodes.size()), producer_(g.types.size(), -1), uses_(g.types.size()) {
        const size_t n = g.nodes.size();
        std::iota(group_.begin(), group_.end(), 0);
        members_.resize(n);
        for (size_t i = 0; i < n; ++i) members_[i] = {int(i)};
        for (size_t i = 0; i < n; ++i)
            for (int v : g.nodes[i].out) producer_[v] = int(i);
        for (size_t i = 0; i < n; ++i)
            for (int v : g.nodes[i].in) uses_[v].push_back(int(i));
        for (int v : g.outputs) uses_[v].push_back(-1);
        for (const auto& s : g.states)
            if (s.after >= 0) uses_[s.after].push_back(-1);
        before_.assign(n, Bits(n / 64 + 1));
        for (size_t i = 0; i < n; ++i)
            for (int v : g.nodes[i].in)
                if (const int p = producer_[v]; p >= 0) add(before_[i], p), add(before_[i], before_[p]);
    }

    void run() {
        for (size_t i = 0; i < g_.nodes.size(); ++i)
            for (int v : g_.nodes[i].in)
                if (const int p = producer_[v]; p >= 0 && group_[p] != group_[i] && compatible(p, int(i)))
                    join(group_[p], group_[i]);
        emit();
    }

private:
    // What the registers of a program with this node hold, if it can be in one: an elementwise op, or a conversion or
    // broadcast (an op that does nothing between equal types), which is the instruction `identity`.
    bool elementwise(int node) const {
        const auto& n = g_.nodes[node];
        if (n.fused || n.out.size() != 1 || (!n.op->tile && !(n.op->noop_when_same && n.in.size() == 1))) return false;
        const Shape& shape = g_.types[n.out[0]].shape;
        for (int v : n.in) {
            const Shape& s = g_.types[v].shape;
            if (s.rank() > shape.rank()) return false;
            for (int d = 1; d <= s.rank(); ++d)
                if (s[-d] != shape[-d] && s[-d] != 1) return false;
        }
        return shape.count() > 0 && compute_type(node).has_value();
    }

    // The one type of a node's tensors besides bool; bool itself when there is no other.
    std::optional<DType> compute_type(int node) const {
        const auto& n = g_.nodes[node];
        DType type = DType::boolean;
        const auto meets = [&](int v) {
            const DType t = g_.types[v].dtype;
            if (t == DType::boolean) return true;
            const DType c = tile_compute_type(t);
            if (type != DType::boolean && type != c) return false;
            type = c;
            return true;
        };
        for (int v : n.in)
            if (!meets(v)) return std::nullopt;
        if (!meets(n.out[0])) return std::nullopt;
        return type;
    }

    bool compatible(int p, int n) const {
        if (!elementwise(p) || !elementwise(n)) return false;
        if (!(g_.types[g_.nodes[p].out[0]].shape == g_.types[g_.nodes[n].out[0]].shape)) return false;
        const DType a = type_of(group_[p]), b = type_of(group_[n]);
        return a == b || a == DType::boolean || b == DType::boolean;
    }

    DType type_of(int group) const {
        for (int m : members_[group])
            if (const DType t = *compute_type(m); t != DType::boolean) return t;
        return DType::boolean;
    }

    // Does this node make a truth value which is not 0 or 1 when the registers hold numbers? A sum of two, a converted
    // float.
    bool may_leave_truth(int node, DType compute) const {
        const auto& n = g_.nodes[node];
        if (compute == DType::boolean || g_.types[n.out[0]].dtype != DType::boolean) return false;
        if (n.op->tile) return tile_function(tile_function(n.op->tile)).result == TileFunction::same;
        return g_.types[n.in[0]].dtype != DType::boolean;
    }

    struct Border {
        std::vector<int> inputs, outputs;  // values
    };
    Border border(const std::vector<int>& members) const {
        Border b;
        const auto inside = [&](int node) {
            return node >= 0 && std::binary_search(members.begin(), members.end(), node);
        };
        for (int m : members) {
            for (int v : g_.nodes[m].in)
                if (!inside(producer_[v]) && std::find(b.inputs.begin(), b.inputs.end(), v) == b.inputs.end())
                    b.inputs.push_back(v);
            const int out = g_.nodes[m].out[0];
            if (!std::all_of(uses_[out].begin(), uses_[out].end(), inside)) b.outputs.push_back(out);
        }
        return b;
    }

    void join(int a, int b) {
        std::vector<int> all = members_[a];
        all.insert(all.end(), members_[b].begin(), members_[b].end());
        std::sort(all.begin(), all.end());
        const Border edge = border(all);
        const DType type = type_of(a) == DType::boolean ? type_of(b) : type_of(a);
        size_t instructions = 0;
        for (int m : all) instructions += may_leave_truth(m, type) ? 2 : 1;
        if (instructions > size_t(TileProgram::kMaxInstructions) ||
            edge.inputs.size() > size_t(TileProgram::kMaxInputs) ||
            edge.outputs.size() > size_t(TileProgram::kMaxOutputs))
            return;
        // Bitwise functions of truth values have another meaning on the numbers 0 and 1.
        for (int m : all)
            if (g_.nodes[m].op->tile && *compute_type(m) != type &&
                tile_function(tile_function(g_.nodes[m].op->tile)).types == TileFunction::integers)
                return;

        // Registers do not round to halves, but x == max(x) must find x as others read it.
        for (int m : all)
            if (g_.nodes[m].op->tile && g_.types[g_.nodes[m].out[0]].dtype == DType::boolean)
                for (int v : g_.nodes[m].in)
                    if (is_half(g_.types[v].dtype) && std::binary_search(all.begin(), all.end(), producer_[v])) return;

        Bits unit(before_[0].size()), ancestors(before_[0].size());
        for (int m : all) add(unit, m), add(ancestors, before_[m]);
        // A unit reaches over few nodes of a long graph: looking at those only, and not at all bits, took 5.3 s to 1.8
        // for two LSTM cells unrolled over 100 steps.
        const int first = all.front(), last = all.back();
        for (int x = first + 1; x < int(g_.nodes.size()); ++x)
            if (has(ancestors, x) && !has(unit, x) && meet(before_[x], unit, first, last)) return;

        for (int m : all) group_[m] = a;
        members_[a] = std::move(all);
        if (b != a) members_[b].clear();
        for (int m : members_[a]) before_[m] = ancestors;
        add(ancestors, unit);
        for (size_t x = 0; x < g_.nodes.size(); ++x)
            if (!has(unit, int(x)) && meet(before_[x], unit, first, last)) add(before_[x], ancestors);
    }

    Graph::Node fused(const std::vector<int>& members) const {
        const Border edge = border(members);
        const DType compute = type_of(group_[members[0]]);
        const Shape& shape = g_.types[g_.nodes[members[0]].out[0]].shape;
        const auto span = [](const Shape& s) { return std::span<const int64_t>(s.begin(), size_t(s.rank())); };
        auto program = std::make_shared<TileProgram>(compute, span(shape));
        Graph::Node node{g_.nodes[members[0]].op, {}, edge.inputs, edge.outputs, nullptr, "tile[", {}};
        std::unordered_map<int, int> value;  // of the graph -> of the program
        for (int v : edge.inputs) {
            value[v] = program->input(g_.types[v].dtype, span(g_.types[v].shape));
            node.full_inputs.push_back(g_.types[v].shape == shape);
        }
        for (int m : members) {
            const auto& n = g_.nodes[m];
            const char* name = n.op->tile ? n.op->tile : "identity";
            std::vector<int> from;
            for (int v : n.in) from.push_back(value.at(v));
            const int function = tile_function(name);
            int y = program->append(function, from, tile_attributes(tile_function(function), n.attrs));
            if (may_leave_truth(m, compute)) y = program->append(tile_function("as_bool"), {y});
            value[n.out[0]] = y;
            if (node.label.back() != '[') node.label += " ";
            node.label += name;
        }
        node.label += "]";
        for (int v : edge.outputs) program->output(value.at(v), g_.types[v].dtype);
        program->finish();
        node.fused = std::make_shared<Kernel>();
        node.fused->run = [program](const void* const* in, void* const* out, void*) { tile_run(*program, in, out); };
        return node;
    }

    // Units in an order that respects the groups, as near to the old one as that allows.
    void emit() {
        std::vector<Graph::Node> nodes;
        std::vector<bool> done(g_.nodes.size());
        std::vector<int> stack;
        const auto ready = [&](int group) {
            bool all = true;
            for (int m : members_[group])
                for (int v : g_.nodes[m].in)
                    if (const int p = producer_[v]; p >= 0 && group_[p] != group && !done[group_[p]])
                        stack.push_back(group_[p]), all = false;
            return all;
        };
        for (size_t i = 0; i < g_.nodes.size(); ++i) {
            if (members_[group_[i]].back() != int(i)) continue;
            stack.push_back(group_[i]);
            while (!stack.empty()) {
                const int group = stack.back();
                if (done[group]) {
                    stack.pop_back();
                } else if (ready(group)) {
                    stack.pop_back();
                    done[group] = true;
                    nodes.push_back(members_[group].size() > 1 ? fused(members_[group]) : g_.nodes[members_[group][0]]);
                }
            }
        }
        g_.nodes = std::move(nodes);
    }

    Graph& g_;
    std::vector<int> group_;                 // of each node: the group's number
    std::vector<std::vector<int>> members_;  // of each group, in order
    std::vector<int> producer_;              // of each value
    std::vector<std::vector<int>> uses_;     // of each value: nodes; -1 for outputs and states
    std::vector<Bits> before_;               // of each node: what must run before it
};

}  // namespace

void fuse_elementwise(Graph& g) {
    if (!g.nodes.empty()) Fuser(g).run();
}

}  // namespace fk
