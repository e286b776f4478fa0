/* Resize against values published for it. */
#include "engine/resize.h"
#include "util.h"

static void expect_shape(const tg *t, ln_tid y, ln_shape want) {
    ck_assert(ln_shape_equal(&t->g->tensor[y].shape, &want));
}

/* The values 0, 1, 2... of the input, resized. */
static ln_ref *run_ramp(tg *t) {
    ln_ref *r;
    float x[1024];
    ck_assert_int_le(tg_count(t->g, t->g->input[0]), 1024);
    for (int i = 0; i < 1024; i++) x[i] = (float)i;
    ck_assert_int_eq(ln_ref_create(t->g, &r, &t->err), LINNET_OK);
    ck_assert_int_eq(ln_ref_set(r, t->g->input[0], x, &t->err), LINNET_OK);
    ck_assert_msg(ln_ref_run(r, true, &t->err) == LINNET_OK, "%s", t->err.message);
    return r;
}

/* A row of values resized along one axis, as published for each grid. */
static const struct {
    ln_resize_kind kind;
    ln_resize_grid grid;
    ln_resize_round round;
    int in, out;
    float want[8];
} rows[] = {
    {LN_RESIZE_LINEAR, LN_GRID_HALF_PIXEL, 0, 2, 4, {0, 0.25f, 0.75f, 1}},
    {LN_RESIZE_LINEAR, LN_GRID_ALIGN_CORNERS, 0, 2, 4, {0, 1.0f / 3, 2.0f / 3, 1}},
    {LN_RESIZE_LINEAR, LN_GRID_ASYMMETRIC, 0, 2, 4, {0, 0.5f, 1, 1}},
    {LN_RESIZE_LINEAR, LN_GRID_HALF_PIXEL, 0, 6, 3, {0.5f, 2.5f, 4.5f}},
    {LN_RESIZE_LINEAR, LN_GRID_ALIGN_CORNERS, 0, 5, 3, {0, 2, 4}},
    {LN_RESIZE_LINEAR, LN_GRID_ALIGN_CORNERS, 0, 5, 1, {0}},
    {LN_RESIZE_LINEAR, LN_GRID_HALF_PIXEL, 0, 1, 3, {0, 0, 0}},
    {LN_RESIZE_LINEAR, LN_GRID_HALF_PIXEL, 0, 4, 1, {1.5f}},
    {LN_RESIZE_LINEAR, LN_GRID_PYTORCH_HALF_PIXEL, 0, 4, 1, {0}},
    {LN_RESIZE_LINEAR, LN_GRID_PYTORCH_HALF_PIXEL, 0, 4, 3, {1.0f / 6, 1.5f, 17.0f / 6}},
    {LN_RESIZE_NEAREST, LN_GRID_ASYMMETRIC, LN_ROUND_DOWN, 3, 7, {0, 0, 0, 1, 1, 2, 2}},
    {LN_RESIZE_NEAREST, LN_GRID_ASYMMETRIC, LN_ROUND_DOWN, 4, 2, {0, 2}},
    {LN_RESIZE_NEAREST, LN_GRID_ASYMMETRIC, LN_ROUND_HALF_UP, 4, 8, {0, 1, 1, 2, 2, 3, 3, 3}},
    {LN_RESIZE_NEAREST, LN_GRID_HALF_PIXEL, LN_ROUND_HALF_UP, 3, 7, {0, 0, 1, 1, 1, 2, 2}},
    {LN_RESIZE_NEAREST, LN_GRID_HALF_PIXEL, LN_ROUND_HALF_DOWN, 2, 7, {0, 0, 0, 0, 1, 1, 1}},
    {LN_RESIZE_NEAREST, LN_GRID_HALF_PIXEL, LN_ROUND_UP, 4, 8, {0, 1, 1, 2, 2, 3, 3, 3}},
    {LN_RESIZE_NEAREST, LN_GRID_ALIGN_CORNERS, LN_ROUND_HALF_UP, 3, 5, {0, 1, 1, 2, 2}},
    {LN_RESIZE_NEAREST, LN_GRID_ALIGN_CORNERS, LN_ROUND_HALF_DOWN, 3, 5, {0, 0, 1, 1, 2}},
    {LN_RESIZE_NEAREST, LN_GRID_ALIGN_CORNERS, LN_ROUND_DOWN, 4, 8, {0, 0, 0, 1, 1, 2, 2, 3}},
    {LN_RESIZE_NEAREST, LN_GRID_HALF_PIXEL_NN, LN_ROUND_DOWN, 4, 4, {0, 1, 2, 3}},
    {LN_RESIZE_NEAREST, LN_GRID_HALF_PIXEL_NN, LN_ROUND_UP, 4, 4, {1, 2, 3, 3}},
    {LN_RESIZE_NEAREST, LN_GRID_HALF_PIXEL_NN, LN_ROUND_DOWN, 4, 6, {0, 1, 1, 2, 3, 3}},
};

