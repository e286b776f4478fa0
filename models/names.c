/* How each library names the tensors of the same networks. */
#include "models/arch.h"

#include <stdio.h>

void ln_block_name(const ln_names *n, const ln_pos *p, const char *tail, char out[LN_NAME_MAX]) {
    int len = snprintf(out, LN_NAME_MAX, n->block, p->stage + n->first_stage, p->index);
    snprintf(out + len, (size_t)(LN_NAME_MAX - len), "%s", tail);
}

/* Libraries that name a layer by its part in the block. */
typedef struct role_names {
    const char *conv, *bn;
} role_names;

static void by_role(const ln_names *n, const ln_pos *p, const role_names *r, char conv[LN_NAME_MAX],
                    char bn[LN_NAME_MAX]) {
    ln_block_name(n, p, r->conv, conv);
    ln_block_name(n, p, r->bn, bn);
}

static void timm_layer(const ln_pos *p, ln_role role, char conv[LN_NAME_MAX],
                       char bn[LN_NAME_MAX]) {
    static const role_names se = {"se.conv_reduce", "se.conv_expand"};
    static const role_names table[LN_BLOCK_KINDS][LN_ROLE_COUNT] = {
        [LN_BLOCK_DS] = {[LN_ROLE_DW] = {"conv_dw", "bn1"}, [LN_ROLE_PROJECT] = {"conv_pw", "bn2"}},
        [LN_BLOCK_DSA] =
            {[LN_ROLE_DW] = {"conv_dw", "bn1"}, [LN_ROLE_PROJECT] = {"conv_pw", "bn2"}},
        [LN_BLOCK_IR] = {[LN_ROLE_EXPAND] = {"conv_pw", "bn1"},
                         [LN_ROLE_DW] = {"conv_dw", "bn2"},
                         [LN_ROLE_PROJECT] = {"conv_pwl", "bn3"}},
        [LN_BLOCK_ER] =
            {[LN_ROLE_EXPAND] = {"conv_exp", "bn1"}, [LN_ROLE_PROJECT] = {"conv_pwl", "bn2"}},
        [LN_BLOCK_CN] = {[LN_ROLE_EXPAND] = {"conv", "bn1"}},
        [LN_BLOCK_UIR] = {[LN_ROLE_START] = {"dw_start.conv", "dw_start.bn"},
                          [LN_ROLE_EXPAND] = {"pw_exp.conv", "pw_exp.bn"},
                          [LN_ROLE_DW] = {"dw_mid.conv", "dw_mid.bn"},
                          [LN_ROLE_PROJECT] = {"pw_proj.conv", "pw_proj.bn"}},
    };
    by_role(&ln_names_timm, p, role == LN_ROLE_SE ? &se : &table[p->kind][role], conv, bn);
}

static void timm_vit_layer(const ln_pos *p, ln_role role, char conv[LN_NAME_MAX],
                           char bn[LN_NAME_MAX]) {
    static const role_names table[LN_ROLE_COUNT] = {
        [LN_ROLE_EXPAND] = {"conv1_1x1.conv", "conv1_1x1.bn"},
        [LN_ROLE_DW] = {"conv2_kxk.conv", "conv2_kxk.bn"},
        [LN_ROLE_PROJECT] = {"conv3_1x1.conv", "conv3_1x1.bn"},
    };
    by_role(&ln_names_timm_vit, p, &table[role], conv, bn);
}

static void cvnets_layer(const ln_pos *p, ln_role role, char conv[LN_NAME_MAX],
                         char bn[LN_NAME_MAX]) {
    static const role_names table[LN_ROLE_COUNT] = {
        [LN_ROLE_EXPAND] = {"block.exp_1x1.block.conv", "block.exp_1x1.block.norm"},
        [LN_ROLE_DW] = {"block.conv_3x3.block.conv", "block.conv_3x3.block.norm"},
        [LN_ROLE_PROJECT] = {"block.red_1x1.block.conv", "block.red_1x1.block.norm"},
    };
    by_role(&ln_names_cvnets, p, &table[role], conv, bn);
}

/* torchvision numbers the layers of a block: <block>.<layer>.0 and .1, SE as .fc1 and .fc2. */
static void numbered(const char *block, int layer, ln_role role, char conv[LN_NAME_MAX],
                     char bn[LN_NAME_MAX]) {
    snprintf(conv, LN_NAME_MAX, "%s.%d.%s", block, layer, role == LN_ROLE_SE ? "fc1" : "0");
    snprintf(bn, LN_NAME_MAX, "%s.%d.%s", block, layer, role == LN_ROLE_SE ? "fc2" : "1");
}

/* ... except that MobileNetV2's projection is not nested. */
static void tv_v2_layer(const ln_pos *p, ln_role role, char conv[LN_NAME_MAX],
                        char bn[LN_NAME_MAX]) {
    char block[32];
    snprintf(block, sizeof block, "features.%d.conv", p->flat + 1);
    numbered(block, p->layer, role, conv, bn);
    if (role != LN_ROLE_PROJECT) return;
    snprintf(conv, LN_NAME_MAX, "%s.%d", block, p->layer);
    snprintf(bn, LN_NAME_MAX, "%s.%d", block, p->layer + 1);
}

