/* Ops beyond convolution, pooling and sums: every variant of each against the reference. */
#include "step.h"

/* A case: shape of x, attributes, and flags of the op's own. */
typedef struct one {
    const char *label;
    ln_op op;
    ln_shape x, kv; /* kv: the keys' and values' map of attention; rank 0: x itself; of
                       squeeze-and-excitation the channels between, [R] */
    ln_attr attr;
    bool bare;       /* no gamma and beta, no biases */
    int parts, grow; /* concat: operands, and how much wider each is than the one before */
} one;

static ln_tid vector_of(tg *t, const ln_shape *x, bool positive) {
    return tg_const(t, "v", (ln_shape){1, {x->dim[x->rank - 1]}}, positive, true);
}

static void build_norm(tg *t, const void *user) {
    const one *c = user;
    int n_in = c->op == LN_OP_BATCH_NORM ? 5 : c->bare ? 1 : 3;
    ln_tid in[5] = {tg_input_shape(t, c->x)};
    for (int i = 1; i < n_in; i++) in[i] = vector_of(t, &c->x, i == 4);
    tg_output(t, tg_node(t, c->op, "op", c->attr, n_in, in));
}

static void build_unary(tg *t, const void *user) {
    const one *c = user;
    ln_tid x = tg_input_shape(t, c->x);
    tg_output(t, tg_node(t, c->op, "op", c->attr, 1, &x));
}

static void build_concat(tg *t, const void *user) {
    const one *c = user;
    ln_tid in[LN_MAX_IN];
    ln_shape s = c->x;
    for (int i = 0; i < c->parts; i++) {
        in[i] = tg_input_shape(t, s);
        s.dim[s.rank - 1] += c->grow;
    }
    tg_output(t, tg_node(t, c->op, "op", c->attr, c->parts, in));
}

static void build_attention(tg *t, const void *user) {
    const one *c = user;
    ln_tid q = tg_input_shape(t, c->x), in[] = {q, q, q};
    if (c->kv.rank) in[1] = tg_input_shape(t, c->kv), in[2] = tg_input_shape(t, c->kv);
    tg_output(t, tg_node(t, c->op, "op", c->attr, 3, in));
}

/* A matrix whose sums over in channels are of about one. */
static ln_tid matrix(tg *t, int64_t out, int64_t in) {
    float *data;
    const ln_tid w = ln_graph_const_new(t->g, "w", ln_nhwc(out, 1, 1, in), &data, &t->err);
    ck_assert_msg(w != LN_NONE, "%s", t->err.message);
    for (int64_t i = 0; i < out * in; i++) data[i] = tg_value(t) * sqrtf(3.0f / (float)in);
    return w;
}

static void build_se(tg *t, const void *user) {
    const one *c = user;
    const int64_t r = c->kv.dim[0], ch = c->x.dim[3];
    const ln_tid in[] = {tg_input_shape(t, c->x), matrix(t, r, ch), matrix(t, ch, r),
                         tg_vector(t, "b1", r), tg_vector(t, "b2", ch)};
    tg_output(t, tg_node(t, c->op, "op", c->attr, c->bare ? 3 : 5, in));
}

