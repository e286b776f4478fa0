/* Shapes: what renames dimensions without moving anything, and what is known at import. */
#include "models/import/ops.h"

void ln_imp_renamed(ln_imp *im, const ln_val *v, const ln_shape *s) {
    int64_t from = 0, to = 0;
    char a[96], b[96];
    if (!ln_imp_ok(im)) return;
    if (!ln_count(&v->shape, &from) || !ln_count(s, &to) || from != to) {
        ln_imp_refuse(im, "%s cannot become %s", ln_shape_text(&v->shape, a), ln_shape_text(s, b));
        return;
    }
    if (v->host) {
        ln_imp_out_host(im, 0, ln_host_reshape(im, v->host, s));
        return;
    }
    const ln_shape g = ln_shape_graph(s);
    ln_imp_out_as(im, 0, ln_imp_reshape(im, ln_imp_get(im, v, LN_PLAIN), &g), LN_PLAIN, 0, s);
    /* groups of channels joined are a map again: what reads it should find it as one */
    const ln_val *y = &im->val[im->node->out[0]];
    if (!im->m->dialect && v->shape.rank == 5 && s->rank == 4 && s->dim[0] == v->shape.dim[0] &&
        s->dim[2] == v->shape.dim[3] && s->dim[3] == v->shape.dim[4] && ln_imp_ok(im))
        ln_imp_get(im, y, LN_LAST);
}

/* Operator set 5 on: 0 copies a dimension (unless allowzero), -1 takes what is left. */
static bool target(ln_imp *im, const ln_shape *x, ln_shape *s) {
    int64_t all = 0, rest = 1;
    int open = -1;
    const bool zero = ln_imp_int(im, "allowzero", 0) != 0;
    for (int i = 0; i < s->rank; i++) {
        if (s->dim[i] == 0 && !zero && i < x->rank) s->dim[i] = x->dim[i];
        if (s->dim[i] == -1 && open < 0) {
            open = i;
        } else if (s->dim[i] < 0 || !ln_mul_i64(rest, s->dim[i], &rest)) {
            return ln_imp_refuse(im, "dimension %d of the shape is %lld", i, (long long)s->dim[i]),
                   false;
        }
    }
    if (open >= 0) s->dim[open] = rest && ln_count(x, &all) ? all / rest : 0;
    return ln_imp_ok(im);
}

/* arg: 1 the shape is an attribute */
void ln_imp_op_reshape(ln_imp *im, const ln_imp_op *op) {
    size_t n = 0;
    const int64_t *attr = op->arg ? ln_imp_ints(im, "shape", &n) : NULL;
    const ln_host *h = op->arg ? ln_host_ints(im, attr, (int)LN_MIN(n, LN_MAX_RANK + 1))
                               : ln_imp_const(im, 1, "the shape");
    ln_shape s;
    if (ln_imp_dims(im, h, "shape", &s) && target(im, &ln_imp_in(im, 0)->shape, &s))
        ln_imp_renamed(im, ln_imp_in(im, 0), &s);
}

void ln_imp_op_flatten(ln_imp *im, const ln_imp_op *op) {
    const ln_shape *x = &ln_imp_in(im, 0)->shape;
    int64_t axis = ln_imp_int(im, "axis", 1);
    ln_shape s = {2, {1, 1}};
    (void)op;
    if (axis < -x->rank || axis > x->rank) {
        ln_imp_refuse(im, "axis %lld is outside rank %d", (long long)axis, x->rank);
        return;
    }
    axis += axis < 0 ? x->rank : 0;
    for (int i = 0; i < x->rank; i++)
        if (!ln_mul_i64(s.dim[i >= axis], x->dim[i], &s.dim[i >= axis])) s.dim[0] = -1;
    ln_imp_renamed(im, ln_imp_in(im, 0), &s);
}

