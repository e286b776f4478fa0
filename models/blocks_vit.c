/* MobileViT: v1 Mehta and Rastegari 2022 (arXiv:2110.02178), v2 Mehta and Rastegari 2022
 * (arXiv:2206.02680), v3 Wadekar and Chaurasia 2022 (arXiv:2209.15159). Tokens stay pixels of the
 * map: unfolding into patches is index arithmetic of the attention. */
#include "models/build.h"

#include <math.h>

enum { PATCH = 2 };

/* Tails of the names of one version. */
typedef struct vit_names {
    const char *local, *local_bn, *to_dim, *layers, *norm1, *qkv, *attn_out, *norm2, *fc1, *fc2;
    const char *norm; /* NULL: the layer after the last */
    const char *proj, *proj_bn, *fusion, *fusion_bn;
} vit_names;
static const vit_names timm1 = {
    "conv_kxk.conv", "conv_kxk.bn",    "conv_1x1",     "transformer.",     "norm1",
    "attn.qkv",      "attn.proj",      "norm2",        "mlp.fc1",          "mlp.fc2",
    "norm",          "conv_proj.conv", "conv_proj.bn", "conv_fusion.conv", "conv_fusion.bn"};
static const vit_names timm2 = {
    "conv_kxk.conv", "conv_kxk.bn",    "conv_1x1",     "transformer.", "norm1",
    "attn.qkv_proj", "attn.out_proj",  "norm2",        "mlp.fc1",      "mlp.fc2",
    "norm",          "conv_proj.conv", "conv_proj.bn", NULL,           NULL};
static const vit_names cvnets3 = {"local_rep.conv_3x3.block.conv",
                                  "local_rep.conv_3x3.block.norm",
                                  "local_rep.conv_1x1.block.conv",
                                  "global_rep.",
                                  "pre_norm_mha.0",
                                  "pre_norm_mha.1.qkv_proj",
                                  "pre_norm_mha.1.out_proj",
                                  "pre_norm_ffn.0",
                                  "pre_norm_ffn.1",
                                  "pre_norm_ffn.4",
                                  NULL,
                                  "conv_proj.block.conv",
                                  "conv_proj.block.norm",
                                  "fusion.block.conv",
                                  "fusion.block.norm"};

typedef struct vit {
    ln_build *b;
    const vit_names *n;
    const ln_stage *s;
    int layer, dim;
    bool separable; /* v2 */
} vit;

static void layer_name(const vit *v, const char *tail, char out[LN_NAME_MAX]) {
    char full[LN_NAME_MAX];
    snprintf(full, sizeof full, "%s%d.%s", v->n->layers, v->layer, tail);
    ln_b_name(v->b, full, out);
}

/* v2 normalises over the whole map and its channels, the others over each token's. */
static ln_tid norm(const vit *v, ln_tid x, const char *name) {
    if (!v->separable) return ln_b_layer_norm(v->b, x, name);
    char text[LN_NAME_MAX + 8];
    ln_tid in[3] = {x};
    snprintf(text, sizeof text, "%s.weight", name);
    in[1] = ln_b_vector(v->b, text, ln_b_channels(v->b, x), true);
    snprintf(text, sizeof text, "%s.bias", name);
    in[2] = ln_b_vector(v->b, text, ln_b_channels(v->b, x), true);
    ln_attr attr = {.norm = {.eps = 1e-5f, .groups = 1}};
    return ln_b_node(v->b, LN_OP_GROUP_NORM, name, &attr, in, 3);
}

static ln_tid linear(const vit *v, ln_tid x, const char *tail, int out) {
    char name[LN_NAME_MAX];
    layer_name(v, tail, name);
    ln_layer l = {.out = out, .kernel = 1, .bias = true, .matrix = !v->separable};
    return ln_b_conv(v->b, x, name, &l);
}

static ln_tid attention(const vit *v, ln_tid x) {
    char name[LN_NAME_MAX];
    int d = v->dim, h = v->s->heads;
    layer_name(v, "attention", name);
    if (v->separable) {
        ln_attr attr = {.linear = {d, PATCH, PATCH, ln_act_relu()}};
        x = linear(v, x, v->n->qkv, 1 + 2 * d);
        return ln_b_node(v->b, LN_OP_LINEAR_ATTENTION, name, &attr, &x, 1);
    }
    ln_attr attr = {.attention = {.heads = h,
                                  .kv_heads = h,
                                  .dim = d / h,
                                  .vdim = d / h,
                                  .k_at = d,
                                  .v_at = 2 * d,
                                  .patch_h = PATCH,
                                  .patch_w = PATCH,
                                  .scale = 1.0f / sqrtf((float)(d / h))}};
    x = linear(v, x, v->n->qkv, 3 * d);
    return ln_b_node(v->b, LN_OP_ATTENTION, name, &attr, (ln_tid[]){x, x, x}, 3);
}

