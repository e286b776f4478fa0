/* Attention, for processors with wide vectors and caches.
 *
 * y[t,j,:] = sum over u of softmax over u(q[t,j,:] . k[u,j',:] * alpha) v[u,j',:],
 * j' = j / (t0 / t1); t and u: pixels of one sequence
 *
 * Operands and arguments as attention_any.cl has them; any head width up to DIM. f32.
 *
 * Lanes are queries (of all heads that share a head of keys), so no width needs a remainder and
 * no sum runs across lanes: scores are [key][query], the sums [channel][query]. One work-item a
 * group takes one of t4 chunks of the blocks of 2 vectors of queries; a block is turned once, then
 * for KEYS keys at a time: scores in tiles of 8 keys, the running maximum and sum (arXiv:1805.02867
 * and FlashAttention, arXiv:2205.14135), and the weighted values in tiles of 8 channels. */
#ifndef DIM
#    define DIM 128 /* most channels of a head */
#endif
#ifndef KEYS
#    define KEYS 64 /* keys of a block */
#endif
#define NQ (2 * LN_VW) /* queries of a block */

/* Channels of LN_VW queries into t[channel][query], times alpha. */
LN_INLINE void LN_F(load)(float *t, __global const LN_T *q, const int *at, int dim, float alpha) {
    for (int d = 0; d < dim && dim >= LN_VW; d += LN_VW) {
        ln_v r[LN_VW];
        d = min(d, dim - LN_VW); /* the last ones again rather than fewer */
#pragma unroll
        for (int i = 0; i < LN_VW; i++) r[i] = LN_LDU(q + at[i] + d) * (ln_v)alpha;
        ln_turn(r);
#pragma unroll
        for (int i = 0; i < LN_VW; i++) *(ln_v *)(t + (d + i) * NQ) = r[i];
    }
    for (int d = 0; d < dim && dim < LN_VW; d++)
        for (int i = 0; i < LN_VW; i++) t[d * NQ + i] = LN_LD1(q + at[i] + d) * alpha;
}

/* Back: t[channel][query] * by[query] to the queries' places in y. */
LN_INLINE void LN_F(store)(const float *t, __global LN_T *y, const int *at, int dim, ln_v by) {
    for (int d = 0; d < dim && dim >= LN_VW; d += LN_VW) {
        ln_v r[LN_VW];
        d = min(d, dim - LN_VW);
#pragma unroll
        for (int i = 0; i < LN_VW; i++) r[i] = *(const ln_v *)(t + (d + i) * NQ) * by;
        ln_turn(r);
#pragma unroll
        for (int i = 0; i < LN_VW; i++) LN_STU(y + at[i] + d, r[i]);
    }
    float scale[LN_VW] __attribute__((aligned(64)));
    *(ln_v *)scale = by;
    for (int d = 0; d < dim && dim < LN_VW; d++)
        for (int i = 0; i < LN_VW; i++) LN_ST1(y + at[i] + d, t[d * NQ + i] * scale[i]);
}

/* Scores of `count` keys, a constant at each call. */
LN_INLINE void LN_F(score)(const int count, const float *qt, __global const LN_T *k, const int *at,
                           int dim, float *pt) {
    ln_v a[8], b[8];
    __global const LN_T *key[8];
#pragma unroll
    for (int i = 0; i < count; i++) a[i] = (ln_v)0.0f, b[i] = a[i], key[i] = k + at[i];
    for (int d = 0; d < dim; d++) {
        ln_v q0 = *(const ln_v *)(qt + d * NQ), q1 = *(const ln_v *)(qt + d * NQ + LN_VW);
#pragma unroll
        for (int i = 0; i < count; i++) {
            ln_v x = (ln_v)LN_LD1(key[i] + d);
            a[i] = ln_fma(x, q0, a[i]);
            b[i] = ln_fma(x, q1, b[i]);
        }
    }
#pragma unroll
    for (int i = 0; i < count; i++)
        *(ln_v *)(pt + i * NQ) = a[i], *(ln_v *)(pt + i * NQ + LN_VW) = b[i];
}

