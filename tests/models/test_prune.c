/* Pruned networks compute what the full ones do without the removed channels' contribution. */
#include "models/build.h"
#include "models/prune.h"
#include "tests/models/answers.h"
#include "tests/models/files.h"

#include "tests/check_main.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static ln_graph *graph_of(const ln_model *m, int side) {
    linnet_error err = {0};
    ln_graph *g = NULL;
    ck_assert_msg(ln_model_graph(m, 1, side, side, &g, &err) == LINNET_OK, "%s", err.message);
    return g;
}

static ln_tid tensor_named(const ln_graph *g, const char *name) {
    for (ln_tid t = 0; t < g->n_tensor; t++)
        if (g->tensor[t].kind == LN_TENSOR_CONST && !strcmp(g->tensor[t].name, name)) return t;
    ck_abort_msg("no tensor %s", name);
}

static float *dense(const ln_graph *g, ln_tid t, int64_t *n) {
    linnet_error err = {0};
    ck_assert(ln_shape_count(&g->tensor[t].shape, n));
    float *v = calloc((size_t)*n, sizeof *v);
    ck_assert_int_eq(ln_const_copy_f32(g, t, v, &err), LINNET_OK);
    return v;
}

/* Which channels are left, by the running means, all different, of the norm behind the expansion.
 */
static bool *kept_channels(const ln_graph *full, const ln_expansion *e, const ln_graph *pruned,
                           int64_t *left) {
    const ln_tid mean = full->node[e->norm[0]].in[3];
    int64_t n, at = 0;
    float *all = dense(full, mean, &n);
    float *some = dense(pruned, tensor_named(pruned, full->tensor[mean].name), left);
    bool *kept = calloc((size_t)n, sizeof *kept);
    ck_assert_int_eq(n, e->channels);
    for (int64_t c = 0; c < n; c++)
        if (at < *left && all[c] == some[at]) {
            kept[c] = true;
            at++;
        }
    ck_assert_int_eq(at, *left);
    free(all);
    free(some);
    return kept;
}

/* Zeros the columns that read a removed channel, wherever the channels are summed up. */
static void silence(ln_graph *g, const ln_expansion *e, const bool *kept) {
    for (int i = 0; i < e->n_cut; i++) {
        if (e->cut[i].dim == 0) continue;
        ln_tensor *t = &g->tensor[e->cut[i].t];
        int64_t n;
        float *v = dense(g, e->cut[i].t, &n), *own = ln_pool_alloc(&g->pool, (size_t)n, sizeof *v);
        for (int64_t k = 0; k < n; k++) own[k] = kept[k % e->channels] ? v[k] : 0;
        t->view = ln_view_dense(&t->shape, LN_F32, own);
        free(v);
    }
}

/* Largest difference over the standard deviation of a. */
static double apart(const float *a, const float *b, int64_t n) {
    double sum = 0, square = 0, worst = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += (double)a[i];
        square += (double)a[i] * (double)a[i];
        worst = fmax(worst, fabs((double)a[i] - (double)b[i]));
    }
    return worst / sqrt(square / (double)n - sum / (double)n * sum / (double)n);
}

/* family, side of the input, expansions that it has */
static const struct {
    const char *model;
    int side, expansions;
    ln_prune_by by;
} cases[] = {
    {"mobilenetv1_025", 96, 13, LN_PRUNE_BN},
    {"mobilenetv2_035", 96, 17, LN_PRUNE_L1},
    {"tv_mobilenet_v2", 96, 17, LN_PRUNE_BN},
    {"mobilenetv3_small_050", 96, 11, LN_PRUNE_L1},
    {"tv_mobilenet_v3_small", 96, 11, LN_PRUNE_BN},
    {"mobilenetv4_conv_small_050", 96, 14, LN_PRUNE_BN},
    {"mobilenetv4_conv_blur_medium", 96, 22, LN_PRUNE_BN},
    {"tf_efficientnet_b0", 64, 16, LN_PRUNE_BN},
    {"mnasnet_100", 64, 17, LN_PRUNE_L1},
    {"mobilenet_edgetpu_100", 64, 22, LN_PRUNE_BN},
    {"tv_shufflenet_v2_x0_5", 96, 17, LN_PRUNE_BN},
    {"mobilevit_xxs", 64, 7, LN_PRUNE_BN},
};

