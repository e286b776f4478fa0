/* Convolution and fully connected of bytes as a matrix product, for processors with wide vectors:
 * in floats, whose products of bytes are exact.
 *
 * y[p,o] = clamp(ln_fixed(acc, mul[o], -2 - right[o]) + yz), (t0: some right are negative)
 * acc = b[o] + sum over k of (x[p,k] - xz) * (w[k,o] - wz)
 *
 * x, y: NHWC, i8, pixels p counted over the batch. k, t4 of them: channels as they are padded, or
 * with CONV windows [kh][kw][c]; x may then be planar. w: panels of output channels (ln_panel_at),
 * their last vector filled up, each [k][panel width], i8; from b on, for as many channels: b i32,
 * mul i32, right i32, and a mask of bytes, 0 for padding. Limits: lo, hi, of y - yz.
 * Preconditions: groups 1; without CONV 1x1, stride 1, no padding; with it c <= t5; STEM: t4 <= KB,
 * the planes of a row's windows in XS.
 *
 * A product is at most 255 * 255, and a float counts exactly to 2^24, so sums of 258 may stay
 * floats: of KB, after which they are added to integers.
 *
 * One work-item a group. A tile of work is one of t1 chunks of the pixels by one of t3 groups of
 * panels (STEM: of the rows). It goes through t2 pixels at a time, whose bytes, t5 of k, become
 * floats once for all panels; those of a panel's weights do so KB at a time, once for these pixels.
 */
#ifndef CONV
#    define CONV 0 /* 1: any window */
#endif
#ifndef STEM
#    define STEM 0 /* with CONV: few channels, whose rows become planes first */
#endif
#define NV   3 /* vectors of LN_VW channels in a panel */
#define WIDE (NV * LN_VW)
#define PX   (LN_VW == 16 ? 8 : 4) /* pixels of the register tile, which has 32 or 16 registers */
#define SUMS 112                   /* pixels whose sums wait for the next KB */
#define KB   128
#define XS   49152 /* floats of x */
#define VEC  LN_CAT2(int, LN_VW)
typedef LN_CAT2(char, LN_VW) LN_F(bytes) __attribute__((aligned(8)));
#define BYTES    LN_F(bytes)
#define LN_OF(T) LN_CAT2(T, LN_VW)

/* Channels [c0, c0 + n) of a pixel as floats; up to 15 more are written. */
LN_INLINE void LN_F(pixel)(__global const char *x, int n, float zero, float *to) {
    int c = 0;
    for (; c + 16 <= n; c += 16) *(ln_f16p *)(to + c) = LN_LDU16_char(x + c) - zero;
    for (; c < n; c += 8) *(ln_f8u *)(to + c) = LN_LD8_char(x + c) - zero;
}

/* Where k of a pixel's window lies from the pixel on. */
#if STEM
#    define LN_PLACE(k) where[k]
#else
#    define LN_PLACE(k) (k)
#endif

#if STEM
/* The planes of channels of the rows that row oy of the output sees, `wide` floats each, with the
 * columns beyond both borders that its windows reach. */
