/* VGG (Simonyan and Zisserman 2015) and the ShuffleNets: v1 Zhang et al. 2018 in megvii's
 * checkpoints, v2 Ma et al. 2018 in torchvision's. */
#include "models/build.h"

/* Layers are numbered through the network: convolution, [norm], activation, ..., pool. */
ln_tid ln_block_vgg(ln_build *b, ln_tid x, const ln_stage *s, int stride, int out) {
    ln_layer conv = {.out = out, .kernel = s->kernel, .stride = stride, .bias = true};
    for (int i = 0; i < s->depth; i++) {
        char name[LN_NAME_MAX], bn[LN_NAME_MAX];
        snprintf(name, sizeof name, "features.%d", b->pos.serial++);
        x = ln_b_conv(b, x, name, &conv);
        if (b->arch->batch_norm) {
            snprintf(bn, sizeof bn, "features.%d", b->pos.serial++);
            x = ln_b_bn(b, x, bn);
        }
        x = ln_b_relu(b, x, name);
        b->pos.serial++;
    }
    char name[LN_NAME_MAX];
    snprintf(name, sizeof name, "features.%d", b->pos.serial++);
    return ln_b_pool(b, x, name, &(ln_pool_attr){.kind = LN_POOL_MAX, .win = {2, 2, 2, 2, 1, 1}});
}

static ln_tid shuffle(ln_build *b, ln_tid x, int groups, const char *name) {
    ln_attr attr = {.shuffle = {.groups = groups}};
    return ln_b_node(b, LN_OP_CHANNEL_SHUFFLE, name, &attr, &x, 1);
}

/* Convolution `<prefix>.<at>` and norm `<prefix>.<at + 1>`. */
static ln_tid pair(ln_build *b, ln_tid x, const char *prefix, int at, const ln_layer *l,
                   bool relu) {
    char conv[LN_NAME_MAX], bn[LN_NAME_MAX];
    ln_act act = ln_act_relu();
    snprintf(conv, sizeof conv, "%s.%d", prefix, at);
    snprintf(bn, sizeof bn, "%s.%d", prefix, at + 1);
    return ln_b_conv_bn(b, x, conv, bn, l, relu ? &act : NULL);
}

/* Figure 2: b for stride 1, c for stride 2. The code shuffles channels as [C/g, g] to [g, C/g],
 * which is the inverse of the paper's. */
ln_tid ln_block_shuffle1(ln_build *b, ln_tid x, const ln_stage *s, int stride, int out) {
    char main1[LN_NAME_MAX], main2[LN_NAME_MAX], name[LN_NAME_MAX];
    int in = (int)ln_b_channels(b, x), mid = out / 4;
    snprintf(main1, sizeof main1, "features.%d.branch_main_1", b->pos.flat);
    snprintf(main2, sizeof main2, "features.%d.branch_main_2", b->pos.flat);
    ln_layer squeeze = {.out = mid, .kernel = 1, .groups = b->pos.flat ? s->groups : 1};
    ln_layer dw = {.out = mid, .kernel = s->kernel, .stride = stride, .groups = mid};
    ln_layer expand = {.out = stride > 1 ? out - in : out, .kernel = 1, .groups = s->groups};
    ln_tid y = pair(b, x, main1, 0, &squeeze, true);
    y = pair(b, y, main1, 3, &dw, false);
    snprintf(name, sizeof name, "features.%d.shuffle", b->pos.flat);
    y = shuffle(b, y, mid / s->groups, name);
    y = pair(b, y, main2, 0, &expand, false);
    snprintf(name, sizeof name, "features.%d.join", b->pos.flat);
    if (stride == 1) return ln_b_relu(b, ln_b_add(b, x, y, name), name);
    ln_pool_attr mean = {.kind = LN_POOL_AVG, .count_pad = true};
    mean.win = (ln_window){3, 3, 2, 2, 1, 1, 1, 1, 1, 1};
    char pool[LN_NAME_MAX];
    snprintf(pool, sizeof pool, "features.%d.branch_proj", b->pos.flat);
    ln_tid both[2] = {ln_b_pool(b, x, pool, &mean), ln_b_relu(b, y, main2)};
    return ln_b_concat(b, both, 2, name);
}

static ln_tid half(ln_build *b, ln_tid x, bool second, const char *tail) {
    char name[LN_NAME_MAX];
    ln_attr attr = {.slice = ln_slice_all(ln_b_shape(b, x))};
    int64_t c = ln_b_channels(b, x) / 2;
    attr.slice.begin[3] = second ? c : 0;
    attr.slice.size.dim[3] = c;
    ln_b_name(b, tail, name);
    return ln_b_node(b, LN_OP_SLICE, name, &attr, &x, 1);
}

/* Figure 3: c for stride 1, d for stride 2. */
ln_tid ln_block_shuffle2(ln_build *b, ln_tid x, const ln_stage *s, int stride, int out) {
    char one[LN_NAME_MAX], two[LN_NAME_MAX], name[LN_NAME_MAX];
    int in = (int)ln_b_channels(b, x), mid = out / 2;
    ln_b_name(b, "branch1", one);
    ln_b_name(b, "branch2", two);
    ln_layer shrink = {.out = in, .kernel = s->kernel, .stride = stride, .groups = in};
    ln_layer dw = {.kernel = s->kernel, .stride = stride};
    ln_layer pw = {.out = mid, .kernel = 1};
    ln_tid both[2], y = x;
    if (stride == 1) {
        both[0] = half(b, x, false, "keep");
        y = half(b, x, true, "work");
    } else {
        both[0] = pair(b, pair(b, x, one, 0, &shrink, false), one, 2, &pw, true);
    }
    y = pair(b, y, two, 0, &pw, true);
    dw.out = dw.groups = (int)ln_b_channels(b, y);
    y = pair(b, y, two, 3, &dw, false);
    both[1] = pair(b, y, two, 5, &pw, true);
    ln_b_name(b, "concat", name);
    y = ln_b_concat(b, both, 2, name);
    ln_b_name(b, "shuffle", name);
    return shuffle(b, y, 2, name);
}
