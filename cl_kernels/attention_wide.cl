/* Attention, a block of queries by a work-group.
 *
 * y[t,j,:] = sum over u of softmax over u(q[t,j,:] . k[u,j',:] * alpha) v[u,j',:],
 * j' = j / (t0 / t1); t and u: pixels of one sequence
 *
 * Operands and arguments as attention_any.cl has them; heads of at most DIM channels. f32.
 *
 * A tile is one of t4 blocks of QUERIES queries of a sequence, of all heads that share a head of
 * keys. For LN_LOCAL keys at a time: an item makes the scores of one key, in local memory; the
 * running maximum and sum (arXiv:1805.02867 and FlashAttention, arXiv:2205.14135); then four items
 * share two queries, each with every fourth quad of channels of the weighted values. */
#ifndef DIM
#    define DIM 64 /* most channels of a head */
#endif
#define QUERIES (LN_LOCAL / 2)
#define QUADS   (DIM / 16)     /* of an item */
#define SPAN    (LN_LOCAL + 1) /* from a query's scores to the next one's: other banks */

/* Channels c .. c+3 of a head of `dim`, which starts anywhere; zero behind its end. */
LN_INLINE float4 LN_F(load)(__global const LN_T *p, int c, int dim) {
    if (c + 4 <= dim) return LN_LDU4(p + c);
    return (float4)(LN_LD1(p + c), c + 1 < dim ? LN_LD1(p + c + 1) : 0.0f,
                    c + 2 < dim ? LN_LD1(p + c + 2) : 0.0f, 0.0f);
}

/* Row r of a sequence: head j of the pixel returned. */
LN_INLINE int LN_F(query)(__global const ln_args *s, int kv, int seq, int r, int *j) {
    int group = s->t0 / s->t1, across = s->ow / s->kw, t = r / group;
    *j = kv * group + r % group;
    return (t / across * s->kh + seq / s->kw) * s->ow + t % across * s->kw + seq % s->kw;
}

/* The same of key u. */
LN_INLINE int LN_F(key)(__global const ln_args *s, int seq, int u) {
    int kw = s->u.part[1].first, across = kw / s->kw;
    return (u / across * s->kh + seq / s->kw) * kw + u % across * s->kw + seq % s->kw;
}

/* Scores of one key, at each query's row from `out` on. */
LN_INLINE void LN_F(score)(__local const float4 *q, __global const LN_T *k, int dim,
                           __local float *out) {
    float dot[QUERIES];
    for (int i = 0; i < QUERIES; i++) dot[i] = 0.0f;
    for (int c = 0; c < dim; c += 4) {
        float4 x = LN_F(load)(k, c, dim);
        for (int i = 0; i < QUERIES; i++) {
            float4 a = q[i * (DIM / 4) + c / 4];
            dot[i] = ln_fma(a.x, x.x, dot[i]), dot[i] = ln_fma(a.y, x.y, dot[i]);
            dot[i] = ln_fma(a.z, x.z, dot[i]), dot[i] = ln_fma(a.w, x.w, dot[i]);
        }
    }
    for (int i = 0; i < QUERIES; i++) out[i * SPAN] = dot[i];
}

