/* The table of converters: one row an operator. docs/tflite.md is held against it. */
#include "models/tflite/import.h"

#include <stdlib.h>

#define ANY     INT16_MAX
#define T(name) ln_tfl_op_##name
#define O(name) ln_imp_op_##name /* ONNX's of the same meaning */
#define Q(name) ln_tfl_q8_##name
#define MATH(m) LN_MATH_##m

/* clang-format off */
/* Sorted by name. {{name, versions from, to, fewest and most inputs, converter, arg}, on bytes} */
static const ln_tfl_row table[] = {
    {{"ABS", 1, 5, 1, 1, O(unary), MATH(ABS)}, NULL},
    {{"ADD", 1, 5, 2, 2, T(binary), MATH(ADD)}, Q(sum)},
    {{"ARG_MAX", 1, 3, 2, 2, T(arg_extreme), LN_REDUCE_ARGMAX}, NULL},
    {{"ARG_MIN", 1, 3, 2, 2, T(arg_extreme), LN_REDUCE_ARGMIN}, NULL},
    {{"AVERAGE_POOL_2D", 1, 3, 1, 1, T(pool), LN_POOL_AVG}, Q(pool)},
    {{"BATCH_MATMUL", 1, 4, 2, 2, T(batch_matmul), 0}, NULL},
    {{"BROADCAST_TO", 2, 3, 2, 2, O(expand), 0}, NULL},
    {{"CAST", 1, 5, 1, 1, O(cast), 0}, Q(same)},
    {{"CEIL", 1, 1, 1, 1, O(unary), MATH(CEIL)}, NULL},
    {{"CONCATENATION", 1, 4, 1, ANY, O(concat), 0}, Q(concat)},
    {{"CONV_2D", 1, 8, 2, 3, T(conv), 0}, Q(conv)},
    {{"COS", 1, 1, 1, 1, O(unary), MATH(COS)}, NULL},
    {{"DEPTHWISE_CONV_2D", 1, 7, 2, 3, T(depthwise), 0}, Q(depthwise)},
    {{"DEPTH_TO_SPACE", 1, 2, 1, 1, T(depth_to_space), 0}, Q(move)},
    {{"DEQUANTIZE", 1, 6, 1, 1, T(dequantize), 0}, Q(same)},
    {{"DIV", 1, 3, 2, 2, T(binary), MATH(DIV)}, NULL},
    {{"ELU", 1, 1, 1, 1, O(unary), MATH(ELU)}, NULL},
    {{"EQUAL", 1, 4, 2, 2, O(binary), MATH(EQUAL)}, NULL},
    {{"EXP", 1, 2, 1, 1, O(unary), MATH(EXP)}, NULL},
    {{"EXPAND_DIMS", 1, 1, 2, 2, T(expand_dims), 0}, Q(move)},
    {{"FLOOR", 1, 1, 1, 1, O(unary), MATH(FLOOR)}, NULL},
    {{"FLOOR_DIV", 1, 3, 2, 2, T(binary), MATH(FLOOR_DIV)}, NULL},
    {{"FLOOR_MOD", 1, 2, 2, 2, T(binary), MATH(MOD)}, NULL},
    {{"FULLY_CONNECTED", 1, 11, 2, 3, T(fully_connected), 0}, Q(fc)},
    {{"GATHER", 1, 6, 2, 2, T(gather), 0}, NULL},
    {{"GATHER_ND", 1, 4, 2, 2, T(gather_nd), 0}, NULL},
    {{"GELU", 1, 2, 1, 1, T(act), LN_ACT_GELU}, NULL},
    {{"GREATER", 1, 2, 2, 2, O(binary), MATH(GREATER)}, NULL},
    {{"GREATER_EQUAL", 1, 3, 2, 2, O(binary), MATH(GREATER_EQUAL)}, NULL},
    {{"HARD_SWISH", 1, 1, 1, 1, T(act), LN_ACT_HARD_SWISH}, Q(act)},
    {{"LEAKY_RELU", 1, 2, 1, 1, T(act), LN_ACT_LEAKY_RELU}, Q(act)},
    {{"LESS", 1, 3, 2, 2, O(binary), MATH(LESS)}, NULL},
    {{"LESS_EQUAL", 1, 2, 2, 2, O(binary), MATH(LESS_EQUAL)}, NULL},
    {{"LOG", 1, 2, 1, 1, O(unary), MATH(LOG)}, NULL},
    {{"LOGICAL_AND", 1, 1, 2, 2, O(binary), MATH(AND)}, NULL},
    {{"LOGICAL_NOT", 1, 1, 1, 1, O(unary), MATH(NOT)}, NULL},
    {{"LOGICAL_OR", 1, 1, 2, 2, O(binary), MATH(OR)}, NULL},
    {{"LOGISTIC", 1, 3, 1, 1, T(act), LN_ACT_SIGMOID}, Q(act)},
    {{"LOG_SOFTMAX", 1, 2, 1, 1, T(log_softmax), 0}, NULL},
    {{"MAXIMUM", 1, 4, 2, 2, T(binary), MATH(MAX)}, NULL},
    {{"MAX_POOL_2D", 1, 3, 1, 1, T(pool), LN_POOL_MAX}, Q(pool)},
    {{"MEAN", 1, 3, 2, 2, T(reduce), LN_REDUCE_MEAN}, Q(mean)},
    {{"MINIMUM", 1, 4, 2, 2, T(binary), MATH(MIN)}, NULL},
    {{"MIRROR_PAD", 1, 3, 2, 2, T(mirror_pad), 0}, Q(move)},
    {{"MUL", 1, 7, 2, 2, T(binary), MATH(MUL)}, Q(sum)},
    {{"NEG", 1, 1, 1, 1, O(unary), MATH(NEG)}, NULL},
    {{"NOT_EQUAL", 1, 3, 2, 2, O(binary), MATH(NOT_EQUAL)}, NULL},
    {{"PACK", 1, 4, 1, ANY, T(pack), 0}, Q(concat)},
    {{"PAD", 1, 4, 2, 2, T(pad), 0}, Q(pad)},
    {{"PADV2", 1, 4, 3, 3, T(pad), 0}, Q(pad)},
    {{"POW", 1, 1, 2, 2, T(binary), MATH(POW)}, NULL},
    {{"PRELU", 1, 1, 2, 2, O(prelu), 0}, NULL},
    {{"QUANTIZE", 1, 3, 1, 1, T(quantize), 0}, Q(same)},
    {{"REDUCE_MAX", 1, 3, 2, 2, T(reduce), LN_REDUCE_MAX}, NULL},
    {{"REDUCE_MIN", 1, 3, 2, 2, T(reduce), LN_REDUCE_MIN}, NULL},
    {{"REDUCE_PROD", 1, 2, 2, 2, T(reduce), LN_REDUCE_PROD}, NULL},
    {{"RELU", 1, 3, 1, 1, T(act), LN_ACT_CLAMP}, Q(act)},
    {{"RELU6", 1, 3, 1, 1, T(act), LN_ACT_CLAMP}, Q(act)},
    {{"RELU_0_TO_1", 1, 1, 1, 1, T(act), LN_ACT_CLAMP}, Q(act)},
    {{"RELU_N1_TO_1", 1, 1, 1, 1, T(act), LN_ACT_CLAMP}, Q(act)},
    {{"RESHAPE", 1, 1, 1, 2, T(reshape), 0}, Q(move)},
    {{"RESIZE_BILINEAR", 1, 4, 2, 2, T(resize), LN_RESIZE_LINEAR}, Q(move)},
    {{"RESIZE_NEAREST_NEIGHBOR", 1, 4, 2, 2, T(resize), LN_RESIZE_NEAREST}, Q(move)},
    {{"ROUND", 1, 1, 1, 1, O(unary), MATH(ROUND)}, NULL},
    {{"RSQRT", 1, 2, 1, 1, O(unary), MATH(RSQRT)}, NULL},
    {{"SELECT", 1, 4, 3, 3, O(where), 0}, NULL},
    {{"SELECT_V2", 1, 2, 3, 3, O(where), 0}, NULL},
    {{"SHAPE", 1, 1, 1, 1, T(shape), 0}, Q(same)},
    {{"SIN", 1, 1, 1, 1, O(unary), MATH(SIN)}, NULL},
    {{"SLICE", 1, 6, 3, 3, T(slice), 0}, Q(move)},
    {{"SOFTMAX", 1, 3, 1, 1, T(softmax), 0}, NULL},
    {{"SPACE_TO_DEPTH", 1, 2, 1, 1, T(space_to_depth), 0}, Q(move)},
    {{"SPLIT", 1, 4, 2, 2, T(split), 0}, Q(move)},
    {{"SPLIT_V", 1, 2, 3, 3, T(split_v), 0}, Q(move)},
    {{"SQRT", 1, 1, 1, 1, O(unary), MATH(SQRT)}, NULL},
    {{"SQUARE", 1, 1, 1, 1, T(square), 0}, NULL},
    {{"SQUARED_DIFFERENCE", 1, 2, 2, 2, T(binary), MATH(SQUARED_DIFFERENCE)}, NULL},
    {{"SQUEEZE", 1, 2, 1, 1, T(squeeze), 0}, Q(move)},
    {{"STRIDED_SLICE", 1, 8, 4, 4, T(strided_slice), 0}, Q(move)},
    {{"SUB", 1, 5, 2, 2, T(binary), MATH(SUB)}, NULL},
    {{"SUM", 1, 2, 2, 2, T(reduce), LN_REDUCE_SUM}, NULL},
    {{"TANH", 1, 3, 1, 1, T(act), LN_ACT_TANH}, Q(act)},
    {{"TFLite_Detection_PostProcess", 1, 1, 3, 3, T(detection), 0}, NULL},
    {{"TILE", 1, 3, 2, 2, O(tile), 0}, NULL},
    {{"TOPK_V2", 1, 3, 2, 2, T(topk), 0}, NULL},
    {{"TRANSPOSE", 1, 6, 2, 2, T(transpose), 0}, Q(move)},
    {{"TRANSPOSE_CONV", 1, 5, 3, 4, T(transpose_conv), 0}, NULL},
    {{"UNPACK", 1, 4, 1, 1, T(unpack), 0}, Q(move)},
};
/* clang-format on */

static int by_name(const void *key, const void *row) {
    return strcmp(key, ((const ln_tfl_row *)row)->op.name);
}

static const ln_imp_op *find(const char *op, int version) {
    const ln_tfl_row *row = bsearch(op, table, LN_COUNT(table), sizeof *table, by_name);
    return row && version >= row->op.from && version <= row->op.to ? &row->op : NULL;
}

size_t ln_tfl_row_count(void) {
    return LN_COUNT(table);
}

const ln_tfl_row *ln_tfl_row_at(size_t i) {
    return &table[i];
}

const ln_imp_dialect ln_tfl_dialect = {"version", find, ln_tfl_convert, ln_tfl_input};
