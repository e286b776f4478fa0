/* Layer norm over the channels of each pixel.
 *
 * y[p,c] = (x[p,c] - mean) / sqrt(variance + alpha) * w[c] + b[c], mean and variance over c
 *
 * x, y: NHWC, f32; w, b [cp], zero beyond the channels. y may lie on x. Mean first, then the
 * variance about it; whole vectors, then what is left in pieces of 8. One work-item makes t1
 * pixels one after another. */

LN_INLINE void LN_F(pixel)(__global const LN_T *x, __global LN_T *y, __global const LN_T *w,
                           __global const LN_T *b, int c, float eps) {
    int whole = c / LN_VW * LN_VW;
    ln_v a = (ln_v)0.0f, q = a;
    float8 a8 = (float8)0.0f, q8 = a8;
    for (int i = 0; i < whole; i += LN_VW) a += LN_LDV(x + i);
    for (int i = whole; i < c; i += 8) a8 += LN_LD8(x + i); /* padding lanes are zero */
    float mean = (ln_sumv(a) + ln_sum8(a8)) / (float)c;
    for (int i = 0; i < whole; i += LN_VW) {
        ln_v d = LN_LDV(x + i) - (ln_v)mean;
        q = ln_fma(d, d, q);
    }
    for (int i = whole; i < c; i += 8) {
        float8 d = ln_mask8(LN_LD8(x + i) - (float8)mean, i, c);
        q8 = ln_fma(d, d, q8);
    }
    float by = 1.0f / sqrt((ln_sumv(q) + ln_sum8(q8)) / (float)c + eps);
    for (int i = 0; i < whole; i += LN_VW) {
        ln_v d = (LN_LDV(x + i) - (ln_v)mean) * (ln_v)by;
        LN_STV(y + i, ln_fma(d, LN_LDV(w + i), LN_LDV(b + i)));
    }
    for (int i = whole; i < c; i += 8) {
        float8 d = (LN_LD8(x + i) - (float8)mean) * (float8)by;
        LN_ST8(y + i, ln_mask8(ln_fma(d, LN_LD8(w + i), LN_LD8(b + i)), i, c));
    }
}

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int first = (tile * LN_LOCAL + lid) * s->t1, last = min(first + s->t1, s->m);
    for (int p = first; p < last; p++) LN_F(pixel)
    (LN_AT(arena, s->x) + ln_x_pixel(s, p), LN_AT(arena, s->y) + (size_t)p * s->yps,
     LN_AT(weights, s->w), LN_AT(weights, s->b), s->c, s->alpha);
}
LN_KERNEL
