/* Sessions whose inputs and outputs are integers, or lie in the caller's own order, or are
 * constants; and that diff takes no wrong integer. */
#include "engine/diff.h"
#include "engine/ref/ref.h"
#include "tests/plan/device_main.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

static ln_device *device;
static linnet_error err;

#define OK(expr) ck_assert_msg((expr) == LINNET_OK, "%s: %s", #expr, err.message)

static ln_tid map(ln_graph *g, ln_map_kind kind, ln_tid a, ln_tid b) {
    const ln_tid in[] = {a, b};
    const ln_attr attr = {.map = {.kind = kind}};
    const ln_tid y = ln_graph_node(g, LN_OP_MAP, ln_map_names[kind], &attr, in, 2, &err);
    ck_assert_msg(y != LN_NONE, "%s", err.message);
    return y;
}

/* count + 1000 (i32), picture - own as N,C,H,W and as it is, a constant. */
static ln_graph *graph(int32_t **constant) {
    ln_graph *g = NULL;
    OK(ln_graph_create("words", &g, &err));
    const ln_tid count = ln_graph_input(g, "count", (ln_shape){2, {2, 5}}, &err);
    g->tensor[count].dtype = LN_I32;
    const ln_tid picture = ln_graph_input(g, "picture", ln_nhwc(1, 2, 3, 4), &err);
    const ln_tid own = ln_graph_input(g, "own", ln_nhwc(1, 2, 3, 4), &err);
    g->tensor[own].as_is = true;
    const ln_tid more = ln_graph_const_new_i32(g, "more", (ln_shape){1, {5}}, constant, &err);
    for (int i = 0; i < 5; i++) (*constant)[i] = 1000 + i;
    const ln_tid sum = map(g, LN_MAP_ADD, count, more);
    const ln_tid planar = map(g, LN_MAP_SUB, picture, own);
    const ln_tid as_is = map(g, LN_MAP_MUL, picture, own);
    g->tensor[as_is].as_is = true;
    const ln_tid out[] = {sum, planar, as_is, more, own};
    for (size_t i = 0; i < LN_COUNT(out); i++) OK(ln_graph_output(g, out[i], &err));
    OK(ln_graph_verify(g, &err));
    return g;
}

static ln_session *open(ln_graph *g, ln_stream stream) {
    ln_plan *p = NULL;
    ln_session *s = NULL;
    const ln_session_params how = {.stream = stream};
    OK(ln_plan_create(g, ln_device_caps(device), NULL, &p, &err));
    OK(ln_session_create(device, p, &how, &s, &err));
    return s;
}

static const int32_t counts[10] = {0, -1, INT32_MAX, INT32_MIN, 16777217, 5, 6, 7, 8, 9};
static float picture[24], own[24]; /* [1,4,2,3]; [1,2,3,4] */
static const void *const ins[] = {counts, picture, own};

static void fill(void) {
    for (int i = 0; i < 24; i++) picture[i] = (float)i, own[i] = 0.25f * (float)(i * i);
}

START_TEST(words_go_in_and_come_out) {
    fill();
    for (int stream = LN_STREAM_LAUNCHES; stream <= LN_STREAM_RESIDENT; stream++) {
        int32_t *constant, sum[10], more[5];
        float planar[24], as_is[24], same[24];
        ln_graph *g = graph(&constant);
        ln_session *s = open(g, (ln_stream)stream);
        void *const outs[] = {sum, planar, as_is, more, same};
        OK(ln_session_run(s, ins, outs, &err));
        for (int i = 0; i < 10; i++)
            ck_assert_int_eq(sum[i], (int32_t)((uint32_t)counts[i] + 1000u + (uint32_t)(i % 5)));
        for (int c = 0; c < 4; c++)
            for (int p = 0; p < 6; p++) {
                ck_assert_float_eq(planar[c * 6 + p], picture[c * 6 + p] - own[p * 4 + c]);
                ck_assert_float_eq(as_is[p * 4 + c], picture[c * 6 + p] * own[p * 4 + c]);
            }
        for (int i = 0; i < 5; i++) ck_assert_int_eq(more[i], 1000 + i);
        for (int i = 0; i < 24; i++) ck_assert_float_eq(same[i], own[i]);
        ln_session_destroy(&s);
        ln_graph_destroy(&g);
    }
}
END_TEST

START_TEST(diff_wants_the_same_integers) {
    fill();
    int32_t *constant;
    ln_diff_report r;
    ln_graph *g = graph(&constant);
    ln_session *s = open(g, LN_STREAM_LAUNCHES);
    OK(ln_diff_run(s, ins, &r, &err));
    ck_assert(r.pass);
    ck_assert_double_eq(r.end_to_end, 0.0);
    ln_diff_free(&r);
    constant[2]++; /* what the device has packed is one less */
    OK(ln_diff_run(s, ins, &r, &err));
    ck_assert(!r.pass);
    ck_assert_str_eq(r.layer[r.first_bad].name, "add");
    ck_assert_double_eq(r.layer[r.first_bad].max_abs, 1.0);
    ck_assert(isinf(r.end_to_end));
    ln_diff_free(&r);
    ln_session_destroy(&s);
    ln_graph_destroy(&g);
}
END_TEST

