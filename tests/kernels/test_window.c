/* Ops that look through a window or at other places of a map: convolutions whose weights are no
 * constants, pooling, resize. */
#include "step.h"

/* A case: shape of x, attributes, and flags of the op's own. */
typedef struct one {
    const char *label;
    ln_op op;
    ln_shape x;
    ln_attr attr;
    int oc; /* of a convolution */
    unsigned flags;
} one;

enum { CONST_W = 1, CONST_B = 2, NO_B = 4, RES = 8, GATE = 16 };

static void build_unary(tg *t, const void *user) {
    const one *c = user;
    ln_tid x = tg_input_shape(t, c->x);
    tg_output(t, tg_node(t, c->op, "op", c->attr, 1, &x));
}

static ln_tid weight(tg *t, ln_shape s, bool constant) {
    return constant ? tg_const(t, "w", s, false, true) : tg_input_shape(t, s);
}

static void build_conv(tg *t, const void *user) {
    const one *c = user;
    const ln_window *w = &c->attr.conv.win;
    const ln_shape gate = ln_nhwc(c->x.dim[0], 1, 1, c->x.dim[3]);
    ln_tid in[5] = {tg_input_shape(t, c->x)};
    in[1] = weight(t, ln_nhwc(c->oc, w->kh, w->kw, c->x.dim[3] / c->attr.conv.groups),
                   c->flags & CONST_W);
    in[2] = c->flags & NO_B ? LN_NONE : weight(t, (ln_shape){1, {c->oc}}, c->flags & CONST_B);
    in[3] = c->flags & RES
                ? tg_input(t, (int)c->x.dim[0], (int)c->x.dim[1], (int)c->x.dim[2], c->oc)
                : LN_NONE;
    in[4] = c->flags & GATE ? tg_input_shape(t, gate) : LN_NONE;
    tg_output(t, tg_node(t, c->op, "op", c->attr,
                         in[4] != LN_NONE   ? 5
                         : in[3] != LN_NONE ? 4
                                            : 3,
                         in));
}

static void build_fc(tg *t, const void *user) {
    const one *c = user;
    ln_tid in[3] = {tg_input_shape(t, c->x)};
    in[1] = weight(t, (ln_shape){2, {c->oc, c->x.dim[1]}}, c->flags & CONST_W);
    in[2] = c->flags & NO_B ? LN_NONE : weight(t, (ln_shape){1, {c->oc}}, c->flags & CONST_B);
    tg_output(t, tg_node(t, c->op, "op", c->attr, 3, in));
}

/* clang-format off */
#define SHAPE(...) {(int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int)), {__VA_ARGS__}}
#define WIN(kh, kw, sh, sw, dh, dw, ...) .win = {kh, kw, sh, sw, dh, dw, __VA_ARGS__}
#define ACT(a) {LN_ACT_##a, 0.0f, 6.0f, 0.2f, 0.5f}
#define CONV(n, h, w, c, oc_, g, window, a, f)                                                     \
    {"conv of tensors " #n "x" #h "x" #w "x" #c "->" #oc_ " g" #g, LN_OP_CONV2D, SHAPE(n, h, w, c), \
     .attr.conv = {window, .groups = g, .act = ACT(a)}, .oc = oc_, .flags = f}
static const one convs[] = {
    CONV(1, 1, 1, 1, 1, 1, WIN(1, 1, 1, 1, 1, 1, 0), NONE, 0),
    CONV(2, 5, 7, 13, 9, 1, WIN(3, 3, 1, 1, 1, 1, 1, 1, 1, 1), CLAMP, RES),
    CONV(1, 9, 8, 12, 20, 1, WIN(2, 3, 2, 1, 2, 1, 1, 0, 0, 2), SWISH, CONST_B),
    CONV(2, 6, 6, 10, 15, 5, WIN(3, 3, 1, 1, 1, 1, 1, 1, 1, 1), NONE, NO_B),
    CONV(1, 7, 7, 17, 17, 17, WIN(5, 5, 1, 1, 1, 1, 2, 2, 2, 2), HARD_SIGMOID, CONST_W),
    CONV(2, 4, 4, 8, 24, 1, WIN(1, 1, 1, 1, 1, 1, 0), NONE, GATE),
    CONV(1, 4, 4, 8, 24, 8, WIN(3, 1, 1, 1, 1, 1, 1, 0, 1, 0), NONE, 0),
};

