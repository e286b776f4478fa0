/* Squeeze-and-excitation, an image by one work-group.
 *
 * y[n,c] = post(b2[c] + sum over r of w2[r][c] * act(b1[r] + sum over c of w1[c][r] * mean[n,c]))
 *
 * x, y: NHWC, f32; w: w1 [cp][rp], w2 [rp][cp] with rp = t0 padded to 8; b: b1 [t0 padded to 16],
 * b2 [cp]. Each of the three sums goes through local memory: an item sums 4 columns, and several
 * items share a column's terms where there are fewer columns than items.
 * Preconditions: cp at most CHANNELS, t0 at most SQUEEZE (engine/kernels/se.c). */
#ifndef CHANNELS
#    define CHANNELS 3072
#endif
#ifndef SQUEEZE
#    define SQUEEZE 512
#endif

/* out[j] = sum over k < count of (mean ? 1 : v[k]) * w[k * pitch + j] for 4 * columns values of j.
 * part: LN_LOCAL vectors. Every item of the group comes here. */
LN_INLINE void LN_F(sum)(int mean, __local const float *v, __global const LN_T *w, int pitch,
                         int count, int columns, int lid, __local float *part, __local float *out) {
    int width = min(columns, LN_LOCAL), parts = LN_LOCAL / width;
    int share = lid / width, column = lid - share * width;
    int last = share < parts ? count * (share + 1) / parts : 0;
    for (int j = column; j < columns; j += width) { /* once, where items share a column */
        float4 sum = (float4)0.0f;
        for (int k = count * share / parts; k < last; k++) {
            float4 t = LN_LD4(w + (size_t)k * pitch + j * 4);
            sum = mean ? sum + t : ln_fma((float4)v[k], t, sum);
        }
        if (share == 0)
            vstore4(sum, j, out);
        else
            vstore4(sum, lid, part);
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    if (share == 0 && parts > 1) {
        float4 sum = vload4(column, out);
        for (int q = 1; q < parts; q++) sum += vload4(q * width + column, part);
        vstore4(sum, column, out);
    }
    barrier(CLK_LOCAL_MEM_FENCE);
}

/* Not a function of its own: it has barriers. */
LN_INLINE void LN_FN(LN_PARAMS) {
    int cp = ln_pad(s->c), rp = ln_pad(s->t0), pixels = s->h * s->wd;
    __local float *part = lm, *mean = lm + 4 * LN_LOCAL, *hidden = mean + CHANNELS;
    __global const LN_T *w1 = LN_AT(weights, s->w), *w2 = w1 + (size_t)cp * rp;
    __global const LN_T *b1 = LN_AT(weights, s->b), *b2 = b1 + ((s->t0 + 15) & ~15);
    __global LN_T *y = LN_AT(arena, s->y) + (size_t)tile * s->yps;
    float by = 1.0f / (float)pixels;
    LN_F(sum)
    (1, lm, LN_AT(arena, s->x) + (size_t)tile * s->xns, s->xps, pixels, cp / 4, lid, part, mean);
    LN_F(sum)(0, mean, w1, rp, s->c, rp / 4, lid, part, hidden);
    for (int r = lid; r < s->t0; r += LN_LOCAL)
        hidden[r] =
            ln_act(ln_fma(hidden[r], by, LN_LD1(b1 + r)), s->act, s->lo, s->hi, s->alpha, s->beta);
    barrier(CLK_LOCAL_MEM_FENCE);
    LN_F(sum)(0, hidden, w2, cp, s->t0, cp / 4, lid, part, mean);
    for (int c = lid; c < cp; c += LN_LOCAL) {
        float g = ln_act(mean[c] + LN_LD1(b2 + c), s->post, s->plo, s->phi, s->palpha, s->pbeta);
        LN_ST1(y + c, c < s->oc ? g : 0.0f);
    }
}
LN_KERNEL_LOCAL(4 * LN_LOCAL + CHANNELS + SQUEEZE)
#undef CHANNELS
#undef SQUEEZE
