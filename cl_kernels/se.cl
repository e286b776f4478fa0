/* Squeeze-and-excitation, an image by one work-item.
 *
 * y[n,c] = post(b2[c] + sum over r of w2[r][c] * act(b1[r] + sum over c of w1[r][c] * mean[n,c]))
 *
 * x, y: NHWC, f32; w: w1 [t0][cp], w2 [t0][cp]; b: b1 [t0 padded to 16], b2 [cp]. Vectors of
 * LN_VW channels, of 8 when NARROW; the last may overlap the one before it.
 * Preconditions: cp at least one vector and at most CHANNELS, t0 at most SQUEEZE. */
#ifndef NV
#    define NV 2 /* vectors of channels side by side */
#endif
#ifndef CHANNELS
#    define CHANNELS 8192
#endif
#ifndef SQUEEZE
#    define SQUEEZE 1024
#endif
#ifdef NARROW
#    define SE_W   8
#    define SE_V   float8
#    define SE_VU  float8
#    define SE_LD  LN_LD8
#    define SE_ST  LN_ST8
#    define SE_SUM ln_sum8
#else
#    define SE_W   LN_VW
#    define SE_V   ln_v
#    define SE_VU  ln_vh
#    define SE_LD  LN_LDV
#    define SE_ST  LN_STV
#    define SE_SUM ln_sumv
#endif

/* Channel offsets of NV vectors from vector v on; those beyond the last repeat it. */
#define SE_PLACES(at, v, cp)                                                                       \
    int at[NV];                                                                                    \
    _Pragma("unroll") for (int k = 0; k < NV; k++) at[k] = min(((v) + k) * SE_W, (cp)-SE_W)

LN_INLINE void LN_F(mean)(__global const LN_T *x, __global const ln_args *s, int cp, float *mean) {
    SE_V by = (SE_V)(1.0f / ((float)s->h * (float)s->wd));
    for (int v = 0; v * SE_W < cp; v += NV) {
        SE_PLACES(at, v, cp);
        SE_V sum[NV];
#pragma unroll
        for (int k = 0; k < NV; k++) sum[k] = (SE_V)0.0f;
        for (int iy = 0; iy < s->h; iy++) {
            __global const LN_T *row = x + (size_t)iy * s->xrs;
            SE_V part[NV];
#pragma unroll
            for (int k = 0; k < NV; k++) part[k] = (SE_V)0.0f;
            for (int ix = 0; ix < s->wd; ix++, row += s->xps)
#pragma unroll
                for (int k = 0; k < NV; k++) part[k] += SE_LD(row + at[k]);
#pragma unroll
            for (int k = 0; k < NV; k++) sum[k] += part[k];
        }
#pragma unroll
        for (int k = 0; k < NV; k++) *(SE_VU *)(mean + at[k]) = sum[k] * by;
    }
}

/* Four rows of w1 at a time; those beyond the last repeat it. */
LN_INLINE void LN_F(squeeze)(const float *mean, __global const LN_T *w, __global const LN_T *b,
                             __global const ln_args *s, int cp, float *hidden) {
    int whole = cp / SE_W * SE_W;
    for (int r = 0; r < s->t0; r += 4) {
        __global const LN_T *row[4];
        SE_V sum[4];
        float8 tail[4];
#pragma unroll
        for (int k = 0; k < 4; k++) {
            row[k] = w + (size_t)min(r + k, s->t0 - 1) * cp;
            sum[k] = (SE_V)0.0f;
            tail[k] = (float8)0.0f;
        }
        for (int c = 0; c < whole; c += SE_W)
#pragma unroll
            for (int k = 0; k < 4; k++)
                sum[k] = ln_fma(*(const SE_VU *)(mean + c), SE_LD(row[k] + c), sum[k]);
        if (whole < cp)
#pragma unroll
            for (int k = 0; k < 4; k++)
                tail[k] = *(const float8 *)(mean + whole) * LN_LD8(row[k] + whole);
#pragma unroll
        for (int k = 0; k < 4; k++) {
            int i = min(r + k, s->t0 - 1);
            hidden[i] = ln_act(SE_SUM(sum[k]) + ln_sum8(tail[k]) + LN_LD1(b + i), s->act, s->lo,
                               s->hi, s->alpha, s->beta);
        }
    }
}

LN_INLINE void LN_F(excite)(const float *hidden, __global const LN_T *w, __global const LN_T *b,
                            __global const ln_args *s, int cp, __global LN_T *y) {
    for (int v = 0; v * SE_W < cp; v += NV) {
        SE_PLACES(at, v, cp);
        SE_V sum[NV];
#pragma unroll
        for (int k = 0; k < NV; k++) sum[k] = SE_LD(b + at[k]);
        for (int r = 0; r < s->t0; r++)
#pragma unroll
            for (int k = 0; k < NV; k++)
                sum[k] = ln_fma((SE_V)hidden[r], SE_LD(w + (size_t)r * cp + at[k]), sum[k]);
#pragma unroll
        for (int k = 0; k < NV; k++) {
            SE_V g = LN_CAT2(ln_act, SE_W)(sum[k], s->post, s->plo, s->phi, s->palpha, s->pbeta);
            SE_ST(y + at[k], g);
        }
    }
    for (int c = s->oc / 8 * 8; c < cp; c += 8) LN_ST8(y + c, ln_mask8(LN_LD8(y + c), c, s->oc));
}

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int cp = ln_pad(s->c);
    float hidden[SQUEEZE], mean[CHANNELS] __attribute__((aligned(64)));
    __global LN_T *y = LN_AT(arena, s->y) + (size_t)tile * s->yps;
    __global const LN_T *w = LN_AT(weights, s->w), *b = LN_AT(weights, s->b);
    LN_F(mean)(LN_AT(arena, s->x) + (size_t)tile * s->xns, s, cp, mean);
    LN_F(squeeze)(mean, w, b, s, cp, hidden);
    LN_F(excite)(hidden, w + (size_t)s->t0 * cp, b + ((s->t0 + 15) & ~15), s, cp, y);
}
LN_KERNEL
#undef SE_W
#undef SE_V
#undef SE_LD
#undef SE_ST
#undef SE_SUM
#undef SE_PLACES
#undef NV
#undef SQUEEZE
#undef CHANNELS
#undef SE_VU
#undef NARROW
