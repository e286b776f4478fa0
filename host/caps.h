/* A device as the planner sees it: a record of limits and features, no OpenCL types.
 * `linnet devices --dump` writes one as JSON; tests/caps/ holds checked-in ones. */
#ifndef LN_CAPS_H
#define LN_CAPS_H

#include "base/base.h"

typedef enum ln_device_kind { LN_DEVICE_CPU, LN_DEVICE_GPU, LN_DEVICE_OTHER } ln_device_kind;

/* Features, found by compiling and running a probe, never read off extension strings alone. */
typedef enum ln_feature {
    LN_FEAT_FP16,           /* half arithmetic (cl_khr_fp16) */
    LN_FEAT_SUBGROUPS,      /* sub_group_* work and agree with the host's query */
    LN_FEAT_INT_DOT,        /* cl_khr_integer_dot_product */
    LN_FEAT_COMMAND_BUFFER, /* cl_khr_command_buffer */
    LN_FEAT_UNIFIED_MEMORY, /* host and device share memory: map, do not copy */
    LN_FEAT_LOCAL_MEMORY,   /* local memory is a memory of its own (not cached global) */
    LN_FEAT_BARRIER,        /* work-group barriers work */
    LN_FEAT_VNNI,     /* a processor whose compiler gives AVX-512 VNNI by LLVM's name for it */
    LN_FEAT_QCOM_DOT, /* cl_qcom_dot_product8 */
    LN_FEAT_ARM_DOT,  /* cl_arm_integer_dot_product_accumulate_int8 */
    LN_FEAT_SHARED_BUFFERS, /* host and kernels use a buffer without mapping it (fine-grained
                               shared virtual memory) */
    LN_FEAT_COUNT
} ln_feature;
extern const char *const ln_feature_names[LN_FEAT_COUNT];

/* What to avoid on a driver with known faults (quirks.inc). */
typedef enum ln_quirk {
#define LN_QUIRK(id, name, avoids, handled, what) LN_QUIRK_##id,
#include "host/quirks.inc"
#undef LN_QUIRK
    LN_QUIRK_COUNT
} ln_quirk;
typedef struct ln_quirk_info {
    const char *name;
    uint32_t avoids; /* features it turns off */
    bool handled;    /* by those features, or where its id is asked for */
    const char *what;
} ln_quirk_info;
extern const ln_quirk_info ln_quirk_infos[LN_QUIRK_COUNT];

/* Larger figures are cut to this: what JSON's 15 digits hold exactly, and 512 TiB. */
#define LN_CAPS_MOST (UINT64_C(1) << 49)

#define LN_CAPS_KERNELS 512 /* room for rows */

typedef struct ln_caps {
    char platform[64], name[128], vendor[64];
    char driver[256];  /* CL_DRIVER_VERSION */
    char version[128]; /* CL_DEVICE_VERSION */
    ln_device_kind kind;
    uint32_t cl_version; /* 120 for OpenCL 1.2, 300 for 3.0 */
    uint32_t compute_units;
    uint32_t max_work_group;
    uint32_t max_work_item[3];
    uint32_t vector_float; /* native vector width in floats: 16 with AVX-512, 4 or 1 on GPUs */
    uint32_t mem_align;    /* bytes, of a buffer or sub-buffer */
    uint64_t global_mem, max_alloc, local_mem;
    uint32_t features; /* bit 1 << ln_feature */
    uint32_t quirks;   /* bit 1 << ln_quirk, from quirks.inc */
    /* Kernels, a bit for each row of their table, whose results were wrong here or that cannot run
     * as built (engine/vet.h); no part of the written record. */
    uint32_t wrong[LN_CAPS_KERNELS / 32];
    /* Halves are acted by rounded floats (half.clh): for tests where LN_FEAT_FP16 is set for a
     * device that has none; no part of the written record. */
    bool acted_halves;
} ln_caps;

static inline bool ln_caps_has(const ln_caps *c, ln_feature f) {
    return (c->features >> f) & 1u;
}
static inline bool ln_caps_quirk(const ln_caps *c, ln_quirk q) {
    return (c->quirks >> q) & 1u;
}
/* CPU-like devices take the deep kernels, all others the wide ones. */
static inline bool ln_caps_deep(const ln_caps *c) {
    return c->kind == LN_DEVICE_CPU;
}

/* Whether buffers are shared in that way. On GPUs such memory can be slow to kernels. */
static inline bool ln_caps_shares(const ln_caps *c) {
    return ln_caps_deep(c) && ln_caps_has(c, LN_FEAT_SHARED_BUFFERS);
}

/* JSON record of a device, appended to out; and back. Unknown keys are an error, but for
 * "source", where a checked-in record says whence its figures are. */
void ln_caps_to_json(const ln_caps *c, ln_str *out);
linnet_status ln_caps_from_json(const char *text, ln_caps *out, linnet_error *err);

/* Sets c->quirks from the table of known faults and clears the features that they rule out. */
void ln_caps_apply_quirks(ln_caps *c);
/* Clears the features named in a comma list, as LINNET_DISABLE holds; other names are ignored. */
void ln_caps_disable(ln_caps *c, const char *list);
/* Dotted numbers: "031.38.11" against "31.45" is below 0. */
int ln_version_compare(const char *a, const char *b);

#endif
