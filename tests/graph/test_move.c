/* Ops that move values: shuffle, slice, pad; ceil mode of pools; what passes do to them. */
#include "util.h"

static void expect(const tg *t, ln_tid y, ln_shape want) {
    char a[96], b[96];
    const ln_shape *s = &t->g->tensor[y].shape;
    ck_assert_msg(ln_shape_equal(s, &want), "%s, not %s", ln_shape_text(s, a),
                  ln_shape_text(&want, b));
}

/* Runs with input 0, 1, 2, ... */
static ln_ref *run_ramp(tg *t) {
    ln_ref *r;
    const int64_t n = tg_count(t->g, t->g->input[0]);
    float *x = malloc((size_t)n * sizeof *x);
    ck_assert_ptr_nonnull(x);
    for (int64_t i = 0; i < n; i++) x[i] = (float)i;
    ck_assert_int_eq(ln_ref_create(t->g, &r, &t->err), LINNET_OK);
    ck_assert_int_eq(ln_ref_set(r, t->g->input[0], x, &t->err), LINNET_OK);
    const linnet_status s = ln_ref_run(r, true, &t->err);
    ck_assert_msg(s == LINNET_OK, "%s", t->err.message);
    free(x);
    return r;
}

START_TEST(shuffle) {
    tg t;
    tg_open(&t, 1);
    const ln_tid x = tg_input(&t, 1, 1, 2, 6);
    const ln_tid two = TG(&t, CHANNEL_SHUFFLE, "s2", ((ln_attr){.shuffle = {2}}), x);
    const ln_tid back = TG(&t, CHANNEL_SHUFFLE, "s3", ((ln_attr){.shuffle = {3}}), two);
    const ln_tid rows = tg_input_shape(&t, (ln_shape){2, {1, 4}});
    expect(&t, two, ln_nhwc(1, 1, 2, 6));
    TG_REFUSE(&t, CHANNEL_SHUFFLE, ((ln_attr){.shuffle = {4}}), "4 groups do not divide", x);
    TG_REFUSE(&t, CHANNEL_SHUFFLE, ((ln_attr){.shuffle = {0}}), "0 groups", x);
    ck_assert_int_ne(TG(&t, CHANNEL_SHUFFLE, "r", ((ln_attr){.shuffle = {2}}), rows), LN_NONE);
    t.g->n_node = 2; /* only the first input is set below */
    ln_ref *r = run_ramp(&t);
    const float want[6] = {0, 3, 1, 4, 2, 5};
    for (int i = 0; i < 12; i++) {
        ck_assert_float_eq(r->value[two][i], want[i % 6] + (float)(i / 6 * 6));
        ck_assert_float_eq(r->value[back][i], (float)i); /* C/groups undoes groups */
    }
    ln_ref_destroy(&r);
    tg_close(&t);
}
END_TEST

START_TEST(slice_rules) {
    tg t;
    tg_open(&t, 1);
    const ln_tid x = tg_input(&t, 1, 7, 5, 8);
    const ln_slice_attr all = ln_slice_all(&t.g->tensor[x].shape);
    ln_attr a = {.slice = all};
    expect(&t, TG(&t, SLICE, "all", a, x), ln_nhwc(1, 7, 5, 8));
    a.slice.begin[1] = 1, a.slice.step[1] = 2, a.slice.size.dim[1] = 3;
    expect(&t, TG(&t, SLICE, "rows", a, x), ln_nhwc(1, 3, 5, 8));
    a.slice.size.dim[1] = 4;
    TG_REFUSE(&t, SLICE, a, "dimension 1: 4 from 1 by 2 lie outside 1x7x5x8", x);
    a = (ln_attr){.slice = all};
    a.slice.begin[3] = 8, a.slice.size.dim[3] = 1;
    TG_REFUSE(&t, SLICE, a, "dimension 3: 1 from 8", x);
    a.slice.begin[3] = INT64_MAX;
    TG_REFUSE(&t, SLICE, a, "dimension 3", x);
    a.slice.begin[3] = -1;
    TG_REFUSE(&t, SLICE, a, "dimension 3: 1 from -1", x);
    a = (ln_attr){.slice = all};
    a.slice.step[2] = 0;
    TG_REFUSE(&t, SLICE, a, "dimension 2: 5 from 0 by 0", x);
    a.slice.step[2] = INT64_MAX;
    TG_REFUSE(&t, SLICE, a, "dimension 2", x);
    a = (ln_attr){.slice = all};
    a.slice.size.dim[0] = 0;
    TG_REFUSE(&t, SLICE, a, "dimension 0: 0 from 0", x);
    a.slice.size.rank = 3;
    TG_REFUSE(&t, SLICE, a, "is no part of 1x7x5x8", x);
    tg_close(&t);
}
END_TEST