/* window: top and left may be negative; padding behind is in the size */
#define SPREAD(n_, h_, w_, c_, oc_, g, oh, ow, window, a, f)                                       \
    {"transposed " #n_ "x" #h_ "x" #w_ "x" #c_ "->" #oh "x" #ow "x" #oc_ " g" #g,                  \
     LN_OP_CONV_TRANSPOSE, SHAPE(n_, h_, w_, c_),                                                  \
     .attr.conv = {window, .groups = g, .act = ACT(a), .h = oh, .w = ow}, .oc = oc_, .flags = f}
enum { FIXED = CONST_W | CONST_B };
static const one spreads[] = {
    SPREAD(1, 1, 1, 1, 1, 1, 1, 1, WIN(1, 1, 1, 1, 1, 1, 0), NONE, FIXED),
    SPREAD(2, 5, 7, 13, 9, 1, 10, 14, WIN(2, 2, 2, 2, 1, 1, 0), CLAMP, FIXED),
    SPREAD(2, 5, 9, 16, 40, 1, 10, 18, WIN(4, 4, 2, 2, 1, 1, 1, 1), NONE, FIXED),
    SPREAD(1, 9, 20, 24, 33, 1, 18, 40, WIN(3, 3, 2, 2, 1, 1, 1, 1), SWISH, FIXED),
    SPREAD(1, 6, 5, 8, 17, 1, 8, 7, WIN(3, 3, 1, 1, 1, 1, 0), NONE, CONST_W | NO_B),
    SPREAD(1, 4, 5, 12, 20, 1, 16, 13, WIN(2, 3, 4, 3, 1, 1, 0), CLAMP, FIXED),
    SPREAD(2, 3, 4, 7, 10, 1, 11, 12, WIN(3, 2, 2, 3, 2, 2, -1, 1), HARD_SIGMOID, FIXED),
    SPREAD(1, 5, 30, 5, 8, 1, 14, 88, WIN(3, 5, 3, 3, 3, 2, 3, -2), NONE, FIXED),
    SPREAD(2, 5, 5, 12, 20, 4, 9, 11, WIN(3, 3, 2, 2, 1, 1, 1, 0), NONE, FIXED),
    SPREAD(1, 8, 8, 21, 21, 21, 16, 16, WIN(4, 4, 2, 2, 1, 1, 1, 1), NONE, FIXED),
    SPREAD(1, 28, 28, 64, 64, 1, 56, 56, WIN(4, 4, 2, 2, 1, 1, 1, 1), CLAMP, FIXED),
    SPREAD(2, 3, 4, 9, 10, 1, 7, 9, WIN(3, 3, 2, 2, 1, 1, 0), NONE, 0),
    SPREAD(1, 3, 4, 9, 6, 3, 7, 9, WIN(3, 3, 2, 2, 1, 1, 0), CLAMP, CONST_B),
    SPREAD(1, 3, 4, 9, 6, 3, 7, 9, WIN(3, 3, 2, 2, 1, 1, 0), NONE, CONST_W),
    SPREAD(1, 3, 4, 9, 6, 1, 7, 9, WIN(3, 3, 2, 2, 1, 1, 0), NONE, NO_B),
};

