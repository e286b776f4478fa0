/* First convolutions on a picture's bytes: every variant against the reference, at edges of tiles,
 * with any padding; and the reference against what it computes from floats. */
#include "engine/bytes.h"
#include "engine/diff.h"
#include "engine/passes/passes.h"
#include "tests/check_main.h"

#include <math.h>
#include <string.h>

static linnet_error err;
#define OK(expr) ck_assert_msg((expr) == LINNET_OK, "%s: %s", #expr, err.message)

static const float means[4] = {123.675f, 0.0f, 103.53f, 255.0f};
static const float factors[4] = {0.0171f, 1.0f / 255, -0.0174f, 0.03f};

typedef struct shape {
    int n, h, w, c, oc, k, s, top, left, bottom, right;
    ln_act_kind act;
} shape;
static const shape shapes[] = {
    {1, 32, 32, 3, 32, 3, 2, 1, 1, 1, 1, LN_ACT_CLAMP},
    {1, 33, 31, 3, 16, 3, 2, 0, 0, 1, 1, LN_ACT_HARD_SWISH},
    {2, 17, 20, 3, 24, 3, 2, 1, 1, 1, 1, LN_ACT_CLAMP},
    {1, 8, 8, 3, 8, 3, 2, 1, 1, 1, 1, LN_ACT_NONE},
    {3, 3, 3, 3, 40, 3, 2, 1, 1, 1, 1, LN_ACT_SWISH},
    {1, 1, 1, 1, 5, 3, 2, 1, 1, 1, 1, LN_ACT_NONE},
    {1, 9, 70, 4, 33, 3, 2, 2, 2, 2, 2, LN_ACT_CLAMP},
    {1, 5, 1000, 3, 12, 3, 2, 1, 1, 1, 1, LN_ACT_CLAMP},
    {1, 24, 24, 3, 64, 3, 1, 1, 1, 1, 1, LN_ACT_CLAMP},
    {2, 7, 18, 3, 20, 3, 1, 0, 2, 2, 0, LN_ACT_NONE},
    {1, 16, 15, 3, 48, 3, 1, 1, 1, 1, 1, LN_ACT_GELU},
    {1, 40, 24, 3, 72, 3, 1, 1, 1, 1, 1, LN_ACT_CLAMP},
    {1, 20, 20, 3, 64, 7, 2, 3, 3, 3, 3, LN_ACT_CLAMP},
    {1, 16, 16, 3, 96, 4, 4, 0, 0, 0, 0, LN_ACT_NONE},
    {1, 9, 9, 2, 10, 5, 3, 2, 1, 1, 2, LN_ACT_CLAMP},
};

static float *noise(size_t count, uint32_t seed, float scale) {
    float *v = malloc(count * sizeof *v);
    for (size_t i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        v[i] = scale * ((float)(seed >> 8) / 8388608.0f - 1.0f);
    }
    return v;
}

/* A convolution of a picture of floats; with another behind it where chained is set. */
static ln_graph *graph_of(const shape *s, bool chained) {
    ln_graph *g = NULL;
    float *w, *b;
    OK(ln_graph_create("bytes", &g, &err));
    ln_tid in[3] = {ln_graph_input(g, "x", ln_nhwc(s->n, s->h, s->w, s->c), &err)};
    in[1] = ln_graph_const_new(g, "w", (ln_shape){4, {s->oc, s->k, s->k, s->c}}, &w, &err);
    in[2] = ln_graph_const_new(g, "b", (ln_shape){1, {s->oc}}, &b, &err);
    size_t count = (size_t)(s->oc * s->k * s->k * s->c);
    float *v = noise(count, 7, 1), *u = noise((size_t)s->oc, 9, 1);
    memcpy(w, v, count * sizeof *v);
    memcpy(b, u, (size_t)s->oc * sizeof *u);
    free(v);
    free(u);
    ln_attr a = {
        .conv = {.win = {s->k, s->k, s->s, s->s, 1, 1, s->top, s->left, s->bottom, s->right},
                 .groups = 1,
                 .act = s->act == LN_ACT_CLAMP ? ln_act_relu6() : ln_act_of(s->act)}};
    ln_tid y = ln_graph_node(g, LN_OP_CONV2D, "stem", &a, in, 3, &err);
    ck_assert_msg(y != LN_NONE, "%s", err.message);
    if (chained) {
        in[0] = y;
        in[1] = ln_graph_const_new(g, "p", (ln_shape){4, {8, 1, 1, s->oc}}, &w, &err);
        for (int i = 0; i < 8 * s->oc; i++) w[i] = sinf((float)i);
        a.conv = (ln_conv_attr){.win = {1, 1, 1, 1, 1, 1, 0, 0, 0, 0}, .groups = 1};
        y = ln_graph_node(g, LN_OP_CONV2D, "point", &a, in, 2, &err);
        ck_assert_msg(y != LN_NONE, "%s", err.message);
    }
    OK(ln_graph_output(g, y, &err));
    return g;
}

