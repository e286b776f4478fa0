#include "tests/models/answers.h"
#include "engine/ref/ref.h"
#include "models/weights.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

ln_model *open_model(const char *name) {
    const bool file = strchr(name, '/') != NULL;
    ln_model_params p = {
        .model = name, .weights = file ? name : NULL, .synthetic = !file, .seed = 3};
    linnet_error err = {0};
    ln_model *m = NULL;
    ck_assert_msg(ln_model_open(&p, &m, &err) == LINNET_OK, "%s", err.message);
    return m;
}

float *answers(const ln_graph *g, uint64_t index, uint64_t seed, int64_t *n) {
    linnet_error err = {0};
    ln_ref *r = NULL;
    const ln_shape *in = &g->tensor[g->input[0]].shape;
    int64_t count;
    ck_assert(ln_shape_count(in, &count));
    float *x = calloc((size_t)count, sizeof *x), *nhwc = calloc((size_t)count, sizeof *x);
    ln_synthetic_image(index, seed, in->dim[1], in->dim[2], x);
    ln_nchw_to_nhwc(in, LN_F32, x, nhwc);
    ck_assert_int_eq(ln_ref_create(g, &r, &err), LINNET_OK);
    ck_assert_int_eq(ln_ref_set(r, g->input[0], nhwc, &err), LINNET_OK);
    ck_assert_msg(ln_ref_run(r, false, &err) == LINNET_OK, "%s", err.message);
    ck_assert(ln_shape_count(&g->tensor[g->output[0]].shape, n));
    float *y = calloc((size_t)*n, sizeof *y);
    memcpy(y, r->value[g->output[0]], (size_t)*n * sizeof *y);
    ln_ref_destroy(&r);
    free(x);
    free(nhwc);
    return y;
}
