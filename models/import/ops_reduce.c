/* Sums, means, extremes and their places. */
#include "models/import/ops.h"

ln_tid ln_imp_reduce(ln_imp *im, ln_reduce_kind kind, ln_tid x, unsigned axes, bool keep) {
    const ln_attr a = {.reduce = {.kind = kind, .axes = axes, .keep = keep}};
    return ln_imp_1(im, LN_OP_REDUCE, a, x);
}

/* ONNX's axes in terms of a LAST tensor's. */
static unsigned last_axes(unsigned axes, int rank) {
    unsigned r = 0;
    for (int d = 0; d < rank; d++)
        if (axes >> d & 1u) r |= 1u << ln_imp_place(LN_LAST, d, rank);
    return r;
}

static ln_shape reduced(const ln_shape *x, unsigned axes, bool keep) {
    ln_shape s = {0};
    for (int d = 0; d < x->rank; d++) {
        if (!(axes >> d & 1u)) s.dim[s.rank++] = x->dim[d];
        if ((axes >> d & 1u) && keep) s.dim[s.rank++] = 1;
    }
    return s;
}

/* The mean over all pixels of a map is the pool that gates and heads are recognised by. */
static bool is_global_mean(const ln_imp *im, const ln_val *v, ln_reduce_kind kind, unsigned axes) {
    return kind == LN_REDUCE_MEAN && v->shape.rank == 4 && axes == 12u && ln_val_is_last(v) &&
           ln_imp_is_f32(im, v->tid[LN_LAST]);
}

static void reduce(ln_imp *im, const ln_val *v, ln_reduce_kind kind, unsigned axes, bool keep) {
    const ln_shape s = reduced(&v->shape, axes, keep), g = ln_shape_graph(&s);
    if (!axes) {
        ln_imp_out_val(im, 0, v);
        return;
    }
    if (is_global_mean(im, v, kind, axes)) {
        const ln_attr a = {.pool = {.kind = LN_POOL_AVG, .global = true}};
        const ln_tid y = ln_imp_1(im, LN_OP_POOL, a, ln_imp_get(im, v, LN_LAST));
        ln_imp_out_as(im, 0, keep ? y : ln_imp_reshape(im, y, &g), LN_LAST, 0, &s);
        return;
    }
    /* in LAST where the result lies right: kept dimensions, channels reduced, or nothing but them
     */
    const unsigned all = (1u << v->shape.rank) - 1, pixels = all & ~3u;
    const bool last = ln_val_is_last(v) && (keep || (axes & 2u) || (axes & pixels) == pixels);
    const ln_imp_layout l = last ? LN_LAST : LN_PLAIN;
    const ln_tid x = ln_imp_get(im, v, l);
    const unsigned mask = v->shape.rank == 0 ? 1u : last ? last_axes(axes, v->shape.rank) : axes;
    const ln_tid y = ln_imp_reduce(im, kind, x, mask, keep);
    if (keep)
        ln_imp_out_as(im, 0, y, l, 0, &s);
    else
        ln_imp_out_as(im, 0, ln_imp_reshape(im, y, &g), LN_PLAIN, 0, &s);
}

static const ln_fold *host_fold(ln_reduce_kind kind) {
    switch (kind) {
    case LN_REDUCE_MEAN:
    case LN_REDUCE_SUM: return ln_math_fold(LN_MATH_ADD);
    case LN_REDUCE_PROD: return ln_math_fold(LN_MATH_MUL);
    case LN_REDUCE_MIN: return ln_math_fold(LN_MATH_MIN);
    case LN_REDUCE_MAX: return ln_math_fold(LN_MATH_MAX);
    default: return NULL;
    }
}

void ln_imp_reduced(ln_imp *im, const ln_val *v, ln_reduce_kind kind, unsigned axes, bool keep) {
    const ln_fold *fold = v->host ? host_fold(kind) : NULL;
    if (fold)
        ln_imp_out_host(im, 0,
                        ln_host_reduce(im, fold, kind == LN_REDUCE_MEAN, v->host, axes, keep));
    else
        reduce(im, v, kind, axes, keep);
}

/* arg: ln_reduce_kind. The axes are an attribute; for ReduceSum from operator set 13, for the
 * others from 18 on, an input. */
void ln_imp_op_reduce(ln_imp *im, const ln_imp_op *op) {
    const ln_reduce_kind kind = (ln_reduce_kind)op->arg;
    const ln_val *v = ln_imp_in(im, 0);
    const bool keep = ln_imp_int(im, "keepdims", 1) != 0;
    bool given;
    unsigned axes = ln_imp_axes(im, op->max_in > 1 ? 1 : -1, "axes", v->shape.rank, &given);
    if (!ln_imp_ok(im)) return;
    if (!axes && !ln_imp_int(im, "noop_with_empty_axes", 0))
        axes = v->shape.rank ? (1u << v->shape.rank) - 1 : 1u;
    ln_imp_reduced(im, v, kind, axes, keep);
}

void ln_imp_placed(ln_imp *im, const ln_val *v, ln_reduce_kind kind, int axis, bool keep, bool tail,
                   int type) {
    const bool last = ln_val_is_last(v);
    const ln_shape s = reduced(&v->shape, 1u << axis, keep), g = ln_shape_graph(&s);
    const ln_imp_layout l = last && (keep || axis == 1) ? LN_LAST : LN_PLAIN;
    unsigned mask = 1u << axis;
    if (l == LN_LAST) mask = last_axes(mask, v->shape.rank);
    const ln_attr a = {.reduce = {.kind = kind, .axes = mask, .keep = keep, .last = tail}};
    const ln_tid y = ln_imp_1(im, LN_OP_REDUCE, a, ln_imp_get(im, v, l));
    if (keep)
        ln_imp_out_as(im, 0, y, l, type, &s);
    else
        ln_imp_out_as(im, 0, ln_imp_reshape(im, y, &g), LN_PLAIN, type, &s);
}

/* arg: LN_REDUCE_ARGMAX or ARGMIN */
void ln_imp_op_arg_extreme(ln_imp *im, const ln_imp_op *op) {
    const ln_val *v = ln_imp_in(im, 0);
    const int axis = ln_imp_axis(im, ln_imp_int(im, "axis", 0), v->shape.rank);
    const bool keep = ln_imp_int(im, "keepdims", 1) != 0;
    const bool tail = ln_imp_int(im, "select_last_index", 0) != 0;
    ln_imp_placed(im, v, (ln_reduce_kind)op->arg, axis, keep, tail, LN_ONNX_INT64);
}
