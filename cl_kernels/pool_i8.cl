/* Quantized pooling over a window; the whole map is a window of its size.
 *
 * y[n,oy,ox,c] = max or mean over ky,kx of x[n, oy*sh-top+ky*dh, ox*sw-left+kx*dw, c]
 * The mean, halves away from zero (up with LN_FLAG_UNSIGNED), divides by the pixels inside the map,
 * or when LN_FLAG_COUNT_PAD is set by those above t0 and left of t1, where the padding that counts
 * (as xz) ends. MEAN: y[n,c] = rescale(sum over the map of x - xz) by t2 and alpha, which divide
 * too.
 *
 * x, y: NHWC, i8. One work-item makes 8 channels of one pixel. */
#ifndef MEAN
#    define MEAN 0
#endif

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int pieces = ln_pad(s->oc) / 8, at = tile * LN_LOCAL + lid;
    int p = at / pieces, c = (at - p * pieces) * 8;
    if (p >= s->m) return;
    int ox = p % s->ow, oy = p / s->ow % s->oh, n = p / (s->ow * s->oh), count = 0;
    __global const char *x = LN_BYTES(arena, s->x) + (size_t)n * s->xns + c;
    int8 sum = (int8)0;
    char8 top = (char8)-128;
    for (int ky = 0; ky < s->kh; ky++) {
        int iy = oy * s->sh - s->top + ky * s->dh;
        if (iy < 0 || iy >= s->h) continue;
        for (int kx = 0; kx < s->kw; kx++) {
            int ix = ox * s->sw - s->left + kx * s->dw;
            if (ix < 0 || ix >= s->wd) continue;
            char8 v = LN_LDB8(x + (size_t)iy * s->xrs + (size_t)ix * s->xps);
            sum += convert_int8(v);
            top = max(top, v);
            count++;
        }
    }
#if MEAN
    sum -= (int8)(count * s->xz);
    top = ln_rescale8(sum, (int8)s->t2, (float8)s->alpha, s);
#else
    if (!(s->flags & LN_FLAG_MAX)) {
        int all = count;
        if (s->flags & LN_FLAG_COUNT_PAD) {
            int rows = (s->t0 - oy * s->sh + s->top + s->dh - 1) / s->dh;
            int columns = (s->t1 - ox * s->sw + s->left + s->dw - 1) / s->dw;
            all = min(rows, s->kh) * min(columns, s->kw);
            sum += (int8)((all - count) * s->xz);
        }
        int lift = s->flags & LN_FLAG_UNSIGNED ? 128 : 0; /* to where all are positive */
        all = max(all, 1);
        sum = ln_round8(convert_float8(sum + (int8)(lift * all)) / (float8)all) - (int8)lift;
        top = convert_char8(sum);
    }
#endif
    LN_STB8(LN_BYTES(arena, s->y) + (size_t)p * s->yps + c, ln_mask_i8(top, c, s->oc));
}
LN_KERNEL
#undef MEAN
#undef ELEM
