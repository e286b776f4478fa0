/* The yardsticks and cousins: VGG (Simonyan and Zisserman 2015, arXiv:1409.1556, table 1, D),
 * ShuffleNetV1 (Zhang et al. 2018, arXiv:1707.01083, table 1) in megvii's checkpoints,
 * ShuffleNetV2 (Ma et al. 2018, arXiv:1807.11164, table 5) in torchvision's, and NASNet-A Mobile
 * (Zoph et al. 2018, arXiv:1707.07012) in Cadene's. */
#include "models/families.h"

#define VGG(n, c)                                                                                  \
    { 0, LN_BLOCK_VGG, 1, 3, 1, 1, (c), .depth = (n) }
static const ln_stage vgg16[] = {VGG(2, 64),  VGG(2, 128), VGG(3, 256),
                                 VGG(3, 512), VGG(3, 512), {0}};

#define SHUFFLE1(g, a, b, c)                                                                       \
    (const ln_stage[]) {                                                                           \
        {0, LN_BLOCK_SHUFFLE1, 4, 3, 2, 1, (a), .groups = (g)},                                    \
            {1, LN_BLOCK_SHUFFLE1, 8, 3, 2, 1, (b), .groups = (g)},                                \
            {2, LN_BLOCK_SHUFFLE1, 4, 3, 2, 1, (c), .groups = (g)}, {                              \
            0                                                                                      \
        }                                                                                          \
    }
#define SHUFFLE2(a, b, c)                                                                          \
    (const ln_stage[]) {                                                                           \
        {0, LN_BLOCK_SHUFFLE2, 4, 3, 2, 1, (a)}, {1, LN_BLOCK_SHUFFLE2, 8, 3, 2, 1, (b)},          \
            {2, LN_BLOCK_SHUFFLE2, 4, 3, 2, 1, (c)}, {                                             \
            0                                                                                      \
        }                                                                                          \
    }
/* The stage counts the reductions before a cell. */
static const ln_stage nasnet_mobile[] = {
    {0, LN_BLOCK_NAS_STEM, 1, 3, 2, 1, 11},    {0, LN_BLOCK_NAS_STEM, 1, 3, 2, 1, 22},
    {0, LN_BLOCK_NAS_NORMAL, 4, 3, 1, 1, 44},  {0, LN_BLOCK_NAS_REDUCE, 1, 3, 2, 1, 88},
    {1, LN_BLOCK_NAS_NORMAL, 4, 3, 1, 1, 88},  {1, LN_BLOCK_NAS_REDUCE, 1, 3, 2, 1, 176},
    {2, LN_BLOCK_NAS_NORMAL, 4, 3, 1, 1, 176}, {0},
};

#define VGGNET(scheme, ...)                                                                        \
    LN_ARCH(.names = &(scheme), .stages = vgg16, .head = 4096, .head_kind = LN_HEAD_VGG,           \
            .act = LN_ACTID_RELU, .eps = 1e-5f, __VA_ARGS__)
#define SHUFFLENET(scheme, table, ...)                                                             \
    LN_ARCH(.names = &(scheme), .stages = table, .stem = 24, .stem_pool = true, .fix_head = true,  \
            .act = LN_ACTID_RELU, .eps = 1e-5f, __VA_ARGS__)
#define V1 .multiple = 32, .no_fc_bias = true
#define V2 .head = 1024

#define LINEAR LN_PREP(224, 0.875f, BILINEAR, LN_IMAGENET)
/* OpenCV's pixels: BGR, 0..255, sampled without a low-pass. */
#define MEGVII                                                                                     \
    {                                                                                              \
        .size = 224, .crop_pct = 0.875f, .resize = 256, .interp = LN_INTERP_BILINEAR, .bgr = true, \
        .scale = 1, LN_ZERO_ONE                                                                    \
    }
#define VTV     "torchvision, VGG16_Weights.IMAGENET1K_V1"
#define MEGREAD "megvii-model/ShuffleNet-Series ShuffleNetV1/README.md"
#define MPAPER  "Ma et al. 2018, arXiv:1807.11164"
#define ZPAPER  "Zoph et al. 2018, arXiv:1707.07012"
#define ROUND   "the published figures are rounded, parameters to 0.1 million"

static const ln_family_row rows[] = {
    {"shufflenetv1_1.0x_g3",
     "ShuffleNetV1",
     MEGVII,
     1000,
     {1.9f, 138, 67.8f, MEGREAD},
     SHUFFLENET(ln_names_shuffle1, SHUFFLE1(3, 240, 480, 960), V1),
     ROUND},
    {"shufflenetv1_1.0x_g8",
     "ShuffleNetV1",
     MEGVII,
     1000,
     {2.4f, 138, 68.0f, MEGREAD},
     SHUFFLENET(ln_names_shuffle1, SHUFFLE1(8, 384, 768, 1536), V1),
     ROUND},
    {"shufflenetv1_1.5x_g3",
     "ShuffleNetV1",
     MEGVII,
     1000,
     {3.4f, 292, 71.6f, MEGREAD},
     SHUFFLENET(ln_names_shuffle1, SHUFFLE1(3, 360, 720, 1440), V1),
     ROUND},
    {"tv_shufflenet_v2_x0_5",
     "ShuffleNetV2",
     LINEAR,
     1000,
     {1.4f, 41, 60.3f, MPAPER},
     SHUFFLENET(ln_names_shuffle2, SHUFFLE2(48, 96, 192), V2),
     ROUND},
    {"tv_shufflenet_v2_x1_0",
     "ShuffleNetV2",
     LINEAR,
     1000,
     {2.3f, 146, 69.4f, MPAPER},
     SHUFFLENET(ln_names_shuffle2, SHUFFLE2(116, 232, 464), V2),
     ROUND},
    {"tv_shufflenet_v2_x1_5",
     "ShuffleNetV2",
     LINEAR,
     1000,
     {3.5f, 299, 72.6f, MPAPER},
     SHUFFLENET(ln_names_shuffle2, SHUFFLE2(176, 352, 704), V2),
     ROUND},
    {"nasnetamobile",
     "NASNet-A",
     LN_PREP(224, 0.875f, BILINEAR, LN_INCEPTION),
     1000,
     {5.3f, 564, 74.0f, ZPAPER},
     LN_ARCH(.names = &ln_names_nasnet, .stages = nasnet_mobile, .stem = 32, .stem_linear = true,
             .act = LN_ACTID_RELU, .eps = 1e-3f, .tf_same = true, .head_relu = true,
             .multiple = 32)},
    {"vgg16",
     "VGG",
     LINEAR,
     1000,
     {138.36f, 15470, 71.592f, VTV},
     VGGNET(ln_names_timm_vgg, .width = 0)},
    {"vgg16_bn",
     "VGG",
     LINEAR,
     1000,
     {138.37f, 15500, 73.354f, LN_TIMM},
     VGGNET(ln_names_timm_vgg, .batch_norm = true)},
    {"tv_vgg16",
     "VGG",
     LINEAR,
     1000,
     {138.36f, 15470, 71.592f, VTV},
     VGGNET(ln_names_tv_vgg, .head_fc = true)},
};
const ln_family_table ln_family_others = {rows, LN_COUNT(rows)};
