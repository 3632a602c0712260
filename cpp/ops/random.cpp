// Random tensors, functions of a seed (uint32, shape (2,)) and of nothing else; element i depends on the seed and on i.
//   random_bits(seed; shape)                                  uint32 words
//   random_uniform(seed; shape, dtype, minval, maxval)        in [minval, maxval)
//   random_normal, random_truncated_normal(seed; shape, dtype, mean, stddev)   the second cut at two stddev
//   random_integers(seed; shape, dtype, minval, maxval)       in [minval, maxval)
//   random_permutation(seed; n)                               int32, each of 0 ... n - 1 once
//   random_categorical(logits, seed; num_samples)             int32 class numbers, (batch, classes) -> (batch,
//   num_samples) random_log_gamma(seed, alpha)                             logarithms of gamma(alpha, 1) variates
//   random_binomial(seed, counts, probabilities)              successes in `counts` trials
#include <algorithm>
#include <cmath>
#include <limits>

#include "core/parallel.h"
#include "core/rng.h"
#include "kernels/random.h"
#include "ops/by_type.h"
#include "ops/seeds.h"

namespace fk {
namespace {

Philox philox(const void* seed) {
    const uint32_t* key = static_cast<const uint32_t*>(seed);
    return {{key[0], key[1]}};
}

uint64_t random_64(const Philox& random, uint64_t counter) {
    uint32_t words[4];
    random.block(counter, words);
    return uint64_t(words[0]) << 32 | words[1];
}

// A number below n: multiplying and keeping the high half is uneven by no more than n / 2^64.
uint64_t below(uint64_t bits, uint64_t n) { return uint64_t((unsigned __int128)bits * n >> 64); }

// --- floats ---

std::vector<TensorType> infer_bits(const Call& call) {
    check_seed(call.in[0], "random_bits");
    return {{DType::uint32, call.attrs.shape()}};
}
Kernel kernel_bits(const Call& call) {
    return {[n = call.out[0].count()](const void* const* in, void* const* out, void*) {
        parallel_for(n, kRandomGrain, [&](int64_t begin, int64_t end) {
            random_words(output<uint32_t>(out, 0), begin, end, input<uint32_t>(in, 0));
        });
    }};
}

std::vector<TensorType> infer_floats(const Call& call) {
    check_seed(call.in[0], "random");
    const TensorType type{call.attrs.dtype(), call.attrs.shape()};
    check_float(type, "random");
    return {type};
}

#define FK_RANDOM_KERNEL(kernel_name, function, first, second)                                                  \
    Kernel kernel_name(const Call& call) {                                                                      \
        const double a = call.attrs.number(#first), b = call.attrs.number(#second);                             \
        return by_type(call.out[0].dtype, [=, n = call.out[0].count()](auto zero) -> Kernel {                   \
            using T = decltype(zero);                                                                           \
            return {[=](const void* const* in, void* const* out, void*) {                                       \
                parallel_for(n, kRandomGrain, [&](int64_t begin, int64_t end) {                                 \
                    FK_BY_TYPE(T, function, output<T>(out, 0), begin, end, input<uint32_t>(in, 0), T(a), T(b)); \
                });                                                                                             \
            }};                                                                                                 \
        });                                                                                                     \
    }
FK_RANDOM_KERNEL(kernel_uniform, random_uniform, minval, maxval)
FK_RANDOM_KERNEL(kernel_normal, random_normal, mean, stddev)
FK_RANDOM_KERNEL(kernel_truncated, truncated_normal, mean, stddev)
#undef FK_RANDOM_KERNEL

// --- integers ---

std::vector<TensorType> infer_integers(const Call& call) {
    check_seed(call.in[0], "random_integers");
    const TensorType type{call.attrs.dtype(), call.attrs.shape()};
    const int64_t low = call.attrs.integer("minval"), high = call.attrs.integer("maxval");
    if (!is_integer(type.dtype))
        fail<TypeError>("[randint] dtype must be an integer. Received: dtype=", name_of(type.dtype));
    check(low < high, "[randint] minval must be less than maxval. Received: minval=", low, ", maxval=", high);
    dispatch(type.dtype, [&](auto zero) {
        using T = decltype(zero);
        if constexpr (std::is_integral_v<T>)
            check(low >= int64_t(std::numeric_limits<T>::min()) &&
                      (sizeof(T) == 8 || high - 1 <= int64_t(std::numeric_limits<T>::max())),
                  "[randint] the range must fit the dtype. Received: minval=", low, ", maxval=", high,
                  ", dtype=", name_of(type.dtype));
    });
    return {type};
}
Kernel kernel_integers(const Call& call) {
    const int64_t low = call.attrs.integer("minval"), n = call.out[0].count();
    const uint64_t range = uint64_t(call.attrs.integer("maxval")) - uint64_t(low);
    return dispatch(call.out[0].dtype, [=](auto zero) -> Kernel {
        using T = decltype(zero);
        return {[=](const void* const* in, void* const* out, void*) {
            T* y = output<T>(out, 0);
            const Philox random = philox(in[0]);
            parallel_for(n, kRandomGrain, [&](int64_t begin, int64_t end) {
                for (int64_t i = begin; i < end; ++i)
                    y[i] = T(int64_t(uint64_t(low) + below(random_64(random, i), range)));
            });
        }};
    });
}

std::vector<TensorType> infer_permutation(const Call& call) {
    check_seed(call.in[0], "random_permutation");
    const int64_t n = call.attrs.integer("n");
    check(n >= 0 && n <= std::numeric_limits<int32_t>::max(),
          "[shuffle] the axis must have between 0 and 2^31 - 1 entries. ", "Received: ", n);
    return {{DType::int32, {n}}};
}
// Fisher and Yates's shuffle, inside out.
Kernel kernel_permutation(const Call& call) {
    return {[n = call.out[0].count()](const void* const* in, void* const* out, void*) {
        int32_t* y = output<int32_t>(out, 0);
        const Philox random = philox(in[0]);
        for (int64_t i = 0; i < n; ++i) {
            const int64_t j = int64_t(below(random_64(random, uint64_t(i)), uint64_t(i) + 1));
            y[i] = y[j];
            y[j] = int32_t(i);
        }
    }};
}

std::vector<TensorType> infer_categorical(const Call& call) {
    check_float(call.in[0], "categorical");
    check_seed(call.in[1], "categorical");
    const Shape& logits = call.in[0].shape;
    const int64_t samples = call.attrs.integer("num_samples");
    check(logits.rank() == 2 && logits[1] > 0,
          "[categorical] logits must be (batch, classes). Received: logits.shape=", logits);
    check(samples >= 0, "[categorical] num_samples must not be negative. Received: num_samples=", samples);
    return {{DType::int32, {logits[0], samples}}};
}
// A sample is where the cumulative probabilities pass a uniform number; the sums are double, so that a class of
// probability 1e-12 is still drawn.
Kernel kernel_categorical(const Call& call) {
    const int64_t batch = call.in[0].shape[0], classes = call.in[0].shape[1], samples = call.out[0].shape[1];
    return by_type(call.in[0].dtype, [=](auto zero) -> Kernel {
        using T = decltype(zero);
        return {[=](const void* const* in, void* const* out, void* scratch) {
                    double* sums = static_cast<double*>(scratch);
                    const Philox random = philox(in[1]);
                    for (int64_t row = 0; row < batch; ++row) {
                        const T* logits = input<T>(in, 0) + row * classes;
                        const double top = *std::max_element(logits, logits + classes);
                        double total = 0;
                        for (int64_t k = 0; k < classes; ++k) sums[k] = total += std::exp(double(logits[k]) - top);
                        for (int64_t s = row * samples; s < (row + 1) * samples; ++s) {
                            const double point = double(random_64(random, uint64_t(s)) >> 11) * 0x1p-53 * total;
                            const auto k = std::upper_bound(sums, sums + classes - 1, point) - sums;
                            output<int32_t>(out, 0)[s] = int32_t(k);
                        }
                    }
                },
                size_t(classes) * sizeof(double)};
    });
}

// --- rejection: number `attempt` of element i is its own counter, far from those of other elements ---

class Stream {
public:
    Stream(const Philox& random, int64_t i) : random_(random), counter_(uint64_t(i) << 20) {}
    // In (0, 1).
    double uniform() { return (double(random_64(random_, counter_++) >> 11) + 0.5) * 0x1p-53; }
    double normal() {
        const double radius = std::sqrt(-2 * std::log(uniform()));
        return radius * std::cos(2 * M_PI * uniform());
    }

private:
    const Philox& random_;
    uint64_t counter_;
};

// G. Marsaglia and W. W. Tsang, "A Simple Method for Generating Gamma Variables", 2000; below 1 by the power of a
// uniform number, in logarithms because gamma(0.001) underflows more often than not.
double log_gamma_variate(Stream& s, double alpha) {
    if (!(alpha > 0) || std::isinf(alpha)) return alpha > 0 ? alpha : std::nan("");
    double boost = 0;
    if (alpha < 1) {
        boost = std::log(s.uniform()) / alpha;
        alpha += 1;
    }
    const double d = alpha - 1.0 / 3, c = 1 / std::sqrt(9 * d);
    for (;;) {
        const double x = s.normal(), t = 1 + c * x;
        if (t <= 0) continue;
        const double v = t * t * t;
        if (std::log(s.uniform()) < 0.5 * x * x + d - d * v + d * std::log(v)) return std::log(d * v) + boost;
    }
}

// lgamma itself writes a global variable.
double log_factorial(double k) {
    int sign;
    return lgamma_r(k + 1, &sign);
}

// Few expected successes: the waiting times between them. Many: the transformed rejection of W. Hormann, "The
// Generation of Binomial Random Variates", 1993 (BTRS).
double binomial_variate(Stream& s, double n, double p) {
    if (!(n >= 0 && std::isfinite(n) && p >= 0 && p <= 1)) return std::nan("");
    n = std::floor(n);
    if (p > 0.5) return n - binomial_variate(s, n, 1 - p);
    if (n == 0 || p == 0) return 0;
    if (n * p < 10) {
        const double log_q = std::log1p(-p);
        double successes = -1;
        for (double trials = 0; trials <= n; ++successes) trials += std::ceil(std::log(s.uniform()) / log_q);
        return successes;
    }
    const double spread = std::sqrt(n * p * (1 - p)), b = 1.15 + 2.53 * spread, a = -0.0873 + 0.0248 * b + 0.01 * p;
    const double c = n * p + 0.5, v_r = 0.92 - 4.2 / b, alpha = (2.83 + 5.1 / b) * spread;
    const double odds = std::log(p / (1 - p)), mode = std::floor((n + 1) * p);
    const double h = log_factorial(mode) + log_factorial(n - mode);
    for (;;) {
        const double u = s.uniform() - 0.5, v = s.uniform(), us = 0.5 - std::abs(u);
        const double k = std::floor((2 * a / us + b) * u + c);
        if (k < 0 || k > n) continue;
        if (us >= 0.07 && v <= v_r) return k;
        if (std::log(v * alpha / (a / (us * us) + b)) <=
            h - log_factorial(k) - log_factorial(n - k) + (k - mode) * odds)
            return k;
    }
}

std::vector<TensorType> infer_variates(const Call& call) {
    check_seed(call.in[0], "random");
    check_float(call.in[1], "random");
    for (size_t i = 2; i < call.in.size(); ++i)
        check(call.in[i] == call.in[1], "[random] parameters must be alike. Received: ", call.in[1].shape, " and ",
              call.in[i].shape);
    return {call.in[1]};
}
Kernel kernel_log_gamma(const Call& call) {
    return by_type(call.in[1].dtype, [n = call.in[1].count()](auto zero) -> Kernel {
        using T = decltype(zero);
        return {[=](const void* const* in, void* const* out, void*) {
            const Philox random = philox(in[0]);
            parallel_for(n, 256, [&](int64_t begin, int64_t end) {
                for (int64_t i = begin; i < end; ++i) {
                    Stream stream(random, i);
                    output<T>(out, 0)[i] = T(log_gamma_variate(stream, input<T>(in, 1)[i]));
                }
            });
        }};
    });
}
Kernel kernel_binomial(const Call& call) {
    return by_type(call.in[1].dtype, [n = call.in[1].count()](auto zero) -> Kernel {
        using T = decltype(zero);
        return {[=](const void* const* in, void* const* out, void*) {
            const Philox random = philox(in[0]);
            parallel_for(n, 256, [&](int64_t begin, int64_t end) {
                for (int64_t i = begin; i < end; ++i) {
                    Stream stream(random, i);
                    output<T>(out, 0)[i] = T(binomial_variate(stream, input<T>(in, 1)[i], input<T>(in, 2)[i]));
                }
            });
        }};
    });
}

}  // namespace

FK_OP(random_bits, .infer = infer_bits, .kernel = kernel_bits)
FK_OP(random_uniform, .infer = infer_floats, .kernel = kernel_uniform)
FK_OP(random_normal, .infer = infer_floats, .kernel = kernel_normal)
FK_OP(random_truncated_normal, .infer = infer_floats, .kernel = kernel_truncated)
FK_OP(random_integers, .infer = infer_integers, .kernel = kernel_integers)
FK_OP(random_permutation, .infer = infer_permutation, .kernel = kernel_permutation)
FK_OP(random_categorical, .infer = infer_categorical, .kernel = kernel_categorical)
FK_OP(random_log_gamma, .infer = infer_variates, .kernel = kernel_log_gamma)
FK_OP(random_binomial, .infer = infer_variates, .kernel = kernel_binomial)

}  // namespace fk
