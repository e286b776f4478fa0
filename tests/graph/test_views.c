/* Movements of data that mean something: channel shuffles, and attention between reshapes and
 * permutations, in the ways that files have them. */
#include "engine/passes/rewrite.h"
#include "util.h"

enum { N = 2, H = 3, W = 4, T = H * W, HEADS = 2, D = 4, E = 3 };

static ln_tid permute(tg *t, ln_tid x, int a, int b, int c, int d, int e) {
    return TG(t, PERMUTE, "p", ((ln_attr){.permute = {{a, b, c, d, e}}}), x);
}
static ln_tid reshape(tg *t, ln_tid x, int rank, int64_t a, int64_t b, int64_t c, int64_t d,
                      int64_t e) {
    return TG(t, RESHAPE, "r", ((ln_attr){.reshape = {{rank, {a, b, c, d, e}}}}), x);
}
static ln_tid slice(tg *t, ln_tid x, int dim, int64_t begin, int64_t size) {
    ln_attr a = {.slice = ln_slice_all(&t->g->tensor[x].shape)};
    a.slice.begin[dim] = begin;
    a.slice.size.dim[dim] = size;
    return TG(t, SLICE, "s", a, x);
}
static ln_tid product(tg *t, ln_tid a, ln_tid b, bool trans_b) {
    return TG(t, MATMUL, "mm", ((ln_attr){.matmul = {.trans_b = trans_b}}), a, b);
}
static ln_tid scaled(tg *t, ln_tid x, ln_map_kind kind, float by) {
    float *p;
    const ln_tid c = ln_graph_const_new(t->g, "c", (ln_shape){1, {1}}, &p, &t->err);
    ck_assert_int_ne(c, LN_NONE);
    *p = by;
    return TG(t, MAP, "m", ((ln_attr){.map = {.kind = kind}}), x, c);
}
static ln_tid soft(tg *t, ln_tid x) {
    return TG(t, SOFTMAX, "soft", (ln_attr){0}, x);
}
static ln_tid map_of(tg *t, ln_tid x, int c) {
    return tg_conv(t, "c", x, c, 1, 1, 1, false);
}
static ln_tid tokens_of(tg *t, ln_tid x, int c) {
    return reshape(t, map_of(t, x, c), 3, N, T, c, 0, 0);
}

/* ---- attention ---- */
/* A map as N,C,H,W, then [N,heads,dim,tokens]. */
static ln_tid planar_heads(tg *t, ln_tid map, int heads, int dim) {
    return reshape(t, permute(t, map, 0, 3, 1, 2, 4), 4, N, heads, dim, T, 0);
}
static ln_tid to_map(tg *t, ln_tid y) { /* [N,heads,E,T] */
    return permute(t, reshape(t, y, 4, N, HEADS * E, H, W, 0), 0, 2, 3, 1, 4);
}
static ln_tid swap(tg *t, ln_tid x) {
    return permute(t, x, 0, 1, 3, 2, 4);
}

