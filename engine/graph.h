/* The graph: nodes in execution order over tensors. The only form a network takes between a
 * model file and a plan; passes rewrite it in place.
 *
 * Logical shapes are N,H,W,C. Convolution weights are [OC,KH,KW,IC/groups], fully connected weights
 * [OC,IC], vectors [C]: constants, but for weights and biases of convolutions and FC, which a node
 * may make too (the general kernels alone take such; a norm of such parameters is a norm without
 * them, then MAPs). Nothing here knows a device.
 * A graph belongs to one thread at a time; names and constants live in its pool.
 *
 * Quantized tensors are I8 with q: real = q.scale * (element - q.zero). Bytes without a sign become
 * such by -128 (xor 0x80) of element and zero. An op of I8 gives I8 and computes what TFLite's
 * reference kernels compute (quant.h): CONV2D and FC (weight an I8 constant, bias an I32 one of
 * scale x.scale * w.scale[c], no residual or gate), ADD, MUL, POOL, ACT, REDUCE of a mean over H
 * and W, RESIZE (rounds what it interpolates), and what only moves: RESHAPE, CONCAT of equal q,
 * SLICE, PAD (its value is real), PERMUTE, TILE. Activations fused into them are NONE or CLAMP, in
 * real numbers. All others take DEQUANTIZE's F32. q of an output is its input's for POOL, RESIZE,
 * ACT NONE and the movers; else ln_graph_set_quant gives it, before a node reads it. */
#ifndef LN_GRAPH_H
#define LN_GRAPH_H

#include "engine/map.h"

/* ---- activations ---- */
typedef enum ln_act_kind {
    LN_ACT_NONE,
    LN_ACT_CLAMP,        /* relu: lo 0, hi +inf; relu6: lo 0, hi 6. NaN passes through */
    LN_ACT_HARD_SWISH,   /* x * clamp(x + 3, 0, 6) / 6 */
    LN_ACT_HARD_SIGMOID, /* clamp(x * alpha + beta, 0, 1); 1/6 and 1/2 in MobileNetV3 */
    LN_ACT_SIGMOID,
    LN_ACT_SWISH, /* x * sigmoid(x), also SiLU. At -inf it, both GELU and hard swish are
                     -inf * 0 = NaN, as in IEEE 754 and the frameworks */
    LN_ACT_GELU,  /* exact, by erf */
    LN_ACT_GELU_TANH,
    LN_ACT_TANH,
    LN_ACT_LEAKY_RELU, /* x < 0 ? alpha * x : x */
    LN_ACT_COUNT
} ln_act_kind;
typedef struct ln_act {
    ln_act_kind kind;
    float lo, hi;      /* CLAMP */
    float alpha, beta; /* HARD_SIGMOID, LEAKY_RELU */
} ln_act;
extern const char *const ln_act_names[LN_ACT_COUNT];
static inline ln_act ln_act_of(ln_act_kind k) {
    return (ln_act){.kind = k, .alpha = 1.0f / 6.0f, .beta = 0.5f};
}
ln_act ln_act_relu(void);
ln_act ln_act_relu6(void);
/* The definition all kernels are held against; the reference keeps it in double. */
double ln_act_eval(const ln_act *a, double x);
float ln_act_apply(const ln_act *a, float x);
/* "relu6", "clamp(-1,1)", "hard_swish"; "" for none. Returns buf. */
const char *ln_act_text(const ln_act *a, char buf[64]);

/* ---- ops ---- */
/* X-macro: enum suffix, printed name, minimum and maximum inputs. Each row has a shape rule in
 * graph_shape.c and a reference in ref/. */
