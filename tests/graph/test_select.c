/* Ops that choose elements by their size, and of several outputs. */
#include "util.h"

static void expect(const tg *t, ln_tid y, ln_shape want) {
    char a[96], b[96];
    const ln_shape *s = &t->g->tensor[y].shape;
    ck_assert_msg(ln_shape_equal(s, &want), "%s, not %s", ln_shape_text(s, a),
                  ln_shape_text(&want, b));
}

static ln_tid indices(tg *t, ln_shape s, const int32_t *v) {
    int32_t *data;
    const ln_tid c = ln_graph_const_new_i32(t->g, "indices", s, &data, &t->err);
    ck_assert_msg(c != LN_NONE, "%s", t->err.message);
    memcpy(data, v, (size_t)tg_count(t->g, c) * sizeof *v);
    return c;
}
#define INDICES(t, shape, ...) indices(t, (ln_shape)shape, (int32_t[]){__VA_ARGS__})
#define S(...)                                                                                     \
    {                                                                                              \
        (int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int)), {                                       \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

static void topk_of(tg *t, ln_tid x, ln_topk_attr a, ln_tid out[LN_MAX_OUT]) {
    const ln_attr attr = {.topk = a};
    const linnet_status s = ln_graph_node_all(t->g, LN_OP_TOPK, "best", &attr, &x, 1, out, &t->err);
    ck_assert_msg(s == LINNET_OK, "%s", t->err.message);
}

START_TEST(topk) {
    const float x[2][5] = {{3, NAN, -INFINITY, 3, -0.0f}, {0, -0.0f, -1, INFINITY, -2}};
    const float most[2][3] = {{NAN, 3, 3}, {INFINITY, 0, -0.0f}},
                least[2][3] = {{-INFINITY, -0.0f, 3}, {-2, -1, 0}};
    const int32_t most_at[2][3] = {{1, 0, 3}, {3, 0, 1}}, least_at[2][3] = {{2, 4, 0}, {4, 2, 0}};
    tg t;
    tg_open(&t, 1);
    const ln_tid in = tg_input_shape(&t, (ln_shape)S(2, 5));
    ln_tid a[LN_MAX_OUT], b[LN_MAX_OUT];
    topk_of(&t, in, (ln_topk_attr){3, false}, a);
    topk_of(&t, in, (ln_topk_attr){3, true}, b);
    expect(&t, a[0], (ln_shape)S(2, 3));
    expect(&t, a[1], (ln_shape)S(2, 3));
    ck_assert_int_eq(t.g->tensor[a[0]].dtype, LN_F32);
    ck_assert_int_eq(t.g->tensor[a[1]].dtype, LN_I32);
    ck_assert_str_eq(t.g->tensor[a[1]].name, "best:1");
    ln_ref *r;
    ck_assert_int_eq(ln_ref_create(t.g, &r, &t.err), LINNET_OK);
    ck_assert_int_eq(ln_ref_set(r, in, x[0], &t.err), LINNET_OK);
    ck_assert_int_eq(ln_ref_run(r, true, &t.err), LINNET_OK);
    ck_assert_mem_eq(r->value[a[0]], most, sizeof most);
    ck_assert_mem_eq(r->value[a[1]], most_at, sizeof most_at);
    ck_assert_mem_eq(r->value[b[0]], least, sizeof least);
    ck_assert_mem_eq(r->value[b[1]], least_at, sizeof least_at);
    ln_ref_destroy(&r);
    TG_REFUSE(&t, TOPK, ((ln_attr){.topk = {6}}), "no best 6 along the last dimension of 2x5", in);
    TG_REFUSE(&t, TOPK, ((ln_attr){.topk = {0}}), "no best 0", in);
    tg_close(&t);
}
END_TEST

static void all_of(tg *t, ln_op op, ln_attr a, int n_in, const ln_tid *in, ln_tid *out) {
    const linnet_status s = ln_graph_node_all(t->g, op, "node", &a, in, n_in, out, &t->err);
    ck_assert_msg(s == LINNET_OK, "%s", t->err.message);
}

/* Boxes side by side, touching by nine tenths, and far away: the examples of ONNX's description. */
static const float corners[] = {0, 0,  1, 1,  0, 0.1f,  1, 1.1f,  0, -0.1f, 1, 0.9f,
                                0, 10, 1, 11, 0, 10.1f, 1, 11.1f, 0, 100,   1, 101};
static const float turned[] = {1, 1,  0, 0,  0, 0.1f,  1, 1.1f,  0, 0.9f, 1, -0.1f,
                               0, 10, 1, 11, 1, 10.1f, 0, 11.1f, 1, 101,  0, 100};
static const float centres[] = {0.5f,  0.5f, 1, 1, 0.6f,  0.5f, 1, 1, 0.4f,   0.5f, 1, 1,
                                10.5f, 0.5f, 1, 1, 10.6f, 0.5f, 1, 1, 100.5f, 0.5f, 1, 1};
static const float certain[] = {0.9f, 0.75f, 0.6f, 0.95f, 0.5f, 0.3f};
static const struct {
    const float *boxes;
    ln_nms_attr attr;
    int32_t want[6];
} suppressions[] = {
    {corners, {3, 0.5f, 0, false}, {3, 0, 5}},
    {turned, {3, 0.5f, 0, false}, {3, 0, 5}},
    {centres, {3, 0.5f, 0, true}, {3, 0, 5}},
    {corners, {2, 0.5f, 0, false}, {3, 0}},
    {corners, {9, 0.5f, 0.4f, false}, {3, 0, -1, -1, -1, -1}},
    {corners, {9, 1.0f, 0.5f, false}, {3, 0, 1, 2, -1, -1}}, /* 0.5 is not above it */
};

START_TEST(nms) {
    tg t;
    tg_open(&t, 1);
    const ln_tid in[] = {tg_input_shape(&t, (ln_shape)S(1, 6, 4)),
                         tg_input_shape(&t, (ln_shape)S(1, 1, 6))};
    ln_tid y[LN_MAX_OUT], rows[LN_MAX_OUT];
    all_of(&t, LN_OP_NMS, (ln_attr){.nms = suppressions[_i].attr}, 2, in, y);
    all_of(&t, LN_OP_NMS_ROWS, (ln_attr){0}, 1, y, rows);
    const int most = (int)LN_MIN(suppressions[_i].attr.most, 6);
    expect(&t, y[0], (ln_shape)S(1, 1, most));
    expect(&t, y[1], (ln_shape)S(1, 1, 6));
    expect(&t, rows[0], (ln_shape)S(most, 3));
    expect(&t, rows[1], (ln_shape)S(1));
    ln_ref *r;
    ck_assert_int_eq(ln_ref_create(t.g, &r, &t.err), LINNET_OK);
    ck_assert_int_eq(ln_ref_set(r, in[0], suppressions[_i].boxes, &t.err), LINNET_OK);
    ck_assert_int_eq(ln_ref_set(r, in[1], certain, &t.err), LINNET_OK);
    ck_assert_int_eq(ln_ref_run(r, true, &t.err), LINNET_OK);
    const int32_t *want = suppressions[_i].want, *row = (int32_t *)r->value[rows[0]];
    ck_assert_mem_eq(r->value[y[0]], want, (size_t)most * sizeof *want);
    int count = 0;
    for (int i = 0; i < most; i++, row += 3) {
        ck_assert_int_eq(row[2], want[i]);
        ck_assert_int_eq(row[0], want[i] < 0 ? -1 : 0);
        count += want[i] >= 0;
    }
    ck_assert_int_eq(*(int32_t *)r->value[rows[1]], count);
    const int32_t *order = (int32_t *)r->value[y[1]];
    ck_assert_int_eq(order[0], 3);
    ck_assert_int_eq(order[1], 0);
    ck_assert_int_eq(order[5], suppressions[_i].attr.score > 0 ? -1 : 5);
    ln_ref_destroy(&r);
    tg_close(&t);
}
END_TEST

START_TEST(nms_rules) {
    tg t;
    tg_open(&t, 1);
    const ln_tid boxes = tg_input_shape(&t, (ln_shape)S(2, 6, 4)),
                 scores = tg_input_shape(&t, (ln_shape)S(2, 3, 6));
    ln_attr a = {.nms = {3, 0.5f, 0, false}};
    TG_REFUSE(&t, NMS, a, "boxes 2x6x4 and scores 2x6x4 are not", boxes, boxes);
    TG_REFUSE(&t, NMS, a, "boxes 2x3x6", scores, scores);
    TG_REFUSE(&t, NMS, a, "are not [N,B,4]", boxes, tg_input_shape(&t, (ln_shape)S(1, 3, 6)));
    TG_REFUSE(&t, NMS, a, "are not [N,B,4]", boxes, tg_input_shape(&t, (ln_shape)S(12)));
    a.nms.most = 0;
    TG_REFUSE(&t, NMS, a, "at most 0 boxes", boxes, scores);
    a.nms.most = 1, a.nms.iou = NAN;
    TG_REFUSE(&t, NMS, a, "an overlap of nan", boxes, scores);
    TG_REFUSE(&t, NMS_ROWS, (ln_attr){0}, "is f32 and not i32", scores);
    TG_REFUSE(&t, NMS_ROWS, (ln_attr){0}, "rank 3 is needed", INDICES(&t, S(2, 2), 1, 2, 3, 4));
    tg_close(&t);
}
END_TEST

/* The count stays as long as the output whose rows it tells. */
START_TEST(rows_of_an_output) {
    tg t;
    tg_open(&t, 1);
    const ln_tid in[] = {tg_input_shape(&t, (ln_shape)S(1, 6, 4)),
                         tg_input_shape(&t, (ln_shape)S(1, 1, 6))};
    ln_tid y[LN_MAX_OUT], rows[LN_MAX_OUT];
    int64_t n = 0;
    all_of(&t, LN_OP_NMS, (ln_attr){.nms = {6, 0.5f, 0.4f, false}}, 2, in, y);
    all_of(&t, LN_OP_NMS_ROWS, (ln_attr){0}, 1, y, rows);
    tg_output(&t, y[0]);
    tg_output(&t, rows[0]);
    ck_assert_int_eq(ln_graph_set_rows(t.g, rows[0], y[0], &t.err), LINNET_ERR_INVALID_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(t.err.message, "is not one computed integer"));
    ck_assert_int_eq(ln_graph_set_rows(t.g, rows[0], 99, &t.err), LINNET_ERR_INVALID_ARGUMENT);
    ck_assert_int_eq(ln_graph_set_rows(t.g, -1, rows[1], &t.err), LINNET_ERR_INVALID_ARGUMENT);
    ck_assert_int_eq(ln_graph_set_rows(t.g, rows[0], rows[1], &t.err), LINNET_OK);
    TG(&t, RESHAPE, "unused", ((ln_attr){.reshape = {S(1, 6)}}), y[0]);
    ck_assert_int_eq(ln_graph_compact(t.g, &t.err), LINNET_OK);
    ln_ref *r;
    ck_assert_int_eq(ln_ref_create(t.g, &r, &t.err), LINNET_OK);
    ck_assert_int_eq(ln_ref_rows_of(r, t.g->output[1], &n, &t.err), LINNET_ERR_INTERNAL);
    ck_assert_int_eq(ln_ref_set(r, t.g->input[0], corners, &t.err), LINNET_OK);
    ck_assert_int_eq(ln_ref_set(r, t.g->input[1], certain, &t.err), LINNET_OK);
    ck_assert_int_eq(ln_ref_run(r, false, &t.err), LINNET_OK);
    ck_assert_int_eq(ln_ref_rows_of(r, t.g->output[0], &n, &t.err), LINNET_OK);
    ck_assert_int_eq(n, 1);
    ck_assert_int_eq(ln_ref_rows_of(r, t.g->output[1], &n, &t.err), LINNET_OK);
    ck_assert_int_eq(n, 2);
    ln_ref_destroy(&r);
    tg_close(&t);
}
END_TEST

/* Either output keeps the node; each is freed by its own last reader. */
START_TEST(several_outputs) {
    for (int kept = 0; kept < 2; kept++) {
        tg t;
        tg_open(&t, 1);
        const ln_tid x = tg_input_shape(&t, (ln_shape)S(2, 5));
        ln_tid y[LN_MAX_OUT], unused[LN_MAX_OUT];
        topk_of(&t, x, (ln_topk_attr){2, false}, y);
        topk_of(&t, x, (ln_topk_attr){3, false}, unused);
        tg_output(&t, TG(&t, GATHER, "g", (ln_attr){0}, y[0], kept ? y[1] : INDICES(&t, S(1), 1)));
        ck_assert_int_eq(ln_graph_compact(t.g, &t.err), LINNET_OK);
        ck_assert_int_eq(ln_graph_verify(t.g, &t.err), LINNET_OK);
        ck_assert_int_eq(t.g->n_node, 2);
        ck_assert_int_eq(t.g->node[0].n_out, 2);
        free(tg_run(&t, 1, 0));
        ln_str text = {0};
        ln_graph_print(t.g, &text);
        ck_assert_ptr_nonnull(strstr(text.p, "2x2 2x2"));
        ln_str_free(&text);
        t.g->node[0].out[1] = t.g->node[0].out[0];
        ck_assert_int_eq(ln_graph_verify(t.g, &t.err), LINNET_ERR_INTERNAL);
        ck_assert_ptr_nonnull(strstr(t.err.message, "has another maker"));
        t.g->node[0].n_out = 1;
        ck_assert_int_eq(ln_graph_verify(t.g, &t.err), LINNET_ERR_INTERNAL);
        ck_assert_ptr_nonnull(strstr(t.err.message, "has 1 outputs"));
        tg_close(&t);
    }
}
END_TEST

static void fill(TCase *c) {
    tcase_add_test(c, topk);
    tcase_add_loop_test(c, nms, 0, (int)LN_COUNT(suppressions));
    tcase_add_test(c, nms_rules);
    tcase_add_test(c, rows_of_an_output);
    tcase_add_test(c, several_outputs);
}

int main(void) {
    return tg_main("select", fill);
}