START_TEST(slice_values) {
    tg t;
    tg_open(&t, 1);
    const ln_tid x = tg_input(&t, 2, 7, 5, 4);
    ln_attr a = {.slice = ln_slice_all(&t.g->tensor[x].shape)};
    a.slice.begin[1] = 1, a.slice.step[1] = 2, a.slice.size.dim[1] = 3;
    a.slice.begin[2] = 2, a.slice.step[2] = 2, a.slice.size.dim[2] = 2;
    a.slice.begin[3] = 1, a.slice.size.dim[3] = 2;
    const ln_tid y = TG(&t, SLICE, "s", a, x);
    ln_ref *r = run_ramp(&t);
    const float *got = r->value[y];
    for (int n = 0; n < 2; n++)
        for (int h = 0; h < 3; h++)
            for (int w = 0; w < 2; w++)
                for (int c = 0; c < 2; c++)
                    ck_assert_float_eq(*got++,
                                       (float)(((n * 7 + 1 + 2 * h) * 5 + 2 + 2 * w) * 4 + 1 + c));
    ln_ref_destroy(&r);
    tg_close(&t);
}
END_TEST

START_TEST(pad) {
    tg t;
    tg_open(&t, 1);
    const ln_tid x = tg_input(&t, 2, 2, 3, 2);
    ln_attr a = {.pad = {.before = {0, 1, 0, 1}, .after = {0, 0, 2, 1}, .value = -7}};
    const ln_tid y = TG(&t, PAD, "p", a, x);
    expect(&t, y, ln_nhwc(2, 3, 5, 4));
    ln_attr b = a;
    b.pad.after[2] = -3;
    TG_REFUSE(&t, PAD, b, "dimension 2: padding 0,-3 leaves nothing of 3", x);
    b.pad.after[2] = INT64_MAX;
    TG_REFUSE(&t, PAD, b, "dimension 2: padded size overflows", x);
    b.pad.after[2] = INT64_C(1) << 60;
    TG_REFUSE(&t, PAD, b, "is empty or too large", x);
    ln_ref *r = run_ramp(&t);
    const float *got = r->value[y];
    for (int n = 0; n < 2; n++)
        for (int h = 0; h < 3; h++)
            for (int w = 0; w < 5; w++)
                for (int c = 0; c < 4; c++) {
                    const bool in = h >= 1 && w < 3 && c >= 1 && c < 3;
                    const int src = ((n * 2 + h - 1) * 3 + w) * 2 + c - 1;
                    ck_assert_float_eq(*got++, in ? (float)src : -7.0f);
                }
    ln_ref_destroy(&r);
    tg_close(&t);
}
END_TEST

/* in, kernel, stride, padding -> size with ceil mode, and what it adds. */
static const struct {
    int in, k, s, pad, out, extra;
} ceils[] = {
    {7, 3, 2, 1, 4, 0}, {8, 3, 2, 1, 5, 1}, {6, 3, 2, 0, 3, 1}, {5, 2, 2, 0, 3, 1},
    {5, 1, 3, 0, 2, 0}, {6, 2, 4, 1, 2, 0}, {5, 2, 3, 1, 2, 0}, {112, 3, 2, 0, 56, 1},
};

