#include "kernels/elementwise.h"

namespace fk::FK_ISA {

const TileLoop loops_f64[] = {
#define FK_ROW(name, ...) loop_of<row_##name, double>(),
#include "kernels/elementwise_rows.h"
};

}  // namespace fk::FK_ISA
