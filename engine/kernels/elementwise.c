/* Sum, product, activation, batch norm: elementwise.cl. A constant second operand is packed as
 * pixels; batch norm as a factor and a shift for each channel. */
#include "engine/kernels/kernels.h"

#include <math.h>
#include <stdlib.h>

static bool binary_can_run(const ln_variant *v, const ln_site *s) {
    (void)v;
    return !ln_site_planar(s) && !ln_tensor_planar(ln_site_second(s));
}

static size_t binary_packed(const ln_variant *v, const ln_site *s) {
    (void)v;
    if (ln_site_second(s)->kind != LN_TENSOR_CONST) return 0;
    return (size_t)(ln_site_second_pixels(s) * ln_cpad(ln_site_channels(s, s->node->in[1])));
}

static linnet_status binary_pack(const ln_variant *v, const ln_site *s, float *dst,
                                 linnet_error *err) {
    (void)v;
    int64_t c = ln_site_channels(s, s->node->in[1]), ps = ln_cpad(c),
            pixels = ln_site_second_pixels(s);
    size_t bytes = (size_t)(pixels * c) * sizeof(float);
    float *dense = malloc(bytes);
    if (!dense) return ln_fail_oom(err, s->node->name, bytes);
    linnet_status st = ln_const_copy_f32(s->graph, s->node->in[1], dense, err);
    for (int64_t p = 0; p < pixels && st == LINNET_OK; p++)
        for (int64_t i = 0; i < c; i++) dst[p * ps + i] = dense[p * c + i];
    free(dense);
    return st;
}

static void cut(const ln_variant *v, ln_args *a) {
    int64_t pieces = (int64_t)a->m * ln_cpad(a->oc) / 8;
    a->t1 = 8;
    a->tiles = ln_tiles(v, pieces, a->t1);
}

static void binary_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    int64_t pixels = ln_site_second_pixels(s);
    a->t0 = pixels >= a->m ? 1 : (int32_t)(a->m / pixels);
    if (ln_site_second(s)->kind == LN_TENSOR_CONST) {
        a->w = 0;
        a->x2ps = (ln_i32)ln_cpad(a->oc);
    }
    cut(v, a);
}

static bool act_can_run(const ln_variant *v, const ln_site *s) {
    (void)v;
    (void)s;
    return true;
}

static void act_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    (void)s;
    cut(v, a);
}

static bool bn_can_run(const ln_variant *v, const ln_site *s) {
    (void)v;
    return !ln_site_planar(s);
}

static size_t bn_packed(const ln_variant *v, const ln_site *s) {
    (void)v;
    return (size_t)(2 * ln_cpad(ln_site_channels(s, s->node->in[0])));
}

static linnet_status bn_pack(const ln_variant *v, const ln_site *s, float *dst, linnet_error *err) {
    (void)v;
    enum { GAMMA, BETA, MEAN, VARIANCE, PARTS };
    int64_t c = ln_site_channels(s, s->node->in[0]);
    size_t bytes = (size_t)(PARTS * c) * sizeof(float);
    float *part = malloc(bytes), *shift = dst + ln_cpad(c);
    if (!part) return ln_fail_oom(err, s->node->name, bytes);
    linnet_status st = LINNET_OK;
    for (int i = 0; i < PARTS && st == LINNET_OK; i++)
        st = ln_const_copy_f32(s->graph, s->node->in[1 + i], part + i * c, err);
    for (int64_t i = 0; i < c && st == LINNET_OK; i++) {
        double variance = (double)part[VARIANCE * c + i] + (double)s->node->attr.bn.eps;
        double factor = (double)part[GAMMA * c + i] / sqrt(variance);
        dst[i] = (float)factor;
        shift[i] = (float)((double)part[BETA * c + i] - (double)part[MEAN * c + i] * factor);
    }
    free(part);
    return st;
}

static void bn_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    (void)s;
    a->w = 0;
    a->b = (ln_u32)ln_cpad(a->c);
    cut(v, a);
}

const ln_family ln_family_batch_norm = {"batch_norm", LN_OP_BATCH_NORM, bn_can_run,
                                        bn_packed,    bn_pack,          bn_bind};
const ln_family ln_family_act = {"act", LN_OP_ACT, act_can_run, NULL, NULL, act_bind};
const ln_family ln_family_add = {"add",         LN_OP_ADD,   binary_can_run,
                                 binary_packed, binary_pack, binary_bind};
const ln_family ln_family_mul = {"mul",         LN_OP_MUL,   binary_can_run,
                                 binary_packed, binary_pack, binary_bind};
