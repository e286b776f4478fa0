#include "host/internal.h"

#include <stdlib.h>

/* Drivers allocate lazily; writing every byte makes a lack of memory show now. */
static linnet_status zero(ln_device *d, cl_mem mem, size_t bytes, linnet_error *err) {
    static const cl_uint pattern[4] = {0};
    size_t body = bytes / sizeof pattern * sizeof pattern, tail = bytes - body;
    const char *call = "clEnqueueFillBuffer";
    cl_int code = CL_SUCCESS;
    pthread_mutex_lock(&d->lock);
    if (body)
        code = ln_cl()->clEnqueueFillBuffer(d->fill, mem, pattern, sizeof pattern, 0, body, 0, NULL,
                                            NULL);
    if (!code && tail)
        code = ln_cl()->clEnqueueFillBuffer(d->fill, mem, pattern, 1, body, tail, 0, NULL, NULL);
    if (!code) {
        call = "clFinish";
        code = ln_cl()->clFinish(d->fill);
    }
    pthread_mutex_unlock(&d->lock);
    if (!code) return LINNET_OK;
    return ln_cl_fail(err, code, call, "clearing a buffer of %zu bytes", bytes);
}

linnet_status ln_buffer_create(ln_device *d, size_t bytes, ln_buffer_use use, ln_buffer **out,
                               linnet_error *err) {
    *out = NULL;
    if (!bytes)
        return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT, "a buffer of no bytes; give a size");
    if (bytes > d->caps.max_alloc)
        return ln_fail(err, LINNET_ERR_OUT_OF_MEMORY,
                       "a buffer of %zu bytes: %s allows %llu at once; try a smaller batch or size",
                       bytes, d->caps.name, (unsigned long long)d->caps.max_alloc);
    ln_buffer *b = calloc(1, sizeof *b);
    if (!b) return ln_fail_oom(err, "a buffer", sizeof *b);
    cl_mem_flags flags = use == LN_BUFFER_ARENA ? CL_MEM_READ_WRITE : CL_MEM_READ_ONLY;
    if (ln_caps_has(&d->caps, LN_FEAT_UNIFIED_MEMORY)) flags |= CL_MEM_ALLOC_HOST_PTR;
    cl_int code = CL_SUCCESS;
    b->mem = ln_cl()->clCreateBuffer(d->context, flags, bytes, NULL, &code);
    if (!b->mem) {
        free(b);
        return ln_cl_fail(err, code, "clCreateBuffer", "a buffer of %zu bytes", bytes);
    }
    ln_device_retain(d);
    b->device = d;
    b->bytes = bytes;
    linnet_status st = zero(d, b->mem, bytes, err);
    if (st != LINNET_OK) ln_buffer_destroy(&b);
    *out = b;
    return st;
}

void ln_buffer_destroy(ln_buffer **at) {
    ln_buffer *b = *at;
    *at = NULL;
    if (!b) return;
    ln_cl()->clReleaseMemObject(b->mem);
    ln_device_release(&b->device);
    free(b);
}

size_t ln_buffer_size(const ln_buffer *b) {
    return b->bytes;
}
