/* Shape rules, one function an op: checks every input and attribute, gives the output shape. */
#include "engine/graph_shape.h"

#include <math.h>

const ln_shape *ln_in_shape(const ln_graph *g, const ln_node *n, int slot) {
    const ln_tid t = ln_node_in(n, slot);
    return t == LN_NONE ? NULL : &g->tensor[t].shape;
}

linnet_status ln_need_rank(const ln_shape *s, int rank, const char *what, linnet_error *err) {
    char text[96];
    if (s->rank == rank) return LINNET_OK;
    return LN_BAD("%s has shape %s, rank %d is needed", what, ln_shape_text(s, text), rank);
}

linnet_status ln_need_vector(const ln_graph *g, const ln_node *n, int slot, int64_t count,
                             const char *what, linnet_error *err) {
    char text[96];
    const ln_tid t = ln_node_in(n, slot);
    if (t == LN_NONE) return LINNET_OK;
    const ln_tensor *c = &g->tensor[t];
    if (c->kind != LN_TENSOR_CONST) return LN_BAD("%s is not a constant", what);
    if (c->shape.rank != 1 || c->shape.dim[0] != count)
        return LN_BAD("%s %s has shape %s, [%lld] is needed", what, c->name,
                      ln_shape_text(&c->shape, text), (long long)count);
    return LINNET_OK;
}

linnet_status ln_need_bias(const ln_graph *g, const ln_node *n, int64_t count, linnet_error *err) {
    char text[96];
    const ln_shape *b = ln_in_shape(g, n, LN_CONV_BIAS);
    if (b && (b->rank != 1 || b->dim[0] != count))
        return LN_BAD("bias has shape %s, [%lld] is needed", ln_shape_text(b, text),
                      (long long)count);
    return LINNET_OK;
}

linnet_status ln_need_act(const ln_act *a, linnet_error *err) {
    if ((unsigned)a->kind >= LN_ACT_COUNT) return LN_BAD("no activation %d", (int)a->kind);
    if (a->kind == LN_ACT_CLAMP && !(a->lo <= a->hi))
        return LN_BAD("clamp from %g to %g", (double)a->lo, (double)a->hi);
    return LINNET_OK;
}

linnet_status ln_need_eps(float eps, linnet_error *err) {
    return eps >= 0.0f ? LINNET_OK : LN_BAD("epsilon %g is negative", (double)eps);
}

/* One axis of a window over `in` pixels. */
static linnet_status window_axis(int64_t in, int k, int s, int d, int before, int after,
                                 const char *axis, int64_t *out, linnet_error *err) {
    if (k < 1 || s < 1 || d < 1)
        return LN_BAD("%s: kernel %d, stride %d, dilation %d must be at least 1", axis, k, s, d);
    if (before < 0 || after < 0) return LN_BAD("%s: negative padding %d,%d", axis, before, after);
    const int64_t eff = (int64_t)(k - 1) * d + 1, padded = in + before + after;
    if (padded < eff)
        return LN_BAD("%s: %lld pixels with padding %d,%d are fewer than the window's %lld", axis,
                      (long long)in, before, after, (long long)eff);
    *out = (padded - eff) / s + 1;
    return LINNET_OK;
}

static linnet_status window(const ln_window *w, const ln_shape *x, ln_shape *out,
                            linnet_error *err) {
    LN_TRY(window_axis(x->dim[1], w->kh, w->sh, w->dh, w->top, w->bottom, "height", &out->dim[1],
                       err));
    return window_axis(x->dim[2], w->kw, w->sw, w->dw, w->left, w->right, "width", &out->dim[2],
                       err);
}

static bool is_gate(const ln_shape *gate, const ln_shape *x) {
    return x->rank == 4 && gate->rank == 4 && gate->dim[0] == x->dim[0] && gate->dim[1] == 1 &&
           gate->dim[2] == 1 && gate->dim[3] == x->dim[3];
}

static linnet_status conv_weight(const ln_graph *g, const ln_node *n, linnet_error *err) {
    char a[96], b[96];
    const ln_shape *x = ln_in_shape(g, n, LN_CONV_X), *w = ln_in_shape(g, n, LN_CONV_W);
    const ln_conv_attr *c = &n->attr.conv;
    if (c->groups < 1 || x->dim[3] % c->groups || w->dim[0] % c->groups)
        return LN_BAD("%d groups do not divide input %s and weight %s", c->groups,
                      ln_shape_text(x, a), ln_shape_text(w, b));
    if (w->dim[1] != c->win.kh || w->dim[2] != c->win.kw || w->dim[3] != x->dim[3] / c->groups)
        return LN_BAD("weight %s does not fit kernel %dx%d and %lld channels a group of input %s",
                      ln_shape_text(w, a), c->win.kh, c->win.kw, (long long)(x->dim[3] / c->groups),
                      ln_shape_text(x, b));
    return LINNET_OK;
}

