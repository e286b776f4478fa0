/* One node, one kernel variant, one launch: what the kernel tests and the bench of ops share.
 * The lab places the tensors itself, so that every float around them is watched. */
#ifndef LN_LAB_H
#define LN_LAB_H

#include "engine/plan.h"
#include "host/host.h"

enum {
    LAB_NO_BIAS = 1,
    LAB_RES = 2,
    LAB_GATE = 4,   /* convolution: scaled input; add, mul: second operand [N,1,1,C] */
    LAB_POST = 8,   /* relu6 after the residual */
    LAB_CONST = 16, /* add, mul: the second operand is a constant */
    LAB_MAX = 32,   /* pool */
    LAB_COUNT_PAD = 64,
    LAB_GLOBAL = 128,
    LAB_SPREAD = 256,  /* pixels lie further apart than they need, as slices of a concat do */
    LAB_PLANAR = 512,  /* the input is a caller's picture */
    LAB_VECTOR = 1024, /* add, mul: the second operand is [C] */
    LAB_MIXED = 2048,  /* convolution: groups read channels interleaved */
};

typedef struct ln_case {
    ln_op op;
    int n, h, w, c, oc; /* oc: of reshape the last dimension, of concat the operands */
    ln_window win;
    int groups;
    ln_act_kind act;
    unsigned flags;
} ln_case;

/* A graph of this one node, its weights random by seed; inputs random too when it runs. */
linnet_status ln_case_graph(const ln_case *c, uint64_t seed, ln_graph **out, linnet_error *err);
/* "conv2d 1x7x7x24->40 k3x3 s2x2 g1 relu6 res" */
void ln_case_text(const ln_case *c, char *buf, size_t size);
/* Whether cases of this op are made here; test_ops holds the others. */
bool ln_case_knows(ln_op op);
/* The n-th random case of an op. */
ln_case ln_case_random(ln_op op, uint64_t n);
float ln_lab_random(uint64_t *state); /* uniform in [-1,1] */

typedef struct ln_lab {
    ln_device *device;
    const ln_caps *caps;
    ln_graph *graph;
    ln_plan *plan;
    const ln_step *step;
    ln_args args;
    ln_queue *queue;
    ln_program *program;
    ln_kernel *kernel;
    ln_buffer *arena, *weights, *steps;
    float **value;   /* dense activations by tensor id: inputs are filled by ln_lab_open */
    ln_place *place; /* the lab's own */
    float *image;    /* the arena as uploaded */
    int64_t floats;
} ln_lab;

/* caps: what the planner is told of the device (NULL: the truth).
 * LINNET_ERR_UNSUPPORTED when the variant does not fit the case. */
linnet_status ln_lab_open(ln_device *d, const ln_caps *caps, const ln_case *c, const ln_variant *v,
                          uint64_t seed, ln_lab *lab, linnet_error *err);
/* Uploads lab->value of the inputs among a pattern, runs once, reads all of the arena into
 * `after` (lab->floats). */
linnet_status ln_lab_run(ln_lab *lab, float *after, linnet_error *err);
/* The best nanoseconds of `reps` launches, by the device's clock. */
linnet_status ln_lab_time(ln_lab *lab, int reps, uint64_t *ns, linnet_error *err);
void ln_lab_close(ln_lab *lab);
ln_tid ln_lab_output(const ln_lab *lab);

#endif
