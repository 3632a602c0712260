#include "graph/program.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <sstream>
#include <thread>

#include "core/parallel.h"

namespace fk {

static constexpr double kSlice = 1e-3;  // seconds: many switches to a burst, few clock readings to a step

static size_t aligned(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

Program::Program(const Trace& trace, const std::vector<Tensor>& outputs) : graph_(build_graph(trace, outputs)) {
    optimize(graph_);
    for (int v : graph_.feeds) feed_types_.push_back(graph_.types[v]);
    for (int v : graph_.outputs) output_types_.push_back(graph_.types[v]);

    std::vector<Kernel> kernels;
    std::vector<TensorType> in, out;
    for (const auto& n : graph_.nodes) {
        if (n.fused)
            kernels.push_back(*n.fused);
        else if (n.op->view)
            kernels.push_back({});
        else
            kernels.push_back(n.op->kernel(graph_.call(n, in, out)));
    }
    plan_ = plan_memory(graph_, kernels);

    feed_positions_.resize(feed_types_.size());
    output_positions_.resize(output_types_.size());
    state_positions_.resize(graph_.states.size());
    const auto add_pointer = [&](int v) {
        const Place place = plan_.places[v];
        const size_t position = pointer_count_++;
        switch (place.kind) {
            case Place::arena: arena_positions_.push_back({position, place.index}); break;
            case Place::feed: feed_positions_[place.index].push_back(position); break;
            case Place::constant:
                constant_positions_.push_back({position, graph_.constants[place.index].second->data});
                break;
            case Place::state: state_positions_[place.index].push_back(position); break;
            case Place::output: output_positions_[place.index].push_back(position); break;
        }
    };
    std::vector<size_t> until;  // the number of instructions up to each node
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
        if (kernels[i].run) {
            Instruction instruction{std::move(kernels[i]), pointer_count_, 0, plan_.scratch[i]};
            for (int v : graph_.nodes[i].in) add_pointer(v);
            instruction.outputs = pointer_count_;
            for (int v : graph_.nodes[i].out) add_pointer(v);
            instructions_.push_back(std::move(instruction));
        }
        until.push_back(instructions_.size());
    }
    for (size_t o = 0; o < plan_.settled.size(); ++o)
        if (plan_.settled[o] < until.size()) settled_.push_back({until[plan_.settled[o]], o});
    std::sort(settled_.begin(), settled_.end());
    for (const TensorType& t : feed_types_) {
        gather_offsets_.push_back(gather_bytes_);
        gather_bytes_ += aligned(t.bytes());
    }
    for (const TensorType& t : output_types_) discarded_bytes_ = std::max(discarded_bytes_, aligned(t.bytes()));
    for (size_t s = 0; s < graph_.states.size(); ++s) lock_order_.push_back(s);
    for (const auto& state : graph_.states) writes_ = writes_ || state.after >= 0;
    std::sort(lock_order_.begin(), lock_order_.end(),
              [&](size_t a, size_t b) { return graph_.states[a].variable.get() < graph_.states[b].variable.get(); });
}

// Holds the variables of a program: those it writes exclusively and in memory that nobody else sees, others shared.
class Program::Locks {
public:
    explicit Locks(const Program& program) : program_(program) {
        for (size_t s : program.lock_order_) {
            const auto& state = program.graph_.states[s];
            state.after >= 0 ? state.variable->mutex.lock() : state.variable->mutex.lock_shared();
        }
    }
    void unshare() {
        for (const auto& state : program_.graph_.states) {
            if (state.after < 0) continue;
            if (Tensor seen = state.variable->unshare()) seen_.push_back(std::move(seen));
        }
    }
    ~Locks() {
        for (size_t s : program_.lock_order_) {
            const auto& state = program_.graph_.states[s];
            state.after >= 0 ? state.variable->mutex.unlock() : state.variable->mutex.unlock_shared();
        }
    }
    Locks(const Locks&) = delete;

private:
    const Program& program_;
    std::vector<Tensor> seen_;  // end after the locks, as in Variable::set_value
};

std::unique_ptr<Program::Context> Program::acquire() {
    {
        std::lock_guard lock(mutex_);
        if (!idle_.empty()) {
            auto context = std::move(idle_.back());
            idle_.pop_back();
            return context;
        }
    }
    auto context = std::make_unique<Context>();
    context->memory = std::make_unique<Buffer>(plan_.arena_bytes + gather_bytes_);
    context->pointers.resize(pointer_count_);
    auto* arena = static_cast<std::byte*>(context->memory->data());
    for (auto [position, offset] : arena_positions_) context->pointers[position] = arena + offset;
    for (auto [position, address] : constant_positions_) context->pointers[position] = const_cast<void*>(address);
    return context;
}

void Program::release(std::unique_ptr<Context> context) {
    std::lock_guard lock(mutex_);
    idle_.push_back(std::move(context));
}

void Program::point(Context& context, const std::vector<std::vector<size_t>>& positions, size_t which,
                    const void* to) const {
    for (size_t position : positions[which]) context.pointers[position] = const_cast<void*>(to);
}

void Program::point_states(Context& context) const {
    for (size_t s = 0; s < graph_.states.size(); ++s)
        point(context, state_positions_, s, graph_.states[s].variable->data());
}

void Program::execute(Context& context, const std::vector<const void*>& feeds, const std::vector<void*>& outputs,
                      const Made& made) const {
    auto* arena = static_cast<std::byte*>(context.memory->data());
    void** pointers = context.pointers.data();
    size_t next = 0;
    const auto run_until = [&](size_t end) {
        for (; next < end; ++next) {
            const Instruction& i = instructions_[next];
            i.kernel.run(pointers + i.inputs, pointers + i.outputs, arena + i.scratch);
        }
    };
    if (made)
        for (auto [end, output] : settled_) run_until(end), made(output);
    run_until(instructions_.size());
    for (const Copy& copy : plan_.copies) {
        const auto address = [&](Place place) -> void* {
            switch (place.kind) {
                case Place::arena: return arena + place.index;
                case Place::feed: return const_cast<void*>(feeds[place.index]);
                case Place::constant: return graph_.constants[place.index].second->data;
                case Place::state: return graph_.states[place.index].variable->data();
                default: return outputs[place.index];
            }
        };
        std::memcpy(address(copy.to), address(copy.from), copy.bytes);
    }
    for (size_t o = 0; made && o < plan_.settled.size(); ++o)
        if (plan_.settled[o] == graph_.nodes.size()) made(o);
}

template <class F>
static void flushed(const F& body) {
    run_flushed([](void* p) { (*static_cast<const F*>(p))(); }, const_cast<F*>(&body));
}

int64_t Program::Pace::slice() const {
    const double step = seconds_[alone_];
    return step > 0 ? std::max<int64_t>(1, int64_t(kSlice / step)) : 1;
}

void Program::Pace::took(double seconds, int64_t steps) {
    const double step = seconds / double(steps);
    double& known = seconds_[alone_];
    known = known > 0 ? std::min(step, (known + step) / 2) : step;  // the first steps find cold caches
    if (trial_) {
        trial_ = false;
        // A way that lost clearly is tried less and less often: a trial costs what it loses.
        interval_ = known > 1.2 * seconds_[!alone_] ? std::min(2 * interval_, kSeldom) : kOften;
        until_trial_ = interval_;
        if (known >= seconds_[!alone_]) alone_ = !alone_;
    } else if (seconds_[!alone_] > 0 && known > 1.1 * seconds_[!alone_]) {
        alone_ = !alone_;
        interval_ = until_trial_ = kOften;
    } else if (--until_trial_ <= 0) {
        alone_ = !alone_;
        trial_ = true;
    }
}

// run(first, last) for all steps, slice by slice, shared among threads or not.
template <class F>
void Program::paced(int64_t steps, const F& run) {
    using Clock = std::chrono::steady_clock;
    for (int64_t first = 0; first < steps;) {
        bool alone;
        int64_t last;
        {
            const std::lock_guard lock(mutex_);
            alone = pace_.alone();
            last = std::min(steps, first + pace_.slice());
        }
        const auto start = Clock::now();
        {
            const Alone unshared(alone);
            flushed([&] { run(first, last); });
        }
        const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
        const std::lock_guard lock(mutex_);
        if (alone == pace_.alone()) pace_.took(seconds, last - first);
        first = last;
    }
}

void Program::run(const std::vector<const void*>& feeds, const std::vector<void*>& outputs, const Made& made) {
    auto context = acquire();
    {
        Locks locks(*this);
        locks.unshare();
        point_states(*context);
        for (size_t i = 0; i < feeds.size(); ++i) point(*context, feed_positions_, i, feeds[i]);
        for (size_t i = 0; i < outputs.size(); ++i) point(*context, output_positions_, i, outputs[i]);
        paced(1, [&](int64_t, int64_t) { execute(*context, feeds, outputs, made); });
    }
    release(std::move(context));
}

std::byte* Program::gather_buffer(Context& context, size_t feed) const {
    return static_cast<std::byte*>(context.memory->data()) + plan_.arena_bytes + gather_offsets_[feed];
}

void Program::gather(Context& context, const Burst& burst, int64_t step) const {
    const int64_t* rows = burst.indices + step * burst.batch;
    for (size_t f = 0; f < feed_types_.size(); ++f) {
        const size_t row_bytes = feed_types_[f].bytes() / size_t(burst.batch);
        std::byte* to = gather_buffer(context, f);
        const std::byte* from = burst.sources[f];
        // At most 32 KB a piece, all of one size: below that a second core's wake-up costs more than the copy.
        const auto pieces = int64_t((feed_types_[f].bytes() + 32767) / 32768);
        const int64_t grain = std::max<int64_t>(1, (burst.batch + pieces - 1) / std::max<int64_t>(1, pieces));
        parallel_for(burst.batch, grain, [&](int64_t begin, int64_t end) {
            for (int64_t i = begin; i < end; ++i)
                std::memcpy(to + size_t(i) * row_bytes, from + size_t(rows[i]) * row_bytes, row_bytes);
        });
    }
}

void Program::run_rows(Context& context, const Burst& burst, int64_t first, int64_t last) const {
    std::vector<const void*> feeds(feed_types_.size());
    std::vector<void*> outputs(output_types_.size());
    for (int64_t s = first; s < last; ++s) {
        const int64_t row = burst.start + s * burst.batch;
        if (burst.indices) gather(context, burst, s);
        for (size_t f = 0; f < feeds.size(); ++f) {
            feeds[f] = burst.indices ? gather_buffer(context, f)
                                     : burst.sources[f] + size_t(row) * (feed_types_[f].bytes() / size_t(burst.batch));
            point(context, feed_positions_, f, feeds[f]);
        }
        for (size_t o = 0; o < outputs.size(); ++o) {
            outputs[o] = burst.outputs.empty()
                             ? static_cast<std::byte*>(context.discarded->data()) + o * discarded_bytes_
                             : burst.outputs[o] + size_t(row) * (output_types_[o].bytes() / size_t(burst.batch));
            point(context, output_positions_, o, outputs[o]);
        }
        execute(context, feeds, outputs);
    }
}

void Program::run_steps(const Burst& burst) {
    Locks locks(*this);
    locks.unshare();
    const auto prepared = [&] {
        auto context = acquire();
        if (burst.outputs.empty() && !output_types_.empty() && !context->discarded)
            context->discarded = std::make_unique<Buffer>(discarded_bytes_ * output_types_.size());
        point_states(*context);
        return context;
    };
    // Steps that change no variable do not wait for each other. Small ones run side by side, each on one thread: no
    // joins, and a thread's values stay in its L2. Predicting 10,000 rows with the mlp, whose step takes 1.1 MB, on Zen
    // 5: 7.0 -> 5.0 ms. Predicting with a ResNet-20 would take a sixth longer.
    if (!writes_ && burst.steps > 1 && memory_bytes() <= kSideBySideBytes) {
        // Made here, because a worker cannot throw.
        std::vector<std::unique_ptr<Context>> free;
        for (int i = 0; i < num_threads(); ++i) free.push_back(prepared());
        std::mutex mutex;
        const auto take = [&] {
            for (;; std::this_thread::yield()) {
                const std::lock_guard lock(mutex);
                if (free.empty()) continue;
                auto context = std::move(free.back());
                free.pop_back();
                return context;
            }
        };
        flushed([&] {
            parallel_for(burst.steps, kSideBySideSteps, [&](int64_t first, int64_t last) {
                auto context = take();
                run_rows(*context, burst, first, last);
                const std::lock_guard lock(mutex);
                free.push_back(std::move(context));
            });
        });
        for (auto& context : free) release(std::move(context));
        return;
    }
    auto context = prepared();
    paced(burst.steps, [&](int64_t first, int64_t last) { run_rows(*context, burst, first, last); });
    release(std::move(context));
}

std::string Program::describe() const {
    static constexpr const char* kKinds[] = {"arena+", "feed ", "constant ", "state ", "output "};
    std::ostringstream s;
    const auto value = [&](int v) {
        const Place& p = plan_.places[v];
        s << " %" << v << ":" << name_of(graph_.types[v].dtype) << graph_.types[v].shape << "@" << kKinds[p.kind]
          << p.index;
    };
    for (const auto& n : graph_.nodes) {
        s << (n.label.empty() ? n.op->name : n.label) << "(";
        for (int v : n.in) value(v);
        s << " ) ->";
        for (int v : n.out) value(v);
        s << "\n";
    }
    s << plan_.copies.size() << " copies, " << memory_bytes() << " bytes\n";
    return s.str();
}

}  // namespace fk