/* ot[channel][query] = ot * keep + sum over keys of v[key][channel] * pt[key][query]. */
LN_INLINE void LN_F(weigh)(const int count, float *ot, ln_v keep0, ln_v keep1,
                           __global const LN_T *v, const int *at, int keys, const float *pt) {
    ln_v a[8], b[8];
#pragma unroll
    for (int i = 0; i < count; i++) {
        a[i] = *(const ln_v *)(ot + i * NQ) * keep0;
        b[i] = *(const ln_v *)(ot + i * NQ + LN_VW) * keep1;
    }
    for (int u = 0; u < keys; u++) {
        ln_v p0 = *(const ln_v *)(pt + u * NQ), p1 = *(const ln_v *)(pt + u * NQ + LN_VW);
        __global const LN_T *value = v + at[u];
#pragma unroll
        for (int i = 0; i < count; i++) {
            ln_v x = (ln_v)LN_LD1(value + i);
            a[i] = ln_fma(x, p0, a[i]);
            b[i] = ln_fma(x, p1, b[i]);
        }
    }
#pragma unroll
    for (int i = 0; i < count; i++)
        *(ln_v *)(ot + i * NQ) = a[i], *(ln_v *)(ot + i * NQ + LN_VW) = b[i];
}

/* Weights in place of the scores of one vector of queries; how much of what was summed before
 * stays. */
LN_INLINE ln_v LN_F(soften)(float *pt, int keys, ln_v *top, ln_v *sum) {
    ln_v next = *top, total = (ln_v)0.0f;
    for (int u = 0; u < keys; u++) {
        ln_v x = *(const ln_v *)(pt + u * NQ);
        next = x > next ? x : next;
    }
    for (int u = 0; u < keys; u++) {
        ln_v x = ln_expv(*(const ln_v *)(pt + u * NQ) - next);
        *(ln_v *)(pt + u * NQ) = x;
        total += x;
    }
    ln_v keep = ln_expv(*top - next);
    *sum = ln_fma(*sum, keep, total);
    *top = next;
    return keep;
}

/* What stays the same over a tile: one sequence, one head of keys. */
typedef struct LN_F(place) {
    int n, py, px, group;   /* image, place in the patch, query heads of this head of keys */
    int keys, across;       /* of the sequence; patches in a row of the keys' map */
    __global const LN_T *k; /* the image's first pixel, this head */
    __global const LN_T *v;
} LN_F(place);

