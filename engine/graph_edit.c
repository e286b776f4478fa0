/* What passes lean on: the structural check, and the sweep of what nobody needs. */
#include "engine/graph.h"
#include <stdlib.h>
#include <string.h>

#define BROKEN(...) ln_fail(err, LINNET_ERR_INTERNAL, __VA_ARGS__)

static linnet_status verify_output(const ln_graph *g, const ln_node *n, int k,
                                   const ln_shape *shape, bool *ready, linnet_error *err) {
    const ln_tid y = n->out[k];
    char a[96], b[96];
    if (y < 0 || y >= g->n_tensor) return BROKEN("%s: output is no tensor (%d)", n->name, (int)y);
    if (g->tensor[y].kind != LN_TENSOR_NODE || ready[y])
        return BROKEN("%s: output %s has another maker", n->name, g->tensor[y].name);
    if (!ln_shape_equal(shape, &g->tensor[y].shape))
        return BROKEN("%s: output has shape %s, its rule says %s", n->name,
                      ln_shape_text(&g->tensor[y].shape, a), ln_shape_text(shape, b));
    const ln_dtype type = ln_node_dtype(g, n, k);
    if (g->tensor[y].dtype != type &&
        !(ln_dtype_is_real(type) && ln_dtype_is_real(g->tensor[y].dtype)))
        return BROKEN("%s: output is %s, its rule says %s", n->name,
                      ln_dtype_names[g->tensor[y].dtype], ln_dtype_names[type]);
    const ln_quant q = ln_node_quant(g, n);
    if (k == 0 && q.on && !ln_quant_equal(&q, &g->tensor[y].q))
        return BROKEN("%s: output has scale %g and zero %d, its rule says %g and %d", n->name,
                      (double)g->tensor[y].q.scale, (int)g->tensor[y].q.zero, (double)q.scale,
                      (int)q.zero);
    ready[y] = true;
    return LINNET_OK;
}

static linnet_status verify_node(const ln_graph *g, int at, bool *ready, linnet_error *err) {
    const ln_node *n = &g->node[at];
    if ((unsigned)n->op >= LN_OP_COUNT) return BROKEN("%s: node %d has no op", g->name, at);
    const ln_op_info *info = &ln_op_infos[n->op];
    if (n->n_in < info->min_in || n->n_in > info->max_in)
        return BROKEN("%s: %s has %d inputs", n->name, info->name, n->n_in);
    if (n->n_out != ln_node_outputs(n->op, &n->attr))
        return BROKEN("%s: %s has %d outputs", n->name, info->name, n->n_out);
    for (int i = 0; i < n->n_in; i++) {
        if (n->in[i] == LN_NONE && i >= info->min_in) continue;
        if (n->in[i] < 0 || n->in[i] >= g->n_tensor)
            return BROKEN("%s: input %d is no tensor (%d)", n->name, i, (int)n->in[i]);
        if (!ready[n->in[i]])
            return BROKEN("%s: input %s is used before it is made", n->name,
                          g->tensor[n->in[i]].name);
    }
    ln_shape shape[LN_MAX_OUT];
    LN_TRY(ln_node_shape(g, n, shape, err));
    for (int k = 0; k < n->n_out; k++) LN_TRY(verify_output(g, n, k, &shape[k], ready, err));
    return LINNET_OK;
}

static linnet_status verify_tensors(const ln_graph *g, bool *ready, linnet_error *err) {
    int64_t count;
    for (int t = 0; t < g->n_tensor; t++) {
        if (!g->tensor[t].name) return BROKEN("%s: tensor %d has no name", g->name, t);
        if (!ln_shape_count(&g->tensor[t].shape, &count))
            return BROKEN("%s: shape is empty or too large", g->tensor[t].name);
        const ln_tensor *x = &g->tensor[t];
        if (x->dtype != LN_F32 && x->dtype != LN_I32 && x->dtype != LN_I8 && x->dtype != LN_F16 &&
            !(x->dtype == LN_U8 && ln_tensor_planar(x)))
            return BROKEN("%s: no tensor is of %s", x->name, ln_dtype_names[x->dtype]);
        if (x->q.on != (x->dtype == LN_I8))
            return BROKEN("%s: %s has %s scale", x->name, ln_dtype_names[x->dtype],
                          x->q.on ? "a" : "no");
        ready[t] = g->tensor[t].kind == LN_TENSOR_CONST;
    }
    for (int i = 0; i < g->n_input; i++) {
        const ln_tid t = g->input[i];
        if (t < 0 || t >= g->n_tensor || g->tensor[t].kind != LN_TENSOR_INPUT)
            return BROKEN("%s: input %d is no input tensor", g->name, i);
        ready[t] = true;
    }
    return LINNET_OK;
}

