/* A few nodes of a network as a graph of their own, and what the reference makes of it. */
#include "engine/tune_parts.h"

#include <stdlib.h>
#include <string.h>

uint64_t ln_graph_key(const ln_graph *g, uint64_t h) {
    ln_str text = {0};
    ln_graph_print(g, &text);
    if (text.p) h = ln_hash(h, text.p, text.len);
    ln_str_free(&text);
    if (g->library) h = ln_hash(h, &g->library, sizeof g->library);
    if (g->fast) h = ln_hash(h, "fast", 4);
    for (int i = 0; i < g->n_tensor; i++) {
        const ln_tensor *t = &g->tensor[i];
        h = ln_hash(h, &t->kind, sizeof t->kind);
        h = ln_hash(h, &t->dtype, sizeof t->dtype);
        h = ln_hash(h, t->shape.dim, (size_t)t->shape.rank * sizeof *t->shape.dim);
    }
    for (int i = 0; i < g->n_node; i++) {
        const ln_node *n = &g->node[i];
        h = ln_hash(h, n->in, (size_t)n->n_in * sizeof *n->in);
        h = ln_hash(h, n->out, (size_t)n->n_out * sizeof *n->out);
    }
    return h;
}

static ln_tid add_const(ln_graph *g, const ln_tensor *t, linnet_error *err) {
    const ln_tid c = ln_graph_const(g, "c", t->shape, t->view, false, err);
    if (c != LN_NONE) g->tensor[c].dtype = t->dtype;
    return c;
}

/* A picture stays one; any other tensor from outside comes as the network's kernels see it. */
static ln_tid add_input(ln_graph *g, const ln_tensor *t, linnet_error *err) {
    ln_tid x = ln_graph_input(g, "x", t->shape, err);
    if (x == LN_NONE) return x;
    g->tensor[x].dtype = t->dtype;
    g->tensor[x].as_is = !ln_tensor_planar(t);
    return x;
}

/* The unit's tensor of each of the network's that comes from outside. */
static linnet_status add_outside(const ln_graph *from, int first, int last, ln_graph *to,
                                 ln_tid *map, linnet_error *err) {
    for (int i = first; i <= last; i++)
        for (int k = 0; k < from->node[i].n_out; k++) map[from->node[i].out[k]] = LN_NONE - 1;
    for (int i = first; i <= last; i++)
        for (int k = 0; k < from->node[i].n_in; k++) {
            ln_tid t = from->node[i].in[k];
            if (t == LN_NONE || map[t] != LN_NONE) continue;
            const ln_tensor *x = &from->tensor[t];
            map[t] = x->kind == LN_TENSOR_CONST ? add_const(to, x, err) : add_input(to, x, err);
            if (map[t] == LN_NONE) return err->status;
        }
    return LINNET_OK;
}

static linnet_status add_node(const ln_graph *from, int i, int index, ln_graph *to, ln_tid *map,
                              linnet_error *err) {
    const ln_node *n = &from->node[i];
    ln_tid in[LN_MAX_IN];
    char name[24];
    snprintf(name, sizeof name, "n%d", index);
    for (int k = 0; k < n->n_in; k++) in[k] = n->in[k] == LN_NONE ? LN_NONE : map[n->in[k]];
    ln_tid y = ln_graph_node(to, n->op, name, &n->attr, in, n->n_in, err);
    if (y == LN_NONE) return err->status;
    const ln_node *made = &to->node[to->n_node - 1];
    for (int k = 0; k < n->n_out; k++) {
        map[n->out[k]] = made->out[k];
        to->tensor[made->out[k]].dtype = from->tensor[n->out[k]].dtype;
    }
    return LINNET_OK;
}

static bool split_all(void *user, const ln_graph *g, int node) {
    (void)g;
    (void)node;
    return *(const bool *)user;
}

/* A plan's rewriting of the graph, done once so that all candidates' plans find it done. */
static linnet_status settle(ln_unit *u, const ln_caps *caps, bool split, linnet_error *err) {
    const ln_plan_params params = {.split = split_all, .user = &split};
    return ln_plan_split(u->graph, caps, &params, err);
}

linnet_status ln_unit_create(const ln_graph *g, int first, int last, const ln_caps *caps,
                             bool split, ln_unit *out, linnet_error *err) {
    *out = (ln_unit){0};
    ln_tid *map = malloc(((size_t)g->n_tensor + 1) * sizeof *map);
    if (!map) return ln_fail_oom(err, "a unit", (size_t)g->n_tensor * sizeof *map);
    for (int t = 0; t < g->n_tensor; t++) map[t] = LN_NONE;
    linnet_status st = ln_graph_create("unit", &out->graph, err);
    if (st == LINNET_OK) out->graph->library = g->library, out->graph->fast = g->fast;
    if (st == LINNET_OK) st = add_outside(g, first, last, out->graph, map, err);
    for (int i = first; i <= last && st == LINNET_OK; i++)
        st = add_node(g, i, i - first, out->graph, map, err);
    if (st == LINNET_OK) st = ln_graph_output(out->graph, map[g->node[last].out[0]], err);
    if (st == LINNET_OK) st = settle(out, caps, split, err);
    free(map);
    if (st != LINNET_OK) ln_unit_destroy(out);
    return st;
}

linnet_status ln_unit_reference(ln_unit *u, linnet_error *err) {
    if (u->ref) return LINNET_OK;
    linnet_status st = ln_ref_create(u->graph, &u->ref, err);
    for (int i = 0; i < u->graph->n_input && st == LINNET_OK; i++)
        st = ln_ref_random(u->ref, u->graph->input[i], err);
    if (st == LINNET_OK) st = ln_ref_run(u->ref, true, err);
    if (st != LINNET_OK) ln_ref_destroy(&u->ref);
    return st;
}

void ln_unit_destroy(ln_unit *u) {
    ln_ref_destroy(&u->ref);
    ln_graph_destroy(&u->graph);
    *u = (ln_unit){0};
}
