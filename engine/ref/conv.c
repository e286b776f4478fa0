/* Convolution and fully connected.
 *
 *   y[n,oy,ox,oc] = post(act(b[oc] + sum x[n,iy,ix,c] * gate[n,c] * w[oc,ky,kx,i]) + r)
 *   iy = oy*sh - top + ky*dh, ix = ox*sw - left + kx*dw, pixels outside are zero
 *   c = g*I + i, interleaved: i*groups + g
 *
 * A row of outputs is one unit of work. Weights are rearranged once into blocks of four output
 * channels, [group][block][K][4], K = KH*KW*I, and four pixels are gathered into [K][4], so that
 * the innermost loop is a 4x4 outer product in registers. */
#include "engine/ref/ops.h"
#include <stdlib.h>
#include <string.h>

enum { LANES = 4 }; /* both output channels of a block and pixels of a tile */
typedef double vec __attribute__((vector_size(LANES * sizeof(double))));

typedef struct conv_ctx {
    const double *w;
    int64_t icg, ocg, k, blocks; /* channels of a group, K, blocks of a group */
} conv_ctx;

static double *pack(const ln_ref_call *c, const conv_ctx *x) {
    const int groups = c->node->attr.conv.groups;
    const size_t each = (size_t)(x->blocks * x->k * LANES);
    double *w = ln_alloc_aligned((size_t)groups * each, sizeof *w);
    if (!w) return NULL;
    memset(w, 0, (size_t)groups * each * sizeof *w);
    for (int g = 0; g < groups; g++)
        for (int64_t o = 0; o < x->ocg; o++) {
            const float *src = c->in[LN_CONV_W] + (g * x->ocg + o) * x->k;
            double *dst = w + (size_t)g * each + (o / LANES) * x->k * LANES + o % LANES;
            for (int64_t k = 0; k < x->k; k++) dst[k * LANES] = src[k];
        }
    return w;
}

/* One pixel's inputs of group g into column p of col[K][LANES]; zero outside the map. */
static void gather(const ln_ref_call *c, const conv_ctx *x, int64_t n, int64_t oy, int64_t ox,
                   int64_t g, int p, double *col) {
    const ln_window *w = &c->node->attr.conv.win;
    const int64_t ih = c->shape[0]->dim[1], iw = c->shape[0]->dim[2], ic = c->shape[0]->dim[3];
    const bool mixed = c->node->attr.conv.interleaved;
    const int64_t first = mixed ? g : g * x->icg, step = mixed ? c->node->attr.conv.groups : 1;
    const float *gate = c->in[LN_CONV_GATE] ? c->in[LN_CONV_GATE] + n * ic + first : NULL;
    for (int ky = 0; ky < w->kh; ky++)
        for (int kx = 0; kx < w->kw; kx++, col += x->icg * LANES) {
            const int64_t iy = oy * w->sh - w->top + (int64_t)ky * w->dh;
            const int64_t ix = ox * w->sw - w->left + (int64_t)kx * w->dw;
            if (iy < 0 || iy >= ih || ix < 0 || ix >= iw || ox >= c->oshape->dim[2]) {
                for (int64_t i = 0; i < x->icg; i++) col[i * LANES + p] = 0.0;
                continue;
            }
            const float *src = c->in[0] + ((n * ih + iy) * iw + ix) * ic + first;
            for (int64_t i = 0; i < x->icg; i++)
                col[i * LANES + p] = gate ? (double)src[i * step] * gate[i * step] : src[i * step];
        }
}

static float finish(const ln_ref_call *c, double v, int64_t at, int64_t oc) {
    const ln_conv_attr *a = &c->node->attr.conv;
    if (c->fixed) return ln_ref_requantize(c, v, oc);
    if (c->in[LN_CONV_BIAS]) v += c->in[LN_CONV_BIAS][oc];
    v = ln_act_eval(&a->act, v);
    if (c->in[LN_CONV_RES]) v += c->in[LN_CONV_RES][at];
    return (float)ln_act_eval(&a->post, v);
}

static void conv_row(const ln_ref_call *c, const void *ctx, int64_t row, double *col) {
    const conv_ctx *x = ctx;
    const int64_t oh = c->oshape->dim[1], ow = c->oshape->dim[2], oc = c->oshape->dim[3];
    for (int64_t ox = 0; ox < ow; ox += LANES)
        for (int64_t g = 0; g < c->node->attr.conv.groups; g++) {
            for (int p = 0; p < LANES; p++) gather(c, x, row / oh, row % oh, ox + p, g, p, col);
            const int64_t pixels = LN_MIN(LANES, ow - ox);
            for (int64_t b = 0; b < x->blocks; b++) {
                const vec *w = (const vec *)(x->w + (g * x->blocks + b) * x->k * LANES);
                vec a0 = {0}, a1 = {0}, a2 = {0}, a3 = {0};
                for (int64_t k = 0; k < x->k; k++) {
                    a0 += w[k] * col[k * LANES];
                    a1 += w[k] * col[k * LANES + 1];
                    a2 += w[k] * col[k * LANES + 2];
                    a3 += w[k] * col[k * LANES + 3];
                }
                const vec acc[LANES] = {a0, a1, a2, a3};
                const int64_t lanes = LN_MIN(LANES, x->ocg - b * LANES);
                for (int64_t p = 0; p < pixels; p++)
                    for (int64_t l = 0; l < lanes; l++) {
                        const int64_t o = g * x->ocg + b * LANES + l;
                        const int64_t at = (row * ow + ox + p) * oc + o;
                        c->out[at] = finish(c, acc[p][l], at, o);
                    }
            }
        }
}

