/* A function for each kind of block. Each reads as its figure in the paper. */
#include "models/build.h"

#include <math.h>

/* Zhang 2019: the stride after a low-pass. A 2x2 mean, or the binomial [1 2 1]^2 / 16. */
static ln_tid low_pass(ln_build *b, ln_tid x, const char *bn) {
    static const float tap[3] = {0.25f, 0.5f, 0.25f};
    char name[LN_NAME_MAX + 8];
    int64_t c = ln_b_channels(b, x);
    float *w = NULL;
    snprintf(name, sizeof name, "%s.aa", bn);
    if (b->arch->down == LN_DOWN_AVG)
        return ln_b_pool(b, x, name, &(ln_pool_attr){.win = {2, 2, 2, 2, 1, 1}});
    ln_tid k = ln_b_const(b, name, (ln_shape){4, {c, 3, 3, 1}}, &w);
    for (int64_t i = 0; w && i < c * 9; i++) w[i] = tap[i % 9 / 3] * tap[i % 3];
    ln_attr attr = {.conv = {.win = {3, 3, 2, 2, 1, 1, 1, 1, 1, 1}, .groups = (int)c}};
    return ln_b_node(b, LN_OP_CONV2D, name, &attr, (ln_tid[]){x, k}, 2);
}

ln_tid ln_b_layer(ln_build *b, ln_tid x, ln_role role, const ln_layer *l, const ln_act *act) {
    char conv[LN_NAME_MAX], bn[LN_NAME_MAX];
    bool down = l->stride > 1 && b->arch->down != LN_DOWN_STRIDE;
    ln_layer own = *l;
    if (down) own.stride = 1;
    b->arch->names->layer(&b->pos, role, conv, bn);
    b->pos.layer++;
    x = ln_b_conv_bn(b, x, conv, bn, &own, act);
    return down ? low_pass(b, x, bn) : x;
}

/* Hu et al. 2018: x * gate(W2 act(W1 mean(x))). */
ln_tid ln_b_se(ln_build *b, ln_tid x, int squeezed, ln_act act) {
    char reduce[LN_NAME_MAX], expand[LN_NAME_MAX], text[LN_NAME_MAX + 8];
    b->arch->names->layer(&b->pos, LN_ROLE_SE, reduce, expand);
    b->pos.layer++;
    int c = (int)ln_b_channels(b, x);
    snprintf(text, sizeof text, "%s.mean", reduce);
    ln_tid s = ln_b_mean(b, x, text);
    s = ln_b_conv(b, s, reduce, &(ln_layer){.out = squeezed, .kernel = 1, .bias = true});
    s = ln_b_act(b, s, reduce, act);
    s = ln_b_conv(b, s, expand, &(ln_layer){.out = c, .kernel = 1, .bias = true});
    s = ln_b_act(b, s, expand, ln_act_from(b->arch->se_gate));
    snprintf(text, sizeof text, "%s.scale", expand);
    return ln_b_mul(b, x, s, text);
}

static ln_act stage_act(const ln_build *b, const ln_stage *s) {
    return ln_act_from(s->flags & LN_STAGE_RELU ? LN_ACTID_RELU : b->arch->act);
}

static int squeezed(const ln_build *b, const ln_stage *s, int64_t in, int64_t mid) {
    double v = (b->arch->se_of_middle ? mid : in) * (double)s->se;
    if (b->arch->se_of_middle && !b->arch->se_round1) return ln_make_divisible(v, 8);
    return LN_MAX((int)(v + 0.5), 1);
}

static ln_tid maybe_se(ln_build *b, ln_tid x, const ln_stage *s, int64_t in) {
    ln_act act = b->arch->se_relu ? ln_act_relu() : stage_act(b, s);
    return s->se > 0 ? ln_b_se(b, x, squeezed(b, s, in, ln_b_channels(b, x)), act) : x;
}

/* By the family's own widths: channels that pruning left may be as many by chance. */
static ln_tid maybe_skip(ln_build *b, ln_tid x, ln_tid y, const ln_stage *s, int stride, int out) {
    if (stride != 1 || s->flags & LN_STAGE_NO_SKIP || b->in != out) return y;
    char name[LN_NAME_MAX];
    ln_b_name(b, "add", name);
    return ln_b_add(b, y, x, name);
}

