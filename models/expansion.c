/* Finds the expanded channels of a network: whichever block they are of, whatever it is called. */
#include "models/prune.h"

#include <stdlib.h>
#include <string.h>

enum { IN_GROUP = 1, POOLED = 2 }; /* flags of a tensor */

typedef struct walk {
    const ln_graph *g;
    ln_expansion *e;
    uint8_t *flag; /* by tensor */
    ln_tid *queue; /* tensors that carry the channels */
    int n_queue, at;
    bool summed, narrowed; /* by a 1x1 over the map; one of fewer channels */
    bool filtered;         /* by a depthwise convolution */
} walk;

static int maker(const ln_graph *g, ln_tid t) {
    for (int i = 0; i < g->n_node; i++)
        if (g->node[i].out[0] == t) return i;
    return -1;
}

/* The only reader of t, or NULL. */
static const ln_node *only_reader(const ln_graph *g, ln_tid t) {
    const ln_node *found = NULL;
    for (int i = 0; i < g->n_node; i++)
        for (int k = 0; k < g->node[i].n_in; k++)
            if (g->node[i].in[k] == t) {
                if (found) return NULL;
                found = &g->node[i];
            }
    return found;
}

static bool is_output(const ln_graph *g, ln_tid t) {
    for (int i = 0; i < g->n_output; i++)
        if (g->output[i] == t) return true;
    return false;
}

static void carry(walk *w, ln_tid t, uint8_t flags) {
    if (w->flag[t] & IN_GROUP) return;
    w->flag[t] = (uint8_t)(IN_GROUP | flags);
    w->queue[w->n_queue++] = t;
}

static void cut(walk *w, ln_tid t, int dim) {
    ln_expansion *e = w->e;
    if (t == LN_NONE) return;
    for (int i = 0; i < e->n_cut; i++)
        if (e->cut[i].t == t && e->cut[i].dim == dim) return;
    e->cut[e->n_cut++] = (ln_cut){t, dim};
}

/* A convolution with constant weights and nothing fused into it. */
static bool plain_conv(const ln_graph *g, const ln_node *n) {
    return n->op == LN_OP_CONV2D && n->n_in <= 3 && !ln_node_is_dynamic(g, n) &&
           !n->attr.conv.interleaved;
}

static bool is_1x1(const ln_graph *g, const ln_node *n) {
    const ln_window *w = &n->attr.conv.win;
    return plain_conv(g, n) && n->attr.conv.groups == 1 && w->kh == 1 && w->kw == 1;
}

/* A gate comes from a convolution of its own, whose output channels are these. */
static bool claim_gate(walk *w, ln_tid t) {
    for (;;) {
        const int i = maker(w->g, t);
        if (i < 0) return false;
        const ln_node *n = &w->g->node[i];
        carry(w, t, POOLED);
        if (n->op == LN_OP_ACT) {
            t = n->in[0];
            continue;
        }
        if (!is_1x1(w->g, n)) return false;
        cut(w, n->in[LN_CONV_W], 0);
        cut(w, ln_node_in(n, LN_CONV_BIAS), 0);
        return true;
    }
}

static bool through_conv(walk *w, const ln_node *n, ln_tid t) {
    const ln_graph *g = w->g;
    if (ln_node_is_depthwise(g, n) && plain_conv(g, n)) {
        cut(w, n->in[LN_CONV_W], 0);
        cut(w, ln_node_in(n, LN_CONV_BIAS), 0);
        carry(w, n->out[0], w->flag[t] & POOLED);
        w->filtered = true;
        return true;
    }
    if (!is_1x1(g, n)) return false;
    cut(w, n->in[LN_CONV_W], 1);
    if (w->flag[t] & POOLED)
        w->e->squeeze[w->e->n_squeeze++] = (int)(n - g->node);
    else
        w->narrowed |= g->tensor[n->out[0]].shape.dim[3] < w->e->channels;
    w->summed |= !(w->flag[t] & POOLED);
    return true;
}

