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
 * each input. */
void step_check(const char *label, step_build build, const void *user);
/* Rows of cases; each row begins with its label. */
typedef struct step_table {
    const void *row;
    size_t count, size;
    step_build build;
} step_table;
#define STEP_TABLE(rows, build)                                                                    \
    { rows, LN_COUNT(rows), sizeof(rows)[0], build }
/* A program of tests: every case on every variant that can run it, and that no variant of an op
 * which the cases have is without one. With an argument: times the cases whose label has it. */
int step_main(const char *name, const step_table *tables, int count, int argc, char **argv);

/* Seconds of one launch, the best of several, printed for each variant that can run the case. */
void step_bench(const char *label, step_build build, const void *user);

#endif
