/* Group norm: over the pixels of an image and the channels of a group.
 *
 * y[n,p,c] = (x[n,p,c] - mean) / sqrt(variance + alpha) * w[c] + b[c]
 *
 * x, y: NHWC, f32; w, b [cp]. y may lie on x. Mean first, then the variance about it, each summed
 * a pixel at a time. One work-item makes one group of one image: the general variant. */

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int at = tile * LN_LOCAL + lid, n = at / s->groups, g = at - n * s->groups;
    if (n >= s->n) return;
    int len = s->c / s->groups, pixels = s->h * s->wd, first = g * len;
    int end =
        g + 1 < s->groups ? first + len : ln_pad(s->c); /* the last group zeroes the padding */
    __global const LN_T *x = LN_AT(arena, s->x) + (size_t)n * s->xns;
    __global LN_T *y = LN_AT(arena, s->y) + (size_t)n * pixels * s->yps;
    float mean = 0.0f, square = 0.0f, count = (float)len * (float)pixels;
    for (int p = 0; p < pixels; p++) {
        float sum = 0.0f;
        for (int i = first; i < first + len; i++) sum += LN_LD1(x + (size_t)p * s->xps + i);
        mean += sum;
    }
    mean /= count;
    for (int p = 0; p < pixels; p++) {
        float sum = 0.0f;
        for (int i = first; i < first + len; i++) {
            float d = LN_LD1(x + (size_t)p * s->xps + i) - mean;
            sum = ln_fma(d, d, sum);
        }
        square += sum;
    }
    float by = 1.0f / sqrt(square / count + s->alpha);
    for (int p = 0; p < pixels; p++)
        for (int i = first; i < end; i++) {
            float d = (LN_LD1(x + (size_t)p * s->xps + i) - mean) * by;
            d = ln_fma(d, LN_LD1(LN_AT(weights, s->w) + i), LN_LD1(LN_AT(weights, s->b) + i));
            LN_ST1(y + (size_t)p * s->yps + i, i < s->c ? d : 0.0f);
        }
}
LN_KERNEL
