/* What the files of host/ share. Nothing outside host/ includes this. */
#ifndef LN_HOST_INTERNAL_H
#define LN_HOST_INTERNAL_H

#define CL_TARGET_OPENCL_VERSION 300
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#define CL_ENABLE_BETA_EXTENSIONS
#include <CL/cl.h>
#include <CL/cl_ext.h>

#include "host/host.h"
#include <pthread.h>
#include <stdatomic.h>

/* ---- loader.c: the table of entry points ---- */
typedef struct ln_cl_api {
#define CL_CALL(since, name, params, args)         __typeof__(&name) name;
#define CL_OBJECT(since, type, name, params, args) __typeof__(&name) name;
#define CL_POINTER(since, name, params, args)      __typeof__(&name) name;
#define CL_RELEASE(since, name, params, args)      __typeof__(&name) name;
#define CL_FREE(since, name, params, args)         __typeof__(&name) name;
#include "host/clapi.inc"
#undef CL_CALL
#undef CL_OBJECT
#undef CL_POINTER
#undef CL_RELEASE
#undef CL_FREE
} ln_cl_api;

/* Opens the loader unless it is open. LINNET_ERR_NO_DEVICE when the machine has none. */
linnet_status ln_cl_open(linnet_error *err);
const ln_cl_api *ln_cl(void); /* valid once ln_cl_open has succeeded */
/* Tests put another table before the loader's; NULL takes it away. */
typedef struct ln_cl_hook {
    const ln_cl_api *(*wrap)(const ln_cl_api *real);
    bool no_loader;
} ln_cl_hook;
void ln_cl_set_hook(const ln_cl_hook *hook);

/* ---- commands.c ---- */
typedef struct ln_command_api {
#define CL_COMMAND(name) name##_fn name;
#include "host/commands.inc"
#undef CL_COMMAND
} ln_command_api;

/* ---- clerror.c: the one mapping from cl_int ---- */
const char *ln_cl_error_name(cl_int code);
/* call: the entry that returned code; fmt: what was being done, for the message. */
linnet_status ln_cl_fail(linnet_error *err, cl_int code, const char *call, const char *fmt, ...)
    LN_PRINTF(4, 5);

/* ---- device.c ---- */
struct ln_device {
    atomic_int refs;
    cl_platform_id platform;
    cl_device_id id;
    cl_context context;
    ln_caps caps;
    uint64_t key;          /* hash of device, driver and platform version */
    pthread_mutex_t units; /* ln_device_lock_units */
    pthread_mutex_t lock;
    pthread_cond_t built;
    /* under the lock: */
    cl_command_queue fill; /* for zeroing new buffers */
    ln_program *programs;
    ln_host_stats stats;
};
/* As ln_device_open, without looking for features: for the probe itself. */
linnet_status ln_device_open_plain(const char *spec, ln_device **out, linnet_error *err);

/* ---- device_info.c ---- */
/* Limits, strings and queried features of a device. key: as in ln_device; hints: features worth a
 * probe, judged by the extension string. */
linnet_status ln_device_query(cl_platform_id p, cl_device_id d, ln_caps *caps, uint64_t *key,
                              uint32_t *hints, linnet_error *err);
/* NULL when the device can be used, else the reason. */
const char *ln_device_unusable(cl_device_id d, const ln_caps *caps);
linnet_status ln_device_string(cl_device_id d, cl_device_info what, ln_str *out, linnet_error *err);

/* ---- probe.c ---- */
/* The features among `hints` that work on the device at `index` of the list: from the cache, else
 * by linnet-probe. Conservative (none) when there is no such program. */
uint32_t ln_probe_features(int index, uint64_t key, uint32_t hints);

/* ---- program_cache.c ---- */
struct ln_program {
    ln_program *next;
    ln_device *device;
    cl_program program;
    uint64_t key, check; /* two hashes of the same things: the second confirms the first */
    char *label;
    int users;        /* under the device's lock, as all below */
    bool building;    /* one thread compiles; others wait for device->built */
    bool from_source; /* and not saved yet */
};
/* The stored program, built; NULL on a miss of any kind. */
cl_program ln_cache_load(ln_device *d, const ln_program *p);
void ln_cache_store(const ln_program *p, const void *bytes, size_t size);

/* ---- turn.c ---- */
/* Around a launch of q, or around reading binaries (NULL): nothing where the driver is sound. */
cl_int ln_turn_take(const ln_device *d, const ln_queue *q);
void ln_turn_give(const ln_device *d);
void ln_turn_forget(const ln_queue *q); /* q is drained */

/* ---- gemm.c ---- */
void ln_gemm_forget(void); /* a context goes */

/* ---- program.c ---- */
void ln_programs_free(ln_device *d);

/* ---- objects ---- */
struct ln_buffer {
    ln_device *device;
    cl_mem mem;
    void *host; /* its memory, where host and kernels share it; else NULL */
    size_t bytes;
};
struct ln_kernel {
    ln_program *program;
    cl_kernel kernel;
    char name[64];
};
struct ln_queue {
    ln_device *device;
    cl_command_queue queue;
    bool profiling;
    struct ln_pending {
        cl_event event;
        uint64_t *ns;
        bool add; /* to what is in ns */
    } * pending;
    size_t n_pending;
    unsigned unflushed; /* kernels since the last flush, where that matters */
};

#endif
