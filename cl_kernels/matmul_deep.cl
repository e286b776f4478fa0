/* Matrix product of two activations, for processors with wide vectors and caches.
 *
 * y[b,i,j] = sum over k < t0 of A[b,i,k] * B[b,k,j]
 *
 * Operands and arguments as matmul_any.cl has them. f32.
 *
 * One work-item a group. A tile is one of t3 chunks of the rows of an image of the batch by one of
 * t4 groups of panels of columns. A panel of B, KB by NV vectors, is copied (turned where B is
 * transposed) into private memory; over it a register tile of PX rows keeps its sums. What comes
 * after KB goes on from the sums in y. */
#ifndef PX
#    define PX 8 /* rows of the register tile */
#endif
#ifndef NV
#    define NV 3 /* vectors of a panel */
#endif
#ifndef KB
#    define KB 128 /* rows of a panel */
#endif
#define WIDE (NV * LN_VW)

/* Columns j to j + width (of n in all) and `rows` rows of B into t[k][WIDE]; columns beyond n are
 * zero. */
LN_FUNCTION void LN_F(pack)(__global const float *b, int bk, int bj, int rows, int width, int n,
                            float *t) {
    for (int c = 0; c < width; c += LN_VW) {
        int some = min(n - c, LN_VW), k = 0;
        if (bj == 1) {
            for (; k < rows && some == LN_VW; k++)
                *(ln_v *)(t + k * WIDE + c) = LN_LDU(b + (size_t)k * bk + c);
        } else if (bk == 1 && some == LN_VW) {
            for (; k + LN_VW <= rows; k += LN_VW) {
                ln_v r[LN_VW];
#pragma unroll
                for (int i = 0; i < LN_VW; i++) r[i] = LN_LDU(b + (size_t)(c + i) * bj + k);
                ln_turn(r);
#pragma unroll
                for (int i = 0; i < LN_VW; i++) *(ln_v *)(t + (k + i) * WIDE + c) = r[i];
            }
        }
        for (; k < rows; k++)
            for (int i = 0; i < LN_VW; i++)
                t[k * WIDE + c + i] = i < some ? b[(size_t)k * bk + (size_t)(c + i) * bj] : 0.0f;
    }
}

/* Where y has `left` columns, lanes beyond them are neither read nor written, but for the padding,
 * which gets zero. */
LN_INLINE ln_v LN_F(sums)(__global const float *y, int left) {
#if LN_VW == 16
    if (left <= 8) return (ln_v)(LN_LD8(y), (float8)0.0f);
#endif
    return LN_LDV(y);
}
LN_INLINE void LN_F(put)(__global float *y, ln_v v, int left) {
#if LN_VW == 16
    if (left < 16) {
        LN_ST8(y, ln_mask8(v.lo, 0, left));
        if (left > 8) LN_ST8(y + 8, ln_mask8(v.hi, 8, left));
        return;
    }
    LN_STV(y, v);
#else
    LN_STV(y, ln_mask8(v, 0, left));
#endif
}

