/* Post-training quantization of families, by the C reference on deterministic pictures: what is
 * written comes back as it was, and is near the floats. */
#include "engine/ptq.h"
#include "engine/ref/ref.h"
#include "models/model.h"
#include "models/quantized.h"
#include "tests/models/answers.h"
#include "tests/models/files.h"

#include "tests/check_main.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 64, PICTURES = 4 };

typedef struct source {
    const ln_model *m;
    size_t fail_at; /* 1: the first picture asked for cannot be read */
    size_t asked, done, total;
} source;

static linnet_status new_graph(void *user, ln_graph **out, linnet_error *err) {
    return ln_model_graph(((source *)user)->m, 1, SIDE, SIDE, out, err);
}

static linnet_status picture(void *user, size_t i, float *out, linnet_error *err) {
    source *s = user;
    if (++s->asked == s->fail_at) return ln_fail(err, LINNET_ERR_IO, "picture %zu is torn", i);
    ln_synthetic_image(i, 9, SIDE, SIDE, out);
    return LINNET_OK;
}

static void progress(void *user, size_t done, size_t total) {
    source *s = user;
    ck_assert(done >= s->done && done <= total && (!s->total || total == s->total));
    s->done = done;
    s->total = total;
}

static ln_ptq_params params_of(source *s) {
    return (ln_ptq_params){.graph = new_graph,
                           .picture = picture,
                           .progress = progress,
                           .user = s,
                           .pictures = PICTURES,
                           .percentile = 99.99,
                           .equalize = LN_EQUALIZE_OFF};
}

static double cosine(const float *a, const float *b, int64_t n) {
    double ab = 0, aa = 0, bb = 0;
    for (int64_t i = 0; i < n; i++) {
        ab += (double)a[i] * (double)b[i];
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
    }
    return ab / sqrt(aa * bb);
}

static int of_type(const ln_graph *g, ln_op op, ln_dtype type) {
    int n = 0;
    for (int i = 0; i < g->n_node; i++)
        n += g->node[i].op == op && g->tensor[g->node[i].out[0]].dtype == type;
    return n;
}

/* family, layers of bytes, layers of floats that are left, the least cosine of the answers.
 * Deterministic weights are harder to quantize than trained ones. */
static const struct {
    const char *model;
    int bytes, floats;
    double cosine;
} cases[] = {
    {"mobilenetv1_025", 28, 0, 0.99},       {"mobilenetv2_035", 53, 0, 0.99},
    {"mobilenetv3_small_050", 36, 18, 0.9}, {"tv_mobilenet_v3_small", 36, 18, 0.9},
    {"mnasnet_100", 53, 0, 0.98},           {"mobilenetv4_conv_small_050", 47, 0, 0.98},
    {"tv_shufflenet_v2_x0_5", 57, 0, 0.98}, {"mobilevit_xxs", 72, 0, 0.85},
    {"tf_efficientnet_lite0", 50, 0, 0.98},
};

/* Every layer is there, with what it lost. */
static void check_report(const ln_ptq *q, double least) {
    ck_assert_int_ge(q->n_layer, 20);
    ck_assert(q->cosine >= least && q->cosine < 1);
    ck_assert_uint_eq(q->measured, PICTURES);
    for (int i = 0; i < q->n_layer; i++) {
        const ln_ptq_layer *l = &q->layer[i];
        ck_assert(*l->name && *l->op && l->lo <= l->hi && l->q.on);
        ck_assert_msg(l->cosine > 0.3 && l->cosine <= 1.000001, "%s: cosine %g", l->name,
                      l->cosine);
        ck_assert_msg(isfinite(l->sqnr), "%s: %g dB", l->name, l->sqnr);
    }
}

