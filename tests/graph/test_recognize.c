/* Patterns that exporters write out: found in every spelling, left alone where a number differs,
 * and the same answer either way. */

#include "engine/passes/rewrite.h"
#include "util.h"

static ln_tid scalar(tg *t, float v) {
    float *p;
    const ln_tid c = ln_graph_const_new(t->g, "c", (ln_shape){1, {1}}, &p, &t->err);
    ck_assert_int_ne(c, LN_NONE);
    *p = v;
    return c;
}

static ln_tid map2(tg *t, ln_map_kind kind, ln_tid a, ln_tid b) {
    return TG(t, MAP, "m", ((ln_attr){.map = {.kind = kind}}), a, b);
}
static ln_tid map1(tg *t, ln_map_kind kind, ln_tid a) {
    return TG(t, MAP, "m", ((ln_attr){.map = {.kind = kind}}), a);
}
static ln_tid with(tg *t, ln_map_kind kind, ln_tid x, double c) {
    return map2(t, kind, x, scalar(t, (float)c));
}
static ln_tid mul(tg *t, ln_tid a, ln_tid b) {
    return TG(t, MUL, "mul", (ln_attr){0}, a, b);
}
static ln_tid act(tg *t, ln_tid x, ln_act_kind k) {
    return tg_act(t, "a", x, ln_act_of(k));
}
static ln_tid clip(tg *t, ln_tid x, double shift, float top) {
    const ln_act a = {.kind = LN_ACT_CLAMP, .lo = 0.0f, .hi = top};
    return tg_act(t, "clip", with(t, LN_MAP_ADD, x, shift), a);
}

/* ---- activations ---- */
static ln_tid swish(tg *t, ln_tid x) {
    return mul(t, x, act(t, x, LN_ACT_SIGMOID));
}
static ln_tid swish_turned(tg *t, ln_tid x) {
    return mul(t, act(t, x, LN_ACT_SIGMOID), x);
}
static ln_tid hard_swish(tg *t, ln_tid x) {
    return mul(t, x, act(t, x, LN_ACT_HARD_SIGMOID));
}
static ln_tid hard_clip(tg *t, ln_tid x) { /* x * (clip / 6) */
    return mul(t, x, with(t, LN_MAP_DIV, clip(t, x, 3, 6), 6));
}
static ln_tid hard_late(tg *t, ln_tid x) { /* (x * clip) * 1/6 */
    return with(t, LN_MAP_MUL, mul(t, x, clip(t, x, 3, 6)), 1.0 / 6);
}
static ln_tid hard_early(tg *t, ln_tid x) { /* (x / 6) * clip */
    return mul(t, with(t, LN_MAP_DIV, x, 6), clip(t, x, 3, 6));
}
static ln_tid hard_gate(tg *t, ln_tid x) {
    return with(t, LN_MAP_DIV, clip(t, x, 3, 6), 6);
}
static ln_tid one_plus_erf(tg *t, ln_tid x) {
    return with(t, LN_MAP_ADD, map1(t, LN_MAP_ERF, with(t, LN_MAP_DIV, x, sqrt(2.0))), 1);
}
static ln_tid gelu(tg *t, ln_tid x) { /* PyTorch's: (x * (1 + erf)) * 0.5 */
    return with(t, LN_MAP_MUL, mul(t, x, one_plus_erf(t, x)), 0.5);
}
static ln_tid gelu_half(tg *t, ln_tid x) { /* (x * 0.5) * (1 + erf), the root as a factor */
    const ln_tid e = map1(t, LN_MAP_ERF, with(t, LN_MAP_MUL, x, sqrt(0.5)));
    return mul(t, with(t, LN_MAP_MUL, x, 0.5), map2(t, LN_MAP_ADD, scalar(t, 1), e));
}
static ln_tid tanh_of(tg *t, ln_tid x, ln_tid cube) {
    const ln_tid sum = TG(t, ADD, "s", (ln_attr){0}, x, with(t, LN_MAP_MUL, cube, 0.044715));
    return act(t, with(t, LN_MAP_MUL, sum, sqrt(2 / acos(-1.0))), LN_ACT_TANH);
}
static ln_tid gelu_tanh(tg *t, ln_tid x) {
    const ln_tid th = tanh_of(t, x, with(t, LN_MAP_POW, x, 3));
    return mul(t, with(t, LN_MAP_MUL, x, 0.5), with(t, LN_MAP_ADD, th, 1));
}
static ln_tid gelu_tanh_products(tg *t, ln_tid x) {
    const ln_tid th = tanh_of(t, x, mul(t, mul(t, x, x), x));
    return with(t, LN_MAP_MUL, mul(t, x, with(t, LN_MAP_ADD, th, 1)), 0.5);
}
static ln_tid of_a_product(tg *t, ln_tid x) { /* what it is applied to is a product itself */
    const ln_tid y = with(t, LN_MAP_MUL, mul(t, x, x), 0.25);
    return mul(t, y, act(t, y, LN_ACT_SIGMOID));
}

