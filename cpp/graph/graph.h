// The compiler's view of a trace: values by number, nodes in the order in which they will run.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "graph/trace.h"

namespace fk {

struct Graph {
    struct Node {
        const Op* op;  // of a fused node: the op that stands for it in in-place rules
        Attrs attrs;
        std::vector<int> in, out;
        std::shared_ptr<Kernel> fused;  // set by fusion: runs instead of op->kernel
        std::string label;              // what describe() prints for a fused node
        std::vector<bool> full_inputs;  // fused: which inputs are read element by element with the outputs
    };
    struct State {
        std::shared_ptr<Variable> variable;
        int before = -1, after = -1;  // value read (-1: never), value written (-1: never)
    };
    std::vector<TensorType> types;  // of each value
    std::vector<Node> nodes;
    std::vector<int> feeds, outputs;
    std::vector<std::pair<int, Tensor>> constants;
    std::vector<State> states;

    Call call(const Node& node, std::vector<TensorType>& in, std::vector<TensorType>& out) const;
    std::vector<int> use_counts() const;      // of each value, by nodes, outputs and states
    void rename(const std::vector<int>& to);  // value v becomes to[v] wherever it is read
};

Graph build_graph(const Trace& trace, const std::vector<Tensor>& outputs);

// Passes, in the order in which optimize() runs them.
void drop_noops(Graph&);
void keep_float32(Graph&);
void merge_common(Graph&);
void drop_dead(Graph&);
void scale_weights(Graph&);
void fuse_epilogues(Graph&);
void remake_inputs(Graph&);
void crop_images(Graph&);
void take_apart(Graph&);
void strip_samples(Graph&);
void finish_outputs(Graph&);
void fuse_elementwise(Graph&);
void optimize(Graph&);

// Where each value lives while the program runs.
struct Place {
    enum Kind { arena, feed, constant, state, output } kind = arena;
    size_t index = 0;  // byte offset in the arena, or the number of the feed, constant, state, output
};
struct Copy {
    Place from, to;
    size_t bytes;
};
struct Plan {
    std::vector<Place> places;    // of each value
    std::vector<size_t> scratch;  // byte offset in the arena of each node's scratch
    std::vector<Copy> copies;     // run after the last node, in order
    std::vector<size_t> settled;  // of each output: the last node that touches it; nodes.size(): a copy does
    size_t arena_bytes = 0;
};
Plan plan_memory(const Graph& graph, const std::vector<Kernel>& kernels);

}  // namespace fk
