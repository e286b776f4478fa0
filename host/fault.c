#include "host/fault.h"
#include "host/internal.h"

#include <string.h>

static ln_fault fault;
static const ln_cl_api *real;
static cl_kernel spoiled[64]; /* handles, which a driver may use again for another kernel */
static size_t n_spoiled;
static ln_cl_api faulty;
static atomic_long calls;
static atomic_long live;
static atomic_long reads;
static _Atomic(const char *) failed;
static atomic_int lost; /* calls that said so, and the launch that did it */

/* The first wait reports what drivers do after their watchdog bit, later calls what they say then.
 */
static cl_int judge_lost(const char *name) {
    static const char *const queued[] = {"clEnqueue", "clFlush", "clFinish", "clCreateBuffer",
                                         "clCreateCommandQueue"};
    if (!atomic_load(&lost)) return CL_SUCCESS;
    for (size_t i = 0; i < LN_COUNT(queued); i++)
        if (!strncmp(name, queued[i], strlen(queued[i])))
            return atomic_fetch_add(&lost, 1) == 1 ? CL_OUT_OF_RESOURCES : CL_INVALID_COMMAND_QUEUE;
    return CL_SUCCESS;
}

/* The code this call has to fail with, or CL_SUCCESS. */
static cl_int judge(const char *name) {
    cl_int gone = judge_lost(name);
    if (gone) return gone;
    if (fault.fail_name && strcmp(fault.fail_name, name) != 0) return CL_SUCCESS;
    long n = atomic_fetch_add(&calls, 1) + 1;
    if (!fault.fail_call || n < fault.fail_call) return CL_SUCCESS;
    if (n > fault.fail_call && !fault.fail_all_after) return CL_SUCCESS;
    const char *none = NULL;
    atomic_compare_exchange_strong(&failed, &none, name);
    return fault.fail_code ? fault.fail_code : CL_OUT_OF_RESOURCES;
}

#define CL_CALL(since, name, params, args)                                                         \
    static cl_int CL_API_CALL faulty_##name params {                                               \
        cl_int code = judge(#name);                                                                \
        return code ? code : real->name args;                                                      \
    }
