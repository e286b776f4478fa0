/* Ops that move words by index, and matrix products: every variant against the reference. */
#include "step.h"

typedef struct one {
    const char *label;
    ln_op op;
    ln_shape x, other; /* other: the second input; of a gather its indices */
    ln_attr attr;
    unsigned flags;
} one;
enum {
    WHOLE = 1,   /* x is of integers */
    CONST_X = 2, /* the first, the second input is a constant */
    CONST_OTHER = 4,
    EVEN = 16,
    BESIDE = 8 /* the output is a slice of a concat */
};

static ln_tid input(tg *t, const ln_shape *s, bool whole, bool constant, int range) {
    int32_t *data;
    if (!constant) {
        const ln_tid x = tg_input_shape(t, *s);
        t->g->tensor[x].dtype = whole ? LN_I32 : LN_F32;
        t->g->tensor[x].as_is = true;
        return x;
    }
    if (!whole) return tg_const(t, "constant", *s, false, false);
    const ln_tid c = ln_graph_const_new_i32(t->g, "constant", *s, &data, &t->err);
    ck_assert_msg(c != LN_NONE, "%s", t->err.message);
    for (int64_t i = 0; i < tg_count(t->g, c); i++) data[i] = tg_pick(t, 2 * range + 1) - range;
    return c;
}

static bool has_indices(ln_op op) {
    return op == LN_OP_GATHER || op == LN_OP_GATHER_ND || op == LN_OP_GATHER_ELEMENTS;
}

static void build(tg *t, const void *user) {
    const one *c = user;
    const bool whole = c->flags & WHOLE;
    ln_tid in[2] = {input(t, &c->x, whole, c->flags & CONST_X, 1000)};
    int n = 1;
    if (c->other.rank) in[n++] = input(t, &c->other, has_indices(c->op), c->flags & CONST_OTHER, 9);
    const ln_tid y = tg_node(t, c->op, "op", c->attr, n, in);
    if (!(c->flags & BESIDE)) {
        tg_output(t, y);
        return;
    }
    ln_shape s = t->g->tensor[y].shape;
    s.dim[s.rank - 1] = 8;
    const ln_tid o = tg_input_shape(t, s);
    t->g->tensor[o].dtype = t->g->tensor[y].dtype;
    t->g->tensor[o].as_is = true;
    const ln_tid other = tg_act(t, "other", o, ln_act_of(LN_ACT_NONE));
    tg_output(t, TG(t, CONCAT, "both", (ln_attr){0}, other, y));
}

/* Three operands, each one longer than the one before along the joined dimension. */
static void build_concat(tg *t, const void *user) {
    const one *c = user;
    ln_shape s = c->x;
    ln_tid in[3];
    for (int i = 0; i < 3; i++) {
        const bool constant = i == 1 && c->flags & CONST_OTHER;
        in[i] = input(t, &s, c->flags & WHOLE, constant, 1000);
        if (!(c->flags & EVEN)) s.dim[s.rank - 1 - c->attr.concat.back]++;
    }
    tg_output(t, tg_node(t, LN_OP_CONCAT, "op", c->attr, 3, in));
}

static void build_topk(tg *t, const void *user) {
    const one *c = user;
    const ln_tid x = input(t, &c->x, c->flags & WHOLE, false, 0);
    ln_tid out[LN_MAX_OUT];
    const linnet_status s =
        ln_graph_node_all(t->g, LN_OP_TOPK, "op", &c->attr, &x, 1, out, &t->err);
    ck_assert_msg(s == LINNET_OK, "%s", t->err.message);
    tg_output(t, out[0]);
    tg_output(t, out[1]);
}

/* Boxes and scores; under test is the choice, or with WHOLE the rows made of it. */
static void build_nms(tg *t, const void *user) {
    const one *c = user;
    const bool rows = c->flags & WHOLE;
    const ln_tid in[] = {input(t, &c->x, false, false, 0), input(t, &c->other, false, false, 0)};
    ln_tid out[LN_MAX_OUT], row[LN_MAX_OUT];
    linnet_status s =
        ln_graph_node_all(t->g, LN_OP_NMS, rows ? "nms" : "op", &c->attr, in, 2, out, &t->err);
    ck_assert_msg(s == LINNET_OK, "%s", t->err.message);
    tg_output(t, out[0]);
    tg_output(t, out[1]);
    if (!rows) return;
    s = ln_graph_node_all(t->g, LN_OP_NMS_ROWS, "op", NULL, out, 1, row, &t->err);
    ck_assert_msg(s == LINNET_OK, "%s", t->err.message);
    tg_output(t, row[0]);
    tg_output(t, row[1]);
}

