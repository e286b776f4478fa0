/* A function of one to three operands, element by element, shapes broadcast as numpy does.
 *
 * y[i] = f(x0[i], x1[i], x2[i]);  f: row t0 of map.h, with s->alpha and s->beta
 *
 * Operands are ln_nd's, in the arena or the weights, their stride along the last dimension 1 or 0;
 * dimensions that all walk as one are joined before. Absent operands repeat the first with stride
 * 0. f32 or i32 by the row; y may lie on an operand of its shape. One work-item makes t1 of the t2
 * pieces of 8 elements of the last dimension, one after another; padding lanes get zero. */
#include "map.h"
#ifndef GROUP
#    define GROUP 0 /* rows that are compiled in: 0 ARITH, 1 MATH, 2 INT, 3 TRIG, 4 EXPS */
#endif

#if GROUP == 0
#    define LN_MAP_IN_ARITH(x) x
#    define LN_MAP_IN_MATH(x)
#    define LN_MAP_IN_INT(x)
#    define LN_MAP_IN_TRIG(x)
#    define LN_MAP_IN_EXPS(x)
#elif GROUP == 1
#    define LN_MAP_IN_ARITH(x)
#    define LN_MAP_IN_MATH(x) x
#    define LN_MAP_IN_INT(x)
#    define LN_MAP_IN_TRIG(x)
#    define LN_MAP_IN_EXPS(x)
#elif GROUP == 2
#    define LN_MAP_IN_ARITH(x)
#    define LN_MAP_IN_MATH(x)
#    define LN_MAP_IN_INT(x) x
#    define LN_MAP_IN_TRIG(x)
#    define LN_MAP_IN_EXPS(x)
#elif GROUP == 3
#    define LN_MAP_IN_ARITH(x)
#    define LN_MAP_IN_MATH(x)
#    define LN_MAP_IN_INT(x)
#    define LN_MAP_IN_TRIG(x) x
#    define LN_MAP_IN_EXPS(x)
#else
#    define LN_MAP_IN_ARITH(x)
#    define LN_MAP_IN_MATH(x)
#    define LN_MAP_IN_INT(x)
#    define LN_MAP_IN_TRIG(x)
#    define LN_MAP_IN_EXPS(x) x
#endif
#define LN_MAP_CASE(kind, in, out, group, expression)                                              \
    LN_MAP_IN_##group(case LN_MAP_##kind##_##in : return LN_MAP_TO_##out expression;)

#if GROUP == 1 || GROUP == 3
#    define LN_MAP_TO_F (float)
#    define LN_MAP_TO_I as_float
#    define LN_V(x)     ((float)(x))
#    define LN_YES(x)   (x)
#    define LN_INT(x)   convert_int_sat(x)
#    define LN_FLOAT(x) convert_float(x)
#    define LN_F16      LN_F(half)
#    define LN_BF16     LN_F(bfloat)
#    define LN_R(x)     (x)
#    define LN_FMOD     LN_F(modulo)
LN_INLINE float LN_F(modulo)(float a, float b) {
    float r = fmod(a, b);
    return r != 0.0f && (r < 0.0f) != (b < 0.0f) ? r + b : r;
}
LN_INLINE float LN_F(half)(float a) {
    ushort h;
    vstore_half_rte(a, 0, (half *)&h);
    return vload_half(0, (const half *)&h);
}
LN_INLINE float LN_F(bfloat)(float a) {
    uint u = as_uint(a);
    return isfinite(a) ? as_float((u + 0x7FFF + (u >> 16 & 1)) & 0xFFFF0000) : a;
}
LN_FUNCTION float LN_F(lane)(float a, float b, float c, int row, float alpha, float beta) {
    switch (row) { LN_MAP_ROWS(LN_MAP_CASE) }
    return 0.0f;
}
LN_INLINE float8 LN_F(apply)(float8 a, float8 b, float8 c, int row, float alpha, float beta) {
    float p[8], q[8], r[8];
    vstore8(a, 0, p);
    vstore8(b, 0, q);
    vstore8(c, 0, r);
    for (int l = 0; l < 8; l++) p[l] = LN_F(lane)(p[l], q[l], r[l], row, alpha, beta);
    return vload8(0, p);
}
#else
#    define LN_MAP_TO_F         (float8)
#    define LN_MAP_TO_I         as_float8
#    define LN_V(x)             ((float8)(x))
#    define LN_YES(x)           (-(x))
#    define LN_INT(x)           convert_int8_sat(x)
#    define LN_FLOAT(x)         convert_float8(x)
#    define LN_IDIV             LN_F(divide)
#    define LN_IMOD             LN_F(modulo)
#    define LN_IPOW             LN_F(power)
#    define LN_R(x)             (x)
#    define LN_EXP              LN_F(exponential)
#    define LN_ERF              LN_F(error)
#    define LN_SHIFT_LEFT(i, j) ((i) << (j))
/* Processors trap at both of what is kept away here. */
LN_INLINE int8 LN_F(divide)(int8 i, int8 j) {
    int8 safe = (j == 0) | (j == -1);
    int8 q = i / (safe ? (int8)(1) : j);
    return j == 0 ? (int8)(0) : j == -1 ? -i : q;
}
LN_INLINE int8 LN_F(modulo)(int8 i, int8 j) {
    int8 r = i - LN_F(divide)(i, j) * j;
    return j == 0 ? (int8)(0) : ((r != 0) & ((r ^ j) < 0)) ? r + j : r;
}
/* Squared, so that it reaches infinity and zero where it should. */
LN_INLINE float8 LN_F(exponential)(float8 a) {
    float8 e = ln_exp8(a * 0.5f);
    return e * e;
}
/* As in the prelude's gelu: Abramowitz and Stegun 7.1.26. */
LN_INLINE float8 LN_F(error)(float8 x) {
    float8 a = fabs(x), t = (float8)(1.0f) / ln_fma(a, (float8)(0.3275911f), (float8)(1.0f));
    float8 p = ln_fma(t, (float8)(1.061405429f), (float8)(-1.453152027f));
    p = ln_fma(p, t, (float8)(1.421413741f));
    p = ln_fma(p, t, (float8)(-0.284496736f));
    p = ln_fma(p, t, (float8)(0.254829592f)) * t * LN_F(exponential)(-a * a);
    return x < (float8)(0.0f) ? p - 1.0f : 1.0f - p;
}
LN_INLINE int8 LN_F(power)(int8 i, int8 j) {
    int8 y = (int8)(1), odd = (j & 1) != 0, square = i;
    for (int bit = 0; bit < 31; bit++, square *= square) y = (j >> bit & 1) != 0 ? y * square : y;
    int8 small = i == 1 ? (int8)(1) : i == -1 ? (odd ? (int8)(-1) : (int8)(1)) : (int8)(0);
    return j < 0 ? small : y;
}
LN_INLINE float8 LN_F(evaluate)(float8 a, float8 b, float8 c, int8 i, int8 j, int8 k, int row,
                                float alpha, float beta) {
    switch (row) { LN_MAP_ROWS(LN_MAP_CASE) }
    return (float8)(0.0f);
}
LN_INLINE float8 LN_F(apply)(float8 a, float8 b, float8 c, int row, float alpha, float beta) {
    return LN_F(evaluate)(a, b, c, as_int8(a), as_int8(b), as_int8(c), row, alpha, beta);
}
#endif

