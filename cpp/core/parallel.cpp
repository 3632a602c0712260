// Threads: OpenMP starts them, this file decides when anybody waits.
//
// A caller walks its plan and the workers take chunks while they happen to be running; a join waits for chunks done,
// never for threads arrived. Ordinary OpenMP loops and barriers lose milliseconds whenever one thread is descheduled:
// a hand-written mlp step took 128 us on two quiet cores and 790-1,550 us beside one busy process, one thread 195 and
// 215.
#include "core/parallel.h"

#include <omp.h>
#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <thread>
#include <utility>

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
        const std::unique_lock lock(mutex_, std::try_to_lock);  // a fork may have left it locked
        if (!lock) return;
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

// Spins cover the gaps between the loops of one step (some 10 us); yields let a competing process run and cover a
// gather or a small serial stretch; after about a millisecond without work a thread sleeps.
constexpr int kSpins = 1000, kYields = 300;

// Workers without work, and how they are called back.
class Sleepers {
public:
    template <class Awake>
    void sleep_unless(const Awake& awake) {
        const uint32_t seen = epoch_.load(std::memory_order_seq_cst);
        sleeping_.fetch_add(1, std::memory_order_seq_cst);
        if (!awake()) epoch_.wait(seen);
        sleeping_.fetch_sub(1, std::memory_order_seq_cst);
    }
    void wake() {
        if (sleeping_.load(std::memory_order_seq_cst) == 0) return;
        epoch_.fetch_add(1, std::memory_order_seq_cst);
        epoch_.notify_all();
    }

private:
    alignas(64) std::atomic<int> sleeping_{0};
    std::atomic<uint32_t> epoch_{0};
};

// The loop that one caller shares out. The caller takes chunks from the front, workers from the back: with the same
// loop each step, a thread meets the same part of the data again, still in its L2.
class Team {
public:
    std::atomic<bool> taken{false};  // by a caller
    std::atomic<int> threads{0};     // that the caller wants: workers from this number on keep away
    Sleepers* sleepers = nullptr;

    void run(int64_t chunks, void (*run)(void*, int64_t), void* context) {
        for (int64_t first = 0; first < chunks; first += kMaxChunks)
            run_some(first, std::min(chunks - first, kMaxChunks), run, context);
    }

    // Does a chunk if there is one to take.
    bool help() {
        int64_t chunk;
        if (!take<false>(chunk)) return false;
        run_(context_, first_ + chunk);
        pending_.fetch_sub(1, std::memory_order_release);
        return true;
    }

    bool has_work() const {
        const uint64_t state = state_.load(std::memory_order_seq_cst);
        return (state >> 20 & uint64_t(kMaxChunks)) < (state & uint64_t(kMaxChunks));
    }

private:
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
        sleepers->wake();
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

    alignas(64) std::atomic<uint64_t> state_{0};
    void (*run_)(void*, int64_t) = nullptr;
    void* context_ = nullptr;
    int64_t first_ = 0;
    uint64_t generation_ = 0;
    alignas(64) std::atomic<int64_t> pending_{0};
};

thread_local bool inline_loops = false;  // inside a chunk, or Alone
thread_local int worker_number = 0;
std::atomic<int> wanted_threads{0};

// Denormals are flushed while kernels run: decaying optimizer moments turn denormal after some hundred steps and
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

// The workers of the process: one OpenMP region that a thread of its own opens and that never ends. A region per burst
// would end in a barrier, and beside six compilers a worker took tens of milliseconds to get there: an mlp step that
// one thread does in 1.2 ms took 3. It also makes fork simple: libgomp's threads do not survive it, but a thread born
// in the child gets a full team.
class Pool {
public:
    explicit Pool(int threads) : threads_(threads) {
        std::thread([this] {
#pragma omp parallel num_threads(threads_)
            if (const int worker = omp_get_thread_num()) {
                work(worker);
            } else {
                // Its place, where threads are bound to places, is that of the callers.
                closed_.wait(false);
            }
        }).detach();
    }

    int threads() const { return threads_; }

