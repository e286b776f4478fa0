/* A plan on a device: its buffers, and one of two ways to run its steps. Launches are built when
 * they are first needed: a resident session needs them only for single steps and to fall back. */
#include "engine/session.h"
#include "base/thread.h"
#include "engine/resident.h"
#include "engine/session_io.h"

#include <stdlib.h>
#include <string.h>

/* Groups that wait for one that the system runs elsewhere burn its time too: on a busy machine
 * launches, whose workers sleep, are faster. A slow trial, or a few runs far above the best,
 * send the next ones there. */
enum { SLOW_FACTOR = 3, SLOW_RUNS = 3, RESTING_RUNS = 64 };

struct ln_session {
    ln_device *device;
    ln_plan *plan;
    ln_session_params params;
    ln_queue *queue;
    ln_buffer *arena, *weights, *steps;
    ln_pace pace;
    ln_launches *launches; /* NULL until needed */
    ln_resident *resident; /* NULL: launches */
    ln_commands *commands; /* NULL: not recorded */
    double best_s;         /* fastest resident run so far */
    int slow, resting;     /* slow runs lately; runs to go in launches before the next try */
    uint64_t *ns;          /* of launches */
    ln_step_time *time;    /* NULL: no profile */
    ln_io *io;
    bool has_run;
    bool lost;      /* the device */
    bool on_device; /* the caller's inputs and outputs are buffers of the device */
    ln_session_stats stats;
};

/* ---- creation ---- */

static ln_stage stage_of(const ln_session *s) {
    return (ln_stage){s->device, s->plan,        s->queue,         s->arena, s->weights,
                      s->steps,  s->params.also, s->params.n_also, s->pace,  s->params.unfit};
}

static linnet_status upload_weights(ln_session *s, linnet_error *err) {
    const ln_plan *p = s->plan;
    size_t bytes = (size_t)p->weight_bytes;
    void *host = ln_buffer_host(s->weights); /* zero still */
    if (host) return ln_plan_pack(p, host, err);
    LN_TRY(ln_queue_map(s->queue, s->weights, 0, bytes, LN_MAP_WRITE, &host, err));
    memset(host, 0, bytes);
    linnet_status st = ln_plan_pack(p, host, err);
    linnet_status un = ln_queue_unmap(s->queue, s->weights, host, st == LINNET_OK ? err : NULL);
    return st != LINNET_OK ? st : un;
}

static linnet_status upload_steps(ln_session *s, linnet_error *err) {
    const ln_plan *p = s->plan;
    size_t bytes = (size_t)LN_MAX(p->n_step + p->n_record, 1) * sizeof(ln_args);
    LN_TRY(ln_buffer_create(s->device, bytes, LN_BUFFER_STEPS, &s->steps, err));
    ln_args *shared = ln_buffer_host(s->steps), *table = shared ? shared : calloc(1, bytes);
    if (!table) return ln_fail_oom(err, "step table", bytes);
    for (int i = 0; i < p->n_step; i++) table[i] = p->step[i].args;
    for (int i = 0; i < p->n_record; i++) table[p->n_step + i] = p->record[i];
    if (shared) return LINNET_OK;
    linnet_status st = ln_queue_write(s->queue, s->steps, 0, table, bytes, err);
    free(table);
    return st;
}

static linnet_status upload(ln_session *s, linnet_error *err) {
    const ln_plan *p = s->plan;
    LN_TRY(ln_buffer_create(s->device, (size_t)p->arena_bytes, LN_BUFFER_ARENA, &s->arena, err));
    LN_TRY(
        ln_buffer_create(s->device, (size_t)p->weight_bytes, LN_BUFFER_WEIGHTS, &s->weights, err));
    LN_TRY(upload_weights(s, err));
    LN_TRY(upload_steps(s, err));
    ln_stage stage = stage_of(s);
    return ln_io_create(&stage, &s->io, err);
}

static linnet_status need_launches(ln_session *s, linnet_error *err) {
    ln_stage stage = stage_of(s);
    return s->launches ? LINNET_OK : ln_launches_create(&stage, &s->launches, err);
}

