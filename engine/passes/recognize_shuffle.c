/* A channel shuffle written as reshape, permutation, reshape: a map whose channels are those of
 * another map, groups of them transposed. */
#include "engine/passes/view.h"

/* The groups of the shuffle that m is of its source; 0: it is none. */
static int groups_of(const ln_moved *m, const ln_shape *s) {
    const int64_t c = s->dim[3];
    const ln_factor map[3] = {
        {s->dim[0], s->dim[1] * s->dim[2] * c}, {s->dim[1], s->dim[2] * c}, {s->dim[2], c}};
    if (m->rank != 4 || m->offset || m->first[4] - m->first[3] != 2) return 0;
    for (int d = 0; d < 3; d++)
        if (!ln_moved_is(m, d, 1, &map[d], 1)) return 0;
    const ln_factor *f = m->f + m->first[3];
    return f[0].stride == 1 && f[0].size * f[1].size == c && f[1].stride == f[0].size
               ? (int)f[1].size
               : 0;
}

linnet_status ln_pass_recognize_shuffle(ln_graph *g, int *changed, linnet_error *err) {
    ln_rewrite rw;
    ln_moved m;
    LN_TRY(ln_rewrite_begin(&rw, g, err));
    for (int i = 0; i < g->n_node; i++) {
        ln_node *n = &g->node[i];
        if ((n->op != LN_OP_PERMUTE && n->op != LN_OP_RESHAPE) ||
            g->tensor[n->out[0]].dtype != LN_F32)
            continue;
        ln_moved_trace(&rw, n->out[0], false, &m);
        const ln_shape *s = &g->tensor[m.src].shape;
        const int groups = s->rank == 4 ? groups_of(&m, s) : 0;
        const ln_attr a = {.shuffle = {.groups = groups}};
        if (groups) ln_match_become(&rw, n, LN_OP_CHANNEL_SHUFFLE, &a, &m.src, 1);
    }
    return ln_rewrite_end(&rw, LINNET_OK, changed, err);
}