/* One block of queries, whose transposed channels are qt, into ot. */
LN_INLINE void LN_F(block)(__global const ln_args *s, const LN_F(place) * w, const float *qt,
                           float *ot, ln_v *top, ln_v *sum) {
    float pt[KEYS * NQ] __attribute__((aligned(64)));
    int kat[KEYS], vat[KEYS], dim = s->t2, vdim = s->t3, kw = s->u.part[1].first;
    int kps = s->u.part[1].ps, vps = s->u.part[2].ps, x = 0, row = w->py * kw + w->px;
    top[0] = top[1] = (ln_v)LN_LOWEST, sum[0] = sum[1] = (ln_v)0.0f;
    for (int i = 0; i < vdim * 2; i++) *(ln_v *)(ot + i * LN_VW) = (ln_v)0.0f;
    for (int first = 0; first < w->keys; first += KEYS) {
        int keys = min(KEYS, w->keys - first), u = 0, d = 0;
        for (int i = 0; i < keys; i++) {
            int pixel = row + x * s->kw;
            kat[i] = pixel * kps, vat[i] = pixel * vps;
            if (++x == w->across) x = 0, row += s->kh * kw;
        }
        for (; u + 8 <= keys; u += 8) LN_F(score)(8, qt, w->k, kat + u, dim, pt + u * NQ);
        if (keys - u >= 4) LN_F(score)(4, qt, w->k, kat + u, dim, pt + u * NQ), u += 4;
        if (keys - u >= 2) LN_F(score)(2, qt, w->k, kat + u, dim, pt + u * NQ), u += 2;
        if (keys - u >= 1) LN_F(score)(1, qt, w->k, kat + u, dim, pt + u * NQ);
        ln_v keep0 = LN_F(soften)(pt, keys, top, sum);
        ln_v keep1 = LN_F(soften)(pt + LN_VW, keys, top + 1, sum + 1);
        for (; d + 8 <= vdim; d += 8)
            LN_F(weigh)(8, ot + d * NQ, keep0, keep1, w->v + d, vat, keys, pt);
        if (vdim - d >= 4)
            LN_F(weigh)(4, ot + d * NQ, keep0, keep1, w->v + d, vat, keys, pt), d += 4;
        if (vdim - d >= 2)
            LN_F(weigh)(2, ot + d * NQ, keep0, keep1, w->v + d, vat, keys, pt), d += 2;
        if (vdim - d >= 1) LN_F(weigh)(1, ot + d * NQ, keep0, keep1, w->v + d, vat, keys, pt);
    }
}

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int dim = s->t2, vdim = s->t3, seqs = s->kh * s->kw, kh = s->u.part[1].c,
        kw = s->u.part[1].first;
    int chunk = tile % s->t4, kv = tile / s->t4 % s->t1, seq = tile / (s->t4 * s->t1) % seqs;
    LN_F(place) w;
    w.n = tile / (s->t4 * s->t1 * seqs), w.py = seq / s->kw, w.px = seq % s->kw;
    w.group = s->t0 / s->t1, w.keys = kh * kw / seqs, w.across = kw / s->kw;
    w.k = (LN_AT(arena, 0) + s->u.part[1].at) + (size_t)w.n * kh * kw * s->u.part[1].ps + kv * dim;
    w.v = (LN_AT(arena, 0) + s->u.part[2].at) + (size_t)w.n * kh * kw * s->u.part[2].ps + kv * vdim;
    int map = s->oh * s->ow, rows = map / seqs * w.group, blocks = (rows + NQ - 1) / NQ;
    __global const LN_T *q =
        (LN_AT(arena, 0) + s->u.part[0].at) + (size_t)w.n * map * s->u.part[0].ps;
    __global LN_T *y = LN_AT(arena, s->y) + (size_t)w.n * map * s->yps;
    float qt[DIM * NQ] __attribute__((aligned(64))), ot[DIM * NQ] __attribute__((aligned(64)));
    int across = s->ow / s->kw, spare = ln_pad(s->oc) - s->oc;
    int last = ln_cut(blocks, chunk + 1, s->t4);
    for (int b = ln_cut(blocks, chunk, s->t4); b < last; b++) {
        int qat[NQ], yat[NQ], h = b * NQ % w.group, t = b * NQ / w.group, x = t % across;
        int row = (t / across * s->kh + w.py) * s->ow + w.px;
        for (int i = 0; i < NQ; i++) { /* beyond the last query: the last one again */
            int pixel = row + x * s->kw, head = kv * w.group + h;
            qat[i] = pixel * s->u.part[0].ps + head * dim;
            yat[i] = pixel * s->yps + head * vdim;
            if (head == s->t0 - 1)
                for (int z = 0; z < spare; z++) LN_ST1(y + yat[i] + vdim + z, 0.0f);
            if (b * NQ + i + 1 >= rows || ++h < w.group) continue;
            h = 0;
            if (++x == across) x = 0, row += s->kh * s->ow;
        }
        ln_v top[2], sum[2];
        for (int i = 0; i < 2; i++) LN_F(load)(qt + i * LN_VW, q, qat + i * LN_VW, dim, s->alpha);
        LN_F(block)(s, &w, qt, ot, top, sum);
        for (int i = 0; i < 2; i++) {
            ln_v by = top[i] > (ln_v)LN_LOWEST ? (ln_v)1.0f / sum[i] : (ln_v)NAN;
            LN_F(store)(ot + i * LN_VW, y, yat + i * LN_VW, vdim, by);
        }
    }
}
LN_KERNEL
#undef NQ
#undef KEYS
#undef DIM
