#include "host/internal.h"

#include <stdlib.h>
#include <string.h>

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

/* ---- buffers that host and kernels share ---- */

/* Behind the memory: what it takes to give it back. */
typedef struct trailer {
    cl_context context;
    void *memory;
} trailer;

/* Only when the driver lets go of the buffer: of a device that is lost nobody can say whether it
 * still runs. */
static void CL_CALLBACK give_back(cl_mem mem, void *user) {
    trailer t = *(trailer *)user;
    (void)mem;
    ln_cl()->clSVMFree(t.context, t.memory);
}

/* clSVMAlloc does not say why it failed; a lost device does. */
static linnet_status no_memory(ln_buffer *b, linnet_error *err) {
    pthread_mutex_lock(&b->device->lock);
    cl_int code = ln_cl()->clFinish(b->device->fill);
    pthread_mutex_unlock(&b->device->lock);
    return ln_cl_fail(err, code ? code : CL_MEM_OBJECT_ALLOCATION_FAILURE, "clSVMAlloc",
                      "a buffer of %zu bytes", b->bytes);
}

static linnet_status create_shared(ln_buffer *b, bool writes, linnet_error *err) {
    const cl_mem_flags access = writes ? CL_MEM_READ_WRITE : CL_MEM_READ_ONLY;
    const cl_context context = b->device->context;
    const char *call = "clCreateBuffer";
    size_t body = (b->bytes / sizeof(trailer) + 1) * sizeof(trailer);
    cl_int code = CL_SUCCESS;
    char *memory = ln_cl()->clSVMAlloc(context, access | CL_MEM_SVM_FINE_GRAIN_BUFFER,
                                       body + sizeof(trailer), 0);
    if (!memory) return no_memory(b, err);
    ln_large_pages(memory, b->bytes);
    memset(memory, 0, b->bytes);
    trailer *t = (trailer *)(void *)(memory + body);
    *t = (trailer){context, memory};
    b->mem =
        ln_cl()->clCreateBuffer(context, access | CL_MEM_USE_HOST_PTR, b->bytes, memory, &code);
    if (b->mem) {
        call = "clSetMemObjectDestructorCallback";
        code = ln_cl()->clSetMemObjectDestructorCallback(b->mem, give_back, t);
    }
    b->host = memory;
    if (b->mem && !code) return LINNET_OK;
    if (b->mem) ln_cl()->clReleaseMemObject(b->mem);
    ln_cl()->clSVMFree(context, memory);
    b->mem = NULL;
    return ln_cl_fail(err, code, call, "a buffer of %zu bytes", b->bytes);
}

static linnet_status create_plain(ln_buffer *b, bool writes, linnet_error *err) {
    cl_mem_flags flags = writes ? CL_MEM_READ_WRITE : CL_MEM_READ_ONLY;
    cl_int code = CL_SUCCESS;
    if (ln_caps_has(&b->device->caps, LN_FEAT_UNIFIED_MEMORY)) flags |= CL_MEM_ALLOC_HOST_PTR;
    b->mem = ln_cl()->clCreateBuffer(b->device->context, flags, b->bytes, NULL, &code);
    if (!b->mem) return ln_cl_fail(err, code, "clCreateBuffer", "a buffer of %zu bytes", b->bytes);
    return zero(b->device, b->mem, b->bytes, err);
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
    ln_device_retain(d);
    b->device = d;
    b->bytes = bytes;
    bool writes = use == LN_BUFFER_ARENA;
    linnet_status st =
        ln_caps_shares(&d->caps) ? create_shared(b, writes, err) : create_plain(b, writes, err);
    if (st != LINNET_OK) ln_buffer_destroy(&b);
    *out = b;
    return st;
}

void ln_buffer_destroy(ln_buffer **at) {
    ln_buffer *b = *at;
    *at = NULL;
    if (!b) return;
    if (b->mem) ln_cl()->clReleaseMemObject(b->mem);
    ln_device_release(&b->device);
    free(b);
}

size_t ln_buffer_size(const ln_buffer *b) {
    return b->bytes;
}

void *ln_buffer_host(const ln_buffer *b) {
    return b->host;
}
