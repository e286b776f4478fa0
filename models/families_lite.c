/* EfficientNet-Lite: EfficientNet (Tan and Le 2019, arXiv:1905.11946, table 1) without squeeze
 * and swish, stem and head of fixed width. tf_ rows carry TensorFlow's padding and epsilon. */
#include "models/families.h"

static const ln_stage stages[] = {
    /* stage, kind, repeats, kernel, stride, expansion, channels */
    {0, LN_BLOCK_DS, 1, 3, 1, 1, 16},  {1, LN_BLOCK_IR, 2, 3, 2, 6, 24},
    {2, LN_BLOCK_IR, 2, 5, 2, 6, 40},  {3, LN_BLOCK_IR, 3, 3, 2, 6, 80},
    {4, LN_BLOCK_IR, 3, 5, 1, 6, 112}, {5, LN_BLOCK_IR, 4, 5, 2, 6, 192},
    {6, LN_BLOCK_IR, 1, 3, 1, 6, 320}, {0},
};

#define LITE(w, d, ...)                                                                            \
    LN_ARCH(.names = &ln_names_timm, .stages = stages, .width = (w), .depth = (d), .stem = 32,     \
            .head = 1280, .fix_stem = true, .fix_head = true, .fix_depth_ends = true,              \
            .act = LN_ACTID_RELU6, __VA_ARGS__)
#define PLAIN   .eps = 1e-5f
#define TF      .eps = 1e-3f, .tf_same = true
#define PAGE    "tensorflow/tpu models/official/efficientnet/lite/README.md"
#define SMALLER "published at 280x280; this row, like its weights in timm, is 300x300"
#define NOTE    "the published count of operations has more than convolutions in it"

static const ln_family_row rows[] = {
    {"tf_efficientnet_lite0",
     "EfficientNet-Lite",
     LN_PREP(224, 0.875f, BICUBIC, LN_INCEPTION),
     1000,
     {4.7f, 407, 75.1f, PAGE},
     LITE(1.0, 1.0, TF),
     NOTE},
    {"tf_efficientnet_lite1",
     "EfficientNet-Lite",
     LN_PREP(240, 0.882f, BICUBIC, LN_INCEPTION),
     1000,
     {5.4f, 631, 76.7f, PAGE},
     LITE(1.0, 1.1, TF),
     NOTE},
    {"tf_efficientnet_lite2",
     "EfficientNet-Lite",
     LN_PREP(260, 0.89f, BICUBIC, LN_INCEPTION),
     1000,
     {6.1f, 899, 77.6f, PAGE},
     LITE(1.1, 1.2, TF),
     NOTE},
    {"tf_efficientnet_lite3",
     "EfficientNet-Lite",
     LN_PREP(300, 0.904f, BILINEAR, LN_INCEPTION),
     1000,
     {8.2f, 1440, 79.8f, PAGE},
     LITE(1.2, 1.4, TF),
     NOTE},
    {"efficientnet_lite0",
     "EfficientNet-Lite",
     LN_PREP(224, 0.875f, BICUBIC, LN_IMAGENET),
     1000,
     {4.7f, 407, 75.1f, PAGE},
     LITE(1.0, 1.0, PLAIN),
     NOTE},
    {"efficientnet_lite1",
     "EfficientNet-Lite",
     LN_PREP(240, 0.882f, BICUBIC, LN_IMAGENET),
     1000,
     {5.4f, 631, 76.7f, PAGE},
     LITE(1.0, 1.1, PLAIN),
     NOTE},
    {"efficientnet_lite2",
     "EfficientNet-Lite",
     LN_PREP(260, 0.89f, BICUBIC, LN_IMAGENET),
     1000,
     {6.1f, 899, 77.6f, PAGE},
     LITE(1.1, 1.2, PLAIN),
     NOTE},
};
const ln_family_table ln_family_lite = {rows, LN_COUNT(rows)};
