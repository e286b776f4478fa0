/* Softmax over the channels of each pixel.
 *
 * y[p,c] = exp(x[p,c] - max over c) / sum over c of exp(x[p,c] - max)
 *
 * x, y: NHWC. Three passes, the second leaves the exponentials in y; a half would round them, and
 * the third makes them again. One work-item makes one pixel. */
#if HALF
#    define KEEP(p, e)
#else
#    define KEEP LN_ST8
#endif

/* Exponentials of the last channels, zero beyond them. */
LN_INLINE float8 LN_F(tail)(__global const LN_T *x, int at, int c, float top) {
    return ln_mask8(ln_exp8(ln_mask8(LN_LD8(x + at) - (float8)top, at, c)), at, c);
}

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int p = tile * LN_LOCAL + lid;
    if (p >= s->m) return;
    __global const LN_T *x = LN_AT(arena, s->x) + ln_x_pixel(s, p);
    __global LN_T *y = LN_AT(arena, s->y) + (size_t)p * s->yps;
    int c = s->oc, whole = c & ~7;
    float top = LN_LD1(x);
    for (int i = 1; i < c; i++) {
        float v = LN_LD1(x + i);
        top = v > top || v != v ? v : top;
    }
    float8 sums = (float8)0.0f;
    for (int i = 0; i < whole; i += 8) {
        float8 e = ln_exp8(LN_LD8(x + i) - (float8)top);
        sums += e;
        KEEP(y + i, e);
    }
    float sum = ln_sum8(sums);
    if (whole < c) {
        float8 e = LN_F(tail)(x, whole, c, top);
        sum += ln_sum8(e);
        KEEP(y + whole, e);
    }
    float8 by = (float8)(1.0f / sum);
#if HALF
    for (int i = 0; i < whole; i += 8) LN_ST8(y + i, ln_exp8(LN_LD8(x + i) - (float8)top) * by);
    if (whole < c) LN_ST8(y + whole, LN_F(tail)(x, whole, c, top) * by);
#else
    for (int i = 0; i < c; i += 8) LN_ST8(y + i, LN_LD8(y + i) * by);
#endif
}
LN_KERNEL
#undef KEEP