/* clang-format off */
#define S(...) {(int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int)), {__VA_ARGS__}}
#define NOTHING {0, {0}}
#define PERMUTE(text, shape, flags_, ...)                                                          \
    {"permute " text, LN_OP_PERMUTE, shape, NOTHING, .attr.permute = {{__VA_ARGS__}}, .flags = flags_}
#define TILE(text, shape, to, flags_)                                                              \
    {"tile " text, LN_OP_TILE, shape, NOTHING, .attr.tile = {to}, .flags = flags_}
#define FROM(...) .begin = {__VA_ARGS__}
#define BY(...) .step = {__VA_ARGS__}
#define SLICE(text, shape, flags_, ...)                                                            \
    {"slice " text, LN_OP_SLICE, shape, NOTHING, .attr.slice = {__VA_ARGS__}, .flags = flags_}
#define PAD(text, shape, flags_, ...)                                                              \
    {"pad " text, LN_OP_PAD, shape, NOTHING, .attr.pad = {__VA_ARGS__}, .flags = flags_}
static const one moves[] = {
    PERMUTE("row", S(7), 0, 0), PERMUTE("matrix", S(5, 3), 0, 1, 0), PERMUTE("16x16", S(16, 16), 0, 1, 0),
    PERMUTE("17x33", S(17, 33), 0, 1, 0), PERMUTE("33x17 beside", S(33, 17), BESIDE, 1, 0),
    PERMUTE("nhwc to nchw", S(2, 7, 9, 20), 0, 0, 3, 1, 2), PERMUTE("nchw to nhwc", S(2, 20, 7, 9), 0, 0, 2, 3, 1),
    PERMUTE("3 channels out", S(1, 20, 19, 3), 0, 0, 3, 1, 2), PERMUTE("3 channels in", S(1, 3, 20, 19), 0, 0, 2, 3, 1),
    PERMUTE("heads", S(2, 49, 4, 16), 0, 0, 2, 1, 3), PERMUTE("heads turned", S(2, 49, 4, 16), 0, 0, 2, 3, 1),
    PERMUTE("heads of 5 beside", S(1, 6, 3, 5), BESIDE, 0, 2, 1, 3), PERMUTE("integers", S(3, 40, 18), WHOLE, 2, 0, 1),
    PERMUTE("constant", S(3, 20, 18), CONST_X, 2, 0, 1), PERMUTE("constant rows", S(3, 20, 18), CONST_X | WHOLE, 1, 0, 2),
    PERMUTE("6 dimensions", S(2, 3, 4, 5, 6, 7), 0, 5, 1, 4, 0, 2, 3), PERMUTE("6 reversed", S(2, 3, 1, 18, 2, 17), 0, 5, 4, 3, 2, 1, 0),
    PERMUTE("6 and the last stays", S(2, 3, 4, 5, 6, 7), 0, 1, 3, 0, 4, 2, 5),
    PERMUTE("56x56x64 to planes", S(1, 56, 56, 64), 0, 0, 3, 1, 2), PERMUTE("planes to 56x56x64", S(1, 64, 56, 56), 0, 0, 2, 3, 1),
    TILE("row", S(3), S(12), 0), TILE("channels", S(2, 3, 5, 7), S(2, 3, 5, 21), 0), TILE("rows", S(2, 1, 3, 20), S(4, 5, 3, 20), 0),
    TILE("one", S(1, 1, 1), S(3, 4, 5), 0), TILE("beside", S(1, 2, 9), S(3, 4, 9), BESIDE), TILE("integers", S(2, 19), S(2, 57), WHOLE),
    TILE("constant", S(2, 1, 19), S(2, 6, 19), CONST_X | WHOLE), TILE("6", S(1, 2, 1, 3, 1, 17), S(2, 4, 1, 3, 2, 17), 0),
    SLICE("backwards", S(3, 7, 9, 13), 0, FROM(2, 6, 8, 12), BY(-1, -2, -3, -4), S(3, 3, 3, 4)),
    SLICE("rows backwards", S(1, 7, 9, 24), 0, FROM(0, 6, 8, 0), BY(1, -1, -1, 1), S(1, 7, 9, 24)),
    SLICE("a step of one", S(5, 6), 0, FROM(3, 2), BY(INT64_MIN, INT64_MAX), S(1, 1)),
    SLICE("6 dimensions", S(2, 3, 4, 5, 6, 7), 0, FROM(1, 2, 3, 0, 5, 6), BY(-1, -2, -1, 2, -2, -3), S(2, 2, 3, 3, 3, 3)),
    SLICE("6, rows", S(2, 3, 4, 5, 6, 24), 0, FROM(1, 2, 3, 0, 5, 3), BY(-1, -2, -1, 2, -2, 1), S(2, 2, 3, 3, 3, 20)),
    SLICE("5 of integers", S(2, 3, 4, 5, 6), WHOLE, FROM(0, 1, 0, 0, 1), BY(1, 1, 2, 1, 2), S(2, 2, 2, 5, 3)),
    SLICE("constant", S(5, 6), CONST_X, FROM(4, 5), BY(-1, -2), S(5, 3)),
    PAD("edge", S(2, 3, 5, 7), 0, {0, 2, 3, 1}, {1, 0, 2, 2}, 0.5f, LN_PAD_EDGE),
    PAD("reflect", S(2, 5, 6, 20), 0, {0, 2, 3, 0}, {0, 4, 1, 0}, 0.5f, LN_PAD_REFLECT),
    PAD("reflect 9x9", S(1, 9, 9, 24), 0, {0, 4, 4, 0}, {0, 4, 4, 0}, 0.0f, LN_PAD_REFLECT),
    PAD("reflect round and round", S(2, 3), 0, {9, 7}, {8, 9}, 0.0f, LN_PAD_REFLECT),
    PAD("reflect one", S(1, 3), 0, {2, 1}, {3, 0}, 0.0f, LN_PAD_REFLECT),
    PAD("symmetric", S(2, 3, 5, 7), 0, {1, 2, 3, 9}, {1, 0, 2, 8}, 0.5f, LN_PAD_SYMMETRIC),
    PAD("wrap", S(3, 5, 11), 0, {1, 7, 2}, {8, 0, 3}, 0.5f, LN_PAD_WRAP),
    PAD("crop", S(2, 7, 9, 13), 0, {0, -1, 2, -3}, {-1, 0, -4, 2}, 0.5f, LN_PAD_CONSTANT),
    PAD("crop 8", S(2, 7, 9, 24), 0, {0, -1, 2, -8}, {-1, 0, -4, 0}, 0.5f, LN_PAD_CONSTANT),
    PAD("crop and reflect", S(1, 7, 9, 13), 0, {0, -2, 2, -3}, {0, 3, -4, 2}, 0.5f, LN_PAD_REFLECT),
    PAD("6 dimensions", S(2, 1, 3, 2, 5, 17), 0, {0, 1, 2, 0, 1, 0}, {1, 0, 0, 2, 1, 0}, -1.5f, LN_PAD_CONSTANT),
    PAD("integers", S(2, 3, 9), WHOLE, {0, 1, 2}, {1, 0, 3}, -7.9f, LN_PAD_CONSTANT),
    PAD("constant", S(2, 3, 9), CONST_X, {0, 1, 0}, {1, 0, 0}, 3.0f, LN_PAD_CONSTANT),
};

