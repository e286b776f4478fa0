/* Quantized ops: every variant of each against the exact reference. */
#include "step.h"

/* A case: shape of x, what becomes of it, and the scales of both. */
typedef struct one {
    const char *label;
    ln_op op;
    ln_shape x;
    ln_quant from, to; /* from.on: x is I8 */
    ln_attr attr;
    bool planar; /* x, as the caller's pictures may be */
    bool halves; /* x is dequantized before */
} one;

static ln_tid input(tg *t, ln_shape shape, ln_quant q) {
    const ln_tid x = tg_input_shape(t, shape);
    if (!q.on) return x;
    t->g->tensor[x].dtype = LN_I8;
    ck_assert_int_eq(ln_graph_set_quant(t->g, x, q.scale, q.zero, &t->err), LINNET_OK);
    return x;
}

/* The node under test; its output's scale where it is not its input's. */
static void node(tg *t, const one *c, int n_in, const ln_tid *in) {
    const ln_tid y = tg_node(t, c->op, "op", c->attr, n_in, in);
    if (c->to.on)
        ck_assert_int_eq(ln_graph_set_quant(t->g, y, c->to.scale, c->to.zero, &t->err), LINNET_OK);
    tg_output(t, y);
}

static void build_unary(tg *t, const void *user) {
    const one *c = user;
    ln_tid x = input(t, c->x, c->from);
    if (c->planar) t->g->tensor[x].as_is = false;
    if (c->halves) x = tg_node(t, LN_OP_DEQUANTIZE, "halves", (ln_attr){0}, 1, &x);
    node(t, c, 1, &x);
}

/* ---- convolution and FC ---- */

/* wz: the weights' zero point, 0 for scales by channel; u8: as the file of unsigned bytes has it.
 */
typedef struct product {
    const char *label;
    int n, h, w, c, oc;
    ln_window win;
    int groups; /* 0: fully connected */
    ln_act act;
    ln_quant from, to;
    int wz;
    bool u8, bare, mixed, planar;
} product;

static ln_tid weights(tg *t, const product *c, ln_shape shape) {
    int64_t count;
    ck_assert(ln_shape_count(&shape, &count));
    uint8_t *data = ln_pool_alloc(&t->g->pool, (size_t)count, 1);
    float *scale = ln_pool_alloc(&t->g->pool, (size_t)shape.dim[0], sizeof *scale);
    for (int64_t i = 0; i < count; i++) data[i] = (uint8_t)tg_pick(t, 256);
    const float fan = (float)(count / shape.dim[0]);
    for (int64_t o = 0; o < shape.dim[0]; o++)
        scale[o] = (c->wz ? 1.0f : 1.0f + 0.5f * tg_value(t)) * 0.02f / sqrtf(fan);
    ln_view v = ln_view_dense(&shape, c->u8 ? LN_U8 : LN_I8, data);
    v.scale = scale;
    v.zero = c->wz + (c->u8 ? 128 : 0);
    const ln_tid w = ln_graph_const_quant(t->g, "w", shape, v, true, &t->err);
    ck_assert_msg(w != LN_NONE, "%s", t->err.message);
    return w;
}

static ln_tid bias(tg *t, int64_t count) {
    int32_t *data;
    const ln_tid b = ln_graph_const_new_i32(t->g, "b", (ln_shape){1, {count}}, &data, &t->err);
    ck_assert_msg(b != LN_NONE, "%s", t->err.message);
    for (int64_t i = 0; i < count; i++) data[i] = tg_pick(t, 4001) - 2000;
    return b;
}

static void build_product(tg *t, const void *user) {
    const product *c = user;
    const bool fc = !c->groups;
    const ln_shape x = fc ? (ln_shape){2, {c->n, c->c}} : ln_nhwc(c->n, c->h, c->w, c->c);
    const ln_shape w =
        fc ? (ln_shape){2, {c->oc, c->c}} : ln_nhwc(c->oc, c->win.kh, c->win.kw, c->c / c->groups);
    one o = {.op = fc ? LN_OP_FC : LN_OP_CONV2D, .to = c->to};
    if (fc)
        o.attr.fc.act = c->act;
    else
        o.attr.conv = (ln_conv_attr){
            .win = c->win, .groups = c->groups, .interleaved = c->mixed, .act = c->act};
    ln_tid in[3] = {input(t, x, c->from)};
    t->g->tensor[in[0]].as_is = !c->planar;
    in[1] = weights(t, c, w);
    in[2] = c->bare ? LN_NONE : bias(t, c->oc);
    node(t, &o, 3, in);
}

/* ---- sums and products ---- */

typedef struct binary {
    const char *label;
    ln_op op;
    ln_shape x, second;
    ln_quant a, b, to;
    bool constant;
    ln_act act;
} binary;

