/* Dense convolution and matrix product of bytes, four products at a time, for processors with many
 * work-items: a small register tile each, neighbouring work-items on neighbouring channels.
 *
 * y[p,o] = rescale(acc, o), acc = b[o] +
 *     sum over ky,kx,i of (x[n, oy*sh-top+ky*dh, ox*sw-left+kx*dw, i] + zero) * (w[ky,kx,i,o] - wz)
 *
 * zero: LN_DOT_ZERO of dot8.clh, and x is xz beyond the map. x: NHWC or planar (xcs, xps); y: NHWC;
 * i8. w [kh][kw][c/4][ocp][4] i8, c padded to 4 with w = wz; b [ocp] i32 with all that x's zero
 * adds, mul i32, unit f32. Limits: lo, hi, of y - yz. Preconditions: groups 1; POINT: 1x1 without
 * padding, stride 1, NHWC.
 *
 * One work-item makes PX pixels by 4 channels. POINT takes pixels as they come over the whole
 * batch; else the pixels are of one row. */
#ifndef PX
#    define PX 4 /* pixels of the register tile */
#endif
#ifndef POINT
#    define POINT 0 /* 1x1: no taps, no borders */
#endif

/* Channels [k, k + 4) of the pixel at x. */
LN_INLINE uint LN_F(four)(__global const char *x, __global const ln_args *s, int k) {
#if !POINT
    if (s->xcs != 1) {
        size_t at = (size_t)k * s->xcs, cs = s->xcs;
        char4 v = (char4)(x[at], k + 1 < s->c ? x[at + cs] : 0, k + 2 < s->c ? x[at + 2 * cs] : 0,
                          k + 3 < s->c ? x[at + 3 * cs] : 0);
        return ln_dot_x(as_uint(v));
    }
#endif
    return ln_dot_x(*(__global const uint *)(x + k));
}

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int ocp = ln_pad(s->oc), at = tile * LN_LOCAL + lid, o = at % (ocp / 4) * 4;
    int block = at / (ocp / 4), c = (s->c + 3) & ~3, wz = s->wz;
    __global const uint4 *w = (__global const uint4 *)(LN_BYTES(weights, s->w) + o * 4);
    __global const float *b = weights + s->b + o;
    int4 sum[PX];
    int ones[PX];
    for (int i = 0; i < PX; i++) sum[i] = as_int4(LN_LD4_float(b)), ones[i] = 0;
    __global const char *x = LN_BYTES(arena, s->x);
#if POINT
    int p = block * PX, left = min(s->m - p, PX);
    if (left <= 0) return;
    for (int k = 0; k < c; k += 4, w += ocp / 4)
        for (int i = 0; i < PX; i++) {
            uint v = LN_F(four)(x + ln_x_pixel(s, min(p + i, s->m - 1)), s, k);
            sum[i] = ln_dot4x4(sum[i], v, *w);
            if (wz) ones[i] = ln_dot_ones(ones[i], v);
        }
#else
    int across = (s->ow + PX - 1) / PX, row = block / across, ox = block % across * PX;
    int n = row / s->oh, oy = row % s->oh, p = row * s->ow + ox, left = min(s->ow - ox, PX);
    if (n >= s->n) return;
    uint beyond = ln_dot_x((uint)(s->xz & 255) * 0x01010101u);
    for (int ky = 0; ky < s->kh; ky++)
        for (int kx = 0; kx < s->kw; kx++) {
            int iy = oy * s->sh - s->top + ky * s->dh, ix = ox * s->sw - s->left + kx * s->dw;
            __global const char *from = x + (size_t)n * s->xns + (long)iy * s->xrs;
            bool in = iy >= 0 && iy < s->h;
            for (int k = 0; k < c; k += 4, w += ocp / 4)
                for (int i = 0; i < PX; i++) {
                    int j = ix + i * s->sw;
                    uint v = beyond;
                    if (in && j >= 0 && j < s->wd) v = LN_F(four)(from + (long)j * s->xps, s, k);
                    sum[i] = ln_dot4x4(sum[i], v, *w);
                    if (wz) ones[i] = ln_dot_ones(ones[i], v);
                }
        }
#endif
    int4 mul = as_int4(LN_LD4_float(b + ocp));
    float4 unit = LN_LD4_float(b + 2 * ocp);
    for (int i = 0; i < left; i++) {
        int4 v = sum[i] - (int4)(ones[i] * wz);
        char4 y = (char4)(ln_rescale(v.x, mul.x, unit.x, s), ln_rescale(v.y, mul.y, unit.y, s),
                          ln_rescale(v.z, mul.z, unit.z, s), ln_rescale(v.w, mul.w, unit.w, s));
        y = o + 4 <= s->oc ? y : (char4)(0, 1, 2, 3) < (char4)(s->oc - o) ? y : (char4)0;
        *(__global char4 *)(LN_BYTES(arena, s->y) + (size_t)(p + i) * s->yps + o) = y;
    }
}
LN_KERNEL
#undef PX
#undef POINT
#undef DOT
#undef ELEM
