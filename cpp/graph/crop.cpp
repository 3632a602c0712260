// Lines at the end of an image that a pool leaves over are not made: 11x11 pixels that are pooled by 2 are 10x10.
#include <algorithm>
#include <map>

#include "graph/graph.h"

namespace fk {
namespace {

class Crop {
public:
    explicit Crop(Graph& g) : g_(g), users_(g.types.size()), kept_(g.types.size()) {
        for (size_t i = 0; i < g.nodes.size(); ++i)
            for (size_t k = 0; k < g.nodes[i].in.size(); ++k) users_[g.nodes[i].in[k]].push_back({i, int(k)});
        for (int v : g.outputs) kept_[v] = true;
        for (const auto& s : g.states)
            if (s.after >= 0) kept_[s.after] = true;
    }

    // Cuts output 0 of a node to what all of its users read, and what follows from that, or nothing at all.
    void shorten(size_t node) {
        const int v = g_.nodes[node].out[0];
        std::optional<Shape> part = read_of(v);
        if (!part || *part == g_.types[v].shape) return;
        types_.clear(), attrs_.clear();
        if (!change(node, -1, *part) || !cut(v, *part)) return;
        for (const auto& [value, shape] : types_) g_.types[value].shape = shape;
        for (auto& [i, attrs] : attrs_) g_.nodes[i].attrs = std::move(attrs);
    }

private:
    // The leading part of a value that its users read; nothing if one of them cannot tell.
    std::optional<Shape> read_of(int v) const {
        std::optional<Shape> part;
        for (auto [i, operand] : users_[v]) {
            const Graph::Node& user = g_.nodes[i];
            std::vector<TensorType> in, out;
            const auto read = user.op->reads ? user.op->reads(g_.call(user, in, out), operand) : std::nullopt;
            if (!read) return {};
            if (!part) part = read;
            for (int d = 0; d < part->rank(); ++d) (*part)[d] = std::max((*part)[d], (*read)[d]);
        }
        return part;
    }

    // Can the users of a value work on its leading part?
    bool cut(int v, const Shape& part) {
        if (kept_[v]) return false;
        types_[v] = part;
        for (auto [i, operand] : users_[v]) {
            if (!change(i, operand, part)) return false;
            // Images made of the cut one are cut with it.
            const Graph::Node& user = g_.nodes[i];
            std::vector<TensorType> in, out;
            call(i, in, out);
            const std::vector<TensorType> made = user.op->infer({attrs_.at(i), in, {}});
            const int y = user.out[0];
            const Shape now = types_.count(y) ? types_.at(y) : g_.types[y].shape;
            if (made[0].shape != now && !cut(y, made[0].shape)) return false;
        }
        return true;
    }

    bool change(size_t i, int operand, const Shape& part) {
        std::vector<TensorType> in, out;
        const Call now = call(i, in, out);
        auto attrs = g_.nodes[i].op->crop ? g_.nodes[i].op->crop(now, operand, part) : std::nullopt;
        if (attrs) attrs_.insert_or_assign(i, std::move(*attrs));
        return bool(attrs);
    }

    // A node as far as it is changed.
    Call call(size_t i, std::vector<TensorType>& in, std::vector<TensorType>& out) const {
        const Graph::Node& node = g_.nodes[i];
        g_.call(node, in, out);
        for (size_t k = 0; k < in.size(); ++k)
            if (const auto found = types_.find(node.in[k]); found != types_.end()) in[k].shape = found->second;
        const auto changed = attrs_.find(i);
        return {changed == attrs_.end() ? node.attrs : changed->second, in, out};
    }

    Graph& g_;
    std::vector<std::vector<std::pair<size_t, int>>> users_;  // of each value: node, operand
    std::vector<bool> kept_;                                  // outputs and states have the shape they have
    std::map<int, Shape> types_;                              // values, and
    std::map<size_t, Attrs> attrs_;                           // nodes, as they would be
};

}  // namespace

void crop_images(Graph& g) {
    Crop crop(g);
    for (size_t i = 0; i < g.nodes.size(); ++i)
        if (g.nodes[i].op->crop) crop.shorten(i);
}

}  // namespace fk
