/* Dense convolution, any window, stride, dilation and padding, for processors with wide vectors
 * and caches: the stem, which reads the caller's planar picture, and k x k layers.
 *
 * y[n,oy,ox,o] = post(act(b[o] + sum over ky,kx,i of
 *                x[n, oy*sh-top+ky*dh, ox*sw-left+kx*dw, i] * w[ky,kx,i,o]) + res[n,oy,ox,o])
 *
 * x: NHWC or planar (xcs, xps); y, res: NHWC. w: panels of output channels (see ln_panel_at),
 * each [kh][kw][c][panel width]; b [ocp], a zero behind it. f32.
 * Preconditions: groups 1, no gate.
 *
 * TRANSPOSED: iy = (oy + top - ky*dh) / sh and ix = (ox + left - kx*dw) / sw, where these are
 * whole; no residual. Columns that are sw apart read neighbours by the same taps: such make a tile.
 *
 * One work-item a group. A tile is one of t1 chunks of an image's rows by one of t3 groups of
 * panels. Inside it a register tile of 8 pixels of a row by one panel keeps its sums over all
 * taps; where a pixel may see the border, or is beyond the row, each tap is checked. */
#ifndef NV
#    define NV 2 /* vectors of LN_VW channels in a panel */
#endif
#ifndef TRANSPOSED
#    define TRANSPOSED 0 /* 1: transposed convolution */
#endif
#if TRANSPOSED
#    define LN_XSTEP(s) 1 /* columns of the input, of the output, between pixels of a tile */
#    define LN_YSTEP(s) ((s)->sw)
#else
#    define LN_XSTEP(s) ((s)->sw)
#    define LN_YSTEP(s) 1
#endif
#define WIDE (NV * LN_VW)
#define PX   8

/* px pixels of row oy from ox, nv vectors of channels and 8 more when tail is set, all constants
 * at each call. x: the image; w, b, y, res: at the panel (y, res: at the first pixel). edge: the
 * pixels' columns are checked, those beyond `left` are not stored. */
