/* Permutations that are put off: what is left of them, and that the answer stays to the bit. */
#include "util.h"

static ln_tid turn(tg *t, ln_tid x, int a, int b, int c, int d) {
    return TG(t, PERMUTE, "turn", ((ln_attr){.permute = {{a, b, c, d}}}), x);
}
static ln_tid planes(tg *t, ln_tid x) {
    return turn(t, x, 0, 3, 1, 2);
}
static ln_tid pixels(tg *t, ln_tid x) {
    return turn(t, x, 0, 2, 3, 1);
}
static ln_tid map(tg *t, ln_map_kind kind, ln_tid a, ln_tid b) {
    return TG(t, MAP, "map", ((ln_attr){.map = {.kind = kind}}), a, b);
}
static ln_tid constant(tg *t, ln_shape s) {
    return tg_const(t, "c", s, false, false);
}
#define S(...) ((ln_shape){(int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int)), {__VA_ARGS__}})

/* Each builds on a map [2,3,4,5] and gives the output. */
static ln_tid pair(tg *t, ln_tid x) {
    return tg_conv(t, "c", pixels(t, tg_act(t, "a", planes(t, x), ln_act_relu())), 4, 3, 1, 1,
                   true);
}
static ln_tid two_of_one(tg *t, ln_tid x) { /* read twice between */
    const ln_tid p = planes(t, x), s = tg_act(t, "s", p, ln_act_of(LN_ACT_SIGMOID));
    return tg_conv(t, "c", pixels(t, TG(t, MUL, "m", (ln_attr){0}, p, s)), 4, 1, 1, 1, true);
}
static ln_tid chain(tg *t, ln_tid x) { /* 0,3,1,2 and 0,3,1,2 again make one */
    return TG(t, SOFTMAX, "s", (ln_attr){0}, planes(t, planes(t, x)));
}
static ln_tid ones(tg *t, ln_tid x) {
    const ln_tid mean = TG(t, POOL, "p", ((ln_attr){.pool = {.global = true}}), x);
    return TG(t, SOFTMAX, "s", (ln_attr){0}, planes(t, mean));
}
static ln_tid moves(tg *t, ln_tid x) {
    const ln_tid p = planes(t, x),
                 two = TG(t, CONCAT, "cat", ((ln_attr){.concat = {.back = 2}}), p, p);
    ln_attr pad = {.pad = {.before = {0, 1, 0, 2}, .after = {0, 0, 3, -1}, .value = 0.5f}};
    const ln_tid wide = TG(t, PAD, "pad", pad, two);
    ln_attr cut = {.slice = ln_slice_all(&t->g->tensor[wide].shape)};
    cut.slice.begin[1] = 10, cut.slice.step[1] = -2, cut.slice.size.dim[1] = 4;
    cut.slice.begin[3] = 1, cut.slice.size.dim[3] = 3;
    return tg_conv(t, "c", pixels(t, TG(t, SLICE, "cut", cut, wide)), 4, 1, 1, 1, true);
}
static ln_tid constants(tg *t, ln_tid x) {
    ln_tid y = map(t, LN_MAP_ADD, planes(t, x), constant(t, S(5, 1, 1)));
    y = map(t, LN_MAP_MUL, constant(t, S(2, 5, 3, 4)), y);
    y = map(t, LN_MAP_SUB, y, constant(t, S(1)));
    return TG(t, SOFTMAX, "s", (ln_attr){0}, pixels(t, map(t, LN_MAP_MAX, y, constant(t, S(4)))));
}
static ln_tid gate(tg *t, ln_tid x) { /* [N,C,1,1] of another making */
    const ln_tid mean = TG(t, POOL, "p", ((ln_attr){.pool = {.global = true}}), x);
    const ln_tid g = TG(t, RESHAPE, "r", ((ln_attr){.reshape = {S(2, 5, 1, 1)}}), mean);
    return tg_conv(t, "c", pixels(t, map(t, LN_MAP_MUL, planes(t, x), g)), 4, 1, 1, 1, true);
}
static ln_tid apart(tg *t, ln_tid x) { /* orders that differ, and one that is not there */
    const ln_tid a = turn(t, tg_conv(t, "a", x, 4, 1, 1, 1, true), 0, 2, 1, 3);
    const ln_tid b = planes(t, tg_conv(t, "b", x, 4, 1, 1, 1, true));
    return map(t, LN_MAP_ADD, map(t, LN_MAP_ADD, a, b), tg_conv(t, "d", a, 4, 1, 1, 1, true));
}
static ln_tid product(tg *t, ln_tid x) { /* x x^T a row of the map: no permutation at all */
    return TG(t, MATMUL, "m", (ln_attr){0}, x, turn(t, x, 0, 1, 3, 2));
}
static ln_tid heads(tg *t, ln_tid x) { /* keys are turned by the product, heads are not */
    return TG(t, MATMUL, "m", (ln_attr){0}, turn(t, x, 0, 2, 1, 3), turn(t, x, 0, 2, 3, 1));
}
static ln_tid at_the_end(tg *t, ln_tid x) { /* outputs stay what they are */
    return planes(t, tg_act(t, "a", pixels(t, planes(t, x)), ln_act_relu()));
}
static ln_tid end_of_pair(tg *t, ln_tid x) {
    return pixels(t, planes(t, x));
}
static ln_tid sum_at_the_end(tg *t, ln_tid x) {
    const ln_tid p = planes(t, x);
    return map(t, LN_MAP_ADD, p, p);
}
static ln_tid of_a_constant(tg *t, ln_tid x) {
    const ln_tid c = tg_const(t, "c", S(2, 5, 3, 4), false, true);
    return map(t, LN_MAP_ADD, x, pixels(t, c));
}
static ln_tid shuffled(tg *t, ln_tid x) { /* minds the order */
    const ln_tid p = planes(t, x);
    return pixels(t, TG(t, CONCAT, "cat", ((ln_attr){.concat = {2, 0, 0, 0}}), p, p));
}
static ln_tid gated_sum(tg *t, ln_tid x) { /* [C] goes with channels that are last */
    return pixels(t, TG(t, ADD, "add", (ln_attr){0}, planes(t, x), constant(t, S(4))));
}

