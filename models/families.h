/* Inside models/: the tables of rows, and short forms for what most rows share. */
#ifndef LN_FAMILIES_H
#define LN_FAMILIES_H

#include "models/arch.h"
#include "models/model.h"

typedef struct ln_family_table {
    const ln_family_row *rows;
    size_t count;
} ln_family_table;
extern const ln_family_table ln_family_v1, ln_family_v2, ln_family_v3, ln_family_v4, ln_family_lite,
    ln_family_efficientnet, ln_family_others, ln_family_mobilevit;
/* Blocks alone: found by name, not counted among the families. */
extern const ln_family_table ln_family_blocks;

/* Preprocessing in RGB: side, share of the resized side that the crop keeps, filter, statistics. */
#define LN_PREP(side, crop, filter, stats)                                                         \
    {                                                                                              \
        .size = (side), .crop_pct = (crop), .interp = LN_INTERP_##filter, .antialias = true,       \
        .scale = 1.0f / 255.0f, stats                                                              \
    }
#define LN_IMAGENET  .mean = {0.485f, 0.456f, 0.406f}, .std = {0.229f, 0.224f, 0.225f}
#define LN_INCEPTION .mean = {0.5f, 0.5f, 0.5f}, .std = {0.5f, 0.5f, 0.5f}
#define LN_ZERO_ONE  .mean = {0, 0, 0}, .std = {1, 1, 1}

/* Where published figures are from: timm's own count of operations, and its top-1 of the weights
 * that go with the row's size. */
#define LN_TIMM                                                                                    \
    "timm, results/: benchmark-infer-amp-nchw-pt240-cu124-rtx4090.csv, results-imagenet.csv"

#define LN_ARCH(...)                                                                               \
    &(const ln_arch) {                                                                             \
        __VA_ARGS__                                                                                \
    }

#endif
