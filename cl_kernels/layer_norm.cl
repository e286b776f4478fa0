/* Layer norm over the channels of each pixel.
 *
 * y[p,c] = (x[p,c] - mean) / sqrt(variance + alpha) * w[c] + b[c], mean and variance over c
 *
 * x, y: NHWC, f32; w, b [cp], zero beyond the channels. y may lie on x. Mean first, then the
 * variance about it. One work-item makes t1 pixels one after another. */

LN_INLINE float LN_F(sum)(float8 v) {
    float4 h = v.lo + v.hi;
    return (h.x + h.y) + (h.z + h.w);
}

LN_INLINE void LN_FN(LN_PARAMS) {
    int first = (tile * LN_LOCAL + lid) * s->t1, last = min(first + s->t1, s->m), c = s->c;
    for (int p = first; p < last; p++) {
        __global const float *x = arena + ln_x_pixel(s, p);
        __global float *y = arena + s->y + (size_t)p * s->yps;
        float8 a = (float8)0.0f, q = a;
        for (int i = 0; i < c; i += 8) a += LN_LD8(x + i); /* padding lanes are zero */
        float mean = LN_F(sum)(a) / (float)c;
        for (int i = 0; i < c; i += 8) {
            float8 d = ln_mask8(LN_LD8(x + i) - (float8)mean, i, c);
            q = ln_fma(d, d, q);
        }
        float by = 1.0f / sqrt(LN_F(sum)(q) / (float)c + s->alpha);
        for (int i = 0; i < c; i += 8) {
            float8 d = (LN_LD8(x + i) - (float8)mean) * (float8)by;
            d = ln_fma(d, LN_LD8(weights + s->w + i), LN_LD8(weights + s->b + i));
            LN_ST8(y + i, ln_mask8(d, i, c));
        }
    }
}
LN_KERNEL
