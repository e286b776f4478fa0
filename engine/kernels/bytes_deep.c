/* Convolutions of bytes in floats, for processors: conv_i8_deep.cl, dw_i8_deep.cl. */
#include "engine/kernels/kernels.h"
#include "engine/quant.h"

#include <stdlib.h>
#include <string.h>

/* ---- dense ---- */

enum { NV = 3, PIXELS = 112, KB = 128, ROOM = 49152 }; /* SUMS, KB and XS of conv_i8_deep.cl */

/* Floats of a row of x beyond its t5. */
enum { SLACK = 16 };

static bool is_conv(const ln_variant *v) {
    return ln_variant_tunable(v, "CONV", 0) != 0;
}

/* Rows of k: channels as they are padded, or all of a window. */
static int64_t row_of(const ln_variant *v, const ln_site *s) {
    return is_conv(v) ? ln_site_matrix(s).k : ln_cpad(ln_site_matrix(s).k);
}

static int64_t lanes_of(const ln_site *s) {
    return ln_round_up(ln_site_matrix(s).oc, ln_vector_width(s->caps));
}

static int64_t tables_at(const ln_variant *v, const ln_site *s) {
    return ln_bytes_words(lanes_of(s) * row_of(v, s));
}

static size_t dense_packed(const ln_variant *v, const ln_site *s) {
    return (size_t)(tables_at(v, s) + 3 * lanes_of(s) + ln_ceil_div(lanes_of(s), 4));
}

/* Bias, mul, right, and a mask of bytes, 0 for padding. */
static void dense_tables(const ln_site *s, const int32_t *bias, int32_t *to) {
    const int64_t lanes = lanes_of(s);
    int8_t *mask = (int8_t *)(to + 3 * lanes);
    for (int64_t o = 0, oc = ln_site_matrix(s).oc; o < oc; o++) {
        const ln_twice r = ln_site_twice(s, o);
        to[o] = bias[o];
        to[lanes + o] = r.mul;
        to[2 * lanes + o] = r.right - r.left;
        mask[o] = -1;
    }
}

static linnet_status dense_pack(const ln_variant *v, const ln_site *s, float *dst,
                                linnet_error *err) {
    const ln_matrix m = ln_site_matrix(s);
    const int64_t lanes = lanes_of(s), row = row_of(v, s);
    const int64_t wide = (int64_t)NV * ln_vector_width(s->caps);
    int8_t *w, *to = (int8_t *)dst;
    int32_t *bias;
    LN_TRY(ln_bytes_copy(s, &w, err));
    const linnet_status st = ln_bias_copy(s, &bias, err);
    if (st != LINNET_OK) {
        free(w);
        return st;
    }
    memset(to, s->graph->tensor[s->node->in[LN_CONV_W]].q.zero, (size_t)(lanes * row));
    for (int i = 0, panels = ln_panel_count(m.ocp, wide); i < panels; i++) {
        const int64_t at = ln_panel_at(m.ocp, wide, i);
        const int64_t end = i + 1 < panels ? ln_panel_at(m.ocp, wide, i + 1) : lanes;
        for (int64_t o = at; o < LN_MIN(end, m.oc); o++)
            for (int64_t k = 0; k < m.k; k++)
                to[at * row + k * (end - at) + o - at] = w[o * m.k + k];
    }
    dense_tables(s, bias, (int32_t *)dst + tables_at(v, s));
    free(bias);
    free(w);
    return LINNET_OK;
}

static bool pw_can_run(const ln_variant *v, const ln_site *s) {
    const ln_window *w = &s->node->attr.conv.win;
    (void)v;
    return s->node->attr.conv.groups == 1 && w->kh == 1 && w->kw == 1 && w->sh == 1 && w->sw == 1 &&
           w->top + w->left + w->bottom + w->right == 0 && !ln_site_planar(s);
}

static bool fc_can_run(const ln_variant *v, const ln_site *s) {
    (void)v;
    return !ln_site_planar(s);
}

static bool conv_can_run(const ln_variant *v, const ln_site *s) {
    (void)v;
    return s->node->attr.conv.groups == 1 && ln_site_channels(s, s->node->in[0]) <= ROOM / 16;
}

/* Few channels, and the planes that a row of the output sees have room. */
static bool stem_can_run(const ln_variant *v, const ln_site *s) {
    const ln_window *w = &s->node->attr.conv.win;
    const int64_t c = ln_site_channels(s, s->node->in[0]), k = ln_site_matrix(s).k;
    const int64_t ow = ln_site_shape(s, s->node->out[0])->dim[2];
    return conv_can_run(v, s) && c <= 4 && k <= KB && ow <= ROOM && w->sw <= ROOM &&
           w->dw <= ROOM &&
           ((ow - 1) * w->sw + (w->kw - 1) * (int64_t)w->dw + 1) * w->kh * c <= ROOM;
}

/* Chunks of pixels that stay with a unit, or where there are more weights than pixels to make
 * floats of, groups of panels. As many pixels at a time as leave room for their rows, unless those
 * are too few. */
