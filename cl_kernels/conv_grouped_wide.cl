/* Grouped convolution, any window, for processors with many work-items (ShuffleNet, ResNeXt).
 *
 * y[n,oy,ox,o] = post(act(b[o] + sum over ky,kx,i of
 *                x[n, oy*sh-top+ky*dh, ox*sw-left+kx*dw, k] * w[ky,kx,i,o]) + res[n,oy,ox,o]),
 * g = o / (oc/groups), k = g * c/groups + i, interleaved: k = i * groups + g
 *
 * x: NHWC or planar (xcs, xps); y, res: NHWC. w [kh][kw][c/groups][ocp], b [ocp]. f32, or halves
 * (half.clh).
 * Precondition: no gate.
 *
 * One work-item makes PX pixels of a row by 4 channels, neighbouring ones neighbouring channels, so
 * that those of a group read the same inputs. Where the four are of several groups, the sums are
 * made once for each, and each lane is taken from its own. */
#ifndef PX
#    define PX 4 /* pixels of the register tile */
#endif

/* y = the sums of group g, as if all four channels were of it. */
LN_INLINE void LN_F(sum)(__global const float *arena, __global const float *weights,
                         __global const ln_args *s, int n, int oy, int ox, int o, int g,
                         float4 *y) {
    int icg = s->c / s->groups, ocp = ln_pad(s->oc), mixed = s->flags & LN_FLAG_INTERLEAVED;
    int step = s->xcs * (mixed ? s->groups : 1), across = s->sw * s->xps;
    __global const LN_T *x =
        LN_AT(arena, s->x) + (size_t)n * s->xns + (size_t)(mixed ? g : g * icg) * s->xcs;
    __global const LN_T *w = LN_AT(weights, s->w) + o;
    float4 sum[PX];
    LN_SUM_BEGIN(PX)
    for (int i = 0; i < PX; i++) sum[i] = LN_LD4(LN_AT(weights, s->b) + o);
    for (int ky = 0; ky < s->kh; ky++) {
        int iy = oy * s->sh - s->top + ky * s->dh;
        for (int kx = 0; kx < s->kw; kx++, w += (size_t)icg * ocp) {
            int ix = ox * s->sw - s->left + kx * s->dw, ok[PX];
            if (iy < 0 || iy >= s->h) continue;
            __global const LN_T *at = x + (long)iy * s->xrs + (long)ix * s->xps;
            for (int i = 0; i < PX; i++)
                ok[i] = ox + i < s->ow && ix + i * s->sw >= 0 && ix + i * s->sw < s->wd;
            for (int k = 0; k < icg; k++, at += step) {
                LN_P4 wk = LN_PLD4(w + (size_t)k * ocp);
                for (int i = 0; i < PX; i++) {
                    float v = ok[i] ? LN_LD1(at + (long)i * across) : 0.0f;
                    LN_SUM_ADD(i, (LN_P4)LN_PSET1(v), wk);
                }
                LN_SUM_DONE(PX, 1)
            }
        }
    }
    LN_SUM_END(PX)
    for (int i = 0; i < PX; i++) y[i] = sum[i];
}

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int quads = ln_pad(s->oc) / 4, at = tile * LN_LOCAL + lid, o = at % quads * 4;
    int across = (s->ow + PX - 1) / PX, block = at / quads, row = block / across;
    int ox = block % across * PX, n = row / s->oh, oy = row % s->oh, ocg = s->oc / s->groups;
    float4 y[PX], one[PX];
    if (n >= s->n) return;
    for (int i = 0; i < PX; i++) y[i] = (float4)0.0f;
    for (int g = o / ocg; g <= min(o + 3, s->oc - 1) / ocg; g++) {
        int4 own = (int4)(0, 1, 2, 3) + (int4)o >= (int4)(g * ocg);
        LN_F(sum)(arena, weights, s, n, oy, ox, o, g, one);
        for (int i = 0; i < PX; i++) y[i] = own ? one[i] : y[i];
    }
    for (int i = 0; i < PX; i++)
        if (ox + i < s->ow) ln_finish4(y[i], arena, s, row * s->ow + ox + i, o);
}
LN_KERNEL
#undef PX
