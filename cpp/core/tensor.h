// Shape, buffer and tensor: plain data. Tensors are always contiguous, row-major.
#pragma once
#include <array>
#include <functional>
#include <initializer_list>
#include <memory>
#include <ostream>
#include <span>
#include <vector>

#include "core/dtype.h"

namespace fk {

constexpr int kMaxRank = 8;
constexpr size_t kAlignment = 64;  // a cache line, and the widest vector register

class Shape {
public:
    Shape() = default;
    Shape(std::initializer_list<int64_t> dims) : Shape(std::span(dims.begin(), dims.size())) {}
    explicit Shape(std::span<const int64_t> dims);  // throws above kMaxRank, and what check_size() throws
    void check_size() const;                        // throws on negative dims, and from 2^48 elements on
    int rank() const { return rank_; }
    int64_t operator[](int i) const { return dims_[i < 0 ? i + rank_ : i]; }
    int64_t& operator[](int i) { return dims_[i < 0 ? i + rank_ : i]; }
    const int64_t* begin() const { return dims_.data(); }
    const int64_t* end() const { return dims_.data() + rank_; }
    int64_t count() const {
        int64_t n = 1;
        for (int64_t d : *this) n *= d;
        return n;
    }
    int64_t count(int from, int to) const {  // product of dims [from, to)
        int64_t n = 1;
        for (int i = from; i < to; ++i) n *= dims_[i];
        return n;
    }
    bool operator==(const Shape& o) const { return rank_ == o.rank_ && std::equal(begin(), end(), o.begin()); }
    std::vector<int64_t> vec() const { return {begin(), end()}; }

private:
    int rank_ = 0;
    std::array<int64_t, kMaxRank> dims_{};
};
std::ostream& operator<<(std::ostream&, const Shape&);  // (2, 3), (2,), ()

// NumPy's broadcast rule; `tag` opens the error.
Shape broadcast(const Shape& a, const Shape& b, const char* tag);
// Axis in [-rank, rank) to [0, rank); `tag` opens the error.
int normalize_axis(int64_t axis, int rank, const char* tag);

struct TensorType {
    DType dtype = DType::float32;
    Shape shape;
    int64_t count() const { return shape.count(); }
    size_t bytes() const { return size_t(count()) * size_of(dtype); }
    bool operator==(const TensorType&) const = default;
};

// Reference-counted, 64-byte aligned memory, or memory that somebody else owns and `release` gives back.
class Buffer {
public:
    explicit Buffer(size_t bytes);
    Buffer(void* data, std::function<void()> release) : data_(data), release_(std::move(release)) {}
    ~Buffer();
    Buffer(const Buffer&) = delete;
    void* data() const { return data_; }

private:
    void* data_;
    size_t bytes_ = 0;
    std::function<void()> release_;
};

class Trace;

// A value: either concrete (has a buffer) or symbolic (stands for a value of the trace that is being recorded).
struct TensorImpl : TensorType {
    std::shared_ptr<Buffer> buffer;  // null when symbolic
    void* data = nullptr;            // inside `buffer`
    std::weak_ptr<Trace> trace;      // set when symbolic
    int producer = -1;               // index of the node in the trace that made it; -1 for feeds and variables
    bool symbolic() const { return !buffer; }
};
using Tensor = std::shared_ptr<TensorImpl>;

Tensor make_tensor(const TensorType& type);                                              // new, uninitialised
Tensor make_tensor(const TensorType& type, std::shared_ptr<Buffer> buffer, void* data);  // a view of a buffer
Tensor full(const Shape& shape, DType dtype, double value);

}  // namespace fk
