// fft(re[, im]; inverse, length, size, real) -> re[, im]: the first `size` numbers of the discrete Fourier transform of
// (re, im) along the last axis, zeros following it up to `length`; without `im` of real numbers; `inverse` turns the
// other way, and divides by nothing. `real`: only the real part is wanted.
//
// The transform is a symmetric matrix, cutting is the reverse of filling with zeros, and so is dropping imaginary parts
// of taking them as zero: the gradient is the same op, turning the other way.
#include "kernels/fft.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numbers>

#include "core/parallel.h"
#include "ops/by_type.h"
#include "ops/rules.h"

namespace fk {
namespace {

struct Size {
    int64_t n, in, out, count;
    bool inverse, real_in, real_out;
    explicit Size(const Call& call)
        : n(call.attrs.integer("length")),
          in(call.in[0].shape[-1]),
          out(call.attrs.integer("size")),
          count(call.in[0].shape.count(0, call.in[0].shape.rank() - 1)),
          inverse(call.attrs.flag("inverse")),
          real_in(call.in.size() == 1),
          real_out(call.attrs.flag("real")) {}
    // Real numbers of even length are transformed as complex numbers of half the length.
    bool real_to_half() const { return n % 2 == 0 && real_in && !inverse && out <= n / 2 + 1; }
    bool half_to_real() const { return n % 2 == 0 && real_out && inverse && in <= n / 2 + 1; }
};

std::vector<TensorType> infer(const Call& call) {
    const TensorType& x = call.in[0];
    check_float(x, "fft");
    check(x.shape.rank() > 0 && call.in.back() == x,
          "[fft] real and imaginary part must have the same dtype and shape, of one dimension at least. Received: ",
          "shapes ", x.shape, " and ", call.in.back().shape);
    const Size s(call);
    check(s.n > 0 && s.in <= s.n && s.out <= s.n, "[fft] the length must be positive and no less than the axis. ",
          "Received: length=", s.n, ", x.shape=", x.shape);
    TensorType y = x;
    y.shape[-1] = s.out;
    return std::vector<TensorType>(s.real_out ? 1 : 2, y);
}

double whole_turn(int64_t part, int64_t of) { return 2 * std::numbers::pi * double(part) / double(of); }

// A plan and the tables that it points into, which are made in double.
template <class T>
struct Tables {
    FftPlan<T> plan;
    std::vector<std::unique_ptr<T[]>> tables;