#define CL_OBJECT(since, type, name, params, args)                                                 \
    static type CL_API_CALL faulty_##name params {                                                 \
        cl_int code = judge(#name);                                                                \
        type made = code ? NULL : real->name args;                                                 \
        if (code && err) *err = code;                                                              \
        if (made && strcmp(#name, "clEnqueueMapBuffer") != 0) atomic_fetch_add(&live, 1);          \
        return made;                                                                               \
    }
#define CL_POINTER(since, name, params, args)                                                      \
    static void *CL_API_CALL faulty_##name params {                                                \
        return judge(#name) ? NULL : real->name args;                                              \
    }
#define CL_FREE(since, name, params, args)                                                         \
    static void CL_API_CALL faulty_##name params {                                                 \
        real->name args;                                                                           \
    }
#define CL_RELEASE(since, name, params, args)                                                      \
    static cl_int CL_API_CALL faulty_##name params {                                               \
        cl_int code = judge(#name), done = real->name args;                                        \
        atomic_fetch_sub(&live, 1);                                                                \
        return code ? code : done;                                                                 \
    }
#include "host/clapi.inc"
#undef CL_CALL
#undef CL_OBJECT
#undef CL_POINTER
#undef CL_RELEASE
#undef CL_FREE

/* ---- entries that lie ---- */
static cl_int CL_API_CALL no_platforms(cl_uint n, cl_platform_id *list, cl_uint *count) {
    cl_int code = faulty_clGetPlatformIDs(n, list, count);
    if (code || !fault.no_platform) return code;
    if (count) *count = 0;
    return -1001; /* CL_PLATFORM_NOT_FOUND_KHR */
}

static cl_program CL_API_CALL reject_binary(cl_context c, cl_uint n, const cl_device_id *list,
                                            const size_t *size, const unsigned char **bytes,
                                            cl_int *status, cl_int *err) {
    if (!fault.reject_binary)
        return faulty_clCreateProgramWithBinary(c, n, list, size, bytes, status, err);
    *err = CL_INVALID_BINARY;
    return NULL;
}

static cl_int give_text(const char *text, size_t size, void *value, size_t *need) {
    if (need) *need = strlen(text) + 1;
    if (!value) return CL_SUCCESS;
    if (size <= strlen(text)) return CL_INVALID_VALUE;
    strcpy(value, text);
    return CL_SUCCESS;
}

static cl_int CL_API_CALL other_platform(cl_platform_id p, cl_platform_info what, size_t size,
                                         void *value, size_t *need) {
    cl_int code = faulty_clGetPlatformInfo(p, what, size, value, need);
    if (code || what != CL_PLATFORM_NAME || !fault.gpu_platform) return code;
    return give_text(fault.gpu_platform, size, value, need);
}

static cl_kernel CL_API_CALL make_kernel(cl_program p, const char *name, cl_int *err) {
    cl_kernel made = faulty_clCreateKernel(p, name, err);
    for (size_t i = 0; i < LN_COUNT(spoiled); i++)
        if (spoiled[i] == made) spoiled[i] = NULL;
    if (made && fault.spoil_kernel && !strcmp(name, fault.spoil_kernel))
        spoiled[n_spoiled++ % LN_COUNT(spoiled)] = made;
    return made;
}

static bool is_spoiled(cl_kernel k) {
    for (size_t i = 0; i < LN_COUNT(spoiled); i++)
        if (spoiled[i] == k) return true;
    return false;
}

static cl_int CL_API_CALL lower_limits(cl_device_id d, cl_device_info what, size_t size,
                                       void *value, size_t *need) {
    const char *text = what == CL_DEVICE_NAME      ? fault.gpu_name
                       : what == CL_DRIVER_VERSION ? fault.gpu_driver
                                                   : NULL;
    if (text && fault.gpu_name) return give_text(text, size, value, need);
    cl_int code = faulty_clGetDeviceInfo(d, what, size, value, need);
    if (code || !value) return code;
    if (what == CL_DEVICE_MAX_MEM_ALLOC_SIZE && fault.max_alloc)
        memcpy(value, &fault.max_alloc, sizeof fault.max_alloc);
    if (what == CL_DEVICE_LOCAL_MEM_SIZE && fault.local_mem)
        memcpy(value, &fault.local_mem, sizeof fault.local_mem);
    if (what == CL_DEVICE_TYPE && fault.gpu_name)
        memcpy(value, &(cl_device_type){CL_DEVICE_TYPE_GPU}, sizeof(cl_device_type));
    if (what == CL_DEVICE_MAX_COMPUTE_UNITS && fault.compute_units)
        memcpy(value, &fault.compute_units, sizeof fault.compute_units);
    return CL_SUCCESS;
}

static cl_int CL_API_CALL lower_group(cl_kernel k, cl_device_id d, cl_kernel_work_group_info what,
                                      size_t size, void *value, size_t *need) {
    cl_int code = faulty_clGetKernelWorkGroupInfo(k, d, what, size, value, need);
    if (!code && value && what == CL_KERNEL_WORK_GROUP_SIZE && fault.kernel_group)
        memcpy(value, &fault.kernel_group, sizeof fault.kernel_group);
    return code;
}

/* Answers, not the flags that come back beside them. */
static void spoil(void *dst, size_t bytes) {
    if (!fault.spoil_read || bytes < 16) return;
    if (atomic_fetch_add(&reads, 1) + 1 == fault.spoil_read) *(float *)dst += 1e3f;
}

static cl_int CL_API_CALL read_rows(cl_command_queue q, cl_mem m, cl_bool block, const size_t *o,
                                    const size_t *ho, const size_t *region, size_t pitch,
                                    size_t slice, size_t host_pitch, size_t host_slice, void *dst,
                                    cl_uint n, const cl_event *wait, cl_event *event) {
    cl_int code = faulty_clEnqueueReadBufferRect(q, m, block, o, ho, region, pitch, slice,
                                                 host_pitch, host_slice, dst, n, wait, event);
    if (!code && block) spoil(dst, region[0] * region[1]);
    return code;
}

static cl_int CL_API_CALL read_bytes(cl_command_queue q, cl_mem m, cl_bool block, size_t offset,
                                     size_t size, void *dst, cl_uint n, const cl_event *wait,
                                     cl_event *event) {
    cl_int code = faulty_clEnqueueReadBuffer(q, m, block, offset, size, dst, n, wait, event);
    if (!code && block) spoil(dst, size);
    return code;
}

/* ---- entries of an extension, found by name ---- */
static ln_command_api commands;

static cl_command_buffer_khr CL_API_CALL
make_commands(cl_uint n, const cl_command_queue *queues,
              const cl_command_buffer_properties_khr *props, cl_int *err) {
    cl_int code = judge("clCreateCommandBufferKHR");
    cl_command_buffer_khr made =
        code ? NULL : commands.clCreateCommandBufferKHR(n, queues, props, err);
    if (code) *err = code;
    if (made) atomic_fetch_add(&live, 1);
    return made;
}

static cl_int CL_API_CALL record_kernel(cl_command_buffer_khr c, cl_command_queue q,
                                        const cl_ndrange_kernel_command_properties_khr *props,
                                        cl_kernel k, cl_uint dims, const size_t *offset,
                                        const size_t *global, const size_t *local, cl_uint n,
                                        const cl_sync_point_khr *wait, cl_sync_point_khr *point,
                                        cl_mutable_command_khr *handle) {
    cl_int code = judge("clCommandNDRangeKernelKHR");
    return code ? code
                : commands.clCommandNDRangeKernelKHR(c, q, props, k, dims, offset, global, local, n,
                                                     wait, point, handle);
}

static cl_int CL_API_CALL end_commands(cl_command_buffer_khr c) {
    cl_int code = judge("clFinalizeCommandBufferKHR");
    return code ? code : commands.clFinalizeCommandBufferKHR(c);
}

static cl_int CL_API_CALL replay_commands(cl_uint n, cl_command_queue *queues,
                                          cl_command_buffer_khr c, cl_uint waits,
                                          const cl_event *wait, cl_event *event) {
    cl_int code = judge("clEnqueueCommandBufferKHR");
    return code ? code : commands.clEnqueueCommandBufferKHR(n, queues, c, waits, wait, event);
}

static cl_int CL_API_CALL release_commands(cl_command_buffer_khr c) {
    cl_int code = judge("clReleaseCommandBufferKHR"), done = commands.clReleaseCommandBufferKHR(c);
    atomic_fetch_sub(&live, 1);
    return code ? code : done;
}

static void *CL_API_CALL find_extension(cl_platform_id p, const char *name) {
    void *found = faulty_clGetExtensionFunctionAddressForPlatform(p, name);
#define WRAP(entry, with)                                                                          \
    if (found && !strcmp(name, #entry)) {                                                          \
        commands.entry = (entry##_fn)(uintptr_t)found;                                             \
        return (void *)(uintptr_t)with;                                                            \
    }
    WRAP(clCreateCommandBufferKHR, make_commands)
    WRAP(clCommandNDRangeKernelKHR, record_kernel)
    WRAP(clFinalizeCommandBufferKHR, end_commands)
    WRAP(clEnqueueCommandBufferKHR, replay_commands)
    WRAP(clReleaseCommandBufferKHR, release_commands)
#undef WRAP
    return found;
}

static cl_context CL_API_CALL new_context(const cl_context_properties *props, cl_uint n,
                                          const cl_device_id *list,
                                          void(CL_CALLBACK *notify)(const char *, const void *,
                                                                    size_t, void *),
                                          void *user, cl_int *err) {
    cl_context made = faulty_clCreateContext(props, n, list, notify, user, err);
    if (made) atomic_store(&lost, 0);
    return made;
}

/* ---- entries that make events ---- */
static cl_int CL_API_CALL counted_launch(cl_command_queue q, cl_kernel k, cl_uint dims,
                                         const size_t *offset, const size_t *global,
                                         const size_t *local, cl_uint n, const cl_event *wait,
                                         cl_event *event) {
    if (is_spoiled(k) && !event) return CL_SUCCESS;
    if (fault.most_groups && *global / *local > fault.most_groups && !atomic_load(&lost)) {
        atomic_store(&lost, 1);
        if (!event) return CL_SUCCESS;
    }
    cl_int code = faulty_clEnqueueNDRangeKernel(q, k, dims, offset, global, local, n, wait, event);
    if (!code && event) atomic_fetch_add(&live, 1);
    return code;
}

static cl_int CL_API_CALL counted_marker(cl_command_queue q, cl_uint n, const cl_event *wait,
                                         cl_event *event) {
    cl_int code = faulty_clEnqueueMarkerWithWaitList(q, n, wait, event);
    if (!code && event) atomic_fetch_add(&live, 1);
    return code;
}

static const ln_cl_api *wrap(const ln_cl_api *table) {
    real = table;
#define SET(name)                                  faulty.name = table->name ? faulty_##name : NULL;
#define CL_CALL(since, name, params, args)         SET(name)
#define CL_OBJECT(since, type, name, params, args) SET(name)
#define CL_POINTER(since, name, params, args)      SET(name)
#define CL_RELEASE(since, name, params, args)      SET(name)
#define CL_FREE(since, name, params, args)         SET(name)
#include "host/clapi.inc"
    faulty.clGetPlatformIDs = no_platforms;
    faulty.clCreateProgramWithBinary = reject_binary;
    faulty.clGetDeviceInfo = lower_limits;
    faulty.clGetKernelWorkGroupInfo = lower_group;
    faulty.clEnqueueReadBufferRect = read_rows;
    faulty.clEnqueueReadBuffer = read_bytes;
    faulty.clGetExtensionFunctionAddressForPlatform = find_extension;
    faulty.clEnqueueNDRangeKernel = counted_launch;
    faulty.clEnqueueMarkerWithWaitList = counted_marker;
    faulty.clCreateContext = new_context;
    faulty.clGetPlatformInfo = other_platform;
    faulty.clCreateKernel = make_kernel;
    return &faulty;
}

void ln_fault_set(const ln_fault *f) {
    static ln_cl_hook hook;
    ln_cl_set_hook(NULL);
    fault = f ? *f : (ln_fault){0};
    atomic_store(&calls, 0);
    atomic_store(&live, 0);
    atomic_store(&reads, 0);
    atomic_store(&failed, NULL);
    atomic_store(&lost, 0);
    memset(spoiled, 0, sizeof spoiled);
    hook = (ln_cl_hook){wrap, fault.no_loader};
    if (f) ln_cl_set_hook(&hook);
}

long ln_fault_calls(void) {
    return atomic_load(&calls);
}

long ln_fault_live(void) {
    return atomic_load(&live);
}

const char *ln_fault_failed(void) {
    return atomic_load(&failed);
}
