/* MobileNetV3: Howard et al. 2019, arXiv:1905.02244, tables 1 and 2; timm's names, its ports of
 * TensorFlow's weights (tf_), and torchvision's. */
#include "models/families.h"

#define RELU .flags = LN_STAGE_RELU
/* stage, kind, repeats, kernel, stride, expansion, channels, squeeze */
static const ln_stage large[] = {
    {0, LN_BLOCK_DS, 1, 3, 1, 1, 16, RELU},
    {1, LN_BLOCK_IR, 1, 3, 2, 4, 24, RELU},
    {1, LN_BLOCK_IR, 1, 3, 1, 3, 24, RELU},
    {2, LN_BLOCK_IR, 3, 5, 2, 3, 40, 0.25f, RELU},
    {3, LN_BLOCK_IR, 1, 3, 2, 6, 80},
    {3, LN_BLOCK_IR, 1, 3, 1, 2.5, 80},
    {3, LN_BLOCK_IR, 2, 3, 1, 2.3, 80},
    {4, LN_BLOCK_IR, 2, 3, 1, 6, 112, 0.25f},
    {5, LN_BLOCK_IR, 3, 5, 2, 6, 160, 0.25f},
    {6, LN_BLOCK_CN, 1, 1, 1, 1, 960},
    {0},
};
static const ln_stage large_minimal[] = {
    {0, LN_BLOCK_DS, 1, 3, 1, 1, 16},
    {1, LN_BLOCK_IR, 1, 3, 2, 4, 24},
    {1, LN_BLOCK_IR, 1, 3, 1, 3, 24},
    {2, LN_BLOCK_IR, 3, 3, 2, 3, 40},
    {3, LN_BLOCK_IR, 1, 3, 2, 6, 80},
    {3, LN_BLOCK_IR, 1, 3, 1, 2.5, 80},
    {3, LN_BLOCK_IR, 2, 3, 1, 2.3, 80},
    {4, LN_BLOCK_IR, 2, 3, 1, 6, 112},
    {5, LN_BLOCK_IR, 3, 3, 2, 6, 160},
    {6, LN_BLOCK_CN, 1, 1, 1, 1, 960},
    {0},
};
static const ln_stage small[] = {
    {0, LN_BLOCK_DS, 1, 3, 2, 1, 16, 0.25f, RELU},
    {1, LN_BLOCK_IR, 1, 3, 2, 4.5, 24, RELU},
    {1, LN_BLOCK_IR, 1, 3, 1, 3.67, 24, RELU},
    {2, LN_BLOCK_IR, 1, 5, 2, 4, 40, 0.25f},
    {2, LN_BLOCK_IR, 2, 5, 1, 6, 40, 0.25f},
    {3, LN_BLOCK_IR, 2, 5, 1, 3, 48, 0.25f},
    {4, LN_BLOCK_IR, 3, 5, 2, 6, 96, 0.25f},
    {5, LN_BLOCK_CN, 1, 1, 1, 1, 576},
    {0},
};
static const ln_stage small_minimal[] = {
    {0, LN_BLOCK_DS, 1, 3, 2, 1, 16},
    {1, LN_BLOCK_IR, 1, 3, 2, 4.5, 24},
    {1, LN_BLOCK_IR, 1, 3, 1, 3.67, 24},
    {2, LN_BLOCK_IR, 1, 3, 2, 4, 40},
    {2, LN_BLOCK_IR, 2, 3, 1, 6, 40},
    {3, LN_BLOCK_IR, 2, 3, 1, 3, 48},
    {4, LN_BLOCK_IR, 3, 3, 2, 6, 96},
    {5, LN_BLOCK_CN, 1, 1, 1, 1, 576},
    {0},
};
/* Ross Wightman's first port: no residual in the first block. */
static const ln_stage large_rw[] = {
    {0, LN_BLOCK_DS, 1, 3, 1, 1, 16, .flags = LN_STAGE_RELU | LN_STAGE_NO_SKIP},
    {1, LN_BLOCK_IR, 1, 3, 2, 4, 24, RELU},
    {1, LN_BLOCK_IR, 1, 3, 1, 3, 24, RELU},
    {2, LN_BLOCK_IR, 3, 5, 2, 3, 40, 0.25f, RELU},
    {3, LN_BLOCK_IR, 1, 3, 2, 6, 80},
    {3, LN_BLOCK_IR, 1, 3, 1, 2.5, 80},
    {3, LN_BLOCK_IR, 2, 3, 1, 2.3, 80},
    {4, LN_BLOCK_IR, 2, 3, 1, 6, 112, 0.25f},
    {5, LN_BLOCK_IR, 3, 5, 2, 6, 160, 0.25f},
    {6, LN_BLOCK_CN, 1, 1, 1, 1, 960},
    {0},
};

#define BASE(table, scheme, w, top)                                                                \
    .names = &(scheme), .stages = (table), .width = (w), .stem = 16, .head = (top),                \
    .head_kind = LN_HEAD_POOL_CONV, .fix_head = true, .se_of_middle = true
