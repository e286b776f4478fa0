/* Depthwise convolution of bytes with a K x K window, stride S both ways, for processors
 * that multiply four bytes at a time.
 *
 * y[n,oy,ox,c] = clamp(round(acc * M[c]) + yz), acc = b[c] +
 *     sum over ky,kx of (x[n, oy*S-top+ky*dh, ox*S-left+kx*dw, c] + 128) * (w[ky,kx,c] - wz)
 *
 * x, y: NHWC, i8; x beyond the map is xz. Channels go in blocks of LANES = 64 / FOLD, the last of
 * which may overlap the one before it. Of each block there is in w, in the order of vnni.clh, the
 * channels once more for each of FOLD: [set][kx][64][4] i8, the four for neighbouring rows; b i32,
 * and what ln_twice16 reads: mul, right, left i32 [64] each and h i64 [16], even lanes first, four
 * times; a mask of bytes [64], 0 for padding, and xz 64 times. Limits: lo, hi, of y - yz. t5: some
 * left are not 0.
 * Preconditions: kh = kw = K, sh = sw = S, dh = dw = 1 unless S = 1,
 * groups = c = oc, at least LANES channels with padding,
 * sums so small that left loses nothing.
 *
 * One work-item a group, t1 chunks of rows by t3 groups of blocks. A column of the input is read
 * once for all outputs that see it: its rows are interleaved, so that four are one product, and the
 * sums of the outputs wait in registers. With K = 3 and S = 1 these are of two rows, the second
 * with its weights one row further down. FOLD > 1: narrow maps have that many such rows side by
 * side. */
#ifndef K
#    define K 3 /* window */
#endif
#ifndef S
#    define S 1 /* stride */
#endif
#ifndef FOLD
#    define FOLD 1 /* 1, 2 or 4 */
#endif
#ifndef PAIR
#    define PAIR 0 /* 1: weights of a zero point, w - wz as two bytes in two halves of w */
#endif
#define TWO         (K == 3 && S == 1) /* two rows of outputs */
#define ROWS        (TWO ? 2 : 1)
#define TAPS        (TWO ? 4 : K) /* rows of the input */
#define SETS        (TWO || K == 5 ? 2 : 1)
#define LANES       (64 / FOLD)
#define WEIGHTS     ((PAIR + 1) * SETS * K * 64)
#define WORDS       (WEIGHTS + 6 * 64 + 32) /* words of a block */
#define LN_EACH4(M) M(0) M(1) M(2) M(3)

/* Rows of the input: where column 0 of a block's channels lies, and the step to the next. */
typedef struct LN_F(rows) {
    __global const char *at[FOLD][TAPS];
    int step[FOLD][TAPS];
} LN_F(rows);

LN_INLINE ln_c64 LN_F(load)(const LN_F(rows) * r, int t, int ix) {
#define LN_FROM(f) (r->at[f][t] + ((long)ix * r->step[f][t]))
#if FOLD == 1
    ln_c64 v = *(__global const ln_c64u *)LN_FROM(0);
#elif FOLD == 2
    ln_c64 v;
    v.lo = *(__global const ln_c32u *)LN_FROM(0);
    v.hi = *(__global const ln_c32u *)LN_FROM(1);
#else
    ln_c64 v;
    v.lo.lo = LN_C16(LN_FROM(0)), v.lo.hi = LN_C16(LN_FROM(1));
    v.hi.lo = LN_C16(LN_FROM(2)), v.hi.hi = LN_C16(LN_FROM(3));
#endif
    return v ^ (ln_c64)(char)-128;
}

/* The rows of one column, four channels by four rows to 16 bytes. */
typedef struct LN_F(column) {
    int16 a[4];
#if K == 5
    int16 b[4];
#endif
} LN_F(column);

LN_INLINE LN_F(column) LN_F(read)(const LN_F(rows) * r, int ix, int wd, int beyond) {
    LN_F(column) u;
    if (ix < 0 || ix >= wd) {
        u.a[0] = u.a[1] = u.a[2] = u.a[3] = (int16)beyond;
#if K == 5
        u.b[0] = u.b[1] = u.b[2] = u.b[3] = (int16)beyond;
#endif
        return u;
    }
    ln_c64 x0 = LN_F(load)(r, 0, ix), x1 = LN_F(load)(r, 1, ix), x2 = LN_F(load)(r, 2, ix);
    ln_c64 x3 = TAPS > 3 ? LN_F(load)(r, TAPS > 3 ? 3 : 0, ix) : x2;
    ln_turn4(x0, x1, x2, x3, u.a);
#if K == 5
    x0 = LN_F(load)(r, 4, ix);
    ln_turn4(x0, x0, x0, x0, u.b);
#endif
    return u;
}

