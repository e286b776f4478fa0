#include "engine/resident.h"

#include "base/env.h"

#include <stdlib.h>
#include <string.h>

/* As in resident.clh. */
enum { SYNC_LINE = 16, SYNC_EXPIRED = 2 * SYNC_LINE, SYNC_TICKETS = 3 * SYNC_LINE };
_Static_assert(LN_STEP_PARTS == 8, "LN_CLOCK_PARTS of resident.clh");
/* A poll takes about a nanosecond: the trial may last some 20 ms, a real barrier over a second,
 * for a busy machine may take a worker away for long. */
enum { TRIAL_POLLS = 20000000, RUN_POLLS = 2000000000 };

/* A launch and its barrier take some 30 us where both groups find a processor at once. */
enum { TRIALS = 8 };
#define BUSY_S 1e-3

struct ln_resident {
    ln_queue *queue;
    ln_program *program;
    ln_kernel *kernel;
    ln_buffer *sync;
    size_t sync_bytes, groups;
    int32_t steps, expired;
    bool busy;
    /* profiles: the counter's words, and one moment by both clocks */
    uint64_t *clock;
    size_t clock_at, clock_words; /* clock_at: bytes */
    double first_s;
    uint64_t first_cycle;
};

bool ln_resident_possible(const ln_plan *p) {
    return p->n_step > 0 && ln_plan_walkable(p) && !ln_env_disabled("resident");
}

static linnet_status zero_sync(ln_resident *r, linnet_error *err) {
    if (ln_buffer_host(r->sync)) {
        memset(ln_buffer_host(r->sync), 0, r->sync_bytes);
        return LINNET_OK;
    }
    void *zeros = calloc(1, r->sync_bytes);
    if (!zeros) return ln_fail_oom(err, "resident counters", r->sync_bytes);
    linnet_status st = ln_queue_write(r->queue, r->sync, 0, zeros, r->sync_bytes, err);
    free(zeros);
    return st;
}

/* Where the flag is not shared, it comes with each launch. */
static void note_expired(ln_resident *r) {
    const int32_t *shared = ln_buffer_host(r->sync);
    if (shared) r->expired = shared[SYNC_EXPIRED];
}

linnet_status ln_resident_set_limit(ln_resident *r, int32_t polls, linnet_error *err) {
    return ln_kernel_arg_int(r->kernel, 6, polls, err);
}

linnet_status ln_resident_set_steps(ln_resident *r, int count, linnet_error *err) {
    return ln_kernel_arg_int(r->kernel, 4, count, err);
}

/* The trial launch counts no steps: its one moment lies where the parts begin. */
static linnet_status start_clock(ln_resident *r, linnet_error *err) {
    size_t at = SYNC_TICKETS * sizeof(int32_t);
    LN_TRY(ln_queue_read(r->queue, r->sync, at, &r->first_cycle, sizeof r->first_cycle, err));
    r->first_s = ln_now();
    return zero_sync(r, err);
}

static linnet_status make(ln_resident *r, const ln_stage *stage, bool clock, linnet_error *err) {
    size_t counters = SYNC_TICKETS + (size_t)r->steps * r->groups * SYNC_LINE;
    r->clock_at = counters * sizeof(int32_t);
    if (clock) r->clock_words = ((size_t)r->steps * (LN_STEP_PARTS + 1) + 1) * r->groups;
    r->sync_bytes = r->clock_at + r->clock_words * sizeof *r->clock;
    if (clock && !(r->clock = calloc(r->clock_words, sizeof *r->clock)))
        return ln_fail_oom(err, "times", r->clock_words * sizeof *r->clock);
    LN_TRY(ln_buffer_create(stage->device, r->sync_bytes, LN_BUFFER_ARENA, &r->sync, err));
    LN_TRY(zero_sync(r, err));
    LN_TRY(ln_kernel_create(r->program, "ln_walk", &r->kernel, err));
    LN_TRY(ln_kernel_arg_buffer(r->kernel, 0, stage->arena, err));
    LN_TRY(ln_kernel_arg_buffer(r->kernel, 1, stage->weights, err));
    LN_TRY(ln_kernel_arg_buffer(r->kernel, 2, stage->steps, err));
    LN_TRY(ln_kernel_arg_int(r->kernel, 3, 0, err));
    LN_TRY(ln_kernel_arg_buffer(r->kernel, 5, r->sync, err));
    /* the trial: no steps, one barrier */
    LN_TRY(ln_kernel_arg_int(r->kernel, 4, 0, err));
    LN_TRY(ln_resident_set_limit(r, TRIAL_POLLS, err));
    for (int i = 0; i < TRIALS && !r->expired; i++) {
        double start = ln_now();
        LN_TRY(ln_resident_launch(r, err));
        LN_TRY(ln_queue_finish(r->queue, LN_WAIT_SLEEP, err));
        note_expired(r);
        r->busy |= i > 0 && ln_now() - start > BUSY_S; /* the first may compile */
    }
    if (clock) LN_TRY(start_clock(r, err));
    LN_TRY(ln_kernel_arg_int(r->kernel, 4, r->steps, err));
    return ln_resident_set_limit(r, RUN_POLLS, err);
}

