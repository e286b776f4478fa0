/* Dense convolution: conv_any.cl (also grouped, also fully connected), conv_wide.cl, conv_deep.cl,
 * conv_grouped_deep.cl, conv_grouped_wide.cl; transposed: conv_transpose.cl, conv_deep.cl. */
#include "engine/kernels/kernels.h"

#include <string.h>

static bool can_run(const ln_variant *v, const ln_site *s) {
    (void)v;
    (void)s;
    return true;
}

static void bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    ln_matrix_bind(s, a);
    a->tiles = ln_tiles(v, (int64_t)a->m * ln_cpad(a->oc), 1);
}

/* ---- wide: PX pixels by 4 channels a work-item ---- */

static bool dense_can_run(const ln_variant *v, const ln_site *s) {
    (void)v;
    return s->node->attr.conv.groups == 1 && ln_site_post_is_clamp(s);
}

static void wide_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    int64_t across = ln_ceil_div(a->ow, ln_variant_tunable(v, "PX", 4));
    ln_matrix_bind(s, a);
    a->tiles = ln_tiles(v, (int64_t)a->n * a->oh * across * ln_cpad(a->oc) / 4, 1);
}

/* ---- deep: chunks of rows by groups of panels ---- */

static int panel_width(const ln_variant *v, const ln_site *s) {
    return ln_variant_tunable(v, "NV", 2) * ln_vector_width(s->caps);
}

/* conv_deep.cl: halves that 8 pixels see have room as floats. A picture is of floats. */
static bool ring_fits(const ln_variant *v, const ln_site *s) {
    enum { X_ROOM = 32768, PX = 8 };
    const ln_window *w = &s->node->attr.conv.win;
    const int64_t rows = (int64_t)(w->kh - 1) * w->dh + 1;
    const int64_t columns = (PX - 1) * (int64_t)w->sw + (int64_t)(w->kw - 1) * w->dw + 1;
    const int64_t c = ln_cpad(ln_site_channels(s, s->node->in[0]));
    if (!ln_variant_packs_halves(v) || ln_variant_tunable(v, "XF", 0)) return true;
    return !ln_site_planar(s) && rows <= X_ROOM && columns <= X_ROOM &&
           c <= X_ROOM / rows / columns;
}

static bool deep_can_run(const ln_variant *v, const ln_site *s) {
    return dense_can_run(v, s) && !ln_site_has(s, LN_CONV_GATE) && ring_fits(v, s);
}

static linnet_status deep_pack(const ln_variant *v, const ln_site *s, float *dst,
                               linnet_error *err) {
    return ln_matrix_pack(s, panel_width(v, s), dst, err);
}

static void deep_cut(const ln_site *s, int64_t panels, ln_args *a) {
    int64_t want = ln_ceil_div((int64_t)LN_MAX(s->caps->compute_units, 1) * 4, a->n);
    ln_matrix_bind(s, a);
    a->t1 = (int32_t)LN_MAX(LN_MIN(want, a->oh / 4), 1);
    a->t3 = (int32_t)LN_MIN(ln_ceil_div(want, a->t1), panels);
    a->tiles = a->n * a->t1 * a->t3;
}

static bool transpose_deep_can_run(const ln_variant *v, const ln_site *s) {
    (void)v;
    return s->node->attr.conv.groups == 1;
}

static void deep_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    deep_cut(s, ln_panel_count(ln_cpad(a->oc), panel_width(v, s)), a);
    ln_clamp_bind(&s->node->attr.conv.act, &s->node->attr.conv.post, a);
}

/* ---- a picture's bytes: the same, with the means of the planes behind the constants ---- */

static size_t bytes_packed(const ln_variant *v, const ln_site *s) {
    return ln_matrix_packed(v, s) + 2 * LN_CPAD;
}