/* The rows of boxes that are left, as many as the run finds: two of three, then none. */
START_TEST(a_run_tells_how_long_its_output_is) {
    static const float box[12] = {0, 0, 1, 1, 0, 0.1f, 1, 1.1f, 0, 5, 1, 6}, low[3] = {0};
    static const float sure[3] = {0.5f, 0.9f, 0.7f};
    const ln_attr attr = {.nms = {3, 0.5f, 0.1f, false}};
    ln_graph *g = NULL;
    ln_tid y[LN_MAX_OUT], rows[LN_MAX_OUT];
    OK(ln_graph_create("rows", &g, &err));
    const ln_tid in[] = {ln_graph_input(g, "boxes", (ln_shape){3, {1, 3, 4}}, &err),
                         ln_graph_input(g, "scores", (ln_shape){3, {1, 1, 3}}, &err)};
    OK(ln_graph_node_all(g, LN_OP_NMS, "nms", &attr, in, 2, y, &err));
    OK(ln_graph_node_all(g, LN_OP_NMS_ROWS, "rows", NULL, y, 1, rows, &err));
    OK(ln_graph_output(g, rows[0], &err));
    OK(ln_graph_output(g, y[0], &err));
    OK(ln_graph_set_rows(g, rows[0], rows[1], &err));
    ln_session *s = open(g, _i ? LN_STREAM_RESIDENT : LN_STREAM_LAUNCHES);
    int32_t row[9], chosen[3];
    int64_t n = 0;
    const void *const inputs[] = {box, sure}, *const none[] = {box, low};
    void *const outputs[] = {row, chosen};
    OK(ln_session_run(s, inputs, outputs, &err));
    OK(ln_session_rows(s, 0, &n, &err));
    ck_assert_int_eq(n, 2);
    ck_assert_int_eq(row[2], 1);
    ck_assert_int_eq(row[5], 2);
    ck_assert_int_eq(row[8], -1);
    OK(ln_session_rows(s, 1, &n, &err));
    ck_assert_int_eq(n, 1); /* always as long as its shape says */
    OK(ln_session_run(s, none, outputs, &err));
    OK(ln_session_rows(s, 0, &n, &err));
    ck_assert_int_eq(n, 0);
    ln_session_destroy(&s);
    ln_graph_destroy(&g);
}
END_TEST

/* Bytes without a sign, as pictures and as they are, in and out; and what the reference has them
 * as. */
START_TEST(bytes_have_the_sign_of_the_file) {
    ln_graph *g = NULL;
    OK(ln_graph_create("bytes", &g, &err));
    ln_tid in[3];
    for (int i = 0; i < 3; i++) { /* a picture, the same as it lies, one of signed bytes */
        in[i] = ln_graph_input(g, "x", ln_nhwc(1, 2, 3, 3), &err);
        g->tensor[in[i]].dtype = LN_I8;
        g->tensor[in[i]].as_is = i == 1;
        g->tensor[in[i]].file_dtype = i < 2 ? LN_U8 : LN_I8;
        OK(ln_graph_set_quant(g, in[i], 0.5f, -1, &err));
    }
    for (int i = 0; i < 3; i++) {
        const ln_attr six = {.act = {LN_ACT_CLAMP, -INFINITY, 60.0f, 0.0f, 0.0f}};
        const ln_tid y = ln_graph_node(g, LN_OP_ACT, "y", &six, &in[i], 1, &err);
        OK(ln_graph_set_quant(g, y, 0.5f, -1, &err));
        g->tensor[y].as_is = i == 1;
        g->tensor[y].file_dtype = g->tensor[in[i]].file_dtype;
        OK(ln_graph_output(g, y, &err));
    }
    ck_assert_int_eq(ln_tensor_io_dtype(&g->tensor[in[0]]), LN_U8);
    ck_assert_int_eq(ln_tensor_io_dtype(&g->tensor[in[2]]), LN_I8);
    uint8_t x[3][18], y[3][18], z[3][18];
    for (int i = 0; i < 54; i++) x[i / 18][i % 18] = (uint8_t)(i * 37);
    const void *const inputs[] = {x[0], x[1], x[2]};
    void *const outputs[] = {y[0], y[1], y[2]};
    ln_session *s = open(g, _i ? LN_STREAM_RESIDENT : LN_STREAM_LAUNCHES);
    OK(ln_session_run(s, inputs, outputs, &err));
    ln_ref *ref;
    OK(ln_ref_create(g, &ref, &err));
    ck_assert_int_eq(ln_ref_output(ref, 0, z[0], &err), LINNET_ERR_INTERNAL);
    for (int i = 0; i < 3; i++) OK(ln_ref_input(ref, i, x[i], &err));
    OK(ln_ref_run(ref, false, &err));
    for (int i = 0; i < 3; i++) OK(ln_ref_output(ref, i, z[i], &err));
    for (int i = 0; i < 36; i++) /* 60 is 119 among signed bytes */
        ck_assert_int_eq(y[i / 18][i % 18], LN_MIN(x[i / 18][i % 18], 119 + 128));
    for (int i = 0; i < 18; i++) ck_assert_int_eq((int8_t)y[2][i], LN_MIN((int8_t)x[2][i], 119));
    ck_assert_mem_eq(y, z, sizeof y);
    ln_diff_report r;
    OK(ln_diff_run(s, inputs, &r, &err));
    ck_assert(r.pass);
    ln_diff_free(&r);
    ck_assert_int_eq(ln_session_run_buffers(s, (void *const *)outputs, outputs, &err),
                     LINNET_ERR_UNSUPPORTED);
    ln_ref_destroy(&ref);
    ln_session_destroy(&s);
    ln_graph_destroy(&g);
}
END_TEST

