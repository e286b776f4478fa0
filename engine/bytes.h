/* Pictures as bytes: normalisation inside the first convolution. */
#ifndef LN_BYTES_H
#define LN_BYTES_H

#include "engine/graph.h"

/* Where the graph's one input is a planar picture of floats that only a dense convolution reads,
 * makes it one of bytes: x = (byte - mean[c]) * factor[c], the factors going into the weights.
 * *done: it was. Arrays of as many as the picture has planes. */
linnet_status ln_graph_take_bytes(ln_graph *g, const float *mean, const float *factor, bool *done,
                                  linnet_error *err);

#endif
