// Threads: OpenMP starts them, this file decides when anybody waits.
//
// One OpenMP region spans a burst of steps. Inside it the caller walks the plan and the other threads take chunks
// while they happen to be running; a join waits for chunks done, never for threads arrived. Ordinary OpenMP loops
// and barriers lose milliseconds whenever one thread is descheduled: a hand-written mlp step took 128 us on two
// quiet cores and 790-1,550 us beside one busy process, one thread 195 and 215.
#include "core/parallel.h"

#include <omp.h>
#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <mutex>
#include <condition_variable>
#include <thread>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace fk {
namespace {

inline void relax() {
#if defined(__x86_64__)
    _mm_pause();
#endif
}

using Clock = std::chrono::steady_clock;
using std::chrono::microseconds;

// When another process takes a core, a worker is descheduled in the middle of a chunk and the caller waits a time
// slice, milliseconds, for it. Now and then that costs less than working alone; but when 20 ms are lost faster than
// three tenths of the time, one core alone is faster: work is not shared for a while, for longer each time sharing
// fails again. With four compilers beside two threads an mlp step took 9 ms without this.
class Contention {
public:
    bool sharing_pays() const { return now() >= resume_.load(std::memory_order_relaxed); }

    // The caller waited `time` for the last chunks of a loop; its own took `chunk` each. A slow chunk is a few times
    // longer than its sisters, a descheduled worker is away for a time slice.
    void waited(Clock::duration time, Clock::duration chunk) {
        if (time < microseconds(500) + 4 * chunk) return;
        const std::lock_guard lock(mutex_);
        const Clock::rep at = now();
        lost_ = std::max<Clock::rep>(0, lost_ - (at - last_) * 3 / 10) + time.count();
        last_ = at;
        if (lost_ < kTolerated) return;
        pause_ = at - resume_.load(std::memory_order_relaxed) > 10 * pause_ ? kTolerated
                                                                            : std::min(2 * pause_, 32 * kTolerated);
        lost_ = 0;
        resume_.store(at + pause_, std::memory_order_relaxed);
    }

private:
    static Clock::rep now() { return Clock::now().time_since_epoch().count(); }
    static constexpr Clock::rep kTolerated = Clock::duration(microseconds(20000)).count();
    std::atomic<Clock::rep> resume_{0};
    std::mutex mutex_;
    Clock::rep lost_ = 0, last_ = 0, pause_ = kTolerated;
};
Contention contention;

// What the threads of one region share. The caller takes chunks from the front, workers from the back: with the
// same loop each step, a thread meets the same part of the data again, still in its L2.
class Team {
public:
    void run(int64_t chunks, void (*run)(void*, int64_t), void* context) {
        for (int64_t first = 0; first < chunks; first += kMaxChunks)
            run_some(first, std::min(chunks - first, kMaxChunks), run, context);
    }

    void work() {
        int idle = 0;
        while (!closed_.load(std::memory_order_acquire)) {
            int64_t chunk;
            if (take<false>(chunk)) {
                run_(context_, first_ + chunk);
                pending_.fetch_sub(1, std::memory_order_release);
                idle = 0;
            } else if (++idle < kSpins) {
                relax();
            } else if (idle < kSpins + kYields) {
                sched_yield();
            } else {
                sleep();
                idle = 0;
            }
        }
    }

    void close() {
        closed_.store(true, std::memory_order_seq_cst);
        wake();
    }

private:
    // Spins cover the gaps between the loops of one step (some 10 us); yields let a competing process run and
    // cover a gather or a small serial stretch; after about a millisecond without work a thread sleeps.
    static constexpr int kSpins = 1000, kYields = 300;
    static constexpr int64_t kMaxChunks = (1 << 20) - 1;

    // 24 bits of generation, 20 of front, 20 of back: one compare-and-swap takes a chunk, and a thread that was
    // away for a whole job cannot take a chunk of the next one by mistake.
    static uint64_t pack(uint64_t generation, uint64_t front, uint64_t back) {
        return generation << 40 | front << 20 | back;
    }