/* And behind them what halves leave of them. */
static linnet_status pack_means(const ln_variant *v, const ln_site *s, float *dst) {
    float *mean = dst + ln_matrix_packed(v, s);
    for (int c = 0; c < LN_BYTES_C; c++) {
        const float whole = s->node->attr.conv.mean[c];
        mean[c] = ln_variant_packs_halves(v) ? ln_f16_to_f32(ln_f32_to_f16(whole)) : whole;
        mean[LN_CPAD + c] = whole - mean[c];
    }
    return LINNET_OK;
}

static linnet_status bytes_pack_whole(const ln_variant *v, const ln_site *s, float *dst,
                                      linnet_error *err) {
    LN_TRY(ln_matrix_pack_whole(v, s, dst, err));
    return pack_means(v, s, dst);
}

static linnet_status bytes_pack(const ln_variant *v, const ln_site *s, float *dst,
                                linnet_error *err) {
    LN_TRY(deep_pack(v, s, dst, err));
    return pack_means(v, s, dst);
}

/* stem_bytes.cl: ROW columns of the padded picture, 8 pixels at a time; of halves MOST channels. */
static bool bytes_deep_can_run(const ln_variant *v, const ln_site *s) {
    enum { ROW = 1088, PX = 8, MOST = 128 };
    const ln_window *w = &s->node->attr.conv.win;
    const int k = ln_variant_tunable(v, "K", 3), stride = ln_variant_tunable(v, "S", 2);
    const int64_t ow = ln_site_shape(s, s->node->out[0])->dim[2];
    const int64_t wide = (ln_round_up(ow, PX) - 1) * stride + k;
    if (ln_variant_packs_halves(v) && ln_site_matrix(s).ocp > MOST) return false;
    return deep_can_run(v, s) && !ln_site_has(s, LN_CONV_RES) && w->kh == k && w->kw == k &&
           w->sh == stride && w->sw == stride && w->dh == 1 && w->dw == 1 &&
           LN_MAX(wide, ln_site_shape(s, s->node->in[0])->dim[2] + w->left) <= ROW;
}

/* ---- grouped; deep: panels of 8 channels, for groups end anywhere ---- */

static bool grouped_can_run(const ln_variant *v, const ln_site *s) {
    (void)v;
    return s->node->attr.conv.groups > 1 && !ln_node_is_depthwise(s->graph, s->node) &&
           ln_site_post_is_clamp(s) && !ln_site_has(s, LN_CONV_GATE);
}

static linnet_status grouped_pack(const ln_variant *v, const ln_site *s, float *dst,
                                  linnet_error *err) {
    (void)v;
    return ln_matrix_pack(s, 8, dst, err);
}

static void grouped_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    (void)v;
    deep_cut(s, ln_cpad(a->oc) / 8, a);
}

/* ---- weights or bias made by other nodes ----
 * What is a constant nevertheless is packed as it would lie in the arena: weights [OC][KH][KW][ICp]
 * (FC: [OC][ICp]), then the bias [OCp]. */

static bool is_const(const ln_site *s, int slot) {
    const ln_tid t = ln_node_in(s->node, slot);
    return t != LN_NONE && s->graph->tensor[t].kind == LN_TENSOR_CONST;
}

static int64_t arena_weight(const ln_site *s) {
    const ln_shape *w = ln_site_shape(s, s->node->in[LN_CONV_W]);
    const int64_t last = w->dim[w->rank - 1];
    return is_const(s, LN_CONV_W) ? ln_site_matrix(s).k * w->dim[0] / last * ln_cpad(last) : 0;
}

static bool packs_bias(const ln_site *s) {
    return !ln_site_has(s, LN_CONV_BIAS) || is_const(s, LN_CONV_BIAS);
}

static size_t arena_packed(const ln_variant *v, const ln_site *s) {
    (void)v;
    return (size_t)(arena_weight(s) + (packs_bias(s) ? ln_site_matrix(s).ocp : 0));
}