static void tv_v3_layer(const ln_pos *p, ln_role role, char conv[LN_NAME_MAX],
                        char bn[LN_NAME_MAX]) {
    char block[32];
    snprintf(block, sizeof block, "features.%d.block", p->flat + 1);
    numbered(block, p->layer, role, conv, bn);
    if (p->kind != LN_BLOCK_CN) return;
    snprintf(conv, LN_NAME_MAX, "features.%d.0", p->flat + 1);
    snprintf(bn, LN_NAME_MAX, "features.%d.1", p->flat + 1);
}

static void tv_efficientnet_layer(const ln_pos *p, ln_role role, char conv[LN_NAME_MAX],
                                  char bn[LN_NAME_MAX]) {
    char block[40];
    snprintf(block, sizeof block, "features.%d.%d.block", p->stage + 1, p->index);
    numbered(block, p->layer, role, conv, bn);
}

/* layers.3.. hold the first block flat, layers.8.. a stack for each stage. */
static void tv_mnasnet_layer(const ln_pos *p, ln_role role, char conv[LN_NAME_MAX],
                             char bn[LN_NAME_MAX]) {
    char block[40];
    int first = (p->stage ? 0 : 3) + 3 * p->layer;
    (void)role; /* counted, whatever its part */
    snprintf(block, sizeof block, "layers");
    if (p->stage) snprintf(block, sizeof block, "layers.%d.%d.layers", 7 + p->stage, p->index);
    snprintf(conv, LN_NAME_MAX, "%s.%d", block, first);
    snprintf(bn, LN_NAME_MAX, "%s.%d", block, first + 1);
}

const ln_names ln_names_timm = {
    .stem = "conv_stem",
    .stem_bn = "bn1",
    .head = "conv_head",
    .head_bn = "bn2",
    .classifier = "classifier",
    .block = "blocks.%d.%d.",
    .layer = timm_layer,
};
const ln_names ln_names_timm_v4 = {
    .stem = "conv_stem",
    .stem_bn = "bn1",
    .head = "conv_head",
    .head_bn = "norm_head",
    .classifier = "classifier",
    .block = "blocks.%d.%d.",
    .layer = timm_layer,
};
const ln_names ln_names_tv_v2 = {
    .stem = "features.0.0",
    .stem_bn = "features.0.1",
    .head = "features.18.0",
    .head_bn = "features.18.1",
    .classifier = "classifier.1",
    .block = "stage.%d.%d.",
    .layer = tv_v2_layer,
};
const ln_names ln_names_tv_v3 = {
    .stem = "features.0.0",
    .stem_bn = "features.0.1",
    .head = "classifier.0",
    .classifier = "classifier.3",
    .block = "stage.%d.%d.",
    .layer = tv_v3_layer,
};
const ln_names ln_names_tv_efficientnet = {
    .stem = "features.0.0",
    .stem_bn = "features.0.1",
    .head = "features.8.0",
    .head_bn = "features.8.1",
    .classifier = "classifier.1",
    .block = "features.%d.%d.",
    .first_stage = 1,
    .layer = tv_efficientnet_layer,
};
const ln_names ln_names_tv_mnasnet = {
    .stem = "layers.0",
    .stem_bn = "layers.1",
    .head = "layers.14",
    .head_bn = "layers.15",
    .classifier = "classifier.1",
    .block = "layers.%d.%d.",
    .first_stage = 7,
    .layer = tv_mnasnet_layer,
};
const ln_names ln_names_timm_vgg = {
    .head = "pre_logits.fc1",
    .head_bn = "pre_logits.fc2",
    .classifier = "head.fc",
    .block = "stage.%d.%d.",
};
const ln_names ln_names_tv_vgg = {
    .head = "classifier.0",
    .head_bn = "classifier.3",
    .classifier = "classifier.6",
    .block = "stage.%d.%d.",
};
const ln_names ln_names_shuffle1 = {
    .stem = "first_conv.0",
    .stem_bn = "first_conv.1",
    .classifier = "classifier.0",
    .block = "stage.%d.%d.",
};
const ln_names ln_names_shuffle2 = {
    .stem = "conv1.0",
    .stem_bn = "conv1.1",
    .head = "conv5.0",
    .head_bn = "conv5.1",
    .classifier = "fc",
    .block = "stage%d.%d.",
    .first_stage = 2,
};
const ln_names ln_names_timm_vit = {
    .stem = "stem.conv",
    .stem_bn = "stem.bn",
    .head = "final_conv.conv",
    .head_bn = "final_conv.bn",
    .classifier = "head.fc",
    .block = "stages.%d.%d.",
    .layer = timm_vit_layer,
};
const ln_names ln_names_cvnets = {
    .stem = "conv_1.block.conv",
    .stem_bn = "conv_1.block.norm",
    .head = "conv_1x1_exp.block.conv",
    .head_bn = "conv_1x1_exp.block.norm",
    .classifier = "classifier.fc",
    .block = "layer_%d.%d.",
    .first_stage = 1,
    .layer = cvnets_layer,
};
const ln_names ln_names_nasnet = {
    .stem = "conv0.conv",
    .stem_bn = "conv0.bn",
    .classifier = "last_linear",
    .block = "stage.%d.%d.",
};
