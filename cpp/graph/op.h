// The Op record: everything the rest of the library knows about an op. One op = one record, registered by name;
// nothing in graph/ or bind/ knows a particular op.
#pragma once
#include <atomic>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/error.h"
#include "core/tensor.h"

namespace fk {

// Attributes: what an op needs to know besides tensors. From Python: int, float, bool, str, lists of int or float.
using Attr = std::variant<int64_t, double, bool, std::string, std::vector<int64_t>, std::vector<double>>;

class Attrs {
public:
    using Item = std::pair<std::string, Attr>;

    Attrs() = default;
    Attrs(std::initializer_list<Item> items) {
        for (const Item& item : items) set(item.first, item.second);
    }
    void set(std::string_view name, Attr value);
    bool has(std::string_view name) const { return find(name) != nullptr; }
    // Each throws TypeError naming the attribute when it is missing or of another type; ints and bools convert to
    // float.
    int64_t integer(std::string_view name) const;
    double number(std::string_view name) const;
    bool flag(std::string_view name) const;
    const std::string& text(std::string_view name) const;
    std::vector<int64_t> integers(std::string_view name) const;  // one int reads as a list of one
    std::vector<double> numbers(std::string_view name) const;
    DType dtype(std::string_view name = "dtype") const { return parse_dtype(text(name)); }
    Shape shape(std::string_view name = "shape") const { return Shape(integers(name)); }
    // The same with a value for when the attribute is absent.
    int64_t integer(std::string_view name, int64_t otherwise) const { return has(name) ? integer(name) : otherwise; }
    double number(std::string_view name, double otherwise) const { return has(name) ? number(name) : otherwise; }
    bool flag(std::string_view name, bool otherwise) const { return has(name) ? flag(name) : otherwise; }
    bool operator==(const Attrs&) const = default;
    const std::vector<Item>& items() const { return items_; }

private:
    const Attr* find(std::string_view name) const {
        for (const Item& item : items_)
            if (item.first == name) return &item.second;
        return nullptr;
    }
    // The value, which must be a T.
    template <class T>
    const T& get(std::string_view name, const char* kind) const;

    std::vector<Item> items_;  // by name. A few, told apart by their lengths: a map took a tenth of a small eager call
};

// One use of an op, types only: what shape rules and kernel makers see.
struct Call {
    const Attrs& attrs;
    std::span<const TensorType> in, out;  // `out` is empty in a shape rule
};

// A kernel ready to run: attributes and shapes are already bound into `run`.
struct Kernel {
    std::function<void(const void* const* in, void* const* out, void* scratch)> run;
    size_t scratch_bytes = 0;
};

// One use of an op, with tensors: what gradient rules see. They emit ops with call(); the same rule therefore runs
// eagerly, records into a trace, and can itself be differentiated.
struct Gradient {
    const Attrs& attrs;
    std::span<const Tensor> in, out, dout;  // dout[i] is null where nothing flows into output i
    const std::vector<bool>& needs;         // needs[i]: is the gradient of input i wanted?
};

struct Op {
    std::string name;
    // Shape and dtype of the outputs; throws with the op's tag on bad input. Runs where the user wrote the call.
    std::vector<TensorType> (*infer)(const Call&) = nullptr;
    Kernel (*kernel)(const Call&) = nullptr;
    // Gradients of the inputs, null for those that have none. Without a rule nothing flows through the op.
    std::vector<Tensor> (*gradient)(const Gradient&) = nullptr;

