#include "host/internal.h"

#include <sched.h>
#include <stdlib.h>
#include <time.h>

#define MOST_PENDING 1024 /* events held at once: some drivers never shrink what they grew */
#define SHORT_QUEUE  8 /* kernels between flushes: well under the second that a watchdog allows */

linnet_status ln_queue_create(ln_device *d, bool profiling, ln_queue **out, linnet_error *err) {
    *out = NULL;
    ln_queue *q = calloc(1, sizeof *q);
    if (!q) return ln_fail_oom(err, "a queue", sizeof *q);
    ln_device_retain(d);
    q->device = d;
    q->profiling = profiling;
    linnet_status st = LINNET_OK;
    if (profiling && !(q->pending = calloc(MOST_PENDING, sizeof *q->pending)))
        st = ln_fail_oom(err, "a queue's events", MOST_PENDING * sizeof *q->pending);
    if (st == LINNET_OK) {
        cl_int code = CL_SUCCESS;
        q->queue = ln_cl()->clCreateCommandQueue(d->context, d->id,
                                                 profiling ? CL_QUEUE_PROFILING_ENABLE : 0, &code);
        if (!q->queue) st = ln_cl_fail(err, code, "clCreateCommandQueue", "making a queue");
    }
    if (st != LINNET_OK) ln_queue_destroy(&q);
    *out = q;
    return st;
}

void ln_queue_destroy(ln_queue **at) {
    ln_queue *q = *at;
    *at = NULL;
    if (!q) return;
    if (q->queue) {
        ln_cl()->clFinish(q->queue); /* nothing may run into buffers that go next */
        ln_turn_forget(q);
        for (size_t i = 0; i < q->n_pending; i++) ln_cl()->clReleaseEvent(q->pending[i].event);
        ln_cl()->clReleaseCommandQueue(q->queue);
    }
    free(q->pending);
    ln_device_release(&q->device);
    free(q);
}

/* Reads the times of finished kernels and lets their events go; the first failure counts. */
static linnet_status collect(ln_queue *q, linnet_error *err) {
    cl_int failed = CL_SUCCESS;
    for (size_t i = 0; i < q->n_pending; i++) {
        cl_event e = q->pending[i].event;
        cl_ulong from = 0, to = 0;
        cl_int code = ln_cl()->clGetEventProfilingInfo(e, CL_PROFILING_COMMAND_START, sizeof from,
                                                       &from, NULL);
        if (!code)
            code =
                ln_cl()->clGetEventProfilingInfo(e, CL_PROFILING_COMMAND_END, sizeof to, &to, NULL);
        *q->pending[i].ns = (q->pending[i].add ? *q->pending[i].ns : 0) + (code ? 0 : to - from);
        if (code && !failed) failed = code;
        ln_cl()->clReleaseEvent(e);
    }
    q->n_pending = 0;
    if (!failed) return LINNET_OK;
    return ln_cl_fail(err, failed, "clGetEventProfilingInfo", "reading a kernel's time");
}

linnet_status ln_queue_launch(ln_queue *q, ln_kernel *k, size_t groups, size_t local, uint64_t *ns,
                              linnet_error *err) {
    return ln_queue_launch_from(q, k, 0, groups, local, ns, err);
}

linnet_status ln_queue_launch_from(ln_queue *q, ln_kernel *k, size_t first, size_t groups,
                                   size_t local, uint64_t *ns, linnet_error *err) {
    size_t global, offset;
    if (!groups || !local || !ln_mul_size(groups, local, &global) ||
        !ln_mul_size(first, local, &offset))
        return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT,
                       "kernel %s: %zu work-groups of %zu items; both must be at least 1", k->name,
                       groups, local);
    bool timed = q->profiling && ns;
    if (timed && q->n_pending == MOST_PENDING) LN_TRY(ln_queue_finish(q, LN_WAIT_SLEEP, err));
    cl_event event = NULL;
    cl_int code = ln_turn_take(q->device, q);
    if (!code)
        code = ln_cl()->clEnqueueNDRangeKernel(q->queue, k->kernel, 1, first ? &offset : NULL,
                                               &global, &local, 0, NULL, timed ? &event : NULL);
    ln_turn_give(q->device);
    if (code)
        return ln_cl_fail(err, code, "clEnqueueNDRangeKernel",
                          "kernel %s, %zu work-groups of %zu items", k->name, groups, local);
    if (timed) {
        q->pending[q->n_pending++] = (struct ln_pending){event, ns, first > 0};
    }
    if (!ln_caps_quirk(&q->device->caps, LN_QUIRK_SHORT_QUEUE) || ++q->unflushed < SHORT_QUEUE)
        return LINNET_OK;
    q->unflushed = 0;
    return ln_queue_flush(q, err);
}

