/* Convolution and fully connected of bytes as a matrix product, for processors that multiply four
 * bytes at a time.
 *
 * y[p,o] = clamp(ln_fixed16(acc, mul[o], -2 - right[o]) + yz),
 * acc = b[o] + sum over k of (x[p,k] + 128) * (w[k,o] - wz)
 *
 * x, y: NHWC, i8, pixels p counted over the batch. k: channels as they are padded, or with CONV
 * windows [kh][kw][t0], t0 the channels padded to 4; x may then be planar, and is xz beyond the
 * map. There are t4 of k, a multiple of 8, those of padding with w = wz. w: panels of 64 output
 * channels, the last one as many 16 as are left, each [k/4][channel][4], i8. From b on, for
 * channels padded to 16: b i32 (with all that x's zero adds), mul i32, right i32, and a mask of
 * bytes, 0 for padding. A panel of 64 has its channels in the order of vnni.clh. Limits: lo, hi, of
 * y - yz. t5: some right are negative. Preconditions: groups 1; without CONV 1x1, stride 1,
 * no padding.
 *
 * One work-item a group. A tile of work is one of t1 chunks of the pixels by one of t3 groups of
 * panels. Some pixels at a time are copied without signs for all panels, KB bytes of them where
 * there are more; a register tile of them keeps its sums for all of k. */
#ifndef CONV
#    define CONV 0 /* 1: any window */
#endif
#ifndef STEM
#    define STEM 0 /* with CONV, stride 2 and at most 4 channels, rows spread to fours first */
#endif
#if STEM
#    define PITCH (4 * 1024 + 64) /* bytes of a row */
#    define HIGH  5               /* rows of the window at most */
#endif
#define KB  1024 /* bytes of a pixel that are copied at a time */
#define ROW (KB + 64)
#define PX  60 /* pixels that are */

#if STEM
/* The rows that row oy of the output sees, four bytes a pixel, 128 added, with the columns beyond
 * both borders that its windows reach. */
LN_VNNI_FUNCTION void LN_F(spread)(__global const char *x, __global const ln_args *s, int oy,
                                   uchar *rows) {
    int beyond = (s->xz + 128) * 0x01010101, wd = s->wd, left = s->left, xcs = s->xcs, c = s->c;
    int columns = (s->ow - 1) * 2 + s->kw;
    for (int ky = 0; ky < s->kh; ky++, rows += PITCH) {
        int iy = oy * 2 - s->top + ky, in = iy >= 0 && iy < s->h;
        int *to = (int *)rows;
        __global const char *from = x + (in ? (size_t)iy * s->xrs : 0);
        int j = 0, end = in ? min(wd + left, columns) : 0;
        for (; j < min(left, columns); j++) to[j] = beyond;
        if (s->xps == 1) {
            __global const char *f1 = from + (c > 1 ? xcs : 0), *f2 = from + (c > 2 ? 2 * xcs : 0);
            __global const char *f3 = from + (c > 3 ? 3 * xcs : 0);
            for (; j + 64 <= end; j += 64) {
                int16 u[4];
                ln_c64 flip = (ln_c64)(char)-128;
                ln_turn4(LN_C64(from + j - left) ^ flip, LN_C64(f1 + j - left) ^ flip,
                         LN_C64(f2 + j - left) ^ flip, LN_C64(f3 + j - left) ^ flip, u);
#    define LN_SPREAD(q)                                                                           \
        *(ln_i4u *)(to + j + 4 * q) = u[q].s0123, *(ln_i4u *)(to + j + 16 + 4 * q) = u[q].s4567;   \
        *(ln_i4u *)(to + j + 32 + 4 * q) = u[q].s89ab,                                             \
                                      *(ln_i4u *)(to + j + 48 + 4 * q) = u[q].scdef;
                LN_SPREAD(0) LN_SPREAD(1) LN_SPREAD(2) LN_SPREAD(3)
            }
            for (; j < end; j++) {
                int i = j - left;
                to[j] = as_int((char4)(from[i], f1[i], f2[i], f3[i])) ^ (int)0x80808080;
            }
        } else {
            for (; j < end; j++)
                to[j] = *(__global const int *)(from + (j - left) * s->xps) ^ (int)0x80808080;
        }
        for (; j < columns; j++) to[j] = beyond;
    }
}

