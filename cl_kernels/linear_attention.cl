/* Separable self-attention (MobileViTv2, arXiv:2206.02680).
 *
 * y[t,c] = act(x[t, 1+d+c]) * sum over u of softmax over u(x[u,0]) * x[u, 1+c],  d = oc channels
 *
 * t and u: pixels of one sequence; patches of kh x kw, every pixel of a patch in a sequence of its
 * own. x, y: NHWC, f32. Online softmax, one pass for the sum and one for the product. One
 * work-item makes 8 channels of a whole sequence. */

/* Lanes c .. c+7 of the d from p on: they start at an odd place and may end before 8. */
LN_INLINE float8 LN_F(load)(__global const LN_T *p, int c, int d) {
    if (c + 8 <= d) return LN_LDU8(p + c);
    float v[8];
    for (int i = 0; i < 8; i++) v[i] = c + i < d ? LN_LD1(p + c + i) : 0.0f;
    return (float8)(v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7]);
}

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int pieces = ln_pad(s->oc) / 8, at = tile * LN_LOCAL + lid, d = s->oc;
    int c = at % pieces * 8, seq = at / pieces % (s->kh * s->kw), n = at / (pieces * s->kh * s->kw);
    if (n >= s->n) return;
    int py = seq / s->kw, px = seq % s->kw;
    __global const LN_T *x = LN_AT(arena, s->x) + (size_t)n * s->xns;
    float top = LN_LOWEST, sum = 0.0f;
    float8 acc = (float8)0.0f;
    for (int iy = py; iy < s->h; iy += s->kh)
        for (int ix = px; ix < s->wd; ix += s->kw) {
            __global const LN_T *u = x + (size_t)iy * s->xrs + (size_t)ix * s->xps;
            float query = LN_LD1(u), next = query > top ? query : top;
            float part = ln_exp(query - next);
            if (next > top) {
                float keep = ln_exp(top - next);
                sum *= keep;
                acc *= (float8)keep;
            }
            top = next;
            sum += part;
            acc = ln_fma((float8)part, LN_F(load)(u + 1, c, d), acc);
        }
    acc *= (float8)ln_softmax_scale(top, sum);
    for (int iy = py; iy < s->h; iy += s->kh)
        for (int ix = px; ix < s->wd; ix += s->kw) {
            __global const LN_T *u = x + (size_t)iy * s->xrs + (size_t)ix * s->xps + 1 + d;
            float8 v = ln_act8(LN_F(load)(u, c, d), s->act, s->lo, s->hi, s->alpha, s->beta);
            size_t to = (size_t)((n * s->h + iy) * s->wd + ix) * s->yps + c;
            LN_ST8(LN_AT(arena, s->y) + to, ln_mask8(v * acc, c, d));
        }
}
LN_KERNEL