LN_FUNCTION void LN_F(spread)(__global const char *x, __global const ln_args *s, int oy, int wide,
                              float *to) {
    int left = s->left, end = min(s->wd, wide - left), xps = s->xps;
    float zero = s->xz;
    for (int ky = 0; ky < s->kh; ky++) {
        int iy = oy * s->sh - s->top + ky * s->dh, in = iy >= 0 && iy < s->h;
        for (int c = 0; c < s->c; c++, to += wide) {
            __global const char *from = x + (size_t)c * s->xcs + (in ? (size_t)iy * s->xrs : 0);
            int j = 0, i = 0, last = in ? left + end : 0;
            for (; j < min(left, wide); j++) to[j] = 0.0f;
            for (; xps == 1 && j + 16 <= last; j += 16, i += 16)
                *(ln_f16p *)(to + j) = LN_LDU16_char(from + i) - zero;
            for (; j < last; j++, i++) to[j] = (float)from[(size_t)i * xps] - zero;
            for (; j < wide; j++) to[j] = 0.0f;
        }
    }
}
#else
/* Rows of k0 to k0 + n of the windows of px pixels from p on, xs floats apart. */
LN_FUNCTION void LN_F(fill)(__global const char *x, __global const ln_args *s, int p, int px,
                            int k0, int n, float *to, int xs) {
    float zero = s->xz;
#    if CONV
    int ow = s->ow, row = p / ow, ox = p - row * ow, image = row / s->oh, oy = row - image * s->oh;
    int c = s->c, kw = s->kw, planar = s->xps == 1, xcs = s->xcs;
    for (int i = 0; i < px; i++, to += xs) {
        int ky = k0 / c / kw, kx = k0 / c - ky * kw;
        for (int k = 0; k < n; k += c, kx++) {
            if (kx == kw) kx = 0, ky++;
            int iy = oy * s->sh - s->top + ky * s->dh, ix = ox * s->sw - s->left + kx * s->dw;
            __global const char *from =
                x + (size_t)image * s->xns + (long)iy * s->xrs + (long)ix * s->xps;
            if (iy < 0 || iy >= s->h || ix < 0 || ix >= s->wd) {
                for (int j = 0; j < c; j++) to[k + j] = 0.0f;
            } else if (planar) {
                for (int j = 0; j < c; j++) to[k + j] = (float)from[(size_t)j * xcs] - zero;
            } else {
                LN_F(pixel)(from, c, zero, to + k);
            }
        }
        if (++ox == ow) {
            ox = 0;
            if (++oy == s->oh) oy = 0, image++;
        }
    }
#    else
    x += (size_t)p * s->xps + k0;
    for (int i = 0; i < px; i++) LN_F(pixel)(x + (size_t)i * s->xps, n, zero, to + i * xs);
#    endif
}
#endif

/* n bytes of weights, a multiple of LN_VW, as floats. */
LN_FUNCTION void LN_F(widen)(__global const char *w, int n, float zero, float *to) {
    for (int i = 0; i < n; i += LN_VW) *(ln_v *)(to + i) = LN_LDU(w + i) - zero;
}

/* What the sums of a register tile become: others, WIDE integers a pixel, or bytes. */
typedef struct LN_F(site) {
    int *sum;
    bool first, last;
    __global const int *b; /* at the panel, as mask and y */
    __global const char *mask;
    __global char *y;
    int tab, yps, cut; /* cut: the last vector ends in 8 channels */
    int zero, lo, hi, any;
    float wz;
} LN_F(site);

/* px pixels by nv vectors of sums, WIDE floats a pixel. */
LN_FUNCTION void LN_F(finish)(const float *part, int px, int nv, const LN_F(site) * t) {
    int zero = t->zero, yps = t->yps;
    VEC lo = (VEC)t->lo, hi = (VEC)t->hi;
    for (int j = 0; j < nv; j++, part += LN_VW) {
        int *sum = t->sum + j * LN_VW;
        __global const int *at = t->b + j * LN_VW;
        __global char *y = t->y + j * LN_VW;
        VEC b = *(__global const VEC *)at;
        __global const int *mul = at + t->tab, *right = mul + t->tab;
        BYTES mask = *(__global const BYTES *)(t->mask + j * LN_VW);
#if LN_VW == 16
        bool cut = t->cut && j + 1 == nv;
#endif
        for (int i = 0; i < px; i++, y += yps) {
            VEC v = LN_OF(convert_int)(*(const ln_v *)(part + i * WIDE));
            v += t->first ? b : *(VEC *)(sum + i * WIDE);
            if (!t->last) {
                *(VEC *)(sum + i * WIDE) = v;
                continue;
            }
            if (t->any)
                LN_OF(ln_twice_any)(&v, mul, right);
            else
                v = LN_OF(ln_small)(0, v, mul, right);
            v = clamp((v + 1) >> 1, lo, hi) + zero;
            BYTES bytes = LN_OF(convert_char)(v) & mask;
#if LN_VW == 16
            if (cut) {
                LN_STB8(y, bytes.lo);
                continue;
            }
#endif
            *(__global BYTES *)y = bytes;
        }
    }
}

