/* Attention, any head width: the general variant.
 *
 * y[t,j,:] = sum over u of softmax over u(q[t,j,:] . k[u,j',:] * alpha) v[u,j',:],
 * j' = j / (t0 / t1); t and u: pixels of one sequence
 *
 * q, k, v: part 0, 1, 2: channel ranges of NHWC maps; the keys' map is part[1].c rows by
 * part[1].first columns. y NHWC with t0 * t3 channels. t0 heads, t1 heads of keys, t2 channels of
 * a query or key, t3 of a value; patches of kh x kw. f32.
 * A pixel's place within its patch names its sequence. Online softmax (Milakov and Gimelshein,
 * arXiv:1805.02867): scores are never stored. One work-item makes one head of one pixel, BLOCK
 * channels at a time, whose sums are its own. */
#ifndef BLOCK
#    define BLOCK 64
#endif

/* Channels from..to of the head: y = sum over keys, and zero beyond the channels. */
LN_INLINE void LN_F(part)(__global const ln_args *s, int n, int row, int x, __global const LN_T *q,
                          __global const LN_T *k0, __global const LN_T *v0, int from, int to,
                          __global LN_T *y) {
    int kh = s->u.part[1].c, kw = s->u.part[1].first, dim = s->t2;
    float top = LN_LOWEST, sum = 0.0f, acc[BLOCK];
    for (int i = 0; i < to - from; i++) acc[i] = 0.0f;
    for (int ky = row % s->kh; ky < kh; ky += s->kh)
        for (int kx = x % s->kw; kx < kw; kx += s->kw) {
            size_t u = (size_t)(n * kh + ky) * kw + kx;
            __global const LN_T *k = k0 + u * s->u.part[1].ps;
            __global const LN_T *v = v0 + u * s->u.part[2].ps + from;
            float dot = 0.0f;
            for (int i = 0; i < dim; i++) dot = ln_fma(LN_LD1(q + i), LN_LD1(k + i), dot);
            dot *= s->alpha;
            float next = dot > top ? dot : top;
            float keep = ln_exp(top - next), part = ln_exp(dot - next);
            sum = ln_fma(sum, keep, part);
            for (int i = 0; i < to - from; i++) acc[i] = ln_fma(acc[i], keep, part * LN_LD1(v + i));
            top = next;
        }
    float by = ln_softmax_scale(top, sum);
    for (int i = 0; i < to - from; i++) LN_ST1(y + from + i, acc[i] * by);
}

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int heads = s->t0, dim = s->t2, vdim = s->t3, at = tile * LN_LOCAL + lid;
    int p = at / heads, j = at - p * heads;
    if (p >= s->m) return;
    int x = p % s->ow, row = p / s->ow % s->oh, n = p / (s->ow * s->oh);
    int kv = j / (heads / s->t1);
    __global const LN_T *q =
        (LN_AT(arena, 0) + s->u.part[0].at) + (size_t)p * s->u.part[0].ps + j * dim;
    __global const LN_T *k0 = (LN_AT(arena, 0) + s->u.part[1].at) + kv * dim;
    __global const LN_T *v0 = (LN_AT(arena, 0) + s->u.part[2].at) + kv * vdim;
    __global LN_T *y = LN_AT(arena, s->y) + (size_t)p * s->yps + j * vdim;
    for (int from = 0; from < vdim; from += BLOCK)
        LN_F(part)(s, n, row, x, q, k0, v0, from, min(from + BLOCK, vdim), y);
    if (j == heads - 1)
        for (int i = heads * vdim; i < ln_pad(s->oc); i++) LN_ST1(y + i - j * vdim, 0.0f);
}
LN_KERNEL
#undef BLOCK
