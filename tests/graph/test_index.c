/* Ops that move elements by index: shapes, refusals, values worked out by hand. */
#include "util.h"

static void expect(const tg *t, ln_tid y, ln_shape want) {
    char a[96], b[96];
    const ln_shape *s = &t->g->tensor[y].shape;
    ck_assert_msg(ln_shape_equal(s, &want), "%s, not %s", ln_shape_text(s, a),
                  ln_shape_text(&want, b));
}

/* The first input's elements are 0, 1, 2, ... */
static ln_ref *run_ramp(tg *t) {
    ln_ref *r;
    ck_assert_int_eq(ln_ref_create(t->g, &r, &t->err), LINNET_OK);
    for (int i = 0; i < t->g->n_input; i++) {
        const int64_t n = tg_count(t->g, t->g->input[i]);
        float *x = malloc((size_t)n * sizeof *x);
        for (int64_t k = 0; k < n; k++) x[k] = (float)k;
        ck_assert_int_eq(ln_ref_set(r, t->g->input[i], x, &t->err), LINNET_OK);
        free(x);
    }
    ck_assert_msg(ln_ref_run(r, true, &t->err) == LINNET_OK, "%s", t->err.message);
    return r;
}

static void same(const float *got, const float *want, size_t n) {
    for (size_t i = 0; i < n; i++)
        ck_assert_msg(got[i] == want[i], "element %zu is %g, not %g", i, (double)got[i],
                      (double)want[i]);
}

START_TEST(permute) {
    tg t;
    tg_open(&t, 1);
    const ln_tid x = tg_input_shape(&t, (ln_shape){3, {2, 3, 4}});
    ln_attr a = {.permute = {{2, 0, 1}}};
    const ln_tid y = TG(&t, PERMUTE, "p", a, x);
    expect(&t, y, (ln_shape){3, {4, 2, 3}});
    ln_ref *r = run_ramp(&t);
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 2; j++)
            for (int k = 0; k < 3; k++)
                ck_assert_float_eq(r->value[y][(i * 2 + j) * 3 + k], (float)((j * 3 + k) * 4 + i));
    ln_ref_destroy(&r);
    a.permute.perm[1] = 2;
    TG_REFUSE(&t, PERMUTE, a, "dimension 1 of the output is 2: not an order of 3", x);
    a.permute.perm[1] = 3;
    TG_REFUSE(&t, PERMUTE, a, "dimension 1 of the output is 3", x);
    a.permute.perm[1] = -1;
    TG_REFUSE(&t, PERMUTE, a, "dimension 1 of the output is -1", x);
    tg_close(&t);
}
END_TEST

START_TEST(tile) {
    tg t;
    tg_open(&t, 1);
    const ln_tid x = tg_input_shape(&t, (ln_shape){3, {2, 1, 3}});
    ln_attr a = {.tile = {{3, {2, 2, 6}}}};
    const ln_tid y = TG(&t, TILE, "t", a, x);
    expect(&t, y, (ln_shape){3, {2, 2, 6}});
    ln_ref *r = run_ramp(&t);
    const float want[] = {0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5, 3, 4, 5, 3, 4, 5};
    same(r->value[y], want, LN_COUNT(want));
    ln_ref_destroy(&r);
    a.tile.shape.dim[2] = 7;
    TG_REFUSE(&t, TILE, a, "2x2x7 is no multiple of 2x1x3", x);
    a.tile.shape.dim[2] = 0;
    TG_REFUSE(&t, TILE, a, "is no multiple", x);
    a.tile.shape = (ln_shape){2, {2, 3}};
    TG_REFUSE(&t, TILE, a, "2x3 is no multiple of 2x1x3", x);
    tg_close(&t);
}
END_TEST