#define HSWISH .act = LN_ACTID_HARD_SWISH, .se_gate = LN_ACTID_HARD_SIGMOID
#define V3(table, w, top, ...)                                                                     \
    LN_ARCH(BASE(table, ln_names_timm, w, top), .se_relu = true, .head_bias = true, __VA_ARGS__)
#define TV3(table, top)                                                                            \
    LN_ARCH(BASE(table, ln_names_tv_v3, 1.0, top), HSWISH, .se_relu = true, .head_bias = true,     \
            .head_fc = true, .eps = 1e-3f)
#define PLAIN HSWISH, .eps = 1e-5f
#define TF    HSWISH, .eps = 1e-3f, .tf_same = true
#define MINI  .act = LN_ACTID_RELU, .eps = 1e-3f, .tf_same = true

#define PAPER  "Howard et al. 2019, arXiv:1905.02244"
#define SLIM   "tensorflow/models research/slim/nets/mobilenet/README.md"
#define TV     "torchvision, IMAGENET1K_V1"
#define ROUND  "the paper rounds parameters to 0.1 million and counts some operations more"
#define OPS    "the published count of operations has more than convolutions in it"
#define SMALL  "the page counts 10 million operations more than the paper for V3 small, too"
#define FAMILY "MobileNetV3"
#define CUBIC  LN_PREP(224, 0.875f, BICUBIC, LN_IMAGENET)
#define LINEAR LN_PREP(224, 0.875f, BILINEAR, LN_IMAGENET)
#define TFPREP LN_PREP(224, 0.875f, BILINEAR, LN_INCEPTION)

static const ln_family_row rows[] = {
    {"mobilenetv3_large_100",
     FAMILY,
     CUBIC,
     1000,
     {5.4f, 219, 75.2f, PAPER},
     V3(large, 1.0, 1280, PLAIN),
     ROUND},
    {"mobilenetv3_large_075",
     FAMILY,
     LINEAR,
     1000,
     {4.0f, 155, 73.3f, PAPER},
     V3(large, 0.75, 1280, PLAIN),
     ROUND},
    {"mobilenetv3_small_100",
     FAMILY,
     CUBIC,
     1000,
     {2.5f, 56, 67.4f, PAPER},
     V3(small, 1.0, 1024, PLAIN),
     ROUND},
    {"mobilenetv3_small_075",
     FAMILY,
     CUBIC,
     1000,
     {2.0f, 44, 65.4f, PAPER},
     V3(small, 0.75, 1024, PLAIN),
     ROUND},
    {"mobilenetv3_small_050",
     FAMILY,
     CUBIC,
     1000,
     {1.59f, 0, 57.918f, LN_TIMM},
     V3(small, 0.5, 1024, PLAIN, .fix_stem = true)},
    {"mobilenetv3_rw",
     FAMILY,
     CUBIC,
     1000,
     {5.48f, 230, 75.616f, LN_TIMM},
     LN_ARCH(BASE(large_rw, ln_names_timm, 1.0, 1280), HSWISH, .eps = 1e-3f, .se_round1 = true),
     OPS},
    {"tf_mobilenetv3_large_100",
     FAMILY,
     TFPREP,
     1000,
     {5.4f, 219, 75.2f, PAPER},
     V3(large, 1.0, 1280, TF),
     ROUND},
    {"tf_mobilenetv3_large_075",
     FAMILY,
     TFPREP,
     1000,
     {4.0f, 155, 73.3f, PAPER},
     V3(large, 0.75, 1280, TF),
     ROUND},
    {"tf_mobilenetv3_large_minimal_100",
     FAMILY,
     TFPREP,
     1000,
     {3.9f, 209, 72.3f, SLIM},
     V3(large_minimal, 1.0, 1280, MINI),
     ROUND},
    {"tf_mobilenetv3_small_100",
     FAMILY,
     TFPREP,
     1000,
     {2.5f, 56, 67.4f, PAPER},
     V3(small, 1.0, 1024, TF),
     ROUND},
    {"tf_mobilenetv3_small_075",
     FAMILY,
     TFPREP,
     1000,
     {2.0f, 44, 65.4f, PAPER},
     V3(small, 0.75, 1024, TF),
     ROUND},
    {"tf_mobilenetv3_small_minimal_100",
     FAMILY,
     TFPREP,
     1000,
     {2.0f, 65, 61.9f, SLIM},
     V3(small_minimal, 1.0, 1024, MINI),
     SMALL},
    {"tv_mobilenet_v3_large", FAMILY, LINEAR, 1000, {5.48f, 217, 74.042f, TV}, TV3(large, 1280)},
    {"tv_mobilenet_v3_small", FAMILY, LINEAR, 1000, {2.54f, 56.5f, 67.668f, TV}, TV3(small, 1024)},
};
const ln_family_table ln_family_v3 = {rows, LN_COUNT(rows)};
