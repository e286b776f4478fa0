/* Shape rules: what each op gives, and what it refuses, by name. */
#include "engine/graph_shape.h"
#include "engine/ref/ops.h"

#include "util.h"

static void expect(const tg *t, ln_tid y, ln_shape want) {
    char a[96], b[96];
    const ln_shape *s = &t->g->tensor[y].shape;
    ck_assert_msg(ln_shape_equal(s, &want), "%s, not %s", ln_shape_text(s, a),
                  ln_shape_text(&want, b));
}

static ln_tid weight(tg *t, int oc, int kh, int kw, int ic) {
    return tg_const(t, "weight", (ln_shape){4, {oc, kh, kw, ic}}, false, true);
}

START_TEST(conv_shapes) {
    tg t;
    tg_open(&t, 1);
    const ln_tid x = tg_input(&t, 2, 11, 7, 6);
    expect(&t, tg_conv(&t, "c", x, 8, 3, 1, 1, true), ln_nhwc(2, 11, 7, 8));
    expect(&t, tg_conv(&t, "c", x, 8, 3, 2, 2, false), ln_nhwc(2, 6, 4, 8));
    expect(&t, tg_conv(&t, "c", x, 6, 5, 3, 6, false), ln_nhwc(2, 4, 3, 6));
    expect(&t, tg_conv(&t, "c", x, 1, 1, 2, 1, false), ln_nhwc(2, 6, 4, 1));
    ln_attr a = {.conv = {.win = {2, 3, 1, 2, 3, 2, 1, 0, 0, 4}, .groups = 1}};
    /* height: 11+1 - (1*3+1) = 8, + 1; width: 7+4 - (2*2+1) = 6, / 2 + 1 */
    expect(&t, TG(&t, CONV2D, "c", a, x, weight(&t, 4, 2, 3, 6)), ln_nhwc(2, 9, 4, 4));
    const ln_tid gate = TG(&t, POOL, "gate", ((ln_attr){.pool = {.global = true}}), x);
    const ln_tid res = tg_conv(&t, "res", x, 8, 1, 1, 1, false);
    const ln_tid y = TG(&t, CONV2D, "all", tg_conv_attr(1, 1, 0, 1), x, weight(&t, 8, 1, 1, 6),
                        tg_vector(&t, "b", 8), res, gate);
    expect(&t, y, ln_nhwc(2, 11, 7, 8));
    tg_close(&t);
}
END_TEST

START_TEST(conv_errors) {
    tg t;
    tg_open(&t, 1);
    const ln_tid x = tg_input(&t, 1, 8, 8, 6), w = weight(&t, 4, 3, 3, 6);
    const ln_tid flat = tg_input_shape(&t, (ln_shape){2, {1, 6}});
    const ln_tid vector = tg_vector(&t, "bias", 5);
    ln_attr a = tg_conv_attr(3, 1, 1, 1), b;
    TG_REFUSE(&t, CONV2D, a, "takes 2 to 5 inputs", x);
    TG_REFUSE(&t, CONV2D, a, "takes 2 to 5 inputs", x, w, w, w, w, w);
    TG_REFUSE(&t, CONV2D, a, "input 0 does not exist", LN_NONE, w);
    TG_REFUSE(&t, CONV2D, a, "input 1 does not exist", x, 999);
    TG_REFUSE(&t, CONV2D, a, "input 1 does not exist", x, -7);
    TG_REFUSE(&t, CONV2D, a, "input has shape 1x6, rank 4", flat, w);
    TG_REFUSE(&t, CONV2D, a, "weight has shape 5, rank 4", x, vector);
    TG_REFUSE(&t, CONV2D, a, "weight 4x3x3x5 does not fit", x, tg_input(&t, 4, 3, 3, 5));
    TG_REFUSE(&t, CONV2D, a, "weight 4x3x3x5 does not fit kernel 3x3 and 6 channels", x,
              weight(&t, 4, 3, 3, 5));
    TG_REFUSE(&t, CONV2D, tg_conv_attr(5, 1, 1, 1), "kernel 5x5", x, w);
    TG_REFUSE(&t, CONV2D, tg_conv_attr(3, 1, 1, 4), "4 groups do not divide input 1x8x8x6", x, w);
    TG_REFUSE(&t, CONV2D, tg_conv_attr(3, 1, 1, 0), "0 groups", x, w);
    TG_REFUSE(&t, CONV2D, a, "bias has shape 5, [4] is needed", x, w, vector);
    TG_REFUSE(&t, CONV2D, a, "bias has shape 1x6, [4] is needed", x, w, flat);
    TG_REFUSE(&t, CONV2D, a, "residual 1x8x8x6 is not the output's 1x8x8x4", x, w, LN_NONE, x);
    TG_REFUSE(&t, CONV2D, a, "gate 1x8x8x6 is not [N,1,1,C]", x, w, LN_NONE, LN_NONE, x);
    b = a;
    b.conv.win.sw = 0;
    TG_REFUSE(&t, CONV2D, b, "width: kernel 3, stride 0", x, w);
    b = a;
    b.conv.win.dh = -1;
    TG_REFUSE(&t, CONV2D, b, "dilation -1", x, w);
    b = a;
    b.conv.win.top = -1;
    TG_REFUSE(&t, CONV2D, b, "negative padding -1,1", x, w);
    b = a;
    b.conv.win.dh = 5;
    TG_REFUSE(&t, CONV2D, b, "8 pixels with padding 1,1 are fewer than the window's 11", x, w);
    b = a;
    b.conv.win.kh = b.conv.win.dh = INT32_MAX;
    TG_REFUSE(&t, CONV2D, b, "are fewer than the window's", x, w);
    b = a;
    b.conv.act.kind = LN_ACT_COUNT;
    TG_REFUSE(&t, CONV2D, b, "no activation", x, w);
    b = a;
    b.conv.post = (ln_act){.kind = LN_ACT_CLAMP, .lo = 2, .hi = 1};
    TG_REFUSE(&t, CONV2D, b, "clamp from 2 to 1", x, w);
    tg_close(&t);
}
END_TEST

