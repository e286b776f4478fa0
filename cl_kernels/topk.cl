/* The t2 best of each row: values y and indices y2.
 *
 * A word's key is larger the better it is: integers as they are, floats (t0) by their bits, NaN
 * above infinity; inverted where the smallest (t1) are the best. Of equals the lower index is
 * better.
 * x: rows of c words, xps apart. Any type of 4 bytes.
 * HEAP: one work-item makes a row; the indices kept so far are a heap in y2, the worst on top.
 * Else one work-item takes an element of x: its place is the number of better ones. */
#ifndef HEAP
#    define HEAP 1
#endif

LN_INLINE int LN_F(key)(__global const int *x, int i, int isfloat, int smallest) {
    int v = x[i], magnitude = v & 0x7fffffff;
    if (isfloat) {
        v = magnitude == 0 ? 0 : v < 0 ? -magnitude : v;
        v = magnitude > 0x7f800000 ? 0x7fffffff : v;
    }
    return smallest ? ~v : v;
}

/* Whether element i with key a comes before element j with key b. */
LN_INLINE int LN_F(before)(int a, int i, int b, int j) {
    return a > b || (a == b && i < j);
}

#if HEAP
/* Sinks `i` with key `k` from the top of a heap of n. */
LN_INLINE void LN_F(sink)(__global const int *x, __global int *heap, int n, int i, int k,
                          int isfloat, int smallest) {
    int at = 0;
    for (;;) {
        int down = 2 * at + 1;
        if (down >= n) break;
        int j = heap[down], b = LN_F(key)(x, j, isfloat, smallest);
        if (down + 1 < n) {
            int j2 = heap[down + 1], b2 = LN_F(key)(x, j2, isfloat, smallest);
            if (LN_F(before)(b, j, b2, j2)) down++, j = j2, b = b2;
        }
        if (!LN_F(before)(k, i, b, j)) break;
        heap[at] = j;
        at = down;
    }
    heap[at] = i;
}

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int p = tile * LN_LOCAL + lid, n = s->t2, isfloat = s->t0, smallest = s->t1;
    if (p >= s->m) return;
    __global const int *x = (__global const int *)arena + s->x + (size_t)p * s->xps;
    __global int *y = (__global int *)arena + s->y + (size_t)p * s->yps;
    __global int *heap = (__global int *)arena + s->y2 + (size_t)p * s->y2ps;
    for (int i = 0; i < n; i++) { /* rises past all that are better */
        int k = LN_F(key)(x, i, isfloat, smallest), at = i;
        for (int up; at > 0; at = up) {
            up = (at - 1) / 2;
            int j = heap[up];
            if (LN_F(before)(k, i, LN_F(key)(x, j, isfloat, smallest), j)) break;
            heap[at] = j;
        }
        heap[at] = i;
    }
    int top = heap[0], worst = LN_F(key)(x, top, isfloat, smallest);
    for (int i = n; i < s->c; i++) {
        int k = LN_F(key)(x, i, isfloat, smallest);
        if (!LN_F(before)(k, i, worst, top)) continue;
        LN_F(sink)(x, heap, n, i, k, isfloat, smallest);
        top = heap[0], worst = LN_F(key)(x, top, isfloat, smallest);
    }
    for (int left = n - 1; left > 0; left--) { /* the worst to the end */
        int i = heap[left];
        top = heap[0];
        LN_F(sink)(x, heap, left, i, LN_F(key)(x, i, isfloat, smallest), isfloat, smallest);
        heap[left] = top;
    }
    for (int i = 0; i < n; i++) y[i] = x[heap[i]];
    for (int i = n; i < ln_pad(n); i++) y[i] = 0, heap[i] = 0;
}
#else
LN_FUNCTION void LN_FN(LN_PARAMS) {
    int at = tile * LN_LOCAL + lid, p = at / s->c, i = at - p * s->c, n = s->t2;
    if (p >= s->m) return;
    __global const int *x = (__global const int *)arena + s->x + (size_t)p * s->xps;
    __global int *y = (__global int *)arena + s->y + (size_t)p * s->yps;
    __global int *y2 = (__global int *)arena + s->y2 + (size_t)p * s->y2ps;
    int k = LN_F(key)(x, i, s->t0, s->t1), place = 0;
    for (int j = 0; j < s->c; j++) place += LN_F(before)(LN_F(key)(x, j, s->t0, s->t1), j, k, i);
    if (place < n) y[place] = x[i], y2[place] = i;
    for (int j = n; i == 0 && j < ln_pad(n); j++) y[j] = 0, y2[j] = 0;
}
#endif
LN_KERNEL
#undef HEAP
