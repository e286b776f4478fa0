/* Depthwise convolution with a K x K window, stride S both ways, dilation 1.
 *
 * y[n,oy,ox,c] = post(act(b[c] + sum over ky,kx of
 *                x[n, oy*S-top+ky, ox*S-left+kx, c] * w[ky,kx,c]) + res[n,oy,ox,c])
 *
 * x, y, res: NHWC; w [K][K][cp], b [cp], cp = c rounded up to LN_CPAD. f32.
 * Preconditions: kh = kw = K, sh = sw = S, groups = c = oc, no gate, cp at least one vector.
 *
 * A block is PX outputs of a row by one vector of channels: each input column is loaded once
 * for each ky and used by all outputs that see it. The last vector of channels may overlap the
 * one before it rather than be a narrow one.
 * WIDE: one work-item makes one block, blocks of neighbouring channels side by side.
 * Otherwise one work-item a group walks a tile: output rows (t1 chunks an image) by channel
 * vectors (t3 groups); neighbouring tiles have the same rows, as those of a pointwise do. */
#ifndef K
#    define K 3 /* window */
#endif
#ifndef S
#    define S 1 /* stride */
#endif
#ifndef PX
#    define PX 7 /* outputs of a block */
#endif
#ifndef WIDE
#    define WIDE 0 /* a block a work-item, vectors of 4 */
#endif
#ifndef EIGHT
#    define EIGHT 0 /* vectors of 8 where the device has 16: maps of 8 channels */
#endif
#if WIDE
#    define DV     float4
#    define DN     4
#    define DLD    LN_LD4
#    define DST    LN_ST4
#    define DCLAMP ln_clamp4
#elif EIGHT
#    define DV     float8
#    define DN     8
#    define DLD    LN_LD8
#    define DST    LN_ST8
#    define DCLAMP ln_clamp8
#else
#    define DV     ln_v
#    define DN     LN_VW
#    define DLD    LN_LDV
#    define DST    LN_STV
#    define DCLAMP ln_clampv
#endif

/* edge: some columns may lie outside the map, some outputs beyond the row. x: the row of ky = 0
 * at column ix and channel c; y: the row's first output at channel c. */
LN_INLINE void LN_F(block)(const int edge, __global const float *x, int ix, int ky0, int ky1,
                           __global float *arena, __global const float *weights,
                           __global const ln_args *s, int p, int c, int left, int from) {
    int xps = s->xps, cp = ln_pad(s->oc), wd = s->wd;
    __global const float *w = weights + s->w + c;
    DV sum[PX], bias = DLD(weights + s->b + c);
#pragma unroll
    for (int i = 0; i < PX; i++) sum[i] = bias;
    for (int ky = ky0; ky < ky1; ky++) {
        __global const float *row = x + (size_t)ky * s->xrs;
        DV wk[K];
#pragma unroll
        for (int kx = 0; kx < K; kx++) wk[kx] = DLD(w + (ky * K + kx) * cp);
#pragma unroll
        for (int j = 0; j < (PX - 1) * S + K; j++) {
            DV v = (DV)0.0f;
            if (!edge || (ix + j >= 0 && ix + j < wd)) v = DLD(row + j * xps);
#pragma unroll
            for (int kx = 0; kx < K; kx++)
                if (j >= kx && (j - kx) % S == 0 && (j - kx) / S < PX)
                    sum[(j - kx) / S] = ln_fma(v, wk[kx], sum[(j - kx) / S]);
        }
    }
    if ((s->flags & LN_FLAG_CLAMP) && s->res == LN_NO_OFF) {
        float lo = s->lo, hi = s->hi;
        __global float *y = arena + s->y + (size_t)p * s->yps + c;
#pragma unroll
        for (int i = 0; i < PX; i++)
            if (!edge || i < left) DST(y + i * s->yps, DCLAMP(sum[i], lo, hi));
        return;
    }
#if WIDE
#    pragma unroll
    for (int i = 0; i < PX; i++)
        if (i < left) ln_finish4(sum[i], arena, s, p + i, c);
#else
    float buf[PX * DN] __attribute__((aligned(64)));
#    pragma unroll
    for (int i = 0; i < PX; i++) *(DV *)(buf + i * DN) = sum[i];
    int done = from - c;
    ln_finish_block(buf + done, DN, min(PX, left), DN - done, arena, s, p, from);
#endif
}

#define LN_BLOCK(E)                                                                                \
    LN_FUNCTION void LN_F(block_##E)(__global const float *x, int ix, int ky0, int ky1,            \
                                     __global float *arena, __global const float *weights,         \
                                     __global const ln_args *s, int p, int c, int left,            \
                                     int from) {                                                   \
        LN_F(block)(E, x, ix, ky0, ky1, arena, weights, s, p, c, left, from);                      \
    }
LN_BLOCK(0)
LN_BLOCK(1)

/* Outputs [ox, ox+PX) of row oy of image n, the vector at channel c of which lanes before
 * `from` are done already. */
LN_INLINE void LN_F(at)(__global float *arena, __global const float *weights,
                        __global const ln_args *s, int n, int oy, int ox, int c, int from) {
    int iy = oy * S - s->top, ix = ox * S - s->left, left = s->ow - ox;
    int ky0 = max(-iy, 0), ky1 = min(s->h - iy, K), p = (n * s->oh + oy) * s->ow + ox;
    __global const float *x =
        arena + s->x + (size_t)n * s->xns + (long)iy * s->xrs + (long)ix * s->xps + c;
    if (ix >= 0 && ix + (PX - 1) * S + K <= s->wd && left >= PX)
        LN_F(block_0)(x, ix, ky0, ky1, arena, weights, s, p, c, left, from);
    else
        LN_F(block_1)(x, ix, ky0, ky1, arena, weights, s, p, c, left, from);
}

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int cp = ln_pad(s->oc), vectors = (cp + DN - 1) / DN, across = (s->ow + PX - 1) / PX;
#if WIDE
    int at = tile * LN_LOCAL + lid, c = at % vectors * DN, row = at / vectors / across;
    int ox = at / vectors % across * PX;
    if (row < s->n * s->oh) LN_F(at)(arena, weights, s, row / s->oh, row % s->oh, ox, c, c);
#else
    int group = tile % s->t3, chunk = tile / s->t3 % s->t1, n = tile / (s->t1 * s->t3);
    int y0 = ln_cut(s->oh, chunk, s->t1), y1 = ln_cut(s->oh, chunk + 1, s->t1);
    int v0 = vectors * group / s->t3, v1 = vectors * (group + 1) / s->t3;
    for (int oy = y0; oy < y1; oy++)
        for (int b = 0; b < across; b++)
            for (int v = v0; v < v1; v++)
                LN_F(at)(arena, weights, s, n, oy, b * PX, min(v * DN, cp - DN), v * DN);
#endif
}
LN_KERNEL
#undef LN_BLOCK
#undef DV
#undef DN
#undef DLD
#undef DST
#undef DCLAMP
#undef EIGHT
#undef WIDE
#undef PX
#undef S
#undef K