START_TEST(fc_rules) {
    tg t;
    tg_open(&t, 1);
    const ln_tid x = tg_input_shape(&t, (ln_shape){2, {3, 6}}), map = tg_input(&t, 3, 1, 1, 6);
    const ln_tid w = tg_const(&t, "w", (ln_shape){2, {10, 6}}, false, true);
    const ln_tid wide = tg_input(&t, 3, 2, 1, 6), none = tg_vector(&t, "v", 10);
    ln_attr a = {0};
    expect(&t, TG(&t, FC, "fc", a, x, w, none), (ln_shape){2, {3, 10}});
    expect(&t, TG(&t, FC, "fc", a, map, w), (ln_shape){2, {3, 10}});
    TG_REFUSE(&t, FC, a, "input 3x2x1x6 is neither", wide, w);
    TG_REFUSE(&t, FC, a, "weight 10x6 does not fit input 3x7",
              tg_input_shape(&t, (ln_shape){2, {3, 7}}), w);
    TG_REFUSE(&t, FC, a, "weight has shape 10, rank 2", x, none);
    TG_REFUSE(&t, FC, a, "weight 3x7 does not fit", x, tg_input_shape(&t, (ln_shape){2, {3, 7}}));
    TG_REFUSE(&t, FC, a, "bias has shape 9, [10] is needed", x, w, tg_vector(&t, "v", 9));
    a.fc.act.kind = (ln_act_kind)99;
    TG_REFUSE(&t, FC, a, "no activation 99", x, w);
    tg_close(&t);
}
END_TEST

/* Weights and biases may come from nodes or from the caller. */
START_TEST(dynamic_weights) {
    tg t;
    tg_open(&t, 1);
    const ln_tid x = tg_input(&t, 2, 8, 8, 6), w = tg_input(&t, 4, 3, 3, 3);
    const ln_tid b = tg_input_shape(&t, (ln_shape){1, {4}}), fixed = weight(&t, 4, 3, 3, 3);
    const ln_tid flat = tg_input_shape(&t, (ln_shape){2, {3, 6}});
    const ln_tid square = tg_input_shape(&t, (ln_shape){2, {4, 6}});
    const ln_attr a = tg_conv_attr(3, 1, 1, 2);
    expect(&t, TG(&t, CONV2D, "c", a, x, w, b), ln_nhwc(2, 8, 8, 4));
    expect(&t, TG(&t, CONV2D, "c", a, x, fixed, b), ln_nhwc(2, 8, 8, 4));
    expect(&t, TG(&t, CONV2D, "c", a, x, fixed), ln_nhwc(2, 8, 8, 4));
    expect(&t, TG(&t, FC, "f", (ln_attr){0}, flat, square, b), (ln_shape){2, {3, 4}});
    for (int i = 0; i < 4; i++) ck_assert_int_eq(ln_node_is_dynamic(t.g, &t.g->node[i]), i != 2);
    tg_close(&t);
}
END_TEST