#define MATMUL(text, a, b, flags_, ...)                                                            \
    {"matmul " text, LN_OP_MATMUL, a, b, .attr.matmul = {__VA_ARGS__}, .flags = flags_}
static const one products[] = {
    MATMUL("1x1", S(1, 1), S(1, 1), 0, 0, 0), MATMUL("3x5 5x7", S(3, 5), S(5, 7), 0, 0, 0),
    MATMUL("row", S(1, 300), S(300, 49), 0, 0, 0), MATMUL("column", S(19, 20), S(20, 1), 0, 0, 0),
    MATMUL("column turned", S(19, 20), S(1, 20), 0, 0, 1), MATMUL("outer", S(9, 1), S(1, 33), 0, 0, 0),
    MATMUL("8x48", S(8, 16), S(16, 48), 0, 0, 0), MATMUL("9x49", S(9, 17), S(17, 49), 0, 0, 0),
    MATMUL("7x47 tb", S(7, 15), S(47, 15), 0, 0, 1), MATMUL("13x97 tb", S(13, 33), S(97, 33), 0, 0, 1),
    MATMUL("12x40 ta", S(33, 12), S(33, 40), 0, 1, 0), MATMUL("11x56 ta tb", S(20, 11), S(56, 20), 0, 1, 1),
    MATMUL("deep 129", S(17, 129), S(129, 50), 0, 0, 0), MATMUL("deep 257 tb", S(17, 257), S(104, 257), BESIDE, 0, 1),
    MATMUL("batch", S(2, 3, 9, 20), S(2, 3, 20, 17), 0, 0, 0), MATMUL("batch repeated", S(2, 1, 9, 20), S(3, 20, 17), 0, 0, 0),
    MATMUL("batch of 4 dimensions", S(2, 1, 3, 2, 5, 9), S(1, 4, 3, 1, 9, 12), BESIDE, 0, 0),
    MATMUL("constant b", S(2, 9, 20), S(20, 33), CONST_OTHER, 0, 0), MATMUL("constant a", S(9, 20), S(2, 20, 33), CONST_X, 0, 0),
    MATMUL("constant b tb", S(2, 9, 20), S(33, 20), CONST_OTHER, 0, 1),
    MATMUL("scores 4x196x64", S(4, 196, 64), S(4, 196, 64), 0, 0, 1), MATMUL("values 4x196x64", S(4, 196, 196), S(4, 196, 64), 0, 0, 0),
    MATMUL("scores 8x256x32", S(8, 256, 32), S(8, 256, 32), 0, 0, 1), MATMUL("values 8x256x32", S(8, 256, 256), S(8, 256, 32), 0, 0, 0),
};

