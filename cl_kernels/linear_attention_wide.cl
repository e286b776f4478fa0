/* Separable self-attention (MobileViTv2, arXiv:2206.02680), a sequence by work-groups.
 *
 * y[t,c] = act(x[t, 1+d+c]) * sum over u of softmax over u(x[u,0]) * x[u, 1+c],  d = oc channels
 *
 * t and u: pixels of one sequence; patches of kh x kw, every pixel of a patch in a sequence of its
 * own. x, y: NHWC, f32.
 *
 * A work-group takes one of t3 blocks of WIDE channels of a sequence. An item sums one channel of
 * every few tokens; weights are made LN_LOCAL tokens at a time, each by one item. */
#ifndef WIDE
#    define WIDE 32 /* channels of a work-group; divides LN_LOCAL */
#endif
#define SHARES (LN_LOCAL / WIDE)

/* Pixel of token t of the sequence that starts at pixel `start`. */
LN_INLINE int LN_F(pixel)(__global const ln_args *s, int start, int t) {
    int across = s->wd / s->kw;
    return start + t / across * s->kh * s->wd + t % across * s->kw;
}

/* Not a function of its own: it has barriers. */
LN_INLINE void LN_FN(LN_PARAMS) {
    int d = s->oc, seqs = s->kh * s->kw, tokens = s->h * s->wd / seqs;
    int seq = tile / s->t3 % seqs, n = tile / (s->t3 * seqs), share = lid / WIDE;
    int start = seq / s->kw * s->wd + seq % s->kw, c = tile % s->t3 * WIDE + lid % WIDE;
    __global const LN_T *x = LN_AT(arena, s->x) + (size_t)n * s->xns;
    __global LN_T *y = LN_AT(arena, s->y) + (size_t)n * s->h * s->wd * s->yps;
    float top = LN_LOWEST, acc = 0.0f, sum = 0.0f;
    for (int t = lid; t < tokens; t += LN_LOCAL) {
        float v = LN_LD1(x + (size_t)LN_F(pixel)(s, start, t) * s->xps);
        top = v > top ? v : top;
    }
    lm[lid] = top;
    for (int reach = LN_LOCAL / 2; reach > 0; reach /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (lid < reach) lm[lid] = lm[lid + reach] > lm[lid] ? lm[lid + reach] : lm[lid];
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    top = lm[0];
    for (int first = 0; first < tokens; first += LN_LOCAL) {
        int count = min(LN_LOCAL, tokens - first);
        barrier(CLK_LOCAL_MEM_FENCE);
        if (lid < count)
            lm[lid] = ln_exp(LN_LD1(x + (size_t)LN_F(pixel)(s, start, first + lid) * s->xps) - top);
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int t = share; t < count; t += SHARES) {
            size_t u = (size_t)LN_F(pixel)(s, start, first + t) * s->xps;
            sum += lm[t];
            if (c < d) acc = ln_fma(lm[t], LN_LD1(x + u + 1 + c), acc);
        }
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    lm[lid] = acc, lm[LN_LOCAL + lid] = sum;
    barrier(CLK_LOCAL_MEM_FENCE);
    acc = sum = 0.0f;
    for (int i = lid % WIDE; i < LN_LOCAL; i += WIDE) acc += lm[i], sum += lm[LN_LOCAL + i];
    acc *= ln_softmax_scale(top, sum);
    for (int t = share; t < tokens && c < ln_pad(d); t += SHARES) {
        size_t p = (size_t)LN_F(pixel)(s, start, t);
        float v = c < d ? LN_LD1(x + p * s->xps + 1 + d + c) : 0.0f;
        v = ln_act(v, s->act, s->lo, s->hi, s->alpha, s->beta) * acc;
        LN_ST1(y + p * s->yps + c, c < d ? v : 0.0f);
    }
}
LN_KERNEL_LOCAL(2 * LN_LOCAL)
#undef SHARES
#undef WIDE
