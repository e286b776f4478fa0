/* MobileNetV1: Howard et al. 2017, arXiv:1704.04861, tables 1, 6 and 7; timm's tensor names. */
#include "models/families.h"

static const ln_stage stages[] = {
    /* stage, kind, repeats, kernel, stride, expansion, channels */
    {0, LN_BLOCK_DSA, 1, 3, 1, 1, 64},   {1, LN_BLOCK_DSA, 2, 3, 2, 1, 128},
    {2, LN_BLOCK_DSA, 2, 3, 2, 1, 256},  {3, LN_BLOCK_DSA, 6, 3, 2, 1, 512},
    {4, LN_BLOCK_DSA, 2, 3, 2, 1, 1024}, {0},
};

#define V1(w, ...)                                                                                 \
    LN_ARCH(.names = &ln_names_timm, .stages = stages, .width = (w), .stem = 32,                   \
            .act = LN_ACTID_RELU6, .eps = 1e-5f, __VA_ARGS__)
#define PAPER "Howard et al. 2017, arXiv:1704.04861"
#define PREP  LN_PREP(224, 0.875f, BICUBIC, LN_INCEPTION)

static const ln_family_row rows[] = {
    {"mobilenetv1_100", "MobileNetV1", PREP, 1000, {4.2f, 569, 70.6f, PAPER}, V1(1.0, .head = 0)},
    {"mobilenetv1_075", "MobileNetV1", PREP, 1000, {2.6f, 325, 68.4f, PAPER}, V1(0.75, .head = 0)},
    {"mobilenetv1_050",
     "MobileNetV1",
     PREP,
     1000,
     {1.3f, 149, 63.7f, PAPER},
     V1(0.5, .head = 0),
     "the paper rounds parameters to 0.1 million"},
    {"mobilenetv1_025",
     "MobileNetV1",
     PREP,
     1000,
     {0.5f, 41, 50.6f, PAPER},
     V1(0.25, .head = 0),
     "the paper rounds parameters to 0.1 million"},
    {"mobilenetv1_100h",
     "MobileNetV1",
     PREP,
     1000,
     {5.28f, 630, 75.664f, LN_TIMM},
     V1(1.0, .head = 1024),
     "timm's count of operations has norms, activations and pooling in it"},
    {"mobilenetv1_125",
     "MobileNetV1",
     LN_PREP(224, 0.9f, BICUBIC, LN_INCEPTION),
     1000,
     {6.27f, 890, 76.92f, LN_TIMM},
     V1(1.25, .head = 0),
     "timm's count of operations has norms, activations and pooling in it"},
};
const ln_family_table ln_family_v1 = {rows, LN_COUNT(rows)};