static ln_tid depthwise(ln_build *b, ln_tid x, ln_role role, int kernel, int stride,
                        const ln_act *act) {
    int c = (int)ln_b_channels(b, x);
    ln_layer l = {.out = c, .kernel = kernel, .stride = stride, .groups = c};
    return ln_b_layer(b, x, role, &l, act);
}

static ln_tid pointwise(ln_build *b, ln_tid x, ln_role role, int out, const ln_act *act) {
    ln_layer l = {.out = out, .kernel = 1};
    return ln_b_layer(b, x, role, &l, act);
}

static int middle(const ln_build *b, const ln_stage *s) {
    return ln_make_divisible((double)b->in * s->expand, 8);
}

static ln_tid ds(ln_build *b, ln_tid x, const ln_stage *s, int stride, int out) {
    ln_act act = stage_act(b, s);
    int64_t in = ln_b_channels(b, x);
    ln_tid y = depthwise(b, x, LN_ROLE_DW, s->kernel, stride, &act);
    y = maybe_se(b, y, s, in);
    y = pointwise(b, y, LN_ROLE_PROJECT, out, NULL);
    return maybe_skip(b, x, y, s, stride, out);
}

static ln_tid dsa(ln_build *b, ln_tid x, const ln_stage *s, int stride, int out) {
    ln_act act = stage_act(b, s);
    ln_tid y = depthwise(b, x, LN_ROLE_DW, s->kernel, stride, &act);
    return pointwise(b, y, LN_ROLE_PROJECT, out, &act);
}

static ln_tid ir(ln_build *b, ln_tid x, const ln_stage *s, int stride, int out) {
    ln_act act = stage_act(b, s);
    int64_t in = ln_b_channels(b, x);
    ln_tid y = pointwise(b, x, LN_ROLE_EXPAND, middle(b, s), &act);
    y = depthwise(b, y, LN_ROLE_DW, s->kernel, stride, &act);
    y = maybe_se(b, y, s, in);
    y = pointwise(b, y, LN_ROLE_PROJECT, out, NULL);
    return maybe_skip(b, x, y, s, stride, out);
}

static ln_tid er(ln_build *b, ln_tid x, const ln_stage *s, int stride, int out) {
    ln_act act = stage_act(b, s);
    int64_t in = ln_b_channels(b, x);
    ln_layer dense = {.out = middle(b, s), .kernel = s->kernel, .stride = stride};
    dense.groups = s->group_size ? dense.out / s->group_size : 1;
    ln_tid y = ln_b_layer(b, x, LN_ROLE_EXPAND, &dense, &act);
    y = maybe_se(b, y, s, in);
    y = pointwise(b, y, LN_ROLE_PROJECT, out, NULL);
    return maybe_skip(b, x, y, s, stride, out);
}

static ln_tid cn(ln_build *b, ln_tid x, const ln_stage *s, int stride, int out) {
    ln_act act = stage_act(b, s);
    ln_layer l = {.out = out, .kernel = s->kernel, .stride = stride};
    l.groups = s->group_size ? out / s->group_size : 1;
    return ln_b_layer(b, x, LN_ROLE_EXPAND, &l, &act);
}

static ln_tid layer_scale(ln_build *b, ln_tid x) {
    char name[LN_NAME_MAX];
    if (!b->arch->layer_scale) return x;
    ln_b_name(b, "layer_scale.gamma", name);
    if (b->folded && !ln_b_has(b, name)) return x;
    ln_tid gamma = ln_b_vector(b, name, ln_b_channels(b, x), true);
    ln_b_name(b, "layer_scale", name);
    return ln_b_mul(b, x, gamma, name);
}

