/* The store: constants, counting, printing, verify and compact. */
#include "util.h"

START_TEST(counting) {
    tg t;
    tg_open(&t, 1);
    const ln_tid x = tg_input(&t, 2, 8, 8, 3);
    const ln_tid stem = tg_bn(&t, "bn", tg_conv(&t, "stem", x, 8, 3, 2, 1, false));
    const ln_tid dw = tg_conv(&t, "dw", stem, 8, 3, 1, 8, false);
    const ln_tid pw = tg_conv(&t, "pw", dw, 12, 1, 1, 4, true);
    const ln_tid pool = TG(&t, POOL, "pool", ((ln_attr){.pool = {.global = true}}), pw);
    const ln_tid w = tg_const(&t, "fc.weight", (ln_shape){2, {10, 12}}, false, true);
    tg_output(&t, TG(&t, FC, "fc", (ln_attr){0}, pool, w, tg_vector(&t, "fc.bias", 10)));
    /* batch norm's mean and variance do not count */
    ck_assert_int_eq(t.g->params, 8 * 27 + 16 + 8 * 9 + (12 * 2 + 12) + (120 + 10));
    ck_assert_int_eq(t.g->macs, 2 * (16 * 8 * 27 + 16 * 8 * 9 + 16 * 12 * 2 + 120));
    ck_assert_int_eq(ln_node_macs(t.g, &t.g->node[0]), 2 * 16 * 8 * 27);
    ck_assert_int_eq(ln_node_macs(t.g, &t.g->node[1]), 0);
    ck_assert(ln_node_is_depthwise(t.g, &t.g->node[2]));
    ck_assert(!ln_node_is_depthwise(t.g, &t.g->node[3]));
    tg_close(&t);
}
END_TEST

START_TEST(counts_saturate) {
    tg t;
    tg_open(&t, 1);
    const ln_tid x = tg_input(&t, 1 << 14, 1 << 8, 1 << 8, 1 << 16);
    const ln_shape ws = {4, {1 << 16, 1, 1, 1 << 16}};
    const ln_tid w = ln_graph_const(t.g, "w", ws, ln_view_dense(&ws, LN_F32, NULL), true, &t.err);
    ln_tid y = x;
    for (int i = 0; i < 3; i++) y = TG(&t, CONV2D, "c", tg_conv_attr(1, 1, 0, 1), y, w);
    ck_assert_int_eq(ln_node_macs(t.g, &t.g->node[0]), INT64_C(1) << 62);
    ck_assert_int_eq(t.g->macs, INT64_MAX);
    tg_close(&t);
}
END_TEST

static ln_tid small_net(tg *t) {
    const ln_tid x = tg_input(t, 1, 32, 32, 3);
    const ln_tid stem = tg_bn(t, "bn1", tg_conv(t, "conv_stem", x, 16, 3, 2, 1, false));
    const ln_tid a = tg_act(t, "act1", stem, ln_act_relu6());
    const ln_tid dw = tg_conv(t, "blocks.0.dw", a, 16, 3, 1, 16, false);
    const ln_tid pw = tg_conv(t, "blocks.0.pw", tg_bn(t, "blocks.0.bn1", dw), 16, 1, 1, 1, false);
    const ln_tid sum = TG(t, ADD, "blocks.0.add", (ln_attr){0}, tg_bn(t, "blocks.0.bn2", pw), a);
    const ln_tid g = tg_conv(t, "group", sum, 1024, 1, 1, 4, false);
    const ln_attr max = {.pool = {.kind = LN_POOL_MAX, .win = {3, 2, 2, 1, 1, 1, 1, 0, 1, 0}}};
    const ln_tid m = TG(t, POOL, "maxpool", max, g);
    const ln_tid p = TG(t, POOL, "pool", ((ln_attr){.pool = {.global = true}}), m);
    const ln_tid w = tg_const(t, "classifier.weight", (ln_shape){2, {1000, 1024}}, false, true);
    return TG(t, FC, "classifier", (ln_attr){0}, p, w, tg_vector(t, "classifier.bias", 1000));
}

static void expect_print(tg *t, const char *want) {
    ln_str s = {0};
    ln_graph_print(t->g, &s);
    ck_assert_str_eq(s.p, want);
    ln_str_free(&s);
}

