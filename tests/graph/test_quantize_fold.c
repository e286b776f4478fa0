/* QUANTIZE and DEQUANTIZE around nodes of floats: which become nodes of bytes, which must not. */
#include "engine/quantize.h"
#include "util.h"

static const ln_attr none;

static ln_tid to_q(tg *t, const char *name, ln_tid x, float scale, int zero) {
    const ln_tid y = TG(t, QUANTIZE, name, none, x);
    ck_assert_int_eq(ln_graph_set_quant(t->g, y, scale, zero, &t->err), LINNET_OK);
    return y;
}

/* There and back. */
static ln_tid pair(tg *t, const char *name, ln_tid x, float scale, int zero) {
    return TG(t, DEQUANTIZE, name, none, to_q(t, name, x, scale, zero));
}

static ln_tid start(tg *t) {
    return pair(t, "x", tg_input(t, 1, 4, 4, 8), 1.0f / 64, 3);
}

static ln_tid conv(tg *t, ln_tid x) {
    return tg_conv(t, "conv", x, 8, 3, 1, 1, true);
}

static ln_tid mean(tg *t, ln_tid x) {
    return TG(t, POOL, "mean", ((ln_attr){.pool = {.kind = LN_POOL_AVG, .global = true}}), x);
}

static ln_tid pool(tg *t, ln_tid x, ln_pool_kind kind) {
    const ln_window win = {2, 2, 2, 2, 1, 1, 0, 0, 0, 0};
    return TG(t, POOL, "pool", ((ln_attr){.pool = {.kind = kind, .win = win}}), x);
}

static ln_tid sum(tg *t, ln_tid x, ln_tid y) {
    return TG(t, ADD, "sum", ((ln_attr){.binary = {{0}}}), x, y);
}

static ln_tid classifier(tg *t, ln_tid x, int64_t n) {
    const ln_tid w = tg_const(t, "fc.weight", (ln_shape){2, {5, n}}, false, true);
    return TG(t, FC, "fc", ((ln_attr){.fc = {{0}}}), x, w);
}

static ln_tid reshape(tg *t, ln_tid x, ln_shape s) {
    return TG(t, RESHAPE, "reshape", ((ln_attr){.reshape = {.shape = s}}), x);
}

/* ---- what is folded ---- */
static ln_tid between(tg *t) {
    return pair(t, "y", conv(t, start(t)), 0.05f, -7);
}
static ln_tid clamped(tg *t) {
    return pair(t, "y", tg_act(t, "relu6", conv(t, start(t)), ln_act_relu6()), 0.05f, -128);
}
static ln_tid clamp_apart(tg *t) { /* bytes before it and behind it */
    return pair(t, "y", tg_act(t, "relu6", between(t), ln_act_relu6()), 0.04f, -128);
}
static ln_tid table(tg *t) {
    return pair(t, "y", tg_act(t, "swish", between(t), ln_act_of(LN_ACT_HARD_SWISH)), 0.04f, -100);
}
static ln_tid residual(tg *t) {
    const ln_tid x = start(t);
    return pair(t, "y", sum(t, pair(t, "c", conv(t, x), 0.05f, 0), x), 0.06f, 1);
}
static ln_tid gate(tg *t) {
    const ln_tid x = start(t);
    const ln_tid g = pair(t, "g", mean(t, x), 0.01f, 0);
    return pair(t, "y", TG(t, MUL, "mul", ((ln_attr){.binary = {{0}}}), x, g), 0.01f, 0);
}
static ln_tid joined(tg *t) { /* operands of two scales, one of them the result's */
    const ln_tid x = start(t), c = pair(t, "c", conv(t, x), 0.05f, 0);
    return pair(t, "y", TG(t, CONCAT, "join", ((ln_attr){.concat = {0}}), x, c), 0.05f, 0);
}
static ln_tid pooled(tg *t) {
    return pair(t, "y", pool(t, start(t), LN_POOL_MAX), 1.0f / 64, 3);
}
static ln_tid averaged(tg *t) { /* of another scale: a step more */
    return pair(t, "y", pool(t, start(t), LN_POOL_AVG), 0.01f, 0);
}
static ln_tid meant(tg *t) {
    return pair(t, "y", mean(t, start(t)), 0.005f, 2);
}
static ln_tid reduced(tg *t) {
    const ln_attr a = {.reduce = {.kind = LN_REDUCE_MEAN, .axes = 6, .keep = true}};
    return pair(t, "y", TG(t, REDUCE, "reduce", a, start(t)), 0.005f, 2);
}
static ln_tid reshaped(tg *t) { /* what is quantized is the layer's result in another shape */
    const ln_tid x = reshape(t, start(t), (ln_shape){2, {1, 128}});
    return pair(t, "y", reshape(t, classifier(t, x, 128), (ln_shape){3, {1, 5, 1}}), 0.1f, 0);
}
static ln_tid moved(tg *t) {
    ln_tid y = TG(t, CHANNEL_SHUFFLE, "shuffle", ((ln_attr){.shuffle = {.groups = 2}}), start(t));
    y = TG(t, PERMUTE, "permute", ((ln_attr){.permute = {{0, 3, 1, 2}}}), y);
    ln_attr cut = {.slice = ln_slice_all(&t->g->tensor[y].shape)};
    cut.slice.size.dim[1] = 3;
    y = TG(t, SLICE, "slice", cut, y);
    y = TG(t, PAD, "pad", ((ln_attr){.pad = {.before = {0, 0, 1, 0}}}), y);
    y = TG(t, TILE, "tile", ((ln_attr){.tile = {{4, {2, 3, 5, 4}}}}), y);
    return pair(t, "y", y, 1.0f / 64, 3);
}
static ln_tid rescaled(tg *t) {
    return pair(t, "y", start(t), 0.03f, 0);
}
static ln_tid twice_alike(tg *t) { /* two readers of one scale: quantized once */
    const ln_tid c = conv(t, start(t));
    return sum(t, pair(t, "y", c, 0.05f, -7), pair(t, "z", c, 0.05f, -7));
}

