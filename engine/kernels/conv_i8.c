/* Quantized convolution and fully connected, general: conv_i8.cl, dw_i8.cl; sums and products:
 * binary_i8.cl, add_i8_deep.cl, mul_i8_deep.cl; depthwise on devices that make many work-items:
 * dw_i8_wide.cl. */
#include "engine/kernels/kernels.h"
#include "engine/quant.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool any(const ln_variant *v, const ln_site *s) {
    (void)v;
    (void)s;
    return true;
}

static void at_bytes(const ln_site *s, ln_args *a) {
    const ln_matrix m = ln_site_matrix(s);
    a->w = 0;
    a->b = (ln_u32)ln_bytes_words(m.k * m.ocp);
}

static void conv_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    at_bytes(s, a);
    a->tiles = ln_tiles(v, (int64_t)a->m * ln_cpad(a->oc), 1);
}

static bool dw_can_run(const ln_variant *v, const ln_site *s) {
    (void)v;
    return ln_node_is_depthwise(s->graph, s->node) && !ln_site_planar(s);
}

static void dw_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    at_bytes(s, a);
    a->tiles = ln_tiles(v, (int64_t)a->m * ln_cpad(a->oc) / 8, 1);
}

static bool dw_wide_can_run(const ln_variant *v, const ln_site *s) {
    const ln_window *w = &s->node->attr.conv.win;
    const int k = ln_variant_tunable(v, "K", 3), stride = ln_variant_tunable(v, "S", 1);
    return dw_can_run(v, s) && w->kh == k && w->kw == k && w->sh == stride && w->sw == stride &&
           w->dh == 1 && w->dw == 1;
}

static void dw_wide_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    const int64_t across = ln_ceil_div(a->ow, ln_variant_tunable(v, "PX", 2));
    at_bytes(s, a);
    a->tiles = ln_tiles(v, (int64_t)a->n * a->oh * across * ln_cpad(a->oc) / 8, 1);
}

/* ---- sums and products ---- */

static bool binary_can_run(const ln_variant *v, const ln_site *s) {
    (void)v;
    return !ln_site_planar(s) && !ln_tensor_planar(ln_site_second(s)) &&
           s->graph->tensor[s->node->in[0]].kind != LN_TENSOR_CONST;
}

static size_t binary_packed(const ln_variant *v, const ln_site *s) {
    (void)v;
    if (ln_site_second(s)->kind != LN_TENSOR_CONST) return 0;
    return (size_t)ln_bytes_words(ln_site_second_pixels(s) *
                                  ln_cpad(ln_site_channels(s, s->node->in[1])));
}

static linnet_status binary_pack(const ln_variant *v, const ln_site *s, float *dst,
                                 linnet_error *err) {
    (void)v;
    const int64_t c = ln_site_channels(s, s->node->in[1]), ps = ln_cpad(c);
    const int64_t pixels = ln_site_second_pixels(s);
    int8_t *to = (int8_t *)dst;
    LN_TRY(ln_const_copy(s->graph, s->node->in[1], to, err));
    for (int64_t p = pixels - 1; p > 0; p--) { /* apart, the last one first */
        memmove(to + p * ps, to + p * c, (size_t)c);
        memset(to + p * c, 0, (size_t)LN_MIN(p * (ps - c), c));
    }
    return LINNET_OK;
}

static void binary_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    const float sa = s->graph->tensor[s->node->in[0]].q.scale, sb = ln_site_second(s)->q.scale;
    const float sy = s->graph->tensor[s->node->out[0]].q.scale;
    const int64_t pixels = ln_site_second_pixels(s);
    a->t0 = pixels >= a->m ? 1 : (int32_t)(a->m / pixels);
    if (ln_site_second(s)->kind == LN_TENSOR_CONST) {
        a->w = 0;
        a->x2ps = (ln_i32)ln_cpad(a->oc);
    }
    if (s->node->op == LN_OP_ADD) {
        const ln_fixed_add f = ln_fixed_add_of(sa, sb, sy);
        a->t2 = f.a.mul, a->t4 = f.b.mul, a->t5 = f.y.mul;
        a->t3 = (f.a.shift & 255) | (f.b.shift & 255) << 8 | (LN_MIN(f.y.shift, 31) & 255) << 16;
    } else {
        const ln_rescale r = ln_rescale_of(ln_fixed_of((double)(sa * sb / sy)));
        a->t2 = r.mul;
        a->alpha = r.unit;
    }
    a->t1 = 8;
    a->tiles = ln_tiles(v, (int64_t)a->m * ln_cpad(a->oc) / 8, a->t1);
}

