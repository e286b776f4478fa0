/* CHANNEL_SHUFFLE -> CONV of C/groups groups becomes a convolution that reads channels interleaved:
 * the shuffle hands group g every such channel from the g-th (ShuffleNetV1).
 * CONCAT -> CHANNEL_SHUFFLE becomes a concat that shuffles. Where all that read it are slices of
 * channels, each slice becomes a concat of its part: no channel is moved twice (ShuffleNetV2). */
#include "engine/passes/rewrite.h"

static void read_through(ln_rewrite *rw, ln_node *conv) {
    const ln_node *shuffle = ln_rewrite_maker(rw, conv->in[LN_CONV_X]);
    ln_conv_attr *a = &conv->attr.conv;
    if (!shuffle || shuffle->op != LN_OP_CHANNEL_SHUFFLE || a->interleaved ||
        ln_node_in(conv, LN_CONV_GATE) != LN_NONE)
        return;
    const ln_shape *x = &rw->g->tensor[shuffle->in[0]].shape;
    if (x->dim[3] != (int64_t)a->groups * shuffle->attr.shuffle.groups) return;
    a->interleaved = true;
    ln_rewrite_set_in(rw, conv, LN_CONV_X, shuffle->in[0]);
}

static void join(ln_rewrite *rw, ln_node *shuffle) {
    ln_node *cat = ln_rewrite_sole_maker(rw, shuffle->in[0]);
    if (!cat || !ln_node_is_plain_concat(cat)) return;
    cat->attr.concat.groups = shuffle->attr.shuffle.groups;
    ln_rewrite_absorb(rw, cat, shuffle);
}

/* A range of channels, all else whole. */
static bool is_range(const ln_graph *g, const ln_node *n) {
    if (n->op != LN_OP_SLICE) return false;
    const ln_shape *x = &g->tensor[n->in[0]].shape;
    const ln_slice_attr *a = &n->attr.slice;
    for (int i = 0; i < x->rank; i++)
        if (a->step[i] != 1 || (i < x->rank - 1 && a->size.dim[i] != x->dim[i])) return false;
    return true;
}

static int ranges_of(const ln_rewrite *rw, ln_tid t) {
    int count = 0;
    for (int i = 0; i < rw->g->n_node; i++)
        if (!rw->dead[i] && rw->g->node[i].in[0] == t) count += is_range(rw->g, &rw->g->node[i]);
    return count;
}

static void take_part(ln_rewrite *rw, ln_node *slice, const ln_node *cat) {
    const int last = slice->attr.slice.size.rank - 1;
    const ln_concat_attr part = {cat->attr.concat.groups, slice->attr.slice.begin[last],
                                 slice->attr.slice.size.dim[last]};
    slice->op = LN_OP_CONCAT;
    slice->attr = (ln_attr){.concat = part};
    for (int i = 0; i < cat->n_in; i++) ln_rewrite_set_in(rw, slice, i, cat->in[i]);
}

static void split(ln_rewrite *rw, ln_node *cat) {
    const ln_tid t = cat->out[0];
    if (cat->attr.concat.groups <= 1 || cat->attr.concat.size || ranges_of(rw, t) != rw->uses[t])
        return;
    for (int i = 0; i < rw->g->n_node; i++)
        if (!rw->dead[i] && rw->g->node[i].in[0] == t) take_part(rw, &rw->g->node[i], cat);
}

linnet_status ln_pass_fuse_shuffle(ln_graph *g, int *changed, linnet_error *err) {
    ln_rewrite rw;
    LN_TRY(ln_rewrite_begin(&rw, g, err));
    for (int i = 0; i < g->n_node; i++)
        if (g->node[i].op == LN_OP_CONV2D) read_through(&rw, &g->node[i]);
    for (int i = 0; i < g->n_node; i++)
        if (g->node[i].op == LN_OP_CHANNEL_SHUFFLE && rw.uses[g->node[i].out[0]])
            join(&rw, &g->node[i]);
    for (int i = 0; i < g->n_node; i++)
        if (!rw.dead[i] && g->node[i].op == LN_OP_CONCAT) split(&rw, &g->node[i]);
    return ln_rewrite_end(&rw, LINNET_OK, changed, err);
}
