#include "kernels/elementwise.h"

namespace fk::FK_ISA {

const TileLoop loops_i32[] = {
#define FK_ROW(name, ...) loop_of<row_##name, int32_t>(),
#include "kernels/elementwise_rows.h"
};
const TileLoop loops_u32[] = {
#define FK_ROW(name, ...) loop_of<row_##name, uint32_t>(),
#include "kernels/elementwise_rows.h"
};
const TileLoop loops_i64[] = {
#define FK_ROW(name, ...) loop_of<row_##name, int64_t>(),
#include "kernels/elementwise_rows.h"
};
const TileLoop loops_u8[] = {
#define FK_ROW(name, ...) loop_of<row_##name, uint8_t>(),
#include "kernels/elementwise_rows.h"
};
const TileLoop loops_i8[] = {
#define FK_ROW(name, ...) loop_of<row_##name, int8_t>(),
#include "kernels/elementwise_rows.h"
};
const TileLoop loops_bool[] = {
#define FK_ROW(name, ...) loop_of<row_##name, bool>(),
#include "kernels/elementwise_rows.h"
};

}  // namespace fk::FK_ISA