START_TEST(families) {
    linnet_error err = {0};
    const char *path = scratch("int8.safetensors");
    source s = {.m = open_model(cases[_i].model)};
    ln_ptq_params p = params_of(&s);
    ln_ptq q;
    int64_t n;
    ck_assert_msg(ln_ptq_run(&p, &q, &err) == LINNET_OK, "%s", err.message);
    ck_assert_uint_eq(s.done, s.total);
    check_report(&q, cases[_i].cosine);
    ck_assert_msg(ln_quantized_write(s.m, q.graph, q.row, q.n_row, path, &err) == LINNET_OK, "%s",
                  err.message);
    ln_model *m = open_model(path);
    ln_graph *back = NULL, *full = NULL;
    ck_assert_msg(ln_model_graph(m, 1, SIDE, SIDE, &back, &err) == LINNET_OK, "%s", err.message);
    ck_assert_msg(ln_quantize_graph(q.graph, q.row, q.n_row, &err) == LINNET_OK, "%s", err.message);
    ck_assert_int_eq(back->n_node, q.graph->n_node);
    ck_assert_int_eq(of_type(back, LN_OP_CONV2D, LN_I8) + of_type(back, LN_OP_FC, LN_I8),
                     cases[_i].bytes);
    ck_assert_int_eq(of_type(back, LN_OP_CONV2D, LN_F32) + of_type(back, LN_OP_FC, LN_F32),
                     cases[_i].floats);
    ck_assert_int_eq(ln_model_graph(s.m, 1, SIDE, SIDE, &full, &err), LINNET_OK);
    ck_assert_int_eq(back->macs, full->macs);
    float *a = answers(back, 77, 9, &n), *b = answers(q.graph, 77, 9, &n),
          *c = answers(full, 77, 9, &n);
    ck_assert_int_eq(memcmp(a, b, (size_t)n * sizeof *a), 0); /* what was measured is what runs */
    ck_assert_msg(cosine(a, c, n) > cases[_i].cosine - 0.02, "cosine %g", cosine(a, c, n));
    free(a);
    free(b);
    free(c);
    ln_graph_destroy(&back);
    ln_graph_destroy(&full);
    ln_model_close(&m);
    ln_ptq_free(&q);
    ln_model_close((ln_model **)&s.m);
}
END_TEST

static double run_with(const char *model, ln_ptq_params *how, bool *equalized) {
    linnet_error err = {0};
    source s = {.m = open_model(model)};
    ln_ptq_params p = params_of(&s);
    ln_ptq q;
    p.range = how->range;
    p.percentile = how->percentile;
    p.equalize = how->equalize;
    p.keep_bias = how->keep_bias;
    p.nearest = how->nearest;
    ck_assert_msg(ln_ptq_run(&p, &q, &err) == LINNET_OK, "%s", err.message);
    const double sqnr = q.sqnr;
    if (equalized) *equalized = q.equalized;
    ln_ptq_free(&q);
    ln_model_close((ln_model **)&s.m);
    return sqnr;
}

/* AUTO takes the better of the two. */
START_TEST(equalisation) {
    const char *model = "mobilenetv2_035";
    bool done = false;
    const double off = run_with(model, &(ln_ptq_params){.equalize = LN_EQUALIZE_OFF}, &done);
    ck_assert(!done);
    const double on = run_with(model, &(ln_ptq_params){.equalize = LN_EQUALIZE_ON}, &done);
    ck_assert(done);
    const double best = run_with(model, &(ln_ptq_params){.equalize = LN_EQUALIZE_AUTO}, &done);
    ck_assert(on != off);
    ck_assert_double_eq(best, fmax(on, off));
    ck_assert(done == (on > off));
    ck_assert_double_gt(on, off - 3); /* it does no harm */
}
END_TEST

START_TEST(ways) {
    const double plain = run_with("mobilenetv1_025", &(ln_ptq_params){0}, NULL);
    const double kept = run_with("mobilenetv1_025", &(ln_ptq_params){.keep_bias = true}, NULL);
    ck_assert_double_gt(plain, kept); /* corrected biases are nearer */
    const double nearest = run_with("mobilenetv1_025", &(ln_ptq_params){.nearest = true}, NULL);
    ck_assert_double_gt(plain, nearest); /* and so are sums whose errors are fed on */
    const double most =
        run_with("mobilenetv1_025",
                 &(ln_ptq_params){.range = LN_RANGE_PERCENTILE, .percentile = 99.99}, NULL);
    const double few = run_with(
        "mobilenetv1_025", &(ln_ptq_params){.range = LN_RANGE_PERCENTILE, .percentile = 80}, NULL);
    ck_assert(most != plain && most > few);
}
END_TEST