/* ---- transfers ---- */
static linnet_status check_range(const ln_buffer *b, size_t offset, size_t bytes, const char *what,
                                 linnet_error *err) {
    if (bytes <= b->bytes && offset <= b->bytes - bytes) return LINNET_OK;
    return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT,
                   "%s %zu bytes at %zu of a buffer of %zu; keep within it", what, bytes, offset,
                   b->bytes);
}

static linnet_status write_bytes(ln_queue *q, ln_buffer *b, size_t offset, const void *src,
                                 size_t bytes, cl_bool blocking, linnet_error *err) {
    LN_TRY(check_range(b, offset, bytes, "writing", err));
    if (!bytes) return LINNET_OK;
    cl_int code = ln_cl()->clEnqueueWriteBuffer(q->queue, b->mem, blocking, offset, bytes, src, 0,
                                                NULL, NULL);
    if (!code) return LINNET_OK;
    return ln_cl_fail(err, code, "clEnqueueWriteBuffer", "writing %zu bytes", bytes);
}

linnet_status ln_queue_write(ln_queue *q, ln_buffer *b, size_t offset, const void *src,
                             size_t bytes, linnet_error *err) {
    return write_bytes(q, b, offset, src, bytes, CL_TRUE, err);
}

linnet_status ln_queue_write_async(ln_queue *q, ln_buffer *b, size_t offset, const void *src,
                                   size_t bytes, linnet_error *err) {
    return write_bytes(q, b, offset, src, bytes, CL_FALSE, err);
}

static linnet_status read_bytes(ln_queue *q, ln_buffer *b, size_t offset, void *dst, size_t bytes,
                                cl_bool blocking, linnet_error *err) {
    LN_TRY(check_range(b, offset, bytes, "reading", err));
    if (!bytes) return LINNET_OK;
    cl_int code =
        ln_cl()->clEnqueueReadBuffer(q->queue, b->mem, blocking, offset, bytes, dst, 0, NULL, NULL);
    if (!code) return LINNET_OK;
    return ln_cl_fail(err, code, "clEnqueueReadBuffer", "reading %zu bytes", bytes);
}

linnet_status ln_queue_read(ln_queue *q, ln_buffer *b, size_t offset, void *dst, size_t bytes,
                            linnet_error *err) {
    return read_bytes(q, b, offset, dst, bytes, CL_TRUE, err);
}

linnet_status ln_queue_read_async(ln_queue *q, ln_buffer *b, size_t offset, void *dst, size_t bytes,
                                  linnet_error *err) {
    return read_bytes(q, b, offset, dst, bytes, CL_FALSE, err);
}

linnet_status ln_queue_read_rows(ln_queue *q, ln_buffer *b, size_t offset, size_t pitch, size_t row,
                                 size_t rows, void *dst, linnet_error *err) {
    size_t span = 0;
    if (!row || !rows) return LINNET_OK;
    if (pitch < row || !ln_mul_size(pitch, rows - 1, &span) || !ln_add_size(span, row, &span))
        return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT,
                       "reading %zu rows of %zu bytes, %zu apart; rows may not overlap", rows, row,
                       pitch);
    if (pitch == row || rows == 1) return ln_queue_read(q, b, offset, dst, span, err);
    LN_TRY(check_range(b, offset, span, "reading rows over", err));
    const size_t origin[3] = {offset, 0, 0}, host[3] = {0, 0, 0}, region[3] = {row, rows, 1};
    cl_int code = ln_cl()->clEnqueueReadBufferRect(q->queue, b->mem, CL_TRUE, origin, host, region,
                                                   pitch, 0, row, 0, dst, 0, NULL, NULL);
    if (!code) return LINNET_OK;
    return ln_cl_fail(err, code, "clEnqueueReadBufferRect", "reading %zu rows of %zu bytes", rows,
                      row);
}

