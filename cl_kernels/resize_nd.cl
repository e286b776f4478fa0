/* Resize of any axes of a tensor of any rank, by tables of pixels and weights.
 *
 * y[o] = sum over k of the product over axes d of weight[d][o[d]][k[d]] *
 * x[index[d][o[d]][k[d]]...] or alpha, where a place of any axis lies outside
 *
 * dim: of y. xstr[0]: of x; xstr[1]: taps of each axis, 0 in front of the shape; xstr[2]: from w to
 * its table, index [dim][taps], the first -1 for a place outside, then weight [dim][taps].
 * f32. No preconditions. One work-item makes one lane of one pixel; padding lanes get zero. */

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int ocp = ln_pad(s->oc), at = tile * LN_LOCAL + lid;
    int p = at / ocp, o = at - p * ocp, all = 1, step[LN_ND];
    if (p >= s->m) return;
    __global LN_T *y = LN_AT(arena, s->y) + (size_t)p * s->yps + o;
    if (o >= s->oc) {
        LN_ST1(y, 0.0f);
        return;
    }
    __global const ln_nd *d = &s->u.nd;
    __global const float *index[LN_ND];
    for (int i = LN_ND - 1, rest = p, place = o; i >= 0; i--) {
        step[i] = d->xstr[1][i];
        if (!step[i]) continue;
        if (i < LN_ND - 1) {
            place = rest % d->dim[i];
            rest /= d->dim[i];
        }
        index[i] = weights + s->w + d->xstr[2][i] + (size_t)place * step[i];
        all *= step[i];
        if (as_int(index[i][0]) < 0) {
            LN_ST1(y, s->alpha);
            return;
        }
    }
    float sum = 0.0f;
    for (int k = 0; k < all; k++) {
        size_t from = 0;
        float w = 1.0f;
        for (int i = LN_ND - 1, rest = k; i >= 0; i--) {
            if (!step[i]) continue;
            __global const float *tap = index[i] + rest % step[i];
            rest /= step[i];
            from += (size_t)as_int(*tap) * d->xstr[0][i];
            w *= tap[d->dim[i] * step[i]];
        }
        if (w != 0.0f) sum = ln_fma(w, LN_LD1(LN_AT(arena, s->x) + from), sum);
    }
    LN_ST1(y, sum);
}
LN_KERNEL
