/* Resize: each output is the weighted sum of pixels along every axis (engine/resize.h).
 *   y[o] = sum over the taps of every axis of the product of their weights * x[their pixels] */
#include "engine/quant.h"
#include "engine/ref/ops.h"
#include "engine/resize.h"
#include <math.h>
#include <stdlib.h>

/* Tables of all axes one behind another: taps[d] for each place of axis d, the first at at[d]. */
typedef struct tables {
    int64_t taps[LN_MAX_RANK], at[LN_MAX_RANK], step[LN_MAX_RANK];
    int32_t *index; /* the first of a place is -1 where it lies outside */
    double *weight;
} tables;

/* The sum over taps of axes d and behind, for output place o. */
static void gather(const ln_ref_call *c, const tables *t, const int64_t *o, float *y) {
    const int rank = c->oshape->rank;
    int64_t k[LN_MAX_RANK] = {0}, first[LN_MAX_RANK];
    double sum = 0.0;
    for (int d = 0; d < rank; d++) {
        first[d] = t->at[d] + o[d] * t->taps[d];
        if (t->index[first[d]] >= 0) continue;
        *y = c->node->attr.resize.outside;
        return;
    }
    for (int d = rank; d >= 0;) { /* counts through the taps, the last axis first */
        double w = 1.0;
        int64_t at = 0;
        for (d = 0; d < rank; d++) {
            w *= t->weight[first[d] + k[d]];
            at += t->index[first[d] + k[d]] * t->step[d];
        }
        if (w != 0.0) sum += w * (double)c->in[0][at]; /* what weighs nothing is not read */
        for (d = rank - 1; d >= 0 && ++k[d] == t->taps[d]; d--) k[d] = 0;
    }
    *y = (float)sum;
}

/* The same of a map of bytes in TFLite's arithmetic. f32 operations go by way of double, so that
 * none is fused with the next. */
static int8_t blend(const ln_ref_call *c, const tables *t, const int64_t *o) {
    const bool fixed = c->node->attr.resize.number == LN_NUMBER_FIXED;
    const int8_t *x = (const int8_t *)c->in[0] + o[0] * t->step[0] + o[3];
    const int64_t fy = t->at[1] + o[1] * t->taps[1], fx = t->at[2] + o[2] * t->taps[2];
    double sum = 0.0;
    for (int64_t kx = fx; kx < fx + t->taps[2]; kx++)
        for (int64_t ky = fy; ky < fy + t->taps[1]; ky++) {
            const double wy = t->weight[ky], wx = t->weight[kx];
            const int8_t v = x[t->index[ky] * t->step[1] + t->index[kx] * t->step[2]];
            if (fixed)
                sum += v * wy * wx;
            else
                sum = (float)(sum + (float)((float)((v + 128) * wy) * wx));
        }
    return ln_saturate_i8(fixed ? llround(sum) : (int64_t)floorf((float)(sum + 0.5)) - 128);
}

static void row(const ln_ref_call *c, const void *ctx, int64_t r, double *scratch) {
    (void)scratch;
    const ln_shape *s = c->oshape;
    int64_t o[LN_MAX_RANK], rest = r;
    for (int d = s->rank - 2; d >= 0; d--) {
        o[d] = rest % s->dim[d];
        rest /= s->dim[d];
    }
    const int64_t last = s->dim[s->rank - 1];
    for (int64_t i = 0; i < last; i++) {
        o[s->rank - 1] = i;
        if (ln_resize_blends(&c->node->attr.resize, c->graph->tensor[c->node->in[0]].dtype))
            ((int8_t *)c->out)[r * last + i] = blend(c, ctx, o);
        else
            gather(c, ctx, o, c->out + r * last + i);
    }
}

linnet_status ln_ref_resize(const ln_ref_call *c, linnet_error *err) {
    const ln_resize_attr *r = &c->node->attr.resize;
    const ln_shape *x = c->shape[0], *y = c->oshape;
    tables t;
    int64_t count = 0, rows = 1;
    for (int d = 0; d < y->rank; d++) {
        t.taps[d] = ln_resize_taps(r, d, x->dim[d]);
        t.at[d] = count;
        count += t.taps[d] * y->dim[d];
        if (d < y->rank - 1) rows *= y->dim[d];
    }
    ln_shape_strides(x, t.step);
    t.index = malloc((size_t)count * sizeof *t.index);
    t.weight = malloc((size_t)count * sizeof *t.weight);
    linnet_status st = LINNET_OK;
    if (!t.index || !t.weight)
        st = ln_fail_oom(err, c->node->name, (size_t)count * sizeof *t.weight);
    for (int d = 0; d < y->rank && st == LINNET_OK; d++)
        for (int64_t i = 0; i < y->dim[d]; i++) {
            const int64_t at = t.at[d] + i * t.taps[d];
            if (!ln_resize_tap(r, d, x->dim[d], i, t.index + at, t.weight + at)) t.index[at] = -1;
        }
    if (st == LINNET_OK) st = ln_ref_rows(c, rows, 0, row, &t, err);
    free(t.index);
    free(t.weight);
    return st;
}
