/* Resize of the rows and columns of maps, by tables of pixels and weights.
 *
 * y[n,oy,ox,c] = sum over ty < t0, tx < t1 of wy[oy][ty] * wx[ox][tx] *
 * x[n,iy[oy][ty],ix[ox][tx],c] or alpha, where a row or column lies outside
 *
 * x, y: NHWC, f32. At w: iy [oh][t0], the first -1 for a row outside, then wy [oh][t0]; at b: ix
 * and wx by [ow][t1]. One work-item makes 8 channels of one pixel. */

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int pieces = ln_pad(s->oc) / 8, at = tile * LN_LOCAL + lid;
    int p = at / pieces, c = (at - p * pieces) * 8;
    if (p >= s->m) return;
    int ox = p % s->ow, oy = p / s->ow % s->oh, n = p / (s->ow * s->oh), th = s->t0, tw = s->t1;
    __global const LN_T *x = LN_AT(arena, s->x) + (size_t)n * s->xns + c;
    __global const float *rows = weights + s->w + oy * th, *columns = weights + s->b + ox * tw;
    float8 v = (float8)0.0f;
    if (as_int(*rows) < 0 || as_int(*columns) < 0) {
        v = ln_mask8((float8)s->alpha, c, s->oc);
    } else {
        for (int ty = 0; ty < th; ty++) {
            float wy = rows[s->oh * th + ty];
            if (wy == 0.0f) continue; /* what weighs nothing is not read */
            __global const LN_T *row = x + (size_t)as_int(rows[ty]) * s->xrs;
            float8 sum = (float8)0.0f;
            for (int tx = 0; tx < tw; tx++) {
                float wx = columns[s->ow * tw + tx];
                if (wx == 0.0f) continue;
                sum = ln_fma((float8)wx, LN_LD8(row + (size_t)as_int(columns[tx]) * s->xps), sum);
            }
            v = ln_fma((float8)wy, sum, v);
        }
    }
    LN_ST8(LN_AT(arena, s->y) + (size_t)p * s->yps + c, v);
}
LN_KERNEL
