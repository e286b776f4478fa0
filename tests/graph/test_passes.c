/* Passes: the answer stays, the graph shrinks as it should, and each can be switched off. */
#include "util.h"

#define RUN(t, list)                                                                               \
    ck_assert_msg(ln_passes_run((t)->g, list, &(t)->err) == LINNET_OK, "%s", (t)->err.message)

/* "-a,-b,..." of every pass but one; none: of every pass. */
static void all_but(const char *keep, char out[512]) {
    out[0] = 0;
    for (const ln_pass *p = ln_passes; p->name; p++)
        if (!keep || strcmp(p->name, keep) != 0) {
            if (*out) strcat(out, ",");
            strcat(out, "-");
            strcat(out, p->name);
        }
}

static const ln_act *some_act(tg *t) {
    static ln_act acts[4];
    acts[0] = ln_act_relu6();
    acts[1] = ln_act_of(LN_ACT_HARD_SWISH);
    acts[2] = ln_act_of(LN_ACT_GELU);
    acts[3] = ln_act_of(LN_ACT_NONE);
    return &acts[tg_pick(t, 4)];
}

/* pool -> 1x1 -> act -> 1x1 -> gate -> mul */
static ln_tid se(tg *t, ln_tid x) {
    const int c = (int)t->g->tensor[x].shape.dim[3];
    const ln_tid p = TG(t, POOL, "se.pool", ((ln_attr){.pool = {.global = true}}), x);
    const ln_tid r =
        tg_act(t, "se.act", tg_conv(t, "se.reduce", p, 3, 1, 1, 1, true), ln_act_relu());
    const ln_tid e = tg_conv(t, "se.expand", r, c, 1, 1, 1, true);
    const ln_tid gate = tg_act(t, "se.gate", e, ln_act_of(LN_ACT_HARD_SIGMOID));
    return TG(t, MUL, "se.mul", (ln_attr){0}, x, gate);
}

static ln_tid random_block(tg *t, ln_tid x) {
    const int c = (int)t->g->tensor[x].shape.dim[3];
    const ln_attr sum = {.binary = {.act = *some_act(t)}};
    const ln_shape same = t->g->tensor[x].shape;
    ln_tid y;
    switch (tg_pick(t, 8)) {
    case 0: /* inverted bottleneck, with or without the gate */
        y = tg_act(t, "act1", tg_bn(t, "bn1", tg_conv(t, "exp", x, 2 * c, 1, 1, 1, false)),
                   *some_act(t));
        y = tg_act(t, "act2", tg_bn(t, "bn2", tg_conv(t, "dw", y, 2 * c, 3, 1, 2 * c, false)),
                   *some_act(t));
        if (tg_pick(t, 2)) y = se(t, y);
        y = tg_bn(t, "bn3", tg_conv(t, "proj", y, c, 1, 1, 1, tg_pick(t, 2)));
        return TG(t, ADD, "sum", sum, tg_pick(t, 2) ? x : y, y);
    case 1: /* layer scale, then the shortcut on either side */
        y = TG(t, MUL, "scale", sum, tg_conv(t, "c", x, c, 3, 1, 1, true),
               tg_vector(t, "gamma", c));
        return tg_pick(t, 2) ? TG(t, ADD, "sum", sum, x, y) : TG(t, ADD, "sum", sum, y, x);
    case 2: /* two convolutions summed */
        y = tg_conv(t, "left", x, c, 3, 1, 1, true);
        return TG(t, ADD, "sum", sum, y, tg_bn(t, "bn", tg_conv(t, "right", x, c, 1, 1, 1, true)));
    case 3: /* a conv output that two nodes read */
        y = tg_conv(t, "shared", x, c, 1, 1, 1, false);
        return TG(t, ADD, "sum", sum, tg_bn(t, "bn", y), tg_act(t, "act", y, ln_act_relu()));
    case 4: /* nothing at all, in three ways */
        y = tg_act(t, "noop", x, ln_act_of(LN_ACT_NONE));
        y = TG(t, RESHAPE, "same", ((ln_attr){.reshape = {.shape = same}}), y);
        return TG(t, CONCAT, "one", (ln_attr){0}, y);
    case 5: /* batch norm without a convolution */ return tg_bn(t, "alone", x);
    case 6: return TG(t, ADD, "twice", sum, tg_conv(t, "c", x, c, 1, 1, 1, true), x);
    default:
        y = tg_act(t, "act", tg_conv(t, "c", x, c, 3, 1, 1, true), *some_act(t));
        return tg_act(t, "again", TG(t, ADD, "sum", (ln_attr){0}, y, x), *some_act(t));
    }
}

