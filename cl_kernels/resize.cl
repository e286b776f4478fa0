/* Resize of maps, nearest or bilinear.
 *
 * Row oy lies at (oy*t0 + t1) / t2 of the input, column ox at (ox*t3 + t4) / t5, in whole numbers
 * so that no rounding moves a pixel; both clamped to the map.
 * y[n,oy,ox,c] = x at the floor of the place, or the four pixels around it by distance
 *
 * x, y: NHWC, f32. One work-item makes 8 channels of one pixel. */
#ifndef BILINEAR
#    define BILINEAR 0 /* 0: nearest */
#endif

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int pieces = ln_pad(s->oc) / 8, at = tile * LN_LOCAL + lid;
    int p = at / pieces, c = (at - p * pieces) * 8;
    if (p >= s->m) return;
    int ox = p % s->ow, oy = p / s->ow % s->oh, n = p / (s->ow * s->oh);
    int fy = clamp(oy * s->t0 + s->t1, 0, (s->h - 1) * s->t2);
    int fx = clamp(ox * s->t3 + s->t4, 0, (s->wd - 1) * s->t5);
    int iy = fy / s->t2, ix = fx / s->t5;
    __global const float *x =
        arena + s->x + (size_t)n * s->xns + (size_t)iy * s->xrs + (size_t)ix * s->xps + c;
    float8 v = LN_LD8(x);
#if BILINEAR
    int down = iy + 1 < s->h ? s->xrs : 0, right = ix + 1 < s->wd ? s->xps : 0;
    float8 wy = (float8)((float)(fy - iy * s->t2) / (float)s->t2), ny = (float8)1.0f - wy;
    float8 wx = (float8)((float)(fx - ix * s->t5) / (float)s->t5), nx = (float8)1.0f - wx;
    v = ny * (nx * v + wx * LN_LD8(x + right)) +
        wy * (nx * LN_LD8(x + down) + wx * LN_LD8(x + down + right));
#endif
    LN_ST8(arena + s->y + (size_t)p * s->yps + c, v);
}
LN_KERNEL
#undef BILINEAR
