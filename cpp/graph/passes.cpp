#include <algorithm>
#include <cstring>
#include <iterator>
#include <numeric>
#include <utility>

#include "graph/graph.h"

namespace fk {

Call Graph::call(const Node& node, std::vector<TensorType>& in, std::vector<TensorType>& out) const {
    in.clear(), out.clear();
    for (int v : node.in) in.push_back(types[v]);
    for (int v : node.out) out.push_back(types[v]);
    return {node.attrs, in, out};
}

std::vector<int> Graph::use_counts() const {
    std::vector<int> counts(types.size());
    for (const Node& node : nodes)
        for (int v : node.in) ++counts[v];
    for (int v : outputs) ++counts[v];
    for (const State& s : states)
        if (s.after >= 0) ++counts[s.after];
    return counts;
}

void Graph::rename(const std::vector<int>& to) {
    const auto follow = [&](int v) {
        while (v >= 0 && to[v] != v) v = to[v];
        return v;
    };
    for (Node& node : nodes)
        for (int& v : node.in) v = follow(v);
    for (int& v : outputs) v = follow(v);
    for (State& s : states)
        if (s.after >= 0) s.after = follow(s.after);
}

static std::vector<int> identity(const Graph& g) {
    std::vector<int> to(g.types.size());
    std::iota(to.begin(), to.end(), 0);
    return to;
}

Graph build_graph(const Trace& trace, const std::vector<Tensor>& outputs) {
    Graph g;
    std::unordered_map<const TensorImpl*, int> number;
    const auto add = [&](const Tensor& t) {
        g.types.push_back(*t);
        return number[t.get()] = int(g.types.size()) - 1;
    };
    for (const Tensor& t : trace.feeds) g.feeds.push_back(add(t));
    for (const auto& b : trace.bindings) g.states.push_back({b.variable, b.first ? add(b.first) : -1, -1});
    const auto value = [&](const Tensor& t) {
        if (const auto it = number.find(t.get()); it != number.end()) return it->second;
        if (t->symbolic()) fail("[trace] a result belongs to another trace");
        // Equal scalars become one value, so that what is computed from them can be shared too.
        for (const auto& [v, c] : g.constants)
            if (t->bytes() <= 8 && static_cast<const TensorType&>(*c) == *t &&
                !std::memcmp(c->data, t->data, t->bytes()))
                return number[t.get()] = v;
        const int v = add(t);
        g.constants.push_back({v, t});
        return v;
    };
    for (const auto& node : trace.nodes) {
        Graph::Node n{node.op, node.attrs, {}, {}, nullptr, {}, {}};
        for (const Tensor& t : node.in) n.in.push_back(value(t));
        for (const Tensor& t : node.out) n.out.push_back(add(t));
        g.nodes.push_back(std::move(n));
    }
    for (const Tensor& t : outputs) g.outputs.push_back(value(t));
    for (size_t i = 0; i < trace.bindings.size(); ++i)
        if (trace.bindings[i].assigned) g.states[i].after = value(trace.bindings[i].current);
    return g;
}

void drop_noops(Graph& g) {
    std::vector<int> to = identity(g);
    std::erase_if(g.nodes, [&](const Graph::Node& n) {
        const bool noop = (n.op->view || n.op->noop_when_same) && g.types[n.in[0]] == g.types[n.out[0]];
        if (noop) to[n.out[0]] = n.in[0];
        return noop;
    });
    g.rename(to);
}

// Float32 that is rounded to bfloat16 only to be widened again stays as it is, and so does what moves or elementwise
// ops make of it: fewer passes over memory, and products meet the bias and activation that they absorb. What something
// else reads is rounded as it was. Comparisons stay: x == max(x) holds for rounded values or for none. float16 is
// rounded wherever it is written: LossScaleOptimizer waits for what overflows there.
void keep_float32(Graph& g) {
    const Op& cast = find_op("cast");
    std::vector<int> to = identity(g);
    std::unordered_map<int, int> wide;  // bfloat16 value -> the float32 it is rounded from
    std::vector<Graph::Node> nodes;
    const auto emit_cast = [&](int from, int result, const char* dtype) {
        nodes.push_back({&cast, {{"dtype", std::string(dtype)}}, {from}, {result}, nullptr, {}, {}});
    };
    const auto new_value = [&](const Shape& shape) {
        g.types.push_back({DType::float32, shape});
        to.push_back(int(g.types.size()) - 1);
        return to.back();
    };
    for (Graph::Node& n : g.nodes) {
        for (int& v : n.in) v = to[v];
        const int y = n.out[0];
        const DType type = g.types[y].dtype;
        if (n.op == &cast) {
            if (type == DType::float32 && wide.count(n.in[0])) {
                to[y] = wide[n.in[0]];
                continue;
            }
            if (type == DType::bfloat16 && g.types[n.in[0]].dtype == DType::float32) wide[y] = n.in[0];
        } else if (type == DType::bfloat16 && n.out.size() == 1 && (n.op->tile || n.op->view || n.op->noop_when_same) &&
                   std::any_of(n.in.begin(), n.in.end(), [&](int v) { return wide.count(v) != 0; })) {
            for (int& v : n.in) {
                if (g.types[v].dtype != DType::bfloat16) continue;
                if (!wide.count(v)) {
                    const int w = new_value(g.types[v].shape);
                    emit_cast(v, w, "float32");
                    wide[v] = w;
                }
                v = wide[v];
            }
            n.out[0] = wide[y] = new_value(g.types[y].shape);
            nodes.push_back(std::move(n));
            emit_cast(wide[y], y, "bfloat16");
            continue;
        }
        nodes.push_back(std::move(n));
    }
    g.nodes = std::move(nodes);
    g.rename(to);
}

void merge_common(Graph& g) {
    std::vector<int> to = identity(g);
    std::unordered_map<size_t, std::vector<size_t>> seen;  // hash -> kept nodes
    std::vector<Graph::Node> kept;
    for (Graph::Node& n : g.nodes) {
        for (int& v : n.in) v = to[v];
        size_t hash = std::hash<const void*>()(n.op);
        for (int v : n.in) hash = hash * 1000003u + size_t(v);
        bool merged = false;
        if (!n.op->impure)
            for (size_t k : seen[hash])
                if (kept[k].op == n.op && kept[k].in == n.in && kept[k].attrs == n.attrs) {
                    for (size_t i = 0; i < n.out.size(); ++i) to[n.out[i]] = kept[k].out[i];
                    merged = true;
                    break;
                }
        if (merged) continue;
        seen[hash].push_back(kept.size());
        kept.push_back(std::move(n));
    }
    g.nodes = std::move(kept);
    g.rename(to);
}

void drop_dead(Graph& g) {
    std::vector<bool> live(g.types.size());
    for (int v : g.outputs) live[v] = true;
    for (const auto& s : g.states)
        if (s.after >= 0) live[s.after] = true;
    std::vector<Graph::Node> kept;
    for (auto n = g.nodes.rbegin(); n != g.nodes.rend(); ++n) {
        bool wanted = false;
        for (int v : n->out) wanted = wanted || live[v];
        if (!wanted) continue;
        for (int v : n->in) live[v] = true;
        kept.push_back(std::move(*n));
    }
    g.nodes.assign(std::make_move_iterator(kept.rbegin()), std::make_move_iterator(kept.rend()));
}

// conv(x, w) * factors = conv(x, w * factors): batch normalization by stored statistics becomes part of the weights,
// and its shift a bias. One rounding moves from the sum to the weights. Where the weights are larger than the result
// there is nothing to gain (results of one to four times the weights, in MobileNetV2's 4x4 pixels: 2% of a prediction).
void scale_weights(Graph& g) {
    const Op &multiply = find_op("multiply"), &reshape = find_op("reshape");
    const std::vector<int> uses = g.use_counts();
    std::vector<int> producer(g.types.size(), -1);
    for (size_t i = 0; i < g.nodes.size(); ++i)
        for (int v : g.nodes[i].out) producer[v] = int(i);
    std::vector<bool> gone(g.nodes.size());
    std::vector<Graph::Node> nodes;
    const auto emit = [&](const Op& op, Attrs attrs, std::vector<int> in, TensorType type) {
        g.types.push_back(std::move(type));
        nodes.push_back({&op, std::move(attrs), std::move(in), {int(g.types.size()) - 1}, nullptr, {}, {}});
        return nodes.back().out[0];
    };
    const auto scaled = [&](const Graph::Node& user, int operand) {
        const int y = user.in[operand], factors = user.in[1 - operand], p = producer[y];
        if (p < 0 || uses[y] != 1 || !g.nodes[p].op->scale_shape || g.nodes[p].in.size() != 2) return false;
        std::vector<TensorType> in, out;
        const auto shape = g.nodes[p].op->scale_shape(g.call(g.nodes[p], in, out));
        const TensorType &f = g.types[factors], &w = in[1];
        if (!shape || f.shape.rank() == 0 || f.shape[-1] != out[0].shape[-1] || f.shape.count() != shape->count() ||
            f.dtype != w.dtype || g.types[user.out[0]] != out[0] || out[0].shape.count() < w.shape.count())
            return false;
        std::vector<int64_t> sizes(shape->begin(), shape->end());
        const int s = emit(reshape, {{"shape", std::move(sizes)}}, {factors}, {f.dtype, *shape});
        const int weights = emit(multiply, {}, {g.nodes[p].in[1], s}, w);
        nodes.push_back({g.nodes[p].op, g.nodes[p].attrs, {g.nodes[p].in[0], weights}, user.out, nullptr, {}, {}});
        return true;
    };
    // Producers move to where their user was: by then the factors are known.
    std::vector<std::vector<Graph::Node>> instead(g.nodes.size());
    for (size_t i = 0; i < g.nodes.size(); ++i) {
        if (g.nodes[i].op != &multiply) continue;
        for (int operand : {0, 1}) {
            if (!scaled(g.nodes[i], operand)) continue;
            gone[producer[g.nodes[i].in[operand]]] = gone[i] = true;
            instead[i] = std::exchange(nodes, {});
            break;
        }
    }
    std::vector<Graph::Node> kept;
    for (size_t i = 0; i < g.nodes.size(); ++i) {
        std::move(instead[i].begin(), instead[i].end(), std::back_inserter(kept));
        if (!gone[i]) kept.push_back(std::move(g.nodes[i]));
    }
    g.nodes = std::move(kept);
}

// A producer that can take its only user's work into its epilogue (matmul + bias, + activation) does so; one that only
// moves elements (zeros around images) goes into all of its users. Where a producer has more outputs than the one that
// is used up, what reads them may come before the user: the two meet at the place of the producer.
void fuse_epilogues(Graph& g) {
    for (bool changed = true; changed;) {
        changed = false;
        const std::vector<int> uses = g.use_counts();
        std::vector<std::vector<std::pair<size_t, int>>> users(g.types.size());  // of each value: node, operand
        for (size_t i = 0; i < g.nodes.size(); ++i)
            for (size_t k = 0; k < g.nodes[i].in.size(); ++k) users[g.nodes[i].in[k]].push_back({i, int(k)});
        std::vector<bool> gone(g.nodes.size()), touched(g.nodes.size());
        for (size_t p = 0; p < g.nodes.size(); ++p) {
            Graph::Node& self = g.nodes[p];
            const int v = self.out[0], n = int(users[v].size());
            if (touched[p] || !self.op->absorb || n == 0 || n != uses[v] || (n > 1 && !self.op->repeats)) continue;
            std::vector<TensorType> in, out, next_in, next_out;
            const Call call = g.call(self, in, out);
            std::vector<Op::Absorbed> absorbed;
            for (auto [i, operand] : users[v]) {
                const Graph::Node& user = g.nodes[i];
                auto both = self.op->absorb(call, *user.op, g.call(user, next_in, next_out), operand);
                if (!both || touched[i] || (self.out.size() > 1 && (user.out.size() > 1 || !both->extra.empty())))
                    break;
                absorbed.push_back(std::move(*both));
            }
            if (int(absorbed.size()) != n) continue;
            const bool stays = self.out.size() > 1;
            for (int u = 0; u < n; ++u) {
                const size_t i = users[v][u].first;
                Graph::Node& user = g.nodes[i];
                std::vector<int> inputs = self.in;
                for (int extra : absorbed[u].extra) inputs.push_back(user.in[extra]);
                user.op = &find_op(absorbed[u].op), user.attrs = std::move(absorbed[u].attrs),
                user.in = std::move(inputs);
                user.out.insert(user.out.end(), self.out.begin() + 1, self.out.end());
                touched[i] = true, gone[stays ? i : p] = true;
                if (stays) std::swap(self, user);
            }
            touched[p] = true;
            changed = true;
        }
        std::vector<Graph::Node> kept;
        for (size_t i = 0; i < g.nodes.size(); ++i)
            if (!gone[i]) kept.push_back(std::move(g.nodes[i]));
        g.nodes = std::move(kept);
    }
}

// Large values that are cheap to tell from what a node reads anyway are not read.
void remake_inputs(Graph& g) {
    std::vector<int> producer(g.types.size(), -1);
    for (size_t i = 0; i < g.nodes.size(); ++i)
        for (int v : g.nodes[i].out) producer[v] = int(i);
    for (Graph::Node& n : g.nodes) {
        if (!n.op->remake) continue;
        for (size_t k = 0; k < n.in.size(); ++k) {
            const int p = producer[n.in[k]];
            if (p < 0) continue;
            const Graph::Node& maker = g.nodes[p];
            if (auto remade = n.op->remake(n.attrs, n.in, *maker.op, maker.attrs, maker.in, maker.out))
                n.attrs = std::move(remade->attrs), n.in = std::move(remade->in);
        }
    }
}

// An op that is the same as several becomes those: strips then end only at the small ones among them.
void take_apart(Graph& g) {
    std::vector<Graph::Node> nodes;
    for (Graph::Node& n : g.nodes) {
        std::vector<TensorType> in, out;
        const auto parts = n.op->parts && !n.fused ? n.op->parts(g.call(n, in, out)) : std::vector<Op::Part>();
        if (parts.empty()) {
            nodes.push_back(std::move(n));
            continue;
        }
        std::vector<int> numbers = n.in;
        numbers.insert(numbers.end(), n.out.begin(), n.out.end());
        for (const Op::Part& p : parts) {
            Graph::Node part{&find_op(p.op), p.attrs, {}, {}, nullptr, {}, {}};
            in.clear();
            for (int v : p.in) part.in.push_back(numbers[size_t(v)]), in.push_back(g.types[part.in.back()]);
            const auto types = part.op->infer({part.attrs, in, {}});
            for (size_t i = 0; i < p.out.size(); ++i) {
                if (size_t(p.out[i]) == numbers.size()) {
                    g.types.push_back(types[i]);
                    numbers.push_back(int(g.types.size()) - 1);
                }
                part.out.push_back(numbers[size_t(p.out[i])]);
            }
            nodes.push_back(std::move(part));
        }
    }
    g.nodes = std::move(nodes);
}

// Results are scaled and joined for the caller, as gradients are for other processes that wait for them, right after
// the last of them was made and not at the end, where that was traced. Nodes that do more stay: moving them could keep
// large values alive for longer.
void finish_outputs(Graph& g) {
    const Op& concatenate = find_op("concatenate");
    std::vector<int> others = g.use_counts();  // of each value, by what is neither an output nor moves
    for (int v : g.outputs) --others[v];
    std::vector<bool> moves(g.nodes.size());
    for (size_t i = g.nodes.size(); i-- > 0;) {
        const Graph::Node& n = g.nodes[i];
        moves[i] = !n.fused && (n.op->tile || n.op->view || n.op->noop_when_same || n.op == &concatenate) &&
                   std::none_of(n.out.begin(), n.out.end(), [&](int v) { return others[v] > 0; });
        if (moves[i])
            for (int v : n.in) --others[v];
    }
    std::vector<bool> made(g.types.size());
    std::vector<int> missing(g.nodes.size());
    std::vector<std::vector<size_t>> awaited_by(g.types.size());  // nodes that move
    for (size_t i = 0; i < g.nodes.size(); ++i) {
        for (int v : g.nodes[i].in)
            if (moves[i] && made[v]) awaited_by[v].push_back(i), ++missing[i];
        for (int v : g.nodes[i].out) made[v] = true;
        moves[i] = missing[i] > 0;
    }
    std::vector<size_t> order;
    for (size_t i = 0, next = 0; i < g.nodes.size(); ++i) {
        if (!moves[i]) order.push_back(i);
        for (; next < order.size(); ++next)
            for (int v : g.nodes[order[next]].out)
                for (size_t waiting : awaited_by[v])
                    if (--missing[waiting] == 0) order.push_back(waiting);
    }
    std::vector<Graph::Node> nodes;
    for (size_t i : order) nodes.push_back(std::move(g.nodes[i]));
    g.nodes = std::move(nodes);
}

void optimize(Graph& g) {
    drop_noops(g);
    keep_float32(g);
    merge_common(g);
    drop_dead(g);
    scale_weights(g);
    fuse_epilogues(g);
    remake_inputs(g);
    drop_dead(g);
    crop_images(g);
    take_apart(g);
    strip_samples(g);
    finish_outputs(g);
    fuse_elementwise(g);
}

}  // namespace fk