/* sum += the products of one kx; set 1 is the second row's, or that of the fifth row. */
#define LN_W(set, kx, j) LN_I16(w + (((set)*K + kx) * 4 + j) * 64)
#define LN_DOT(sum, u, set, kx, j)                                                                 \
    sum = ln_dot16(sum, u, LN_W(set, kx, j));                                                      \
    if (PAIR) sum = ln_dot16(sum, u, LN_W(set + SETS, kx, j));
#if TWO
#    define LN_ADD(sum, kx, j)                                                                     \
        LN_DOT(sum[0][j], u.a[j], 0, kx, j) LN_DOT(sum[1][j], u.a[j], 1, kx, j)
#elif K == 5
#    define LN_ADD(sum, kx, j)                                                                     \
        LN_DOT(sum[0][j], u.a[j], 0, kx, j) LN_DOT(sum[0][j], u.b[j], 1, kx, j)
#else
#    define LN_ADD(sum, kx, j) LN_DOT(sum[0][j], u.a[j], 0, kx, j)
#endif
#define LN_BEGIN(sum, kx, j)                                                                       \
    sum[0][j] = sum[1][j] = LN_I16(b + j * 16);                                                    \
    LN_ADD(sum, kx, j)
#define LN_ALL(M, sum, kx) M(sum, kx, 0) M(sum, kx, 1) M(sum, kx, 2) M(sum, kx, 3)
#define LN_CLEAR(j)        p[0][j] = p[1][j] = q[0][j] = q[1][j] = o[0][j] = o[1][j] = (int16)0;
#define LN_CLEAR5(j)       v[0][j] = z[0][j] = (int16)0;

LN_INLINE void LN_F(finish)(const int plus, const int lift, int16 *sum, __global const int *b,
                            __global char *y, size_t fold, int folds, int zero, int lo, int hi) {
    __global const int *right = b + 128, *left = b + 192;
    __global const long8 *half_ = (__global const long8 *)(b + 256);
#define LN_SCALE(j)                                                                                \
    int16 v##j = lift ? ln_twice16(plus, sum[j] << LN_I16(left + j * 16), LN_I16(b + 64 + j * 16), \
                                   LN_I16(right + j * 16), half_[j * 2], half_[j * 2 + 1])         \
                      : ln_small16(plus, sum[j], b + 64 + j * 16, right + j * 16);
    LN_EACH4(LN_SCALE)
    ln_c64 v = ln_bytes64(v0, v1, v2, v3, zero, lo, hi) & *(__global const ln_c64u *)(b + 384);
#if FOLD == 1
    if (folds > 0) *(__global ln_c64u *)y = v;
#elif FOLD == 2
    if (folds > 0) *(__global ln_c32u *)y = v.lo;
    if (folds > 1) *(__global ln_c32u *)(y + fold) = v.hi;
#else
    if (folds > 0) LN_C16(y) = v.lo.lo;
    if (folds > 1) LN_C16(y + fold) = v.lo.hi;
    if (folds > 2) LN_C16(y + 2 * fold) = v.hi.lo;
    if (folds > 3) LN_C16(y + 3 * fold) = v.hi.hi;
#endif
}

