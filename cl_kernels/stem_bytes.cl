/* The first convolution on a picture's bytes, for processors with wide vectors: K x K, stride S.
 *
 * y[n,oy,ox,o] = post(act(b[o] + sum over ky,kx,i of
 *                (x[n,i, oy*S-top+ky, ox*S-left+kx] - mean[i]) * w[ky,kx,i,o]))
 * where x lies inside the picture; outside nothing is added.
 *
 * x: planar bytes (xcs, xrs), c <= 4; y: NHWC, f32. w: panels of output channels (see ln_panel_at),
 * each [K][K][c][panel width]; behind b [ocp] eight zeros, then mean (LN_PLANE_MEAN).
 * Preconditions: no residual, no gate; a row with its padding has at most ROW columns. Halves
 * become floats at the beginning of a tile: at most MOST output channels.
 *
 * One work-item a group. A tile is one of t1 chunks of an image's rows by one of t3 groups of
 * panels. K rows of the picture at a time lie in `ring` as floats, less the mean and between zeros,
 * so that no tap looks at the border; a register tile is 8 pixels of a row by one panel. */
#ifndef K
#    define K 3 /* kernel */
#endif
#ifndef S
#    define S 2 /* stride */
#endif
#define ROW    1088
#define PLANES 4
#define WIDE   (2 * LN_VW)
#define PX     8
#define MOST   128
#if HALF
#    define SPACE
#    define WLDV(p) (*(const ln_vh *)(p))
#    define WLD8(p) (*(const float8 *)(p))
#else
#    define SPACE __global
#    define WLDV  LN_LDV
#    define WLD8  LN_LD8
#endif

/* Row iy of the picture, less the mean, from column -left on; zeros where there is none. */
LN_INLINE void LN_F(convert)(__global const uchar *x, __global const ln_args *s,
                             __global const LN_T *mean, int iy, int wide, float *row) {
    int inside = iy >= 0 && iy < s->h;
    for (int k = 0; k < s->c; k++, row += ROW) {
        __global const uchar *xk = x + (size_t)k * s->xcs + (long)iy * s->xrs;
        float m = LN_PLANE_MEAN(mean, k);
        int end = inside ? s->left + s->wd : 0, ix = inside ? s->left : 0;
        for (int i = 0; i < ix; i++) row[i] = 0.0f;
        for (; ix + 16 <= end; ix += 16)
            *(ln_f16p *)(row + ix) = convert_float16(vload16(0, xk + ix - s->left)) - m;
        for (; ix < end; ix++) row[ix] = (float)xk[ix - s->left] - m;
        for (; ix < wide; ix++) row[ix] = 0.0f;
    }
}

/* 8 pixels of a row, nv vectors of channels and 8 more when tail is set, constants at each call.
 * x: the ring at the pixels' first column, the row of the first tap being number `turn` of it. */
LN_INLINE void LN_F(block)(const int nv, const int tail, const float *x, __global const ln_args *s,
                           int turn, SPACE const float *w, SPACE const float *b, float *buf) {
    ln_v b0 = (ln_v)0.0f, b1 = b0;
    float8 bt = (float8)0.0f;
    if (nv > 0) b0 = WLDV(b);
    if (nv > 1) b1 = WLDV(b + LN_VW);
    if (tail) bt = WLD8(b + nv * LN_VW);
#define LN_START(i)                                                                                \
    ln_v s##i##0 = b0, s##i##1 = b1;                                                               \
    float8 t##i = bt;
    LN_EACH8(LN_START);
    const int width = nv * LN_VW + tail * 8;
    int c = s->c;
    for (int ky = 0; ky < K; ky++) {
        const float *row = x + (turn + ky) % K * (PLANES * ROW);
        for (int k = 0; k < c; k++, row += ROW) {
            SPACE const float *wk = w + (ky * K * c + k) * width;
#pragma unroll
            for (int kx = 0; kx < K; kx++, wk += c * width) {
                ln_v w0 = (ln_v)0.0f, w1 = w0;
                float8 wt = (float8)0.0f;
                if (nv > 0) w0 = WLDV(wk);
                if (nv > 1) w1 = WLDV(wk + LN_VW);
                if (tail) wt = WLD8(wk + nv * LN_VW);
#define LN_STEP(i)                                                                                 \
    {                                                                                              \
        float v = row[i * S + kx];                                                                 \
        if (nv > 0) s##i##0 = ln_fma((ln_v)v, w0, s##i##0);                                        \
        if (nv > 1) s##i##1 = ln_fma((ln_v)v, w1, s##i##1);                                        \
        if (tail) t##i = ln_fma((float8)v, wt, t##i);                                              \
    }
                LN_EACH8(LN_STEP);
            }
        }
    }
#define LN_RAW(i)                                                                                  \
    if (nv > 0) *(ln_v *)(buf + i * WIDE) = s##i##0;                                               \
    if (nv > 1) *(ln_v *)(buf + i * WIDE + LN_VW) = s##i##1;                                       \
    if (tail) *(float8 *)(buf + i * WIDE + nv * LN_VW) = t##i;
    LN_EACH8(LN_RAW);
}

