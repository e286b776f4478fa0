/* The C reference: what each op means. Dense tensors, f32 storage, double accumulation.
 * Tests, `linnet diff` and the tuner hold device results against it. */
#ifndef LN_REF_H
#define LN_REF_H

#include "engine/graph.h"

/* Values of a graph's tensors: dense row-major in logical order (N,H,W,C), elements of the tensor's
 * type: f32 (of F16 tensors rounded to halves), i32 or i8. */
typedef struct ln_ref {
    const ln_graph *graph;
    float **value;  /* by tensor id; NULL until computed; constants are filled on first use */
    bool *borrowed; /* the value is the constant's own memory: read only */
    int threads;    /* 0: one per CPU. Results do not depend on it */
} ln_ref;
linnet_status ln_ref_create(const ln_graph *g, ln_ref **out, linnet_error *err);
void ln_ref_destroy(ln_ref **r);
/* Sets the value of an input or an activation (copied). */
linnet_status ln_ref_set(ln_ref *r, ln_tid t, const void *data, linnet_error *err);
/* Sets input i of the graph from the caller's elements, pictures as N,C,H,W. */
linnet_status ln_ref_input(ln_ref *r, int i, const void *data, linnet_error *err);
/* Output i for the caller, likewise. */
linnet_status ln_ref_output(const ln_ref *r, int i, void *data, linnet_error *err);
/* Uniform in [-1,1], the same each time, of F16 rounded to halves; of bytes any; I32 becomes zero,
 * which is in any range. */
linnet_status ln_ref_random(ln_ref *r, ln_tid t, linnet_error *err);
/* How long the first dimension of an output is after a run (ln_tensor.rows). */
linnet_status ln_ref_rows_of(const ln_ref *r, ln_tid t, int64_t *rows, linnet_error *err);
/* One node: its inputs must have values. */
linnet_status ln_ref_node(ln_ref *r, int node, linnet_error *err);
/* All nodes in order. keep: keep every activation; else free those no longer needed. */
linnet_status ln_ref_run(ln_ref *r, bool keep, linnet_error *err);

#endif
