/* Multiply-adds, and the arithmetic of windows. */
#include "engine/graph.h"

static int64_t mul_sat(int64_t a, int64_t b) {
    int64_t r;
    return ln_mul_i64(a, b, &r) ? r : INT64_MAX;
}

static int64_t count(const ln_shape *s) {
    int64_t n;
    return ln_shape_count(s, &n) ? n : INT64_MAX;
}

/* Both products: queries x keys of their sequence x (dim + vdim), for every head. */
static int64_t attention_macs(const ln_graph *g, const ln_node *n) {
    const ln_attention_attr *a = &n->attr.attention;
    const ln_shape *q = &g->tensor[n->in[0]].shape, *k = &g->tensor[n->in[1]].shape;
    const int64_t keys = k->dim[1] * k->dim[2] / ((int64_t)a->patch_h * a->patch_w);
    const int64_t queries = mul_sat(q->dim[0], q->dim[1] * q->dim[2]);
    return mul_sat(mul_sat(queries, keys), mul_sat(a->heads, (int64_t)a->dim + a->vdim));
}

int64_t ln_node_macs(const ln_graph *g, const ln_node *n) {
    const ln_shape *y = &g->tensor[n->out[0]].shape;
    const ln_shape *x, *w = n->n_in > 1 ? &g->tensor[n->in[1]].shape : NULL;
    switch (n->op) {
    case LN_OP_CONV2D: /* outputs x taps x input channels of a group */
        return mul_sat(count(y), mul_sat(mul_sat(w->dim[1], w->dim[2]), w->dim[3]));
    case LN_OP_CONV_TRANSPOSE: /* inputs x taps x output channels of a group */
        return mul_sat(count(&g->tensor[n->in[0]].shape),
                       mul_sat(mul_sat(w->dim[1], w->dim[2]), w->dim[0] / n->attr.conv.groups));
    case LN_OP_FC: return mul_sat(count(y), w->dim[1]);
    case LN_OP_SE: /* both products, once an image */
        return mul_sat(mul_sat(y->dim[0], 2), mul_sat(w->dim[0], w->dim[3]));
    case LN_OP_ATTENTION: return attention_macs(g, n);
    case LN_OP_MATMUL:
        x = &g->tensor[n->in[0]].shape;
        return mul_sat(count(y), x->dim[x->rank - (n->attr.matmul.trans_a ? 2 : 1)]);
    default: return 0;
    }
}

/* One axis: out = ceil(in / stride); padding that makes it so, the odd pixel after. */
static void same(int k, int s, int d, int64_t in, int *before, int *after) {
    *before = *after = 0;
    if (s < 1) return; /* the shape rule will say so */
    const int64_t out = ln_ceil_div(in, s), eff = (int64_t)(k - 1) * d + 1;
    const int64_t total = LN_MAX((out - 1) * s + eff - in, 0);
    *before = (int)(total / 2);
    *after = (int)(total - total / 2);
}

void ln_window_same(ln_window *w, int64_t in_h, int64_t in_w) {
    same(w->kh, w->sh, w->dh, in_h, &w->top, &w->bottom);
    same(w->kw, w->sw, w->dw, in_w, &w->left, &w->right);
}

static int ceil_extra(int k, int s, int d, int64_t in, int before, int after) {
    if (s < 1) return 0;
    const int64_t eff = (int64_t)(k - 1) * d + 1;
    int64_t out = ln_ceil_div(in + before + after - eff, s) + 1;
    if ((out - 1) * s >= in + before) out--; /* it would begin in the padding */
    return (int)LN_MAX((out - 1) * s + eff - (in + before + after), 0);
}

void ln_pool_ceil(ln_pool_attr *p, int64_t in_h, int64_t in_w) {
    ln_window *w = &p->win;
    p->ceil_bottom = ceil_extra(w->kh, w->sh, w->dh, in_h, w->top, w->bottom);
    p->ceil_right = ceil_extra(w->kw, w->sw, w->dw, in_w, w->left, w->right);
    w->bottom += p->ceil_bottom;
    w->right += p->ceil_right;
}

ln_slice_attr ln_slice_all(const ln_shape *x) {
    ln_slice_attr a = {.size = *x};
    for (int i = 0; i < LN_MAX_RANK; i++) a.step[i] = 1;
    return a;
}