    void run_some(int64_t first, int64_t chunks, void (*run)(void*, int64_t), void* context) {
        run_ = run, context_ = context, first_ = first;
        pending_.store(chunks, std::memory_order_relaxed);
        state_.store(pack(++generation_, 0, uint64_t(chunks)), std::memory_order_seq_cst);
        if (sleepers_.load(std::memory_order_seq_cst) > 0) wake();
        int64_t chunk, done = 0;
        const auto start = Clock::now();
        while (take<true>(chunk)) {
            run(context, first + chunk);
            ++done;
        }
        pending_.fetch_sub(done, std::memory_order_acq_rel);
        const auto joined = Clock::now();
        for (int spin = 0; pending_.load(std::memory_order_acquire) > 0; ++spin) {
            if (spin < kSpins) {
                relax();
                continue;
            }
            while (pending_.load(std::memory_order_acquire) > 0) sched_yield();
            contention.waited(Clock::now() - joined, (joined - start) / std::max<int64_t>(done, 1));
        }
    }

    template <bool front>
    bool take(int64_t& chunk) {
        uint64_t state = state_.load(std::memory_order_acquire);
        for (;;) {
            const uint64_t begin = state >> 20 & kMaxChunks, end = state & kMaxChunks;
            if (begin >= end) return false;
            const uint64_t next = front ? state + (1 << 20) : state - 1;
            if (state_.compare_exchange_weak(state, next, std::memory_order_acq_rel, std::memory_order_acquire)) {
                chunk = int64_t(front ? begin : end - 1);
                return true;
            }
        }
    }

    bool has_work() const {
        const uint64_t state = state_.load(std::memory_order_seq_cst);
        return (state >> 20 & uint64_t(kMaxChunks)) < (state & uint64_t(kMaxChunks));
    }

    void sleep() {
        const uint32_t seen = epoch_.load(std::memory_order_seq_cst);
        sleepers_.fetch_add(1, std::memory_order_seq_cst);
        if (!has_work() && !closed_.load(std::memory_order_seq_cst)) epoch_.wait(seen);
        sleepers_.fetch_sub(1, std::memory_order_seq_cst);
    }

    void wake() {
        epoch_.fetch_add(1, std::memory_order_seq_cst);
        epoch_.notify_all();
    }

