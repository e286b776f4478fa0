/* Average and maximum pooling, for processors with wide vectors.
 *
 * y[n,oy,ox,c] = max or mean over ky,kx of x[n, oy*sh-top+ky*dh, ox*sw-left+kx*dw, c]
 *
 * Operands and arguments as pool_any.cl has them. Precondition: cp at least one vector.
 *
 * One work-item a group makes one of t2 chunks of the output pixels by one of t3 groups of the
 * channel vectors, NV vectors at a time; the last vector may overlap the one before it. A mean is
 * summed row by row. */
#ifndef NV
#    define NV 4 /* vectors of channels side by side */
#endif

LN_INLINE void LN_F(pixel)(__global const LN_T *x, __global const ln_args *s, int oy, int ox,
                           const int *at, __global LN_T *y) {
    int is_max = (s->flags & LN_FLAG_MAX) != 0, iy0 = oy * s->sh - s->top;
    int ix0 = ox * s->sw - s->left, count = 0;
    ln_v v[NV];
#pragma unroll
    for (int k = 0; k < NV; k++) v[k] = (ln_v)(is_max ? -INFINITY : 0.0f);
    for (int ky = 0; ky < s->kh; ky++) {
        int iy = iy0 + ky * s->dh;
        if (iy < 0 || iy >= s->h) continue;
        __global const LN_T *row = x + (size_t)iy * s->xrs;
        ln_v sum[NV];
#pragma unroll
        for (int k = 0; k < NV; k++) sum[k] = is_max ? v[k] : (ln_v)0.0f;
        for (int kx = 0; kx < s->kw; kx++) {
            int ix = ix0 + kx * s->dw;
            if (ix < 0 || ix >= s->wd) continue;
            count++;
#pragma unroll
            for (int k = 0; k < NV; k++) {
                ln_v t = LN_LDV(row + (size_t)ix * s->xps + at[k]);
                sum[k] = is_max ? (((t > sum[k]) | (t != t)) ? t : sum[k]) : sum[k] + t;
            }
        }
#pragma unroll
        for (int k = 0; k < NV; k++) v[k] = is_max ? sum[k] : v[k] + sum[k];
    }
    if (s->flags & LN_FLAG_COUNT_PAD) {
        int rows = (s->t0 - iy0 + s->dh - 1) / s->dh, columns = (s->t1 - ix0 + s->dw - 1) / s->dw;
        count = min(rows, s->kh) * min(columns, s->kw);
    }
    ln_v by = (ln_v)(is_max ? 1.0f : 1.0f / (float)max(count, 1));
#pragma unroll
    for (int k = 0; k < NV; k++) LN_STV(y + at[k], is_max ? v[k] : v[k] * by);
}

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int cp = ln_pad(s->oc), vectors = (cp + LN_VW - 1) / LN_VW;
    int chunk = tile % s->t2, group = tile / s->t2;
    int end = vectors * (group + 1) / s->t3, last = ln_cut(s->m, chunk + 1, s->t2);
    for (int p = ln_cut(s->m, chunk, s->t2); p < last; p++) {
        int ox = p % s->ow, oy = p / s->ow % s->oh, n = p / (s->ow * s->oh);
        for (int v = vectors * group / s->t3; v < end; v += NV) {
            int at[NV];
#pragma unroll
            for (int k = 0; k < NV; k++) at[k] = min(min(v + k, end - 1) * LN_VW, cp - LN_VW);
            LN_F(pixel)
            (LN_AT(arena, s->x) + (size_t)n * s->xns, s, oy, ox, at,
             LN_AT(arena, s->y) + (size_t)p * s->yps);
        }
    }
}
LN_KERNEL
#undef NV
