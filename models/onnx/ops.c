/* The table of converters: one row an operator and a range of operator sets that share a meaning.
 * An operator may have several rows. docs/onnx.md is held against it. */
#include "models/onnx/ops.h"

#include <stdlib.h>

#define END     LN_LATEST
#define ANY     INT16_MAX
#define C(name) ln_imp_op_##name
#define MATH(m) LN_MATH_##m

/* clang-format off */
/* Sorted by name, then by operator set. {name, from, to, fewest and most inputs, converter, arg} */
static const ln_imp_op own[] = {
    {"Abs", 1, END, 1, 1, C(unary), MATH(ABS)},
    {"Add", 1, 6, 2, 2, C(binary), MATH(ADD)},
    {"Add", 7, END, 2, 2, C(binary), MATH(ADD)},
    {"And", 1, 6, 2, 2, C(binary), MATH(AND)},
    {"And", 7, END, 2, 2, C(binary), MATH(AND)},
    {"ArgMax", 1, END, 1, 1, C(arg_extreme), LN_REDUCE_ARGMAX},
    {"ArgMin", 1, END, 1, 1, C(arg_extreme), LN_REDUCE_ARGMIN},
    {"AveragePool", 1, END, 1, 1, C(pool), LN_POOL_AVG},
    {"BatchNormalization", 1, END, 5, 5, C(batch_norm), 0},
    {"Cast", 6, END, 1, 1, C(cast), 0},
    {"Ceil", 1, END, 1, 1, C(unary), MATH(CEIL)},
    {"Clip", 1, 10, 1, 1, C(clip), 1},
    {"Clip", 11, END, 1, 3, C(clip), 0},
    {"Concat", 1, END, 1, ANY, C(concat), 0},
    {"Constant", 1, END, 0, 0, C(constant), 0},
    {"ConstantOfShape", 9, END, 1, 1, C(constant_of_shape), 0},
    {"Conv", 1, END, 2, 3, C(conv), 0},
    {"ConvInteger", 10, END, 2, 4, C(conv_integer), 0},
    {"ConvTranspose", 1, END, 2, 3, C(conv_transpose), 0},
    {"DepthToSpace", 1, END, 1, 1, C(depth_to_space), 0},
    {"DequantizeLinear", 10, END, 2, 3, C(dequantize), 0},
    {"Div", 1, 6, 2, 2, C(binary), MATH(DIV)},
    {"Div", 7, END, 2, 2, C(binary), MATH(DIV)},
    {"Dropout", 1, 9, 1, 1, C(dropout), 0},
    {"Dropout", 10, 11, 1, 1, C(dropout), 0},
    {"Dropout", 12, END, 1, 3, C(dropout), 0},
    {"Einsum", 12, END, 1, 2, C(einsum), 0},
    {"Elu", 1, END, 1, 1, C(unary), MATH(ELU)},
    {"Equal", 1, 6, 2, 2, C(binary), MATH(EQUAL)},
    {"Equal", 7, END, 2, 2, C(binary), MATH(EQUAL)},
    {"Erf", 9, END, 1, 1, C(unary), MATH(ERF)},
    {"Exp", 1, END, 1, 1, C(unary), MATH(EXP)},
    {"Expand", 8, END, 2, 2, C(expand), 0},
    {"Flatten", 1, END, 1, 1, C(flatten), 0},
    {"Floor", 1, END, 1, 1, C(unary), MATH(FLOOR)},
    {"Gather", 1, END, 2, 2, C(gather), 0},
    {"Gelu", 20, END, 1, 1, C(act), LN_ACT_GELU},
    {"Gemm", 1, END, 2, 3, C(gemm), 0},
    {"GlobalAveragePool", 1, END, 1, 1, C(global_pool), LN_POOL_AVG},
    {"GlobalMaxPool", 1, END, 1, 1, C(global_pool), LN_POOL_MAX},
    {"Greater", 1, 6, 2, 2, C(binary), MATH(GREATER)},
    {"Greater", 7, END, 2, 2, C(binary), MATH(GREATER)},
    {"GreaterOrEqual", 12, END, 2, 2, C(binary), MATH(GREATER_EQUAL)},
    {"GroupNormalization", 18, 20, 3, 3, C(group_norm), 1},
    {"GroupNormalization", 21, END, 3, 3, C(group_norm), 0},
    {"HardSigmoid", 1, END, 1, 1, C(act), LN_ACT_HARD_SIGMOID},
    {"HardSwish", 14, END, 1, 1, C(act), LN_ACT_HARD_SWISH},
    {"Identity", 1, END, 1, 1, C(identity), 0},
    {"InstanceNormalization", 1, END, 3, 3, C(instance_norm), 0},
    {"LayerNormalization", 17, END, 2, 3, C(layer_norm), 0},
    {"LeakyRelu", 1, END, 1, 1, C(act), LN_ACT_LEAKY_RELU},
    {"Less", 1, 6, 2, 2, C(binary), MATH(LESS)},
    {"Less", 7, END, 2, 2, C(binary), MATH(LESS)},
    {"LessOrEqual", 12, END, 2, 2, C(binary), MATH(LESS_EQUAL)},
    {"Log", 1, END, 1, 1, C(unary), MATH(LOG)},
    {"LogSoftmax", 1, 12, 1, 1, C(softmax), 1},
    {"LogSoftmax", 13, END, 1, 1, C(softmax), 1},
    {"MatMul", 1, END, 2, 2, C(matmul), 0},
    {"MatMulInteger", 10, END, 2, 4, C(matmul_integer), 0},
    {"Max", 1, END, 1, ANY, C(variadic), MATH(MAX)},
    {"MaxPool", 1, END, 1, 1, C(pool), LN_POOL_MAX},
    {"Min", 1, END, 1, ANY, C(variadic), MATH(MIN)},
    {"Mod", 10, END, 2, 2, C(binary), MATH(MOD)},
    {"Mul", 1, 6, 2, 2, C(binary), MATH(MUL)},
    {"Mul", 7, END, 2, 2, C(binary), MATH(MUL)},
    {"Neg", 1, END, 1, 1, C(unary), MATH(NEG)},
    {"NonMaxSuppression", 10, END, 2, 5, C(nms), 0},
    {"Not", 1, END, 1, 1, C(unary), MATH(NOT)},
    {"Or", 1, 6, 2, 2, C(binary), MATH(OR)},
    {"Or", 7, END, 2, 2, C(binary), MATH(OR)},
    {"PRelu", 1, END, 2, 2, C(prelu), 0},
    {"Pad", 1, 10, 1, 1, C(pad), 1},
    {"Pad", 11, END, 2, 4, C(pad), 0},
    {"Pow", 1, 6, 2, 2, C(binary), MATH(POW)},
    {"Pow", 7, END, 2, 2, C(binary), MATH(POW)},
    {"QLinearConv", 10, END, 8, 9, C(qlinear), LN_Q_CONV},
    {"QLinearMatMul", 10, END, 8, 8, C(qlinear), LN_Q_MATMUL},
    {"QuantizeLinear", 10, END, 2, 3, C(quantize), 0},
    {"Range", 11, END, 3, 3, C(range), 0},
    {"Reciprocal", 1, END, 1, 1, C(unary), MATH(RECIPROCAL)},
    {"ReduceL1", 1, 17, 1, 1, C(reduce), LN_REDUCE_L1},
    {"ReduceL1", 18, END, 1, 2, C(reduce), LN_REDUCE_L1},
    {"ReduceL2", 1, 17, 1, 1, C(reduce), LN_REDUCE_L2},
    {"ReduceL2", 18, END, 1, 2, C(reduce), LN_REDUCE_L2},
    {"ReduceLogSum", 1, 17, 1, 1, C(reduce), LN_REDUCE_LOG_SUM},
    {"ReduceLogSum", 18, END, 1, 2, C(reduce), LN_REDUCE_LOG_SUM},
    {"ReduceLogSumExp", 1, 17, 1, 1, C(reduce), LN_REDUCE_LOG_SUM_EXP},
    {"ReduceLogSumExp", 18, END, 1, 2, C(reduce), LN_REDUCE_LOG_SUM_EXP},
    {"ReduceMax", 1, 17, 1, 1, C(reduce), LN_REDUCE_MAX},
    {"ReduceMax", 18, END, 1, 2, C(reduce), LN_REDUCE_MAX},
    {"ReduceMean", 1, 17, 1, 1, C(reduce), LN_REDUCE_MEAN},
    {"ReduceMean", 18, END, 1, 2, C(reduce), LN_REDUCE_MEAN},
    {"ReduceMin", 1, 17, 1, 1, C(reduce), LN_REDUCE_MIN},
    {"ReduceMin", 18, END, 1, 2, C(reduce), LN_REDUCE_MIN},
    {"ReduceProd", 1, 17, 1, 1, C(reduce), LN_REDUCE_PROD},
    {"ReduceProd", 18, END, 1, 2, C(reduce), LN_REDUCE_PROD},
    {"ReduceSum", 1, 12, 1, 1, C(reduce), LN_REDUCE_SUM},
    {"ReduceSum", 13, END, 1, 2, C(reduce), LN_REDUCE_SUM},
    {"ReduceSumSquare", 1, 17, 1, 1, C(reduce), LN_REDUCE_SUM_SQUARE},
    {"ReduceSumSquare", 18, END, 1, 2, C(reduce), LN_REDUCE_SUM_SQUARE},
    {"Relu", 1, END, 1, 1, C(act), LN_ACT_CLAMP},
    {"Reshape", 1, 4, 1, 1, C(reshape), 1},
    {"Reshape", 5, END, 2, 2, C(reshape), 0},
    {"Resize", 10, 10, 2, 2, C(resize), 0},
    {"Resize", 11, END, 1, 4, C(resize), 1},
    {"Round", 11, END, 1, 1, C(unary), MATH(ROUND)},
    {"Shape", 1, END, 1, 1, C(shape), 0},
    {"Sigmoid", 1, END, 1, 1, C(act), LN_ACT_SIGMOID},
    {"Sign", 9, END, 1, 1, C(unary), MATH(SIGN)},
    {"Size", 1, END, 1, 1, C(size), 0},
    {"Slice", 1, 9, 1, 1, C(slice), 1},
    {"Slice", 10, END, 3, 5, C(slice), 0},
    {"Softmax", 1, 12, 1, 1, C(softmax), 0},
    {"Softmax", 13, END, 1, 1, C(softmax), 0},
    {"Softplus", 1, END, 1, 1, C(unary), MATH(SOFTPLUS)},
    {"SpaceToDepth", 1, END, 1, 1, C(space_to_depth), 0},
    {"Split", 1, 1, 1, 2, C(split), 1},
    {"Split", 2, 12, 1, 1, C(split), -1},
    {"Split", 13, END, 1, 2, C(split), 1},
    {"Sqrt", 1, END, 1, 1, C(unary), MATH(SQRT)},
    {"Squeeze", 1, 12, 1, 1, C(squeeze), -1},
    {"Squeeze", 13, END, 1, 2, C(squeeze), 1},
    {"Sub", 1, 6, 2, 2, C(binary), MATH(SUB)},
    {"Sub", 7, END, 2, 2, C(binary), MATH(SUB)},
    {"Sum", 1, END, 1, ANY, C(variadic), MATH(ADD)},
    {"Tanh", 1, END, 1, 1, C(act), LN_ACT_TANH},
    {"Tile", 6, END, 2, 2, C(tile), 0},
    {"TopK", 1, 9, 1, 1, C(topk), 1},
    {"TopK", 10, END, 2, 2, C(topk), 0},
    {"Transpose", 1, END, 1, 1, C(transpose), 0},
    {"Unsqueeze", 1, 12, 1, 1, C(unsqueeze), -1},
    {"Unsqueeze", 13, END, 2, 2, C(unsqueeze), 1},
    {"Upsample", 7, 8, 1, 1, C(resize), 2},
    {"Upsample", 9, 9, 2, 2, C(resize), 0},
    {"Where", 9, END, 3, 3, C(where), 0},
    {"Xor", 1, END, 2, 2, C(binary), MATH(XOR)},
};

