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
 * taps; where a pixel may see the border, or is beyond the row, each tap is checked.
 *
 * Halves: the rows of x that a strip of columns sees become floats in a ring, each once for a
 * panel, and so do the panel's weights where there is room. A picture is of floats. */
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
#ifndef XF
#    define XF 0
#endif
/* RINGS: x is read from floats of our own: X_ROOM, of the weights W_ROOM. */
#if HALF && !XF
#    define RINGS  1
#    define X_ROOM 32768
#    define TILE   const float *
#    define XLD(p) (*(p))
#else
#    define RINGS 0
#    define TILE  __global const LN_TX *
#    define XLD   LN_XLD1
#endif
#define W_ROOM 20480

/* The float at the first column of row iy. */
#if RINGS
#    define LN_ROW(iy) (x + (iy) % r.slots * r.row)
#else
#    define LN_ROW(iy) (x + (long)(iy)*s->xrs)
#endif
#if HALF
#    define WLDV(at) (wide_w ? *(const ln_vh *)(wide + (at)) : LN_LDV(w + (at)))
#    define WLD8(at) (wide_w ? *(const float8 *)(wide + (at)) : LN_LD8(w + (at)))
#else
#    define WLDV(at) LN_LDV(w + (at))
#    define WLD8(at) LN_LD8(w + (at))
#endif
/* How x is walked: elements from pixel to pixel and channel to channel; of a ring the floats of a
 * row, how many there are, and the column that each begins with. */
typedef struct LN_F(walk) {
    int xps, xcs, row, slots, first;
} LN_F(walk);

/* px pixels of row oy from ox, nv vectors of channels and 8 more when tail is set, all constants
 * at each call. x: the image; w, b, y, res: at the panel (y, res: at the first pixel). edge: the
 * pixels' columns are checked, those beyond `left` are not stored. wide_w: w as floats are in
 * `wide`. */
