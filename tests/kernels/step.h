/* One op on the device against the reference: every variant that can run it, in memory filled
 * with NaN, so that a read outside the inputs or a write outside the output shows. */
#ifndef TEST_KERNELS_STEP_H
#define TEST_KERNELS_STEP_H

#include "engine/variant.h"
#include "tests/graph/util.h"

/* Builds a graph whose node named "op" is the one under test; marks its output. */
typedef void (*step_build)(tg *t, const void *user);

bool step_open(void);
void step_close(void);
/* Runs the case on each variant of the op, with finite numbers and with NaN and infinities in
 * each input; counts the run in step_runs. */
void step_check(const char *label, step_build build, const void *user);
/* Seconds of one launch, the best of several, printed for each variant that can run the case. */
void step_bench(const char *label, step_build build, const void *user);
extern int step_runs[]; /* by variant index */

#endif