#define LN_OPS(X)                                                                                  \
    X(CONV2D, "conv2d", 2, 5)                 /* x, weight, [bias], [residual], [gate] */          \
    X(CONV_TRANSPOSE, "conv_transpose", 2, 3) /* x, weight, [bias] */                              \
    X(FC, "fc", 2, 3)                         /* x [N,C] or [N,1,1,C], weight [OC,IC], [bias] */   \
    X(BATCH_NORM, "batch_norm", 5, 5)         /* x, gamma, beta, mean, variance */                 \
    X(POOL, "pool", 1, 1)                     /* gives values and, if asked, indices (I32) */      \
    X(ADD, "add", 2, 2) /* second: as the first, [N,1,1,C] (a gate) or [C] */                      \
    X(MUL, "mul", 2, 2) /* the same: squeeze-and-excitation, layer scale */                        \
    X(ACT, "act", 1, 1)                                                                            \
    X(SOFTMAX, "softmax", 1, 1)       /* over the last dimension */                                \
    X(RESHAPE, "reshape", 1, 1)       /* same elements in the same order */                        \
    X(CONCAT, "concat", 1, 16)        /* along one dimension; may shuffle */                       \
    X(LAYER_NORM, "layer_norm", 1, 3) /* x, [gamma], [beta]: over the last dimension */            \
    X(GROUP_NORM, "group_norm", 1, 3) /* x, [gamma], [beta]: over H, W and a group's channels */   \
    X(ATTENTION, "attention", 3, 3)   /* q, k, v: maps; may be one and the same */                 \
    X(LINEAR_ATTENTION, "linear_attention", 1, 1) /* the map of [query 1, key D, value D] */       \
    X(CHANNEL_SHUFFLE, "channel_shuffle", 1, 1)                                                    \
    X(SLICE, "slice", 1, 1)       /* a box of any dimensions, with steps */                        \
    X(SE, "squeeze_excite", 3, 5) /* x, w1 [R,1,1,C], w2 [C,1,1,R], [b1], [b2] */                  \
    X(PAD, "pad", 1, 1)           /* constant values around any dimensions */                      \
    X(RESIZE, "resize", 1, 1)                                                                      \
    X(MAP, "map", 1, 3)             /* element by element, shapes broadcast as numpy does */       \
    X(REDUCE, "reduce", 1, 1)       /* sums, extremes, their places over any dimensions */         \
    X(PERMUTE, "permute", 1, 1)     /* dimensions in another order */                              \
    X(TILE, "tile", 1, 1)           /* repeated to a larger shape: tile and expand */              \
    X(MATMUL, "matmul", 2, 2)       /* of two activations; batch dimensions are repeated */        \
    X(GATHER, "gather", 2, 2)       /* x, indices (I32): parts along one dimension */              \
    X(GATHER_ND, "gather_nd", 2, 2) /* x, indices of several dimensions */                         \
    X(GATHER_ELEMENTS, "gather_elements", 2, 2) /* x, an index for each element */                 \
    X(TOPK, "topk", 1, 1)                       /* gives values and indices (I32) */               \
    X(NMS, "nms", 2, 2)               /* boxes, scores; gives the boxes chosen, and the order */   \
    X(NMS_ROWS, "nms_rows", 1, 1)     /* the boxes chosen; gives rows of them, and how many */     \
    X(QUANTIZE, "quantize", 1, 1)     /* F32 or I8 to I8 of the output's q */                      \
    X(DEQUANTIZE, "dequantize", 1, 1) /* I8 to F32 */

typedef enum ln_op {
#define LN_OP_ENUM(id, name, lo, hi) LN_OP_##id,
    LN_OPS(LN_OP_ENUM)
#undef LN_OP_ENUM
        LN_OP_COUNT
} ln_op;
typedef struct ln_op_info {
    const char *name;
    int min_in, max_in;
} ln_op_info;
extern const ln_op_info ln_op_infos[LN_OP_COUNT];

enum { LN_CONV_X, LN_CONV_W, LN_CONV_BIAS, LN_CONV_RES, LN_CONV_GATE }; /* input slots; FC too */

enum { LN_SE_X, LN_SE_W1, LN_SE_W2, LN_SE_B1, LN_SE_B2 };