START_TEST(print_golden) {
    tg t;
    tg_open(&t, 1);
    tg_output(&t, small_net(&t));
    expect_print(&t,
                 "layer         op                 output              params              MACs\n"
                 "conv_stem     conv2d 3x3 s2      1x16x16x16             432           110,592\n"
                 "bn1           batch_norm         1x16x16x16              32                 0\n"
                 "act1          act relu6          1x16x16x16               0                 0\n"
                 "blocks.0.dw   conv2d dw 3x3      1x16x16x16             144            36,864\n"
                 "blocks.0.bn1  batch_norm         1x16x16x16              32                 0\n"
                 "blocks.0.pw   conv2d 1x1         1x16x16x16             256            65,536\n"
                 "blocks.0.bn2  batch_norm         1x16x16x16              32                 0\n"
                 "blocks.0.add  add                1x16x16x16               0                 0\n"
                 "group         conv2d 1x1 g4      1x16x16x1024         4,096         1,048,576\n"
                 "maxpool       pool max 3x2 s2x1  1x8x15x1024              0                 0\n"
                 "pool          pool avg global    1x1x1x1024               0                 0\n"
                 "classifier    fc                 1x1000           1,025,000         1,024,000\n"
                 "total                                             1,030,024         2,285,568\n");
    ck_assert_int_eq(ln_passes_run(t.g, NULL, &t.err), LINNET_OK);
    expect_print(
        &t, "layer        op                   output              params              MACs\n"
            "conv_stem    conv2d 3x3 s2 relu6  1x16x16x16             464           110,592\n"
            "blocks.0.dw  conv2d dw 3x3        1x16x16x16             176            36,864\n"
            "blocks.0.pw  conv2d 1x1 +res      1x16x16x16             288            65,536\n"
            "group        conv2d 1x1 g4        1x16x16x1024         4,096         1,048,576\n"
            "maxpool      pool max 3x2 s2x1    1x8x15x1024              0                 0\n"
            "pool         pool avg global      1x1x1x1024               0                 0\n"
            "classifier   fc                   1x1000           1,025,000         1,024,000\n"
            "total                                              1,030,024         2,285,568\n");
    tg_close(&t);
}
END_TEST

/* The op column says what tells one node from another of its kind. */
static void expect_op(tg *t, ln_op op, ln_attr a, int n_in, const ln_tid *in, const char *text) {
    char want[80];
    tg_node(t, op, "n", a, n_in, in);
    t->g->node[0] = t->g->node[--t->g->n_node];
    t->g->n_node = 1;
    ln_str s = {0};
    ln_graph_print(t->g, &s);
    snprintf(want, sizeof want, "\nn      %s  ", text);
    ck_assert_msg(strstr(s.p, want) != NULL, "no \"%s\" in\n%s", text, s.p);
    ln_str_free(&s);
}

START_TEST(print_details) {
    tg t;
    tg_open(&t, 1);
    const ln_tid x = tg_input(&t, 1, 4, 4, 12);
    const ln_tid three[3] = {x, x, x}, one = tg_act(&t, "a", x, ln_act_relu());
    ln_attr a = {.attention = {4, 4, 3, 3, 0, 0, 0, 2, 2, 1}};
    expect_op(&t, LN_OP_ATTENTION, a, 3, three, "attention 4x3 patch 2x2");
    a.attention.kv_heads = a.attention.patch_h = a.attention.patch_w = 1;
    expect_op(&t, LN_OP_ATTENTION, a, 3, three, "attention 4x3 kv1");
    expect_op(&t, LN_OP_GROUP_NORM, (ln_attr){.norm = {0, 3}}, 1, &one, "group_norm g3");
    expect_op(&t, LN_OP_CONCAT, (ln_attr){0}, 3, three, "concat");
    expect_op(&t, LN_OP_CONCAT, (ln_attr){.concat = {3, 6, 12}}, 3, three, "concat g3 6+12");
    expect_op(&t, LN_OP_CHANNEL_SHUFFLE, (ln_attr){.shuffle = {3}}, 1, &one, "channel_shuffle g3");
    a = (ln_attr){.resize = {.grid = LN_GRID_ASYMMETRIC, .axis = {[1] = {.size = 8}}}};
    expect_op(&t, LN_OP_RESIZE, a, 1, &one, "resize nearest");
    a.resize.kind = LN_RESIZE_LINEAR;
    expect_op(&t, LN_OP_RESIZE, a, 1, &one, "resize linear");
    a = (ln_attr){.binary = {.act = ln_act_of(LN_ACT_SWISH)}};
    expect_op(&t, LN_OP_ADD, a, 2, three, "add swish");
    a = tg_conv_attr(3, 1, 2, 12);
    a.conv.win.dh = a.conv.win.dw = 2;
    a.conv.post = ln_act_relu();
    const ln_tid w = tg_const(&t, "w", (ln_shape){4, {12, 3, 3, 1}}, false, true);
    const ln_tid conv[4] = {x, w, LN_NONE, x};
    expect_op(&t, LN_OP_CONV2D, a, 4, conv, "conv2d dw 3x3 d2 +res relu");
    const ln_tid grouped[2] = {x, tg_const(&t, "wg", ln_nhwc(6, 1, 1, 4), false, true)};
    a = tg_conv_attr(1, 1, 0, 3);
    a.conv.interleaved = true;
    expect_op(&t, LN_OP_CONV2D, a, 2, grouped, "conv2d 1x1 g3 interleaved");
    const ln_tid se[3] = {x, tg_const(&t, "w1", ln_nhwc(3, 1, 1, 12), false, true),
                          tg_const(&t, "w2", ln_nhwc(12, 1, 1, 3), false, true)};
    a = (ln_attr){.se = {ln_act_relu(), ln_act_of(LN_ACT_HARD_SIGMOID)}};
    expect_op(&t, LN_OP_SE, a, 3, se, "squeeze_excite 3 relu hard_sigmoid");
    const ln_tid odd = tg_input(&t, 1, 4, 4, 5);
    a = (ln_attr){.linear = {.dim = 2, .patch_h = 2, .patch_w = 1}};
    expect_op(&t, LN_OP_LINEAR_ATTENTION, a, 1, &odd, "linear_attention patch 2x1");
    tg_close(&t);
}
END_TEST

