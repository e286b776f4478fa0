/* A plan as launches: one kernel object a step, so that arguments are set once. Belongs to a
 * session. */
#ifndef LN_LAUNCHES_H
#define LN_LAUNCHES_H

#include "engine/pace.h"
#include "host/host.h"

/* The buffers of a plan on a device; not owned. */
typedef struct ln_stage {
    ln_device *device;
    const ln_plan *plan;
    ln_queue *queue;
    ln_buffer *arena, *weights, *steps;
    /* Variants that one program for all steps holds besides the plan's, so that the plans that the
     * tuner compares share it; outlives the stage. */
    const int *also;
    int n_also;
    ln_pace pace;
    int *unfit; /* as in ln_session_params; may be NULL */
} ln_stage;

typedef struct ln_launches ln_launches;

/* Builds the programs and makes the kernels. The stage's objects must outlive it. */
linnet_status ln_launches_create(const ln_stage *stage, ln_launches **out, linnet_error *err);
void ln_launches_destroy(ln_launches **l);
/* Enqueues one step, in as many launches as the device's watchdog needs; ns: as for
 * ln_queue_launch. */
linnet_status ln_launches_step(ln_launches *l, int step, uint64_t *ns, linnet_error *err);
/* The first `count` steps in order, flushed and waited for where that is needed. ns: by step, or
 * NULL. */
linnet_status ln_launches_run(ln_launches *l, int count, uint64_t *ns, linnet_error *err);
/* After a run of all steps that took so long: the next may be cut finer. */
void ln_launches_note(ln_launches *l, double seconds);
/* Records all steps in order. */
linnet_status ln_launches_record(const ln_launches *l, ln_commands *c, linnet_error *err);
/* After the first run: writes the binaries of programs that were built from source. */
void ln_launches_save(ln_launches *l);

/* Of a step whose variant finishes what a library's matrix product begins: that product, before the
 * launch. Of any other: nothing. */
linnet_status ln_gemm_step(ln_queue *q, const ln_variant *v, const ln_args *a,
                           const ln_buffer *arena, const ln_buffer *weights, linnet_error *err);

/* One program with all variants of the plan. */
linnet_status ln_stage_program(const ln_stage *stage, ln_program_kind kind, ln_program **out,
                               linnet_error *err);

#endif
