#include "graph/graph.h"

namespace fk {

void fuse_elementwise(Graph&) {}

}  // namespace fk
