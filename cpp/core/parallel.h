// Threads. parallel.cpp is the only file that names OpenMP; this header is safe for code compiled per ISA.
#pragma once
#include <cstdint>

#define FK_INLINE inline __attribute__((always_inline))

namespace fk {

// Runs run(context, chunk) for chunk in [0, chunks), on the caller and on whichever workers are awake.
// Returns when all chunks are done. Nested calls run on the caller.
void parallel_chunks(int64_t chunks, void (*run)(void* context, int64_t chunk), void* context);

namespace {
// f(begin, end) over [0, n) in pieces of `grain`: the borders depend on n and grain alone, never on the number
// of threads, so a reduction per piece gives the same bits on any machine load. n <= grain runs inline.
template <class F>
FK_INLINE void parallel_for(int64_t n, int64_t grain, const F& f) {
    if (n <= grain) {
        if (n > 0) f(int64_t(0), n);
        return;
    }
    struct Context {
        const F* f;
        int64_t n, grain;
    } context{&f, n, grain};
    parallel_chunks((n + grain - 1) / grain,
                    [](void* p, int64_t chunk) {
                        const auto& c = *static_cast<const Context*>(p);
                        const int64_t begin = chunk * c.grain, end = begin + c.grain;
                        (*c.f)(begin, end < c.n ? end : c.n);
                    },
                    &context);
}
}  // namespace

// Until *flag is not 0. Of a chunk, for what an earlier chunk of the same loop sets: chunks of one thread run in order,
// and while a worker waits in a later one, its caller has the earlier one or is about to.
void wait_for(const uint8_t* flag);

// 0 in a caller, the number of the worker in a chunk that one has taken.
int thread_index();

// Runs body(context) with denormals flushed to zero, as workers do.
void run_flushed(void (*body)(void* context), void* context);

// While it lives, the loops of this thread share nothing.
class Alone {
public:
    explicit Alone(bool alone);
    ~Alone();
    Alone(const Alone&) = delete;

private:
    bool before_;
};

constexpr int kMaxThreads = 1024;  // of any setting: each costs memory, and beyond the CPUs none helps

int num_threads();            // what the next loop of this thread will use
void use_threads(int n);      // by this thread alone: what OpenMP was told in one thread a new one does not know
void set_num_threads(int n);  // 0: the default again (OMP_NUM_THREADS, affinity, cgroup quota)

}  // namespace fk
