/* Networks as data. An arch is the table its paper prints: a stem, rows of blocks, a head.
 * One builder (network.c) reads it; a new width is a row of families_*.c, a new kind of block is
 * one function of blocks_*.c. */
#ifndef LN_ARCH_H
#define LN_ARCH_H

#include "engine/graph.h"

/* Kinds of block, with the letters that timm's arch strings and the papers give them. */
typedef enum ln_block_kind {
    LN_BLOCK_END,        /* ends a table of stages */
    LN_BLOCK_DS,         /* depthwise separable: dw, pw without activation (V2's first, "ds") */
    LN_BLOCK_DSA,        /* the same with an activation after pw and never a residual: V1, "dsa" */
    LN_BLOCK_IR,         /* inverted residual: pw, dw, [se], pw: V2 */
    LN_BLOCK_ER,         /* edge residual, fused inverted bottleneck: dense kxk, [se], pw */
    LN_BLOCK_CN,         /* a convolution with norm and activation */
    LN_BLOCK_UIR,        /* universal inverted bottleneck: [dw], pw, [dw], pw: V4 */
    LN_BLOCK_MQA,        /* Mobile MQA: attention with one key and value for all heads: V4 */
    LN_BLOCK_VGG,        /* `depth` dense convolutions, then a 2x2 max pool */
    LN_BLOCK_SHUFFLE1,   /* ShuffleNetV1: grouped pw, shuffle, dw, grouped pw */
    LN_BLOCK_SHUFFLE2,   /* ShuffleNetV2: half the channels through pw, dw, pw, then a shuffle */
    LN_BLOCK_VIT1,       /* MobileViT v1: convolutions around `depth` transformer layers */
    LN_BLOCK_VIT2,       /* v2: separable self-attention */
    LN_BLOCK_VIT3,       /* v3 */
    LN_BLOCK_NAS_STEM,   /* NASNet-A: the reduction cell with one input */
    LN_BLOCK_NAS_NORMAL, /* its cells read the two before them */
    LN_BLOCK_NAS_REDUCE,
    LN_BLOCK_KINDS
} ln_block_kind;

enum {
    LN_STAGE_NO_SKIP = 1, /* no residual even where shapes match */
    LN_STAGE_RELU = 2,    /* ReLU in place of the network's activation */
};

/* One row: `repeats` blocks, the first of them with `stride`. */
typedef struct ln_stage {
    int stage; /* first index of the tensor names: rows of one stage share it */
    ln_block_kind kind;
    int repeats, kernel, stride;
    double expand; /* middle channels over input channels */
    int out;       /* channels before the width multiplier */
    float se;      /* squeeze ratio; 0: none */
    int flags;
    int start_kernel; /* UIR: first depthwise; kernel is the middle one; 0: left out */
    int heads, head_dim, kv_stride; /* MQA; kv_stride > 1: a depthwise before keys and values */
    int kv_heads;                   /* of keys and values; 0: one for all, else plain multi-head */
    int depth;                      /* VGG: convolutions; VIT: transformer layers */
    int dim;                        /* VIT: width of the transformer */
    int groups;                     /* SHUFFLE1 */
    int group_size; /* ER, CN: output channels of one group of the dense convolution; 0: one */
} ln_stage;

typedef enum ln_act_id {
    LN_ACTID_RELU,
    LN_ACTID_RELU6,
    LN_ACTID_HARD_SWISH,
    LN_ACTID_SWISH,
    LN_ACTID_GELU,
    LN_ACTID_SIGMOID,
    LN_ACTID_HARD_SIGMOID
} ln_act_id;
ln_act ln_act_from(ln_act_id id);

typedef enum ln_head_kind {
    LN_HEAD_CONV_POOL,    /* 1x1, norm, act, mean, classifier: V2; V1 without the 1x1 */
    LN_HEAD_POOL_CONV,    /* mean, 1x1 with bias, act, classifier: V3 */
    LN_HEAD_POOL_CONV_BN, /* mean, 1x1, norm, act, classifier: V4 */
    LN_HEAD_VGG,          /* 7x7 to `head` channels, act, 1x1, act, classifier */
    LN_HEAD_NONE,         /* the map itself: blocks alone */
} ln_head_kind;

