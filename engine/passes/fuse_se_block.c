/* Squeeze-and-excitation: the mean of a map and the two 1x1 convolutions that make a gate of it
 * become one node. What lies between them may have no other reader. */
#include "engine/passes/rewrite.h"

static bool plain(const ln_graph *g, const ln_node *n) {
    return n && ln_is_pointwise(n) && !ln_node_is_dynamic(g, n) && !ln_node_is_quant(g, n) &&
           n->attr.conv.post.kind == LN_ACT_NONE && ln_node_in(n, LN_CONV_RES) == LN_NONE &&
           ln_node_in(n, LN_CONV_GATE) == LN_NONE;
}

static void swallow(ln_rewrite *rw, ln_node *expand) {
    if (!plain(rw->g, expand)) return;
    const ln_node *reduce = ln_rewrite_sole_maker(rw, expand->in[LN_CONV_X]);
    if (!plain(rw->g, reduce)) return;
    const ln_node *pool = ln_rewrite_sole_maker(rw, reduce->in[LN_CONV_X]);
    if (!pool || pool->op != LN_OP_POOL || pool->attr.pool.kind != LN_POOL_AVG ||
        !pool->attr.pool.global)
        return;
    const ln_shape *x = &rw->g->tensor[pool->in[0]].shape,
                   *y = &rw->g->tensor[expand->out[0]].shape;
    if (x->dim[3] != y->dim[3]) return;
    const ln_tid in[] = {pool->in[0], reduce->in[LN_CONV_W], expand->in[LN_CONV_W],
                         ln_node_in(reduce, LN_CONV_BIAS), ln_node_in(expand, LN_CONV_BIAS)};
    const ln_se_attr attr = {reduce->attr.conv.act, expand->attr.conv.act};
    expand->op = LN_OP_SE;
    expand->attr = (ln_attr){.se = attr};
    for (int i = 0; i < (int)LN_COUNT(in); i++) ln_rewrite_set_in(rw, expand, i, in[i]);
    while (expand->in[expand->n_in - 1] == LN_NONE) expand->n_in--;
}

linnet_status ln_pass_fuse_se_block(ln_graph *g, int *changed, linnet_error *err) {
    ln_rewrite rw;
    LN_TRY(ln_rewrite_begin(&rw, g, err));
    for (int i = 0; i < g->n_node; i++) swallow(&rw, &g->node[i]);
    return ln_rewrite_end(&rw, LINNET_OK, changed, err);
}
