/* Resize of maps of bytes between two pixels each way, for processors: resize_i8.cl by rows.
 *
 * y[n,oy,ox,c] = round(sum over tx < 2, ty < 2 of wy[oy][ty] * wx[ox][tx] *
 * x[n,iy[oy][ty],ix[ox][tx],c])
 * With LN_FLAG_UNSIGNED of x + 128 in f32, in that order, each step rounded, halves up; else
 * weights are whole 1024ths, sums exact and halves go away from zero. The weights of a pixel are of
 * one sign or it is one pixel: no result is beyond a byte.
 *
 * x, y: NHWC, i8; tables as in resize.cl, an axis of one tap reads it twice, the second time with
 * weight 0. One work-item a group makes one of t2 chunks of rows: outputs between the same two
 * columns share what their four pixels are times the rows' weights. */
#if LN_VW == 16
#    define LN_WIDE(M) M(16)
#else
#    define LN_WIDE(M)
#endif

/* What lies between: first and one behind last output, weights; channel c of the two rows. */
typedef struct LN_F(span) {
    int first, end, yps, taps;
    __global const float *wx;
    float wy[2];
    size_t at[2]; /* of the columns in a row */
} LN_F(span);

typedef char8 LN_F(c8);
typedef char16 LN_F(c16) __attribute__((aligned(8)));

#define LN_SPAN(N)                                                                                 \
    LN_INLINE LN_CAT2(float, N) LN_F(real##N)(__global const char *p) {                            \
        LN_CAT2(char, N) v = *(__global const LN_F(c##N) *)p ^ (LN_CAT2(char, N))(char)-128;       \
        return LN_CAT2(convert_float, N)(LN_CAT2(convert_int, N)(LN_CAT2(as_uchar, N)(v)));        \
    }                                                                                              \
    LN_INLINE LN_CAT2(int, N) LN_F(whole##N)(__global const char *p) {                             \
        return LN_CAT2(convert_int, N)(*(__global const LN_F(c##N) *)p);                           \
    }                                                                                              \
    LN_FUNCTION void LN_F(single##N)(const LN_F(span) * s, __global const char *r0,                \
                                     __global const char *r1, __global char *y) {                  \
        _Pragma("OPENCL FP_CONTRACT OFF") LN_CAT2(float, N) a =                                    \
            LN_F(real##N)(r0 + s->at[0]) * s->wy[0];                                               \
        LN_CAT2(float, N) b = LN_F(real##N)(r1 + s->at[0]) * s->wy[1];                             \
        LN_CAT2(float, N) d = LN_F(real##N)(r0 + s->at[1]) * s->wy[0];                             \
        LN_CAT2(float, N) e = LN_F(real##N)(r1 + s->at[1]) * s->wy[1];                             \
        __global const float *w = s->wx + s->first * s->taps;                                      \
        for (int i = s->first; i < s->end; i++, w += s->taps, y += s->yps) {                       \
            float w0 = w[0], w1 = s->taps > 1 ? w[1] : 0.0f;                                       \
            LN_CAT2(float, N) v = a * w0;                                                          \
            v += b * w0;                                                                           \
            v += d * w1;                                                                           \
            v += e * w1;                                                                           \
            LN_CAT2(int, N) u = LN_CAT2(convert_int, N)(v + 0.5f);                                 \
            *(__global LN_F(c##N) *)y =                                                            \
                LN_CAT2(convert_char, N)(u) ^ (LN_CAT2(char, N))(char)-128;                        \
        }                                                                                          \
    }                                                                                              \
    LN_FUNCTION void LN_F(fixed##N)(const LN_F(span) * s, __global const char *r0,                 \
                                    __global const char *r1, __global char *y) {                   \
        int wy0 = (int)(s->wy[0] * 1024.0f), wy1 = (int)(s->wy[1] * 1024.0f);                      \
        LN_CAT2(int, N) a = LN_F(whole##N)(r0 + s->at[0]) * wy0;                                   \
        LN_CAT2(int, N) b = LN_F(whole##N)(r0 + s->at[1]) * wy0;                                   \
        a += LN_F(whole##N)(r1 + s->at[0]) * wy1;                                                  \
        b += LN_F(whole##N)(r1 + s->at[1]) * wy1;                                                  \
        __global const float *w = s->wx + s->first * s->taps;                                      \
        for (int i = s->first; i < s->end; i++, w += s->taps, y += s->yps) {                       \
            int w0 = (int)(w[0] * 1024.0f), w1 = s->taps > 1 ? (int)(w[1] * 1024.0f) : 0;          \
            LN_CAT2(int, N) v = a * w0 + b * w1;                                                   \
            v = (v + (1 << 19) + (v >> 31)) >> 20; /* halves away from zero */                     \
            *(__global LN_F(c##N) *)y = LN_CAT2(convert_char, N)(v);                               \
        }                                                                                          \
    }
LN_SPAN(8)
LN_WIDE(LN_SPAN)

LN_FUNCTION void LN_F(row)(__global float *arena, __global const float *weights,
                           __global const ln_args *s, int n, int oy) {
    int th = s->t0, tw = s->t1, cp = ln_pad(s->oc), fixed = !(s->flags & LN_FLAG_UNSIGNED);
    __global const float *rows = weights + s->w + oy * th, *columns = weights + s->b;
    __global const char *x = LN_BYTES(arena, s->x) + (size_t)n * s->xns;
    __global const char *r0 = x + (size_t)as_int(rows[0]) * s->xrs;
    __global const char *r1 = x + (size_t)as_int(rows[th - 1]) * s->xrs;
    __global char *y = LN_BYTES(arena, s->y) + (size_t)(n * s->oh + oy) * s->ow * s->yps;
    LN_F(span) span = {.yps = s->yps, .taps = tw, .wx = columns + s->ow * tw};
    span.wy[0] = rows[s->oh * th];
    span.wy[1] = th > 1 ? rows[s->oh * th + 1] : 0.0f;
    for (int ox = 0; ox < s->ow; ox = span.end) {
        int i0 = as_int(columns[ox * tw]), i1 = as_int(columns[ox * tw + tw - 1]);
        span.first = ox;
        span.end = ox + 1;
        while (span.end < s->ow && as_int(columns[span.end * tw]) == i0 &&
               as_int(columns[span.end * tw + tw - 1]) == i1)
            span.end++;
        span.at[0] = (size_t)i0 * s->xps;
        span.at[1] = (size_t)i1 * s->xps;
        __global char *to = y + (size_t)ox * s->yps;
        int c = 0;
#define LN_PART(N)                                                                                 \
    for (; c + N <= cp; c += N)                                                                    \
        if (fixed)                                                                                 \
            LN_F(fixed##N)(&span, r0 + c, r1 + c, to + c);                                         \
        else                                                                                       \
            LN_F(single##N)(&span, r0 + c, r1 + c, to + c);
        LN_WIDE(LN_PART)
        LN_PART(8)
    }
}

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int rows = s->n * s->oh;
    int r0 = ln_cut(rows, tile, s->t2), r1 = ln_cut(rows, tile + 1, s->t2);
    for (int r = r0; r < r1; r++) LN_F(row)(arena, weights, s, r / s->oh, r % s->oh);
}
LN_KERNEL
#undef LN_WIDE
#undef LN_SPAN
#undef LN_PART
#undef ELEM