START_TEST(squeeze_excite_rules) {
    tg t;
    tg_open(&t, 1);
    const ln_tid x = tg_input(&t, 3, 4, 5, 6), flat = tg_input_shape(&t, (ln_shape){2, {3, 6}});
    const ln_tid w1 = tg_const(&t, "w1", ln_nhwc(2, 1, 1, 6), false, true);
    const ln_tid w2 = tg_const(&t, "w2", ln_nhwc(6, 1, 1, 2), false, true);
    const ln_tid five = tg_const(&t, "five", ln_nhwc(5, 1, 1, 2), false, true);
    const ln_tid b1 = tg_vector(&t, "b1", 2), b2 = tg_vector(&t, "b2", 6);
    ln_attr a = {0};
    expect(&t, TG(&t, SE, "se", a, x, w1, w2), ln_nhwc(3, 1, 1, 6));
    expect(&t, TG(&t, SE, "se", a, x, w1, w2, LN_NONE, b2), ln_nhwc(3, 1, 1, 6));
    expect(&t, TG(&t, SE, "se", a, x, w1, w2, b1, b2), ln_nhwc(3, 1, 1, 6));
    TG_REFUSE(&t, SE, a, "input has shape 3x6, rank 4", flat, w1, w2);
    TG_REFUSE(&t, SE, a, "weight 1 is not a constant", x, x, w2);
    TG_REFUSE(&t, SE, a, "weight 1 has shape 6x1x1x2, 1x1 over 6 channels", x, w2, w1);
    TG_REFUSE(&t, SE, a, "weight 2 has shape 2x1x1x6, 1x1 over 2 channels", x, w1, w1);
    TG_REFUSE(&t, SE, a, "5 gates for 6 channels", x, w1, five);
    TG_REFUSE(&t, SE, a, "first bias b2 has shape 6", x, w1, w2, b2, b2);
    TG_REFUSE(&t, SE, a, "second bias b1 has shape 2", x, w1, w2, b1, b1);
    a.se.act.kind = LN_ACT_COUNT;
    TG_REFUSE(&t, SE, a, "no activation", x, w1, w2);
    a = (ln_attr){.se.gate = {.kind = LN_ACT_CLAMP, .lo = 2, .hi = 1}};
    TG_REFUSE(&t, SE, a, "clamp from 2 to 1", x, w1, w2);
    tg_close(&t);
}
END_TEST

START_TEST(batch_norm_rules) {
    tg t;
    tg_open(&t, 1);
    const ln_tid x = tg_input(&t, 2, 4, 4, 5), v = tg_vector(&t, "v", 5);
    ln_attr a = {.bn = {.eps = 1e-5f}};
    expect(&t, TG(&t, BATCH_NORM, "bn", a, x, v, v, v, v), ln_nhwc(2, 4, 4, 5));
    TG_REFUSE(&t, BATCH_NORM, a, "takes 5 to 5 inputs", x, v, v, v);
    TG_REFUSE(&t, BATCH_NORM, a, "mean six has shape 6", x, v, v, tg_vector(&t, "six", 6), v);
    TG_REFUSE(&t, BATCH_NORM, a, "gamma is not a constant", x, x, v, v, v);
    a.bn.eps = -1;
    TG_REFUSE(&t, BATCH_NORM, a, "epsilon -1 is negative", x, v, v, v, v);
    a.bn.eps = NAN;
    TG_REFUSE(&t, BATCH_NORM, a, "epsilon", x, v, v, v, v);
    tg_close(&t);
}
END_TEST

START_TEST(pool_rules) {
    tg t;
    tg_open(&t, 1);
    const ln_tid x = tg_input(&t, 2, 7, 5, 3);
    ln_attr a = {.pool = {.kind = LN_POOL_MAX, .win = {3, 3, 2, 2, 1, 1, 1, 1, 1, 1}}};
    expect(&t, TG(&t, POOL, "p", a, x), ln_nhwc(2, 4, 3, 3));
    a.pool.global = true;
    expect(&t, TG(&t, POOL, "p", a, x), ln_nhwc(2, 1, 1, 3));
    a.pool.kind = (ln_pool_kind)7;
    TG_REFUSE(&t, POOL, a, "no pool 7", x);
    a = (ln_attr){.pool = {.win = {2, 2, 2, 2, 1, 1, 2, 0, 0, 0}}};
    TG_REFUSE(&t, POOL, a, "padding 2,0,0,0 reaches past a 2x2 window", x);
    a.pool.win = (ln_window){2, 6, 2, 2, 1, 1, 0, 0, 0, 0};
    TG_REFUSE(&t, POOL, a, "width: 5 pixels", x);
    TG_REFUSE(&t, POOL, a, "rank 4 is needed", tg_vector(&t, "v", 3));
    tg_close(&t);
}
END_TEST