typedef enum ln_pool_kind { LN_POOL_AVG, LN_POOL_MAX } ln_pool_kind;
typedef struct ln_window {
    int kh, kw, sh, sw, dh, dw;
    int top, left, bottom, right; /* padding, resolved to numbers at build time */
} ln_window;
/* y = post(act(conv(x * gate) + bias) + residual); pixels in the padding are zero */
#define LN_BYTES_C 4 /* most planes of a picture of bytes */
typedef struct ln_conv_attr {
    ln_window win;
    int groups;       /* depthwise: groups == input channels */
    bool interleaved; /* group g reads channels g, g + groups, ..., not a run of neighbours */
    ln_act act, post;
    /* x is a planar picture of U8, and x - mean[i] stands in its place; what lies outside is zero all
     * the same. */
    bool bytes;
    float mean[LN_BYTES_C];
    int64_t h, w; /* CONV_TRANSPOSE: of the output; win's bottom and right stay zero */
} ln_conv_attr;
/* CONV_TRANSPOSE spreads each input pixel over a window of the output and sums what falls together:
 *   y[oy,ox,o] = act(bias[o] + sum x[iy,ix,i] * w[o,ky,kx,i] over iy*sh + ky*dh == oy + top,
 *                                                                ix*sw + kx*dw == ox + left)
 * ONNX: h = sh*(in - 1) + (kh - 1)*dh + 1 + output_padding - top - bottom. */
typedef struct ln_fc_attr {
    ln_act act;
} ln_fc_attr;
typedef struct ln_bn_attr {
    float eps;
} ln_bn_attr;
/* Maximum: a second output says where the first of the largest lies in N,C,H,W, its rows side by
 * side, or its columns (ONNX's storage_order 1). */
typedef enum ln_pool_indices {
    LN_INDICES_NONE,
    LN_INDICES_ROWS,
    LN_INDICES_COLUMNS,
    LN_INDICES_KINDS
} ln_pool_indices;
typedef struct ln_pool_attr {
    ln_pool_kind kind;
    bool global;      /* the whole map to 1x1; win is ignored */
    bool count_pad;   /* average divides by kh*kw, not by the pixels really there */
    bool is_unsigned; /* I8: bytes that had no sign, so halves of a mean go up */
    ln_pool_indices indices;
    ln_window win;
    int ceil_bottom, ceil_right; /* the part of bottom and right that only rounds the output size
                                    up: never counted (ln_pool_ceil) */
} ln_pool_attr;
typedef struct ln_binary_attr {
    ln_act act; /* after the sum or product */
} ln_binary_attr;
typedef struct ln_reshape_attr {
    ln_shape shape;
} ln_reshape_attr;
typedef struct ln_norm_attr {
    float eps;
    int groups; /* GROUP_NORM */
} ln_norm_attr;
/* softmax(q k^T * scale) v, a head at a time. Tokens are pixels; head j of q reads channels
 * q_at + j*dim, head j of k and v the one at j / (heads / kv_heads), so that kv_heads 1 is
 * multi-query attention and one convolution can make q, k and v as channels of one map.
 * Patches (MobileViT): pixel (py,px) of every patch_h x patch_w patch is a sequence of its own;
 * 1x1: all pixels are one sequence. Output [N,H,W,heads*vdim], pixels where q's are. */
typedef struct ln_attention_attr {
    int heads, kv_heads;
    int dim, vdim; /* of a head: of query and key, of value */
    int q_at, k_at, v_at;
    int patch_h, patch_w;
    float scale;
} ln_attention_attr;
/* Separable self-attention (MobileViTv2), sequences as above: y = act(value) * sum over tokens of
 * softmax(query) * key. Channels: query 0, key 1..dim, value dim+1..2*dim. Output [N,H,W,dim]. */
typedef struct ln_linear_attention_attr {
    int dim;
    int patch_h, patch_w;
    ln_act act;
} ln_linear_attention_attr;
/* out[i*groups + j] = in[j*(C/groups) + i]: groups rows of channels, transposed. The inverse order
 * is the shuffle with C/groups groups. */
