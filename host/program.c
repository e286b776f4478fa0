#include "host/internal.h"

#include <stdlib.h>
#include <string.h>

#define MOST_IDLE 16 /* programs kept built that nobody holds */

/* ---- building ---- */
/* The line of a compiler's log that says what is wrong and where: the first with "error". */
static void first_error(const char *log, char *out, size_t size) {
    const char *at = strcasestr(log, "error:");
    if (!at) at = strcasestr(log, "error");
    if (!at) at = log + strspn(log, " \n\r\t");
    const char *from = at;
    while (from > log && from[-1] != '\n') from--;
    snprintf(out, size, "%.*s", (int)strcspn(from, "\r\n"), from);
}

static linnet_status build_failed(ln_device *d, cl_program program, cl_int code,
                                  const ln_program_source *src, linnet_error *err) {
    size_t n = 0;
    char *log = NULL;
    if (!ln_cl()->clGetProgramBuildInfo(program, d->id, CL_PROGRAM_BUILD_LOG, 0, NULL, &n) && n)
        log = calloc(n + 1, 1);
    if (log && ln_cl()->clGetProgramBuildInfo(program, d->id, CL_PROGRAM_BUILD_LOG, n, log, NULL))
        *log = 0;
    if (!log || !*log) {
        free(log);
        return ln_cl_fail(err, code, "clBuildProgram", "building %s", src->label);
    }
    char line[600], *save = NULL;
    first_error(log, line, sizeof line);
    for (char *l = strtok_r(log, "\r\n", &save); l; l = strtok_r(NULL, "\r\n", &save))
        ln_log(LN_LOG_WARN, "build of %s: %s", src->label, l);
    free(log);
    return ln_fail(err, LINNET_ERR_BUILD_FAILED,
                   "%s does not build on %s: %s; report it with the output of -v", src->label,
                   d->caps.name, line);
}

static linnet_status from_source(ln_device *d, const ln_program_source *src, cl_program *out,
                                 linnet_error *err) {
    /* Options stand in the text too: some drivers key their own cache on it alone. Behind it, so
     * that lines keep their numbers. */
    const char *parts[] = {src->text, "\n// options: ", src->options, "\n"};
    cl_int code = CL_SUCCESS;
    cl_program program =
        ln_cl()->clCreateProgramWithSource(d->context, LN_COUNT(parts), parts, NULL, &code);
    if (!program) return ln_cl_fail(err, code, "clCreateProgramWithSource", "%s", src->label);
    code = ln_cl()->clBuildProgram(program, 1, &d->id, src->options, NULL, NULL);
    if (code) {
        linnet_status st = build_failed(d, program, code, src, err);
        ln_cl()->clReleaseProgram(program);
        return st;
    }
    *out = program;
    return LINNET_OK;
}

/* From the disk, else from source; the entry is marked building, so it is ours alone. */
static linnet_status build(ln_device *d, ln_program *p, const ln_program_source *src,
                           linnet_error *err) {
    double start = ln_now();
    linnet_status st = LINNET_OK;
    p->program = ln_cache_load(d, p);
    bool hit = p->program;
    if (!hit) st = from_source(d, src, &p->program, err);
    double seconds = ln_now() - start;
    pthread_mutex_lock(&d->lock);
    d->stats.build_s += seconds;
    d->stats.cache_hits += hit;
    d->stats.cache_misses += !hit;
    d->stats.builds += !hit;
    p->from_source = !hit;
    pthread_mutex_unlock(&d->lock);
    if (st == LINNET_OK)
        ln_log(LN_LOG_DEBUG, "%s: %s in %.1f ms", src->label, hit ? "from the cache" : "built",
               1e3 * seconds);
    return st;
}

/* ---- the device's list, under its lock ---- */
static void unlink_program(ln_device *d, ln_program *p) {
    ln_program **at = &d->programs;
    while (*at != p) at = &(*at)->next;
    *at = p->next;
}

static void free_program(ln_program *p) {
    if (p->program) ln_cl()->clReleaseProgram(p->program);
    free(p->label);
    free(p);
}

