/* PAD with zeros around the map goes into the padding of the convolution that reads it. */
#include "engine/passes/rewrite.h"

static bool foldable(const ln_graph *g, const ln_node *pad) {
    const ln_pad_attr *p = &pad->attr.pad;
    if (pad->op != LN_OP_PAD || p->mode != LN_PAD_CONSTANT || p->value != 0.0f ||
        g->tensor[pad->out[0]].shape.rank != 4)
        return false;
    for (int i = 0; i < 4; i++)
        if (p->before[i] < 0 || p->after[i] < 0) return false; /* a crop */
    const int64_t most = 1 << 20; /* far from where the window's int would overflow */
    return !p->before[0] && !p->after[0] && !p->before[3] && !p->after[3] && p->before[1] < most &&
           p->after[1] < most && p->before[2] < most && p->after[2] < most;
}

static bool has_room(const ln_window *w) {
    const int most = 1 << 20;
    return w->top < most && w->bottom < most && w->left < most && w->right < most;
}

linnet_status ln_pass_fold_pad(ln_graph *g, int *changed, linnet_error *err) {
    ln_rewrite rw;
    LN_TRY(ln_rewrite_begin(&rw, g, err));
    for (int i = 0; i < g->n_node; i++) {
        ln_node *conv = &g->node[i];
        /* a gate would reach the padded map only as [N,1,1,C], which is the same either way */
        const ln_node *pad = ln_rewrite_maker(&rw, conv->in[0]);
        ln_window *w = &conv->attr.conv.win;
        if (conv->op != LN_OP_CONV2D || !pad || !foldable(g, pad) || !has_room(w)) continue;
        w->top += (int)pad->attr.pad.before[1];
        w->bottom += (int)pad->attr.pad.after[1];
        w->left += (int)pad->attr.pad.before[2];
        w->right += (int)pad->attr.pad.after[2];
        ln_rewrite_set_in(&rw, conv, LN_CONV_X, pad->in[0]);
    }
    return ln_rewrite_end(&rw, LINNET_OK, changed, err);
}
