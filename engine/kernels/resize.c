/* Resize: resize.cl for rows and columns of maps, resize_i8.cl and resize_i8_deep.cl for TFLite's
 * of bytes, resize_nd.cl for any axes. Packed: a table of each axis, one behind another: pixels of
 * all places, then their weights. */
#include "engine/kernels/nd.h"
#include "engine/resize.h"

#include <stdlib.h>
#include <string.h>

static int64_t table_words(const ln_site *s, int axis) {
    const int64_t in = ln_site_shape(s, s->node->in[0])->dim[axis];
    const ln_resize_attr *r = &s->node->attr.resize;
    return 2 * ln_resize_taps(r, axis, in) * ln_resize_size(r, axis, in);
}

static linnet_status pack_table(const ln_site *s, int axis, float *dst, linnet_error *err) {
    const ln_resize_attr *r = &s->node->attr.resize;
    const int64_t in = ln_site_shape(s, s->node->in[0])->dim[axis];
    const int64_t taps = ln_resize_taps(r, axis, in), size = ln_resize_size(r, axis, in);
    int32_t *index = malloc((size_t)taps * sizeof *index);
    double *weight = malloc((size_t)taps * sizeof *weight);
    const linnet_status st = index && weight
                                 ? LINNET_OK
                                 : ln_fail_oom(err, s->node->name, (size_t)taps * sizeof *weight);
    for (int64_t i = 0; i < size && st == LINNET_OK; i++) {
        if (!ln_resize_tap(r, axis, in, i, index, weight)) {
            for (int64_t k = 0; k < taps; k++) index[k] = -1, weight[k] = 0.0;
        }
        memcpy(dst + i * taps, index, (size_t)taps * sizeof *dst);
        for (int64_t k = 0; k < taps; k++) dst[(size + i) * taps + k] = (float)weight[k];
    }
    free(index);
    free(weight);
    return st;
}

static bool blends(const ln_site *s) {
    return ln_resize_blends(&s->node->attr.resize, s->graph->tensor[s->node->in[0]].dtype);
}

static bool nd_can_run(const ln_variant *v, const ln_site *s) {
    return ln_nd_can_run(v, s) && !blends(s);
}

static size_t nd_packed(const ln_variant *v, const ln_site *s) {
    int64_t sum = 0;
    (void)v;
    for (int d = 0; d < ln_site_shape(s, s->node->in[0])->rank; d++) sum += table_words(s, d);
    return (size_t)sum;
}

static linnet_status nd_pack(const ln_variant *v, const ln_site *s, float *dst, linnet_error *err) {
    (void)v;
    for (int d = 0; d < ln_site_shape(s, s->node->in[0])->rank; d++) {
        LN_TRY(pack_table(s, d, dst, err));
        dst += table_words(s, d);
    }
    return LINNET_OK;
}

/* xstr[1]: taps of each axis; xstr[2]: where its table begins. */
static void nd_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    const ln_shape *in = ln_site_shape(s, s->node->in[0]);
    ln_nd *d = &a->u.nd;
    ln_nd_dims(ln_site_shape(s, s->node->out[0]), d->dim);
    ln_nd_strides(in, a->xps, d->xstr[0]);
    int64_t at = 0;
    for (int i = 0; i < LN_ND; i++) {
        const int own = i - (LN_ND - in->rank);
        d->xstr[1][i] =
            own < 0 ? 0 : (ln_i32)ln_resize_taps(&s->node->attr.resize, own, in->dim[own]);
        d->xstr[2][i] = (ln_i32)at;
        if (own >= 0) at += table_words(s, own);
    }
    a->w = 0;
    a->alpha = s->node->attr.resize.outside;
    a->tiles = ln_tiles(v, (int64_t)a->m * ln_cpad(a->oc), 1);
}

/* Rows and columns only. */
static bool can_run(const ln_variant *v, const ln_site *s) {
    const ln_resize_attr *r = &s->node->attr.resize;
    const ln_shape *in = ln_site_shape(s, s->node->in[0]);
    return nd_can_run(v, s) && in->rank == 4 && !ln_resize_moves(r, 0, in->dim[0]) &&
           !ln_resize_moves(r, 3, in->dim[3]);
}

static bool i8_can_run(const ln_variant *v, const ln_site *s) {
    return ln_nd_can_run(v, s) && blends(s);
}

/* Two pixels each way. */
static bool i8_deep_can_run(const ln_variant *v, const ln_site *s) {
    const ln_shape *in = ln_site_shape(s, s->node->in[0]);
    const ln_resize_attr *r = &s->node->attr.resize;
    return i8_can_run(v, s) && ln_resize_taps(r, 1, in->dim[1]) <= 2 &&
           ln_resize_taps(r, 2, in->dim[2]) <= 2;
}

static size_t packed(const ln_variant *v, const ln_site *s) {
    (void)v;
    return (size_t)(table_words(s, 1) + table_words(s, 2));
}

static linnet_status pack(const ln_variant *v, const ln_site *s, float *dst, linnet_error *err) {
    (void)v;
    LN_TRY(pack_table(s, 1, dst, err));
    return pack_table(s, 2, dst + table_words(s, 1), err);
}

static void bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    const ln_resize_attr *r = &s->node->attr.resize;
    a->w = 0;
    a->b = (ln_u32)table_words(s, 1);
    a->t0 = (ln_i32)ln_resize_taps(r, 1, a->h);
    a->t1 = (ln_i32)ln_resize_taps(r, 2, a->wd);
    a->alpha = r->outside;
    if (blends(s) && r->number == LN_NUMBER_SINGLE) a->flags |= LN_FLAG_UNSIGNED;
    a->tiles = ln_tiles(v, (int64_t)a->m * ln_cpad(a->oc) / 8, 1);
}

static void i8_deep_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    bind(v, s, a);
    a->t2 = (ln_i32)LN_MIN((int64_t)a->n * a->oh, 4 * LN_MAX(s->caps->compute_units, 1));
    a->tiles = a->t2;
}

const ln_family ln_family_resize_nd = {"resize_nd", LN_OP_RESIZE, nd_can_run,   nd_packed,
                                       nd_pack,     nd_bind,      .words = true};
const ln_family ln_family_resize_i8 = {"resize_i8", LN_OP_RESIZE, i8_can_run,   packed,
                                       pack,        bind,         .words = true};
const ln_family ln_family_resize_i8_deep = {
    "resize_i8_deep", LN_OP_RESIZE, i8_deep_can_run, packed, pack, i8_deep_bind, .words = true};
const ln_family ln_family_resize = {"resize", LN_OP_RESIZE, can_run,      packed,
                                    pack,     bind,         .words = true};
