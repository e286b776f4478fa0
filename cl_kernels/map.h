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
 * A condition may be a vector: & and |, never && and ||. */
#ifndef LN_MAP_H
#define LN_MAP_H

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
    X(MOD, FF, F, ARITH, (a - floor(a / b) * b))                                                   \
    X(MOD, II, I, INT, (LN_IMOD(i, j)))                                                            \
    X(SQRT, F, F, ARITH, (sqrt(a)))                                                                \
    X(FLOOR, F, F, ARITH, (floor(a)))                                                              \
    X(CEIL, F, F, ARITH, (ceil(a)))                                                                \
    X(ROUND, F, F, ARITH, (rint(a)))                                                               \
    X(EXP, F, F, MATH, (exp(a)))                                                                   \
    X(LOG, F, F, MATH, (log(a)))                                                                   \
    X(POW, FF, F, MATH, (pow(a, b)))                                                               \
    X(ERF, F, F, MATH, (erf(a)))                                                                   \
    X(ELU, F, F, MATH, (a > LN_V(0) ? a : alpha * expm1(a)))                                       \
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
    X(TO_F32, I, F, INT, (LN_FLOAT(i)))

/* Numbers of the rows: LN_MAP_ADD_FF. */
enum {
#define LN_MAP_NUMBER(kind, in, out, group, expression) LN_MAP_##kind##_##in,
    LN_MAP_ROWS(LN_MAP_NUMBER)
#undef LN_MAP_NUMBER
        LN_MAP_ROWS_END
};

#endif
