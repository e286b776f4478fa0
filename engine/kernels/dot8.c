/* Convolutions of bytes by products of four on devices that make many work-items: conv_i8_wide.cl.
 */
#include "engine/kernels/kernels.h"

#include "base/env.h"
#include "engine/quant.h"

#include <stdlib.h>

static bool has(const ln_caps *c, ln_feature f) {
    return ln_caps_has(c, f) && !ln_env_disabled(ln_feature_names[f]);
}

ln_dot8 ln_dot8_of(const ln_caps *c) {
    /* vendors' own names are those of one instruction */
    if (has(c, LN_FEAT_QCOM_DOT)) return LN_DOT8_QCOM;
    if (has(c, LN_FEAT_ARM_DOT)) return LN_DOT8_ARM;
    return c->cl_version >= 300 && has(c, LN_FEAT_INT_DOT) ? LN_DOT8_KHR : LN_DOT8_PLAIN;
}

static int32_t x_zero(const ln_site *s) {
    const ln_dot8 kind = ln_dot8_of(s->caps);
    const int32_t shift = kind == LN_DOT8_KHR || kind == LN_DOT8_QCOM ? 128 : 0; /* LN_DOT_ZERO */
    return s->graph->tensor[s->node->in[0]].q.zero + shift;
}

/* Channels of a tap, and bytes of weights. */
static int64_t tap(const ln_site *s) {
    return ln_round_up(ln_site_channels(s, s->node->in[0]), 4);
}

static int64_t tables_at(const ln_site *s) {
    const ln_matrix m = ln_site_matrix(s);
    return ln_bytes_words(m.k / ln_site_channels(s, s->node->in[0]) * tap(s) * m.ocp);
}

static size_t packed(const ln_variant *v, const ln_site *s) {
    (void)v;
    return (size_t)(tables_at(s) + 3 * ln_site_matrix(s).ocp);
}

static linnet_status pack(const ln_variant *v, const ln_site *s, float *dst, linnet_error *err) {
    const ln_matrix m = ln_site_matrix(s);
    const int64_t c = ln_site_channels(s, s->node->in[0]), each = tap(s), taps = m.k / c;
    const int32_t zero = s->graph->tensor[s->node->in[LN_CONV_W]].q.zero, xz = x_zero(s);
    int32_t *bias = (int32_t *)dst + tables_at(s);
    int8_t *w, *to = (int8_t *)dst;
    (void)v;
    LN_TRY(ln_scales_pack(s, (float *)bias, err));
    LN_TRY(ln_bytes_copy(s, &w, err));
    for (int64_t o = 0; o < m.ocp; o++) {
        int64_t sum = 0;
        for (int64_t k = 0; k < taps * each; k++) {
            const int64_t t = k / each, i = k % each;
            const bool there = o < m.oc && i < c;
            const int8_t value = there ? w[o * m.k + t * c + i] : (int8_t)zero;
            to[(k / 4 * m.ocp + o) * 4 + k % 4] = value;
            sum += there ? value - zero : 0;
        }
        bias[o] = (int32_t)(uint32_t)(bias[o] - xz * sum); /* modulo 2^32, as the kernel sums */
    }
    free(w);
    return LINNET_OK;
}

static bool conv_can_run(const ln_variant *v, const ln_site *s) {
    (void)v;
    return s->node->attr.conv.groups == 1;
}

static bool pw_can_run(const ln_variant *v, const ln_site *s) {
    const ln_window *w = &s->node->attr.conv.win;
    return conv_can_run(v, s) && w->kh == 1 && w->kw == 1 && w->sh == 1 && w->sw == 1 &&
           w->top + w->left + w->bottom + w->right == 0 && !ln_site_planar(s);
}

static bool fc_can_run(const ln_variant *v, const ln_site *s) {
    (void)v;
    return !ln_site_planar(s);
}

static void bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    const int px = ln_variant_tunable(v, "PX", 4);
    const int64_t blocks = ln_variant_tunable(v, "POINT", 0)
                               ? ln_ceil_div(a->m, px)
                               : (int64_t)a->n * a->oh * ln_ceil_div(a->ow, px);
    a->w = 0;
    a->b = (ln_u32)tables_at(s);
    a->tiles = ln_tiles(v, blocks * ln_cpad(a->oc) / 4, 1);
}

const ln_family ln_family_conv_i8_wide = {"conv_i8_wide", LN_OP_CONV2D, conv_can_run,
                                          packed,         pack,         bind};
const ln_family ln_family_pw_i8_wide = {"pw_i8_wide", LN_OP_CONV2D, pw_can_run, packed, pack, bind};
const ln_family ln_family_fc_i8_wide = {"fc_i8_wide", LN_OP_FC, fc_can_run, packed, pack, bind};