/* FOLD * ROWS rows of outputs from oy on, or as many as there are before y1, of the block at c. */
LN_INLINE void LN_F(row)(const int plus, const int lift, __global float *arena,
                         __global const char *w, __global const ln_args *s, const ln_phase *m,
                         int oy, int y1, int c) {
    __global const int *b = (__global const int *)w + WEIGHTS;
    __global const char *x = LN_BYTES(arena, s->x) + m->x + c;
    __global const char *none = (__global const char *)(b + 400);
    LN_F(rows) r;
    for (int f = 0; f < FOLD; f++)
        for (int t = 0; t < TAPS; t++) {
            int iy = (oy + f * ROWS) * S - m->top + t;
            bool in = iy >= 0 && iy < m->h;
            r.at[f][t] = in ? x + iy * m->xrs : none;
            r.step[f][t] = in ? m->xps : 0;
        }
    int ow = m->ow, wd = m->wd, beyond = (s->xz + 128) * 0x01010101, yps = m->yps;
    int zero = s->yz, lo = zero + (int)s->lo, hi = zero + (int)s->hi;
    size_t row = m->yrs;
    __global char *y = LN_BYTES(arena, s->y) + m->y + oy * row + c;
    int rows = min(y1 - oy, FOLD * ROWS), ix = -m->left, ox = -(K - 1) / S;
    LN_F(column) u;
    int16 p[2][4], q[2][4], o[2][4];
    LN_EACH4(LN_CLEAR)
#define LN_DONE(sum)                                                                               \
    if (ox >= 0) {                                                                                 \
        LN_F(finish)                                                                               \
        (plus, lift, sum[0], b, y, ROWS * row, (rows + ROWS - 1) / ROWS, zero, lo, hi);            \
        if (ROWS == 2)                                                                             \
            LN_F(finish)(plus, lift, sum[1], b, y + row, 2 * row, rows / 2, zero, lo, hi);         \
        y += yps;                                                                                  \
    }                                                                                              \
    if (++ox == ow) return;
#define LN_NEXT u = LN_F(read)(&r, ix, wd, beyond), ix++;
#if K == 3 && S == 1
#    define LN_COLUMN(P, Q, R)                                                                     \
        LN_NEXT LN_ALL(LN_ADD, P, 2) LN_ALL(LN_ADD, Q, 1) LN_ALL(LN_BEGIN, R, 0) LN_DONE(P)
    for (;;) {
        LN_COLUMN(p, q, o) LN_COLUMN(q, o, p) LN_COLUMN(o, p, q)
    }
#elif K == 3
    for (;;) {
        LN_NEXT LN_ALL(LN_ADD, p, 2) LN_DONE(p) LN_ALL(LN_BEGIN, p, 0) LN_NEXT LN_ALL(LN_ADD, p, 1)
    }
#elif S == 1
    int16 v[2][4], z[2][4];
    LN_EACH4(LN_CLEAR5)
#    define LN_COLUMN(P, Q, R, V, Z)                                                               \
        LN_NEXT LN_ALL(LN_ADD, P, 4) LN_ALL(LN_ADD, Q, 3) LN_ALL(LN_ADD, R, 2)                     \
            LN_ALL(LN_ADD, V, 1) LN_ALL(LN_BEGIN, Z, 0) LN_DONE(P)
    for (;;) {
        LN_COLUMN(p, q, o, v, z)
        LN_COLUMN(q, o, v, z, p)
        LN_COLUMN(o, v, z, p, q)
        LN_COLUMN(v, z, p, q, o)
        LN_COLUMN(z, p, q, o, v)
    }
#else
#    define LN_COLUMN(P, Q)                                                                        \
        LN_NEXT LN_ALL(LN_ADD, P, 4) LN_ALL(LN_ADD, Q, 2) LN_DONE(P) LN_ALL(LN_BEGIN, P, 0)        \
            LN_NEXT                                                                                \
            LN_ALL(LN_ADD, Q, 3) LN_ALL(LN_ADD, P, 1)
    for (;;) {
        LN_COLUMN(p, q) LN_COLUMN(q, p)
    }
#endif
}

#define LN_ROW(NAME, PLUS, LIFT)                                                                   \
    LN_VNNI_FUNCTION void LN_F(NAME)(__global float *arena, __global const char *w,                \
                                     __global const ln_args *s, const ln_phase *m, int oy, int y1, \
                                     int c) {                                                      \
        LN_F(row)(PLUS, LIFT, arena, w, s, m, oy, y1, c);                                          \
    }
LN_ROW(plus, 1, 0)
LN_ROW(lifted, 1, 1)
LN_ROW(signed, 0, 1)

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int cp = ln_pad(s->oc), blocks = (cp + LANES - 1) / LANES;
    int group = tile % s->t3, chunk = tile / s->t3 % s->t1, n = tile / (s->t1 * s->t3);
    LN_EACH_PHASE(s, py, px) {
        ln_phase m = ln_phase_of(s, n, py, px);
        int y0 = ln_cut(m.oh, chunk, s->t1), y1 = ln_cut(m.oh, chunk + 1, s->t1);
        for (int i = blocks * group / s->t3; i < blocks * (group + 1) / s->t3; i++) {
            __global const char *w = LN_BYTES(weights, s->w + (size_t)i * WORDS);
            int c = min(i * LANES, cp - LANES);
            for (int oy = y0; oy < y1; oy += FOLD * ROWS)
                if (s->lo >= 0 && !s->t5)
                    LN_F(plus)(arena, w, s, &m, oy, y1, c);
                else if (s->lo >= 0)
                    LN_F(lifted)(arena, w, s, &m, oy, y1, c);
                else
                    LN_F(signed)(arena, w, s, &m, oy, y1, c);
        }
    }
}
LN_KERNEL
#undef LN_FROM
#undef LN_W
#undef LN_ADD
#undef LN_BEGIN
#undef LN_ALL
#undef LN_CLEAR
#undef LN_CLEAR5
#undef LN_SCALE
#undef LN_ROW
#undef LN_DONE
#undef LN_NEXT
#undef LN_COLUMN
#undef TWO
#undef ROWS
#undef TAPS
#undef SETS
#undef LANES
#undef WORDS
#undef WEIGHTS
#undef PAIR
#undef LN_DOT
#undef FOLD
#undef ELEM
#undef S
#undef K