START_TEST(const_errors) {
    tg t;
    tg_open(&t, 1);
    const ln_shape s = {2, {3, 4}}, empty = {2, {3, 0}}, huge = {2, {INT64_C(1) << 30, 1 << 30}};
    float data[12] = {0}, *mine;
    ln_view v = ln_view_dense(&s, LN_F32, data);
    ck_assert_int_eq(ln_graph_const(t.g, "w", empty, v, true, &t.err), LN_NONE);
    ck_assert_ptr_nonnull(strstr(t.err.message, "w: shape 3x0 is empty"));
    v.stride[0] = -4;
    ck_assert_int_eq(ln_graph_const(t.g, "w", s, v, true, &t.err), LN_NONE);
    ck_assert_ptr_nonnull(strstr(t.err.message, "strides"));
    v.stride[0] = INT64_MAX / 2;
    ck_assert_int_eq(ln_graph_const(t.g, "w", s, v, true, &t.err), LN_NONE);
    v.stride[0] = INT64_C(1) << 47;
    ck_assert_int_eq(ln_graph_const(t.g, "w", s, v, true, &t.err), LN_NONE);
    v.stride[0] = 4;
    v.dtype = LN_DTYPE_COUNT;
    ck_assert_int_eq(ln_graph_const(t.g, "w", s, v, true, &t.err), LN_NONE);
    ck_assert_ptr_nonnull(strstr(t.err.message, "no element type"));
    ck_assert_int_eq(ln_graph_const_new(t.g, "w", empty, &mine, &t.err), LN_NONE);
    ck_assert_ptr_null(mine);
    ck_assert_int_eq(ln_graph_const_new(t.g, "w", huge, &mine, &t.err), LN_NONE);
    ck_assert_int_eq(t.g->n_tensor, 0);
    ck_assert_int_eq(t.g->params, 0);
    ck_assert_int_eq(ln_graph_output(t.g, 0, &t.err), LINNET_ERR_INVALID_ARGUMENT);
    ck_assert_int_eq(ln_graph_output(t.g, -1, &t.err), LINNET_ERR_INVALID_ARGUMENT);
    tg_close(&t);
    ln_graph_destroy(NULL);
}
END_TEST

