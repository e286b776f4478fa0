/* Nodes that read nothing but constants are evaluated once, by the reference. */
#include "engine/passes/rewrite.h"
#include "engine/ref/ref.h"

#include <string.h>

/* A result may be larger than what it is made of (a tile, a broadcast) up to here. */
#define MOST_ELEMENTS ((int64_t)1 << 22)
/* All results together: so many, and this often the constants that there were. What goes beyond is
 * computed on the device: a few nodes could ask for any memory here. */
#define MOST_SUM   ((int64_t)1 << 24)
#define MOST_TIMES 8

static int64_t elements(const ln_graph *g, const ln_tid *t, int count) {
    int64_t sum = 0, n;
    for (int i = 0; i < count; i++)
        if (t[i] != LN_NONE && ln_shape_count(&g->tensor[t[i]].shape, &n)) sum += n;
    return sum;
}

static int64_t budget(const ln_graph *g) {
    int64_t sum = MOST_SUM, n;
    for (int t = 0; t < g->n_tensor; t++)
        if (g->tensor[t].kind == LN_TENSOR_CONST && ln_shape_count(&g->tensor[t].shape, &n))
            sum += MOST_TIMES * LN_MIN(n, INT32_MAX);
    return sum;
}

/* Takes what its results need from the room that is left. */
static bool is_constant(const ln_graph *g, const ln_node *n, int64_t *room) {
    for (int i = 0; i < n->n_in; i++) {
        if (n->in[i] == LN_NONE) continue;
        const ln_tensor *t = &g->tensor[n->in[i]];
        if (t->kind != LN_TENSOR_CONST || !t->view.data) return false;
    }
    if (g->tensor[n->out[0]].dtype == LN_I8) return false;
    const int64_t out = elements(g, n->out, n->n_out);
    if (out > *room || (out > MOST_ELEMENTS && out > elements(g, n->in, n->n_in))) return false;
    *room -= out;
    return true;
}

/* Output y of n becomes a constant of its own. */
static linnet_status keep(ln_graph *g, const ln_node *n, ln_tid y, const void *value,
                          linnet_error *err) {
    ln_tensor *t = &g->tensor[y];
    const size_t count = (size_t)elements(g, &y, 1);
    void *data = ln_pool_alloc(&g->pool, count, 4);
    if (!data) return ln_fail_oom(err, n->name, count * 4);
    memcpy(data, value, count * 4);
    t->kind = LN_TENSOR_CONST;
    t->view = ln_view_dense(&t->shape, t->dtype, data);
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] != LN_NONE) t->params += g->tensor[n->in[i]].params;
    t->is_param = t->params > 0;
    return LINNET_OK;
}

static linnet_status fold_all(ln_rewrite *rw, ln_ref *ref, linnet_error *err) {
    ln_graph *g = rw->g;
    int64_t room = budget(g);
    for (int i = 0; i < g->n_node; i++) {
        const ln_node *n = &g->node[i];
        if (!is_constant(g, n, &room)) continue;
        LN_TRY(ln_ref_node(ref, i, err));
        for (int k = 0; k < n->n_out; k++)
            LN_TRY(keep(g, n, n->out[k], ref->value[n->out[k]], err));
        rw->dead[i] = true;
        rw->changed++;
    }
    return LINNET_OK;
}

linnet_status ln_pass_fold_constants(ln_graph *g, int *changed, linnet_error *err) {
    ln_rewrite rw;
    ln_ref *ref = NULL;
    LN_TRY(ln_rewrite_begin(&rw, g, err));
    linnet_status s = ln_ref_create(g, &ref, err);
    if (s == LINNET_OK) s = fold_all(&rw, ref, err);
    ln_ref_destroy(&ref);
    return ln_rewrite_end(&rw, s, changed, err);
}
