/* Graph to graph. Each pass keeps the answer (a test holds reference before against after). */
#ifndef LN_PASSES_H
#define LN_PASSES_H

#include "engine/graph.h"

typedef struct ln_pass {
    const char *name;
    const char *what; /* one line, for --help and docs */
    linnet_status (*run)(ln_graph *g, int *changed, linnet_error *err);
} ln_pass;
extern const ln_pass ln_passes[]; /* in the order they run; ends with a NULL name */

/* list: NULL or "all"; "none"; or names with a leading '-' to switch off ("-fuse_residual"),
 * comma-separated. An unknown name is an error that lists the known ones. */
linnet_status ln_passes_run(ln_graph *g, const char *list, linnet_error *err);
/* After all others: activations and weights as halves, wherever kernels take them (half.c). */
linnet_status ln_graph_halve(ln_graph *g, linnet_error *err);

#endif
