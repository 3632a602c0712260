#include "core/shared_mutex.h"

#include <pthread.h>

#include <new>

namespace fk {

std::atomic<unsigned> SharedMutex::forks{0};

static std::mutex renewing;

const int SharedMutex::fork_handler =
    pthread_atfork([] { renewing.lock(); }, [] { renewing.unlock(); }, [] { renewing.unlock(), ++forks; });

void SharedMutex::renew() {
    const std::lock_guard lock(renewing);
    if (made_.load(std::memory_order_relaxed) == forks) return;  // another thread of the child was here
    new (&mutex_) std::shared_mutex;
    new (&turn_) std::mutex;
    waiting_ = 0;
    made_.store(forks, std::memory_order_release);
}

}  // namespace fk