START_TEST(equals_the_full_network_without_them) {
    linnet_error err = {0};
    const char *path = scratch("pruned.safetensors");
    const ln_prune_params p = {.channels = 0.4, .by = cases[_i].by};
    ln_pruning report;
    ln_model *m = open_model(cases[_i].model);
    ck_assert_msg(ln_prune(m, &p, cases[_i].side, cases[_i].side, path, &report, &err) == LINNET_OK,
                  "%s", err.message);
    ln_model *small = open_model(path);
    ln_graph *full = graph_of(m, cases[_i].side), *pruned = graph_of(small, cases[_i].side);
    ck_assert_int_eq(full->n_node, pruned->n_node);
    ck_assert_int_eq(report.params[0], full->params);
    ck_assert_int_eq(report.params[1], pruned->params);
    ck_assert_int_eq(report.macs[1], pruned->macs);
    ck_assert(pruned->params < full->params && pruned->macs < full->macs);
    int64_t n;
    float *before = answers(full, 0, 5, &n), *after = answers(pruned, 0, 5, &n);
    ln_pool pool = {0};
    ln_expansion *e;
    int count;
    ck_assert_int_eq(ln_find_expansions(full, &pool, &e, &count, &err), LINNET_OK);
    ck_assert_int_eq(count, report.count);
    ck_assert_int_eq(count, cases[_i].expansions);
    for (int i = 0; i < count; i++) {
        int64_t left;
        bool *kept = kept_channels(full, &e[i], pruned, &left);
        ck_assert_int_eq(left, report.layer[i].after);
        ck_assert_int_eq(e[i].channels, report.layer[i].before);
        ck_assert_str_eq(full->node[e[i].node].name, report.layer[i].name);
        ck_assert(left == e[i].channels || (left % 8 == 0 && left >= 8));
        ck_assert(fabs((double)left - 0.6 * (double)e[i].channels) <= 4 || left == 8);
        silence(full, &e[i], kept);
        free(kept);
    }
    float *want = answers(full, 0, 5, &n);
    ck_assert_double_lt(apart(want, after, n), 1e-4);
    ck_assert_double_gt(apart(before, after, n), 1e-3);
    free(before);
    free(after);
    free(want);
    ln_pool_free(&pool);
    ln_pruning_free(&report);
    ln_graph_destroy(&full);
    ln_graph_destroy(&pruned);
    ln_model_close(&small);
    ln_model_close(&m);
}
END_TEST

/* Those of the largest scales stay. */
START_TEST(by_the_norms) {
    linnet_error err = {0};
    const char *path = scratch("bn.safetensors");
    const ln_prune_params p = {.channels = 0.5, .by = LN_PRUNE_BN};
    ln_pruning report;
    ln_model *m = open_model("mobilenetv2_035");
    ck_assert_int_eq(ln_prune(m, &p, 96, 96, path, &report, &err), LINNET_OK);
    ln_pruning_free(&report);
    ln_model *small = open_model(path);
    ln_graph *full = graph_of(m, 96), *pruned = graph_of(small, 96);
    ln_pool pool = {0};
    ln_expansion *e;
    int count;
    int64_t left, n;
    ck_assert_int_eq(ln_find_expansions(full, &pool, &e, &count, &err), LINNET_OK);
    bool *kept = kept_channels(full, &e[3], pruned, &left);
    ck_assert_int_eq(e[3].n_norm, 2);
    float *a = dense(full, full->node[e[3].norm[0]].in[1], &n);
    float *b = dense(full, full->node[e[3].norm[1]].in[1], &n);
    double least_kept = INFINITY, most_gone = 0;
    for (int64_t c = 0; c < n; c++) {
        const double s = fabs((double)a[c] * (double)b[c]);
        if (kept[c])
            least_kept = fmin(least_kept, s);
        else
            most_gone = fmax(most_gone, s);
    }
    ck_assert(left < n && most_gone > 0 && most_gone <= least_kept);
    free(a);
    free(b);
    free(kept);
    ln_pool_free(&pool);
    ln_graph_destroy(&full);
    ln_graph_destroy(&pruned);
    ln_model_close(&small);
    ln_model_close(&m);
}
END_TEST

