/* Logits of a network of the tables on a device, through the public API, with synthetic weights. */
#ifndef LOGITS_H
#define LOGITS_H

#include "tests/models/golden.h"

#include <linnet/linnet.h>

typedef struct logits {
    linnet_model *model;
    linnet_session *session;
    float *x, *y; /* of all images */
} logits;

/* Images first..first+batch-1. False after a printed error. To be freed either way. */
bool logits_run(logits *l, linnet_device *d, const golden *g, uint64_t first, int batch,
                linnet_precision precision);
/* All but y goes. */
void logits_close(logits *l);
void logits_free(logits *l);
/* Prints the error, if there is one. */
bool logits_failed(linnet_status st, const golden *g, const linnet_error *err);
/* Checks every table that matches a pattern, on the device named ("": the usual choice); the
 * status of the test program. */
int logits_main(const char *device, int n, char **pattern,
                bool (*check)(linnet_device *d, const golden *g));

#endif
