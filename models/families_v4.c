/* MobileNetV4: Qin et al. 2024, arXiv:2404.10518, tables 11 to 15; timm's names. */
#include "models/families.h"

/* stage, repeats, kernels of the first and the middle depthwise, stride, expansion, channels */
#define UIR(stage, n, start, mid, stride, expand, c)                                               \
    { (stage), LN_BLOCK_UIR, (n), (mid), (stride), (expand), (c), .start_kernel = (start) }
#define CONVNEXT(stage, n, start, expand, c) UIR(stage, n, start, 0, 1, expand, c)
#define FFN(stage, n, expand, c)             UIR(stage, n, 0, 0, 1, expand, c)
#define CONV(stage, kernel, stride, c)                                                             \
    { (stage), LN_BLOCK_CN, 1, (kernel), (stride), 1, (c) }
#define FUSED(stage, kernel, stride, expand, c)                                                    \
    { (stage), LN_BLOCK_ER, 1, (kernel), (stride), (expand), (c) }
/* heads, channels of a head, stride of the keys' and values' depthwise 3x3, channels */
#define MQA(stage, n, d, kv, c)                                                                    \
    { (stage), LN_BLOCK_MQA, 1, 3, 1, 0, (c), .heads = (n), .head_dim = (d), .kv_stride = (kv) }

static const ln_stage small[] = {
    CONV(0, 3, 2, 32),          CONV(0, 1, 1, 32),
    CONV(1, 3, 2, 96),          CONV(1, 1, 1, 64),
    UIR(2, 1, 5, 5, 2, 3, 96),  UIR(2, 4, 0, 3, 1, 2, 96),
    CONVNEXT(2, 1, 3, 4, 96),   UIR(3, 1, 3, 3, 2, 6, 128),
    UIR(3, 1, 5, 5, 1, 4, 128), UIR(3, 1, 0, 5, 1, 4, 128),
    UIR(3, 1, 0, 5, 1, 3, 128), UIR(3, 2, 0, 3, 1, 4, 128),
    CONV(4, 1, 1, 960),         {0},
};
static const ln_stage medium[] = {
    FUSED(0, 3, 2, 4, 48),      UIR(1, 1, 3, 5, 2, 4, 80),  UIR(1, 1, 3, 3, 1, 2, 80),
    UIR(2, 1, 3, 5, 2, 6, 160), UIR(2, 2, 3, 3, 1, 4, 160), UIR(2, 1, 3, 5, 1, 4, 160),
    UIR(2, 1, 3, 3, 1, 4, 160), CONVNEXT(2, 1, 3, 4, 160),  FFN(2, 1, 2, 160),
    CONVNEXT(2, 1, 3, 4, 160),  UIR(3, 1, 5, 5, 2, 6, 256), UIR(3, 1, 5, 5, 1, 4, 256),
    UIR(3, 2, 3, 5, 1, 4, 256), FFN(3, 1, 4, 256),          CONVNEXT(3, 1, 3, 4, 256),
    UIR(3, 1, 3, 5, 1, 2, 256), UIR(3, 1, 5, 5, 1, 4, 256), FFN(3, 2, 4, 256),
    CONVNEXT(3, 1, 5, 2, 256),  CONV(4, 1, 1, 960),         {0},
};
static const ln_stage large[] = {
    FUSED(0, 3, 2, 4, 48),      UIR(1, 1, 3, 5, 2, 4, 96),  UIR(1, 1, 3, 3, 1, 4, 96),
    UIR(2, 1, 3, 5, 2, 4, 192), UIR(2, 3, 3, 3, 1, 4, 192), UIR(2, 1, 3, 5, 1, 4, 192),
    UIR(2, 5, 5, 3, 1, 4, 192), CONVNEXT(2, 1, 3, 4, 192),  UIR(3, 1, 5, 5, 2, 4, 512),
    UIR(3, 3, 5, 5, 1, 4, 512), CONVNEXT(3, 1, 5, 4, 512),  UIR(3, 1, 5, 3, 1, 4, 512),
    CONVNEXT(3, 2, 5, 4, 512),  UIR(3, 1, 5, 3, 1, 4, 512), UIR(3, 1, 5, 5, 1, 4, 512),
    CONVNEXT(3, 3, 5, 4, 512),  CONV(4, 1, 1, 960),         {0},
};
static const ln_stage hybrid_medium[] = {
    FUSED(0, 3, 2, 4, 48),      UIR(1, 1, 3, 5, 2, 4, 80),
    UIR(1, 1, 3, 3, 1, 2, 80),  UIR(2, 1, 3, 5, 2, 6, 160),
    FFN(2, 1, 2, 160),          UIR(2, 1, 3, 3, 1, 4, 160),
    UIR(2, 1, 3, 5, 1, 4, 160), MQA(2, 4, 64, 2, 160),
    UIR(2, 1, 3, 3, 1, 4, 160), MQA(2, 4, 64, 2, 160),
    CONVNEXT(2, 1, 3, 4, 160),  MQA(2, 4, 64, 2, 160),
    UIR(2, 1, 3, 3, 1, 4, 160), MQA(2, 4, 64, 2, 160),
    CONVNEXT(2, 1, 3, 4, 160),  UIR(3, 1, 5, 5, 2, 6, 256),
    UIR(3, 1, 5, 5, 1, 4, 256), UIR(3, 2, 3, 5, 1, 4, 256),
    FFN(3, 1, 2, 256),          UIR(3, 1, 3, 5, 1, 2, 256),
    FFN(3, 1, 2, 256),          FFN(3, 1, 4, 256),
    MQA(3, 4, 64, 1, 256),      CONVNEXT(3, 1, 3, 4, 256),
    MQA(3, 4, 64, 1, 256),      UIR(3, 1, 5, 5, 1, 4, 256),
    MQA(3, 4, 64, 1, 256),      CONVNEXT(3, 1, 5, 4, 256),
    MQA(3, 4, 64, 1, 256),      CONVNEXT(3, 1, 5, 4, 256),
    CONV(4, 1, 1, 960),         {0},
};
static const ln_stage hybrid_large[] = {
    FUSED(0, 3, 2, 4, 48),      UIR(1, 1, 3, 5, 2, 4, 96),
    UIR(1, 1, 3, 3, 1, 4, 96),  UIR(2, 1, 3, 5, 2, 4, 192),
    UIR(2, 3, 3, 3, 1, 4, 192), UIR(2, 1, 3, 5, 1, 4, 192),
    UIR(2, 2, 5, 3, 1, 4, 192), MQA(2, 8, 48, 2, 192),
    UIR(2, 1, 5, 3, 1, 4, 192), MQA(2, 8, 48, 2, 192),
    UIR(2, 1, 5, 3, 1, 4, 192), MQA(2, 8, 48, 2, 192),
    UIR(2, 1, 5, 3, 1, 4, 192), MQA(2, 8, 48, 2, 192),
    CONVNEXT(2, 1, 3, 4, 192),  UIR(3, 1, 5, 5, 2, 4, 512),
    UIR(3, 3, 5, 5, 1, 4, 512), CONVNEXT(3, 1, 5, 4, 512),
    UIR(3, 1, 5, 3, 1, 4, 512), CONVNEXT(3, 2, 5, 4, 512),
    UIR(3, 1, 5, 3, 1, 4, 512), UIR(3, 1, 5, 5, 1, 4, 512),
    MQA(3, 8, 64, 1, 512),      CONVNEXT(3, 1, 5, 4, 512),
    MQA(3, 8, 64, 1, 512),      CONVNEXT(3, 1, 5, 4, 512),
    MQA(3, 8, 64, 1, 512),      CONVNEXT(3, 1, 5, 4, 512),
    MQA(3, 8, 64, 1, 512),      CONVNEXT(3, 1, 5, 4, 512),
    CONV(4, 1, 1, 960),         {0},
};