static void random_net(tg *t, uint64_t seed) {
    tg_open(t, seed);
    ln_tid y = tg_input(t, 2, 5, 4, 3);
    y = tg_bn(t, "stem.bn", tg_conv(t, "stem", y, 4, 3, 1, 1, false));
    for (int i = 0; i < 4; i++) y = random_block(t, y);
    tg_output(t, y);
    const ln_tid p = TG(t, POOL, "pool", ((ln_attr){.pool = {.global = true}}), y);
    const ln_tid flat = TG(t, RESHAPE, "flat", ((ln_attr){.reshape = {.shape = {2, {2, 4}}}}), p);
    const ln_tid w = tg_const(t, "fc.w", (ln_shape){2, {7, 4}}, false, true);
    const ln_tid fc = TG(t, FC, "fc", (ln_attr){0}, flat, w);
    const ln_attr a = {.bn = {.eps = 1e-3f}};
    const ln_tid one = tg_const(t, "v", (ln_shape){1, {7}}, true, true);
    tg_output(t, tg_act(t, "out", TG(t, BATCH_NORM, "fc.bn", a, fc, one, one, one, one),
                        ln_act_of(LN_ACT_TANH)));
}

/* A folded factor is rounded once a layer, and a dozen layers follow one another. */
#define TOLERANCE 4e-6

static void same_answer(tg *t, float *const before[2]) {
    for (int o = 0; o < 2; o++) {
        float *after = tg_run(t, 11, o);
        const int64_t n = tg_count(t->g, t->g->output[o]);
        double top = 0;
        for (int64_t i = 0; i < n; i++) top = LN_MAX(top, fabs((double)before[o][i]));
        for (int64_t i = 0; i < n; i++)
            ck_assert_double_eq_tol((double)after[i], (double)before[o][i],
                                    TOLERANCE * (top + 1e-3));
        free(after);
    }
}

/* Seed s: all passes together, then each alone. */
START_TEST(random_nets) {
    char list[512];
    for (const ln_pass *p = ln_passes;; p++) {
        tg t;
        random_net(&t, (uint64_t)_i + 1);
        float *before[2] = {tg_run(&t, 11, 0), tg_run(&t, 11, 1)};
        const int64_t params = t.g->params, macs = t.g->macs;
        all_but(p->name, list);
        RUN(&t, p->name ? list : NULL);
        same_answer(&t, before);
        ck_assert_int_eq(t.g->params, params);
        ck_assert_int_eq(t.g->macs, macs);
        int64_t sum = 0;
        for (int i = 0; i < t.g->n_node; i++) sum += ln_node_macs(t.g, &t.g->node[i]);
        ck_assert_int_eq(sum, macs);
        free(before[0]);
        free(before[1]);
        tg_close(&t);
        if (!p->name) break;
    }
}
END_TEST

/* Not one node differs. */
static void same_graph(const tg *t, const tg *u) {
    ck_assert_int_eq(t->g->n_node, u->g->n_node);
    ck_assert_int_eq(t->g->n_tensor, u->g->n_tensor);
    for (int i = 0; i < t->g->n_node; i++) {
        const ln_node *a = &t->g->node[i], *b = &u->g->node[i];
        ck_assert_int_eq(a->op, b->op);
        ck_assert_int_eq(a->n_in, b->n_in);
        ck_assert_mem_eq(a->in, b->in, (size_t)b->n_in * sizeof(ln_tid));
        ck_assert_int_eq(a->out[0], b->out[0]);
        ck_assert_mem_eq(&a->attr, &b->attr, sizeof a->attr);
    }
}

