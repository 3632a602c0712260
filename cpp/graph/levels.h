// Nodes that run by sample, in groups between which samples meet: of a group graph/strips.cpp makes strips.
#pragma once
#include <optional>
#include <unordered_map>
#include <vector>

#include "graph/graph.h"

namespace fk {

// A node that runs by sample: which of its inputs it reads so (the others it reads whole), and whether its result is a
// sum over samples.
struct Member {
    Graph::Node node;
    std::vector<bool> sampled;
    bool sums;
};

// Nodes that run by sample and one after the other are a group; where others need what all samples made (the moments of
// a batch normalisation), the next group begins. `others[i]` run before the group `groups[i]`.
struct Levels {
    explicit Levels(const Graph& g);
    std::vector<int> use_counts(const Graph& g) const;  // as Graph's, by the nodes of all levels

    std::vector<std::vector<Member>> groups;
    std::vector<std::vector<Graph::Node>> others;
    int64_t samples = 0;
};

// The attributes of a node for so many samples: an op may be told the shape of its result there.
Attrs attrs_for(const Graph::Node& n, const Shape& y, int64_t samples);

// What a later group reads by sample and can make again from what it reads anyway, it makes again: the value is then
// never stored. `made` gets what each new value stands for.
void make_again(Graph& g, Levels& levels, std::unordered_map<int, int>& made);

// Nodes at the end of a group that work on much less of a sample than the widest do are a group of their own, where
// more samples at a time share the reads of the weights: 4x4 pixels of two images are products of 32 rows.
void cut_narrow_ends(const Graph& g, Levels& levels);

}  // namespace fk
