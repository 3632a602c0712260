#include "simd/dispatch.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "core/error.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__x86_64__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace fk {
namespace {

// The registers of AMX are saved with a thread only for processes that asked for them; children inherit it. Refused by
// kernels before 5.16, and where a thread has a signal stack too small for them.
[[maybe_unused]] bool tiles_permitted() {
#if defined(__x86_64__) && defined(__linux__)
    constexpr long kRequestPermission = 0x1023, kTileData = 18;
    static const bool permitted = syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
    return permitted;
#else
    return false;
#endif
}

struct Isa {
    const char *name, *features;
    bool (*supported)();  // by this CPU and its operating system
};
constexpr Isa kIsas[] = FK_ISA_TABLE;
constexpr int kCount = int(sizeof kIsas / sizeof kIsas[0]);

bool is_amd() {
#if defined(__x86_64__)
    __builtin_cpu_init();  // we may run before the constructor that does it
    return __builtin_cpu_is("amd");
#else
    return false;
#endif
}

// Pairs of bfloat16 without tiles: twice the rate of FMAs on Zen 4, half of it on Intel's, where they run when they are
// asked for (one thread of Emerald Rapids: 1024^3 takes 1.45 times as long as with floats).
bool is_slower(const Isa& isa) {
    return std::strstr(isa.features, "bf16") && !std::strstr(isa.features, "amx") && !is_amd();
}

int best_isa() {
    int best = 0;  // the portable row is always supported
    for (int i = 0; i < kCount; ++i)
        if (kIsas[i].supported() && !is_slower(kIsas[i])) best = i;
    return best;
}

// At load no Python exists to receive an exception, so a wrong FASTKERAS_ISA is reported by the first set_isa("").
int isa_at_load() {
    const int best = best_isa();
    const char* wanted = std::getenv("FASTKERAS_ISA");
    for (int i = 0; wanted && i <= best; ++i)
        if (wanted == std::string(kIsas[i].name) && kIsas[i].supported()) return i;
    return best;
}

}  // namespace

int64_t near_l2_bytes() {
#if defined(__x86_64__) && defined(__linux__)
    // AMD's give 64 bytes a cycle beside one FMA of 512 bits or two of 256.
    static const int64_t bytes = is_amd() ? std::clamp<int64_t>(sysconf(_SC_LEVEL2_CACHE_SIZE), 256 << 10, 1 << 20) : 0;
    return bytes;
#else
    return 0;
#endif
}

bool starts_two_wide_fmas() {
#if defined(__x86_64__)
    static const bool two = [] {
        unsigned a = 0, b = 0, c = 0, d = 0;
        if (!is_amd() || !__get_cpuid(1, &a, &b, &c, &d)) return false;
        const unsigned family = (a >> 8 & 15) + (a >> 20 & 255), model = (a >> 4 & 15) + (a >> 12 & 0xf0);
        const bool laptop = model / 16 == 2 || model / 16 == 3 || model / 16 == 6;  // 256 bits at a time
        return family >= 0x1a && !laptop;
    }();
    return two;
#else
    return false;
#endif
}

bool has_float16_tiles() {
#if defined(__x86_64__)
    static const bool has = [] {
        unsigned a = 0, b = 0, c = 0, d = 0;
        return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 21 & 1);  // AMX-FP16
    }();
    return has;
#else
    return false;
#endif
}

// Row 0 runs everywhere, so what runs before this initialiser is slow and right.
int active_isa = isa_at_load();

std::vector<std::string> available_isas() {
    std::vector<std::string> names;
    for (const Isa& isa : kIsas)
        if (isa.supported()) names.emplace_back(isa.name);
    return names;
}

void set_isa(const std::string& name) {
    const char* forced = std::getenv("FASTKERAS_ISA");
    const bool from_environment = name.empty() && forced && *forced;
    const std::string wanted = from_environment ? forced : name;
    if (wanted.empty()) {
        active_isa = best_isa();
        return;
    }
    for (int i = 0; i < kCount; ++i)
        if (wanted == kIsas[i].name && kIsas[i].supported()) {
            active_isa = i;
            return;
        }
    std::string valid;
    for (const std::string& n : available_isas()) valid += (valid.empty() ? "'" : ", '") + n + "'";
    fail("[isa] ", from_environment ? "FASTKERAS_ISA" : "the instruction set", " must be one of ", valid,
         " on this CPU. Received: isa='", wanted, "'");
}

const char* isa_name() { return kIsas[active_isa].name; }
bool multiplies_bfloat16() { return std::strstr(kIsas[active_isa].features, "bf16"); }
bool multiplies_tiles() { return std::strstr(kIsas[active_isa].features, "amx"); }

}  // namespace fk
