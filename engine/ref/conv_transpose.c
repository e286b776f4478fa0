/* Transposed convolution, gathered: what of the input falls on each pixel of the output.
 *
 *   y[n,oy,ox,o] = act(b[o] + sum over ky,kx,i of x[n,iy,ix,g*I+i] * w[o,ky,kx,i])
 *   iy = (oy + top - ky*dh) / sh, ix = (ox + left - kx*dw) / sw, where these are whole and inside
 */
#include "engine/ref/ops.h"

/* The input row or column behind tap k of output place `at`; -1: none. */
static int64_t source(int64_t at, int64_t k, int stride, int dilation, int64_t size) {
    const int64_t v = at - k * dilation;
    return v >= 0 && v % stride == 0 && v / stride < size ? v / stride : -1;
}

static void row(const ln_ref_call *c, const void *ctx, int64_t r, double *acc) {
    (void)ctx;
    const ln_conv_attr *a = &c->node->attr.conv;
    const ln_window *w = &a->win;
    const ln_shape *xs = c->shape[LN_CONV_X], *ws = c->shape[LN_CONV_W];
    const int64_t oc = ws->dim[0], icg = ws->dim[3], ic = xs->dim[3], ocg = oc / a->groups;
    const int64_t n = r / a->h, oy = r % a->h + w->top;
    for (int64_t ox = 0; ox < a->w; ox++) {
        for (int64_t o = 0; o < oc; o++)
            acc[o] = c->in[LN_CONV_BIAS] ? (double)c->in[LN_CONV_BIAS][o] : 0.0;
        for (int64_t ky = 0; ky < w->kh; ky++)
            for (int64_t kx = 0; kx < w->kw; kx++) {
                const int64_t iy = source(oy, ky, w->sh, w->dh, xs->dim[1]);
                const int64_t ix = source(ox + w->left, kx, w->sw, w->dw, xs->dim[2]);
                if (iy < 0 || ix < 0) continue;
                const float *x = c->in[0] + ((n * xs->dim[1] + iy) * xs->dim[2] + ix) * ic;
                for (int64_t o = 0; o < oc; o++) {
                    const float *k = c->in[LN_CONV_W] + ((o * w->kh + ky) * w->kw + kx) * icg;
                    const float *g = x + o / ocg * icg;
                    for (int64_t i = 0; i < icg; i++) acc[o] += (double)g[i] * k[i];
                }
            }
        float *y = c->out + (r * a->w + ox) * oc;
        for (int64_t o = 0; o < oc; o++) y[o] = (float)ln_act_eval(&a->act, acc[o]);
    }
}

linnet_status ln_ref_conv_transpose(const ln_ref_call *c, linnet_error *err) {
    return ln_ref_rows(c, c->oshape->dim[0] * c->oshape->dim[1], (size_t)c->oshape->dim[3], row,
                       NULL, err);
}