static linnet_status need_picture(const ln_graph *g, const ln_node *n, linnet_error *err) {
    const ln_tensor *x = &g->tensor[n->in[LN_CONV_X]];
    if (!n->attr.conv.bytes) return LINNET_OK;
    if (!ln_tensor_planar(x) || x->shape.dim[3] > LN_BYTES_C || n->attr.conv.groups != 1)
        return LN_BAD("of bytes needs a planar picture of at most %d planes, and no groups",
                      LN_BYTES_C);
    if (ln_node_is_dynamic(g, n) || ln_node_in(n, LN_CONV_GATE) != LN_NONE)
        return LN_BAD("of bytes needs constant weights, and no gate");
    for (int64_t c = 0; c < x->shape.dim[3]; c++)
        if (!isfinite(n->attr.conv.mean[c])) return LN_BAD("of bytes needs finite means");
    return LINNET_OK;
}

static linnet_status shape_conv2d(const ln_graph *g, const ln_node *n, ln_shape *out,
                                  linnet_error *err) {
    char a[96], b[96];
    const ln_shape *x = ln_in_shape(g, n, LN_CONV_X), *w = ln_in_shape(g, n, LN_CONV_W);
    const ln_shape *res = ln_in_shape(g, n, LN_CONV_RES), *gate = ln_in_shape(g, n, LN_CONV_GATE);
    LN_TRY(ln_need_rank(x, 4, "input", err));
    LN_TRY(ln_need_rank(w, 4, "weight", err));
    *out = ln_nhwc(x->dim[0], 0, 0, w->dim[0]);
    LN_TRY(window(&n->attr.conv.win, x, out, err));
    LN_TRY(conv_weight(g, n, err));
    LN_TRY(need_picture(g, n, err));
    LN_TRY(ln_need_bias(g, n, w->dim[0], err));
    if (res && !ln_shape_equal(res, out))
        return LN_BAD("residual %s is not the output's %s", ln_shape_text(res, a),
                      ln_shape_text(out, b));
    if (gate && !is_gate(gate, x))
        return LN_BAD("gate %s is not [N,1,1,C] of input %s", ln_shape_text(gate, a),
                      ln_shape_text(x, b));
    LN_TRY(ln_need_act(&n->attr.conv.act, err));
    return ln_need_act(&n->attr.conv.post, err);
}

/* Places in the output stay far from where the kernels' int would overflow. */
static linnet_status transposed_axis(const char *axis, int k, int s, int d, int before, int after,
                                     int64_t in, int64_t out, linnet_error *err) {
    const int64_t most = 1 << 30;
    if (k < 1 || s < 1 || d < 1)
        return LN_BAD("%s: kernel %d, stride %d, dilation %d must be at least 1", axis, k, s, d);
    if (after) return LN_BAD("%s: the output's size stands for padding behind it", axis);
    if (out < 1 || out > most || before < -most || before > most || (int64_t)k * d > most ||
        in > most || in * s > most)
        return LN_BAD("%s: %lld from %lld pixels by kernel %d, stride %d, dilation %d, padding %d "
                      "cannot be made",
                      axis, (long long)out, (long long)in, k, s, d, before);
    return LINNET_OK;
}

static linnet_status shape_conv_transpose(const ln_graph *g, const ln_node *n, ln_shape *out,
                                          linnet_error *err) {
    const ln_shape *x = ln_in_shape(g, n, LN_CONV_X), *w = ln_in_shape(g, n, LN_CONV_W);
    const ln_conv_attr *c = &n->attr.conv;
    const ln_window *v = &c->win;
    LN_TRY(ln_need_rank(x, 4, "input", err));
    LN_TRY(ln_need_rank(w, 4, "weight", err));
    LN_TRY(conv_weight(g, n, err));
    LN_TRY(ln_need_bias(g, n, w->dim[0], err));
    LN_TRY(transposed_axis("height", v->kh, v->sh, v->dh, v->top, v->bottom, x->dim[1], c->h, err));
    LN_TRY(transposed_axis("width", v->kw, v->sw, v->dw, v->left, v->right, x->dim[2], c->w, err));
    if (c->post.kind != LN_ACT_NONE || c->interleaved)
        return LN_BAD("takes one activation, and no interleaved groups");
    *out = ln_nhwc(x->dim[0], c->h, c->w, w->dim[0]);
    return ln_need_act(&c->act, err);
}

