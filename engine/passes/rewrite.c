#include "engine/passes/rewrite.h"
#include <stdlib.h>
#include <string.h>

static void count_uses(ln_rewrite *rw) {
    const ln_graph *g = rw->g;
    for (int t = 0; t < g->n_tensor; t++) rw->maker[t] = -1;
    for (int i = 0; i < g->n_node; i++) {
        for (int k = 0; k < g->node[i].n_out; k++) rw->maker[g->node[i].out[k]] = i;
        for (int k = 0; k < g->node[i].n_in; k++)
            if (g->node[i].in[k] != LN_NONE) rw->uses[g->node[i].in[k]]++;
    }
    for (int i = 0; i < g->n_output; i++) rw->uses[g->output[i]]++;
}

static void release(ln_rewrite *rw) {
    free(rw->maker);
    free(rw->uses);
    free(rw->dead);
    *rw = (ln_rewrite){0};
}

linnet_status ln_rewrite_begin(ln_rewrite *rw, ln_graph *g, linnet_error *err) {
    const size_t tensors = (size_t)g->n_tensor + 1, nodes = (size_t)g->n_node + 1;
    *rw = (ln_rewrite){.g = g, .n_tensor = g->n_tensor};
    rw->maker = calloc(tensors, sizeof *rw->maker);
    rw->uses = calloc(tensors, sizeof *rw->uses);
    rw->dead = calloc(nodes, sizeof *rw->dead);
    if (!rw->maker || !rw->uses || !rw->dead) {
        release(rw);
        return ln_fail_oom(err, "a graph pass", tensors * sizeof *rw->uses);
    }
    count_uses(rw);
    return LINNET_OK;
}

linnet_status ln_rewrite_end(ln_rewrite *rw, linnet_status status, int *changed,
                             linnet_error *err) {
    ln_graph *g = rw->g;
    int kept = 0;
    for (int i = 0; i < g->n_node; i++)
        if (!rw->dead[i]) g->node[kept++] = g->node[i];
    g->n_node = kept;
    *changed = rw->changed;
    release(rw);
    if (status != LINNET_OK || !*changed) return status;
    LN_TRY(ln_graph_compact(g, err));
    return ln_graph_verify(g, err);
}

ln_node *ln_rewrite_maker(const ln_rewrite *rw, ln_tid t) {
    if (t < 0 || t >= rw->n_tensor || rw->maker[t] < 0) return NULL;
    return &rw->g->node[rw->maker[t]];
}

ln_node *ln_rewrite_sole_maker(const ln_rewrite *rw, ln_tid t) {
    ln_node *n = ln_rewrite_maker(rw, t);
    return n && rw->uses[t] == 1 ? n : NULL;
}

bool ln_is_pointwise(const ln_node *n) {
    const ln_window *w = &n->attr.conv.win;
    return n->op == LN_OP_CONV2D && n->attr.conv.groups == 1 && w->kh == 1 && w->kw == 1 &&
           w->sh == 1 && w->sw == 1 && !w->top && !w->bottom && !w->left && !w->right;
}

static void use(ln_rewrite *rw, ln_tid t, int by) {
    if (t >= 0 && t < rw->n_tensor) rw->uses[t] += by;
}

void ln_rewrite_set_in(ln_rewrite *rw, ln_node *n, int slot, ln_tid t) {
    while (n->n_in <= slot) n->in[n->n_in++] = LN_NONE;
    use(rw, n->in[slot], -1);
    use(rw, t, 1);
    n->in[slot] = t;
    rw->changed++;
}

void ln_rewrite_absorb(ln_rewrite *rw, ln_node *into, ln_node *gone) {
    for (int i = 0; i < gone->n_in; i++) use(rw, gone->in[i], -1);
    rw->maker[into->out[0]] = -1;
    into->out[0] = gone->out[0];
    rw->maker[gone->out[0]] = (int)(into - rw->g->node);
    rw->dead[gone - rw->g->node] = true;
    rw->changed++;
}

ln_tid ln_rewrite_const(ln_rewrite *rw, const char *name, ln_shape shape, ln_view view,
                        int64_t params, linnet_error *err) {
    const ln_tid t = ln_graph_const(rw->g, name, shape, view, false, err);
    if (t == LN_NONE) return LN_NONE;
    rw->g->tensor[t].params = params;
    rw->g->tensor[t].is_param = params > 0;
    return t;
}

linnet_status ln_rewrite_replay(ln_graph *g, ln_replay_fn visit, void *user, linnet_error *err) {
    const int n = g->n_node;
    linnet_error local = {0};
    linnet_status s = LINNET_OK;
    ln_node *old = malloc(((size_t)n + 1) * sizeof *old);
    if (!old) return ln_fail_oom(err, "a graph pass", (size_t)n * sizeof *old);
    memcpy(old, g->node, (size_t)n * sizeof *old);
    g->n_node = 0;
    for (int i = 0; i < n && s == LINNET_OK; i++) s = visit(user, &old[i], err ? err : &local);
    free(old);
    if (s != LINNET_OK) return s;
    LN_TRY(ln_graph_compact(g, err));
    return ln_graph_verify(g, err);
}