/* clang-format off */
#define SHAPE(...) {(int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int)), {__VA_ARGS__}}
static const one norms[] = {
    {"batch_norm 1x1x1x1", LN_OP_BATCH_NORM, SHAPE(1, 1, 1, 1), .attr.bn = {1e-5f}},
    {"batch_norm 2x5x3x13", LN_OP_BATCH_NORM, SHAPE(2, 5, 3, 13), .attr.bn = {1e-3f}},
    {"batch_norm 1x7x9x64", LN_OP_BATCH_NORM, SHAPE(1, 7, 9, 64), .attr.bn = {1e-5f}},
    {"batch_norm 3x20", LN_OP_BATCH_NORM, SHAPE(3, 20), .attr.bn = {1e-5f}},
    {"layer_norm 1x1x1x2", LN_OP_LAYER_NORM, SHAPE(1, 1, 1, 2), .attr.norm = {1e-5f, 1}},
    {"layer_norm 2x5x3x13", LN_OP_LAYER_NORM, SHAPE(2, 5, 3, 13), .attr.norm = {1e-3f, 1}},
    {"layer_norm 1x4x9x36", LN_OP_LAYER_NORM, SHAPE(1, 4, 9, 36), .attr.norm = {1e-5f, 1}, .bare = true},
    {"layer_norm 2x17x23", LN_OP_LAYER_NORM, SHAPE(2, 17, 23), .attr.norm = {1e-5f, 1}},
    {"layer_norm 1x32x32x144", LN_OP_LAYER_NORM, SHAPE(1, 32, 32, 144), .attr.norm = {1e-5f, 1}},
    {"layer_norm 1x16x16x192", LN_OP_LAYER_NORM, SHAPE(1, 16, 16, 192), .attr.norm = {1e-5f, 1}},
    {"group_norm 1x1x1x2", LN_OP_GROUP_NORM, SHAPE(1, 1, 1, 2), .attr.norm = {1e-5f, 1}},
    {"group_norm 2x5x3x13", LN_OP_GROUP_NORM, SHAPE(2, 5, 3, 13), .attr.norm = {1e-3f, 1}},
    {"group_norm 2x5x7x36 g4", LN_OP_GROUP_NORM, SHAPE(2, 5, 7, 36), .attr.norm = {1e-5f, 4}},
    {"group_norm 3x5x7x40 g5", LN_OP_GROUP_NORM, SHAPE(3, 5, 7, 40), .attr.norm = {1e-5f, 5}, .bare = true},
    {"group_norm 1x32x32x64", LN_OP_GROUP_NORM, SHAPE(1, 32, 32, 64), .attr.norm = {1e-5f, 1}},
    {"group_norm 1x32x32x128", LN_OP_GROUP_NORM, SHAPE(1, 32, 32, 128), .attr.norm = {1e-5f, 1}},
    {"group_norm 1x16x16x192", LN_OP_GROUP_NORM, SHAPE(1, 16, 16, 192), .attr.norm = {1e-5f, 1}},
};

#define SHUFFLE(n, h, w, c, g)                                                                     \
    {"shuffle " #n "x" #h "x" #w "x" #c " g" #g, LN_OP_CHANNEL_SHUFFLE, SHAPE(n, h, w, c),         \
     .attr.shuffle = {g}}
#define SLICE(text, ...) {"slice " text, LN_OP_SLICE, __VA_ARGS__}
#define FROM(...) .begin = {__VA_ARGS__}
#define BY(...) .step = {__VA_ARGS__}
#define PAD(text, ...) {"pad " text, LN_OP_PAD, __VA_ARGS__}
static const one moves[] = {
    SHUFFLE(1, 1, 1, 1, 1), SHUFFLE(2, 3, 5, 20, 2), SHUFFLE(1, 3, 3, 60, 3), SHUFFLE(1, 7, 7, 96, 8),
    SHUFFLE(1, 28, 28, 116, 2), SHUFFLE(1, 7, 7, 464, 232),
    SLICE("odd box", SHAPE(3, 7, 9, 13), .attr.slice = {FROM(1, 2, 1, 3), BY(1, 2, 3, 2), SHAPE(2, 2, 3, 4)}),
    SLICE("half", SHAPE(1, 28, 28, 116), .attr.slice = {FROM(0, 0, 0, 58), BY(1, 1, 1, 1), SHAPE(1, 28, 28, 58)}),
    SLICE("aligned half", SHAPE(2, 5, 5, 48), .attr.slice = {FROM(0, 0, 0, 24), BY(1, 1, 1, 1), SHAPE(2, 5, 5, 24)}),
    SLICE("first 13", SHAPE(2, 5, 5, 48), .attr.slice = {FROM(0, 0, 0, 0), BY(1, 1, 1, 1), SHAPE(2, 5, 5, 13)}),
    SLICE("every second pixel", SHAPE(1, 9, 7, 44), .attr.slice = {FROM(0, 1, 0, 0), BY(1, 2, 2, 1), SHAPE(1, 4, 4, 44)}),
    SLICE("tokens", SHAPE(2, 9, 10), .attr.slice = {FROM(1, 1, 2), BY(1, 3, 1), SHAPE(1, 3, 8)}),
    SLICE("row", SHAPE(3, 19), .attr.slice = {FROM(1, 8), BY(1, 1), SHAPE(2, 8)}),
    PAD("all round", SHAPE(1, 3, 4, 5), .attr.pad = {{1, 2, 0, 3}, {0, 1, 2, 1}, 0.5f}),
    PAD("rows", SHAPE(2, 5, 7, 44), .attr.pad = {{0, 0, 0, 0}, {0, 1, 1, 0}, 0.0f}),
    PAD("minus infinity", SHAPE(1, 5, 7, 13), .attr.pad = {{0, 1, 2, 0}, {0, 1, 0, 0}, -INFINITY}),
    PAD("channels", SHAPE(1, 4, 4, 16), .attr.pad = {{0, 0, 0, 8}, {0, 0, 0, 3}, 2.0f}),
    PAD("odd channels", SHAPE(1, 4, 4, 12), .attr.pad = {{0, 0, 0, 0}, {0, 0, 0, 4}, 2.0f}),
    PAD("tokens", SHAPE(2, 4, 8), .attr.pad = {{0, 1, 0}, {1, 0, 8}, -1.0f}),
};

