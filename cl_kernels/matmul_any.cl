/* Matrix product of two activations, any strides: the general variant.
 *
 * y[b,i,j] = sum over k < t0 of A[b,i,k] * B[b,k,j]
 *
 * A, B: operands 0 and 1 of nd, batch dimensions 0 to 3, dimension 4 the rows and 5 the columns of
 * the factor as it is used (a transposed one has its strides exchanged). y: t1 rows an image of the
 * batch. f32. One work-item makes 4 rows by 8 columns; padding lanes get zero. */

LN_FUNCTION void LN_FN(LN_PARAMS) {
    __global const ln_nd *v = &s->u.nd;
    int rows = s->t1, across = ln_pad(s->oc) / 8, down = (rows + 3) / 4;
    int at = tile * LN_LOCAL + lid, j = at % across * 8, i0 = at / across % down * 4;
    int image = at / (across * down), rest = image;
    __global const float *a = (__global const float *)ln_nd_base(arena, weights, s, 0);
    __global const float *b = (__global const float *)ln_nd_base(arena, weights, s, 1);
    if (image >= v->dim[0] * v->dim[1] * v->dim[2] * v->dim[3]) return;
    for (int d = 3; d >= 0; d--) {
        int next = rest / v->dim[d], i = rest - next * v->dim[d];
        rest = next;
        a += i * v->xstr[0][d], b += i * v->xstr[1][d];
    }
    int ai = v->xstr[0][4], ak = v->xstr[0][5], bk = v->xstr[1][4], bj = v->xstr[1][5];
    __global const float *r0 = a + i0 * ai, *r1 = a + min(i0 + 1, rows - 1) * ai;
    __global const float *r2 = a + min(i0 + 2, rows - 1) * ai, *r3 = a + min(i0 + 3, rows - 1) * ai;
    float8 s0 = (float8)0.0f, s1 = s0, s2 = s0, s3 = s0;
    int c[8];
    for (int u = 0; u < 8; u++) c[u] = min(j + u, s->oc - 1) * bj;
    for (int k = 0; k < s->t0; k++) {
        __global const float *w = b + k * bk;
        float8 f;
        if (bj == 1)
            f = LN_LD8(w + j);
        else
            f = (float8)(w[c[0]], w[c[1]], w[c[2]], w[c[3]], w[c[4]], w[c[5]], w[c[6]], w[c[7]]);
        s0 = ln_fma((float8)r0[k * ak], f, s0);
        s1 = ln_fma((float8)r1[k * ak], f, s1);
        s2 = ln_fma((float8)r2[k * ak], f, s2);
        s3 = ln_fma((float8)r3[k * ak], f, s3);
    }
    __global float *y = arena + s->y + (size_t)(image * rows + i0) * s->yps + j;
    LN_ST8(y, ln_mask8(s0, j, s->oc));
    if (i0 + 1 < rows) LN_ST8(y + s->yps, ln_mask8(s1, j, s->oc));
    if (i0 + 2 < rows) LN_ST8(y + 2 * (size_t)s->yps, ln_mask8(s2, j, s->oc));
    if (i0 + 3 < rows) LN_ST8(y + 3 * (size_t)s->yps, ln_mask8(s3, j, s->oc));
}
LN_KERNEL
