/* Pointwise convolution and fully connected as a matrix product: pw_deep.cl, conv_wide.cl. */
#include "engine/kernels/kernels.h"
#include "host/host.h"

static bool is_pointwise(const ln_site *s) {
    const ln_conv_attr *a = &s->node->attr.conv;
    const ln_window *w = &a->win;
    return a->groups == 1 && w->kh == 1 && w->kw == 1 &&
           w->top + w->left + w->bottom + w->right == 0;
}

/* ---- deep ---- */

static int panel_width(const ln_variant *v, const ln_site *s) {
    return ln_variant_tunable(v, "NV", 3) * ln_vector_width(s->caps);
}

static bool deep_can_run(const ln_variant *v, const ln_site *s) {
    const ln_window *w = &s->node->attr.conv.win;
    return is_pointwise(s) && ln_site_post_is_clamp(s) && w->sh == 1 && w->sw == 1 &&
           !ln_site_planar(s) &&
           ln_site_has(s, LN_CONV_GATE) == (ln_variant_tunable(v, "GATE", 0) != 0);
}

static linnet_status deep_pack(const ln_variant *v, const ln_site *s, float *dst,
                               linnet_error *err) {
    return ln_matrix_pack(s, panel_width(v, s), dst, err);
}

/* Cuts pixels into chunks of whole register tiles, as many for each unit, that stay with a unit
 * from step to step; where the map is too small for that, panels too. */
static void deep_cut(const ln_variant *v, const ln_site *s, int64_t images, ln_args *a) {
    int64_t px = ln_variant_tunable(v, "PX", 8);
    const bool half = ln_variant_packs_halves(v);
    int64_t units = LN_MAX(s->caps->compute_units, 1), each = ln_deep_chunks(a->m, units);
    int64_t panels = ln_panel_count(ln_cpad(a->oc), panel_width(v, s));
    if (each > 0) {
        if (half) each = (each + 1) / 2;
        a->t1 = (int32_t)LN_MAX(units * each / images, 1);
        a->t3 = 1;
    } else {
        a->t1 = (int32_t)LN_MAX(ln_ceil_div(a->m / images, px) / 3, 1);
        a->t3 = (int32_t)panels;
        /* halves become floats once for each tile: fewer of these where there are enough */
        if (half && (panels >= 8 * units || panels % units == 0)) a->t1 = 1;
        if (half && panels >= 8 * units) a->t3 = (int32_t)(panels / 2);
    }
    a->tiles = (int32_t)images * a->t1 * a->t3;
}

static void deep_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    bool gated = ln_site_has(s, LN_CONV_GATE);
    ln_matrix_bind(s, a);
    ln_clamp_bind(&s->node->attr.conv.act, &s->node->attr.conv.post, a);
    deep_cut(v, s, gated ? a->n : 1, a);
}

static bool fc_can_run(const ln_variant *v, const ln_site *s) {
    (void)v;
    return !ln_site_planar(s);
}

static void fc_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    static const ln_act none = {LN_ACT_NONE, 0, 0, 0, 0};
    ln_matrix_bind(s, a);
    ln_clamp_bind(&s->node->attr.fc.act, &none, a);
    deep_cut(v, s, 1, a);
}

/* ---- wide ---- */

static bool wide_can_run(const ln_variant *v, const ln_site *s) {
    (void)v;
    return is_pointwise(s) && ln_site_post_is_clamp(s) && !ln_site_planar(s);
}

static void wide_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    int px = ln_variant_tunable(v, "PX", 4);
    ln_matrix_bind(s, a);
    a->tiles = ln_tiles(v, ln_ceil_div(a->m, px) * ln_cpad(a->oc) / 4, 1);
}

/* ---- a library's product, then gemm_tail.cl: rows of pixels without gaps, no gate, no residual,
 * whose place the product might take ---- */

static bool gemm_plain(const ln_site *s) {
    const ln_tensor *x = &s->graph->tensor[s->node->in[0]];
    return x->kind != LN_TENSOR_CONST && x->dtype == LN_F32 && ln_gemm_there();
}

static bool pw_gemm_can_run(const ln_variant *v, const ln_site *s) {
    const ln_window *w = &s->node->attr.conv.win;
    return wide_can_run(v, s) && w->sh == 1 && w->sw == 1 && !ln_site_has(s, LN_CONV_GATE) &&
           !ln_site_has(s, LN_CONV_RES) && gemm_plain(s);
}

static bool fc_gemm_can_run(const ln_variant *v, const ln_site *s) {
    return fc_can_run(v, s) && gemm_plain(s);
}

static void gemm_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    ln_matrix_bind(s, a);
    a->tiles = ln_tiles(v, (int64_t)a->m * ln_cpad(a->oc) / 4, 1);
}

const ln_family ln_family_pw_gemm = {"pw_gemm",        LN_OP_CONV2D,         pw_gemm_can_run,
                                     ln_matrix_packed, ln_matrix_pack_whole, gemm_bind};
const ln_family ln_family_fc_gemm = {
    "fc_gemm", LN_OP_FC, fc_gemm_can_run, ln_matrix_packed, ln_matrix_pack_whole, gemm_bind};
const ln_family ln_family_pw_wide = {"pw_wide",        LN_OP_CONV2D,         wide_can_run,
                                     ln_matrix_packed, ln_matrix_pack_whole, wide_bind};
const ln_family ln_family_fc_wide = {
    "fc_wide", LN_OP_FC, fc_can_run, ln_matrix_packed, ln_matrix_pack_whole, wide_bind};
const ln_family ln_family_pw_deep = {"pw_deep", LN_OP_CONV2D, deep_can_run, ln_matrix_packed,
                                     deep_pack, deep_bind,    true,         .asks_ahead = true};
const ln_family ln_family_fc_deep = {"fc_deep", LN_OP_FC, fc_can_run,        ln_matrix_packed,
                                     deep_pack, fc_bind,  .asks_ahead = true};
