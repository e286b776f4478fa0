/* Shape rules of what transformers are made of: norms over channels and attention. */
#include "engine/graph_shape.h"

static linnet_status gamma_beta(const ln_graph *g, const ln_node *n, ln_shape *out,
                                linnet_error *err) {
    *out = *ln_in_shape(g, n, 0);
    const int64_t channels = out->dim[out->rank - 1];
    LN_TRY(ln_need_vector(g, n, 1, channels, "gamma", err));
    LN_TRY(ln_need_vector(g, n, 2, channels, "beta", err));
    return ln_need_eps(n->attr.norm.eps, err);
}

linnet_status ln_shape_layer_norm(const ln_graph *g, const ln_node *n, ln_shape *out,
                                  linnet_error *err) {
    return gamma_beta(g, n, out, err);
}

linnet_status ln_shape_group_norm(const ln_graph *g, const ln_node *n, ln_shape *out,
                                  linnet_error *err) {
    char a[96];
    const ln_shape *x = ln_in_shape(g, n, 0);
    const int groups = n->attr.norm.groups;
    LN_TRY(ln_need_rank(x, 4, "input", err));
    if (groups < 1 || x->dim[3] % groups)
        return LN_BAD("%d groups do not divide the channels of %s", groups, ln_shape_text(x, a));
    return gamma_beta(g, n, out, err);
}

/* A map whose height and width are whole patches. */
static linnet_status need_patches(const ln_shape *x, int ph, int pw, const char *what,
                                  linnet_error *err) {
    char a[96];
    LN_TRY(ln_need_rank(x, 4, what, err));
    if (ph < 1 || pw < 1 || x->dim[1] % ph || x->dim[2] % pw)
        return LN_BAD("%s %s is not made of %dx%d patches", what, ln_shape_text(x, a), ph, pw);
    return LINNET_OK;
}

/* heads * dim channels from `at` on. */
static linnet_status need_channels(const ln_shape *x, int at, int heads, int dim, const char *what,
                                   linnet_error *err) {
    char a[96];
    if (at < 0 || heads < 1 || dim < 1 || at + (int64_t)heads * dim > x->dim[3])
        return LN_BAD("%s %s has no %d heads of %d channels from channel %d on", what,
                      ln_shape_text(x, a), heads, dim, at);
    return LINNET_OK;
}

linnet_status ln_shape_attention(const ln_graph *g, const ln_node *n, ln_shape *out,
                                 linnet_error *err) {
    char text[96], other[96];
    const ln_attention_attr *a = &n->attr.attention;
    const ln_shape *q = ln_in_shape(g, n, 0), *k = ln_in_shape(g, n, 1), *v = ln_in_shape(g, n, 2);
    LN_TRY(need_patches(q, a->patch_h, a->patch_w, "query", err));
    LN_TRY(need_patches(k, a->patch_h, a->patch_w, "key", err));
    LN_TRY(need_patches(v, a->patch_h, a->patch_w, "value", err));
    LN_TRY(need_channels(q, a->q_at, a->heads, a->dim, "query", err));
    LN_TRY(need_channels(k, a->k_at, a->kv_heads, a->dim, "key", err));
    LN_TRY(need_channels(v, a->v_at, a->kv_heads, a->vdim, "value", err));
    if (a->heads % a->kv_heads)
        return LN_BAD("%d heads do not share %d heads of keys", a->heads, a->kv_heads);
    if (k->dim[0] != q->dim[0] || k->dim[0] != v->dim[0] || k->dim[1] != v->dim[1] ||
        k->dim[2] != v->dim[2])
        return LN_BAD("key %s does not go with query and value %s", ln_shape_text(k, text),
                      ln_shape_text(v, other));
    int64_t channels;
    if (!ln_mul_i64(a->heads, a->vdim, &channels)) return LN_BAD("output channels overflow");
    *out = ln_nhwc(q->dim[0], q->dim[1], q->dim[2], channels);
    return LINNET_OK;
}

linnet_status ln_shape_linear(const ln_graph *g, const ln_node *n, ln_shape *out,
                              linnet_error *err) {
    char text[96];
    const ln_linear_attention_attr *a = &n->attr.linear;
    const ln_shape *x = ln_in_shape(g, n, 0);
    LN_TRY(need_patches(x, a->patch_h, a->patch_w, "input", err));
    if (a->dim < 1 || x->dim[3] != 1 + 2 * (int64_t)a->dim)
        return LN_BAD("input %s has not 1 + 2 * %d channels", ln_shape_text(x, text), a->dim);
    *out = ln_nhwc(x->dim[0], x->dim[1], x->dim[2], a->dim);
    return ln_need_act(&a->act, err);
}