/* Axes are an attribute, from operator set 13 on an input. */
void ln_imp_op_squeeze(ln_imp *im, const ln_imp_op *op) {
    const ln_shape *x = &ln_imp_in(im, 0)->shape;
    ln_shape s = {0};
    bool given;
    const unsigned axes = ln_imp_axes(im, op->arg, "axes", x->rank, &given);
    for (int i = 0; i < x->rank; i++) {
        const bool out = given ? axes >> i & 1u : x->dim[i] == 1;
        if (!out) s.dim[s.rank++] = x->dim[i];
        if (out && x->dim[i] != 1)
            ln_imp_refuse(im, "dimension %d is %lld, not 1", i, (long long)x->dim[i]);
    }
    ln_imp_renamed(im, ln_imp_in(im, 0), &s);
}

void ln_imp_op_unsqueeze(ln_imp *im, const ln_imp_op *op) {
    const ln_shape *x = &ln_imp_in(im, 0)->shape;
    const ln_host *in = op->arg > 0 ? ln_imp_const(im, op->arg, "axes") : NULL;
    ln_shape s = {0};
    size_t n = 0;
    bool given;
    ln_imp_ints(im, "axes", &n);
    if (in) n = (size_t)LN_MIN(in->count, LN_MAX_RANK + 1);
    if (x->rank + n > LN_MAX_RANK) {
        ln_imp_refuse(im, "more than %d dimensions", LN_MAX_RANK);
        return;
    }
    s.rank = x->rank + (int)n;
    const unsigned axes = ln_imp_axes(im, op->arg, "axes", s.rank, &given);
    if (__builtin_popcount(axes) != (int)n) ln_imp_refuse(im, "an axis is named twice");
    for (int i = 0, k = 0; i < s.rank && ln_imp_ok(im); i++)
        s.dim[i] = axes >> i & 1u ? 1 : x->dim[k++];
    ln_imp_renamed(im, ln_imp_in(im, 0), &s);
}

void ln_imp_op_identity(ln_imp *im, const ln_imp_op *op) {
    (void)op;
    ln_imp_out_val(im, 0, ln_imp_in(im, 0));
}

/* What a mask that keeps everything is. */
static void full_mask(ln_imp *im, const ln_shape *s, int type) {
    void *data;
    ln_host *h = ln_host_new(im, type, s, &data);
    for (int64_t i = 0; h && i < h->count; i++) {
        if (ln_type_is_float(type))
            ((double *)data)[i] = 1.0;
        else
            ((int64_t *)data)[i] = 1;
    }
    ln_imp_out_host(im, 1, h);
}

/* Without training it is the identity; training with a ratio of 0 is it too. */
void ln_imp_op_dropout(ln_imp *im, const ln_imp_op *op) {
    const ln_val *v = ln_imp_in(im, 0);
    const ln_host *training =
        op->from >= 12 && ln_imp_in(im, 2) ? ln_imp_const(im, 2, "training_mode") : NULL;
    if (training && training->count && ln_host_i(training, 0)) {
        const ln_host *ratio = ln_imp_in(im, 1) ? ln_imp_const(im, 1, "the ratio") : NULL;
        if (!ratio || !ratio->count || ln_host_f(ratio, 0) != 0.0)
            ln_imp_refuse(im, "training is not supported");
    }
    ln_imp_out_val(im, 0, v);
    if (ln_imp_wants(im, 1)) full_mask(im, &v->shape, op->from >= 10 ? LN_ONNX_BOOL : v->type);
}

/* ---- known at import ---- */
void ln_imp_op_shape(ln_imp *im, const ln_imp_op *op) {
    const ln_shape *x = &ln_imp_in(im, 0)->shape;
    int64_t start = ln_imp_int(im, "start", 0), end = ln_imp_int(im, "end", x->rank);
    (void)op;
    start = LN_MAX(0, LN_MIN(x->rank, start + (start < 0 ? x->rank : 0)));
    end = LN_MAX(start, LN_MIN(x->rank, end + (end < 0 ? x->rank : 0)));
    ln_imp_out_host(im, 0, ln_host_ints(im, x->dim + start, (int)(end - start)));
}

void ln_imp_op_size(ln_imp *im, const ln_imp_op *op) {
    static const ln_shape scalar = {0};
    int64_t n = 0;
    (void)op;
    ln_count(&ln_imp_in(im, 0)->shape, &n);
    ln_imp_out_host(im, 0, ln_host_reshape(im, ln_host_ints(im, &n, 1), &scalar));
}