#define GATHER(text, x, at, flags_, axis)                                                          \
    {"gather " text, LN_OP_GATHER, x, at, .attr.gather = {axis, 0}, .flags = flags_}
#define ELEMENTS(text, x, at, flags_, axis)                                                        \
    {"gather_elements " text, LN_OP_GATHER_ELEMENTS, x, at, .attr.gather = {axis, 0}, .flags = flags_}
#define TUPLES(text, x, at, flags_, batch)                                                         \
    {"gather_nd " text, LN_OP_GATHER_ND, x, at, .attr.gather = {0, batch}, .flags = flags_}
static const one gathers[] = {
    GATHER("row", S(9), S(5), 0, 0), GATHER("row of 2", S(9), S(5, 3), 0, 0), GATHER("rows", S(7, 20), S(11), 0, 0),
    GATHER("rows by 3x9", S(7, 20), S(3, 9), 0, 0), GATHER("columns", S(7, 20), S(9), 0, 1), GATHER("columns by 3x9", S(2, 7, 20), S(3, 9), 0, 2),
    GATHER("middle", S(2, 7, 3, 20), S(2, 3), 0, 1), GATHER("integers", S(3, 7, 5), S(4), WHOLE, 1),
    GATHER("constant indices", S(3, 7, 5), S(4), CONST_OTHER, 1), GATHER("constant x", S(8, 33), S(2, 17), CONST_X, 0),
    GATHER("constants", S(8, 33), S(2, 17), CONST_X | CONST_OTHER | BESIDE, 1), GATHER("6", S(2, 3, 4, 5, 6), S(2, 9), BESIDE, 3),
    ELEMENTS("rows", S(7, 20), S(3, 20), 0, 0), ELEMENTS("columns", S(7, 20), S(6, 33), 0, 1), ELEMENTS("one", S(9), S(4), 0, 0),
    ELEMENTS("middle", S(2, 7, 3, 20), S(2, 9, 2, 13), BESIDE, 1), ELEMENTS("constants", S(7, 20), S(7, 9), CONST_X | CONST_OTHER | WHOLE, 1),
    ELEMENTS("6", S(2, 3, 2, 5, 2, 9), S(2, 3, 2, 9, 2, 9), 0, 3),
    TUPLES("elements", S(5, 6), S(9, 2), 0, 0), TUPLES("rows", S(5, 20), S(9, 1), 0, 0), TUPLES("boxes", S(5, 6, 3, 7), S(4, 2, 2), 0, 0),
    TUPLES("batch", S(3, 6, 5), S(3, 4, 1), 0, 1), TUPLES("batch of 2", S(2, 3, 6, 5), S(2, 3, 4, 2), BESIDE, 2),
    TUPLES("one", S(5, 6), S(2), 0, 0), TUPLES("constants", S(5, 6, 9), S(7, 2), CONST_X | CONST_OTHER | WHOLE, 0),
    TUPLES("one of each", S(4, 6), S(4, 1), 0, 1),
};

