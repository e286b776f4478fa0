/* Peaks of arithmetic and of memory: peak.cl with enough rounds that a launch's own cost vanishes.
 */
#include "engine/peak.h"

#include "base/thread.h"
#include "engine/variant.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

extern const char ln_cl_peak[];

enum { CHAINS = 12, LAUNCHES = 20, MAX_ROUNDS = 1 << 24 };
#define LONG_ENOUGH_NS 1e6

typedef struct peak {
    ln_queue *queue;
    ln_program *program;
    ln_kernel *kernel;
    ln_buffer *memory;
    size_t groups, local;
    int width; /* floats of the vector */
    int units; /* processors that work at once; 0: the device is none */
} peak;

double ln_peak_unit_ns(double wall_ns, double cpu_ns, int units) {
    return units > 0 && cpu_ns > 0 ? LN_MIN(wall_ns, cpu_ns / units) : wall_ns;
}

static double cpu_ns(void) {
    struct timespec t = {0};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return 1e9 * (double)t.tv_sec + (double)t.tv_nsec;
}

/* ns: of one unit. Where other processes leave two units one processor for a while, and that can
 * be longer than anybody wants to wait, the clock on the wall sees half the peak. */
static linnet_status launch(peak *p, int rounds, double *ns, linnet_error *err) {
    uint64_t wall = 0;
    const double from = cpu_ns();
    LN_TRY(ln_kernel_arg_int(p->kernel, 1, rounds, err));
    LN_TRY(ln_queue_launch(p->queue, p->kernel, p->groups, p->local, &wall, err));
    LN_TRY(ln_queue_finish(p->queue, LN_WAIT_SLEEP, err));
    *ns = ln_peak_unit_ns((double)wall, cpu_ns() - from, p->units);
    return LINNET_OK;
}

/* What both kernels need; `bytes` of memory behind argument 0. */
static linnet_status build(ln_device *d, const char *kernel, size_t bytes, peak *p,
                           linnet_error *err) {
    const ln_caps *caps = ln_device_caps(d);
    bool deep = ln_caps_deep(caps);
    char options[128];
    snprintf(options, sizeof options,
             "-cl-std=CL1.2 -DPEAK_VECTOR=float%d -DPEAK_FMA=%s -DPEAK_RANGES=%d", p->width,
             deep ? "fma" : "mad", deep);
    ln_program_source src = {ln_cl_peak, options, "peak"};
    LN_TRY(ln_queue_create(d, true, &p->queue, err));
    LN_TRY(ln_program_get(d, &src, &p->program, err));
    LN_TRY(ln_kernel_create(p->program, kernel, &p->kernel, err));
    LN_TRY(ln_buffer_create(d, bytes, LN_BUFFER_ARENA, &p->memory, err));
    return ln_kernel_arg_buffer(p->kernel, 0, p->memory, err);
}

static peak peak_on(const ln_caps *caps) {
    bool deep = ln_caps_deep(caps);
    size_t units = LN_MAX(caps->compute_units, 1u);
    return (peak){.width = deep ? ln_vector_width(caps) : 4,
                  .local = deep ? 1 : 64,
                  .units = deep ? (int)LN_MIN(units, (size_t)ln_cpu_count()) : 0,
                  .groups = deep ? units : units * 32};
}

static void destroy(peak *p) {
    ln_kernel_destroy(&p->kernel);
    ln_program_release(&p->program);
    ln_buffer_destroy(&p->memory);
    ln_queue_destroy(&p->queue);
}

/* Rounds until a launch takes long enough, then the fastest of several: nanoseconds a round. */
static linnet_status measure(peak *p, int rounds, double *ns_round, linnet_error *err) {
    double ns = 0, best = HUGE_VAL;
    LN_TRY(launch(p, rounds, &ns, err)); /* the first one also compiles */
    for (ns = 0; ns < LONG_ENOUGH_NS && rounds < MAX_ROUNDS; rounds *= 2)
        LN_TRY(launch(p, rounds, &ns, err));
    for (int i = 0; i < LAUNCHES; i++) {
        LN_TRY(launch(p, rounds, &ns, err));
        best = LN_MIN(best, LN_MAX(ns, 1));
    }
    *ns_round = best / rounds;
    return LINNET_OK;
}

linnet_status ln_peak_gflops(ln_device *d, double *gflops, linnet_error *err) {
    const float start[2] = {0.999f, 0.001f};
    peak p = peak_on(ln_device_caps(d));
    size_t items = p.groups * p.local;
    double ns = 1;
    linnet_status st = build(d, "ln_peak", (items + 2) * sizeof(float), &p, err);
    if (st == LINNET_OK) st = ln_queue_write(p.queue, p.memory, 0, start, sizeof start, err);
    if (st == LINNET_OK) st = measure(&p, 1024, &ns, err);
    if (st == LINNET_OK) *gflops = 2.0 * CHAINS * p.width * (double)items / ns;
    destroy(&p);
    return st;
}

linnet_status ln_peak_bandwidth(ln_device *d, size_t bytes, double *gbs, linnet_error *err) {
    peak p = peak_on(ln_device_caps(d));
    size_t vector = (size_t)p.width * sizeof(float), half = bytes / 2 / vector;
    double ns = 1;
    if (!half || half > INT32_MAX)
        return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT,
                       "bandwidth over %zu bytes; give from %zu to %zu", bytes, 2 * vector,
                       2 * vector * (size_t)INT32_MAX);
    linnet_status st = build(d, "ln_stream", 2 * half * vector, &p, err);
    if (st == LINNET_OK) st = ln_kernel_arg_int(p.kernel, 2, (int32_t)half, err);
    if (st == LINNET_OK) st = measure(&p, 1, &ns, err);
    if (st == LINNET_OK) *gbs = (double)(2 * half * vector) / ns;
    destroy(&p);
    return st;
}
