#include "tests/plan/random_graph.h"

#include <check.h>
#include <math.h>
#include <string.h>

#define CHANNELS_MAX 40

static uint64_t seed;
static int pick(int n) {
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    return (int)((seed >> 33) % (uint64_t)n);
}

ln_tid ln_test_conv(ln_graph *g, ln_tid x, int oc, ln_tid res) {
    linnet_error err;
    float *data;
    int64_t ic = g->tensor[x].shape.dim[3];
    ln_shape ws = {4, {oc, 1, 1, ic}};
    ln_tid w = ln_graph_const_new(g, "w", ws, &data, &err);
    for (int64_t i = 0; i < oc * ic; i++)
        data[i] = (float)(pick(2001) - 1000) * 2e-3f / sqrtf((float)ic);
    ln_attr a = {
        .conv = {.win = {1, 1, 1, 1, 1, 1, 0, 0, 0, 0},
                 .groups = 1,
                 .act = {.kind = pick(2) ? LN_ACT_CLAMP : LN_ACT_NONE, .lo = -1, .hi = 2}}};
    ln_tid in[] = {x, w, LN_NONE, res};
    ln_tid y = ln_graph_node(g, LN_OP_CONV2D, "conv", &a, in, res == LN_NONE ? 2 : 4, &err);
    ck_assert_msg(y != LN_NONE, "%s", err.message);
    return y;
}

static void random_range(int64_t all, int64_t *begin, int64_t *size) {
    *begin = pick((int)all);
    *size = 1 + pick((int)(all - *begin));
}

/* Plain, shuffled, or a part of either. */
static ln_tid add_concat(ln_graph *g, const ln_tid *in, int n) {
    linnet_error err;
    ln_attr attr;
    int64_t all = 0;
    memset(&attr, 0, sizeof attr);
    for (int i = 0; i < n; i++) all += g->tensor[in[i]].shape.dim[3];
    int groups = 2 + pick(2), kind = pick(4);
    if (kind & 1 && all % groups == 0) attr.concat.groups = groups;
    if (kind == 3) random_range(all, &attr.concat.begin, &attr.concat.size);
    return ln_graph_node(g, LN_OP_CONCAT, "cat", &attr, in, n, &err);
}

/* 3x3 depthwise, same size. */
static ln_tid depthwise(ln_graph *g, ln_tid x) {
    linnet_error err;
    float *data;
    int64_t c = g->tensor[x].shape.dim[3];
    ln_shape ws = {4, {c, 3, 3, 1}};
    ln_tid in[] = {x, ln_graph_const_new(g, "dw", ws, &data, &err)};
    for (int64_t i = 0; i < c * 9; i++) data[i] = (float)(pick(2001) - 1000) * 5e-4f;
    ln_attr a = {.conv = {.win = {3, 3, 1, 1, 1, 1, 1, 1, 1, 1}, .groups = (int)c}};
    return c == 1 ? ln_test_conv(g, x, 8, LN_NONE)
                  : ln_graph_node(g, LN_OP_CONV2D, "dw", &a, in, 2, &err);
}

/* Rows of x below those of another map, and as many again from somewhere in the middle. */
static ln_tid stack(ln_graph *g, ln_tid x) {
    linnet_error err;
    const ln_shape s = g->tensor[x].shape;
    ln_attr a;
    memset(&a, 0, sizeof a);
    a.concat.back = 1 + pick(3);
    const int axis = 3 - a.concat.back;
    const ln_tid in[] = {x, ln_test_conv(g, x, (int)s.dim[3], LN_NONE)};
    const ln_tid y = ln_graph_node(g, LN_OP_CONCAT, "stack", &a, in, 2, &err);
    ck_assert_msg(y != LN_NONE, "%s", err.message);
    a.slice = ln_slice_all(&s);
    a.slice.begin[axis] = pick((int)s.dim[axis] + 1);
    return ln_graph_node(g, LN_OP_SLICE, "part", &a, &y, 1, &err);
}