#define CONCAT(text, shape, flags_, ...)                                                           \
    {"concat " text, LN_OP_CONCAT, shape, NOTHING, .attr.concat = {__VA_ARGS__}, .flags = flags_}
static const one concats[] = {
    CONCAT("rows", S(3, 5), 0, .back = 1), CONCAT("rows of 24", S(1, 5, 24), 0, .back = 1),
    CONCAT("batch", S(2, 3, 5, 17), 0, .back = 3), CONCAT("height", S(2, 3, 5, 24), 0, .back = 2),
    CONCAT("width", S(2, 3, 5, 17), 0, .back = 1), CONCAT("middle of 6", S(2, 1, 3, 2, 3, 9), WHOLE, .back = 3),
    CONCAT("constant rows", S(2, 3, 19), CONST_OTHER, .back = 1), CONCAT("constant channels", S(2, 3, 5), CONST_OTHER, 0),
    CONCAT("constant 19 of 6", S(2, 1, 2, 1, 3, 19), CONST_OTHER | WHOLE, 0), CONCAT("row", S(7), 0, 0),
    CONCAT("5x7x33", S(5, 7, 33), 0, 0), CONCAT("shuffled", S(2, 3, 5), 0, 2, 4, 7), CONCAT("zipped", S(2, 3, 5), EVEN, 3),
};

#define TOPK(text, shape, flags_, ...)                                                             \
    {"topk " text, LN_OP_TOPK, shape, NOTHING, .attr.topk = {__VA_ARGS__}, .flags = flags_}
static const one topks[] = {
    TOPK("1 of 1", S(1), 0, 1), TOPK("1 of 20", S(3, 20), 0, 1), TOPK("5 of 20", S(3, 20), 0, 5), TOPK("all of 20", S(2, 2, 20), 0, 20),
    TOPK("least 5 of 20", S(3, 20), 0, 5, true), TOPK("8 of 33", S(2, 5, 33), 0, 8), TOPK("least 9 of 33", S(2, 5, 33), 0, 9, true),
    TOPK("17 of 40 integers", S(3, 40), WHOLE, 17), TOPK("least 40 of 40 integers", S(3, 40), WHOLE, 40, true),
    TOPK("100 of 8400", S(1, 8400), 0, 100), TOPK("3 of 1000", S(2, 1000), 0, 3),
};

#define NMS(text, boxes, scores, flags_, ...)                                                      \
    {"nms " text, LN_OP_NMS, boxes, scores, .attr.nms = {__VA_ARGS__}, .flags = flags_}
static const one suppressions[] = {
    NMS("one", S(1, 1, 4), S(1, 1, 1), 0, 5, 0.5f, -3.0f), NMS("5 boxes", S(1, 5, 4), S(1, 1, 5), 0, 3, 0.3f, -3.0f),
    NMS("2x3x40", S(2, 40, 4), S(2, 3, 40), 0, 9, 0.4f, 0.0f), NMS("centres", S(2, 40, 4), S(2, 3, 40), 0, 40, 0.1f, -1.0f, true),
    NMS("nothing above", S(1, 17, 4), S(1, 5, 17), 0, 9, 0.4f, 2.0f), NMS("all that touch", S(1, 100, 4), S(1, 20, 100), 0, 30, 0.0f, -INFINITY),
    NMS("80 classes", S(1, 300, 4), S(1, 80, 300), 0, 20, 0.5f, 1.5f),
    NMS("rows 2x3x40", S(2, 40, 4), S(2, 3, 40), WHOLE, 9, 0.4f, 0.0f), NMS("rows of one", S(1, 1, 4), S(1, 1, 1), WHOLE, 5, 0.5f, -3.0f),
    NMS("rows of nothing", S(1, 17, 4), S(1, 5, 17), WHOLE, 9, 0.4f, 2.0f), NMS("rows of 80 classes", S(1, 60, 4), S(1, 80, 60), WHOLE, 20, 0.5f, 1.0f),
    NMS("rows of all", S(2, 8, 4), S(2, 4, 8), WHOLE, 8, 1.0f, -3.0f),
};
/* clang-format on */

static const step_table tables[] = {
    STEP_TABLE(moves, build),      STEP_TABLE(products, build),
    STEP_TABLE(gathers, build),    STEP_TABLE(concats, build_concat),
    STEP_TABLE(topks, build_topk), STEP_TABLE(suppressions, build_nms)};

int main(int argc, char **argv) {
    return step_main("index", tables, (int)LN_COUNT(tables), argc, argv);
}
