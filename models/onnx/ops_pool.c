/* Pools over one to three dimensions. A window in three is one over rows and columns and then one
 * over depth: maxima and means of boxes separate (the pixels counted are a product too). */
#include "models/onnx/ops.h"

static ln_attr pool_attr(ln_pool_kind kind, const ln_imp_window *w, bool count_pad) {
    ln_attr a = {.pool = {.kind = kind, .count_pad = count_pad, .win = ln_imp_window_2d(w)}};
    a.pool.ceil_right = (int)w->ceil[w->n - 1];
    a.pool.ceil_bottom = w->n > 1 ? (int)w->ceil[0] : 0;
    return a;
}

/* Some of a window's dimensions. */
static ln_imp_window part_of(const ln_imp_window *w, int first, int n) {
    ln_imp_window p = {.n = n};
    for (int i = 0; i < n; i++) {
        p.k[i] = w->k[first + i];
        p.stride[i] = w->stride[first + i];
        p.dil[i] = w->dil[first + i];
        p.before[i] = w->before[first + i];
        p.after[i] = w->after[first + i];
        p.ceil[i] = w->ceil[first + i];
    }
    return p;
}

static ln_tid pool3d(ln_imp *im, ln_tid x, ln_pool_kind kind, const ln_imp_window *w,
                     bool count_pad) {
    const ln_shape s = *ln_imp_shape(im, x);
    const ln_imp_window flat = part_of(w, 1, 2);
    ln_imp_window deep = part_of(w, 0, 1);
    deep.n = 2; /* over the rows of [N,D,H*W,C] */
    deep.k[1] = deep.stride[1] = deep.dil[1] = 1;
    const ln_shape pictures = ln_nhwc(s.dim[0] * s.dim[1], s.dim[2], s.dim[3], s.dim[4]);
    x = ln_imp_reshape(im, x, &pictures);
    x = ln_imp_1(im, LN_OP_POOL, pool_attr(kind, &flat, count_pad), x);
    if (!ln_imp_ok(im)) return LN_NONE;
    const ln_shape y = *ln_imp_shape(im, x);
    const ln_shape rows = ln_nhwc(s.dim[0], s.dim[1], y.dim[1] * y.dim[2], s.dim[4]);
    x = ln_imp_reshape(im, x, &rows);
    x = ln_imp_1(im, LN_OP_POOL, pool_attr(kind, &deep, count_pad), x);
    if (!ln_imp_ok(im)) return LN_NONE;
    const int64_t od = ln_imp_shape(im, x)->dim[1];
    const ln_shape to = {5, {s.dim[0], od, y.dim[1], y.dim[2], s.dim[4]}};
    return ln_imp_reshape(im, x, &to);
}

void ln_imp_op_pool(ln_imp *im, const ln_imp_op *op) {
    const ln_pool_kind kind = (ln_pool_kind)op->arg;
    const ln_val *v = ln_imp_in(im, 0);
    const bool count_pad = ln_imp_int(im, "count_include_pad", 0) != 0;
    ln_imp_window w;
    const bool places = ln_imp_wants(im, 1), columns = ln_imp_int(im, "storage_order", 0) != 0;
    if (!ln_imp_window_of(im, &v->shape, NULL, &w)) return;
    ln_tid x = ln_imp_get(im, v, LN_LAST);
    const bool f32 = ln_imp_is_f32(im, x); /* small integers are exact in f32 */
    x = ln_imp_to_f32(im, x);
    if (places && w.n < 3) {
        ln_attr a = pool_attr(kind, &w, count_pad);
        ln_tid out[LN_MAX_OUT], in = ln_imp_picture(im, x);
        a.pool.indices = columns ? LN_INDICES_COLUMNS : LN_INDICES_ROWS;
        ln_imp_node_all(im, LN_OP_POOL, &a, &in, 1, out);
        x = ln_imp_unpicture(im, out[0], v->shape.rank);
        ln_imp_out(im, 1, ln_imp_unpicture(im, out[1], v->shape.rank), LN_LAST, LN_ONNX_INT64);
    } else if (w.n == 3) {
        x = pool3d(im, x, kind, &w, count_pad);
    } else {
        x = ln_imp_1(im, LN_OP_POOL, pool_attr(kind, &w, count_pad), ln_imp_picture(im, x));
        x = ln_imp_unpicture(im, x, v->shape.rank);
    }
    ln_imp_out(im, 0, f32 ? x : ln_imp_to_i32(im, x), LN_LAST, 0);
}

void ln_imp_op_global_pool(ln_imp *im, const ln_imp_op *op) {
    const ln_val *v = ln_imp_in(im, 0);
    ln_shape to = v->shape;
    if (to.rank < 3) {
        ln_imp_refuse(im, "the input has rank %d, 3 or more is needed", to.rank);
        return;
    }
    ln_tid x = ln_imp_get(im, v, LN_LAST);
    int64_t area = 1;
    for (int i = 2; i < to.rank; i++) area *= to.dim[i], to.dim[i] = 1;
    if (to.rank != 4) {
        const ln_shape row = ln_nhwc(to.dim[0], 1, area, to.dim[1]);
        x = ln_imp_reshape(im, x, &row);
    }
    const ln_attr a = {.pool = {.kind = (ln_pool_kind)op->arg, .global = true}};
    const ln_shape last = ln_shape_to_last(&to);
    ln_imp_out(im, 0, ln_imp_reshape(im, ln_imp_1(im, LN_OP_POOL, a, x), &last), LN_LAST, 0);
}