START_TEST(ceil_sizes) {
    tg t;
    tg_open(&t, 1);
    const int k = ceils[_i].k, s = ceils[_i].s, p = ceils[_i].pad;
    const ln_tid x = tg_input(&t, 1, ceils[_i].in, ceils[_i].in, 1);
    ln_pool_attr a = {.kind = LN_POOL_MAX, .win = {k, k, s, s, 1, 1, p, p, p, p}};
    ln_pool_ceil(&a, ceils[_i].in, ceils[_i].in);
    ck_assert_int_eq(a.ceil_bottom, ceils[_i].extra);
    ck_assert_int_eq(a.ceil_right, ceils[_i].extra);
    ck_assert_int_eq(a.win.bottom, p + ceils[_i].extra);
    expect(&t, TG(&t, POOL, "p", ((ln_attr){.pool = a}), x),
           ln_nhwc(1, ceils[_i].out, ceils[_i].out, 1));
    tg_close(&t);
}
END_TEST

/* With counted padding the divisor takes in the padding but not what ceil mode added. */
START_TEST(ceil_divisor) {
    tg t;
    tg_open(&t, 1);
    const ln_tid x = tg_input(&t, 1, 1, 8, 1);
    ln_pool_attr a = {.count_pad = true, .win = {1, 3, 1, 2, 1, 1, 0, 1, 0, 1}};
    ln_pool_ceil(&a, 1, 8);
    const ln_tid y = TG(&t, POOL, "p", ((ln_attr){.pool = a}), x);
    a.count_pad = false;
    const ln_tid z = TG(&t, POOL, "p", ((ln_attr){.pool = a}), x);
    a.ceil_right = 5;
    TG_REFUSE(&t, POOL, ((ln_attr){.pool = a}), "ceil mode's 0,5 is no part of the padding", x);
    ln_ref *r = run_ramp(&t);
    const float with[5] = {1.0f / 3, 2, 4, 6, 7.0f / 2}, without[5] = {0.5f, 2, 4, 6, 7};
    for (int i = 0; i < 5; i++) {
        ck_assert_float_eq(r->value[y][i], with[i]);
        ck_assert_float_eq(r->value[z][i], without[i]);
    }
    ln_ref_destroy(&r);
    a.win.sh = a.win.sw = 0; /* nonsense is left to the shape rule */
    ln_pool_ceil(&a, 1, 8);
    ck_assert_int_eq(a.ceil_right, 0);
    ln_window_same(&a.win, 1, 8);
    ck_assert_int_eq(a.win.left, 0);
    tg_close(&t);
}
END_TEST

/* Explicit padding goes into the convolution; into a max pool, or with another value, it may not.
 */
START_TEST(pad_folds) {
    tg t;
    tg_open(&t, 1);
    const ln_tid x = tg_input(&t, 1, 6, 5, 3);
    ln_attr p = {.pad = {.before = {0, 0, 1, 0}, .after = {0, 1, 2, 0}}};
    const ln_tid padded = TG(&t, PAD, "pad", p, x);
    const ln_tid a = tg_conv(&t, "a", padded, 4, 3, 2, 1, true);
    p.pad.value = 1;
    const ln_tid b = tg_conv(&t, "b", TG(&t, PAD, "ones", p, x), 4, 3, 2, 1, true);
    tg_output(&t, TG(&t, ADD, "sum", (ln_attr){0}, a, b));
    float *before = tg_run(&t, 3, 0);
    const int64_t n = tg_count(t.g, t.g->output[0]);
    ck_assert_int_eq(ln_passes_run(t.g, "-fuse_residual", &t.err), LINNET_OK);
    ck_assert_int_eq(tg_count_op(&t, LN_OP_PAD), 1);
    const ln_window *w = &t.g->node[0].attr.conv.win;
    ck_assert_int_eq(w->top, 1);
    ck_assert_int_eq(w->bottom, 2);
    ck_assert_int_eq(w->left, 2);
    ck_assert_int_eq(w->right, 3);
    float *after = tg_run(&t, 3, 0);
    ck_assert_mem_eq(before, after, (size_t)n * sizeof(float));
    free(before);
    free(after);
    tg_close(&t);
}
END_TEST

