/* Activations as halves: `--precision f16`. Every op that has kernels for them stores its output
 * so; what the others read is cast to f32 and back, and so is what the caller gives and gets. A
 * picture that a convolution can take as it comes stays as it is. Sums are f32 in every op. */
#include "engine/passes/rewrite.h"

#include <stdlib.h>
#include <string.h>

typedef struct halver {
    ln_graph *g;
    ln_tid *real, *half; /* by tensor: the same in the other type, once it was needed */
} halver;

/* No constant among the inputs. */
static bool all_made(const ln_graph *g, const ln_node *n) {
    for (int k = 0; k < n->n_in; k++)
        if (g->tensor[n->in[k]].kind == LN_TENSOR_CONST) return false;
    return true;
}

static bool takes_halves(const ln_graph *g, const ln_node *n) {
    if (n->op == LN_OP_CONV2D && n->attr.conv.bytes) return true;
    if (!ln_dtype_is_real(g->tensor[n->in[0]].dtype)) return false;
    switch (n->op) {
    case LN_OP_CONV2D:
    case LN_OP_FC: return !ln_node_is_dynamic(g, n);
    case LN_OP_POOL: return !n->attr.pool.indices;
    case LN_OP_ADD:
    case LN_OP_MUL:
    case LN_OP_ACT:
    case LN_OP_SOFTMAX:
    case LN_OP_LAYER_NORM:
    case LN_OP_GROUP_NORM:
    case LN_OP_ATTENTION:
    case LN_OP_LINEAR_ATTENTION:
    case LN_OP_SE: return g->tensor[n->in[0]].kind != LN_TENSOR_CONST;
    case LN_OP_RESHAPE:
    case LN_OP_CONCAT:
    case LN_OP_CHANNEL_SHUFFLE:
    case LN_OP_SLICE:
    case LN_OP_PAD:
    case LN_OP_PERMUTE:
    case LN_OP_TILE:
    case LN_OP_RESIZE: return all_made(g, n);
    default: return false;
    }
}

/* A convolution that reads the caller's planar picture (as plan.c has it). */
static bool reads_picture(const ln_graph *g, const ln_node *n, int slot) {
    const ln_window *w = &n->attr.conv.win;
    return slot == LN_CONV_X && n->op == LN_OP_CONV2D && ln_tensor_planar(&g->tensor[n->in[0]]) &&
           n->attr.conv.groups == 1 && (w->kh > 1 || w->kw > 1) && !ln_node_is_depthwise(g, n);
}

static ln_tid cast(ln_graph *g, ln_tid t, ln_dtype type, linnet_error *err) {
    const ln_attr attr = {.act = ln_act_of(LN_ACT_NONE)};
    const char *name = ln_pool_printf(&g->pool, "%s.%s", g->tensor[t].name, ln_dtype_names[type]);
    if (!name) {
        ln_fail_oom(err, "graph", 64);
        return LN_NONE;
    }
    const ln_tid y = ln_graph_node(g, LN_OP_ACT, name, &attr, &t, 1, err);
    if (y != LN_NONE) g->tensor[y].dtype = type;
    return y;
}

/* Replaces an input of the wrong type by a cast, one for all its readers. */
static linnet_status want(halver *h, ln_tid *in, ln_dtype type, linnet_error *err) {
    const ln_tensor *t = &h->g->tensor[*in];
    if (t->kind == LN_TENSOR_CONST || !ln_dtype_is_real(t->dtype) || t->dtype == type)
        return LINNET_OK;
    ln_tid *made = type == LN_F16 ? &h->half[*in] : &h->real[*in];
    if (*made == LN_NONE) *made = cast(h->g, *in, type, err);
    if (*made == LN_NONE) return err->status;
    *in = *made;
    return LINNET_OK;
}

/* The caller's output is f32: the cast takes its name and how the caller sees it. */
static linnet_status cast_output(ln_graph *g, int i, linnet_error *err) {
    const ln_tid t = g->output[i];
    if (g->tensor[t].dtype != LN_F16) return LINNET_OK;
    const char *name = g->tensor[t].name;
    const ln_tid y = cast(g, t, LN_F32, err);
    if (y == LN_NONE) return err->status;
    ln_tensor *to = &g->tensor[y], *from = &g->tensor[t];
    from->name = to->name;
    to->name = name;
    to->as_is = from->as_is;
    to->file_dtype = from->file_dtype;
    to->file_rank = from->file_rank;
    to->rows = from->rows;
    for (int k = i; k < g->n_output; k++)
        if (g->output[k] == t) g->output[k] = y;
    return LINNET_OK;
}

static linnet_status visit(void *user, const ln_node *n, linnet_error *err) {
    halver *h = user;
    ln_graph *g = h->g;
    ln_node m = *n;
    const bool half = takes_halves(g, &m);
    for (int k = 0; k < m.n_in; k++) {
        if (m.in[k] == LN_NONE || (half && reads_picture(g, &m, k))) continue;
        LN_TRY(want(h, &m.in[k], half ? LN_F16 : LN_F32, err));
    }
    for (int k = 0; half && k < m.n_out; k++) g->tensor[m.out[k]].dtype = LN_F16;
    return ln_graph_append(g, &m, err);
}

/* Constants that nobody reads as f32 are packed as halves. */
static linnet_status halve_constants(ln_graph *g, linnet_error *err) {
    bool *kept = calloc((size_t)g->n_tensor + 1, sizeof *kept);
    if (!kept) return ln_fail_oom(err, "a graph", (size_t)g->n_tensor);
    for (int i = 0; i < g->n_output; i++) kept[g->output[i]] = true;
    for (int i = 0; i < g->n_node; i++) {
        const ln_node *n = &g->node[i];
        for (int k = 0; k < n->n_in && !takes_halves(g, n); k++)
            if (n->in[k] != LN_NONE) kept[n->in[k]] = true;
    }
    for (ln_tid t = 0; t < g->n_tensor; t++)
        if (g->tensor[t].kind == LN_TENSOR_CONST && g->tensor[t].dtype == LN_F32 && !kept[t])
            g->tensor[t].dtype = LN_F16;
    free(kept);
    return LINNET_OK;
}

linnet_status ln_graph_halve(ln_graph *g, linnet_error *err) {
    linnet_error local;
    if (!err) err = &local;
    LN_TRY(halve_constants(g, err));
    const size_t n = (size_t)g->n_tensor + 1;
    halver h = {g, malloc(n * sizeof(ln_tid)), malloc(n * sizeof(ln_tid))};
    linnet_status st = LINNET_OK;
    if (!h.real || !h.half) st = ln_fail_oom(err, "a graph", n * sizeof(ln_tid));
    for (size_t i = 0; st == LINNET_OK && i < n; i++) h.real[i] = h.half[i] = LN_NONE;
    if (st == LINNET_OK) st = ln_rewrite_replay(g, visit, &h, err);
    free(h.real);
    free(h.half);
    for (int i = 0; i < g->n_output && st == LINNET_OK; i++) st = cast_output(g, i, err);
    return st == LINNET_OK ? ln_graph_verify(g, err) : st;
}