LN_INLINE void LN_F(block)(const int edge, const int nv, const int tail, __global const LN_TX *x,
                           __global const ln_args *s, int oy, int ox, __global const LN_T *w,
                           __global const LN_T *b, __global const LN_TX *zero,
                           __global const LN_T *res, __global LN_T *y, int left, float *buf) {
    ln_v b0 = (ln_v)0.0f, b1 = b0;
    float8 bt = (float8)0.0f;
    if (nv > 0) b0 = LN_LDV(b);
    if (nv > 1) b1 = LN_LDV(b + LN_VW);
    if (tail) bt = LN_LD8(b + nv * LN_VW);
#define LN_START(i)                                                                                \
    ln_v s##i##0 = b0, s##i##1 = b1;                                                               \
    float8 t##i = bt;
    LN_EACH8(LN_START);
    const int width = nv * LN_VW + tail * 8;
    int c = s->c, kw = s->kw;
    int wd = s->wd, sw = LN_XSTEP(s), step = sw * s->xps, xcs = s->xcs;
#if !TRANSPOSED
    int stem = !edge && kw == 3 && sw == 2 && s->dw == 1 && s->xps == 1;
#endif
    for (int ky = 0; ky < s->kh; ky++) {
#if TRANSPOSED
        int ty = oy + s->top - ky * s->dh, iy = ty / s->sh;
        if (ty < 0 || iy >= s->h || iy * s->sh != ty) continue;
#else
        int iy = oy * s->sh - s->top + ky * s->dh;
        if (iy < 0 || iy >= s->h) continue;
#endif
#if !TRANSPOSED
        if (stem) { /* a row of a plane at a time: what two pixels see is read once */
            __global const LN_TX *xk = x + (long)iy * s->xrs + ox * 2 - s->left;
            __global const LN_T *wk = w + (size_t)ky * 3 * c * width;
            int tap = c * width;
            for (int k = 0; k < c; k++, xk += xcs, wk += width) {
                ln_v w00, w01, w10, w11, w20, w21;
                float8 w0t, w1t, w2t;
#    define LN_LOAD(j)                                                                             \
        if (nv > 0) w##j##0 = LN_LDV(wk + j * tap);                                                \
        if (nv > 1) w##j##1 = LN_LDV(wk + j * tap + LN_VW);                                        \
        if (tail) w##j##t = LN_LD8(wk + j * tap + nv * LN_VW);
                LN_LOAD(0)
                LN_LOAD(1)
                LN_LOAD(2)
#    define LN_TAP(i, j)                                                                           \
        {                                                                                          \
            float v = LN_XLD1(xk + i * 2 + j);                                                     \
            if (nv > 0) s##i##0 = ln_fma((ln_v)v, w##j##0, s##i##0);                               \
            if (nv > 1) s##i##1 = ln_fma((ln_v)v, w##j##1, s##i##1);                               \
            if (tail) t##i = ln_fma((float8)v, w##j##t, t##i);                                     \
        }
#    define LN_TAPS(i) LN_TAP(i, 0) LN_TAP(i, 1) LN_TAP(i, 2)
                LN_EACH8(LN_TAPS)
            }
            continue;
        }
#endif
        for (int kx = 0; kx < kw; kx++) {
#if TRANSPOSED
            int tx = ox + s->left - kx * s->dw, ix = tx / s->sw;
            if (ix * s->sw != tx) continue;
#else
            int ix = ox * sw - s->left + kx * s->dw;
#endif
            __global const LN_TX *xk = x + (long)iy * s->xrs + (long)ix * s->xps;
            __global const LN_T *wk = w + (size_t)(ky * kw + kx) * c * width;
/* Beyond the border a pixel's taps are read from a zero that stands still. */
#define LN_AIM(i)                                                                                  \
    int ok##i = !edge || (i < left && ix + i * sw >= 0 && ix + i * sw < wd);                       \
    __global const LN_TX *x##i = ok##i ? xk + i * step : zero;                                     \
    long d##i = ok##i ? xcs : 0;
#define LN_STEP(i)                                                                                 \
    {                                                                                              \
        float v = LN_XLD1(edge ? x##i : xk + i * step);                                            \
        x##i += d##i;                                                                              \
        if (nv > 0) s##i##0 = ln_fma((ln_v)v, w0, s##i##0);                                        \
        if (nv > 1) s##i##1 = ln_fma((ln_v)v, w1, s##i##1);                                        \
        if (tail) t##i = ln_fma((float8)v, wt, t##i);                                              \
    }
            LN_EACH8(LN_AIM);
            for (int k = 0; k < c; k++) {
                ln_v w0, w1;
                float8 wt;
                if (nv > 0) w0 = LN_LDV(wk);
                if (nv > 1) w1 = LN_LDV(wk + LN_VW);
                if (tail) wt = LN_LD8(wk + nv * LN_VW);
                LN_EACH8(LN_STEP);
                wk += width;
                xk += xcs;
            }
        }
    }
    if (!(s->flags & LN_FLAG_CLAMP)) {
#define LN_RAW(i)                                                                                  \
    if (nv > 0) *(ln_v *)(buf + i * WIDE) = s##i##0;                                               \
    if (nv > 1) *(ln_v *)(buf + i * WIDE + LN_VW) = s##i##1;                                       \
    if (tail) *(float8 *)(buf + i * WIDE + nv * LN_VW) = t##i;
        LN_EACH8(LN_RAW);
        return;
    }
    float lo = s->lo, hi = s->hi, plo = s->plo, phi = s->phi;
    int yps = s->yps * LN_YSTEP(s), rps = s->rps;
#define LN_STORE(i)                                                                                \
    if (!edge || i < left) {                                                                       \
        __global LN_T *o = y + i * yps;                                                            \
        s##i##0 = ln_clampv(s##i##0, lo, hi), s##i##1 = ln_clampv(s##i##1, lo, hi);                \
        t##i = ln_clamp8(t##i, lo, hi);                                                            \
        if (res) {                                                                                 \
            __global const LN_T *r = res + i * rps;                                                \
            if (nv > 0) s##i##0 = ln_clampv(s##i##0 + LN_LDV(r), plo, phi);                        \
            if (nv > 1) s##i##1 = ln_clampv(s##i##1 + LN_LDV(r + LN_VW), plo, phi);                \
            if (tail) t##i = ln_clamp8(t##i + LN_LD8(r + nv * LN_VW), plo, phi);                   \
        }                                                                                          \
        if (nv > 0) LN_STV(o, s##i##0);                                                            \
        if (nv > 1) LN_STV(o + LN_VW, s##i##1);                                                    \
        if (tail) LN_ST8(o + nv * LN_VW, t##i);                                                    \
    }
    LN_EACH8(LN_STORE);
}

#define LN_BLOCK(E, J, H)                                                                          \
    LN_FUNCTION void LN_F(block_##E##_##J##_##H)(                                                  \
        __global const LN_TX *x, __global const ln_args *s, int oy, int ox,                        \
        __global const LN_T *w, __global const LN_T *b, __global const LN_TX *zero,                \
        __global const LN_T *res, __global LN_T *y, int left, float *buf) {                        \
        LN_F(block)(E, J, H, x, s, oy, ox, w, b, zero, res, y, left, buf);                         \
    }
#define LN_BLOCKS(J, H) LN_BLOCK(0, J, H) LN_BLOCK(1, J, H)
LN_BLOCKS(1, 0)
LN_BLOCKS(2, 0)
#if LN_VW > 8
LN_BLOCKS(0, 1)
LN_BLOCKS(1, 1)
#endif

/* A tile of one row and one panel, its first pixel at column ox. */
LN_INLINE void LN_F(part)(__global float *arena, __global const float *weights,
                          __global const ln_args *s, int n, int oy, int ox, int at, int width) {
    __global const LN_TX *x = LN_XAT(arena, s->x) + (size_t)n * s->xns;
    __global const LN_T *w = LN_AT(weights, s->w) + (size_t)at * s->kh * s->kw * s->c;
    __global const LN_T *b = LN_AT(weights, s->b) + at;
    __global const LN_TX *zero = (__global const LN_TX *)(LN_AT(weights, s->b) + ln_pad(s->oc));
    float buf[PX * WIDE] __attribute__((aligned(64)));
    int apart = LN_YSTEP(s), p = (n * s->oh + oy) * s->ow + ox, reach = (s->kw - 1) * s->dw;
    int left = (s->ow - ox + apart - 1) / apart;
#if TRANSPOSED
    int tx = ox + s->left;
    int inside = left >= PX && tx >= reach && tx / s->sw + PX - 1 < s->wd;
#else
    int ix = ox * s->sw - s->left;
    int inside = left >= PX && ix >= 0 && ix + (PX - 1) * s->sw + reach < s->wd;
#endif
    __global LN_T *y = LN_AT(arena, s->y) + (size_t)p * s->yps + at;
    __global const LN_T *res =
        s->res != LN_NO_OFF ? LN_AT(arena, s->res) + (size_t)p * s->rps + at : (__global LN_T *)0;
#define LN_WIDTH(J, H)                                                                             \
    case J *LN_VW + H * 8:                                                                         \
        if (inside)                                                                                \
            LN_F(block_0_##J##_##H)(x, s, oy, ox, w, b, zero, res, y, left, buf);                  \
        else                                                                                       \
            LN_F(block_1_##J##_##H)(x, s, oy, ox, w, b, zero, res, y, left, buf);                  \
        break;
    switch (width) {
        LN_WIDTH(1, 0)
        LN_WIDTH(2, 0)
#if LN_VW > 8
        LN_WIDTH(0, 1)
        LN_WIDTH(1, 1)
#endif
    }
    if (s->flags & LN_FLAG_CLAMP) return;
#if TRANSPOSED
    for (int i = 0; i < min(PX, left); i++)
        ln_finish_block(buf + i * WIDE, WIDE, 1, width, arena, s, p + i * apart, at);
#else
    ln_finish_block(buf, WIDE, min(PX, left), width, arena, s, p, at);
#endif
}

LN_INLINE void LN_F(row)(__global float *arena, __global const float *weights,
                         __global const ln_args *s, int n, int oy, int at, int width) {
    int apart = LN_YSTEP(s);
    for (int first = 0; first < apart; first++)
        for (int ox = first; ox < s->ow; ox += PX * apart)
            LN_F(part)(arena, weights, s, n, oy, ox, at, width);
}

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int chunk = tile % s->t1, group = tile / s->t1 % s->t3, n = tile / (s->t1 * s->t3);
    int y0 = ln_cut(s->oh, chunk, s->t1), y1 = ln_cut(s->oh, chunk + 1, s->t1);
    int ocp = ln_pad(s->oc), panels = ln_panel_count(ocp, WIDE);
    for (int i = panels * group / s->t3; i < panels * (group + 1) / s->t3; i++) {
        int at = ln_panel_at(ocp, WIDE, i), width = ln_panel_at(ocp, WIDE, i + 1) - at;
        for (int oy = y0; oy < y1; oy++) LN_F(row)(arena, weights, s, n, oy, at, width);
    }
}
LN_KERNEL
#undef LN_START
#undef LN_AIM
#undef LN_LOAD
#undef LN_TAP
#undef LN_TAPS
#undef LN_STEP
#undef LN_RAW
#undef LN_STORE
#undef LN_BLOCK
#undef LN_BLOCKS
#undef LN_WIDTH
#undef WIDE
#undef TRANSPOSED
#undef LN_XSTEP
#undef LN_YSTEP
#undef PX
#undef NV