/* One reader of t; false when the channels go where they cannot be left out. */
static bool through(walk *w, const ln_node *n, int slot, ln_tid t) {
    const ln_graph *g = w->g;
    const uint8_t pooled = w->flag[t] & POOLED;
    if (slot && n->op != LN_OP_MUL) return false;
    switch (n->op) {
    case LN_OP_BATCH_NORM:
        for (int i = 1; i < n->n_in; i++) cut(w, n->in[i], 0);
        w->e->norm[w->e->n_norm++] = (int)(n - g->node);
        break;
    case LN_OP_ACT: break;
    case LN_OP_POOL:
        if (n->n_out > 1) return false;
        carry(w, n->out[0], n->attr.pool.global ? POOLED : pooled);
        return true;
    case LN_OP_CONV2D: return through_conv(w, n, t);
    case LN_OP_MUL: {
        const ln_tid other = n->in[1 - slot];
        if (slot) return (w->flag[other] & IN_GROUP) != 0; /* the gate, claimed by the map */
        if (!(w->flag[other] & IN_GROUP) && !claim_gate(w, other)) return false;
        break;
    }
    default: return false;
    }
    carry(w, n->out[0], pooled);
    return true;
}

/* An expansion has a norm and an activation of its own: a projection, which is linear, has not. */
static bool expands(const ln_graph *g, const ln_node *n) {
    if (!plain_conv(g, n) || n->attr.conv.groups != 1) return false;
    const ln_node *norm = only_reader(g, n->out[0]);
    if (!norm || norm->op != LN_OP_BATCH_NORM) return false;
    const ln_node *act = only_reader(g, norm->out[0]);
    return act && act->op == LN_OP_ACT;
}

static bool follow(walk *w, int node) {
    const ln_graph *g = w->g;
    const ln_node *first = &g->node[node];
    *w->e = (ln_expansion){.node = node,
                           .channels = g->tensor[first->out[0]].shape.dim[3],
                           .cut = w->e->cut,
                           .norm = w->e->norm,
                           .squeeze = w->e->squeeze};
    memset(w->flag, 0, (size_t)g->n_tensor);
    w->n_queue = 0;
    w->summed = w->narrowed = w->filtered = false;
    if (!expands(g, first)) return false;
    cut(w, first->in[LN_CONV_W], 0);
    cut(w, ln_node_in(first, LN_CONV_BIAS), 0);
    carry(w, first->out[0], 0);
    for (w->at = 0; w->at < w->n_queue; w->at++) {
        const ln_tid t = w->queue[w->at];
        if (is_output(g, t)) return false;
        for (int i = 0; i < g->n_node; i++)
            for (int k = 0; k < g->node[i].n_in; k++)
                if (g->node[i].in[k] == t && !through(w, &g->node[i], k, t)) return false;
    }
    return w->summed && (w->narrowed || w->filtered);
}

static void *copy(ln_pool *pool, const void *items, int n, size_t size) {
    void *p = ln_pool_alloc(pool, (size_t)n + 1, size);
    if (p && n) memcpy(p, items, (size_t)n * size);
    return p;
}

static linnet_status keep(ln_pool *pool, const ln_expansion *e, ln_expansion *out,
                          linnet_error *err) {
    *out = *e;
    out->cut = copy(pool, e->cut, e->n_cut, sizeof *e->cut);
    out->norm = copy(pool, e->norm, e->n_norm, sizeof *e->norm);
    out->squeeze = copy(pool, e->squeeze, e->n_squeeze, sizeof *e->squeeze);
    if (!out->cut || !out->norm || !out->squeeze) return ln_fail_oom(err, "lists of channels", 0);
    return LINNET_OK;
}

linnet_status ln_find_expansions(const ln_graph *g, ln_pool *pool, ln_expansion **out, int *count,
                                 linnet_error *err) {
    const size_t tensors = (size_t)g->n_tensor + 1, nodes = (size_t)g->n_node + 1;
    ln_pool own = {0};
    ln_expansion e = {.cut = ln_pool_alloc(&own, 2 * tensors, sizeof *e.cut),
                      .norm = ln_pool_alloc(&own, nodes, sizeof *e.norm),
                      .squeeze = ln_pool_alloc(&own, nodes, sizeof *e.squeeze)};
    walk w = {.g = g,
              .e = &e,
              .flag = ln_pool_alloc(&own, tensors, 1),
              .queue = ln_pool_alloc(&own, tensors, sizeof *w.queue)};
    linnet_status st = LINNET_OK;
    *count = 0;
    *out = ln_pool_alloc(pool, nodes, sizeof **out);
    if (!*out || !e.cut || !e.norm || !e.squeeze || !w.flag || !w.queue)
        st = ln_fail_oom(err, "lists of channels", tensors);
    for (int i = 0; i < g->n_node && st == LINNET_OK; i++)
        if (follow(&w, i)) st = keep(pool, &e, &(*out)[(*count)++], err);
    ln_pool_free(&own);
    return st;
}