static ln_tid from_maps(tg *t, ln_tid x) {
    const ln_tid q = swap(t, planar_heads(t, map_of(t, x, HEADS * D), HEADS, D));
    const ln_tid k = planar_heads(t, map_of(t, x, HEADS * D), HEADS, D);
    const ln_tid v = swap(t, planar_heads(t, map_of(t, x, HEADS * E), HEADS, E));
    const ln_tid s = product(t, scaled(t, q, LN_MAP_MUL, 0.5f), k, false);
    return to_map(t, swap(t, product(t, soft(t, s), v, false)));
}
/* One convolution for all three, a part of its channels each; the scale on both sides. */
static ln_tid from_parts(tg *t, ln_tid x) {
    const ln_tid all = map_of(t, x, HEADS * (2 * D + E));
    const ln_tid q = planar_heads(t, slice(t, all, 3, 0, HEADS * D), HEADS, D);
    const ln_tid k = planar_heads(t, slice(t, all, 3, HEADS * D, HEADS * D), HEADS, D);
    const ln_tid v = planar_heads(t, slice(t, all, 3, 2 * HEADS * D, HEADS * E), HEADS, E);
    const ln_tid s =
        product(t, swap(t, scaled(t, q, LN_MAP_MUL, 0.7f)), scaled(t, k, LN_MAP_MUL, 0.7f), false);
    return to_map(t, swap(t, product(t, soft(t, s), v, true)));
}
/* Tokens: [N,T,3,heads,D] to [3,N,heads,T,D], then one of the three. */
static ln_tid part(tg *t, ln_tid qkv, int i) {
    return reshape(t, slice(t, qkv, 0, i, 1), 4, N, HEADS, T, D, 0);
}
static ln_tid pick(tg *t, ln_tid qkv, int i) {
    int32_t *p;
    const ln_tid at = ln_graph_const_new_i32(t->g, "at", (ln_shape){1, {1}}, &p, &t->err);
    *p = i ? i - 3 : 0; /* counted from the end too */
    const ln_tid y = TG(t, GATHER, "g", (ln_attr){0}, qkv, at);
    return reshape(t, y, 4, N, HEADS, T, D, 0);
}
static ln_tid split_tokens(tg *t, ln_tid x) {
    const ln_tid all = reshape(t, tokens_of(t, x, 3 * HEADS * D), 5, N, T, 3, HEADS, D);
    return permute(t, all, 2, 0, 3, 1, 4);
}
static ln_tid from_tokens(tg *t, ln_tid x) {
    const ln_tid qkv = split_tokens(t, x);
    const ln_tid s = product(t, part(t, qkv, 0), swap(t, part(t, qkv, 1)), false);
    const ln_tid y = product(t, soft(t, scaled(t, s, LN_MAP_DIV, 2)), part(t, qkv, 2), false);
    return reshape(t, permute(t, y, 0, 2, 1, 3, 4), 3, N, T, HEADS * D, 0, 0);
}
static ln_tid from_picks(tg *t, ln_tid x) {
    const ln_tid qkv = split_tokens(t, x);
    const ln_tid s = product(t, pick(t, qkv, 0), pick(t, qkv, 1), true);
    const ln_tid y = product(t, soft(t, s), pick(t, qkv, 2), false);
    return reshape(t, permute(t, y, 0, 2, 1, 3, 4), 3, N, T, HEADS * D, 0, 0);
}
/* Heads beside images, as torch.nn.MultiheadAttention has them. */
static ln_tid beside(tg *t, ln_tid map, int dim) {
    const ln_tid h = permute(t, reshape(t, map, 4, N, T, HEADS, dim, 0), 0, 2, 1, 3, 4);
    return reshape(t, h, 3, N * HEADS, T, dim, 0, 0);
}
static ln_tid from_batch(tg *t, ln_tid x) {
    const ln_tid q = beside(t, map_of(t, x, HEADS * D), D),
                 k = beside(t, map_of(t, x, HEADS * D), D);
    const ln_tid v = beside(t, map_of(t, x, HEADS * E), E);
    const ln_tid y = product(t, soft(t, product(t, q, k, true)), v, false);
    const ln_tid h = permute(t, reshape(t, y, 4, N, HEADS, T, E, 0), 0, 2, 1, 3, 4);
    return reshape(t, h, 4, N, H, W, HEADS * E, 0);
}
/* One key and value for all heads: heads as rows of the product, repeated, or broadcast. */
static ln_tid from_rows(tg *t, ln_tid x) {
    const ln_tid q = swap(t, planar_heads(t, map_of(t, x, HEADS * D), HEADS, D));
    const ln_tid k = planar_heads(t, map_of(t, x, D), 1, D);
    const ln_tid v = swap(t, planar_heads(t, map_of(t, x, E), 1, E));
    const ln_tid s = product(t, reshape(t, q, 4, N, 1, HEADS * T, D, 0), k, false);
    const ln_tid y = product(t, soft(t, s), v, false);
    return to_map(t, swap(t, reshape(t, y, 4, N, HEADS, T, E, 0)));
}
static ln_tid repeat(tg *t, ln_tid x) {
    ln_shape s = t->g->tensor[x].shape;
    s.dim[1] = HEADS;
    return TG(t, TILE, "tile", ((ln_attr){.tile = {s}}), x);
}
static ln_tid shared(tg *t, ln_tid x, bool repeats) {
    const ln_tid q = swap(t, planar_heads(t, map_of(t, x, HEADS * D), HEADS, D));
    ln_tid k = planar_heads(t, map_of(t, x, D), 1, D);
    ln_tid v = swap(t, planar_heads(t, map_of(t, x, E), 1, E));
    if (repeats) k = repeat(t, k), v = repeat(t, v);
    return to_map(t, swap(t, product(t, soft(t, product(t, q, k, false)), v, false)));
}
static ln_tid from_repeated(tg *t, ln_tid x) {
    return shared(t, x, true);
}
static ln_tid from_broadcast(tg *t, ln_tid x) {
    return shared(t, x, false);
}
/* Keys of a smaller map than the queries'. */
static ln_tid from_smaller(tg *t, ln_tid x) {
    const ln_tid q = swap(t, planar_heads(t, map_of(t, x, HEADS * D), HEADS, D));
    const ln_tid small = slice(t, x, 1, 0, 2);
    const ln_tid k = reshape(t, permute(t, map_of(t, small, HEADS * D), 0, 3, 1, 2, 4), 4, N, HEADS,
                             D, 2 * W, 0);
    const ln_tid v = reshape(t, permute(t, map_of(t, small, HEADS * E), 0, 3, 1, 2, 4), 4, N, HEADS,
                             E, 2 * W, 0);
    return to_map(t, swap(t, product(t, soft(t, product(t, q, k, false)), v, true)));
}