START_TEST(refusals) {
    linnet_error err = {0};
    source s = {.m = open_model("mobilenetv1_025")};
    ln_ptq_params p = params_of(&s);
    ln_ptq q;
    p.pictures = 0;
    ck_assert_int_eq(ln_ptq_run(&p, &q, &err), LINNET_ERR_INVALID_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(err.message, "no pictures"));
    p = params_of(&s);
    p.range = LN_RANGE_PERCENTILE;
    p.percentile = 50;
    ck_assert_int_eq(ln_ptq_run(&p, &q, &err), LINNET_ERR_INVALID_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(err.message, "percentile 50"));
    for (size_t at = 1; at < 3 * PICTURES; at += PICTURES) { /* before, during, after calibration */
        s = (source){.m = s.m, .fail_at = at};
        p = params_of(&s);
        ck_assert_int_eq(ln_ptq_run(&p, &q, &err), LINNET_ERR_IO);
        ck_assert_ptr_nonnull(strstr(err.message, "is torn"));
        ck_assert_ptr_null(q.graph);
    }
    ln_model_close((ln_model **)&s.m);
}
END_TEST

/* ---- networks that there is little to do for ---- */
/* A convolution, or only a ReLU, of a picture; twice the answer; a weight that is no number. */
typedef enum small { CONV, RELU, TWO, NAN_WEIGHT } small;

static linnet_status small_graph(void *user, ln_graph **out, linnet_error *err) {
    const small kind = *(const small *)user;
    LN_TRY(ln_graph_create("small", out, err));
    ln_graph *g = *out;
    float *w;
    const ln_tid x = ln_graph_input(g, "input", ln_nhwc(1, 4, 4, 3), err);
    const ln_tid k = ln_graph_const_new(g, "conv.weight", ln_nhwc(8, 1, 1, 3), &w, err);
    for (int i = 0; i < 24; i++) w[i] = (float)(i % 5) - 2;
    if (kind == NAN_WEIGHT) w[7] = NAN;
    g->tensor[k].is_param = true;
    const ln_attr conv = {.conv = {.win = {1, 1, 1, 1, 1, 1}, .groups = 1}};
    const ln_attr relu = {.act = ln_act_relu()};
    const ln_tid y = kind == RELU
                         ? ln_graph_node(g, LN_OP_ACT, "relu", &relu, &x, 1, err)
                         : ln_graph_node(g, LN_OP_CONV2D, "conv", &conv, (ln_tid[]){x, k}, 2, err);
    if (y == LN_NONE) return err->status;
    if (kind == TWO) LN_TRY(ln_graph_output(g, y, err));
    return ln_graph_output(g, y, err);
}

static linnet_status flat_picture(void *user, size_t i, float *out, linnet_error *err) {
    (void)user;
    (void)err;
    for (int k = 0; k < 48; k++) out[k] = (float)((k + (int)i) % 7) - 3;
    return LINNET_OK;
}

