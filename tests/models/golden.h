/* Reference figures: the tables of tests/goldens (written by tools/pack_goldens.py). */
#ifndef GOLDEN_H
#define GOLDEN_H

#include "base/base.h"
#include "models/build.h"
#include "models/model.h"

typedef struct golden_layer {
    char name[96];
    double mean, std, first[4];
} golden_layer;

typedef struct golden {
    char model[64];
    int size, classes, n_layer;
    int64_t params, macs;
    uint32_t weights_crc, input_crc;
    double std;
    golden_layer layer[8];
    double *logits;
} golden;

/* Paths of the tables whose file names match one of the shell patterns (all when there are none);
 * the list ends with NULL and lives until exit. Folder: $GOLDENS. */
char **golden_list(int n, char **pattern);
/* Aborts the test program on a file that does not read. */
golden golden_read(const char *path);
void golden_free(golden *g);
/* Largest error over the standard deviation of the reference. NaN counts as infinite. */
double golden_error(const golden *g, const float *logits);

#endif