static ln_tid transformer_layer(const vit *v, ln_tid x) {
    char name[LN_NAME_MAX];
    layer_name(v, v->n->norm1, name);
    ln_tid y = attention(v, norm(v, x, name));
    y = linear(v, y, v->n->attn_out, v->dim);
    layer_name(v, "add1", name);
    x = ln_b_add(v->b, x, y, name);
    layer_name(v, v->n->norm2, name);
    y = linear(v, norm(v, x, name), v->n->fc1, 2 * v->dim);
    layer_name(v, v->n->fc1, name);
    y = ln_b_act(v->b, y, name, ln_act_of(LN_ACT_SWISH));
    y = linear(v, y, v->n->fc2, v->dim);
    layer_name(v, "add2", name);
    return ln_b_add(v->b, x, y, name);
}

static ln_tid named_conv_bn(const vit *v, ln_tid x, const char *conv, const char *bn,
                            const ln_layer *l, bool act) {
    char c[LN_NAME_MAX], n[LN_NAME_MAX];
    ln_act silu = ln_act_of(LN_ACT_SWISH);
    ln_b_name(v->b, conv, c);
    ln_b_name(v->b, bn, n);
    return ln_b_conv_bn(v->b, x, c, n, l, act ? &silu : NULL);
}

static ln_tid global_part(vit *v, ln_tid x) {
    char name[LN_NAME_MAX], tail[LN_NAME_MAX];
    for (v->layer = 0; v->layer < v->s->depth; v->layer++) x = transformer_layer(v, x);
    snprintf(tail, sizeof tail, "%s%d", v->n->layers, v->s->depth);
    ln_b_name(v->b, v->n->norm ? v->n->norm : tail, name);
    return norm(v, x, name);
}

/* Local convolutions, the transformer, back to the block's width, and (v1, v3) a fusion with the
 * block's input (v1: 3x3) or with the local part (v3: 1x1, and a residual). */
ln_tid ln_block_vit(ln_build *b, ln_tid x, const ln_stage *s, int stride, int out) {
    bool v1 = s->kind == LN_BLOCK_VIT1, v3 = s->kind == LN_BLOCK_VIT3;
    vit v = {.b = b, .n = v1 ? &timm1 : v3 ? &cvnets3 : &timm2, .s = s, .separable = !v1 && !v3};
    char name[LN_NAME_MAX];
    int c = (int)ln_b_channels(b, x);
    const ln_shape *map = ln_b_shape(b, x);
    (void)stride;
    v.dim = v.separable ? out / 2 : s->dim;
    if (b->status == LINNET_OK && (map->dim[1] % PATCH || map->dim[2] % PATCH))
        return ln_b_refuse(b,
                           "this input size makes a map of %lldx%lld before a transformer; sizes "
                           "with even maps are supported (multiples of 64)",
                           (long long)map->dim[1], (long long)map->dim[2]);
    ln_layer local = {.out = c, .kernel = s->kernel, .groups = v1 ? 1 : c};
    ln_tid y = named_conv_bn(&v, x, v.n->local, v.n->local_bn, &local, true);
    ln_b_name(b, v.n->to_dim, name);
    ln_tid f = y = ln_b_conv(b, y, name, &(ln_layer){.out = v.dim, .kernel = 1});
    y = global_part(&v, y);
    y = named_conv_bn(&v, y, v.n->proj, v.n->proj_bn, &(ln_layer){.out = out, .kernel = 1},
                      !v.separable);
    if (v.separable) return y;
    ln_b_name(b, "concat", name);
    y = ln_b_concat(b, (ln_tid[]){v1 ? x : f, y}, 2, name);
    ln_layer fuse = {.out = out, .kernel = v1 ? s->kernel : 1};
    y = named_conv_bn(&v, y, v.n->fusion, v.n->fusion_bn, &fuse, true);
    if (v1) return y;
    ln_b_name(b, "add", name);
    return ln_b_add(b, x, y, name);
}
