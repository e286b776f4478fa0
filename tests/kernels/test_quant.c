/* Quantized ops: every variant of each against the exact reference. */
#include "step.h"

/* A case: shape of x, what becomes of it, and the scales of both. */
typedef struct one {
    const char *label;
    ln_op op;
    ln_shape x;
    ln_quant from, to; /* from.on: x is I8 */
    ln_attr attr;
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
    const ln_tid x = input(t, c->x, c->from);
    node(t, c, 1, &x);
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
    {"quantize tokens", LN_OP_QUANTIZE, SHAPE(2, 17, 23), F32, Q(0.015f, -5)},
    QUANTIZE(2, 5, 3, 13, Q(0.1f, 4), Q(0.07f, -20)), QUANTIZE(1, 7, 7, 24, Q(0.1f, -128), Q(0.25f, 127)),
    QUANTIZE(2, 5, 3, 13, Q(0.1f, 4), Q(0.07f, -20), .attr.quantize = {.real = true}),
    DEQUANTIZE(1, 1, 1, 1, Q(0.5f, -128)), DEQUANTIZE(2, 5, 3, 13, Q(0.1f, 4)), DEQUANTIZE(1, 9, 7, 40, Q(0.013f, 127)),
    {"dequantize row", LN_OP_DEQUANTIZE, SHAPE(3, 19), Q(0.1f, 4), F32},
    ACT(2, 5, 3, 13, Q(0.05f, 4), F32), ACT(1, 7, 7, 24, Q(0.1f, -3), Q(1.0f / 256, -128), .attr.act = {.kind = LN_ACT_SIGMOID}),
    ACT(1, 4, 4, 16, Q(0.1f, -3), Q(0.02f, -128), .attr.act = {LN_ACT_CLAMP, 0.0f, 6.0f, 0.0f, 0.0f}),
    ACT(2, 3, 3, 8, Q(0.05f, 3), Q(0.03f, -100), .attr.act = {.kind = LN_ACT_HARD_SWISH}),
    ACT(2, 3, 3, 40, Q(0.05f, 3), Q(0.03f, 7), .attr.act = {.kind = LN_ACT_LEAKY_RELU, .alpha = 0.1f}),
};
/* clang-format on */

static const step_table tables[] = {STEP_TABLE(conversions, build_unary)};

int main(int argc, char **argv) {
    return step_main("quant", tables, (int)LN_COUNT(tables), argc, argv);
}