static bool wants_resident(const ln_session *s) {
    return s->params.stream == LN_STREAM_AUTO || s->params.stream == LN_STREAM_RESIDENT;
}

/* Recorded launches, where the device can; else the session goes on with plain ones. */
static linnet_status record(ln_session *s, linnet_error *err) {
    linnet_error why;
    LN_TRY(need_launches(s, err));
    linnet_status st = ln_commands_create(s->queue, &s->commands, &why);
    if (st == LINNET_OK) st = ln_launches_record(s->launches, s->commands, &why);
    if (st == LINNET_OK) return LINNET_OK;
    ln_commands_destroy(&s->commands);
    if (st == LINNET_ERR_DEVICE_LOST) {
        if (err) *err = why;
        return st;
    }
    ln_log(LN_LOG_INFO, "%s; using launches", why.message);
    return LINNET_OK;
}

/* What takes long, in two threads: the program is built while the weights are packed. */
enum { BUILD, UPLOAD, TASKS };
typedef struct startup {
    ln_session *s;
    ln_stage stage; /* for the build, which needs no buffers: they are made meanwhile */
    ln_program *program;
    linnet_status st[TASKS];
    linnet_error why[TASKS];
    double upload_s;
} startup;

static void start_task(void *user, size_t task) {
    startup *t = user;
    if (task == BUILD) {
        t->st[BUILD] =
            ln_resident_build(&t->stage, t->s->params.profile, &t->program, &t->why[BUILD]);
        return;
    }
    const double from = ln_now();
    t->st[UPLOAD] = upload(t->s, &t->why[UPLOAD]);
    t->upload_s = ln_now() - from;
}

/* Where the program does not build, or its groups do not run at once, launches serve. */
static linnet_status make_resident(startup *t, linnet_error *err) {
    ln_session *s = t->s;
    ln_stage stage = stage_of(s);
    linnet_error why = t->why[BUILD];
    linnet_status st = t->st[BUILD];
    if (st == LINNET_OK) {
        ln_device_lock_units(s->device);
        st = ln_resident_create(&stage, t->program, s->params.profile, &s->resident, &why);
        ln_device_unlock_units(s->device);
    }
    if (st == LINNET_OK) return LINNET_OK;
    if (st != LINNET_ERR_BUILD_FAILED && st != LINNET_ERR_UNSUPPORTED) {
        if (err) *err = why;
        return st;
    }
    ln_log(LN_LOG_WARN, "%s; using launches", why.message);
    return LINNET_OK;
}

static linnet_status build(startup *t, linnet_error *err) {
    ln_session *s = t->s;
    const bool long_run = ln_pace_too_long(&s->pace, s->plan);
    if (wants_resident(s) && ln_resident_possible(s->plan) && !long_run) {
        t->stage = stage_of(s);
        LN_TRY(ln_parallel(TASKS, TASKS, start_task, t, err));
        if (t->st[UPLOAD] != LINNET_OK) {
            ln_program_release(&t->program);
            if (err) *err = t->why[UPLOAD];
            return t->st[UPLOAD];
        }
        LN_TRY(make_resident(t, err));
    } else {
        start_task(t, UPLOAD);
        if (t->st[UPLOAD] != LINNET_OK) {
            if (err) *err = t->why[UPLOAD];
            return t->st[UPLOAD];
        }
    }
    bool yields = s->params.stream == LN_STREAM_AUTO && !s->params.profile;
    if (s->resident && yields && ln_resident_busy(s->resident)) s->resting = RESTING_RUNS;
    if (s->params.stream == LN_STREAM_COMMANDS && !s->params.profile && !long_run)
        return record(s, err);
    return s->resident && !s->resting ? LINNET_OK : need_launches(s, err);
}

static linnet_status reserve_times(ln_session *s, linnet_error *err) {
    size_t n = (size_t)LN_MAX(s->plan->n_step, 1);
    s->ns = calloc(n, sizeof *s->ns);
    if (!s->ns) return ln_fail_oom(err, "times", n * sizeof *s->ns);
    if (s->params.profile && !(s->time = calloc(n, sizeof *s->time)))
        return ln_fail_oom(err, "times", n * sizeof *s->time);
    return LINNET_OK;
}

