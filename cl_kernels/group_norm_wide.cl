/* Group norm, a group of an image by work-groups.
 *
 * y[n,p,c] = (x[n,p,c] - mean) / sqrt(variance + alpha) * w[c] + b[c], mean and variance over the
 * pixels of an image and the channels of a group
 *
 * x, y: NHWC, f32; w, b [cp]. y does not lie on x. Precondition: one group, or groups of a
 * multiple of 8 channels.
 *
 * A work-group writes one of t4 chunks of the pixels of one group of one image; each reads them all
 * for the moments, for that is cheaper than a second launch. An item takes 4 channels of every few
 * pixels; the mean first, then the variance about it. */

/* Sum of v over the items of the group, at all of them. */
LN_INLINE float LN_F(total)(float v, int lid, __local float *lm) {
    lm[lid] = v;
    for (int reach = LN_LOCAL / 2; reach > 0; reach /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (lid < reach) lm[lid] += lm[lid + reach];
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    float sum = lm[0];
    barrier(CLK_LOCAL_MEM_FENCE);
    return sum;
}

/* Not a function of its own: it has barriers. */
LN_INLINE void LN_FN(LN_PARAMS) {
    int chunk = tile % s->t4, g = tile / s->t4 % s->groups, n = tile / (s->t4 * s->groups);
    int len = s->c / s->groups, pixels = s->h * s->wd, columns = ln_pad(len) / 4;
    int width = min(columns, LN_LOCAL), rows = LN_LOCAL / width, row = lid / width;
    int c = (lid - row * width) * 4, end = row < rows ? pixels : 0;
    __global const LN_T *x = LN_AT(arena, s->x) + (size_t)n * s->xns + g * len;
    __global LN_T *y = LN_AT(arena, s->y) + (size_t)n * pixels * s->yps + g * len;
    __global const LN_T *w = LN_AT(weights, s->w) + g * len, *b = LN_AT(weights, s->b) + g * len;
    float count = (float)len * (float)pixels;
    float4 a = (float4)0.0f, q = a;
    for (int p = row; p < end; p += rows)
        for (int i = c; i < len; i += width * 4) a += LN_LD4(x + (size_t)p * s->xps + i);
    float mean = LN_F(total)((a.x + a.y) + (a.z + a.w), lid, lm) / count;
    for (int p = row; p < end; p += rows)
        for (int i = c; i < len; i += width * 4) {
            float4 d = ln_mask4(LN_LD4(x + (size_t)p * s->xps + i) - (float4)mean, i, len);
            q = ln_fma(d, d, q);
        }
    float square = LN_F(total)((q.x + q.y) + (q.z + q.w), lid, lm);
    float by = 1.0f / sqrt(square / count + s->alpha);
    int last = min(ln_cut(pixels, chunk + 1, s->t4), end);
    for (int p = ln_cut(pixels, chunk, s->t4) + row; p < last; p += rows)
        for (int i = c; i < columns * 4; i += width * 4) {
            float4 d = (LN_LD4(x + (size_t)p * s->xps + i) - (float4)mean) * (float4)by;
            d = ln_fma(d, LN_LD4(w + i), LN_LD4(b + i));
            LN_ST4(y + (size_t)p * s->yps + i, ln_mask4(d, i, len));
        }
}
LN_KERNEL_LOCAL(LN_LOCAL)