/* Qin et al. 2024, figure 4: which of the two depthwise are there makes the four forms. */
static ln_tid uir(ln_build *b, ln_tid x, const ln_stage *s, int stride, int out) {
    ln_act act = stage_act(b, s);
    int mid = middle(b, s);
    ln_tid y = x;
    if (s->start_kernel)
        y = depthwise(b, y, LN_ROLE_START, s->start_kernel, s->kernel ? 1 : stride, NULL);
    y = pointwise(b, y, LN_ROLE_EXPAND, mid, &act);
    if (s->kernel) y = depthwise(b, y, LN_ROLE_DW, s->kernel, stride, &act);
    y = layer_scale(b, pointwise(b, y, LN_ROLE_PROJECT, out, NULL));
    return maybe_skip(b, x, y, s, stride, out);
}

static int kv_heads(const ln_stage *s) {
    return s->kv_heads ? s->kv_heads : 1;
}

/* Keys or values: of one head for all unless kv_heads says more, of a smaller map where kv_stride
 * says so. */
static ln_tid keys_or_values(ln_build *b, ln_tid x, const ln_stage *s, const char *which) {
    char name[LN_NAME_MAX], tail[32];
    int c = (int)ln_b_channels(b, x);
    if (s->kv_stride > 1) {
        snprintf(tail, sizeof tail, "attn.%s.down_conv", which);
        ln_b_name(b, tail, name);
        ln_layer dw = {.out = c, .kernel = s->kernel, .stride = s->kv_stride, .groups = c};
        x = ln_b_conv(b, x, name, &dw);
        snprintf(tail, sizeof tail, "attn.%s.norm", which);
        ln_b_name(b, tail, name);
        x = ln_b_bn(b, x, name);
    }
    snprintf(tail, sizeof tail, "attn.%s.proj", which);
    ln_b_name(b, tail, name);
    return ln_b_conv(b, x, name, &(ln_layer){.out = kv_heads(s) * s->head_dim, .kernel = 1});
}

/* Mobile MQA (Qin et al. 2024, section 4). */
static ln_tid mqa(ln_build *b, ln_tid x, const ln_stage *s, int stride, int out) {
    char name[LN_NAME_MAX];
    ln_b_name(b, "norm", name);
    ln_tid y = ln_b_bn(b, x, name), in[3];
    ln_b_name(b, "attn.query.proj", name);
    in[0] = ln_b_conv(b, y, name, &(ln_layer){.out = s->heads * s->head_dim, .kernel = 1});
    in[1] = keys_or_values(b, y, s, "key");
    in[2] = keys_or_values(b, y, s, "value");
    ln_attr attr = {.attention = {.heads = s->heads,
                                  .kv_heads = kv_heads(s),
                                  .dim = s->head_dim,
                                  .vdim = s->head_dim,
                                  .patch_h = 1,
                                  .patch_w = 1,
                                  .scale = 1.0f / sqrtf((float)s->head_dim)}};
    ln_b_name(b, "attn", name);
    y = ln_b_node(b, LN_OP_ATTENTION, name, &attr, in, 3);
    ln_b_name(b, "attn.output.proj", name);
    y = layer_scale(b, ln_b_conv(b, y, name, &(ln_layer){.out = out, .kernel = 1}));
    return maybe_skip(b, x, y, s, stride, out);
}

const ln_block_fn ln_block_fns[LN_BLOCK_KINDS] = {
    [LN_BLOCK_DS] = ds,
    [LN_BLOCK_DSA] = dsa,
    [LN_BLOCK_IR] = ir,
    [LN_BLOCK_ER] = er,
    [LN_BLOCK_CN] = cn,
    [LN_BLOCK_UIR] = uir,
    [LN_BLOCK_MQA] = mqa,
    [LN_BLOCK_VGG] = ln_block_vgg,
    [LN_BLOCK_SHUFFLE1] = ln_block_shuffle1,
    [LN_BLOCK_SHUFFLE2] = ln_block_shuffle2,
    [LN_BLOCK_VIT1] = ln_block_vit,
    [LN_BLOCK_VIT2] = ln_block_vit,
    [LN_BLOCK_VIT3] = ln_block_vit,
    [LN_BLOCK_NAS_STEM] = ln_block_nas_reduce,
    [LN_BLOCK_NAS_NORMAL] = ln_block_nas_normal,
    [LN_BLOCK_NAS_REDUCE] = ln_block_nas_reduce,
};
