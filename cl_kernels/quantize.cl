/* Between numbers and the bytes that stand for them, element by element.
 *
 * MODE 0: y[p,c] = clamp(round(x[p,c] / alpha) + t0), halves away from zero (t2: to even), NaN as 0
 * MODE 1: y[p,c] = table[x[p,c] + 128], 256 bytes at w (activations; from one scale to another)
 * MODE 2: y[p,c] = (x[p,c] - t0) * alpha
 *
 * x: NHWC or planar, f32 (MODE 0) or i8; y: NHWC, i8 or f32 (MODE 2), may lie on x. One work-item
 * makes t1 pieces of 8 channels of one pixel after another. */
#ifndef MODE
#    define MODE 0
#endif
#if MODE
#    define FROM LN_BYTES(arena, s->x)
#    define X    char
#else
#    define FROM (arena + s->x)
#    define X    float
#endif

LN_INLINE LN_CAT2(X, 8) LN_F(load)(__global const X *x, int c, int n, int stride) {
    if (stride == 1) return *(__global const LN_CAT2(X, 8) *)(x + c);
    X v[8];
    for (int i = 0; i < 8; i++) v[i] = c + i < n ? x[(size_t)(c + i) * stride] : 0;
    return (LN_CAT2(X, 8))(v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7]);
}

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int pieces = ln_pad(s->oc) / 8, plane = s->h * s->wd;
    int first = (tile * LN_LOCAL + lid) * s->t1, last = min(first + s->t1, pieces * s->m);
    int p = first / pieces, c = (first - p * pieces) * 8;
#if MODE == 1
    __global const char *table = LN_BYTES(weights, s->w) + 128;
#endif
    for (int at = first; at < last; at++) {
        __global const X *x =
            FROM + (size_t)(p / plane) * s->xns + (size_t)(p - p / plane * plane) * s->xps;
        LN_CAT2(X, 8) v = LN_F(load)(x, c, s->oc, s->xcs);
        size_t to = (size_t)p * s->yps + c;
#if MODE == 2
        float8 y = convert_float8(convert_int8(v) - s->t0) * s->alpha;
        LN_ST8_float(arena + s->y + to, ln_mask8(y, c, s->oc));
#else
#    if MODE == 1
        int8 i = convert_int8(v);
        char8 y = (char8)(table[i.s0], table[i.s1], table[i.s2], table[i.s3], table[i.s4],
                          table[i.s5], table[i.s6], table[i.s7]);
#    else
        v = ln_clamp8(v / s->alpha, -1024.0f, 1024.0f);
        v = v == v ? v : (float8)0.0f;
        char8 y = convert_char8_sat((s->t2 ? convert_int8(rint(v)) : ln_round8(v)) + s->t0);
#    endif
        LN_STB8(LN_BYTES(arena, s->y) + to, ln_mask_i8(y, c, s->oc));
#endif
        c += 8;
        if (c >= pieces * 8) {
            c = 0;
            p++;
        }
    }
}
LN_KERNEL
#undef FROM
#undef X
#undef MODE
#undef ELEM
