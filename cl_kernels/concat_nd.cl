/* Tensors joined along any dimension; constants may be among them.
 *
 * y[p,o] = x_i[q,c] for the operand i that has it. Along the last dimension q = p and
 * c = o - first_i; along another c = o, and with p = image * t0 + r, q = image * c_i + r - first_i:
 * c_i and first_i then count pixels.
 *
 * t1: along the last dimension; t2: bit i: operand i lies in the weights, its place counted from w.
 * Words of 4 bytes. One work-item makes 8 lanes of one pixel; with ROWS (not along the last
 * dimension) t4 pixels. Padding lanes get zero. */
#ifndef ROWS
#    define ROWS 0
#endif

LN_INLINE __global const LN_T *LN_F(base)(__global float *arena, __global const float *weights,
                                          __global const ln_args *s, int i) {
    return (__global const LN_T *)((s->t2 >> i & 1 ? weights + s->w : arena) + s->u.part[i].at);
}

/* The operand of place `at` along the joined dimension, from operand i on. */
LN_INLINE int LN_F(operand)(__global const ln_args *s, int at, int i) {
    while (i < LN_PARTS - 1 && at >= s->u.part[i].first + s->u.part[i].c) i++;
    return i;
}

#if ROWS
LN_FUNCTION void LN_FN(LN_PARAMS) {
    int first = tile * s->t4, last = min(first + s->t4, s->m), cp = ln_pad(s->oc);
    for (int p = first; p < last; p++) {
        int image = p / s->t0, r = p - image * s->t0, i = LN_F(operand)(s, r, 0), c = 0;
        __global const LN_T *x =
            LN_F(base)(arena, weights, s, i) +
            (size_t)(image * s->u.part[i].c + r - s->u.part[i].first) * s->u.part[i].ps;
        __global LN_T *y = LN_AT(arena, s->y) + (size_t)p * s->yps;
        for (; c + LN_VW <= s->oc; c += LN_VW) LN_STU(y + c, LN_LDU(x + c));
        for (; c < s->oc; c++) LN_ST1(y + c, LN_LD1(x + c));
        for (; c < cp; c++) LN_ST1(y + c, 0.0f);
    }
}
#else
LN_FUNCTION void LN_FN(LN_PARAMS) {
    int pieces = ln_pad(s->oc) / 8, at = tile * LN_LOCAL + lid;
    int p = at / pieces, c = (at - p * pieces) * 8, q = p, i = 0, from = c;
    if (p >= s->m) return;
    if (!s->t1) {
        int image = p / s->t0, r = p - image * s->t0;
        i = LN_F(operand)(s, r, 0);
        q = image * s->u.part[i].c + r - s->u.part[i].first;
    }
    __global LN_T *y = LN_AT(arena, s->y) + (size_t)p * s->yps + c;
    for (int l = 0; l < 8; l++) {
        if (s->t1 && c + l < s->oc) {
            i = LN_F(operand)(s, c + l, i);
            from = c - s->u.part[i].first;
        }
        float v = 0.0f;
        if (c + l < s->oc)
            v = LN_LD1(LN_F(base)(arena, weights, s, i) + (size_t)q * s->u.part[i].ps + from + l);
        LN_ST1(y + l, v);
    }
}
#endif
LN_KERNEL
#undef ROWS
