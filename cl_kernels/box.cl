/* Slice, padding and channel shuffle, lane by lane.
 *
 * y[n,oy,ox,o] = x[n*t3 - t2, oy*sh - top, ox*sw - left, c] inside x, alpha outside it
 *   c = o*t1 - t0, or where SHUFFLE: c = o % groups * (C / groups) + o / groups
 *
 * A slice has top = -begin and sh = step; padding has top = before and sh = 1.
 * x, y: NHWC, f32. One work-item makes one lane of one pixel; padding lanes get zero. */
#ifndef SHUFFLE
#    define SHUFFLE 0 /* channels in another order, all else in place */
#endif

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int ocp = ln_pad(s->oc), at = tile * LN_LOCAL + lid;
    int p = at / ocp, o = at - p * ocp;
    if (p >= s->m) return;
    float v = 0.0f;
    if (o < s->oc) {
#if SHUFFLE
        int c = o % s->groups * (s->c / s->groups) + o / s->groups;
        v = LN_LD1(LN_AT(arena, s->x) + ln_x_pixel(s, p) + c);
#else
        int ox = p % s->ow, oy = p / s->ow % s->oh, n = p / (s->ow * s->oh) * s->t3 - s->t2;
        int iy = oy * s->sh - s->top, ix = ox * s->sw - s->left, c = o * s->t1 - s->t0;
        int inside = n >= 0 && n < s->n && iy >= 0 && iy < s->h && ix >= 0 && ix < s->wd &&
                     c >= 0 && c < s->c;
        v = s->alpha;
        if (inside)
            v = LN_LD1(LN_AT(arena, s->x) + (size_t)n * s->xns + (size_t)iy * s->xrs +
                       (size_t)ix * s->xps + c);
#endif
    }
    LN_ST1(LN_AT(arena, s->y) + (size_t)p * s->yps + o, v);
}
LN_KERNEL
#undef SHUFFLE
