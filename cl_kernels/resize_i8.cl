/* Resize of the rows and columns of maps of bytes between two pixels each way, in the arithmetic of
 * TFLite's reference kernels, by tables of pixels and weights as in resize.cl.
 *
 * y[n,oy,ox,c] = round(sum over tx < t1, ty < t0 of wy[oy][ty] * wx[ox][tx] *
 * x[n,iy[oy][ty],ix[ox][tx],c])
 * With LN_FLAG_UNSIGNED of x + 128 in f32, in that order, each step rounded, halves up; else
 * weights are whole 1024ths, sums exact and halves go away from zero.
 *
 * x, y: NHWC, i8. One work-item makes 8 channels of one pixel. */

LN_FUNCTION void LN_FN(LN_PARAMS) {
#pragma OPENCL FP_CONTRACT OFF
    int pieces = ln_pad(s->oc) / 8, at = tile * LN_LOCAL + lid;
    int p = at / pieces, c = (at - p * pieces) * 8;
    if (p >= s->m) return;
    int ox = p % s->ow, oy = p / s->ow % s->oh, n = p / (s->ow * s->oh), th = s->t0, tw = s->t1;
    __global const char *x = LN_BYTES(arena, s->x) + (size_t)n * s->xns + c;
    __global const float *rows = weights + s->w + oy * th, *columns = weights + s->b + ox * tw;
    int8 sum = (int8)0;
    float8 real = (float8)0.0f;
    for (int tx = 0; tx < tw; tx++) {
        float wx = columns[s->ow * tw + tx];
        __global const char *column = x + (size_t)as_int(columns[tx]) * s->xps;
        for (int ty = 0; ty < th; ty++) {
            float wy = rows[s->oh * th + ty];
            int8 v = convert_int8(LN_LDB8(column + (size_t)as_int(rows[ty]) * s->xrs));
            if (s->flags & LN_FLAG_UNSIGNED)
                real += (convert_float8(v + 128) * wy) * wx;
            else
                sum += v * (int)(wy * 1024.0f * (wx * 1024.0f));
        }
    }
    if (s->flags & LN_FLAG_UNSIGNED) {
        sum = convert_int8(real + 0.5f) - 128;
    } else {
        sum += sum > 0 ? (int8)(1 << 19) : (int8) - (1 << 19);
        sum /= 1 << 20;
    }
    LN_STB8(LN_BYTES(arena, s->y) + (size_t)p * s->yps + c,
            ln_mask_i8(convert_char8_sat(sum), c, s->oc));
}
LN_KERNEL
#undef ELEM
