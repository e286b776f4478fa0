/* Pooling: y = max or mean of the window's pixels. The mean divides by the pixels that lie on
 * the map, or where padding counts by those on the map and its padding (but not what ceil mode
 * added), at least by one. A NaN in a window gives NaN; indices name the first of the largest. */
#include "engine/ref/ops.h"
#include <math.h>

typedef struct pool_ctx {
    int64_t kh, kw, sh, sw, dh, dw, top, left;
    int64_t bottom, right; /* padding that can count */
} pool_ctx;

/* A pixel joins the window; where: its place in the channel's plane. */
static void take(double *acc, double *at, const float *x, int64_t ch, bool max, int64_t where) {
    for (int64_t i = 0; i < ch; i++) {
        const double v = x[i];
        if (!max)
            acc[i] += v;
        else if (at[i] < 0.0 || v > acc[i] || (v != v && acc[i] == acc[i])) {
            acc[i] = v;
            at[i] = (double)where;
        }
    }
}

static void put(const ln_ref_call *c, int64_t n, int64_t pixel, double by, const double *acc,
                const double *at) {
    const int64_t ch = c->shape[0]->dim[3], plane = c->shape[0]->dim[1] * c->shape[0]->dim[2];
    for (int64_t i = 0; i < ch; i++) c->out[pixel * ch + i] = (float)(acc[i] / by);
    if (!c->node->attr.pool.indices) return;
    int32_t *index = (int32_t *)c->more[1] + pixel * ch;
    for (int64_t i = 0; i < ch; i++)
        index[i] = (int32_t)((n * ch + i) * plane + (int64_t)LN_MAX(at[i], 0.0));
}

static void pool_row(const ln_ref_call *c, const void *ctx, int64_t row, double *acc) {
    const pool_ctx *w = ctx;
    const bool max = c->node->attr.pool.kind == LN_POOL_MAX;
    const bool columns = c->node->attr.pool.indices == LN_INDICES_COLUMNS;
    const int64_t ih = c->shape[0]->dim[1], iw = c->shape[0]->dim[2], ch = c->shape[0]->dim[3];
    const int64_t n = row / c->oshape->dim[1], oy = row % c->oshape->dim[1];
    for (int64_t ox = 0; ox < c->oshape->dim[2]; ox++) {
        int64_t real = 0, all = 0;
        for (int64_t i = 0; i < ch; i++) acc[i] = max ? -INFINITY : 0.0, acc[ch + i] = -1.0;
        for (int64_t ky = 0; ky < w->kh; ky++)
            for (int64_t kx = 0; kx < w->kw; kx++) {
                const int64_t iy = oy * w->sh - w->top + ky * w->dh;
                const int64_t ix = ox * w->sw - w->left + kx * w->dw;
                all += iy < ih + w->bottom && ix < iw + w->right;
                if (iy < 0 || iy >= ih || ix < 0 || ix >= iw) continue;
                take(acc, acc + ch, c->in[0] + ((n * ih + iy) * iw + ix) * ch, ch, max,
                     columns ? ix * ih + iy : iy * iw + ix);
                real++;
            }
        const int64_t count = c->node->attr.pool.count_pad ? all : real;
        put(c, n, row * c->oshape->dim[2] + ox, max ? 1.0 : (double)LN_MAX(count, 1), acc,
            acc + ch);
    }
}

linnet_status ln_ref_pool(const ln_ref_call *c, linnet_error *err) {
    const ln_shape *x = c->shape[0];
    const ln_pool_attr *p = &c->node->attr.pool;
    const ln_window *w = &p->win;
    pool_ctx ctx = {w->kh, w->kw, w->sh, w->sw, w->dh, w->dw, w->top, w->left};
    ctx.bottom = w->bottom - p->ceil_bottom;
    ctx.right = w->right - p->ceil_right;
    if (p->global) ctx = (pool_ctx){x->dim[1], x->dim[2], 1, 1, 1, 1, 0, 0, 0, 0};
    return ln_ref_rows(c, c->oshape->dim[0] * c->oshape->dim[1], 2 * (size_t)x->dim[3], pool_row,
                       &ctx, err);
}
