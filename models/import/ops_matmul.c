/* Products of matrices. One with a constant is a fully connected layer, over as many rows as the
 * other operand has. */
#include "models/import/ops.h"

ln_tid ln_imp_product(ln_imp *im, ln_tid a, ln_tid b, bool trans_a, bool trans_b) {
    const ln_attr attr = {.matmul = {.trans_a = trans_a, .trans_b = trans_b}};
    return ln_imp_node(im, LN_OP_MATMUL, &attr, (const ln_tid[]){a, b}, 2);
}

/* The constant [K,N] (trans: [N,K]) as a layer's weight [N,K]; times alpha. */
static ln_tid fc_weight(ln_imp *im, const ln_val *v, bool trans, float alpha) {
    const ln_shape *s = &v->shape;
    const ln_shape w = {2, {s->dim[trans ? 0 : 1], s->dim[trans ? 1 : 0]}};
    const int64_t stride[2] = {trans ? s->dim[1] : 1, trans ? 1 : s->dim[1]};
    const ln_tid t = ln_imp_const_view(im, v->name, v->host, &w, stride, v->param);
    if (alpha == 1.0f || t == LN_NONE) return t;
    float *scale = ln_pool_alloc(&im->g->pool, (size_t)w.dim[0], sizeof *scale);
    if (!scale) {
        im->status = ln_fail_oom(im->err, "a constant", (size_t)w.dim[0] * sizeof *scale);
        return LN_NONE;
    }
    ln_view *view = &im->g->tensor[t].view;
    for (int64_t i = 0; i < w.dim[0]; i++) scale[i] = alpha * (view->scale ? view->scale[i] : 1);
    view->scale = scale;
    return t;
}

static ln_tid layer(ln_imp *im, ln_tid x, ln_tid w, ln_tid bias) {
    return ln_imp_node(im, LN_OP_FC, NULL, (const ln_tid[]){x, w, bias}, bias == LN_NONE ? 2 : 3);
}

/* a [...,K] by the constant b [K,N] */
static void by_constant(ln_imp *im, const ln_val *a, const ln_val *b) {
    const ln_shape s = ln_shape_graph(&a->shape);
    const int64_t k = s.dim[s.rank - 1];
    ln_shape rows = {2, {1, k}}, to = a->shape;
    char ta[96], tb[96];
    if (k != b->shape.dim[0]) {
        ln_imp_refuse(im, "%s does not go with %s", ln_shape_text(&a->shape, ta),
                      ln_shape_text(&b->shape, tb));
        return;
    }
    for (int i = 0; i < s.rank - 1; i++) rows.dim[0] *= s.dim[i];
    to.dim[to.rank - 1] = b->shape.dim[1];
    const ln_tid x = ln_imp_reshape(im, ln_imp_get(im, a, LN_PLAIN), &rows);
    const ln_tid y = layer(im, x, fc_weight(im, b, false, 1.0f), LN_NONE);
    ln_imp_out_as(im, 0, ln_imp_reshape(im, y, &to), LN_PLAIN, 0, &to);
}

/* An operand as a matrix or a stack of them; a vector is one row (the first) or one column. */
static ln_tid matrix(ln_imp *im, const ln_val *v, bool first) {
    ln_shape s = v->shape;
    const ln_tid x = ln_imp_get(im, v, LN_PLAIN);
    if (s.rank != 1) return x;
    s = first ? (ln_shape){2, {1, v->shape.dim[0]}} : (ln_shape){2, {v->shape.dim[0], 1}};
    return ln_imp_reshape(im, x, &s);
}

