/* The ops of the graph and their attributes: what each computes, on logical shapes N,H,W,C. */
#ifndef LN_OPS_H
#define LN_OPS_H

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
    /* x is a planar picture of U8, and x - mean[i] stands in its place; what lies outside is zero
     * all the same. */
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
/* What places and weights are computed in, and what sums of I8 are. Linear and nearest alone have
 * TFLite's (tensorflow/lite/kernels/internal/reference/resize_bilinear.h, ..._nearest_neighbor.h).
 */
typedef enum ln_resize_number {
    LN_NUMBER_DOUBLE, /* what is nearest to the formula; halves of bytes away from zero */
    LN_NUMBER_SINGLE, /* f32, each step; linear bytes had no sign, and their halves go up */
    LN_NUMBER_FIXED,  /* places in 1024ths, linear, bytes: sums exact, halves away from zero */
    LN_RESIZE_NUMBERS
} ln_resize_number;
extern const char *const ln_resize_names[LN_RESIZE_KINDS],
    *const ln_grid_names[LN_RESIZE_GRIDS],
        *const ln_round_names[LN_RESIZE_ROUNDS]; /* as ONNX has them */
extern const char *const ln_number_names[LN_RESIZE_NUMBERS];
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
    ln_resize_number number;
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
/* F32: y = clamp(round(x / scale) + zero), NaN to zero, halves away from zero or to `even`. I8:
 * fixed point, or `real`: round(x * s + b) in f32 as TFLite's CONCATENATION brings operands to one
 * scale. */
typedef struct ln_quantize_attr {
    bool real, even;
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

#endif
