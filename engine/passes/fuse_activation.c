/* ACT goes into the node that makes its input, where that node has room for one. */
#include "engine/passes/rewrite.h"

/* Where n applies an activation to its result; NULL: nowhere, or there is one already. */
static ln_act *room(ln_node *n) {
    ln_act *a = NULL;
    switch (n->op) {
    case LN_OP_CONV2D:
        a = ln_node_in(n, LN_CONV_RES) == LN_NONE ? &n->attr.conv.act : &n->attr.conv.post;
        break;
    case LN_OP_CONV_TRANSPOSE: a = &n->attr.conv.act; break;
    case LN_OP_FC: a = &n->attr.fc.act; break;
    case LN_OP_ADD:
    case LN_OP_MUL: a = &n->attr.binary.act; break;
    default: break;
    }
    return a && a->kind == LN_ACT_NONE ? a : NULL;
}

linnet_status ln_pass_fuse_activation(ln_graph *g, int *changed, linnet_error *err) {
    ln_rewrite rw;
    LN_TRY(ln_rewrite_begin(&rw, g, err));
    for (int i = 0; i < g->n_node; i++) {
        ln_node *act = &g->node[i];
        if (act->op != LN_OP_ACT || ln_node_is_quant(g, act)) continue;
        ln_node *into = ln_rewrite_sole_maker(&rw, act->in[0]);
        ln_act *a = into ? room(into) : NULL;
        if (!a) continue;
        *a = act->attr.act;
        ln_rewrite_absorb(&rw, into, act);
    }
    return ln_rewrite_end(&rw, LINNET_OK, changed, err);
}
