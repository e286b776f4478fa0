/* Attention, any head width: the general variant.
 *
 * y[t,j,:] = sum over u of softmax over u(q[t,j,:] . k[u,j',:] * alpha) v[u,j',:],
 * j' = j / (t0 / t1); t and u: pixels of one sequence
 *
 * q, k, v: part 0, 1, 2: channel ranges of NHWC maps; the keys' map is part[1].c rows by
 * part[1].first columns. y NHWC with t0 * t3 channels. t0 heads, t1 heads of keys, t2 channels of
 * a query or key, t3 of a value; patches of kh x kw. f32.
 * A pixel's place within its patch names its sequence. Online softmax (Milakov and Gimelshein,
 * arXiv:1805.02867): scores are never stored. One work-item makes one head of one pixel and sums
 * in y. */

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int heads = s->t0, dim = s->t2, vdim = s->t3, at = tile * LN_LOCAL + lid;
    int p = at / heads, j = at - p * heads;
    if (p >= s->m) return;
    int x = p % s->ow, row = p / s->ow % s->oh, n = p / (s->ow * s->oh);
    int kh = s->u.part[1].c, kw = s->u.part[1].first, kv = j / (heads / s->t1);
    __global const float *q = arena + s->u.part[0].at + (size_t)p * s->u.part[0].ps + j * dim;
    __global const float *k0 = arena + s->u.part[1].at + kv * dim;
    __global const float *v0 = arena + s->u.part[2].at + kv * vdim;
    __global float *y = arena + s->y + (size_t)p * s->yps + j * vdim;
    float top = LN_LOWEST, sum = 0.0f;
    for (int i = 0; i < vdim; i++) y[i] = 0.0f;
    for (int ky = row % s->kh; ky < kh; ky += s->kh)
        for (int kx = x % s->kw; kx < kw; kx += s->kw) {
            size_t u = (size_t)(n * kh + ky) * kw + kx;
            __global const float *k = k0 + u * s->u.part[1].ps, *v = v0 + u * s->u.part[2].ps;
            float dot = 0.0f;
            for (int i = 0; i < dim; i++) dot = ln_fma(q[i], k[i], dot);
            dot *= s->alpha;
            float next = dot > top ? dot : top;
            float keep = ln_exp(top - next), part = ln_exp(dot - next);
            sum = ln_fma(sum, keep, part);
            for (int i = 0; i < vdim; i++) y[i] = ln_fma(y[i], keep, part * v[i]);
            top = next;
        }
    float by = ln_softmax_scale(top, sum);
    for (int i = 0; i < vdim; i++) y[i] *= by;
    if (j == heads - 1)
        for (int i = heads * vdim; i < ln_pad(s->oc); i++) y[i - j * vdim] = 0.0f;
}
LN_KERNEL
