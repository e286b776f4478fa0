/* Permutation that brings another dimension last, in blocks turned in registers, for processors
 * with wide vectors.
 *
 * y[o, k, c] = x[o, c, k]: k runs over the last dimension of x, c over that of y, o over all others
 *
 * nd: dimensions 0 to 3 are o, 4 is k, 5 is c. Words of 4 bytes. One work-item a group makes a
 * share of the rows of LN_VW by C; padding lanes get zero. */

/* x from k to k + LN_VW, cs apart along c, to rows of y, ks apart. */
LN_INLINE void LN_F(blocks)(__global const LN_T *x, int cs, __global LN_T *y, int ks, int n) {
    for (int c = 0; c < n; c += LN_VW) {
        ln_v r[LN_VW];
        c = min(c, n - LN_VW); /* the last ones again rather than fewer */
#pragma unroll
        for (int i = 0; i < LN_VW; i++) r[i] = LN_LDU(x + (size_t)(c + i) * cs);
        ln_turn(r);
#pragma unroll
        for (int i = 0; i < LN_VW; i++) LN_STU(y + (size_t)i * ks + c, r[i]);
    }
}

LN_FUNCTION void LN_FN(LN_PARAMS) {
    __global const ln_nd *v = &s->u.nd;
    int kn = v->dim[4], cn = v->dim[5], cs = v->xstr[0][5], ks = v->ystr[4], cp = ln_pad(cn);
    int blocks = (kn + LN_VW - 1) / LN_VW;
    int units = v->dim[0] * v->dim[1] * v->dim[2] * v->dim[3] * blocks;
    int last = ln_cut(units, tile + 1, s->tiles);
    for (int u = ln_cut(units, tile, s->tiles); u < last; u++) {
        int o = u / blocks, k = (u - o * blocks) * LN_VW, rows = min(kn - k, LN_VW);
        __global const LN_T *x = LN_AT(arena, v->at[0]);
        __global LN_T *y = LN_AT(arena, s->y);
        for (int d = 3; d >= 0; d--) {
            int next = o / v->dim[d], i = o - next * v->dim[d];
            o = next;
            x += i * v->xstr[0][d], y += i * v->ystr[d];
        }
        bool whole = kn >= LN_VW && cn >= LN_VW;
        if (whole) {
            int at = min(k, kn - LN_VW);
            LN_F(blocks)(x + at, cs, y + (size_t)at * ks, ks, cn);
        }
        for (int i = k; i < k + rows; i++) {
            __global LN_T *to = y + (size_t)i * ks;
            for (int c = 0; c < cn && !whole; c++) LN_ST1(to + c, LN_LD1(x + (size_t)c * cs + i));
            for (int c = cn; c < cp; c++) LN_ST1(to + c, 0.0f);
        }
    }
}
LN_KERNEL
