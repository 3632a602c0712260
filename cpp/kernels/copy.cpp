#include "kernels/copy.h"

#include <cstring>

#include "core/parallel.h"

namespace fk::FK_ISA {
namespace {

constexpr int64_t kGrainBytes = 1 << 16;  // below this a chunk costs more to hand out than to copy

// Walks the first `rank` dims of a copy from the linear position `at`, keeping both addresses.
struct Odometer {
    const StridedCopy& c;
    int rank;
    int64_t index[8];
    char* to;
    const char* from;

    FK_INLINE Odometer(const StridedCopy& copy, int outer_rank, char* t, const char* f, int64_t at)
        : c(copy), rank(outer_rank), to(t), from(f) {
        for (int d = rank - 1; d >= 0; --d) {
            index[d] = at % c.dims[d];
            at /= c.dims[d];
            to += index[d] * c.to[d];
            from += index[d] * c.from[d];
        }
    }
    FK_INLINE void step() {
        for (int d = rank - 1; d >= 0; --d) {
            to += c.to[d];
            from += c.from[d];
            if (++index[d] < c.dims[d]) return;
            to -= c.dims[d] * c.to[d];
            from -= c.dims[d] * c.from[d];
            index[d] = 0;
        }
    }
};

// rows(to, from) for every position of the first `rank` dims; `bytes` is what one call moves.
template <class F>
FK_INLINE void over_outer(const StridedCopy& c, int rank, char* to, const char* from, int64_t bytes, const F& rows) {
    int64_t outer = 1;
    for (int d = 0; d < rank; ++d) outer *= c.dims[d];
    const int64_t grain = bytes >= kGrainBytes ? 1 : kGrainBytes / bytes;
    parallel_for(outer, grain, [&](int64_t begin, int64_t end) {
        Odometer o(c, rank, to, from, begin);
        for (int64_t i = begin; i < end; ++i, o.step()) rows(o.to, o.from);
    });
}

#if __has_builtin(__builtin_shufflevector)  // GCC 12 and later, Clang
// Eight rows of eight 4-byte elements, turned over in registers: 24 shuffles.
typedef uint32_t Row __attribute__((vector_size(32), aligned(4), may_alias));

FK_INLINE void transpose_8x8(char* to, int64_t to_stride, const char* from, int64_t from_stride) {
    typedef uint32_t V __attribute__((vector_size(32)));
    V r[8], s[8];
    for (int i = 0; i < 8; ++i) r[i] = *reinterpret_cast<const Row*>(from + i * from_stride);
    for (int i = 0; i < 4; ++i) {
        s[2 * i] = __builtin_shufflevector(r[2 * i], r[2 * i + 1], 0, 8, 2, 10, 4, 12, 6, 14);
        s[2 * i + 1] = __builtin_shufflevector(r[2 * i], r[2 * i + 1], 1, 9, 3, 11, 5, 13, 7, 15);
    }
    for (int h = 0; h < 8; h += 4)
        for (int i = 0; i < 2; ++i) {
            r[h + i] = __builtin_shufflevector(s[h + i], s[h + i + 2], 0, 1, 8, 9, 4, 5, 12, 13);
            r[h + i + 2] = __builtin_shufflevector(s[h + i], s[h + i + 2], 2, 3, 10, 11, 6, 7, 14, 15);
        }
    for (int i = 0; i < 4; ++i) {
        s[i] = __builtin_shufflevector(r[i], r[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
        s[i + 4] = __builtin_shufflevector(r[i], r[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
    }
    for (int i = 0; i < 8; ++i) *reinterpret_cast<Row*>(to + i * to_stride) = s[i];
}

#endif

// to[i][j] = from[j][i] for i < n, j < m; the strides are those between rows of `to` and between rows of `from`.
template <class T>
FK_INLINE void transpose_block(char* to, int64_t to_stride, const char* from, int64_t from_stride, int64_t n,
                               int64_t m) {
    constexpr int64_t element = sizeof(T);
    int64_t i = 0;
#if __has_builtin(__builtin_shufflevector)
    if constexpr (element == 4)
        for (; i + 8 <= n; i += 8) {
            int64_t j = 0;
            for (; j + 8 <= m; j += 8)
                transpose_8x8(to + i * to_stride + j * 4, to_stride, from + j * from_stride + i * 4, from_stride);
            for (; j < m; ++j)
                for (int k = 0; k < 8; ++k)
                    std::memcpy(to + (i + k) * to_stride + j * 4, from + j * from_stride + (i + k) * 4, 4);
        }
#endif
    for (; i < n; ++i)
        for (int64_t j = 0; j < m; ++j)
            std::memcpy(to + i * to_stride + j * element, from + j * from_stride + i * element, element);
}

template <class T>
void copy_elements(const StridedCopy& c, char* to, const char* from) {
    const int inner = c.rank - 1;
    const int64_t n = c.dims[inner], to_step = c.to[inner], from_step = c.from[inner];
    constexpr int64_t element = sizeof(T);
    const bool backwards = to_step == element && from_step == -element;
    over_outer(c, inner, to, from, n * element, [&](char* t, const char* f) {
        if (backwards) {  // steps that the compiler knows become vectors
            T* y = reinterpret_cast<T*>(t);
            const T* x = reinterpret_cast<const T*>(f);
            for (int64_t i = 0; i < n; ++i) y[i] = x[-i];
            return;
        }
        for (int64_t i = 0; i < n; ++i) std::memcpy(t + i * to_step, f + i * from_step, sizeof(T));
    });
}

// The target is contiguous in its last dim, the source in dim `j`: strips of `kStrip` rows of the target, so that the
// lines read for one row of a strip (64 bytes each) are still in L1 for the other 15 or 31.
template <class T>
void copy_transposed(const StridedCopy& c, int j, char* to, const char* from) {
    constexpr int64_t kStrip = 32, element = sizeof(T);
    const int inner = c.rank - 1;
    StridedCopy outer;
    for (int d = 0; d < inner; ++d)
        if (d != j) {
            outer.dims[outer.rank] = c.dims[d], outer.to[outer.rank] = c.to[d], outer.from[outer.rank] = c.from[d];
            ++outer.rank;
        }
    int64_t count = 1;
    for (int d = 0; d < outer.rank; ++d) count *= outer.dims[d];
    const int64_t n = c.dims[j], m = c.dims[inner], strips = (n + kStrip - 1) / kStrip;
    const int64_t bytes = (n < kStrip ? n : kStrip) * m * element;
    parallel_for(count * strips, bytes >= kGrainBytes ? 1 : kGrainBytes / bytes, [&](int64_t begin, int64_t end) {
        Odometer o(outer, outer.rank, to, from, begin / strips);
        for (int64_t p = begin; p < end; ++p) {
            const int64_t row = p % strips * kStrip;
            transpose_block<T>(o.to + row * c.to[j], c.to[j], o.from + row * element, c.from[inner],
                               n - row < kStrip ? n - row : kStrip, m);
            if (row + kStrip >= n) o.step();
        }
    });
}

template <class T>
void copy_as(const StridedCopy& c, char* to, const char* from) {
    const int inner = c.rank - 1;
    constexpr int64_t element = sizeof(T);
    if (inner < 0) {
        std::memcpy(to, from, element);
    } else if (c.to[inner] == element && c.from[inner] == element) {
        const int64_t bytes = c.dims[inner] * element;
        if (inner == 0) {
            parallel_for(bytes, kGrainBytes,
                         [&](int64_t b, int64_t e) { std::memcpy(to + b, from + b, size_t(e - b)); });
        } else {
            over_outer(c, inner, to, from, bytes, [&](char* t, const char* f) { std::memcpy(t, f, size_t(bytes)); });
        }
    } else {
        if (c.to[inner] == element)
            for (int j = 0; j < inner; ++j)
                if (c.from[j] == element && c.dims[j] > 1) return copy_transposed<T>(c, j, to, from);
        copy_elements<T>(c, to, from);
    }
}

}  // namespace

void copy_strided(void* to, const void* from, const StridedCopy& copy) {
    char* t = static_cast<char*>(to);
    const char* f = static_cast<const char*>(from);
    switch (copy.element) {
        case 1: return copy_as<uint8_t>(copy, t, f);
        case 2: return copy_as<uint16_t>(copy, t, f);
        case 4: return copy_as<uint32_t>(copy, t, f);
        default: return copy_as<uint64_t>(copy, t, f);
    }
}

}  // namespace fk::FK_ISA
