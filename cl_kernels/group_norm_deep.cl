/* Group norm, for processors with wide vectors.
 *
 * y[n,p,c] = (x[n,p,c] - mean) / sqrt(variance + alpha) * w[c] + b[c], mean and variance over the
 * pixels of an image and the channels of a group
 *
 * x, y: NHWC, f32; w, b [cp]. y does not lie on x. Precondition: one group, or groups of a
 * multiple of 8 channels.
 *
 * One work-item a group writes one of t4 chunks of the pixels of one group of one image; each
 * reads them all for the moments, for that is cheaper than a second launch. Moments of BLOCK
 * pixels about their own mean, joined as Chan, Golub and LeVeque do. */
#ifndef BLOCK
#    define BLOCK 16 /* pixels that stay in the first cache between mean and variance */
#endif

typedef struct LN_F(moments) {
    float count, mean, square;
} LN_F(moments);

/* Pixels [p0,p1) of `len` channels from x on. */
LN_INLINE void LN_F(add)(LN_F(moments) * m, __global const LN_T *x, int ps, int p0, int p1,
                         int len) {
    int whole = len / LN_VW * LN_VW;
    ln_v a = (ln_v)0.0f, q = a;
    float8 a8 = (float8)0.0f, q8 = a8;
    for (int p = p0; p < p1; p++) {
        __global const LN_T *at = x + (size_t)p * ps;
        for (int i = 0; i < whole; i += LN_VW) a += LN_LDV(at + i);
        for (int i = whole; i < len; i += 8) a8 += LN_LD8(at + i);
    }
    float count = (float)(p1 - p0) * (float)len, mean = (ln_sumv(a) + ln_sum8(a8)) / count;
    for (int p = p0; p < p1; p++) {
        __global const LN_T *at = x + (size_t)p * ps;
        for (int i = 0; i < whole; i += LN_VW) {
            ln_v d = LN_LDV(at + i) - (ln_v)mean;
            q = ln_fma(d, d, q);
        }
        for (int i = whole; i < len; i += 8) {
            float8 d = ln_mask8(LN_LD8(at + i) - (float8)mean, i, len);
            q8 = ln_fma(d, d, q8);
        }
    }
    float apart = mean - m->mean, all = m->count + count;
    m->mean += apart * (count / all);
    m->square += ln_sumv(q) + ln_sum8(q8) + apart * apart * (m->count * count / all);
    m->count = all;
}

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int chunk = tile % s->t4, g = tile / s->t4 % s->groups, n = tile / (s->t4 * s->groups);
    int len = s->c / s->groups, pixels = s->h * s->wd, whole = len / LN_VW * LN_VW;
    __global const LN_T *x = LN_AT(arena, s->x) + (size_t)n * s->xns + g * len;
    __global LN_T *y = LN_AT(arena, s->y) + (size_t)n * pixels * s->yps + g * len;
    __global const LN_T *w = LN_AT(weights, s->w) + g * len, *b = LN_AT(weights, s->b) + g * len;
    LN_F(moments) m = {0.0f, 0.0f, 0.0f};
    for (int p = 0; p < pixels; p += BLOCK)
        LN_F(add)(&m, x, s->xps, p, min(p + BLOCK, pixels), len);
    float by = 1.0f / sqrt(m.square / m.count + s->alpha);
    int last = ln_cut(pixels, chunk + 1, s->t4);
    for (int p = ln_cut(pixels, chunk, s->t4); p < last; p++) {
        __global const LN_T *from = x + (size_t)p * s->xps;
        __global LN_T *to = y + (size_t)p * s->yps;
        for (int i = 0; i < whole; i += LN_VW) {
            ln_v d = (LN_LDV(from + i) - (ln_v)m.mean) * (ln_v)by;
            LN_STV(to + i, ln_fma(d, LN_LDV(w + i), LN_LDV(b + i)));
        }
        for (int i = whole; i < len; i += 8) {
            float8 d = (LN_LD8(from + i) - (float8)m.mean) * (float8)by;
            LN_ST8(to + i, ln_mask8(ln_fma(d, LN_LD8(w + i), LN_LD8(b + i)), i, len));
        }
    }
}
LN_KERNEL
#undef BLOCK