LN_INLINE float8 LN_F(load)(__global const float *x, int c, int stride) {
    return stride ? LN_LD8(x + c) : (float8)(*x);
}

LN_FUNCTION void LN_FN(LN_PARAMS) {
    __global const ln_nd *d = &s->u.nd;
    __global const float *base[3];
    int inner = d->dim[LN_ND - 1], pieces = (inner + 7) / 8, one[3];
    int first = (tile * LN_LOCAL + lid) * s->t1, last = min(first + s->t1, s->t2);
    int row = first / pieces, c = (first - row * pieces) * 8;
    for (int k = 0; k < 3; k++) {
        base[k] = (d->consts >> k & 1 ? weights + s->w : arena) + d->at[k];
        one[k] = d->xstr[k][LN_ND - 1];
    }
    while (first < last) {
        size_t y = s->y, x0 = 0, x1 = 0, x2 = 0;
        for (int k = LN_ND - 2, rest = row; k >= 0; k--) {
            size_t i = (size_t)(rest % d->dim[k]);
            rest /= d->dim[k];
            y += i * d->ystr[k];
            x0 += i * d->xstr[0][k];
            x1 += i * d->xstr[1][k];
            x2 += i * d->xstr[2][k];
        }
        int run = min(last - first, pieces - c / 8);
        for (int p = 0; p < run; p++, c += 8) {
            float8 v = LN_F(apply)(LN_F(load)(base[0] + x0, c, one[0]),
                                   LN_F(load)(base[1] + x1, c, one[1]),
                                   LN_F(load)(base[2] + x2, c, one[2]), s->t0, s->alpha, s->beta);
            LN_ST8(arena + y + c, ln_mask8(v, c, inner));
        }
        first += run;
        row++;
        c = 0;
    }
}
LN_KERNEL
#undef GROUP
#undef LN_MAP_IN_ARITH
#undef LN_MAP_IN_MATH
#undef LN_MAP_IN_INT
#undef LN_MAP_CASE
#undef LN_MAP_TO_F
#undef LN_MAP_TO_I
#undef LN_V
#undef LN_YES
#undef LN_INT
#undef LN_FLOAT
#undef LN_IDIV
#undef LN_IPOW
#undef LN_EXP
#undef LN_ERF
#undef LN_MAP_IN_EXPS
#undef LN_R
#undef LN_FMOD
#undef LN_SHIFT_LEFT
#undef LN_MAP_IN_TRIG
#undef LN_IMOD
#undef LN_F16
#undef LN_BF16
