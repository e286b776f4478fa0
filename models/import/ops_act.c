/* Activations. On floats they are what convolutions fuse. */
#include "models/import/ops.h"

static ln_act act_of(ln_imp *im, ln_act_kind kind) {
    ln_act a = ln_act_of(kind);
    if (kind == LN_ACT_CLAMP) return ln_act_relu();
    if (kind == LN_ACT_LEAKY_RELU) a.alpha = ln_imp_float(im, "alpha", 0.01f);
    if (kind == LN_ACT_HARD_SIGMOID) {
        a.alpha = ln_imp_float(im, "alpha", 0.2f);
        a.beta = ln_imp_float(im, "beta", 0.5f);
    }
    if (kind == LN_ACT_GELU && !strcmp(ln_imp_string(im, "approximate", "none"), "tanh"))
        a.kind = LN_ACT_GELU_TANH;
    return a;
}

/* arg: ln_act_kind; LN_ACT_CLAMP is Relu. */
void ln_imp_op_act(ln_imp *im, const ln_imp_op *op) {
    const ln_val *v = ln_imp_in(im, 0);
    const ln_imp_layout l = ln_val_is_last(v) ? LN_LAST : LN_PLAIN;
    const ln_act a = act_of(im, (ln_act_kind)op->arg);
    ln_tid x = ln_imp_get(im, v, l);
    if (ln_imp_is_f32(im, x))
        x = ln_imp_1(im, LN_OP_ACT, (ln_attr){.act = a}, x);
    else if (a.kind == LN_ACT_CLAMP)
        x = ln_imp_map2(im, LN_MAP_MAX, x, ln_imp_scalar_i(im, 0));
    else
        ln_imp_refuse(im, "integers are not supported");
    ln_imp_out_as(im, 0, x, l, 0, &v->shape);
}

/* A bound from an input (operator set 11 on) or an attribute; `otherwise` when absent. */
static bool bound(ln_imp *im, int slot, const char *name, double otherwise, double *out) {
    const ln_val *v = slot < 0 ? NULL : ln_imp_in(im, slot);
    *out = slot < 0 ? (double)ln_imp_float(im, name, (float)otherwise) : otherwise;
    if (!v) return true;
    if (!v->host) return false;
    if (v->host->count != 1) return ln_imp_refuse(im, "%s is no scalar", name), true;
    *out = ln_host_f(v->host, 0);
    return true;
}

/* Bounds that the network computes, or integers: max, then min. */
static ln_tid clip_by_map(ln_imp *im, ln_tid x) {
    for (int i = 0; i < 2; i++) {
        const ln_tid b = ln_imp_get(im, ln_imp_in(im, 1 + i), LN_PLAIN);
        if (b != LN_NONE) x = ln_imp_map2(im, i ? LN_MAP_MIN : LN_MAP_MAX, x, b);
    }
    return x;
}

/* arg: 1 bounds are attributes */
void ln_imp_op_clip(ln_imp *im, const ln_imp_op *op) {
    const ln_val *v = ln_imp_in(im, 0);
    const ln_imp_layout l = ln_val_is_last(v) ? LN_LAST : LN_PLAIN;
    double lo, hi;
    const bool low = bound(im, op->arg ? -1 : 1, "min", -INFINITY, &lo);
    const bool high = bound(im, op->arg ? -1 : 2, "max", INFINITY, &hi), fixed = low && high;
    ln_tid x = ln_imp_get(im, v, l);
    ln_act a = {.kind = LN_ACT_CLAMP, .lo = (float)lo, .hi = (float)hi};
    if (a.lo > a.hi) a.lo = a.hi; /* min(max(x, lo), hi) */
    if (fixed && ln_imp_is_f32(im, x))
        x = ln_imp_1(im, LN_OP_ACT, (ln_attr){.act = a}, x);
    else
        x = clip_by_map(im, x);
    ln_imp_out_as(im, 0, x, l, 0, &v->shape);
}

/* x < 0 ? slope * x : x, the slope broadcast one way (before operator set 7: by channel). */
void ln_imp_op_prelu(ln_imp *im, const ln_imp_op *op) {
    const ln_val *v[2] = {ln_imp_in(im, 0), ln_imp_in(im, 1)};
    ln_tid in[2];
    ln_imp_layout l = LN_PLAIN;
    int64_t n;
    (void)op;
    const bool old = im->node->version < 7;
    if (v[1]->shape.rank == 1 && v[0]->shape.rank > 2 && ln_count(&v[1]->shape, &n) && n > 1 &&
        (old || v[0]->shape.dim[v[0]->shape.rank - 1] != n) && v[0]->shape.dim[1] == n) {
        in[0] = ln_imp_get(im, v[0], l = LN_LAST); /* by channel */
        in[1] = ln_imp_get(im, v[1], LN_PLAIN);
    } else {
        l = ln_imp_align(im, v, 2, in);
    }
    ln_imp_out_as(im, 0, ln_imp_map(im, LN_MAP_PRELU, in, 2), l, 0, &v[0]->shape);
}