#define LN_BLOCK(J, H)                                                                             \
    LN_FUNCTION void LN_F(block_##J##_##H)(const float *x, __global const ln_args *s, int turn,    \
                                           SPACE const float *w, SPACE const float *b,             \
                                           float *buf) {                                           \
        LN_F(block)(J, H, x, s, turn, w, b, buf);                                                  \
    }
LN_BLOCK(1, 0)
LN_BLOCK(2, 0)
#if LN_VW > 8
LN_BLOCK(0, 1)
LN_BLOCK(1, 1)
#endif

/* One row of the output and one panel. */
LN_INLINE void LN_F(row)(__global float *arena, __global const float *weights,
                         __global const ln_args *s, const float *ring, SPACE const float *w,
                         SPACE const float *b, int n, int oy, int at, int width) {
    float buf[PX * WIDE] __attribute__((aligned(64)));
    int p = (n * s->oh + oy) * s->ow, turn = oy * S % K;
    for (int ox = 0; ox < s->ow; ox += PX) {
        const float *x = ring + ox * S;
        switch (width) {
#define LN_WIDTH(J, H)                                                                             \
    case J *LN_VW + H * 8: LN_F(block_##J##_##H)(x, s, turn, w, b, buf); break;
            LN_WIDTH(1, 0)
            LN_WIDTH(2, 0)
#if LN_VW > 8
            LN_WIDTH(0, 1)
            LN_WIDTH(1, 1)
#endif
        }
        LN_FINISH_HALVES(buf, WIDE, min(PX, s->ow - ox), width, arena, s, p + ox, at);
    }
}

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int chunk = tile % s->t1, group = tile / s->t1 % s->t3, n = tile / (s->t1 * s->t3);
    int y0 = ln_cut(s->oh, chunk, s->t1), y1 = ln_cut(s->oh, chunk + 1, s->t1);
    int ocp = ln_pad(s->oc), panels = ln_panel_count(ocp, WIDE);
    int wide = ((s->ow + PX - 1) / PX * PX - 1) * S + K;
    __global const uchar *x = LN_XAT(arena, s->x) + (size_t)n * s->xns;
    __global const LN_T *w = LN_AT(weights, s->w), *b = LN_AT(weights, s->b), *mean = b + ocp + 8;
    int taps = K * K * s->c, first = panels * group / s->t3, last = panels * (group + 1) / s->t3;
#if HALF
    float w_room[K * K * PLANES * MOST] __attribute__((aligned(64)));
    float b_room[MOST] __attribute__((aligned(64)));
    int from = ln_panel_at(ocp, WIDE, first), to = ln_panel_at(ocp, WIDE, last);
    for (int i = from * taps; i < to * taps; i += 8) *(float8 *)(w_room + i) = LN_LD8(w + i);
    for (int i = from; i < to; i += 8) *(float8 *)(b_room + i) = LN_LD8(b + i);
    const float *wide_w = w_room, *wide_b = b_room;
#else
    __global const float *wide_w = w, *wide_b = b;
#endif
    float ring[K * PLANES * ROW] __attribute__((aligned(64)));
    for (int oy = y0; oy < y1; oy++) {
        /* row oy*S + ky of the padded picture is number (oy*S + ky) % K of the ring */
        for (int ky = S < K && oy > y0 ? K - S : 0; ky < K; ky++) LN_F(convert)
        (x, s, mean, oy * S + ky - s->top, wide, ring + (oy * S + ky) % K * (PLANES * ROW));
        for (int i = first; i < last; i++) {
            int at = ln_panel_at(ocp, WIDE, i), width = ln_panel_at(ocp, WIDE, i + 1) - at;
            LN_F(row)(arena, weights, s, ring, wide_w + at * taps, wide_b + at, n, oy, at, width);
        }
    }
}
LN_KERNEL
#undef LN_START
#undef LN_STEP
#undef LN_RAW
#undef LN_BLOCK
#undef LN_WIDTH
#undef WIDE
#undef PX
#undef PLANES
#undef ROW
#undef MOST
#undef SPACE
#undef WLDV
#undef WLD8
#undef BYTES
#undef ELEM
#undef K
#undef S
