/* The one builder: stem, stages, head. */
#include "models/build.h"

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
    ln_layer l = {.out = a->fix_stem ? a->stem : widened(a, a->stem),
                  .kernel = a->stem_kernel ? a->stem_kernel : 3,
                  .stride = 2};
    x = ln_b_conv(b, x, a->names->stem, &l);
    x = ln_b_bn(b, x, a->names->stem_bn);
    return ln_b_act(b, x, a->names->stem_bn, ln_act_from(a->act));
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
        }
    }
    return x;
}

static ln_tid head(ln_build *b, ln_tid x) {
    const ln_arch *a = b->arch;
    const ln_names *n = a->names;
    int c = a->fix_head || !a->head ? a->head : LN_MAX(a->head, widened(a, a->head));
    ln_act act = ln_act_from(a->act);
    ln_layer l = {.out = c, .kernel = 1, .bias = a->head_bias};
    if (a->head_kind != LN_HEAD_CONV_POOL) x = ln_b_mean(b, x, "global_pool");
    if (c && a->head_fc) {
        x = ln_b_fc(b, x, n->head, c, a->head_bias);
        x = ln_b_act(b, x, n->head, act);
    } else if (c) {
        x = ln_b_conv(b, x, n->head, &l);
        if (a->head_kind != LN_HEAD_POOL_CONV) x = ln_b_bn(b, x, n->head_bn);
        x = ln_b_act(b, x, a->head_kind != LN_HEAD_POOL_CONV ? n->head_bn : n->head, act);
    }
    if (a->head_kind == LN_HEAD_CONV_POOL) x = ln_b_mean(b, x, "global_pool");
    return ln_b_fc(b, x, n->classifier, b->classes, true);
}

static linnet_status check_size(const char *name, int64_t batch, int64_t h, int64_t w,
                                linnet_error *err) {
    if (batch < 1 || batch > 65536)
        return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT, "%s: batch %lld is not in 1..65536", name,
                       (long long)batch);
    if (h < 32 || w < 32 || h > 16384 || w > 16384)
        return ln_fail(err, LINNET_ERR_UNSUPPORTED,
                       "%s: input of %lldx%lld; sides from 32 to 16384 are supported", name,
                       (long long)h, (long long)w);
    return LINNET_OK;
}

linnet_status ln_network_build(const ln_arch *a, const char *name, int classes, ln_weights *weights,
                               int64_t batch, int64_t h, int64_t w, ln_graph **out,
                               linnet_error *err) {
    linnet_error own = {0};
    ln_build b = {.arch = a, .weights = weights, .classes = classes, .err = err ? err : &own};
    *out = NULL;
    b.err->status = LINNET_OK;
    LN_TRY(check_size(name, batch, h, w, err));
    LN_TRY(ln_graph_create(name, &b.g, err));
    size_t n = weights ? ln_weights_count(weights) : 0;
    bool file = weights && !ln_weights_is_synthetic(weights);
    if (file) b.used = calloc(n + 1, 1);
    linnet_status st = LINNET_OK;
    if (file && !b.used) {
        st = ln_fail_oom(err, "tensor flags", n);
    } else {
        ln_tid x = ln_graph_input(b.g, "input", ln_nhwc(batch, h, w, 3), b.err);
        if (x == LN_NONE) b.status = b.err->status;
        x = stem(&b, x);
        x = stages(&b, x);
        st = ln_b_finish(&b, head(&b, x));
    }
    free(b.used);
    ln_str_free(&b.problems);
    if (st != LINNET_OK) ln_graph_destroy(&b.g);
    *out = b.g;
    return st;
}