static ln_graph *bytes_of(const shape *s, bool chained) {
    ln_graph *g = graph_of(s, chained);
    bool done;
    OK(ln_graph_take_bytes(g, means, factors, &done, &err));
    ck_assert(done);
    return g;
}

/* Planar, with runs of the extreme values. */
static uint8_t *picture(const shape *s) {
    size_t count = (size_t)(s->n * s->h * s->w * s->c);
    uint8_t *p = malloc(count);
    for (size_t i = 0; i < count; i++)
        p[i] = i % 7 == 3 ? 255 : i % 11 == 5 ? 0 : (uint8_t)(i * 37 + i / 13);
    return p;
}

static const ln_variant *forced;
static const ln_variant *force(void *user, const ln_site *s) {
    (void)user;
    if (s->node->attr.conv.bytes) return ln_variant_fits(forced, s) ? forced : NULL;
    return ln_variant_choose(s);
}

static bool always(void *user, const ln_plan *p, int first, int last) {
    (void)user;
    (void)p;
    return last > first;
}

/* Of a step, and of a run whose answers were halves. */
static bool near(const ln_diff_report *r, bool half, bool chained) {
    const bool fast = forced && ln_variant_is_fast(forced);
    if (fast) return r->layer[0].rel < LN_DIFF_FAST && r->end_to_end < LN_DIFF_FAST;
    if (half && chained) return r->pass;
    return r->layer[0].rel < 2e-5 && r->end_to_end < (half ? 5e-3 : 2e-5);
}

/* False where the variant does not take the shape. */
static bool try_shape(ln_device *d, const ln_caps *caps, const shape *s, bool half, bool chained,
                      int stream) {
    ln_graph *g = bytes_of(s, chained);
    if (half) OK(ln_graph_halve(g, &err));
    ln_plan_params params = {.choose = forced ? force : NULL, .chain = chained ? always : NULL};
    ln_session_params how = {.stream = (ln_stream)stream};
    ln_plan *p = NULL;
    ln_session *x = NULL;
    linnet_status st = ln_plan_create(g, caps, &params, &p, &err);
    if (st == LINNET_OK) {
        if (chained) ck_assert_int_eq(p->n_step, half ? 2 : 1); /* a cast is the last */
        uint8_t *data = picture(s);
        const void *in[] = {data};
        ln_diff_report r;
        OK(ln_session_create(d, p, &how, &x, &err));
        OK(ln_diff_run(x, in, &r, &err));
        ck_assert_msg(near(&r, half, chained),
                      "%s on %dx%dx%dx%d->%d k%d s%d: off by %g, %g in a run",
                      forced ? forced->name : "default", s->n, s->h, s->w, s->c, s->oc, s->k, s->s,
                      r.layer[0].rel, r.end_to_end);
        ln_diff_free(&r);
        free(data);
        ln_session_destroy(&x);
    } else {
        ck_assert_int_eq(st, LINNET_ERR_UNSUPPORTED);
    }
    ln_graph_destroy(&g);
    return st == LINNET_OK;
}

START_TEST(every_variant_agrees_with_the_reference) {
    ln_device *d = NULL;
    OK(ln_device_open(NULL, &d, &err));
    int variants = 0;
    for (int v = 0; v < ln_variant_count; v++) {
        if (!ln_variant_tunable(&ln_variants[v], "BYTES", 0)) continue;
        int cases = 0;
        variants++;
        forced = &ln_variants[v];
        for (int wide = 8; wide <= 16; wide += 8) {
            ln_caps caps = *ln_device_caps(d);
            if (ln_variant_is_fast(forced) && !ln_caps_has(&caps, LN_FEAT_FP16)) {
                caps.features |= 1u << LN_FEAT_FP16;
                caps.acted_halves = true;
            }
            if (forced->tier == LN_TIER_DEEP) caps.vector_float = (uint32_t)wide;
            if (forced->tier != LN_TIER_DEEP && wide == 16) continue;
            for (size_t i = 0; i < LN_COUNT(shapes); i++)
                cases += try_shape(d, &caps, &shapes[i], ln_variant_packs_halves(forced), false,
                                   LN_STREAM_LAUNCHES);
        }
        ck_assert_msg(cases >= 8, "%s has only %d cases", forced->name, cases);
    }
    ck_assert_int_ge(variants, 9);
    forced = NULL;
    ln_device_release(&d);
}
END_TEST