/* Sums of the bytes of a row's windows. */
LN_VNNI_FUNCTION void LN_F(windows)(const uchar *rows, __global const ln_args *s, int *sums) {
    int column[PITCH / 4] __attribute__((aligned(64)));
    int ow = s->ow, kw = s->kw, columns = (ow - 1) * 2 + kw;
    for (int j = 0; j < columns; j += 16) {
        int16 sum = (int16)0;
        for (int ky = 0; ky < s->kh; ky++)
            sum = ln_dot16(sum, *(const int16 *)(rows + ky * PITCH + 4 * j), (int16)0x01010101);
        *(int16 *)(column + j) = sum;
    }
    for (int i = 0; i < ow; i++) {
        sums[i] = 0;
        for (int kx = 0; kx < kw; kx++) sums[i] += column[2 * i + kx];
    }
}
#elif CONV
/* Bytes [k0, k0 + n) of px pixels' windows, from pixel p on, to buf, 128 added. */
LN_INLINE void LN_F(copy)(int px, __global const char *x, __global const ln_args *s, int p, int k0,
                          int n, uchar *buf) {
    int ow = s->ow, row = p / ow, ox = p - row * ow, image = row / s->oh, oy = row - image * s->oh;
    int each = s->t0, kw = s->kw, taps = s->kh * kw, beyond = (s->xz + 128) * 0x01010101;
    int planar = s->xps == 1, c = s->c, xcs = s->xcs;
    for (int i = 0; i < px; i++, buf += ROW) {
        int tap = k0 / each, at = k0 - tap * each, ky = tap / kw, kx = tap - ky * kw;
        for (int k = 0; k < n; at = 0, tap++, kx++) {
            if (kx == kw) kx = 0, ky++;
            int iy = oy * s->sh - s->top + ky * s->dh, ix = ox * s->sw - s->left + kx * s->dw;
            int end = min(k + each - at, n);
            if (tap == taps) { /* K is padded to 8 */
                *(int *)(buf + k) = 0;
                break;
            }
            if (iy < 0 || iy >= s->h || ix < 0 || ix >= s->wd) {
                for (; k < end; k += 4) *(int *)(buf + k) = beyond;
                continue;
            }
            __global const char *from =
                x + (size_t)image * s->xns + (size_t)iy * s->xrs + (size_t)ix * s->xps;
            if (planar) {
                for (; k < end; k++, at++)
                    buf[k] = at < c ? (uchar)(from[(size_t)at * xcs] ^ -128) : 0;
                continue;
            }
            from += at;
            for (; k + 64 <= end; k += 64, from += 64)
                *(ln_i16u *)(buf + k) = LN_I16(from) ^ (int16)(int)0x80808080;
            for (; k < end; k += 4, from += 4)
                *(int *)(buf + k) = *(__global const int *)from ^ (int)0x80808080;
        }
        if (++ox == ow) {
            ox = 0;
            if (++oy == s->oh) oy = 0, image++;
        }
    }
}
#else
/* Bytes [k0, k0 + n) of px pixels, from pixel p on, to buf, 128 added; n is a multiple of 8. */
LN_INLINE void LN_F(copy)(int px, __global const char *x, __global const ln_args *s, int p, int k0,
                          int n, uchar *buf) {
    int xps = s->xps;
    x += (size_t)p * xps + k0;
    for (int i = 0; i < px; i++, x += xps, buf += ROW) {
        int k = 0;
        for (; k + 64 <= n; k += 64) *(ln_i16u *)(buf + k) = LN_I16(x + k) ^ (int16)(int)0x80808080;
        for (; k + 16 <= n; k += 16)
            *(ln_i4u *)(buf + k) = *(__global const ln_i4u *)(x + k) ^ (int4)(int)0x80808080;
        if (k < n) *(ulong *)(buf + k) = *(__global const ulong *)(x + k) ^ 0x8080808080808080ul;
    }
}
#endif

#if !STEM
/* Sum of n bytes, a multiple of 4. */
LN_INLINE int LN_F(sum)(const uchar *buf, int n) {
    int16 sum = (int16)0;
    int k = 0, rest = 0;
    for (; k + 64 <= n; k += 64)
        sum = ln_dot16(sum, *(const ln_i16u *)(buf + k), (int16)0x01010101);
    for (; k < n; k += 4) {
        uchar4 v = *(const uchar4 *)(buf + k);
        rest += (v.x + v.y) + (v.z + v.w);
    }
    int8 a = sum.lo + sum.hi;
    int4 b = a.lo + a.hi;
    return rest + (b.x + b.y) + (b.z + b.w);
}

