/* Quantized depthwise convolution, any window, stride, dilation and padding.
 *
 * y[n,oy,ox,c] = rescale(b[c] + sum over ky,kx of
 *                (x[n, oy*sh-top+ky*dh, ox*sw-left+kx*dw, c] - xz) * (w[ky,kx,c] - wz), c)
 *
 * x, y: NHWC, i8; w [kh][kw][cp] i8, b [cp] i32, behind it scale and half [cp] f32, cp = c rounded
 * up to LN_CPAD. Preconditions: groups = c = oc. One work-item makes 8 channels of one pixel. */

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int cp = ln_pad(s->oc), at = tile * LN_LOCAL + lid;
    int p = at / (cp / 8), c = (at - p * (cp / 8)) * 8;
    if (p >= s->m) return;
    int ox = p % s->ow, oy = p / s->ow % s->oh, n = p / (s->ow * s->oh);
    __global const char *x = LN_BYTES(arena, s->x) + (size_t)n * s->xns + c;
    __global const char *w = LN_BYTES(weights, s->w) + c;
    __global const float *b = weights + s->b + c;
    int8 sum = as_int8(LN_LD8_float(b)), xz = (int8)s->xz, wz = (int8)s->wz;
    for (int ky = 0; ky < s->kh; ky++) {
        int iy = oy * s->sh - s->top + ky * s->dh;
        if (iy < 0 || iy >= s->h) continue;
        for (int kx = 0; kx < s->kw; kx++) {
            int ix = ox * s->sw - s->left + kx * s->dw;
            if (ix < 0 || ix >= s->wd) continue;
            char8 v = LN_LDB8(x + (size_t)iy * s->xrs + (size_t)ix * s->xps);
            sum +=
                (convert_int8(v) - xz) * (convert_int8(LN_LDB8(w + (ky * s->kw + kx) * cp)) - wz);
        }
    }
    char8 y = ln_rescale8(sum, as_int8(LN_LD8_float(b + cp)), LN_LD8_float(b + 2 * cp), s);
    LN_STB8(LN_BYTES(arena, s->y) + (size_t)p * s->yps + c, ln_mask_i8(y, c, s->oc));
}
LN_KERNEL
#undef ELEM
