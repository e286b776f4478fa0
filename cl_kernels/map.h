/* What each kind of the op "map" computes. One table for the device (map.cl, vectors of 8 or single
 * floats) and for the C reference (double and int64_t).
 *
 * Row: kind, types of the operands (F f32, I i32), type of the result, group (engine/map.h),
 * expression in parentheses: a, b, c are the operands as floats, i, j, k as integers, alpha and
 * beta numbers. The one who expands it defines
 *   LN_V(x)     a constant of the floats' type
 *   LN_YES(x)   0 or 1 of a comparison
 *   LN_INT(x)   float to integer, toward zero, saturated, NaN to 0;  LN_FLOAT(x) back
 *   LN_IDIV     integer division toward zero, 0 by zero
 *   LN_IMOD     what is left of the one toward minus infinity; 0 by zero
 *   LN_F16(x), LN_BF16(x)  rounded to that precision, ties to even (MATH alone)
 *   LN_EXP(x), LN_ERF(x)  exponential and error function (EXPS alone)
 *   LN_R(x)     x rounded to f32, where the floats are wider
 *   LN_FMOD, LN_IPOW, LN_SHIFT_LEFT  what the kinds say
 * A condition may be a vector: & and |, never && and ||. */
#ifndef LN_MAP_H
#define LN_MAP_H

#define LN_MAP_CLAMP(v, lo, hi) ((v) < (lo) ? (lo) : ((v) > (hi) ? (hi) : (v)))

/* tanh(log(1 + e)) */
#define LN_MAP_MISH(e) ((e) * ((e) + LN_V(2)) / ((e) * ((e) + LN_V(2)) + LN_V(2)))

