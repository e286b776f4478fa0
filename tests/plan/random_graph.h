/* Small random networks of convolutions, sums, products, reshapes and slices, concats with shared
 * operands. */
#ifndef LN_TEST_RANDOM_GRAPH_H
#define LN_TEST_RANDOM_GRAPH_H

#include "engine/graph.h"

ln_graph *ln_test_random_graph(uint64_t seed);
/* An inverted bottleneck with a gate, always the same. */
ln_graph *ln_test_gated_block(void);
/* A 1x1 convolution with random weights; res: LN_NONE or the residual. */
ln_tid ln_test_conv(ln_graph *g, ln_tid x, int oc, ln_tid res);

#endif
