// Philox4x32-10 (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", 2011): random numbers by counter.
// Number i of a stream depends on (key, i) only, so any thread may make any part of a stream.
#pragma once
#include <cstdint>

namespace fk {

struct Philox {
    uint32_t key[2];

    // The four words of block `counter`.
    void block(uint64_t counter, uint32_t out[4]) const {
        uint32_t c0 = uint32_t(counter), c1 = uint32_t(counter >> 32), c2 = 0, c3 = 0, k0 = key[0], k1 = key[1];
        for (int round = 0; round < 10; ++round) {
            const uint64_t p0 = 0xD2511F53ull * c0, p1 = 0xCD9E8D57ull * c2;
            const uint32_t n0 = uint32_t(p1 >> 32) ^ c1 ^ k0, n2 = uint32_t(p0 >> 32) ^ c3 ^ k1;
            c1 = uint32_t(p1), c3 = uint32_t(p0), c0 = n0, c2 = n2;
            k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
        }
        out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
    }
};

// 24 random bits to [0, 1).
inline float unit_float(uint32_t bits) { return float(bits >> 8) * 0x1p-24f; }

}  // namespace fk
