/* The table of converters: one row an operator. docs/tflite.md is held against it. */
#include "models/tflite/import.h"

#include <stdlib.h>

#define ANY     INT16_MAX
#define T(name) ln_tfl_op_##name
#define O(name) ln_imp_op_##name /* ONNX's of the same meaning */
#define MATH(m) LN_MATH_##m

/* clang-format off */
/* Sorted by name. {{name, versions from, to, fewest and most inputs, converter, arg}, how} */
static const ln_tfl_row table[] = {
    {{"ABS", 1, 5, 1, 1, O(unary), MATH(ABS)}, LN_TFL_REAL},
    {{"ADD", 1, 5, 2, 2, T(binary), MATH(ADD)}, LN_TFL_OWN},
    {{"ARG_MAX", 1, 3, 2, 2, T(arg_extreme), LN_REDUCE_ARGMAX}, LN_TFL_REAL},
    {{"ARG_MIN", 1, 3, 2, 2, T(arg_extreme), LN_REDUCE_ARGMIN}, LN_TFL_REAL},
    {{"AVERAGE_POOL_2D", 1, 3, 1, 1, T(pool), LN_POOL_AVG}, LN_TFL_OWN},
    {{"BATCH_MATMUL", 1, 4, 2, 2, T(batch_matmul), 0}, LN_TFL_REAL},
    {{"BROADCAST_TO", 2, 3, 2, 2, O(expand), 0}, LN_TFL_REAL},
    {{"CAST", 1, 5, 1, 1, O(cast), 0}, LN_TFL_REAL},
    {{"CEIL", 1, 1, 1, 1, O(unary), MATH(CEIL)}, LN_TFL_REAL},
    {{"CONCATENATION", 1, 4, 1, ANY, O(concat), 0}, LN_TFL_OWN},
    {{"CONV_2D", 1, 8, 2, 3, T(conv), 0}, LN_TFL_OWN},
    {{"COS", 1, 1, 1, 1, O(unary), MATH(COS)}, LN_TFL_REAL},
    {{"DEPTHWISE_CONV_2D", 1, 7, 2, 3, T(depthwise), 0}, LN_TFL_OWN},
    {{"DEPTH_TO_SPACE", 1, 2, 1, 1, T(depth_to_space), 0}, LN_TFL_MOVE},
    {{"DEQUANTIZE", 1, 6, 1, 1, T(dequantize), 0}, LN_TFL_OWN},
    {{"DIV", 1, 3, 2, 2, T(binary), MATH(DIV)}, LN_TFL_REAL},
    {{"ELU", 1, 1, 1, 1, O(unary), MATH(ELU)}, LN_TFL_REAL},
    {{"EQUAL", 1, 4, 2, 2, O(binary), MATH(EQUAL)}, LN_TFL_REAL},
    {{"EXP", 1, 2, 1, 1, O(unary), MATH(EXP)}, LN_TFL_REAL},
    {{"EXPAND_DIMS", 1, 1, 2, 2, T(expand_dims), 0}, LN_TFL_MOVE},
    {{"FLOOR", 1, 1, 1, 1, O(unary), MATH(FLOOR)}, LN_TFL_REAL},
    {{"FLOOR_DIV", 1, 3, 2, 2, T(binary), MATH(FLOOR_DIV)}, LN_TFL_REAL},
    {{"FLOOR_MOD", 1, 2, 2, 2, T(binary), MATH(MOD)}, LN_TFL_REAL},
    {{"FULLY_CONNECTED", 1, 11, 2, 3, T(fully_connected), 0}, LN_TFL_OWN},
    {{"GATHER", 1, 6, 2, 2, T(gather), 0}, LN_TFL_MOVE},
    {{"GATHER_ND", 1, 4, 2, 2, T(gather_nd), 0}, LN_TFL_MOVE},
    {{"GELU", 1, 2, 1, 1, T(act), LN_ACT_GELU}, LN_TFL_REAL},
    {{"GREATER", 1, 2, 2, 2, O(binary), MATH(GREATER)}, LN_TFL_REAL},
    {{"GREATER_EQUAL", 1, 3, 2, 2, O(binary), MATH(GREATER_EQUAL)}, LN_TFL_REAL},
    {{"HARD_SWISH", 1, 1, 1, 1, T(act), LN_ACT_HARD_SWISH}, LN_TFL_OWN},
    {{"LEAKY_RELU", 1, 2, 1, 1, T(act), LN_ACT_LEAKY_RELU}, LN_TFL_OWN},
    {{"LESS", 1, 3, 2, 2, O(binary), MATH(LESS)}, LN_TFL_REAL},
    {{"LESS_EQUAL", 1, 2, 2, 2, O(binary), MATH(LESS_EQUAL)}, LN_TFL_REAL},
    {{"LOG", 1, 2, 1, 1, O(unary), MATH(LOG)}, LN_TFL_REAL},
    {{"LOGICAL_AND", 1, 1, 2, 2, O(binary), MATH(AND)}, LN_TFL_REAL},
    {{"LOGICAL_NOT", 1, 1, 1, 1, O(unary), MATH(NOT)}, LN_TFL_REAL},
    {{"LOGICAL_OR", 1, 1, 2, 2, O(binary), MATH(OR)}, LN_TFL_REAL},
    {{"LOGISTIC", 1, 3, 1, 1, T(act), LN_ACT_SIGMOID}, LN_TFL_OWN},
    {{"LOG_SOFTMAX", 1, 2, 1, 1, T(log_softmax), 0}, LN_TFL_REAL},
    {{"MAXIMUM", 1, 4, 2, 2, T(binary), MATH(MAX)}, LN_TFL_REAL},
    {{"MAX_POOL_2D", 1, 3, 1, 1, T(pool), LN_POOL_MAX}, LN_TFL_OWN},
    {{"MEAN", 1, 3, 2, 2, T(reduce), LN_REDUCE_MEAN}, LN_TFL_OWN},
    {{"MINIMUM", 1, 4, 2, 2, T(binary), MATH(MIN)}, LN_TFL_REAL},
    {{"MIRROR_PAD", 1, 3, 2, 2, T(mirror_pad), 0}, LN_TFL_REAL},
    {{"MUL", 1, 7, 2, 2, T(binary), MATH(MUL)}, LN_TFL_OWN},
    {{"NEG", 1, 1, 1, 1, O(unary), MATH(NEG)}, LN_TFL_REAL},
    {{"NOT_EQUAL", 1, 3, 2, 2, O(binary), MATH(NOT_EQUAL)}, LN_TFL_REAL},
    {{"PACK", 1, 4, 1, ANY, T(pack), 0}, LN_TFL_OWN},
    {{"PAD", 1, 4, 2, 2, T(pad), 0}, LN_TFL_OWN},
    {{"PADV2", 1, 4, 3, 3, T(pad), 0}, LN_TFL_OWN},
    {{"POW", 1, 1, 2, 2, T(binary), MATH(POW)}, LN_TFL_REAL},
    {{"PRELU", 1, 1, 2, 2, O(prelu), 0}, LN_TFL_REAL},
    {{"QUANTIZE", 1, 3, 1, 1, T(quantize), 0}, LN_TFL_OWN},
    {{"REDUCE_MAX", 1, 3, 2, 2, T(reduce), LN_REDUCE_MAX}, LN_TFL_REAL},
    {{"REDUCE_MIN", 1, 3, 2, 2, T(reduce), LN_REDUCE_MIN}, LN_TFL_REAL},
    {{"REDUCE_PROD", 1, 2, 2, 2, T(reduce), LN_REDUCE_PROD}, LN_TFL_REAL},
    {{"RELU", 1, 3, 1, 1, T(act), LN_ACT_CLAMP}, LN_TFL_OWN},
    {{"RELU6", 1, 3, 1, 1, T(act), LN_ACT_CLAMP}, LN_TFL_OWN},
    {{"RELU_0_TO_1", 1, 1, 1, 1, T(act), LN_ACT_CLAMP}, LN_TFL_OWN},
    {{"RELU_N1_TO_1", 1, 1, 1, 1, T(act), LN_ACT_CLAMP}, LN_TFL_OWN},
    {{"RESHAPE", 1, 1, 1, 2, T(reshape), 0}, LN_TFL_MOVE},
    {{"RESIZE_BILINEAR", 1, 4, 2, 2, T(resize), LN_RESIZE_LINEAR}, LN_TFL_REAL},
    {{"RESIZE_NEAREST_NEIGHBOR", 1, 4, 2, 2, T(resize), LN_RESIZE_NEAREST}, LN_TFL_REAL},
    {{"ROUND", 1, 1, 1, 1, O(unary), MATH(ROUND)}, LN_TFL_REAL},
    {{"RSQRT", 1, 2, 1, 1, O(unary), MATH(RSQRT)}, LN_TFL_REAL},
    {{"SELECT", 1, 4, 3, 3, O(where), 0}, LN_TFL_REAL},
    {{"SELECT_V2", 1, 2, 3, 3, O(where), 0}, LN_TFL_REAL},
    {{"SHAPE", 1, 1, 1, 1, T(shape), 0}, LN_TFL_MOVE},
    {{"SIN", 1, 1, 1, 1, O(unary), MATH(SIN)}, LN_TFL_REAL},
    {{"SLICE", 1, 6, 3, 3, T(slice), 0}, LN_TFL_MOVE},
    {{"SOFTMAX", 1, 3, 1, 1, T(softmax), 0}, LN_TFL_REAL},
    {{"SPACE_TO_DEPTH", 1, 2, 1, 1, T(space_to_depth), 0}, LN_TFL_MOVE},
    {{"SPLIT", 1, 4, 2, 2, T(split), 0}, LN_TFL_MOVE},
    {{"SPLIT_V", 1, 2, 3, 3, T(split_v), 0}, LN_TFL_MOVE},
    {{"SQRT", 1, 1, 1, 1, O(unary), MATH(SQRT)}, LN_TFL_REAL},
    {{"SQUARE", 1, 1, 1, 1, T(square), 0}, LN_TFL_REAL},
    {{"SQUARED_DIFFERENCE", 1, 2, 2, 2, T(binary), MATH(SQUARED_DIFFERENCE)}, LN_TFL_REAL},
    {{"SQUEEZE", 1, 2, 1, 1, T(squeeze), 0}, LN_TFL_MOVE},
    {{"STRIDED_SLICE", 1, 8, 4, 4, T(strided_slice), 0}, LN_TFL_MOVE},
    {{"SUB", 1, 5, 2, 2, T(binary), MATH(SUB)}, LN_TFL_REAL},
    {{"SUM", 1, 2, 2, 2, T(reduce), LN_REDUCE_SUM}, LN_TFL_REAL},
    {{"TANH", 1, 3, 1, 1, T(act), LN_ACT_TANH}, LN_TFL_OWN},
    {{"TFLite_Detection_PostProcess", 1, 1, 3, 3, T(detection), 0}, LN_TFL_REAL},
    {{"TILE", 1, 3, 2, 2, O(tile), 0}, LN_TFL_REAL},
    {{"TOPK_V2", 1, 3, 2, 2, T(topk), 0}, LN_TFL_REAL},
    {{"TRANSPOSE", 1, 6, 2, 2, T(transpose), 0}, LN_TFL_MOVE},
    {{"TRANSPOSE_CONV", 1, 5, 3, 4, T(transpose_conv), 0}, LN_TFL_REAL},
    {{"UNPACK", 1, 4, 1, 1, T(unpack), 0}, LN_TFL_MOVE},
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
