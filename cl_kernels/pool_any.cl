/* Average and maximum pooling over a window; the whole map is a window of its size.
 *
 * y[n,oy,ox,c] = max or mean over ky,kx of x[n, oy*sh-top+ky*dh, ox*sw-left+kx*dw, c]
 * The mean divides by the pixels inside the map, or when LN_FLAG_COUNT_PAD is set by those above
 * t0 and left of t1, where the padding that counts ends.
 *
 * x, y: NHWC, f32. NaN in a window gives NaN. One work-item makes 8 channels of one pixel.
 * INDICES: y2 is where the first of the largest lies in N,C,H,W, i32, counted by columns if t2. */
#ifndef INDICES
#    define INDICES 0 /* 1: maximum with a second output */
#endif

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int pieces = ln_pad(s->oc) / 8, at = tile * LN_LOCAL + lid;
    int p = at / pieces, c = (at - p * pieces) * 8;
    if (p >= s->m) return;
    int ox = p % s->ow, oy = p / s->ow % s->oh, n = p / (s->ow * s->oh);
    int is_max = (s->flags & LN_FLAG_MAX) != 0, count = 0;
    __global const LN_T *x = LN_AT(arena, s->x) + (size_t)n * s->xns + c;
    float8 v = (float8)(is_max ? -INFINITY : 0.0f);
#if INDICES
    int8 at_most = (int8)(0);
#endif
    for (int ky = 0; ky < s->kh; ky++) {
        int iy = oy * s->sh - s->top + ky * s->dh;
        if (iy < 0 || iy >= s->h) continue;
        for (int kx = 0; kx < s->kw; kx++) {
            int ix = ox * s->sw - s->left + kx * s->dw;
            if (ix < 0 || ix >= s->wd) continue;
            float8 t = LN_LD8(x + (size_t)iy * s->xrs + (size_t)ix * s->xps);
#if INDICES
            int8 more = (t > v) | ((t != t) & (v == v)) | (int8)(count ? 0 : -1);
            at_most = more ? (int8)(s->t2 ? ix * s->h + iy : iy * s->wd + ix) : at_most;
            v = more ? t : v;
#else
            if (is_max)
                v = ((t > v) | (t != t)) ? t : v;
            else
                v += t;
#endif
            count++;
        }
    }
    if (!is_max && (s->flags & LN_FLAG_COUNT_PAD)) {
        int rows = (s->t0 - oy * s->sh + s->top + s->dh - 1) / s->dh;
        int columns = (s->t1 - ox * s->sw + s->left + s->dw - 1) / s->dw;
        count = min(rows, s->kh) * min(columns, s->kw);
    }
    if (!is_max) v /= (float8)max(count, 1);
    LN_ST8(LN_AT(arena, s->y) + (size_t)p * s->yps + c, ln_mask8(v, c, s->oc));
#if INDICES
    int8 channel = (int8)(0, 1, 2, 3, 4, 5, 6, 7) + (int8)(n * s->c + c);
    float8 index = as_float8(at_most + channel * (int8)(s->h * s->wd));
    LN_ST8_float(arena + s->y2 + (size_t)p * s->y2ps + c, ln_mask8(index, c, s->oc));
#endif
}
LN_KERNEL
#undef INDICES
