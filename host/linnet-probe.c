/* linnet-probe INDEX FEATURE: exit status 0 when the feature works on the device, 1 when not.
 * A process of its own, because some compilers end the process that asks for what they lack. */
#include "base/env.h"
#include "host/internal.h"
#include "host/probe.h"

#include <CL/cl_ext.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ITEMS  32 /* of the probe launch */
#define LOCAL  8  /* of a work-group */
#define GROUPS (ITEMS / LOCAL)

typedef struct probe {
    ln_device *device;
    ln_program *program;
    ln_kernel *kernel;
    ln_buffer *buffer;
    ln_queue *queue;
    int32_t out[ITEMS];
} probe;

typedef struct row {
    ln_feature feature;
    const char *source; /* a kernel p(__global int *o) for ITEMS work-items */
    bool (*check)(probe *p);
    bool (*launch)(probe *p); /* NULL: a plain launch */
    const char *standard;     /* the newest there is, or what programs ask for */
} row;

static bool build(probe *p, const char *text, const char *standard) {
    uint32_t v = ln_device_caps(p->device)->cl_version;
    const ln_program_source src = {
        .text = text,
        .options = standard   ? standard
                   : v >= 300 ? "-cl-std=CL3.0"
                   : v >= 200 ? "-cl-std=CL2.0"
                              : "-cl-std=CL1.2",
        .label = "probe",
    };
    return ln_program_get(p->device, &src, &p->program, NULL) == LINNET_OK &&
           ln_kernel_create(p->program, "p", &p->kernel, NULL) == LINNET_OK &&
           ln_buffer_create(p->device, sizeof p->out, LN_BUFFER_ARENA, &p->buffer, NULL) ==
               LINNET_OK &&
           ln_kernel_arg_buffer(p->kernel, 0, p->buffer, NULL) == LINNET_OK &&
           ln_queue_create(p->device, false, &p->queue, NULL) == LINNET_OK;
}

static bool launch(probe *p) {
    return ln_queue_launch(p->queue, p->kernel, GROUPS, LOCAL, NULL, NULL) == LINNET_OK;
}

static bool equals(const probe *p, int32_t (*want)(int i)) {
    for (int i = 0; i < ITEMS; i++)
        if (p->out[i] != want(i)) return false;
    return true;
}

/* ---- barrier: a work-group reversed through local memory, twice ---- */
static const char barrier_source[] = "__kernel void p(__global int *o) {\n"
                                     "    __local int t[8];\n"
                                     "    int l = get_local_id(0), v = get_global_id(0);\n"
                                     "    for (int i = 0; i < 3; i++) {\n"
                                     "        t[l] = v;\n"
                                     "        barrier(CLK_LOCAL_MEM_FENCE);\n"
                                     "        v = t[7 - l] + 100;\n"
                                     "        barrier(CLK_LOCAL_MEM_FENCE);\n"
                                     "    }\n"
                                     "    o[get_global_id(0)] = v;\n"
                                     "}\n";
static int32_t barrier_want(int i) {
    return i / LOCAL * LOCAL + (LOCAL - 1 - i % LOCAL) + 300;
}
static bool barrier_check(probe *p) {
    return equals(p, barrier_want);
}

/* ---- fp16: (i/2 + 3)^2 in half, exact; and a vector form ---- */
static const char fp16_source[] =
    "#pragma OPENCL EXTENSION cl_khr_fp16 : enable\n"
    "__kernel void p(__global int *o) {\n"
    "    int i = get_global_id(0);\n"
    "    half h = (half)i * (half)0.5f + (half)3.0f;\n"
    "    half8 v = (half8)(h) * (half8)(h);\n"
    "    v = fma(v, (half8)(1.0h), (half8)(0.25h));\n"
    "    o[i] = convert_int(convert_float(v.s0) * 4.0f) + convert_int(convert_float(v.s7));\n"
    "}\n";
static int32_t fp16_want(int i) {
    int q = (i + 6) * (i + 6) + 1; /* four times (i/2 + 3)^2 + 1/4 */
    return q + q / 4;
}
static bool fp16_check(probe *p) {
    return equals(p, fp16_want);
}

/* ---- subgroups: sizes sum up to the group, reductions agree, and so does the host ---- */
static const char subgroups_source[] =
    "#ifdef cl_khr_subgroups\n"
    "#pragma OPENCL EXTENSION cl_khr_subgroups : enable\n"
    "#endif\n"
    "__kernel void p(__global int *o) {\n"
    "    int n = get_sub_group_size(), l = get_sub_group_local_id();\n"
    "    bool ok = sub_group_reduce_add(1) == n && sub_group_reduce_max(l) == n - 1;\n"
    "    ok = ok && sub_group_scan_inclusive_add(1) == l + 1;\n"
    "    ok = ok && sub_group_broadcast(l, n - 1) == n - 1;\n"
    "    ok = ok && get_max_sub_group_size() * get_num_sub_groups() >= get_local_size(0);\n"
    "    o[get_global_id(0)] = ok ? (int)get_max_sub_group_size() : 0;\n"
    "}\n";
