// Making tile programs (kernels/tile.h): layouts, registers, tile sizes.
#include "kernels/tile.h"

#include <algorithm>
#include <unordered_map>
#include <vector>

#include "core/error.h"

namespace fk {
namespace {

constexpr TileFunction functions[] = {
#define FK_ROW(name, tensors, types, result, attributes, ...) \
    {#name, tensors, TileFunction::types, TileFunction::result, attributes},
#include "kernels/elementwise_rows.h"
};

constexpr int64_t kRegisterBytes = 24 << 10;  // half of L1 and less: the other half is for what streams through
constexpr int64_t kMaxTile = 2048;            // longer ones no longer hide more of the 5 ns a call costs
constexpr int64_t kGrain = 1 << 15;           // additions; below it a second thread does not pay

}  // namespace

int tile_function(std::string_view name) {
    static const auto numbers = [] {
        std::unordered_map<std::string_view, int> map;
        for (size_t i = 0; i < std::size(functions); ++i) map.emplace(functions[i].name, int(i));
        return map;
    }();
    const auto found = numbers.find(name);
    return found == numbers.end() ? -1 : found->second;
}

const TileFunction& tile_function(int number) { return functions[number]; }

DType tile_compute_type(DType dtype) { return is_half(dtype) ? DType::float32 : dtype; }

TileProgram::TileProgram(DType compute_type, std::span<const int64_t> shape) : compute(compute_type) {
    rank = int16_t(shape.size());
    std::copy(shape.begin(), shape.end(), dims);
    for (int64_t d : shape) count *= d;
}

int TileProgram::input(DType dtype, std::span<const int64_t> shape) {
    Input& in = input_of[inputs];
    in.dtype = dtype;
    int64_t stride = 1;
    for (int d = rank - 1, s = int(shape.size()) - 1; d >= 0; --d, --s) {
        in.strides[d] = s >= 0 && shape[s] != 1 ? stride : 0;
        if (s >= 0) stride *= shape[s];
    }
    return inputs++;
}

int TileProgram::append(int function, std::span<const int> values, std::span<const double> attributes) {
    Instruction& s = instruction_of[instructions];
    s.function = int16_t(function);
    // Operands that a function does not take repeat the first: loops never read them.
    for (size_t i = 0; i < 3; ++i) s.from[i] = int16_t(values[i < values.size() ? i : 0]);
    for (size_t i = 0; i < 2; ++i) s.attribute[i] = i < attributes.size() ? attributes[i] : 0.0;
    return kMaxInputs + instructions++;
}

void TileProgram::output(int value, DType dtype) { output_of[outputs++] = {dtype, int16_t(value), false}; }

void TileProgram::finish() {
    // Values were numbered before the number of inputs was known.
    const auto renumber = [&](int16_t& v) { v = int16_t(v < kMaxInputs ? v : v - kMaxInputs + inputs); };
    for (int i = 0; i < instructions; ++i)
        for (int16_t& v : instruction_of[i].from) renumber(v);
    for (int i = 0; i < outputs; ++i) renumber(output_of[i].value);

    grain = kGrain;
    if (count == 0) return;

    // Merge each dim with the one before it where every input walks through both in one stride; drop dims of one.
    int kept = 0;
    for (int d = 0; d < rank; ++d) {
        if (dims[d] == 1) continue;
        const bool merges = kept > 0 && std::all_of(input_of, input_of + inputs, [&](const Input& in) {
                                return in.strides[kept - 1] == in.strides[d] * dims[d];
                            });
        if (!merges) ++kept;
        dims[kept - 1] = merges ? dims[kept - 1] * dims[d] : dims[d];
        for (int i = 0; i < inputs; ++i) input_of[i].strides[kept - 1] = input_of[i].strides[d];
    }
    rank = int16_t(kept);

    int64_t period = 0;  // of the first row that repeats
    for (int i = 0; i < inputs; ++i) {
        Input& in = input_of[i];
        int64_t contiguous = 1;
        int d = rank - 1;
        for (; d >= 0 && in.strides[d] == contiguous; --d) contiguous *= dims[d];
        const bool repeats = std::all_of(in.strides, in.strides + d + 1, [](int64_t s) { return s == 0; });
        in.kind = d < 0 ? Input::full : !repeats ? Input::strided : contiguous == 1 ? Input::scalar : Input::once;
        in.location = in.kind == Input::full && in.dtype == compute ? -1 : 0;
        if (in.kind == Input::once && contiguous > kMaxTile / 2) in.kind = Input::strided;
        if (in.kind == Input::once) {
            if (period == 0) period = contiguous;
            if (period % contiguous != 0) in.kind = Input::strided;
        }
    }

    // The last instruction that reads each value; outputs are stored after all of them.
    std::vector<int> last_use(size_t(inputs + instructions), -1);
    for (int k = 0; k < instructions; ++k)
        for (int16_t v : instruction_of[k].from) last_use[size_t(v)] = k;
    for (int i = 0; i < outputs; ++i)
        if (output_of[i].value < inputs) last_use[size_t(output_of[i].value)] = instructions;
    int last_read_in_place = -1;
    for (int i = 0; i < inputs; ++i)
        if (input_of[i].location < 0) last_read_in_place = std::max(last_read_in_place, last_use[size_t(i)]);

    for (int k = 0; k < instructions; ++k) instruction_of[k].location = 0;
    for (int i = 0; i < outputs; ++i) {
        Output& o = output_of[i];
        if (o.value < inputs) continue;
        // Written in place only once nothing is read in place any more: the memory may be that of an input.
        Instruction& s = instruction_of[o.value - inputs];
        o.direct = o.dtype == compute && s.location == 0 && o.value - inputs >= last_read_in_place;
        if (o.direct)
            s.location = int16_t(~i);
        else
            last_use[size_t(o.value)] = instructions;
    }

    std::vector<int16_t> free;
    const auto take = [&] {
        if (free.empty()) return registers++;
        const int16_t r = free.back();
        free.pop_back();
        return r;
    };
    const auto release = [&](int v) {
        const int16_t where = v < inputs ? input_of[v].location : instruction_of[v - inputs].location;
        const bool reloaded = v >= inputs || input_of[v].kind == Input::full || input_of[v].kind == Input::strided;
        if (where >= 0 && reloaded) free.push_back(where);
    };
    for (int i = 0; i < inputs; ++i)
        if (input_of[i].location == 0) input_of[i].location = take();
    for (int k = 0; k < instructions; ++k) {
        Instruction& s = instruction_of[k];
        for (int j = 0; j < 3; ++j) {
            const int16_t v = s.from[j];
            if (last_use[size_t(v)] == k && std::find(s.from, s.from + j, v) == s.from + j) release(v);
        }
        if (s.location == 0) s.location = take();
    }

    int64_t cost = 1;
    for (int k = 0; k < instructions; ++k)
        cost += functions[instruction_of[k].function].types == TileFunction::floats ? 4 : 1;
    grain = std::max<int64_t>(kGrain / cost, 2048);
    if (registers > 0) {
        tile = std::min(kMaxTile, kRegisterBytes / (registers * int64_t(size_of(compute))) / 16 * 16);
        if (period > tile) {
            for (int i = 0; i < inputs; ++i)
                if (input_of[i].kind == Input::once) input_of[i].kind = Input::strided;
        } else if (period > 0) {
            tile = tile / period * period;
        }
        grain = (grain + tile - 1) / tile * tile;
    }
}

}  // namespace fk
