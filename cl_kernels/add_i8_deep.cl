/* Quantized sum of two maps, element by element, for processors with wide vectors.
 *
 * y[p,c] = ln_add_i8_8(x[p,c], x2[p,c])
 *
 * x, x2, y: NHWC, i8; y may lie on x or x2. Preconditions: no padding lanes. One work-item a group;
 * a tile is one of t1 chunks of the pixels, which are one row of bytes where nothing lies between
 * them. */
#if LN_VW == 16
#    define N 16
#else
#    define N 8
#endif
#define LN_OF(T) LN_CAT2(T, N)
typedef LN_OF(char) LN_F(v) __attribute__((aligned(8)));

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int p0 = ln_cut(s->m, tile, s->t1), p1 = ln_cut(s->m, tile + 1, s->t1), c = s->oc;
    __global const char *x = LN_BYTES(arena, s->x) + (size_t)p0 * s->xps;
    __global const char *second = LN_BYTES(arena, s->x2) + (size_t)p0 * s->x2ps;
    __global char *y = LN_BYTES(arena, s->y) + (size_t)p0 * s->yps;
    int rows = p1 - p0, dense = s->xps == c && s->x2ps == c && s->yps == c;
    size_t n = dense ? (size_t)rows * c : (size_t)c;
    for (int r = 0; r < (dense ? 1 : rows); r++) {
        size_t i = 0;
        for (; i + N <= n; i += N)
            *(__global LN_F(v) *)(y + i) = LN_OF(ln_add_i8_)(
                *(__global const LN_F(v) *)(x + i), *(__global const LN_F(v) *)(second + i), s);
        if (i < n) LN_STB8(y + i, ln_add_i8_8(LN_LDB8(x + i), LN_LDB8(second + i), s));
        x += s->xps, second += s->x2ps, y += s->yps;
    }
}
LN_KERNEL
#undef LN_OF
#undef N
#undef ELEM