START_TEST(binary_rules) {
    tg t;
    tg_open(&t, 1);
    const ln_tid x = tg_input(&t, 2, 3, 3, 4), gate = tg_input(&t, 2, 1, 1, 4);
    const ln_tid other = tg_input(&t, 1, 1, 1, 4), flat = tg_input_shape(&t, (ln_shape){2, {2, 4}});
    const ln_tid v = tg_vector(&t, "v", 4);
    ln_attr a = {0};
    expect(&t, TG(&t, ADD, "s", a, x, x), ln_nhwc(2, 3, 3, 4));
    expect(&t, TG(&t, ADD, "s", a, flat, flat), (ln_shape){2, {2, 4}});
    expect(&t, TG(&t, MUL, "s", a, x, gate), ln_nhwc(2, 3, 3, 4));
    expect(&t, TG(&t, MUL, "s", a, x, v), ln_nhwc(2, 3, 3, 4));
    TG_REFUSE(&t, MUL, a, "1x1x1x4 does not go with 2x3x3x4", x, other);
    TG_REFUSE(&t, ADD, a, "2x3x3x4 does not go with 2x1x1x4", gate, x);
    TG_REFUSE(&t, ADD, a, "2x4 does not go with 2x3x3x4", x, flat);
    TG_REFUSE(&t, MUL, a, "5 does not go", x, tg_vector(&t, "v", 5));
    a.binary.act.kind = (ln_act_kind)-1;
    TG_REFUSE(&t, ADD, a, "no activation", x, x);
    tg_close(&t);
}
END_TEST

START_TEST(other_rules) {
    tg t;
    tg_open(&t, 1);
    const ln_tid x = tg_input(&t, 2, 3, 3, 4), y = tg_input(&t, 2, 3, 3, 5);
    ln_attr a = {.act = ln_act_relu()};
    expect(&t, TG(&t, ACT, "a", a, x), ln_nhwc(2, 3, 3, 4));
    expect(&t, TG(&t, SOFTMAX, "a", a, x), ln_nhwc(2, 3, 3, 4));
    a.act.hi = NAN;
    TG_REFUSE(&t, ACT, a, "clamp from 0 to nan", x);
    a = (ln_attr){.reshape = {.shape = {2, {2, 36}}}};
    expect(&t, TG(&t, RESHAPE, "r", a, x), (ln_shape){2, {2, 36}});
    TG_REFUSE(&t, RESHAPE, a, "2x3x3x5 cannot become 2x36", y);
    a.reshape.shape = (ln_shape){3, {-1, -1, 72}};
    TG_REFUSE(&t, RESHAPE, a, "cannot become -1x-1x72", x);
    a.reshape.shape.rank = 9;
    TG_REFUSE(&t, RESHAPE, a, "cannot become", x);
    a = (ln_attr){0};
    expect(&t, TG(&t, CONCAT, "c", a, x, y, x), ln_nhwc(2, 3, 3, 13));
    expect(&t, TG(&t, CONCAT, "c", a, y), ln_nhwc(2, 3, 3, 5));
    TG_REFUSE(&t, CONCAT, a, "input 1 is missing", x, LN_NONE, y);
    TG_REFUSE(&t, CONCAT, a, "2x3x4x4 differs from 2x3x3x4", x, tg_input(&t, 2, 3, 4, 4));
    TG_REFUSE(&t, CONCAT, a, "differs from", x, tg_vector(&t, "v", 4));
    expect(&t, TG(&t, CONCAT, "c", ((ln_attr){.concat = {3, 0, 0}}), x, y), ln_nhwc(2, 3, 3, 9));
    expect(&t, TG(&t, CONCAT, "c", ((ln_attr){.concat = {3, 4, 5}}), x, y), ln_nhwc(2, 3, 3, 5));
    TG_REFUSE(&t, CONCAT, ((ln_attr){.concat = {2, 0, 0}}), "2 groups do not divide 9", x, y);
    TG_REFUSE(&t, CONCAT, ((ln_attr){.concat = {-1, 0, 0}}), "-1 groups", x, y);
    static const int64_t out[][2] = {{4, 6}, {-1, 2},        {0, -1},       {10, 1},
                                     {3, 0}, {INT64_MAX, 1}, {1, INT64_MAX}};
    for (size_t i = 0; i < LN_COUNT(out); i++) {
        const ln_attr part = {.concat = {3, out[i][0], out[i][1]}};
        TG_REFUSE(&t, CONCAT, part, "lie outside 9", x, y);
    }
    ln_tid in[1] = {x};
    ck_assert_int_eq(ln_graph_node(t.g, LN_OP_COUNT, "n", &a, in, 1, &t.err), LN_NONE);
    ck_assert_ptr_nonnull(strstr(t.err.message, "no op"));
    tg_close(&t);
}
END_TEST