/* With every pass off, by word or by list, not one node changes. */
START_TEST(switched_off) {
    char list[512];
    all_but(NULL, list);
    for (int way = 0; way < 2; way++) {
        tg t, u;
        random_net(&t, (uint64_t)_i + 1);
        random_net(&u, (uint64_t)_i + 1);
        RUN(&t, way ? "none" : list);
        same_graph(&t, &u);
        tg_close(&t);
        tg_close(&u);
    }
}
END_TEST

static void expect_ops(const tg *t, int n, const ln_op *ops) {
    ck_assert_int_eq(t->g->n_node, n);
    for (int i = 0; i < n; i++)
        ck_assert_msg(t->g->node[i].op == ops[i], "node %d is %s", i,
                      ln_op_infos[t->g->node[i].op].name);
}
#define OPS(t, ...)                                                                                \
    expect_ops(t, (int)(sizeof((ln_op[]){__VA_ARGS__}) / sizeof(ln_op)), (ln_op[]){__VA_ARGS__})

/* MobileNetV2's block becomes three convolutions, MobileNetV3's keeps the gate. */
START_TEST(blocks_become_convolutions) {
    tg t;
    tg_open(&t, 9);
    const ln_tid x = tg_conv(&t, "stem", tg_input(&t, 1, 6, 6, 3), 4, 3, 2, 1, false);
    ln_tid y = tg_bn(&t, "bn1", tg_conv(&t, "expand", x, 8, 1, 1, 1, false));
    y = tg_act(&t, "a1", y, ln_act_relu6());
    y = tg_act(&t, "a2", tg_bn(&t, "bn2", tg_conv(&t, "dw", y, 8, 3, 1, 8, false)), ln_act_relu6());
    if (_i) y = se(&t, y);
    y = tg_bn(&t, "bn3", tg_conv(&t, "project", y, 4, 1, 1, 1, false));
    y = tg_act(&t, "a3", TG(&t, ADD, "sum", (ln_attr){0}, y, x), ln_act_relu());
    tg_output(&t, y);
    RUN(&t, "all");
    if (_i)
        OPS(&t, LN_OP_CONV2D, LN_OP_CONV2D, LN_OP_CONV2D, LN_OP_SE, LN_OP_CONV2D);
    else
        OPS(&t, LN_OP_CONV2D, LN_OP_CONV2D, LN_OP_CONV2D, LN_OP_CONV2D);
    const ln_node *last = &t.g->node[t.g->n_node - 1];
    ck_assert_str_eq(last->name, "project");
    ck_assert_int_eq(last->in[LN_CONV_RES], t.g->node[0].out[0]);
    ck_assert_int_eq(last->attr.conv.post.kind, LN_ACT_CLAMP);
    ck_assert_int_eq(last->attr.conv.act.kind, LN_ACT_NONE);
    ck_assert_int_eq(ln_node_in(last, LN_CONV_GATE) != LN_NONE, _i);
    if (_i) ck_assert_int_eq(last->in[LN_CONV_GATE], t.g->node[3].out[0]);
    ck_assert_int_eq(t.g->output[0], last->out[0]);
    tg_close(&t);
}
END_TEST

