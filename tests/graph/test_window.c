/* Transposed convolution against its definition; indices of pools. */
#include "util.h"

static ln_attr spread(int k, int stride, int dilation, int before, int64_t h, int64_t w) {
    return (ln_attr){
        .conv = {.win = {k, k, stride, stride, dilation, dilation, before, before, 0, 0},
                 .groups = 1,
                 .h = h,
                 .w = w}};
}

static void expect_shape(const tg *t, ln_tid y, ln_shape want) {
    ck_assert(ln_shape_equal(&t->g->tensor[y].shape, &want));
}

static ln_tid some_weight(tg *t, int64_t o, int64_t h, int64_t w, int64_t i) {
    return tg_const(t, "w", ln_nhwc(o, h, w, i), false, true);
}

START_TEST(transposed_rules) {
    tg t;
    tg_open(&t, 1);
    const ln_tid x = tg_input(&t, 2, 4, 5, 6), w = some_weight(&t, 8, 3, 3, 6);
    const ln_tid flat = tg_input_shape(&t, (ln_shape){2, {1, 6}});
    const ln_attr a = spread(3, 2, 1, 1, 8, 10);
    const ln_tid y = TG(&t, CONV_TRANSPOSE, "t", a, x, w, tg_vector(&t, "b", 8));
    expect_shape(&t, y, ln_nhwc(2, 8, 10, 8));
    ck_assert_int_eq(ln_node_macs(t.g, &t.g->node[0]), 2 * 4 * 5 * 6 * 9 * 8);
    ln_attr grouped = a;
    grouped.conv.groups = 2;
    TG(&t, CONV_TRANSPOSE, "g", grouped, x, some_weight(&t, 8, 3, 3, 3));
    ck_assert_int_eq(ln_node_macs(t.g, &t.g->node[1]), 2 * 4 * 5 * 6 * 9 * 4);
    TG_REFUSE(&t, CONV_TRANSPOSE, a, "input has shape 1x6, rank 4", flat, w);
    TG_REFUSE(&t, CONV_TRANSPOSE, a, "weight has shape 1x6, rank 4", x, flat);
    TG_REFUSE(&t, CONV_TRANSPOSE, a, "weight 8x3x3x3 does not fit", x, some_weight(&t, 8, 3, 3, 3));
    TG_REFUSE(&t, CONV_TRANSPOSE, a, "bias has shape 7", x, w, tg_vector(&t, "b", 7));
    TG_REFUSE(&t, CONV_TRANSPOSE, a, "takes 2 to 3 inputs", x, w, LN_NONE, x);
    ln_attr b = a;
    b.conv.groups = 4;
    TG_REFUSE(&t, CONV_TRANSPOSE, b, "4 groups do not divide", x, w);
    b = a, b.conv.win.sh = 0;
    TG_REFUSE(&t, CONV_TRANSPOSE, b, "height: kernel 3, stride 0", x, w);
    b = a, b.conv.win.right = 1;
    TG_REFUSE(&t, CONV_TRANSPOSE, b, "width: the output's size stands for", x, w);
    b = a, b.conv.h = 0;
    TG_REFUSE(&t, CONV_TRANSPOSE, b, "height: 0 from 4 pixels", x, w);
    b = a, b.conv.win.left = INT32_MIN;
    TG_REFUSE(&t, CONV_TRANSPOSE, b, "width: 10 from 5 pixels", x, w);
    b = a, b.conv.win.dw = INT32_MAX;
    TG_REFUSE(&t, CONV_TRANSPOSE, b, "cannot be made", x, w);
    b = a, b.conv.win.sw = INT32_MAX;
    TG_REFUSE(&t, CONV_TRANSPOSE, b, "cannot be made", x, w);
    b = a, b.conv.post = ln_act_relu();
    TG_REFUSE(&t, CONV_TRANSPOSE, b, "takes one activation", x, w);
    b = a, b.conv.interleaved = true;
    TG_REFUSE(&t, CONV_TRANSPOSE, b, "no interleaved groups", x, w);
    b = a, b.conv.act.kind = LN_ACT_COUNT;
    TG_REFUSE(&t, CONV_TRANSPOSE, b, "no activation", x, w);
    tg_close(&t);
}
END_TEST