/* Not quite. */
static ln_tid other_shift(tg *t, ln_tid x) {
    return mul(t, x, hard_gate(t, with(t, LN_MAP_ADD, x, 1)));
}
static ln_tid other_top(tg *t, ln_tid x) {
    return mul(t, x, with(t, LN_MAP_DIV, clip(t, x, 3, 5), 6));
}
static ln_tid other_divisor(tg *t, ln_tid x) {
    return mul(t, x, with(t, LN_MAP_DIV, clip(t, x, 3, 6), 6.001));
}
static ln_tid other_root(tg *t, ln_tid x) {
    const ln_tid e = map1(t, LN_MAP_ERF, with(t, LN_MAP_DIV, x, 1.4));
    return with(t, LN_MAP_MUL, mul(t, x, with(t, LN_MAP_ADD, e, 1)), 0.5);
}
static ln_tid other_operand(tg *t, ln_tid x) {
    return mul(t, x, act(t, with(t, LN_MAP_ADD, x, 1), LN_ACT_SIGMOID));
}
static ln_tid twice(tg *t, ln_tid x) {
    return mul(t, swish(t, x), x);
}
static ln_tid whole_gelu(tg *t, ln_tid x) {
    return mul(t, x, one_plus_erf(t, x));
}
static ln_tid slanted(tg *t, ln_tid x) {
    ln_act a = ln_act_of(LN_ACT_HARD_SIGMOID);
    a.alpha = 0.2f;
    return mul(t, x, tg_act(t, "h", x, a));
}
static ln_tid gated(tg *t, ln_tid x) { /* sigmoid of a mean gates the map */
    const ln_tid p = TG(t, POOL, "p", ((ln_attr){.pool = {.global = true}}), x);
    return mul(t, x, act(t, p, LN_ACT_SIGMOID));
}
static ln_tid eight(tg *t, ln_tid x) { /* more factors than are looked at */
    ln_tid y = mul(t, x, act(t, x, LN_ACT_SIGMOID));
    for (int i = 0; i < 9; i++) y = mul(t, y, act(t, y, LN_ACT_TANH));
    return y;
}

static const struct {
    ln_tid (*make)(tg *t, ln_tid x);
    ln_act_kind kind; /* NONE: it stays a product */
    int nodes;        /* that remain */
} acts[] = {
    {swish, LN_ACT_SWISH, 1},
    {swish_turned, LN_ACT_SWISH, 1},
    {hard_swish, LN_ACT_HARD_SWISH, 1},
    {hard_clip, LN_ACT_HARD_SWISH, 1},
    {hard_late, LN_ACT_HARD_SWISH, 1},
    {hard_early, LN_ACT_HARD_SWISH, 1},
    {hard_gate, LN_ACT_HARD_SIGMOID, 1},
    {gelu, LN_ACT_GELU, 1},
    {gelu_half, LN_ACT_GELU, 1},
    {gelu_tanh, LN_ACT_GELU_TANH, 1},
    {gelu_tanh_products, LN_ACT_GELU_TANH, 1},
    {of_a_product, LN_ACT_SWISH, 3},
    {other_shift, LN_ACT_NONE, 3},
    {other_top, LN_ACT_NONE, 4},
    {other_divisor, LN_ACT_NONE, 4},
    {other_root, LN_ACT_NONE, 5},
    {other_operand, LN_ACT_NONE, 3},
    {twice, LN_ACT_NONE, 2},
    {whole_gelu, LN_ACT_NONE, 4},
    {slanted, LN_ACT_NONE, 2},
    {gated, LN_ACT_NONE, 3},
    {eight, LN_ACT_NONE, 19},
};

static void same(const float *a, const float *b, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        ck_assert_double_eq_tol((double)a[i], (double)b[i], 1e-6 * (1 + fabs((double)a[i])));
}