static linnet_status shape_fc(const ln_graph *g, const ln_node *n, ln_shape *out,
                              linnet_error *err) {
    char a[96], b[96];
    const ln_shape *x = ln_in_shape(g, n, LN_CONV_X), *w = ln_in_shape(g, n, LN_CONV_W);
    LN_TRY(ln_need_rank(w, 2, "weight", err));
    const bool map = x->rank == 4 && x->dim[1] == 1 && x->dim[2] == 1;
    if (x->rank != 2 && !map)
        return LN_BAD("input %s is neither [N,C] nor [N,1,1,C]", ln_shape_text(x, a));
    if (x->dim[x->rank - 1] != w->dim[1])
        return LN_BAD("weight %s does not fit input %s", ln_shape_text(w, a), ln_shape_text(x, b));
    *out = (ln_shape){2, {x->dim[0], w->dim[0]}};
    LN_TRY(ln_need_bias(g, n, w->dim[0], err));
    return ln_need_act(&n->attr.fc.act, err);
}

static linnet_status shape_batch_norm(const ln_graph *g, const ln_node *n, ln_shape *out,
                                      linnet_error *err) {
    static const char *const part[] = {"", "gamma", "beta", "mean", "variance"};
    *out = *ln_in_shape(g, n, 0);
    for (int i = 1; i < 5; i++)
        LN_TRY(ln_need_vector(g, n, i, out->dim[out->rank - 1], part[i], err));
    return ln_need_eps(n->attr.bn.eps, err);
}

static linnet_status pool_indices(const ln_pool_attr *p, const ln_shape *x, linnet_error *err) {
    int64_t count;
    char a[96];
    if ((unsigned)p->indices >= LN_INDICES_KINDS || (p->indices && p->kind != LN_POOL_MAX))
        return LN_BAD("no indices %d of pool %d", (int)p->indices, (int)p->kind);
    if (p->indices && (!ln_shape_count(x, &count) || count > INT32_MAX))
        return LN_BAD("input %s has more elements than an index counts", ln_shape_text(x, a));
    return LINNET_OK;
}

static linnet_status shape_pool(const ln_graph *g, const ln_node *n, ln_shape *out,
                                linnet_error *err) {
    const ln_pool_attr *p = &n->attr.pool;
    const ln_shape *x = ln_in_shape(g, n, 0);
    LN_TRY(ln_need_rank(x, 4, "input", err));
    if (p->kind != LN_POOL_AVG && p->kind != LN_POOL_MAX) return LN_BAD("no pool %d", (int)p->kind);
    LN_TRY(pool_indices(p, x, err));
    out[0] = out[1] = ln_nhwc(x->dim[0], 1, 1, x->dim[3]);
    if (p->global) return LINNET_OK;
    LN_TRY(window(&p->win, x, out, err));
    out[1] = out[0];
    if (p->ceil_bottom < 0 || p->ceil_bottom > p->win.bottom || p->ceil_right < 0 ||
        p->ceil_right > p->win.right)
        return LN_BAD("ceil mode's %d,%d is no part of the padding", p->ceil_bottom, p->ceil_right);
    const ln_window *w = &p->win; /* every window must lie over pixels of the map */
    const int64_t eh = (int64_t)(w->kh - 1) * w->dh, ew = (int64_t)(w->kw - 1) * w->dw;
    if (w->top > eh || w->bottom > eh || w->left > ew || w->right > ew)
        return LN_BAD("padding %d,%d,%d,%d reaches past a %dx%d window", w->top, w->left, w->bottom,
                      w->right, w->kh, w->kw);
    return LINNET_OK;
}

static linnet_status shape_binary(const ln_graph *g, const ln_node *n, ln_shape *out,
                                  linnet_error *err) {
    char a[96], b[96];
    const ln_shape *x = ln_in_shape(g, n, 0), *y = ln_in_shape(g, n, 1);
    *out = *x;
    if (!ln_shape_equal(x, y) && !is_gate(y, x) &&
        !(y->rank == 1 && y->dim[0] == x->dim[x->rank - 1]))
        return LN_BAD("%s does not go with %s: the same shape, [N,1,1,C] or [C] is needed",
                      ln_shape_text(y, b), ln_shape_text(x, a));
    return ln_need_act(&n->attr.binary.act, err);
}

static linnet_status shape_act(const ln_graph *g, const ln_node *n, ln_shape *out,
                               linnet_error *err) {
    *out = *ln_in_shape(g, n, 0);
    return ln_need_act(&n->attr.act, err);
}

static linnet_status se_weight(const ln_graph *g, const ln_node *n, int slot, int64_t in,
                               ln_shape *w, linnet_error *err) {
    char a[96];
    *w = *ln_in_shape(g, n, slot);
    const ln_shape want = ln_nhwc(w->dim[0], 1, 1, in);
    if (g->tensor[n->in[slot]].kind != LN_TENSOR_CONST)
        return LN_BAD("weight %d is not a constant", slot);
    if (!ln_shape_equal(w, &want))
        return LN_BAD("weight %d has shape %s, 1x1 over %lld channels is needed", slot,
                      ln_shape_text(w, a), (long long)in);
    return LINNET_OK;
}