/* Sums of px pixels by nv vectors of channels, both constants at each call. */
LN_INLINE void LN_F(block)(const int px, const int nv, const float *x, int xs, const int *where,
                           const float *w, int n, float *part) {
#define LN_START(i) ln_v s##i##0 = (ln_v)0.0f, s##i##1 = s##i##0, s##i##2 = s##i##0;
    LN_EACH8(LN_START)
    for (int k = 0; k < n; k++, w += nv * LN_VW) {
        ln_v w0 = *(const ln_v *)w, w1 = w0, w2 = w0;
        if (nv > 1) w1 = *(const ln_v *)(w + LN_VW);
        if (nv > 2) w2 = *(const ln_v *)(w + 2 * LN_VW);
#define LN_STEP(i)                                                                                 \
    if (px > i) {                                                                                  \
        ln_v xi = (ln_v)x[i * xs + LN_PLACE(k)];                                                   \
        s##i##0 = ln_fma(xi, w0, s##i##0);                                                         \
        if (nv > 1) s##i##1 = ln_fma(xi, w1, s##i##1);                                             \
        if (nv > 2) s##i##2 = ln_fma(xi, w2, s##i##2);                                             \
    }
        LN_EACH8(LN_STEP)
    }
#define LN_PUT(i)                                                                                  \
    if (px > i) {                                                                                  \
        *(ln_v *)(part + i * WIDE) = s##i##0;                                                      \
        if (nv > 1) *(ln_v *)(part + i * WIDE + LN_VW) = s##i##1;                                  \
        if (nv > 2) *(ln_v *)(part + i * WIDE + 2 * LN_VW) = s##i##2;                              \
    }
    LN_EACH8(LN_PUT)
}

/* A pixel alone, whose weights are not worth a copy. */
LN_INLINE void LN_F(lone)(const int nv, const float *x, const int *where, __global const char *w,
                          int n, float wz, float *part) {
    ln_v s0 = (ln_v)0.0f, s1 = s0, s2 = s0;
    for (int k = 0; k < n; k++, w += nv * LN_VW) {
        ln_v xi = (ln_v)x[LN_PLACE(k)];
        s0 = ln_fma(xi, LN_LDU(w) - wz, s0);
        if (nv > 1) s1 = ln_fma(xi, LN_LDU(w + LN_VW) - wz, s1);
        if (nv > 2) s2 = ln_fma(xi, LN_LDU(w + 2 * LN_VW) - wz, s2);
    }
    *(ln_v *)part = s0;
    if (nv > 1) *(ln_v *)(part + LN_VW) = s1;
    if (nv > 2) *(ln_v *)(part + 2 * LN_VW) = s2;
}

#define LN_BLOCK(P, V)                                                                             \
    LN_FUNCTION void LN_F(block_##P##_##V)(const float *x, int xs, const int *where,               \
                                           const float *w, int n, float *part) {                   \
        LN_F(block)(P, V, x, xs, where, w, n, part);                                               \
    }
#define LN_BLOCKS(V)                                                                               \
    LN_BLOCK(4, V)                                                                                 \
    LN_FUNCTION void LN_F(lone_##V)(const float *x, const int *where, __global const char *w,      \
                                    int n, float wz, float *part) {                                \
        LN_F(lone)(V, x, where, w, n, wz, part);                                                   \
    }
LN_BLOCKS(1)
LN_BLOCKS(2)
LN_BLOCKS(3)
#if LN_VW == 16
LN_BLOCK(8, 1)
LN_BLOCK(8, 2)
LN_BLOCK(8, 3)
LN_BLOCK(7, 1)
LN_BLOCK(7, 2)
LN_BLOCK(7, 3)
#endif