    // A team for one loop, null when 64 threads are running one.
    Team* enter(int threads) {
        for (Team& candidate : teams_) {
            if (candidate.taken.exchange(true, std::memory_order_acquire)) continue;
            candidate.threads.store(threads, std::memory_order_relaxed);
            candidate.sleepers = &sleepers_;
            return &candidate;
        }
        return nullptr;
    }
    static void leave(Team* left) { left->taken.store(false, std::memory_order_release); }

    void close() {
        closed_.store(true, std::memory_order_seq_cst);
        closed_.notify_all();
        sleepers_.wake();
    }

private:
    void work(int worker) {
        const FlushDenormals flush;
        inline_loops = true;
        worker_number = worker;
        for (int idle = 0; !closed_.load(std::memory_order_acquire);) {
            if (help(worker)) {
                idle = 0;
            } else if (++idle < kSpins) {
                relax();
            } else if (idle < kSpins + kYields) {
                sched_yield();
            } else {
                sleepers_.sleep_unless([&] { return has_work(worker) || closed_.load(std::memory_order_seq_cst); });
                idle = 0;
            }
        }
    }

    bool help(int worker) {
        for (Team& candidate : teams_) {
            // Teams are taken from the front: the first one that never was ends the list.
            const int threads = candidate.threads.load(std::memory_order_relaxed);
            if (threads == 0) return false;
            if (worker < threads && candidate.help()) return true;
        }
        return false;
    }

    bool has_work(int worker) const {
        return std::any_of(std::begin(teams_), std::end(teams_), [&](const Team& candidate) {
            return worker < candidate.threads.load(std::memory_order_relaxed) && candidate.has_work();
        });
    }

    const int threads_;
    Team teams_[64];
    Sleepers sleepers_;
    std::atomic<bool> closed_{false};
};

// Never destroyed: workers outlive main, and a caller may still be in the pool that a larger one replaces.
std::atomic<Pool*> pool{nullptr};
std::mutex pool_mutex;

Pool& pool_of(int threads) {
    Pool* found = pool.load(std::memory_order_acquire);
    if (found && found->threads() >= threads) return *found;
    const std::lock_guard lock(pool_mutex);
    found = pool.load(std::memory_order_acquire);
    if (found && found->threads() >= threads) return *found;
    Pool* larger = new Pool(threads);
    if (found) found->close();
    pool.store(larger, std::memory_order_release);
    return *larger;
}

[[maybe_unused]] const int fork_handler = pthread_atfork([] { pool_mutex.lock(); }, [] { pool_mutex.unlock(); },
                                                         [] {
                                                             pool_mutex.unlock();
                                                             pool = nullptr;
                                                             inline_loops = false;
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

}  // namespace

int num_threads() {
    if (const int wanted = wanted_threads.load(std::memory_order_relaxed)) return wanted;
    // libgomp has read OMP_NUM_THREADS and the affinity mask; threadpoolctl changes the same setting.
    static const int quota = std::getenv("OMP_NUM_THREADS") ? 1 << 20 : cgroup_threads();
    return std::min({omp_get_max_threads(), quota, kMaxThreads});
}

void wait_for(const uint8_t* flag) {
    for (int spin = 0; !__atomic_load_n(flag, __ATOMIC_ACQUIRE); ++spin) spin < kSpins ? relax() : void(sched_yield());
}

int thread_index() { return worker_number; }

void use_threads(int n) { omp_set_num_threads(n); }

void set_num_threads(int n) { wanted_threads.store(n); }

void run_flushed(void (*body)(void*), void* context) {
    const FlushDenormals flush;
    body(context);
}

Alone::Alone(bool alone) : before_(inline_loops) { inline_loops = inline_loops || alone; }
Alone::~Alone() { inline_loops = before_; }

void parallel_chunks(int64_t chunks, void (*run)(void*, int64_t), void* context) {
    const int threads = inline_loops || chunks == 1 ? 1 : num_threads();
    Team* team = threads > 1 && contention.sharing_pays() ? pool_of(threads).enter(threads) : nullptr;
    if (!team) {
        for (int64_t i = 0; i < chunks; ++i) run(context, i);
        return;
    }
    {
        const Alone nested(true);
        team->run(chunks, run, context);
    }
    Pool::leave(team);
}

}  // namespace fk
