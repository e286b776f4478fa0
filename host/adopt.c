/* A queue and buffers that are the caller's. */
#include "host/internal.h"

#include <stdlib.h>

linnet_status ln_queue_adopt(ln_device *d, void *queue, ln_queue **out, linnet_error *err) {
    cl_context context = NULL;
    cl_command_queue_properties properties = 0;
    *out = NULL;
    cl_int code =
        ln_cl()->clGetCommandQueueInfo(queue, CL_QUEUE_CONTEXT, sizeof context, &context, NULL);
    if (!code)
        code = ln_cl()->clGetCommandQueueInfo(queue, CL_QUEUE_PROPERTIES, sizeof properties,
                                              &properties, NULL);
    if (code) return ln_cl_fail(err, code, "clGetCommandQueueInfo", "the queue given");
    if (context != d->context || properties & CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE)
        return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT,
                       context != d->context
                           ? "the queue given is of another context"
                           : "the queue given is out of order; give one in order");
    ln_queue *q = calloc(1, sizeof *q);
    if (!q) return ln_fail_oom(err, "a queue", sizeof *q);
    code = ln_cl()->clRetainCommandQueue(queue);
    if (code) {
        free(q);
        return ln_cl_fail(err, code, "clRetainCommandQueue", "the queue given");
    }
    ln_device_retain(d);
    q->device = d;
    q->queue = queue;
    *out = q;
    return LINNET_OK;
}

static linnet_status check_mem(void *mem, size_t bytes, linnet_error *err) {
    size_t size = 0;
    cl_int code = ln_cl()->clGetMemObjectInfo(mem, CL_MEM_SIZE, sizeof size, &size, NULL);
    if (code) return ln_cl_fail(err, code, "clGetMemObjectInfo", "a buffer given");
    if (size >= bytes) return LINNET_OK;
    return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT, "a buffer of %zu bytes given, %zu are needed",
                   size, bytes);
}

linnet_status ln_queue_copy_rows(ln_queue *q, ln_copy_way way, void *mem, ln_buffer *b,
                                 size_t offset, size_t pitch, size_t row, size_t rows,
                                 linnet_error *err) {
    size_t ours[3] = {offset % pitch, offset / pitch, 0}, theirs[3] = {0},
           region[3] = {row, rows, 1};
    LN_TRY(check_mem(mem, row * rows, err));
    if (offset > b->bytes || (rows - 1) * pitch + row > b->bytes - offset)
        return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT,
                       "%zu rows of %zu bytes at %zu of a buffer of %zu", rows, pitch, offset,
                       b->bytes);
    bool in = way == LN_COPY_IN;
    cl_int code = ln_cl()->clEnqueueCopyBufferRect(
        q->queue, in ? mem : b->mem, in ? b->mem : mem, in ? theirs : ours, in ? ours : theirs,
        region, in ? row : pitch, 0, in ? pitch : row, 0, 0, NULL, NULL);
    if (!code) return LINNET_OK;
    return ln_cl_fail(err, code, "clEnqueueCopyBufferRect", "copying %zu rows of %zu bytes", rows,
                      row);
}