/* Of ONNX Runtime, as its quantizer writes them
 * (https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md). */
static const ln_imp_op microsoft[] = {
    {"QGemm", 1, 1, 6, 9, C(qlinear), LN_Q_GEMM},
    {"QLinearAdd", 1, 1, 7, 8, C(qlinear), LN_Q_ADD},
    {"QLinearAveragePool", 1, 1, 4, 5, C(qlinear), LN_Q_AVERAGE_POOL},
    {"QLinearConcat", 1, 1, 5, ANY, C(qlinear), LN_Q_CONCAT},
    {"QLinearGlobalAveragePool", 1, 1, 5, 5, C(qlinear), LN_Q_GLOBAL_POOL},
    {"QLinearLeakyRelu", 1, 1, 4, 5, C(qlinear), LN_Q_LEAKY_RELU},
    {"QLinearMul", 1, 1, 7, 8, C(qlinear), LN_Q_MUL},
    {"QLinearSigmoid", 1, 1, 4, 5, C(qlinear), LN_Q_SIGMOID},
    {"QLinearSoftmax", 1, 1, 5, 5, C(qlinear), LN_Q_SOFTMAX},
};
/* clang-format on */

static int by_name(const void *key, const void *row) {
    return strcmp(key, ((const ln_imp_op *)row)->name);
}

const ln_imp_op *ln_imp_table(const char *domain, size_t *n) {
    const bool ours = !*domain;
    *n = ours ? LN_COUNT(own) : LN_COUNT(microsoft);
    return ours ? own : strcmp(domain, "com.microsoft") ? NULL : microsoft;
}

const ln_imp_op *ln_imp_find(const char *domain, const char *op, int version) {
    size_t n;
    const ln_imp_op *table = ln_imp_table(domain, &n);
    const ln_imp_op *row = table ? bsearch(op, table, n, sizeof *table, by_name) : NULL;
    if (!row) return NULL;
    while (row > table && !strcmp(row[-1].name, op)) row--;
    for (; row < table + n && !strcmp(row->name, op); row++)
        if (version >= row->from && version <= row->to) return row;
    return NULL;
}