/* Every axis of every rank is resized alike. */
START_TEST(resized_rows) {
    const int in = rows[_i].in, out = rows[_i].out;
    for (int rank = 1; rank <= 5; rank++)
        for (int axis = 0; axis < rank; axis++) {
            ln_shape s = {rank, {1, 1, 1, 1, 1}}, want = s;
            ln_attr a = {.resize = {rows[_i].kind, rows[_i].grid, rows[_i].round}};
            tg t;
            tg_open(&t, 1);
            s.dim[axis] = in, want.dim[axis] = out;
            a.resize.axis[axis].size = out;
            const ln_tid y = TG(&t, RESIZE, "r", a, tg_input_shape(&t, s));
            expect_shape(&t, y, want);
            ln_ref *r = run_ramp(&t);
            for (int i = 0; i < out; i++)
                ck_assert_float_eq_tol(r->value[y][i], rows[_i].want[i], 1e-6f);
            ln_ref_destroy(&r);
            tg_close(&t);
        }
}
END_TEST

/* Maps whose values count from 1, resized by scales or into sizes, as ONNX's own examples are
 * (https://onnx.ai/onnx/operators/onnx__Resize.html). */
static const struct {
    ln_resize_attr attr; /* axis 0, 1: rows, columns */
    int h, w, out_h, out_w;
    float want[20];
} maps[] = {
#define BY(h, w, s, t)                                                                             \
    {                                                                                              \
        {h, s, 0, 0}, {                                                                            \
            w, t, 0, 0                                                                             \
        }                                                                                          \
    }
    {{LN_RESIZE_CUBIC, .cubic_a = -0.75f, .axis = BY(3, 3, 0.8, 0.8)},
     4,
     4,
     3,
     3,
     {1.47119141f, 2.78125f, 4.08251953f, 6.71142578f, 8.02148438f, 9.32275391f, 11.91650391f,
      13.2265625f, 14.52783203f}},
    {{LN_RESIZE_CUBIC, .cubic_a = -0.5f, .exclude_outside = true, .axis = BY(3, 3, 0.8, 0.8)},
     4,
     4,
     3,
     3,
     {1.36812675f, 2.6695014f, 4.0133367f, 6.57362535f, 7.875f, 9.2188353f, 11.94896657f,
      13.25034122f, 14.59417652f}},
    {{LN_RESIZE_LINEAR, .axis = BY(1, 2, 0.6, 0.6)}, 2, 4, 1, 2, {2.6666665f, 4.3333331f}},
    {{LN_RESIZE_LINEAR, LN_GRID_ALIGN_CORNERS, .axis = BY(1, 2, 0.6, 0.6)},
     2,
     4,
     1,
     2,
     {1.0f, 3.142857f}},
    {{LN_RESIZE_LINEAR, .antialias = true, .axis = BY(2, 2, 0.6, 0.6)},
     4,
     4,
     2,
     2,
     {2.875f, 4.5f, 9.375f, 11.0f}},
    {{LN_RESIZE_CUBIC, .cubic_a = -0.75f, .antialias = true, .axis = BY(2, 2, 0.6, 0.6)},
     4,
     4,
     2,
     2,
     {2.5180721f, 4.2858863f, 9.589329f, 11.357142f}},
    {{LN_RESIZE_LINEAR, LN_GRID_HALF_PIXEL_SYMMETRIC, .axis = {{0}, {2, 0.6, 0, 0}}},
     1,
     4,
     1,
     2,
     {1.6666667f, 3.3333333f}},
    {{LN_RESIZE_LINEAR, LN_GRID_HALF_PIXEL_SYMMETRIC, .axis = BY(4, 5, 2.3, 2.94)},
     2,
     2,
     4,
     5,
     {1.0f,        1.15986395f, 1.5f,        1.84013605f, 2.0f,        1.56521738f, 1.72508133f,
      2.06521738f, 2.40535343f, 2.56521738f, 2.43478262f, 2.59464657f, 2.93478262f, 3.27491867f,
      3.43478262f, 3.0f,        3.15986395f, 3.5f,        3.84013605f, 4.0f}},
    {{LN_RESIZE_LINEAR, LN_GRID_CROP, .axis = {{3, 0, 0.4f, 0.6f}, {3, 0, 0.6f, 0.8f}}},
     4,
     4,
     3,
     3,
     {7.6f, 7.9f, 8.2f, 8.8f, 9.1f, 9.4f, 10.0f, 10.3f, 10.6f}},
    {{LN_RESIZE_LINEAR, LN_GRID_CROP, .outside = 10,
      .axis = {{3, 0, 0.4f, 1.2f}, {3, 0, 0.6f, 1.7f}}},
     4,
     4,
     3,
     3,
     {7.6f, 10.0f, 10.0f, 12.4f, 10.0f, 10.0f, 10.0f, 10.0f, 10.0f}},
    {{LN_RESIZE_LINEAR, LN_GRID_CROP, .axis = {{1, 0, 0, 0}, {1, 0, 0, 1}}}, 2, 4, 1, 1, {2.5f}},
#undef BY
};

