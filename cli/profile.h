/* A profile: what profile.c measured, for the files that show it. */
#ifndef LN_CLI_PROFILE_H
#define LN_CLI_PROFILE_H

#include "cli/cli.h"

/* A step, or a part of one. */
typedef struct profile_step {
    linnet_step_info info; /* times: medians of the runs */
    double min_ms;
    size_t of; /* a part: its step; a step: itself */
    bool part;
    bool memory;  /* which limit is nearer: memory, or arithmetic */
    double share; /* of that limit; 0: no work, or no time known */
} profile_step;

enum { PROFILE_SIZES = 5 };
typedef struct profile {
    char model[128];
    linnet_device_info device;
    const char *precision;
    int batch;
    size_t runs;
    linnet_session_stats stats;
    bool resident;
    double run_ms, min_run_ms; /* all steps: median and least */
    double peak;               /* GFLOP/s; 0: not known */
    struct {
        size_t bytes;
        double gbs;
    } memory[PROFILE_SIZES]; /* bandwidth over that much memory, ascending */
    profile_step *step;      /* a step's parts follow it */
    size_t n, steps;
} profile;

double profile_gflops(const profile_step *s);
double profile_gbs(const profile_step *s);
double profile_run_gflops(const profile *p);     /* of all steps */
double profile_intensity(const profile_step *s); /* FLOP a byte */

/* Chrome's trace format, which Perfetto opens; takes the path of the option. */
int profile_write_trace(const profile *p, const char *path);
/* Steps under the device's limits, as SVG. */
int profile_write_roofline(const profile *p, const char *path);

#endif