START_TEST(slice_backwards) {
    tg t;
    tg_open(&t, 1);
    const ln_tid x = tg_input_shape(&t, (ln_shape){2, {3, 5}});
    ln_attr a = {.slice = {.begin = {2, 4}, .step = {-2, -3}, .size = {2, {2, 2}}}};
    const ln_tid y = TG(&t, SLICE, "s", a, x);
    ln_attr one = {.slice = {.begin = {1, 3}, .step = {INT64_MIN, INT64_MAX}, .size = {2, {1, 1}}}};
    const ln_tid z = TG(&t, SLICE, "one", one, x);
    ln_attr flip = {.slice = {.begin = {2, 0}, .step = {-1, 1}, .size = {2, {3, 5}}}};
    tg_output(&t, tg_act(&t, "relu", TG(&t, SLICE, "flip", flip, x), ln_act_relu()));
    ln_ref *r = run_ramp(&t);
    same(r->value[y], (float[]){14, 11, 4, 1}, 4);
    same(r->value[z], (float[]){8}, 1);
    ln_ref_destroy(&r);
    a.slice.size.dim[1] = 3;
    TG_REFUSE(&t, SLICE, a, "dimension 1: 3 from 4 by -3 lie outside 3x5", x);
    a.slice.begin[1] = 5, a.slice.size.dim[1] = 1;
    TG_REFUSE(&t, SLICE, a, "dimension 1: 1 from 5", x);
    a.slice.begin[1] = 4, a.slice.size.dim[1] = 3, a.slice.step[1] = INT64_MIN;
    TG_REFUSE(&t, SLICE, a, "dimension 1: 3 from 4", x);
    ck_assert_int_eq(ln_passes_run(t.g, NULL, &t.err), LINNET_OK);
    ck_assert_int_eq(ln_graph_compact(t.g, &t.err), LINNET_OK);
    ck_assert_int_eq(tg_count_op(&t, LN_OP_SLICE), 1); /* the same shape, but not the same */
    tg_close(&t);
}
END_TEST

/* A row of 4 padded, as numpy.pad does; crops as slices do. */
static const struct {
    ln_pad_mode mode;
    int before, after;
    float want[16];
} pads[] = {
    {LN_PAD_EDGE, 2, 1, {0, 0, 0, 1, 2, 3, 3}},
    {LN_PAD_REFLECT, 3, 2, {3, 2, 1, 0, 1, 2, 3, 2, 1}},
    {LN_PAD_REFLECT, 5, 5, {1, 2, 3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1, 2}},
    {LN_PAD_SYMMETRIC, 3, 2, {2, 1, 0, 0, 1, 2, 3, 3, 2}},
    {LN_PAD_SYMMETRIC, 0, 9, {0, 1, 2, 3, 3, 2, 1, 0, 0, 1, 2, 3, 3}},
    {LN_PAD_WRAP, 3, 6, {1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1}},
    {LN_PAD_CONSTANT, -1, 2, {1, 2, 3, 7, 7}},
    {LN_PAD_CONSTANT, -1, -2, {1}},
    {LN_PAD_REFLECT, -1, 1, {1, 2, 3, 2}},
    {LN_PAD_REFLECT, 2, -2, {0, 1, 0, 1}}, /* of 0 1: one turn is 0 1 */
    {LN_PAD_EDGE, 2, -3, {0, 0, 0}},
};

START_TEST(pad_modes) {
    for (int axis = 0; axis < 2; axis++) {
        tg t;
        tg_open(&t, 1);
        const int b = pads[_i].before, e = pads[_i].after, n = 4 + b + e;
        const ln_tid x = tg_input_shape(&t, axis ? (ln_shape){2, {1, 4}} : (ln_shape){2, {4, 1}});
        ln_attr a = {.pad = {.value = 7, .mode = pads[_i].mode}};
        a.pad.before[axis] = b, a.pad.after[axis] = e;
        const ln_tid y = TG(&t, PAD, "p", a, x);
        expect(&t, y, axis ? (ln_shape){2, {1, n}} : (ln_shape){2, {n, 1}});
        ln_ref *r = run_ramp(&t);
        same(r->value[y], pads[_i].want, (size_t)n);
        ln_ref_destroy(&r);
        tg_close(&t);
    }
}
END_TEST

