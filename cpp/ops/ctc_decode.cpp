// The likeliest label sequences of CTC outputs by prefix beam search (Graves, 2008; Hannun et al., 2014).
//   ctc_beam_search(log_p, lengths; beam_width, top_paths, mask_index) -> paths, scores
// log_p (batch, frames, classes), lengths (batch,) of int32, which count no more than there is. paths (top_paths,
// batch, frames) of int32, best first, -1 after their ends; scores (batch, top_paths), their log likelihoods. Where
// fewer sequences are possible, the rest is empty and has a score of -inf.
#include <algorithm>
#include <cmath>
#include <limits>

#include "core/parallel.h"
#include "ops/by_type.h"

namespace fk {
namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();

double log_add(double a, double b) {
    if (a < b) std::swap(a, b);
    return b == kNever ? a : a + std::log1p(std::exp(b - a));
}

struct Size {
    int64_t batch, frames, classes, width, paths, blank;
    explicit Size(const Call& call)
        : batch(call.in[0].shape[0]),
          frames(call.in[0].shape[1]),
          classes(call.in[0].shape[2]),
          width(call.attrs.integer("beam_width")),
          paths(std::min(call.attrs.integer("top_paths"), 2 * width)),  // as many as Keras returns
          blank(call.attrs.integer("mask_index")) {}
};

template <class T>
class BeamSearch {
public:
    explicit BeamSearch(const Size& size) : size_(size) {
        beams_.push_back({0, -1, -1, kNever, 0.0, T(0)});
        place_.push_back(0);
        tree_.push_back({-1, -1});
    }

    // One frame further.
    void step(const T* log_p) {
        keep(log_p);
        extend(log_p);
        for (Beam& beam : grown_) beam.total = T(log_add(beam.label, beam.blank));
        std::erase_if(grown_, [](const Beam& beam) { return !(beam.total > T(kNever)); });  // NaN neither
        const auto end = grown_.begin() + std::min<int64_t>(size_.width, int64_t(grown_.size()));
        std::partial_sort(grown_.begin(), end, grown_.end(),
                          [&](const Beam& a, const Beam& b) { return before(a, b); });
        grown_.erase(end, grown_.end());
        for (const Beam& beam : beams_) place_[size_t(beam.node)] = -1;
        beams_.swap(grown_);
        for (size_t i = 0; i < beams_.size(); ++i) plant(beams_[i], int32_t(i));
    }

    void write(int32_t* paths, int64_t path_stride, T* scores) const {
        for (int64_t i = 0; i < size_.paths; ++i) {
            int32_t* path = paths + i * path_stride;
            std::fill(path, path + size_.frames, -1);
            const bool found = i < int64_t(beams_.size());
            scores[i] = found ? beams_[size_t(i)].total : T(kNever);
            if (!found) continue;
            const std::vector<int32_t> labels = labels_of(beams_[size_t(i)]);
            std::copy(labels.begin(), labels.end(), path);
        }
    }

private:
    // A sequence of labels: `parent`, a node of the tree, and one more label. The empty one has neither.
    struct Beam {
        int32_t node, parent, symbol;  // node: -1 where the tree has none yet
        double label, blank;           // log likelihood of its alignments that end with a label, with a blank
        T total;
    };
    struct Node {
        int32_t parent, symbol;
    };

    // Frames that repeat the last label or are blank leave a sequence as it is.
    void keep(const T* log_p) {
        grown_ = beams_;
        for (Beam& beam : grown_) {
            beam.blank = log_add(beam.label, beam.blank) + log_p[size_.blank];
            beam.label = beam.symbol < 0 ? kNever : beam.label + log_p[beam.symbol];
        }
    }