START_TEST(resized_maps) {
    ln_ref *r;
    float x[16];
    tg t;
    tg_open(&t, 1);
    const ln_tid in = tg_input_shape(&t, (ln_shape){2, {maps[_i].h, maps[_i].w}});
    const ln_tid y = TG(&t, RESIZE, "r", ((ln_attr){.resize = maps[_i].attr}), in);
    expect_shape(&t, y, (ln_shape){2, {maps[_i].out_h, maps[_i].out_w}});
    for (int i = 0; i < 16; i++) x[i] = (float)(i + 1);
    ck_assert_int_eq(ln_ref_create(t.g, &r, &t.err), LINNET_OK);
    ck_assert_int_eq(ln_ref_set(r, in, x, &t.err), LINNET_OK);
    ck_assert_int_eq(ln_ref_run(r, true, &t.err), LINNET_OK);
    for (int i = 0; i < maps[_i].out_h * maps[_i].out_w; i++)
        ck_assert_float_eq_tol(r->value[y][i], maps[_i].want[i], 2e-5f);
    ln_ref_destroy(&r);
    tg_close(&t);
}
END_TEST

/* Both axes, several channels and images: linear is exact on a plane. */
START_TEST(resized_plane) {
    tg t;
    tg_open(&t, 1);
    const ln_tid x = tg_input(&t, 2, 5, 4, 3);
    const ln_resize_attr attr = {LN_RESIZE_LINEAR, LN_GRID_ALIGN_CORNERS,
                                 .axis = {[1] = {.size = 9}, [2] = {.size = 10}}};
    const ln_tid y = TG(&t, RESIZE, "r", ((ln_attr){.resize = attr}), x);
    ln_ref *r = run_ramp(&t);
    for (int i = 0; i < 2 * 9 * 10 * 3; i++) {
        const int c = i % 3, w = i / 3 % 10, h = i / 30 % 9, n = i / 270;
        const double want = ((n * 5 + h * 0.5) * 4 + w / 3.0) * 3 + c;
        ck_assert_double_eq_tol((double)r->value[y][i], want, 1e-5);
    }
    ln_ref_destroy(&r);
    tg_close(&t);
}
END_TEST

