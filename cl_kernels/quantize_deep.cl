/* From numbers to the bytes that stand for them, for processors.
 *
 * y[p,c] = clamp(round(x[p,c] / alpha) + t0), halves away from zero (t2: to even), NaN as 0
 *
 * x: f32, NHWC without padding lanes, or planar with at most 8 channels, whose planes are turned;
 * y: NHWC, i8. One work-item a group; a tile is one of t1 chunks of the pixels. */
#define LN_OF(T) LN_CAT2(T, LN_VW)
typedef LN_OF(int) LN_F(ints);
typedef LN_OF(char) LN_F(bytes) __attribute__((aligned(8)));

LN_INLINE LN_F(ints) LN_F(byte)(__global const float *x, float scale, int zero, int even) {
    ln_v v = LN_LDU(x) / scale;
    v = v == v ? v : (ln_v)0.0f;
    v = min(max(v, (ln_v)-1024.0f), (ln_v)1024.0f);
    v = even ? rint(v) : v + (v < 0.0f ? (ln_v)-0.49999997f : (ln_v)0.49999997f);
    return clamp(LN_OF(convert_int)(v) + zero, (LN_F(ints)) - 128, (LN_F(ints))127);
}

/* What is left of a row of n: one value. */
LN_INLINE char LN_F(one)(float x, float scale, int zero, int even) {
    float v = x / scale;
    v = v == v ? clamp(v, -1024.0f, 1024.0f) : 0.0f;
    return convert_char_sat((even ? convert_int(rint(v)) : ln_round(v)) + zero);
}

/* n pixels of planes, one vector of them after another. */
LN_FUNCTION void LN_F(planes)(__global const float *x, __global const ln_args *s, int n,
                              __global char *y) {
    int c = s->oc, yps = s->yps, zero = s->t0, even = s->t2, i = 0;
    float scale = s->alpha;
    for (; i + LN_VW <= n; i += LN_VW) {
        LN_F(ints) four[2] = {(LN_F(ints))0, (LN_F(ints))0};
        for (int k = 0; k < c; k++)
            four[k / 4] |= (LN_F(byte)(x + (size_t)k * s->xcs + i, scale, zero, even) & 255)
                           << (k % 4 * 8);
        int low[LN_VW], high[LN_VW];
        LN_OF(vstore)(four[0], 0, low);
        LN_OF(vstore)(four[1], 0, high);
        for (int j = 0; j < LN_VW; j++)
            *(__global int2 *)(y + (size_t)(i + j) * yps) = (int2)(low[j], high[j]);
    }
    for (; i < n; i++) {
        char8 v = (char8)0;
        for (int k = 0; k < c; k++) {
            char one = LN_F(one)(x[(size_t)k * s->xcs + i], scale, zero, even);
            ((char *)&v)[k] = one;
        }
        LN_STB8(y + (size_t)i * yps, v);
    }
}

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int p0 = ln_cut(s->m, tile, s->t1), p1 = ln_cut(s->m, tile + 1, s->t1), c = s->oc;
    __global const float *x = arena + s->x;
    __global char *y = LN_BYTES(arena, s->y) + (size_t)p0 * s->yps;
    if (s->xps == 1) {
        int plane = s->h * s->wd;
        for (int p = p0, n; p < p1; p += n, y += (size_t)n * s->yps) {
            int image = p / plane, at = p - image * plane;
            n = min(p1 - p, plane - at);
            LN_F(planes)(x + (size_t)image * s->xns + at, s, n, y);
        }
        return;
    }
    bool dense = s->xps == c && s->yps == c;
    size_t n = dense ? (size_t)(p1 - p0) * c : (size_t)c;
    x += (size_t)p0 * s->xps;
    for (int r = 0; r < (dense ? 1 : p1 - p0); r++, x += s->xps, y += s->yps) {
        size_t i = 0;
        for (; i + LN_VW <= n; i += LN_VW)
            *(__global LN_F(bytes) *)(y + i) =
                LN_OF(convert_char)(LN_F(byte)(x + i, s->alpha, s->t0, s->t2));
        for (; i < n; i++) y[i] = LN_F(one)(x[i], s->alpha, s->t0, s->t2);
    }
}
LN_KERNEL
#undef LN_OF
