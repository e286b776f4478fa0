/* Slice and padding that leave the channels' places within 8 alone.
 *
 * y[n,oy,ox,o] = x[n*t3 - t2, oy*sh - top, ox*sw - left, o - t0] inside x, alpha outside it
 *
 * x, y: NHWC, f32. Precondition: t0 a multiple of 8 and, where channels are padded (t0 > 0 or
 * oc > c - t0), c a multiple of 8. One work-item makes t4 pieces of 8 channels, one after
 * another. */

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int pieces = ln_pad(s->oc) / 8;
    int first = (tile * LN_LOCAL + lid) * s->t4, last = min(first + s->t4, pieces * s->m);
    int p = first / pieces, o = (first - p * pieces) * 8;
    int ox = p % s->ow, oy = p / s->ow % s->oh, im = p / (s->ow * s->oh);
    for (int at = first; at < last; at++) {
        int n = im * s->t3 - s->t2, iy = oy * s->sh - s->top, ix = ox * s->sw - s->left;
        int c = o - s->t0;
        int inside = n >= 0 && n < s->n && iy >= 0 && iy < s->h && ix >= 0 && ix < s->wd &&
                     c >= 0 && c < s->c;
        float8 v = (float8)s->alpha;
        if (inside)
            v = LN_LD8(LN_AT(arena, s->x) + (size_t)n * s->xns + (size_t)iy * s->xrs +
                       (size_t)ix * s->xps + c);
        LN_ST8(LN_AT(arena, s->y) + (size_t)p * s->yps + o, ln_mask8(v, o, s->oc));
        o += 8;
        if (o < pieces * 8) continue;
        o = 0;
        p++;
        if (++ox < s->ow) continue;
        ox = 0;
        if (++oy < s->oh) continue;
        oy = 0;
        im++;
    }
}
LN_KERNEL
