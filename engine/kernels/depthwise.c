/* Depthwise convolution: dw.cl (wide), dw_deep.cl and dw_any.cl. */
#include "engine/kernels/kernels.h"

#include <stdlib.h>

static bool any_can_run(const ln_variant *v, const ln_site *s) {
    (void)v;
    return ln_node_is_depthwise(s->graph, s->node) && !ln_site_has(s, LN_CONV_GATE) &&
           !ln_site_planar(s) && ln_site_post_is_clamp(s);
}

static bool can_run(const ln_variant *v, const ln_site *s) {
    const ln_window *w = &s->node->attr.conv.win;
    int k = ln_variant_tunable(v, "K", 3), stride = ln_variant_tunable(v, "S", 1);
    return any_can_run(v, s) && w->kh == k && w->kw == k && w->sh == stride && w->sw == stride &&
           w->dh == 1 && w->dw == 1;
}

static void any_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    ln_matrix_bind(s, a);
    a->tiles = ln_tiles(v, (int64_t)a->m * ln_cpad(a->oc) / 8, 1);
}

static void bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    int64_t across = ln_ceil_div(a->ow, ln_variant_tunable(v, "PX", 7));
    ln_matrix_bind(s, a);
    ln_clamp_bind(&s->node->attr.conv.act, &s->node->attr.conv.post, a);
    a->tiles = ln_tiles(v, (int64_t)a->n * a->oh * across * ln_cpad(a->oc) / 4, 1);
}

/* ---- deep ---- */

/* Channels of a vector. */
static int lanes(const ln_variant *v, const ln_site *s) {
    return ln_variant_tunable(v, "EIGHT", 0) ? 8 : ln_vector_width(s->caps);
}

static bool deep_can_run(const ln_variant *v, const ln_site *s) {
    return can_run(v, s) && ln_site_matrix(s).ocp >= lanes(v, s);
}

static int64_t deep_bias(const ln_variant *v, const ln_site *s) {
    const ln_matrix m = ln_site_matrix(s);
    const int64_t n = lanes(v, s);
    return ln_ceil_div(m.ocp, n) * n * m.k;
}

static size_t deep_packed(const ln_variant *v, const ln_site *s) {
    return (size_t)(deep_bias(v, s) + ln_site_matrix(s).ocp);
}

/* Weights of a vector of channels side by side; the last one may overlap the one before. */
static linnet_status deep_pack(const ln_variant *v, const ln_site *s, float *dst,
                               linnet_error *err) {
    const ln_matrix m = ln_site_matrix(s);
    const int64_t n = lanes(v, s);
    const size_t bytes = (size_t)(m.oc * m.k) * sizeof(float);
    float *w = malloc(bytes), *bias = dst + deep_bias(v, s);
    if (!w) return ln_fail_oom(err, s->node->name, bytes);
    linnet_status st = ln_const_copy_f32(s->graph, s->node->in[LN_CONV_W], w, err);
    if (st == LINNET_OK && ln_site_has(s, LN_CONV_BIAS))
        st = ln_const_copy_f32(s->graph, s->node->in[LN_CONV_BIAS], bias, err);
    for (int64_t at = 0; at < m.ocp && st == LINNET_OK; at += n, dst += n * m.k) {
        const int64_t c = LN_MIN(at, m.ocp - n);
        for (int64_t i = 0; i < LN_MIN(n, m.oc - c); i++)
            for (int64_t k = 0; k < m.k; k++) dst[k * n + i] = w[(c + i) * m.k + k];
    }
    free(w);
    return st;
}

/* By rows where the pointwise that made the input was cut by pixels, else by channels: a unit's
 * input then lies in its own cache. */
static void deep_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    int64_t units = LN_MAX(s->caps->compute_units, 1), want = ln_ceil_div(units * 4, a->n);
    int64_t vectors = ln_ceil_div(ln_cpad(a->oc), lanes(v, s));
    a->w = 0;
    a->b = (ln_u32)deep_bias(v, s);
    ln_clamp_bind(&s->node->attr.conv.act, &s->node->attr.conv.post, a);
    if (ln_deep_chunks((int64_t)a->n * a->h * a->wd, units)) {
        a->t1 = (int32_t)LN_MAX(units / a->n, 1);
        a->t3 = (int32_t)LN_MAX(LN_MIN(ln_ceil_div(want, a->t1), vectors / 2), 1);
    } else {
        a->t1 = 1;
        a->t3 = (int32_t)LN_MAX(LN_MIN(want, vectors / 2 / units * units), 1);
    }
    a->tiles = a->n * a->t1 * a->t3;
}

const ln_family ln_family_dw = {"dw", LN_OP_CONV2D, can_run, ln_matrix_packed, ln_matrix_pack_whole,
                                bind};
const ln_family ln_family_dw_deep = {"dw_deep", LN_OP_CONV2D, deep_can_run, deep_packed,
                                     deep_pack, deep_bind,    true};
const ln_family ln_family_dw_any = {"dw_any",         LN_OP_CONV2D,         any_can_run,
                                    ln_matrix_packed, ln_matrix_pack_whole, any_bind};
