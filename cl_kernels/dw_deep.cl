/* Depthwise convolution with a K x K window, stride S both ways, dilation 1, for processors.
 *
 * y[n,oy,ox,c] = post(act(b[c] + sum over ky,kx of
 *                x[n, oy*S-top+ky, ox*S-left+kx, c] * w[ky,kx,c]) + res[n,oy,ox,c])
 *
 * x, y, res: NHWC; w [vector][K][K][lanes], b [cp], cp = c rounded up to LN_CPAD. f32.
 * Preconditions: kh = kw = K, sh = sw = S, groups = c = oc, no gate, cp at least one vector.
 *
 * One work-item a group. A tile: output rows (t1 chunks an image) by channel vectors (t3 groups);
 * neighbouring tiles have the same rows, as those of a pointwise do. Inside it a strip of columns
 * by one vector goes down the rows: each input row is loaded once and added to the sums of all
 * output rows that see it, which stay in registers. The last strip and the last vector may overlap
 * the one before; what they share is finished once, for it may lie where the residual did. */
#ifndef K
#    define K 3 /* window */
#endif
#ifndef S
#    define S 1 /* stride */
#endif
#ifndef PX
#    define PX 7 /* columns of a strip: with ROWS and an input row about as many as registers */
#endif
#ifndef EIGHT
#    define EIGHT 0 /* vectors of 8 where the device has 16: maps of 8 channels */
#endif
#if EIGHT
#    define DV    float8
#    define DVU   float8
#    define DN    8
#    define DLD   LN_LD8
#    define DST   LN_ST8
#    define DF(f) LN_CAT2(f, 8)
#else
#    define DV    ln_v
#    define DVU   ln_vh
#    define DN    LN_VW
#    define DLD   LN_LDV
#    define DST   LN_STV
#    define DF(f) LN_CAT2(f, v)
#endif
#define NARROW 4                 /* columns of a strip where PX fit the map badly */
#define ROWS   ((K + S - 1) / S) /* output rows that see one input row */
#define FLD(p) (*(__global const DVU *)((__global const float *)x + (p)))
#define XLD(p) (floats ? FLD(p) : DLD(x + (p)))
#if HALF
#    define WLD(i) (*(const DVU *)(wide + (i)*DN))
#else
#    define WLD(i) DLD(w + (i)*DN)
#endif

/* Columns [ox, ox + px) of rows [y0, y1), vector v. The first `skip` columns and, of the last
 * vector, `over` channels belong to another strip. any: each column of the input may lie beyond the
 * map, else the K/2 outermost ones. floats: of what x is made though the variant has halves (see
 * args.h). px, any and floats are constants at each call. */
LN_INLINE void LN_F(strip)(const int px, const int any, const int floats, __global float *arena,
                           __global const float *weights, __global const ln_args *s, int n, int y0,
                           int y1, int ox, int skip, int v) {
    const int columns = (px - 1) * S + K, side = any ? columns : K / 2;
    int c = min(v * DN, ln_pad(s->oc) - DN), over = v * DN - c;
    int ix = ox * S - s->left, xps = s->xps, yps = s->yps, h = s->h;
    __global const LN_T *x = LN_AT(arena, s->x);
    const long first_x = (long)n * s->xns + (long)ix * xps + c;
    __global const LN_T *w = LN_AT(weights, s->w) + (size_t)v * (K * K * DN);
    const size_t first_y = (size_t)(n * s->oh * s->ow + ox) * yps + c;
    __global LN_T *y = LN_AT(arena, s->y) + first_y;
    __global float *yf = arena + s->y + first_y;
    bool y_floats = LN_Y_FLOATS(s);
#if HALF
    float wide[K * K * DN] __attribute__((aligned(64)));
    for (int i = 0; i < K * K; i++) *(DVU *)(wide + i * DN) = DLD(w + i * DN);
#endif
    int first = -ix, end = s->wd - ix; /* columns of the map */
    float lo = s->lo, hi = s->hi;
    bool plain = s->res == LN_NO_OFF, quick = plain && (s->flags & LN_FLAG_CLAMP);
    bool hard = s->act == LN_ACT_HARD_SWISH, swish = s->act == LN_ACT_SWISH;
    plain &= (hard || swish) && s->post == LN_ACT_NONE;
    DV sum[ROWS][PX], u[(PX - 1) * S + K], bias = DLD(LN_AT(weights, s->b) + c);
    LN_UNROLL
    for (int m = 0; m < ROWS; m++) {
        LN_UNROLL
        for (int i = 0; i < px; i++) sum[m][i] = bias;
    }
    for (int oy = y0 - (ROWS - 1); oy < y1; oy++) { /* sum[m]: output row oy + m */
        LN_UNROLL
        for (int down = 0; down < S; down++) { /* the last S rows that oy sees */
            int iy = oy * S - s->top + K - S + down;
            if (iy < 0 || iy >= h) continue;
            const long row = first_x + (long)iy * s->xrs;
            LN_UNROLL
            for (int j = 0; j < columns; j++) {
                u[j] = (DV)0.0f;
                if ((j >= side || j >= first) && (j < columns - side || j < end))
                    u[j] = XLD(row + (long)j * xps);
            }
            LN_UNROLL
            for (int m = 0; m < ROWS; m++) {
                const int ky = K - S + down - m * S;
                if ((K > 3 && (oy + m < y0 || oy + m >= y1)) || ky < 0) continue;
                LN_UNROLL
                for (int kx = 0; kx < K; kx++) {
                    DV wi = WLD(ky * K + kx);
                    LN_UNROLL
                    for (int i = 0; i < px; i++) sum[m][i] = ln_fma(u[i * S + kx], wi, sum[m][i]);
                }
            }
        }
        if (oy >= y0 && quick && y_floats) {
            __global float *o = yf + (size_t)oy * s->ow * yps;
            LN_UNROLL
            for (int i = 0; i < px; i++)
                *(__global DVU *)(o + (long)i * yps) = DF(ln_clamp)(sum[0][i], lo, hi);
        } else if (oy >= y0 && quick) {
            __global LN_T *o = y + (size_t)oy * s->ow * yps;
            LN_UNROLL
            for (int i = 0; i < px; i++) DST(o + (long)i * yps, DF(ln_clamp)(sum[0][i], lo, hi));
        } else if (oy >= y0) {
            int p = (n * s->oh + oy) * s->ow + ox;
            const size_t o = (size_t)oy * s->ow * yps;
            float buf[PX * DN] __attribute__((aligned(64)));
            LN_UNROLL
            for (int i = 0; i < px; i++) *(DVU *)(buf + i * DN) = sum[0][i];
            for (int i = 0; plain && i < px; i++) {
                DV r = *(const DVU *)(buf + i * DN);
                r = hard ? DF(ln_hard_swish)(r) : r * DF(ln_sigmoid)(r);
                if (y_floats)
                    *(__global DVU *)(yf + o + (long)i * yps) = r;
                else
                    DST(y + o + (long)i * yps, r);
            }
            if (!plain)
                LN_FINISH_HALVES(buf + skip * DN + over, DN, px - skip, DN - over, arena, s,
                                 p + skip, c + over);
        }
        LN_UNROLL
        for (int m = 0; m < ROWS; m++) {
            LN_UNROLL
            for (int i = 0; i < px; i++) sum[m][i] = m + 1 < ROWS ? sum[m + 1][i] : bias;
        }
    }
}

