/* Device against reference, step by step: each step is fed the reference's inputs. */
#ifndef LN_DIFF_H
#define LN_DIFF_H

#include "engine/ref/ref.h"
#include "engine/session.h"

/* Of the standard deviation of the step's output; i32 must be the same. Bytes may be off by one,
 * and one of a thousand is; behind others of bytes by two, and one of a thousand by more than one.
 * What is stored as halves may be the next one, and a little beyond; a chain sums what the
 * reference stores as halves in between; from layer to layer such steps grow. */
#define LN_DIFF_TOLERANCE  1e-4
#define LN_DIFF_QUANTIZED  0.1 /* of floats that a network of bytes gives */
#define LN_DIFF_HALVES     4e-3
#define LN_DIFF_HALF_CHAIN 2e-2
#define LN_DIFF_FAST       4e-2 /* of short sums in halves (half.clh) */
#define LN_DIFF_ALL_HALF   5e-2 /* of floats that a network of halves gives */
#define LN_DIFF_ALL_FAST   1e-1 /* the same with short sums in halves */

typedef struct ln_diff_layer {
    const char *name, *op, *variant;
    double max_abs; /* largest error */
    double rel;     /* over the standard deviation of the reference's output; i32: 0 or infinite */
    int64_t overflow; /* finite inputs made so many elements that no half can hold */
    bool pass;
} ln_diff_layer;
typedef struct ln_diff_report {
    ln_diff_layer *layer;
    int n_layer, worst; /* index of the largest rel */
    int first_bad;      /* -1: none */
    double end_to_end;  /* of the logits in one whole run, over their standard deviation */
    bool pass;          /* every layer, and the whole run, within the tolerance */
} ln_diff_report;
/* Compares what a step made with the reference's value. */
linnet_status ln_diff_check(ln_session *s, const ln_ref *ref, const ln_step *step,
                            ln_diff_layer *layer, linnet_error *err);
/* Runs one step on the reference's inputs, which must have values, and compares. */
linnet_status ln_diff_step(ln_session *s, const ln_ref *ref, int i, ln_diff_layer *layer,
                           linnet_error *err);
/* inputs: as for ln_session_run. Names point into the graph. */
linnet_status ln_diff_run(ln_session *s, const void *const *inputs, ln_diff_report *out,
                          linnet_error *err);
void ln_diff_free(ln_diff_report *r);

#endif