/* px rows by nv vectors, constants at each call; left: columns of y from here on. */
LN_INLINE void LN_F(block)(const int px, const int nv, __global const float *a, int ai, int ak,
                           const float *t, int n, __global float *y, int yps, int left, int more) {
#define LN_START(i)                                                                                \
    ln_v s##i##0 = (ln_v)0.0f, s##i##1 = s##i##0, s##i##2 = s##i##0;                               \
    __global float *y##i = y + (size_t)(px > i ? i : 0) * yps;                                     \
    __global const float *a##i = a + (size_t)(px > i ? i : 0) * ai;                                \
    if (px > i && more) {                                                                          \
        s##i##0 = LN_F(sums)(y##i, left);                                                          \
        if (nv > 1) s##i##1 = LN_F(sums)(y##i + LN_VW, left - LN_VW);                              \
        if (nv > 2) s##i##2 = LN_F(sums)(y##i + 2 * LN_VW, left - 2 * LN_VW);                      \
    }
    LN_EACH8(LN_START);
    for (int k = 0; k < n; k++, t += WIDE) {
        ln_v w0 = *(const ln_v *)t, w1, w2;
        if (nv > 1) w1 = *(const ln_v *)(t + LN_VW);
        if (nv > 2) w2 = *(const ln_v *)(t + 2 * LN_VW);
#define LN_STEP(i)                                                                                 \
    if (px > i) {                                                                                  \
        ln_v x = (ln_v)a##i[(size_t)k * ak];                                                       \
        s##i##0 = ln_fma(x, w0, s##i##0);                                                          \
        if (nv > 1) s##i##1 = ln_fma(x, w1, s##i##1);                                              \
        if (nv > 2) s##i##2 = ln_fma(x, w2, s##i##2);                                              \
    }
        LN_EACH8(LN_STEP);
    }
#define LN_STORE(i)                                                                                \
    if (px > i) {                                                                                  \
        LN_F(put)(y##i, s##i##0, left);                                                            \
        if (nv > 1) LN_F(put)(y##i + LN_VW, s##i##1, left - LN_VW);                                \
        if (nv > 2) LN_F(put)(y##i + 2 * LN_VW, s##i##2, left - 2 * LN_VW);                        \
    }
    LN_EACH8(LN_STORE);
}

#define LN_BLOCK(I, J)                                                                             \
    LN_FUNCTION void LN_F(block_##I##_##J)(__global const float *a, int ai, int ak,                \
                                           const float *t, int n, __global float *y, int yps,      \
                                           int left, int more) {                                   \
        LN_F(block)(I, J, a, ai, ak, t, n, y, yps, left, more);                                    \
    }
LN_BLOCK(8, 1)
LN_BLOCK(8, 2)
LN_BLOCK(8, 3)
LN_BLOCK(4, 1) LN_BLOCK(4, 2) LN_BLOCK(4, 3) LN_BLOCK(1, 1) LN_BLOCK(1, 2) LN_BLOCK(1, 3)

    LN_FUNCTION void LN_FN(LN_PARAMS) {
    __global const ln_nd *v = &s->u.nd;
    int chunk = tile % s->t3, group = tile / s->t3 % s->t4, image = tile / (s->t3 * s->t4);
    int rows = s->t1, r0 = ln_cut(rows, chunk, s->t3), r1 = ln_cut(rows, chunk + 1, s->t3);
    int panels = (s->oc + WIDE - 1) / WIDE, rest = image, yps = s->yps;
    __global const float *a = (__global const float *)ln_nd_base(arena, weights, s, 0);
    __global const float *b = (__global const float *)ln_nd_base(arena, weights, s, 1);
    for (int d = 3; d >= 0; d--) {
        int next = rest / v->dim[d], i = rest - next * v->dim[d];
        rest = next;
        a += i * v->xstr[0][d], b += i * v->xstr[1][d];
    }
    int ai = v->xstr[0][4], ak = v->xstr[0][5], bk = v->xstr[1][4], bj = v->xstr[1][5];
    float t[KB * WIDE] __attribute__((aligned(64)));
    for (int q = ln_cut(panels, group, s->t4); q < ln_cut(panels, group + 1, s->t4); q++) {
        int j = q * WIDE, left = s->oc - j, nv = min((left + LN_VW - 1) / LN_VW, NV);
        for (int k = 0; k < s->t0; k += KB) {
            int n = min(s->t0 - k, KB);
            LN_F(pack)(b + (size_t)k * bk + (size_t)j * bj, bk, bj, n, nv * LN_VW, left, t);
            for (int i = r0; i < r1;) {
                int px = r1 - i >= PX ? PX : r1 - i >= 4 ? 4 : 1;
                __global const float *x = a + (size_t)i * ai + (size_t)k * ak;
                __global float *y = arena + s->y + (size_t)(image * rows + i) * yps + j;
#define LN_CALL(I, J) LN_F(block_##I##_##J)(x, ai, ak, t, n, y, yps, left, k)
#define LN_ROWS(J)                                                                                 \
    case J:                                                                                        \
        if (px == 8)                                                                               \
            LN_CALL(8, J);                                                                         \
        else if (px == 4)                                                                          \
            LN_CALL(4, J);                                                                         \
        else                                                                                       \
            LN_CALL(1, J);                                                                         \
        break;
                switch (nv) {
                    LN_ROWS(1)
                    LN_ROWS(2)
                    LN_ROWS(3)
                }
                i += px;
            }
        }
    }
}
LN_KERNEL
#undef LN_START
#undef LN_STEP
#undef LN_STORE
#undef LN_BLOCK
#undef LN_CALL
#undef LN_ROWS
#undef WIDE
#undef PX
#undef NV
#undef KB