static bool subgroups_check(probe *p) {
    size_t local = LOCAL, host = 0;
    if (!ln_cl()->clGetKernelSubGroupInfo) return false;
    cl_int code = ln_cl()->clGetKernelSubGroupInfo(p->kernel->kernel, p->device->id,
                                                   CL_KERNEL_MAX_SUB_GROUP_SIZE_FOR_NDRANGE,
                                                   sizeof local, &local, sizeof host, &host, NULL);
    for (int i = 0; !code && i < ITEMS; i++)
        if (p->out[i] <= 0 || (size_t)p->out[i] != host) return false;
    return !code;
}

/* ---- products of four bytes, as cl_kernels/dot8.clh asks for them: weights w with signs, and x
 * ---- */
#define DOT_SOURCE(extension, sum)                                                                 \
    extension "__kernel void p(__global int *o) {\n"                                               \
              "    int i = get_global_id(0);\n"                                                    \
              "    uint w = as_uint((char4)(i, -i, 2, -128));\n"                                   \
              "    uint x = as_uint((uchar4)(3, 5, 200, 127));\n"                                  \
              "    o[i] = " sum ";\n"                                                              \
              "}\n"
#define DOT_EXTENSION(name) "#pragma OPENCL EXTENSION " name " : enable\n"
static int32_t dot_want(int i, int third) {
    return i + 3 * i - 5 * i + 2 * third - 128 * 127;
}
static int32_t unsigned_dot_want(int i) {
    return dot_want(i, 200);
}
static bool unsigned_dot_check(probe *p) {
    return equals(p, unsigned_dot_want);
}
static int32_t signed_dot_want(int i) {
    return dot_want(i, 200 - 256);
}
static bool signed_dot_check(probe *p) {
    return equals(p, signed_dot_want);
}

/* ---- AVX-512 VNNI, as cl_kernels/vnni.clh asks for it ---- */
static const char vnni_source[] =
    "#if __clang_major__ >= 22\n"
    "typedef char quads __attribute__((ext_vector_type(64)));\n"
    "#else\n"
    "typedef int16 quads;\n"
    "#endif\n"
    "#ifdef __x86_64__\n"
    "#define FUNCTION static __attribute__((noinline, target(\"avx512vnni\")))\n"
    "#else\n"
    "#define FUNCTION static __attribute__((noinline))\n"
    "#endif\n"
    "typedef short short32 __attribute__((ext_vector_type(32)));\n"
    "typedef char char64 __attribute__((ext_vector_type(64)));\n"
    "int16 dot(int16 a, quads x, quads w) __asm__(\"llvm.x86.avx512.vpdpbusd.512\");\n"
    "short32 pack16(int16 a, int16 b) __asm__(\"llvm.x86.avx512.packssdw.512\");\n"
    "char64 pack8(short32 a, short32 b) __asm__(\"llvm.x86.avx512.packsswb.512\");\n"
    "short32 adds(short32 a, short32 b) __asm__(\"llvm.sadd.sat.v32i16\");\n"
    "char64 addus(char64 a, char64 b) __asm__(\"llvm.uadd.sat.v64i8\");\n"
    "char64 choose(char64 from, char64 by) __asm__(\"llvm.x86.avx512.pshuf.b.512\");\n"
    "FUNCTION void sums(__global int *o, int i) {\n"
    "    int16 x = (int16)(0x01ff0280 + (i << 24)), w = (int16)(0x7f81ff03);\n"
    "    int16 s = dot((int16)(i), __builtin_astype(x, quads), __builtin_astype(w, quads));\n"
    "    short32 p = adds(pack16(s, s), (short32)(short)32767);\n"
    "    char64 b = pack8(p, pack16((int16)(i), (int16)(i)));\n"
    "    char64 c = choose((char64)(char)(i + 5), addus((char64)(char)(i + 100), "
    "(char64)(char)20));\n"
    "    o[i] = s.s7 + b.s0 + b.s8 + c.s9;\n"
    "}\n"
    "__kernel void p(__global int *o) {\n"
    "    sums(o, get_global_id(0));\n"
    "}\n";