/* The definition: every input pixel adds to a window of the output. */
static void scatter(const tg *t, const ln_node *n, const float *x, const float *w, double *y) {
    const ln_conv_attr *a = &n->attr.conv;
    const ln_shape *xs = &t->g->tensor[n->in[0]].shape, *ws = &t->g->tensor[n->in[1]].shape;
    const int64_t icg = ws->dim[3], oc = ws->dim[0], ocg = oc / a->groups;
    for (int64_t p = 0; p < xs->dim[0] * xs->dim[1] * xs->dim[2]; p++)
        for (int64_t at = 0; at < oc * a->win.kh * a->win.kw * icg; at++) {
            const int64_t i = at % icg, kx = at / icg % a->win.kw,
                          ky = at / icg / a->win.kw % a->win.kh;
            const int64_t o = at / icg / a->win.kw / a->win.kh;
            const int64_t iy = p / xs->dim[2] % xs->dim[1], ix = p % xs->dim[2];
            const int64_t oy = iy * a->win.sh + ky * a->win.dh - a->win.top;
            const int64_t ox = ix * a->win.sw + kx * a->win.dw - a->win.left;
            if (oy < 0 || ox < 0 || oy >= a->h || ox >= a->w) continue;
            const int64_t image = p / xs->dim[2] / xs->dim[1];
            y[((image * a->h + oy) * a->w + ox) * oc + o] +=
                (double)x[p * xs->dim[3] + o / ocg * icg + i] * w[at];
        }
}

START_TEST(transposed_values) {
    tg t;
    tg_open(&t, (uint64_t)_i + 1);
    const int groups = 1 + tg_pick(&t, 3), icg = 1 + tg_pick(&t, 4), ocg = 1 + tg_pick(&t, 4);
    ln_attr a = spread(1, 1, 1, 0, 1 + tg_pick(&t, 12), 1 + tg_pick(&t, 12));
    ln_window *v = &a.conv.win;
    v->kh = 1 + tg_pick(&t, 4), v->kw = 1 + tg_pick(&t, 4);
    v->sh = 1 + tg_pick(&t, 3), v->sw = 1 + tg_pick(&t, 3);
    v->dh = 1 + tg_pick(&t, 3), v->dw = 1 + tg_pick(&t, 3);
    v->top = tg_pick(&t, 6) - 2, v->left = tg_pick(&t, 6) - 2;
    a.conv.groups = groups;
    a.conv.act = tg_pick(&t, 2) ? ln_act_relu() : ln_act_of(LN_ACT_TANH);
    const ln_tid x =
        tg_input(&t, 1 + tg_pick(&t, 2), 1 + tg_pick(&t, 5), 1 + tg_pick(&t, 5), icg * groups);
    const ln_tid w = some_weight(&t, ocg * groups, v->kh, v->kw, icg);
    const ln_tid b = tg_vector(&t, "b", ocg * groups);
    const ln_tid y = TG(&t, CONV_TRANSPOSE, "t", a, x, w, b);
    tg_output(&t, x);
    tg_output(&t, y);
    float *in = tg_run(&t, 3, 0), *got = tg_run(&t, 3, 1);
    const int64_t count = tg_count(t.g, y), oc = ocg * groups;
    double *want = calloc((size_t)count, sizeof *want);
    scatter(&t, &t.g->node[0], in, t.g->tensor[w].view.data, want);
    for (int64_t i = 0; i < count; i++) {
        const double bias = ((const float *)t.g->tensor[b].view.data)[i % oc];
        ck_assert_double_eq_tol((double)got[i], ln_act_eval(&a.conv.act, want[i] + bias), 1e-5);
    }
    free(in);
    free(got);
    free(want);
    tg_close(&t);
}
END_TEST

