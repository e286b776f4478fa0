/* Convolutions of bytes by products of four: conv_i8_vnni.cl, dw_i8_vnni.cl. */
#include "engine/kernels/kernels.h"
#include "engine/quant.h"

#include <stdlib.h>
#include <string.h>

enum { PANEL = 64 };

/* The channel of lane i of a panel's 64: packing 4 x 16 sums to bytes leaves these in order. */
static int quad_channel(int i) {
    return i % 16 / 4 * 16 + i / 16 * 4 + i % 4;
}

/* What is added to the sums of channel o: its bias, and the share of x's zero among unsigned bytes.
 */
static int32_t offset_of(const ln_site *s, const int8_t *w, int64_t k, int32_t bias) {
    const int32_t wz = s->graph->tensor[s->node->in[LN_CONV_W]].q.zero;
    int64_t sum = 0;
    for (int64_t i = 0; i < k; i++) sum += w[i] - wz;
    const int64_t zero = s->graph->tensor[s->node->in[0]].q.zero + 128;
    return (int32_t)(uint32_t)(bias - zero * sum); /* modulo 2^32, as the kernel sums */
}

/* ---- dense ---- */

static bool is_conv(const ln_variant *v) {
    return ln_variant_tunable(v, "CONV", 0) != 0;
}

/* Bytes of one tap, and of all of a pixel's. */
static int64_t tap_bytes(const ln_variant *v, const ln_site *s) {
    const int64_t c = ln_site_channels(s, s->node->in[0]);
    return is_conv(v) ? ln_round_up(c, 4) : ln_cpad(c);
}

static int64_t row_bytes(const ln_variant *v, const ln_site *s) {
    const ln_window *w = &s->node->attr.conv.win;
    const int64_t taps = is_conv(v) ? (int64_t)w->kh * w->kw : 1;
    return ln_round_up(taps * tap_bytes(v, s), 8);
}

static int64_t lanes_of(const ln_site *s) {
    return ln_round_up(ln_site_matrix(s).oc, 16);
}

static int64_t tables_at(const ln_variant *v, const ln_site *s) {
    return ln_bytes_words(lanes_of(s) * row_bytes(v, s));
}

static size_t dense_packed(const ln_variant *v, const ln_site *s) {
    return (size_t)(tables_at(v, s) + 3 * lanes_of(s) + lanes_of(s) / 4);
}

static void pack_panel(const ln_variant *v, const ln_site *s, const int8_t *w, int64_t at,
                       int64_t width, int8_t *to) {
    const ln_matrix m = ln_site_matrix(s);
    const int64_t each = tap_bytes(v, s), row = row_bytes(v, s);
    const int64_t c = ln_site_channels(s, s->node->in[0]);
    const int8_t zero = (int8_t)s->graph->tensor[s->node->in[LN_CONV_W]].q.zero;
    for (int64_t i = 0; i < width; i++) {
        const int64_t o = at + (width == PANEL ? quad_channel((int)i) : i);
        for (int64_t k = 0; k < row; k++) {
            const int64_t tap = k / each, ic = k % each;
            const bool there = o < m.oc && ic < c && tap * c < m.k;
            to[(k / 4 * width + i) * 4 + k % 4] = there ? w[o * m.k + tap * c + ic] : zero;
        }
    }
}

static linnet_status dense_pack(const ln_variant *v, const ln_site *s, float *dst,
                                linnet_error *err) {
    const ln_matrix m = ln_site_matrix(s);
    const int64_t lanes = lanes_of(s), row = row_bytes(v, s);
    int32_t *offset = (int32_t *)(dst + tables_at(v, s)), *bias;
    int32_t *mul = (int32_t *)dst + tables_at(v, s) + lanes;
    int32_t *right = mul + lanes;
    int8_t *mask = (int8_t *)(right + lanes), *w;
    LN_TRY(ln_bytes_copy(s, &w, err));
    const linnet_status st = ln_bias_copy(s, &bias, err);
    if (st != LINNET_OK) {
        free(w);
        return st;
    }
    for (int64_t at = 0; at < lanes; at += PANEL) {
        const int64_t width = LN_MIN(lanes - at, PANEL);
        pack_panel(v, s, w, at, width, (int8_t *)dst + at * row);
        for (int64_t i = at; i < at + width; i++) {
            const int64_t o = width == PANEL ? at + quad_channel((int)(i - at)) : i;
            if (i < m.oc) mask[i] = -1;
            if (o >= m.oc) continue;
            const ln_twice r = ln_site_twice(s, o);
            offset[i] = offset_of(s, w + o * m.k, m.k, bias[o]);
            mul[i] = r.mul;
            right[i] = r.right - r.left;
        }
    }
    free(bias);
    free(w);
    return LINNET_OK;
}