/* Depthwise: the channel is the inner loop, weights lie as [KH*KW][C]. */
static void depthwise_row(const ln_ref_call *c, const void *ctx, int64_t row, double *acc) {
    const conv_ctx *x = ctx;
    const ln_window *w = &c->node->attr.conv.win;
    const int64_t ih = c->shape[0]->dim[1], iw = c->shape[0]->dim[2], ch = c->shape[0]->dim[3];
    const int64_t n = row / c->oshape->dim[1], oy = row % c->oshape->dim[1];
    const float *gate = c->in[LN_CONV_GATE] ? c->in[LN_CONV_GATE] + n * ch : NULL;
    for (int64_t ox = 0; ox < c->oshape->dim[2]; ox++) {
        memset(acc, 0, (size_t)ch * sizeof *acc);
        for (int ky = 0; ky < w->kh; ky++)
            for (int kx = 0; kx < w->kw; kx++) {
                const int64_t iy = oy * w->sh - w->top + (int64_t)ky * w->dh;
                const int64_t ix = ox * w->sw - w->left + (int64_t)kx * w->dw;
                const double *k = x->w + ((int64_t)ky * w->kw + kx) * ch;
                if (iy < 0 || iy >= ih || ix < 0 || ix >= iw) {
                    for (int64_t i = 0; i < ch; i++) acc[i] += 0.0 * k[i];
                    continue;
                }
                const float *src = c->in[0] + ((n * ih + iy) * iw + ix) * ch;
                for (int64_t i = 0; i < ch; i++)
                    acc[i] += (gate ? (double)src[i] * gate[i] : src[i]) * k[i];
            }
        const int64_t at = (row * c->oshape->dim[2] + ox) * ch;
        for (int64_t i = 0; i < ch; i++) c->out[at + i] = finish(c, acc[i], at + i, i);
    }
}

static double *pack_depthwise(const ln_ref_call *c, const conv_ctx *x) {
    const int64_t ch = c->oshape->dim[3];
    double *w = ln_alloc_aligned((size_t)(x->k * ch), sizeof *w);
    for (int64_t o = 0; w && o < ch; o++)
        for (int64_t k = 0; k < x->k; k++) w[k * ch + o] = c->in[LN_CONV_W][o * x->k + k];
    return w;
}

static linnet_status conv2d(const ln_ref_call *c, linnet_error *err) {
    const ln_shape *ws = c->shape[LN_CONV_W];
    const int64_t rows = c->oshape->dim[0] * c->oshape->dim[1];
    const int groups = c->node->attr.conv.groups;
    conv_ctx x = {.icg = ws->dim[3], .ocg = ws->dim[0] / groups};
    x.k = ws->dim[1] * ws->dim[2] * ws->dim[3];
    x.blocks = ln_ceil_div(x.ocg, LANES);
    const bool depthwise = x.icg == 1 && x.ocg == 1;
    double *w = depthwise ? pack_depthwise(c, &x) : pack(c, &x);
    if (!w) return ln_fail_oom(err, c->node->name, (size_t)(ws->dim[0] * x.k) * sizeof *w);
    x.w = w;
    const linnet_status s = depthwise
                                ? ln_ref_rows(c, rows, (size_t)groups, depthwise_row, &x, err)
                                : ln_ref_rows(c, rows, (size_t)(x.k * LANES), conv_row, &x, err);
    free(w);
    return s;
}

/* A picture's bytes, less the mean of their plane. */
linnet_status ln_ref_conv2d(const ln_ref_call *c, linnet_error *err) {
    if (!c->node->attr.conv.bytes) return conv2d(c, err);
    const uint8_t *byte = (const uint8_t *)c->in[0];
    const int64_t planes = c->shape[0]->dim[3];
    int64_t count = 0;
    ln_shape_count(c->shape[0], &count);
    float *x = ln_alloc_aligned((size_t)count, sizeof *x);
    if (!x) return ln_fail_oom(err, c->node->name, (size_t)count * sizeof *x);
    for (int64_t i = 0; i < count; i++) x[i] = (float)byte[i] - c->node->attr.conv.mean[i % planes];
    ln_ref_call real = *c;
    real.in[0] = x;
    const linnet_status s = conv2d(&real, err);
    free(x);
    return s;
}

/* One output channel of every image; eight partial sums, in a fixed order. */
static void fc_channel(const ln_ref_call *c, const void *ctx, int64_t o, double *scratch) {
    (void)ctx;
    (void)scratch;
    enum { PARTS = 8 };
    const int64_t ic = c->shape[1]->dim[1], oc = c->shape[1]->dim[0];
    const float *w = c->in[LN_CONV_W] + o * ic;
    for (int64_t n = 0; n < c->oshape->dim[0]; n++) {
        const float *x = c->in[0] + n * ic;
        double part[PARTS] = {0}, v = 0.0;
        int64_t i = 0;
        for (; i + PARTS <= ic; i += PARTS)
            for (int p = 0; p < PARTS; p++) part[p] += (double)x[i + p] * w[i + p];
        for (; i < ic; i++) v += (double)x[i] * w[i];
        for (int p = 0; p < PARTS; p++) v += part[p];
        if (c->fixed) {
            c->out[n * oc + o] = ln_ref_requantize(c, v, o);
            continue;
        }
        if (c->in[LN_CONV_BIAS]) v += c->in[LN_CONV_BIAS][o];
        c->out[n * oc + o] = (float)ln_act_eval(&c->node->attr.fc.act, v);
    }
}

linnet_status ln_ref_fc(const ln_ref_call *c, linnet_error *err) {
    return ln_ref_rows(c, c->oshape->dim[1], 0, fc_channel, NULL, err);
}