static int32_t vnni_want(int i) {
    return i + 128 * 3 - 2 - 255 * 127 + (1 + i) * 127 + 127 + i +
           (i < 8 ? i + 5 : 0); /* 120 + i from 128 on chooses nothing */
}
static bool vnni_check(probe *p) {
    return equals(p, vnni_want);
}

/* ---- command buffer: one launch recorded, run twice ---- */
static const char count_source[] = "__kernel void p(__global int *o) {\n"
                                   "    o[get_global_id(0)] += get_global_id(0) + 1;\n"
                                   "}\n";
static int32_t count_want(int i) {
    return 2 * (i + 1);
}
static bool count_check(probe *p) {
    return equals(p, count_want);
}

static bool record_and_replay(probe *p) {
#define ENTRY(name)                                                                                \
    name##_fn name = (name##_fn)(uintptr_t)ln_cl()->clGetExtensionFunctionAddressForPlatform(      \
        p->device->platform, #name)
    ENTRY(clCreateCommandBufferKHR);
    ENTRY(clFinalizeCommandBufferKHR);
    ENTRY(clReleaseCommandBufferKHR);
    ENTRY(clEnqueueCommandBufferKHR);
    ENTRY(clCommandNDRangeKernelKHR);
#undef ENTRY
    if (!clCreateCommandBufferKHR || !clFinalizeCommandBufferKHR || !clReleaseCommandBufferKHR ||
        !clEnqueueCommandBufferKHR || !clCommandNDRangeKernelKHR)
        return false;
    const size_t global = ITEMS, local = LOCAL;
    cl_int code = CL_SUCCESS;
    cl_command_buffer_khr cb = clCreateCommandBufferKHR(1, &p->queue->queue, NULL, &code);
    if (!cb) return false;
    code = clCommandNDRangeKernelKHR(cb, NULL, NULL, p->kernel->kernel, 1, NULL, &global, &local, 0,
                                     NULL, NULL, NULL);
    if (!code) code = clFinalizeCommandBufferKHR(cb);
    for (int i = 0; !code && i < 2; i++) {
        code = clEnqueueCommandBufferKHR(0, NULL, cb, 0, NULL, NULL);
        if (!code) code = ln_cl()->clFinish(p->queue->queue);
    }
    clReleaseCommandBufferKHR(cb);
    return !code;
}

static const row rows[] = {
    {LN_FEAT_BARRIER, barrier_source, barrier_check, NULL},
    {LN_FEAT_FP16, fp16_source, fp16_check, NULL},
    {LN_FEAT_SUBGROUPS, subgroups_source, subgroups_check, NULL},
    {LN_FEAT_INT_DOT, DOT_SOURCE("", "i + dot_4x8packed_su_int(w, x)"), unsigned_dot_check, NULL},
    {LN_FEAT_QCOM_DOT, DOT_SOURCE(DOT_EXTENSION("cl_qcom_dot_product8"), "qcom_dot8_acc(w, x, i)"),
     unsigned_dot_check, NULL, "-cl-std=CL1.2"},
    {LN_FEAT_ARM_DOT,
     DOT_SOURCE(DOT_EXTENSION("cl_arm_integer_dot_product_accumulate_int8"),
                "arm_dot_acc(as_char4(x), as_char4(w), i)"),
     signed_dot_check, NULL, "-cl-std=CL1.2"},
    {LN_FEAT_VNNI, vnni_source, vnni_check, NULL},
    {LN_FEAT_COMMAND_BUFFER, count_source, count_check, record_and_replay},
};

static bool works(probe *p, const row *r) {
    return build(p, r->source, r->standard) && (r->launch ? r->launch : launch)(p) &&
           ln_queue_read(p->queue, p->buffer, 0, p->out, sizeof p->out, NULL) == LINNET_OK &&
           r->check(p);
}

int main(int argc, char **argv) {
    const row *r = NULL;
    for (size_t i = 0; argc == 3 && i < LN_COUNT(rows); i++)
        if (!strcmp(argv[2], ln_feature_names[rows[i].feature])) r = &rows[i];
    if (!r) return LN_PROBE_ERROR;
    alarm(60); /* ends even when nobody waits any more */
    ln_cache_dir_set("off");
    probe p = {0};
    if (ln_device_open_plain(argv[1], &p.device, NULL) != LINNET_OK) return LN_PROBE_ERROR;
    bool ok = works(&p, r);
    ln_queue_destroy(&p.queue);
    ln_buffer_destroy(&p.buffer);
    ln_kernel_destroy(&p.kernel);
    ln_program_release(&p.program);
    ln_device_release(&p.device);
    return ok ? LN_PROBE_WORKS : LN_PROBE_FAILS;
}
