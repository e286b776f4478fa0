/* NASNet-A (Zoph et al. 2018, arXiv:1707.07012, figure 4), in the names of Cadene's
 * pretrained-models.pytorch. A cell reads the two before it: x, and prev. */
#include "models/build.h"

typedef struct cell {
    ln_build *b;
    char prefix[32];
    int c, stride;
} cell;

static void named(const cell *k, char out[LN_NAME_MAX], const char *tail) {
    snprintf(out, LN_NAME_MAX, "%s.%s", k->prefix, tail);
}

/* ReLU, 1x1, norm. */
static ln_tid squeeze(const cell *k, ln_tid x, const char *tail) {
    char relu[LN_NAME_MAX], conv[LN_NAME_MAX + 8], bn[LN_NAME_MAX + 8];
    named(k, relu, tail);
    snprintf(conv, sizeof conv, "%s.conv", relu);
    snprintf(bn, sizeof bn, "%s.bn", relu);
    x = ln_b_relu(k->b, x, relu);
    return ln_b_conv_bn(k->b, x, conv, bn, &(ln_layer){.out = k->c, .kernel = 1}, NULL);
}

/* Twice ReLU, depthwise, 1x1, norm; the stride is in the first. */
static ln_tid sep(const cell *k, ln_tid x, const char *branch, int kernel, int stride) {
    for (int i = 1; i <= 2; i++) {
        char name[LN_NAME_MAX], tail[64];
        int in = (int)ln_b_channels(k->b, x);
        ln_layer dw = {.out = in, .kernel = kernel, .stride = i == 1 ? stride : 1, .groups = in};
        snprintf(tail, sizeof tail, "comb_iter_%s.relu_%d", branch, i);
        named(k, name, tail);
        x = ln_b_relu(k->b, x, name);
        snprintf(tail, sizeof tail, "comb_iter_%s.separable_%d.depthwise_conv2d", branch, i);
        named(k, name, tail);
        x = ln_b_conv(k->b, x, name, &dw);
        snprintf(tail, sizeof tail, "comb_iter_%s.separable_%d.pointwise_conv2d", branch, i);
        named(k, name, tail);
        x = ln_b_conv(k->b, x, name, &(ln_layer){.out = k->c, .kernel = 1});
        snprintf(tail, sizeof tail, "comb_iter_%s.bn_sep_%d", branch, i);
        named(k, name, tail);
        x = ln_b_bn(k->b, x, name);
    }
    return x;
}

/* 3x3; averages divide by the pixels really there. */
static ln_tid pool(const cell *k, ln_tid x, const char *tail, ln_pool_kind kind, int stride) {
    char name[LN_NAME_MAX];
    const ln_shape *s = ln_b_shape(k->b, x);
    ln_pool_attr p = {.kind = kind, .win = {3, 3, stride, stride, 1, 1}};
    ln_window_same(&p.win, s->dim[1], s->dim[2]);
    named(k, name, tail);
    return ln_b_pool(k->b, x, name, &p);
}

static ln_tid add(const cell *k, ln_tid x, ln_tid y, const char *tail) {
    char name[LN_NAME_MAX];
    named(k, name, tail);
    return ln_b_add(k->b, x, y, name);
}

/* Every second pixel from (1,1) on, zeros beyond the map. */
static ln_tid odd_pixels(const cell *k, ln_tid x, int64_t h, int64_t w) {
    char name[LN_NAME_MAX];
    const ln_shape *s = ln_b_shape(k->b, x);
    ln_attr slice = {.slice = ln_slice_all(s)}, fill = {.pad = {.value = 0}};
    for (int i = 1; i <= 2; i++) {
        slice.slice.begin[i] = 1;
        slice.slice.step[i] = 2;
        slice.slice.size.dim[i] = s->dim[i] / 2;
    }
    fill.pad.after[1] = h - s->dim[1] / 2;
    fill.pad.after[2] = w - s->dim[2] / 2;
    named(k, name, "path_2.shift");
    x = ln_b_node(k->b, LN_OP_SLICE, name, &slice, &x, 1);
    if (!fill.pad.after[1] && !fill.pad.after[2]) return x;
    named(k, name, "path_2.pad");
    return ln_b_node(k->b, LN_OP_PAD, name, &fill, &x, 1);
}