/* softmax(x x^T) x, a row of the map at a time. */
static ln_tid products(ln_graph *g, ln_tid x) {
    linnet_error err;
    const ln_attr turned = {.matmul = {.trans_b = true}}, plain = {0};
    ln_tid in[] = {x, x};
    in[0] = ln_graph_node(g, LN_OP_MATMUL, "scores", &turned, in, 2, &err);
    in[0] = ln_graph_node(g, LN_OP_SOFTMAX, "weights", &plain, in, 1, &err);
    return ln_graph_node(g, LN_OP_MATMUL, "values", &plain, in, 2, &err);
}

/* Planes in another order, and back; the best values of each, as many as there are. */
static ln_tid sorted(ln_graph *g, ln_tid x) {
    linnet_error err;
    const ln_attr planes = {.permute = {{0, 3, 2, 1}}};
    ln_tid in[] = {x, LN_NONE}, best[LN_MAX_OUT];
    in[0] = ln_graph_node(g, LN_OP_PERMUTE, "planes", &planes, in, 1, &err);
    const ln_shape s = g->tensor[in[0]].shape;
    const ln_attr top = {.topk = {.k = s.dim[3]}}, along = {.gather = {.axis = 3}};
    ck_assert_int_eq(ln_graph_node_all(g, LN_OP_TOPK, "best", &top, in, 1, best, &err), LINNET_OK);
    in[0] = best[0], in[1] = best[1];
    in[0] = ln_graph_node(g, LN_OP_GATHER_ELEMENTS, "again", &along, in, 2, &err);
    return ln_graph_node(g, LN_OP_PERMUTE, "pixels", &planes, in, 1, &err);
}

/* Ops with kernels of their own, each to the input's shape: as slices of concats they read and
 * write pixels that lie further apart. */
static ln_tid add_op(ln_graph *g, ln_tid x) {
    linnet_error err;
    int64_t c = g->tensor[x].shape.dim[3];
    ln_attr a;
    memset(&a, 0, sizeof a);
    ln_tid in[] = {x, x, x};
    switch (pick(9)) {
    case 6: return stack(g, x);
    case 7: return products(g, x);
    case 8: return sorted(g, x);
    case 0:
        a.norm = (ln_norm_attr){.eps = 1e-3f};
        return ln_graph_node(g, LN_OP_LAYER_NORM, "ln", &a, in, 1, &err);
    case 1:
        a.norm = (ln_norm_attr){.eps = 1e-3f, .groups = 1};
        return ln_graph_node(g, LN_OP_GROUP_NORM, "gn", &a, in, 1, &err);
    case 2:
        a.pool = (ln_pool_attr){.kind = pick(2) ? LN_POOL_AVG : LN_POOL_MAX,
                                .win = {3, 3, 1, 1, 1, 1, 1, 1, 1, 1}};
        return ln_graph_node(g, LN_OP_POOL, "pool", &a, in, 1, &err);
    case 3:
        a.attention = (ln_attention_attr){.heads = 1,
                                          .kv_heads = 1,
                                          .dim = (int)c,
                                          .vdim = (int)c,
                                          .patch_h = 1,
                                          .patch_w = 1,
                                          .scale = 0.2f};
        return ln_graph_node(g, LN_OP_ATTENTION, "attn", &a, in, 3, &err);
    case 4: return ln_graph_node(g, LN_OP_SOFTMAX, "softmax", &a, in, 1, &err);
    default: return depthwise(g, x);
    }
}

