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

int64_t ln_node_macs(const ln_graph *g, const ln_node *n) {
    const ln_shape *y = &g->tensor[n->out[0]].shape;
    const ln_shape *w = n->n_in > 1 ? &g->tensor[n->in[1]].shape : NULL;
    switch (n->op) {
    case LN_OP_CONV2D: /* outputs x taps x input channels of a group */
        return mul_sat(count(y), mul_sat(mul_sat(w->dim[1], w->dim[2]), w->dim[3]));
    case LN_OP_FC: return mul_sat(count(y), w->dim[1]);
    default: return 0;
    }
}

/* One axis: out = ceil(in / stride); padding that makes it so, the odd pixel after. */
static void same(int k, int s, int d, int64_t in, int *before, int *after) {
    const int64_t out = ln_ceil_div(in, s), eff = (int64_t)(k - 1) * d + 1;
    const int64_t total = LN_MAX((out - 1) * s + eff - in, 0);
    *before = (int)(total / 2);
    *after = (int)(total - total / 2);
}

void ln_window_same(ln_window *w, int64_t in_h, int64_t in_w) {
    same(w->kh, w->sh, w->dh, in_h, &w->top, &w->bottom);
    same(w->kw, w->sw, w->dw, in_w, &w->left, &w->right);
}
