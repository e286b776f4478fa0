/* The one builder: stem, stages, head. */
#include "models/build.h"
#include "models/quantized.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int ln_make_divisible(double v, int divisor) {
    int n = (int)(v + divisor / 2.0) / divisor * divisor;
    n = LN_MAX(n, divisor);
    return n < 0.9 * v ? n + divisor : n;
}

ln_act ln_act_from(ln_act_id id) {
    switch (id) {
    case LN_ACTID_RELU: return ln_act_relu();
    case LN_ACTID_RELU6: return ln_act_relu6();
    case LN_ACTID_HARD_SWISH: return ln_act_of(LN_ACT_HARD_SWISH);
    case LN_ACTID_SWISH: return ln_act_of(LN_ACT_SWISH);
    case LN_ACTID_GELU: return ln_act_of(LN_ACT_GELU);
    case LN_ACTID_SIGMOID: return ln_act_of(LN_ACT_SIGMOID);
    case LN_ACTID_HARD_SIGMOID: return ln_act_of(LN_ACT_HARD_SIGMOID);
    }
    return ln_act_of(LN_ACT_NONE);
}

static int widened(const ln_arch *a, int channels) {
    return a->width > 0 ? ln_make_divisible(channels * a->width, 8) : channels;
}

/* Tan and Le 2019 round up. */
int ln_arch_repeats(const ln_arch *a, const ln_stage *s) {
    bool end = s == a->stages || s[1].kind == LN_BLOCK_END;
    if (a->depth <= 0 || (end && a->fix_depth_ends)) return s->repeats;
    return (int)ceil(s->repeats * a->depth);
}

static ln_tid stem(ln_build *b, ln_tid x) {
    const ln_arch *a = b->arch;
    ln_act act = ln_act_from(a->act);
    ln_layer l = {.out = a->fix_stem ? a->stem : widened(a, a->stem),
                  .kernel = a->stem_kernel ? a->stem_kernel : 3,
                  .stride = 2,
                  .valid = a->stem_linear};
    b->in = a->stem ? l.out : (int)ln_b_channels(b, x);
    if (!a->stem) return x;
    x = ln_b_conv_bn(b, x, a->names->stem, a->names->stem_bn, &l, a->stem_linear ? NULL : &act);
    if (!a->stem_pool) return x;
    ln_window win = {3, 3, 2, 2, 1, 1, 1, 1, 1, 1};
    return ln_b_pool(b, x, "maxpool", &(ln_pool_attr){.kind = LN_POOL_MAX, .win = win});
}

static ln_tid stages(ln_build *b, ln_tid x) {
    b->pos = (ln_pos){.stage = -1};
    for (const ln_stage *s = b->arch->stages; s->kind != LN_BLOCK_END; s++) {
        if (s->stage != b->pos.stage) b->pos.index = 0;
        b->pos.stage = s->stage;
        b->pos.kind = s->kind;
        int n = ln_arch_repeats(b->arch, s), out = widened(b->arch, s->out);
        for (int i = 0; i < n; i++, b->pos.index++, b->pos.flat++) {
            b->pos.layer = 0;
            x = ln_block_fns[s->kind](b, x, s, i ? 1 : s->stride, out);
            b->in = out;
        }
    }
    return x;
}

/* Output i of n averages input rows floor(i H / n) to ceil((i+1) H / n): windows that differ and
 * overlap, so each is a slice and a mean of its own, and the n x n means are channels until the
 * end (PyTorch, AdaptiveAvgPool2d). */
static ln_tid adaptive_mean(ln_build *b, ln_tid x, int n) {
    const ln_shape in = *ln_b_shape(b, x);
    ln_tid row[16], all[16];
    for (int i = 0; i < n * n; i++) {
        char name[48];
        ln_attr cut = {.slice = ln_slice_all(&in)};
        const int at[3] = {0, i / n, i % n};
        for (int d = 1; d < 3; d++) {
            cut.slice.begin[d] = at[d] * in.dim[d] / n;
            cut.slice.size.dim[d] = ln_ceil_div((at[d] + 1) * in.dim[d], n) - cut.slice.begin[d];
        }
        snprintf(name, sizeof name, "avgpool.%d.%d", at[1], at[2]);
        ln_tid part = ln_b_node(b, LN_OP_SLICE, name, &cut, &x, 1);
        row[at[2]] = ln_b_mean(b, part, name);
        if (at[2] == n - 1) all[at[1]] = ln_b_concat(b, row, n, name);
    }
    x = ln_b_concat(b, all, n, "avgpool");
    ln_attr map = {.reshape = {.shape = ln_nhwc(in.dim[0], n, n, in.dim[3])}};
    return ln_b_node(b, LN_OP_RESHAPE, "avgpool", &map, &x, 1);
}

/* Three layers over a 7x7 map. Where the weights are matrices the map is averaged to 7x7 first;
 * where they are convolutions they slide over a larger one, and the mean comes last. */