linnet_status ln_resident_build(const ln_stage *stage, bool clock, ln_program **out,
                                linnet_error *err) {
    return ln_stage_program(stage, clock ? LN_PROGRAM_CLOCK : LN_PROGRAM_WALK, out, err);
}

linnet_status ln_resident_create(const ln_stage *stage, ln_program *program, bool clock,
                                 ln_resident **out, linnet_error *err) {
    *out = NULL;
    ln_resident *r = calloc(1, sizeof *r);
    if (!r) {
        ln_program_release(&program);
        return ln_fail_oom(err, "resident pipeline", sizeof *r);
    }
    r->program = program;
    const ln_plan *p = stage->plan;
    r->queue = stage->queue;
    r->steps = p->n_step;
    r->groups = LN_MAX(p->caps.compute_units, 1);
    bool expired = false;
    linnet_status st = make(r, stage, clock, err);
    if (st == LINNET_OK) st = ln_resident_expired(r, &expired, err);
    bool stands = clock && !expired && !r->first_cycle; /* no counter in this compiler's code */
    if (st != LINNET_OK || expired || stands) ln_resident_destroy(&r);
    if (expired)
        ln_log(LN_LOG_INFO, "%s: %u work-groups do not run at once; using launches", p->caps.name,
               p->caps.compute_units);
    *out = r;
    return st;
}

bool ln_resident_busy(const ln_resident *r) {
    return r->busy;
}

void ln_resident_save(ln_resident *r) {
    ln_program_save(r->program);
}

void ln_resident_destroy(ln_resident **r) {
    if (!*r) return;
    ln_kernel_destroy(&(*r)->kernel);
    ln_program_release(&(*r)->program);
    ln_buffer_destroy(&(*r)->sync);
    free((*r)->clock);
    free(*r);
    *r = NULL;
}

linnet_status ln_resident_launch(ln_resident *r, linnet_error *err) {
    LN_TRY(ln_queue_launch(r->queue, r->kernel, r->groups, 1, NULL, err));
    if (ln_buffer_host(r->sync)) return LINNET_OK;
    return ln_queue_read_async(r->queue, r->sync, SYNC_EXPIRED * sizeof(int32_t), &r->expired,
                               sizeof r->expired, err);
}

linnet_status ln_resident_expired(ln_resident *r, bool *expired, linnet_error *err) {
    note_expired(r);
    *expired = r->expired != 0;
    return *expired ? zero_sync(r, err) : LINNET_OK;
}

/* A barrier opened when the first group left it: one that was not awake then left later. */
static uint64_t opened(const uint64_t *left, size_t groups) {
    uint64_t first = left[0];
    for (size_t g = 1; g < groups; g++) first = LN_MIN(first, left[g]);
    return first;
}

void ln_resident_digest(const uint64_t *clock, int steps, size_t groups, uint64_t since,
                        double since_ns, ln_step_time *time) {
    const uint64_t *part = clock, *left = part + (size_t)steps * groups * LN_STEP_PARTS;
    const uint64_t start = opened(left, groups);
    uint64_t from = start, end = opened(left + (size_t)steps * groups, groups);
    const double ns = end > since ? since_ns / (double)(end - since) : 0;
    for (int i = 0; i < steps; i++, time++, from = end) {
        left += groups;
        end = opened(left, groups);
        *time = (ln_step_time){.start_ns = ns * (double)(from - start),
                               .ns = ns * (double)(end - from)};
        for (size_t g = 0; g < groups; g++)
            for (int k = 0; k < LN_STEP_PARTS; k++)
                time->part_ns[k] += ns * (double)*part++ / (double)groups;
    }
}

/* Cycles become nanoseconds by the moments since the session began: the counter runs evenly. */
linnet_status ln_resident_times(ln_resident *r, ln_step_time *time, linnet_error *err) {
    LN_TRY(ln_queue_read(r->queue, r->sync, r->clock_at, r->clock,
                         r->clock_words * sizeof *r->clock, err));
    ln_resident_digest(r->clock, r->steps, r->groups, r->first_cycle, 1e9 * (ln_now() - r->first_s),
                       time);
    return LINNET_OK;
}
