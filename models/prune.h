/* Inside models/: channels that can go without a trace elsewhere in the network. */
#ifndef LN_PRUNE_H
#define LN_PRUNE_H

#include "engine/graph.h"

/* A dimension of a constant, as the weight file has it: 0 rows (output channels), 1 columns. */
typedef struct ln_cut {
    ln_tid t;
    int dim;
} ln_cut;

/* The expanded channels of a bottleneck: made by one convolution, carried a channel at a time
 * through norms, activations, depthwise convolutions and gates, and summed up by 1x1 convolutions
 * alone; a bottleneck has a depthwise convolution between, or fewer channels behind. */
typedef struct ln_expansion {
    int node; /* the convolution that makes them */
    int64_t channels;
    ln_cut *cut; /* everything indexed by them */
    int n_cut;
    int *norm; /* nodes: the norms on their way */
    int n_norm;
    int *squeeze; /* nodes: 1x1 convolutions over their means, whose width follows from theirs */
    int n_squeeze;
} ln_expansion;

/* All of g, which is as it was built: before any pass. Lists live in the pool. */
linnet_status ln_find_expansions(const ln_graph *g, ln_pool *pool, ln_expansion **out, int *count,
                                 linnet_error *err);

#endif
