// A compiled trace: kernels bound to attributes, memory planned, ready to run in bursts without Python.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/shared_mutex.h"
#include "graph/graph.h"

namespace fk {

class Program {
public:
    Program(const Trace& trace, const std::vector<Tensor>& outputs);

    // One run: feeds are read where they lie, outputs are written straight to `outputs`. `made`, where given, is called
    // with the number of each output as soon as nothing in the run touches it any more.
    using Made = std::function<void(size_t output)>;
    void run(const std::vector<const void*>& feeds, const std::vector<void*>& outputs, const Made& made = {});

    // A burst. Step s feeds each source's rows indices[s * batch ...], or rows start + s * batch ... where `indices`
    // is null, and writes results to the same rows of each output (no outputs: they are discarded).
    struct Burst {
        std::vector<const std::byte*> sources;
        std::vector<std::byte*> outputs;
        const int64_t* indices = nullptr;
        int64_t start = 0, batch = 0, steps = 0;
    };
    void run_steps(const Burst& burst);

    const std::vector<TensorType>& feed_types() const { return feed_types_; }
    const std::vector<TensorType>& output_types() const { return output_types_; }
    // Of one run; steps that run side by side take it once per thread.
    size_t memory_bytes() const { return plan_.arena_bytes + gather_bytes_; }
    std::string describe() const;

private:
    // What one running burst owns; a second thread gets another one.
    struct Context {
        std::unique_ptr<Buffer> memory;     // arena, then one gather buffer per feed
        std::unique_ptr<Buffer> discarded;  // results nobody asked for
        std::vector<void*> pointers;        // inputs and outputs of each instruction, one after the other
    };
    struct Instruction {
        Kernel kernel;
        size_t inputs, outputs, scratch;  // positions in Context::pointers; byte offset in the arena
    };
    class Locks;

    // Is a step faster when threads share it? Both ways are timed, the slower one now and then, so that a program
    // follows what else the machine does: beside a busy process, or on cores far apart, sharing can cost more than it
    // brings. No bit depends on it.
    class Pace {
    public:
        bool alone() const { return alone_; }  // the way of the next slice
        int64_t slice() const;                 // steps that make a slice
        void took(double seconds, int64_t steps);

    private:
        double seconds_[2] = {0, 0};  // per step: shared, alone
        bool alone_ = false, trial_ = false;
        int64_t until_trial_ = 4, interval_ = kOften;
        static constexpr int64_t kOften = 16, kSeldom = 1024;  // slices from one trial to the next
    };

    std::unique_ptr<Context> acquire();
    void release(std::unique_ptr<Context> context);
    void point(Context& context, const std::vector<std::vector<size_t>>& positions, size_t which, const void* to) const;
    void point_states(Context& context) const;
    void execute(Context& context, const std::vector<const void*>& feeds, const std::vector<void*>& outputs,
                 const Made& made = {}) const;
    void run_rows(Context& context, const Burst& burst, int64_t first, int64_t last) const;  // steps [first, last)
    void gather(Context& context, const Burst& burst, int64_t step) const;
    std::byte* gather_buffer(Context& context, size_t feed) const;
    template <class F>
    void paced(int64_t steps, const F& run);

    static constexpr size_t kSideBySideBytes = 4 << 20;  // 8 MB: ResNet-20 predicts a sixth slower
    static constexpr int64_t kSideBySideSteps = 4;

    Graph graph_;
    Plan plan_;
    std::vector<TensorType> feed_types_, output_types_;
    std::vector<Instruction> instructions_;
    std::vector<std::pair<size_t, size_t>> settled_;  // how many instructions settle which output, in that order
    std::vector<std::vector<size_t>> feed_positions_, output_positions_, state_positions_;
    std::vector<std::pair<size_t, size_t>> arena_positions_;          // position, offset
    std::vector<std::pair<size_t, const void*>> constant_positions_;  // position, address
    std::vector<size_t> gather_offsets_;
    size_t pointer_count_ = 0, gather_bytes_ = 0, discarded_bytes_ = 0;
    std::vector<size_t> lock_order_;  // states by address, so that programs that share variables cannot deadlock
    bool writes_ = false;

    SharedMutex mutex_;  // a forked child finds it free
    Pace pace_;
    std::vector<std::unique_ptr<Context>> idle_;
};

}  // namespace fk
