/* Networks that were changed, by what the reference answers. */
#ifndef TEST_ANSWERS_H
#define TEST_ANSWERS_H

#include "models/model.h"

/* A family with synthetic weights of seed 3, or a file (a name with a slash) with its own. */
ln_model *open_model(const char *name);
/* The outputs for a synthetic picture, for free(). */
float *answers(const ln_graph *g, uint64_t index, uint64_t seed, int64_t *n);

#endif