#define CONCAT(text, shape, parts_, grow_, ...)                                                    \
    {"concat " text, LN_OP_CONCAT, shape, .parts = parts_, .grow = grow_, .attr.concat = {__VA_ARGS__}}
static const one concats[] = {
    CONCAT("rows", SHAPE(1, 5, 24), 2, 0, .back = 1),
    CONCAT("plain", SHAPE(2, 3, 5, 13), 3, 2, 0, 0, 0), CONCAT("tokens", SHAPE(2, 7, 5), 2, 0, 2, 0, 0),
    CONCAT("28x28 58+58 g2", SHAPE(1, 28, 28, 58), 2, 0, 2, 0, 0),
    CONCAT("28x28 58+58 g2 first", SHAPE(1, 28, 28, 58), 2, 0, 2, 0, 58),
    CONCAT("28x28 58+58 g2 second", SHAPE(1, 28, 28, 58), 2, 0, 2, 58, 58),
    CONCAT("g2 odd size", SHAPE(2, 3, 5, 37), 2, 0, 2, 4, 39), CONCAT("g2 odd begin", SHAPE(2, 3, 5, 20), 2, 0, 2, 7, 20),
    CONCAT("g3", SHAPE(1, 7, 7, 21), 3, 0, 3, 0, 0), CONCAT("g3 part", SHAPE(1, 7, 7, 21), 3, 0, 3, 9, 34),
    CONCAT("g2 of four", SHAPE(1, 7, 7, 5), 4, 2, 2, 0, 0), CONCAT("part", SHAPE(1, 7, 7, 11), 3, 1, 0, 10, 13),
    CONCAT("g2 uneven", SHAPE(1, 4, 4, 24), 2, 8, 2, 28, 28), CONCAT("g16", SHAPE(1, 2, 2, 3), 16, 0, 16, 16, 20),
};

/* name, q's map, keys' map, heads, kv heads, dim, vdim, q_at, k_at, v_at, patch */
#define MQA(text, qs, ks, ...)                                                                     \
    {"attention " text, LN_OP_ATTENTION, qs, ks, .attr.attention = {__VA_ARGS__}}
#define S(...) SHAPE(__VA_ARGS__)
#define ITSELF {0, {0}}
static const one attentions[] = {
    MQA("1 token", S(1, 1, 1, 5), S(1, 1, 1, 5), 1, 1, 5, 5, 0, 0, 0, 1, 1, 0.4f),
    MQA("mqa 16x16 q 8x8 k", S(1, 16, 16, 256), S(1, 8, 8, 64), 4, 1, 64, 64, 0, 0, 0, 1, 1, 0.125f),
    MQA("mqa 8x8 q 8x8 k", S(1, 8, 8, 256), S(1, 8, 8, 64), 4, 1, 64, 64, 0, 0, 0, 1, 1, 0.125f),
    MQA("mqa 28x28 q 14x14 k", S(1, 28, 28, 256), S(1, 14, 14, 64), 4, 1, 64, 64, 0, 0, 0, 1, 1, 0.125f),
    MQA("mqa 7x7 q 7x7 k n2", S(2, 7, 7, 192), S(2, 7, 7, 48), 4, 1, 48, 48, 0, 0, 0, 1, 1, 0.15f),
    MQA("mqa 24x24 q 12x12 k 8 heads", S(1, 24, 24, 384), S(1, 12, 12, 48), 8, 1, 48, 48, 0, 0, 0, 1, 1, 0.14f),
    MQA("grouped 5x3 q 2x7 k", S(2, 5, 3, 46), S(2, 2, 7, 33), 6, 2, 7, 13, 2, 1, 5, 1, 1, 0.3f),
    MQA("mhsa 16x16 h4 d64", S(1, 16, 16, 768), ITSELF, 4, 4, 64, 64, 0, 256, 512, 1, 1, 0.125f),
    MQA("vit 32x32 d144 h4", S(1, 32, 32, 432), ITSELF, 4, 4, 36, 36, 0, 144, 288, 2, 2, 0.1667f),
    MQA("vit 16x16 d192 h4", S(1, 16, 16, 576), ITSELF, 4, 4, 48, 48, 0, 192, 384, 2, 2, 0.144f),
    MQA("vit 8x8 d240 h4", S(1, 8, 8, 720), ITSELF, 4, 4, 60, 60, 0, 240, 480, 2, 2, 0.129f),
    MQA("vit 16x16 d120 h4", S(1, 16, 16, 360), ITSELF, 4, 4, 30, 30, 0, 120, 240, 2, 2, 0.18f),
    MQA("vit 10x6 d96 h4 n2", S(2, 10, 6, 288), ITSELF, 4, 4, 24, 24, 0, 96, 192, 2, 2, 0.2f),
    MQA("vit 6x9 d33 h3 patch 2x3", S(1, 6, 9, 99), ITSELF, 3, 3, 11, 11, 0, 33, 66, 2, 3, 0.3f),
    MQA("wide heads", S(1, 3, 5, 600), ITSELF, 1, 1, 200, 200, 0, 200, 400, 1, 1, 0.07f),
};

