/* cl_khr_command_buffer: launches recorded once and enqueued as one. PoCL 3.1 has revision 0.9,
 * Intel's runtime 1.0; what is used here is the same in both. */
#include "host/internal.h"

#include <stdlib.h>

struct ln_commands {
    ln_queue *queue;
    ln_command_api api;
    cl_command_buffer_khr buffer;
};

static void *entry(const ln_device *d, const char *name) {
    return ln_cl()->clGetExtensionFunctionAddressForPlatform(d->platform, name);
}

static bool find_entries(const ln_device *d, ln_command_api *api) {
#define CL_COMMAND(name) api->name = (name##_fn)(uintptr_t)entry(d, #name);
#include "host/commands.inc"
#undef CL_COMMAND
#define CL_COMMAND(name) &&api->name
    return true
#include "host/commands.inc"
        ;
#undef CL_COMMAND
}

linnet_status ln_commands_create(ln_queue *q, ln_commands **out, linnet_error *err) {
    *out = NULL;
    const ln_device *d = q->device;
    if (!ln_caps_has(&d->caps, LN_FEAT_COMMAND_BUFFER))
        return ln_fail(err, LINNET_ERR_UNSUPPORTED, "%s has no command buffers that work",
                       d->caps.name);
    ln_commands *c = calloc(1, sizeof *c);
    if (!c) return ln_fail_oom(err, "a command buffer", sizeof *c);
    c->queue = q;
    cl_int code = CL_SUCCESS;
    linnet_status st = LINNET_OK;
    if (!find_entries(d, &c->api)) {
        st = ln_fail(err, LINNET_ERR_UNSUPPORTED,
                     "%s: the driver lacks entries of "
                     "cl_khr_command_buffer",
                     d->caps.name);
    } else {
        c->buffer = c->api.clCreateCommandBufferKHR(1, &q->queue, NULL, &code);
        if (!c->buffer)
            st = ln_cl_fail(err, code, "clCreateCommandBufferKHR", "recording launches");
    }
    if (st != LINNET_OK) ln_commands_destroy(&c);
    *out = c;
    return st;
}

void ln_commands_destroy(ln_commands **at) {
    ln_commands *c = *at;
    *at = NULL;
    if (!c) return;
    if (c->buffer) c->api.clReleaseCommandBufferKHR(c->buffer);
    free(c);
}

linnet_status ln_commands_launch(ln_commands *c, ln_kernel *k, size_t groups, size_t local,
                                 linnet_error *err) {
    size_t global;
    if (!groups || !local || !ln_mul_size(groups, local, &global))
        return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT,
                       "kernel %s: %zu work-groups of %zu items; both must be at least 1", k->name,
                       groups, local);
    cl_int code = c->api.clCommandNDRangeKernelKHR(c->buffer, NULL, NULL, k->kernel, 1, NULL,
                                                   &global, &local, 0, NULL, NULL, NULL);
    if (!code) return LINNET_OK;
    return ln_cl_fail(err, code, "clCommandNDRangeKernelKHR", "kernel %s", k->name);
}

linnet_status ln_commands_finish(ln_commands *c, linnet_error *err) {
    cl_int code = c->api.clFinalizeCommandBufferKHR(c->buffer);
    if (!code) return LINNET_OK;
    return ln_cl_fail(err, code, "clFinalizeCommandBufferKHR", "recording launches");
}

linnet_status ln_commands_enqueue(ln_commands *c, linnet_error *err) {
    const ln_device *d = c->queue->device;
    cl_int code = ln_turn_take(d, c->queue);
    if (!code) code = c->api.clEnqueueCommandBufferKHR(0, NULL, c->buffer, 0, NULL, NULL);
    ln_turn_give(d);
    if (!code) return LINNET_OK;
    return ln_cl_fail(err, code, "clEnqueueCommandBufferKHR", "replaying launches");
}
