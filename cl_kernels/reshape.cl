/* The same elements in the same logical order under another shape.
 *
 * y[e / oc, e % oc] = x[e / c, e % c] for every element e
 *
 * x, y: NHWC, f32. One work-item makes one lane of one output pixel; padding lanes get zero. */

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int ocp = ln_pad(s->oc), at = tile * LN_LOCAL + lid;
    int p = at / ocp, o = at - p * ocp;
    if (p >= s->m) return;
    uint e = (uint)p * (uint)s->oc + (uint)o;
    __global const LN_T *x = LN_AT(arena, s->x) + ln_x_pixel(s, (int)(e / (uint)s->c));
    float v = o < s->oc ? LN_LD1(x + e % (uint)s->c) : 0.0f;
    LN_ST1(LN_AT(arena, s->y) + (size_t)p * s->yps + o, v);
}
LN_KERNEL
