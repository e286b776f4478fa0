/* Every allocation of building, rewriting and running a graph fails in turn: an error that says
 * so each time, and nothing leaked. */
#include "tests/check_main.h"
#include "tests/oom.h"
#include "util.h"

/* Adds op over x with a weight and four vectors of its channels, as many as it takes. */
static ln_tid layer(ln_graph *g, ln_op op, const char *name, ln_attr a, ln_tid x, int oc, int k,
                    linnet_error *err) {
    ln_tid in[5] = {x};
    int n = 1;
    float *data;
    if (k) {
        const ln_shape w = {4, {oc, k, k, g->tensor[x].shape.dim[3] / a.conv.groups}};
        if ((in[n++] = ln_graph_const_new(g, "w", w, &data, err)) == LN_NONE) return LN_NONE;
    }
    while (n < (op == LN_OP_BATCH_NORM ? 5 : op == LN_OP_CONV2D ? 3 : 1)) {
        if ((in[n++] = ln_graph_const_new(g, "v", (ln_shape){1, {oc}}, &data, err)) == LN_NONE)
            return LN_NONE;
    }
    return ln_graph_node(g, op, name, &a, in, n, err);
}

static linnet_status build(ln_graph *g, linnet_error *err) {
    const ln_attr same = {0}, all = {.pool = {.global = true}};
    ln_attr attention = {.attention = {2, 2, 4, 4, 0, 0, 0, 2, 2, 0.5f}};
    ln_attr norm = {.bn = {1e-5f}}, act = {.act = ln_act_relu()};
    const ln_attr planes = {.permute = {{0, 3, 1, 2}}}, turned = {.permute = {{0, 3, 2, 1}}};
    const ln_attr tokens = {.reshape = {{3, {1, 16, 8}}}}, scores = {.matmul = {.trans_b = true}};
    ln_tid x, y, in[3];
#define TRY(expr)                                                                                  \
    if ((expr) == LN_NONE) return err->status
    TRY(x = ln_graph_input(g, "x", ln_nhwc(1, 4, 4, 8), err));
    TRY(x = layer(g, LN_OP_CONV2D, "stem", tg_conv_attr(3, 1, 1, 1), x, 8, 3, err));
    TRY(y = layer(g, LN_OP_CONV2D, "dw", tg_conv_attr(3, 1, 1, 8), x, 8, 3, err));
    TRY(y = layer(g, LN_OP_BATCH_NORM, "bn", norm, y, 8, 0, err));
    TRY(y = layer(g, LN_OP_ACT, "act", act, y, 0, 0, err));
    TRY(y = layer(g, LN_OP_ACT, "none", same, y, 0, 0, err));
    TRY(in[0] = y);
    TRY(in[1] = layer(g, LN_OP_POOL, "pool", all, y, 0, 0, err));
    TRY(y = ln_graph_node(g, LN_OP_MUL, "gated", &same, in, 2, err));
    TRY(in[0] = layer(g, LN_OP_CONV2D, "pw", tg_conv_attr(1, 1, 0, 1), y, 8, 1, err));
    TRY(in[1] = ln_graph_const_new(g, "gamma", (ln_shape){1, {8}}, &(float *){NULL}, err));
    TRY(in[0] = ln_graph_node(g, LN_OP_MUL, "scale", &same, in, 2, err));
    in[1] = x;
    TRY(y = ln_graph_node(g, LN_OP_ADD, "sum", &same, in, 2, err));
    TRY(y = ln_graph_node(g, LN_OP_PERMUTE, "planes", &planes, &y, 1, err));
    TRY(y = ln_graph_node(g, LN_OP_ACT, "relu", &act, &y, 1, err));
    TRY(y = ln_graph_node(g, LN_OP_PERMUTE, "turned", &turned, &y, 1, err));
    in[0] = in[1] = in[2] = y;
    TRY(y = ln_graph_node(g, LN_OP_ATTENTION, "attention", &attention, in, 3, err));
    TRY(in[0] = in[1] = y = ln_graph_node(g, LN_OP_RESHAPE, "tokens", &tokens, &y, 1, err));
    TRY(x = ln_graph_node(g, LN_OP_MATMUL, "scores", &scores, in, 2, err));
    TRY(in[0] = ln_graph_node(g, LN_OP_SOFTMAX, "weights", &same, &x, 1, err));
    TRY(y = ln_graph_node(g, LN_OP_MATMUL, "values", &same, in, 2, err));
    TRY(y = ln_graph_node(g, LN_OP_ACT, "rows", &act, &y, 1, err));
    TRY(y = layer(g, LN_OP_SOFTMAX, "softmax", same, y, 0, 0, err));
#undef TRY
    return ln_graph_output(g, y, err);
}

static linnet_status run(const ln_graph *g, linnet_error *err) {
    static const float input[4 * 4 * 8];
    ln_ref *r;
    LN_TRY(ln_ref_create(g, &r, err));
    r->threads = 1;
    linnet_status s = ln_ref_set(r, g->input[0], input, err);
    if (s == LINNET_OK) s = ln_ref_run(r, false, err);
    ln_ref_destroy(&r);
    return s;
}

static linnet_status everything(linnet_error *err) {
    ln_graph *g;
    LN_TRY(ln_graph_create("oom", &g, err));
    linnet_status s = build(g, err);
    if (s == LINNET_OK) s = run(g, err);
    if (s == LINNET_OK) s = ln_passes_run(g, NULL, err);
    if (s == LINNET_OK) s = run(g, err);
    ln_graph_destroy(&g);
    return s;
}

START_TEST(each_allocation) {
    for (long n = 1; n < 10000; n++) {
        linnet_error err = {0};
        oom_fail_nth(n);
        const linnet_status s = everything(&err);
        oom_fail_nth(0);
        if (s == LINNET_OK) {
            ck_assert_int_gt(n, 60); /* or the test has lost its hold on the allocator */
            return;
        }
        ck_assert_msg(s == LINNET_ERR_OUT_OF_MEMORY, "allocation %ld: %d: %s", n, (int)s,
                      err.message);
        ck_assert_int_eq(err.status, LINNET_ERR_OUT_OF_MEMORY);
        ck_assert_uint_gt(strlen(err.message), 0);
    }
    ck_abort_msg("never succeeded");
}
END_TEST

CHECK_MAIN("graph oom", each_allocation)
