/* EfficientNet: Tan and Le 2019, arXiv:1905.11946, table 1. MNASNet-B1: Tan et al. 2019,
 * arXiv:1807.11626, figure 7. MobilenetEdgeTPU: tensorflow/models official/projects/edgetpu. */
#include "models/families.h"

/* stage, kind, repeats, kernel, stride, expansion, channels, squeeze */
static const ln_stage efficientnet[] = {
    {0, LN_BLOCK_DS, 1, 3, 1, 1, 16, 0.25f},  {1, LN_BLOCK_IR, 2, 3, 2, 6, 24, 0.25f},
    {2, LN_BLOCK_IR, 2, 5, 2, 6, 40, 0.25f},  {3, LN_BLOCK_IR, 3, 3, 2, 6, 80, 0.25f},
    {4, LN_BLOCK_IR, 3, 5, 1, 6, 112, 0.25f}, {5, LN_BLOCK_IR, 4, 5, 2, 6, 192, 0.25f},
    {6, LN_BLOCK_IR, 1, 3, 1, 6, 320, 0.25f}, {0},
};
static const ln_stage mnasnet[] = {
    {0, LN_BLOCK_DS, 1, 3, 1, 1, 16, .flags = LN_STAGE_NO_SKIP},
    {1, LN_BLOCK_IR, 3, 3, 2, 3, 24},
    {2, LN_BLOCK_IR, 3, 5, 2, 3, 40},
    {3, LN_BLOCK_IR, 3, 5, 2, 6, 80},
    {4, LN_BLOCK_IR, 2, 3, 1, 6, 96},
    {5, LN_BLOCK_IR, 4, 5, 2, 6, 192},
    {6, LN_BLOCK_IR, 1, 3, 1, 6, 320, .flags = LN_STAGE_NO_SKIP},
    {0},
};
static const ln_stage edgetpu_v1[] = {
    {0, LN_BLOCK_CN, 1, 1, 1, 1, 16},
    {1, LN_BLOCK_ER, 1, 3, 2, 8, 32},
    {1, LN_BLOCK_ER, 3, 3, 1, 4, 32},
    {2, LN_BLOCK_ER, 1, 3, 2, 8, 48},
    {2, LN_BLOCK_ER, 3, 3, 1, 4, 48},
    {3, LN_BLOCK_IR, 1, 3, 2, 8, 96},
    {3, LN_BLOCK_IR, 3, 3, 1, 4, 96},
    {4, LN_BLOCK_IR, 1, 3, 1, 8, 96, .flags = LN_STAGE_NO_SKIP},
    {4, LN_BLOCK_IR, 3, 3, 1, 4, 96},
    {5, LN_BLOCK_IR, 1, 5, 2, 8, 160},
    {5, LN_BLOCK_IR, 3, 5, 1, 4, 160},
    {6, LN_BLOCK_IR, 1, 3, 1, 8, 192},
    {0},
};
static const ln_stage edgetpu_v2_m[] = {
    {0, LN_BLOCK_CN, 1, 1, 1, 1, 32},
    {1, LN_BLOCK_ER, 1, 3, 2, 8, 64},
    {1, LN_BLOCK_ER, 1, 3, 1, 4, 64, .group_size = 64},
    {2, LN_BLOCK_ER, 1, 3, 2, 8, 80},
    {2, LN_BLOCK_ER, 1, 3, 1, 4, 80, .group_size = 64},
    {2, LN_BLOCK_ER, 1, 3, 1, 4, 80},
    {2, LN_BLOCK_ER, 1, 3, 1, 4, 80, .group_size = 64},
    {3, LN_BLOCK_ER, 1, 3, 2, 8, 160},
    {3, LN_BLOCK_IR, 3, 3, 1, 4, 160},
    {4, LN_BLOCK_IR, 1, 3, 1, 8, 192},
    {4, LN_BLOCK_IR, 3, 3, 1, 4, 192},
    {5, LN_BLOCK_IR, 1, 3, 2, 8, 240},
    {5, LN_BLOCK_IR, 3, 3, 1, 4, 240},
    {6, LN_BLOCK_IR, 1, 3, 1, 8, 320},
    {0},
};

