/* Squeeze-and-excitation: se.cl, se_wide.cl. */
#include "engine/kernels/kernels.h"

#include <stdlib.h>

enum { ALIGN = 16 }; /* elements: the second bias and both behind the weights start on 64 bytes */

typedef struct sizes {
    int64_t c, cp, r, rp;
} sizes;

static sizes sizes_of(const ln_site *s) {
    const ln_shape *w = ln_site_shape(s, s->node->in[LN_SE_W1]);
    return (sizes){w->dim[3], ln_cpad(w->dim[3]), w->dim[0], ln_cpad(w->dim[0])};
}

static int64_t bias_at(const sizes *z) {
    return ln_round_up(2 * z->cp * z->rp, ALIGN);
}

static size_t packed(const ln_variant *v, const ln_site *s) {
    (void)v;
    const sizes z = sizes_of(s);
    return (size_t)(bias_at(&z) + ln_round_up(z.r, ALIGN) + z.cp);
}

static linnet_status copy_bias(const ln_site *s, int slot, float *dst, linnet_error *err) {
    return ln_site_has(s, slot) ? ln_const_copy_f32(s->graph, s->node->in[slot], dst, err)
                                : LINNET_OK;
}

/* w1 goes to first, element [r][c] at r * row + c * column; w2 transposed to second. */
static linnet_status pack_into(const ln_site *s, float *first, int64_t row, int64_t column,
                               float *second, float *bias, linnet_error *err) {
    const sizes z = sizes_of(s);
    const size_t bytes = (size_t)(z.r * z.c) * sizeof(float);
    float *w = malloc(bytes);
    if (!w) return ln_fail_oom(err, s->node->name, bytes);
    linnet_status st = ln_const_copy_f32(s->graph, s->node->in[LN_SE_W1], w, err);
    for (int64_t r = 0; st == LINNET_OK && r < z.r; r++)
        for (int64_t c = 0; c < z.c; c++) first[r * row + c * column] = w[r * z.c + c];
    if (st == LINNET_OK) st = ln_const_copy_f32(s->graph, s->node->in[LN_SE_W2], w, err);
    for (int64_t c = 0; st == LINNET_OK && c < z.c; c++)
        for (int64_t r = 0; r < z.r; r++) second[r * z.cp + c] = w[c * z.r + r];
    free(w);
    if (st == LINNET_OK) st = copy_bias(s, LN_SE_B1, bias, err);
    return st == LINNET_OK ? copy_bias(s, LN_SE_B2, bias + ln_round_up(z.r, ALIGN), err) : st;
}

static linnet_status pack(const ln_variant *v, const ln_site *s, float *dst, linnet_error *err) {
    (void)v;
    const sizes z = sizes_of(s);
    return pack_into(s, dst, z.cp, 1, dst + z.r * z.cp, dst + bias_at(&z), err);
}

static linnet_status wide_pack(const ln_variant *v, const ln_site *s, float *dst,
                               linnet_error *err) {
    (void)v;
    const sizes z = sizes_of(s);
    return pack_into(s, dst, 1, z.rp, dst + z.rp * z.cp, dst + bias_at(&z), err);
}

static void bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    (void)v;
    const sizes z = sizes_of(s);
    a->w = 0;
    a->b = (ln_u32)bias_at(&z);
    a->t0 = (ln_i32)z.r;
    a->tiles = a->n;
}

static bool can_run(const ln_variant *v, const ln_site *s) {
    const sizes z = sizes_of(s);
    return !ln_site_planar(s) && z.cp <= ln_variant_tunable(v, "CHANNELS", 8192) &&
           z.r <= ln_variant_tunable(v, "SQUEEZE", 1024);
}

static bool deep_can_run(const ln_variant *v, const ln_site *s) {
    return can_run(v, s) && sizes_of(s).cp >= ln_vector_width(s->caps);
}

static bool wide_can_run(const ln_variant *v, const ln_site *s) {
    const int64_t channels = ln_variant_tunable(v, "CHANNELS", 3072);
    const int64_t squeeze = ln_variant_tunable(v, "SQUEEZE", 512);
    const sizes z = sizes_of(s);
    const uint64_t bytes = (uint64_t)(4 * v->local + channels + squeeze) * sizeof(float);
    return !ln_site_planar(s) && z.cp <= channels && z.rp <= squeeze && bytes <= s->caps->local_mem;
}

const ln_family ln_family_se = {"se", LN_OP_SE, can_run, packed, pack, bind};
const ln_family ln_family_se_deep = {"se_deep", LN_OP_SE, deep_can_run, packed, pack, bind};
const ln_family ln_family_se_wide = {"se_wide", LN_OP_SE, wide_can_run, packed, wide_pack, bind};