/* The gate alone, with and without biases; a reader that is no 1x1 keeps its product. */
START_TEST(a_gate_is_one_node) {
    tg t;
    tg_open(&t, 9);
    const ln_tid x = tg_act(&t, "x", tg_input(&t, 2, 3, 5, 7), ln_act_of(LN_ACT_NONE));
    const ln_tid p = TG(&t, POOL, "p", ((ln_attr){.pool = {.global = true}}), x);
    const ln_tid r =
        tg_act(&t, "a", tg_conv(&t, "r", p, 3, 1, 1, 1, _i & 1), ln_act_of(LN_ACT_SWISH));
    const ln_tid e =
        tg_act(&t, "g", tg_conv(&t, "e", r, 7, 1, 1, 1, _i & 2), ln_act_of(LN_ACT_SIGMOID));
    tg_output(&t, TG(&t, MUL, "m", (ln_attr){0}, x, e));
    const int64_t macs = t.g->macs;
    float *before = tg_run(&t, 11, 0);
    RUN(&t, NULL);
    OPS(&t, LN_OP_SE, LN_OP_MUL);
    const ln_node *n = &t.g->node[0];
    ck_assert_str_eq(n->name, "e");
    ck_assert_int_eq(n->attr.se.act.kind, LN_ACT_SWISH);
    ck_assert_int_eq(n->attr.se.gate.kind, LN_ACT_SIGMOID);
    ck_assert_int_eq(n->n_in, _i & 2 ? 5 : _i & 1 ? 4 : 3);
    ck_assert_int_eq(ln_node_macs(t.g, n), macs);
    float *after = tg_run(&t, 11, 0);
    for (int i = 0; i < 2 * 3 * 5 * 7; i++)
        ck_assert_double_eq_tol((double)after[i], (double)before[i], 1e-6);
    free(before);
    free(after);
    tg_close(&t);
}
END_TEST

/* Each node's parameters still add up to the graph's. */
START_TEST(params_stay_with_their_nodes) {
    tg t;
    random_net(&t, (uint64_t)_i + 1);
    RUN(&t, NULL);
    int64_t sum = 0;
    for (int i = 0; i < t.g->n_tensor; i++) sum += t.g->tensor[i].params;
    /* the four norm vectors of fc.bn are one constant, counted once and folded with its users */
    ck_assert_int_ge(sum, t.g->params);
    ck_assert_int_le(sum, t.g->params + 4 * 7);
    tg_close(&t);
}
END_TEST

/* Folding leaves the weights where they lie. */
START_TEST(weights_are_not_copied) {
    tg t;
    tg_open(&t, 9);
    const ln_tid x = tg_input(&t, 1, 4, 4, 3), c = tg_conv(&t, "c", x, 4, 3, 1, 1, true);
    const void *data = t.g->tensor[t.g->node[0].in[LN_CONV_W]].view.data;
    const ln_tid b = tg_bn(&t, "b", tg_bn(&t, "a", c));
    tg_output(&t, TG(&t, MUL, "m", (ln_attr){0}, b, tg_vector(&t, "gamma", 4)));
    float *before = tg_run(&t, 5, 0);
    RUN(&t, NULL);
    OPS(&t, LN_OP_CONV2D);
    const ln_tensor *w = &t.g->tensor[t.g->node[0].in[LN_CONV_W]];
    ck_assert_ptr_eq(w->view.data, data);
    ck_assert_ptr_nonnull(w->view.scale);
    float *after = tg_run(&t, 5, 0);
    for (int i = 0; i < 64; i++) ck_assert_double_eq_tol((double)after[i], (double)before[i], 1e-5);
    free(before);
    free(after);
    tg_close(&t);
}
END_TEST

/* A graph without weights takes the same shape. */
START_TEST(shapes_only) {
    tg t;
    random_net(&t, (uint64_t)_i + 1);
    tg u;
    random_net(&u, (uint64_t)_i + 1);
    for (int i = 0; i < u.g->n_tensor; i++) u.g->tensor[i].view.data = NULL;
    RUN(&t, NULL);
    RUN(&u, NULL);
    ln_str a = {0}, b = {0};
    ln_graph_print(t.g, &a);
    ln_graph_print(u.g, &b);
    ck_assert_str_eq(a.p, b.p);
    ln_str_free(&a);
    ln_str_free(&b);
    tg_close(&t);
    tg_close(&u);
}
END_TEST

