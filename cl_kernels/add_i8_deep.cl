/* Quantized sum of two maps, element by element, for processors with wide vectors.
 *
 * y[p,c] = ln_add_i8_8(x[p,c], x2[p,c])
 *
 * x, x2, y: NHWC, i8; y may lie on x or x2. Preconditions: no padding lanes. One work-item a group;
 * a tile is one of t1 chunks of the pixels, which are one row of bytes where nothing lies between
 * them.
 *
 * y + 256.5 is alpha * x + beta * x2 + palpha but for less than pbeta; where the integers below and
 * above are one, that is y. Elsewhere, and where pbeta is negative, fixed.clh says. */
#if LN_VW == 16
#    define N 16
#else
#    define N 8
#endif
#define LN_OF(T) LN_CAT2(T, N)
typedef LN_OF(char) LN_F(v) __attribute__((aligned(8)));
typedef LN_OF(int) LN_F(i);

LN_INLINE LN_F(v) LN_F(near)(LN_F(v) x, LN_F(v) v, __global const ln_args *s, LN_F(i) * apart) {
    LN_OF(float)
    f = fma(LN_OF(convert_float)(v), (LN_OF(float))s->beta, (LN_OF(float))s->palpha);
    f = fma(LN_OF(convert_float)(x), (LN_OF(float))s->alpha, f);
    LN_F(i) t = LN_OF(convert_int)(f - s->pbeta), above = LN_OF(convert_int)(f + s->pbeta);
    *apart |= t ^ above;
    int lo = 256 + s->yz + (int)s->lo, hi = 256 + s->yz + (int)s->hi;
    return LN_OF(convert_char)(clamp(t, (LN_F(i))lo, (LN_F(i))hi) - 256);
}

LN_FUNCTION void LN_F(fixed)(__global const char *x, __global const char *second, __global char *y,
                             size_t n, __global const ln_args *s) {
    for (size_t i = 0; i < n; i += 8)
        LN_STB8(y + i, ln_add_i8_8(LN_LDB8(x + i), LN_LDB8(second + i), s));
}

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int p0 = ln_cut(s->m, tile, s->t1), p1 = ln_cut(s->m, tile + 1, s->t1), c = s->oc;
    __global const char *x = LN_BYTES(arena, s->x) + (size_t)p0 * s->xps;
    __global const char *second = LN_BYTES(arena, s->x2) + (size_t)p0 * s->x2ps;
    __global char *y = LN_BYTES(arena, s->y) + (size_t)p0 * s->yps;
    int rows = p1 - p0, dense = s->xps == c && s->x2ps == c && s->yps == c;
    size_t n = dense ? (size_t)rows * c : (size_t)c;
    for (int r = 0; r < (dense ? 1 : rows); r++) {
        size_t i = 0;
        for (; s->pbeta >= 0 && i + 4 * N <= n; i += 4 * N) {
            LN_F(i) apart = (LN_F(i))0;
            LN_F(v) v[4];
            LN_UNROLL
            for (int k = 0; k < 4; k++)
                v[k] = LN_F(near)(*(__global const LN_F(v) *)(x + i + k * N),
                                  *(__global const LN_F(v) *)(second + i + k * N), s, &apart);
            if (any(apart != 0)) {
                LN_F(fixed)(x + i, second + i, y + i, 4 * N, s);
                continue;
            }
            LN_UNROLL
            for (int k = 0; k < 4; k++) *(__global LN_F(v) *)(y + i + k * N) = v[k];
        }
        LN_F(fixed)(x + i, second + i, y + i, n - i, s);
        x += s->xps, second += s->x2ps, y += s->yps;
    }
}
LN_KERNEL
#undef LN_OF
#undef N
#undef ELEM