static linnet_status verify_all(const ln_graph *g, bool *ready, linnet_error *err) {
    LN_TRY(verify_tensors(g, ready, err));
    for (int i = 0; i < g->n_node; i++) LN_TRY(verify_node(g, i, ready, err));
    for (int i = 0; i < g->n_output; i++) {
        const ln_tid t = g->output[i];
        if (t < 0 || t >= g->n_tensor || !ready[t])
            return BROKEN("%s: output %d is never made", g->name, i);
    }
    return LINNET_OK;
}

linnet_status ln_graph_verify(const ln_graph *g, linnet_error *err) {
    bool *ready = calloc((size_t)g->n_tensor + 1, sizeof *ready);
    if (!ready) return ln_fail_oom(err, "a graph check", (size_t)g->n_tensor);
    const linnet_status s = verify_all(g, ready, err);
    free(ready);
    return s;
}

/* to[t] >= 0 for every tensor that an output needs, and for the graph's own inputs. */
static void mark_live(const ln_graph *g, ln_tid *to) {
    for (int t = 0; t < g->n_tensor; t++) to[t] = LN_NONE;
    for (int i = 0; i < g->n_input; i++) to[g->input[i]] = 0;
    for (int i = 0; i < g->n_output; i++) {
        to[g->output[i]] = 0;
        if (g->tensor[g->output[i]].rows != LN_NONE) to[g->tensor[g->output[i]].rows] = 0;
    }
    for (int i = g->n_node - 1; i >= 0; i--) {
        const ln_node *n = &g->node[i];
        bool live = false;
        for (int o = 0; o < n->n_out; o++) live |= to[n->out[o]] == 0;
        if (!live) continue;
        for (int o = 0; o < n->n_out; o++) to[n->out[o]] = 0;
        for (int k = 0; k < n->n_in; k++)
            if (n->in[k] != LN_NONE) to[n->in[k]] = 0;
    }
}

static void renumber(const ln_tid *to, ln_tid *id, int count) {
    for (int i = 0; i < count; i++)
        if (id[i] != LN_NONE) id[i] = to[id[i]];
}

linnet_status ln_graph_compact(ln_graph *g, linnet_error *err) {
    ln_tid *to = malloc(((size_t)g->n_tensor + 1) * sizeof *to);
    if (!to) return ln_fail_oom(err, "a graph", (size_t)g->n_tensor * sizeof *to);
    mark_live(g, to);
    int nodes = 0, tensors = 0;
    for (int i = 0; i < g->n_node; i++)
        if (to[g->node[i].out[0]] != LN_NONE) g->node[nodes++] = g->node[i];
    for (int t = 0; t < g->n_tensor; t++)
        if (to[t] != LN_NONE) {
            g->tensor[tensors] = g->tensor[t];
            to[t] = tensors++;
        }
    for (int t = 0; t < tensors; t++) /* of a tensor that is no output it may be gone */
        if (g->tensor[t].rows != LN_NONE) g->tensor[t].rows = to[g->tensor[t].rows];
    g->n_node = nodes;
    g->n_tensor = tensors;
    for (int i = 0; i < nodes; i++) {
        renumber(to, g->node[i].in, g->node[i].n_in);
        renumber(to, g->node[i].out, g->node[i].n_out);
    }
    renumber(to, g->input, g->n_input);
    renumber(to, g->output, g->n_output);
    free(to);
    return LINNET_OK;
}