/* What must stay as it is. */
static ln_tid keep_shared(tg *t, ln_tid x) { /* the conv's output is read twice */
    const ln_tid c = tg_conv(t, "c", x, 3, 1, 1, 1, false);
    return TG(t, CONCAT, "k", (ln_attr){0}, tg_bn(t, "b", c), c);
}
static ln_tid keep_output(tg *t, ln_tid x) { /* the conv's output is an output */
    const ln_tid c = tg_conv(t, "c", x, 3, 1, 1, 1, false);
    tg_output(t, c);
    return tg_bn(t, "b", c);
}
static ln_tid keep_late(tg *t, ln_tid x) { /* the other summand comes after the conv */
    const ln_tid c = tg_conv(t, "c", x, 3, 1, 1, 1, false);
    const ln_tid b = tg_bn(t, "b", x);
    return TG(t, ADD, "s", (ln_attr){0}, c, b);
}
static ln_tid keep_input(tg *t, ln_tid x) { /* a graph's input is no residual */
    return TG(t, ADD, "s", (ln_attr){0}, tg_conv(t, "c", x, 3, 1, 1, 1, false), x);
}
static ln_tid keep_bn_after_act(tg *t, ln_tid x) {
    ln_attr a = tg_conv_attr(1, 1, 0, 1);
    a.conv.act = ln_act_relu();
    const ln_tid w = tg_const(t, "w", (ln_shape){4, {3, 1, 1, 3}}, false, true);
    return tg_bn(t, "b", TG(t, CONV2D, "c", a, x, w));
}
static ln_tid keep_bias_after_act(tg *t, ln_tid x) {
    ln_attr a = tg_conv_attr(1, 1, 0, 1);
    a.conv.act = ln_act_relu();
    const ln_tid w = tg_const(t, "w", (ln_shape){4, {3, 1, 1, 3}}, false, true);
    return TG(t, ADD, "s", (ln_attr){0}, TG(t, CONV2D, "c", a, x, w), tg_vector(t, "v", 3));
}
static ln_tid keep_second_act(tg *t, ln_tid x) {
    ln_attr a = tg_conv_attr(1, 1, 0, 1);
    a.conv.act = ln_act_relu();
    const ln_tid w = tg_const(t, "w", (ln_shape){4, {3, 1, 1, 3}}, false, true);
    return tg_act(t, "a", TG(t, CONV2D, "c", a, x, w), ln_act_of(LN_ACT_GELU));
}
static ln_tid keep_post(tg *t, ln_tid x) { /* what comes after the sum would come before it */
    ln_attr a = tg_conv_attr(1, 1, 0, 1);
    a.conv.post = ln_act_relu();
    const ln_tid w = tg_const(t, "w", (ln_shape){4, {3, 1, 1, 3}}, false, true);
    const ln_tid b = tg_bn(t, "b", x);
    return TG(t, ADD, "s", (ln_attr){0}, TG(t, CONV2D, "c", a, x, w), b);
}
static ln_tid keep_gate_3x3(tg *t, ln_tid x) { /* the gate goes into pointwise readers only */
    const ln_tid gate = TG(t, POOL, "p", ((ln_attr){.pool = {.global = true}}), x);
    return tg_conv(t, "c", TG(t, MUL, "m", (ln_attr){0}, x, gate), 3, 3, 1, 1, false);
}
static ln_tid keep_gate_shared(tg *t, ln_tid x) {
    const ln_tid gate = TG(t, POOL, "p", ((ln_attr){.pool = {.global = true}}), x);
    const ln_tid m = TG(t, MUL, "m", (ln_attr){0}, x, gate);
    const ln_tid a = tg_conv(t, "a", m, 3, 1, 1, 1, false);
    return TG(t, CONCAT, "k", (ln_attr){0}, a, m);
}
static ln_tid keep_gate_act(tg *t, ln_tid x) { /* the product has an activation of its own */
    const ln_attr relu = {.binary = {.act = ln_act_relu()}};
    const ln_tid gate = TG(t, POOL, "p", ((ln_attr){.pool = {.global = true}}), x);
    return tg_conv(t, "c", TG(t, MUL, "m", relu, x, gate), 3, 1, 1, 1, false);
}
static ln_tid keep_regrouped_rows(tg *t, ln_tid x) { /* 2x3 rows become 3x2: no flatten */
    const ln_tid p = TG(t, POOL, "p", ((ln_attr){.pool = {.global = true}}), x);
    const ln_tid r = TG(t, RESHAPE, "r", ((ln_attr){.reshape = {.shape = {2, {3, 2}}}}), p);
    const ln_tid w = tg_const(t, "w", (ln_shape){2, {4, 2}}, false, true);
    return TG(t, FC, "fc", (ln_attr){0}, r, w);
}
static ln_tid keep_noop_output(tg *t, ln_tid x) {
    return tg_act(t, "a", TG(t, POOL, "p", ((ln_attr){.pool = {.global = true}}), x),
                  ln_act_of(LN_ACT_NONE));
}