START_TEST(resize_rules) {
    tg t;
    tg_open(&t, 1);
    const ln_tid x = tg_input(&t, 1, 5, 4, 3);
    const ln_attr a = {.resize = {.axis = {[1] = {.size = 2}}}};
    ln_attr b = a;
    b.resize.axis[1].size = -1;
    TG_REFUSE(&t, RESIZE, b, "dimension 1: size -1 from 5", x);
    b.resize.axis[1].size = INT64_C(1) << 50;
    TG_REFUSE(&t, RESIZE, b, "too large", x);
    b = a, b.resize.kind = LN_RESIZE_KINDS;
    TG_REFUSE(&t, RESIZE, b, "no interpolation 3", x);
    b = a, b.resize.grid = (ln_resize_grid)-1;
    TG_REFUSE(&t, RESIZE, b, "on grid -1", x);
    b = a, b.resize.round = LN_RESIZE_ROUNDS;
    TG_REFUSE(&t, RESIZE, b, "rounded by 4", x);
    b = a, b.resize.cubic_a = NAN;
    TG_REFUSE(&t, RESIZE, b, "cubic coefficient", x);
    static const double scales[] = {1e-300, -0.4, 0.09, 0.61, NAN, INFINITY};
    for (size_t i = 0; i < LN_COUNT(scales); i++) {
        b = a, b.resize.axis[1].scale = scales[i];
        TG_REFUSE(&t, RESIZE, b, "do not make 2 of 5", x);
    }
    b = a, b.resize.grid = LN_GRID_CROP, b.resize.axis[1].to = NAN;
    TG_REFUSE(&t, RESIZE, b, "part 0 to nan", x);
    b = a, b.resize.grid = LN_GRID_CROP, b.resize.axis[1].scale = 0.4;
    TG_REFUSE(&t, RESIZE, b, "scale 0.4", x);
    b = a, b.resize.axis[4].size = 1;
    TG_REFUSE(&t, RESIZE, b, "no dimension 4", x);
    tg_close(&t);
}
END_TEST

/* TFLite's arithmetic: f32 takes 41 * (2 / 82) for less than 1, 1024ths are whole. */
START_TEST(resized_as_tflite_does) {
    static const struct {
        ln_resize_attr attr;
        int in, out, at, index[2];
        double weight;
    } want[] = {
        {{LN_RESIZE_NEAREST, LN_GRID_ASYMMETRIC}, 2, 82, 41, {1}, 1.0},
        {{LN_RESIZE_NEAREST, LN_GRID_ASYMMETRIC, .number = LN_NUMBER_SINGLE}, 2, 82, 41, {0}, 1.0},
        {{LN_RESIZE_LINEAR, LN_GRID_HALF_PIXEL, .number = LN_NUMBER_SINGLE}, 4, 8, 0, {0, 0}, 1.25},
        {{LN_RESIZE_LINEAR, LN_GRID_ASYMMETRIC, .number = LN_NUMBER_FIXED},
         2,
         3,
         1,
         {0, 1},
         341 / 1024.0},
        {{LN_RESIZE_LINEAR, LN_GRID_ALIGN_CORNERS, .number = LN_NUMBER_FIXED},
         2,
         4,
         2,
         {0, 1},
         342 / 1024.0},
        {{LN_RESIZE_LINEAR, LN_GRID_HALF_PIXEL, .number = LN_NUMBER_FIXED}, 4, 8, 7, {3, 3}, 0.75},
    };
    for (size_t i = 0; i < LN_COUNT(want); i++) {
        ln_resize_attr r = want[i].attr;
        int32_t index[4];
        double weight[4];
        r.axis[1].size = want[i].out;
        ck_assert(ln_resize_tap(&r, 1, want[i].in, want[i].at, index, weight));
        for (int k = 0; k < ln_resize_taps(&r, 1, want[i].in); k++)
            ck_assert_int_eq(index[k], want[i].index[k]);
        ck_assert_double_eq(weight[0], want[i].weight);
    }
}
END_TEST

