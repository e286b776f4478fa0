/* Linnet on the caller's OpenCL context, queue and buffers. Not stable: it may change with any
 * version. SPDX-License-Identifier: Apache-2.0
 *
 * The program links the OpenCL loader itself; Linnet opens the same one. What is given is retained,
 * and let go when the device or the session is destroyed. */
#ifndef LINNET_OPENCL_H
#define LINNET_OPENCL_H

#ifndef CL_TARGET_OPENCL_VERSION
#    define CL_TARGET_OPENCL_VERSION 120
#endif
#include <CL/cl.h>
#include <linnet/linnet.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A device in a context of the caller's. */
LINNET_API linnet_status linnet_opencl_device(cl_context context, cl_device_id id,
                                              linnet_device **out, linnet_error *err);
/* A session on an in-order queue of that context. p: NULL for the defaults; it cannot profile. */
LINNET_API linnet_status linnet_opencl_session(linnet_model *m, linnet_device *d,
                                               cl_command_queue queue,
                                               const linnet_session_params *p, linnet_session **out,
                                               linnet_error *err);
/* As linnet_session_run, with buffers of the context: dense, in the shapes of linnet_session_input
 * and linnet_session_output, but for outputs of rank 4, which come as N,H,W,C. Runs behind what is
 * in the queue already, and returns when the outputs are whole. */
LINNET_API linnet_status linnet_opencl_run(linnet_session *s, const cl_mem *in, const cl_mem *out,
                                           linnet_error *err);

#ifdef __cplusplus
}
#endif
#endif