static bool is_pointwise(const ln_window *w) {
    return w->kh == 1 && w->kw == 1 && w->sh == 1 && w->sw == 1 &&
           w->top + w->left + w->bottom + w->right == 0;
}

static bool pw_can_run(const ln_variant *v, const ln_site *s) {
    (void)v;
    return s->node->attr.conv.groups == 1 && is_pointwise(&s->node->attr.conv.win) &&
           !ln_site_planar(s);
}

static bool fc_can_run(const ln_variant *v, const ln_site *s) {
    (void)v;
    return !ln_site_planar(s);
}

static bool conv_can_run(const ln_variant *v, const ln_site *s) {
    (void)v;
    return s->node->attr.conv.groups == 1;
}

/* Rows of at most so many columns and so many of them are spread at a time (conv_i8_vnni.cl). */
enum { STEM_COLUMNS = 1024, STEM_ROWS = 5 };

static bool stem_can_run(const ln_variant *v, const ln_site *s) {
    const ln_window *w = &s->node->attr.conv.win;
    const int64_t ow = ln_site_shape(s, s->node->out[0])->dim[2];
    return conv_can_run(v, s) && ln_site_channels(s, s->node->in[0]) <= 4 && w->sh == 2 &&
           w->sw == 2 && w->dh == 1 && w->dw == 1 && w->kh <= STEM_ROWS &&
           (ow - 1) * 2 + w->kw <= STEM_COLUMNS;
}

/* As pw_deep.cl: chunks of pixels that stay with a unit, or panels where the map is too small. */
static void dense_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    const int64_t units = LN_MAX(s->caps->compute_units, 1), each = ln_deep_chunks(a->m, units);
    a->w = 0;
    a->b = (ln_u32)tables_at(v, s);
    a->t0 = (int32_t)tap_bytes(v, s);
    a->t4 = (int32_t)row_bytes(v, s);
    a->t5 = ln_scales_large(s);
    a->t1 = (int32_t)(each > 0 ? units * each : LN_MAX(a->m / 24, 1));
    a->t3 = (int32_t)(each > 0 ? 1 : ln_ceil_div(lanes_of(s), PANEL));
    a->tiles = a->t1 * a->t3;
}

static void stem_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    const int64_t rows = (int64_t)a->n * a->oh, units = LN_MAX(s->caps->compute_units, 1);
    dense_bind(v, s, a);
    a->t1 = (int32_t)LN_MIN(units * 4, rows);
    a->t3 = 1;
    a->tiles = a->t1;
}

/* ---- depthwise ---- */

enum { TABLES = 6 * 64 + 2 * 16 }; /* words: offset, ln_twice; mask, zero */

typedef struct blocks {
    int k, sets, halves, lanes, count;
    int64_t words; /* of a block */
} blocks;

static blocks blocks_of(const ln_variant *v, const ln_site *s) {
    blocks b = {.k = ln_variant_tunable(v, "K", 3), .lanes = 64 / ln_variant_tunable(v, "FOLD", 1)};
    b.sets = b.k == 5 || ln_variant_tunable(v, "S", 1) == 1 ? 2 : 1;
    b.count = (int)ln_ceil_div(ln_site_matrix(s).ocp, b.lanes);
    b.halves = ln_variant_tunable(v, "PAIR", 0) + 1;
    b.words = b.halves * b.sets * b.k * 64 + TABLES;
    return b;
}

/* Two bytes are at most 254 together. */
static bool fits_halves(const ln_variant *v, const ln_quant *w) {
    return ln_variant_tunable(v, "PAIR", 0) ? w->zero && w->zero > -128 : !w->zero;
}

static bool dw_can_run(const ln_variant *v, const ln_site *s) {
    const ln_window *w = &s->node->attr.conv.win;
    const int k = ln_variant_tunable(v, "K", 3), stride = ln_variant_tunable(v, "S", 1);
    return ln_node_is_depthwise(s->graph, s->node) && !ln_site_planar(s) && w->kh == k &&
           w->kw == k && w->sh == stride && w->sw == stride &&
           (stride == 1 || (w->dh == 1 && w->dw == 1)) &&
           ln_site_matrix(s).ocp >= blocks_of(v, s).lanes &&
           fits_halves(v, &s->graph->tensor[s->node->in[LN_CONV_W]].q) && ln_scales_fit(s);
}