/* Not a function of its own: it has barriers. */
LN_INLINE void LN_FN(LN_PARAMS) {
    int dim = s->t2, vdim = s->t3, seqs = s->kh * s->kw, map = s->oh * s->ow;
    int plane = s->u.part[1].c * s->u.part[1].first, keys = plane / seqs, j;
    int block = tile % s->t4, kv = tile / s->t4 % s->t1, seq = tile / (s->t4 * s->t1) % seqs;
    int n = tile / (s->t4 * s->t1 * seqs), rows = map / seqs * (s->t0 / s->t1);
    __global const LN_T *q =
        (LN_AT(arena, 0) + s->u.part[0].at) + (size_t)n * map * s->u.part[0].ps;
    __global const LN_T *k =
        (LN_AT(arena, 0) + s->u.part[1].at) + (size_t)n * plane * s->u.part[1].ps + kv * dim;
    __global const LN_T *v =
        (LN_AT(arena, 0) + s->u.part[2].at) + (size_t)n * plane * s->u.part[2].ps + kv * vdim;
    __global LN_T *y = LN_AT(arena, s->y) + (size_t)n * map * s->yps;
    __local float4 *held = (__local float4 *)lm;
    __local float *score = lm + QUERIES * DIM, *part = score + QUERIES * SPAN;
    int pair = lid / 4 * 2, own = lid % 4, quads = (vdim + 3) / 4;
    float top[2] = {LN_LOWEST, LN_LOWEST}, sum[2] = {0.0f, 0.0f};
    float4 acc[2][QUADS];
    for (int i = 0; i < QUADS; i++) acc[0][i] = acc[1][i] = (float4)0.0f;
    for (int i = lid; i < QUERIES * (DIM / 4); i += LN_LOCAL) {
        int c = i % (DIM / 4) * 4, r = min(block * QUERIES + i / (DIM / 4), rows - 1);
        if (c >= dim) continue;
        size_t p = (size_t)LN_F(query)(s, kv, seq, r, &j) * s->u.part[0].ps;
        held[i] = LN_F(load)(q + p + j * dim, c, dim) * (float4)s->alpha;
    }
    for (int first = 0; first < keys; first += LN_LOCAL) {
        int count = min(LN_LOCAL, keys - first);
        barrier(CLK_LOCAL_MEM_FENCE);
        if (lid < count) {
            size_t u = (size_t)LN_F(key)(s, seq, first + lid) * s->u.part[1].ps;
            LN_F(score)(held, k + u, dim, score + lid);
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int i = 0; i < 2; i++) {
            float most = LN_LOWEST;
            for (int u = own; u < count; u += 4) {
                float x = score[(pair + i) * SPAN + u];
                most = x > most ? x : most;
            }
            part[lid * 2 + i] = most;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int i = 0; i < 2; i++) {
            float next = top[i];
            for (int o = 0; o < 4; o++) {
                float x = part[(lid / 4 * 4 + o) * 2 + i];
                next = x > next ? x : next;
            }
            float keep = ln_exp(top[i] - next);
            sum[i] *= keep;
            for (int c = 0; c < QUADS; c++) acc[i][c] *= (float4)keep;
            for (int u = own; u < count; u += 4) {
                __local float *x = score + (pair + i) * SPAN + u;
                *x = ln_exp(*x - next);
            }
            top[i] = next;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int u = 0; u < count; u++) {
            float a = score[pair * SPAN + u], b = score[(pair + 1) * SPAN + u];
            __global const LN_T *from = v + (size_t)LN_F(key)(s, seq, first + u) * s->u.part[2].ps;
            sum[0] += a, sum[1] += b;
            for (int c = 0; c < QUADS; c++) {
                if (c * 4 + own >= quads) continue;
                float4 x = LN_F(load)(from, (c * 4 + own) * 4, vdim);
                acc[0][c] = ln_fma((float4)a, x, acc[0][c]);
                acc[1][c] = ln_fma((float4)b, x, acc[1][c]);
            }
        }
    }
    for (int i = 0; i < 2; i++) {
        int r = block * QUERIES + pair + i;
        if (r >= rows) continue;
        float by = ln_softmax_scale(top[i], sum[i]);
        __global LN_T *to = y + (size_t)LN_F(query)(s, kv, seq, r, &j) * s->yps + j * vdim;
        for (int c = own; c < quads; c += 4) {
            float4 x = acc[i][c / 4] * (float4)by;
            if (c * 4 + 4 <= vdim) {
                LN_STU4(to + c * 4, x);
                continue;
            }
            LN_ST1(to + c * 4, x.x);
            if (c * 4 + 1 < vdim) LN_ST1(to + c * 4 + 1, x.y);
            if (c * 4 + 2 < vdim) LN_ST1(to + c * 4 + 2, x.z);
        }
        for (int z = s->oc; own == 0 && j == s->t0 - 1 && z < ln_pad(s->oc); z++)
            LN_ST1(to + z - j * vdim, 0.0f);
    }
}
LN_KERNEL_LOCAL(QUERIES *DIM + QUERIES * SPAN + 2 * LN_LOCAL)
#undef SPAN
#undef QUADS
#undef QUERIES
#undef DIM