#define LN_STRIP_OF(NAME, P, ANY, FLOATS)                                                          \
    LN_FUNCTION void LN_F(NAME)(__global float *arena, __global const float *weights,              \
                                __global const ln_args *s, int n, int y0, int y1, int ox,          \
                                int skip, int v) {                                                 \
        LN_F(strip)(P, ANY, FLOATS, arena, weights, s, n, y0, y1, ox, skip, v);                    \
    }
#if HALF
#    define LN_STRIP(NAME, P, ANY)                                                                 \
        LN_STRIP_OF(NAME, P, ANY, 0)                                                               \
        LN_STRIP_OF(NAME##_floats, P, ANY, 1)
#    define LN_GO(NAME, ...)                                                                       \
        do {                                                                                       \
            if (s->flags & LN_FLAG_X_FLOAT)                                                        \
                LN_F(NAME##_floats)(arena, weights, s, n, y0, y1, __VA_ARGS__);                    \
            else                                                                                   \
                LN_F(NAME)(arena, weights, s, n, y0, y1, __VA_ARGS__);                             \
        } while (0)
#else
#    define LN_STRIP(NAME, P, ANY) LN_STRIP_OF(NAME, P, ANY, 0)
#    define LN_GO(NAME, ...)       LN_F(NAME)(arena, weights, s, n, y0, y1, __VA_ARGS__)
#endif
LN_STRIP(wide, PX, 0)
#if PX > NARROW
LN_STRIP(narrow, NARROW, 0)
#endif
LN_STRIP(column, 1, 1)

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int cp = ln_pad(s->oc), vectors = (cp + DN - 1) / DN;
    int group = tile % s->t3, chunk = tile / s->t3 % s->t1, n = tile / (s->t1 * s->t3);
    /* an odd row goes to the chunk in front, which has most of what it sees */
    int y0 = (s->oh * chunk + s->t1 - 1) / s->t1, y1 = (s->oh * (chunk + 1) + s->t1 - 1) / s->t1;
    int v0 = vectors * group / s->t3, v1 = vectors * (group + 1) / s->t3;
    /* a narrow strip takes a tenth more for each column */
    int wide = (s->ow + PX - 1) / PX * PX * 10 <= (s->ow + NARROW - 1) / NARROW * NARROW * 11;
    int width = PX <= NARROW || (wide && s->ow >= PX) ? PX : NARROW;
    for (int ox = 0, px; ox < s->ow; ox += px) {
        int at = min(ox, s->ow - width), ix = at * S - s->left;
        bool fits = at >= 0 && ix + K / 2 >= 0 && ix + (width - 1) * S + K - K / 2 <= s->wd;
        px = fits ? width : 1;
        for (int v = v0; v < v1; v++) {
            if (!fits)
                LN_GO(column, ox, 0, v);
            else if (width == PX)
                LN_GO(wide, at, ox - at, v);
#if PX > NARROW
            else
                LN_GO(narrow, at, ox - at, v);
#endif
        }
    }
}
LN_KERNEL
#undef LN_STRIP
#undef LN_STRIP_OF
#undef LN_GO
#undef FLD
#undef XLD
#undef WLD
#undef NARROW
#undef ROWS
#undef PX
#undef EIGHT
#undef DV
#undef DVU
#undef DN
#undef DLD
#undef DST
#undef DF
#undef S
#undef K
