/* Blocks alone, to be timed without the network around them; named OP:NETWORK_SHAPE.
 *
 * mqa, mhsa: Mobile MQA beside multi-head attention of the same width and heads: the blocks of both
 * MobileNetV4 hybrids (Qin et al. 2024, arXiv:2404.10518, tables 14 and 15), and the same with keys
 * and values of every head from the whole map.
 * pw, dw, fc: the layers of MobileNetV2 at 224 and MobileNetV4 conv medium at 256: pointwise ones
 * that expand and project in turn, depthwise ones, the classifier.
 * clblast: the same pointwise and fully connected products by CLBlast.
 *
 * Four of them in a row (eight pointwise layers): reading and writing the maps would otherwise be
 * as much as the half of what is timed. */
#include "models/families.h"

#define BLOCK(name, side, classes, ...)                                                            \
    {                                                                                              \
        (name), "block alone", LN_PREP(side, 1.0f, BICUBIC, LN_ZERO_ONE), classes, {0},            \
            LN_ARCH(.names = &ln_names_timm_v4, .eps = 1e-5f, __VA_ARGS__), NULL                   \
    }
#define STAGES(...)                                                                                \
    .head_kind = LN_HEAD_NONE, .stages = (const ln_stage[]) {                                      \
        {__VA_ARGS__}, {                                                                           \
            0                                                                                      \
        }                                                                                          \
    }

/* width, side of the map at the network's own input size, heads, channels of a head, heads of keys
 * and values, stride of their depthwise */
#define ATTENTION(name, c, side, n, d, kv_n, kv_stride_)                                           \
    BLOCK(name, side, 0, .input = (c), .layer_scale = true,                                        \
          STAGES(0, LN_BLOCK_MQA, 4, 3, 1, 0, (c), .heads = (n), .head_dim = (d),                  \
                 .kv_heads = (kv_n), .kv_stride = (kv_stride_)))
#define PAIR(shape, c, side, n, d, kv_stride_)                                                     \
    ATTENTION("mqa:" shape, c, side, n, d, 1, kv_stride_),                                         \
        ATTENTION("mhsa:" shape, c, side, n, d, n, 1)

/* side of the map, channels, times as many in the middle */
#define POINTWISE(name, side, c, times, by_library)                                                \
    BLOCK(name, side, 0, .input = (c), .library = (by_library),                                    \
          STAGES(0, LN_BLOCK_UIR, 4, 0, 1, (times), (c), .flags = LN_STAGE_NO_SKIP))
#define POINTWISE_ALL(op, by_library)                                                              \
    POINTWISE(op "v2_56_24x144", 56, 24, 6, by_library),                                           \
        POINTWISE(op "v2_28_32x192", 28, 32, 6, by_library),                                       \
        POINTWISE(op "v2_14_64x384", 14, 64, 6, by_library),                                       \
        POINTWISE(op "v2_14_96x576", 14, 96, 6, by_library),                                       \
        POINTWISE(op "v2_7_160x960", 7, 160, 6, by_library),                                       \
        POINTWISE(op "v4_32_80x160", 32, 80, 2, by_library),                                       \
        POINTWISE(op "v4_16_160x640", 16, 160, 4, by_library),                                     \
        POINTWISE(op "v4_8_256x1024", 8, 256, 4, by_library)
#define DW(shape, side, c, kernel)                                                                 \
    BLOCK("dw:" shape, side, 0, .input = (c),                                                      \
          STAGES(0, LN_BLOCK_CN, 4, kernel, 1, 1, (c), .group_size = 1))
#define FULL(name, c, classes, by_library)                                                         \
    BLOCK(name, 1, classes, .input = (c), .library = (by_library),                                 \
          .stages = (const ln_stage[]){{0}})
static const ln_family_row rows[] = {
    PAIR("hybrid_medium_c160", 160, 16, 4, 64, 2),
    PAIR("hybrid_medium_c256", 256, 8, 4, 64, 1),
    PAIR("hybrid_large_c192", 192, 24, 8, 48, 2),
    PAIR("hybrid_large_c512", 512, 12, 8, 64, 1),
    POINTWISE_ALL("pw:", false),
    DW("v2_56_144_k3", 56, 144, 3),
    DW("v2_28_192_k3", 28, 192, 3),
    DW("v2_14_576_k3", 14, 576, 3),
    DW("v2_7_960_k3", 7, 960, 3),
    DW("v4_16_640_k5", 16, 640, 5),
    DW("v4_8_1024_k5", 8, 1024, 5),
    FULL("fc:v2_1280x1000", 1280, 1000, false),
    POINTWISE_ALL("clblast:", true),
    FULL("clblast:v2_1280x1000", 1280, 1000, true),
};
const ln_family_table ln_family_blocks = {rows, LN_COUNT(rows)};