static ln_tid add_random_node(ln_graph *g, const ln_tid *pool, int n) {
    linnet_error err;
    ln_tid a = pool[pick(n)], b = pool[pick(n)];
    ln_attr attr;
    memset(&attr, 0, sizeof attr); /* no activation in any member of the union */
    ln_tid in[3] = {a, b, pool[pick(n)]};
    bool same = ln_shape_equal(&g->tensor[a].shape, &g->tensor[b].shape);
    switch (pick(8)) {
    case 0:
        return same ? ln_graph_node(g, LN_OP_ADD, "add", &attr, in, 2, &err)
                    : ln_test_conv(g, a, 8, LN_NONE);
    case 1: return ln_graph_node(g, LN_OP_ACT, "act", &attr, in, 1, &err);
    case 2: return add_concat(g, in, 2 + pick(2));
    case 3: return ln_test_conv(g, a, (int)g->tensor[b].shape.dim[3], b);
    case 4:
        return same ? ln_graph_node(g, LN_OP_MUL, "mul", &attr, in, 2, &err)
                    : ln_test_conv(g, b, 24, LN_NONE);
    case 5: /* to the same shape: a new name for the same memory */
        attr.reshape.shape = g->tensor[a].shape;
        return ln_graph_node(g, LN_OP_RESHAPE, "reshape", &attr, in, 1, &err);
    case 6:
        attr.slice = ln_slice_all(&g->tensor[a].shape);
        random_range(g->tensor[a].shape.dim[3], &attr.slice.begin[3], &attr.slice.size.dim[3]);
        return ln_graph_node(g, LN_OP_SLICE, "slice", &attr, in, 1, &err);
    case 7:
    case 8: return add_op(g, a);
    default: return ln_test_conv(g, a, 1 + pick(CHANNELS_MAX), LN_NONE);
    }
}

ln_graph *ln_test_random_graph(uint64_t s) {
    linnet_error err;
    ln_graph *g = NULL;
    seed = s;
    ck_assert_int_eq(ln_graph_create("random", &g, &err), LINNET_OK);
    ln_tid pool[64];
    int n = 0;
    ln_tid x = ln_graph_input(g, "x", ln_nhwc(1 + pick(2), 2, 3, 3), &err);
    pool[n++] = ln_test_conv(g, x, 16, LN_NONE);
    for (int i = 0; i < 24; i++) {
        ln_tid t = add_random_node(g, pool, n);
        ck_assert_int_ne(t, LN_NONE);
        if (g->tensor[t].shape.dim[3] <= 4 * CHANNELS_MAX) pool[n++] = t;
    }
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(ln_graph_output(g, pool[n - 1 - i * 3], &err), LINNET_OK);
    return g;
}

ln_graph *ln_test_gated_block(void) {
    linnet_error err;
    ln_graph *g = NULL;
    float *w;
    ln_attr a;
    seed = 1;
    ck_assert_int_eq(ln_graph_create("block", &g, &err), LINNET_OK);
    ln_tid x = ln_graph_input(g, "x", ln_nhwc(1, 6, 6, 3), &err);
    ln_tid first = x = ln_test_conv(g, x, 8, LN_NONE);
    x = ln_test_conv(g, x, 24, LN_NONE);
    memset(&a, 0, sizeof a);
    a.conv = (ln_conv_attr){.win = {3, 3, 1, 1, 1, 1, 1, 1, 1, 1}, .groups = 24};
    ln_tid dw[] = {x, ln_graph_const_new(g, "dw", (ln_shape){4, {24, 3, 3, 1}}, &w, &err)};
    for (int i = 0; i < 216; i++) w[i] = sinf((float)i);
    x = ln_graph_node(g, LN_OP_CONV2D, "dw", &a, dw, 2, &err);
    memset(&a, 0, sizeof a);
    a.se = (ln_se_attr){ln_act_relu(), ln_act_of(LN_ACT_SIGMOID)};
    ln_tid se[] = {x, ln_graph_const_new(g, "w1", (ln_shape){4, {8, 1, 1, 24}}, &w, &err), LN_NONE};
    for (int i = 0; i < 192; i++) w[i] = cosf((float)i);
    se[2] = ln_graph_const_new(g, "w2", (ln_shape){4, {24, 1, 1, 8}}, &w, &err);
    for (int i = 0; i < 192; i++) w[i] = sinf((float)i);
    ln_tid gate = ln_graph_node(g, LN_OP_SE, "se", &a, se, 3, &err);
    memset(&a, 0, sizeof a);
    ln_tid scale[] = {x, gate};
    x = ln_graph_node(g, LN_OP_MUL, "scale", &a, scale, 2, &err);
    ck_assert_int_eq(ln_graph_output(g, ln_test_conv(g, x, 8, first), &err), LINNET_OK);
    return g;
}
