/* Depthwise convolution of bytes with a K x K window, stride S both ways, for processors: in
 * floats, whose products and sums of at most 49 pairs of bytes are exact.
 *
 * y[n,oy,ox,c] = clamp(round(acc * M[c]) + yz), acc = b[c] +
 *     sum over ky,kx of (x[n, oy*S-top+ky*dh, ox*S-left+kx*dw, c] - xz) * (w[ky,kx,c] - wz)
 *
 * x, y: NHWC, i8. w: vectors of channels, the last of which may overlap the one before, each b i32
 * and what ln_twice reads: mul, right, left i32 [lanes] each and h i64 [lanes], even lanes first; a
 * mask of bytes [lanes], 0 for padding, [K][K][lanes] i8, filled up to 16 words. Limits: lo, hi, of
 * y - yz. Preconditions: kh = kw = K, sh = sw = S, dh = dw = 1 unless S = 1, groups = c = oc, at
 * least a vector of channels, sums so small that left loses nothing.
 *
 * Tiles, strips and their order are those of dw_deep.cl. */
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
#if EIGHT || LN_VW == 8
#    define DN    8
#    define DH(T) LN_CAT2(T, 4)
#    define DV    ln_f8u
#    define DLD   LN_LDU8_char
#else
#    define DN    16
#    define DH(T) LN_CAT2(T, 8)
#    define DV    ln_f16u
#    define DLD   LN_LDU16_char
#endif
#define DI(T)  LN_CAT2(T, DN)
#define ROWS   ((K + S - 1) / S) /* output rows that see one input row */
#define TABLES (6 * DN + DN / 4) /* words in front of the weights */
#define WORDS  ((TABLES + (K * K * DN + 3) / 4 + 15) / 16 * 16)

typedef DI(char) LN_F(bytes) __attribute__((aligned(8)));
#define BYTES LN_F(bytes)

/* Columns [ox, ox + px) of rows [y0, y1), vector v. any: each column of the input may lie beyond
 * the map, else the K/2 outermost ones. px and any are constants at each call. */
LN_INLINE void LN_F(strip)(const int px, const int any, __global float *arena,
                           __global const float *weights, __global const ln_args *s,
                           const ln_phase *f, int y0, int y1, int ox, int v) {
    const int columns = (px - 1) * S + K, side = any ? columns : K / 2;
    int c = min(v * DN, ln_pad(s->oc) - DN);
    int ix = ox * S - f->left, xps = f->xps, yps = f->yps, h = f->h, top = f->top;
    __global const char *x = LN_BYTES(arena, s->x) + f->x + (long)ix * xps + c;
    __global const int *b = (__global const int *)weights + s->w + (size_t)v * WORDS;
    __global const char *from = (__global const char *)(b + TABLES);
    __global char *y = LN_BYTES(arena, s->y) + f->y + (size_t)ox * yps + c;
    size_t xrs = f->xrs, yrs = f->yrs;
    int first = -ix, end = f->wd - ix; /* columns of the map */
    float xz = s->xz, wz = s->wz;
    int yz = s->yz;
    DI(int) lo = (int)s->lo, hi = (int)s->hi;
    DI(int) bias = DI(vload)(0, b), mul = DI(vload)(1, b);
    DI(int) right = DI(vload)(2, b), left = DI(vload)(3, b);
    DH(long) even = DH(vload)(0, (__global const long *)(b + 4 * DN));
    DH(long) odd = DH(vload)(1, (__global const long *)(b + 4 * DN));
    BYTES mask = *(__global const BYTES *)(b + 6 * DN);
    DV w[K * K], sum[ROWS][PX], u[(PX - 1) * S + K];
    for (int i = 0; i < K * K; i++) w[i] = DLD(from + i * DN) - wz;
    LN_UNROLL
    for (int m = 0; m < ROWS; m++) {
        LN_UNROLL
        for (int i = 0; i < px; i++) sum[m][i] = (DV)0.0f;
    }
    for (int oy = y0 - (ROWS - 1); oy < y1; oy++) { /* sum[m]: output row oy + m */
        LN_UNROLL
        for (int down = 0; down < S; down++) { /* the last S rows that oy sees */
            int iy = oy * S - top + K - S + down;
            if (iy < 0 || iy >= h) continue;
            __global const char *row = x + iy * xrs;
            LN_UNROLL
            for (int j = 0; j < columns; j++) {
                u[j] = (DV)0.0f;
                if ((j >= side || j >= first) && (j < columns - side || j < end))
                    u[j] = DLD(row + (long)j * xps) - xz;
            }
            LN_UNROLL
            for (int m = 0; m < ROWS; m++) {
                const int ky = K - S + down - m * S;
                if ((K > 3 && (oy + m < y0 || oy + m >= y1)) || ky < 0) continue;
                LN_UNROLL
                for (int kx = 0; kx < K; kx++) {
                    LN_UNROLL
                    for (int i = 0; i < px; i++)
                        sum[m][i] = ln_fma(u[i * S + kx], w[ky * K + kx], sum[m][i]);
                }
            }
        }
        if (oy >= y0) {
            __global char *o = y + oy * yrs;
            LN_UNROLL
            for (int i = 0; i < px; i++) {
                DI(int) r = DI(convert_int)(sum[0][i]) + bias;
                r = DI(ln_twice)(0, r << left, mul, right, even, odd);
                r = clamp((r + 1) >> 1, lo, hi) + yz;
                *(__global BYTES *)(o + (long)i * yps) = DI(convert_char)(r) & mask;
            }
        }
        LN_UNROLL
        for (int m = 0; m < ROWS; m++) {
            LN_UNROLL
            for (int i = 0; i < px; i++) sum[m][i] = m + 1 < ROWS ? sum[m + 1][i] : (DV)0.0f;
        }
    }
}

