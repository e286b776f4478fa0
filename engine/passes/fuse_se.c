/* Squeeze-and-excitation: MUL of a map by a gate [N,1,1,C] goes into the 1x1 convolution that
 * alone reads the product: conv(x * gate). */
#include "engine/passes/rewrite.h"

/* A product of a map and a computed gate. */
static bool gated(const ln_graph *g, const ln_node *mul) {
    const ln_shape *x = &g->tensor[mul->in[0]].shape, *s = &g->tensor[mul->in[1]].shape;
    return mul->op == LN_OP_MUL && mul->attr.binary.act.kind == LN_ACT_NONE && x->rank == 4 &&
           s->rank == 4 && s->dim[1] == 1 && s->dim[2] == 1 &&
           g->tensor[mul->in[1]].kind == LN_TENSOR_NODE;
}

linnet_status ln_pass_fuse_se(ln_graph *g, int *changed, linnet_error *err) {
    ln_rewrite rw;
    LN_TRY(ln_rewrite_begin(&rw, g, err));
    for (int i = 0; i < g->n_node; i++) {
        ln_node *conv = &g->node[i];
        if (!ln_is_pointwise(conv) || ln_node_is_quant(g, conv) ||
            ln_node_in(conv, LN_CONV_GATE) != LN_NONE)
            continue;
        ln_node *mul = ln_rewrite_sole_maker(&rw, conv->in[0]);
        if (!mul || !gated(g, mul)) continue;
        ln_rewrite_set_in(&rw, conv, LN_CONV_GATE, mul->in[1]);
        ln_rewrite_set_in(&rw, conv, LN_CONV_X, mul->in[0]);
    }
    return ln_rewrite_end(&rw, LINNET_OK, changed, err);
}