/* A strided view [OC,KH,KW,IC] over OIHW data, for each float type, with a scale. */
START_TEST(strided_const) {
    enum { O = 3, I = 4, H = 2, W = 5, N = O * I * H * W };
    static const ln_dtype type[] = {LN_F32, LN_F16, LN_BF16, LN_F64};
    uint8_t raw[N * 8];
    float scale[O] = {0.5f, -3.0f, 1.0f}, got[N];
    const ln_dtype dt = type[_i % 4];
    const bool scaled = _i >= 4;
    for (int i = 0; i < N; i++) { /* small integers: exact in every type */
        const float f = (float)(i % 101 - 50);
        const double d = f;
        uint32_t bits;
        memcpy(&bits, &f, 4);
        const uint16_t half = ln_f32_to_f16(f), brain = (uint16_t)(bits >> 16);
        if (dt == LN_F32) memcpy(raw + i * 4, &f, 4);
        if (dt == LN_F64) memcpy(raw + i * 8, &d, 8);
        if (dt == LN_F16) memcpy(raw + i * 2, &half, 2);
        if (dt == LN_BF16) memcpy(raw + i * 2, &brain, 2);
    }
    tg t;
    tg_open(&t, 1);
    const ln_view v = {raw, dt, {I * H * W, W, 1, H * W}, scaled ? scale : NULL};
    const ln_tid c = ln_graph_const(t.g, "w", (ln_shape){4, {O, H, W, I}}, v, true, &t.err);
    ck_assert_int_ne(c, LN_NONE);
    ck_assert_int_eq(ln_const_copy_f32(t.g, c, got, &t.err), LINNET_OK);
    int at = 0;
    for (int o = 0; o < O; o++)
        for (int h = 0; h < H; h++)
            for (int w = 0; w < W; w++)
                for (int i = 0; i < I; i++) {
                    const int src = ((o * I + i) * H + h) * W + w;
                    const float want = (float)(src % 101 - 50) * (scaled ? scale[o] : 1.0f);
                    ck_assert_float_eq(got[at++], want);
                }
    tg_close(&t);
}
END_TEST

START_TEST(vector_const) {
    tg t;
    tg_open(&t, 1);
    const float data[6] = {1, -1, 2, -1, 3, -1}, scale[3] = {10, 100, 1000};
    float got[3];
    const ln_view v = {data, LN_F32, {2}, scale};
    const ln_tid c = ln_graph_const(t.g, "v", (ln_shape){1, {3}}, v, false, &t.err);
    ck_assert_int_eq(ln_const_copy_f32(t.g, c, got, &t.err), LINNET_OK);
    ck_assert_float_eq(got[0], 10);
    ck_assert_float_eq(got[1], 200);
    ck_assert_float_eq(got[2], 3000);
    const ln_view none = {NULL, LN_F32, {1}, NULL};
    const ln_tid n = ln_graph_const(t.g, "n", (ln_shape){1, {3}}, none, false, &t.err);
    ck_assert_int_eq(ln_const_copy_f32(t.g, n, got, &t.err), LINNET_ERR_INVALID_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(t.err.message, "without weights"));
    ck_assert_int_eq(ln_const_copy_f32(t.g, 99, got, &t.err), LINNET_ERR_INTERNAL);
    ck_assert_int_eq(ln_const_copy_f32(t.g, tg_input(&t, 1, 1, 1, 3), got, &t.err),
                     LINNET_ERR_INTERNAL);
    tg_close(&t);
}
END_TEST

/* Dead branches and their constants go, order and inputs stay. */
START_TEST(compact) {
    tg t;
    tg_open(&t, 1);
    const ln_tid unread = tg_input(&t, 1, 2, 2, 2), x = tg_input(&t, 1, 4, 4, 3);
    tg_conv(&t, "dead1", unread, 4, 1, 1, 1, true);
    const ln_tid a = tg_conv(&t, "a", x, 4, 3, 1, 1, true);
    tg_act(&t, "dead2", tg_conv(&t, "dead3", a, 4, 3, 1, 1, false), ln_act_relu());
    const ln_tid b = tg_act(&t, "b", a, ln_act_relu());
    tg_output(&t, b);
    tg_output(&t, a);
    float *before = tg_run(&t, 7, 0);
    const int64_t params = t.g->params, macs = t.g->macs;
    ck_assert_int_eq(ln_graph_compact(t.g, &t.err), LINNET_OK);
    ck_assert_int_eq(ln_graph_verify(t.g, &t.err), LINNET_OK);
    ck_assert_int_eq(t.g->n_node, 2);
    ck_assert_int_eq(t.g->n_tensor, 6);
    ck_assert_int_eq(t.g->n_input, 2);
    ck_assert_str_eq(t.g->node[0].name, "a");
    ck_assert_str_eq(t.g->node[1].name, "b");
    ck_assert_int_eq(t.g->params, params);
    ck_assert_int_eq(t.g->macs, macs);
    float *after = tg_run(&t, 7, 0);
    ck_assert_mem_eq(before, after, sizeof(float) * 64);
    free(before);
    free(after);
    tg_close(&t);
}
END_TEST