static size_t dw_packed(const ln_variant *v, const ln_site *s) {
    const blocks b = blocks_of(v, s);
    return (size_t)(b.count * b.words);
}

/* The window's row that byte r of a four multiplies: K = 3 with two rows of outputs has the second
 * row's weights one further down, K = 5 has the fifth row in a set of its own. */
static int tap_row(int k, int set, int r) {
    if (set == 0) return r;
    return k == 3 ? r - 1 : r == 0 ? 4 : -1;
}

static linnet_status dw_pack(const ln_variant *v, const ln_site *s, float *dst, linnet_error *err) {
    const ln_matrix m = ln_site_matrix(s);
    const blocks b = blocks_of(v, s);
    const int32_t zero = s->graph->tensor[s->node->in[0]].q.zero;
    const int32_t wz = s->graph->tensor[s->node->in[LN_CONV_W]].q.zero;
    int32_t *bias;
    int8_t *w;
    LN_TRY(ln_bytes_copy(s, &w, err));
    const linnet_status st = ln_bias_copy(s, &bias, err);
    if (st != LINNET_OK) {
        free(w);
        return st;
    }
    for (int n = 0; n < b.count; n++) {
        const int64_t at = LN_MIN((int64_t)n * b.lanes, m.ocp - b.lanes);
        float *block = dst + n * b.words, *tables = block + b.halves * b.sets * b.k * 64;
        int8_t *to = (int8_t *)block, *mask = (int8_t *)(tables + 384);
        memset(mask + 64, zero, 64);
        for (int i = 0; i < 64; i++) {
            const int64_t o = at + quad_channel(i) % b.lanes;
            if (at + i % b.lanes < m.oc) mask[i] = -1;
            if (o >= m.oc) continue;
            const ln_twice r = ln_site_twice(s, o);
            ((int32_t *)tables)[i] = offset_of(s, w + o * m.k, m.k, bias[o]);
            ln_twice_pack(r, 64, 16, i, tables + 64);
            for (int set = 0; set < b.sets; set++)
                for (int kx = 0; kx < b.k; kx++)
                    for (int four = 0; four < 4; four++) {
                        const int ky = tap_row(b.k, set, four);
                        if (ky < 0 || ky >= b.k) continue;
                        const int value = w[o * m.k + ky * b.k + kx] - wz;
                        int8_t *one = to + ((set * b.k + kx) * 64 + i) * 4 + four;
                        *one = ln_saturate_i8(value);
                        if (b.halves > 1) one[b.sets * b.k * 256] = (int8_t)(value - *one);
                    }
        }
    }
    free(bias);
    free(w);
    return LINNET_OK;
}

static void dw_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    const blocks b = blocks_of(v, s);
    const int64_t units = LN_MAX(s->caps->compute_units, 1), want = ln_ceil_div(units * 4, a->n);
    a->w = 0;
    a->t5 = ln_scales_large(s);
    if (ln_deep_chunks((int64_t)a->n * a->h * a->wd, units)) {
        const int64_t chunks = LN_MIN(want, a->oh / 6) / units * units;
        a->t1 = (int32_t)LN_MAX(chunks, LN_MAX(units / a->n, 1));
        a->t3 = 1;
    } else {
        a->t1 = 1;
        a->t3 = (int32_t)LN_MAX(LN_MIN(want, b.count / units * units), 1);
    }
    a->tiles = a->n * a->t1 * a->t3;
}

const ln_family ln_family_pw_i8_vnni = {"pw_i8_vnni", LN_OP_CONV2D, pw_can_run, dense_packed,
                                        dense_pack,   dense_bind,   true};
const ln_family ln_family_fc_i8_vnni = {"fc_i8_vnni", LN_OP_FC,   fc_can_run,
                                        dense_packed, dense_pack, dense_bind};
const ln_family ln_family_conv_i8_vnni = {"conv_i8_vnni", LN_OP_CONV2D, conv_can_run,
                                          dense_packed,   dense_pack,   dense_bind};
const ln_family ln_family_dw_i8_vnni = {"dw_i8_vnni", LN_OP_CONV2D, dw_can_run, dw_packed,
                                        dw_pack,      dw_bind,      true};
const ln_family ln_family_stem_i8_vnni = {"stem_i8_vnni", LN_OP_CONV2D, stem_can_run,
                                          dense_packed,   dense_pack,   stem_bind};
