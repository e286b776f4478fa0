/* What depends on constants alone is evaluated before anything runs. */
#include "util.h"

#define S(...) ((ln_shape){(int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int)), {__VA_ARGS__}})
#define MAP(k) ((ln_attr){.map = {.kind = LN_MAP_##k}})
#define RUN(t, list)                                                                               \
    ck_assert_msg(ln_passes_run((t)->g, list, &(t)->err) == LINNET_OK, "%s", (t)->err.message)

/* A convolution whose weight and bias come out of other nodes. */
static void network(tg *t) {
    tg_open(t, 5);
    const ln_tid x = tg_input(t, 1, 6, 6, 3);
    const ln_tid w = tg_const(t, "w", S(4, 3, 3, 3), false, true);
    const ln_tid scale = tg_const(t, "scale", S(4, 1, 1, 1), true, true);
    const ln_tid bias = tg_const(t, "bias", S(2, 2), false, true);
    const ln_tid scaled = TG(t, MAP, "scaled", MAP(MUL), w, scale);
    const ln_tid doubled = TG(t, MAP, "doubled", MAP(ADD), scaled, scaled);
    const ln_tid flat = TG(t, RESHAPE, "flat", ((ln_attr){.reshape = {S(4)}}), bias);
    tg_output(t, TG(t, CONV2D, "conv", tg_conv_attr(3, 1, 1, 1), x, doubled, flat));
}

START_TEST(weights_are_made_once) {
    tg t;
    network(&t);
    const int64_t params = t.g->params, count = tg_count(t.g, t.g->output[0]);
    float *before = tg_run(&t, 3, 0);
    RUN(&t, NULL);
    float *after = tg_run(&t, 3, 0);
    ck_assert_int_eq(t.g->n_node, 1);
    ck_assert_int_eq(t.g->n_tensor, 4);
    ck_assert_int_eq(t.g->params, params);
    const ln_tid w = t.g->node[0].in[LN_CONV_W];
    ck_assert_int_eq(t.g->tensor[w].kind, LN_TENSOR_CONST);
    ck_assert_str_eq(t.g->tensor[w].name, "doubled");
    ck_assert(t.g->tensor[w].is_param);
    for (int64_t i = 0; i < count; i++) ck_assert_float_eq(before[i], after[i]);
    free(before);
    free(after);
    tg_close(&t);
    network(&t);
    RUN(&t, "-fold_constants");
    ck_assert_int_eq(t.g->n_node, 4);
    tg_close(&t);
}
END_TEST

/* Integers stay integers, and an output of the graph may be a constant. */
START_TEST(outputs_and_integers) {
    tg t;
    int32_t *v;
    tg_open(&t, 1);
    const ln_tid i = ln_graph_const_new_i32(t.g, "i", S(3), &v, &t.err);
    v[0] = 16777217, v[1] = -5, v[2] = 7;
    const ln_tid most =
        TG(&t, TOPK, "most", ((ln_attr){.topk = {.k = 2}}), TG(&t, MAP, "float", MAP(TO_F32), i));
    tg_output(&t, TG(&t, MAP, "neg", MAP(NEG), i));
    tg_output(&t, most);
    tg_output(&t, t.g->node[1].out[1]);
    RUN(&t, NULL);
    ck_assert_int_eq(t.g->n_node, 0);
    float *neg = tg_run(&t, 1, 0), *best = tg_run(&t, 1, 1), *places = tg_run(&t, 1, 2);
    int32_t whole[3], at[2];
    memcpy(whole, neg, sizeof whole);
    memcpy(at, places, sizeof at);
    ck_assert(whole[0] == -16777217 && whole[1] == 5 && whole[2] == -7);
    ck_assert(best[0] == 16777216.0f && best[1] == 7.0f);
    ck_assert(at[0] == 0 && at[1] == 2);
    free(neg);
    free(best);
    free(places);
    tg_close(&t);
}
END_TEST

/* Neither what has shapes only, nor what would fill memory. */
START_TEST(left_alone) {
    tg t;
    tg_open(&t, 1);
    const ln_shape s = S(2), wide = S(1 << 12, 1 << 12);
    const ln_tid none = ln_graph_const(t.g, "none", s, (ln_view){.dtype = LN_F32}, true, &t.err);
    const ln_tid one = tg_const(&t, "one", S(1, 1), false, false);
    tg_output(&t, TG(&t, MAP, "no data", MAP(NEG), none));
    tg_output(&t, TG(&t, TILE, "large", ((ln_attr){.tile = {wide}}), one));
    RUN(&t, NULL);
    ck_assert_int_eq(t.g->n_node, 2);
    tg_close(&t);
}
END_TEST

/* Four of the largest results fill what all of them may take. */
START_TEST(together_they_are_bounded) {
    tg t;
    tg_open(&t, 1);
    const ln_shape wide = S(1 << 11, 1 << 11);
    const ln_tid one = tg_const(&t, "one", S(1, 1), false, false);
    for (int i = 0; i < 5; i++)
        tg_output(&t, TG(&t, TILE, "wide", ((ln_attr){.tile = {wide}}), one));
    RUN(&t, NULL);
    ck_assert_int_eq(t.g->n_node, 1);
    tg_close(&t);
}
END_TEST

static void fill(TCase *c) {
    tcase_add_test(c, weights_are_made_once);
    tcase_add_test(c, outputs_and_integers);
    tcase_add_test(c, left_alone);
    tcase_add_test(c, together_they_are_bounded);
}

int main(void) {
    return tg_main("constants", fill);
}
