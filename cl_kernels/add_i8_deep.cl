/* Quantized sum of two maps, element by element, for processors with wide vectors.
 *
 * y[p,c] = rescale((x[p,c] - xz) * alpha + (x2[p,c] - wz) * beta)
 *
 * x, x2, y: NHWC, i8; y may lie on x or x2. palpha: the half of the rescaling. Preconditions: no
 * padding lanes. One work-item a group; a tile is one of t1 chunks of the pixels, which are one
 * row of bytes where nothing lies between them. */
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
    float alpha = s->alpha, beta = s->beta, half_ = s->palpha;
    int xz = s->xz, wz = s->wz;
    for (int r = 0; r < (dense ? 1 : rows); r++) {
        size_t i = 0;
        for (; i + N <= n; i += N) {
            LN_OF(int) u = LN_OF(convert_int)(*(__global const LN_F(v) *)(x + i)) - xz;
            LN_OF(int) v = LN_OF(convert_int)(*(__global const LN_F(v) *)(second + i)) - wz;
            LN_OF(float) sum = LN_OF(convert_float)(u) * alpha + LN_OF(convert_float)(v) * beta;
            *(__global LN_F(v) *)(y + i) =
                LN_OF(ln_rescale)(sum, (LN_OF(float))1.0f, (LN_OF(float))half_, s);
        }
        if (i < n) {
            int8 u = convert_int8(LN_LDB8(x + i)) - xz, v = convert_int8(LN_LDB8(second + i)) - wz;
            float8 sum = convert_float8(u) * alpha + convert_float8(v) * beta;
            LN_STB8(y + i, ln_rescale8(sum, (float8)1.0f, (float8)half_, s));
        }
        x += s->xps, second += s->x2ps, y += s->yps;
    }
}
LN_KERNEL
#undef LN_OF
#undef N
#undef ELEM