static void multiply(ln_imp *im, const ln_val *a, const ln_val *b) {
    if (!a || !b || !ln_imp_ok(im)) return;
    if (!a->shape.rank || !b->shape.rank) {
        ln_imp_refuse(im, "a scalar is no matrix");
        return;
    }
    if (!a->host && b->host && b->shape.rank == 2) {
        by_constant(im, a, b);
        return;
    }
    const ln_tid y = ln_imp_product(im, matrix(im, a, true), matrix(im, b, false), false, false);
    ln_shape s = *ln_imp_shape(im, y); /* without what vectors were given */
    if (!ln_imp_ok(im)) return;
    if (a->shape.rank == 1) {
        s.dim[s.rank - 2] = s.dim[s.rank - 1];
        s.rank--;
    }
    if (b->shape.rank == 1) s.rank--;
    const ln_shape g = ln_shape_graph(&s);
    ln_imp_out_as(im, 0, ln_imp_reshape(im, y, &g), LN_PLAIN, 0, &s);
}

void ln_imp_op_matmul(ln_imp *im, const ln_imp_op *op) {
    (void)op;
    multiply(im, ln_imp_in(im, 0), ln_imp_in(im, 1));
}

/* beta * C as a vector of n, when it is a constant that is one. */
static bool gemm_bias(ln_imp *im, const ln_val *c, float beta, int64_t n, ln_tid *out) {
    const ln_shape s = {1, {n}};
    *out = LN_NONE;
    if (!c) return true;
    const int64_t last = c->shape.rank ? c->shape.dim[c->shape.rank - 1] : 1;
    if (!c->host || c->host->count != last || (last != 1 && last != n)) return false;
    if (beta == 1.0f && last == n) {
        *out = ln_imp_const_view(im, c->name, c->host, &s, (const int64_t[]){1}, c->param);
        return true;
    }
    float *p = ln_pool_alloc(&im->g->pool, (size_t)n, sizeof *p);
    for (int64_t i = 0; p && i < n; i++) p[i] = beta * (float)ln_host_f(c->host, last == n ? i : 0);
    if (p)
        *out = ln_imp_const_f32(im, c->name, &s, p);
    else
        im->status = ln_fail_oom(im->err, "a constant", (size_t)n * sizeof *p);
    return true;
}

/* alpha * A' * B' + beta * C, on the device. */
static ln_tid general(ln_imp *im, bool ta, bool tb, float alpha, float beta) {
    const ln_tid a = ln_imp_get(im, ln_imp_in(im, 0), LN_PLAIN);
    const ln_tid b = ln_imp_get(im, ln_imp_in(im, 1), LN_PLAIN);
    ln_tid c = ln_imp_get(im, ln_imp_in(im, 2), LN_PLAIN), y = ln_imp_product(im, a, b, ta, tb);
    if (alpha != 1.0f) y = ln_imp_map2(im, LN_MAP_MUL, y, ln_imp_scalar(im, alpha));
    if (c == LN_NONE || beta == 0.0f) return y;
    if (beta != 1.0f) c = ln_imp_map2(im, LN_MAP_MUL, c, ln_imp_scalar(im, beta));
    return ln_imp_map2(im, LN_MAP_ADD, y, c);
}

void ln_imp_op_gemm(ln_imp *im, const ln_imp_op *op) {
    const ln_val *a = ln_imp_in(im, 0), *b = ln_imp_in(im, 1), *c = ln_imp_in(im, 2);
    const bool ta = ln_imp_int(im, "transA", 0) != 0, tb = ln_imp_int(im, "transB", 0) != 0;
    const float alpha = ln_imp_float(im, "alpha", 1.0f), beta = ln_imp_float(im, "beta", 1.0f);
    ln_tid bias;
    (void)op;
    if (!ln_imp_ok(im)) return;
    if (a->shape.rank != 2 || b->shape.rank != 2) {
        ln_imp_refuse(im, "the operands have rank %d and %d, not 2", a->shape.rank, b->shape.rank);
        return;
    }
    const int64_t n = b->shape.dim[tb ? 0 : 1];
    const bool fc = !ta && !a->host && b->host && gemm_bias(im, c, beta, n, &bias);
    const ln_tid y = fc ? layer(im, ln_imp_get(im, a, LN_PLAIN), fc_weight(im, b, tb, alpha), bias)
                        : general(im, ta, tb, alpha, beta);
    const ln_shape s = {2, {a->shape.dim[ta], n}};
    ln_imp_out_as(im, 0, y, LN_PLAIN, 0, &s);
}