static void dense_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    const int64_t units = LN_MAX(s->caps->compute_units, 1), each = ln_deep_chunks(a->m, units);
    const int64_t panels = ln_panel_count(ln_cpad(a->oc), (int64_t)NV * ln_vector_width(s->caps));
    const int64_t row = row_of(v, s), unit = is_conv(v) ? a->c : KB;
    const bool by_panels = each == 0 || (panels >= 2 * units && a->m < a->oc);
    a->w = 0;
    a->b = (ln_u32)tables_at(v, s);
    a->t1 = by_panels ? (int32_t)LN_MAX(a->m / PIXELS, 1) : (int32_t)(units * each);
    a->t3 = by_panels ? (int32_t)(panels >= 4 * units ? 2 * units : panels) : 1;
    a->t0 = ln_scales_large(s);
    a->t4 = (int32_t)row;
    const int64_t pixels = LN_MIN(ROOM / (row + SLACK) / 8 * 8, PIXELS);
    a->t2 = (int32_t)LN_MAX(pixels, 16);
    a->t5 = (int32_t)LN_MIN(row, (ROOM / a->t2 - SLACK) / unit * unit);
    a->tiles = a->t1 * a->t3;
}

static void stem_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    const int64_t rows = (int64_t)a->n * a->oh, units = LN_MAX(s->caps->compute_units, 1);
    dense_bind(v, s, a);
    a->t1 = (int32_t)LN_MIN(units * 4, rows);
    a->t2 = PIXELS;
    a->t3 = 1;
    a->tiles = a->t1;
}

/* ---- depthwise ---- */

/* Channels of a vector. */
static int dw_lanes(const ln_variant *v, const ln_site *s) {
    return ln_variant_tunable(v, "EIGHT", 0) ? 8 : ln_vector_width(s->caps);
}

/* Words of a vector of channels: bias, ln_twice, mask; weights. */
static int64_t dw_words(const ln_variant *v, const ln_site *s) {
    const int64_t n = dw_lanes(v, s);
    return ln_round_up(6 * n + n / 4 + ln_ceil_div(ln_site_matrix(s).k * n, 4), 16);
}

static int64_t dw_vectors(const ln_variant *v, const ln_site *s) {
    return ln_ceil_div(ln_site_matrix(s).ocp, dw_lanes(v, s));
}

static bool dw_can_run(const ln_variant *v, const ln_site *s) {
    const ln_window *w = &s->node->attr.conv.win;
    const int k = ln_variant_tunable(v, "K", 3), stride = ln_variant_tunable(v, "S", 1);
    return ln_node_is_depthwise(s->graph, s->node) && !ln_site_planar(s) && w->kh == k &&
           w->kw == k && w->sh == stride && w->sw == stride &&
           (stride == 1 || (w->dh == 1 && w->dw == 1)) && ln_site_matrix(s).ocp >= dw_lanes(v, s) &&
           ln_scales_fit(s);
}

static size_t dw_packed(const ln_variant *v, const ln_site *s) {
    return (size_t)(dw_vectors(v, s) * dw_words(v, s));
}

static linnet_status dw_pack(const ln_variant *v, const ln_site *s, float *dst, linnet_error *err) {
    const ln_matrix m = ln_site_matrix(s);
    const int64_t n = dw_lanes(v, s), words = dw_words(v, s);
    int32_t *bias;
    int8_t *w;
    LN_TRY(ln_bytes_copy(s, &w, err));
    const linnet_status st = ln_bias_copy(s, &bias, err);
    if (st != LINNET_OK) {
        free(w);
        return st;
    }
    for (int64_t i = 0; i < dw_vectors(v, s); i++, dst += words) {
        const int64_t at = LN_MIN(i * n, m.ocp - n);
        int8_t *mask = (int8_t *)(dst + 6 * n), *to = mask + n;
        for (int64_t j = 0, o = at; j < LN_MIN(n, m.oc - at); j++, o++) {
            ((int32_t *)dst)[j] = bias[o];
            ln_twice_pack(ln_site_twice(s, o), n, n, j, dst + n);
            mask[j] = -1;
            for (int64_t k = 0; k < m.k; k++) to[k * n + j] = w[o * m.k + k];
        }
    }
    free(bias);
    free(w);
    return LINNET_OK;
}

/* As dw_deep.cl: by rows where the map is large, else by channels. */
static void dw_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    const int64_t units = LN_MAX(s->caps->compute_units, 1), want = ln_ceil_div(units * 4, a->n);
    const int64_t vectors = dw_vectors(v, s);
    const bool rows = ln_deep_chunks((int64_t)a->n * a->h * a->wd, units) > 0;
    a->w = 0;
    a->t1 = rows ? (int32_t)LN_MAX(units / a->n, 1) : 1;
    a->t3 = (int32_t)LN_MAX(LN_MIN(rows ? ln_ceil_div(want, a->t1) : want,
                                   rows ? vectors / 2 : vectors / 2 / units * units),
                            1);
    a->tiles = a->n * a->t1 * a->t3;
}

const ln_family ln_family_pw_i8_deep = {"pw_i8_deep", LN_OP_CONV2D, pw_can_run, dense_packed,
                                        dense_pack,   dense_bind,   true};
const ln_family ln_family_fc_i8_deep = {"fc_i8_deep", LN_OP_FC,   fc_can_run,
                                        dense_packed, dense_pack, dense_bind};
const ln_family ln_family_conv_i8_deep = {"conv_i8_deep", LN_OP_CONV2D, conv_can_run,
                                          dense_packed,   dense_pack,   dense_bind};
const ln_family ln_family_stem_i8_deep = {"stem_i8_deep", LN_OP_CONV2D, stem_can_run,
                                          dense_packed,   dense_pack,   stem_bind};
const ln_family ln_family_dw_i8_deep = {"dw_i8_deep", LN_OP_CONV2D, dw_can_run, dw_packed,
                                        dw_pack,      dw_bind,      true};