typedef struct ln_shuffle_attr {
    int groups;
} ln_shuffle_attr;
/* groups > 1: the joined channels are shuffled. size > 0: only so many channels, from begin. back:
 * the dimension that is joined, counted from the last; where it is not 0 the others are. All zero:
 * a plain concat. */
typedef struct ln_concat_attr {
    int groups;
    int64_t begin, size;
    int back;
} ln_concat_attr;
/* y[i] = x[begin + i * step] in each dimension; step may be negative */
typedef struct ln_slice_attr {
    int64_t begin[LN_MAX_RANK], step[LN_MAX_RANK];
    ln_shape size; /* of the output */
} ln_slice_attr;
/* What lies beyond the border of a b c d: `value`, or as in numpy.pad */
typedef enum ln_pad_mode {
    LN_PAD_CONSTANT,
    LN_PAD_EDGE,      /* a a|a b c d|d d */
    LN_PAD_REFLECT,   /* c b|a b c d|c b; TFLite's MIRROR_PAD REFLECT */
    LN_PAD_SYMMETRIC, /* b a|a b c d|d c; TFLite's MIRROR_PAD SYMMETRIC */
    LN_PAD_WRAP       /* c d|a b c d|a b */
} ln_pad_mode;
extern const char *const ln_pad_names[LN_PAD_WRAP + 1];
/* Negative sizes crop, before anything is added. */
typedef struct ln_pad_attr {
    int64_t before[LN_MAX_RANK], after[LN_MAX_RANK];
    float value; /* of an I32 tensor: the nearest integer toward zero */
    ln_pad_mode mode;
} ln_pad_attr;
/* Dimension d of the output is dimension perm[d] of the input (numpy.transpose). */
typedef struct ln_permute_attr {
    int perm[LN_MAX_RANK];
} ln_permute_attr;
/* y[b,i,j] = sum over k of a[b,i,k] * b[b,k,j]; a factor with trans has its last two dimensions
 * exchanged. Dimensions in front of them are repeated as numpy does. */
typedef struct ln_matmul_attr {
    bool trans_a, trans_b;
} ln_matmul_attr;
/* In all three an index below zero counts from the end, and one that is outside even then gives
 * zero. ONNX: Gather, GatherND, GatherElements.
 * GATHER: y[o,j,r] = x[o, index[j], r], j all dimensions of the indices in place of dimension axis.
 * GATHER_ND: y[b,j,r] = x[b, index[b,j,:], r], b the first `batch` dimensions of both.
 * GATHER_ELEMENTS: y[i] = x[i but for index[i] in dimension axis], of the indices' shape. */
typedef struct ln_gather_attr {
    int axis, batch;
} ln_gather_attr;
/* The k largest (or smallest) along the last dimension, best first, and where they were. Of equals
 * the one with the lower index comes first; a NaN counts as larger than any number. */
typedef struct ln_topk_attr {
    int64_t k;
    bool smallest;
} ln_topk_attr;
/* Non-maximum suppression, a class of an image at a time: boxes of scores above `score`, best first
 * (of equals the lower index), each dropped that overlaps one chosen before by more than iou
 * (intersection over union). Boxes [N,B,4] are y1,x1,y2,x2, any two opposite corners, or x,y of the
 * centre, width, height; scores [N,C,B]. First output [N,C,most]: the boxes chosen, -1 behind
 * them; second [N,C,B]: all whose score is above, best first, -1 behind them. ONNX:
 * NonMaxSuppression. */
typedef struct ln_nms_attr {
    int64_t most; /* boxes of a class */
    float iou, score;
    bool center;
} ln_nms_attr;
/* NMS_ROWS: of x [N,C,M] the rows (n, c, x[n,c,m]) [N*C*M,3] in order, without those where x is
 * negative, which may only come last in their class; behind them rows of -1. Second output [1]: how
 * many rows there are. */
