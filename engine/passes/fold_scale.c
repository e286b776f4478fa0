/* Layer scale and bias: MUL by a constant [C], or ADD of one, after a convolution or FC, folded
 * into its weights or its bias. */
#include "engine/passes/rewrite.h"
#include <stdlib.h>

/* The constant [C] operand of a MUL or ADD, or LN_NONE. */
static ln_tid vector_operand(const ln_graph *g, const ln_node *n) {
    if (n->op != LN_OP_MUL && n->op != LN_OP_ADD) return LN_NONE;
    const ln_tensor *t = &g->tensor[n->in[1]];
    return t->kind == LN_TENSOR_CONST && t->shape.rank == 1 ? n->in[1] : LN_NONE;
}

/* The layer that makes t, through a reshape that keeps its channels (*between); NULL: none. */
static ln_node *layer_of(const ln_rewrite *rw, ln_tid t, ln_node **between) {
    ln_node *n = ln_rewrite_sole_maker(rw, t);
    *between = NULL;
    if (n && n->op == LN_OP_RESHAPE) {
        const ln_shape *x = &rw->g->tensor[n->in[0]].shape, *y = &rw->g->tensor[t].shape;
        if (x->dim[x->rank - 1] != y->dim[y->rank - 1]) return NULL;
        *between = n;
        n = ln_rewrite_sole_maker(rw, n->in[0]);
    }
    return n && ln_is_affine(rw->g, n) ? n : NULL;
}

static linnet_status fold_one(ln_rewrite *rw, ln_node *conv, ln_node *between, ln_node *mul,
                              ln_tid by, linnet_error *err) {
    const ln_tensor *t = &rw->g->tensor[by];
    const size_t count = (size_t)t->shape.dim[0];
    const ln_act act = mul->attr.binary.act;
    const bool sum = mul->op == LN_OP_ADD;
    ln_affine a = {.params = t->params, .shifts = sum};
    linnet_status s = LINNET_OK;
    double *factor = NULL;
    if (t->view.data) {
        factor = malloc(count * (2 * sizeof *factor + sizeof(float)));
        if (!factor) return ln_fail_oom(err, mul->name, count * sizeof *factor);
        double *shift = factor + count;
        float *v = (float *)(shift + count);
        s = ln_const_copy_f32(rw->g, by, v, err);
        for (size_t i = 0; s == LINNET_OK && i < count; i++) {
            factor[i] = sum ? 1.0 : (double)v[i];
            shift[i] = sum ? (double)v[i] : 0.0;
        }
        a.factor = factor;
        a.shift = shift;
    }
    if (s == LINNET_OK) s = ln_fold_affine(rw, conv, &a, err);
    if (s == LINNET_OK) {
        if (conv->op == LN_OP_FC)
            conv->attr.fc.act = act;
        else
            conv->attr.conv.act = act;
        ln_rewrite_absorb(rw, between ? between : conv, mul);
    }
    free(factor);
    return s;
}

linnet_status ln_pass_fold_scale(ln_graph *g, int *changed, linnet_error *err) {
    ln_rewrite rw;
    linnet_status s = LINNET_OK;
    LN_TRY(ln_rewrite_begin(&rw, g, err));
    for (int i = 0; i < g->n_node && s == LINNET_OK; i++) {
        ln_node *mul = &g->node[i];
        const ln_tid by = vector_operand(g, mul);
        if (by == LN_NONE) continue;
        ln_node *between, *conv = layer_of(&rw, mul->in[0], &between);
        if (conv) s = fold_one(&rw, conv, between, mul, by, err);
    }
    return ln_rewrite_end(&rw, s, changed, err);
}
