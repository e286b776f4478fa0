/* What follows a matrix product that a library made: bias and activation, in place.
 *
 * y[p,o] = post(act(y[p,o] + b[o]))
 *
 * y: NHWC, f32, where the library put x[m,c] * w[c,ocp]; w [c][ocp], b [ocp].
 * One work-item makes 4 channels of a pixel.
 * Preconditions: the product lies in y when the launch begins (engine/launches.c); no residual. */
LN_FUNCTION void LN_FN(LN_PARAMS) {
    int quads = ln_pad(s->oc) / 4, at = tile * LN_LOCAL + lid, p = at / quads, o = at % quads * 4;
    if (p >= s->m) return;
    __global LN_T *y = LN_AT(arena, s->y) + (size_t)p * s->yps + o;
    ln_finish4(LN_LD4(y) + LN_LD4(LN_AT(weights, s->b) + o), arena, s, p, o);
}
LN_KERNEL
#undef GEMM
