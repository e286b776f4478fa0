/* How each library names the tensors of the same networks. */
#include "models/arch.h"

#include <stdio.h>

/* timm: blocks.<stage>.<index>.<layer>; the layer names depend on the kind of block. */
static void timm_layer(const ln_pos *p, ln_role role, char conv[LN_NAME_MAX],
                       char bn[LN_NAME_MAX]) {
    static const struct {
        const char *conv, *bn;
    } table[LN_BLOCK_KINDS][LN_ROLE_COUNT] = {
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
    const char *c = "add", *n = "";
    if (role == LN_ROLE_SE)
        c = "se.conv_reduce", n = "se.conv_expand";
    else if (role != LN_ROLE_COUNT)
        c = table[p->kind][role].conv, n = table[p->kind][role].bn;
    snprintf(conv, LN_NAME_MAX, "blocks.%d.%d.%s", p->stage, p->index, c);
    snprintf(bn, LN_NAME_MAX, "blocks.%d.%d.%s", p->stage, p->index, n);
}

/* torchvision numbers the layers of a block: <block>.<layer>.0 and .1, SE as .fc1 and .fc2. */
static void numbered(const char *block, int layer, ln_role role, char conv[LN_NAME_MAX],
                     char bn[LN_NAME_MAX]) {
    if (role == LN_ROLE_COUNT) {
        snprintf(conv, LN_NAME_MAX, "%s.add", block);
        return;
    }
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
    int first = p->stage ? 0 : 3;
    snprintf(block, sizeof block, "layers");
    if (p->stage) snprintf(block, sizeof block, "layers.%d.%d.layers", 7 + p->stage, p->index);
    numbered(block, 0, role, conv, bn);
    if (role == LN_ROLE_COUNT) return;
    snprintf(conv, LN_NAME_MAX, "%s.%d", block, first + 3 * p->layer);
    snprintf(bn, LN_NAME_MAX, "%s.%d", block, first + 3 * p->layer + 1);
}

const ln_names ln_names_timm = {"conv_stem", "bn1", "conv_head", "bn2", "classifier", timm_layer};
const ln_names ln_names_timm_v4 = {"conv_stem", "bn1",        "conv_head",
                                   "norm_head", "classifier", timm_layer};
const ln_names ln_names_tv_v2 = {"features.0.0",  "features.0.1", "features.18.0",
                                 "features.18.1", "classifier.1", tv_v2_layer};
const ln_names ln_names_tv_v3 = {"features.0.0", "features.0.1", "classifier.0", "",
                                 "classifier.3", tv_v3_layer};
const ln_names ln_names_tv_efficientnet = {"features.0.0", "features.0.1", "features.8.0",
                                           "features.8.1", "classifier.1", tv_efficientnet_layer};
const ln_names ln_names_tv_mnasnet = {"layers.0",  "layers.1",     "layers.14",
                                      "layers.15", "classifier.1", tv_mnasnet_layer};
