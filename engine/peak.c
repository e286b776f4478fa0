/* The multiply-add peak: peak.cl with enough rounds that a launch's own cost vanishes. */
#include "engine/peak.h"

#include "engine/variant.h"

#include <stdlib.h>

extern const char ln_cl_peak[];

enum { CHAINS = 12, LAUNCHES = 20, MAX_ROUNDS = 1 << 24 };
#define LONG_ENOUGH_NS 1000000u

typedef struct peak {
    ln_queue *queue;
    ln_program *program;
    ln_kernel *kernel;
    ln_buffer *out;
    size_t groups, local;
    int width; /* floats of the vector */
} peak;

static linnet_status launch(peak *p, int rounds, uint64_t *ns, linnet_error *err) {
    LN_TRY(ln_kernel_arg_int(p->kernel, 1, rounds, err));
    LN_TRY(ln_queue_launch(p->queue, p->kernel, p->groups, p->local, ns, err));
    return ln_queue_finish(p->queue, LN_WAIT_SLEEP, err);
}

static linnet_status build(ln_device *d, peak *p, linnet_error *err) {
    const ln_caps *caps = ln_device_caps(d);
    bool deep = ln_caps_deep(caps);
    size_t units = LN_MAX(caps->compute_units, 1u);
    p->width = deep ? ln_vector_width(caps) : 4;
    p->local = deep ? 1 : 64;
    p->groups = deep ? units : units * 32;
    char options[96];
    snprintf(options, sizeof options, "-cl-std=CL1.2 -DPEAK_VECTOR=float%d -DPEAK_FMA=%s", p->width,
             deep ? "fma" : "mad");
    ln_program_source src = {ln_cl_peak, options, "peak"};
    const float start[2] = {0.999f, 0.001f};
    LN_TRY(ln_queue_create(d, true, &p->queue, err));
    LN_TRY(ln_program_get(d, &src, &p->program, err));
    LN_TRY(ln_kernel_create(p->program, "ln_peak", &p->kernel, err));
    LN_TRY(ln_buffer_create(d, (p->groups * p->local + 2) * sizeof(float), LN_BUFFER_ARENA, &p->out,
                            err));
    LN_TRY(ln_queue_write(p->queue, p->out, 0, start, sizeof start, err));
    return ln_kernel_arg_buffer(p->kernel, 0, p->out, err);
}

static linnet_status measure(peak *p, double *gflops, linnet_error *err) {
    uint64_t ns = 0, best = UINT64_MAX;
    int rounds = 1024;
    LN_TRY(launch(p, rounds, &ns, err)); /* the first one also compiles */
    for (ns = 0; ns < LONG_ENOUGH_NS && rounds < MAX_ROUNDS; rounds *= 2)
        LN_TRY(launch(p, rounds, &ns, err));
    for (int i = 0; i < LAUNCHES; i++) {
        LN_TRY(launch(p, rounds, &ns, err));
        best = LN_MIN(best, LN_MAX(ns, 1));
    }
    double flops = 2.0 * CHAINS * p->width * rounds * (double)(p->groups * p->local);
    *gflops = flops / (double)best;
    return LINNET_OK;
}

linnet_status ln_peak_gflops(ln_device *d, double *gflops, linnet_error *err) {
    peak p = {0};
    linnet_status st = build(d, &p, err);
    if (st == LINNET_OK) st = measure(&p, gflops, err);
    ln_kernel_destroy(&p.kernel);
    ln_program_release(&p.program);
    ln_buffer_destroy(&p.out);
    ln_queue_destroy(&p.queue);
    return st;
}