/* In bands of a chain, and by whatever is the default. */
START_TEST(bands_and_defaults_agree) {
    ln_device *d = NULL;
    OK(ln_device_open(NULL, &d, &err));
    const ln_caps *caps = ln_device_caps(d);
    const shape tall = {2, 120, 64, 3, 32, 3, 2, 1, 1, 1, 1, LN_ACT_CLAMP};
    const shape odd = {1, 64, 66, 3, 32, 3, 2, 1, 1, 1, 1, LN_ACT_CLAMP};
    for (int half = 0; half < 2; half++)
        for (int stream = LN_STREAM_LAUNCHES; stream <= LN_STREAM_RESIDENT; stream++) {
            for (size_t i = 0; i < LN_COUNT(shapes); i++)
                ck_assert(try_shape(d, caps, &shapes[i], half, false, stream));
            if (ln_caps_deep(caps)) ck_assert(try_shape(d, caps, &tall, half, true, stream));
        }
    /* rows that do not begin on a word: no chain */
    ln_graph *g = bytes_of(&odd, true);
    ln_plan *p = NULL;
    OK(ln_plan_create(g, caps, &(ln_plan_params){.chain = always}, &p, &err));
    ck_assert(p && p->n_step == 2);
    ln_plan_destroy(&p);
    ln_graph_destroy(&g);
    ln_device_release(&d);
}
END_TEST

/* Borders included: outside the picture stands the mean, as zero does among normalised floats. */
START_TEST(bytes_mean_what_floats_meant) {
    for (size_t i = 0; i < LN_COUNT(shapes); i++) {
        const shape *s = &shapes[i];
        ln_graph *a = graph_of(s, false), *b = bytes_of(s, false);
        ln_ref *ra = NULL, *rb = NULL;
        const size_t count = (size_t)(s->n * s->h * s->w * s->c);
        uint8_t *byte = picture(s); /* read as N,H,W,C here: any picture will do */
        float *x = malloc(count * sizeof *x);
        for (size_t k = 0; k < count; k++)
            x[k] = ((float)byte[k] - means[k % (size_t)s->c]) * factors[k % (size_t)s->c];
        OK(ln_ref_create(a, &ra, &err));
        OK(ln_ref_create(b, &rb, &err));
        OK(ln_ref_set(ra, a->input[0], x, &err));
        OK(ln_ref_set(rb, b->input[0], byte, &err));
        OK(ln_ref_run(ra, true, &err));
        OK(ln_ref_run(rb, true, &err));
        int64_t out = 0;
        ln_shape_count(&a->tensor[a->output[0]].shape, &out);
        for (int64_t k = 0; k < out; k++)
            ck_assert_float_eq_tol(ra->value[a->output[0]][k], rb->value[b->output[0]][k], 1e-4f);
        ln_ref_destroy(&ra);
        ln_ref_destroy(&rb);
        ln_graph_destroy(&a);
        ln_graph_destroy(&b);
        free(byte);
        free(x);
    }
}
END_TEST

/* Graphs that stay as they are. */
START_TEST(what_cannot_take_bytes_is_left) {
    const shape s = shapes[0];
    bool done = true;
    for (int kind = 0; kind < 5; kind++) {
        ln_graph *g = graph_of(&s, false);
        if (kind == 0) OK(ln_graph_output(g, g->input[0], &err)); /* read by somebody else */
        if (kind == 1) g->tensor[g->input[0]].as_is = true;
        if (kind == 2) g->tensor[g->input[0]].dtype = LN_I32;
        if (kind == 3) g->node[0].op = LN_OP_ACT;
        if (kind == 4) ln_graph_input(g, "second", ln_nhwc(1, 1, 1, 3), &err);
        OK(ln_graph_take_bytes(g, means, factors, &done, &err));
        ck_assert_msg(!done, "kind %d", kind);
        ck_assert(!g->node[0].attr.conv.bytes);
        ln_graph_destroy(&g);
    }
}
END_TEST

START_TEST(attributes_are_checked) {
    const shape s = shapes[0];
    ln_graph *g = bytes_of(&s, false);
    ck_assert_int_eq(g->tensor[g->input[0]].dtype, LN_U8);
    OK(ln_graph_verify(g, &err));
    ln_node *n = &g->node[0];
    n->attr.conv.mean[1] = NAN;
    ck_assert_int_eq(ln_graph_verify(g, &err), LINNET_ERR_INVALID_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(err.message, "finite means"));
    n->attr.conv.mean[1] = 0;
    g->tensor[g->input[0]].dtype = LN_F32;
    ck_assert_int_eq(ln_graph_verify(g, &err), LINNET_ERR_INVALID_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(err.message, "and not"));
    g->tensor[g->input[0]].dtype = LN_U8;
    g->tensor[g->input[0]].as_is = true;
    ck_assert_int_ne(ln_graph_verify(g, &err), LINNET_OK);
    ln_graph_destroy(&g);
}
END_TEST

CHECK_MAIN("bytes", every_variant_agrees_with_the_reference, bands_and_defaults_agree,
           bytes_mean_what_floats_meant, what_cannot_take_bytes_is_left, attributes_are_checked)
