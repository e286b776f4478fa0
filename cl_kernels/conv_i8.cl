/* Quantized convolution, any kernel, stride, dilation, padding and groups; fully connected as 1x1.
 *
 * y[n,oy,ox,o] = rescale(b[o] + sum over ky,kx,i of
 *     (x[n, oy*sh-top+ky*dh, ox*sw-left+kx*dw, k] - xz) * (w[ky,kx,i,o] - wz), o)
 * g = o / (oc/groups), k = g * c/groups + i, interleaved: k = i * groups + g
 *
 * x: NHWC or planar (xcs, xps), y: NHWC, i8; w [kh][kw][icg][ocp] i8, b [ocp] i32, behind it scale
 * and half [ocp] f32. No preconditions: the general variant. One work-item makes one lane of one
 * pixel, the lanes of a pixel side by side; padding lanes are written as zero. */

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int ocp = ln_pad(s->oc), at = tile * LN_LOCAL + lid;
    int p = at / ocp, o = at - p * ocp;
    if (p >= s->m) return;
    __global char *y = LN_BYTES(arena, s->y) + (size_t)p * s->yps + o;
    if (o >= s->oc) {
        *y = 0;
        return;
    }
    int ox = p % s->ow, oy = p / s->ow % s->oh, n = p / (s->ow * s->oh);
    int icg = s->c / s->groups, g = o / (s->oc / s->groups);
    int mixed = s->flags & LN_FLAG_INTERLEAVED;
    int first = mixed ? g : g * icg, step = mixed ? s->groups : 1;
    __global const char *x = LN_BYTES(arena, s->x) + (size_t)n * s->xns + (size_t)first * s->xcs;
    __global const char *w = LN_BYTES(weights, s->w) + o;
    __global const float *b = weights + s->b + o;
    int sum = as_int(b[0]);
    for (int ky = 0; ky < s->kh; ky++) {
        int iy = oy * s->sh - s->top + ky * s->dh;
        if (iy < 0 || iy >= s->h) continue;
        for (int kx = 0; kx < s->kw; kx++) {
            int ix = ox * s->sw - s->left + kx * s->dw;
            if (ix < 0 || ix >= s->wd) continue;
            __global const char *xi = x + (size_t)iy * s->xrs + (size_t)ix * s->xps;
            __global const char *wi = w + (size_t)(ky * s->kw + kx) * icg * ocp;
            for (int i = 0; i < icg; i++)
                sum += (xi[(size_t)(i * step) * s->xcs] - s->xz) * (wi[(size_t)i * ocp] - s->wz);
        }
    }
    *y = ln_rescale(sum, as_int(b[ocp]), b[2 * ocp], s);
}
LN_KERNEL
#undef ELEM
