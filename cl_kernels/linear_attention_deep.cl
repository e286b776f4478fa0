/* Separable self-attention (MobileViTv2, arXiv:2206.02680), for processors with wide vectors.
 *
 * y[t,c] = act(x[t, 1+d+c]) * sum over u of softmax over u(x[u,0]) * x[u, 1+c],  d = oc channels
 *
 * t and u: pixels of one sequence; patches of kh x kw, every pixel of a patch in a sequence of its
 * own. x, y: NHWC, f32. Precondition: d at least one vector.
 *
 * One work-item a group takes one of t3 parts of the channels of a sequence, NV vectors at a time;
 * the last vector may overlap the one before it. Weights are made TOKENS at a time. */
#ifndef NV
#    define NV 4 /* vectors of channels that are summed together */
#endif
#ifndef TOKENS
#    define TOKENS 64
#endif

LN_INLINE ln_v LN_F(act)(ln_v v, __global const ln_args *s) {
    if (s->act == LN_ACT_CLAMP) return ln_clampv(v, s->lo, s->hi);
#if LN_VW == 16
    v.lo = ln_act8(v.lo, s->act, s->lo, s->hi, s->alpha, s->beta);
    v.hi = ln_act8(v.hi, s->act, s->lo, s->hi, s->alpha, s->beta);
    return v;
#else
    return ln_act8(v, s->act, s->lo, s->hi, s->alpha, s->beta);
#endif
}

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int d = s->oc, vectors = (d + LN_VW - 1) / LN_VW, seqs = s->kh * s->kw;
    int part = tile % s->t3, seq = tile / s->t3 % seqs, n = tile / (s->t3 * seqs);
    int across = s->wd / s->kw, tokens = s->h / s->kh * across, spare = ln_pad(d) - d;
    int start = seq / s->kw * s->wd + seq % s->kw, down = s->kh * s->wd - across * s->kw;
    __global const LN_T *x = LN_AT(arena, s->x) + (size_t)n * s->xns;
    __global LN_T *y = LN_AT(arena, s->y) + (size_t)n * s->h * s->wd * s->yps;
    float top = LN_LOWEST;
    for (int t = 0, i = 0, p = start; t < tokens; t++, p += s->kw) {
        float v = LN_LD1(x + (size_t)p * s->xps);
        top = v > top ? v : top;
        if (++i == across) i = 0, p += down;
    }
    for (int v = vectors * part / s->t3; v < vectors * (part + 1) / s->t3; v += NV) {
        int to[NV], end = vectors * (part + 1) / s->t3, p = start, i = 0;
        ln_v acc[NV], sum = (ln_v)0.0f;
#pragma unroll
        for (int k = 0; k < NV; k++)
            acc[k] = sum, to[k] = min(min(v + k, end - 1) * LN_VW, d - LN_VW);
        for (int first = 0; first < tokens; first += TOKENS) {
            float weight[TOKENS] __attribute__((aligned(64)));
            int at[TOKENS], count = min(TOKENS, tokens - first);
            for (int t = 0; t < TOKENS; t++) weight[t] = -INFINITY;
            for (int t = 0; t < count; t++, p += s->kw) {
                at[t] = p * s->xps;
                weight[t] = LN_LD1(x + at[t]) - top;
                if (++i == across) i = 0, p += down;
            }
            for (int t = 0; t < count; t += LN_VW) {
                ln_v e = ln_expv(*(ln_v *)(weight + t));
                sum += e, *(ln_v *)(weight + t) = e;
            }
            for (int t = 0; t < count; t++) {
                ln_v e = (ln_v)weight[t];
#pragma unroll
                for (int k = 0; k < NV; k++)
                    acc[k] = ln_fma(e, LN_LDU(x + at[t] + 1 + to[k]), acc[k]);
            }
        }
        ln_v by = (ln_v)ln_softmax_scale(top, ln_sumv(sum));
#pragma unroll
        for (int k = 0; k < NV; k++) acc[k] *= by;
        p = start, i = 0;
        for (int t = 0; t < tokens; t++, p += s->kw) {
            __global const LN_T *u = x + (size_t)p * s->xps + 1 + d;
            __global LN_T *o = y + (size_t)p * s->yps;
#pragma unroll
            for (int k = 0; k < NV; k++)
                LN_STU(o + to[k], LN_F(act)(LN_LDU(u + to[k]), s) * acc[k]);
            if (end == vectors)
                for (int z = 0; z < spare; z++) LN_ST1(o + d + z, 0.0f);
            if (++i == across) i = 0, p += down;
        }
    }
}
LN_KERNEL
#undef TOKENS
#undef NV
