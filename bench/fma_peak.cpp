// Prints the multiply-add peak of one core in GFLOP/s: twelve independent chains of the widest vectors the compiler has
// (-march=native). bench/gemm.py compiles and runs it.
#include <algorithm>
#include <chrono>
#include <cstdio>

#if defined(__AVX512F__)
constexpr int kBytes = 64;
#elif defined(__AVX__)
constexpr int kBytes = 32;
#else
constexpr int kBytes = 16;
#endif
typedef float V __attribute__((vector_size(kBytes)));

static double now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

int main() {
    constexpr int kChains = 12, kRounds = 100000;
    V sum[kChains] = {}, factor = V{} + 0.999f, term = V{} + 0.001f;
    double best = 1e9;
    for (const double start = now(); now() - start < 0.5;) {
        const double t = now();
        for (int r = 0; r < kRounds; ++r)
#pragma GCC unroll 12
            for (V& s : sum) s = s * factor + term;
        best = std::min(best, now() - t);
    }
    float sink = 0;
    for (const V& s : sum) sink += s[0];
    std::printf("%.1f\n", 2.0 * kChains * kRounds * (kBytes / 4) / best / 1e9 + (sink == 12345.f));
}
