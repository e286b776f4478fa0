/* Dense convolution and matrix product for processors with many work-items: a small register
 * tile each, neighbouring work-items on neighbouring channels.
 *
 * y[n,oy,ox,o] = post(act(b[o] + sum over ky,kx,i of
 *                x[n, oy*sh-top+ky*dh, ox*sw-left+kx*dw, i] * gate[n,i] * w[ky,kx,i,o]) + res)
 *
 * x: NHWC or planar (xcs, xps); y, res: NHWC; gate [n][x2ps], optional. w [kh][kw][c][ocp],
 * b [ocp]. f32, or halves (half.clh).
 * Preconditions: groups 1; POINT: 1x1 without padding, NHWC.
 *
 * One work-item makes PX pixels by 4 channels. POINT takes pixels as they come over the whole
 * batch and reads four input channels at a time; else the pixels are of one row. */
#ifndef PX
#    define PX 4 /* pixels of the register tile */
#endif
#ifndef POINT
#    define POINT 0 /* 1x1: no taps, no borders */
#endif

#ifndef BYTES
#    define BYTES 0 /* 1: x is a picture's bytes, and x - mean[i] in its place */
#endif
#if BYTES
#    define LN_MEAN(k) LN_PLANE_MEAN(LN_AT(weights, s->b) + ocp + 8, k)
#else
#    define LN_MEAN(k) 0.0f
#endif

#define LN_ROW(j, f)                                                                               \
    wv = LN_PLD4(w + (size_t)(k + j) * ocp);                                                       \
    for (int i = 0; i < PX; i++) LN_SUM_ADD(i, (LN_P4)v[i].f, wv);

/* Offset of the input pixel of output pixel p. */
LN_INLINE size_t LN_F(pixel)(__global const ln_args *s, int p) {
    int ox = p % s->ow, oy = p / s->ow % s->oh, n = p / (s->ow * s->oh);
    return (size_t)n * s->xns + (size_t)(oy * s->sh) * s->xrs + (size_t)(ox * s->sw) * s->xps;
}

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int ocp = ln_pad(s->oc), at = tile * LN_LOCAL + lid, o = at % (ocp / 4) * 4;
    int block = at / (ocp / 4), has_gate = s->gate != LN_NO_OFF;
    __global const LN_T *w = LN_AT(weights, s->w) + o;
    LN_P4 wv;
    float4 sum[PX];
    LN_SUM_BEGIN(PX)
    for (int i = 0; i < PX; i++) sum[i] = LN_LD4(LN_AT(weights, s->b) + o);
#if POINT
    int p = block * PX, left = min(s->m - p, PX);
    if (left <= 0) return;
    __global const LN_T *x[PX], *gate[PX];
    for (int i = 0; i < PX; i++) {
        int q = min(p + i, s->m - 1);
        x[i] = LN_AT(arena, s->x) + LN_F(pixel)(s, q);
        gate[i] = LN_AT(arena, has_gate ? s->gate : 0);
        if (has_gate) gate[i] += (size_t)(q / (s->oh * s->ow)) * s->x2ps;
    }
    int k = 0;
    for (; k + 4 <= s->c; k += 4) {
        LN_P4 v[PX];
        for (int i = 0; i < PX; i++) v[i] = LN_PLD4(x[i] + k);
        if (has_gate)
            for (int i = 0; i < PX; i++) v[i] = LN_PMUL4(v[i], LN_PLD4(gate[i] + k));
        LN_ROW(0, x)
        LN_ROW(1, y)
        LN_ROW(2, z)
        LN_ROW(3, w)
        LN_SUM_DONE(PX, 4)
    }
    for (; k < s->c; k++) {
        wv = LN_PLD4(w + (size_t)k * ocp);
        for (int i = 0; i < PX; i++) {
            LN_P1 v = LN_PLD1(x[i] + k);
            if (has_gate) v = LN_PMUL1(v, LN_PLD1(gate[i] + k));
            LN_SUM_ADD(i, (LN_P4)v, wv);
        }
    }
#else
    int across = (s->ow + PX - 1) / PX, row = block / across, ox = block % across * PX;
    int n = row / s->oh, oy = row % s->oh, p = row * s->ow + ox, left = min(s->ow - ox, PX);
    if (n >= s->n) return;
    __global const LN_T *gate = LN_AT(arena, has_gate ? s->gate : 0);
    if (has_gate) gate += (size_t)n * s->x2ps;
    for (int ky = 0; ky < s->kh; ky++) {
        int iy = oy * s->sh - s->top + ky * s->dh;
        if (iy < 0 || iy >= s->h) continue;
        w = LN_AT(weights, s->w) + (size_t)ky * s->kw * s->c * ocp + o;
        for (int kx = 0; kx < s->kw; kx++) {
            int ix = ox * s->sw - s->left + kx * s->dw;
            __global const LN_TX *x =
                LN_XAT(arena, s->x) + (size_t)n * s->xns + (size_t)iy * s->xrs + (long)ix * s->xps;
            for (int k = 0; k < s->c; k++) {
                float g = has_gate ? LN_LD1(gate + k) : 1.0f;
                wv = LN_PLD4(w);
                w += ocp;
                for (int i = 0; i < PX; i++) {
                    int in = ix + i * s->sw;
                    float v = 0.0f;
                    if (in >= 0 && in < s->wd && i < left)
                        v = (LN_XLD1(x + (long)i * s->sw * s->xps + (size_t)k * s->xcs) -
                             LN_MEAN(k)) *
                            g;
                    LN_SUM_ADD(i, (LN_P4)LN_PSET1(v), wv);
                }
                LN_SUM_DONE(PX, 1)
            }
        }
    }
#endif
    LN_SUM_END(PX)
    for (int i = 0; i < PX; i++)
        if (i < left) ln_finish4(sum[i], arena, s, p + i, o);
}
LN_KERNEL
#undef LN_ROW
#undef LN_MEAN
#undef BYTES
#undef ELEM
#undef PX
#undef POINT
