/* Elements moved by index, any rank: permutation, slice, padding and tiling.
 *
 * y[i] = x[t2 + sum over d of source(i[d], d) * str[d]], or t1 where a source lies outside
 *
 * t0, what source(i, d) makes of j = i - before[d], for size[d] elements:
 *   0: i itself    1: j, outside beyond [0, size)    2: clamped    3: reflected, the border once
 *   4: reflected, the border twice    5: j mod size
 * x: any strides, in the arena or the weights; y: pixels in order, yps apart. Elements of
 * 4, 2 or 1 bytes.
 * One work-item makes 8 lanes of one pixel; with ROWS, t4 pixels one after another, each a run of
 * x (before 0 and stride 1 along the last dimension). Padding lanes get zero. */
#ifndef ROWS
#    define ROWS 0
#endif

LN_INLINE int LN_F(source)(int mode, int i, int size) {
    if (mode == 0 || (i >= 0 && i < size)) return i;
    if (mode == 1) return -1;
    if (mode == 2) return i < 0 ? 0 : size - 1;
    int turn = mode == 5 ? size : mode == 4 ? 2 * size : 2 * size - 2;
    if (turn == 0) return 0;
    i %= turn;
    if (i < 0) i += turn;
    return i < size ? i : mode == 3 ? turn - i : turn - 1 - i;
}

#if HALF
#    define LN_E ushort /* an element, of whatever */
#elif ELEM == 1
#    define LN_E char
#else
#    define LN_E int
#endif
#define LN_OUTSIDE (-2147483647 - 1)

/* Where the elements of pixel p come from, their last index aside; LN_OUTSIDE: from nowhere. */
LN_INLINE int LN_F(pixel)(__global const ln_nd *v, int mode, int from, int p) {
    int inside = 1;
    for (int d = LN_ND - 2; d >= 0; d--) {
        if (v->dim[d] == 1 && mode == 0) continue;
        int next = p / v->dim[d];
        int j = LN_F(source)(mode, p - next * v->dim[d] - v->before[d], v->size[d]);
        p = next;
        inside &= j >= 0;
        from += j * v->xstr[0][d];
    }
    return inside ? from : LN_OUTSIDE;
}

#if ROWS
LN_FUNCTION void LN_FN(LN_PARAMS) {
    __global const ln_nd *v = &s->u.nd;
    __global const LN_T *x = (__global const LN_T *)ln_nd_base(arena, weights, s, 0);
    int first = tile * s->t4, last = min(first + s->t4, s->m), cp = ln_pad(s->oc);
    for (int p = first; p < last; p++) {
        __global LN_T *y = LN_AT(arena, s->y) + (size_t)p * s->yps;
        int from = LN_F(pixel)(v, s->t0, s->t2, p), c = 0;
        if (from != LN_OUTSIDE) {
            for (; c + LN_VW <= s->oc; c += LN_VW) LN_STU(y + c, LN_LDU(x + from + c));
            for (; c < s->oc; c++) LN_ST1(y + c, LN_LD1(x + from + c));
        }
        for (; c < s->oc; c++) ((__global LN_E *)y)[c] = (LN_E)s->t1;
        for (; c < cp; c++) LN_ST1(y + c, 0.0f);
    }
}
#else
LN_FUNCTION void LN_FN(LN_PARAMS) {
    __global const ln_nd *v = &s->u.nd;
    __global const LN_E *x = (__global const LN_E *)ln_nd_base(arena, weights, s, 0);
    int pieces = ln_pad(s->oc) / 8, at = tile * LN_LOCAL + lid;
    int p = at / pieces, c = (at - p * pieces) * 8;
    if (p >= s->m) return;
    int from = LN_F(pixel)(v, s->t0, s->t2, p);
    __global LN_E *y = (__global LN_E *)(arena + s->y) + (size_t)p * s->yps + c;
    for (int i = 0; i < 8; i++) {
        LN_E e = 0;
        if (c + i < s->oc) {
            int j = LN_F(source)(s->t0, c + i - v->before[LN_ND - 1], v->size[LN_ND - 1]);
            e = from != LN_OUTSIDE && j >= 0 ? x[from + j * v->xstr[0][LN_ND - 1]] : (LN_E)s->t1;
        }
        y[i] = e;
    }
}
#endif
LN_KERNEL
#undef LN_OUTSIDE
#undef ROWS
#undef LN_E
