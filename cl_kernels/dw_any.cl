/* Depthwise convolution, any window, stride, dilation and padding.
 *
 * y[n,oy,ox,c] = post(act(b[c] + sum over ky,kx of
 *                x[n, oy*sh-top+ky*dh, ox*sw-left+kx*dw, c] * w[ky,kx,c]) + res[n,oy,ox,c])
 *
 * x, y, res: NHWC; w [kh][kw][cp], b [cp], cp = c rounded up to LN_CPAD. f32.
 * Preconditions: groups = c = oc, no gate. One work-item makes 8 channels of one pixel. */

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int cp = ln_pad(s->oc), at = tile * LN_LOCAL + lid;
    int p = at / (cp / 8), c = (at - p * (cp / 8)) * 8;
    if (p >= s->m) return;
    int ox = p % s->ow, oy = p / s->ow % s->oh, n = p / (s->ow * s->oh);
    __global const LN_T *x = LN_AT(arena, s->x) + (size_t)n * s->xns + c;
    __global const LN_T *w = LN_AT(weights, s->w) + c;
    float8 sum = LN_LD8(LN_AT(weights, s->b) + c);
    for (int ky = 0; ky < s->kh; ky++) {
        int iy = oy * s->sh - s->top + ky * s->dh;
        if (iy < 0 || iy >= s->h) continue;
        for (int kx = 0; kx < s->kw; kx++) {
            int ix = ox * s->sw - s->left + kx * s->dw;
            if (ix < 0 || ix >= s->wd) continue;
            sum = ln_fma(LN_LD8(x + (size_t)iy * s->xrs + (size_t)ix * s->xps),
                         LN_LD8(w + (ky * s->kw + kx) * cp), sum);
        }
    }
    ln_finish8(sum, arena, s, p, c);
}
LN_KERNEL