linnet_status ln_session_create(ln_device *d, ln_plan *plan, const ln_session_params *params,
                                ln_session **out, linnet_error *err) {
    *out = NULL;
    ln_session *s = calloc(1, sizeof *s);
    if (!s) {
        ln_plan_destroy(&plan);
        return ln_fail_oom(err, "session", sizeof *s);
    }
    s->plan = plan;
    s->device = d;
    ln_device_retain(d);
    if (params) s->params = *params;
    s->pace = s->params.pace ? *s->params.pace : ln_pace_of(&plan->caps);
    startup t = {.s = s};
    const double from = ln_now();
    linnet_status st = s->params.queue ? ln_queue_adopt(d, s->params.queue, &s->queue, err)
                                       : ln_queue_create(d, s->params.profile, &s->queue, err);
    if (st == LINNET_OK) st = reserve_times(s, err);
    if (st == LINNET_OK) st = build(&t, err);
    if (st != LINNET_OK) {
        ln_session_destroy(&s);
        return st;
    }
    s->stats = (ln_session_stats){.upload_s = t.upload_s,
                                  .build_s = ln_now() - from - t.upload_s,
                                  .weight_bytes = plan->weight_bytes,
                                  .arena_bytes = plan->arena_bytes};
    *out = s;
    return LINNET_OK;
}

/* Compilers like PoCL's finish a kernel at its first launch, and compile once more for a binary:
 * by now both are over, and nobody waits for an answer. */
static void save_programs(ln_session *s) {
    if (s->resident) ln_resident_save(s->resident);
    if (s->launches) ln_launches_save(s->launches);
}

void ln_session_destroy(ln_session **out) {
    if (!out || !*out) return;
    ln_session *s = *out;
    /* a run that failed half way may have left reads into our memory behind */
    if (s->queue) ln_queue_finish(s->queue, LN_WAIT_SLEEP, NULL);
    if (s->has_run && !s->lost) save_programs(s);
    ln_resident_destroy(&s->resident);
    ln_commands_destroy(&s->commands);
    ln_launches_destroy(&s->launches);
    ln_queue_destroy(&s->queue);
    ln_io_destroy(&s->io);
    ln_buffer_destroy(&s->arena);
    ln_buffer_destroy(&s->weights);
    ln_buffer_destroy(&s->steps);
    ln_plan_destroy(&s->plan);
    ln_device_release(&s->device);
    free(s->ns);
    free(s->time);
    free(s);
    *out = NULL;
}

linnet_status ln_session_write(ln_session *s, ln_tid t, const void *dense, linnet_error *err) {
    return ln_io_write(s->io, t, dense, err);
}

linnet_status ln_session_read(ln_session *s, ln_tid t, void *dense, linnet_error *err) {
    return ln_io_read(s->io, t, dense, err);
}

linnet_status ln_session_memory(ln_session *s, bool output, int i, void **out, linnet_error *err) {
    return ln_io_memory(s->io, output, i, out, err);
}

/* ---- running ---- */

/* Where the times of launches go. */
static uint64_t *slots(ln_session *s) {
    return s->params.profile ? s->ns : NULL;
}

linnet_status ln_session_run_step(ln_session *s, int step, linnet_error *err) {
    LN_TRY(need_launches(s, err));
    uint64_t *ns = slots(s);
    LN_TRY(ln_launches_step(s->launches, step, ns ? &ns[step] : NULL, err));
    return ln_queue_finish(s->queue, s->params.wait, err);
}

linnet_status ln_session_rows(ln_session *s, int i, int64_t *rows, linnet_error *err) {
    const ln_graph *g = s->plan->graph;
    const ln_tensor *y = &g->tensor[g->output[i]];
    int32_t count;
    *rows = y->shape.dim[0];
    if (y->rows == LN_NONE) return LINNET_OK;
    LN_TRY(ln_io_read(s->io, y->rows, &count, err));
    *rows = LN_MAX(LN_MIN(count, *rows), 0);
    return LINNET_OK;
}