START_TEST(every_op_has_a_rule_and_a_reference) {
    for (int op = 0; op < LN_OP_COUNT; op++) {
        const char *name = ln_op_infos[op].name;
        ck_assert_msg(name && *name, "op %d has no name", op);
        ck_assert_msg(ln_shape_rules[op] != NULL, "%s has no shape rule", name);
        ck_assert_msg(ln_ref_table[op] != NULL, "%s has no reference", name);
    }
}
END_TEST

/* Outputs too large to count or hold are refused where they would come into being. */
START_TEST(overflow) {
    tg t;
    tg_open(&t, 1);
    const ln_tid x = tg_input(&t, 1 << 20, 1 << 13, 1 << 13, 1);
    const ln_shape ws = {4, {INT64_C(1) << 20, 1, 1, 1}};
    const ln_tid w = ln_graph_const(t.g, "w", ws, ln_view_dense(&ws, LN_F32, NULL), true, &t.err);
    ck_assert_int_ne(w, LN_NONE);
    TG_REFUSE(&t, CONV2D, tg_conv_attr(1, 1, 0, 1), "is empty or too large", x, w);
    TG_REFUSE(&t, CONCAT, (ln_attr){0}, "is empty or too large", x, x, x, x, x);
    const int64_t big = INT64_C(1) << 40;
    ck_assert_int_eq(ln_graph_input(t.g, "huge", ln_nhwc(big, big, 1, 1), &t.err), LN_NONE);
    ck_assert_ptr_nonnull(strstr(t.err.message, "huge"));
    ck_assert_int_eq(ln_graph_input(t.g, "huge", ln_nhwc(1, big, 1 << 10, 1), NULL), LN_NONE);
    tg_close(&t);
}
END_TEST

static const struct {
    int k, s, d, in, before, after;
} same_cases[] = {
    {3, 1, 1, 7, 1, 1},  {3, 2, 1, 224, 0, 1}, {3, 2, 1, 225, 1, 1}, {5, 2, 1, 56, 1, 2},
    {7, 2, 1, 28, 2, 3}, {1, 2, 1, 9, 0, 0},   {3, 1, 2, 10, 2, 2},  {2, 1, 1, 5, 0, 1},
    {3, 5, 1, 10, 0, 0}, {3, 3, 1, 10, 1, 1},
};

START_TEST(same_padding) {
    const int k = same_cases[_i].k, s = same_cases[_i].s, d = same_cases[_i].d;
    ln_window w = {.kh = k, .kw = 1, .sh = s, .sw = 1, .dh = d, .dw = 1};
    ln_window_same(&w, same_cases[_i].in, 4);
    ck_assert_int_eq(w.top, same_cases[_i].before);
    ck_assert_int_eq(w.bottom, same_cases[_i].after);
    ck_assert_int_eq(w.left, 0);
    ck_assert_int_eq(w.right, 0);
    w = (ln_window){.kh = 1, .kw = k, .sh = 1, .sw = s, .dh = 1, .dw = d};
    ln_window_same(&w, 4, same_cases[_i].in);
    ck_assert_int_eq(w.left, same_cases[_i].before);
    ck_assert_int_eq(w.right, same_cases[_i].after);
    ck_assert_int_eq((same_cases[_i].in + w.left + w.right - (k - 1) * d - 1) / s + 1,
                     (same_cases[_i].in + s - 1) / s);
}
END_TEST

static void fill(TCase *c) {
    tcase_add_test(c, conv_shapes);
    tcase_add_test(c, conv_errors);
    tcase_add_test(c, fc_rules);
    tcase_add_test(c, dynamic_weights);
    tcase_add_test(c, squeeze_excite_rules);
    tcase_add_test(c, batch_norm_rules);
    tcase_add_test(c, pool_rules);
    tcase_add_test(c, binary_rules);
    tcase_add_test(c, other_rules);
    tcase_add_test(c, overflow);
    tcase_add_test(c, every_op_has_a_rule_and_a_reference);
    tcase_add_loop_test(c, same_padding, 0, (int)LN_COUNT(same_cases));
}

int main(void) {
    return tg_main("shape", fill);
}
