/* What a machine needs to run networks, checked one by one. */
#include "api/api.h"
#include "base/env.h"
#include "base/file.h"
#include "host/probe.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST_CHECKS 8

typedef struct report {
    linnet_check *check;
    size_t n;
} report;

static linnet_check *add(report *r, const char *name, int ok) {
    linnet_check *c = &r->check[r->n++];
    snprintf(c->name, sizeof c->name, "%s", name);
    c->ok = ok;
    return c;
}

void ln_api_detail(linnet_check *c, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(c->detail, sizeof c->detail, fmt, ap);
    va_end(ap);
}

/* An error's text is "what, where; what to do". */
static void add_error(report *r, const char *name, const linnet_error *err, const char *remedy) {
    const char *cut = strstr(err->message, "; ");
    int n = cut ? (int)(cut - err->message) : (int)strlen(err->message);
    linnet_check *c = add(r, name, 0);
    ln_api_detail(c, "%.*s", n, err->message);
    snprintf(c->remedy, sizeof c->remedy, "%.*s", (int)sizeof c->remedy - 1,
             cut ? cut + 2 : remedy);
}

static bool check_loader(report *r) {
    linnet_error err = {0};
    const char *asked = ln_env(LN_ENV_OPENCL);
    if (ln_cl_open(&err) == LINNET_OK) {
        ln_api_detail(add(r, "loader", 1), "%s", asked ? asked : "the system's OpenCL loader");
        return true;
    }
    add_error(r, "loader", &err, "install an OpenCL loader");
    return false;
}

static bool check_drivers(report *r) {
    ln_device_entry *entry = NULL;
    linnet_error err = {0};
    size_t n = 0;
    if (ln_devices_list("ref", false, &entry, &n, &err) != LINNET_OK) {
        add_error(r, "drivers", &err, "install an OpenCL driver (Debian: pocl-opencl-icd)");
        return false;
    }
    ln_str s = {0};
    for (size_t i = 0; i < n; i++)
        ln_str_add(&s, "%s%s (%s)", i ? ", " : "", entry[i].caps.name, entry[i].caps.platform);
    ln_api_detail(add(r, "drivers", 1), "%zu device%s: %s", n, n == 1 ? "" : "s",
                  s.failed ? "" : s.p);
    ln_str_free(&s);
    free(entry);
    return true;
}

/* A kernel that the binary cache cannot know: it carries the time. */
static linnet_status compile_and_run(ln_device *d, linnet_error *err) {
    char text[256];
    int32_t got = 0, want = (int32_t)(1e3 * ln_now()) & 0xffffff;
    snprintf(text, sizeof text, "/* %.9f */ __kernel void doctor(__global int *y) { *y = %d; }\n",
             ln_now(), (int)want);
    ln_program_source src = {.text = text, .options = "", .label = "doctor"};
    ln_program *p = NULL;
    ln_kernel *k = NULL;
    ln_buffer *b = NULL;
    ln_queue *q = NULL;
    linnet_status st = ln_program_get(d, &src, &p, err);
    if (st == LINNET_OK) st = ln_kernel_create(p, "doctor", &k, err);
    if (st == LINNET_OK) st = ln_buffer_create(d, 64, LN_BUFFER_ARENA, &b, err);
    if (st == LINNET_OK) st = ln_queue_create(d, false, &q, err);
    if (st == LINNET_OK) st = ln_kernel_arg_buffer(k, 0, b, err);
    if (st == LINNET_OK) st = ln_queue_launch(q, k, 1, 1, NULL, err);
    if (st == LINNET_OK) st = ln_queue_read(q, b, 0, &got, sizeof got, err);
    if (st == LINNET_OK && got != want)
        st = ln_fail(err, LINNET_ERR_INTERNAL,
                     "a kernel that writes %d wrote %d; update or replace the driver", (int)want,
                     (int)got);
    ln_queue_destroy(&q);
    ln_buffer_destroy(&b);
    ln_kernel_destroy(&k);
    ln_program_release(&p);
    return st;
}

static void check_device(report *r, const char *spec) {
    linnet_device *d = NULL;
    linnet_error err = {0};
    if (linnet_device_open(spec, &d, &err) != LINNET_OK) {
        add_error(r, "device", &err, "choose another with --device");
        return;
    }
    if (!d->dev) {
        ln_api_detail(add(r, "device", -1), "the C reference is chosen: right, but slow");
        linnet_device_close(&d);
        return;
    }
    const ln_caps *c = ln_device_caps(d->dev);
    ln_api_detail(add(r, "device", 1), "%s, driver %s, %u compute units", c->name, c->driver,
                  c->compute_units);
    double start = ln_now();
    if (compile_and_run(d->dev, &err) == LINNET_OK)
        ln_api_detail(add(r, "compiler", 1), "built and ran a kernel in %.0f ms",
                      1e3 * (ln_now() - start));
    else
        add_error(r, "compiler", &err, "update or replace the driver");
    linnet_device_close(&d);
}

static void check_probe(report *r) {
    char path[1200];
    if (ln_probe_find(path, sizeof path)) {
        ln_api_detail(add(r, "probe", 1), "%s", path);
        return;
    }
    linnet_check *c = add(r, "probe", -1);
    ln_api_detail(c, "no linnet-probe program: only what every device can do is used");
    snprintf(c->remedy, sizeof c->remedy, "install it (meson install), or set LINNET_PROBE");
}

static void check_cache(report *r) {
    char dir[1200], file[1300];
    linnet_error err = {0};
    ln_writer w;
    if (!ln_cache_path(dir, sizeof dir, NULL)) {
        linnet_check *c = add(r, "cache", -1);
        ln_api_detail(c, "off: every start builds its programs anew");
        snprintf(c->remedy, sizeof c->remedy, "set HOME or XDG_CACHE_HOME, or give --cache-dir");
        return;
    }
    snprintf(file, sizeof file, "%s/.doctor", dir);
    linnet_status st = ln_mkdirs(dir, &err);
    if (st == LINNET_OK) st = ln_writer_open(&w, file, &err);
    if (st == LINNET_OK) {
        fputs("ok\n", w.f);
        st = ln_writer_commit(&w, &err);
        unlink(file);
    }
    if (st == LINNET_OK)
        ln_api_detail(add(r, "cache", 1), "%s can be written", dir);
    else
        add_error(r, "cache", &err, "give another folder with --cache-dir");
}

/* Never linked: the tuner opens it on demand, and so does this. */
static void check_clblast(report *r) {
    void *lib = dlopen("libclblast.so.1", RTLD_LAZY | RTLD_LOCAL);
    if (lib) {
        ln_api_detail(add(r, "clblast", 1), "libclblast.so.1 is there for the tuner to try");
        dlclose(lib);
        return;
    }
    linnet_check *c = add(r, "clblast", -1);
    ln_api_detail(c, "not found: the tuner has one candidate less");
    snprintf(c->remedy, sizeof c->remedy, "Debian: apt-get install libclblast1");
}

linnet_status linnet_doctor(const char *spec, linnet_check **list, size_t *count,
                            linnet_error *err) {
    *list = NULL;
    *count = 0;
    report r = {.check = calloc(MOST_CHECKS, sizeof(linnet_check))};
    if (!r.check) return ln_fail_oom(err, "the report", MOST_CHECKS * sizeof(linnet_check));
    if (check_loader(&r) && check_drivers(&r)) check_device(&r, spec);
    check_probe(&r);
    check_cache(&r);
    check_clblast(&r);
    *list = r.check;
    *count = r.n;
    return LINNET_OK;
}