/* y[i] = x[i mod dim] in each dimension; shape: a multiple of the input's everywhere. */
typedef struct ln_tile_attr {
    ln_shape shape;
} ln_tile_attr;
typedef enum ln_resize_kind {
    LN_RESIZE_NEAREST,
    LN_RESIZE_LINEAR, /* between the two pixels around the place */
    LN_RESIZE_CUBIC,  /* Keys's kernel over four, with attr.cubic_a */
    LN_RESIZE_KINDS
} ln_resize_kind;
/* Where output i lies in the input, `in` long; scale is attr's, or else out/in exactly. */
typedef enum ln_resize_grid {
    LN_GRID_HALF_PIXEL,           /* (i + 0.5) / scale - 0.5 */
    LN_GRID_ALIGN_CORNERS,        /* i * (in - 1) / (in*scale - 1); 0 where in*scale is 1 */
    LN_GRID_ASYMMETRIC,           /* i / scale */
    LN_GRID_PYTORCH_HALF_PIXEL,   /* half pixel; 0 where in*scale is 1 */
    LN_GRID_HALF_PIXEL_SYMMETRIC, /* half pixel about the middle: + in/2 * (1 - out/(in*scale)) */
    LN_GRID_HALF_PIXEL_NN,        /* (i + 0.5) / scale */
    LN_GRID_CROP, /* (from + i * (to - from)/(out - 1)) * (in - 1), the middle where out is 1;
                     beyond the map the output is attr.outside */
    LN_RESIZE_GRIDS
} ln_resize_grid;
/* Nearest: the place as a pixel's number. */
typedef enum ln_resize_round {
    LN_ROUND_DOWN,
    LN_ROUND_UP,
    LN_ROUND_HALF_DOWN,
    LN_ROUND_HALF_UP,
    LN_RESIZE_ROUNDS
} ln_resize_round;
extern const char *const ln_resize_names[LN_RESIZE_KINDS],
    *const ln_grid_names[LN_RESIZE_GRIDS],
        *const ln_round_names[LN_RESIZE_ROUNDS]; /* as ONNX has them */
typedef struct ln_resize_axis {
    int64_t size;   /* of the output; 0: the input's, and nothing moves */
    double scale;   /* 0: the ratio of the sizes */
    float from, to; /* LN_GRID_CROP: in parts of the map */
} ln_resize_axis;
/* Any axes, each by itself; pixels beyond the border repeat it. ONNX's Resize, names and all
 * (https://onnx.ai/onnx/operators/onnx__Resize.html); places and weights: resize.h. */
typedef struct ln_resize_attr {
    ln_resize_kind kind;
    ln_resize_grid grid;
    ln_resize_round round;
    bool antialias;       /* linear, cubic: the kernel is stretched where the map shrinks */
    bool exclude_outside; /* pixels beyond the border weigh nothing instead */
    float cubic_a, outside;
    ln_resize_axis axis[LN_MAX_RANK];
} ln_resize_attr;
/* The gate [N,1,1,C] of a map: gate(w2 act(w1 mean(x) + b1) + b2), mean over an image's pixels
 * (Hu et al. 2018, arXiv:1709.01507) */
typedef struct ln_se_attr {
    ln_act act, gate;
} ln_se_attr;
/* y = f(a, b, c) of map.h for each element; alpha and beta are f's own. */
typedef struct ln_map_attr {
    ln_map_kind kind;
    float alpha, beta;
} ln_map_attr;
/* Over the dimensions of x in `axes` (bit d: dimension d): what is left, or with keep ones. */
typedef enum ln_reduce_kind {
    LN_REDUCE_SUM,
    LN_REDUCE_MEAN,
    LN_REDUCE_MAX, /* NaN where there is one */
    LN_REDUCE_MIN,
    LN_REDUCE_PROD,
    LN_REDUCE_L1, /* sum |x| */
    LN_REDUCE_L2, /* sqrt(sum x^2) */
    LN_REDUCE_SUM_SQUARE,
    LN_REDUCE_LOG_SUM,     /* log(sum x) */
    LN_REDUCE_LOG_SUM_EXP, /* log(sum exp(x)) */
    LN_REDUCE_ARGMAX,      /* i32: the place along one dimension; a NaN is the largest */
    LN_REDUCE_ARGMIN,      /* and the smallest */
    LN_REDUCE_COUNT
} ln_reduce_kind;
extern const char *const ln_reduce_names[LN_REDUCE_COUNT];
typedef struct ln_reduce_attr {
    ln_reduce_kind kind;
    unsigned axes;
    bool keep; /* the dimensions stay, as ones */
    bool last; /* ARGMAX, ARGMIN: of equal ones the last, not the first */
} ln_reduce_attr;
static inline bool ln_reduce_is_place(ln_reduce_kind k) {
    return k == LN_REDUCE_ARGMAX || k == LN_REDUCE_ARGMIN;
}
/* F32: y = clamp(round(x / scale) + zero), halves away from zero, NaN to zero. I8: fixed point, or
 * `real`: round(x * s + b) in f32 as TFLite's CONCATENATION brings operands to one scale. */