/* Not attention, or not one that the graph has. */
static ln_tid other_order(tg *t, ln_tid x) { /* heads inside each channel */
    const ln_tid qkv = split_tokens(t, x);
    const ln_tid s = product(t, part(t, qkv, 0), part(t, qkv, 1), true);
    const ln_tid y = product(t, soft(t, s), part(t, qkv, 2), false);
    return reshape(t, permute(t, y, 0, 2, 3, 1, 4), 3, N, T, HEADS * D, 0, 0);
}
static ln_tid no_softmax(tg *t, ln_tid x) {
    const ln_tid qkv = split_tokens(t, x);
    const ln_tid s = product(t, part(t, qkv, 0), part(t, qkv, 1), true);
    const ln_tid y = product(t, s, part(t, qkv, 2), false);
    return reshape(t, permute(t, y, 0, 2, 1, 3, 4), 3, N, T, HEADS * D, 0, 0);
}
static ln_tid turned_heads(tg *t, ln_tid x) { /* channels of a head are not neighbours */
    const ln_tid q = reshape(t, tokens_of(t, x, HEADS * D), 4, N, T, D, HEADS, 0);
    const ln_tid h = permute(t, q, 0, 3, 1, 2, 4);
    const ln_tid y = product(t, soft(t, product(t, h, h, true)), h, false);
    return reshape(t, permute(t, y, 0, 2, 1, 3, 4), 3, N, T, HEADS * D, 0, 0);
}
static ln_tid masked(tg *t, ln_tid x) { /* something is added to the scores */
    const ln_tid qkv = split_tokens(t, x);
    const ln_tid s = product(t, part(t, qkv, 0), part(t, qkv, 1), true);
    const ln_tid mask = tg_const(t, "mask", (ln_shape){2, {T, T}}, false, false);
    const ln_tid sum = TG(t, MAP, "add", ((ln_attr){.map = {.kind = LN_MAP_ADD}}), s, mask);
    const ln_tid y = product(t, soft(t, sum), part(t, qkv, 2), false);
    return reshape(t, permute(t, y, 0, 2, 1, 3, 4), 3, N, T, HEADS * D, 0, 0);
}
static ln_tid other_image(tg *t, ln_tid x) { /* keys of the images in another order */
    const ln_tid qkv = split_tokens(t, x);
    ln_attr a = {.slice = ln_slice_all(&(ln_shape){4, {N, HEADS, T, D}})};
    a.slice.begin[0] = N - 1;
    a.slice.step[0] = -1;
    const ln_tid k = TG(t, SLICE, "back", a, part(t, qkv, 1));
    const ln_tid y =
        product(t, soft(t, product(t, part(t, qkv, 0), k, true)), part(t, qkv, 2), false);
    return reshape(t, permute(t, y, 0, 2, 1, 3, 4), 3, N, T, HEADS * D, 0, 0);
}