/* ---- what is not ---- */
static ln_tid shared(tg *t) { /* read as floats too */
    const ln_tid c = conv(t, start(t));
    return sum(t, pair(t, "y", c, 0.05f, -7), tg_act(t, "tanh", c, ln_act_of(LN_ACT_TANH)));
}
static ln_tid an_output(tg *t) {
    const ln_tid c = conv(t, start(t));
    tg_output(t, pair(t, "y", c, 0.05f, -7));
    return c;
}
static ln_tid twice(tg *t) { /* in two scales */
    const ln_tid c = conv(t, start(t));
    return sum(t, pair(t, "y", c, 0.05f, -7), pair(t, "z", c, 0.03f, -7));
}
static ln_tid of_floats(tg *t) {
    return pair(t, "y", conv(t, tg_input(t, 1, 4, 4, 8)), 0.05f, -7);
}
static ln_tid to_floats(tg *t) {
    return conv(t, start(t));
}
static ln_tid weighed_by_another(tg *t) { /* weights that the network computes */
    const ln_tid w = TG(t, MAP, "w", ((ln_attr){.map = {.kind = LN_MAP_COPY}}),
                        tg_const(t, "weight", (ln_shape){4, {8, 1, 1, 8}}, false, true));
    return pair(t, "y", TG(t, CONV2D, "dynamic", tg_conv_attr(1, 1, 0, 1), start(t), w), 0.1f, 0);
}
static ln_tid half_bytes(tg *t) { /* an operand that is floats */
    const ln_tid x = start(t);
    return pair(t, "y", sum(t, x, tg_act(t, "tanh", x, ln_act_of(LN_ACT_TANH))), 0.03f, 0);
}
static ln_tid summed(tg *t) {
    const ln_attr a = {.reduce = {.kind = LN_REDUCE_SUM, .axes = 6, .keep = true}};
    return pair(t, "y", TG(t, REDUCE, "reduce", a, start(t)), 0.2f, 2);
}
static ln_tid other_axes(tg *t) {
    const ln_attr a = {.reduce = {.kind = LN_REDUCE_MEAN, .axes = 8, .keep = true}};
    return pair(t, "y", TG(t, REDUCE, "reduce", a, start(t)), 0.01f, 2);
}
static ln_tid mean_of_rows(tg *t) { /* axes 1 and 2, but no pictures */
    const ln_attr a = {.reduce = {.kind = LN_REDUCE_MEAN, .axes = 6, .keep = true}};
    const ln_tid x = reshape(t, start(t), (ln_shape){3, {1, 16, 8}});
    return pair(t, "y", TG(t, REDUCE, "reduce", a, x), 0.01f, 2);
}
static ln_tid mean_to_floats(tg *t) {
    return mean(t, start(t));
}
static ln_tid pool_of_floats(tg *t) {
    return pair(t, "y", pool(t, tg_input(t, 1, 4, 4, 8), LN_POOL_MAX), 1.0f / 64, 3);
}
static ln_tid places(tg *t) {
    const ln_window win = {2, 2, 2, 2, 1, 1, 0, 0, 0, 0};
    const ln_attr a = {.pool = {.kind = LN_POOL_MAX, .win = win, .indices = LN_INDICES_ROWS}};
    return pair(t, "y", TG(t, POOL, "places", a, start(t)), 1.0f / 64, 3);
}
static ln_tid moved_floats(tg *t) {
    const ln_tid x = tg_input(t, 1, 4, 4, 8);
    const ln_tid y = TG(t, CHANNEL_SHUFFLE, "shuffle", ((ln_attr){.shuffle = {.groups = 2}}), x);
    return pair(t, "y", TG(t, PERMUTE, "permute", ((ln_attr){.permute = {{0, 3, 1, 2}}}), y),
                1.0f / 64, 3);
}
static ln_tid no_activation(tg *t) {
    return pair(t, "y", tg_act(t, "as it is", start(t), (ln_act){0}), 1.0f / 64, 3);
}
static ln_tid softmax(tg *t) {
    return pair(t, "y", TG(t, SOFTMAX, "softmax", none, start(t)), 1.0f / 256, -128);
}
static ln_tid apart(tg *t) { /* a concat of which one part is floats */
    const ln_tid x = start(t), y = tg_act(t, "tanh", x, ln_act_of(LN_ACT_TANH));
    return pair(t, "y", TG(t, CONCAT, "join", ((ln_attr){.concat = {0}}), x, y), 1.0f / 64, 0);
}

