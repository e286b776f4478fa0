/* Ops that only move values. */
#include "engine/ref/ops.h"
#include <string.h>

linnet_status ln_ref_reshape(const ln_ref_call *c, linnet_error *err) {
    (void)err;
    int64_t n = 0;
    ln_shape_count(c->oshape, &n);
    memcpy(c->out, c->in[0], (size_t)n * sizeof *c->out);
    return LINNET_OK;
}

linnet_status ln_ref_concat(const ln_ref_call *c, linnet_error *err) {
    (void)err;
    int64_t n = 0, at = 0;
    const int last = c->oshape->rank - 1;
    const int64_t all = c->oshape->dim[last];
    ln_shape_count(c->oshape, &n);
    for (int i = 0; i < c->node->n_in; i++) {
        const int64_t part = c->shape[i]->dim[last];
        for (int64_t r = 0; r < n / all; r++)
            memcpy(c->out + r * all + at, c->in[i] + r * part, (size_t)part * sizeof *c->out);
        at += part;
    }
    return LINNET_OK;
}