    // (cos, sin) of angle(i) for i < n.
    template <class F>
    const T* pairs(int64_t n, const F& angle) {
        T* table = tables.emplace_back(new T[size_t(2 * n)]).get();
        for (int64_t i = 0; i < n; ++i) {
            table[2 * i] = T(std::cos(angle(i)));
            table[2 * i + 1] = T(std::sin(angle(i)));
        }
        return table;
    }
};

// The factors of n, fours before all others; the last may be larger than kFftPrime.
std::vector<int64_t> factors(int64_t n) {
    std::vector<int64_t> found;
    for (; n % 4 == 0; n /= 4) found.push_back(4);
    for (int64_t f = 2; f * f <= n; ++f)
        for (; n % f == 0; n /= f) found.push_back(f);
    if (n > 1) found.push_back(n);
    return found;
}

bool has_small_factors(int64_t n, int64_t most) {
    const std::vector<int64_t> found = factors(n);
    return found.empty() || found.back() <= most;
}

template <class T>
FftSteps<T> steps_of(int64_t n, Tables<T>& t) {
    FftSteps<T> s;
    int64_t left = s.n = n;
    for (const int64_t radix : factors(n)) {
        const int64_t length = left, places = left / radix;
        s.radix[s.count] = radix;
        s.roots[s.count] = t.pairs(radix, [&](int64_t k) { return whole_turn(k, radix); });
        s.turns[s.count] = t.pairs(places * (radix - 1), [&](int64_t i) {
            return whole_turn(i / (radix - 1) * (i % (radix - 1) + 1), length);
        });
        ++s.count;
        left = places;
    }
    return s;
}

void transform(const FftPlan<double>& plan, const double* re, const double* im, double* out_re, double* out_im) {
    std::vector<double> scratch(size_t(8 + 4 * plan.rows * plan.together));
    fft_f64(plan, re, im, out_re, out_im, int64_t(1), static_cast<void*>(scratch.data()));
}

template <class T>
void place(FftPlan<T>& plan, int64_t rows) {
    plan.rows = rows;
    // What lies side by side should stay in the L2.
    plan.together = kFftTogether;
    while (plan.together > 1 && 4 * rows * plan.together * int64_t(sizeof(T)) > 1 << 19) plan.together /= 2;
}

// j k = (j^2 + k^2 - (k - j)^2) / 2: a convolution with a chirp, by transforms of a length with small factors
// (Bluestein, 1970).
template <class T>
void make_chirp(Tables<T>& t, int64_t n, int64_t padded) {
    const auto angle = [&](int64_t k) { return whole_turn(k * k % (2 * n), 2 * n); };
    const auto size = size_t(padded);
    std::vector<double> re(size), im(size), filter_re(size), filter_im(size);
    for (int64_t k = 0; k < n; ++k)
        for (const int64_t at : {k, (padded - k) % padded}) {
            re[size_t(at)] = std::cos(angle(k)) / double(padded);
            im[size_t(at)] = std::sin(angle(k)) / double(padded);
        }
    Tables<double> wide;
    wide.plan.n = wide.plan.in = wide.plan.out = padded;
    wide.plan.steps = steps_of(padded, wide);
    place(wide.plan, padded);
    transform(wide.plan, re.data(), im.data(), filter_re.data(), filter_im.data());
    t.plan.chirp = t.pairs(n, angle);
    T* filter = t.tables.emplace_back(new T[2 * size]).get();
    for (size_t k = 0; k < size; ++k) {
        filter[2 * k] = T(filter_re[k]);
        filter[2 * k + 1] = T(-filter_im[k]);
    }
    t.plan.filter = filter;
}

// Of transforms of n complex numbers; halved: through which twice as many real ones go.
template <class T>
std::shared_ptr<const Tables<T>> make_tables(int64_t n, bool halved) {
    const auto tables = std::make_shared<Tables<T>>();
    Tables<T>& t = *tables;
    int64_t length = t.plan.n = n;
    if (!has_small_factors(n, kFftPrime)) {
        length = 2 * n - 1;
        while (!has_small_factors(length, 5)) ++length;
        make_chirp(t, n, length);
    }
    t.plan.steps = steps_of(length, t);
    if (halved) t.plan.halves = t.pairs(n, [&](int64_t k) { return whole_turn(k, 2 * n); });
    place(t.plan, std::max(length, n + 1));
    return tables;
}

// The same, kept for the next calls of the thread: an op that runs at once would make them each time.
template <class T>
std::shared_ptr<const Tables<T>> tables_of(int64_t n, bool halved) {
    constexpr size_t kKept = 8;
    constexpr int64_t kLongestKept = 1 << 16;
    static thread_local std::vector<std::shared_ptr<const Tables<T>>> kept;  // the latest last
    const auto found = std::find_if(kept.begin(), kept.end(), [&](const auto& t) {
        return t->plan.n == n && (t->plan.halves != nullptr) == halved;
    });
    const std::shared_ptr<const Tables<T>> tables = found == kept.end() ? make_tables<T>(n, halved) : *found;
    if (found != kept.end()) kept.erase(found);
    if (kept.size() == kKept) kept.erase(kept.begin());
    if (n <= kLongestKept) kept.push_back(tables);
    return tables;
}

template <class T>
FftPlan<T> plan_of(const Size& s, const Tables<T>& tables) {
    FftPlan<T> plan = tables.plan;
    if (s.real_to_half()) plan.way = FftPlan<T>::real_to_half;
    if (s.half_to_real()) plan.way = FftPlan<T>::half_to_real;
    plan.in = s.in, plan.out = s.out;
    plan.threads = int(std::clamp<int64_t>(std::min<int64_t>(s.count, num_threads()), 1, 64));
    return plan;
}

Kernel kernel(const Call& call) {
    const Size s(call);
    return by_type(call.in[0].dtype, [&](auto zero) -> Kernel {
        using T = decltype(zero);
        const bool halved = s.real_to_half() || s.half_to_real();
        const auto tables = tables_of<T>(halved ? s.n / 2 : s.n, halved);
        const FftPlan<T> plan = plan_of(s, *tables);
        const size_t bytes = 64 + size_t(4 * plan.threads * plan.rows * plan.together) * sizeof(T);
        return {[s, plan, tables](const void* const* in, void* const* out, void* scratch) {
                    const T *re = input<T>(in, 0), *im = s.real_in ? nullptr : input<T>(in, 1);
                    T *out_re = output<T>(out, 0), *out_im = s.real_out ? nullptr : output<T>(out, 1);
                    // With real and imaginary parts exchanged, a transform turns the other way.
                    if (s.inverse && !s.half_to_real()) std::swap(re, im), std::swap(out_re, out_im);
                    FK_BY_TYPE(T, fft, plan, re, im, out_re, out_im, s.count, scratch);
                },
                bytes};
    });
}

std::vector<Tensor> gradient(const Gradient& g) {
    std::vector<Tensor> dy(g.dout.begin(), g.dout.end());
    if (!dy[0]) dy[0] = call("broadcast_to", {zero_like(dy[1])}, {{"shape", dy[1]->shape.vec()}});
    if (dy.size() == 2 && !dy[1]) dy.pop_back();
    return call_all("fft", dy,
                    {{"inverse", !g.attrs.flag("inverse")},
                     {"length", g.attrs.integer("length")},
                     {"size", g.in[0]->shape[-1]},
                     {"real", g.in.size() == 1}});
}

}  // namespace

FK_OP(fft, .infer = infer, .kernel = kernel, .gradient = gradient, .widens = true)

}  // namespace fk