START_TEST(activations) {
    tg t;
    tg_open(&t, 3);
    const ln_tid x = tg_input(&t, 2, 3, 2, 5);
    tg_output(&t, acts[_i].make(&t, with(&t, LN_MAP_MUL, x, 5)));
    float *before = tg_run(&t, 7, 0);
    int changed = 0;
    ck_assert_int_eq(ln_pass_recognize_act(t.g, &changed, &t.err), LINNET_OK);
    float *after = tg_run(&t, 7, 0);
    same(before, after, 60);
    const ln_node *last = &t.g->node[t.g->n_node - 1];
    ck_assert_int_eq(t.g->n_node, acts[_i].nodes + 1);
    if (acts[_i].kind) {
        ck_assert_int_eq(last->op, LN_OP_ACT);
        ck_assert_int_eq(last->attr.act.kind, acts[_i].kind);
    } else {
        ck_assert_int_ne(last->op, LN_OP_ACT);
    }
    free(before);
    free(after);
    tg_close(&t);
}
END_TEST

/* A scalar of more dimensions makes more of them; that is not the activation's shape. */
START_TEST(wide_scalars) {
    tg t;
    float *p;
    tg_open(&t, 3);
    const ln_tid x = tg_input_shape(&t, (ln_shape){2, {2, 5}});
    const ln_tid one = ln_graph_const_new(t.g, "one", (ln_shape){3, {1, 1, 1}}, &p, &t.err);
    *p = 0.5f;
    tg_output(&t, map2(&t, LN_MAP_MUL, mul(&t, x, one_plus_erf(&t, x)), one));
    int changed = 0;
    ck_assert_int_eq(ln_pass_recognize_act(t.g, &changed, &t.err), LINNET_OK);
    ck_assert_int_eq(changed, 0);
    tg_close(&t);
}
END_TEST

/* ---- layer norm ---- */
static ln_tid mean(tg *t, ln_tid x) {
    const int last = t->g->tensor[x].shape.rank - 1;
    return TG(t, REDUCE, "mean",
              ((ln_attr){.reduce = {.kind = LN_REDUCE_MEAN, .axes = 1u << last, .keep = true}}), x);
}
static ln_tid centre(tg *t, ln_tid x) {
    return map2(t, LN_MAP_SUB, x, mean(t, x));
}
static ln_tid spread(tg *t, ln_tid square) {
    return map1(t, LN_MAP_SQRT, with(t, LN_MAP_ADD, mean(t, square), 1e-3));
}
static ln_tid norm(tg *t, ln_tid x) { /* PyTorch's */
    const ln_tid c = centre(t, x);
    return map2(t, LN_MAP_DIV, c, spread(t, with(t, LN_MAP_POW, c, 2)));
}
static ln_tid norm_inverse(tg *t, ln_tid x) { /* centred twice, a product for the square */
    const ln_tid c = centre(t, x), again = centre(t, x);
    const ln_tid sd = spread(t, mul(t, c, c));
    return map2(t, LN_MAP_MUL, map2(t, LN_MAP_DIV, scalar(t, 1), sd), again);
}
static ln_tid norm_scaled(tg *t, ln_tid x) {
    const ln_tid y = TG(t, MUL, "gain", (ln_attr){0}, norm(t, x), tg_vector(t, "gamma", 5));
    return TG(t, ADD, "shift", (ln_attr){0}, y, tg_vector(t, "beta", 5));
}
static ln_tid norm_shifted(tg *t, ln_tid x) { /* a vector is added alone, before the product */
    return map2(t, LN_MAP_ADD, tg_vector(t, "beta", 5), norm(t, x));
}
static ln_tid norm_of_rows(tg *t, ln_tid x) { /* over another dimension */
    const ln_attr a = {.reduce = {.kind = LN_REDUCE_MEAN, .axes = 2u, .keep = true}};
    const ln_tid c = map2(t, LN_MAP_SUB, x, TG(t, REDUCE, "mean", a, x));
    const ln_tid v = TG(t, REDUCE, "mean", a, with(t, LN_MAP_POW, c, 2));
    return map2(t, LN_MAP_DIV, c, map1(t, LN_MAP_SQRT, with(t, LN_MAP_ADD, v, 1e-3)));
}
static ln_tid norm_cubed(tg *t, ln_tid x) {
    const ln_tid c = centre(t, x);
    return map2(t, LN_MAP_DIV, c, spread(t, map1(t, LN_MAP_ABS, with(t, LN_MAP_POW, c, 3))));
}
static ln_tid norm_of_another(tg *t, ln_tid x) {
    const ln_tid c = centre(t, x), d = centre(t, with(t, LN_MAP_ADD, x, 1));
    return map2(t, LN_MAP_DIV, c, spread(t, with(t, LN_MAP_POW, mul(t, d, d), 1)));
}
static ln_tid norm_read_twice(tg *t, ln_tid x) { /* the product is not all that reads it */
    const ln_tid y = norm(t, x);
    return TG(t, ADD, "sum", (ln_attr){0}, y, mul(t, y, tg_vector(t, "gamma", 5)));
}