void ln_imp_op_constant(ln_imp *im, const ln_imp_op *op) {
    const ln_net_attr *value = ln_net_find_attr(im->node, "value");
    static const ln_shape scalar = {0};
    size_t n = 0;
    const int64_t *ints = ln_imp_ints(im, "value_ints", &n);
    const float *floats = ints ? NULL : ln_imp_floats(im, "value_floats", &n);
    (void)op;
    if (value && value->type == LN_ONNX_ATTR_TENSOR) {
        ln_imp_out_host(im, 0, ln_host_tensor(im, &value->t));
        return;
    }
    const bool one_int = ln_net_find_attr(im->node, "value_int") != NULL;
    const bool one_float = ln_net_find_attr(im->node, "value_float") != NULL;
    if (!ints && !floats && !one_int && !one_float) {
        ln_imp_refuse(im, "a constant without a tensor or numbers is not supported");
        return;
    }
    const ln_shape s = {1, {one_int || one_float ? 1 : (int64_t)n}};
    void *data;
    const bool whole = ints || one_int;
    ln_host *h = ln_host_new(im, whole ? LN_ONNX_INT64 : LN_ONNX_FLOAT, &s, &data);
    for (int64_t i = 0; h && i < h->count; i++) {
        if (whole)
            ((int64_t *)data)[i] = ints ? ints[i] : ln_imp_int(im, "value_int", 0);
        else
            ((double *)data)[i] = (double)(floats ? floats[i] : ln_imp_float(im, "value_float", 0));
    }
    ln_imp_out_host(im, 0, one_int || one_float ? ln_host_reshape(im, h, &scalar) : h);
}

void ln_imp_op_constant_of_shape(ln_imp *im, const ln_imp_op *op) {
    const ln_net_attr *value = ln_net_find_attr(im->node, "value");
    const ln_host *one =
        value && value->type == LN_ONNX_ATTR_TENSOR ? ln_host_tensor(im, &value->t) : NULL;
    const int64_t none[LN_MAX_RANK] = {0};
    ln_shape s;
    void *data;
    (void)op;
    if (!ln_imp_dims(im, ln_imp_const(im, 0, "the shape"), "shape", &s)) return;
    if (one && one->count != 1) {
        ln_imp_refuse(im, "the value has %lld elements, not 1", (long long)one->count);
        return;
    }
    for (int i = 0; i < s.rank; i++)
        if (s.dim[i] < 0) ln_imp_refuse(im, "dimension %d is %lld", i, (long long)s.dim[i]);
    if (one)
        ln_imp_out_host(im, 0, ln_host_view(im, one, &s, none, 0));
    else
        ln_imp_out_host(im, 0, ln_host_new(im, LN_ONNX_FLOAT, &s, &data)); /* zeroed */
}

void ln_imp_op_range(ln_imp *im, const ln_imp_op *op) {
    const ln_host *a = ln_imp_const(im, 0, "start"), *b = ln_imp_const(im, 1, "limit"),
                  *d = ln_imp_const(im, 2, "delta");
    (void)op;
    if (!a || !b || !d || !ln_imp_ok(im)) return;
    if (a->count != 1 || b->count != 1 || d->count != 1 || ln_host_f(d, 0) == 0.0) {
        ln_imp_refuse(im, "start, limit and delta are not three numbers, the last not 0");
        return;
    }
    const double n = ceil((ln_host_f(b, 0) - ln_host_f(a, 0)) / ln_host_f(d, 0));
    const ln_shape s = {1, {n > 0 ? (n < 1e15 ? (int64_t)n : (int64_t)1e15) : 0}};
    void *data;
    ln_host *h = ln_host_new(im, a->type, &s, &data);
    for (int64_t i = 0; h && i < h->count; i++) {
        if (ln_type_is_float(a->type))
            ((double *)data)[i] =
                ln_type_round(a->type, ln_host_f(a, 0) + (double)i * ln_host_f(d, 0));
        else
            ((int64_t *)data)[i] =
                (int64_t)((uint64_t)ln_host_i(a, 0) + (uint64_t)i * (uint64_t)ln_host_i(d, 0));
    }
    ln_imp_out_host(im, 0, h);
}