/* Moves that move nothing. */
START_TEST(noops) {
    tg t;
    tg_open(&t, 1);
    const ln_tid x = tg_input(&t, 1, 4, 4, 6);
    ln_tid y = TG(&t, CHANNEL_SHUFFLE, "s1", ((ln_attr){.shuffle = {1}}), x);
    y = TG(&t, CHANNEL_SHUFFLE, "s6", ((ln_attr){.shuffle = {6}}), y);
    y = TG(&t, PAD, "p", (ln_attr){0}, y);
    y = TG(&t, SLICE, "s", ((ln_attr){.slice = ln_slice_all(&t.g->tensor[y].shape)}), y);
    y = TG(
        &t, RESIZE, "r",
        ((ln_attr){.resize = {LN_RESIZE_LINEAR, .axis = {[1] = {.size = 4}, [2] = {.size = 4}}}}),
        y);
    y = TG(&t, CHANNEL_SHUFFLE, "real", ((ln_attr){.shuffle = {2}}), y);
    tg_output(&t, y);
    ck_assert_int_eq(ln_passes_run(t.g, NULL, &t.err), LINNET_OK);
    ck_assert_int_eq(t.g->n_node, 1);
    ck_assert_str_eq(t.g->node[0].name, "real");
    tg_close(&t);
}
END_TEST

static ln_tid range(tg *t, ln_tid x, int64_t begin, int64_t size) {
    ln_attr a = {.slice = ln_slice_all(&t->g->tensor[x].shape)};
    a.slice.begin[3] = begin, a.slice.size.dim[3] = size;
    return TG(t, SLICE, "part", a, x);
}

/* ShuffleNetV2's joints, and what must stay: a shuffle read as a whole too, a concat that is an
 * output, a slice of rows, a concat that is shuffled twice. */
static void build_joint(tg *t, int kind) {
    const ln_tid x = tg_input(t, 2, 3, 5, 12), a = tg_conv(t, "a", x, 9, 1, 1, 1, true);
    const ln_tid b = tg_conv(t, "b", x, 9, 1, 1, 1, true);
    const ln_tid cat = TG(t, CONCAT, "cat", (ln_attr){0}, a, b);
    const ln_tid y =
        TG(t, CHANNEL_SHUFFLE, "mix", ((ln_attr){.shuffle = {kind == 4 ? 3 : 2}}), cat);
    if (kind == 2) tg_output(t, cat);
    if (kind == 1 || kind == 2) tg_output(t, y);
    if (kind == 3) {
        ln_attr rows = {.slice = ln_slice_all(&t->g->tensor[y].shape)};
        rows.slice.size.dim[1] = 2;
        tg_output(t, TG(t, SLICE, "rows", rows, y));
    }
    if (kind == 5) {
        tg_output(t, TG(t, CHANNEL_SHUFFLE, "again", ((ln_attr){.shuffle = {3}}), y));
        return;
    }
    const ln_tid keep = range(t, y, 0, 9),
                 work = tg_conv(t, "c", range(t, y, 9, 9), 9, 1, 1, 1, true);
    tg_output(t, TG(t, ADD, "sum", (ln_attr){0}, keep, work));
}

