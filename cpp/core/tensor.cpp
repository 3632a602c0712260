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
    check_size();
}

void Shape::check_size() const {
    __int128 count = 1;
    for (int64_t d : *this) {
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

Buffer::Buffer(size_t bytes)
    : bytes_(std::max<size_t>(kAlignment, (bytes + kAlignment - 1) / kAlignment * kAlignment)) {
    data_ = std::aligned_alloc(kAlignment, bytes_);
    if (!data_) throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
    // Linux gives pages of 2 MB to those who ask: a pass over 50 MB then looks up 24 addresses instead of 12,000 (a
    // step of MobileNetV2: 3% or more).
    constexpr size_t kPage = 4096, kLarge = 4 << 20;
    if (bytes_ >= kLarge) {
        const size_t skipped = -reinterpret_cast<uintptr_t>(data_) % kPage;
        madvise(static_cast<std::byte*>(data_) + skipped, (bytes_ - skipped) / kPage * kPage, MADV_HUGEPAGE);
    }
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