START_TEST(small_networks) {
    static const struct {
        small kind;
        ln_equalize equalize;
        linnet_status status;
        const char *says;
    } rows[] = {
        {CONV, LN_EQUALIZE_AUTO, LINNET_OK, ""},
        {CONV, LN_EQUALIZE_ON, LINNET_ERR_UNSUPPORTED, "no layers to equalize"},
        {RELU, LN_EQUALIZE_OFF, LINNET_ERR_UNSUPPORTED, "no convolution or classifier"},
        {TWO, LN_EQUALIZE_OFF, LINNET_ERR_UNSUPPORTED, "one picture and one answer"},
        {NAN_WEIGHT, LN_EQUALIZE_OFF, LINNET_ERR_BAD_FILE, "a weight is not finite"},
    };
    for (size_t i = 0; i < LN_COUNT(rows); i++) {
        linnet_error err = {0};
        small kind = rows[i].kind;
        ln_ptq_params p = {.graph = small_graph,
                           .picture = flat_picture,
                           .user = &kind,
                           .pictures = 2,
                           .equalize = rows[i].equalize};
        ln_ptq q;
        ck_assert_int_eq(ln_ptq_run(&p, &q, &err), rows[i].status);
        ck_assert_msg(strstr(err.message, rows[i].says), "'%s'", err.message);
        ck_assert(rows[i].status == LINNET_OK ? q.graph && !q.equalized && q.cosine > 0.99
                                              : !q.graph);
        ln_ptq_free(&q);
    }
}
END_TEST

/* ---- files that lie ---- */
/* A quantized mobilenetv1_025 with one of its tensors or its metadata changed. */
static linnet_status open_changed(const char *path, const char *text, const char *tensor,
                                  const ln_weight *with, char message[1000]) {
    linnet_error err = {0};
    ln_weights *w = NULL;
    ln_weight list[200];
    ln_meta meta[3];
    size_t n = 0, n_meta = 0;
    ck_assert_int_eq(ln_safetensors_open(path, &w, &err), LINNET_OK);
    for (size_t i = 0; i < ln_weights_count(w); i++) {
        list[n] = *ln_weights_at(w, i);
        if (tensor && !strcmp(list[n].name, tensor)) {
            if (!with) continue;
            list[n] = *with;
        }
        n++;
    }
    meta[n_meta++] = (ln_meta){"family", ln_weights_meta(w, "family")};
    meta[n_meta++] = (ln_meta){LN_META_QUANT, text ? text : ln_weights_meta(w, LN_META_QUANT)};
    const char *lie = scratch("lie.safetensors");
    ck_assert_int_eq(ln_safetensors_write(lie, list, n, meta, n_meta, &err), LINNET_OK);
    ln_weights_close(&w);
    ln_model_params p = {.model = lie};
    ln_model *m = NULL;
    ln_graph *g = NULL;
    linnet_status st = ln_test_open(&p, &m, message);
    if (st != LINNET_OK) return st;
    st = ln_model_graph(m, 1, SIDE, SIDE, &g, &err);
    snprintf(message, 1000, "%s", err.message);
    ck_assert(st == LINNET_OK || !g);
    ln_graph_destroy(&g);
    ln_model_close(&m);
    return st;
}

static void refuse(const char *path, const char *text, const char *tensor, const ln_weight *with,
                   const char *says) {
    char message[1000];
    const linnet_status st = open_changed(path, text, tensor, with, message);
    ck_assert_msg(st == LINNET_ERR_BAD_FILE || st == LINNET_ERR_UNSUPPORTED, "taken: %s", says);
    ck_assert_msg(strstr(message, says) && strstr(message, "lie.safetensors"),
                  "'%s' does not say '%s'", message, says);
    ck_assert_ptr_null(strchr(message, '\n'));
}

#define SCALES(list) "{\"version\":1,\"scales\":{" list "}}"

