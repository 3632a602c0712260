#include "graph/trace.h"

#include <cstring>
#include <mutex>
#include <utility>

namespace fk {

static thread_local std::shared_ptr<Trace> active_trace;
static thread_local std::vector<Reads*> reads;

const std::shared_ptr<Trace>& current_trace() { return active_trace; }
TraceScope::TraceScope(std::shared_ptr<Trace> trace) : saved_(std::move(active_trace)) {
    active_trace = std::move(trace);
}
TraceScope::~TraceScope() { active_trace = std::move(saved_); }

Tensor Trace::symbol(const TensorType& type, int producer) {
    auto t = std::make_shared<TensorImpl>();
    static_cast<TensorType&>(*t) = type;
    t->trace = weak_from_this();
    t->producer = producer;
    return t;
}

Tensor Trace::feed(const TensorType& type) { return feeds.emplace_back(symbol(type, -1)); }

Trace::Binding& Trace::binding(Variable& variable) {
    const auto [it, fresh] = index_.try_emplace(&variable, bindings.size());
    if (fresh) bindings.push_back({variable.shared_from_this(), nullptr, nullptr});
    return bindings[it->second];
}

Tensor Trace::read(Variable& variable) {
    Binding& b = binding(variable);
    if (!b.current) b.first = b.current = symbol(variable.type, -1);
    return b.current;
}

void Trace::assign(Variable& variable, Tensor value) {
    Binding& b = binding(variable);
    b.current = std::move(value);
    b.assigned = true;
}

Tensor Variable::read() {
    Tensor t = active_trace ? active_trace->read(*this) : value();
    if (trainable) watch_on_tapes(*this, t);
    for (Reads* noting : reads) noting->note(shared_from_this(), t);
    return t;
}

void Reads::start() { reads.push_back(this); }
void Reads::stop() { std::erase(reads, this); }
void Reads::note(const std::shared_ptr<Variable>& variable, const Tensor& value) {
    if (seen_.insert(variable.get()).second) found_.push_back({variable, value});
}
void Reads::watch() const {
    for (const auto& [variable, value] : found_)
        if (variable->trainable) watch_on_tapes(*variable, value);
}

static thread_local std::optional<DType> reading_dtype;

std::optional<DType> autocast_dtype() { return reading_dtype; }
std::optional<DType> set_autocast_dtype(std::optional<DType> dtype) { return std::exchange(reading_dtype, dtype); }

DType Variable::read_dtype() const {
    return reading_dtype && autocast && is_float(type.dtype) ? *reading_dtype : type.dtype;
}

Tensor Variable::read_autocast() {
    const DType wanted = read_dtype();
    if (wanted == type.dtype) return read();
    return call("cast", {read()}, {{"dtype", std::string(name_of(wanted))}});
}

Tensor Variable::value() const {
    std::shared_lock lock(mutex);
    return value_;
}

void Variable::set_value(Tensor value) {
    // The old value ends after the lock: the end of an array of Python's waits for the GIL, whose holder may wait here.
    const std::unique_lock lock(mutex);
    std::swap(value_, value);
}

void Variable::assign(Tensor value) {
    check(value->shape == type.shape,
          "[variable] the assigned value must have the variable's shape. Received: value.shape=", value->shape,
          ", variable.shape=", type.shape);
    if (value->dtype != type.dtype) value = call("cast", {value}, {{"dtype", std::string(name_of(type.dtype))}});
    if (active_trace)
        active_trace->assign(*this, std::move(value));
    else if (value->symbolic())
        fail("[variable] a value of a trace cannot be assigned outside of it");
    else
        set_value(std::move(value));
}

// Does nobody else hold it? use_count() alone is a relaxed read: what others read before they let go, they might still
// read. The end of a copy orders that, as theirs did.
template <class T>
static bool held_alone(const std::shared_ptr<T>& held) {
    if (held.use_count() != 1) return false;
    std::shared_ptr<T>{held};
    return true;
}

Tensor Variable::unshare() {
    if (held_alone(value_) && held_alone(value_->buffer)) return nullptr;
    Tensor copy = make_tensor(type);
    std::memcpy(copy->data, value_->data, type.bytes());
    return std::exchange(value_, std::move(copy));
}

}  // namespace fk