/* False: there is none, or it was refused, and is not tried again. */
static bool replay_commands(ln_session *s) {
    linnet_error why;
    if (!s->commands) return false;
    if (ln_commands_enqueue(s->commands, &why) == LINNET_OK) return true;
    ln_log(LN_LOG_WARN, "%s; using launches", why.message);
    ln_commands_destroy(&s->commands);
    return false;
}

static linnet_status run_steps(ln_session *s, linnet_error *err) {
    if (s->resident && !s->resting) return ln_resident_launch(s->resident, err);
    if (replay_commands(s)) return LINNET_OK;
    LN_TRY(need_launches(s, err));
    return ln_launches_run(s->launches, s->plan->n_step, slots(s), err);
}

/* For the tuner: an expired barrier is an answer, not something to recover from. */
static linnet_status replay_resident(ln_session *s, int count, linnet_error *err) {
    bool expired = false;
    ln_device_lock_units(s->device);
    linnet_status st = ln_resident_set_steps(s->resident, count, err);
    if (st == LINNET_OK) st = ln_resident_launch(s->resident, err);
    linnet_status end = ln_queue_finish(s->queue, s->params.wait, st == LINNET_OK ? err : NULL);
    if (st == LINNET_OK) st = end;
    if (st == LINNET_OK) st = ln_resident_expired(s->resident, &expired, err);
    linnet_status back =
        ln_resident_set_steps(s->resident, s->plan->n_step, st == LINNET_OK ? err : NULL);
    ln_device_unlock_units(s->device);
    if (st != LINNET_OK || back != LINNET_OK) return st != LINNET_OK ? st : back;
    return expired
               ? ln_fail(err, LINNET_ERR_UNSUPPORTED,
                         "%s: the work-groups of one launch stopped meeting", s->plan->caps.name)
               : LINNET_OK;
}

linnet_status ln_session_replay(ln_session *s, int count, linnet_error *err) {
    if (s->resident) return replay_resident(s, count, err);
    LN_TRY(need_launches(s, err));
    LN_TRY(ln_launches_run(s->launches, count, slots(s), err));
    return ln_queue_finish(s->queue, s->params.wait, err);
}

static linnet_status put_inputs(ln_session *s, const void *const *inputs, linnet_error *err) {
    for (int i = 0; i < s->plan->graph->n_input; i++)
        LN_TRY(s->on_device ? ln_io_copy(s->io, LN_COPY_IN, i, (void *)(uintptr_t)inputs[i], err)
                            : ln_io_put(s->io, i, inputs[i], err));
    return LINNET_OK;
}

static linnet_status get_outputs(ln_session *s, void *const *outputs, linnet_error *err) {
    for (int i = 0; i < s->plan->graph->n_output; i++)
        LN_TRY(s->on_device ? ln_io_copy(s->io, LN_COPY_OUT, i, outputs[i], err)
                            : ln_io_get(s->io, i, outputs[i], err));
    return s->on_device ? ln_queue_finish(s->queue, s->params.wait, err) : LINNET_OK;
}

/* Reading through the queue blocks, so waiting comes first only where memory is read as it lies,
 * the caller wants waiting done another way, or a profile is to be collected. */
static bool waits_first(const ln_session *s) {
    const bool shared = ln_buffer_host(s->arena) && !s->on_device;
    return shared || s->params.wait != LN_WAIT_SLEEP || s->params.profile;
}

static linnet_status enqueue_run(ln_session *s, const void *const *inputs, void *const *outputs,
                                 linnet_error *err) {
    LN_TRY(put_inputs(s, inputs, err));
    LN_TRY(run_steps(s, err));
    if (waits_first(s)) LN_TRY(ln_queue_finish(s->queue, s->params.wait, err));
    return get_outputs(s, outputs, err);
}

/* Waits even when it fails: what was enqueued uses the caller's memory. A run takes no memory, and
 * a lost device may first say that it lacks some. */
static linnet_status run_once(ln_session *s, const void *const *inputs, void *const *outputs,
                              linnet_error *err) {
    linnet_error why;
    double start = ln_now();
    linnet_status st = enqueue_run(s, inputs, outputs, err);
    if (st == LINNET_OK) {
        if (s->launches && !(s->resident && !s->resting))
            ln_launches_note(s->launches, ln_now() - start);
        return st;
    }
    if (ln_queue_finish(s->queue, LN_WAIT_SLEEP, &why) != LINNET_ERR_DEVICE_LOST) return st;
    if (st != LINNET_ERR_DEVICE_LOST && err) *err = why;
    return LINNET_ERR_DEVICE_LOST;
}

