// A lock of one writer or many readers, in which writers do get their turn, and that a fork opens.
#pragma once
#include <atomic>
#include <mutex>
#include <shared_mutex>

namespace fk {

// A std::shared_mutex in which readers that come while a writer waits go behind it: of glibc's, four threads that
// predicted without a pause kept one that trained the same variables out for as long as they ran. A forked child has
// none of the other threads of its parent, so what they had locked is free there.
class SharedMutex {
public:
    void lock() {
        renew_in_child();
        if (mutex_.try_lock()) return;
        waiting_.fetch_add(1);
        {
            const std::lock_guard turn(turn_);
            mutex_.lock();
        }
        waiting_.fetch_sub(1);
    }
    void unlock() { mutex_.unlock(); }

    void lock_shared() {
        renew_in_child();
        if (waiting_.load() > 0) const std::lock_guard turn(turn_);
        mutex_.lock_shared();
    }
    bool try_lock_shared() {
        renew_in_child();
        return waiting_.load() == 0 && mutex_.try_lock_shared();
    }
    void unlock_shared() { mutex_.unlock_shared(); }

private:
    static std::atomic<unsigned> forks;  // that led to this process
    static const int fork_handler;
    void renew_in_child() {
        if (made_.load(std::memory_order_acquire) != forks.load(std::memory_order_relaxed)) renew();
    }
    void renew();

    std::shared_mutex mutex_;
    std::mutex turn_;  // of the writer that waits
    std::atomic<int> waiting_{0};
    std::atomic<unsigned> made_{forks.load()};
};

}  // namespace fk