static linnet_status arena_pack(const ln_variant *v, const ln_site *s, float *dst,
                                linnet_error *err) {
    const ln_matrix m = ln_site_matrix(s);
    const int64_t c = ln_site_channels(s, s->node->in[LN_CONV_W]);
    (void)v;
    if (is_const(s, LN_CONV_BIAS))
        LN_TRY(ln_const_copy_f32(s->graph, s->node->in[LN_CONV_BIAS], dst + arena_weight(s), err));
    if (!is_const(s, LN_CONV_W)) return LINNET_OK;
    LN_TRY(ln_const_copy_f32(s->graph, s->node->in[LN_CONV_W], dst, err));
    for (int64_t row = m.oc * m.k / c - 1; row > 0; row--) { /* apart, the last one first */
        memmove(dst + row * ln_cpad(c), dst + row * c, (size_t)c * sizeof *dst);
        memset(dst + row * c, 0, (size_t)LN_MIN(row * (ln_cpad(c) - c), c) * sizeof *dst);
    }
    return LINNET_OK;
}

static void arena_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    if (is_const(s, LN_CONV_W)) {
        a->w = 0;
        a->u.part[LN_CONV_W].ps = (ln_i32)ln_cpad(ln_site_channels(s, s->node->in[LN_CONV_W]));
    }
    if (packs_bias(s)) a->b = (ln_u32)arena_weight(s);
    a->tiles = ln_tiles(v, (int64_t)a->m * ln_cpad(a->oc), 1);
}

const ln_family ln_family_conv_arena = {"conv_arena", LN_OP_CONV2D, can_run,        arena_packed,
                                        arena_pack,   arena_bind,   .dynamic = true};
const ln_family ln_family_fc_arena = {"fc_arena", LN_OP_FC,   can_run,        arena_packed,
                                      arena_pack, arena_bind, .dynamic = true};
const ln_family ln_family_conv_transpose_arena = {
    "conv_transpose_arena", LN_OP_CONV_TRANSPOSE, can_run, arena_packed, arena_pack, arena_bind,
    .dynamic = true};
const ln_family ln_family_conv_transpose = {"conv_transpose", LN_OP_CONV_TRANSPOSE, can_run,
                                            ln_matrix_packed, ln_matrix_pack_whole, bind};
const ln_family ln_family_conv_transpose_deep = {"conv_transpose_deep",
                                                 LN_OP_CONV_TRANSPOSE,
                                                 transpose_deep_can_run,
                                                 ln_matrix_packed,
                                                 deep_pack,
                                                 deep_bind};
const ln_family ln_family_conv_any = {"conv_any",       LN_OP_CONV2D,         can_run,
                                      ln_matrix_packed, ln_matrix_pack_whole, bind};
const ln_family ln_family_fc_any = {
    "fc_any", LN_OP_FC, can_run, ln_matrix_packed, ln_matrix_pack_whole, bind};
const ln_family ln_family_conv_wide = {"conv_wide",      LN_OP_CONV2D,         dense_can_run,
                                       ln_matrix_packed, ln_matrix_pack_whole, wide_bind};
const ln_family ln_family_conv_deep = {"conv_deep", LN_OP_CONV2D, deep_can_run, ln_matrix_packed,
                                       deep_pack,   deep_bind,    true};
const ln_family ln_family_conv_bytes_any = {"conv_bytes_any", LN_OP_CONV2D,     can_run,
                                            bytes_packed,     bytes_pack_whole, bind};
const ln_family ln_family_conv_bytes_wide = {"conv_bytes_wide", LN_OP_CONV2D,     dense_can_run,
                                             bytes_packed,      bytes_pack_whole, wide_bind};
const ln_family ln_family_conv_bytes_deep = {
    "conv_bytes_deep", LN_OP_CONV2D, bytes_deep_can_run, bytes_packed, bytes_pack, deep_bind, true};
const ln_family ln_family_conv_grouped_deep = {"conv_grouped_deep", LN_OP_CONV2D, grouped_can_run,
                                               ln_matrix_packed,    grouped_pack, grouped_bind};
const ln_family ln_family_conv_grouped_wide = {"conv_grouped_wide",  LN_OP_CONV2D,
                                               grouped_can_run,      ln_matrix_packed,
                                               ln_matrix_pack_whole, wide_bind};
