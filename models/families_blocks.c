/* Attention blocks alone, so that Mobile MQA can be timed beside multi-head attention of the same
 * width and heads, without the network around them: the blocks of both MobileNetV4 hybrids (Qin et
 * al. 2024, arXiv:2404.10518, tables 14 and 15), and the same with keys and values of every head
 * from the whole map. Named OP:NETWORK_cWIDTH.
 *
 * Four of them in a row, as many as each network has of each shape: reading and writing the maps
 * would otherwise be as much as the half of what is timed. */
#include "models/families.h"

/* width, side of the map at the network's own input size, heads, channels of a head, heads of keys
 * and values, stride of their depthwise */
#define BLOCK(name, c, side, n, d, kv_n, kv_stride_)                                               \
    {                                                                                              \
        (name), "attention block", LN_PREP(side, 1.0f, BICUBIC, LN_ZERO_ONE), 0, {0},              \
            LN_ARCH(.names = &ln_names_timm_v4, .input = (c), .head_kind = LN_HEAD_NONE,           \
                    .eps = 1e-5f, .layer_scale = true,                                             \
                    .stages = (const ln_stage[]){{0, LN_BLOCK_MQA, 4, 3, 1, 0, (c), .heads = (n),  \
                                                  .head_dim = (d), .kv_heads = (kv_n),             \
                                                  .kv_stride = (kv_stride_)},                      \
                                                 {0}}),                                            \
            NULL                                                                                   \
    }
#define PAIR(shape, c, side, n, d, kv_stride_)                                                     \
    BLOCK("mqa:" shape, c, side, n, d, 1, kv_stride_), BLOCK("mhsa:" shape, c, side, n, d, n, 1)

static const ln_family_row rows[] = {
    PAIR("hybrid_medium_c160", 160, 16, 4, 64, 2),
    PAIR("hybrid_medium_c256", 256, 8, 4, 64, 1),
    PAIR("hybrid_large_c192", 192, 24, 8, 48, 2),
    PAIR("hybrid_large_c512", 512, 12, 8, 64, 1),
};
const ln_family_table ln_family_blocks = {rows, LN_COUNT(rows)};