typedef struct fold {
    const char *what;
    ln_tid (*make)(tg *t);
    ln_op op;         /* which of its nodes */
    int bytes, reals; /* make I8, and F32 */
    int q, dq;        /* conversions that are left */
    float off;        /* the most that the answer may move: a step and the last bit */
} fold;
static const fold list[] = {
    {"between", between, LN_OP_CONV2D, 1, 0, 1, 1, 0.051f},
    {"clamped", clamped, LN_OP_CONV2D, 1, 0, 1, 1, 0.051f},
    {"clamp apart", clamp_apart, LN_OP_ACT, 1, 0, 1, 1, 0.1f},
    {"table", table, LN_OP_ACT, 1, 0, 1, 1, 0.1f},
    {"residual", residual, LN_OP_ADD, 1, 0, 1, 1, 0.12f},
    {"gate", gate, LN_OP_MUL, 1, 0, 1, 1, 0.021f},
    {"joined", joined, LN_OP_CONCAT, 1, 0, 2, 1, 0.051f},
    {"pooled", pooled, LN_OP_POOL, 1, 0, 1, 1, 1e-6f},
    {"averaged", averaged, LN_OP_POOL, 1, 0, 2, 1, 0.021f},
    {"mean", meant, LN_OP_REDUCE, 1, 0, 1, 1, 0.0051f},
    {"reduced", reduced, LN_OP_REDUCE, 1, 0, 1, 1, 0.0051f},
    {"reshaped", reshaped, LN_OP_FC, 1, 0, 1, 1, 0.101f},
    {"moved", moved, LN_OP_PERMUTE, 2, 0, 1, 1, 1e-6f},
    {"rescaled", rescaled, LN_OP_QUANTIZE, 2, 0, 2, 1, 0.031f},
    {"twice alike", twice_alike, LN_OP_CONV2D, 1, 0, 1, 2, 0.11f},
    {"shared", shared, LN_OP_CONV2D, 0, 1, 2, 2, 1e-6f},
    {"an output", an_output, LN_OP_CONV2D, 0, 1, 2, 2, 1e-6f},
    {"twice", twice, LN_OP_CONV2D, 0, 1, 3, 3, 1e-6f},
    {"of floats", of_floats, LN_OP_CONV2D, 0, 1, 1, 1, 1e-6f},
    {"to floats", to_floats, LN_OP_CONV2D, 0, 1, 1, 1, 1e-6f},
    {"weighed by another", weighed_by_another, LN_OP_CONV2D, 0, 1, 2, 2, 1e-6f},
    {"half bytes", half_bytes, LN_OP_ADD, 0, 1, 2, 2, 1e-6f},
    {"summed", summed, LN_OP_REDUCE, 0, 1, 2, 2, 1e-6f},
    {"other axes", other_axes, LN_OP_REDUCE, 0, 1, 2, 2, 1e-6f},
    {"mean of rows", mean_of_rows, LN_OP_REDUCE, 0, 1, 2, 2, 1e-6f},
    {"mean to floats", mean_to_floats, LN_OP_POOL, 0, 1, 1, 1, 1e-6f},
    {"pool of floats", pool_of_floats, LN_OP_POOL, 0, 1, 1, 1, 1e-6f},
    {"places", places, LN_OP_POOL, 0, 1, 2, 2, 1e-6f},
    {"moved floats", moved_floats, LN_OP_PERMUTE, 0, 1, 1, 1, 1e-6f},
    {"no activation", no_activation, LN_OP_ACT, 0, 1, 2, 2, 1e-6f},
    {"softmax", softmax, LN_OP_SOFTMAX, 0, 1, 2, 2, 1e-6f},
    {"apart", apart, LN_OP_CONCAT, 0, 1, 2, 2, 1e-6f},
};

