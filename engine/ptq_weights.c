/* Weights as bytes, symmetric, with a scale for each output channel. */
#include "engine/ptq_parts.h"

#include <math.h>

linnet_status ln_ptq_own(ln_graph *g, ln_tid *t, float **data, linnet_error *err) {
    const ln_tensor old = g->tensor[*t]; /* a copy: the table may move */
    const ln_tid own = ln_graph_const_new(g, old.name, old.shape, data, err);
    if (own == LN_NONE) return LINNET_ERR_OUT_OF_MEMORY;
    g->tensor[own].is_param = old.is_param;
    g->tensor[own].params = old.params;
    LN_TRY(ln_const_copy_f32(g, *t, *data, err));
    *t = own;
    return LINNET_OK;
}

/* A bias that the layer can be corrected by, and a name for it. */
static linnet_status own_bias(ln_graph *g, ln_node *n, float **bias, linnet_error *err) {
    if (ln_node_in(n, LN_CONV_BIAS) != LN_NONE)
        return ln_ptq_own(g, &n->in[LN_CONV_BIAS], bias, err);
    const ln_shape vector = {1, {g->tensor[n->in[LN_CONV_W]].shape.dim[0]}};
    const char *name = ln_pool_printf(&g->pool, "%s.bias", n->name);
    if (!name) return ln_fail_oom(err, n->name, 1);
    const ln_tid t = ln_graph_const_new(g, name, vector, bias, err);
    if (t == LN_NONE) return LINNET_ERR_OUT_OF_MEMORY;
    g->tensor[t].is_param = true;
    n->in[n->n_in++] = t;
    return LINNET_OK;
}

/* The largest weight is 127 steps, and the bias, in steps of x and w, fits 32 bits with room for
 * the sum. */
static float scale_of(const float *w, int64_t count, float bias, const ln_quant *x) {
    float most = 0;
    for (int64_t i = 0; i < count; i++) most = fmaxf(most, fabsf(w[i]));
    const double least = fabs((double)bias) / ((double)x->scale * (1 << 30));
    return (float)fmax(fmax((double)most / 127, least), 1e-30);
}

/* What a sum of channel o changes by on average: its weights' errors times the means of what they
 * read (Nagel et al. 2019, section 4.2). */
static double drift(const ln_ptq_moments *m, int64_t group, const float *w, const int8_t *q,
                    float scale) {
    const double *sum = m->sum + group * m->k;
    double all = 0;
    for (int64_t i = 0; i < m->k; i++)
        all += ((double)q[i] * (double)scale - (double)w[i]) * sum[i] / (double)m->count;
    return all;
}

static void nearest(const float *w, float scale, int64_t count, int8_t *q) {
    for (int64_t i = 0; i < count; i++)
        q[i] = (int8_t)fminf(fmaxf(roundf(w[i] / scale), -127), 127);
}

linnet_status ln_ptq_weights(ln_graph *g, ln_node *n, const ln_quant *x, const ln_ptq_moments *m,
                             const ln_ptq_how *how, linnet_error *err) {
    const ln_tensor old = g->tensor[n->in[LN_CONV_W]];
    const int64_t rows = old.shape.dim[0];
    int64_t count;
    float *w, *bias;
    ln_shape_count(&old.shape, &count);
    LN_TRY(ln_ptq_own(g, &n->in[LN_CONV_W], &w, err));
    LN_TRY(own_bias(g, n, &bias, err));
    int8_t *q = ln_pool_alloc(&g->pool, (size_t)count, 1);
    float *scale = ln_pool_alloc(&g->pool, (size_t)rows, sizeof *scale);
    if (!q || !scale) return ln_fail_oom(err, old.name, (size_t)count);
    for (int64_t i = 0; i < count; i++)
        if (!isfinite(w[i]))
            return ln_fail(err, LINNET_ERR_BAD_FILE, "%s: a weight is not finite", old.name);
    for (int64_t o = 0; o < rows; o++) scale[o] = scale_of(w + o * m->k, m->k, bias[o], x);
    if (how->feed && m->product)
        LN_TRY(ln_ptq_round(m, how->correct, w, scale, rows, q, err));
    else
        for (int64_t o = 0; o < rows; o++) nearest(w + o * m->k, scale[o], m->k, q + o * m->k);
    for (int64_t o = 0; how->correct && o < rows; o++)
        bias[o] -= (float)drift(m, o / (rows / m->groups), w + o * m->k, q + o * m->k, scale[o]);
    ln_view view = ln_view_dense(&old.shape, LN_I8, q);
    view.scale = scale;
    const ln_tid t = ln_graph_const(g, old.name, old.shape, view, false, err);
    if (t == LN_NONE) return LINNET_ERR_OUT_OF_MEMORY;
    g->tensor[t].is_param = old.is_param;
    g->tensor[t].params = old.params;
    n->in[LN_CONV_W] = t;
    return LINNET_OK;
}
