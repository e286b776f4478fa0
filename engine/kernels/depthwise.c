/* Depthwise convolution: dw.cl (deep and wide) and dw_any.cl. */
#include "engine/kernels/kernels.h"

static bool any_can_run(const ln_variant *v, const ln_site *s) {
    (void)v;
    return ln_node_is_depthwise(s->graph, s->node) && !ln_site_has(s, LN_CONV_GATE) &&
           !ln_site_planar(s) && ln_site_post_is_clamp(s);
}

/* Channels of a deep kernel's vector. */
static int lanes(const ln_variant *v, const ln_site *s) {
    return ln_variant_tunable(v, "EIGHT", 0) ? 8 : ln_vector_width(s->caps);
}

static bool can_run(const ln_variant *v, const ln_site *s) {
    const ln_window *w = &s->node->attr.conv.win;
    int k = ln_variant_tunable(v, "K", 3), stride = ln_variant_tunable(v, "S", 1);
    bool wide = ln_variant_tunable(v, "WIDE", 0);
    return any_can_run(v, s) && w->kh == k && w->kw == k && w->sh == stride && w->sw == stride &&
           w->dh == 1 && w->dw == 1 && (wide || ln_site_matrix(s).ocp >= lanes(v, s));
}

static void any_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    ln_matrix_bind(s, a);
    a->tiles = ln_tiles(v, (int64_t)a->m * ln_cpad(a->oc) / 8, 1);
}

/* Rows first; a small map is cut by channels as well. */
static void deep_cut(const ln_variant *v, const ln_site *s, ln_args *a) {
    int64_t want = ln_ceil_div((int64_t)LN_MAX(s->caps->compute_units, 1) * 4, a->n);
    a->t1 = (int32_t)LN_MAX(LN_MIN(want, a->oh / 7), 1);
    a->t3 =
        (int32_t)LN_MAX(LN_MIN(ln_ceil_div(want, a->t1), ln_ceil_div(a->oc, lanes(v, s) * 4)), 1);
    a->tiles = a->n * a->t1 * a->t3;
}

static void bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    int px = ln_variant_tunable(v, "PX", 7);
    ln_matrix_bind(s, a);
    ln_clamp_bind(&s->node->attr.conv.act, &s->node->attr.conv.post, a);
    if (ln_variant_tunable(v, "WIDE", 0))
        a->tiles =
            ln_tiles(v, (int64_t)a->n * a->oh * ln_ceil_div(a->ow, px) * ln_cpad(a->oc) / 4, 1);
    else
        deep_cut(v, s, a);
}

const ln_family ln_family_dw = {"dw", LN_OP_CONV2D, can_run, ln_matrix_packed, ln_matrix_pack_whole,
                                bind, true};
const ln_family ln_family_dw_any = {"dw_any",         LN_OP_CONV2D,         any_can_run,
                                    ln_matrix_packed, ln_matrix_pack_whole, any_bind};