/* A copy, and what all bytes of a pixel so far sum up to. */
LN_VNNI_FUNCTION void LN_F(fill)(int px, __global const char *x, __global const ln_args *s, int p,
                                 int k0, int n, uchar *buf, int *sums) {
    LN_F(copy)(px, x, s, p, k0, n, buf);
    for (int i = 0; s->wz && i < px; i++)
        sums[i] = (k0 ? sums[i] : 0) + LN_F(sum)(buf + i * ROW, n);
}
#endif

/* Where pixel i of a tile has its bytes. */
#if STEM
#    define LN_PIXEL(i) (buf + i * 8)
#else
#    define LN_PIXEL(i) (buf + i * ROW)
#endif
#define LN_ROW_OF_W                                                                                \
    int16 w0 = LN_I16(w), w1 = w0, w2 = w0, w3 = w0;                                               \
    if (nv > 1) w1 = LN_I16(w + 64);                                                               \
    if (nv > 2) w2 = LN_I16(w + 128);                                                              \
    if (nv > 3) w3 = LN_I16(w + 192);
#define LN_STEP(i)                                                                                 \
    if (px > i) {                                                                                  \
        int16 u = (int16)(*(const int *)(LN_PIXEL(i) + k));                                        \
        s##i##_0 = ln_dot16(s##i##_0, u, w0);                                                      \
        if (nv > 1) s##i##_1 = ln_dot16(s##i##_1, u, w1);                                          \
        if (nv > 2) s##i##_2 = ln_dot16(s##i##_2, u, w2);                                          \
        if (nv > 3) s##i##_3 = ln_dot16(s##i##_3, u, w3);                                          \
    }
#define LN_ZERO(i)                                                                                 \
    if (px > i) {                                                                                  \
        int16 z = (int16)(sums[i] * wz);                                                           \
        s##i##_0 -= z, s##i##_1 -= z, s##i##_2 -= z, s##i##_3 -= z;                                \
    }

/* ln_twice16 of count vectors, their tables those of nv in turn. */
LN_VNNI_FUNCTION void LN_F(signed)(int nv, int count, int16 *v, __global const int *mul,
                                   __global const int *right, int any) {
    for (int i = 0, j = 0; i < count; i++, j = j + 1 < nv ? j + 1 : 0) {
        if (any)
            ln_twice_any16(v + i, mul + j * 16, right + j * 16);
        else
            v[i] = ln_small16(0, v[i], mul + j * 16, right + j * 16);
    }
}

/* px pixels by nv vectors of 16 channels, constants at each call, so that what does not apply
 * vanishes. x, p: where more than KB bytes of a pixel come from; n: bytes of a pixel. cut: the last
 * vector ends in 8 channels. */