/* After all passes the nodes are these, and both outputs what they were. */
static void becomes(tg *t, float *const before[2], int n, const ln_op *ops) {
    ck_assert_msg(ln_passes_run(t->g, NULL, &t->err) == LINNET_OK, "%s", t->err.message);
    for (int o = 0; o < 2; o++) {
        float *after = tg_run(t, 11, o);
        for (int64_t i = 0; i < tg_count(t->g, t->g->output[o]); i++)
            ck_assert_float_eq_tol(after[i], before[o][i], 1e-5f);
        free(after);
    }
    ck_assert_int_eq(t->g->n_node, n);
    for (int i = 0; i < n; i++) ck_assert_int_eq(t->g->node[i].op, ops[i]);
}
#define BECOMES(t, before, ...)                                                                    \
    becomes(t, before, (int)(sizeof((ln_op[]){__VA_ARGS__}) / sizeof(ln_op)),                      \
            (ln_op[]){__VA_ARGS__})

/* What is folded into weights stays where a node or the caller makes them; the rest is fused. */
START_TEST(weights_of_nodes_stay) {
    tg t;
    tg_open(&t, 5);
    const ln_tid x = tg_input(&t, 2, 5, 5, 4), w = tg_input(&t, 4, 3, 3, 4);
    const ln_tid w1 = tg_input(&t, 3, 1, 1, 4), b = tg_input_shape(&t, (ln_shape){1, {4}});
    const ln_tid w3 = tg_input(&t, 4, 1, 1, 4);
    const ln_attr one = tg_conv_attr(1, 1, 0, 1);
    ln_tid y = tg_bn(&t, "bn", TG(&t, CONV2D, "c", tg_conv_attr(3, 1, 1, 1), x, w));
    const ln_tid p = TG(&t, POOL, "pool", ((ln_attr){.pool = {.global = true}}), y);
    const ln_tid r = tg_act(&t, "act", TG(&t, CONV2D, "r", one, p, w1), ln_act_relu());
    const ln_tid w2 = tg_const(&t, "w2", ln_nhwc(4, 1, 1, 3), false, true);
    const ln_tid gate = TG(&t, CONV2D, "e", one, r, w2, b);
    y = TG(&t, MUL, "scale", (ln_attr){0}, TG(&t, CONV2D, "last", one, y, w3),
           tg_vector(&t, "gamma", 4));
    tg_output(&t, y);
    tg_output(&t, gate);
    float *before[2] = {tg_run(&t, 11, 0), tg_run(&t, 11, 1)};
    BECOMES(&t, before, LN_OP_CONV2D, LN_OP_BATCH_NORM, LN_OP_POOL, LN_OP_CONV2D, LN_OP_CONV2D,
            LN_OP_CONV2D, LN_OP_MUL);
    free(before[0]);
    free(before[1]);
    tg_close(&t);
}
END_TEST

/* Batch norm, scale and activation go into a transposed convolution as into any other. */
START_TEST(transposed_takes_what_follows) {
    tg t;
    tg_open(&t, 6);
    const ln_tid x = tg_conv(&t, "stem", tg_input(&t, 2, 5, 5, 3), 4, 1, 1, 1, true);
    const ln_tid w = tg_const(&t, "w", ln_nhwc(6, 2, 2, 4), false, true);
    const ln_attr a = {
        .conv = {.win = {2, 2, 2, 2, 1, 1, 0, 0, 0, 0}, .groups = 1, .h = 10, .w = 10}};
    ln_tid y = tg_bn(&t, "bn", TG(&t, CONV_TRANSPOSE, "t", a, x, w));
    y = TG(&t, MUL, "scale", (ln_attr){0}, y, tg_vector(&t, "gamma", 6));
    y = tg_act(&t, "act", y, ln_act_relu6());
    tg_output(&t, y);
    tg_output(&t, x);
    float *before[2] = {tg_run(&t, 11, 0), tg_run(&t, 11, 1)};
    BECOMES(&t, before, LN_OP_CONV2D, LN_OP_CONV_TRANSPOSE);
    free(before[0]);
    free(before[1]);
    tg_close(&t);
}
END_TEST

