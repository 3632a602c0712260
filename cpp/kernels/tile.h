// Tile programs: straight-line elementwise programs, evaluated instruction by instruction on tiles that stay in L1.
// A single elementwise op is a program of one instruction; the fuser makes longer ones. Nearly the speed of generated
// code: an instruction costs one pass over L1 and one indirect call per tile.
//
//     TileProgram p(DType::float32, shape);            // what the registers hold; the shape of all outputs
//     int x = p.input(DType::float32, shape_of_x);     // any shape that broadcasts to `shape`
//     int b = p.input(DType::bfloat16, {33});
//     int s = p.append(tile_function("add"), {x, b});
//     int y = p.append(tile_function("relu"), {s});
//     p.output(y, DType::float32);
//     p.finish();
//     tile_run(p, in, out);                            // in, out: one pointer per input() and output(), in that order
//
// input() and append() return the number of a value; attributes follow the order of TileFunction::attributes.
// Registers hold the compute type. Inputs and outputs have that dtype, or bool (truth values are 0 and 1 in registers),
// or a half in a float32 program. An output may share memory with an input of the same shape and dtype.
#pragma once
#include <cstdint>
#ifndef FK_ISA
#include <algorithm>
#include <span>
#endif

#include "core/dtype.h"
#include "simd/dispatch.h"

namespace fk {

// What a row of elementwise_rows.h says, but for its formula.
struct TileFunction {
    enum Types : uint8_t { floats, numbers, integers };
    enum Result : uint8_t { same, truth };
    const char* name;
    int tensors;
    Types types;
    Result result;
    const char* attributes;  // names of up to two numbers, with a space between
};

struct TileProgram {
    static constexpr int kMaxInputs = 12, kMaxOutputs = 8, kMaxInstructions = 40, kMaxRank = 8;
    static constexpr int kMaxValues = kMaxInputs + kMaxInstructions;

    struct Input {
        DType dtype;
        // full: as the output. scalar: one value. once: repeats with a period that divides the tile, so it is laid out
        // once per chunk. strided: anything else.
        enum Kind : uint8_t { full, scalar, once, strided } kind;
        int16_t location;           // its register; -1: read in place
        int64_t strides[kMaxRank];  // in elements, 0 where broadcast
    };
    struct Instruction {
        int16_t function;
        int16_t from[3];   // values
        int16_t location;  // register of the result; below 0: output ~location, written in place
        double attribute[2];
    };
    struct Output {
        DType dtype;
        int16_t value;
        bool direct;  // an instruction writes it in place
    };

    DType compute;
    int16_t inputs = 0, instructions = 0, outputs = 0, rank = 0, registers = 0;
    int64_t dims[kMaxRank];
    int64_t count = 1;  // elements of an output
    int64_t tile = 0;   // elements of a register; 0: no registers are needed
    int64_t grain = 0;  // elements of a chunk for one thread
    Input input_of[kMaxInputs];
    Instruction instruction_of[kMaxInstructions];
    Output output_of[kMaxOutputs];

#ifndef FK_ISA
    TileProgram(DType compute_type, std::span<const int64_t> shape);
    int input(DType dtype, std::span<const int64_t> shape);
    int append(int function, std::span<const int> values, std::span<const double> attributes = {});
    int append(int function, std::initializer_list<int> values) { return append(function, std::span(values)); }
    void output(int value, DType dtype);
    void finish();  // collapses dims, gives out registers, chooses tile and grain
    bool room(int more_inputs, int more_instructions, int more_outputs) const {
        return inputs + more_inputs <= kMaxInputs && instructions + more_instructions <= kMaxInstructions &&
               outputs + more_outputs <= kMaxOutputs;
    }
#endif
};

#ifndef FK_ISA
int tile_function(std::string_view name);  // the row's number; -1 when there is none
const TileFunction& tile_function(int number);
// The attributes of a call in the order of the function's row. Attrs: op.h's.
struct TileAttributes {
    size_t n = 0;
    double value[2];
    operator std::span<const double>() const { return {value, n}; }
};
template <class Attrs>
TileAttributes tile_attributes(const TileFunction& f, const Attrs& attrs) {
    TileAttributes a;
    for (std::string_view names = f.attributes; !names.empty();) {
        const std::string name(names.substr(0, names.find(' ')));
        names.remove_prefix(std::min(names.size(), name.size() + 1));
        a.value[a.n++] = attrs.number(name);
    }
    return a;
}
DType tile_compute_type(DType dtype);  // of registers for tensors of this dtype: halves -> float32, others themselves
#endif

FK_KERNEL(void, tile_run, (const TileProgram& program, const void* const* in, void* const* out))

// y[i] = f(x[0][i], x[1][i] ...); one such loop per row and compute type, null where the row has none.
using TileLoop = void (*)(void* y, const void* const* x, int64_t n, const double* attribute);

}  // namespace fk
