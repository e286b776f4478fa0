#include "host/internal.h"

#include <stdlib.h>

linnet_status ln_kernel_create(ln_program *p, const char *name, ln_kernel **out,
                               linnet_error *err) {
    *out = NULL;
    ln_kernel *k = calloc(1, sizeof *k);
    if (!k) return ln_fail_oom(err, "a kernel", sizeof *k);
    snprintf(k->name, sizeof k->name, "%s", name);
    cl_int code = CL_SUCCESS;
    k->kernel = ln_cl()->clCreateKernel(p->program, name, &code);
    if (!k->kernel) {
        free(k);
        return ln_cl_fail(err, code, "clCreateKernel", "kernel %s of %s", name, p->label);
    }
    pthread_mutex_lock(&p->device->lock);
    p->users++;
    pthread_mutex_unlock(&p->device->lock);
    ln_device_retain(p->device);
    k->program = p;
    *out = k;
    return LINNET_OK;
}

void ln_kernel_destroy(ln_kernel **at) {
    ln_kernel *k = *at;
    *at = NULL;
    if (!k) return;
    ln_cl()->clReleaseKernel(k->kernel);
    ln_program_release(&k->program);
    free(k);
}

static linnet_status set_arg(ln_kernel *k, unsigned index, size_t size, const void *value,
                             linnet_error *err) {
    cl_int code = ln_cl()->clSetKernelArg(k->kernel, index, size, value);
    if (!code) return LINNET_OK;
    return ln_cl_fail(err, code, "clSetKernelArg", "argument %u of kernel %s", index, k->name);
}

linnet_status ln_kernel_arg_buffer(ln_kernel *k, unsigned index, ln_buffer *b, linnet_error *err) {
    return set_arg(k, index, sizeof b->mem, &b->mem, err);
}

linnet_status ln_kernel_arg_int(ln_kernel *k, unsigned index, int32_t v, linnet_error *err) {
    return set_arg(k, index, sizeof v, &v, err);
}

linnet_status ln_kernel_limits(ln_kernel *k, size_t *max_group, uint64_t *local_bytes,
                               linnet_error *err) {
    cl_device_id id = k->program->device->id;
    cl_ulong local = 0;
    cl_int code = ln_cl()->clGetKernelWorkGroupInfo(k->kernel, id, CL_KERNEL_WORK_GROUP_SIZE,
                                                    sizeof *max_group, max_group, NULL);
    if (!code)
        code = ln_cl()->clGetKernelWorkGroupInfo(k->kernel, id, CL_KERNEL_LOCAL_MEM_SIZE,
                                                 sizeof local, &local, NULL);
    *local_bytes = local;
    if (!code) return LINNET_OK;
    return ln_cl_fail(err, code, "clGetKernelWorkGroupInfo", "kernel %s", k->name);
}