typedef struct ln_quantize_attr {
    bool real;
} ln_quantize_attr;
typedef union ln_attr {
    ln_conv_attr conv;
    ln_fc_attr fc;
    ln_bn_attr bn;
    ln_pool_attr pool;
    ln_binary_attr binary;
    ln_reshape_attr reshape;
    ln_norm_attr norm;
    ln_attention_attr attention;
    ln_linear_attention_attr linear;
    ln_shuffle_attr shuffle;
    ln_concat_attr concat;
    ln_slice_attr slice;
    ln_pad_attr pad;
    ln_resize_attr resize;
    ln_permute_attr permute;
    ln_tile_attr tile;
    ln_matmul_attr matmul;
    ln_gather_attr gather;
    ln_topk_attr topk;
    ln_nms_attr nms;
    ln_se_attr se;
    ln_map_attr map;
    ln_reduce_attr reduce;
    ln_quantize_attr quantize;
    ln_act act;
} ln_attr;

/* ---- tensors and nodes ---- */
typedef int32_t ln_tid; /* index into graph->tensor; -1: none */
#define LN_NONE    (-1)
#define LN_MAX_IN  16
#define LN_MAX_OUT 4

typedef enum ln_tensor_kind { LN_TENSOR_INPUT, LN_TENSOR_CONST, LN_TENSOR_NODE } ln_tensor_kind;
typedef struct ln_tensor {
    const char *name; /* constants: the name in the weight file */
    ln_shape shape;
    ln_dtype dtype; /* what the graph computes with: F32, I32, I8 or F16; pictures also U8 */
    ln_quant q;     /* I8 */
    ln_tensor_kind kind;
    ln_view view;   /* constants */
    bool is_param;  /* a learnable tensor: counted as a parameter */
    int64_t params; /* learnable elements this constant stands for (0 when folded away) */
    /* How the caller sees an input or an output of the graph. */
    bool as_is;          /* in the shape's own order; else a picture (rank 4) comes as N,C,H,W */
    ln_dtype file_dtype; /* as the model file has it */
    int file_rank;       /* 0: a scalar, which the graph has as one element of rank 1 */
    /* Of an output: the tensor [1] (I32) that says how long its first dimension is in this run,
     * where that is known only then; LN_NONE: always as long as the shape says. */
    int32_t rows;
} ln_tensor;
/* An input that comes as N,C,H,W and lies so in the arena. */
static inline bool ln_tensor_planar(const ln_tensor *t) {
    return t->kind == LN_TENSOR_INPUT && t->shape.rank == 4 && !t->as_is;
}

/* What the caller's elements of an input or output are: the tensor's type, but bytes as the file
 * has them, with a sign or without. */
static inline ln_dtype ln_tensor_io_dtype(const ln_tensor *t) {
    return t->dtype == LN_I8 && t->file_dtype == LN_U8 ? LN_U8 : t->dtype;
}
/* Elements between the two, in either direction; src may be dst. */
void ln_tensor_io_copy(const ln_tensor *t, const void *src, void *dst, size_t count);

