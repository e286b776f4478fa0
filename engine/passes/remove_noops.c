/* Nodes that give back what they got, and reshapes that only flatten for a fully connected. */
#include "engine/passes/rewrite.h"
#include "engine/resize.h"
#include <math.h>
#include <stdlib.h>

static bool act_is_noop(const ln_act *a) {
    if (a->kind == LN_ACT_NONE) return true;
    return a->kind == LN_ACT_CLAMP && isinf(a->lo) && isinf(a->hi) && a->lo < 0 && a->hi > 0;
}

static bool pool_is_noop(const ln_pool_attr *p, const ln_shape *x) {
    const ln_window *w = &p->win;
    if (p->indices) return false;
    if (p->global) return x->dim[1] == 1 && x->dim[2] == 1;
    return w->kh == 1 && w->kw == 1 && w->sh == 1 && w->sw == 1 && !w->top && !w->bottom &&
           !w->left && !w->right;
}

static bool pad_is_noop(const ln_pad_attr *p, int rank) {
    for (int i = 0; i < rank; i++)
        if (p->before[i] || p->after[i]) return false;
    return true;
}

/* The same shape again, and nothing turned round. */
static bool slice_is_noop(const ln_slice_attr *s, const ln_shape *x) {
    for (int i = 0; i < x->rank; i++)
        if (s->size.dim[i] != x->dim[i] || (s->step[i] < 0 && x->dim[i] > 1)) return false;
    return true;
}

static bool permute_is_noop(const ln_permute_attr *p, int rank) {
    for (int i = 0; i < rank; i++)
        if (p->perm[i] != i) return false;
    return true;
}

static bool resize_is_noop(const ln_resize_attr *r, const ln_shape *x) {
    for (int i = 0; i < x->rank; i++)
        if (ln_resize_moves(r, i, x->dim[i])) return false;
    return true;
}

static bool is_noop(const ln_graph *g, const ln_node *n) {
    const ln_shape *x = &g->tensor[n->in[0]].shape, *y = &g->tensor[n->out[0]].shape;
    if (!ln_quant_equal(&g->tensor[n->in[0]].q, &g->tensor[n->out[0]].q)) return false;
    switch (n->op) {
    case LN_OP_QUANTIZE: return true;
    case LN_OP_ACT: return act_is_noop(&n->attr.act);
    case LN_OP_RESHAPE: /* the same shape: nothing moved, cut or added */
    case LN_OP_TILE: return ln_shape_equal(x, y);
    case LN_OP_SLICE: return slice_is_noop(&n->attr.slice, x);
    case LN_OP_PAD: return pad_is_noop(&n->attr.pad, x->rank);
    case LN_OP_PERMUTE: return permute_is_noop(&n->attr.permute, x->rank);
    case LN_OP_RESIZE: return resize_is_noop(&n->attr.resize, x);
    case LN_OP_CHANNEL_SHUFFLE:
        return n->attr.shuffle.groups == 1 || n->attr.shuffle.groups == y->dim[y->rank - 1];
    case LN_OP_POOL: return pool_is_noop(&n->attr.pool, x);
    case LN_OP_CONCAT: return n->n_in == 1 && ln_node_is_plain_concat(n);
    default: return false;
    }
}

/* FC reads [N,1,1,C] as well as [N,C]: the input of a reshape between the two will do. */
static void skip_flatten(ln_rewrite *rw, ln_node *fc) {
    const ln_graph *g = rw->g;
    const ln_node *r = ln_rewrite_maker(rw, fc->in[0]);
    if (!r || r->op != LN_OP_RESHAPE) return;
    const ln_shape *x = &g->tensor[r->in[0]].shape, *y = &g->tensor[r->out[0]].shape;
    const bool flat = x->rank == 2 || (x->rank == 4 && x->dim[1] == 1 && x->dim[2] == 1);
    if (!flat || x->dim[0] != y->dim[0]) return;
    ln_rewrite_set_in(rw, fc, 0, r->in[0]);
}

/* same[t]: the tensor that is read in place of t. Nodes come in order, so one look is enough. */
static void skip_noop(ln_rewrite *rw, int at, ln_tid *same) {
    ln_node *n = &rw->g->node[at];
    for (int k = 0; k < n->n_in; k++)
        if (n->in[k] != LN_NONE && same[n->in[k]] != n->in[k])
            ln_rewrite_set_in(rw, n, k, same[n->in[k]]);
    if (n->op == LN_OP_FC) skip_flatten(rw, n);
    /* the node itself dies with its last reader: one that is an output stays */
    if (is_noop(rw->g, n)) same[n->out[0]] = n->in[0];
}

linnet_status ln_pass_remove_noops(ln_graph *g, int *changed, linnet_error *err) {
    ln_rewrite rw;
    LN_TRY(ln_rewrite_begin(&rw, g, err));
    linnet_status s = LINNET_OK;
    ln_tid *same = malloc(((size_t)g->n_tensor + 1) * sizeof *same);
    if (!same)
        s = ln_fail_oom(err, "a graph pass", (size_t)g->n_tensor * sizeof *same);
    else {
        for (ln_tid t = 0; t < g->n_tensor; t++) same[t] = t;
        for (int i = 0; i < g->n_node; i++) skip_noop(&rw, i, same);
    }
    free(same);
    return ln_rewrite_end(&rw, s, changed, err);
}
