/* Ops that read by index. Values are words of either type. */
#include "engine/ref/ops.h"
#include <string.h>

/* Index `at` of `indices` in a dimension of `size`; -1: outside. */
static int64_t index_at(const float *indices, int64_t at, int64_t size) {
    int32_t i;
    memcpy(&i, indices + at, sizeof i);
    const int64_t j = i < 0 ? i + size : i;
    return j >= 0 && j < size ? j : -1;
}

static int64_t product(const ln_shape *s, int from, int to) {
    int64_t n = 1;
    for (int d = from; d < to; d++) n *= s->dim[d];
    return n;
}

linnet_status ln_ref_gather(const ln_ref_call *c, linnet_error *err) {
    (void)err;
    const ln_shape *x = c->shape[0], *at = c->shape[1];
    const int axis = c->node->attr.gather.axis;
    const int64_t outer = product(x, 0, axis), inner = product(x, axis + 1, x->rank);
    const int64_t count = product(at, 0, at->rank), size = x->dim[axis];
    for (int64_t o = 0; o < outer; o++)
        for (int64_t j = 0; j < count; j++) {
            const int64_t i = index_at(c->in[1], j, size);
            float *y = c->out + (o * count + j) * inner;
            if (i < 0)
                memset(y, 0, (size_t)inner * sizeof *y);
            else
                memcpy(y, c->in[0] + (o * size + i) * inner, (size_t)inner * sizeof *y);
        }
    return LINNET_OK;
}

linnet_status ln_ref_gather_nd(const ln_ref_call *c, linnet_error *err) {
    (void)err;
    const ln_shape *x = c->shape[0], *at = c->shape[1];
    const int batch = c->node->attr.gather.batch, tuple = (int)at->dim[at->rank - 1];
    const int64_t tuples = product(at, batch, at->rank - 1), images = product(x, 0, batch);
    const int64_t inner = product(x, batch + tuple, x->rank);
    for (int64_t j = 0; j < images * tuples; j++) {
        int64_t from = j / tuples;
        for (int k = 0; k < tuple && from >= 0; k++) {
            const int64_t size = x->dim[batch + k], i = index_at(c->in[1], j * tuple + k, size);
            from = i < 0 ? -1 : from * size + i;
        }
        float *y = c->out + j * inner;
        if (from < 0)
            memset(y, 0, (size_t)inner * sizeof *y);
        else
            memcpy(y, c->in[0] + from * inner, (size_t)inner * sizeof *y);
    }
    return LINNET_OK;
}

linnet_status ln_ref_gather_elements(const ln_ref_call *c, linnet_error *err) {
    (void)err;
    const ln_shape *x = c->shape[0], *y = c->oshape;
    const int axis = c->node->attr.gather.axis;
    int64_t stride[LN_MAX_RANK], n = 0;
    ln_shape_strides(x, stride);
    ln_shape_count(y, &n);
    for (int64_t e = 0; e < n; e++) {
        const int64_t i = index_at(c->in[1], e, x->dim[axis]);
        int64_t rest = e, from = i * stride[axis];
        for (int d = y->rank - 1; d >= 0; d--) {
            if (d != axis) from += rest % y->dim[d] * stride[d];
            rest /= y->dim[d];
        }
        c->out[e] = i < 0 ? 0.0f : c->in[0][from];
    }
    return LINNET_OK;
}