#define LN_MAP_ROWS(X)                                                                             \
    X(COPY, F, F, ARITH, (a))                                                                      \
    X(COPY, I, I, INT, (i))                                                                        \
    X(ADD, FF, F, ARITH, (a + b))                                                                  \
    X(ADD, II, I, INT, (i + j))                                                                    \
    X(SUB, FF, F, ARITH, (a - b))                                                                  \
    X(SUB, II, I, INT, (i - j))                                                                    \
    X(MUL, FF, F, ARITH, (a * b))                                                                  \
    X(MUL, II, I, INT, (i * j))                                                                    \
    X(DIV, FF, F, ARITH, (a / b))                                                                  \
    X(DIV, II, I, INT, (LN_IDIV(i, j)))                                                            \
    X(MIN, FF, F, ARITH, (((a <= b) | (a != a)) ? a : b))                                          \
    X(MIN, II, I, INT, (i < j ? i : j))                                                            \
    X(MAX, FF, F, ARITH, (((a >= b) | (a != a)) ? a : b))                                          \
    X(MAX, II, I, INT, (i > j ? i : j))                                                            \
    X(NEG, F, F, ARITH, (-a))                                                                      \
    X(NEG, I, I, INT, (-i))                                                                        \
    X(ABS, F, F, ARITH, (fabs(a)))                                                                 \
    X(ABS, I, I, INT, (i < 0 ? -i : i))                                                            \
    X(SIGN, F, F, ARITH, (a > LN_V(0) ? LN_V(1) : a < LN_V(0) ? LN_V(-1) : a))                     \
    X(SIGN, I, I, INT, (LN_YES(i > 0) - LN_YES(i < 0)))                                            \
    X(MOD, II, I, INT, (LN_IMOD(i, j)))                                                            \
    X(SQRT, F, F, ARITH, (sqrt(a)))                                                                \
    X(FLOOR, F, F, ARITH, (floor(a)))                                                              \
    X(CEIL, F, F, ARITH, (ceil(a)))                                                                \
    X(ROUND, F, F, ARITH, (rint(a)))                                                               \
    X(EXP, F, F, EXPS, (LN_EXP(a)))                                                                \
    X(LOG, F, F, MATH, (log(a)))                                                                   \
    X(POW, FF, F, MATH, (pow(a, b)))                                                               \
    X(ERF, F, F, EXPS, (LN_ERF(a)))                                                                \
    X(ELU, F, F, EXPS, (a > LN_V(0) ? a : alpha * (LN_EXP(a) - LN_V(1))))                          \
    X(SOFTPLUS, F, F, MATH, ((a > LN_V(0) ? a : LN_V(0)) + log1p(exp(-fabs(a)))))                  \
    X(PRELU, FF, F, ARITH, (a < LN_V(0) ? a * b : a))                                              \
    X(TO_F16, F, F, MATH, (LN_F16(a)))                                                             \
    X(TO_BF16, F, F, MATH, (LN_BF16(a)))                                                           \
    X(EQUAL, FF, I, ARITH, (LN_YES(a == b)))                                                       \
    X(EQUAL, II, I, INT, (LN_YES(i == j)))                                                         \
    X(LESS, FF, I, ARITH, (LN_YES(a < b)))                                                         \
    X(LESS, II, I, INT, (LN_YES(i < j)))                                                           \
    X(LESS_EQUAL, FF, I, ARITH, (LN_YES(a <= b)))                                                  \
    X(LESS_EQUAL, II, I, INT, (LN_YES(i <= j)))                                                    \
    X(NOT_EQUAL, FF, I, ARITH, (LN_YES(a != b)))                                                   \
    X(NOT_EQUAL, II, I, INT, (LN_YES(i != j)))                                                     \
    X(WHERE, IFF, F, ARITH, (i != 0 ? b : c))                                                      \
    X(WHERE, III, I, INT, (i != 0 ? j : k))                                                        \
    X(TO_I32, F, I, ARITH, (LN_INT(a)))                                                            \
    X(TO_F32, I, F, INT, (LN_FLOAT(i)))                                                            \
    X(MOD, FF, F, MATH, (LN_FMOD(a, b)))                                                           \
    X(REM, FF, F, MATH, (fmod(a, b)))                                                              \
    X(REM, II, I, INT, (i - LN_IDIV(i, j) * j))                                                    \
    X(FLOOR_DIV, FF, F, ARITH, (floor(LN_R(a / b))))                                               \
    X(FLOOR_DIV, II, I, INT, (LN_IDIV(i, j) - LN_YES((LN_IMOD(i, j) != 0) & ((i ^ j) < 0))))       \
    X(SQUARED_DIFFERENCE, FF, F, ARITH, ((a - b) * (a - b)))                                       \
    X(SQUARED_DIFFERENCE, II, I, INT, ((i - j) * (i - j)))                                         \
    X(RSQRT, F, F, ARITH, (LN_V(1) / sqrt(a)))                                                     \
    X(POW, II, I, INT, (LN_IPOW(i, j)))                                                            \
    X(SELU, F, F, EXPS, (beta * (a > LN_V(0) ? a : alpha * (LN_EXP(a) - LN_V(1)))))                \
    X(CELU, F, F, EXPS, (a > LN_V(0) ? a : alpha * (LN_EXP(a / alpha) - LN_V(1))))                 \
    X(MISH, F, F, EXPS, (a > LN_V(20) ? a : a * LN_MAP_MISH(LN_EXP(a))))                           \
    X(SOFTSIGN, F, F, ARITH, (a / (LN_V(1) + fabs(a))))                                            \
    X(THRESHOLDED_RELU, F, F, ARITH, (a > LN_V(alpha) ? a : LN_V(0)))                              \
    X(SHRINK, F, F, ARITH,                                                                         \
      (a < LN_V(-alpha) ? a + LN_V(beta) : (a > LN_V(alpha) ? a - LN_V(beta) : LN_V(0))))          \
    X(IS_NAN, F, I, ARITH, (LN_YES(a != a)))                                                       \
    X(IS_INF, F, I, ARITH,                                                                         \
      (LN_YES((a == LN_V(alpha != 0 ? -INFINITY : NAN)) |                                          \
              (a == LN_V(beta != 0 ? INFINITY : NAN)))))                                           \
    X(BIT_AND, II, I, INT, (i & j))                                                                \
    X(BIT_OR, II, I, INT, (i | j))                                                                 \
    X(BIT_XOR, II, I, INT, (i ^ j))                                                                \
    X(BIT_NOT, I, I, INT, (~i))                                                                    \
    X(SHIFT_LEFT, II, I, INT, (LN_SHIFT_LEFT(i, j & 31)))                                          \
    X(SHIFT_RIGHT, II, I, INT, (i >> (j & 31)))                                                    \
    X(QUANTIZE, FFI, I, ARITH,                                                                     \
      (LN_INT(LN_MAP_CLAMP(rint(LN_R(a / b)) + LN_FLOAT(k), LN_V(alpha), LN_V(beta)))))            \
    X(DEQUANTIZE, IFI, F, ARITH, ((LN_FLOAT(i) - LN_FLOAT(k)) * b))                                \
    X(SIN, F, F, TRIG, (sin(a)))                                                                   \
    X(COS, F, F, TRIG, (cos(a)))                                                                   \
    X(TAN, F, F, TRIG, (tan(a)))                                                                   \
    X(ASIN, F, F, TRIG, (asin(a)))                                                                 \
    X(ACOS, F, F, TRIG, (acos(a)))                                                                 \
    X(ATAN, F, F, TRIG, (atan(a)))                                                                 \
    X(ATAN2, FF, F, TRIG, (atan2(a, b)))                                                           \
    X(SINH, F, F, TRIG, (sinh(a)))                                                                 \
    X(COSH, F, F, TRIG, (cosh(a)))                                                                 \
    X(ASINH, F, F, TRIG, (asinh(a)))                                                               \
    X(ACOSH, F, F, TRIG, (acosh(a)))                                                               \
    X(ATANH, F, F, TRIG, (atanh(a)))

/* Numbers of the rows: LN_MAP_ADD_FF. */
enum {
#define LN_MAP_NUMBER(kind, in, out, group, expression) LN_MAP_##kind##_##in,
    LN_MAP_ROWS(LN_MAP_NUMBER)
#undef LN_MAP_NUMBER
        LN_MAP_ROWS_END
};

#endif
