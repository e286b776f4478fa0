/* Inside models/tflite/: a file as the importer (models/import/import.h) takes it. Its tensors are
 * values, its options attributes by name; shapes are N,H,W,C and stay so. Tensor i is value i;
 * value n + i is what the same tensor is in real numbers, where it is quantized and an operator
 * that is not made for that reads or makes it. */
#ifndef LN_TFLITE_IMPORT_H
#define LN_TFLITE_IMPORT_H

#include "models/import/ops.h"
#include "models/tflite/tflite.h"

/* The options of an operator as attributes, in pool; in them too: "to", the type of its first
 * output. */
linnet_status ln_tfl_attrs(const ln_tfl_file *f, const ln_tfl_op *op, ln_pool *pool,
                           ln_net_node *node, linnet_error *err);
/* out and what it points to: in pool, and in the file. */
linnet_status ln_tfl_net(const ln_tfl_file *f, ln_pool *pool, ln_net *out, linnet_error *err);
int ln_tfl_type(ln_dtype t); /* as ln_onnx_type */
extern const ln_imp_dialect ln_tfl_dialect;

/* Fused activations and padding, as numbered in the schema. */
enum { LN_TFL_ACT_NONE, LN_TFL_RELU, LN_TFL_RELU_N1_TO_1, LN_TFL_RELU6, LN_TFL_ACT_TANH };
enum { LN_TFL_SAME, LN_TFL_VALID };

/* Where a quantized tensor is read or made. quant: the operator on bytes; it returns false before
 * anything is done where it cannot. Then, or when it is NULL, the converter works on real numbers,
 * with conversions on both sides. */
typedef struct ln_tfl_row {
    ln_imp_op op; /* from, to: versions of the operator */
    bool (*quant)(ln_imp *im, const ln_imp_op *op);
} ln_tfl_row;
size_t ln_tfl_row_count(void);
const ln_tfl_row *ln_tfl_row_at(size_t i);

/* ---- pieces of converters ---- */
bool ln_tfl_act(ln_imp *im, int64_t fused, ln_act *out); /* false: none, or after an error */
ln_act ln_tfl_act_of(ln_imp *im, const ln_imp_op *op);   /* of an operator that is one */
/* An input that is one integer, known now. */
int64_t ln_tfl_number(ln_imp *im, int slot, const char *what);
/* Output `slot` under another shape. */
void ln_tfl_reshaped(ln_imp *im, int slot, const ln_shape *s);
/* The layout of depthwise weights [1,KH,KW,OC] in the graph's order. */
ln_shape ln_tfl_depthwise_shape(const ln_shape *w, int64_t stride[LN_MAX_RANK]);
/* A window from the attributes stride_h, stride_w, dilation_h, dilation_w, padding. */
bool ln_tfl_window(ln_imp *im, const ln_shape *x, int64_t kh, int64_t kw, ln_window *out);
/* The weights of a layer: input `slot` as shape s with these strides (in elements), the output
 * channel first. Quantized ones become real where the graph reads them. */
ln_tid ln_tfl_weight(ln_imp *im, int slot, const ln_shape *s, const int64_t *stride);

/* A quantized constant in real numbers. */
const ln_host *ln_tfl_real(ln_imp *im, const ln_val *v, const ln_file_quant *q);
/* ---- bytes (quant.c) ---- */
/* The quantization of value `id`, of bytes with one scale; NULL: it is none. */
bool ln_tfl_is_quant(const ln_imp *im, int id);
ln_quant ln_tfl_quant(const ln_imp *im, int id);
/* t, just made, is quantized as output `slot` says. Returns t. */
ln_tid ln_tfl_quantized(ln_imp *im, ln_tid t, int slot);
/* The value that a quantized one is in real numbers, made once. */
int ln_tfl_shadow(ln_imp *im, int id);
/* The activation fused into the operator, as a node behind it. */
void ln_tfl_fused(ln_imp *im);
/* Output `slot` is t, brought to its quantization. */
void ln_tfl_out(ln_imp *im, int slot, ln_tid t);
/* The dialect's: a converter called, with what lies between quantized and real done around it. */
void ln_tfl_convert(ln_imp *im, const ln_imp_op *op);
void ln_tfl_input(ln_imp *im, ln_val *v, ln_tid t);

/* clang-format off */
#define LN_TFL_CONVERTERS(X)                                                                       \
    /* ops_conv.c */ X(conv) X(depthwise) X(transpose_conv) X(fully_connected) X(batch_matmul)     \
    X(pool)                                                                                        \
    /* ops_math.c */ X(binary) X(act) X(square) X(softmax) X(log_softmax) X(reduce)        \
    X(arg_extreme) X(resize)                                                                       \
    /* ops_move.c */ X(reshape) X(squeeze) X(expand_dims) X(transpose) X(split) X(split_v)         \
    X(slice) X(strided_slice) X(pack) X(unpack) X(gather) X(gather_nd) X(pad) X(mirror_pad)        \
    X(depth_to_space) X(space_to_depth) X(shape) X(topk)                                           \
    /* quant.c */ X(quantize) X(dequantize)                                                        \
    /* ops_detect.c */ X(detection)
/* clang-format on */
#define LN_TFL_DECLARE(name) void ln_tfl_op_##name(ln_imp *im, const ln_imp_op *op);
LN_TFL_CONVERTERS(LN_TFL_DECLARE)
#undef LN_TFL_DECLARE

/* On bytes: ops_quant.c. */
#define LN_TFL_QUANT(X)                                                                            \
    X(same) X(move) X(conv) X(depthwise) X(fc) X(sum) X(pool) X(concat) X(act) X(mean) X(pad)
#define LN_TFL_DECLARE(name) bool ln_tfl_q8_##name(ln_imp *im, const ln_imp_op *op);
LN_TFL_QUANT(LN_TFL_DECLARE)
#undef LN_TFL_DECLARE

#endif