/* A pruned file can be pruned further, and at a stem as wide as the block behind it no residual
 * appears that the family has not. */
START_TEST(again) {
    linnet_error err = {0};
    ln_pruning report;
    ln_model *m = open_model("mobilenetv2_100");
    ln_graph *g = graph_of(m, 96);
    const int nodes = g->n_node;
    ln_graph_destroy(&g);
    const ln_prune_params half = {.channels = 0.5}, less = {.channels = 0.2};
    const char *one = scratch("one.safetensors"), *two = scratch("two.safetensors");
    ck_assert_int_eq(ln_prune(m, &half, 96, 96, one, &report, &err), LINNET_OK);
    ck_assert_str_eq(report.layer[0].name, "conv_stem");
    ck_assert_int_eq(report.layer[0].after, 16); /* what the block makes of it */
    ln_pruning_free(&report);
    ln_model_close(&m);
    m = open_model(one);
    g = graph_of(m, 96);
    ck_assert_int_eq(g->n_node, nodes);
    ln_graph_destroy(&g);
    ck_assert_msg(ln_prune(m, &less, 96, 96, two, &report, &err) == LINNET_OK, "%s", err.message);
    ck_assert_int_lt(report.params[1], report.params[0]);
    ln_pruning_free(&report);
    ln_model_close(&m);
    m = open_model(two);
    ln_model_close(&m);
}
END_TEST

static void refuse(const ln_model *m, double channels, linnet_status status, const char *says) {
    linnet_error err = {0};
    ln_pruning report;
    const ln_prune_params p = {.channels = channels};
    ck_assert_int_eq(ln_prune(m, &p, 0, 0, scratch("no.safetensors"), &report, &err), status);
    ck_assert_msg(strstr(err.message, says), "'%s' does not say '%s'", err.message, says);
    ck_assert_ptr_null(report.layer);
}

START_TEST(refusals) {
    ln_model *m = open_model("mobilenetv1_025");
    refuse(m, 0, LINNET_ERR_INVALID_ARGUMENT, "more than 0 and less than 1");
    refuse(m, 1, LINNET_ERR_INVALID_ARGUMENT, "more than 0 and less than 1");
    refuse(m, (double)NAN, LINNET_ERR_INVALID_ARGUMENT, "more than 0 and less than 1");
    refuse(m, 1e-6, LINNET_ERR_INVALID_ARGUMENT, "of the channels is none");
    ln_model_close(&m);
    m = open_model("shufflenetv1_1.0x_g3");
    refuse(m, 0.3, LINNET_ERR_UNSUPPORTED, "no expanded channels to remove");
    ln_model_close(&m);
    linnet_error err = {0};
    ln_model_params shapes = {.model = "mobilenetv1_025", .shape_only = true};
    ck_assert_int_eq(ln_model_open(&shapes, &m, &err), LINNET_OK);
    refuse(m, 0.3, LINNET_ERR_INVALID_ARGUMENT, "needs weights");
    ln_model_close(&m);
}
END_TEST

/* ---- widths that lie ---- */
static const struct {
    const char *widths, *says;
} lies[] = {
    {"{", "not JSON"},
    {"[]", "expected one JSON object"},
    {"{\"conv_stem\":0}", "'conv_stem' is no number from 1 to 65536"},
    {"{\"conv_stem\":-8}", "no number from 1 to 65536"},
    {"{\"conv_stem\":1e9}", "no number from 1 to 65536"},
    {"{\"conv_stem\":\"8\"}", "no number from 1 to 65536"},
    {"{\"conv_stem\":8,\"conv_stem\":8}", "'conv_stem' is there twice"},
    {"{\"conv_item\":8}", "has no layer 'conv_item' of a free width"},
    {"{\"blocks.0.0.conv_dw\":8}", "has no layer 'blocks.0.0.conv_dw' of a free width"},
    {"{\"conv_stem\":16}", "conv_stem.weight is 8x3x3x3 (expected 16x3x3x3)"},
};