/* ---- squeeze-and-excitation that something else reads into, or that is none ---- */
static ln_tid mean(tg *t, ln_tid x, ln_pool_kind kind) {
    return TG(t, POOL, "p", ((ln_attr){.pool = {.kind = kind, .global = true}}), x);
}
static ln_tid keep_se_maximum(tg *t, ln_tid x) {
    const ln_tid r = tg_conv(t, "r", mean(t, x, LN_POOL_MAX), 2, 1, 1, 1, true);
    return tg_conv(t, "e", r, 3, 1, 1, 1, true);
}
static ln_tid keep_se_window(tg *t, ln_tid x) {
    const ln_attr a = {.pool = {.win = {3, 2, 1, 1, 1, 1, 0, 0, 0, 0}}};
    const ln_tid r = tg_conv(t, "r", TG(t, POOL, "p", a, x), 2, 1, 1, 1, true);
    return tg_conv(t, "e", r, 3, 1, 1, 1, true);
}
static ln_tid keep_se_mean_read(tg *t, ln_tid x) {
    const ln_tid p = mean(t, x, LN_POOL_AVG), r = tg_conv(t, "r", p, 2, 1, 1, 1, true);
    return TG(t, CONCAT, "k", (ln_attr){0}, tg_conv(t, "e", r, 3, 1, 1, 1, true), p);
}
static ln_tid keep_se_hidden_read(tg *t, ln_tid x) {
    const ln_tid r = tg_conv(t, "r", mean(t, x, LN_POOL_AVG), 2, 1, 1, 1, true);
    return TG(t, CONCAT, "k", (ln_attr){0}, tg_conv(t, "e", r, 3, 1, 1, 1, true), r);
}
static ln_tid keep_se_hidden_output(tg *t, ln_tid x) {
    const ln_tid r = tg_conv(t, "r", mean(t, x, LN_POOL_AVG), 2, 1, 1, 1, true);
    tg_output(t, r);
    return tg_conv(t, "e", r, 3, 1, 1, 1, true);
}
static ln_tid keep_se_channels(tg *t, ln_tid x) { /* a head, not a gate of x */
    const ln_tid r = tg_conv(t, "r", mean(t, x, LN_POOL_AVG), 2, 1, 1, 1, true);
    return tg_conv(t, "e", r, 5, 1, 1, 1, true);
}
static ln_tid keep_se_residual(tg *t, ln_tid x) {
    const ln_tid p = mean(t, x, LN_POOL_AVG),
                 w = tg_const(t, "w", ln_nhwc(2, 1, 1, 3), false, true);
    const ln_tid v = tg_const(t, "v", ln_nhwc(3, 1, 1, 2), false, true);
    const ln_attr a = tg_conv_attr(1, 1, 0, 1);
    const ln_tid other = mean(t, tg_act(t, "a", x, ln_act_of(LN_ACT_GELU)), LN_POOL_AVG);
    return TG(t, CONV2D, "e", a, TG(t, CONV2D, "r", a, p, w), v, LN_NONE, other);
}

static ln_tid (*const keeps[])(tg *t, ln_tid x) = {
    keep_shared,         keep_output,           keep_late,        keep_input,
    keep_bn_after_act,   keep_bias_after_act,   keep_second_act,  keep_post,
    keep_gate_3x3,       keep_gate_shared,      keep_gate_act,    keep_regrouped_rows,
    keep_noop_output,    keep_se_maximum,       keep_se_window,   keep_se_mean_read,
    keep_se_hidden_read, keep_se_hidden_output, keep_se_channels, keep_se_residual,
};

START_TEST(kept) {
    tg t;
    tg_open(&t, 13);
    tg_output(&t, keeps[_i](&t, tg_input(&t, 2, 4, 3, 3)));
    tg u;
    tg_open(&u, 13);
    tg_output(&u, keeps[_i](&u, tg_input(&u, 2, 4, 3, 3)));
    RUN(&t, NULL);
    same_graph(&t, &u);
    tg_close(&u);
    tg_close(&t);
}
END_TEST

