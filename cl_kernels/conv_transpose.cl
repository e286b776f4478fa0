/* Transposed convolution, any kernel, stride, dilation, padding and groups.
 *
 * y[n,oy,ox,o] = act(b[o] + sum over ky,kx,i of x[n,iy,ix,g*icg+i] * w[ky,kx,i,o]),
 *                g = o / (oc/groups), icg = c/groups
 * iy = (oy + top - ky*dh) / sh, ix = (ox + left - kx*dw) / sw, where these are whole and inside
 *
 * x, y: NHWC; w [kh][kw][icg][ocp], b [ocp], ocp = oc rounded up to LN_CPAD.
 * ARENA: part[1] is w in the arena, [oc][kh][kw][ps], and part[2] b [oc]; either may be a constant
 * in the weights, laid out the same.
 * f32. No preconditions: the general variant. One work-item makes one lane of one pixel, the
 * lanes of a pixel side by side; padding lanes are written as zero. */
#ifndef ARENA
#    define ARENA 0 /* 1: weights or bias are no constants */
#endif

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int ocp = ln_pad(s->oc), at = tile * LN_LOCAL + lid;
    int p = at / ocp, o = at - p * ocp;
    if (p >= s->m) return;
    __global float *y = arena + s->y + (size_t)p * s->yps + o;
    if (o >= s->oc) {
        *y = 0.0f;
        return;
    }
    int ox = p % s->ow, oy = p / s->ow % s->oh, n = p / (s->ow * s->oh);
    int icg = s->c / s->groups, first = o / (s->oc / s->groups) * icg;
    __global const float *x = arena + s->x + (size_t)n * s->xns + first;
#if ARENA
    int ws = 1, tap = s->u.part[1].ps;
    __global const float *w = s->w == LN_NO_OFF ? arena + s->u.part[1].at : weights + s->w;
    w += (size_t)o * s->kh * s->kw * tap;
    float sum = s->b == LN_NO_OFF ? arena[s->u.part[2].at + o] : weights[s->b + o];
#else
    int ws = ocp, tap = icg * ocp;
    __global const float *w = weights + s->w + o;
    float sum = weights[s->b + o];
#endif
    for (int ky = 0; ky < s->kh; ky++) {
        int ty = oy + s->top - ky * s->dh, iy = ty / s->sh;
        if (ty < 0 || iy >= s->h || iy * s->sh != ty) continue;
        for (int kx = 0; kx < s->kw; kx++) {
            int tx = ox + s->left - kx * s->dw, ix = tx / s->sw;
            if (tx < 0 || ix >= s->wd || ix * s->sw != tx) continue;
            __global const float *xi = x + (size_t)iy * s->xrs + (size_t)ix * s->xps;
            __global const float *wi = w + (size_t)(ky * s->kw + kx) * tap;
            for (int i = 0; i < icg; i++) sum = ln_fma(xi[i], wi[(size_t)i * ws], sum);
        }
    }
    *y = ln_act(sum, s->act, s->lo, s->hi, s->alpha, s->beta);
}
LN_KERNEL
#undef ARENA