LN_INLINE void LN_F(block)(const int edge, const int nv, const int tail, const int wide_w, TILE x,
                           LN_F(walk) r, __global const ln_args *s, int oy, int ox,
                           __global const LN_T *w, const float *wide, __global const LN_T *b,
                           TILE zero, __global const LN_T *res, __global LN_T *y, int left,
                           float *buf) {
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
    int wd = s->wd, sw = LN_XSTEP(s), step = sw * r.xps, xcs = r.xcs;
#if !TRANSPOSED
    int stem = !edge && kw == 3 && sw == 2 && s->dw == 1 && r.xps == 1;
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
            TILE xk = LN_ROW(iy) + ox * 2 - s->left;
            size_t wk = (size_t)ky * 3 * c * width;
            int tap = c * width;
            for (int k = 0; k < c; k++, xk += xcs, wk += width) {
                ln_v w00, w01, w10, w11, w20, w21;
                float8 w0t, w1t, w2t;
#    define LN_LOAD(j)                                                                             \
        if (nv > 0) w##j##0 = WLDV(wk + j * tap);                                                  \
        if (nv > 1) w##j##1 = WLDV(wk + j * tap + LN_VW);                                          \
        if (tail) w##j##t = WLD8(wk + j * tap + nv * LN_VW);
                LN_LOAD(0)
                LN_LOAD(1)
                LN_LOAD(2)
#    define LN_TAP(i, j)                                                                           \
        {                                                                                          \
            float v = XLD(xk + i * 2 + j);                                                         \
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
            TILE xk = LN_ROW(iy) + (long)(ix - r.first) * r.xps;
            size_t wk = (size_t)(ky * kw + kx) * c * width;
/* Beyond the border a pixel's taps are read from a zero that stands still. */
#define LN_AIM(i)                                                                                  \
    int ok##i = !edge || (i < left && ix + i * sw >= 0 && ix + i * sw < wd);                       \
    TILE x##i = ok##i ? xk + i * step : zero;                                                      \
    long d##i = ok##i ? xcs : 0;
#define LN_STEP(i)                                                                                 \
    {                                                                                              \
        float v = XLD(edge ? x##i : xk + i * step);                                                \
        x##i += d##i;                                                                              \
        if (nv > 0) s##i##0 = ln_fma((ln_v)v, w0, s##i##0);                                        \
        if (nv > 1) s##i##1 = ln_fma((ln_v)v, w1, s##i##1);                                        \
        if (tail) t##i = ln_fma((float8)v, wt, t##i);                                              \
    }
            LN_EACH8(LN_AIM);
            for (int k = 0; k < c; k++) {
                ln_v w0, w1;
                float8 wt;
                if (nv > 0) w0 = WLDV(wk);
                if (nv > 1) w1 = WLDV(wk + LN_VW);
                if (tail) wt = WLD8(wk + nv * LN_VW);
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
#if HALF
    if (s->flags & LN_FLAG_Y_FLOAT) { /* y is of floats then, and there is no residual */
#    define LN_STORE_FLOATS(i)                                                                     \
        if (!edge || i < left) {                                                                   \
            __global float *o = (__global float *)y + i * yps;                                     \
            if (nv > 0) *(__global ln_vh *)o = ln_clampv(s##i##0, lo, hi);                         \
            if (nv > 1) *(__global ln_vh *)(o + LN_VW) = ln_clampv(s##i##1, lo, hi);               \
            if (tail) *(__global float8 *)(o + nv * LN_VW) = ln_clamp8(t##i, lo, hi);              \
        }
        LN_EACH8(LN_STORE_FLOATS);
        return;
    }
#endif
#define LN_STORE(i)                                                                                \
    if (!edge || i < left) {                                                                       \
        __global LN_T *o = y + i * yps;                                                            \
        s##i##0 = ln_clampv(s##i##0, lo, hi), s##i##1 = ln_clampv(s##i##1, lo, hi);                \
        t##i = ln_clamp8(t##i, lo, hi);                                                            \
        if (res) {                                                                                 \
            __global const LN_T *from = res + i * rps;                                             \
            if (nv > 0) s##i##0 = ln_clampv(s##i##0 + LN_LDV(from), plo, phi);                     \
            if (nv > 1) s##i##1 = ln_clampv(s##i##1 + LN_LDV(from + LN_VW), plo, phi);             \
            if (tail) t##i = ln_clamp8(t##i + LN_LD8(from + nv * LN_VW), plo, phi);                \
        }                                                                                          \
        if (nv > 0) LN_STV(o, s##i##0);                                                            \
        if (nv > 1) LN_STV(o + LN_VW, s##i##1);                                                    \
        if (tail) LN_ST8(o + nv * LN_VW, t##i);                                                    \
    }
    LN_EACH8(LN_STORE);
}

#define LN_BLOCK(E, J, H, F)                                                                       \
    LN_FUNCTION void LN_F(block_##E##_##J##_##H##_##F)(                                            \
        TILE x, const LN_F(walk) * r, __global const ln_args *s, int oy, int ox,                   \
        __global const LN_T *w, const float *wide, __global const LN_T *b, TILE zero,              \
        __global const LN_T *res, __global LN_T *y, int left, float *buf) {                        \
        LN_F(block)(E, J, H, F, x, *r, s, oy, ox, w, wide, b, zero, res, y, left, buf);            \
    }
#define LN_BOTH(J, H, F) LN_BLOCK(0, J, H, F) LN_BLOCK(1, J, H, F)
#if HALF
#    define LN_BLOCKS(J, H) LN_BOTH(J, H, 0) LN_BOTH(J, H, 1)
#else
#    define LN_BLOCKS(J, H) LN_BOTH(J, H, 0)
#endif
LN_BLOCKS(1, 0)
LN_BLOCKS(2, 0)
#if LN_VW > 8
LN_BLOCKS(0, 1)
LN_BLOCKS(1, 1)
#endif

/* A tile of one row and one panel, its first pixel at column ox. wide: its weights as floats, if
 * these are there. */
LN_INLINE void LN_F(part)(__global float *arena, __global const float *weights,
                          __global const ln_args *s, int n, int oy, int ox, int at, int width,
                          TILE x, const LN_F(walk) * r, const float *wide) {
    __global const LN_T *w = LN_AT(weights, s->w) + (size_t)at * s->kh * s->kw * s->c;
    __global const LN_T *b = LN_AT(weights, s->b) + at;
#if RINGS
    const float nothing = 0.0f, *zero = &nothing;
#else
    TILE zero = (TILE)(LN_AT(weights, s->b) + ln_pad(s->oc));
#endif
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
    if (LN_Y_FLOATS(s)) y = (__global LN_T *)(arena + s->y + (size_t)p * s->yps + at);
    __global const LN_T *res =
        s->res != LN_NO_OFF ? LN_AT(arena, s->res) + (size_t)p * s->rps + at : (__global LN_T *)0;
#define LN_CALL(E, J, H, F)                                                                        \
    LN_F(block_##E##_##J##_##H##_##F)(x, r, s, oy, ox, w, wide, b, zero, res, y, left, buf)
#if HALF
#    define LN_CALLS(E, J, H)                                                                      \
        do {                                                                                       \
            if (wide)                                                                              \
                LN_CALL(E, J, H, 1);                                                               \
            else                                                                                   \
                LN_CALL(E, J, H, 0);                                                               \
        } while (0)
#else
#    define LN_CALLS(E, J, H) LN_CALL(E, J, H, 0)
#endif
#define LN_WIDTH(J, H)                                                                             \
    case J *LN_VW + H * 8:                                                                         \
        if (inside)                                                                                \
            LN_CALLS(0, J, H);                                                                     \
        else                                                                                       \
            LN_CALLS(1, J, H);                                                                     \
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
    LN_FINISH_HALVES(buf, WIDE, min(PX, left), width, arena, s, p, at);
#endif
}

#if RINGS
/* Row iy of image n, `columns` pixels from r->first on, as floats. */
LN_FUNCTION void LN_F(widen_row)(__global const float *arena, __global const ln_args *s, int n,
                                 int iy, int columns, const LN_F(walk) * r, float *ring) {
    float *to = ring + iy % r->slots * r->row;
    long from = (long)n * s->xns + (long)iy * s->xrs + (long)r->first * s->xps;
    for (int i = 0; i < columns; i++, from += s->xps, to += r->xps)
        for (int k = 0; k < r->xps; k += 8)
            *(float8 *)(to + k) = s->flags & LN_FLAG_X_FLOAT
                                      ? *(__global const float8 *)(arena + s->x + from + k)
                                      : LN_LD8(LN_AT(arena, s->x) + from + k);
}

/* Rows [y0,y1) of a panel: strips of columns, as wide as the ring has room for. */
LN_INLINE void LN_F(rows)(__global float *arena, __global const float *weights,
                          __global const ln_args *s, int n, int y0, int y1, int at, int width,
                          const float *wide) {
    float ring[X_ROOM] __attribute__((aligned(64)));
    LN_F(walk) r = {.xps = ln_pad(s->c), .xcs = 1, .slots = (s->kh - 1) * s->dh + 1};
    int reach = (s->kw - 1) * s->dw + 1, room = X_ROOM / (r.slots * r.xps); /* columns */
    int strip = max((room - reach) / s->sw + 1, PX) & -PX;
    r.row = ((strip - 1) * s->sw + reach) * r.xps;
    for (int x0 = 0; x0 < s->ow; x0 += strip) {
        int x1 = min(x0 + strip, s->ow), made = -1; /* the last row in the ring */
        r.first = max(x0 * s->sw - s->left, 0);
        int columns = min((x1 - 1) * s->sw - s->left + reach, s->wd) - r.first;
        for (int oy = y0; oy < y1; oy++) {
            int top = oy * s->sh - s->top, iy = max(max(top, made + 1), 0);
            for (; iy < min(top + r.slots, s->h); iy++) {
                LN_F(widen_row)(arena, s, n, iy, columns, &r, ring);
                made = iy;
            }
            for (int ox = x0; ox < x1; ox += PX)
                LN_F(part)(arena, weights, s, n, oy, ox, at, width, ring, &r, wide);
        }
    }
}
#else
LN_INLINE void LN_F(rows)(__global float *arena, __global const float *weights,
                          __global const ln_args *s, int n, int y0, int y1, int at, int width,
                          const float *wide) {
    TILE x = LN_XAT(arena, s->x) + (size_t)n * s->xns;
    LN_F(walk) r = {.xps = s->xps, .xcs = s->xcs};
    int apart = LN_YSTEP(s);
    for (int oy = y0; oy < y1; oy++)
        for (int first = 0; first < apart; first++)
            for (int ox = first; ox < s->ow; ox += PX * apart)
                LN_F(part)(arena, weights, s, n, oy, ox, at, width, x, &r, wide);
}
#endif

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int chunk = tile % s->t1, group = tile / s->t1 % s->t3, n = tile / (s->t1 * s->t3);
    int y0 = ln_cut(s->oh, chunk, s->t1), y1 = ln_cut(s->oh, chunk + 1, s->t1);
    int ocp = ln_pad(s->oc), panels = ln_panel_count(ocp, WIDE);
    for (int i = panels * group / s->t3; i < panels * (group + 1) / s->t3; i++) {
        int at = ln_panel_at(ocp, WIDE, i), width = ln_panel_at(ocp, WIDE, i + 1) - at;
        const float *wide = 0;
#if HALF
        float room[W_ROOM + LN_VW] __attribute__((aligned(64)));
        int count = s->kh * s->kw * s->c * width;
        for (int k = 0; k < count && count <= W_ROOM; k += 8)
            *(float8 *)(room + k) = LN_LD8(LN_AT(weights, s->w) + (size_t)at * (count / width) + k);
        if (count <= W_ROOM) wide = room;
#endif
        LN_F(rows)(arena, weights, s, n, y0, y1, at, width, wide);
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
#undef LN_STORE_FLOATS
#undef LN_ROW
#undef LN_BOTH
#undef LN_CALL
#undef LN_CALLS
#undef RINGS
#undef X_ROOM
#undef W_ROOM
#undef TILE
#undef XLD
#undef WLDV
#undef WLD8
#undef LN_BLOCK
#undef LN_BLOCKS
#undef LN_WIDTH
#undef WIDE
#undef TRANSPOSED
#undef LN_XSTEP
#undef LN_YSTEP
#undef PX
#undef NV
