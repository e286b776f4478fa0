/* Converters that formats share, and the pieces that converters are made of. A converter is written
 * for ONNX's operator; another format's table names it where the meaning is the same. */
#ifndef LN_IMPORT_OPS_H
#define LN_IMPORT_OPS_H

#include "models/import/import.h"

/* clang-format off */
#define LN_IMP_SHARED(X)                                                                           \
    /* ops_act.c */ X(act) X(clip) X(prelu)                                                        \
    /* ops_math.c */ X(unary) X(binary) X(variadic) X(where) X(cast)                               \
    /* ops_reduce.c */ X(reduce) X(arg_extreme)                                                    \
    /* ops_matmul.c */ X(matmul) X(gemm)                                                           \
    /* ops_shape.c */ X(reshape) X(flatten) X(squeeze) X(unsqueeze) X(identity) X(dropout)         \
    X(shape) X(size) X(constant) X(constant_of_shape) X(range)                                     \
    /* ops_move.c */ X(transpose) X(concat) X(split) X(slice) X(gather) X(expand) X(tile)          \
    /* ops_space.c */ X(pad) X(depth_to_space) X(space_to_depth)
/* clang-format on */
#define LN_IMP_DECLARE(name) void ln_imp_op_##name(ln_imp *im, const ln_imp_op *op);
LN_IMP_SHARED(LN_IMP_DECLARE)
#undef LN_IMP_DECLARE

/* Element-wise functions: what `arg` of unary, binary and variadic means. */
typedef enum ln_math {
    LN_MATH_ADD,
    LN_MATH_SUB,
    LN_MATH_MUL,
    LN_MATH_DIV,
    LN_MATH_MOD,
    LN_MATH_POW,
    LN_MATH_MIN,
    LN_MATH_MAX,
    LN_MATH_EQUAL,
    LN_MATH_GREATER,
    LN_MATH_LESS,
    LN_MATH_GREATER_EQUAL,
    LN_MATH_LESS_EQUAL,
    LN_MATH_AND,
    LN_MATH_OR,
    LN_MATH_XOR,
    LN_MATH_NOT,
    LN_MATH_NEG,
    LN_MATH_ABS,
    LN_MATH_SIGN,
    LN_MATH_SQRT,
    LN_MATH_EXP,
    LN_MATH_LOG,
    LN_MATH_ERF,
    LN_MATH_FLOOR,
    LN_MATH_CEIL,
    LN_MATH_ROUND,
    LN_MATH_RECIPROCAL,
    LN_MATH_SOFTPLUS,
    LN_MATH_ELU,
    LN_MATH_NOT_EQUAL,
    LN_MATH_FLOOR_DIV,
    LN_MATH_SQUARED_DIFFERENCE,
    LN_MATH_RSQRT,
    LN_MATH_SIN,
    LN_MATH_COS
} ln_math;
const ln_fold *ln_math_fold(ln_math m);

/* ---- pieces that several converters are made of ---- */
/* map: with as many operands as given. Integers: results of `type` wrap to its width. */
ln_tid ln_imp_map(ln_imp *im, ln_map_kind kind, const ln_tid *in, int n);
ln_tid ln_imp_map1(ln_imp *im, ln_map_kind kind, ln_tid x);
ln_tid ln_imp_map2(ln_imp *im, ln_map_kind kind, ln_tid x, ln_tid y);
ln_tid ln_imp_scalar(ln_imp *im, float v); /* a constant [1] */
ln_tid ln_imp_scalar_i(ln_imp *im, int32_t v);
ln_tid ln_imp_to_f32(ln_imp *im, ln_tid x); /* x itself when it is */
ln_tid ln_imp_to_i32(ln_imp *im, ln_tid x);
bool ln_imp_is_f32(const ln_imp *im, ln_tid x);
/* Values brought to one layout for an element-wise op: LAST when one of them lies so. */
ln_imp_layout ln_imp_align(ln_imp *im, const ln_val *const *v, int n, ln_tid *out);
/* The product of two tensors of rank 2 or more (ln_matmul_attr says how). */
ln_tid ln_imp_product(ln_imp *im, ln_tid a, ln_tid b, bool trans_a, bool trans_b);
ln_tid ln_imp_reduce(ln_imp *im, ln_reduce_kind kind, ln_tid x, unsigned axes, bool keep);
/* Of N,H,W,C: blocks of b*b channels (crd: within each channel) become pixels, and back. */
ln_tid ln_imp_depth_to_space(ln_imp *im, ln_tid x, int64_t b, bool crd);
ln_tid ln_imp_space_to_depth(ln_imp *im, ln_tid x, int64_t b);
/* Any number of tensors side by side, LN_MAX_IN at a time; in is overwritten. */
ln_tid ln_imp_join(ln_imp *im, ln_tid *in, int n, int axis);
/* One axis of a slice: where it begins and how many it takes, from numbers that may lie outside. */
bool ln_imp_slice_axis(ln_imp *im, int64_t n, int64_t start, int64_t end, int64_t step,
                       int64_t *begin, int64_t *count);

/* ---- whole operators, by value: each sets output 0 (or `slot`) of the node ---- */
void ln_imp_binary(ln_imp *im, ln_math m, const ln_val *a, const ln_val *b);
/* v under another shape; no element moves. */
void ln_imp_renamed(ln_imp *im, const ln_val *v, const ln_shape *s);
/* Dimension i of the output is dimension order[i] of v; n: how many are given. */
void ln_imp_transposed(ln_imp *im, const ln_val *v, const int64_t *order, int64_t n);
/* v[begin + i*step] along each dimension, size long. */
void ln_imp_sliced(ln_imp *im, int slot, const ln_val *v, const int64_t *begin, const int64_t *step,
                   const ln_shape *size);
void ln_imp_gathered(ln_imp *im, const ln_val *v, const ln_val *index, int axis);
/* v repeated to s, which has its rank and multiples of its dimensions. */
void ln_imp_repeated(ln_imp *im, const ln_val *v, const ln_shape *s);
void ln_imp_reduced(ln_imp *im, const ln_val *v, ln_reduce_kind kind, unsigned axes, bool keep);
/* LN_REDUCE_ARGMAX or ARGMIN; tail: the last of equal ones. type: of the indices. */
void ln_imp_placed(ln_imp *im, const ln_val *v, ln_reduce_kind kind, int axis, bool keep, bool tail,
                   int type);

#endif
