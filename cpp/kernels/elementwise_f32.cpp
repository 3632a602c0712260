#include "kernels/elementwise.h"

namespace fk::FK_ISA {

const TileLoop loops_f32[] = {
#define FK_ROW(name, ...) loop_of<row_##name, float>(),
#include "kernels/elementwise_rows.h"
};

}  // namespace fk::FK_ISA
