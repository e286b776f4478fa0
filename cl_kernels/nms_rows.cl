/* Rows (image, class, box) of the boxes chosen, and how many there are.
 *
 * x: t1 rows of t2 boxes, -1 behind the last of each, t0 rows an image; y: rows of three, -1 behind
 * the last; y2: their count. i32. One work-item makes the rows of one class: it counts those of
 * the classes before by halving. */

LN_INLINE int LN_F(count)(__global const int *x, int n) {
    int lo = 0;
    while (lo < n) {
        int mid = (lo + n) / 2;
        if (x[mid] >= 0)
            lo = mid + 1;
        else
            n = mid;
    }
    return lo;
}

LN_INLINE void LN_F(put)(__global int *y, int a, int b, int c) {
    y[0] = a, y[1] = b, y[2] = c;
    for (int i = 3; i < LN_CPAD; i++) y[i] = 0;
}

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int p = tile * LN_LOCAL + lid, at = 0, total = 0, own = 0, unused = 0;
    if (p >= s->t1) return;
    __global const int *x = (__global const int *)arena + s->x;
    __global int *y = (__global int *)arena + s->y;
    for (int i = 0; i < s->t1; i++) {
        int n = LN_F(count)(x + (size_t)i * s->xps, s->t2);
        total += n;
        if (i < p) at += n, unused += s->t2 - n;
        if (i == p) own = n;
    }
    for (int i = 0; i < own; i++) LN_F(put)
    (y + (size_t)(at + i) * s->yps, p / s->t0, p % s->t0, x[(size_t)p * s->xps + i]);
    for (int i = 0; i < s->t2 - own; i++)
        LN_F(put)(y + (size_t)(total + unused + i) * s->yps, -1, -1, -1);
    if (p == 0) LN_F(put)((__global int *)arena + s->y2, total, 0, 0);
}
LN_KERNEL
