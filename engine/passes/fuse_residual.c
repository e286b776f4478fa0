/* ADD goes into the convolution that makes one of its inputs: y = post(act(conv) + other). The
 * other input must be there before the convolution runs. */
#include "engine/passes/rewrite.h"

static ln_node *conv_for(const ln_rewrite *rw, const ln_node *add, int slot) {
    const ln_graph *g = rw->g;
    const ln_tid mine = add->in[slot], other = add->in[1 - slot];
    ln_node *conv = ln_rewrite_sole_maker(rw, mine);
    if (!conv || conv->op != LN_OP_CONV2D || ln_node_in(conv, LN_CONV_RES) != LN_NONE ||
        conv->attr.conv.post.kind != LN_ACT_NONE)
        return NULL;
    if (!ln_shape_equal(&g->tensor[mine].shape, &g->tensor[other].shape)) return NULL;
    const ln_node *earlier = ln_rewrite_maker(rw, other);
    return earlier && earlier < conv ? conv : NULL; /* an input or constant is no residual */
}

linnet_status ln_pass_fuse_residual(ln_graph *g, int *changed, linnet_error *err) {
    ln_rewrite rw;
    LN_TRY(ln_rewrite_begin(&rw, g, err));
    for (int i = 0; i < g->n_node; i++) {
        ln_node *add = &g->node[i];
        if (add->op != LN_OP_ADD || ln_node_is_quant(g, add)) continue;
        for (int slot = 0; slot < 2; slot++) {
            ln_node *conv = conv_for(&rw, add, slot);
            if (!conv) continue;
            ln_rewrite_set_in(&rw, conv, LN_CONV_RES, add->in[1 - slot]);
            conv->attr.conv.post = add->attr.binary.act;
            ln_rewrite_absorb(&rw, conv, add);
            break;
        }
    }
    return ln_rewrite_end(&rw, LINNET_OK, changed, err);
}