START_TEST(lies) {
    static const struct {
        const char *text, *says;
    } texts[] = {
        {"{", "not JSON"},
        {"[]", "expected one JSON object"},
        {"{}", "version 0; this program reads 1"},
        {"{\"version\":2,\"scales\":{}}", "version 2"},
        {"{\"version\":1}", "0 scales"},
        {"{\"version\":1,\"scales\":[]}", "0 scales"},
        {SCALES("\"input\":1"), "'input' is not [scale"},
        {SCALES("\"input\":[1]"), "'input' is not [scale"},
        {SCALES("\"input\":[0,0]"), "'input' is not [scale"},
        {SCALES("\"input\":[-1,0]"), "'input' is not [scale"},
        {SCALES("\"input\":[1e-50,0]"), "'input' is not [scale"},
        {SCALES("\"input\":[1e50,0]"), "'input' is not [scale"},
        {SCALES("\"input\":[1,128]"), "'input' is not [scale"},
        {SCALES("\"input\":[1,-129]"), "'input' is not [scale"},
        {SCALES("\"input\":[1,0.5]"), "'input' is not [scale"},
        {SCALES("\"input\":[\"1\",0]"), "'input' is not [scale"},
        {SCALES("\"input\":[1,0,\"open\"]"), "'input' is not [scale"},
        {SCALES("\"inout\":[1,0]"), "a scale is given for 'inout', which"},
        {SCALES("\"input\":[1,0],\"input\":[1,0]"), "two scales are given for 'input'"},
    };
    static const float zero[8] = {1, 1, 0, 1, 1, 1, 1, 1}, seven[7] = {1, 1, 1, 1, 1, 1, 1};
    static const int8_t bytes[8];
    const ln_weight bad_scale = {
        .name = "conv_stem.weight_scale", .shape = {1, {8}}, .data = zero, .stride = {1}};
    const ln_weight few = {
        .name = "conv_stem.weight_scale", .shape = {1, {7}}, .data = seven, .stride = {1}};
    const ln_weight byte_bias = {
        .name = "conv_stem.bias", .shape = {1, {8}}, .dtype = LN_I8, .data = bytes, .stride = {1}};
    char path[512], message[1000];
    snprintf(path, sizeof path, "%s", scratch("good.safetensors")); /* which changes */
    linnet_error err = {0};
    source s = {.m = open_model("mobilenetv1_025")};
    ln_ptq_params p = params_of(&s);
    ln_ptq q;
    p.pictures = 1;
    ck_assert_int_eq(ln_ptq_run(&p, &q, &err), LINNET_OK);
    ck_assert_int_eq(ln_quantized_write(s.m, q.graph, q.row, q.n_row, path, &err), LINNET_OK);
    ck_assert_int_eq(open_changed(path, NULL, NULL, NULL, message), LINNET_OK);
    for (size_t i = 0; i < LN_COUNT(texts); i++)
        refuse(path, texts[i].text, NULL, NULL, texts[i].says);
    refuse(path, NULL, "conv_stem.weight_scale", &bad_scale, "holds 0 (expected scales above 0)");
    refuse(path, NULL, "conv_stem.weight_scale", &few, "is 7 (expected 8)");
    refuse(path, NULL, "conv_stem.weight_scale", NULL, "conv_stem.weight_scale missing");
    refuse(path, NULL, "conv_stem.bias", &byte_bias, "holds bytes without a scale");
    /* nothing but the scales of some layers: those are bytes, the others floats */
    const linnet_status some = open_changed(
        path, SCALES("\"input\":[0.01,0],\"conv_stem\":[0.1,-128]"), NULL, NULL, message);
    ck_assert_msg(some == LINNET_OK, "%s", message);
    ln_model *m = open_model(path);
    ln_pruning r;
    const ln_prune_params half = {.channels = 0.5};
    ck_assert_int_eq(ln_prune(m, &half, 0, 0, scratch("no"), &r, &err), LINNET_ERR_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.message, "quantized already"));
    ck_assert_int_eq(ln_convert(path, scratch("no"), NULL, NULL, &err), LINNET_ERR_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.message, "quantized already"));
    s.m = m;
    p = params_of(&s);
    ln_ptq_free(&q);
    ck_assert_int_eq(ln_ptq_run(&p, &q, &err), LINNET_ERR_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.message, "only networks of floats are quantized"));
    ln_model_close(&m);
}
END_TEST

int main(void) {
    Suite *s = suite_create("ptq");
    TCase *c = tcase_create("all");
    tcase_set_timeout(c, 300);
    tcase_add_loop_test(c, families, 0, (int)LN_COUNT(cases));
    tcase_add_test(c, equalisation);
    tcase_add_test(c, ways);
    tcase_add_test(c, refusals);
    tcase_add_test(c, small_networks);
    tcase_add_test(c, lies);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
