/* A byte for each byte, for processors that choose among 16 bytes at a time.
 *
 * y[p,c] = table[x[p,c] + 128], 256 bytes at w
 *
 * x, y: NHWC, i8; y may lie on x. Preconditions: no padding lanes. One work-item a group; a tile is
 * one of t1 chunks of the pixels, which are one row of bytes where nothing lies between them. Each
 * sixteenth of the table answers for all bytes: those of others have bit 7 set, and get zero. */
typedef char LN_F(c16) __attribute__((ext_vector_type(16)));

LN_VNNI_FUNCTION void LN_F(row)(__global const char *x, __global const char *table, size_t n,
                                __global char *y) {
    ln_c64 part[16];
    LN_UNROLL
    for (int k = 0; k < 16; k++) {
        LN_F(c16) t = *(__global const LN_F(c16) *)(table + k * 16);
        part[k] = __builtin_shufflevector(t, t, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
                                          15, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
                                          0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0,
                                          1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    }
    for (size_t i = 0; i + 64 <= n; i += 64) {
        ln_c64 v = LN_C64(x + i) ^ (ln_c64)(char)-128, sum = (ln_c64)(char)0;
        LN_UNROLL
        for (int k = 0; k < 16; k++)
            sum |=
                ln_x86_choose(part[k], ln_x86_addus(v ^ (ln_c64)(char)(k << 4), (ln_c64)(char)112));
        *(__global ln_c64u *)(y + i) = sum;
    }
    for (size_t i = n / 64 * 64; i < n; i++) y[i] = table[x[i] + 128];
}

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int p0 = ln_cut(s->m, tile, s->t1), p1 = ln_cut(s->m, tile + 1, s->t1), c = s->oc;
    __global const char *x = LN_BYTES(arena, s->x) + (size_t)p0 * s->xps;
    __global const char *table = LN_BYTES(weights, s->w);
    __global char *y = LN_BYTES(arena, s->y) + (size_t)p0 * s->yps;
    if (s->xps == c && s->yps == c) {
        LN_F(row)(x, table, (size_t)(p1 - p0) * c, y);
        return;
    }
    for (int p = p0; p < p1; p++, x += s->xps, y += s->yps) LN_F(row)(x, table, c, y);
}
LN_KERNEL
#undef ELEM