static void note_time(ln_session *s, double seconds) {
    if (s->best_s == 0 || seconds < s->best_s) s->best_s = seconds;
    if (seconds <= SLOW_FACTOR * s->best_s)
        s->slow -= s->slow > 0;
    else if (++s->slow == SLOW_RUNS) {
        s->slow = 0;
        s->resting = RESTING_RUNS;
        ln_log(LN_LOG_DEBUG, "%s: busy, %.2f ms a run where %.2f were seen; launches for a while",
               s->plan->caps.name, 1e3 * seconds, 1e3 * s->best_s);
    }
}

/* Two resident launches at once could each hold workers that the other waits for. */
static linnet_status run_resident(ln_session *s, const void *const *inputs, void *const *outputs,
                                  bool *expired, linnet_error *err) {
    ln_device_lock_units(s->device);
    double start = ln_now();
    linnet_status st = run_once(s, inputs, outputs, err);
    if (st == LINNET_OK) st = ln_resident_expired(s->resident, expired, err);
    if (s->has_run && s->params.stream == LN_STREAM_AUTO && !s->params.profile)
        note_time(s, ln_now() - start);
    ln_device_unlock_units(s->device);
    return st;
}

/* Launches are laid end to end: their gaps are not known. */
static linnet_status take_times(ln_session *s, linnet_error *err) {
    if (s->resident) return ln_resident_times(s->resident, s->time, err);
    double at = 0;
    for (int i = 0; i < s->plan->n_step; i++) {
        s->time[i] = (ln_step_time){.start_ns = at, .ns = (double)s->ns[i]};
        at += s->time[i].ns;
    }
    return LINNET_OK;
}

static linnet_status run(ln_session *s, const void *const *inputs, void *const *outputs,
                         linnet_error *err) {
    double t0 = s->has_run ? 0 : ln_now();
    bool expired = false;
    LN_TRY(s->resident && !s->resting ? run_resident(s, inputs, outputs, &expired, err)
                                      : run_once(s, inputs, outputs, err));
    s->resting -= s->resting > 0;
    if (expired) {
        ln_log(LN_LOG_WARN, "%s: the work-groups of one launch stopped meeting; using launches",
               s->plan->caps.name);
        ln_resident_destroy(&s->resident);
        LN_TRY(run_once(s, inputs, outputs, err));
    }
    if (s->time) LN_TRY(take_times(s, err));
    if (!s->has_run) {
        s->stats.first_run_s = ln_now() - t0;
        s->has_run = true;
    }
    return LINNET_OK;
}

linnet_status ln_session_run(ln_session *s, const void *const *inputs, void *const *outputs,
                             linnet_error *err) {
    if (s->lost)
        return ln_fail(
            err, LINNET_ERR_DEVICE_LOST,
            "%s was lost in an earlier run; open the device again and make a new session",
            s->plan->caps.name);
    linnet_status st = run(s, inputs, outputs, err);
    s->lost = st == LINNET_ERR_DEVICE_LOST;
    return st;
}

linnet_status ln_session_run_buffers(ln_session *s, void *const *inputs, void *const *outputs,
                                     linnet_error *err) {
    s->on_device = true;
    linnet_status st = ln_session_run(s, (const void *const *)inputs, outputs, err);
    s->on_device = false;
    return st;
}

ln_stream ln_session_stream(const ln_session *s) {
    if (s->resident) return LN_STREAM_RESIDENT;
    return s->commands ? LN_STREAM_COMMANDS : LN_STREAM_LAUNCHES;
}

struct ln_resident *ln_session_resident(ln_session *s) {
    return s->resident;
}

const ln_step_time *ln_session_times(const ln_session *s) {
    return s->time;
}

ln_session_stats ln_session_get_stats(const ln_session *s) {
    return s->stats;
}

const ln_plan *ln_session_plan(const ln_session *s) {
    return s->plan;
}
