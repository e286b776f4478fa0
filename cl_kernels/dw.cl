/* Depthwise convolution with a K x K window, stride S both ways, dilation 1.
 *
 * y[n,oy,ox,c] = post(act(b[c] + sum over ky,kx of
 *                x[n, oy*S-top+ky, ox*S-left+kx, c] * w[ky,kx,c]) + res[n,oy,ox,c])
 *
 * x, y, res: NHWC; w [K][K][cp], b [cp], cp = c rounded up to LN_CPAD. f32, or halves
 * (half.clh).
 * Preconditions: kh = kw = K, sh = sw = S, groups = c = oc, no gate.
 *
 * A work-item makes a block: PX outputs of a row by four channels, blocks of neighbouring channels
 * side by side. Each input column is loaded once for each ky and used by all outputs that see it.
 * dw_deep.cl is for processors. */
#ifndef K
#    define K 3 /* window */
#endif
#ifndef S
#    define S 1 /* stride */
#endif
#ifndef PX
#    define PX 7 /* outputs of a block */
#endif
/* edge: some columns may lie outside the map, some outputs beyond the row. x: the row of ky = 0
 * at column ix and channel c; y: the row's first output at channel c. */
LN_INLINE void LN_F(block)(const int edge, __global const LN_T *x, int ix, int ky0, int ky1,
                           __global float *arena, __global const float *weights,
                           __global const ln_args *s, int p, int c, int left) {
    int xps = s->xps, cp = ln_pad(s->oc), wd = s->wd;
    __global const LN_T *w = LN_AT(weights, s->w) + c;
    float4 sum[PX], bias = LN_LD4(LN_AT(weights, s->b) + c);
    LN_SUM_BEGIN(PX)
#pragma unroll
    for (int i = 0; i < PX; i++) sum[i] = bias;
    for (int ky = ky0; ky < ky1; ky++) {
        __global const LN_T *row = x + (size_t)ky * s->xrs;
        LN_P4 wk[K];
#pragma unroll
        for (int kx = 0; kx < K; kx++) wk[kx] = LN_PLD4(w + (ky * K + kx) * cp);
#pragma unroll
        for (int j = 0; j < (PX - 1) * S + K; j++) {
            LN_P4 v = (LN_P4)0;
            if (!edge || (ix + j >= 0 && ix + j < wd)) v = LN_PLD4(row + j * xps);
#pragma unroll
            for (int kx = 0; kx < K; kx++)
                if (j >= kx && (j - kx) % S == 0 && (j - kx) / S < PX)
                    LN_SUM_ADD((j - kx) / S, v, wk[kx]);
        }
        LN_SUM_DONE(PX, K)
    }
    LN_SUM_END(PX)
    if ((s->flags & LN_FLAG_CLAMP) && s->res == LN_NO_OFF) {
        float lo = s->lo, hi = s->hi;
        __global LN_T *y = LN_AT(arena, s->y) + (size_t)p * s->yps + c;
#pragma unroll
        for (int i = 0; i < PX; i++)
            if (!edge || i < left) LN_ST4(y + i * s->yps, ln_clamp4(sum[i], lo, hi));
        return;
    }
#pragma unroll
    for (int i = 0; i < PX; i++)
        if (i < left) ln_finish4(sum[i], arena, s, p + i, c);
}

#define LN_BLOCK(E)                                                                                \
    LN_FUNCTION void LN_F(block_##E)(__global const LN_T *x, int ix, int ky0, int ky1,             \
                                     __global float *arena, __global const float *weights,         \
                                     __global const ln_args *s, int p, int c, int left) {          \
        LN_F(block)(E, x, ix, ky0, ky1, arena, weights, s, p, c, left);                            \
    }
LN_BLOCK(0)
LN_BLOCK(1)

/* Outputs [ox, ox+PX) of row oy of image n. */
LN_INLINE void LN_F(at)(__global float *arena, __global const float *weights,
                        __global const ln_args *s, int n, int oy, int ox, int c) {
    int iy = oy * S - s->top, ix = ox * S - s->left, left = s->ow - ox;
    int ky0 = max(-iy, 0), ky1 = min(s->h - iy, K), p = (n * s->oh + oy) * s->ow + ox;
    __global const LN_T *x =
        LN_AT(arena, s->x) + (size_t)n * s->xns + (long)iy * s->xrs + (long)ix * s->xps + c;
    if (ix >= 0 && ix + (PX - 1) * S + K <= s->wd && left >= PX)
        LN_F(block_0)(x, ix, ky0, ky1, arena, weights, s, p, c, left);
    else
        LN_F(block_1)(x, ix, ky0, ky1, arena, weights, s, p, c, left);
}

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int cp = ln_pad(s->oc), vectors = cp / 4, across = (s->ow + PX - 1) / PX;
    int at = tile * LN_LOCAL + lid, c = at % vectors * 4, row = at / vectors / across;
    int ox = at / vectors % across * PX;
    if (row < s->n * s->oh) LN_F(at)(arena, weights, s, row / s->oh, row % s->oh, ox, c);
}
LN_KERNEL
#undef LN_BLOCK
#undef PX
#undef S
#undef K