#define V4(table, in, a, ...)                                                                      \
    LN_ARCH(.names = &ln_names_timm_v4, .stages = (table), .stem = (in), .head = 1280,             \
            .head_kind = LN_HEAD_POOL_CONV_BN, .fix_head = true, .act = (a), .eps = 1e-5f,         \
            __VA_ARGS__)
#define RELU             LN_ACTID_RELU
#define PLAIN            .down = LN_DOWN_STRIDE
#define SCALE            .layer_scale = true
#define PREP(side, crop) LN_PREP(side, crop, BICUBIC, LN_IMAGENET)
#define PAPER            "Qin et al. 2024, arXiv:2404.10518"
#define TIMM2            "timm, results/: benchmark-infer-amp-nchw-pt291-cu128-4090.csv, results-imagenet.csv"
#define NET              "the paper counts its own code's network, a little smaller than the released one"
#define OPS              "timm's count of operations has norms, activations and pooling in it"

static const ln_family_row rows[] = {
    {"mobilenetv4_conv_small_050",
     "MobileNetV4",
     LN_PREP(224, 0.875f, BICUBIC, LN_INCEPTION),
     1000,
     {2.24f, 70, 64.778f, TIMM2},
     V4(small, 32, RELU, .width = 0.5, .fix_stem = true),
     OPS},
    {"mobilenetv4_conv_small",
     "MobileNetV4",
     PREP(224, 0.875f),
     1000,
     {3.8f, 200, 73.8f, PAPER},
     V4(small, 32, RELU, PLAIN),
     "the paper rounds operations to 0.1 billion"},
    {"mobilenetv4_conv_medium",
     "MobileNetV4",
     PREP(256, 0.95f),
     1000,
     {9.2f, 1000, 79.9f, PAPER},
     V4(medium, 32, RELU, PLAIN),
     NET},
    {"mobilenetv4_conv_large",
     "MobileNetV4",
     PREP(384, 0.95f),
     1000,
     {31.0f, 5900, 82.9f, PAPER},
     V4(large, 24, RELU, PLAIN),
     NET},
    {"mobilenetv4_hybrid_medium",
     "MobileNetV4",
     PREP(256, 0.95f),
     1000,
     {10.5f, 1200, 80.7f, PAPER},
     V4(hybrid_medium, 32, RELU, SCALE),
     NET},
    {"mobilenetv4_hybrid_large",
     "MobileNetV4",
     PREP(384, 0.95f),
     1000,
     {35.9f, 7200, 83.4f, PAPER},
     V4(hybrid_large, 24, LN_ACTID_GELU, SCALE),
     NET},
    {"mobilenetv4_conv_blur_medium",
     "MobileNetV4",
     PREP(224, 0.95f),
     1000,
     {9.72f, 1220, 79.446f, LN_TIMM},
     V4(medium, 32, RELU, .down = LN_DOWN_BLUR),
     OPS},
    {"mobilenetv4_conv_aa_medium",
     "MobileNetV4",
     PREP(256, 0.95f),
     1000,
     {9.72f, 1580, 0, LN_TIMM},
     V4(medium, 32, RELU, .down = LN_DOWN_AVG),
     OPS},
    {"mobilenetv4_conv_aa_large",
     "MobileNetV4",
     PREP(448, 0.95f),
     1000,
     {32.59f, 9630, 84.668f, LN_TIMM},
     V4(large, 24, RELU, .down = LN_DOWN_AVG),
     OPS},
};
const ln_family_table ln_family_v4 = {rows, LN_COUNT(rows)};