/* A prev of twice the size: two paths of every second pixel, the second shifted by one. */
static ln_tid factorised(const cell *k, ln_tid prev, int64_t h, int64_t w) {
    char name[LN_NAME_MAX];
    ln_tid path[2];
    ln_layer one = {.out = k->c / 2, .kernel = 1, .stride = 2, .valid = true};
    ln_layer two = {.out = k->c / 2, .kernel = 1};
    named(k, name, "path_1");
    ln_tid r = ln_b_relu(k->b, prev, name);
    named(k, name, "path_1.conv");
    path[0] = ln_b_conv(k->b, r, name, &one);
    r = odd_pixels(k, r, h, w);
    named(k, name, "path_2.conv");
    path[1] = ln_b_conv(k->b, r, name, &two);
    named(k, name, "final_path");
    r = ln_b_concat(k->b, path, 2, name);
    named(k, name, "final_path_bn");
    return ln_b_bn(k->b, r, name);
}

/* The two inputs, adjusted to the cell's width and size; *left from prev, *right from x. Tensors
 * are asked for in the order of the file. */
static void adjust(const cell *k, ln_tid x, ln_tid *left, ln_tid *right) {
    const ln_shape *xs = ln_b_shape(k->b, x), *ps = ln_b_shape(k->b, k->b->prev);
    int64_t h = xs->dim[1], w = xs->dim[2];
    if (h == ps->dim[1]) {
        *left = squeeze(k, k->b->prev, "conv_prev_1x1");
        *right = squeeze(k, x, "conv_1x1");
        return;
    }
    *right = squeeze(k, x, "conv_1x1");
    *left = factorised(k, k->b->prev, h, w);
}

ln_tid ln_block_nas_normal(ln_build *b, ln_tid x, const ln_stage *s, int stride, int out) {
    cell k = {.b = b, .c = out};
    ln_tid l, r, y[6], t;
    (void)s, (void)stride;
    snprintf(k.prefix, sizeof k.prefix, "cell_%d", b->pos.flat - 2 + b->pos.stage);
    adjust(&k, x, &l, &r);
    y[0] = l;
    t = sep(&k, r, "0_left", 5, 1);
    y[1] = add(&k, t, sep(&k, l, "0_right", 3, 1), "comb_iter_0");
    t = sep(&k, l, "1_left", 5, 1);
    y[2] = add(&k, t, sep(&k, l, "1_right", 3, 1), "comb_iter_1");
    y[3] = add(&k, pool(&k, r, "comb_iter_2_left", LN_POOL_AVG, 1), l, "comb_iter_2");
    t = pool(&k, l, "comb_iter_3_left", LN_POOL_AVG, 1);
    y[4] = add(&k, t, t, "comb_iter_3");
    y[5] = add(&k, sep(&k, r, "4_left", 3, 1), r, "comb_iter_4");
    char name[LN_NAME_MAX];
    named(&k, name, "concat");
    b->prev = x;
    return ln_b_concat(b, y, 6, name);
}

/* Halves the map. The first stem cell has one input, and takes it as it is on the left. */
ln_tid ln_block_nas_reduce(ln_build *b, ln_tid x, const ln_stage *s, int stride, int out) {
    cell k = {.b = b, .c = out};
    ln_tid l = x, r, c0, y[4], t;
    (void)stride;
    if (s->kind == LN_BLOCK_NAS_STEM)
        snprintf(k.prefix, sizeof k.prefix, "cell_stem_%d", b->pos.flat);
    else
        snprintf(k.prefix, sizeof k.prefix, "reduction_cell_%d", b->pos.stage);
    if (b->pos.flat == 0)
        r = squeeze(&k, x, "conv_1x1");
    else
        adjust(&k, x, &l, &r);
    t = sep(&k, r, "0_left", 5, 2);
    c0 = add(&k, t, sep(&k, l, "0_right", 7, 2), "comb_iter_0");
    t = pool(&k, r, "comb_iter_1_left", LN_POOL_MAX, 2);
    y[0] = add(&k, t, sep(&k, l, "1_right", 7, 2), "comb_iter_1");
    ln_tid mean = pool(&k, r, "comb_iter_2_left", LN_POOL_AVG, 2);
    y[1] = add(&k, mean, sep(&k, l, "2_right", 5, 2), "comb_iter_2");
    y[2] = add(&k, pool(&k, c0, "comb_iter_3_right", LN_POOL_AVG, 1), y[0], "comb_iter_3");
    y[3] = add(&k, sep(&k, c0, "4_left", 3, 1), t, "comb_iter_4");
    char name[LN_NAME_MAX];
    named(&k, name, "concat");
    b->prev = x;
    return ln_b_concat(b, y, 4, name);
}
