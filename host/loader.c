#include "base/env.h"
#include "host/internal.h"

#include <dlfcn.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void *library; /* never closed: drivers do not survive it */
static ln_cl_api table;
static const ln_cl_hook *hook;
static _Atomic(const ln_cl_api *) current;

typedef struct entry {
    const char *name;
    int since;
    size_t at;
} entry;
static const entry entries[] = {
#define ROW(since, name)                           {#name, since, offsetof(ln_cl_api, name)},
#define CL_CALL(since, name, params, args)         ROW(since, name)
#define CL_OBJECT(since, type, name, params, args) ROW(since, name)
#define CL_POINTER(since, name, params, args)      ROW(since, name)
#define CL_RELEASE(since, name, params, args)      ROW(since, name)
#define CL_FREE(since, name, params, args)         ROW(since, name)
#include "host/clapi.inc"
#undef ROW
#undef CL_CALL
#undef CL_OBJECT
#undef CL_POINTER
#undef CL_RELEASE
#undef CL_FREE
};

/* Debian and most systems; then development links and Android. */
static const char *const names[] = {"libOpenCL.so.1", "libOpenCL.so", "/vendor/lib64/libOpenCL.so",
                                    "/system/vendor/lib64/libOpenCL.so"};

static void *open_library(const char *asked) {
    if (asked) return dlopen(asked, RTLD_NOW | RTLD_LOCAL);
    for (size_t i = 0; i < LN_COUNT(names); i++) {
        void *l = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
        if (l) return l;
    }
    return NULL;
}

static linnet_status no_loader(linnet_error *err, const char *name) {
    return ln_fail(err, LINNET_ERR_NO_DEVICE,
                   "no OpenCL loader: %s cannot be opened; install one (Debian: apt-get install "
                   "ocl-icd-libopencl1 pocl-opencl-icd), or use --device ref",
                   name);
}

static linnet_status fill_table(void *l, const char *name, linnet_error *err) {
    for (size_t i = 0; i < LN_COUNT(entries); i++) {
        void *fn = dlsym(l, entries[i].name);
        if (!fn && entries[i].since <= 120)
            return ln_fail(err, LINNET_ERR_NO_DEVICE,
                           "OpenCL loader %s lacks %s; install one for OpenCL 1.2 or later "
                           "(Debian: apt-get install ocl-icd-libopencl1)",
                           name, entries[i].name);
        memcpy((char *)&table + entries[i].at, &fn, sizeof fn);
    }
    return LINNET_OK;
}

static linnet_status open_locked(linnet_error *err) {
    const char *asked = ln_env(LN_ENV_OPENCL), *name = asked ? asked : names[0];
    if (hook && hook->no_loader) return no_loader(err, name);
    if (library) return LINNET_OK;
    void *l = open_library(asked);
    if (!l) return no_loader(err, name);
    linnet_status st = fill_table(l, name, err);
    if (st != LINNET_OK) {
        dlclose(l);
        return st;
    }
    library = l;
    atomic_store(&current, hook ? hook->wrap(&table) : &table);
    return LINNET_OK;
}

linnet_status ln_cl_open(linnet_error *err) {
    pthread_mutex_lock(&lock);
    linnet_status st = open_locked(err);
    pthread_mutex_unlock(&lock);
    return st;
}

const ln_cl_api *ln_cl(void) {
    return atomic_load_explicit(&current, memory_order_acquire);
}

void ln_cl_set_hook(const ln_cl_hook *h) {
    pthread_mutex_lock(&lock);
    hook = h;
    if (library) atomic_store(&current, h ? h->wrap(&table) : &table);
    pthread_mutex_unlock(&lock);
}
