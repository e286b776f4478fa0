#include "base/env.h"
#include "host/internal.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* One device of the machine, before it is opened. */
typedef struct found {
    cl_platform_id platform;
    cl_device_id id;
    ln_caps caps;
    uint64_t key;
    uint32_t hints;
    const char *unusable; /* NULL: usable */
    char why[sizeof((ln_device_entry *)0)->why];
} found;
typedef struct found_list {
    found *at;
    int count, chosen; /* chosen: -1 for none */
} found_list;

#define MOST_PLATFORMS 64
#define MOST_DEVICES   64 /* of a platform */

/* ---- enumeration ---- */
/* A platform or device that cannot be asked is left out with a warning; the first such error is
 * kept, for it is the answer when nothing else is left. */
static void left_out(linnet_error *first, const linnet_error *e) {
    ln_log(LN_LOG_WARN, "OpenCL: left out: %s", e->message);
    if (first->status == LINNET_OK) *first = *e;
}

/* A driver is there, and finds nothing to drive; PoCL does so when it cannot write its cache. */
static void no_device(cl_platform_id p, linnet_error *first) {
    char name[64] = "";
    ln_cl()->clGetPlatformInfo(p, CL_PLATFORM_NAME, sizeof name - 1, name, NULL);
    bool pocl = strstr(name, "Portable Computing Language");
    if (first->status != LINNET_OK) return;
    ln_fail(first, LINNET_ERR_NO_DEVICE,
            "the OpenCL platform %s is installed but offers no device; %s, or use --device ref",
            name,
            pocl ? "set POCL_CACHE_DIR (or HOME) to a folder that can be written"
                 : "check that the device is plugged in and may be opened (groups render, video)");
}

static linnet_status add_devices(found_list *l, cl_platform_id p, linnet_error *first,
                                 linnet_error *err) {
    cl_device_id ids[MOST_DEVICES];
    cl_uint n = 0;
    linnet_error e = {0};
    cl_int code = ln_cl()->clGetDeviceIDs(p, CL_DEVICE_TYPE_ALL, MOST_DEVICES, ids, &n);
    if (code == CL_DEVICE_NOT_FOUND || (!code && !n)) {
        no_device(p, first);
        return LINNET_OK;
    }
    if (code) {
        ln_cl_fail(&e, code, "clGetDeviceIDs", "asking a platform for its devices");
        left_out(first, &e);
        return LINNET_OK;
    }
    n = LN_MIN(n, MOST_DEVICES);
    found *at = realloc(l->at, ((size_t)l->count + n) * sizeof *at);
    if (!at) return ln_fail_oom(err, "the list of devices", ((size_t)l->count + n) * sizeof *at);
    l->at = at;
    for (cl_uint i = 0; i < n; i++) {
        found *f = &at[l->count];
        *f = (found){.platform = p, .id = ids[i]};
        if (ln_device_query(p, ids[i], &f->caps, &f->key, &f->hints, &e) != LINNET_OK) {
            left_out(first, &e);
            continue;
        }
        f->unusable = ln_device_unusable(ids[i], &f->caps);
        l->count++;
    }
    return LINNET_OK;
}

static linnet_status enumerate(found_list *l, linnet_error *err) {
    *l = (found_list){.chosen = -1};
    LN_TRY(ln_cl_open(err));
    cl_platform_id ids[MOST_PLATFORMS];
    cl_uint n = 0;
    cl_int code = ln_cl()->clGetPlatformIDs(MOST_PLATFORMS, ids, &n);
    if (code) return ln_cl_fail(err, code, "clGetPlatformIDs", "looking for OpenCL platforms");
    n = LN_MIN(n, MOST_PLATFORMS);
    linnet_error first = {0};
    linnet_status st = LINNET_OK;
    for (cl_uint i = 0; i < n && st == LINNET_OK; i++) st = add_devices(l, ids[i], &first, err);
    if (st == LINNET_OK && !l->count) {
        if (first.status != LINNET_OK)
            st = ln_fail(err, first.status, "%s", first.message);
        else
            st = ln_fail(err, LINNET_ERR_NO_DEVICE,
                         "OpenCL has no device; install a driver (Debian: apt-get install "
                         "pocl-opencl-icd), or use --device ref");
    }
    if (st != LINNET_OK) {
        free(l->at);
        *l = (found_list){.chosen = -1};
    }
    return st;
}

/* ---- choice ---- */
static bool is_index(const char *spec, long *out) {
    char *end;
    *out = strtol(spec, &end, 10);
    return isdigit((unsigned char)*spec) && !*end;
}

static int first_of(const found_list *l, ln_device_kind kind) {
    for (int i = 0; i < l->count; i++)
        if (!l->at[i].unusable && l->at[i].caps.kind == kind) return i;
    return -1;
}

