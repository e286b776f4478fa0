/* Layer scale: MUL by a constant [C] after a convolution or FC, folded into its weights. */
#include "engine/passes/rewrite.h"
#include <stdlib.h>

/* The constant [C] operand of a MUL, or LN_NONE. */
static ln_tid vector_operand(const ln_graph *g, const ln_node *n) {
    if (n->op != LN_OP_MUL) return LN_NONE;
    const ln_tensor *t = &g->tensor[n->in[1]];
    return t->kind == LN_TENSOR_CONST && t->shape.rank == 1 ? n->in[1] : LN_NONE;
}

static linnet_status fold_one(ln_rewrite *rw, ln_node *conv, ln_node *mul, ln_tid by,
                              linnet_error *err) {
    const ln_tensor *t = &rw->g->tensor[by];
    const size_t count = (size_t)t->shape.dim[0];
    const ln_act act = mul->attr.binary.act;
    ln_affine a = {.params = t->params};
    linnet_status s = LINNET_OK;
    double *factor = NULL;
    if (t->view.data) {
        factor = malloc(count * (sizeof *factor + sizeof(float)));
        if (!factor) return ln_fail_oom(err, mul->name, count * sizeof *factor);
        float *gamma = (float *)(factor + count);
        s = ln_const_copy_f32(rw->g, by, gamma, err);
        for (size_t i = 0; s == LINNET_OK && i < count; i++) factor[i] = gamma[i];
        a.factor = factor;
    }
    if (s == LINNET_OK) s = ln_fold_affine(rw, conv, &a, err);
    if (s == LINNET_OK) {
        if (conv->op == LN_OP_FC)
            conv->attr.fc.act = act;
        else
            conv->attr.conv.act = act;
        ln_rewrite_absorb(rw, conv, mul);
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
        ln_node *conv = ln_rewrite_sole_maker(&rw, mul->in[0]);
        if (conv && ln_is_affine(g, conv)) s = fold_one(&rw, conv, mul, by, err);
    }
    return ln_rewrite_end(&rw, s, changed, err);
}
