// Reverse mode over a tape. Gradient rules emit ops, so the same code differentiates eagerly, inside a trace (that
// is how a training step gets its backward part), and under an outer tape (second derivatives).
#include "graph/trace.h"

namespace fk {

void Tape::watch(const Tensor& tensor, const Variable* variable) {
    if (watched_.insert(tensor.get()).second) kept_.push_back(tensor);
    if (variable) values_.insert_or_assign(variable->shared_from_this(), tensor);
}

// Another value may have been assigned since, perhaps by another thread.
Tensor Tape::source(const Variable& variable, Tensor value) const {
    if (watches(value)) return value;
    const auto found = values_.find(variable.shared_from_this());
    return found == values_.end() ? value : found->second;
}

void Tape::record(const Op& op, const Attrs& attrs, const std::vector<Tensor>& in, const std::vector<Tensor>& out) {
    if (!op.gradient) return;
    bool depends = false;
    for (const Tensor& t : in) depends |= watches(t);
    if (!depends) return;
    for (const Tensor& t : out)
        if (is_float(t->dtype)) watched_.insert(t.get());  // the record itself keeps them alive
    records_.push_back({&op, attrs, in, out});
}

void Tape::clear() {
    records_.clear();
    watched_.clear();
    kept_.clear();
    values_.clear();
}

std::vector<Tensor> Tape::gradient(const std::vector<Tensor>& targets, const std::vector<Tensor>& sources,
                                   const std::vector<Tensor>& seeds) {
    // What depends on a source: below a frozen layer nothing does, and nothing is computed there.
    std::unordered_set<const TensorImpl*> reached;
    for (const Tensor& t : sources) reached.insert(t.get());
    for (const Node& node : records_)
        for (const Tensor& t : node.in)
            if (reached.count(t.get())) {
                for (const Tensor& o : node.out)
                    if (is_float(o->dtype)) reached.insert(o.get());
                break;
            }

    std::unordered_map<const TensorImpl*, Tensor> flow;
    const auto add_flow = [&](const Tensor& to, const Tensor& amount) {
        Tensor& total = flow[to.get()];
        total = total ? call("add", {total, amount}) : amount;
    };
    for (size_t i = 0; i < targets.size(); ++i)
        if (reached.count(targets[i].get()))
            add_flow(targets[i], seeds[i] ? seeds[i] : full(targets[i]->shape, targets[i]->dtype, 1));

    for (auto node = records_.rbegin(); node != records_.rend(); ++node) {
        std::vector<Tensor> dout(node->out.size());
        bool any = false;
        for (size_t i = 0; i < dout.size(); ++i)
            if (const auto it = flow.find(node->out[i].get()); it != flow.end()) dout[i] = it->second, any = true;
        if (!any) continue;
        std::vector<bool> needs(node->in.size());
        bool wanted = false;
        for (size_t i = 0; i < needs.size(); ++i)
            if (reached.count(node->in[i].get())) needs[i] = wanted = true;
        if (!wanted) continue;
        const std::vector<Tensor> din = node->op->gradient({node->attrs, node->in, node->out, dout, needs});
        for (size_t i = 0; i < needs.size() && i < din.size(); ++i) {
            if (!needs[i] || !din[i]) continue;
            if (!(din[i]->shape == node->in[i]->shape))
                fail<std::logic_error>("[", node->op->name, "] the gradient of input ", i, " has shape ", din[i]->shape,
                                       ", the input has ", node->in[i]->shape);
            add_flow(node->in[i], din[i]);
        }
    }
    std::vector<Tensor> result;
    for (const Tensor& source : sources) {
        const auto it = flow.find(source.get());
        result.push_back(it == flow.end() ? nullptr : it->second);
    }
    return result;
}

}  // namespace fk
