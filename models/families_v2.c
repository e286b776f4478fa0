/* MobileNetV2: Sandler et al. 2018, arXiv:1801.04381, table 2; timm's and torchvision's names. */
#include "models/families.h"

static const ln_stage stages[] = {
    /* stage, kind, repeats, kernel, stride, expansion, channels */
    {0, LN_BLOCK_DS, 1, 3, 1, 1, 16},  {1, LN_BLOCK_IR, 2, 3, 2, 6, 24},
    {2, LN_BLOCK_IR, 3, 3, 2, 6, 32},  {3, LN_BLOCK_IR, 4, 3, 2, 6, 64},
    {4, LN_BLOCK_IR, 3, 3, 1, 6, 96},  {5, LN_BLOCK_IR, 3, 3, 2, 6, 160},
    {6, LN_BLOCK_IR, 1, 3, 1, 6, 320}, {0},
};

#define V2(scheme, w, ...)                                                                         \
    LN_ARCH(.names = &(scheme), .stages = stages, .width = (w), .stem = 32, .head = 1280,          \
            .act = LN_ACTID_RELU6, .eps = 1e-5f, __VA_ARGS__)
#define SLIM    "tensorflow/models research/slim/nets/mobilenet/README.md"
#define TV      "torchvision, MobileNet_V2_Weights.IMAGENET1K_V1"
#define NO_BN   "published parameters leave the scale and shift of batch norm out"
#define ALL_OPS "timm's count of operations has norms, activations and pooling in it"
#define PREP    LN_PREP(224, 0.875f, BICUBIC, LN_IMAGENET)

static const ln_family_row rows[] = {
    {"mobilenetv2_140",
     "MobileNetV2",
     PREP,
     1000,
     {6.06f, 582, 75.0f, SLIM},
     V2(ln_names_timm, 1.4, .depth = 0),
     NO_BN},
    {"mobilenetv2_100",
     "MobileNetV2",
     PREP,
     1000,
     {3.47f, 300, 71.8f, SLIM},
     V2(ln_names_timm, 1.0, .depth = 0),
     NO_BN},
    {"mobilenetv2_075",
     "MobileNetV2",
     PREP,
     1000,
     {2.61f, 209, 69.8f, SLIM},
     V2(ln_names_timm, 0.75, .depth = 0),
     NO_BN},
    {"mobilenetv2_050",
     "MobileNetV2",
     PREP,
     1000,
     {1.95f, 97, 65.4f, SLIM},
     V2(ln_names_timm, 0.5, .depth = 0),
     NO_BN},
    {"mobilenetv2_035",
     "MobileNetV2",
     PREP,
     1000,
     {1.66f, 59, 60.3f, SLIM},
     V2(ln_names_timm, 0.35, .depth = 0),
     NO_BN},
    {"mobilenetv2_110d",
     "MobileNetV2",
     PREP,
     1000,
     {4.52f, 450, 75.056f, LN_TIMM},
     V2(ln_names_timm, 1.1, .depth = 1.2, .fix_stem = true, .fix_head = true,
        .fix_depth_ends = true),
     ALL_OPS},
    {"mobilenetv2_120d",
     "MobileNetV2",
     PREP,
     1000,
     {5.83f, 690, 77.3f, LN_TIMM},
     V2(ln_names_timm, 1.2, .depth = 1.4, .fix_stem = true, .fix_head = true,
        .fix_depth_ends = true),
     ALL_OPS},
    {"tv_mobilenet_v2",
     "MobileNetV2",
     LN_PREP(224, 0.875f, BILINEAR, LN_IMAGENET),
     1000,
     {3.50f, 301, 71.878f, TV},
     V2(ln_names_tv_v2, 1.0, .depth = 0)},
};
const ln_family_table ln_family_v2 = {rows, LN_COUNT(rows)};
