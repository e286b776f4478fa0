/* Converters that only ONNX has a use for, by kind; the table of all its operators is ops.c. */
#ifndef LN_ONNX_OPS_H
#define LN_ONNX_OPS_H

#include "models/import/ops.h"

/* clang-format off */
#define LN_ONNX_CONVERTERS(X)                                                                      \
    /* ops_conv.c */ X(conv) X(conv_transpose)                                                     \
    /* ops_pool.c */ X(pool) X(global_pool)                                                        \
    /* ops_norm.c */ X(batch_norm) X(instance_norm) X(group_norm) X(layer_norm) X(softmax)         \
    /* ops_select.c */ X(topk) X(nms)                                                              \
    /* ops_resize.c */ X(resize)                                                                   \
    /* ops_einsum.c */ X(einsum)                                                                   \
    /* ops_quant.c */ X(quantize) X(dequantize) X(conv_integer) X(matmul_integer)                  \
    /* ops_qlinear.c */ X(qlinear)
/* clang-format on */
#define LN_IMP_DECLARE(name) void ln_imp_op_##name(ln_imp *im, const ln_imp_op *op);
LN_ONNX_CONVERTERS(LN_IMP_DECLARE)
#undef LN_IMP_DECLARE

/* ---- operators on bytes ---- */
/* What QLinear operators are in real numbers: `arg` of qlinear. */
typedef enum ln_qlinear {
    LN_Q_CONV,
    LN_Q_MATMUL,
    LN_Q_GEMM,
    LN_Q_ADD,
    LN_Q_MUL,
    LN_Q_CONCAT,
    LN_Q_AVERAGE_POOL,
    LN_Q_GLOBAL_POOL,
    LN_Q_SIGMOID,
    LN_Q_LEAKY_RELU,
    LN_Q_SOFTMAX
} ln_qlinear;
/* The scale of slot `scale` and the zero point behind it, constants for a whole tensor of this type
 * of 8 bits; u8 is shifted to I8. */
bool ln_imp_whole_quant(const ln_imp *im, int scale, int type, ln_quant *q);
ln_tid ln_imp_to_bytes(ln_imp *im, ln_tid x, const ln_quant *q);
/* Integers of an input that is bytes alone. */
void ln_imp_words(ln_imp *im, int slot);
/* QLinearConv and QLinearMatMul on integers, exact in f32. */
void ln_imp_qlinear_conv(ln_imp *im);
void ln_imp_qlinear_matmul(ln_imp *im);

/* ---- pieces ---- */
/* x in LAST as a picture N,H,W,C (rank 3: of one row), and back to `rank` dimensions. */
ln_tid ln_imp_picture(ln_imp *im, ln_tid x);
ln_tid ln_imp_unpicture(ln_imp *im, ln_tid x, int rank);
/* A convolution over x in LAST (rank 3 to 5) by weights of ONNX's order; bias may be LN_NONE. */
ln_tid ln_imp_convolve(ln_imp *im, ln_tid x, const ln_val *w, ln_tid bias);
/* y = x * gain + shift along the last dimension by vectors of any kind; either may be LN_NONE. */
ln_tid ln_imp_affine(ln_imp *im, ln_tid x, ln_tid gain, ln_tid shift);

#endif