static const struct {
    ln_tid (*make)(tg *t, ln_tid x);
    int kv_heads; /* 0: it stays as it is */
    float scale;
} attentions[] = {
    {from_maps, HEADS, 0.5f},
    {from_parts, HEADS, 0.49f},
    {from_tokens, HEADS, 0.5f},
    {from_picks, HEADS, 1.0f},
    {from_batch, HEADS, 1.0f},
    {from_rows, 1, 1.0f},
    {from_repeated, 1, 1.0f},
    {from_broadcast, 1, 1.0f},
    {from_smaller, HEADS, 1.0f},
    {other_order, 0, 0},
    {no_softmax, 0, 0},
    {turned_heads, 0, 0},
    {masked, 0, 0},
    {other_image, 0, 0},
};

static void run_and_compare(tg *t, linnet_status (*pass)(ln_graph *, int *, linnet_error *),
                            int *changed) {
    const int64_t n = tg_count(t->g, t->g->output[0]);
    float *before = tg_run(t, 7, 0);
    ck_assert_msg(pass(t->g, changed, &t->err) == LINNET_OK, "%s", t->err.message);
    float *after = tg_run(t, 7, 0);
    for (int64_t i = 0; i < n; i++)
        ck_assert_double_eq_tol((double)after[i], (double)before[i], 1e-5);
    free(before);
    free(after);
}

static const ln_node *only(const tg *t, ln_op op) {
    ck_assert_int_eq(tg_count_op(t, op), 1);
    for (int i = 0;; i++)
        if (t->g->node[i].op == op) return &t->g->node[i];
}

START_TEST(attention) {
    tg t;
    int changed;
    tg_open(&t, 5);
    tg_output(&t, attentions[_i].make(&t, tg_input(&t, N, H, W, 5)));
    run_and_compare(&t, ln_pass_recognize_attention, &changed);
    ck_assert_int_eq(changed != 0, attentions[_i].kv_heads != 0);
    if (changed) {
        const ln_attention_attr *a = &only(&t, LN_OP_ATTENTION)->attr.attention;
        ck_assert_int_eq(tg_count_op(&t, LN_OP_MATMUL), 0);
        ck_assert_int_eq(tg_count_op(&t, LN_OP_PERMUTE), 0);
        ck_assert_int_eq(tg_count_op(&t, LN_OP_SLICE), attentions[_i].make == from_smaller);
        ck_assert_int_eq(a->heads, HEADS);
        ck_assert_int_eq(a->kv_heads, attentions[_i].kv_heads);
        ck_assert_double_eq_tol((double)a->scale, (double)attentions[_i].scale, 1e-6);
    } else {
        ck_assert_int_eq(tg_count_op(&t, LN_OP_ATTENTION), 0);
    }
    tg_close(&t);
}
END_TEST

