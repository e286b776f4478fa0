/* Depthwise convolution with a K x K window, stride S both ways, dilation 1, for processors.
 *
 * y[n,oy,ox,c] = post(act(b[c] + sum over ky,kx of
 *                x[n, oy*S-top+ky, ox*S-left+kx, c] * w[ky,kx,c]) + res[n,oy,ox,c])
 *
 * x, y, res: NHWC; w [K][K][cp], b [cp], zeros [cp], cp = c rounded up to LN_CPAD. f32.
 * Preconditions: kh = kw = K, sh = sw = S, groups = c = oc, no gate, cp at least one vector.
 *
 * One work-item a group. A row of outputs is cut into blocks of at most 8 as even as can be; a
 * block goes through its vectors of channels, the last of which may overlap the one before it.
 * Each input column is loaded once for each ky and used by all outputs that see it. A block at the
 * border has a table of where its inputs lie, those beyond the map among the zeros.
 * A tile: output rows (t1 chunks an image) by channel vectors (t3 groups); neighbouring tiles have
 * the same rows, as those of a pointwise do. Inside it t2 vectors go down the rows together, so few
 * that the rows they share stay in the nearest cache. */
#ifndef K
#    define K 3 /* window */
#endif
#ifndef S
#    define S 1 /* stride */
#endif
#ifndef EIGHT
#    define EIGHT 0 /* vectors of 8 where the device has 16: maps of 8 channels */
#endif
#if EIGHT
#    define DV     float8
#    define DVU    float8
#    define DN     8
#    define DLD    LN_LD8
#    define DST    LN_ST8
#    define DCLAMP ln_clamp8
#else
#    define DV     ln_v
#    define DVU    ln_vh
#    define DN     LN_VW
#    define DLD    LN_LDV
#    define DST    LN_STV
#    define DCLAMP ln_clampv
#endif
#ifndef MOST
#    define MOST 8 /* vectors that go down the rows together */
#endif
#define DRAW(p, v) (*(DVU *)(p) = (v))
#define PX         8 /* outputs of a block: PX, PX - 1, or fewer of PX - 1 */

LN_INLINE void LN_F(block)(const int px, const int edge, __global float *arena,
                           __global const float *weights, __global const ln_args *s, int n, int oy,
                           int ox, int count, int v0, int v1) {
    const int columns = (px - 1) * S + K;
    int iy = oy * S - s->top, ix = ox * S - s->left, p = (n * s->oh + oy) * s->ow + ox;
    int cp = ln_pad(s->oc), xps = s->xps, xrs = s->xrs, ky0 = 0, ky1 = K;
    __global const LN_T *x =
        LN_AT(arena, s->x) + (size_t)n * s->xns + (long)iy * xrs + (long)ix * xps;
    __global const LN_T *table[K * ((PX - 1) * S + K)];
    if (edge) {
        __global const LN_T *zeros = LN_AT(weights, s->b) + cp;
        ky0 = max(-iy, 0), ky1 = min(s->h - iy, K);
        for (int ky = ky0; ky < ky1; ky++)
            for (int j = 0; j < columns; j++)
                table[ky * columns + j] =
                    ix + j >= 0 && ix + j < s->wd ? x + (long)ky * xrs + (long)j * xps : zeros;
    }
    float lo = s->lo, hi = s->hi;
    bool quick = (s->flags & LN_FLAG_CLAMP) && s->res == LN_NO_OFF;
    float buf[PX * MOST * DN] __attribute__((aligned(64)));
    int c0 = min(v0 * DN, cp - DN);
    for (int v = v0; v < v1; v++) {
        int c = min(v * DN, cp - DN);
        __global const LN_T *w = LN_AT(weights, s->w) + c;
        DV sum[PX], bias = DLD(LN_AT(weights, s->b) + c);
#pragma unroll
        for (int i = 0; i < px; i++) sum[i] = bias;
        for (int ky = ky0; ky < ky1; ky++) {
            DV wk[K];
#pragma unroll
            for (int kx = 0; kx < K; kx++) wk[kx] = DLD(w + (ky * K + kx) * cp);
#pragma unroll
            for (int j = 0; j < columns; j++) {
                DV u = DLD((edge ? table[ky * columns + j] : x + ky * xrs + j * xps) + c);
#pragma unroll
                for (int kx = 0; kx < K; kx++)
                    if (j >= kx && (j - kx) % S == 0 && (j - kx) / S < px)
                        sum[(j - kx) / S] = ln_fma(u, wk[kx], sum[(j - kx) / S]);
            }
        }
        if (quick) {
            __global LN_T *y = LN_AT(arena, s->y) + (size_t)p * s->yps + c;
#pragma unroll
            for (int i = 0; i < px; i++)
                if (!edge || i < count) DST(y + i * s->yps, DCLAMP(sum[i], lo, hi));
        } else {
#pragma unroll
            for (int i = 0; i < px; i++) DRAW(buf + i * (MOST * DN) + c - c0, sum[i]);
        }
    }
    if (!quick) ln_finish_block(buf, MOST * DN, count, min(v1 * DN, cp) - c0, arena, s, p, c0);
}

#define LN_BLOCK(P, E)                                                                             \
    LN_FUNCTION void LN_F(block_##P##_##E)(__global float *arena, __global const float *weights,   \
                                           __global const ln_args *s, int n, int oy, int ox,       \
                                           int count, int v0, int v1) {                            \
        LN_F(block)(P, E, arena, weights, s, n, oy, ox, count, v0, v1);                            \
    }
LN_BLOCK(8, 0)
LN_BLOCK(8, 1)
LN_BLOCK(7, 0)
LN_BLOCK(7, 1)

/* Outputs [ox, ox + count) of a row. */
LN_INLINE void LN_F(at)(__global float *arena, __global const float *weights,
                        __global const ln_args *s, int n, int oy, int ox, int count, int v0,
                        int v1) {
    int iy = oy * S - s->top, ix = ox * S - s->left;
    int inside = iy >= 0 && iy + K <= s->h && ix >= 0 && ix + (count - 1) * S + K <= s->wd;
#define LN_CALL(P, E) LN_F(block_##P##_##E)(arena, weights, s, n, oy, ox, count, v0, v1)
    if (count == PX && inside)
        LN_CALL(8, 0);
    else if (count == PX)
        LN_CALL(8, 1);
    else if (count == PX - 1 && inside)
        LN_CALL(7, 0);
    else
        LN_CALL(7, 1);
}

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int cp = ln_pad(s->oc), vectors = (cp + DN - 1) / DN, across = (s->ow + PX - 1) / PX;
    int group = tile % s->t3, chunk = tile / s->t3 % s->t1, n = tile / (s->t1 * s->t3);
    int y0 = ln_cut(s->oh, chunk, s->t1), y1 = ln_cut(s->oh, chunk + 1, s->t1);
    int v0 = vectors * group / s->t3, v1 = vectors * (group + 1) / s->t3;
    for (int v = v0; v < v1; v += s->t2)
        for (int oy = y0; oy < y1; oy++)
            for (int b = 0; b < across; b++) {
                int ox = ln_cut(s->ow, b, across), count = ln_cut(s->ow, b + 1, across) - ox;
                LN_F(at)(arena, weights, s, n, oy, ox, count, v, min(v + s->t2, v1));
            }
}
LN_KERNEL
#undef LN_BLOCK
#undef LN_CALL
#undef PX
#undef EIGHT
#undef DV
#undef DVU
#undef DRAW
#undef MOST
#undef DN
#undef DLD
#undef DST
#undef DCLAMP
#undef S
#undef K
