/* Pooling: y = max or mean of the window's pixels. The mean divides by the pixels that lie on
 * the map, or where padding counts by those on the map and its padding (but not what ceil mode
 * added). A NaN in a window gives NaN. */
#include "engine/ref/ops.h"
#include <math.h>

typedef struct pool_ctx {
    int64_t kh, kw, sh, sw, dh, dw, top, left;
    int64_t bottom, right; /* padding that can count */
} pool_ctx;

static void take(double *acc, const float *x, int64_t ch, bool max) {
    for (int64_t i = 0; i < ch; i++) {
        const double v = x[i];
        if (!max)
            acc[i] += v;
        else if (v > acc[i] || v != v)
            acc[i] = v;
    }
}

static void pool_row(const ln_ref_call *c, const void *ctx, int64_t row, double *acc) {
    const pool_ctx *w = ctx;
    const bool max = c->node->attr.pool.kind == LN_POOL_MAX;
    const int64_t ih = c->shape[0]->dim[1], iw = c->shape[0]->dim[2], ch = c->shape[0]->dim[3];
    const int64_t n = row / c->oshape->dim[1], oy = row % c->oshape->dim[1];
    for (int64_t ox = 0; ox < c->oshape->dim[2]; ox++) {
        int64_t real = 0, all = 0;
        for (int64_t i = 0; i < ch; i++) acc[i] = max ? -INFINITY : 0.0;
        for (int64_t ky = 0; ky < w->kh; ky++)
            for (int64_t kx = 0; kx < w->kw; kx++) {
                const int64_t iy = oy * w->sh - w->top + ky * w->dh;
                const int64_t ix = ox * w->sw - w->left + kx * w->dw;
                all += iy < ih + w->bottom && ix < iw + w->right;
                if (iy < 0 || iy >= ih || ix < 0 || ix >= iw) continue;
                take(acc, c->in[0] + ((n * ih + iy) * iw + ix) * ch, ch, max);
                real++;
            }
        const double by = max ? 1.0 : (double)(c->node->attr.pool.count_pad ? all : real);
        float *y = c->out + (row * c->oshape->dim[2] + ox) * ch;
        for (int64_t i = 0; i < ch; i++) y[i] = (float)(acc[i] / by);
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
    return ln_ref_rows(c, c->oshape->dim[0] * c->oshape->dim[1], (size_t)x->dim[3], pool_row, &ctx,
                       err);
}