/* ---- shuffles ---- */
static ln_tid planar_shuffle(tg *t, ln_tid x, int a, int b) {
    const ln_tid y = reshape(t, permute(t, x, 0, 3, 1, 2, 4), 5, N, a, b, H, W);
    const ln_tid z = permute(t, y, 0, 2, 1, 3, 4);
    return permute(t, reshape(t, z, 4, N, 12, H, W, 0), 0, 2, 3, 1, 4);
}
static ln_tid by_three(tg *t, ln_tid x) {
    return planar_shuffle(t, x, 3, 4);
}
static ln_tid by_four(tg *t, ln_tid x) {
    return planar_shuffle(t, x, 4, 3);
}
static ln_tid in_place(tg *t, ln_tid x) { /* channels last all the way */
    const ln_tid y = permute(t, reshape(t, x, 4, N, T, 2, 6, 0), 0, 1, 3, 2, 4);
    return reshape(t, y, 4, N, H, W, 12, 0);
}
static ln_tid back_again(tg *t, ln_tid x) {
    return by_four(t, by_three(t, x));
}
static ln_tid of_rows(tg *t, ln_tid x) { /* pixels are moved, not channels */
    const ln_tid y = permute(t, reshape(t, x, 4, N, 3, 4, 12, 0), 0, 2, 1, 3, 4);
    return reshape(t, y, 4, N, H, W, 12, 0);
}
static ln_tid of_half(tg *t, ln_tid x) { /* of some channels only */
    const ln_tid y = permute(t, reshape(t, slice(t, x, 3, 0, 6), 4, N, T, 2, 3, 0), 0, 1, 3, 2, 4);
    return reshape(t, y, 4, N, H, W, 6, 0);
}

static const struct {
    ln_tid (*make)(tg *t, ln_tid x);
    int groups; /* 0: none */
} shuffles[] = {{by_three, 3},   {by_four, 4}, {in_place, 2},
                {back_again, 0}, {of_rows, 0}, {of_half, 0}};

START_TEST(shuffle) {
    tg t;
    int changed;
    tg_open(&t, 5);
    tg_output(&t, shuffles[_i].make(&t, tg_input(&t, N, H, W, 12)));
    run_and_compare(&t, ln_pass_recognize_shuffle, &changed);
    if (shuffles[_i].groups) {
        ck_assert_int_eq(t.g->n_node, 1);
        ck_assert_int_eq(only(&t, LN_OP_CHANNEL_SHUFFLE)->attr.shuffle.groups, shuffles[_i].groups);
    } else if (shuffles[_i].make == back_again) {
        ck_assert_int_eq(t.g->n_node, 2);
        ck_assert_int_eq(tg_count_op(&t, LN_OP_CHANNEL_SHUFFLE), 2);
    } else {
        ck_assert_int_eq(changed, 0);
    }
    tg_close(&t);
}
END_TEST

/* ---- tokens ---- */
enum { SIDE = 4, C = 6 };