START_TEST(folds) {
    const fold *f = &list[_i];
    tg t;
    tg_open(&t, 11);
    tg_output(&t, f->make(&t));
    if (f->make != weighed_by_another) tg_all_bytes(&t);
    const int last = t.g->n_output - 1;
    const int64_t n = tg_count(t.g, t.g->output[last]), params = t.g->params, macs = t.g->macs;
    float *want = tg_run(&t, 7, last);
    ck_assert_msg(ln_quantize_fold(t.g, &t.err) == LINNET_OK, "%s: %s", f->what, t.err.message);
    ck_assert_int_eq(t.g->params, params);
    ck_assert_int_eq(t.g->macs, macs);
    ck_assert_int_eq(t.g->tensor[t.g->output[last]].dtype, LN_F32);
    const int counts[] = {tg_count_type(&t, f->op, LN_I8), tg_count_type(&t, f->op, LN_F32),
                          tg_count_op(&t, LN_OP_QUANTIZE), tg_count_op(&t, LN_OP_DEQUANTIZE)};
    ck_assert_msg(counts[0] == f->bytes && counts[1] == f->reals, "%s: %d of bytes, %d of floats",
                  f->what, counts[0], counts[1]);
    ck_assert_msg(counts[2] == f->q && counts[3] == f->dq, "%s: %d quantize, %d dequantize",
                  f->what, counts[2], counts[3]);
    float *got = tg_run(&t, 7, last);
    for (int64_t i = 0; i < n; i++)
        ck_assert_msg(fabsf(got[i] - want[i]) <= f->off, "%s: %g and not %g", f->what,
                      (double)got[i], (double)want[i]);
    free(want);
    free(got);
    tg_close(&t);
}
END_TEST

/* Weights with a zero point fold as those without; floats do not. */
START_TEST(weights) {
    for (int k = 0; k < 3; k++) {
        tg t;
        tg_open(&t, 12);
        tg_output(&t, between(&t));
        if (k) tg_all_bytes(&t);
        for (int i = 0; k > 1 && i < t.g->n_node; i++)
            if (t.g->node[i].op == LN_OP_CONV2D) t.g->tensor[t.g->node[i].in[1]].view.zero = -9;
        float *want = tg_run(&t, 7, 0);
        ck_assert_int_eq(ln_quantize_fold(t.g, &t.err), LINNET_OK);
        ck_assert_int_eq(tg_count_type(&t, LN_OP_CONV2D, LN_I8), k > 0);
        float *got = tg_run(&t, 7, 0);
        for (int i = 0; i < 128; i++) ck_assert(fabsf(got[i] - want[i]) <= 0.051f);
        free(want);
        free(got);
        tg_close(&t);
    }
}
END_TEST

/* A network that quantizes nothing is left as it is, norms and all. */
START_TEST(floats_alone) {
    tg t;
    tg_open(&t, 13);
    const ln_tid c = tg_conv(&t, "conv", tg_input(&t, 1, 4, 4, 8), 8, 3, 1, 1, false);
    tg_output(&t, tg_act(&t, "act", tg_bn(&t, "norm", c), ln_act_relu6()));
    ck_assert_int_eq(ln_quantize_fold(t.g, &t.err), LINNET_OK);
    ck_assert_int_eq(t.g->n_node, 3);
    tg_close(&t);
}
END_TEST

static void fill(TCase *c) {
    tcase_add_loop_test(c, folds, 0, (int)LN_COUNT(list));
    tcase_add_test(c, weights);
    tcase_add_test(c, floats_alone);
}

int main(void) {
    return tg_main("quantize fold", fill);
}