    // --- traits, all optional ---
    // Inputs are brought to one dtype before the call: the promoted dtype of all, or of the floats among them
    // and floatx where all are integers (to_float). Python scalars take the dtype of the tensors.
    enum class Promote { none, common, to_float } promote = Promote::none;
    int promote_from = 0;  // inputs before this one keep their dtype: the condition of `where`
    // Elementwise ops name their function in kernels/tile.h; the fuser makes chains of them one tile program.
    const char* tile = nullptr;
    // Output i may share the memory of input j, because the kernel reads each element before it writes it:
    // pairs (output, input). Elementwise ops need not say so.
    std::vector<std::pair<int, int>> (*in_place)(const Call&) = nullptr;
    // Output 0 is input 0 under another shape: costs nothing.
    bool view = false;
    // The op does nothing where output 0 has the type of input 0 (cast, sum_to, broadcast_to): it is dropped.
    bool noop_when_same = false;
    // Epilogue fusion. `next` is the only user of this op's output 0, as its input number `operand`: returns the op
    // that does both, with this op's inputs followed by the inputs `extra` of `next`, or nothing.
    struct Absorbed {
        std::string op;
        Attrs attrs;
        std::vector<int> extra;
    };
    std::optional<Absorbed> (*absorb)(const Call& self, const Op& next, const Call& next_call, int operand) = nullptr;
    // Several users may absorb this op, if all do: it only moves elements, which then costs none of them anything.
    bool repeats = false;
    // This op reads a value that it could tell from others: `made[0]`, which `maker` makes of the values `made_of`.
    // Gives what the node should be instead, values being numbers of the graph.
    struct Remade {
        Attrs attrs;
        std::vector<int> in;
    };
    std::optional<Remade> (*remake)(const Attrs& attrs, std::span<const int> in, const Op& maker,
                                    const Attrs& maker_attrs, std::span<const int> made_of,
                                    std::span<const int> made) = nullptr;
    // The op is linear in input 1, one slice of which makes one channel (last axis) of output 0: scaling the channels
    // is the same as scaling input 1 by the factors in this shape.
    std::optional<Shape> (*scale_shape)(const Call&) = nullptr;
    // Images (batch, spatial ..., channels) whose last lines nobody needs (graph/crop.cpp): the leading part of operand
    // `operand` that the op reads, and the attributes with which it does the same when that operand, which already has
    // the smaller shape in `call`, is cut, what is cut off being zero or unread. For operand -1: output 0, cut to
    // `shape`.
    std::optional<Shape> (*reads)(const Call&, int operand) = nullptr;
    std::optional<Attrs> (*crop)(const Call&, int operand, const Shape& shape) = nullptr;
    // Constant folding and common-subexpression elimination keep away (the op reads something besides its inputs).
    bool impure = false;
    // Sample i (of axis 0) of output 0 is made of sample i of each of the first so many inputs and of all of the
    // others. Elementwise ops need not say so.
    int samples = 0;
    // With `samples`: output 0 is the sum over samples of what each of them makes.
    bool sums = false;
    // With `samples`: so little work that a value is made again from what another place reads anyway, rather than
    // stored for it.
    bool cheap = false;
    // The same as several ops, of which only small ones need all samples at once. Values are numbers: inputs of the
    // call, then its outputs, then what lies between. Empty where it is better left whole.
    struct Part {
        const char* op;
        Attrs attrs;
        std::vector<int> in, out;
    };
    std::vector<Part> (*parts)(const Call&) = nullptr;
    // Computes in float32 at least: halves are cast up before the call and results rounded once after it.
    bool widens = false;
    // Sums of products. The attribute `planes` says how much of float32 operands its kernels must keep (ops/planes.h);
    // apply() sets it where they are bfloat16 anyway, or float32_product_planes is less than all.
    bool products = false;
};

extern std::atomic<int> float32_product_planes;  // the precision level: 3 "highest", 2 "high", 1 "medium"

const Op& register_op(Op op);                // throws when the name is taken
const Op& find_op(const std::string& name);  // throws when there is none
std::vector<std::string> op_names();         // sorted

// Runs or records the op: the one front door, used by Python and by gradient rules.
std::vector<Tensor> apply(const Op& op, std::vector<Tensor> in, Attrs attrs);
// Runs the op's kernel at once on the caller's memory; `call.out` is what the shape rule says.
void run_kernel(const Op& op, const Call& call, const void* const* in, void* const* out);

// For gradient rules: call("multiply", {a, b}) is the first output.
inline Tensor call(const char* name, std::vector<Tensor> in, Attrs attrs = {}) {
    return apply(find_op(name), std::move(in), std::move(attrs))[0];
}
inline std::vector<Tensor> call_all(const char* name, std::vector<Tensor> in, Attrs attrs = {}) {
    return apply(find_op(name), std::move(in), std::move(attrs));
}

}  // namespace fk

// At namespace scope of a file in ops/:  FK_OP(relu, .infer = ..., .kernel = ..., .gradient = ...)
#define FK_OP(op_name, ...) \
    static const ::fk::Op& op_##op_name [[maybe_unused]] = ::fk::register_op(::fk::Op{.name = #op_name, __VA_ARGS__});