/* How a stride-2 convolution inside a block keeps aliases down. */
typedef enum ln_down { LN_DOWN_STRIDE, LN_DOWN_AVG, LN_DOWN_BLUR } ln_down;

/* The part of a layer inside its block. */
typedef enum ln_role {
    LN_ROLE_START, /* depthwise before the expansion */
    LN_ROLE_EXPAND,
    LN_ROLE_DW,
    LN_ROLE_SE,
    LN_ROLE_PROJECT,
    LN_ROLE_COUNT
} ln_role;

/* Where a block stands; layer counts what the block has named so far. */
typedef struct ln_pos {
    int stage, index; /* blocks.<stage>.<index> */
    int flat;         /* 0, 1, ... over the whole network */
    int serial;       /* layers so far, for libraries that number them through */
    ln_block_kind kind;
    int layer;
} ln_pos;

#define LN_NAME_MAX 96
/* How a library names the tensors: convolution (or first SE convolution) and norm (or second). */
typedef struct ln_names {
    const char *stem, *stem_bn, *head, *head_bn, *classifier; /* VGG: head_bn is the second layer */
    const char *block; /* what every name in a block starts with: a format of stage and index */
    int first_stage;   /* added to the stage there */
    void (*layer)(const ln_pos *p, ln_role role, char conv[LN_NAME_MAX], char bn[LN_NAME_MAX]);
} ln_names;
/* "<block><tail>" of the block at p. */
void ln_block_name(const ln_names *n, const ln_pos *p, const char *tail, char out[LN_NAME_MAX]);
extern const ln_names ln_names_timm, ln_names_timm_v4, ln_names_tv_v2, ln_names_tv_v3,
    ln_names_tv_efficientnet, ln_names_tv_mnasnet, ln_names_timm_vgg, ln_names_tv_vgg,
    ln_names_shuffle1, ln_names_shuffle2, ln_names_timm_vit, ln_names_cvnets, ln_names_nasnet;

typedef struct ln_arch {
    const ln_names *names;
    const ln_stage *stages;
    int input;             /* channels of the input; 0: a picture's three */
    double width, depth;   /* multipliers of channels and of repeats; 0 means 1 */
    int stem, stem_kernel; /* channels, 0: no stem; stem_kernel 0 means 3 */
    bool stem_pool;        /* a 3x3 max pool of stride 2 after it */
    bool stem_linear;      /* neither padding nor activation: NASNet */
    int multiple;          /* input sides must be multiples of this; 0: any */
    int head;              /* channels of the last 1x1; 0: none */
    ln_head_kind head_kind;
    ln_act_id act;
    float eps;
    ln_act_id se_gate;
    bool se_relu;        /* ReLU between the squeeze products, else the block's activation */
    bool tf_same;        /* TensorFlow SAME padding; else symmetric */
    bool fix_stem;       /* the width leaves the stem alone */
    bool fix_head;       /* ... and the head, which else never shrinks */
    bool fix_depth_ends; /* the depth leaves first and last stage alone */
    bool batch_norm;     /* VGG: a norm after each convolution */
    bool head_relu;      /* a ReLU before everything else in the head: NASNet */
    bool head_bias;      /* POOL_CONV: the 1x1 has a bias */
    bool head_fc;        /* POOL_CONV, VGG: the weights of these layers are matrices */
    bool no_fc_bias;     /* the classifier has no bias */
    bool se_of_middle;   /* squeeze ratio of the expanded channels, rounded to 8; else of the
                            block's input, rounded to 1 */
    bool se_round1;      /* se_of_middle without the rounding to 8 */
    bool layer_scale;    /* UIR: a learned factor for each channel before the residual */
    ln_down down;
    bool library; /* blocks alone: products by a library, to compare with */
} ln_arch;

/* Channels times width, to a multiple of 8 and at most a tenth below
 * (Howard et al. 2017, reference code: make_divisible). */
int ln_make_divisible(double v, int divisor);

/* Blocks of a row: its repeats times the depth multiplier. */
int ln_arch_repeats(const ln_arch *a, const ln_stage *s);

#endif
