// What a run of Python code leaves behind: the nodes of a trace, the values of variables, the records of a tape.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "core/shared_mutex.h"
#include "graph/op.h"

namespace fk {

extern DType default_float;  // floatx: the dtype of Python floats, and of integers where floats are needed

struct Node {
    const Op* op;
    Attrs attrs;
    std::vector<Tensor> in, out;
};

// Lasting state: weights, slots, statistics, seeds. Reading and assigning inside a trace records; a Program
// reads and writes `value` in place, under `mutex`, once per burst.
class Variable : public std::enable_shared_from_this<Variable> {
public:
    explicit Variable(Tensor value, bool trainable) : type(*value), trainable(trainable), value_(std::move(value)) {}
    virtual ~Variable() = default;

    Tensor read();              // inside a trace: the symbolic value it has there
    Tensor read_autocast();     // the same in `read_dtype()`: what ops get
    DType read_dtype() const;   // that of the AutocastScope, for floats with `autocast`
    void assign(Tensor value);  // the dtype is cast, the shape must be the same
    Tensor value() const;       // the concrete value, also inside a trace; waits for a running burst
    void set_value(Tensor value);

    // For programs, while they hold `mutex`: the value in place. Who writes it holds `mutex` exclusively, and calls
    // unshare() first: where somebody else sees the value, the variable goes on with a copy, and the value is returned.
    void* data() const { return value_->data; }
    Tensor unshare();
    mutable SharedMutex mutex;

    const TensorType type;
    bool trainable;
    bool autocast = true;

private:
    Tensor value_;
};

// The dtype in which this thread reads float variables, as the layer being called wants them; none: their own.
std::optional<DType> autocast_dtype();
std::optional<DType> set_autocast_dtype(std::optional<DType> dtype);  // returns the one before

// Notes the variables that this thread reads, each with the value that it has when it is first read.
class Reads {
public:
    void start();
    void stop();
    void note(const std::shared_ptr<Variable>& variable, const Tensor& value);
    void watch() const;  // the recording tapes watch what was read, as if it were read now
    const std::vector<std::pair<std::shared_ptr<Variable>, Tensor>>& found() const { return found_; }
    ~Reads() { stop(); }

private:
    std::vector<std::pair<std::shared_ptr<Variable>, Tensor>> found_;
    std::unordered_set<const Variable*> seen_;
};

class Trace : public std::enable_shared_from_this<Trace> {
public:
    struct Binding {
        std::shared_ptr<Variable> variable;
        Tensor first, current;  // value at the start (null if never read), value now
        bool assigned = false;
    };
    Tensor feed(const TensorType& type);
    Tensor symbol(const TensorType& type, int producer);
    Tensor read(Variable& variable);
    void assign(Variable& variable, Tensor value);

    std::vector<Node> nodes;
    std::vector<Tensor> feeds;
    std::vector<Binding> bindings;

private:
    Binding& binding(Variable& variable);
    std::unordered_map<Variable*, size_t> index_;
};

// The trace being recorded by this thread, or null; set by TraceScope. A scope of null leaves the trace for a while.
const std::shared_ptr<Trace>& current_trace();
class TraceScope {
public:
    explicit TraceScope(std::shared_ptr<Trace> trace);
    ~TraceScope();
    TraceScope(const TraceScope&) = delete;

private:
    std::shared_ptr<Trace> saved_;
};

// Records calls that depend on a watched tensor, and differentiates them.
class Tape {
public:
    void start();
    void stop();
    bool recording() const { return recording_; }
    void watch(const Tensor& tensor, const Variable* variable = nullptr);
    Tensor source(const Variable& variable, Tensor value) const;  // `value` of now, or that it had when it was watched
    bool watches(const Tensor& tensor) const { return watched_.count(tensor.get()) != 0; }
    void record(const Op& op, const Attrs& attrs, const std::vector<Tensor>& in, const std::vector<Tensor>& out);
    // d(sum of targets)/d(source) for each source, null where nothing flows. `seeds` weigh the targets (null: ones).
    std::vector<Tensor> gradient(const std::vector<Tensor>& targets, const std::vector<Tensor>& sources,
                                 const std::vector<Tensor>& seeds);
    void clear();
    ~Tape() { stop(); }

    bool watch_variables = true;

private:
    bool recording_ = false;
    std::vector<Node> records_;
    std::unordered_set<const TensorImpl*> watched_;
    std::vector<Tensor> kept_;  // keeps watched tensors alive: their addresses are the keys
    std::unordered_map<std::shared_ptr<const Variable>, Tensor> values_;  // of the variables watched, the last ones
};
// Tells the recording tapes of this thread that `out` comes from `in`.
void record_on_tapes(const Op& op, const Attrs& attrs, const std::vector<Tensor>& in, const std::vector<Tensor>& out);
void watch_on_tapes(const Variable& variable, const Tensor& value);
bool taping();  // is a tape of this thread recording?

}  // namespace fk
