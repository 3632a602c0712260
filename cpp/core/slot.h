// Memory that a thread has to itself while it works on a chunk.
#pragma once
#include <cstdint>

#include "core/parallel.h"

namespace fk {
namespace {

// One of `slots` parts of `memory`, `bytes` each, for as long as it lives: each time the same for one thread, in whose
// L2 it is, unless another one has it. `flags` are 64 bytes, zero at first; a thread beyond the 64th, or beyond
// `slots`, waits.
class Slot {
public:
    Slot(void* flags, void* memory_of_all, int slots, int64_t bytes) : busy_(static_cast<uint8_t*>(flags)) {
        for (index_ = thread_index() % slots;; index_ = index_ + 1 < slots ? index_ + 1 : 0)
            if (!__atomic_exchange_n(&busy_[index_], uint8_t(1), __ATOMIC_ACQUIRE)) break;
        memory = static_cast<char*>(memory_of_all) + index_ * bytes;
    }
    ~Slot() { __atomic_store_n(&busy_[index_], uint8_t(0), __ATOMIC_RELEASE); }
    Slot(const Slot&) = delete;
    char* memory;

private:
    uint8_t* busy_;
    int index_;
};

}  // namespace
}  // namespace fk