/* KB of k for count pixels, whose rows are in x, and the nv vectors of a panel. */
LN_INLINE void LN_F(run)(const float *x, int xs, const int *where, int count,
                         __global const char *w, int n, int nv, int *sums, LN_F(site) * t,
                         float *wide) {
    __global char *y = t->y;
    float part[PX * WIDE] __attribute__((aligned(64)));
    if (count < 4) {
        for (int p = 0; p < count; p++) {
            t->y = y + (size_t)p * t->yps;
            t->sum = sums + p * WIDE;
            const float *xp = x + p * xs;
            if (nv == 3)
                LN_F(lone_3)(xp, where, w, n, t->wz, part);
            else if (nv == 2)
                LN_F(lone_2)(xp, where, w, n, t->wz, part);
            else
                LN_F(lone_1)(xp, where, w, n, t->wz, part);
            LN_F(finish)(part, 1, nv, t);
        }
        t->y = y;
        return;
    }
    LN_F(widen)(w, n * nv * LN_VW, t->wz, wide);
    /* as even as can be; those at the end take pixels again, but sum them up apart */
    int blocks = (count + PX - 1) / PX, each = (count + blocks - 1) / blocks;
    int px = each <= 4 ? 4 : each == 7 ? 7 : PX;
    if (count < px) px = 4, blocks = (count + 3) / 4;
    for (int i = 0; i < blocks; i++) {
        int p = min(i * px, count - px);
        const float *xp = x + p * xs;
        t->y = y + (size_t)p * t->yps;
        t->sum = sums + i * px * WIDE;
        switch (px * 4 + nv) {
#define LN_CALL(P, V)                                                                              \
    case P * 4 + V: LN_F(block_##P##_##V)(xp, xs, where, wide, n, part); break;
            LN_CALL(4, 1)
            LN_CALL(4, 2)
            LN_CALL(4, 3)
#if LN_VW == 16
            LN_CALL(7, 1)
            LN_CALL(7, 2)
            LN_CALL(7, 3)
            LN_CALL(8, 1)
            LN_CALL(8, 2)
            LN_CALL(8, 3)
#endif
        }
        LN_F(finish)(part, px, nv, t);
    }
    t->y = y;
}

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int chunk = tile % s->t1, group = tile / s->t1, all = s->t4;
    int ocp = ln_pad(s->oc), panels = ln_panel_count(ocp, WIDE);
    int i0 = panels * group / s->t3, i1 = panels * (group + 1) / s->t3;
    float x[XS] __attribute__((aligned(64))), wide[KB * WIDE] __attribute__((aligned(64)));
    int sums[SUMS * WIDE] __attribute__((aligned(64)));
    int tab = (ocp + LN_VW - 1) / LN_VW * LN_VW;
    __global const int *b = (__global const int *)weights + s->b;
    __global const char *mask = (__global const char *)(b + 3 * tab), *from = LN_BYTES(arena, s->x);
    LN_F(site)
    t = {.tab = tab, .yps = s->yps, .zero = s->yz, .lo = s->lo, .hi = s->hi, .any = s->t0};
    t.wz = s->wz;
#if STEM
    int ow = s->ow, plane = (ow - 1) * s->sw + (s->kw - 1) * s->dw + 1, where[KB];
    int p0 = ln_cut(s->n * s->oh, chunk, s->t1) * ow,
        p1 = ln_cut(s->n * s->oh, chunk + 1, s->t1) * ow;
    for (int k = 0; k < all; k++) {
        int tap = k / s->c, ky = tap / s->kw;
        where[k] = (ky * s->c + k - tap * s->c) * plane + (tap - ky * s->kw) * s->dw;
    }
#else
    int p0 = ln_cut(s->m, chunk, s->t1), p1 = ln_cut(s->m, chunk + 1, s->t1);
    int most = s->t5, xs = min(all, most) + 16;
#endif
    for (int p = p0, px; p < p1; p += px) {
#if STEM
        int row = p / ow, ox = p - row * ow, n = row / s->oh;
        px = min(s->t2, ow - ox);
        if (!ox) LN_F(spread)(from + (size_t)n * s->xns, s, row - n * s->oh, plane, x);
#else
        px = min(s->t2, p1 - p);
#endif
        for (int i = i0; i < i1; i++) {
            int at = ln_panel_at(ocp, WIDE, i), end = ln_panel_at(ocp, WIDE, i + 1);
            int nv = (end - at + LN_VW - 1) / LN_VW;
            __global const char *w = LN_BYTES(weights, s->w) + (size_t)at * all;
            t.b = b + at, t.mask = mask + at, t.cut = at + nv * LN_VW > ocp;
            t.y = LN_BYTES(arena, s->y) + (size_t)p * s->yps + at;
#if STEM
            t.first = t.last = true;
            LN_F(run)(x + ox * s->sw, s->sw, where, px, w, all, nv, sums, &t, wide);
#else
            for (int k0 = 0; k0 < all; k0 += most) {
                int some = min(most, all - k0);
                if (i == i0 || all > most) LN_F(fill)(from, s, p, px, k0, some, x, xs);
                for (int k = 0; k < some; k += KB) {
                    int n = min(KB, some - k);
                    t.first = k0 + k == 0, t.last = k0 + k + n == all;
                    LN_F(run)(x + k, xs, 0, px, w, n, nv, sums, &t, wide);
                    w += n * nv * LN_VW;
                }
            }
#endif
        }
    }
}
LN_KERNEL
#undef LN_BLOCK
#undef LN_BLOCKS
#undef LN_CALL
#undef CONV
#undef STEM
#undef LN_PLACE
#undef NV
#undef WIDE
#undef PX
#undef SUMS
#undef KB
#undef XS
#undef VEC
#undef BYTES
#undef LN_OF
#undef LN_START
#undef LN_STEP
#undef LN_PUT
#undef ELEM
