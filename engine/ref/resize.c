/* Resize: each output pixel is read at a place of the input (graph.h gives the grids), from the
 * nearest pixel or from the four around it. */
#include "engine/ref/ops.h"
#include <math.h>

/* Where output i of `out` lies in `in` pixels, clamped to the map. */
static double place(ln_resize_grid grid, int64_t i, int64_t out, int64_t in) {
    double at = (double)i * (double)in / (double)out;
    if (grid == LN_GRID_HALF_PIXEL) at = ((double)i + 0.5) * (double)in / (double)out - 0.5;
    if (grid == LN_GRID_ALIGN_CORNERS)
        at = out > 1 ? (double)i * (double)(in - 1) / (double)(out - 1) : 0.0;
    return LN_MIN(LN_MAX(at, 0.0), (double)(in - 1));
}

static int64_t nearest(ln_resize_grid grid, int64_t i, int64_t out, int64_t in) {
    double at = place(LN_GRID_ASYMMETRIC, i, out, in);
    if (grid == LN_GRID_HALF_PIXEL) at = ((double)i + 0.5) * (double)in / (double)out;
    if (grid == LN_GRID_ALIGN_CORNERS) at = place(grid, i, out, in) + 0.5;
    return LN_MIN((int64_t)at, in - 1);
}

static void nearest_pixel(const ln_ref_call *c, int64_t n, int64_t oy, int64_t ox, float *y) {
    const ln_shape *x = c->shape[0];
    const ln_resize_attr *r = &c->node->attr.resize;
    const int64_t iy = nearest(r->grid, oy, r->h, x->dim[1]);
    const int64_t ix = nearest(r->grid, ox, r->w, x->dim[2]);
    const float *src = c->in[0] + ((n * x->dim[1] + iy) * x->dim[2] + ix) * x->dim[3];
    for (int64_t i = 0; i < x->dim[3]; i++) y[i] = src[i];
}

static void bilinear_pixel(const ln_ref_call *c, int64_t n, int64_t oy, int64_t ox, float *y) {
    const ln_shape *x = c->shape[0];
    const ln_resize_attr *r = &c->node->attr.resize;
    const double fy = place(r->grid, oy, r->h, x->dim[1]);
    const double fx = place(r->grid, ox, r->w, x->dim[2]);
    const int64_t y0 = (int64_t)fy, x0 = (int64_t)fx, ch = x->dim[3];
    const int64_t y1 = LN_MIN(y0 + 1, x->dim[1] - 1), x1 = LN_MIN(x0 + 1, x->dim[2] - 1);
    const double wy = fy - (double)y0, wx = fx - (double)x0;
    const float *image = c->in[0] + n * x->dim[1] * x->dim[2] * ch;
    const float *a = image + (y0 * x->dim[2] + x0) * ch, *b = image + (y0 * x->dim[2] + x1) * ch;
    const float *d = image + (y1 * x->dim[2] + x0) * ch, *e = image + (y1 * x->dim[2] + x1) * ch;
    for (int64_t i = 0; i < ch; i++)
        y[i] =
            (float)((1 - wy) * ((1 - wx) * a[i] + wx * b[i]) + wy * ((1 - wx) * d[i] + wx * e[i]));
}

static void resize_row(const ln_ref_call *c, const void *ctx, int64_t row, double *scratch) {
    (void)ctx;
    (void)scratch;
    const ln_resize_attr *r = &c->node->attr.resize;
    for (int64_t ox = 0; ox < r->w; ox++) {
        float *y = c->out + (row * r->w + ox) * c->oshape->dim[3];
        if (r->kind == LN_RESIZE_NEAREST)
            nearest_pixel(c, row / r->h, row % r->h, ox, y);
        else
            bilinear_pixel(c, row / r->h, row % r->h, ox, y);
    }
}

linnet_status ln_ref_resize(const ln_ref_call *c, linnet_error *err) {
    return ln_ref_rows(c, c->oshape->dim[0] * c->oshape->dim[1], 0, resize_row, NULL, err);
}