/* A map into tokens of 2x2 patches by way of planes, as PyTorch's models do, and back. */
static ln_tid unfold(tg *t, ln_tid x) {
    ln_tid y = reshape(t, permute(t, x, 0, 3, 1, 2, 4), 4, N * C * 2, 2, 2, 2, 0);
    y = reshape(t, permute(t, y, 0, 2, 1, 3, 4), 4, N, C, 4, 4, 0);
    return reshape(t, permute(t, y, 0, 3, 2, 1, 4), 3, N * 4, 4, C, 0, 0);
}
static ln_tid fold(tg *t, ln_tid x) {
    ln_tid y = permute(t, reshape(t, x, 4, N, 4, 4, C, 0), 0, 3, 2, 1, 4);
    y = permute(t, reshape(t, y, 4, N * C * 2, 2, 2, 2, 0), 0, 2, 1, 3, 4);
    return permute(t, reshape(t, y, 4, N, C, SIDE, SIDE, 0), 0, 2, 3, 1, 4);
}
static ln_tid linear(tg *t, ln_tid x, int out) {
    const ln_shape s = t->g->tensor[x].shape;
    const ln_tid w = tg_const(t, "w", (ln_shape){2, {out, s.dim[2]}}, false, true);
    const ln_tid rows = reshape(t, x, 2, s.dim[0] * s.dim[1], s.dim[2], 0, 0, 0);
    const ln_tid y = TG(t, FC, "fc", (ln_attr){0}, rows, w, tg_vector(t, "b", out));
    return reshape(t, y, 3, s.dim[0], s.dim[1], out, 0, 0);
}
static ln_tid tokens_attend(tg *t, ln_tid x) {
    const ln_tid y = reshape(t, linear(t, x, 3 * C), 4, N * 4, 4, 1, 3 * C, 0);
    const ln_attr a = {.attention = {2, 2, C / 2, C / 2, 0, C, 2 * C, 1, 1, 0.5f}};
    return reshape(t, TG(t, ATTENTION, "att", a, y, y, y), 3, N * 4, 4, C, 0, 0);
}
static ln_tid transformer(tg *t, ln_tid x) {
    const ln_attr eps = {.norm = {.eps = 1e-3f}};
    const ln_tid n = TG(t, LAYER_NORM, "norm", eps, x, tg_vector(t, "g", C), tg_vector(t, "h", C));
    const ln_tid y = TG(t, ADD, "sum", (ln_attr){0}, x, linear(t, tokens_attend(t, n), C));
    const ln_tid z = tg_act(t, "act", linear(t, y, C), ln_act_of(LN_ACT_SWISH));
    return TG(t, MUL, "scale", (ln_attr){0}, z, tg_vector(t, "v", C));
}
static ln_tid folded(tg *t, ln_tid x) {
    return fold(t, transformer(t, unfold(t, x)));
}
static ln_tid never_folded(tg *t, ln_tid x) {
    return transformer(t, unfold(t, x));
}
static ln_tid minded(tg *t, ln_tid x) { /* a softmax over tokens in between */
    const ln_tid y = transformer(t, unfold(t, x));
    const ln_tid s = permute(t, soft(t, permute(t, y, 0, 2, 1, 3, 4)), 0, 2, 1, 3, 4);
    return fold(t, transformer(t, s));
}
static ln_tid in_rows(tg *t, ln_tid x) { /* rows of the map as they lie: one sequence each */
    ln_tid y = reshape(t, x, 3, N * 4, 4, C, 0, 0);
    return reshape(t, transformer(t, y), 4, N, SIDE, SIDE, C, 0);
}

static const struct {
    ln_tid (*make)(tg *t, ln_tid x);
    int permutes, convolutions, patch_h, patch_w;
} tokens[] = {
    {folded, 0, 4, 2, 2}, {never_folded, 1, 4, 2, 2}, {minded, -1, 4, 2, 2}, {in_rows, 0, 4, 4, 1}};

START_TEST(sunk_rows) {
    tg t;
    int changed;
    tg_open(&t, 5);
    const ln_tid x = tg_conv(&t, "stem", tg_input(&t, N, SIDE, SIDE, 3), C, 1, 1, 1, false);
    tg_output(&t, tg_act(&t, "end", tokens[_i].make(&t, x), ln_act_relu()));
    run_and_compare(&t, ln_pass_sink_rows, &changed);
    ck_assert_int_gt(changed, 0);
    if (tokens[_i].permutes >= 0)
        ck_assert_int_eq(tg_count_op(&t, LN_OP_PERMUTE), tokens[_i].permutes);
    ck_assert_int_ge(tg_count_op(&t, LN_OP_CONV2D), tokens[_i].convolutions);
    for (int i = 0; i < t.g->n_node; i++) {
        if (t.g->node[i].op != LN_OP_ATTENTION) continue;
        ck_assert_int_eq(t.g->node[i].attr.attention.patch_h, tokens[_i].patch_h);
        ck_assert_int_eq(t.g->node[i].attr.attention.patch_w, tokens[_i].patch_w);
        break;
    }
    tg_close(&t);
}
END_TEST

static void fill(TCase *c) {
    tcase_add_loop_test(c, sunk_rows, 0, (int)LN_COUNT(tokens));
    tcase_add_loop_test(c, attention, 0, (int)LN_COUNT(attentions));
    tcase_add_loop_test(c, shuffle, 0, (int)LN_COUNT(shuffles));
}

int main(void) {
    return tg_main("views", fill);
}
