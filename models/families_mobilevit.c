/* MobileViT: v1 Mehta and Rastegari 2022 (arXiv:2110.02178, table 4), v2 (arXiv:2206.02680,
 * table 4), v3 Wadekar and Chaurasia 2022 (arXiv:2209.15159); timm's names and, for v3, cvnets'. */
#include "models/families.h"

/* Inverted residuals: stage, blocks, stride, expansion, channels. */
#define IR(stage, n, stride, expand, c)                                                            \
    { (stage), LN_BLOCK_IR, (n), 3, (stride), (expand), (c) }
#define VIT(version, stage, width, layers, c)                                                      \
    {                                                                                              \
        (stage), LN_BLOCK_VIT##version, 1, 3, 1, 1, (c), .heads = 4, .depth = (layers),            \
                                                         .dim = (width)                            \
    }

/* Expansion e; channels of the five stages; widths of the three transformers. */
#define TABLE(v, e, a, b, c, d, f, x, y, z)                                                        \
    IR(0, 1, 1, e, a), IR(1, 1, 2, e, b), IR(1, 2, 1, e, b), IR(2, 1, 2, e, c),                    \
        VIT(v, 2, x, 2, c), IR(3, 1, 2, e, d), VIT(v, 3, y, 4, d), IR(4, 1, 2, e, f),              \
        VIT(v, 4, z, 3, f), {                                                                      \
        0                                                                                          \
    }
static const ln_stage v1_xxs[] = {TABLE(1, 2, 16, 24, 48, 64, 80, 64, 80, 96)};
static const ln_stage v1_xs[] = {TABLE(1, 4, 32, 48, 64, 80, 96, 96, 120, 144)};
static const ln_stage v1_s[] = {TABLE(1, 4, 32, 64, 96, 128, 160, 144, 192, 240)};
static const ln_stage v3_xxs[] = {TABLE(3, 2, 16, 24, 64, 80, 128, 64, 80, 96)};
static const ln_stage v3_xs[] = {TABLE(3, 4, 32, 48, 96, 160, 160, 96, 120, 144)};
static const ln_stage v3_s[] = {TABLE(3, 4, 32, 64, 128, 256, 320, 144, 192, 240)};
/* v2: the transformer has half the block's channels. */
static const ln_stage v2[] = {
    IR(0, 1, 1, 2, 64),   IR(1, 1, 2, 2, 128),
    IR(1, 1, 1, 2, 128),  IR(2, 1, 2, 2, 256),
    VIT(2, 2, 0, 2, 256), IR(3, 1, 2, 2, 384),
    VIT(2, 3, 0, 4, 384), IR(4, 1, 2, 2, 512),
    VIT(2, 4, 0, 3, 512), {0},
};

#define NET(scheme, table, in, ...)                                                                \
    LN_ARCH(.names = &(scheme), .stages = (table), .stem = (in), .act = LN_ACTID_SWISH,            \
            .eps = 1e-5f, .fix_head = true, __VA_ARGS__)
#define PREP(crop) LN_PREP(256, crop, BICUBIC, LN_ZERO_ONE)
/* v3's code reads pictures with OpenCV: BGR, sampled without a low-pass. */
#define CVNETS                                                                                     \
    {                                                                                              \
        .size = 256, .crop_pct = 256.0f / 288.0f, .resize = 288, .interp = LN_INTERP_BILINEAR,     \
        .bgr = true, .scale = 1.0f / 255.0f, LN_ZERO_ONE                                           \
    }
#define P1     "Mehta and Rastegari 2022, arXiv:2110.02178"
#define P2     "Mehta and Rastegari 2022, arXiv:2206.02680"
#define P3     "Wadekar and Chaurasia 2022, arXiv:2209.15159"
#define ROUND  "the published figures are rounded to 0.1 million parameters"
#define CVMACS "cvnets counts attention as N*C*C in place of N*N*C and adds biases"

static const ln_family_row rows[] = {
    {"mobilevit_xxs",
     "MobileViT",
     PREP(0.9f),
     1000,
     {1.3f, 0, 69.0f, P1},
     NET(ln_names_timm_vit, v1_xxs, 16, .head = 320),
     ROUND},
    {"mobilevit_xs",
     "MobileViT",
     PREP(0.9f),
     1000,
     {2.3f, 0, 74.8f, P1},
     NET(ln_names_timm_vit, v1_xs, 16, .head = 384),
     ROUND},
    {"mobilevit_s",
     "MobileViT",
     PREP(0.9f),
     1000,
     {5.6f, 0, 78.4f, P1},
     NET(ln_names_timm_vit, v1_s, 16, .head = 640),
     ROUND},
    {"mobilevitv2_050",
     "MobileViTv2",
     PREP(0.888f),
     1000,
     {1.4f, 0, 70.2f, P2},
     NET(ln_names_timm_vit, v2, 32, .width = 0.5),
     ROUND},
    {"mobilevitv2_100",
     "MobileViTv2",
     PREP(0.888f),
     1000,
     {4.9f, 0, 78.1f, P2},
     NET(ln_names_timm_vit, v2, 32, .width = 1.0),
     ROUND},
    {"mobilevitv3_xxs",
     "MobileViTv3",
     CVNETS,
     1000,
     {1.2f, 289, 70.98f, P3},
     NET(ln_names_cvnets, v3_xxs, 16, .head = 512),
     CVMACS},
    {"mobilevitv3_xs",
     "MobileViTv3",
     CVNETS,
     1000,
     {2.5f, 927, 76.7f, P3},
     NET(ln_names_cvnets, v3_xs, 16, .head = 640),
     CVMACS},
    {"mobilevitv3_s",
     "MobileViTv3",
     CVNETS,
     1000,
     {5.8f, 1841, 79.3f, P3},
     NET(ln_names_cvnets, v3_s, 16, .head = 960),
     CVMACS},
};
const ln_family_table ln_family_mobilevit = {rows, LN_COUNT(rows)};