/* Two maps of like pixels, without padding lanes. */
static bool add_deep_can_run(const ln_variant *v, const ln_site *s) {
    const ln_shape *x = ln_site_shape(s, s->node->in[0]), *y = &ln_site_second(s)->shape;
    bool like = x->rank == y->rank && ln_site_second(s)->kind != LN_TENSOR_CONST;
    for (int i = 0; like && i < x->rank; i++) like = x->dim[i] == y->dim[i];
    return like && binary_can_run(v, s) && x->dim[x->rank - 1] % LN_CPAD == 0;
}

/* How the sum is estimated in floats (add_i8_deep.cl): roundings of a unit of 2^-24 each, and those
 * of the fixed point, are what it may be off by. */
static void add_estimate(const ln_site *s, ln_args *a) {
    const float of[3] = {s->graph->tensor[s->node->in[0]].q.scale, ln_site_second(s)->q.scale,
                         s->graph->tensor[s->node->out[0]].q.scale};
    const ln_fixed_add f = ln_fixed_add_of(of[0], of[1], of[2]);
    const double y = ldexp(f.y.mul, f.y.shift - 31), one = y * (1 << LN_ADD_BITS);
    const double alpha = one * ldexp(f.a.mul, f.a.shift - 31);
    const double beta = one * ldexp(f.b.mul, f.b.shift - 31);
    const double from = 256.5 + a->yz - alpha * a->xz - beta * a->wz;
    const double size = 4 * (128 * alpha + 128 * beta + fabs(from));
    const double off = ldexp(size, -24) + 2 * y + ldexp(1, f.y.shift);
    const bool near = size < 1e6 && off < 0.1 && f.a.shift <= 0 && f.b.shift <= 0;
    a->alpha = (float)alpha, a->beta = (float)beta, a->palpha = (float)from;
    a->pbeta = near ? (float)(1.01 * off) : -1.0f;
}

static void add_deep_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    binary_bind(v, s, a);
    add_estimate(s, a);
    ln_deep_cut(s, a);
}

static ln_twice product_of(const ln_site *s) {
    const float sa = s->graph->tensor[s->node->in[0]].q.scale, sb = ln_site_second(s)->q.scale;
    return ln_twice_of(ln_fixed_of((double)(sa * sb / s->graph->tensor[s->node->out[0]].q.scale)));
}

static bool mul_deep_can_run(const ln_variant *v, const ln_site *s) {
    const ln_twice r = product_of(s);
    return binary_can_run(v, s) && ln_site_channels(s, s->node->out[0]) % LN_CPAD == 0 &&
           r.left < 15 /* 255 * 255 * 2^left has 31 bits */;
}

static void mul_deep_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    const ln_twice r = product_of(s);
    binary_bind(v, s, a);
    a->t2 = r.mul, a->t3 = r.left, a->t4 = r.right;
    ln_deep_cut(s, a);
}

const ln_family ln_family_add_i8_deep = {"add_i8_deep", LN_OP_ADD, add_deep_can_run,
                                         NULL,          NULL,      add_deep_bind};
const ln_family ln_family_conv_i8 = {"conv_i8",       LN_OP_CONV2D,        any,
                                     ln_bytes_packed, ln_bytes_pack_whole, conv_bind};
const ln_family ln_family_fc_i8 = {"fc_i8",  LN_OP_FC, any, ln_bytes_packed, ln_bytes_pack_whole,
                                   conv_bind};
const ln_family ln_family_dw_i8 = {"dw_i8",         LN_OP_CONV2D,        dw_can_run,
                                   ln_bytes_packed, ln_bytes_pack_whole, dw_bind};
const ln_family ln_family_dw_i8_wide = {"dw_i8_wide",    LN_OP_CONV2D,        dw_wide_can_run,
                                        ln_bytes_packed, ln_bytes_pack_whole, dw_wide_bind};
const ln_family ln_family_add_i8 = {"add_i8",      LN_OP_ADD,   binary_can_run,
                                    binary_packed, binary_pack, binary_bind};
const ln_family ln_family_mul_i8 = {"mul_i8",      LN_OP_MUL,   binary_can_run,
                                    binary_packed, binary_pack, binary_bind};
const ln_family ln_family_mul_i8_deep = {"mul_i8_deep", LN_OP_MUL,   mul_deep_can_run,
                                         binary_packed, binary_pack, mul_deep_bind};