static int first_named(const found_list *l, const char *part) {
    for (int i = 0; i < l->count; i++)
        if (!l->at[i].unusable &&
            (strcasestr(l->at[i].caps.name, part) || strcasestr(l->at[i].caps.platform, part)))
            return i;
    return -1;
}

/* Which device the specification means, and by what rule; -1: none. */
static int pick(const found_list *l, const char *spec, char *rule, size_t size) {
    long index;
    if (!spec) {
        int i = first_of(l, LN_DEVICE_GPU);
        snprintf(rule, size, "%s", i >= 0 ? "the first GPU" : "no GPU; the first CPU");
        if (i < 0) i = first_of(l, LN_DEVICE_CPU);
        if (i >= 0) return i;
        snprintf(rule, size, "no GPU or CPU; the first device");
        return first_of(l, LN_DEVICE_OTHER);
    }
    if (is_index(spec, &index)) {
        snprintf(rule, size, "index %ld", index);
        return index < l->count && !l->at[index].unusable ? (int)index : -1;
    }
    if (!strcasecmp(spec, "gpu") || !strcasecmp(spec, "cpu")) {
        bool gpu = !strcasecmp(spec, "gpu");
        snprintf(rule, size, "the first %s", gpu ? "GPU" : "CPU");
        return first_of(l, gpu ? LN_DEVICE_GPU : LN_DEVICE_CPU);
    }
    snprintf(rule, size, "its name has \"%.40s\"", spec);
    return first_named(l, spec);
}

static linnet_status not_found(const found_list *l, const char *spec, linnet_error *err) {
    long index;
    bool by_index = spec && is_index(spec, &index) && index < l->count;
    if (!spec || by_index) {
        const found *f = &l->at[by_index ? index : 0];
        return ln_fail(err, LINNET_ERR_NO_DEVICE, "device %s cannot be used: %s; choose another",
                       f->caps.name, f->unusable);
    }
    ln_str names = {0};
    for (int i = 0; i < l->count; i++)
        ln_str_add(&names, "%s%d: %s (%s)", i ? ", " : "", i, l->at[i].caps.name,
                   l->at[i].unusable ? l->at[i].unusable : l->at[i].caps.platform);
    linnet_status st = ln_fail(err, LINNET_ERR_NO_DEVICE,
                               "no OpenCL device is \"%s\"; give an index, cpu, gpu or part of a "
                               "name of: %s",
                               spec, names.failed ? "(out of memory)" : names.p);
    ln_str_free(&names);
    return st;
}

static linnet_status choose(found_list *l, const char *spec, linnet_error *err) {
    char rule[80];
    const char *from_env = spec ? NULL : ln_env(LN_ENV_DEVICE);
    if (from_env) spec = from_env;
    bool reference = spec && !strcasecmp(spec, "ref");
    if (!reference) {
        l->chosen = pick(l, spec, rule, sizeof rule);
        if (l->chosen < 0) return not_found(l, spec, err);
    }
    for (int i = 0; i < l->count; i++) {
        found *f = &l->at[i];
        if (i == l->chosen)
            snprintf(f->why, sizeof f->why, "chosen%s: %s", from_env ? " by LINNET_DEVICE" : "",
                     rule);
        else if (f->unusable)
            snprintf(f->why, sizeof f->why, "unusable: %s", f->unusable);
        else
            snprintf(f->why, sizeof f->why, "not chosen: %s",
                     reference ? "the C reference was asked for" : "another comes first");
    }
    return LINNET_OK;
}

/* The one place where features are decided: queried, probed, known faults, the user's mask. */
static void settle_features(found *f, int index, bool probe) {
    if (probe) f->caps.features |= ln_probe_features(index, f->key, f->hints);
    ln_caps_apply_quirks(&f->caps);
    ln_caps_disable(&f->caps, ln_env(LN_ENV_DISABLE));
}

linnet_status ln_devices_list(const char *spec, bool probe, ln_device_entry **out, size_t *count,
                              linnet_error *err) {
    found_list l;
    *out = NULL;
    *count = 0;
    LN_TRY(enumerate(&l, err));
    linnet_status st = choose(&l, spec, err);
    ln_device_entry *list = NULL;
    if (st == LINNET_OK && !(list = calloc((size_t)l.count, sizeof *list)))
        st = ln_fail_oom(err, "the list of devices", (size_t)l.count * sizeof *list);
    for (int i = 0; st == LINNET_OK && i < l.count; i++) {
        settle_features(&l.at[i], i, probe && !l.at[i].unusable);
        list[i].caps = l.at[i].caps;
        list[i].chosen = i == l.chosen;
        memcpy(list[i].why, l.at[i].why, sizeof list[i].why);
    }
    if (st == LINNET_OK) {
        *out = list;
        *count = (size_t)l.count;
    }
    free(l.at);
    return st;
}