static bool always(void *user, const ln_plan *p, int first, int last) {
    (void)user;
    (void)p;
    return last > first;
}

/* x by a k x k convolution of bytes to c channels; rows and columns of a window are 2 apart. */
static ln_tid apart(ln_graph *g, ln_tid x, int c, int k, bool depthwise) {
    const int64_t ic = depthwise ? 1 : g->tensor[x].shape.dim[3];
    const ln_shape s = ln_nhwc(c, k, k, ic);
    int8_t *w = ln_pool_alloc(&g->pool, (size_t)(c * k * k * ic), 1);
    float *scale = ln_pool_alloc(&g->pool, (size_t)c, sizeof *scale);
    for (int i = 0; i < c; i++) scale[i] = 0.01f + 0.0001f * (float)i;
    for (int64_t i = 0; i < c * k * k * ic; i++) w[i] = (int8_t)(i * 97 % 251);
    ln_view v = ln_view_dense(&s, LN_I8, w);
    v.scale = scale;
    const ln_tid in[] = {x, ln_graph_const_quant(g, "w", s, v, true, &err)};
    const ln_attr a = {
        .conv = {.win = {k, k, 1, 1, k - 1 ? 2 : 1, k - 1 ? 2 : 1, k - 1, k - 1, k - 1, k - 1},
                 .groups = depthwise ? c : 1}};
    const ln_tid y = ln_graph_node(g, LN_OP_CONV2D, "conv", &a, in, 2, &err);
    ck_assert_msg(y != LN_NONE, "%s", err.message);
    OK(ln_graph_set_quant(g, y, 0.2f, -5, &err));
    return y;
}

/* A bottleneck whose depthwise is dilated, in bands of rows and without. */
START_TEST(chains_take_dilation) {
    enum { H = 26, W = 20, C = 16 };
    static int8_t x[H * W * C], y[H * W * C], z[H * W * C];
    const ln_plan_params params = {.chain = _i ? always : NULL};
    ln_graph *g = NULL;
    ln_plan *p = NULL;
    ln_session *s = NULL;
    ln_ref *ref = NULL;
    bool chained = false;
    OK(ln_graph_create("chain", &g, &err));
    const ln_tid in = ln_graph_input(g, "x", ln_nhwc(1, H, W, C), &err);
    g->tensor[in].dtype = LN_I8;
    g->tensor[in].as_is = true;
    OK(ln_graph_set_quant(g, in, 0.1f, 3, &err));
    const ln_tid out = apart(g, apart(g, apart(g, in, 96, 1, false), 96, 3, true), C, 1, false);
    g->tensor[out].as_is = true;
    OK(ln_graph_output(g, out, &err));
    for (int i = 0; i < H * W * C; i++) x[i] = (int8_t)(i * 37 % 253);
    OK(ln_plan_create(g, ln_device_caps(device), &params, &p, &err));
    for (int i = 0; i < p->n_step; i++) chained |= p->step[i].variant == &ln_variant_chain;
    ck_assert(chained || !_i || !ln_caps_deep(ln_device_caps(device)));
    OK(ln_session_create(device, p, &(ln_session_params){.stream = LN_STREAM_LAUNCHES}, &s, &err));
    OK(ln_session_run(s, (const void *[]){x}, (void *[]){y}, &err));
    OK(ln_ref_create(g, &ref, &err));
    OK(ln_ref_input(ref, 0, x, &err));
    OK(ln_ref_run(ref, false, &err));
    OK(ln_ref_output(ref, 0, z, &err));
    ck_assert_mem_eq(y, z, sizeof y);
    ln_ref_destroy(&ref);
    ln_session_destroy(&s);
    ln_graph_destroy(&g);
}
END_TEST

int main(void) {
    const device_test list[] = {
        {a_run_tells_how_long_its_output_is, 2},
        {bytes_have_the_sign_of_the_file, 2},
        {chains_take_dilation, 2},
        {words_go_in_and_come_out, 0},
        {diff_wants_the_same_integers, 0},
    };
    return run_on_device(&device, "words", list, LN_COUNT(list));
}
