/* Quantized product, element by element, for processors with wide vectors.
 *
 * y[p,c] = clamp(round((x[p,c] - xz) * (x2[q,c] - wz) * M)) + yz, M as t2, t3, t4: mul, left and
 * right of ln_twice; q = p / t0: p, its image (a gate [N,1,1,C]), or 0 ([C]).
 *
 * x, x2, y: NHWC, i8; y may lie on x or x2. x2 is packed in the weights when x2 is LN_NO_OFF.
 * Preconditions: no padding lanes, t3 < 15. One work-item a group; a tile is one of t1 chunks of
 * the pixels. */
#define LN_MUL(N, H)                                                                               \
    LN_INLINE LN_CAT2(char, N) LN_F(mul##N)(LN_CAT2(char, N) a, LN_CAT2(char, N) b, ln_args s) {   \
        LN_CAT2(int, N) v = LN_CAT2(convert_int, N)(a) - s.xz;                                     \
        v = v * (LN_CAT2(convert_int, N)(b) - s.wz) << s.t3;                                       \
        LN_CAT2(long, H) h = s.t3 > 1 ? 0 : 1L << (30 + s.t3);                                     \
        v = LN_CAT2(ln_twice, N)(0, v, (LN_CAT2(int, N))s.t2, (LN_CAT2(int, N))s.t4, h, h);        \
        LN_CAT2(int, N) lo = (int)s.lo, hi = (int)s.hi;                                            \
        return LN_CAT2(convert_char, N)(clamp((v + 1) >> 1, lo, hi) + s.yz);                       \
    }
LN_MUL(8, 4)
LN_MUL(16, 8)
typedef char16 LN_F(v) __attribute__((aligned(8)));

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int p0 = ln_cut(s->m, tile, s->t1), p1 = ln_cut(s->m, tile + 1, s->t1), oc = s->oc;
    __global const char *second =
        s->x2 == LN_NO_OFF ? LN_BYTES(weights, s->w) : LN_BYTES(arena, s->x2);
    __global const char *x = LN_BYTES(arena, s->x) + (size_t)p0 * s->xps;
    __global char *y = LN_BYTES(arena, s->y) + (size_t)p0 * s->yps;
    const ln_args here = *s; /* what y could lie on is not read again */
    for (int p = p0; p < p1; p++, x += s->xps, y += s->yps) {
        __global const char *b = second + (size_t)(p / s->t0) * s->x2ps;
        int c = 0;
        for (; c + 16 <= oc; c += 16)
            *(__global LN_F(v) *)(y + c) = LN_F(mul16)(*(__global const LN_F(v) *)(x + c),
                                                       *(__global const LN_F(v) *)(b + c), here);
        if (c < oc) LN_STB8(y + c, LN_F(mul8)(LN_LDB8(x + c), LN_LDB8(b + c), here));
    }
}
LN_KERNEL
#undef LN_MUL
#undef ELEM