static linnet_status open_with(const char *widths, char message[1000]) {
    linnet_error err = {0};
    ln_weights *w = NULL;
    ln_weight list[200];
    size_t n = 0;
    ln_model *m = open_model("mobilenetv1_025");
    ln_graph *g = graph_of(m, 96);
    for (ln_tid t = 0; t < g->n_tensor; t++)
        if (g->tensor[t].kind == LN_TENSOR_CONST)
            list[n++] = *ln_weights_find(ln_model_weights(m), g->tensor[t].name, NULL, &err);
    const ln_meta meta[] = {{LN_META_FAMILY, "mobilenetv1_025"}, {LN_META_WIDTHS, widths}};
    const char *path = scratch("lie.safetensors");
    ck_assert_int_eq(ln_safetensors_write(path, list, n, meta, 2, &err), LINNET_OK);
    ln_graph_destroy(&g);
    ln_model_close(&m);
    ln_weights_close(&w);
    ln_model_params p = {.model = path};
    m = NULL;
    linnet_status st = ln_test_open(&p, &m, message);
    if (st == LINNET_OK) {
        st = ln_model_graph(m, 1, 96, 96, &g, &err);
        snprintf(message, 1000, "%s", err.message);
        ck_assert(st == LINNET_OK || !g);
        ln_graph_destroy(&g);
        ln_model_close(&m);
    }
    return st;
}

START_TEST(bad_widths) {
    char message[1000];
    ck_assert_int_eq(open_with(lies[_i].widths, message), LINNET_ERR_BAD_FILE);
    ck_assert_msg(strstr(message, lies[_i].says), "'%s' does not say '%s'", message, lies[_i].says);
    ck_assert_ptr_nonnull(strstr(message, "lie.safetensors"));
}
END_TEST

START_TEST(too_many_widths) {
    char message[1000];
    ln_str s = {0};
    ln_str_add(&s, "{\"conv_stem\":8");
    for (int i = 0; i < 5000; i++) ln_str_add(&s, ",\"l%d\":8", i);
    ln_str_add(&s, "}");
    ck_assert_int_eq(open_with(s.p, message), LINNET_ERR_BAD_FILE);
    ck_assert_ptr_nonnull(strstr(message, "5001 layers; at most 4096"));
    ck_assert_int_eq(open_with("{\"conv_stem\":8}", message), LINNET_OK);
    ln_str_free(&s);
}
END_TEST

/* Shapes that do not meet: a residual of other channels than its block's. */
START_TEST(widths_that_do_not_meet) {
    linnet_error err = {0};
    ln_weights *w = NULL;
    ln_graph *g = NULL;
    const ln_family_row *row = ln_family_find("mobilenetv2_035", &err);
    const ln_meta meta[] = {{LN_META_WIDTHS, "{\"blocks.1.0.conv_pwl\":16}"}};
    const float one = 1;
    const ln_weight some = {.name = "x", .shape = {1, {1}}, .data = &one, .stride = {1}};
    const char *path = scratch("meet.safetensors");
    ck_assert_int_eq(ln_safetensors_write(path, &some, 1, meta, 1, &err), LINNET_OK);
    ck_assert_int_eq(ln_safetensors_open(path, &w, &err), LINNET_OK);
    ck_assert_int_eq(ln_network_build(row->arch, row->name, 1000, w, 1, 96, 96, &g, &err),
                     LINNET_ERR_BAD_FILE);
    ck_assert_msg(strstr(err.message, "metadata widths"), "%s", err.message);
    ln_weights_close(&w);
}
END_TEST

int main(void) {
    Suite *s = suite_create("prune");
    TCase *c = tcase_create("all");
    tcase_set_timeout(c, 300);
    tcase_add_loop_test(c, equals_the_full_network_without_them, 0, (int)LN_COUNT(cases));
    tcase_add_test(c, by_the_norms);
    tcase_add_test(c, again);
    tcase_add_test(c, refusals);
    tcase_add_loop_test(c, bad_widths, 0, (int)LN_COUNT(lies));
    tcase_add_test(c, too_many_widths);
    tcase_add_test(c, widths_that_do_not_meet);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