START_TEST(pad_rules) {
    tg t;
    tg_open(&t, 1);
    const ln_tid x = tg_input_shape(&t, (ln_shape){2, {3, 4}});
    ln_attr a = {.pad = {.before = {0, -2}, .after = {0, -2}}};
    TG_REFUSE(&t, PAD, a, "dimension 1: padding -2,-2 leaves nothing of 4", x);
    a.pad.before[1] = 9, a.pad.after[1] = -4;
    TG_REFUSE(&t, PAD, a, "dimension 1: padding 9,-4 leaves nothing of 4", x);
    a.pad.before[1] = INT64_MIN;
    TG_REFUSE(&t, PAD, a, "leaves nothing", x);
    a.pad.before[1] = a.pad.after[1] = 0, a.pad.mode = (ln_pad_mode)9;
    TG_REFUSE(&t, PAD, a, "no padding mode 9", x);
    /* one forward, one off at the end: the same shape, but not the same */
    a.pad = (ln_pad_attr){.before = {1}, .after = {-1}};
    tg_output(&t, tg_act(&t, "relu", TG(&t, PAD, "shift", a, x), ln_act_relu()));
    ck_assert_int_eq(ln_passes_run(t.g, NULL, &t.err), LINNET_OK);
    ck_assert_int_eq(t.g->n_node, 2);
    tg_close(&t);
}
END_TEST

/* Crops and other modes are no padding of a convolution. */
START_TEST(pads_that_stay) {
    for (int mode = 0; mode < 2; mode++) {
        tg t;
        tg_open(&t, 3);
        const ln_tid x = tg_input(&t, 1, 6, 5, 3);
        ln_attr a = {.pad = {.before = {0, mode ? 1 : -1, 1, 0}, .mode = (ln_pad_mode)mode}};
        tg_output(&t, tg_conv(&t, "c", TG(&t, PAD, "p", a, x), 4, 3, 1, 1, true));
        ck_assert_int_eq(ln_passes_run(t.g, NULL, &t.err), LINNET_OK);
        ck_assert_int_eq(tg_count_op(&t, LN_OP_PAD), 1);
        tg_close(&t);
    }
}
END_TEST

START_TEST(noops) {
    tg t;
    tg_open(&t, 1);
    const ln_tid x = tg_input(&t, 1, 4, 4, 6);
    ln_tid y = TG(&t, PERMUTE, "p", ((ln_attr){.permute = {{0, 1, 2, 3}}}), x);
    y = TG(&t, TILE, "t", ((ln_attr){.tile = {ln_nhwc(1, 4, 4, 6)}}), y);
    y = TG(&t, PERMUTE, "real", ((ln_attr){.permute = {{0, 2, 1, 3}}}), y);
    tg_output(&t, y);
    ck_assert_int_eq(ln_passes_run(t.g, NULL, &t.err), LINNET_OK);
    ck_assert_int_eq(t.g->n_node, 1);
    ck_assert_str_eq(t.g->node[0].name, "real");
    tg_close(&t);
}
END_TEST

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

START_TEST(matmul) {
    tg t;
    tg_open(&t, 1);
    const ln_tid a = tg_input_shape(&t, (ln_shape)S(2, 1, 2, 3));
    const ln_tid b = tg_input_shape(&t, (ln_shape)S(2, 3, 2)), bt = tg_input(&t, 1, 1, 4, 3);
    const ln_tid at = tg_input_shape(&t, (ln_shape)S(3, 2)), v = tg_vector(&t, "v", 3);
    const ln_attr plain = {0}, turned = {.matmul = {.trans_b = true}};
    const ln_tid y = TG(&t, MATMUL, "m", plain, a, b), z = TG(&t, MATMUL, "t", turned, a, bt);
    const ln_tid w = TG(&t, MATMUL, "a", ((ln_attr){.matmul = {true, true}}), at, bt);
    expect(&t, y, (ln_shape)S(2, 2, 2, 2));
    expect(&t, z, ln_nhwc(2, 1, 2, 4));
    expect(&t, w, ln_nhwc(1, 1, 2, 4));
    ln_ref *r = run_ramp(&t);
    same(r->value[y],
         (float[]){10, 13, 28, 40, 28, 31, 100, 112, 46, 67, 64, 94, 172, 193, 244, 274}, 16);
    same(r->value[z], (float[]){5, 14, 23, 32, 14, 50, 86, 122}, 8);
    same(r->value[w], (float[]){10, 28, 46, 64, 13, 40, 67, 94}, 8);
    ln_ref_destroy(&r);
    ck_assert_int_eq(ln_node_macs(t.g, &t.g->node[0]), 16 * 3);
    ck_assert_int_eq(ln_node_macs(t.g, &t.g->node[2]), 8 * 3);
    TG_REFUSE(&t, MATMUL, plain, "3 columns and 4 rows", a, bt);
    TG_REFUSE(&t, MATMUL, turned, "3x2 times 1x1x4x3 turned: 2 columns and 3 rows", at, bt);
    TG_REFUSE(&t, MATMUL, plain, "matrices are needed", a, v);
    TG_REFUSE(&t, MATMUL, plain, "cannot be broadcast", b,
              tg_input_shape(&t, (ln_shape)S(3, 2, 2)));
    TG_REFUSE(&t, MATMUL, plain, "is i32 and not f32", at, INDICES(&t, S(2, 2), 1, 2, 3, 4));
    tg_close(&t);
}
END_TEST

