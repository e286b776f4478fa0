/* A plan on a device: buffers, programs, kernels and a queue of its own.
 * One thread at a time; several sessions may share a device. */
#ifndef LN_SESSION_H
#define LN_SESSION_H

#include "engine/pace.h"
#include "host/host.h"

typedef struct ln_session ln_session;

/* How the steps reach the device: enum suffix, name.
 *   AUTO      resident, but launches while the machine is busy with other work
 *   LAUNCHES  one enqueue a step, no wait in between
 *   RESIDENT  all steps in one launch where the device allows it, else launches
 *   COMMANDS  launches recorded once and replayed where the device can, else launches */
#define LN_STREAMS(X)                                                                              \
    X(AUTO, "auto")                                                                                \
    X(LAUNCHES, "launches")                                                                        \
    X(RESIDENT, "resident")                                                                        \
    X(COMMANDS, "command_buffer")

typedef enum ln_stream {
#define LN_STREAM_ENUM(id, name) LN_STREAM_##id,
    LN_STREAMS(LN_STREAM_ENUM)
#undef LN_STREAM_ENUM
} ln_stream;

typedef struct ln_session_params {
    ln_wait wait;
    ln_stream stream;
    bool profile; /* record a time for each step: by a clock inside one launch, else of launches */
    void *queue;  /* the caller's cl_command_queue to run on; NULL: one of its own */
    const ln_pace *pace; /* how work is cut; NULL: as the device needs */
    /* Row of the variant whose kernel, as built, the device cannot run in the groups it needs, when
     * creation failed by it; else left alone. May be NULL. */
    int *unfit;
    const int *also; /* as in ln_stage; outlives the session */
    int n_also;
} ln_session_params;

typedef struct ln_session_stats {
    double build_s, upload_s, first_run_s;
    int64_t weight_bytes, arena_bytes;
} ln_session_stats;

/* The plan is taken: the session destroys it. The graph must outlive the session. */
linnet_status ln_session_create(ln_device *d, ln_plan *plan, const ln_session_params *params,
                                ln_session **out, linnet_error *err);
void ln_session_destroy(ln_session **s);
/* inputs and outputs in the graph's order: dense elements of ln_tensor_io_dtype; of rank 4 as
 * N,C,H,W unless the tensor is as_is, else in the shape's order. */
/* After LINNET_ERR_DEVICE_LOST every run fails so at once: make device and session anew. */
linnet_status ln_session_run(ln_session *s, const void *const *inputs, void *const *outputs,
                             linnet_error *err);
/* The same from and to the caller's dense buffers (cl_mem); outputs of rank 4 as N,H,W,C. Bytes
 * without a sign are refused. */
linnet_status ln_session_run_buffers(ln_session *s, void *const *inputs, void *const *outputs,
                                     linnet_error *err);
/* The first `count` steps on what lies in the arena, in the session's own way; waits. */
linnet_status ln_session_replay(ln_session *s, int count, linnet_error *err);
/* Memory of the session for input or output i, in the layout that a run takes, until the session is
 * destroyed: the arena itself where the device shares it and the layout allows. A run that is given
 * it copies nothing there; inputs stay as they are, outputs until the next run. */
linnet_status ln_session_memory(ln_session *s, bool output, int i, void **out, linnet_error *err);
/* How long the first dimension of output i was in the last run (ln_tensor.rows). */
linnet_status ln_session_rows(ln_session *s, int i, int64_t *rows, linnet_error *err);
/* One step alone, for diff and the tuner: write any activation (dense logical order), run the
 * step, read any activation back. */
linnet_status ln_session_write(ln_session *s, ln_tid t, const void *dense, linnet_error *err);
linnet_status ln_session_run_step(ln_session *s, int step, linnet_error *err);
linnet_status ln_session_read(ln_session *s, ln_tid t, void *dense, linnet_error *err);
/* Of each step in the last profiled run; NULL unless the session profiles. */
const ln_step_time *ln_session_times(const ln_session *s);
ln_session_stats ln_session_get_stats(const ln_session *s);
const ln_plan *ln_session_plan(const ln_session *s);
/* How a session of this plan will run its steps, and why, as a line of text. recorded: the stream
 * is that of the tuner's record. */
void ln_plan_print_stream(const ln_plan *p, ln_stream stream, bool recorded, ln_str *out);
ln_stream ln_session_stream(const ln_session *s); /* any but AUTO: what works */
/* The resident pipeline, for tests; NULL when launches are used. */
struct ln_resident *ln_session_resident(ln_session *s);

#endif
