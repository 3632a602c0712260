#include "core/tensor.h"

#ifdef __linux__
#include <sys/mman.h>
#endif

#include <algorithm>
#include <cstdlib>
#include <new>

#include "core/error.h"

namespace fk {

Shape::Shape(std::span<const int64_t> dims) {
    check(dims.size() <= size_t(kMaxRank), "[shape] a tensor has at most ", kMaxRank,
          " dimensions. Received: ", dims.size());
    rank_ = int(dims.size());
    std::copy(dims.begin(), dims.end(), dims_.begin());
    __int128 count = 1;
    for (int64_t d : dims) {
        check(d >= 0, "[shape] dimensions must not be negative. Received: ", *this);
        count *= d;
        check(count < (__int128(1) << 48), "[shape] the tensor is too large. Received: shape=", *this);
    }
}

std::ostream& operator<<(std::ostream& out, const Shape& shape) {
    out << "(";
    for (int i = 0; i < shape.rank(); ++i) out << (i ? ", " : "") << shape[i];
    return out << (shape.rank() == 1 ? ",)" : ")");
}

Shape broadcast(const Shape& a, const Shape& b, const char* tag) {
    if (a == b) return a;
    const int rank = std::max(a.rank(), b.rank());
    std::array<int64_t, kMaxRank> dims{};
    for (int i = 1; i <= rank; ++i) {
        const int64_t x = i <= a.rank() ? a[-i] : 1, y = i <= b.rank() ? b[-i] : 1;
        check(x == y || x == 1 || y == 1, "[", tag, "] shapes must broadcast. Received: shapes ", a, " and ", b);
        dims[rank - i] = x == 1 ? y : x;
    }
    return Shape(std::span<const int64_t>(dims.data(), rank));
}

int normalize_axis(int64_t axis, int rank, const char* tag) {
    check(axis >= -rank && axis < rank, "[", tag, "] axis must be in [", -rank, ", ", rank, "). Received: axis=", axis);
    return int(axis < 0 ? axis + rank : axis);
}

// From two of them on, memory comes in pages of 2 MB where Linux gives them to those who ask: a pass over 50 MB looks
// up 24 addresses instead of 12,000.
constexpr size_t kHugePage = 2 << 20;

Buffer::Buffer(size_t bytes) {
    const size_t unit = bytes >= 2 * kHugePage ? kHugePage : kAlignment;
    bytes_ = std::max(unit, (bytes + unit - 1) / unit * unit);
    data_ = std::aligned_alloc(unit, bytes_);
    if (!data_) throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
    if (unit == kHugePage) madvise(data_, bytes_, MADV_HUGEPAGE);
#endif
}

Buffer::~Buffer() {
    if (release_)
        release_();
    else
        std::free(data_);
}

Tensor make_tensor(const TensorType& type) {
    auto buffer = std::make_shared<Buffer>(type.bytes());
    void* data = buffer->data();
    return make_tensor(type, std::move(buffer), data);
}

Tensor make_tensor(const TensorType& type, std::shared_ptr<Buffer> buffer, void* data) {
    auto t = std::make_shared<TensorImpl>();
    static_cast<TensorType&>(*t) = type;
    t->buffer = std::move(buffer);
    t->data = data;
    return t;
}

Tensor full(const Shape& shape, DType dtype, double value) {
    Tensor t = make_tensor({dtype, shape});
    dispatch(dtype, [&](auto zero) {
        using T = decltype(zero);
        std::fill_n(static_cast<T*>(t->data), t->count(), T(value));
    });
    return t;
}

}  // namespace fk
