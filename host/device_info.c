#include "host/internal.h"

#include <stdlib.h>
#include <string.h>

#ifndef CL_DEVICE_MAX_NUM_SUB_GROUPS
#    define CL_DEVICE_MAX_NUM_SUB_GROUPS 0x105C
#endif

linnet_status ln_device_string(cl_device_id d, cl_device_info what, ln_str *out,
                               linnet_error *err) {
    size_t n = 0;
    cl_int code = ln_cl()->clGetDeviceInfo(d, what, 0, NULL, &n);
    if (code) return ln_cl_fail(err, code, "clGetDeviceInfo", "looking at a device");
    char *text = calloc(n + 1, 1);
    if (!text) return ln_fail_oom(err, "a device's name", n + 1);
    code = ln_cl()->clGetDeviceInfo(d, what, n, text, NULL);
    if (!code) ln_str_add(out, "%s", text);
    free(text);
    if (code) return ln_cl_fail(err, code, "clGetDeviceInfo", "looking at a device");
    return out->failed ? ln_fail_oom(err, "a device's name", n + 1) : LINNET_OK;
}

/* Cut to the field, ends trimmed, control characters out. */
static void copy_text(char *dst, size_t size, const char *src) {
    src += strspn(src, " ");
    size_t n = 0;
    for (; *src && n + 1 < size; src++) dst[n++] = (unsigned char)*src < 0x20 ? ' ' : *src;
    while (n && dst[n - 1] == ' ') n--;
    dst[n] = 0;
}

static linnet_status device_text(cl_device_id d, cl_device_info what, char *dst, size_t size,
                                 linnet_error *err) {
    ln_str s = {0};
    linnet_status st = ln_device_string(d, what, &s, err);
    if (st == LINNET_OK) copy_text(dst, size, s.p);
    ln_str_free(&s);
    return st;
}

static linnet_status platform_text(cl_platform_id p, cl_platform_info what, char *dst, size_t size,
                                   linnet_error *err) {
    char text[1024] = "";
    cl_int code = ln_cl()->clGetPlatformInfo(p, what, sizeof text, text, NULL);
    if (code) return ln_cl_fail(err, code, "clGetPlatformInfo", "looking at a platform");
    text[sizeof text - 1] = 0;
    copy_text(dst, size, text);
    return LINNET_OK;
}

/* An integer of any size the driver gives: uint, ulong or size_t. */
static linnet_status number(cl_device_id d, cl_device_info what, uint64_t *out, linnet_error *err) {
    union {
        cl_uint u32;
        cl_ulong u64;
    } v = {.u64 = 0};
    size_t n = 0;
    cl_int code = ln_cl()->clGetDeviceInfo(d, what, sizeof v, &v, &n);
    if (code) return ln_cl_fail(err, code, "clGetDeviceInfo", "looking at a device's limits");
    *out = n == sizeof v.u32 ? v.u32 : v.u64;
    if (*out > LN_CAPS_MOST) *out = LN_CAPS_MOST;
    return LINNET_OK;
}

static linnet_status limits(cl_device_id d, ln_caps *c, linnet_error *err) {
    uint64_t type, units, group, align, vector, unified, local;
    size_t items[16] = {0};
    LN_TRY(number(d, CL_DEVICE_TYPE, &type, err));
    LN_TRY(number(d, CL_DEVICE_MAX_COMPUTE_UNITS, &units, err));
    LN_TRY(number(d, CL_DEVICE_MAX_WORK_GROUP_SIZE, &group, err));
    LN_TRY(number(d, CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, &vector, err));
    LN_TRY(number(d, CL_DEVICE_MEM_BASE_ADDR_ALIGN, &align, err));
    LN_TRY(number(d, CL_DEVICE_GLOBAL_MEM_SIZE, &c->global_mem, err));
    LN_TRY(number(d, CL_DEVICE_MAX_MEM_ALLOC_SIZE, &c->max_alloc, err));
    LN_TRY(number(d, CL_DEVICE_LOCAL_MEM_SIZE, &c->local_mem, err));
    LN_TRY(number(d, CL_DEVICE_LOCAL_MEM_TYPE, &local, err));
    LN_TRY(number(d, CL_DEVICE_HOST_UNIFIED_MEMORY, &unified, err));
    cl_int code =
        ln_cl()->clGetDeviceInfo(d, CL_DEVICE_MAX_WORK_ITEM_SIZES, sizeof items, items, NULL);
    if (code) return ln_cl_fail(err, code, "clGetDeviceInfo", "looking at a device's limits");
    c->kind = type & CL_DEVICE_TYPE_CPU   ? LN_DEVICE_CPU
              : type & CL_DEVICE_TYPE_GPU ? LN_DEVICE_GPU
                                          : LN_DEVICE_OTHER;
    c->compute_units = (uint32_t)units;
    c->max_work_group = (uint32_t)LN_MIN(group, UINT32_MAX);
    for (int i = 0; i < 3; i++) c->max_work_item[i] = (uint32_t)LN_MIN(items[i], UINT32_MAX);
    c->vector_float = (uint32_t)vector;
    c->mem_align = (uint32_t)(align / 8); /* asked in bits */
    if (unified) c->features |= 1u << LN_FEAT_UNIFIED_MEMORY;
    if (local == CL_LOCAL) c->features |= 1u << LN_FEAT_LOCAL_MEMORY;
    return LINNET_OK;
}

