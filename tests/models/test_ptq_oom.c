/* Every allocation of quantization, and of opening what it wrote, fails in turn: a clean error. */
#include "engine/ptq.h"
#include "models/model.h"
#include "tests/check_main.h"
#include "tests/models/files.h"
#include "tests/oom.h"

/* Two convolutions with a ReLU6 between, a mean and a classifier. */
static linnet_status small_graph(void *user, ln_graph **out, linnet_error *err) {
    (void)user;
    LN_TRY(ln_graph_create("small", out, err));
    ln_graph *g = *out;
    const ln_shape shape[3] = {{4, {8, 1, 1, 3}}, {4, {8, 3, 3, 1}}, {2, {4, 8}}};
    const ln_attr attr[5] = {{.conv = {.win = {1, 1, 1, 1, 1, 1}, .groups = 1}},
                             {.act = ln_act_relu6()},
                             {.conv = {.win = {3, 3, 1, 1, 1, 1, 1, 1, 1, 1}, .groups = 8}},
                             {.pool = {.kind = LN_POOL_AVG, .global = true}},
                             {.fc = {{0}}}};
    static const ln_op op[5] = {LN_OP_CONV2D, LN_OP_ACT, LN_OP_CONV2D, LN_OP_POOL, LN_OP_FC};
    static const int weight[5] = {0, -1, 1, -1, 2};
    static const char *const name[5] = {"a", "act", "b", "mean", "fc"};
    ln_tid y = ln_graph_input(g, "input", ln_nhwc(1, 4, 4, 3), err);
    for (int i = 0; i < 5 && y != LN_NONE; i++) {
        ln_tid in[2] = {y, LN_NONE};
        float *w = NULL;
        if (weight[i] >= 0) {
            in[1] = ln_graph_const_new(g, name[i], shape[weight[i]], &w, err);
            if (in[1] == LN_NONE) return err->status;
            for (int k = 0; k < 24; k++) w[k] = (float)(k % 5) - 2;
            g->tensor[in[1]].is_param = true;
        }
        y = ln_graph_node(g, op[i], name[i], &attr[i], in, w ? 2 : 1, err);
    }
    return y == LN_NONE ? err->status : ln_graph_output(g, y, err);
}

static linnet_status picture(void *user, size_t i, float *out, linnet_error *err) {
    (void)user;
    (void)err;
    for (int k = 0; k < 48; k++) out[k] = (float)((k + (int)i) % 7) - 3;
    return LINNET_OK;
}

static linnet_status quantize(linnet_error *err) {
    const ln_ptq_params p = {.graph = small_graph,
                             .picture = picture,
                             .pictures = 2,
                             .range = LN_RANGE_PERCENTILE,
                             .percentile = 99.9};
    ln_ptq q;
    const linnet_status st = ln_ptq_run(&p, &q, err);
    const bool whole = (st == LINNET_OK) == (q.graph != NULL);
    ln_ptq_free(&q);
    return whole ? st : LINNET_ERR_INTERNAL;
}

static linnet_status family(void *user, ln_graph **out, linnet_error *err) {
    return ln_model_graph(user, 1, 32, 32, out, err);
}

static linnet_status flat(void *user, size_t i, float *out, linnet_error *err) {
    (void)user;
    (void)err;
    ln_synthetic_image(i, 1, 32, 32, out);
    return LINNET_OK;
}

static char file[512];
static ln_model *source;
static ln_ptq made;

static linnet_status write(linnet_error *err) {
    return ln_quantized_write(source, made.graph, made.row, made.n_row, file, err);
}

static linnet_status read(linnet_error *err) {
    const ln_model_params p = {.model = file};
    ln_model *m;
    ln_graph *g = NULL;
    LN_TRY(ln_model_open(&p, &m, err));
    const linnet_status st = ln_model_graph(m, 1, 32, 32, &g, err);
    ln_graph_destroy(&g);
    ln_model_close(&m);
    return st;
}

static void fail_each(linnet_status (*act)(linnet_error *err)) {
    for (long n = 1; n < 100000; n++) {
        linnet_error err = {0};
        oom_fail_nth(n);
        const linnet_status st = act(&err);
        const bool failed = oom_has_failed();
        oom_fail_nth(0);
        if (st == LINNET_OK && failed) continue; /* it did without */
        if (st == LINNET_OK) {
            ck_assert_int_gt(n, 3);
            return;
        }
        ck_assert_msg(st == LINNET_ERR_OUT_OF_MEMORY || st == LINNET_ERR_IO,
                      "allocation %ld: status %d: %s", n, st, err.message);
    }
    ck_abort_msg("never succeeded");
}

START_TEST(the_whole) {
    fail_each(quantize);
}
END_TEST

START_TEST(files) {
    linnet_error err = {0};
    const ln_model_params p = {.model = "mobilenetv1_025", .synthetic = true};
    snprintf(file, sizeof file, "%s", scratch("q.safetensors"));
    ck_assert_int_eq(ln_model_open(&p, &source, &err), LINNET_OK);
    const ln_ptq_params q = {.graph = family,
                             .picture = flat,
                             .user = source,
                             .pictures = 1,
                             .equalize = LN_EQUALIZE_OFF};
    ck_assert_int_eq(ln_ptq_run(&q, &made, &err), LINNET_OK);
    fail_each(write);
    fail_each(read);
    ln_ptq_free(&made);
    ln_model_close(&source);
}
END_TEST

CHECK_MAIN("quantize out of memory", the_whole, files)
