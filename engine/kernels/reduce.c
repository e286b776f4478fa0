/* Sums, extremes and their places over any dimensions: reduce.cl; of bytes: place_i8.cl. */
#include "engine/kernels/nd.h"

enum { ANY, CHANNELS, ROW }; /* MODE of reduce.cl */

/* How each kind folds and finishes. */
static const struct {
    int fold, finish;
} work[LN_REDUCE_COUNT] = {
    [LN_REDUCE_SUM] = {LN_FOLD_SUM, LN_FINISH_NONE},
    [LN_REDUCE_MEAN] = {LN_FOLD_SUM, LN_FINISH_MEAN},
    [LN_REDUCE_MAX] = {LN_FOLD_MAX, LN_FINISH_NONE},
    [LN_REDUCE_MIN] = {LN_FOLD_MIN, LN_FINISH_NONE},
    [LN_REDUCE_PROD] = {LN_FOLD_PROD, LN_FINISH_NONE},
    [LN_REDUCE_L1] = {LN_FOLD_ABS, LN_FINISH_NONE},
    [LN_REDUCE_L2] = {LN_FOLD_SQUARE, LN_FINISH_SQRT},
    [LN_REDUCE_SUM_SQUARE] = {LN_FOLD_SQUARE, LN_FINISH_NONE},
    [LN_REDUCE_LOG_SUM] = {LN_FOLD_SUM, LN_FINISH_LOG},
    [LN_REDUCE_LOG_SUM_EXP] = {LN_FOLD_EXP, LN_FINISH_LOG_EXP},
    [LN_REDUCE_ARGMAX] = {LN_FOLD_ARGMAX, LN_FINISH_NONE},
    [LN_REDUCE_ARGMIN] = {LN_FOLD_ARGMIN, LN_FINISH_NONE},
};

static bool reduces(const ln_site *s, int dim) {
    return s->node->attr.reduce.axes >> dim & 1;
}

static bool can_run(const ln_variant *v, const ln_site *s) {
    const ln_tensor *x = &s->graph->tensor[s->node->in[0]];
    const int mode = ln_variant_tunable(v, "MODE", ANY), last = x->shape.rank - 1;
    if ((x->dtype == LN_I32) != ln_variant_tunable(v, "WHOLE", 0)) return false;
    if (mode == CHANNELS && reduces(s, last)) return false;
    if (mode == ROW && (!reduces(s, last) || ln_reduce_is_place(s->node->attr.reduce.kind)))
        return false;
    return ln_nd_can_run(v, s);
}

/* Dimensions that stay, with strides of x (xstr[0]) and y; those that go, as both of `gone`. */
static void split(const ln_site *s, const ln_args *a, ln_nd *d, ln_nd *gone) {
    const ln_shape *x = ln_site_shape(s, s->node->in[0]), *y = ln_site_shape(s, s->node->out[0]);
    const int first = LN_ND - x->rank;
    ln_i32 xdim[LN_ND], xstr[LN_ND], ystr[LN_ND];
    int own = LN_ND - 1, to = LN_ND - 1, out = LN_ND - 1;
    ln_nd_dims(x, xdim);
    ln_nd_strides(x, a->u.nd.ps[0], xstr);
    ln_nd_strides(y, a->yps, ystr);
    for (int i = 0; i < LN_ND; i++) {
        d->dim[i] = gone->dim[i] = 1;
        d->ystr[i] = d->xstr[0][i] = gone->ystr[i] = gone->xstr[0][i] = 0;
    }
    d->ystr[LN_ND - 1] = 1;
    for (int i = LN_ND - 1; i >= first; i--) {
        const bool goes = reduces(s, i - first);
        if (goes) {
            gone->dim[out] = xdim[i];
            gone->ystr[out] = gone->xstr[0][out] = xstr[i];
            out--;
        }
        if (goes && !s->node->attr.reduce.keep) continue;
        d->dim[to] = goes ? 1 : xdim[i];
        d->xstr[0][to] = goes ? 0 : xstr[i];
        d->ystr[to--] = ystr[own--];
    }
}

static void bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    const ln_reduce_attr *r = &s->node->attr.reduce;
    ln_nd *d = &a->u.nd, gone;
    int64_t lanes = 1;
    ln_nd_bind_consts(s, a);
    split(s, a, d, &gone);
    ln_nd_collapse(1, d);
    ln_nd_collapse(1, &gone);
    a->t0 = work[r->kind].fold;
    if (ln_reduce_is_place(r->kind) && r->last) a->t0 += LN_FOLD_ARGMAX_LAST - LN_FOLD_ARGMAX;
    a->t1 = work[r->kind].finish;
    a->t2 = 1;
    for (int i = 0; i < LN_ND; i++) {
        a->t2 *= gone.dim[i];
        d->xstr[1][i] = gone.dim[i];
        d->xstr[2][i] = gone.xstr[0][i];
        lanes *= i < LN_ND - 1 ? d->dim[i] : ln_cpad(d->dim[i]);
    }
    a->tiles = ln_tiles(v, ln_variant_tunable(v, "MODE", ANY) == CHANNELS ? lanes / 8 : lanes, 1);
}

const ln_family ln_family_reduce = {"reduce",     LN_OP_REDUCE, can_run,
                                    ln_nd_packed, ln_nd_pack,   bind};

/* ---- places among bytes ---- */

static bool place_can_run(const ln_variant *v, const ln_site *s) {
    return ln_reduce_is_place(s->node->attr.reduce.kind) && ln_nd_can_run(v, s);
}

/* Among at most 256 channels, one place for each pixel of a row. */
static bool rows_can_run(const ln_variant *v, const ln_site *s) {
    const ln_tensor *x = &s->graph->tensor[s->node->in[0]];
    const int last = x->shape.rank - 1;
    return place_can_run(v, s) && ln_site_plain(s) && last > 0 && reduces(s, last) &&
           !s->node->attr.reduce.keep && x->shape.dim[last] <= 256;
}

/* t0, t1: 1 for the smallest, for the last; t2: pixels of a row, t3 rows, t4 chunks of them. */
static void rows_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    const ln_reduce_attr *r = &s->node->attr.reduce;
    const ln_shape *x = ln_site_shape(s, s->node->in[0]);
    const int64_t units = LN_MAX(s->caps->compute_units, 1);
    (void)v;
    a->t0 = r->kind == LN_REDUCE_ARGMIN;
    a->t1 = r->last;
    a->t2 = (ln_i32)x->dim[x->rank - 2];
    a->t3 = 1;
    for (int d = 0; d < x->rank - 2; d++) a->t3 *= (ln_i32)x->dim[d];
    a->t4 = (ln_i32)LN_MIN(a->t3, 4 * units);
    a->tiles = a->t4;
}

const ln_family ln_family_place_i8 = {"place_i8",   LN_OP_REDUCE, place_can_run,
                                      ln_nd_packed, ln_nd_pack,   bind};
const ln_family ln_family_place_i8_rows = {"place_i8_rows", LN_OP_REDUCE, rows_can_run, NULL, NULL,
                                           rows_bind};