linnet_status ln_queue_map(ln_queue *q, ln_buffer *b, size_t offset, size_t bytes, ln_map_mode mode,
                           void **out, linnet_error *err) {
    *out = NULL;
    LN_TRY(check_range(b, offset, bytes, "mapping", err));
    if (!bytes) return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT, "mapping no bytes; give a size");
    cl_map_flags flags = mode == LN_MAP_READ ? CL_MAP_READ : CL_MAP_WRITE_INVALIDATE_REGION;
    cl_int code = CL_SUCCESS;
    *out = ln_cl()->clEnqueueMapBuffer(q->queue, b->mem, CL_TRUE, flags, offset, bytes, 0, NULL,
                                       NULL, &code);
    if (!code) return LINNET_OK;
    return ln_cl_fail(err, code, "clEnqueueMapBuffer", "mapping %zu bytes", bytes);
}

linnet_status ln_queue_unmap(ln_queue *q, ln_buffer *b, void *ptr, linnet_error *err) {
    cl_int code = ln_cl()->clEnqueueUnmapMemObject(q->queue, b->mem, ptr, 0, NULL, NULL);
    if (!code) return LINNET_OK;
    return ln_cl_fail(err, code, "clEnqueueUnmapMemObject", "unmapping a buffer");
}

/* ---- waiting ---- */
linnet_status ln_queue_flush(ln_queue *q, linnet_error *err) {
    cl_int code = ln_cl()->clFlush(q->queue);
    if (!code) return LINNET_OK;
    return ln_cl_fail(err, code, "clFlush", "starting the queue");
}

static void nap(void) {
    const struct timespec t = {.tv_nsec = 100000};
    nanosleep(&t, NULL);
}

/* Asks an event until it is done. */
static linnet_status poll_event(cl_event e, ln_wait how, linnet_error *err) {
    for (;;) {
        cl_int state = CL_QUEUED;
        cl_int code = ln_cl()->clGetEventInfo(e, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof state,
                                              &state, NULL);
        if (!code && state < 0) code = state; /* a command failed on the device */
        if (code) return ln_cl_fail(err, code, "clGetEventInfo", "waiting for the device");
        if (state == CL_COMPLETE) return LINNET_OK;
        if (how == LN_WAIT_SLEEP) nap();
        if (how == LN_WAIT_YIELD) sched_yield();
    }
}

static linnet_status poll_queue(ln_queue *q, ln_wait how, linnet_error *err) {
    cl_event e = NULL;
    cl_int code = ln_cl()->clEnqueueMarkerWithWaitList(q->queue, 0, NULL, &e);
    if (code) return ln_cl_fail(err, code, "clEnqueueMarkerWithWaitList", "waiting for the device");
    linnet_status st = ln_queue_flush(q, err);
    if (st == LINNET_OK) st = poll_event(e, how, err);
    ln_cl()->clReleaseEvent(e);
    return st;
}

linnet_status ln_queue_finish(ln_queue *q, ln_wait how, linnet_error *err) {
    if (how != LN_WAIT_SLEEP || ln_caps_quirk(&q->device->caps, LN_QUIRK_FINISH_SPINS)) {
        LN_TRY(poll_queue(q, how, err));
    } else {
        cl_int code = ln_cl()->clFinish(q->queue);
        if (code) return ln_cl_fail(err, code, "clFinish", "waiting for the device");
    }
    ln_turn_forget(q);
    return collect(q, err);
}