START_TEST(resize_refuses_arithmetic) {
    static const ln_resize_attr bad[] = {
        {LN_RESIZE_CUBIC, .number = LN_NUMBER_SINGLE},
        {LN_RESIZE_LINEAR, LN_GRID_HALF_PIXEL, .number = LN_NUMBER_FIXED}, /* of f32 */
        {LN_RESIZE_LINEAR, LN_GRID_CROP, .number = LN_NUMBER_SINGLE},
        {LN_RESIZE_NEAREST, LN_GRID_HALF_PIXEL, .number = LN_NUMBER_SINGLE},
        {LN_RESIZE_LINEAR, .number = LN_NUMBER_SINGLE, .antialias = true},
        {LN_RESIZE_LINEAR, .number = LN_NUMBER_SINGLE, .axis = {[1] = {10, 2.0}}},
        {LN_RESIZE_LINEAR, .number = LN_RESIZE_NUMBERS},
    };
    tg t;
    tg_open(&t, 1);
    const ln_tid x = tg_input(&t, 1, 5, 4, 3);
    for (size_t i = 0; i < LN_COUNT(bad); i++)
        TG_REFUSE(&t, RESIZE, ((ln_attr){.resize = bad[i]}), "in ", x);
    t.g->tensor[x].dtype = LN_I8;
    ck_assert_int_eq(ln_graph_set_quant(t.g, x, 0.1f, 3, &t.err), LINNET_OK);
    const ln_resize_attr channels = {LN_RESIZE_LINEAR, .number = LN_NUMBER_FIXED,
                                     .axis = {[3] = {6}}};
    TG_REFUSE(&t, RESIZE, ((ln_attr){.resize = channels}), "in fixed", x);
    tg_close(&t);
}
END_TEST

/* Where nothing moves the node goes; a crop or another place of the same size stays. */
START_TEST(resize_of_nothing) {
    static const ln_resize_attr attr[] = {
        {LN_RESIZE_CUBIC, .axis = {[1] = {.size = 5, .scale = 1.0}}},
        {LN_RESIZE_LINEAR, LN_GRID_CROP},
        {LN_RESIZE_LINEAR, .axis = {[1] = {.size = 5, .scale = 1.1}}},
        {LN_RESIZE_NEAREST, LN_GRID_HALF_PIXEL_NN, .axis = {[1] = {.size = 5}}},
        {LN_RESIZE_LINEAR, LN_GRID_CROP, .axis = {[1] = {5, 0, 0, 0.5f}}},
    };
    for (size_t i = 0; i < LN_COUNT(attr); i++) {
        tg t;
        tg_open(&t, 1);
        const ln_tid x = tg_act(&t, "a", tg_input(&t, 1, 5, 4, 3), ln_act_relu());
        tg_output(&t, tg_act(&t, "b", TG(&t, RESIZE, "r", ((ln_attr){.resize = attr[i]}), x),
                             ln_act_of(LN_ACT_TANH)));
        ck_assert_int_eq(ln_passes_run(t.g, NULL, &t.err), LINNET_OK);
        ck_assert_int_eq(tg_count_op(&t, LN_OP_RESIZE), i > 1);
        tg_close(&t);
    }
}
END_TEST

static void fill(TCase *c) {
    tcase_add_loop_test(c, resized_rows, 0, (int)LN_COUNT(rows));
    tcase_add_loop_test(c, resized_maps, 0, (int)LN_COUNT(maps));
    tcase_add_test(c, resized_plane);
    tcase_add_test(c, resize_rules);
    tcase_add_test(c, resized_as_tflite_does);
    tcase_add_test(c, resize_refuses_arithmetic);
    tcase_add_test(c, resize_of_nothing);
}

int main(void) {
    return tg_main("resize", fill);
}
