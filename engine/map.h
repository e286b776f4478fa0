/* Kinds of the op "map": functions of one, two or three operands, element by element. What each
 * computes, for which types, is a row of cl_kernels/map.h. */
#ifndef LN_MAP_KINDS_H
#define LN_MAP_KINDS_H

#include "engine/tensor.h"

/* enum suffix, printed name, operands */
#define LN_MAP_KINDS(X)                                                                            \
    X(COPY, "copy", 1) /* of a constant, into the arena */                                         \
    X(ADD, "add", 2)                                                                               \
    X(SUB, "sub", 2)                                                                               \
    X(MUL, "mul", 2)                                                                               \
    X(DIV, "div", 2) /* i32: toward zero; 0 by zero */                                             \
    X(MIN, "min", 2) /* NaN where either is */                                                     \
    X(MAX, "max", 2)                                                                               \
    X(NEG, "neg", 1)                                                                               \
    X(ABS, "abs", 1)                                                                               \
    X(SIGN, "sign", 1)                                                                             \
    X(MOD, "mod", 2) /* has the divisor's sign; i32: 0 by zero */                                  \
    X(SQRT, "sqrt", 1)                                                                             \
    X(FLOOR, "floor", 1)                                                                           \
    X(CEIL, "ceil", 1)                                                                             \
    X(ROUND, "round", 1) /* halves to even */                                                      \
    X(EXP, "exp", 1)                                                                               \
    X(LOG, "log", 1)                                                                               \
    X(POW, "pow", 2)                                                                               \
    X(ERF, "erf", 1)                                                                               \
    X(ELU, "elu", 1) /* a > 0 ? a : alpha * (exp(a) - 1) */                                        \
    X(SOFTPLUS, "softplus", 1)                                                                     \
    X(PRELU, "prelu", 2)     /* a < 0 ? a * b : a */                                               \
    X(TO_F16, "to_f16", 1)   /* rounded to the precision of a half, */                             \
    X(TO_BF16, "to_bf16", 1) /* of a bfloat16 */                                                   \
    X(EQUAL, "equal", 2)     /* comparisons and logic give i32 0 or 1 */                           \
    X(LESS, "less", 2)                                                                             \
    X(LESS_EQUAL, "less_equal", 2)                                                                 \
    X(NOT_EQUAL, "not_equal", 2)                                                                   \
    X(WHERE, "where", 3)   /* a != 0 ? b : c */                                                    \
    X(TO_I32, "to_i32", 1) /* toward zero, saturated; NaN gives 0 */                               \
    X(TO_F32, "to_f32", 1)                                                                         \
    X(REM, "rem", 2) /* what is left of a division toward zero; i32: a by zero */                  \
    X(FLOOR_DIV, "floor_div", 2)                                                                   \
    X(SQUARED_DIFFERENCE, "squared_difference", 2)                                                 \
    X(RSQRT, "rsqrt", 1)                                                                           \
    X(SELU, "selu", 1) /* beta * (a > 0 ? a : alpha * (exp(a) - 1)) */                             \
    X(CELU, "celu", 1) /* a > 0 ? a : alpha * (exp(a / alpha) - 1) */                              \
    X(MISH, "mish", 1) /* a * tanh(softplus(a)) */                                                 \
    X(SOFTSIGN, "softsign", 1)                                                                     \
    X(THRESHOLDED_RELU, "thresholded_relu", 1) /* a > alpha ? a : 0 */                             \
    X(SHRINK, "shrink", 1) /* a + beta below -alpha, a - beta above alpha, else 0 */               \
    X(IS_NAN, "is_nan", 1)                                                                         \
    X(IS_INF, "is_inf", 1) /* alpha: minus infinity counts, beta: plus infinity */                 \
    X(BIT_AND, "bit_and", 2)                                                                       \
    X(BIT_OR, "bit_or", 2)                                                                         \
    X(BIT_XOR, "bit_xor", 2)                                                                       \
    X(BIT_NOT, "bit_not", 1)                                                                       \
    X(SHIFT_LEFT, "shift_left", 2) /* by the lowest 5 bits of b */                                 \
    X(SHIFT_RIGHT, "shift_right", 2)                                                               \
    X(QUANTIZE, "quantize", 3)     /* round(a / b) + c, clamped to alpha..beta; halves to even */  \
    X(DEQUANTIZE, "dequantize", 3) /* (a - c) * b */                                               \
    X(SIN, "sin", 1)                                                                               \
    X(COS, "cos", 1)                                                                               \
    X(TAN, "tan", 1)                                                                               \
    X(ASIN, "asin", 1)                                                                             \
    X(ACOS, "acos", 1)                                                                             \
    X(ATAN, "atan", 1)                                                                             \
    X(ATAN2, "atan2", 2)                                                                           \
    X(SINH, "sinh", 1)                                                                             \
    X(COSH, "cosh", 1)                                                                             \
    X(ASINH, "asinh", 1)                                                                           \
    X(ACOSH, "acosh", 1)                                                                           \
    X(ATANH, "atanh", 1)

typedef enum ln_map_kind {
#define LN_MAP_ENUM(id, name, operands) LN_MAP_##id,
    LN_MAP_KINDS(LN_MAP_ENUM)
#undef LN_MAP_ENUM
        LN_MAP_COUNT
} ln_map_kind;

/* Programs of the kernel hold one group each, for some functions take a compiler long. */
typedef enum ln_map_group {
    LN_MAP_ARITH, /* f32, in vectors */
    LN_MAP_MATH,  /* f32, by the compiler's functions, lane by lane */
    LN_MAP_INT,
    LN_MAP_TRIG, /* as MATH: angles */
    LN_MAP_EXPS  /* as ARITH: by the prelude's exponential */
} ln_map_group;

/* A kind for one set of types: a row of cl_kernels/map.h. */
typedef struct ln_map_row {
    ln_map_kind kind;
    ln_map_group group;
    const char *in; /* 'F' or 'I' for each operand */
    ln_dtype out;
} ln_map_row;
extern const ln_map_row ln_map_rows[];
extern const int ln_map_row_count;
extern const char *const ln_map_names[LN_MAP_COUNT];
extern const int ln_map_operands[LN_MAP_COUNT];
/* The row for these types of operands; -1: there is none. */
int ln_map_find(ln_map_kind kind, const ln_dtype *in, int count);

#endif