START_TEST(shuffles_join_their_neighbours) {
    static const struct {
        int concats, shuffles, slices;
    } want[] = {{2, 0, 0}, {1, 0, 2}, {1, 1, 2}, {1, 0, 3}, {2, 0, 0}, {1, 1, 0}};
    tg t, u;
    tg_open(&t, 17);
    tg_open(&u, 17);
    build_joint(&t, _i);
    build_joint(&u, _i);
    ck_assert_int_eq(ln_passes_run(t.g, NULL, &t.err), LINNET_OK);
    ck_assert_int_eq(ln_passes_run(u.g, "-fuse_shuffle", &u.err), LINNET_OK);
    ck_assert_int_eq(tg_count_op(&u, LN_OP_CHANNEL_SHUFFLE), _i == 5 ? 2 : 1);
    ck_assert_int_eq(tg_count_op(&t, LN_OP_CONCAT), want[_i].concats);
    ck_assert_int_eq(tg_count_op(&t, LN_OP_CHANNEL_SHUFFLE), want[_i].shuffles);
    ck_assert_int_eq(tg_count_op(&t, LN_OP_SLICE), want[_i].slices);
    for (int o = 0; o < t.g->n_output; o++) {
        float *a = tg_run(&t, 3, o), *b = tg_run(&u, 3, o);
        ck_assert_mem_eq(a, b, (size_t)tg_count(t.g, t.g->output[o]) * sizeof *a);
        free(a);
        free(b);
    }
    tg_close(&t);
    tg_close(&u);
}
END_TEST

/* ShuffleNetV1's joint, and what must stay: a shuffle that is an output too, one of another number
 * of groups, a gate. */
static void build_grouped(tg *t, int kind) {
    const ln_tid x = tg_input(t, 2, 5, 3, 12);
    const ln_tid dw = tg_conv(t, "dw", x, 12, 3, 1, 12, true);
    const ln_tid y = TG(t, CHANNEL_SHUFFLE, "mix", ((ln_attr){.shuffle = {kind == 2 ? 6 : 4}}), dw);
    const ln_tid w = tg_const(t, "w", ln_nhwc(9, 1, 1, 4), false, true);
    const ln_tid gate = kind == 3 ? tg_input(t, 2, 1, 1, 12) : LN_NONE;
    if (kind == 1) tg_output(t, y);
    tg_output(t, TG(t, CONV2D, "pw", tg_conv_attr(1, 1, 0, 3), y, w, LN_NONE, LN_NONE, gate));
}

START_TEST(grouped_convolutions_read_shuffled) {
    tg t, u;
    tg_open(&t, 19);
    tg_open(&u, 19);
    build_grouped(&t, _i);
    build_grouped(&u, _i);
    ck_assert_int_eq(ln_passes_run(t.g, NULL, &t.err), LINNET_OK);
    ck_assert_int_eq(ln_passes_run(u.g, "-fuse_shuffle", &u.err), LINNET_OK);
    ck_assert_int_eq(tg_count_op(&u, LN_OP_CHANNEL_SHUFFLE), 1);
    ck_assert_int_eq(tg_count_op(&t, LN_OP_CHANNEL_SHUFFLE), _i > 0);
    ck_assert_int_eq(t.g->node[t.g->n_node - 1].attr.conv.interleaved, _i < 2);
    for (int o = 0; o < t.g->n_output; o++) {
        float *a = tg_run(&t, 3, o), *b = tg_run(&u, 3, o);
        ck_assert_mem_eq(a, b, (size_t)tg_count(t.g, t.g->output[o]) * sizeof *a);
        free(a);
        free(b);
    }
    tg_close(&t);
    tg_close(&u);
}
END_TEST

static void fill(TCase *c) {
    tcase_add_loop_test(c, grouped_convolutions_read_shuffled, 0, 4);
    tcase_add_loop_test(c, shuffles_join_their_neighbours, 0, 6);
    tcase_add_test(c, shuffle);
    tcase_add_test(c, slice_rules);
    tcase_add_test(c, slice_values);
    tcase_add_test(c, pad);
    tcase_add_loop_test(c, ceil_sizes, 0, (int)LN_COUNT(ceils));
    tcase_add_test(c, ceil_divisor);
    tcase_add_test(c, pad_folds);
    tcase_add_test(c, noops);
}

int main(void) {
    return tg_main("move", fill);
}