/* "OpenCL 3.0 ..." is 300. */
static uint32_t parse_version(const char *text) {
    int major = 0, minor = 0;
    if (sscanf(text, "OpenCL %d.%d", &major, &minor) != 2) return 0;
    if (major < 1 || major > 99 || minor < 0 || minor > 9) return 0;
    return (uint32_t)(major * 100 + minor * 10);
}

/* The extension without which a feature is not worth a probe; "": always. */
typedef struct hint {
    ln_feature feature;
    const char *extension;
} hint;
static const hint hints_of[] = {
    {LN_FEAT_BARRIER, ""},
    {LN_FEAT_FP16, "cl_khr_fp16"},
    {LN_FEAT_SUBGROUPS, "cl_khr_subgroups"},
    {LN_FEAT_INT_DOT, "cl_khr_integer_dot_product"},
    {LN_FEAT_QCOM_DOT, "cl_qcom_dot_product8"},
    {LN_FEAT_ARM_DOT, "cl_arm_integer_dot_product_accumulate_int8"},
    {LN_FEAT_COMMAND_BUFFER, "cl_khr_command_buffer"},
};

/* A processor as a device is the one that this runs on. */
static bool host_has_vnni(void) {
#ifdef __x86_64__
    return __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw");
#else
    return false;
#endif
}

static linnet_status find_hints(cl_device_id d, uint32_t cl_version, ln_device_kind kind,
                                uint32_t *out, linnet_error *err) {
    ln_str ext = {0};
    linnet_status st = ln_device_string(d, CL_DEVICE_EXTENSIONS, &ext, err);
    *out = 0;
    for (size_t i = 0; st == LINNET_OK && i < LN_COUNT(hints_of); i++)
        if (strstr(ext.p, hints_of[i].extension)) *out |= 1u << hints_of[i].feature;
    ln_str_free(&ext);
    uint64_t groups = 0; /* OpenCL 3.0 devices may have subgroups without the extension */
    if (st == LINNET_OK && cl_version >= 300)
        st = number(d, CL_DEVICE_MAX_NUM_SUB_GROUPS, &groups, err);
    if (groups) *out |= 1u << LN_FEAT_SUBGROUPS;
    if (kind == LN_DEVICE_CPU && host_has_vnni()) *out |= 1u << LN_FEAT_VNNI;
    return st;
}

static linnet_status sharing(cl_device_id d, ln_caps *c, linnet_error *err) {
    uint64_t svm = 0;
    if (c->cl_version < 200 || !ln_cl()->clSVMAlloc || !ln_cl()->clSVMFree) return LINNET_OK;
    LN_TRY(number(d, CL_DEVICE_SVM_CAPABILITIES, &svm, err));
    if (svm & CL_DEVICE_SVM_FINE_GRAIN_BUFFER) c->features |= 1u << LN_FEAT_SHARED_BUFFERS;
    return LINNET_OK;
}

linnet_status ln_device_query(cl_platform_id p, cl_device_id d, ln_caps *c, uint64_t *key,
                              uint32_t *hints, linnet_error *err) {
    *c = (ln_caps){0};
    char release[256];
    LN_TRY(platform_text(p, CL_PLATFORM_NAME, c->platform, sizeof c->platform, err));
    LN_TRY(platform_text(p, CL_PLATFORM_VERSION, release, sizeof release, err));
    LN_TRY(device_text(d, CL_DEVICE_NAME, c->name, sizeof c->name, err));
    LN_TRY(device_text(d, CL_DEVICE_VENDOR, c->vendor, sizeof c->vendor, err));
    LN_TRY(device_text(d, CL_DRIVER_VERSION, c->driver, sizeof c->driver, err));
    LN_TRY(device_text(d, CL_DEVICE_VERSION, c->version, sizeof c->version, err));
    LN_TRY(limits(d, c, err));
    c->cl_version = parse_version(c->version);
    LN_TRY(sharing(d, c, err));
    const char *const parts[] = {c->platform, release, c->name, c->driver, c->version};
    *key = LN_HASH_INIT;
    for (size_t i = 0; i < LN_COUNT(parts); i++)
        *key = ln_hash(*key, parts[i], strlen(parts[i]) + 1);
    return find_hints(d, c->cl_version, c->kind, hints, err);
}

const char *ln_device_unusable(cl_device_id d, const ln_caps *c) {
    uint64_t available = 0, compiler = 0;
    if (c->cl_version < 120) return "older than OpenCL 1.2";
    if (number(d, CL_DEVICE_AVAILABLE, &available, NULL) != LINNET_OK || !available)
        return "the driver says it is not available";
    if (number(d, CL_DEVICE_COMPILER_AVAILABLE, &compiler, NULL) != LINNET_OK || !compiler)
        return "its driver has no compiler";
    return NULL;
}