/* ---- opening ---- */
/* context: the caller's, NULL for one of our own. */
static linnet_status create(const found *f, cl_context context, ln_device **out,
                            linnet_error *err) {
    ln_device *d = calloc(1, sizeof *d);
    if (!d) return ln_fail_oom(err, "a device", sizeof *d);
    atomic_init(&d->refs, 1);
    d->platform = f->platform;
    d->id = f->id;
    d->caps = f->caps;
    d->key = f->key;
    pthread_mutex_init(&d->lock, NULL);
    pthread_mutex_init(&d->units, NULL);
    pthread_cond_init(&d->built, NULL);
    cl_int code = CL_SUCCESS;
    const char *call = "clCreateContext";
    if (!context)
        d->context = ln_cl()->clCreateContext(NULL, 1, &d->id, NULL, NULL, &code);
    else if ((code = ln_cl()->clRetainContext(context)) == CL_SUCCESS)
        d->context = context;
    if (d->context) {
        call = "clCreateCommandQueue";
        d->fill = ln_cl()->clCreateCommandQueue(d->context, d->id, 0, &code);
    }
    if (!d->fill) {
        linnet_status st = ln_cl_fail(err, code, call, "opening %s", d->caps.name);
        ln_device_release(&d);
        return st;
    }
    *out = d;
    return LINNET_OK;
}

static linnet_status open_device(const char *spec, bool probe, ln_device **out, linnet_error *err) {
    found_list l;
    *out = NULL;
    LN_TRY(enumerate(&l, err));
    linnet_status st = choose(&l, spec, err);
    if (st == LINNET_OK && l.chosen < 0)
        st = ln_fail(err, LINNET_ERR_INVALID_ARGUMENT,
                     "\"ref\" is the C reference, not an OpenCL device; choose one by name");
    if (st == LINNET_OK) {
        settle_features(&l.at[l.chosen], l.chosen, probe);
        st = create(&l.at[l.chosen], NULL, out, err);
    }
    free(l.at);
    return st;
}

linnet_status ln_device_open(const char *spec, ln_device **out, linnet_error *err) {
    return open_device(spec, true, out, err);
}

linnet_status ln_device_open_plain(const char *spec, ln_device **out, linnet_error *err) {
    return open_device(spec, false, out, err);
}

static bool in_context(cl_context context, cl_device_id id) {
    cl_device_id list[MOST_DEVICES];
    size_t bytes = 0;
    if (ln_cl()->clGetContextInfo(context, CL_CONTEXT_DEVICES, sizeof list, list, &bytes))
        return false;
    for (size_t i = 0; i < bytes / sizeof *list; i++)
        if (list[i] == id) return true;
    return false;
}

linnet_status ln_device_adopt(void *context, void *id, ln_device **out, linnet_error *err) {
    found_list l;
    int at = 0;
    *out = NULL;
    if (!context || !id)
        return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT, "no context or no device given");
    LN_TRY(enumerate(&l, err));
    linnet_status st = LINNET_OK;
    while (at < l.count && l.at[at].id != id) at++;
    if (at == l.count)
        st = ln_fail(err, LINNET_ERR_NO_DEVICE,
                     "the device given is none of this machine's; link "
                     "the OpenCL loader that Linnet opens");
    else if (l.at[at].unusable)
        st = ln_fail(err, LINNET_ERR_UNSUPPORTED, "%s: %s", l.at[at].caps.name, l.at[at].unusable);
    else if (!in_context(context, id))
        st = ln_fail(err, LINNET_ERR_INVALID_ARGUMENT, "%s is not in the context given",
                     l.at[at].caps.name);
    if (st == LINNET_OK) {
        settle_features(&l.at[at], at, true);
        st = create(&l.at[at], context, out, err);
    }
    free(l.at);
    return st;
}

void ln_device_retain(ln_device *d) {
    atomic_fetch_add(&d->refs, 1);
}

void ln_device_release(ln_device **at) {
    ln_device *d = *at;
    *at = NULL;
    if (!d || atomic_fetch_sub(&d->refs, 1) != 1) return;
    ln_programs_free(d);
    ln_gemm_forget();
    if (d->fill) ln_cl()->clReleaseCommandQueue(d->fill);
    if (d->context) ln_cl()->clReleaseContext(d->context);
    pthread_cond_destroy(&d->built);
    pthread_mutex_destroy(&d->lock);
    pthread_mutex_destroy(&d->units);
    free(d);
}

uint64_t ln_device_key(const ln_device *d) {
    return d->key;
}

const ln_caps *ln_device_caps(const ln_device *d) {
    return &d->caps;
}

ln_host_stats ln_device_stats(const ln_device *d) {
    ln_device *m = (ln_device *)(uintptr_t)d; /* the lock is not part of its value */
    pthread_mutex_lock(&m->lock);
    ln_host_stats s = m->stats;
    pthread_mutex_unlock(&m->lock);
    return s;
}

void ln_device_lock_units(ln_device *d) {
    pthread_mutex_lock(&d->units);
}

void ln_device_unlock_units(ln_device *d) {
    pthread_mutex_unlock(&d->units);
}