static const struct {
    ln_tid (*make)(tg *t, ln_tid x);
    int norms, nodes, inputs;
} norms[] = {
    {norm, 1, 1, 1},         {norm_inverse, 1, 1, 1},     {norm_scaled, 1, 1, 3},
    {norm_shifted, 1, 1, 3}, {norm_read_twice, 1, 3, 1},  {norm_of_rows, 0, 7, 0},
    {norm_cubed, 0, 8, 0},   {norm_of_another, 0, 11, 0},
};

START_TEST(layer_norms) {
    tg t;
    int changed = 0;
    tg_open(&t, 3);
    tg_output(&t, norms[_i].make(&t, tg_input(&t, 2, 3, 2, 5)));
    float *before = tg_run(&t, 7, 0);
    ck_assert_int_eq(ln_pass_recognize_norm(t.g, &changed, &t.err), LINNET_OK);
    float *after = tg_run(&t, 7, 0);
    same(before, after, 60);
    ck_assert_int_eq(tg_count_op(&t, LN_OP_LAYER_NORM), norms[_i].norms);
    ck_assert_int_eq(t.g->n_node, norms[_i].nodes);
    if (norms[_i].norms) {
        ck_assert_int_eq(t.g->node[0].n_in, norms[_i].inputs);
        ck_assert(t.g->node[0].attr.norm.eps == 1e-3f);
    }
    free(before);
    free(after);
    tg_close(&t);
}
END_TEST

/* A vector that is added is a bias, or part of the one there is; channels may be in other rows. */
START_TEST(sums_with_vectors) {
    tg t;
    tg_open(&t, 9);
    const ln_tid x = tg_conv(&t, "c", tg_input(&t, 2, 3, 4, 3), 8, 1, 1, 1, _i & 1);
    const ln_tid y =
        TG(&t, ADD, "b", ((ln_attr){.binary = {ln_act_relu()}}), x, tg_vector(&t, "v", 8));
    const ln_tid rows = TG(&t, RESHAPE, "rows", ((ln_attr){.reshape = {{2, {24, 8}}}}), y);
    const ln_tid w = tg_const(&t, "w", (ln_shape){2, {6, 8}}, false, true);
    const ln_tid f = TG(&t, FC, "fc", (ln_attr){0}, rows, w);
    const ln_tid to = TG(&t, RESHAPE, "to", ((ln_attr){.reshape = {{3, {2, 12, 6}}}}), f);
    tg_output(&t, TG(&t, ADD, "d", (ln_attr){0}, to, tg_vector(&t, "u", 6)));
    const int64_t params = t.g->params;
    float *before = tg_run(&t, 5, 0);
    int changed = 0;
    ck_assert_int_eq(ln_pass_fold_scale(t.g, &changed, &t.err), LINNET_OK);
    ck_assert_int_eq(t.g->n_node, 4);
    ck_assert_int_eq(tg_count_op(&t, LN_OP_ADD), 0);
    ck_assert_int_eq(t.g->node[0].attr.conv.act.kind, LN_ACT_CLAMP);
    ck_assert_int_eq(t.g->params, params);
    float *after = tg_run(&t, 5, 0);
    for (int i = 0; i < 144; i++)
        ck_assert_double_eq_tol((double)after[i], (double)before[i], 1e-5);
    free(before);
    free(after);
    tg_close(&t);
}
END_TEST

static void fill(TCase *c) {
    tcase_add_loop_test(c, sums_with_vectors, 0, 2);
    tcase_add_loop_test(c, layer_norms, 0, (int)LN_COUNT(norms));
    tcase_add_loop_test(c, activations, 0, (int)LN_COUNT(acts));
    tcase_add_test(c, wide_scalars);
}

int main(void) {
    return tg_main("recognize", fill);
}
