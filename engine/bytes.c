#include "engine/bytes.h"

static int uses_of(const ln_graph *g, ln_tid t, ln_node **reader) {
    int uses = 0;
    for (int i = 0; i < g->n_output; i++) uses += g->output[i] == t;
    for (int i = 0; i < g->n_node; i++)
        for (int k = 0; k < g->node[i].n_in; k++)
            if (g->node[i].in[k] == t) {
                uses++;
                *reader = &g->node[i];
            }
    return uses;
}

/* The convolution that alone reads the input, and only as its x; NULL: there is none such. */
static ln_node *reader(ln_graph *g) {
    const ln_tid x = g->n_input == 1 ? g->input[0] : LN_NONE;
    ln_node *found = NULL, *other;
    if (x == LN_NONE || !ln_tensor_planar(&g->tensor[x]) || g->tensor[x].dtype != LN_F32 ||
        g->tensor[x].shape.dim[3] > LN_BYTES_C)
        return NULL;
    if (uses_of(g, x, &found) != 1 || !found || found->op != LN_OP_CONV2D ||
        found->in[LN_CONV_X] != x)
        return NULL;
    const ln_window *w = &found->attr.conv.win;
    const bool plain = found->attr.conv.groups == 1 && !ln_node_is_dynamic(g, found) &&
                       !ln_node_is_depthwise(g, found) && (w->kh > 1 || w->kw > 1) &&
                       ln_node_in(found, LN_CONV_GATE) == LN_NONE;
    const ln_tid weight = found->in[LN_CONV_W];
    return plain && g->tensor[weight].dtype == LN_F32 && uses_of(g, weight, &other) == 1 ? found
                                                                                         : NULL;
}

/* The weights times the factor of their input channel, which is the innermost dimension; in place,
 * so that the graph is the same to whoever counts its tensors. */
static linnet_status scale_weights(ln_graph *g, ln_tid t, const float *factor, linnet_error *err) {
    const ln_shape *shape = &g->tensor[t].shape;
    int64_t count = 0;
    if (!g->tensor[t].view.data) return LINNET_OK; /* a graph without weights */
    ln_shape_count(shape, &count);
    float *data = ln_pool_alloc(&g->pool, (size_t)count, sizeof *data);
    if (!data) return ln_fail_oom(err, g->tensor[t].name, (size_t)count * sizeof *data);
    LN_TRY(ln_const_copy_f32(g, t, data, err));
    for (int64_t i = 0; i < count; i++)
        data[i] = (float)((double)data[i] * factor[i % shape->dim[3]]);
    g->tensor[t].view = ln_view_dense(shape, LN_F32, data);
    return LINNET_OK;
}

linnet_status ln_graph_take_bytes(ln_graph *g, const float *mean, const float *factor, bool *done,
                                  linnet_error *err) {
    ln_node *n = reader(g);
    *done = false;
    if (!n) return LINNET_OK;
    LN_TRY(scale_weights(g, n->in[LN_CONV_W], factor, err));
    ln_tensor *x = &g->tensor[g->input[0]];
    x->dtype = LN_U8;
    n->attr.conv.bytes = true;
    for (int64_t c = 0; c < x->shape.dim[3]; c++) n->attr.conv.mean[c] = mean[c];
    *done = true;
    return ln_graph_verify(g, err);
}
