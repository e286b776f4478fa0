/* Sum, product, activation or batch norm, element by element.
 *
 * y[p,c] = act(x[p,c] OP x2[q,c]);  q = p, or the image of p (a gate [N,1,1,C]), or 0 ([C]):
 * the second operand's pixel is p / t0, t0 = 1, oh*ow or m.
 * Batch norm: y[p,c] = x[p,c] * w[c] + b[c].
 *
 * x: NHWC or planar (activation alone: this is how a caller's picture becomes NHWC); y: NHWC,
 * may lie on x or x2. x2: NHWC in the arena, or packed in the weights when x2 is LN_NO_OFF.
 * f32, or halves, sums and products also in halves (half.clh). One work-item makes t1 pieces of 8
 * channels of one pixel after another. */
#ifndef EW
#    define EW 0 /* 0: activation alone, 1: sum, 2: product, 3: batch norm */
#endif

#if EW == 1 || EW == 2
#    define LN_FIRST LN_P8
#    define LN_WHOLE LN_PLD8
#    define LN_MADE  LN_PSET8
#else
#    define LN_FIRST float8
#    define LN_WHOLE LN_XLD8
#    define LN_MADE
#endif
LN_INLINE LN_FIRST LN_F(load)(__global const LN_TX *x, int c, int n, int stride) {
    if (stride == 1) return LN_WHOLE(x + c);
    float v[8];
    for (int i = 0; i < 8; i++) v[i] = c + i < n ? LN_XLD1(x + (size_t)(c + i) * stride) : 0.0f;
    return LN_MADE((float8)(v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7]));
}

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int pieces = ln_pad(s->oc) / 8;
    int begin = (tile * LN_LOCAL + lid) * s->t1, last = min(begin + s->t1, pieces * s->m);
    int p = begin / pieces, c = (begin - p * pieces) * 8;
    for (int at = begin; at < last; at++) {
        LN_FIRST first = LN_F(load)(LN_XAT(arena, s->x) + ln_x_pixel(s, p), c, s->oc, s->xcs);
#if EW == 3
        float8 v =
            ln_fma(first, LN_LD8(LN_AT(weights, s->w) + c), LN_LD8(LN_AT(weights, s->b) + c));
#elif EW
        size_t q = (size_t)(p / s->t0) * s->x2ps + c;
        LN_P8 u = LN_PLD8((s->x2 == LN_NO_OFF ? LN_AT(weights, s->w) : LN_AT(arena, s->x2)) + q);
#    if EW == 1
        float8 v = LN_PGET8(LN_PADD8(first, u));
#    else
        float8 v = LN_PGET8(LN_PMUL8(first, u));
#    endif
#else
        float8 v = first;
#endif
        v = ln_act8(v, s->act, s->lo, s->hi, s->alpha, s->beta);
        LN_YST8(LN_YAT(arena, s->y) + (size_t)p * s->yps + c, ln_mask8(v, c, s->oc));
        c += 8;
        if (c >= pieces * 8) {
            c = 0;
            p++;
        }
    }
}
LN_KERNEL
#undef LN_FIRST
#undef LN_WHOLE
#undef LN_MADE
#undef EW