    alignas(64) std::atomic<uint64_t> state_{0};
    void (*run_)(void*, int64_t) = nullptr;
    void* context_ = nullptr;
    int64_t first_ = 0;
    uint64_t generation_ = 0;
    alignas(64) std::atomic<int64_t> pending_{0};
    alignas(64) std::atomic<int> sleepers_{0};
    std::atomic<uint32_t> epoch_{0};
    std::atomic<bool> closed_{false};
};

thread_local Team* team = nullptr;       // the region this thread is the caller of
thread_local bool inside_chunk = false;  // nested loops run inline
thread_local int64_t calls = 0;
std::atomic<int> wanted_threads{0};

// Denormals are flushed while a region runs: decaying optimizer moments turn denormal after some hundred steps and
// would cost several times the step. The host's mode is restored.
class FlushDenormals {
public:
#if defined(__x86_64__)
    FlushDenormals() : saved_(_mm_getcsr()) { _mm_setcsr(saved_ | 0x8040); }
    ~FlushDenormals() { _mm_setcsr(saved_); }

private:
    unsigned saved_;
#endif
};

// libgomp's pool does not survive fork: the first region of the forking thread hangs in the child. A thread born
// after the fork gets a full team, so in the child such a thread runs the surviving thread's regions.
thread_local bool survived_fork = false;

class Stand_in {
public:
    void run(const std::function<void()>& task) {
        std::unique_lock lock(mutex_);
        if (!thread_.joinable()) thread_ = std::thread([this] { loop(); });
        task_ = &task;
        changed_.notify_all();
        changed_.wait(lock, [&] { return task_ == nullptr; });
    }

private:
    void loop() {
        std::unique_lock lock(mutex_);
        for (;;) {
            changed_.wait(lock, [&] { return task_ != nullptr; });
            (*task_)();
            task_ = nullptr;
            changed_.notify_all();
        }
    }
    std::mutex mutex_;
    std::condition_variable changed_;
    const std::function<void()>* task_ = nullptr;
    std::thread thread_;
};
// Never destroyed: its thread may outlive main; a grandchild gets a new one.
thread_local Stand_in* stand_in = nullptr;

[[maybe_unused]] const int fork_handler = pthread_atfork(nullptr, nullptr, [] {
    survived_fork = true;
    stand_in = nullptr;
    team = nullptr;
    inside_chunk = false;
});

int cgroup_threads() {
    int limit = 1 << 20;
    if (FILE* f = std::fopen("/sys/fs/cgroup/cpu.max", "r")) {
        long quota, period;
        if (std::fscanf(f, "%ld %ld", &quota, &period) == 2 && period > 0) limit = int((quota + period - 1) / period);
        std::fclose(f);
    }
    return std::max(1, limit);
}

void run_on_team(int64_t chunks, void (*run)(void*, int64_t), void* context) {
    inside_chunk = true;
    team->run(chunks, run, context);
    inside_chunk = false;
}

void open_team(void (*body)(void*), void* context, int threads) {
    Team shared;
    std::exception_ptr error;
#pragma omp parallel num_threads(threads)
    {
        FlushDenormals flush;
        if (omp_get_thread_num() == 0) {
            team = &shared;
            try {
                body(context);
            } catch (...) {
                error = std::current_exception();
            }
            team = nullptr;
            shared.close();
        } else {
            inside_chunk = true;
            shared.work();
            inside_chunk = false;
        }
    }
    if (error) std::rethrow_exception(error);
}

}  // namespace

int num_threads() {
    if (const int wanted = wanted_threads.load(std::memory_order_relaxed)) return wanted;
    // libgomp has read OMP_NUM_THREADS and the affinity mask; threadpoolctl changes the same setting.
    static const int quota = std::getenv("OMP_NUM_THREADS") ? 1 << 20 : cgroup_threads();
    return std::min(omp_get_max_threads(), quota);
}

void set_num_threads(int n) { wanted_threads.store(n); }

int64_t parallel_calls() { return calls; }

void run_region(bool workers, void (*body)(void*), void* context) {
    const int threads = workers && contention.sharing_pays() ? num_threads() : 1;
    if (threads == 1 || team || inside_chunk) {
        FlushDenormals flush;
        body(context);
    } else if (survived_fork) {
        if (!stand_in) stand_in = new Stand_in;
        std::exception_ptr error;
        stand_in->run([&] {
            try {
                open_team(body, context, threads);
            } catch (...) {
                error = std::current_exception();
            }
        });
        if (error) std::rethrow_exception(error);
    } else {
        open_team(body, context, threads);
    }
}

void parallel_chunks(int64_t chunks, void (*run)(void*, int64_t), void* context) {
    ++calls;
    if (inside_chunk || chunks == 1 || num_threads() == 1 || !contention.sharing_pays()) {
        for (int64_t i = 0; i < chunks; ++i) run(context, i);
        return;
    }
    if (!team) {
        struct Job {
            int64_t chunks;
            void (*run)(void*, int64_t);
            void* context;
        } job{chunks, run, context};
        run_region(
            true,
            [](void* p) {
                auto& j = *static_cast<Job*>(p);
                if (team) return run_on_team(j.chunks, j.run, j.context);
                for (int64_t i = 0; i < j.chunks; ++i) j.run(j.context, i);
            },
            &job);
        return;
    }
    run_on_team(chunks, run, context);
}

}  // namespace fk
