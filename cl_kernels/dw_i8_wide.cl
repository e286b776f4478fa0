/* Depthwise convolution of bytes with a K x K window, stride S both ways, dilation 1, for devices
 * that make many work-items.
 *
 * y[n,oy,ox,c] = rescale(b[c] + sum over ky,kx of
 *                (x[n, oy*S-top+ky, ox*S-left+kx, c] - xz) * (w[ky,kx,c] - wz), c)
 *
 * x, y: NHWC, i8; w [K][K][cp] i8, b [cp] i32, behind it mul i32 and unit f32 [cp], cp = c rounded
 * up to LN_CPAD. Preconditions: kh = kw = K, sh = sw = S, groups = c = oc.
 *
 * A work-item makes a block: PX outputs of a row by eight channels, blocks of neighbouring channels
 * side by side. Differences are shorts, products and sums ints. Each input column is loaded once
 * for each ky and used by all outputs that see it. */
#ifndef K
#    define K 3 /* window */
#endif
#ifndef S
#    define S 1 /* stride */
#endif
#ifndef PX
#    define PX 2 /* outputs of a block */
#endif

/* edge: some columns may lie outside the map, some outputs beyond the row. x: the row of ky = 0 at
 * column ix and channel c; y: the row's first output at channel c. */
LN_INLINE void LN_F(block)(const int edge, __global const char *x, int ix, int ky0, int ky1,
                           __global float *arena, __global const float *weights,
                           __global const ln_args *s, int p, int c, int left) {
    int xps = s->xps, cp = ln_pad(s->oc), wd = s->wd;
    __global const char *w = LN_BYTES(weights, s->w) + c;
    __global const float *b = weights + s->b + c;
    short8 xz = (short8)(short)s->xz, wz = (short8)(short)s->wz;
    int8 sum[PX], bias = as_int8(LN_LD8_float(b));
#pragma unroll
    for (int i = 0; i < PX; i++) sum[i] = bias;
    for (int ky = ky0; ky < ky1; ky++) {
        __global const char *row = x + (size_t)ky * s->xrs;
        short8 wk[K];
#pragma unroll
        for (int kx = 0; kx < K; kx++)
            wk[kx] = convert_short8(LN_LDB8(w + (ky * K + kx) * cp)) - wz;
#pragma unroll
        for (int j = 0; j < (PX - 1) * S + K; j++) {
            short8 v = (short8)0;
            if (!edge || (ix + j >= 0 && ix + j < wd))
                v = convert_short8(LN_LDB8(row + j * xps)) - xz;
#pragma unroll
            for (int kx = 0; kx < K; kx++)
                if (j >= kx && (j - kx) % S == 0 && (j - kx) / S < PX)
                    sum[(j - kx) / S] += convert_int8(v) * convert_int8(wk[kx]);
        }
    }
    int8 mul = as_int8(LN_LD8_float(b + cp));
    float8 unit = LN_LD8_float(b + 2 * cp);
    __global char *y = LN_BYTES(arena, s->y) + (size_t)p * s->yps + c;
#pragma unroll
    for (int i = 0; i < PX; i++)
        if (!edge || i < left)
            LN_STB8(y + i * s->yps, ln_mask_i8(ln_rescale8(sum[i], mul, unit, s), c, s->oc));
}

#define LN_BLOCK(E)                                                                                \
    LN_FUNCTION void LN_F(block_##E)(__global const char *x, int ix, int ky0, int ky1,             \
                                     __global float *arena, __global const float *weights,         \
                                     __global const ln_args *s, int p, int c, int left) {          \
        LN_F(block)(E, x, ix, ky0, ky1, arena, weights, s, p, c, left);                            \
    }
LN_BLOCK(0)
LN_BLOCK(1)

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int vectors = ln_pad(s->oc) / 8, across = (s->ow + PX - 1) / PX;
    int at = tile * LN_LOCAL + lid, c = at % vectors * 8, row = at / vectors / across;
    int ox = at / vectors % across * PX, n = row / s->oh, oy = row - n * s->oh;
    if (n >= s->n) return;
    int iy = oy * S - s->top, ix = ox * S - s->left, left = s->ow - ox;
    int ky0 = max(-iy, 0), ky1 = min(s->h - iy, K), p = row * s->ow + ox;
    __global const char *x =
        LN_BYTES(arena, s->x) + (size_t)n * s->xns + (long)iy * s->xrs + (long)ix * s->xps + c;
    if (ix >= 0 && ix + (PX - 1) * S + K <= s->wd && left >= PX)
        LN_F(block_0)(x, ix, ky0, ky1, arena, weights, s, p, c, left);
    else
        LN_F(block_1)(x, ix, ky0, ky1, arena, weights, s, p, c, left);
}
LN_KERNEL
#undef LN_BLOCK
#undef PX
#undef S
#undef K
#undef ELEM
