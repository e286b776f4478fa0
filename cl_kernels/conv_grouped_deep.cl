/* Grouped convolution, any window, for processors with wide vectors (ShuffleNet, ResNeXt).
 *
 * y[n,oy,ox,o] = post(act(b[o] + sum over ky,kx,i of
 *                x[n, oy*sh-top+ky*dh, ox*sw-left+kx*dw, k] * w[ky,kx,i,o]) + res[n,oy,ox,o]),
 * g = o / (oc/groups), k = g * c/groups + i, interleaved: k = i * groups + g
 *
 * x: NHWC or planar (xcs, xps); y, res: NHWC. w: panels of 8 output channels, each
 * [kh][kw][icg][8]; b [ocp], a zero behind it. f32. Precondition: no gate.
 *
 * One work-item a group. A tile is one of t1 chunks of an image's rows by one of t3 groups of
 * panels. 8 pixels of a row by a panel keep their sums over all taps; a panel of several groups is
 * made once for each, and each lane is taken from its own. */

LN_INLINE void LN_F(block)(__global float *arena, __global const float *weights,
                           __global const ln_args *s, int n, int oy, int ox, int o) {
    int icg = s->c / s->groups, ocg = s->oc / s->groups, left = s->ow - ox;
    int mixed = s->flags & LN_FLAG_INTERLEAVED, step = s->xcs * (mixed ? s->groups : 1);
    __global const LN_T *b = LN_AT(weights, s->b) + o, *zero = LN_AT(weights, s->b) + ln_pad(s->oc);
    int8 lane = (int8)(0, 1, 2, 3, 4, 5, 6, 7) + (int8)o;
#define LN_START(i) float8 y##i = (float8)0.0f;
    LN_EACH8(LN_START);
    for (int g = o / ocg; g <= min(o + 7, s->oc - 1) / ocg; g++) {
        __global const LN_T *w = LN_AT(weights, s->w) + (size_t)o * s->kh * s->kw * icg;
        __global const LN_T *x =
            LN_AT(arena, s->x) + (size_t)n * s->xns + (size_t)(mixed ? g : g * icg) * s->xcs;
#define LN_BIAS(i) float8 s##i = LN_LD8(b);
        LN_EACH8(LN_BIAS);
        for (int ky = 0; ky < s->kh; ky++) {
            int iy = oy * s->sh - s->top + ky * s->dh;
            for (int kx = 0; kx < s->kw; kx++, w += icg * 8) {
                int ix = ox * s->sw - s->left + kx * s->dw;
                if (iy < 0 || iy >= s->h) continue;
                __global const LN_T *xk = x + (long)iy * s->xrs + (long)ix * s->xps;
/* Beyond the border a pixel's taps are read from a zero that stands still. */
#define LN_AIM(i)                                                                                  \
    int ok##i = i < left && ix + i * s->sw >= 0 && ix + i * s->sw < s->wd;                         \
    __global const LN_T *x##i = ok##i ? xk + (long)i * s->sw * s->xps : zero;                      \
    long d##i = ok##i ? step : 0;
#define LN_STEP(i)                                                                                 \
    s##i = ln_fma((float8)LN_LD1(x##i), wk, s##i);                                                 \
    x##i += d##i;
                LN_EACH8(LN_AIM);
                for (int k = 0; k < icg; k++) {
                    float8 wk = LN_LD8(w + k * 8);
                    LN_EACH8(LN_STEP);
                }
            }
        }
#define LN_TAKE(i) y##i = lane >= (int8)(g * ocg) ? s##i : y##i;
        LN_EACH8(LN_TAKE);
    }
    int p = (n * s->oh + oy) * s->ow + ox;
#define LN_STORE(i)                                                                                \
    if (i < left) ln_finish8(y##i, arena, s, p + i, o);
    LN_EACH8(LN_STORE);
}

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int chunk = tile % s->t1, group = tile / s->t1 % s->t3, n = tile / (s->t1 * s->t3);
    int y0 = s->oh * chunk / s->t1, y1 = s->oh * (chunk + 1) / s->t1, panels = ln_pad(s->oc) / 8;
    for (int i = panels * group / s->t3; i < panels * (group + 1) / s->t3; i++)
        for (int oy = y0; oy < y1; oy++)
            for (int ox = 0; ox < s->ow; ox += 8) LN_F(block)(arena, weights, s, n, oy, ox, i * 8);
}
LN_KERNEL
#undef LN_START
#undef LN_BIAS
#undef LN_AIM
#undef LN_STEP
#undef LN_TAKE
#undef LN_STORE
