#include "host/internal.h"

#include <string.h>

typedef struct code_row {
    cl_int code;
    const char *name;
    linnet_status status;
} code_row;
#define ROW(name, status)                                                                          \
    { name, #name, LINNET_ERR_##status }
#define EXT(n, nm, status)                                                                         \
    { n, nm, LINNET_ERR_##status }
static const code_row codes[] = {
    ROW(CL_DEVICE_NOT_FOUND, NO_DEVICE),
    ROW(CL_DEVICE_NOT_AVAILABLE, DEVICE_LOST),
    ROW(CL_COMPILER_NOT_AVAILABLE, BUILD_FAILED),
    ROW(CL_MEM_OBJECT_ALLOCATION_FAILURE, OUT_OF_MEMORY),
    ROW(CL_OUT_OF_RESOURCES, OUT_OF_MEMORY),
    ROW(CL_OUT_OF_HOST_MEMORY, OUT_OF_MEMORY),
    ROW(CL_PROFILING_INFO_NOT_AVAILABLE, UNSUPPORTED),
    ROW(CL_MEM_COPY_OVERLAP, INTERNAL),
    ROW(CL_BUILD_PROGRAM_FAILURE, BUILD_FAILED),
    ROW(CL_MAP_FAILURE, OUT_OF_MEMORY),
    ROW(CL_MISALIGNED_SUB_BUFFER_OFFSET, INTERNAL),
    ROW(CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST, DEVICE_LOST),
    ROW(CL_COMPILE_PROGRAM_FAILURE, BUILD_FAILED),
    ROW(CL_LINKER_NOT_AVAILABLE, BUILD_FAILED),
    ROW(CL_LINK_PROGRAM_FAILURE, BUILD_FAILED),
    ROW(CL_INVALID_VALUE, INTERNAL),
    ROW(CL_INVALID_PLATFORM, NO_DEVICE),
    ROW(CL_INVALID_DEVICE, DEVICE_LOST),
    ROW(CL_INVALID_CONTEXT, DEVICE_LOST),
    ROW(CL_INVALID_QUEUE_PROPERTIES, UNSUPPORTED),
    ROW(CL_INVALID_COMMAND_QUEUE, DEVICE_LOST), /* what drivers say after their watchdog bit */
    ROW(CL_INVALID_HOST_PTR, INTERNAL),
    ROW(CL_INVALID_MEM_OBJECT, INTERNAL),
    ROW(CL_INVALID_BINARY, BUILD_FAILED),
    ROW(CL_INVALID_BUILD_OPTIONS, BUILD_FAILED),
    ROW(CL_INVALID_PROGRAM, INTERNAL),
    ROW(CL_INVALID_PROGRAM_EXECUTABLE, BUILD_FAILED),
    ROW(CL_INVALID_KERNEL_NAME, INTERNAL),
    ROW(CL_INVALID_KERNEL_DEFINITION, INTERNAL),
    ROW(CL_INVALID_KERNEL, INTERNAL),
    ROW(CL_INVALID_ARG_INDEX, INTERNAL),
    ROW(CL_INVALID_ARG_VALUE, INTERNAL),
    ROW(CL_INVALID_ARG_SIZE, INTERNAL),
    ROW(CL_INVALID_KERNEL_ARGS, INTERNAL),
    ROW(CL_INVALID_WORK_DIMENSION, UNSUPPORTED),
    ROW(CL_INVALID_WORK_GROUP_SIZE, UNSUPPORTED),
    ROW(CL_INVALID_WORK_ITEM_SIZE, UNSUPPORTED),
    ROW(CL_INVALID_GLOBAL_OFFSET, INTERNAL),
    ROW(CL_INVALID_EVENT_WAIT_LIST, INTERNAL),
    ROW(CL_INVALID_EVENT, INTERNAL),
    ROW(CL_INVALID_OPERATION, UNSUPPORTED),
    ROW(CL_INVALID_BUFFER_SIZE, OUT_OF_MEMORY),
    ROW(CL_INVALID_GLOBAL_WORK_SIZE, UNSUPPORTED),
    ROW(CL_INVALID_PROPERTY, UNSUPPORTED),
    EXT(-1001, "CL_PLATFORM_NOT_FOUND_KHR", NO_DEVICE),
    EXT(-9999, "illegal read or write", DEVICE_LOST), /* NVIDIA's own */
};
#undef ROW
#undef EXT

static const char *const remedies[] = {
    [LINNET_ERR_UNSUPPORTED] = "try another device or turn the variant off by LINNET_DISABLE",
    [LINNET_ERR_OUT_OF_MEMORY] = "try a smaller batch or size, or another device",
    [LINNET_ERR_DEVICE_LOST] = "the device or driver stopped answering; open it again",
    [LINNET_ERR_NO_DEVICE] = "install a driver (Debian: apt-get install pocl-opencl-icd), or use "
                             "--device ref",
    [LINNET_ERR_BUILD_FAILED] = "report it with the output of -v and `linnet devices --dump`",
    [LINNET_ERR_INTERNAL] = "a fault of Linnet or the driver; report it with the output of -v",
};

static const code_row *find(cl_int code) {
    for (size_t i = 0; i < LN_COUNT(codes); i++)
        if (codes[i].code == code) return &codes[i];
    return NULL;
}

const char *ln_cl_error_name(cl_int code) {
    const code_row *row = find(code);
    return row ? row->name : "unknown OpenCL error";
}

linnet_status ln_cl_fail(linnet_error *err, cl_int code, const char *call, const char *fmt, ...) {
    const code_row *row = find(code);
    linnet_status st = row ? row->status : LINNET_ERR_INTERNAL;
    /* While waiting nothing is allocated: a hung GPU reports itself by this code. */
    bool waiting =
        !strcmp(call, "clFinish") || !strcmp(call, "clFlush") || !strcmp(call, "clGetEventInfo");
    if (code == CL_OUT_OF_RESOURCES && waiting) st = LINNET_ERR_DEVICE_LOST;
    char what[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    return ln_fail(err, st, "%s: %s: %s (%d); %s", what, call, ln_cl_error_name(code), (int)code,
                   remedies[st]);
}