/* The first of the largest of each 2x2 window, by rows and by columns of N,C,H,W. */
START_TEST(indices_of_the_largest) {
    static const float x[] = {1, 8, 5, 5, 9, 9,   3, 8,
                              0, 1, 5, 5, 7, NAN, 9, NAN}; /* 2x4, 2 channels */
    static const int32_t want[2][4] = {{1, 8 + 0, 2, 8 + 6}, {2, 8 + 0, 4, 8 + 5}};
    const ln_window win = {2, 2, 2, 2, 1, 1, 0, 0, 0, 0};
    for (int k = 0; k < 2; k++) {
        const ln_attr a = {.pool = {.kind = LN_POOL_MAX,
                                    .win = win,
                                    .indices = k ? LN_INDICES_COLUMNS : LN_INDICES_ROWS}};
        ln_tid out[LN_MAX_OUT];
        ln_ref *r;
        tg t;
        tg_open(&t, 1);
        const ln_tid in = tg_input(&t, 1, 2, 4, 2);
        ck_assert_int_eq(ln_graph_node_all(t.g, LN_OP_POOL, "p", &a, &in, 1, out, &t.err),
                         LINNET_OK);
        expect_shape(&t, out[1], ln_nhwc(1, 1, 2, 2));
        ck_assert_int_eq(t.g->tensor[out[1]].dtype, LN_I32);
        ck_assert_int_eq(ln_ref_create(t.g, &r, &t.err), LINNET_OK);
        ck_assert_int_eq(ln_ref_set(r, in, x, &t.err), LINNET_OK);
        ck_assert_int_eq(ln_ref_run(r, true, &t.err), LINNET_OK);
        ck_assert_mem_eq(r->value[out[1]], want[k], sizeof want[k]);
        ln_ref_destroy(&r);
        tg_close(&t);
    }
}
END_TEST

START_TEST(indices_rules) {
    tg t;
    tg_open(&t, 1);
    const ln_tid x = tg_input(&t, 1, 5, 4, 3), huge = tg_input(&t, 1, 1 << 15, 1 << 15, 4);
    ln_attr a = {.pool = {.global = true, .indices = LN_INDICES_ROWS}};
    TG_REFUSE(&t, POOL, a, "no indices 1 of pool 0", x);
    a.pool.kind = LN_POOL_MAX;
    TG_REFUSE(&t, POOL, a, "more elements than an index counts", huge);
    a.pool.indices = LN_INDICES_KINDS;
    TG_REFUSE(&t, POOL, a, "no indices 3", x);
    tg_close(&t);
}
END_TEST

/* A mean of nothing but holes is zero: dilated windows may step over a small map. */
START_TEST(mean_of_nothing) {
    tg t;
    tg_open(&t, 1);
    const ln_attr a = {.pool = {.win = {2, 1, 1, 1, 2, 1, 1, 0, 1, 0}}};
    tg_output(&t, TG(&t, POOL, "p", a, tg_input(&t, 1, 1, 3, 2)));
    float *y = tg_run(&t, 1, 0);
    for (int i = 0; i < 6; i++) ck_assert_float_eq(y[i], 0.0f);
    free(y);
    tg_close(&t);
}
END_TEST

static void fill(TCase *c) {
    tcase_add_test(c, indices_of_the_largest);
    tcase_add_test(c, indices_rules);
    tcase_add_test(c, mean_of_nothing);
    tcase_add_test(c, transposed_rules);
    tcase_add_loop_test(c, transposed_values, 0, 60);
    tcase_add_test(c, transposed_takes_what_follows);
    tcase_add_test(c, weights_of_nodes_stay);
}

int main(void) {
    return tg_main("window", fill);
}
