/* factor * (W x + b) + shift = (factor W) x + (factor b + shift), an output channel at a time;
 * computed in double and rounded once. */
#include "engine/passes/rewrite.h"

bool ln_is_affine(const ln_graph *g, const ln_node *n) {
    if (ln_node_is_dynamic(g, n) || ln_node_is_quant(g, n)) return false;
    if (n->op == LN_OP_FC) return n->attr.fc.act.kind == LN_ACT_NONE;
    return (n->op == LN_OP_CONV2D || n->op == LN_OP_CONV_TRANSPOSE) &&
           n->attr.conv.act.kind == LN_ACT_NONE && n->attr.conv.post.kind == LN_ACT_NONE &&
           ln_node_in(n, LN_CONV_RES) == LN_NONE;
}

static linnet_status fold_bias(ln_graph *g, ln_tid bias, const ln_affine *a, int64_t count,
                               float *out, linnet_error *err) {
    if (bias != LN_NONE) LN_TRY(ln_const_copy_f32(g, bias, out, err)); /* else it is zeroed */
    for (int64_t i = 0; i < count; i++)
        out[i] = (float)(out[i] * a->factor[i] + (a->shifts ? a->shift[i] : 0.0));
    return LINNET_OK;
}

static linnet_status fold_weight(ln_rewrite *rw, ln_node *n, const ln_affine *a, int64_t params,
                                 linnet_error *err) {
    const ln_tensor w = rw->g->tensor[n->in[LN_CONV_W]]; /* a copy: the table may move */
    const size_t count = (size_t)w.shape.dim[0];
    ln_view v = w.view;
    if (a->factor) {
        float *scale = ln_pool_alloc(&rw->g->pool, count, sizeof *scale);
        if (!scale) return ln_fail_oom(err, n->name, count * sizeof *scale);
        for (size_t i = 0; i < count; i++)
            scale[i] = (float)((v.scale ? v.scale[i] : 1.0) * a->factor[i]);
        v.scale = scale;
    }
    const ln_tid t = ln_rewrite_const(rw, w.name, w.shape, v, w.params + params, err);
    if (t == LN_NONE) return LINNET_ERR_OUT_OF_MEMORY;
    ln_rewrite_set_in(rw, n, LN_CONV_W, t);
    return LINNET_OK;
}

linnet_status ln_fold_affine(ln_rewrite *rw, ln_node *n, const ln_affine *a, linnet_error *err) {
    ln_graph *g = rw->g;
    const ln_tid bias = ln_node_in(n, LN_CONV_BIAS);
    const bool biased = bias != LN_NONE || a->shifts;
    LN_TRY(fold_weight(rw, n, a, biased ? 0 : a->params, err));
    if (!biased) return LINNET_OK;

    const ln_shape vector = {1, {g->tensor[n->in[LN_CONV_W]].shape.dim[0]}};
    float *sum = NULL;
    if (a->factor) {
        sum = ln_pool_alloc(&g->pool, (size_t)vector.dim[0], sizeof *sum);
        if (!sum) return ln_fail_oom(err, n->name, (size_t)vector.dim[0] * sizeof *sum);
        LN_TRY(fold_bias(g, bias, a, vector.dim[0], sum, err));
    }
    const char *name = ln_pool_printf(&g->pool, "%s.bias", n->name);
    if (!name) return ln_fail_oom(err, n->name, 1);
    const int64_t params = a->params + (bias == LN_NONE ? 0 : g->tensor[bias].params);
    const ln_view v = ln_view_dense(&vector, LN_F32, sum);
    const ln_tid t = ln_rewrite_const(rw, name, vector, v, params, err);
    if (t == LN_NONE) return LINNET_ERR_OUT_OF_MEMORY;
    ln_rewrite_set_in(rw, n, LN_CONV_BIAS, t);
    return LINNET_OK;
}
