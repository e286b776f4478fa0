/* linnet/opencl.h: the caller's context, queue and buffers. */
#include "api/api.h"
#include <linnet/opencl.h>

#include <stdlib.h>

linnet_status linnet_opencl_device(cl_context context, cl_device_id id, linnet_device **out,
                                   linnet_error *err) {
    *out = NULL;
    linnet_device *d = calloc(1, sizeof *d);
    if (!d) return ln_fail_oom(err, "a device", sizeof *d);
    linnet_status st = ln_device_adopt(context, id, &d->dev, err);
    if (st != LINNET_OK)
        free(d);
    else
        *out = d;
    return st;
}

linnet_status linnet_opencl_session(linnet_model *m, linnet_device *d, cl_command_queue queue,
                                    const linnet_session_params *p, linnet_session **out,
                                    linnet_error *err) {
    *out = NULL;
    if (!queue || !d->dev || (p && p->profile))
        return ln_fail(
            err, LINNET_ERR_INVALID_ARGUMENT,
            "a session on a queue of the caller's needs that queue and an OpenCL device, "
            "and cannot profile");
    return ln_api_session(m, d, queue, p, out, err);
}

linnet_status linnet_opencl_run(linnet_session *s, const cl_mem *in, const cl_mem *out,
                                linnet_error *err) {
    _Static_assert(sizeof(cl_mem) == sizeof(void *), "handles are pointers");
    return ln_api_run_buffers(s, (void *const *)in, (void *const *)out, err);
}