typedef struct ln_node {
    ln_op op;
    const char *name; /* "blocks.1.0.conv_dw" */
    ln_attr attr;
    ln_tid in[LN_MAX_IN];
    ln_tid out[LN_MAX_OUT];
    int n_in, n_out;
} ln_node;

typedef struct ln_graph {
    const char *name;
    ln_tensor *tensor;
    int n_tensor, cap_tensor;
    ln_node *node;
    int n_node, cap_node;
    ln_tid *input, *output;
    int n_input, n_output;
    int64_t params; /* learnable parameters, counted at build time; passes leave it alone */
    int64_t macs;   /* multiply-adds of convolutions, FC and attention products, before fusion */
    ln_pool pool;
} ln_graph;

linnet_status ln_graph_create(const char *name, ln_graph **out, linnet_error *err);
void ln_graph_destroy(ln_graph **g);

/* Builders. All names are copied. A tensor id or LN_NONE with err filled. */
/* F32 and not as_is; what else it is may be set before a node reads it. */
ln_tid ln_graph_input(ln_graph *g, const char *name, ln_shape shape, linnet_error *err);
/* view.data must outlive the graph. Floats, and whatever has a scale, make an F32 tensor, all
 * other types an I32 one. */
ln_tid ln_graph_const(ln_graph *g, const char *name, ln_shape shape, ln_view view, bool is_param,
                      linnet_error *err);
/* A quantized constant, I8: view of I8 or U8 with a scale and a zero of that type. Its q is that of
 * index 0. */
ln_tid ln_graph_const_quant(ln_graph *g, const char *name, ln_shape shape, ln_view view,
                            bool is_param, linnet_error *err);
/* The zero of a quantized constant among signed bytes. */
static inline int32_t ln_view_zero(const ln_view *v) {
    return v->dtype == LN_U8 ? v->zero - 128 : v->zero;
}
/* q of an I8 input, or of what a node makes. */
linnet_status ln_graph_set_quant(ln_graph *g, ln_tid t, float scale, int32_t zero,
                                 linnet_error *err);
/* A dense f32 constant whose memory the graph owns; *data receives it, zeroed. */
ln_tid ln_graph_const_new(ln_graph *g, const char *name, ln_shape shape, float **data,
                          linnet_error *err);
ln_tid ln_graph_const_new_i32(ln_graph *g, const char *name, ln_shape shape, int32_t **data,
                              linnet_error *err);
/* Adds a node, infers and checks its output shape. in may hold LN_NONE for absent optionals. */
ln_tid ln_graph_node(ln_graph *g, ln_op op, const char *name, const ln_attr *attr, const ln_tid *in,
                     int n_in, linnet_error *err);
/* The same for ops of several outputs: out receives ln_node_outputs() ids. The first output has the
 * node's name, the others name:1, name:2. */
linnet_status ln_graph_node_all(ln_graph *g, ln_op op, const char *name, const ln_attr *attr,
                                const ln_tid *in, int n_in, ln_tid out[LN_MAX_OUT],
                                linnet_error *err);
/* Appends a node whose outputs are tensors of the graph already. */
linnet_status ln_graph_append(ln_graph *g, const ln_node *n, linnet_error *err);
linnet_status ln_graph_output(ln_graph *g, ln_tid t, linnet_error *err);
/* Sets rows of t: `count` must be one integer. */
linnet_status ln_graph_set_rows(ln_graph *g, ln_tid t, ln_tid count, linnet_error *err);

/* Structural check used after every pass: order, arity, shapes, no dangling ids. */
linnet_status ln_graph_verify(const ln_graph *g, linnet_error *err);
/* Removes nodes and tensors that no output needs; keeps order. Ids change. */
linnet_status ln_graph_compact(ln_graph *g, linnet_error *err);
/* How many outputs the op has with these attributes. */
int ln_node_outputs(ln_op op, const ln_attr *a);
/* Shapes of a node's outputs from its inputs, attributes checked; errors name the shapes. */
linnet_status ln_node_shape(const ln_graph *g, const ln_node *n, ln_shape out[LN_MAX_OUT],
                            linnet_error *err);