START_TEST(noops_go) {
    tg t;
    tg_open(&t, 13);
    const ln_tid x = tg_input(&t, 2, 1, 1, 3);
    const ln_act wide = {.kind = LN_ACT_CLAMP, .lo = -INFINITY, .hi = INFINITY};
    ln_tid y = tg_act(&t, "wide", x, wide);
    y = TG(&t, POOL, "global", ((ln_attr){.pool = {.global = true}}), y);
    y = TG(&t, POOL, "1x1", ((ln_attr){.pool = {.win = {1, 1, 1, 1, 1, 1, 0, 0, 0, 0}}}), y);
    const ln_tid flat = TG(&t, RESHAPE, "flat", ((ln_attr){.reshape = {.shape = {2, {2, 3}}}}), y);
    const ln_tid w = tg_const(&t, "w", (ln_shape){2, {5, 3}}, false, true);
    tg_output(&t, TG(&t, FC, "fc", (ln_attr){0}, flat, w));
    RUN(&t, NULL);
    OPS(&t, LN_OP_FC);
    ck_assert_int_eq(t.g->node[0].in[0], t.g->input[0]);
    tg_close(&t);
}
END_TEST

/* A flatten that moves pixels into channels is not one that FC can look through. */
START_TEST(real_flatten_stays) {
    tg t;
    tg_open(&t, 13);
    const ln_tid x = tg_input(&t, 2, 2, 2, 3);
    const ln_tid flat = TG(&t, RESHAPE, "flat", ((ln_attr){.reshape = {.shape = {2, {2, 12}}}}), x);
    const ln_tid w = tg_const(&t, "w", (ln_shape){2, {5, 12}}, false, true);
    tg_output(&t, TG(&t, FC, "fc", (ln_attr){0}, flat, w));
    RUN(&t, NULL);
    OPS(&t, LN_OP_RESHAPE, LN_OP_FC);
    tg_close(&t);
}
END_TEST

START_TEST(bad_lists) {
    static const char *const bad[] = {
        "fold_bn",          "-fold", "-fold_bnx", "-", "-fold_bn,,-fuse_se", "-fold_bn,nonsense",
        "-fold_bn -fuse_se"};
    tg t;
    tg_open(&t, 1);
    tg_output(&t, tg_bn(&t, "b", tg_conv(&t, "c", tg_input(&t, 1, 2, 2, 2), 2, 1, 1, 1, false)));
    for (size_t i = 0; i < LN_COUNT(bad); i++) {
        ck_assert_int_eq(ln_passes_run(t.g, bad[i], &t.err), LINNET_ERR_INVALID_ARGUMENT);
        ck_assert_ptr_nonnull(strstr(t.err.message, "-remove_noops, -"));
        ck_assert_int_eq(t.g->n_node, 2);
    }
    RUN(&t, "-fold_bn,-fuse_se");
    ck_assert_int_eq(t.g->n_node, 2);
    RUN(&t, "-fuse_se,");
    ck_assert_int_eq(t.g->n_node, 1);
    tg_close(&t);
}
END_TEST

static void fill(TCase *c) {
    tcase_add_loop_test(c, random_nets, 0, 40);
    tcase_add_loop_test(c, switched_off, 0, 10);
    tcase_add_loop_test(c, blocks_become_convolutions, 0, 2);
    tcase_add_loop_test(c, a_gate_is_one_node, 0, 4);
    tcase_add_loop_test(c, params_stay_with_their_nodes, 0, 20);
    tcase_add_test(c, weights_are_not_copied);
    tcase_add_loop_test(c, shapes_only, 0, 20);
    tcase_add_loop_test(c, kept, 0, (int)LN_COUNT(keeps));
    tcase_add_test(c, noops_go);
    tcase_add_test(c, real_flatten_stays);
    tcase_add_test(c, bad_lists);
}

int main(void) {
    return tg_main("passes", fill);
}