    // The same label once more needs a blank between. What makes a sequence that is a beam already adds to it.
    void extend(const T* log_p) {
        longer_.assign(beams_.size() * size_t(size_.classes), -1);
        for (size_t i = 0; i < beams_.size(); ++i)
            if (const int32_t parent = beams_[i].parent; parent >= 0 && place_[size_t(parent)] >= 0)
                longer_[size_t(place_[size_t(parent)] * size_.classes + beams_[i].symbol)] = int32_t(i);
        for (size_t i = 0; i < beams_.size(); ++i) {
            const Beam& beam = beams_[i];
            const double either = log_add(beam.label, beam.blank);
            for (int32_t symbol = 0; symbol < size_.classes; ++symbol) {
                if (symbol == size_.blank) continue;
                const double reached = (symbol == beam.symbol ? beam.blank : either) + log_p[symbol];
                if (const int32_t known = longer_[i * size_t(size_.classes) + size_t(symbol)]; known >= 0)
                    grown_[size_t(known)].label = log_add(grown_[size_t(known)].label, reached);
                else
                    grown_.push_back({-1, beam.node, symbol, reached, kNever, T(0)});
            }
        }
    }

    void plant(Beam& beam, int32_t index) {
        if (beam.node < 0) {
            beam.node = int32_t(tree_.size());
            tree_.push_back({beam.parent, beam.symbol});
            place_.push_back(-1);
        }
        place_[size_t(beam.node)] = index;
    }

    // Of equals, the sequence with the lower label where they differ first, and the longer one: Keras's order.
    bool before(const Beam& a, const Beam& b) const {
        if (a.total != b.total) return a.total > b.total;
        const std::vector<int32_t> x = labels_of(a), y = labels_of(b);
        return std::lexicographical_compare(y.begin(), y.end(), x.begin(), x.end(), std::greater<int32_t>());
    }

    std::vector<int32_t> labels_of(const Beam& beam) const {
        std::vector<int32_t> labels;
        for (Node at{beam.parent, beam.symbol}; at.symbol >= 0; at = tree_[size_t(at.parent)])
            labels.push_back(at.symbol);
        std::reverse(labels.begin(), labels.end());
        return labels;
    }

    const Size& size_;
    std::vector<Beam> beams_, grown_;
    std::vector<Node> tree_;       // node 0 is the empty sequence
    std::vector<int32_t> place_;   // of each node among the beams, or -1
    std::vector<int32_t> longer_;  // of each beam and label: the beam that has that label more, or -1
};

std::vector<TensorType> infer(const Call& call) {
    const TensorType& log_p = call.in[0];
    check_float(log_p, "ctc_decode");
    check(log_p.shape.rank() == 3,
          "[ctc_decode] inputs must be (batch, frames, classes). Received: inputs.shape=", log_p.shape);
    check(call.in[1] == TensorType{DType::int32, {log_p.shape[0]}},
          "[ctc_decode] sequence_lengths must be int32, one per sample. Received: sequence_lengths.shape=",
          call.in[1].shape, ", inputs.shape=", log_p.shape);
    const Size s(call);
    check(s.width > 0 && s.paths > 0,
          "[ctc_decode] beam_width and top_paths must be positive. Received: beam_width=", s.width,
          ", top_paths=", call.attrs.integer("top_paths"));
    check(s.blank >= 0 && s.blank < s.classes, "[ctc_decode] mask_index must be one of the ", s.classes,
          " classes. Received: mask_index=", s.blank);
    return {{DType::int32, {s.paths, s.batch, s.frames}}, {log_p.dtype, {s.batch, s.paths}}};
}

Kernel kernel(const Call& call) {
    return by_type(call.in[0].dtype, [s = Size(call)](auto zero) -> Kernel {
        using T = decltype(zero);
        return {[s](const void* const* in, void* const* out, void*) {
            parallel_for(s.batch, 1, [&](int64_t begin, int64_t end) {
                for (int64_t i = begin; i < end; ++i) {
                    BeamSearch<T> search(s);
                    const T* log_p = input<T>(in, 0) + i * s.frames * s.classes;
                    const int64_t frames = std::min<int64_t>(input<int32_t>(in, 1)[i], s.frames);
                    for (int64_t frame = 0; frame < frames; ++frame) search.step(log_p + frame * s.classes);
                    search.write(output<int32_t>(out, 0) + i * s.frames, s.batch * s.frames,
                                 output<T>(out, 1) + i * s.paths);
                }
            });
        }};
    });
}

}  // namespace

FK_OP(ctc_beam_search, .infer = infer, .kernel = kernel, .widens = true)

}  // namespace fk
