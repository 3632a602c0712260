// From axes to the tables of kernels/window.h.
#pragma once
#include <limits>
#include <memory>
#include <numeric>

#include "ops/conv_plan.h"
#include "kernels/window.h"

namespace fk {

struct WindowPlan {
    Window window{};
    std::vector<WindowSpan> spans[3];
};

// Positions of the output and what they see of the input, or with `backward` the reverse. Taps outside are left out.
inline std::shared_ptr<WindowPlan> plan_window(const ConvAxis* axis, bool backward, int64_t images, int64_t channels,
                                               int64_t multiplier) {
    auto plan = std::make_shared<WindowPlan>();
    Window& g = plan->window;
    g.images = images, g.channels = channels, g.multiplier = multiplier, g.parts = 1;
    g.overlap = false, g.cover = true;
    g.high = std::numeric_limits<double>::infinity(), g.low = -g.high;
    int64_t work = 1;
    for (int i = 0; i < 3; ++i) {
        const ConvAxis& a = axis[i];
        const int64_t common = std::gcd(a.stride, a.dilation);
        const int64_t out = backward ? a.in : a.out, in = backward ? a.out : a.in;
        for (int64_t o = 0; o < out; ++o) {
            WindowSpan s{0, 0, 0};
            for (int64_t k = 0; k < a.kernel; ++k) {
                const int64_t at = backward ? o + a.before - k * a.dilation : o * a.stride + k * a.dilation - a.before;
                if (at < 0 || (backward && (at % a.stride != 0 || at / a.stride >= in)) || (!backward && at >= in))
                    continue;
                if (s.count++ == 0) s.first = int32_t(k), s.at = int32_t(backward ? at / a.stride : at);
            }
            plan->spans[i].push_back(s);
        }
        g.axis[i] = {in,
                     out,
                     a.kernel,
                     backward ? a.stride / common : 1,
                     backward ? -(a.dilation / common) : a.dilation,
                     backward ? a.stride : 1,
                     plan->spans[i].data()};
        g.overlap = g.overlap || a.stride < a.kernel;
        g.cover = g.cover && a.stride <= a.kernel && (a.out - 1) * a.stride - a.before + a.kernel >= a.in;
        work *= a.kernel;
    }
    work *= g.axis[2].out * channels * multiplier;
    g.chunk = 1 + (1 << 16) / (1 + work);
    return plan;
}

}  // namespace fk