/* Type of an output, by the types of the inputs (which ln_node_shape checks). Real numbers stay what
 * they come in as, unless the output's tensor is set to the other of F32 and F16. */
ln_dtype ln_node_dtype(const ln_graph *g, const ln_node *n, int output);
/* q of the first output where that is its input's; off where it is set, or the output is not I8. */
ln_quant ln_node_quant(const ln_graph *g, const ln_node *n);
/* MAP: the row of cl_kernels/map.h for its kind and its operands' types; -1: there is none. */
int ln_node_map_row(const ln_graph *g, const ln_node *n);
/* Multiply-adds of one node for the whole batch; 0 for what is not counted. */
int64_t ln_node_macs(const ln_graph *g, const ln_node *n);
static inline bool ln_node_is_depthwise(const ln_graph *g, const ln_node *n) {
    return n->op == LN_OP_CONV2D && n->attr.conv.groups > 1 &&
           n->attr.conv.groups == g->tensor[n->in[0]].shape.dim[3] &&
           n->attr.conv.groups == g->tensor[n->out[0]].shape.dim[3];
}
/* True when it computes with bytes, or converts from or to them. */
static inline bool ln_node_is_quant(const ln_graph *g, const ln_node *n) {
    return g->tensor[n->in[0]].dtype == LN_I8 || g->tensor[n->out[0]].dtype == LN_I8;
}
/* The operands' channels side by side and nothing else. */
static inline bool ln_node_is_plain_concat(const ln_node *n) {
    return n->op == LN_OP_CONCAT && n->attr.concat.groups <= 1 && !n->attr.concat.size &&
           !n->attr.concat.back;
}
/* PAD: the value as a word of the output's type; of I8 the byte, four times. */
float ln_pad_word(const ln_graph *g, const ln_node *n);
static inline ln_tid ln_node_in(const ln_node *n, int slot) {
    return slot < n->n_in ? n->in[slot] : LN_NONE;
}
/* True when the weight or bias of a convolution or FC is not a constant. */
static inline bool ln_node_is_dynamic(const ln_graph *g, const ln_node *n) {
    const ln_tid w = ln_node_in(n, LN_CONV_W), b = ln_node_in(n, LN_CONV_BIAS);
    return (n->op == LN_OP_CONV2D || n->op == LN_OP_CONV_TRANSPOSE || n->op == LN_OP_FC) &&
           (g->tensor[w].kind != LN_TENSOR_CONST ||
            (b != LN_NONE && g->tensor[b].kind != LN_TENSOR_CONST));
}

/* Copies a constant to dense row-major f32 (dst holds the product of its dims). */
linnet_status ln_const_copy_f32(const ln_graph *g, ln_tid t, float *dst, linnet_error *err);

/* The elements of a constant where they lie, before view.scale: dense f32 but for *pitch elements
 * from one index of dimension 0 to the next. NULL where they lie in another way. */
const float *ln_const_rows(const ln_graph *g, ln_tid t, int64_t *pitch);

/* The same as elements of the tensor's dtype; integers saturate. */
linnet_status ln_const_copy(const ln_graph *g, ln_tid t, void *dst, linnet_error *err);

/* TensorFlow "SAME": output ceil(in/stride); the odd pixel of padding goes after. */
void ln_window_same(ln_window *w, int64_t in_h, int64_t in_w);
/* Ceil mode: pads bottom and right so that a last partial window counts, unless it would begin in
 * the padding. */
void ln_pool_ceil(ln_pool_attr *p, int64_t in_h, int64_t in_w);
/* The whole of x: begin 0, step 1, size x's. Narrow it from there. */
ln_slice_attr ln_slice_all(const ln_shape *x);

/* Shapes of a node's outputs: "1x5 1x5"; returns buf. */
const char *ln_node_shapes_text(const ln_graph *g, const ln_node *n, char buf[LN_MAX_OUT * 96]);
/* `linnet info`: a line a node, aligned. */
void ln_graph_print(const ln_graph *g, ln_str *out);

#endif
