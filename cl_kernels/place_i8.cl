/* The place of the largest or smallest of bytes along one dimension.
 *
 * y[i] = the first j, or the last, whose x[i, j] no other exceeds (or goes below)
 *
 * x: i8, y: i32. ROWS 0: as reduce.cl has its arguments, a work-item a lane of y. ROWS 1: along
 * x's channels, at most 256; t0 1: the smallest, t1 1: the last, t2 pixels of a row, t3 rows in t4
 * chunks. Padding lanes get zero.
 *
 * Both look for the largest key: the byte, made unsigned and turned where the smallest is wanted,
 * above its place, turned where the first is wanted. ROWS 1 takes eight pixels at a time, each with
 * eight lanes of keys, and folds these into one vector of the eight pixels' keys. */
#ifndef ROWS
#    define ROWS 0
#endif

#if ROWS
/* Halves of a vector and of the next one, quarters, then lanes. */
#    define LN_FOLD4(a, b) max((ushort8)((a).lo, (b).lo), (ushort8)((a).hi, (b).hi))
#    define LN_FOLD2(a, b)                                                                         \
        max(as_ushort8((uint4)(as_uint4(a).even, as_uint4(b).even)),                               \
            as_ushort8((uint4)(as_uint4(a).odd, as_uint4(b).odd)))
#    define LN_FOLD1(a, b) max((ushort8)((a).even, (b).even), (ushort8)((a).odd, (b).odd))

/* Keys of the pixel at x: the largest of each of eight lanes. */
LN_INLINE ushort8 LN_F(keys)(__global const char *x, int c, char8 flip, ushort8 turn) {
    const ushort8 lane = (ushort8)(0, 1, 2, 3, 4, 5, 6, 7);
    ushort8 best = (ushort8)0;
    int k = 0;
    for (; k + 8 <= c; k += 8) {
        ushort8 v = convert_ushort8(as_uchar8(LN_LDB8(x + k) ^ flip)) << (ushort8)8;
        best = max(best, v | ((lane + (ushort8)(ushort)k) ^ turn));
    }
    if (k < c) {
        ushort8 v = convert_ushort8(as_uchar8(LN_LDB8(x + k) ^ flip)) << (ushort8)8;
        v |= (lane + (ushort8)(ushort)k) ^ turn;
        best = max(best, lane < (ushort8)(ushort)(c - k) ? v : (ushort8)0);
    }
    return best;
}

/* One row of the map. */
LN_FUNCTION void LN_F(row)(__global const char *x, __global float *y, __global const ln_args *s) {
    int count = s->t2, c = s->c, xps = s->xps;
    char8 flip = (char8)(char)(s->t0 ? 127 : -128);
    ushort8 turn = (ushort8)(ushort)(s->t1 ? 0 : 255);
    for (int i = 0; i < count; i += 8) {
        ushort8 v[8];
        LN_UNROLL
        for (int j = 0; j < 8; j++)
            v[j] = LN_F(keys)(x + (size_t)min(i + j, count - 1) * xps, c, flip, turn);
        ushort8 a = LN_FOLD4(v[0], v[1]), b = LN_FOLD4(v[2], v[3]);
        ushort8 d = LN_FOLD4(v[4], v[5]), e = LN_FOLD4(v[6], v[7]);
        a = LN_FOLD2(a, b), d = LN_FOLD2(d, e);
        a = (LN_FOLD1(a, d) ^ turn) & (ushort8)255;
        int8 place = convert_int8(a);
        place = (int8)(0, 1, 2, 3, 4, 5, 6, 7) < (int8)(count - i) ? place : (int8)0;
        LN_ST8_float(y + i, as_float8(place));
    }
}

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int r0 = ln_cut(s->t3, tile, s->t4), r1 = ln_cut(s->t3, tile + 1, s->t4);
    for (int r = r0; r < r1; r++)
        LN_F(row)
        (LN_BYTES(arena, s->x) + (size_t)r * s->t2 * s->xps, arena + s->y + (size_t)r * s->yps, s);
}
#    undef LN_FOLD4
#    undef LN_FOLD2
#    undef LN_FOLD1
#else
LN_FUNCTION void LN_FN(LN_PARAMS) {
    __global const ln_nd *d = &s->u.nd;
    int inner = d->dim[LN_ND - 1], per = ln_pad(inner);
    int at = tile * LN_LOCAL + lid, rest = at / per, c = at - rest * per;
    size_t y = s->y;
    __global const char *x = LN_BYTES(d->consts & 1 ? weights + s->w : arena, d->at[0]);
    for (int k = LN_ND - 2; k >= 0; k--) {
        y += (size_t)(rest % d->dim[k]) * d->ystr[k];
        x += (size_t)(rest % d->dim[k]) * d->xstr[0][k];
        rest /= d->dim[k];
    }
    if (rest) return; /* behind the last row */
    int count = d->xstr[1][LN_ND - 1], step = d->xstr[2][LN_ND - 1], place = 0, best = -1;
    bool least = s->t0 == LN_FOLD_ARGMIN || s->t0 == LN_FOLD_ARGMIN_LAST;
    int last = s->t0 == LN_FOLD_ARGMAX_LAST || s->t0 == LN_FOLD_ARGMIN_LAST;
    if (c < inner) {
        x += (size_t)c * d->xstr[0][LN_ND - 1];
        for (int j = 0; j < count; j++, x += step) {
            int v = least ? 127 - *x : *x + 128;
            place = v + last > best ? j : place;
            best = max(best, v);
        }
    }
    arena[y + c] = as_float(place);
}
#endif
LN_KERNEL
#undef ROWS
#undef ELEM
