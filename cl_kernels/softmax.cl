/* Softmax over the channels of each pixel.
 *
 * y[p,c] = exp(x[p,c] - max over c) / sum over c of exp(x[p,c] - max)
 *
 * x, y: NHWC, f32. Three passes, the second leaves the exponentials in y. One work-item makes
 * one pixel. */

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int p = tile * LN_LOCAL + lid;
    if (p >= s->m) return;
    __global const float *x = arena + ln_x_pixel(s, p);
    __global float *y = arena + s->y + (size_t)p * s->yps;
    int c = s->oc, whole = c & ~7;
    float top = x[0];
    for (int i = 1; i < c; i++) top = x[i] > top || x[i] != x[i] ? x[i] : top;
    float8 sums = (float8)0.0f;
    for (int i = 0; i < whole; i += 8) {
        float8 e = ln_exp8(LN_LD8(x + i) - (float8)top);
        sums += e;
        LN_ST8(y + i, e);
    }
    float4 part = sums.lo + sums.hi;
    float sum = part.x + part.y + part.z + part.w;
    if (whole < c) {
        float8 e = ln_mask8(ln_exp8(ln_mask8(LN_LD8(x + whole) - (float8)top, whole, c)), whole, c);
        part = e.lo + e.hi;
        sum += part.x + part.y + part.z + part.w;
        LN_ST8(y + whole, e);
    }
    for (int i = 0; i < c; i += 8) LN_ST8(y + i, LN_LD8(y + i) * (float8)(1.0f / sum));
}
LN_KERNEL
