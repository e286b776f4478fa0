/* DEQUANTIZE sinks below what only moves: reshape, permutation, slice, padding, tile and concat of
 * operands of one scale run on bytes. The place of the largest or smallest is looked for among
 * bytes: their order is the same. Where it meets a QUANTIZE back to that scale both go: the
 * bytes come out as they were. (QUANTIZE, then DEQUANTIZE, rounds and stays.) */
#include "engine/passes/rewrite.h"

#include <stdlib.h>

typedef struct walk {
    ln_graph *g;
    ln_tid *bytes; /* by tensor: what it is the DEQUANTIZE of; LN_NONE: of nothing */
    ln_tid *same;  /* by tensor: what is read in its place */
    bool *made;    /* of those with bytes: there is a node that makes it */
    int n_tensor, changed;
} walk;

static bool is_output(const ln_graph *g, ln_tid t) {
    for (int i = 0; i < g->n_output; i++)
        if (g->output[i] == t) return true;
    return false;
}

static bool moves(const ln_node *n) {
    switch (n->op) {
    case LN_OP_RESHAPE:
    case LN_OP_CONCAT:
    case LN_OP_SLICE:
    case LN_OP_PERMUTE:
    case LN_OP_TILE: return true;
    case LN_OP_PAD: return n->attr.pad.value == 0.0f;
    default: return false;
    }
}

static ln_tid bytes_of(const walk *w, ln_tid t) {
    return t >= 0 && t < w->n_tensor ? w->bytes[t] : LN_NONE;
}

/* Whether n moves values that are all of one scale. */
static bool can_move(const walk *w, const ln_node *n) {
    const ln_tid first = bytes_of(w, n->in[0]);
    if (!moves(n) || first == LN_NONE || is_output(w->g, n->out[0])) return false;
    for (int k = 1; k < n->n_in; k++) {
        const ln_tid t = bytes_of(w, n->in[k]);
        if (t == LN_NONE || !ln_quant_equal(&w->g->tensor[t].q, &w->g->tensor[first].q))
            return false;
    }
    return true;
}

static linnet_status move(walk *w, const ln_node *n, linnet_error *err) {
    ln_tid in[LN_MAX_IN];
    for (int k = 0; k < n->n_in; k++) in[k] = w->bytes[n->in[k]];
    const ln_tid y = ln_graph_node(w->g, n->op, n->name, &n->attr, in, n->n_in, err);
    if (y == LN_NONE) return err->status;
    w->bytes[n->out[0]] = y;
    w->changed++;
    return LINNET_OK;
}

/* The node that makes t of its bytes. */
static linnet_status make(walk *w, ln_tid t, linnet_error *err) {
    if (bytes_of(w, t) == LN_NONE || w->made[t]) return LINNET_OK;
    const ln_node n = {.op = LN_OP_DEQUANTIZE,
                       .name = w->g->tensor[t].name,
                       .in = {w->bytes[t]},
                       .out = {t},
                       .n_in = 1,
                       .n_out = 1};
    w->made[t] = true;
    return ln_graph_append(w->g, &n, err);
}

static linnet_status keep(walk *w, const ln_node *n, linnet_error *err) {
    for (int k = 0; k < n->n_in; k++)
        if (n->in[k] != LN_NONE) LN_TRY(make(w, n->in[k], err));
    return ln_graph_append(w->g, n, err);
}

/* Back to the bytes that it came from. */
static bool cancels(const walk *w, const ln_node *n) {
    const ln_tid t = n->op == LN_OP_QUANTIZE ? bytes_of(w, n->in[0]) : LN_NONE;
    return t != LN_NONE && ln_quant_equal(&w->g->tensor[t].q, &w->g->tensor[n->out[0]].q) &&
           !is_output(w->g, n->out[0]);
}

static linnet_status visit(void *user, const ln_node *node, linnet_error *err) {
    walk *w = user;
    ln_node n = *node;
    for (int k = 0; k < n.n_in; k++)
        if (n.in[k] >= 0 && n.in[k] < w->n_tensor) n.in[k] = w->same[n.in[k]];
    if (can_move(w, &n)) return move(w, &n, err);
    if (cancels(w, &n)) {
        w->same[n.out[0]] = w->bytes[n.in[0]];
        w->changed++;
        return LINNET_OK;
    }
    if (n.op == LN_OP_REDUCE && ln_reduce_is_place(n.attr.reduce.kind) &&
        bytes_of(w, n.in[0]) != LN_NONE) {
        n.in[0] = w->bytes[n.in[0]];
        w->changed++;
    }
    if (n.op != LN_OP_DEQUANTIZE) return keep(w, &n, err);
    w->bytes[n.out[0]] = n.in[0];
    return is_output(w->g, n.out[0]) ? make(w, n.out[0], err) : LINNET_OK;
}

static bool has_dequantize(const ln_graph *g) {
    for (int i = 0; i < g->n_node; i++)
        if (g->node[i].op == LN_OP_DEQUANTIZE) return true;
    return false;
}

linnet_status ln_pass_move_bytes(ln_graph *g, int *changed, linnet_error *err) {
    const size_t n = (size_t)g->n_tensor;
    walk w = {.g = g, .n_tensor = g->n_tensor};
    *changed = 0;
    if (!has_dequantize(g)) return LINNET_OK;
    w.bytes = malloc(n * sizeof *w.bytes);
    w.same = malloc(n * sizeof *w.same);
    w.made = calloc(n, sizeof *w.made);
    linnet_status s = LINNET_OK;
    if (w.bytes && w.same && w.made) {
        for (int t = 0; t < g->n_tensor; t++) w.bytes[t] = LN_NONE, w.same[t] = t;
        s = ln_rewrite_replay(g, visit, &w, err);
    } else {
        s = ln_fail_oom(err, "a graph pass", n * sizeof *w.bytes);
    }
    free(w.bytes);
    free(w.same);
    free(w.made);
    *changed = w.changed;
    return s;
}
