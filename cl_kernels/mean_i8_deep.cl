/* Quantized mean over a map, for processors with wide vectors.
 *
 * y[n,c] = ln_rescale8(sum over the map of x[n,p,c] - xz) by t2 and alpha, which divide too
 *
 * x, y: NHWC, i8. One work-item a group; a tile is one image's LANES channels, or what is left. */
#define LANES 64

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int groups = (ln_pad(s->oc) + LANES - 1) / LANES, n = tile / groups;
    int c = (tile - n * groups) * LANES, pixels = s->h * s->wd, xps = s->xps;
    int pieces = min(ln_pad(s->oc) - c, LANES) / 8;
    __global const char *x = LN_BYTES(arena, s->x) + (size_t)n * s->xns + c;
    __global char *y = LN_BYTES(arena, s->y) + (size_t)n * s->yps + c;
    int8 sum[LANES / 8];
    LN_UNROLL
    for (int i = 0; i < LANES / 8; i++) sum[i] = (int8)(-pixels * s->xz);
    if (pieces == LANES / 8)
        for (int p = 0; p < pixels; p++, x += xps) {
            LN_UNROLL
            for (int i = 0; i < LANES / 8; i++) sum[i] += convert_int8(LN_LDB8(x + i * 8));
        }
    else
        for (int i = 0; i < pieces; i++)
            for (int p = 0; p < pixels; p++)
                sum[i] += convert_int8(LN_LDB8(x + (size_t)p * xps + i * 8));
    LN_UNROLL
    for (int i = 0; i < LANES / 8; i++) {
        if (i >= pieces) continue;
        char8 v = ln_rescale8(sum[i], (int8)s->t2, (float8)s->alpha, s);
        LN_STB8(y + i * 8, ln_mask_i8(v, c + i * 8, s->oc));
    }
}
LN_KERNEL
#undef LANES
#undef ELEM