static const struct {
    ln_tid (*build)(tg *t, ln_tid x);
    int permutes, reshapes;
} cases[] = {
    {pair, 0, 0},           {two_of_one, 0, 0},    {chain, 1, 0},      {ones, 0, 1},
    {moves, 0, 0},          {constants, 0, 0},     {gate, 0, 2},       {apart, 2, 0},
    {product, 0, 0},        {heads, 2, 0},         {at_the_end, 1, 0}, {end_of_pair, 0, 1},
    {sum_at_the_end, 1, 0}, {of_a_constant, 0, 0}, {shuffled, 2, 0},   {gated_sum, 2, 0},
};

START_TEST(merged) {
    tg t, u;
    tg_open(&t, 5);
    tg_open(&u, 5);
    tg_output(&t, cases[_i].build(&t, tg_input(&t, 2, 3, 4, 5)));
    tg_output(&u, cases[_i].build(&u, tg_input(&u, 2, 3, 4, 5)));
    const int64_t params = t.g->params, macs = t.g->macs;
    ck_assert_msg(ln_passes_run(t.g, NULL, &t.err) == LINNET_OK, "%s", t.err.message);
    ck_assert_int_eq(ln_passes_run(u.g, "-merge_permutes", &u.err), LINNET_OK);
    ck_assert_int_eq(tg_count_op(&t, LN_OP_PERMUTE), cases[_i].permutes);
    ck_assert_int_eq(tg_count_op(&t, LN_OP_RESHAPE), cases[_i].reshapes);
    ck_assert_int_eq(t.g->params, params);
    ck_assert_int_eq(t.g->macs, macs);
    ck_assert(
        ln_shape_equal(&t.g->tensor[t.g->output[0]].shape, &u.g->tensor[u.g->output[0]].shape));
    ck_assert_str_eq(t.g->tensor[t.g->output[0]].name, u.g->tensor[u.g->output[0]].name);
    float *a = tg_run(&t, 3, 0), *b = tg_run(&u, 3, 0);
    ck_assert_mem_eq(a, b, (size_t)tg_count(t.g, t.g->output[0]) * sizeof *a);
    free(a);
    free(b);
    tg_close(&t);
    tg_close(&u);
}
END_TEST

static void fill(TCase *c) {
    tcase_add_loop_test(c, merged, 0, (int)LN_COUNT(cases));
}

int main(void) {
    return tg_main("permutes", fill);
}