/* Each way to break a graph, and the words that name it. */
static void break_op(ln_graph *g) {
    g->node[1].op = (ln_op)77;
}
static void break_arity(ln_graph *g) {
    g->node[1].n_in = 0;
}
static void break_outputs(ln_graph *g) {
    g->node[1].n_out = 2;
}
static void break_dangling(ln_graph *g) {
    g->node[1].in[0] = g->n_tensor;
}
static void break_missing(ln_graph *g) {
    g->node[1].in[0] = LN_NONE;
}
static void break_order(ln_graph *g) {
    const ln_node n = g->node[0];
    g->node[0] = g->node[1];
    g->node[1] = n;
}
static void break_out_id(ln_graph *g) {
    g->node[1].out[0] = -5;
}
static void break_maker(ln_graph *g) {
    g->node[1].out[0] = g->node[0].out[0];
}
static void break_shape(ln_graph *g) {
    g->tensor[g->node[1].out[0]].shape.dim[1]++;
}
static void break_count(ln_graph *g) {
    g->tensor[g->node[1].out[0]].shape.dim[1] = 0;
}
static void break_name(ln_graph *g) {
    g->tensor[0].name = NULL;
}
static void break_input(ln_graph *g) {
    g->input[0] = g->node[0].out[0];
}
static void break_output(ln_graph *g) {
    g->output[0] = g->n_tensor;
}
static void break_unmade(ln_graph *g) {
    g->n_node = 1;
}
static void break_attr(ln_graph *g) {
    g->node[0].attr.conv.groups = 0;
}

static const struct {
    void (*how)(ln_graph *g);
    const char *text;
} breaks[] = {
    {break_op, "node 1 has no op"},
    {break_arity, "b: act has 0 inputs"},
    {break_outputs, "b: act has 2 outputs"},
    {break_dangling, "b: input 0 is no tensor"},
    {break_missing, "b: input 0 is no tensor (-1)"},
    {break_order, "b: input a is used before it is made"},
    {break_out_id, "b: output is no tensor (-5)"},
    {break_maker, "b: output a has another maker"},
    {break_shape, "b: output has shape 1x5x4x4, its rule says 1x4x4x4"},
    {break_count, "b: shape is empty"},
    {break_name, "tensor 0 has no name"},
    {break_input, "input 0 is no input tensor"},
    {break_output, "output 0 is never made"},
    {break_unmade, "output 0 is never made"},
    {break_attr, "a: conv2d: 0 groups"},
};

START_TEST(verify_catches) {
    tg t;
    tg_open(&t, 1);
    const ln_tid x = tg_input(&t, 1, 4, 4, 3);
    const ln_tid a = tg_conv(&t, "a", x, 4, 3, 1, 1, true);
    tg_output(&t, tg_act(&t, "b", a, ln_act_relu()));
    ck_assert_int_eq(ln_graph_verify(t.g, &t.err), LINNET_OK);
    breaks[_i].how(t.g);
    ck_assert_int_ne(ln_graph_verify(t.g, &t.err), LINNET_OK);
    ck_assert_msg(strstr(t.err.message, breaks[_i].text) != NULL, "%s", t.err.message);
    tg_close(&t);
}
END_TEST

/* Growth past the first capacity keeps everything in place. */
START_TEST(many_nodes) {
    tg t;
    tg_open(&t, 1);
    char name[16];
    ln_tid y = tg_input(&t, 1, 1, 1, 1);
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "act%d", i);
        y = tg_act(&t, name, y, ln_act_relu());
    }
    tg_output(&t, y);
    ck_assert_int_eq(ln_graph_verify(t.g, &t.err), LINNET_OK);
    ck_assert_str_eq(t.g->node[999].name, "act999");
    ck_assert_str_eq(t.g->tensor[1].name, "act0");
    tg_close(&t);
}
END_TEST

static void fill(TCase *c) {
    tcase_add_test(c, counting);
    tcase_add_test(c, counts_saturate);
    tcase_add_test(c, print_golden);
    tcase_add_test(c, print_details);
    tcase_add_test(c, const_errors);
    tcase_add_loop_test(c, strided_const, 0, 8);
    tcase_add_test(c, vector_const);
    tcase_add_test(c, compact);
    tcase_add_loop_test(c, verify_catches, 0, (int)LN_COUNT(breaks));
    tcase_add_test(c, many_nodes);
}

int main(void) {
    return tg_main("graph", fill);
}