static linnet_status shape_se(const ln_graph *g, const ln_node *n, ln_shape *out,
                              linnet_error *err) {
    const ln_shape *x = ln_in_shape(g, n, LN_SE_X);
    ln_shape w1, w2;
    LN_TRY(ln_need_rank(x, 4, "input", err));
    LN_TRY(se_weight(g, n, LN_SE_W1, x->dim[3], &w1, err));
    LN_TRY(se_weight(g, n, LN_SE_W2, w1.dim[0], &w2, err));
    LN_TRY(ln_need_vector(g, n, LN_SE_B1, w1.dim[0], "first bias", err));
    LN_TRY(ln_need_vector(g, n, LN_SE_B2, w2.dim[0], "second bias", err));
    if (w2.dim[0] != x->dim[3])
        return LN_BAD("%lld gates for %lld channels", (long long)w2.dim[0], (long long)x->dim[3]);
    *out = ln_nhwc(x->dim[0], 1, 1, x->dim[3]);
    LN_TRY(ln_need_act(&n->attr.se.act, err));
    return ln_need_act(&n->attr.se.gate, err);
}

linnet_status ln_shape_same(const ln_graph *g, const ln_node *n, ln_shape *out, linnet_error *err) {
    (void)err;
    *out = *ln_in_shape(g, n, 0);
    return LINNET_OK;
}

/* clang-format off */
const ln_shape_fn ln_shape_rules[LN_OP_COUNT] = {
    [LN_OP_CONV2D]           = shape_conv2d,
    [LN_OP_CONV_TRANSPOSE]   = shape_conv_transpose,
    [LN_OP_FC]               = shape_fc,
    [LN_OP_BATCH_NORM]       = shape_batch_norm,
    [LN_OP_POOL]             = shape_pool,
    [LN_OP_ADD]              = shape_binary,
    [LN_OP_MUL]              = shape_binary,
    [LN_OP_ACT]              = shape_act,
    [LN_OP_SOFTMAX]          = ln_shape_same,
    [LN_OP_RESHAPE]          = ln_shape_reshape,
    [LN_OP_CONCAT]           = ln_shape_concat,
    [LN_OP_LAYER_NORM]       = ln_shape_layer_norm,
    [LN_OP_GROUP_NORM]       = ln_shape_group_norm,
    [LN_OP_ATTENTION]        = ln_shape_attention,
    [LN_OP_LINEAR_ATTENTION] = ln_shape_linear,
    [LN_OP_CHANNEL_SHUFFLE]  = ln_shape_shuffle,
    [LN_OP_SLICE]            = ln_shape_slice,
    [LN_OP_SE]               = shape_se,
    [LN_OP_PAD]              = ln_shape_pad,
    [LN_OP_RESIZE]           = ln_shape_resize,
    [LN_OP_MAP]              = ln_shape_map,
    [LN_OP_REDUCE]           = ln_shape_reduce,
    [LN_OP_PERMUTE]          = ln_shape_permute,
    [LN_OP_TILE]             = ln_shape_tile,
    [LN_OP_MATMUL]           = ln_shape_matmul,
    [LN_OP_GATHER]           = ln_shape_gather,
    [LN_OP_GATHER_ND]        = ln_shape_gather_nd,
    [LN_OP_GATHER_ELEMENTS]  = ln_shape_gather_elements,
    [LN_OP_TOPK]             = ln_shape_topk,
    [LN_OP_NMS]              = ln_shape_nms,
    [LN_OP_NMS_ROWS]         = ln_shape_nms_rows,
    [LN_OP_QUANTIZE]         = ln_shape_same,
    [LN_OP_DEQUANTIZE]       = ln_shape_same,
};
/* clang-format on */

int ln_node_outputs(ln_op op, const ln_attr *a) {
    switch (op) {
    case LN_OP_POOL: return a->pool.indices ? 2 : 1;
    case LN_OP_TOPK:
    case LN_OP_NMS:
    case LN_OP_NMS_ROWS: return 2;
    default: return 1;
    }
}

linnet_status ln_node_shape(const ln_graph *g, const ln_node *n, ln_shape out[LN_MAX_OUT],
                            linnet_error *err) {
    linnet_status s = ln_need_types(g, n, err);
    if (s == LINNET_OK) s = ln_shape_rules[n->op](g, n, out, err);
    if (s != LINNET_OK) ln_fail_prefix(err, "%s: %s", n->name, ln_op_infos[n->op].name);
    return s;
}
