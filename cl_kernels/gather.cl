/* Elements read by index.
 *
 * MODE 0: y[o,j,r] = x[o, i[j], r]: t1 rows r, t2 indices, t3 elements of the dimension, the last
 *         dimension not among them
 * MODE 1: y[o,j] = x[o, i[j]], the last dimension: t2 rows of indices, t3 elements
 * MODE 2: y[e] = x[e but for i[e] in dimension t0]: t3 elements
 * MODE 3: y[b,j,r] = x[b, i[b,j,:], r]: t0 indices of a tuple, t1 elements r, t2 tuples an image of
 *         the batch, t3 from image to image; nd: sizes and strides of the dimensions of the tuple
 * x, i: operands 0 and 1 of nd, i in rows of t4; an index below zero counts from the end, beyond
 * that it gives zero. Words of 4 bytes. One work-item makes 8 lanes of one pixel; padding lanes get
 * zero. */
#ifndef MODE
#    define MODE 0
#endif

/* -1: outside */
LN_INLINE int LN_F(index)(int i, int size) {
    if (i < 0) i += size;
    return i >= 0 && i < size ? i : -1;
}

LN_FUNCTION void LN_FN(LN_PARAMS) {
    __global const ln_nd *v = &s->u.nd;
    __global const int *x = ln_nd_base(arena, weights, s, 0),
                       *at = ln_nd_base(arena, weights, s, 1);
    int pieces = ln_pad(s->oc) / 8, item = tile * LN_LOCAL + lid;
    int p = item / pieces, c = (item - p * pieces) * 8;
    if (p >= s->m) return;
    __global int *y = (__global int *)arena + s->y + (size_t)p * s->yps + c;
#if MODE == 0
    int r = p % s->t1, j = p / s->t1 % s->t2, o = p / (s->t1 * s->t2);
    int i = LN_F(index)(at[j / s->t4 * v->ps[1] + j % s->t4], s->t3);
    int from = ((o * s->t3 + i) * s->t1 + r) * v->ps[0] + c;
    for (int l = 0; l < 8; l++) y[l] = i >= 0 && c + l < s->oc ? x[from + l] : 0;
#elif MODE == 1
    int o = p / s->t2, row = (p - o * s->t2) * v->ps[1] + c;
    for (int l = 0; l < 8; l++) {
        int i = c + l < s->oc ? LN_F(index)(at[row + l], s->t3) : -1;
        y[l] = i >= 0 ? x[o * v->ps[0] + i] : 0;
    }
#elif MODE == 2
    int from = 0, rest = p;
    for (int d = LN_ND - 2; d >= 0; d--) {
        int next = rest / v->dim[d];
        if (d != s->t0) from += (rest - next * v->dim[d]) * v->xstr[0][d];
        rest = next;
    }
    for (int l = 0; l < 8; l++) {
        int i = c + l < s->oc ? LN_F(index)(at[p * v->ps[1] + c + l], s->t3) : -1;
        int to = from + i * v->xstr[0][s->t0] + (s->t0 == LN_ND - 1 ? 0 : c + l);
        y[l] = i >= 0 ? x[to] : 0;
    }
#else
    for (int l = 0; l < 8; l++) {
        int e = p * s->oc + c + l, j = e / s->t1, r = e - j * s->t1, inside = c + l < s->oc;
        int from = j / s->t2 * s->t3 + r / s->t5 * v->ps[0] + r % s->t5;
        for (int k = 0; k < s->t0 && inside; k++) {
            int i = LN_F(index)(at[j * v->ps[1] + k], v->size[k]);
            inside = i >= 0;
            from += i * v->xstr[0][k];
        }
        y[l] = inside ? x[from] : 0;
    }
#endif
}
LN_KERNEL
#undef MODE