START_TEST(gather) {
    tg t;
    tg_open(&t, 1);
    const ln_tid x = tg_input_shape(&t, (ln_shape)S(2, 3, 4));
    const ln_tid at = INDICES(&t, S(2, 2), 2, -1, -4, 0);
    ln_attr a = {.gather = {.axis = 1}}, b = {.gather = {.axis = 2}};
    const ln_tid y = TG(&t, GATHER, "rows", a, x, at), z = TG(&t, GATHER, "lanes", b, x, at);
    expect(&t, y, (ln_shape)S(2, 2, 2, 4));
    expect(&t, z, (ln_shape)S(2, 3, 2, 2));
    ln_ref *r = run_ramp(&t);
    same(r->value[y], (float[]){8, 9, 10, 11, 8, 9, 10, 11, 0, 0, 0, 0, 0, 1, 2, 3, 20, 21}, 18);
    same(r->value[z], (float[]){2, 3, 0, 0, 6, 7, 4, 4}, 8);
    ln_ref_destroy(&r);
    a.gather.axis = 3;
    TG_REFUSE(&t, GATHER, a, "no dimension 3 in 2x3x4", x, at);
    a.gather.axis = -1;
    TG_REFUSE(&t, GATHER, a, "no dimension -1", x, at);
    a.gather.axis = 0;
    TG_REFUSE(&t, GATHER, a, "more than 6 dimensions", x, INDICES(&t, S(1, 1, 1, 1, 1), 0));
    TG_REFUSE(&t, GATHER, a, "is f32 and not i32", x, tg_vector(&t, "floats", 2));
    tg_close(&t);
}
END_TEST

START_TEST(gather_nd) {
    tg t;
    tg_open(&t, 1);
    const ln_tid x = tg_input_shape(&t, (ln_shape)S(2, 3, 4));
    const ln_tid pairs = INDICES(&t, S(3, 2), 0, 1, -1, -1, 1, 3);
    const ln_tid each = INDICES(&t, S(2, 1, 2), 0, 1, 2, -4), one = INDICES(&t, S(3), 1, 2, 3);
    ln_attr a = {0}, b = {.gather = {.batch = 1}};
    const ln_tid y = TG(&t, GATHER_ND, "rows", a, x, pairs);
    const ln_tid z = TG(&t, GATHER_ND, "batch", b, x, each),
                 w = TG(&t, GATHER_ND, "one", a, x, one);
    expect(&t, y, (ln_shape)S(3, 4));
    expect(&t, z, (ln_shape)S(2, 1));
    expect(&t, w, (ln_shape)S(1));
    ln_ref *r = run_ramp(&t);
    same(r->value[y], (float[]){4, 5, 6, 7, 20, 21, 22, 23, 0, 0, 0, 0}, 12);
    same(r->value[z], (float[]){1, 20}, 2);
    same(r->value[w], (float[]){23}, 1);
    ln_ref_destroy(&r);
    TG_REFUSE(&t, GATHER_ND, a, "do not go with 2x3x4", x, INDICES(&t, S(1, 4), 0, 0, 0, 0));
    b.gather.batch = 3;
    TG_REFUSE(&t, GATHER_ND, b, "with 3 dimensions of a batch", x, each);
    b.gather.batch = -1;
    TG_REFUSE(&t, GATHER_ND, b, "with -1 dimensions", x, each);
    b.gather.batch = 1;
    TG_REFUSE(&t, GATHER_ND, b, "indices 3x2", x, pairs);
    tg_close(&t);
}
END_TEST