LN_FUNCTION void LN_F(wide)(__global float *arena, __global const float *weights,
                            __global const ln_args *s, const ln_phase *f, int y0, int y1, int ox,
                            int v) {
    LN_F(strip)(PX, 0, arena, weights, s, f, y0, y1, ox, v);
}
LN_FUNCTION void LN_F(column)(__global float *arena, __global const float *weights,
                              __global const ln_args *s, const ln_phase *f, int y0, int y1, int ox,
                              int v) {
    LN_F(strip)(1, 1, arena, weights, s, f, y0, y1, ox, v);
}
#define NARROW 4 /* columns of a strip where PX fit the map badly */
#if PX > NARROW
LN_FUNCTION void LN_F(narrow)(__global float *arena, __global const float *weights,
                              __global const ln_args *s, const ln_phase *f, int y0, int y1, int ox,
                              int v) {
    LN_F(strip)(NARROW, 0, arena, weights, s, f, y0, y1, ox, v);
}
#endif

/* Chunk of the rows, group of the channels. */
LN_INLINE void LN_F(map)(__global float *arena, __global const float *weights,
                         __global const ln_args *s, const ln_phase *f, int chunk, int group) {
    int cp = ln_pad(s->oc), vectors = (cp + DN - 1) / DN;
    /* an odd row goes to the chunk in front, which has most of what it sees */
    int y0 = (f->oh * chunk + s->t1 - 1) / s->t1, y1 = (f->oh * (chunk + 1) + s->t1 - 1) / s->t1;
    int v0 = vectors * group / s->t3, v1 = vectors * (group + 1) / s->t3;
    /* a narrow strip takes a tenth more for each column */
    int wide = (f->ow + PX - 1) / PX * PX * 10 <= (f->ow + NARROW - 1) / NARROW * NARROW * 11;
    int width = PX <= NARROW || (wide && f->ow >= PX) ? PX : NARROW;
    for (int ox = 0, px; ox < f->ow; ox += px) {
        int at = min(ox, f->ow - width), ix = at * S - f->left;
        bool fits = at >= 0 && ix + K / 2 >= 0 && ix + (width - 1) * S + K - K / 2 <= f->wd;
        px = fits ? width : 1;
        for (int v = v0; v < v1; v++) {
            if (!fits)
                LN_F(column)(arena, weights, s, f, y0, y1, ox, v);
            else if (width == PX)
                LN_F(wide)(arena, weights, s, f, y0, y1, at, v);
#if PX > NARROW
            else
                LN_F(narrow)(arena, weights, s, f, y0, y1, at, v);
#endif
        }
    }
}

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int group = tile % s->t3, chunk = tile / s->t3 % s->t1, n = tile / (s->t1 * s->t3);
    LN_EACH_PHASE(s, py, px) {
        ln_phase f = ln_phase_of(s, n, py, px);
        LN_F(map)(arena, weights, s, &f, chunk, group);
    }
}
LN_KERNEL
#undef NARROW
#undef ROWS
#undef BYTES
#undef TABLES
#undef WORDS
#undef PX
#undef EIGHT
#undef DV
#undef DN
#undef DI
#undef DH
#undef DLD
#undef S
#undef K
#undef ELEM
