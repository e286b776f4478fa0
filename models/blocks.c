/* A function for each kind of block. Each reads as its figure in the paper. */
#include "models/build.h"

ln_tid ln_b_layer(ln_build *b, ln_tid x, ln_role role, const ln_layer *l, const ln_act *act) {
    char conv[LN_NAME_MAX], bn[LN_NAME_MAX];
    b->arch->names->layer(&b->pos, role, conv, bn);
    b->pos.layer++;
    x = ln_b_conv(b, x, conv, l);
    x = ln_b_bn(b, x, bn);
    return act ? ln_b_act(b, x, bn, *act) : x;
}

/* Hu et al. 2018: x * gate(W2 act(W1 mean(x))). */
ln_tid ln_b_se(ln_build *b, ln_tid x, int squeezed) {
    char reduce[LN_NAME_MAX], expand[LN_NAME_MAX], text[LN_NAME_MAX + 8];
    b->arch->names->layer(&b->pos, LN_ROLE_SE, reduce, expand);
    b->pos.layer++;
    int c = (int)ln_b_channels(b, x);
    snprintf(text, sizeof text, "%s.mean", reduce);
    ln_tid s = ln_b_mean(b, x, text);
    s = ln_b_conv(b, s, reduce, &(ln_layer){.out = squeezed, .kernel = 1, .bias = true});
    s = ln_b_act(b, s, reduce, ln_act_from(b->arch->se_act));
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
    return s->se > 0 ? ln_b_se(b, x, squeezed(b, s, in, ln_b_channels(b, x))) : x;
}

static ln_tid maybe_skip(ln_build *b, ln_tid x, ln_tid y, const ln_stage *s, int stride) {
    if (stride != 1 || s->flags & LN_STAGE_NO_SKIP || ln_b_channels(b, x) != ln_b_channels(b, y))
        return y;
    char conv[LN_NAME_MAX], bn[LN_NAME_MAX];
    b->arch->names->layer(&b->pos, LN_ROLE_COUNT, conv, bn);
    return ln_b_add(b, y, x, conv);
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

static int middle(const ln_build *b, ln_tid x, const ln_stage *s) {
    return ln_make_divisible((double)ln_b_channels(b, x) * s->expand, 8);
}

static ln_tid ds(ln_build *b, ln_tid x, const ln_stage *s, int stride, int out) {
    ln_act act = stage_act(b, s);
    int64_t in = ln_b_channels(b, x);
    ln_tid y = depthwise(b, x, LN_ROLE_DW, s->kernel, stride, &act);
    y = maybe_se(b, y, s, in);
    y = pointwise(b, y, LN_ROLE_PROJECT, out, NULL);
    return maybe_skip(b, x, y, s, stride);
}

static ln_tid dsa(ln_build *b, ln_tid x, const ln_stage *s, int stride, int out) {
    ln_act act = stage_act(b, s);
    ln_tid y = depthwise(b, x, LN_ROLE_DW, s->kernel, stride, &act);
    return pointwise(b, y, LN_ROLE_PROJECT, out, &act);
}

static ln_tid ir(ln_build *b, ln_tid x, const ln_stage *s, int stride, int out) {
    ln_act act = stage_act(b, s);
    int64_t in = ln_b_channels(b, x);
    ln_tid y = pointwise(b, x, LN_ROLE_EXPAND, middle(b, x, s), &act);
    y = depthwise(b, y, LN_ROLE_DW, s->kernel, stride, &act);
    y = maybe_se(b, y, s, in);
    y = pointwise(b, y, LN_ROLE_PROJECT, out, NULL);
    return maybe_skip(b, x, y, s, stride);
}

static ln_tid er(ln_build *b, ln_tid x, const ln_stage *s, int stride, int out) {
    ln_act act = stage_act(b, s);
    int64_t in = ln_b_channels(b, x);
    int groups = s->group_size ? (int)(in / s->group_size) : 1;
    ln_layer dense = {middle(b, x, s), s->kernel, stride, .groups = groups};
    ln_tid y = ln_b_layer(b, x, LN_ROLE_EXPAND, &dense, &act);
    y = maybe_se(b, y, s, in);
    y = pointwise(b, y, LN_ROLE_PROJECT, out, NULL);
    return maybe_skip(b, x, y, s, stride);
}

static ln_tid cn(ln_build *b, ln_tid x, const ln_stage *s, int stride, int out) {
    ln_act act = stage_act(b, s);
    ln_layer l = {.out = out, .kernel = s->kernel, .stride = stride};
    return ln_b_layer(b, x, LN_ROLE_EXPAND, &l, &act);
}

const ln_block_fn ln_block_fns[LN_BLOCK_KINDS] = {
    [LN_BLOCK_DS] = ds, [LN_BLOCK_DSA] = dsa, [LN_BLOCK_IR] = ir,
    [LN_BLOCK_ER] = er, [LN_BLOCK_CN] = cn,
};