/* The list is in order of use: the last idle one beyond the limit is the oldest. */
static void drop_idle(ln_device *d) {
    int idle = 0;
    ln_program *oldest = NULL;
    for (ln_program *p = d->programs; p; p = p->next)
        if (!p->users && ++idle > MOST_IDLE) oldest = p;
    if (!oldest) return;
    unlink_program(d, oldest);
    free_program(oldest);
}

static ln_program *find(ln_device *d, uint64_t key, uint64_t check) {
    ln_program *p = d->programs;
    while (p && (p->key != key || p->check != check)) p = p->next;
    return p;
}

static ln_program *new_program(ln_device *d, const ln_program_source *src, uint64_t key,
                               uint64_t check) {
    ln_program *p = calloc(1, sizeof *p);
    if (!p || !(p->label = strdup(src->label))) {
        free(p);
        return NULL;
    }
    p->device = d;
    p->key = key;
    p->check = check;
    p->building = true;
    return p;
}

static uint64_t hash_source(uint64_t h, const ln_device *d, const ln_program_source *src) {
    h = ln_hash(h, &d->key, sizeof d->key);
    h = ln_hash(h, src->options, strlen(src->options) + 1);
    return ln_hash(h, src->text, strlen(src->text) + 1);
}

linnet_status ln_program_get(ln_device *d, const ln_program_source *src, ln_program **out,
                             linnet_error *err) {
    uint64_t key = hash_source(LN_HASH_INIT, d, src);
    uint64_t check = hash_source(~LN_HASH_INIT, d, src);
    *out = NULL;
    pthread_mutex_lock(&d->lock);
    ln_program *p;
    while ((p = find(d, key, check)) && p->building) pthread_cond_wait(&d->built, &d->lock);
    if (p) {
        unlink_program(d, p);
    } else if (!(p = new_program(d, src, key, check))) {
        pthread_mutex_unlock(&d->lock);
        return ln_fail_oom(err, "a program", sizeof *p + strlen(src->label) + 1);
    }
    p->next = d->programs;
    d->programs = p;
    p->users++;
    bool ours = p->building;
    pthread_mutex_unlock(&d->lock);
    linnet_status st = ours ? build(d, p, src, err) : LINNET_OK;
    if (ours) {
        pthread_mutex_lock(&d->lock);
        p->building = false;
        if (st != LINNET_OK) {
            unlink_program(d, p);
            free_program(p);
        }
        pthread_cond_broadcast(&d->built);
        pthread_mutex_unlock(&d->lock);
    }
    if (st != LINNET_OK) return st;
    ln_device_retain(d);
    *out = p;
    return LINNET_OK;
}

void ln_program_release(ln_program **at) {
    ln_program *p = *at;
    *at = NULL;
    if (!p) return;
    ln_device *d = p->device;
    pthread_mutex_lock(&d->lock);
    p->users--;
    drop_idle(d);
    pthread_mutex_unlock(&d->lock);
    ln_device_release(&d);
}

void ln_programs_free(ln_device *d) {
    for (ln_program *p = d->programs, *next; p; p = next) {
        next = p->next;
        free_program(p);
    }
    d->programs = NULL;
}

/* ---- saving ---- */
/* The driver's bytes of a program for its one device; NULL when it will not say. */
static unsigned char *binary_of(cl_program program, size_t *size) {
    *size = 0;
    cl_int code =
        ln_cl()->clGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, sizeof *size, size, NULL);
    if (code || !*size) return NULL;
    unsigned char *bytes = malloc(*size);
    if (bytes)
        code = ln_cl()->clGetProgramInfo(program, CL_PROGRAM_BINARIES, sizeof bytes, &bytes, NULL);
    if (!code) return bytes;
    free(bytes);
    return NULL;
}

void ln_program_save(ln_program *p) {
    ln_device *d = p->device;
    pthread_mutex_lock(&d->lock);
    bool ours = p->from_source;
    p->from_source = false;
    pthread_mutex_unlock(&d->lock);
    if (!ours) return;
    size_t size;
    unsigned char *bytes = ln_turn_take(d, NULL) ? NULL : binary_of(p->program, &size);
    ln_turn_give(d);
    if (bytes)
        ln_cache_store(p, bytes, size);
    else
        ln_log(LN_LOG_WARN, "program cache: the driver gives no binary of %s", p->label);
    free(bytes);
}