START_TEST(gather_elements) {
    tg t;
    tg_open(&t, 1);
    const ln_tid x = tg_input_shape(&t, (ln_shape)S(2, 3));
    const ln_tid at = INDICES(&t, S(2, 2), 2, -1, 1, 3), low = INDICES(&t, S(1, 3), 1, 0, -1);
    ln_attr a = {.gather = {.axis = 1}}, b = {0};
    const ln_tid y = TG(&t, GATHER_ELEMENTS, "lanes", a, x, at);
    const ln_tid z = TG(&t, GATHER_ELEMENTS, "rows", b, x, low);
    ln_ref *r = run_ramp(&t);
    same(r->value[y], (float[]){2, 2, 4, 0}, 4);
    same(r->value[z], (float[]){3, 1, 5}, 3);
    ln_ref_destroy(&r);
    TG_REFUSE(&t, GATHER_ELEMENTS, a, "do not go with 2x3", x, INDICES(&t, S(3, 1), 0, 0, 0));
    TG_REFUSE(&t, GATHER_ELEMENTS, a, "do not go with 2x3", x, INDICES(&t, S(2), 0, 0));
    a.gather.axis = 2;
    TG_REFUSE(&t, GATHER_ELEMENTS, a, "no dimension 2", x, at);
    tg_close(&t);
}
END_TEST

START_TEST(concat_rows) {
    tg t;
    tg_open(&t, 1);
    const ln_tid x = tg_input_shape(&t, (ln_shape)S(2, 1, 2)),
                 y = tg_input_shape(&t, (ln_shape)S(2, 2, 2));
    ln_attr a = {.concat = {.back = 1}}, b = {.concat = {.back = 2}};
    const ln_tid z = TG(&t, CONCAT, "c", a, x, y), w = TG(&t, CONCAT, "outer", b, y, y);
    expect(&t, z, (ln_shape)S(2, 3, 2));
    expect(&t, w, (ln_shape)S(4, 2, 2));
    ln_ref *r = run_ramp(&t);
    same(r->value[z], (float[]){0, 1, 0, 1, 2, 3, 2, 3, 4, 5, 6, 7}, 12);
    same(r->value[w], (float[]){0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3}, 12);
    ln_ref_destroy(&r);
    TG_REFUSE(&t, CONCAT, b, "2x2x2 differs from 2x1x2 in more than dimension 0", x, y);
    a.concat.back = 3;
    TG_REFUSE(&t, CONCAT, a, "no dimension 3 from the last in 2x1x2", x, y);
    a.concat.back = -1;
    TG_REFUSE(&t, CONCAT, a, "no dimension -1", x, y);
    a.concat.back = 1, a.concat.groups = 2;
    TG_REFUSE(&t, CONCAT, a, "only channels are shuffled or cut, not dimension 1", x, y);
    a.concat.groups = -1;
    TG_REFUSE(&t, CONCAT, a, "only channels", x, y);
    a.concat.groups = 0, a.concat.size = 1;
    TG_REFUSE(&t, CONCAT, a, "only channels", x, y);
    tg_close(&t);
}
END_TEST

static void fill(TCase *c) {
    tcase_add_test(c, permute);
    tcase_add_test(c, tile);
    tcase_add_test(c, slice_backwards);
    tcase_add_loop_test(c, pad_modes, 0, (int)LN_COUNT(pads));
    tcase_add_test(c, pad_rules);
    tcase_add_test(c, pads_that_stay);
    tcase_add_test(c, noops);
    tcase_add_test(c, matmul);
    tcase_add_test(c, gather);
    tcase_add_test(c, gather_nd);
    tcase_add_test(c, gather_elements);
    tcase_add_test(c, concat_rows);
}

int main(void) {
    return tg_main("index", fill);
}