#define FC(n, c, oc_, a, f)                                                                        \
    {"fc of tensors " #n "x" #c "->" #oc_, LN_OP_FC, SHAPE(n, c), .attr.fc = {ACT(a)}, .oc = oc_, .flags = f}
static const one fcs[] = {
    FC(1, 1, 1, NONE, 0), FC(3, 33, 17, CLAMP, 0), FC(2, 64, 40, NONE, CONST_B), FC(5, 19, 8, TANH, NO_B),
    FC(1, 7, 100, NONE, CONST_W),
};

#define POOL(n, h, w, c, k, ...)                                                                   \
    {"pool " #k " " #n "x" #h "x" #w "x" #c, LN_OP_POOL, SHAPE(n, h, w, c),                        \
     .attr.pool = {.kind = LN_POOL_##k, __VA_ARGS__}}
static const one pools[] = {
    POOL(2, 7, 9, 13, AVG, .global = true), POOL(1, 7, 7, 1280, AVG, .global = true),
    POOL(1, 14, 14, 480, AVG, .global = true), POOL(1, 112, 112, 32, AVG, .global = true),
    POOL(2, 1, 1, 8, AVG, .global = true), POOL(1, 9, 11, 40, MAX, .global = true),
    POOL(1, 28, 28, 240, AVG, .win = {3, 3, 2, 2, 1, 1, 1, 1, 1, 1}, .count_pad = true),
    POOL(2, 9, 7, 20, AVG, .win = {3, 3, 2, 2, 1, 1, 1, 1, 1, 1}),
    POOL(2, 9, 7, 20, MAX, .win = {3, 3, 2, 2, 1, 1, 0, 1, 1, 0}),
    POOL(1, 8, 10, 16, AVG, .win = {3, 2, 3, 2, 1, 2, 1, 1, 2, 2}, .count_pad = true, .ceil_bottom = 1, .ceil_right = 1),
    POOL(1, 28, 28, 64, AVG, .win = {2, 2, 2, 2, 1, 1, 0, 0, 0, 0}),
    POOL(1, 8, 9, 20, MAX, .win = {3, 2, 2, 1, 2, 3, 2, 0, 1, 3}),
    POOL(2, 5, 6, 13, AVG, .win = {2, 2, 1, 1, 3, 2, 1, 1, 1, 1}),
    POOL(1, 1, 6, 9, AVG, .win = {2, 1, 1, 1, 2, 1, 1, 0, 1, 0}),
    POOL(1, 1, 6, 9, MAX, .win = {2, 1, 1, 1, 2, 1, 1, 0, 1, 0}),
    POOL(2, 5, 6, 13, MAX, .win = {2, 2, 2, 2, 1, 1, 0, 0, 0, 0}, .indices = LN_INDICES_ROWS),
    POOL(2, 5, 7, 24, MAX, .win = {3, 3, 2, 2, 1, 1, 1, 1, 1, 1}, .indices = LN_INDICES_COLUMNS),
    POOL(1, 6, 7, 9, MAX, .win = {2, 3, 1, 1, 2, 1, 1, 1, 1, 1}, .indices = LN_INDICES_ROWS),
    POOL(1, 1, 6, 9, MAX, .win = {2, 1, 1, 1, 2, 1, 1, 0, 1, 0}, .indices = LN_INDICES_ROWS),
    POOL(3, 4, 5, 10, MAX, .global = true, .indices = LN_INDICES_ROWS),
    POOL(1, 112, 112, 24, MAX, .win = {3, 3, 2, 2, 1, 1, 1, 1, 1, 1}),
};

#define RESIZE(n, h, w, c, k, g, oh, ow)                                                           \
    {"resize " #k " " #g " " #h "x" #w "->" #oh "x" #ow, LN_OP_RESIZE, SHAPE(n, h, w, c),          \
     .attr.resize = {LN_RESIZE_##k, LN_GRID_##g, LN_GRID_##g == LN_GRID_ASYMMETRIC ? LN_ROUND_DOWN : LN_ROUND_HALF_UP, \
                     .axis = {[1] = {.size = oh}, [2] = {.size = ow}}}}
#define TAPS(text, shape, ...) {"resize " text, LN_OP_RESIZE, shape, .attr.resize = {__VA_ARGS__}}
static const one resizes[] = {
    RESIZE(1, 5, 7, 3, NEAREST, HALF_PIXEL, 8, 20), RESIZE(2, 5, 7, 9, NEAREST, ASYMMETRIC, 3, 14),
    RESIZE(1, 5, 7, 8, NEAREST, ALIGN_CORNERS, 9, 4), RESIZE(1, 1, 1, 8, NEAREST, ALIGN_CORNERS, 1, 3),
    RESIZE(2, 5, 7, 9, LINEAR, HALF_PIXEL, 8, 20), RESIZE(1, 8, 9, 20, LINEAR, HALF_PIXEL, 3, 4),
    RESIZE(1, 5, 7, 3, LINEAR, ALIGN_CORNERS, 9, 13), RESIZE(1, 3, 3, 8, LINEAR, ALIGN_CORNERS, 1, 1),
    RESIZE(1, 6, 7, 16, LINEAR, ASYMMETRIC, 12, 7), RESIZE(1, 1, 1, 40, LINEAR, ALIGN_CORNERS, 33, 33),
    RESIZE(1, 28, 28, 64, NEAREST, ASYMMETRIC, 56, 56), RESIZE(1, 28, 28, 64, LINEAR, HALF_PIXEL, 56, 56),
    RESIZE(1, 16, 16, 24, LINEAR, HALF_PIXEL, 128, 128),
    TAPS("by scale", SHAPE(1, 5, 7, 12), LN_RESIZE_LINEAR, .axis = {[1] = {7, 1.5, 0, 0}, [2] = {4, 0.6, 0, 0}}),
    TAPS("whole scale", SHAPE(1, 5, 7, 12), LN_RESIZE_LINEAR, .axis = {[1] = {10, 2, 0, 0}, [2] = {14, 2, 0, 0}}),
    TAPS("rows, ties down", SHAPE(2, 2, 3, 5), LN_RESIZE_NEAREST, .round = LN_ROUND_HALF_DOWN, .axis = {[1] = {.size = 7}}),
    TAPS("cubic", SHAPE(2, 6, 5, 13), LN_RESIZE_CUBIC, .cubic_a = -0.75f, .axis = {[1] = {.size = 9}, [2] = {.size = 3}}),
    TAPS("cubic inside", SHAPE(1, 6, 5, 8), LN_RESIZE_CUBIC, .cubic_a = -0.5f, .exclude_outside = true, .axis = {[1] = {.size = 9}, [2] = {.size = 11}}),
    TAPS("antialias", SHAPE(1, 17, 23, 3), LN_RESIZE_LINEAR, .antialias = true, .axis = {[1] = {.size = 5}, [2] = {.size = 4}}),
    TAPS("cubic antialias", SHAPE(1, 17, 23, 3), LN_RESIZE_CUBIC, .cubic_a = -0.5f, .antialias = true, .axis = {[1] = {.size = 5}, [2] = {.size = 4}}),
    TAPS("crop", SHAPE(2, 5, 7, 11), LN_RESIZE_LINEAR, LN_GRID_CROP, .outside = 3.5f, .axis = {[1] = {4, 0, -0.2f, 0.7f}, [2] = {5, 0, 0.3f, 1.4f}}),
    TAPS("crop of channels", SHAPE(2, 3, 4, 11), LN_RESIZE_LINEAR, LN_GRID_CROP, .outside = 3.5f, .axis = {[3] = {5, 0, 0.3f, 1.4f}}),
    TAPS("vector", SHAPE(9), LN_RESIZE_LINEAR, .axis = {[0] = {.size = 20}}),
    TAPS("matrix", SHAPE(5, 9), LN_RESIZE_CUBIC, .cubic_a = -0.75f, .axis = {{.size = 3}, {.size = 20}}),
    TAPS("tokens", SHAPE(2, 5, 9), LN_RESIZE_LINEAR, .axis = {[1] = {.size = 8}}),
    TAPS("volume", SHAPE(2, 3, 4, 5, 9), LN_RESIZE_LINEAR, .axis = {[1] = {.size = 5}, [2] = {.size = 3}, [3] = {.size = 7}}),
    TAPS("all of six", SHAPE(2, 2, 3, 2, 3, 5), LN_RESIZE_LINEAR, .axis = {{.size = 3}, {.size = 3}, {.size = 2}, {.size = 3}, {.size = 2}, {.size = 9}}),
};
/* clang-format on */

static const step_table tables[] = {STEP_TABLE(convs, build_conv), STEP_TABLE(fcs, build_fc),
                                    STEP_TABLE(spreads, build_conv), STEP_TABLE(pools, build_unary),
                                    STEP_TABLE(resizes, build_unary)};

int main(int argc, char **argv) {
    return step_main("window", tables, (int)LN_COUNT(tables), argc, argv);
}