#define LINEAR(n, h, w, d, p, a)                                                                   \
    {"linear_attention " #n "x" #h "x" #w " d" #d " " #a, LN_OP_LINEAR_ATTENTION,                   \
     SHAPE(n, h, w, 1 + 2 * (d)),                                                                  \
     .attr.linear = {d, p, p, {LN_ACT_##a, 0.0f, INFINITY, 0.0f, 0.0f}}}
static const one linears[] = {
    LINEAR(1, 1, 1, 1, 1, NONE), LINEAR(2, 4, 6, 13, 2, CLAMP), LINEAR(1, 6, 3, 20, 3, TANH),
    LINEAR(1, 32, 32, 128, 2, CLAMP), LINEAR(1, 16, 16, 192, 2, CLAMP), LINEAR(1, 8, 8, 256, 2, CLAMP),
    LINEAR(2, 8, 8, 96, 2, CLAMP), LINEAR(1, 5, 7, 64, 1, CLAMP),
};

#define SE(n, h, w, c, r, a, g, ...)                                                               \
    {"squeeze_excite " #n "x" #h "x" #w "x" #c " " #r " " #a " " #g, LN_OP_SE, SHAPE(n, h, w, c),  \
     SHAPE(r), .attr.se = {{LN_ACT_##a, 0.0f, INFINITY, 0.0f, 0.0f},                               \
                           {LN_ACT_##g, 0.0f, 6.0f, 0.2f, 0.4f}}, __VA_ARGS__}
static const one squeezes[] = {
    SE(1, 1, 1, 1, 1, CLAMP, HARD_SIGMOID), SE(3, 5, 3, 13, 5, SWISH, SIGMOID),
    SE(2, 7, 7, 24, 8, CLAMP, HARD_SIGMOID), SE(1, 4, 9, 33, 17, HARD_SWISH, SIGMOID, .bare = true),
    SE(1, 3, 3, 40, 4, NONE, CLAMP), SE(2, 2, 5, 101, 30, CLAMP, NONE),
    SE(1, 56, 56, 16, 8, CLAMP, HARD_SIGMOID), SE(1, 112, 112, 32, 8, SWISH, SIGMOID),
    SE(1, 28, 28, 72, 24, CLAMP, HARD_SIGMOID), SE(1, 28, 28, 120, 32, CLAMP, HARD_SIGMOID),
    SE(1, 14, 14, 480, 120, CLAMP, HARD_SIGMOID), SE(1, 14, 14, 672, 168, CLAMP, HARD_SIGMOID),
    SE(1, 7, 7, 960, 240, CLAMP, HARD_SIGMOID), SE(4, 7, 7, 960, 240, CLAMP, HARD_SIGMOID),
    SE(1, 7, 7, 1152, 48, SWISH, SIGMOID), SE(1, 1, 2, 1300, 259, SWISH, SIGMOID),
};
/* clang-format on */

static const step_table tables[] = {
    STEP_TABLE(norms, build_norm),     STEP_TABLE(moves, build_unary),
    STEP_TABLE(concats, build_concat), STEP_TABLE(attentions, build_attention),
    STEP_TABLE(linears, build_unary),  STEP_TABLE(squeezes, build_se)};

int main(int argc, char **argv) {
    return step_main("ops", tables, (int)LN_COUNT(tables), argc, argv);
}