static ln_tid vgg_head(ln_build *b, ln_tid x) {
    const ln_arch *a = b->arch;
    enum { SIDE = 7 };
    const ln_shape *s = ln_b_shape(b, x);
    bool small = s->dim[1] < SIDE || s->dim[2]<SIDE, large = s->dim[1]> SIDE || s->dim[2] > SIDE;
    if (small && large && !a->head_fc && b->status == LINNET_OK)
        return ln_b_refuse(b, "one side is below 224 and the other is not");
    if (small || (large && a->head_fc)) x = adaptive_mean(b, x, SIDE);
    ln_layer l = {.out = a->head, .kernel = SIDE, .bias = true, .valid = true};
    l.matrix = a->head_fc;
    x = ln_b_relu(b, ln_b_conv(b, x, a->names->head, &l), a->names->head);
    l.kernel = 1;
    x = ln_b_relu(b, ln_b_conv(b, x, a->names->head_bn, &l), a->names->head_bn);
    return a->head_fc ? x : ln_b_mean(b, x, "global_pool");
}

/* The 1x1 of the head, with what follows it. */
static ln_tid head_layer(ln_build *b, ln_tid x, int c) {
    const ln_arch *a = b->arch;
    ln_act act = ln_act_from(a->act);
    ln_layer l = {.out = c, .kernel = 1, .bias = a->head_bias, .matrix = a->head_fc};
    if (a->head_kind == LN_HEAD_POOL_CONV)
        return ln_b_act(b, ln_b_conv(b, x, a->names->head, &l), a->names->head, act);
    return ln_b_conv_bn(b, x, a->names->head, a->names->head_bn, &l, &act);
}

static ln_tid head(ln_build *b, ln_tid x) {
    const ln_arch *a = b->arch;
    if (a->head_kind == LN_HEAD_NONE) return x;
    int c = a->fix_head || !a->head ? a->head : LN_MAX(a->head, widened(a, a->head));
    if (a->head_relu) x = ln_b_relu(b, x, "head");
    if (a->head_kind == LN_HEAD_VGG) {
        x = vgg_head(b, x);
    } else {
        bool last = a->head_kind == LN_HEAD_CONV_POOL;
        if (!last) x = ln_b_mean(b, x, "global_pool");
        if (c) x = head_layer(b, x, c);
        if (last) x = ln_b_mean(b, x, "global_pool");
    }
    return ln_b_fc(b, x, a->names->classifier, b->classes, !a->no_fc_bias);
}

static linnet_status check_size(const ln_arch *a, const char *name, int64_t batch, int64_t h,
                                int64_t w, linnet_error *err) {
    if (batch < 1 || batch > 65536)
        return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT, "%s: batch %lld is not in 1..65536", name,
                       (long long)batch);
    int least = a->input ? 1 : 32;
    if (h < least || w < least || h > 16384 || w > 16384)
        return ln_fail(err, LINNET_ERR_UNSUPPORTED,
                       "%s: input of %lldx%lld; sides from %d to 16384 are supported", name,
                       (long long)h, (long long)w, least);
    if (a->multiple && (h % a->multiple || w % a->multiple))
        return ln_fail(err, LINNET_ERR_UNSUPPORTED,
                       "%s: input of %lldx%lld; its sides must be multiples of %d", name,
                       (long long)h, (long long)w, a->multiple);
    return LINNET_OK;
}

linnet_status ln_network_build(const ln_arch *a, const char *name, int classes, ln_weights *weights,
                               int64_t batch, int64_t h, int64_t w, ln_graph **out,
                               linnet_error *err) {
    linnet_error own = {0};
    ln_build b = {.arch = a, .weights = weights, .classes = classes, .err = &own};
    *out = NULL;
    LN_TRY(check_size(a, name, batch, h, w, err));
    LN_TRY(ln_graph_create(name, &b.g, err));
    b.g->library = a->library;
    b.folded = weights && ln_weights_meta(weights, LN_META_QUANT);
    bool file = weights && !ln_weights_is_synthetic(weights);
    size_t n = file ? ln_weights_count(weights) : 0;
    if (file) b.used = calloc(n + 1, 1);
    linnet_status st = ln_widths_read(weights, &b.widths, &own);
    if (st == LINNET_OK && file && !b.used) st = ln_fail_oom(&own, "tensor flags", n);
    if (st == LINNET_OK) {
        ln_tid x =
            ln_graph_input(b.g, "input", ln_nhwc(batch, h, w, a->input ? a->input : 3), b.err);
        if (x == LN_NONE) b.status = b.err->status;
        x = stem(&b, x);
        b.prev = x;
        x = stages(&b, x);
        st = ln_b_finish(&b, head(&b, x));
    }
    free(b.used);
    ln_widths_free(&b.widths);
    ln_str_free(&b.problems);
    if (st != LINNET_OK) {
        ln_graph_destroy(&b.g);
        if (err) *err = own;
    }
    *out = b.g;
    return st;
}