#define EFF(scheme, d, ...)                                                                        \
    LN_ARCH(.names = &(scheme), .stages = efficientnet, .depth = (d), .stem = 32, .head = 1280,    \
            .act = LN_ACTID_SWISH, .se_gate = LN_ACTID_SIGMOID, __VA_ARGS__)
#define RELU(scheme, table, in, kernel, top)                                                       \
    LN_ARCH(.names = &(scheme), .stages = (table), .stem = (in), .stem_kernel = (kernel),          \
            .head = (top), .act = LN_ACTID_RELU, .eps = 1e-5f)
#define PLAIN .eps = 1e-5f
#define TF    .eps = 1e-3f, .tf_same = true

#define EPAPER            "Tan and Le 2019, arXiv:1905.11946"
#define MPAPER            "Tan et al. 2019, arXiv:1807.11626"
#define SLIM              "tensorflow/models research/slim/nets/mobilenet/README.md"
#define TV                "torchvision, IMAGENET1K_V1"
#define OPS               "the published count of operations has more than convolutions in it"
#define ROUND             "the published figures are rounded to 0.1 million parameters"
#define CUBIC(side, crop) LN_PREP(side, crop, BICUBIC, LN_IMAGENET)

static const ln_family_row rows[] = {
    {"efficientnet_b0",
     "EfficientNet",
     CUBIC(224, 0.875f),
     1000,
     {5.3f, 390, 77.1f, EPAPER},
     EFF(ln_names_timm, 1.0, PLAIN),
     OPS},
    {"efficientnet_b1",
     "EfficientNet",
     CUBIC(240, 0.875f),
     1000,
     {7.8f, 700, 79.1f, EPAPER},
     EFF(ln_names_timm, 1.1, PLAIN),
     OPS},
    {"tf_efficientnet_b0",
     "EfficientNet",
     CUBIC(224, 0.875f),
     1000,
     {5.3f, 390, 77.1f, EPAPER},
     EFF(ln_names_timm, 1.0, TF),
     OPS},
    {"tf_efficientnet_b1",
     "EfficientNet",
     CUBIC(240, 0.882f),
     1000,
     {7.8f, 700, 79.1f, EPAPER},
     EFF(ln_names_timm, 1.1, TF),
     OPS},
    {"tv_efficientnet_b0",
     "EfficientNet",
     CUBIC(224, 0.875f),
     1000,
     {5.29f, 386, 77.692f, TV},
     EFF(ln_names_tv_efficientnet, 1.0, PLAIN)},
    {"tv_efficientnet_b1",
     "EfficientNet",
     CUBIC(240, 0.9375f),
     1000,
     {7.79f, 687, 78.642f, TV},
     EFF(ln_names_tv_efficientnet, 1.1, PLAIN)},
    {"mnasnet_100",
     "MNASNet",
     CUBIC(224, 0.875f),
     1000,
     {4.4f, 315, 74.5f, MPAPER},
     RELU(ln_names_timm, mnasnet, 32, 3, 1280)},
    {"tv_mnasnet1_0",
     "MNASNet",
     LN_PREP(224, 0.875f, BILINEAR, LN_IMAGENET),
     1000,
     {4.38f, 314, 73.456f, TV},
     RELU(ln_names_tv_mnasnet, mnasnet, 32, 3, 1280)},
    {"mobilenet_edgetpu_100",
     "MobilenetEdgeTPU",
     CUBIC(224, 0.9f),
     1000,
     {4.0f, 990, 75.6f, SLIM},
     RELU(ln_names_timm, edgetpu_v1, 32, 3, 1280),
     ROUND},
    {"mobilenet_edgetpu_v2_m",
     "MobilenetEdgeTPU",
     LN_PREP(224, 0.9f, BICUBIC, LN_INCEPTION),
     1000,
     {8.46f, 1850, 80.116f, LN_TIMM},
     RELU(ln_names_timm, edgetpu_v2_m, 64, 5, 1344),
     OPS},
};
const ln_family_table ln_family_efficientnet = {rows, LN_COUNT(rows)};
