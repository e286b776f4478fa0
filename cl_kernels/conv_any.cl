/* Convolution, any kernel, stride, dilation, padding and groups; fully connected as 1x1.
 *
 * y[n,oy,ox,o] = post(act(b[o] + sum over ky,kx,i of
 *                x[n, oy*sh-top+ky*dh, ox*sw-left+kx*dw, k] * gate[n,k] * w[ky,kx,i,o])
 *                + res[n,oy,ox,o]),  g = o / (oc/groups), k = g * c/groups + i,
 * interleaved: k = i * groups + g
 *
 * x: NHWC or planar (xcs, xps); y, res: NHWC; gate [n][x2ps], optional; w [kh][kw][icg][ocp],
 * b [ocp], ocp = oc rounded up to LN_CPAD.
 * ARENA: part[1] is w in the arena, [oc][kh][kw][ps], and part[2] b [oc]; either may be a constant
 * in the weights, laid out the same. Padding is then multiplied as zeros, so that a weight which is
 * no finite number shows.
 * f32. No preconditions: the general variant. One work-item makes one lane of one pixel, the
 * lanes of a pixel side by side; padding lanes are written as zero. */
#ifndef ARENA
#    define ARENA 0 /* 1: weights or bias are no constants */
#endif
#ifndef BYTES
#    define BYTES 0 /* 1: x is a picture's bytes, and x - mean[i] in its place */
#endif

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int ocp = ln_pad(s->oc), at = tile * LN_LOCAL + lid;
    int p = at / ocp, o = at - p * ocp;
    if (p >= s->m) return;
    __global LN_T *y = LN_AT(arena, s->y) + (size_t)p * s->yps + o;
    if (o >= s->oc) {
        LN_ST1(y, 0.0f);
        return;
    }
    int ox = p % s->ow, oy = p / s->ow % s->oh, n = p / (s->ow * s->oh);
    int icg = s->c / s->groups, g = o / (s->oc / s->groups);
    int mixed = s->flags & LN_FLAG_INTERLEAVED;
    int first = mixed ? g : g * icg, step = mixed ? s->groups : 1;
    int has_gate = s->gate != LN_NO_OFF;
    __global const LN_T *gate =
        LN_AT(arena, has_gate ? s->gate : 0) + (has_gate ? (size_t)n * s->x2ps + first : 0);
    __global const LN_TX *x = LN_XAT(arena, s->x) + (size_t)n * s->xns + (size_t)first * s->xcs;
#if ARENA
    int ws = 1, tap = s->u.part[1].ps;
    __global const LN_T *w =
        s->w == LN_NO_OFF ? LN_AT(arena, s->u.part[1].at) : LN_AT(weights, s->w);
    w += (size_t)o * s->kh * s->kw * tap;
    __global const LN_T *b =
        s->b == LN_NO_OFF ? LN_AT(arena, s->u.part[2].at) : LN_AT(weights, s->b);
    float sum = LN_LD1(b + o);
#else
#    if BYTES
    __global const LN_T *mean = LN_AT(weights, s->b) + ocp + 8;
#    endif
    int ws = ocp, tap = icg * ocp;
    __global const LN_T *w = LN_AT(weights, s->w) + o;
    float sum = LN_LD1(LN_AT(weights, s->b) + o);
#endif
    for (int ky = 0; ky < s->kh; ky++) {
        int iy = oy * s->sh - s->top + ky * s->dh;
        for (int kx = 0; kx < s->kw; kx++) {
            int ix = ox * s->sw - s->left + kx * s->dw;
            __global const LN_T *wi = w + (size_t)(ky * s->kw + kx) * tap;
            if (iy < 0 || iy >= s->h || ix < 0 || ix >= s->wd) {
#if ARENA
                for (int i = 0; i < icg; i++) sum = ln_fma(0.0f, LN_LD1(wi + i), sum);
#endif
                continue;
            }
            __global const LN_TX *xi = x + (size_t)iy * s->xrs + (size_t)ix * s->xps;
            for (int i = 0; i < icg; i++) {
                float v = LN_XLD1(xi + (size_t)(i * step) * s->xcs);
#if BYTES
                v -= LN_PLANE_MEAN(mean, i);
#endif
                if (has_gate) v *= LN_LD1(gate + i * step);
                sum = ln_fma(v, LN_LD1(wi + (size_t)i * ws), sum);
            }
        }
    }
    float r = 0.0f;
    if (s->res != LN_NO_OFF) r = LN_LD1(LN_AT(arena, s->res) + (size_t)p * s->rps + o);
    sum = ln_act(sum, s->act, s->lo, s->hi, s->alpha, s->beta) + r;
    LN_ST1(y, ln_act(sum, s->post, s->plo, s->phi, s->palpha, s->pbeta));
}
LN_KERNEL
#undef ARENA
#undef BYTES
#undef ELEM