LN_INLINE void LN_F(block)(const int px, const int nv, uchar *buf, int *sums,
                           __global const char *x, int p, int n, __global const char *w,
                           __global const int *b, int tab, __global const char *mask,
                           __global const ln_args *s, __global char *y, int cut) {
#define LN_START(i)                                                                                \
    int16 s##i##_0 = LN_I16(b), s##i##_1 = s##i##_0, s##i##_2 = s##i##_0, s##i##_3 = s##i##_0;     \
    if (nv > 1) s##i##_1 = LN_I16(b + 16);                                                         \
    if (nv > 2) s##i##_2 = LN_I16(b + 32);                                                         \
    if (nv > 3) s##i##_3 = LN_I16(b + 48);
    LN_EACH12(LN_START)
    int wz = s->wz;
#if STEM
    int kw = s->kw, kh = s->kh;
    for (int ky = 0; ky < kh; ky++, buf += PITCH) {
        for (int k = 0; k < kw * 4; k += 4, w += nv * 64) {
            LN_ROW_OF_W
            LN_EACH12(LN_STEP)
        }
    }
#else
    for (int k0 = 0; k0 < n; k0 += KB) {
        int len = min(n - k0, KB);
        if (n > KB) LN_F(fill)(px, x, s, p, k0, len, buf, sums);
        if (px == 1) { /* every second four apart: latency */
            s1_0 = s1_1 = s1_2 = s1_3 = (int16)0;
            for (int k = 0; k < len; k += 8, w += nv * 128) {
#    define LN_PART(i, at)                                                                         \
        {                                                                                          \
            int16 u = (int16)(*(const int *)(buf + k + at));                                       \
            __global const char *wi = w + at * nv * 16;                                            \
            s##i##_0 = ln_dot16(s##i##_0, u, LN_I16(wi));                                          \
            if (nv > 1) s##i##_1 = ln_dot16(s##i##_1, u, LN_I16(wi + 64));                         \
            if (nv > 2) s##i##_2 = ln_dot16(s##i##_2, u, LN_I16(wi + 128));                        \
            if (nv > 3) s##i##_3 = ln_dot16(s##i##_3, u, LN_I16(wi + 192));                        \
        }
                LN_PART(0, 0)
                LN_PART(1, 4)
            }
            s0_0 += s1_0, s0_1 += s1_1, s0_2 += s1_2, s0_3 += s1_3;
        } else {
            for (int k = 0; k < len; k += 4, w += nv * 64) {
                LN_ROW_OF_W
                LN_EACH12(LN_STEP)
            }
        }
    }
#endif
    if (wz) {
        LN_EACH12(LN_ZERO)
    }
    int zero = s->yz, lo = zero + (int)s->lo, hi = zero + (int)s->hi, yps = s->yps;
    __global const int *mul = b + tab;
    __global const int *right = b + 2 * tab;
#define LN_KEEP(i, j)                                                                              \
    if (px > i && nv > j) all[i * nv + j] = s##i##_##j;
#define LN_BACK(i, j)                                                                              \
    if (px > i && nv > j) s##i##_##j = all[i * nv + j];
#define LN_PLUS(i, j)                                                                              \
    if (px > i && nv > j) s##i##_##j = ln_small16(1, s##i##_##j, mul + j * 16, right + j * 16);
#define LN_FOUR(M, i) M(i, 0) M(i, 1) M(i, 2) M(i, 3)
#define LN_KEEP4(i)   LN_FOUR(LN_KEEP, i)
#define LN_BACK4(i)   LN_FOUR(LN_BACK, i)
#define LN_PLUS4(i)   LN_FOUR(LN_PLUS, i)
    if (s->lo >= 0 && !s->t5) {
        LN_EACH12(LN_PLUS4)
    } else { /* few outputs; a loop is soon compiled */
        int16 all[24];
        LN_EACH12(LN_KEEP4)
        LN_F(signed)(nv, px * nv, all, mul, right, s->t5);
        LN_EACH12(LN_BACK4)
    }
#define LN_PUT(i, j)                                                                               \
    if (nv > j) {                                                                                  \
        char16 v = ln_bytes16(s##i##_##j, zero, lo, hi) & LN_C16(mask + j * 16);                   \
        if (j + 1 < nv || !cut)                                                                    \
            LN_C16(to + j * 16) = v;                                                               \
        else                                                                                       \
            *(__global char8 *)(to + j * 16) = v.lo;                                               \
    }
#define LN_STORE(i)                                                                                \
    if (px > i) {                                                                                  \
        __global char *to = y + i * yps;                                                           \
        if (nv < 4) {                                                                              \
            LN_PUT(i, 0) LN_PUT(i, 1) LN_PUT(i, 2)                                                 \
        } else {                                                                                   \
            ln_put64(to, ln_bytes64(s##i##_0, s##i##_1, s##i##_2, s##i##_3, zero, lo, hi), mask,   \
                     cut);                                                                         \
        }                                                                                          \
    }
    LN_EACH12(LN_STORE)
}

#define LN_BLOCK(P, V)                                                                             \
    LN_VNNI_FUNCTION void LN_F(block_##P##_##V)(                                                   \
        uchar * buf, int *sums, __global const char *x, int p, int n, __global const char *w,      \
        __global const int *b, int tab, __global const char *mask, __global const ln_args *s,      \
        __global char *y, int cut) {                                                               \
        LN_F(block)(P, V, buf, sums, x, p, n, w, b, tab, mask, s, y, cut);                         \
    }
LN_BLOCK(12, 1)
LN_BLOCK(12, 2)
LN_BLOCK(8, 3)
LN_BLOCK(6, 4)
LN_BLOCK(1, 1)
LN_BLOCK(1, 2)
LN_BLOCK(1, 3)
LN_BLOCK(1, 4)

/* count pixels, p the first, all channels of panel i; y: the first of them. */
LN_INLINE void LN_F(panel)(uchar *buf, int *sums, __global const char *x, int p, int count,
                           __global const float *weights, __global const ln_args *s, int i,
                           __global char *y) {
    int ocp = ln_pad(s->oc), tab = (ocp + 15) & ~15, n = s->t4, yps = s->yps;
    int at = i * 64, nv = min((tab - at) / 16, 4), cut = at + nv * 16 > ocp;
    __global const char *w = LN_BYTES(weights, s->w) + (size_t)at * n;
    __global const int *b = (__global const int *)weights + s->b + at;
    __global const char *mask = (__global const char *)(b - at + 3 * tab) + at;
    int high = nv == 4 ? 6 : nv == 3 ? 8 : 12;
    y += at;
    for (int q = 0, px; q < count; q += px) {
        px = count >= high ? high : 1;
        q = min(q, count - px); /* the last tile takes pixels again rather than fewer */
        __global char *to = y + (size_t)q * yps;
        uchar *from = STEM ? buf + q * 8 : n > KB ? buf : buf + q * ROW;
#define LN_CALL(P, V)                                                                              \
    case P * 16 + V:                                                                               \
        LN_F(block_##P##_##V)(from, sums + q, x, p + q, n, w, b, tab, mask, s, to, cut);           \
        break;
        switch (px * 16 + nv) {
            LN_CALL(12, 1)
            LN_CALL(12, 2)
            LN_CALL(8, 3)
            LN_CALL(6, 4)
            LN_CALL(1, 1)
            LN_CALL(1, 2)
            LN_CALL(1, 3)
            LN_CALL(1, 4)
        }
    }
}

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int chunk = tile % s->t1, group = tile / s->t1, panels = (ln_pad(s->oc) + 63) / 64;
    int i0 = panels * group / s->t3, i1 = panels * (group + 1) / s->t3;
    __global const char *x = LN_BYTES(arena, s->x);
    __global char *y = LN_BYTES(arena, s->y);
#if STEM
    uchar rows[HIGH * PITCH] __attribute__((aligned(64)));
    int sums[PITCH / 4], r0 = ln_cut(s->n * s->oh, chunk, s->t1);
    int r1 = ln_cut(s->n * s->oh, chunk + 1, s->t1);
    for (int r = r0; r < r1; r++) {
        int n = r / s->oh;
        LN_F(spread)(x + (size_t)n * s->xns, s, r - n * s->oh, rows);
        if (s->wz) LN_F(windows)(rows, s, sums);
        for (int i = i0; i < i1; i++)
            LN_F(panel)(rows, sums, x, 0, s->ow, weights, s, i, y + (size_t)r * s->ow * s->yps);
    }
#else
    uchar buf[PX * ROW] __attribute__((aligned(64)));
    int sums[PX], p0 = ln_cut(s->m, chunk, s->t1), p1 = ln_cut(s->m, chunk + 1, s->t1);
    int each = s->t4 > KB / 2 ? 24 : 48; /* 12 more at the end rather than few */
    for (int p = p0, px; p < p1; p += px) {
        px = p1 - p > each + 12 ? each : p1 - p;
        if (s->t4 <= KB) LN_F(fill)(px, x, s, p, 0, s->t4, buf, sums);
        for (int i = i0; i < i1; i++)
            LN_F(panel)(buf, sums, x, p, px, weights, s, i, y + (size_t)p * s->yps);
    }
#endif
}
LN_KERNEL
#undef LN_START
#undef LN_SPREAD
#undef LN_PIXEL
#undef LN_ROW_OF_W
#undef LN_PART
#undef LN_STEP
#undef LN_ZERO
#undef LN_KEEP
#undef LN_KEEP4
#undef LN_BACK
#undef LN_BACK4
#undef LN_PLUS
#undef LN_PLUS4
#undef LN_FOUR
#undef LN_PUT
#undef LN_STORE
#undef LN_BLOCK
#undef LN_CALL
#undef CONV
#undef STEM
#undef PITCH
#undef HIGH
#undef ELEM
#undef KB
#undef ROW
#undef PX