static ln_tid constant(tg *t, ln_shape shape, ln_quant q) {
    int64_t count;
    ck_assert(ln_shape_count(&shape, &count));
    int8_t *data = ln_pool_alloc(&t->g->pool, (size_t)count, 1);
    float *scale = ln_pool_alloc(&t->g->pool, (size_t)shape.dim[0], sizeof *scale);
    for (int64_t i = 0; i < count; i++) data[i] = (int8_t)tg_pick(t, 256);
    for (int64_t i = 0; i < shape.dim[0]; i++) scale[i] = q.scale;
    ln_view v = ln_view_dense(&shape, LN_I8, data);
    v.scale = scale;
    v.zero = q.zero;
    const ln_tid c = ln_graph_const_quant(t->g, "c", shape, v, false, &t->err);
    ck_assert_msg(c != LN_NONE, "%s", t->err.message);
    return c;
}

static void build_binary(tg *t, const void *user) {
    const binary *c = user;
    const one o = {.op = c->op, .to = c->to, .attr.binary = {c->act}};
    ln_tid in[2] = {input(t, c->x, c->a)};
    in[1] = c->constant ? constant(t, c->second, c->b) : input(t, c->second, c->b);
    node(t, &o, 2, in);
}

/* clang-format off */
#define SHAPE(...) {(int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int)), {__VA_ARGS__}}
#define Q(scale, zero) {scale, zero, true}
#define F32 {0.0f, 0, false}
#define QUANTIZE(n, h, w, c, from, ...)                                                            \
    {"quantize " #n "x" #h "x" #w "x" #c " " #from, LN_OP_QUANTIZE, SHAPE(n, h, w, c), from, __VA_ARGS__}
#define DEQUANTIZE(n, h, w, c, ...)                                                                \
    {"dequantize " #n "x" #h "x" #w "x" #c, LN_OP_DEQUANTIZE, SHAPE(n, h, w, c), __VA_ARGS__, F32}
#define ACT(n, h, w, c, ...)                                                                       \
    {"act " #n "x" #h "x" #w "x" #c, LN_OP_ACT, SHAPE(n, h, w, c), __VA_ARGS__}
static const one conversions[] = {
    QUANTIZE(1, 1, 1, 1, F32, Q(0.02f, 3)), QUANTIZE(2, 5, 3, 13, F32, Q(0.0078125f, -128)),
    QUANTIZE(1, 9, 7, 40, F32, Q(0.013f, 127)), QUANTIZE(3, 2, 8, 101, F32, Q(0.02f, 0)),
    QUANTIZE(2, 5, 23, 3, F32, Q(0.0078125f, -1), .planar = true), QUANTIZE(1, 17, 33, 7, F32, Q(0.02f, 5), .planar = true),
    QUANTIZE(1, 3, 5, 19, F32, Q(0.02f, 5), .planar = true), QUANTIZE(1, 3, 5, 8, F32, Q(1e-6f, 5)),
    {"quantize tokens", LN_OP_QUANTIZE, SHAPE(2, 17, 23), F32, Q(0.015f, -5)},
    QUANTIZE(1, 5, 3, 19, F32, Q(0.02f, 5), .planar = true, .attr.quantize = {.even = true}),
    QUANTIZE(1, 3, 5, 7, F32, Q(0.02f, 5), .planar = true, .attr.quantize = {.even = true}),
    QUANTIZE(2, 5, 3, 13, Q(0.5f, 4), Q(1, 9), .halves = true), QUANTIZE(2, 5, 3, 13, Q(0.5f, 4), Q(1, 9), .halves = true, .attr.quantize = {.even = true}),
    QUANTIZE(1, 7, 3, 40, Q(0.5f, 4), Q(1, 9), .halves = true), QUANTIZE(1, 7, 3, 40, Q(0.5f, 4), Q(1, 9), .halves = true, .attr.quantize = {.even = true}),
    QUANTIZE(2, 5, 3, 13, Q(0.1f, 4), Q(0.07f, -20)), QUANTIZE(1, 7, 7, 24, Q(0.1f, -128), Q(0.25f, 127)),
    QUANTIZE(2, 5, 3, 13, Q(0.1f, 4), Q(0.07f, -20), .attr.quantize = {.real = true}),
    DEQUANTIZE(1, 1, 1, 1, Q(0.5f, -128)), DEQUANTIZE(2, 5, 3, 13, Q(0.1f, 4)), DEQUANTIZE(1, 9, 7, 40, Q(0.013f, 127)),
    {"dequantize row", LN_OP_DEQUANTIZE, SHAPE(3, 19), Q(0.1f, 4), F32},
    ACT(2, 5, 3, 13, Q(0.05f, 4), F32), ACT(1, 7, 7, 24, Q(0.1f, -3), Q(1.0f / 256, -128), .attr.act = {.kind = LN_ACT_SIGMOID}),
    ACT(1, 4, 4, 16, Q(0.1f, -3), Q(0.02f, -128), .attr.act = {LN_ACT_CLAMP, 0.0f, 6.0f, 0.0f, 0.0f}),
    ACT(2, 3, 3, 8, Q(0.05f, 3), Q(0.03f, -100), .attr.act = {.kind = LN_ACT_HARD_SWISH}),
    {"act tokens", LN_OP_ACT, SHAPE(2, 17, 24), Q(0.05f, 4), Q(1.0f / 128, 0), .attr.act = {.kind = LN_ACT_TANH}},
    {"quantize bytes of tokens", LN_OP_QUANTIZE, SHAPE(2, 3, 72), Q(0.1f, 4), Q(0.07f, -20)},
    ACT(2, 3, 3, 40, Q(0.05f, 3), Q(0.03f, 7), .attr.act = {.kind = LN_ACT_LEAKY_RELU, .alpha = 0.1f}),
};

#define RELU6 {LN_ACT_CLAMP, 0.0f, 6.0f, 0.0f, 0.0f}
#define RELU  {LN_ACT_CLAMP, 0.0f, INFINITY, 0.0f, 0.0f}
#define WIN(k, s, p) {k, k, s, s, 1, 1, p, p, p, p}
#define CONV(n, h, w, c, oc, k, s, g, ...)                                                         \
    {"conv " #n "x" #h "x" #w "x" #c "->" #oc " k" #k " s" #s " g" #g, n, h, w, c, oc,             \
     WIN(k, s, (k) / 2), g, __VA_ARGS__}
#define FC(n, c, oc, ...) {"fc " #n "x" #c "->" #oc, n, 1, 1, c, oc, {0}, 0, __VA_ARGS__}
static const product products[] = {
    CONV(1, 1, 1, 1, 1, 1, 1, 1, {0}, Q(0.02f, 3), Q(0.05f, -7)),
    CONV(1, 7, 7, 33, 17, 1, 1, 1, RELU6, Q(0.02f, -128), Q(0.0235f, -128)),
    CONV(2, 5, 5, 96, 24, 1, 1, 1, {0}, Q(0.0235f, -128), Q(0.03f, 5), .bare = true),
    CONV(1, 14, 14, 24, 96, 1, 1, 1, RELU6, Q(0.02f, 4), Q(0.0235f, -128), .wz = 3, .u8 = true),
    CONV(1, 9, 9, 32, 40, 1, 2, 1, {0}, Q(0.02f, 4), Q(0.0235f, 0)),
    CONV(1, 17, 15, 3, 32, 3, 2, 1, RELU6, Q(0.0078125f, -1), Q(0.0235f, -128)),
    CONV(2, 17, 15, 3, 24, 3, 2, 1, RELU, Q(0.0078125f, -1), Q(0.01f, -128), .planar = true, .wz = -10),
    CONV(1, 9, 8, 16, 31, 3, 1, 1, {0}, Q(0.02f, 20), Q(0.05f, 3), .wz = -20, .u8 = true),
    CONV(1, 7, 6, 24, 48, 5, 1, 1, {0}, Q(0.02f, 0), Q(0.05f, 3)),
    CONV(1, 7, 7, 24, 48, 3, 1, 3, RELU6, Q(0.02f, 0), Q(0.05f, -100)),
    CONV(1, 6, 5, 24, 40, 3, 2, 8, {0}, Q(0.02f, -5), Q(0.05f, 3), .mixed = true),
    CONV(1, 1, 1, 16, 16, 3, 1, 16, RELU6, Q(0.02f, -128), Q(0.0235f, -128)),
    CONV(2, 7, 7, 33, 33, 3, 1, 33, {0}, Q(0.02f, -5), Q(0.05f, 3)),
    CONV(1, 15, 29, 40, 40, 3, 1, 40, RELU6, Q(0.0235f, -128), Q(0.0235f, -128)),
    CONV(1, 14, 14, 17, 17, 3, 2, 17, RELU6, Q(0.0235f, -128), Q(0.0235f, -128), .wz = 12, .u8 = true),
    CONV(3, 15, 15, 24, 24, 3, 2, 24, RELU6, Q(0.0235f, -128), Q(0.0235f, -128), .bare = true),
    CONV(1, 14, 13, 44, 44, 5, 1, 44, {0}, Q(0.02f, 7), Q(0.03f, 1)),
    CONV(1, 14, 13, 44, 44, 5, 2, 44, RELU, Q(0.02f, 7), Q(0.03f, 1)),
    CONV(1, 28, 29, 22, 22, 7, 2, 22, {0}, Q(0.02f, 7), Q(0.03f, 1)),
    CONV(2, 13, 12, 40, 40, 7, 1, 40, RELU6, Q(0.0235f, -128), Q(0.0235f, -128)),
    CONV(1, 9, 23, 19, 19, 7, 2, 19, {0}, Q(0.0235f, 127), Q(0.05f, 3), .wz = 100, .u8 = true),
    CONV(1, 10, 17, 8, 8, 3, 1, 8, {0}, Q(0.0235f, 127), Q(0.05f, 3), .wz = -128, .bare = true),
    CONV(1, 16, 9, 6, 6, 3, 2, 6, RELU6, Q(0.0235f, -128), Q(0.0235f, -128)),
    CONV(1, 15, 150, 3, 16, 3, 2, 1, RELU6, Q(0.0078125f, -1), Q(0.0235f, -128), .planar = true),
    CONV(2, 9, 141, 1, 70, 5, 2, 1, {0}, Q(0.0078125f, -1), Q(0.0235f, 7), .planar = true, .wz = 9, .u8 = true),
    CONV(1, 12, 66, 4, 48, 2, 2, 1, {0}, Q(0.0078125f, 5), Q(0.0235f, 7), .planar = true),
    /* register tiles and panels of the kernels for processors, their ends and tails */
    CONV(1, 13, 1, 16, 16, 1, 1, 1, RELU6, Q(0.0235f, -128), Q(0.0235f, -128)),
    CONV(1, 5, 5, 40, 48, 1, 1, 1, {0}, Q(0.0235f, 17), Q(0.03f, 5), .wz = -7),
    CONV(1, 9, 5, 72, 120, 1, 1, 1, RELU, Q(0.0235f, -100), Q(0.02f, 5)),
    CONV(2, 7, 7, 192, 333, 1, 1, 1, {0}, Q(0.0235f, 90), Q(0.05f, 5), .wz = 11, .u8 = true),
    CONV(1, 3, 3, 1100, 24, 1, 1, 1, {0}, Q(0.0235f, -128), Q(0.1f, 5), .wz = 2),
    CONV(1, 5, 4, 130, 64, 3, 1, 1, {0}, Q(0.0235f, -128), Q(0.1f, 5)),
    CONV(1, 15, 13, 64, 64, 3, 1, 64, RELU6, Q(0.0235f, -128), Q(0.0235f, -128)),
    CONV(2, 8, 7, 100, 100, 3, 1, 100, {0}, Q(0.0235f, 12), Q(0.0235f, 3), .bare = true),
    CONV(2, 14, 15, 144, 144, 3, 2, 144, RELU6, Q(0.0235f, -128), Q(0.0235f, -128)),
    CONV(1, 9, 7, 72, 72, 3, 1, 72, RELU6, Q(0.0235f, -128), Q(0.0235f, -128), .wz = -9, .u8 = true),
    CONV(1, 9, 8, 72, 72, 3, 2, 72, RELU6, Q(0.0235f, -128), Q(0.0235f, -128), .wz = 100, .u8 = true),
    CONV(1, 7, 6, 72, 72, 5, 1, 72, {0}, Q(0.0235f, 3), Q(0.0235f, -12), .wz = -127, .u8 = true),
    CONV(1, 8, 9, 72, 72, 5, 2, 72, {0}, Q(0.0235f, 3), Q(0.0235f, -12), .wz = 33, .u8 = true),
    CONV(1, 9, 8, 72, 72, 5, 1, 72, RELU6, Q(0.0235f, -128), Q(0.0235f, -128)),
    CONV(2, 9, 11, 120, 120, 5, 2, 120, {0}, Q(0.0235f, 12), Q(0.0235f, 3)),
    CONV(1, 12, 9, 24, 24, 5, 1, 24, {0}, Q(0.0235f, -12), Q(0.0235f, 3)),
    CONV(1, 11, 9, 16, 16, 5, 2, 16, RELU, Q(0.0235f, -12), Q(0.0235f, 3)),
    CONV(1, 1, 2, 48, 48, 3, 2, 48, {0}, Q(0.0235f, -12), Q(0.0235f, 3)),
    CONV(1, 3, 3, 1300, 33, 3, 1, 1, {0}, Q(0.0235f, -128), Q(0.1f, 5), .wz = 127, .u8 = true),
    CONV(1, 17, 17, 448, 56, 1, 1, 1, {0}, Q(0.0235f, 127), Q(0.1f, 5)),
    CONV(1, 2, 3, 300, 100, 1, 1, 1, RELU, Q(0.0235f, 127), Q(0.1f, 5), .wz = -100),
    {"conv dilated", 1, 12, 11, 20, 28, {3, 3, 1, 1, 2, 3, 2, 1, 2, 0}, 1, RELU6, Q(0.02f, 7), Q(0.03f, 1)},
    {"conv dilated depthwise", 1, 12, 11, 20, 20, {3, 3, 1, 1, 2, 3, 2, 1, 2, 0}, 20, RELU6, Q(0.02f, 7), Q(0.03f, 1)},
    {"conv dilated depthwise d2", 2, 11, 10, 144, 144, {3, 3, 1, 1, 2, 2, 2, 2, 2, 2}, 144, RELU6, Q(0.0235f, -128), Q(0.0235f, -128), .wz = 9, .u8 = true},
    {"conv dilated depthwise d4", 1, 9, 33, 72, 72, {3, 3, 1, 1, 4, 4, 4, 4, 4, 4}, 72, {0}, Q(0.02f, 7), Q(0.03f, 1)},
    {"conv dilated depthwise 5x5", 1, 13, 14, 40, 40, {5, 5, 1, 1, 2, 3, 3, 7, 4, 5}, 40, {0}, Q(0.02f, 7), Q(0.03f, 1)},
    {"conv dilated depthwise 7x7", 1, 15, 8, 24, 24, {7, 7, 1, 1, 2, 1, 6, 3, 6, 3}, 24, RELU6, Q(0.02f, 7), Q(0.0235f, -128)},
    {"conv dilated depthwise beyond", 1, 2, 3, 64, 64, {3, 3, 1, 1, 6, 6, 6, 6, 6, 6}, 64, {0}, Q(0.02f, 7), Q(0.03f, 1)},
    {"conv outside", 1, 2, 2, 8, 8, {2, 2, 1, 1, 1, 1, 2, 2, 1, 1}, 1, {0}, Q(0.02f, 7), Q(0.03f, 1)},
    {"conv large multiplier", 1, 4, 4, 8, 16, WIN(1, 1, 0), 1, {0}, Q(2.0f, 7), Q(0.001f, 1)},
    {"depthwise multipliers near a half", 1, 9, 11, 72, 72, WIN(3, 1, 1), 72, RELU6, Q(2.0f, -128), Q(0.025f, -128)},
    {"depthwise multipliers near one", 2, 9, 8, 72, 72, WIN(3, 2, 1), 72, {0}, Q(2.0f, 3), Q(0.013f, 9), .wz = 3, .u8 = true},
    {"depthwise multipliers of many", 1, 8, 9, 72, 72, WIN(5, 1, 2), 72, {0}, Q(2.0f, 3), Q(0.001f, 9)},
    {"depthwise beyond 32 bits", 1, 8, 9, 72, 72, WIN(3, 1, 1), 72, {0}, Q(2.0f, 3), Q(1e-7f, 9)},
    {"conv multipliers near a half", 1, 5, 5, 40, 72, WIN(1, 1, 0), 1, {0}, Q(2.0f, 7), Q(0.012f, 1)},
    {"conv multipliers beyond 2^30", 1, 4, 4, 8, 24, WIN(1, 1, 0), 1, {0}, Q(1e4f, 7), Q(1e-9f, 1)},
    {"depthwise multipliers beyond 2^30", 1, 4, 4, 72, 72, WIN(3, 1, 1), 72, {0}, Q(1e4f, 7), Q(1e-9f, 1)},
    {"conv small multiplier", 1, 4, 4, 8, 16, WIN(1, 1, 0), 1, {0}, Q(0.001f, 7), Q(50.0f, 1)},
    FC(1, 1, 1, {0}, Q(0.02f, 3), Q(0.05f, -7)), FC(1, 1280, 1001, {0}, Q(0.0235f, -128), Q(0.1f, -40)),
    FC(3, 33, 49, RELU, Q(0.0235f, 8), Q(0.04f, -40), .wz = 5, .u8 = true), FC(9, 20, 96, {0}, Q(0.0235f, 8), Q(0.04f, -40), .bare = true),
};

#define ADD(n, h, w, c, ...) {"add " #n "x" #h "x" #w "x" #c, LN_OP_ADD, SHAPE(n, h, w, c), SHAPE(n, h, w, c), __VA_ARGS__}
#define MUL(n, h, w, c, ...) {"mul " #n "x" #h "x" #w "x" #c, LN_OP_MUL, SHAPE(n, h, w, c), SHAPE(n, h, w, c), __VA_ARGS__}
static const binary binaries[] = {
    ADD(1, 1, 1, 1, Q(0.1013f, 3), Q(0.0717f, -4), Q(0.1231f, 1)), ADD(2, 5, 3, 13, Q(0.1013f, 3), Q(0.0717f, -4), Q(0.1231f, 1), .act = RELU),
    ADD(1, 28, 28, 24, Q(0.1f, -128), Q(0.1f, 127), Q(0.2f, 1)), ADD(1, 14, 14, 64, Q(0.01f, 3), Q(1.0f, -4), Q(0.9f, 1)),
    ADD(2, 9, 7, 40, Q(0.1013f, 3), Q(0.0717f, -4), Q(0.1231f, 1), .act = RELU), ADD(3, 1, 1, 8, Q(0.1f, 3), Q(0.2f, -4), Q(0.1f, 1)),
    ADD(1, 9, 7, 40, Q(0.1013f, 3), Q(0.0717f, -4), Q(0.00001f, 1)), ADD(2, 6, 7, 48, Q(0.1f, 3), Q(0.1f, -4), Q(0.4f, 1)),
    {"add vector", LN_OP_ADD, SHAPE(2, 5, 3, 13), SHAPE(13), Q(0.1013f, 3), Q(0.0717f, -4), Q(0.1231f, 1), .constant = true},
    {"add gate", LN_OP_ADD, SHAPE(2, 5, 3, 13), SHAPE(2, 1, 1, 13), Q(0.1013f, 3), Q(0.0717f, -4), Q(0.1231f, 1)},
    {"add tokens", LN_OP_ADD, SHAPE(2, 9, 20), SHAPE(2, 9, 20), Q(0.1013f, 3), Q(0.0717f, -4), Q(0.1231f, 1), .constant = true},
    MUL(1, 1, 1, 1, Q(0.1013f, 3), Q(0.0717f, -4), Q(0.1231f, 1)), MUL(2, 5, 3, 13, Q(0.1f, 3), Q(0.07f, -4), Q(0.3f, 1), .act = RELU6),
    MUL(1, 7, 9, 40, Q(0.1013f, 3), Q(0.0717f, -4), Q(0.5f, 1)), MUL(2, 3, 4, 48, Q(0.1f, 3), Q(0.1f, -4), Q(0.02f, 1)),
    MUL(1, 3, 4, 8, Q(0.5f, 3), Q(0.5f, -4), Q(0.01f, 1)), MUL(1, 3, 4, 16, Q(5.0f, 3), Q(5.0f, -4), Q(0.00001f, 1)),
    MUL(1, 3, 4, 16, Q(1e3f, 3), Q(1e3f, -4), Q(1e-6f, 1)),
    {"mul gate of 24", LN_OP_MUL, SHAPE(2, 5, 3, 24), SHAPE(2, 1, 1, 24), Q(0.1f, 3), Q(1.0f / 256, -128), Q(0.1f, 1)},
    {"mul constant gate of 40", LN_OP_MUL, SHAPE(2, 5, 3, 40), SHAPE(2, 1, 1, 40), Q(0.1f, 3), Q(1.0f / 256, -128), Q(0.1f, 1), .constant = true},
    {"mul gate", LN_OP_MUL, SHAPE(2, 5, 3, 13), SHAPE(2, 1, 1, 13), Q(0.1f, 3), Q(1.0f / 256, -128), Q(0.1f, 1)},
    {"mul constant gate", LN_OP_MUL, SHAPE(2, 5, 3, 13), SHAPE(2, 1, 1, 13), Q(0.1f, 3), Q(1.0f / 256, -128), Q(0.1f, 1), .constant = true},
};

#define POOL(text, n, h, w, c, ...)                                                                \
    {"pool " text, LN_OP_POOL, SHAPE(n, h, w, c), Q(0.1f, -9), F32, .attr.pool = {__VA_ARGS__}}
#define MEAN(n, h, w, c, kept, ...)                                                                \
    {"mean " #n "x" #h "x" #w "x" #c, LN_OP_REDUCE, SHAPE(n, h, w, c), __VA_ARGS__,                \
     .attr.reduce = {LN_REDUCE_MEAN, 6, kept, false}}
static const one pools[] = {
    POOL("avg 2", 1, 8, 8, 24, LN_POOL_AVG, .win = WIN(2, 2, 0)), POOL("avg 3 odd", 2, 7, 5, 13, LN_POOL_AVG, .win = WIN(3, 1, 1)),
    POOL("avg unsigned", 1, 8, 8, 24, LN_POOL_AVG, .is_unsigned = true, .win = WIN(2, 2, 0)),
    POOL("avg counted", 2, 7, 5, 13, LN_POOL_AVG, .count_pad = true, .win = WIN(3, 2, 1)), POOL("max", 2, 7, 5, 13, LN_POOL_MAX, .win = WIN(3, 2, 1)),
    POOL("global avg", 2, 7, 7, 1280, LN_POOL_AVG, .global = true), POOL("global max", 1, 3, 5, 20, LN_POOL_MAX, .global = true),
    MEAN(1, 7, 7, 1280, true, Q(0.0235f, -128), Q(0.02f, -128)), MEAN(2, 5, 3, 13, false, Q(0.1f, 7), Q(0.05f, 3)),
    MEAN(2, 1, 1, 8, true, Q(0.1f, 7), Q(0.1f, 7)),
};

#define PLACE(kind_, axis, kept, tail, ...)                                                        \
    {"place " #kind_ " " #axis " of " #__VA_ARGS__, LN_OP_REDUCE, SHAPE(__VA_ARGS__), Q(0.1f, -9), F32, \
     .attr.reduce = {LN_REDUCE_ARG##kind_, 1u << axis, kept, tail}}
static const one places[] = {
    PLACE(MAX, 3, false, false, 1, 9, 33, 21), PLACE(MAX, 3, false, true, 2, 5, 8, 256), PLACE(MIN, 3, false, false, 2, 3, 17, 257),
    PLACE(MIN, 3, false, true, 1, 7, 1, 24), PLACE(MAX, 3, false, false, 1, 1, 1, 1), PLACE(MIN, 2, false, true, 2, 5, 255),
    PLACE(MAX, 1, false, false, 3, 40), PLACE(MAX, 0, false, false, 37), PLACE(MAX, 3, true, false, 1, 4, 5, 13),
    PLACE(MIN, 1, false, false, 2, 6, 5, 13), PLACE(MAX, 2, true, true, 1, 3, 9, 16), PLACE(MAX, 0, false, false, 4, 3, 2, 5, 8),
};

#define FROM(...) .begin = {__VA_ARGS__}
#define BY(...)   .step = {__VA_ARGS__}
#define MOVE(op, text, shape, ...) {#op " " text, LN_OP_##op, shape, Q(0.1f, -9), F32, __VA_ARGS__}
#define BILINEAR(grid_, h, w) .attr.resize = {LN_RESIZE_LINEAR, LN_GRID_##grid_, .axis = {{0}, {h}, {w}}}
#define BLEND(number_, grid_, h, w) .attr.resize = {LN_RESIZE_LINEAR, LN_GRID_##grid_, .number = LN_NUMBER_##number_, .axis = {{0}, {h}, {w}}}
static const one moves[] = {
    MOVE(RESHAPE, "to rows", SHAPE(1, 3, 5, 13), .attr.reshape = {SHAPE(5, 39)}), MOVE(RESHAPE, "to pixels", SHAPE(2, 40), .attr.reshape = {SHAPE(2, 2, 2, 10)}),
    MOVE(SLICE, "odd box", SHAPE(3, 7, 9, 13), .attr.slice = {FROM(1, 2, 1, 3), BY(1, 2, 3, 2), SHAPE(2, 2, 3, 4)}),
    MOVE(SLICE, "back", SHAPE(1, 5, 6, 11), .attr.slice = {FROM(0, 4, 1, 10), BY(1, -2, 1, -3), SHAPE(1, 2, 5, 3)}),
    MOVE(SLICE, "half", SHAPE(1, 7, 7, 116), .attr.slice = {FROM(0, 0, 0, 58), BY(1, 1, 1, 1), SHAPE(1, 7, 7, 58)}),
    MOVE(SLICE, "aligned half", SHAPE(2, 5, 5, 48), .attr.slice = {FROM(0, 1, 2, 24), BY(1, 1, 1, 1), SHAPE(2, 4, 3, 24)}),
    MOVE(SLICE, "tokens", SHAPE(2, 9, 10), .attr.slice = {FROM(1, 1, 3), BY(1, 3, 1), SHAPE(1, 3, 7)}),
    MOVE(PAD, "all round", SHAPE(1, 3, 4, 5), .attr.pad = {{1, 2, 0, 3}, {0, 1, 2, 1}, 0.5f}),
    MOVE(PAD, "rows", SHAPE(2, 5, 7, 44), .attr.pad = {{0, 0, 0, 0}, {0, 1, 1, 0}, 0.0f}),
    MOVE(PAD, "aligned", SHAPE(2, 5, 7, 24), .attr.pad = {{0, 2, 1, 8}, {0, 1, 1, 0}, -3.0f}),
    MOVE(PAD, "mirror", SHAPE(1, 5, 7, 13), .attr.pad = {{0, 2, 1, 0}, {0, 1, 3, 0}, .mode = LN_PAD_REFLECT}),
    MOVE(PAD, "crop", SHAPE(1, 5, 7, 13), .attr.pad = {{0, -1, 0, -3}, {0, 0, -2, 1}, 1.0f}),
    MOVE(PERMUTE, "channels first", SHAPE(2, 5, 7, 37), .attr.permute = {{0, 3, 1, 2}}), MOVE(PERMUTE, "rows", SHAPE(2, 5, 7, 37), .attr.permute = {{0, 2, 1, 3}}),
    MOVE(PERMUTE, "matrix", SHAPE(70, 50), .attr.permute = {{1, 0}}), MOVE(TILE, "twice", SHAPE(2, 3, 1, 5), .attr.tile = {SHAPE(2, 6, 4, 10)}),
    MOVE(RESIZE, "corners", SHAPE(1, 5, 6, 21), BILINEAR(ALIGN_CORNERS, 18, 14)), MOVE(RESIZE, "half pixel", SHAPE(2, 5, 7, 8), BILINEAR(HALF_PIXEL, 9, 11)),
    MOVE(RESIZE, "single corners", SHAPE(1, 5, 6, 21), BLEND(SINGLE, ALIGN_CORNERS, 18, 14)), MOVE(RESIZE, "single half pixel", SHAPE(2, 5, 7, 8), BLEND(SINGLE, HALF_PIXEL, 9, 3)),
    MOVE(RESIZE, "single pixel", SHAPE(2, 1, 1, 37), BLEND(SINGLE, ASYMMETRIC, 7, 5)), MOVE(RESIZE, "single rows", SHAPE(2, 5, 7, 8), BLEND(SINGLE, ASYMMETRIC, 10, 0)),
    MOVE(RESIZE, "fixed corners", SHAPE(1, 5, 6, 21), BLEND(FIXED, ALIGN_CORNERS, 18, 14)), MOVE(RESIZE, "fixed half pixel", SHAPE(2, 5, 7, 8), BLEND(FIXED, HALF_PIXEL, 9, 3)),
    MOVE(RESIZE, "fixed columns", SHAPE(3, 9, 8, 24), BLEND(FIXED, ASYMMETRIC, 0, 17)), MOVE(RESIZE, "fixed smaller", SHAPE(1, 17, 16, 3), BLEND(FIXED, HALF_PIXEL, 4, 5)),
    MOVE(RESIZE, "single larger", SHAPE(1, 9, 7, 21), BLEND(SINGLE, ALIGN_CORNERS, 65, 49)), MOVE(RESIZE, "fixed larger", SHAPE(2, 4, 5, 40), BLEND(FIXED, ALIGN_CORNERS, 31, 40)),
    MOVE(RESIZE, "nearest", SHAPE(1, 5, 6, 21), .attr.resize = {LN_RESIZE_NEAREST, LN_GRID_ASYMMETRIC, LN_ROUND_DOWN, .axis = {{0}, {10}, {12}}}),
    MOVE(RESIZE, "any axis", SHAPE(4, 5, 7), .attr.resize = {LN_RESIZE_LINEAR, LN_GRID_HALF_PIXEL, .axis = {{0}, {9}, {11}}}),
};

/* Operands of growing widths; back: joined along another dimension; constants: every second one. */
typedef struct joined {
    const char *label;
    ln_shape x;
    int parts, grow, back;
    bool constants;
} joined;
static const joined concats[] = {
    {"concat", SHAPE(2, 3, 5, 13), 3, 2, 0, false}, {"concat aligned", SHAPE(2, 25, 24), 2, 8, 0, false},
    {"concat rows", SHAPE(1, 5, 24), 2, 0, 1, false}, {"concat maps", SHAPE(2, 3, 5, 21), 2, 0, 2, false},
    {"concat constants", SHAPE(2, 3, 5, 13), 4, 3, 0, true}, {"concat constant rows", SHAPE(2, 3, 5, 13), 3, 0, 2, true},
};
/* clang-format on */

static void build_concat(tg *t, const void *user) {
    const joined *c = user;
    const ln_quant q = ln_quant_of(0.1f, -9);
    const one o = {.op = LN_OP_CONCAT, .attr.concat = {.back = c->back}};
    ln_tid in[LN_MAX_IN];
    ln_shape s = c->x;
    for (int i = 0; i < c->parts; i++) {
        in[i] = c->constants && i % 2 ? constant(t, s, q) : input(t, s, q);
        s.dim[s.rank - 1] += c->grow;
    }
    node(t, &o, c->parts, in);
}

static const step_table tables[] = {
    STEP_TABLE(conversions, build_unary), STEP_TABLE(products, build_product),
    STEP_TABLE(binaries, build_binary),   STEP_TABLE(pools, build_unary),
    STEP_TABLE(places, build_unary),      STEP_TABLE(moves, build_unary),
    STEP_TABLE(concats, build_concat)};

int main(int argc, char **argv) {
    return step_main("quant", tables, (int)LN_COUNT(tables), argc, argv);
}
