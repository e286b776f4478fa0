/* Opening models: names, weights that do not fit, metadata, labels. */
#include "base/env.h"
#include "engine/ref/ref.h"
#include "models/build.h"
#include "models/model.h"
#include "models/weights_impl.h"
#include "tests/models/files.h"

#include "tests/check_main.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

START_TEST(names) {
    linnet_error err = {0};
    ck_assert_str_eq(ln_family_find("mobilenetv2_100.ra_in1k", &err)->name, "mobilenetv2_100");
    ck_assert_ptr_null(ln_family_find("mobilenetv2_10", &err));
    ck_assert_int_eq(err.status, LINNET_ERR_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.message, "mobilenetv2_100"));
    ck_assert_ptr_null(ln_family_find("", &err));
    ck_assert_ptr_null(ln_family_at(ln_family_count()));
    for (size_t i = 0; i < ln_family_count(); i++) {
        const ln_family_row *r = ln_family_at(i);
        ck_assert_ptr_eq(ln_family_find(r->name, &err), r); /* no name twice */
        ck_assert(r->prep.size >= 96 && r->prep.crop_pct > 0 && r->prep.std[0] > 0);
        ck_assert(r->published.source && r->family && r->classes > 0);
    }
}
END_TEST

START_TEST(published_figures_are_explained) {
    for (size_t i = 0; i < ln_family_count(); i++) {
        const ln_family_row *r = ln_family_at(i);
        linnet_error err = {0};
        ln_graph *g;
        ck_assert_int_eq(ln_network_build(r->arch, r->name, r->classes, NULL, 1, r->prep.size,
                                          r->prep.size, &g, &err),
                         LINNET_OK);
        double params = (double)g->params / 1e6, macs = (double)g->macs / 1e6;
        bool close = true;
        if (r->published.params_m > 0) close &= fabs(params / r->published.params_m - 1) < 0.01;
        if (r->published.macs_m > 0) close &= fabs(macs / r->published.macs_m - 1) < 0.01;
        ck_assert_msg(close || r->note, "%s: %.3f M, %.1f M; published %.2f, %.0f", r->name, params,
                      macs, (double)r->published.params_m, (double)r->published.macs_m);
        ln_graph_destroy(&g);
    }
}
END_TEST

/* Multiply-adds of the attention blocks as wide as c. */
static int64_t attention_macs(const char *model, int64_t c) {
    linnet_error err = {0};
    const ln_family_row *r = ln_family_find(model, &err);
    ln_graph *g;
    int64_t sum = 0, group = 0;
    ck_assert_int_eq(
        ln_network_build(r->arch, model, 1000, NULL, 1, r->prep.size, r->prep.size, &g, &err),
        LINNET_OK);
    for (int i = 0; i < g->n_node; i++) {
        const ln_node *n = &g->node[i];
        if (!strstr(n->name, ".attn")) continue;
        group += ln_node_macs(g, n);
        if (!strstr(n->name, ".attn.output.proj")) continue;
        if (g->tensor[n->out[0]].shape.dim[3] == c) sum += group;
        group = 0;
    }
    ln_graph_destroy(&g);
    return sum;
}

/* A layer with the same weights, to the same map. */
static bool has_layer(const ln_graph *g, const ln_graph *of, const ln_node *n) {
    for (int i = 0; i < g->n_node; i++) {
        const ln_node *m = &g->node[i];
        if (m->op == n->op && m->n_in > 1 &&
            ln_shape_equal(&g->tensor[m->in[1]].shape, &of->tensor[n->in[1]].shape) &&
            ln_shape_equal(&g->tensor[m->out[0]].shape, &of->tensor[n->out[0]].shape))
            return true;
    }
    return false;
}

static ln_graph *graph_of(const ln_family_row *r) {
    linnet_error err = {0};
    ln_graph *g;
    ck_assert_int_eq(ln_network_build(r->arch, r->name, r->classes, NULL, 1, r->prep.size,
                                      r->prep.size, &g, &err),
                     LINNET_OK);
    return g;
}

START_TEST(layers_alone_are_those_of_the_networks) {
    const ln_family_row *r;
    int checked = 0;
    for (size_t i = 0; (r = ln_block_at(i)); i++) {
        const char *shape = strchr(r->name, ':') + 1;
        bool v2 = !strncmp(shape, "v2_", 3);
        if (!v2 && strncmp(shape, "v4_", 3) != 0) continue;
        ck_assert_ptr_eq(ln_family_find(r->name, NULL), r);
        ln_graph *g = graph_of(r), *net = graph_of(ln_family_find(
                                       v2 ? "mobilenetv2_100" : "mobilenetv4_conv_medium", NULL));
        int layers = 0;
        for (int k = 0; k < g->n_node; k++) {
            const ln_node *n = &g->node[k];
            if (n->op != LN_OP_CONV2D && n->op != LN_OP_FC) continue;
            ck_assert_msg(has_layer(net, g, n), "%s: %s is not in %s", r->name, n->name, net->name);
            layers++;
        }
        ck_assert_int_gt(layers, 0);
        ck_assert_int_eq(g->library, !strncmp(r->name, "clblast:", 8));
        checked++;
        ln_graph_destroy(&g);
        ln_graph_destroy(&net);
    }
    ck_assert_int_eq(checked, 24);
}
END_TEST

START_TEST(blocks_alone_are_those_of_the_networks) {
    linnet_error err = {0};
    const ln_family_row *r;
    size_t found = 0;
    for (; (r = ln_block_at(found)) && strstr(r->name, ":hybrid_"); found++) {
        char network[64];
        ln_graph *g;
        ck_assert_ptr_eq(ln_family_find(r->name, &err), r);
        int64_t c = r->arch->input, side = r->prep.size;
        bool mqa = !strncmp(r->name, "mqa:", 4);
        ck_assert_int_eq(ln_network_build(r->arch, r->name, 0, NULL, 1, side, side, &g, &err),
                         LINNET_OK);
        ln_shape map = ln_nhwc(1, side, side, c);
        ck_assert(ln_shape_equal(&g->tensor[g->input[0]].shape, &map));
        ck_assert(ln_shape_equal(&g->tensor[g->output[0]].shape, &map));
        const char *shape = strchr(r->name, ':') + 1;
        snprintf(network, sizeof network, "mobilenetv4_%.*s", (int)(strrchr(shape, '_') - shape),
                 shape);
        int64_t macs = attention_macs(network, c);
        ck_assert_int_gt(macs, 0);
        ck_assert_msg(mqa ? g->macs == macs : g->macs > macs, "%s: %lld, in %s %lld", r->name,
                      (long long)g->macs, network, (long long)macs);
        for (int i = 0; i < g->n_node; i++) {
            const ln_attention_attr *a = &g->node[i].attr.attention;
            if (g->node[i].op != LN_OP_ATTENTION) continue;
            ck_assert_int_eq(a->kv_heads, mqa ? 1 : a->heads);
            ck_assert_int_eq(g->tensor[g->node[i].in[1]].shape.dim[3], a->kv_heads * a->dim);
        }
        ln_graph_destroy(&g);
    }
    ck_assert_uint_eq(found, 8);
    r = ln_block_at(0);
    ln_graph *g;
    ck_assert_int_eq(ln_network_build(r->arch, r->name, 0, NULL, 1, 1, 2, &g, &err), LINNET_OK);
    ln_graph_destroy(&g);
    static const int64_t bad[] = {0, 16385};
    for (size_t i = 0; i < LN_COUNT(bad); i++) {
        ck_assert_int_eq(ln_network_build(r->arch, r->name, 0, NULL, 1, 4, bad[i], &g, &err),
                         LINNET_ERR_UNSUPPORTED);
        ck_assert_ptr_nonnull(strstr(err.message, "sides from 1 to 16384"));
    }
}
END_TEST

START_TEST(no_weights) {
    char message[1000], dir[300];
    ln_model *m;
    ln_model_params p = {.model = "mobilenetv2_100"};
    snprintf(dir, sizeof dir, "%s", scratch("no-cache"));
    ln_cache_dir_set(dir);
    ck_assert_int_eq(ln_test_open(&p, &m, message), LINNET_ERR_IO);
    ck_assert_ptr_nonnull(strstr(message, "models/mobilenetv2_100.safetensors"));
    ck_assert_ptr_nonnull(strstr(message, dir));
    ck_assert_ptr_nonnull(strstr(message, "--synthetic"));
    ln_cache_dir_set("off");
    ck_assert_int_eq(ln_test_open(&p, &m, message), LINNET_ERR_IO);
    ck_assert_ptr_nonnull(strstr(message, "--weights"));
    ln_cache_dir_set(NULL);
    p = (ln_model_params){.model = "mobilenetv2_100", .weights = scratch("absent.safetensors")};
    ck_assert_int_eq(ln_test_open(&p, &m, message), LINNET_ERR_IO);
    p = (ln_model_params){.model = ""};
    ck_assert_int_eq(ln_test_open(&p, &m, message), LINNET_ERR_INVALID_ARGUMENT);
    p = (ln_model_params){.model = "nosuchnet", .synthetic = true};
    ck_assert_int_eq(ln_test_open(&p, &m, message), LINNET_ERR_UNSUPPORTED);
    p = (ln_model_params){.model = "./x.safetensors", .arch = "nosuchnet"};
    ck_assert_int_eq(ln_test_open(&p, &m, message), LINNET_ERR_UNSUPPORTED);
}
END_TEST

/* Synthetic weights of V1 at width 1/4, in a list that a test may spoil. */
typedef struct set {
    ln_weights *w;
    ln_weight *list;
    size_t n;
} set;

static set make_set(const char *model) {
    set s = {0};
    linnet_error err = {0};
    ln_graph *g;
    const ln_family_row *r = ln_family_find(model, &err);
    ck_assert_int_eq(ln_synthetic_open(1, &s.w, &err), LINNET_OK);
    ck_assert_int_eq(ln_network_build(r->arch, r->name, 1000, s.w, 1, 256, 256, &g, &err),
                     LINNET_OK);
    ln_graph_destroy(&g);
    s.n = ln_weights_count(s.w);
    s.list = calloc(s.n + 2, sizeof *s.list);
    for (size_t i = 0; i < s.n; i++) s.list[i] = *ln_weights_at(s.w, i);
    return s;
}

static ln_weight *named(set *s, const char *name) {
    for (size_t i = 0; i < s->n; i++)
        if (!strcmp(s->list[i].name, name)) return &s->list[i];
    ck_abort_msg("no tensor %s", name);
}

static const char *store(set *s, const ln_meta *meta, size_t n_meta) {
    linnet_error err = {0};
    const char *path = scratch("v1.safetensors");
    ck_assert_msg(ln_safetensors_write(path, s->list, s->n, meta, n_meta, &err) == LINNET_OK, "%s",
                  err.message);
    return path;
}

/* The same with a hole for the values: names and shapes are all that a misfit is about. */
static const char *store_hollow(const set *s) {
    ln_str head = {0};
    int64_t at = 0;
    for (size_t i = 0; i < s->n; i++) {
        const ln_shape *shape = &s->list[i].shape;
        int64_t count = 1;
        ln_str_add(&head, "%c\"%s\":{\"dtype\":\"F32\",\"shape\":[", i ? ',' : '{',
                   s->list[i].name);
        for (int d = 0; d < shape->rank; d++) {
            ln_str_add(&head, "%s%lld", d ? "," : "", (long long)shape->dim[d]);
            count *= shape->dim[d];
        }
        ln_str_add(&head, "],\"data_offsets\":[%lld,%lld]}", (long long)at,
                   (long long)(at + count * 4));
        at += count * 4;
    }
    ln_str_add(&head, "}");
    const uint64_t size = head.len;
    ln_str file = {0};
    ln_str_put(&file, (const char *)&size, sizeof size);
    ln_str_put(&file, head.p, head.len);
    const char *path = file_of("v1.safetensors", file.p, file.len);
    ck_assert_int_eq(truncate(path, (off_t)((int64_t)file.len + at)), 0);
    ln_str_free(&head);
    ln_str_free(&file);
    return path;
}

static void free_set(set *s) {
    ln_weights_close(&s->w);
    free(s->list);
}

static linnet_status build_from(const char *path, const char *arch, char message[1000]) {
    linnet_error err = {0};
    ln_model *m;
    ln_graph *g;
    ln_model_params p = {.model = path, .arch = arch};
    ck_assert_int_eq(ln_test_open(&p, &m, message), LINNET_OK);
    linnet_status st = ln_model_graph(m, 1, 0, 0, &g, &err);
    snprintf(message, 1000, "%s", err.message);
    ck_assert((st == LINNET_OK) == (g != NULL));
    ln_graph_destroy(&g);
    ln_model_close(&m);
    return st;
}

START_TEST(every_misfit_is_named_at_once) {
    char message[1000];
    set s = make_set("mobilenetv1_025");
    ck_assert_int_eq(build_from(store(&s, NULL, 0), "mobilenetv1_025", message), LINNET_OK);
    named(&s, "conv_stem.weight")->shape = (ln_shape){4, {8, 3, 1, 9}};
    named(&s, "bn1.bias")->name = "bn1.beta";
    ln_weight *integer = named(&s, "blocks.1.0.bn1.weight");
    int32_t zeros[64] = {0};
    integer->dtype = LN_I32;
    integer->data = zeros;
    static const int64_t tracked = 3; /* PyTorch's counter: no weight, never missed */
    s.list[s.n++] =
        (ln_weight){.name = "bn1.num_batches_tracked", .dtype = LN_I64, .data = &tracked};
    ck_assert_int_eq(build_from(store(&s, NULL, 0), "mobilenetv1_025", message),
                     LINNET_ERR_BAD_FILE);
    static const char *const says[] = {
        "v1.safetensors does not fit mobilenetv1_025, 4 tensors",
        "conv_stem.weight is 8x3x1x9 (expected 8x3x3x3)",
        "bn1.bias missing (expected 8)",
        "bn1.beta unexpected (8)",
        "blocks.1.0.bn1.weight holds i32",
    };
    for (size_t i = 0; i < LN_COUNT(says); i++)
        ck_assert_msg(strstr(message, says[i]) != NULL, "'%s' lacks '%s'", message, says[i]);
    ck_assert_ptr_null(strchr(message, '\n'));
    free_set(&s);
}
END_TEST

static int logged;
static void count_line(void *user, int level, const char *line) {
    (void)user;
    logged += level == LN_LOG_INFO &&
              (strstr(line, " missing (expected ") || strstr(line, " unexpected ("));
}

/* Of `all` misfits `some` are in the message, and every one in the log. */
static void expect_named(set *s, int some, int all) {
    char message[1000], says[64];
    logged = 0;
    ln_log_set(count_line, NULL, LN_LOG_INFO);
    ck_assert_int_eq(build_from(store(s, NULL, 0), "mobilenetv1_025", message),
                     LINNET_ERR_BAD_FILE);
    ln_log_set(NULL, NULL, LN_LOG_ERROR);
    ck_assert_int_eq(logged, all);
    int got = 0;
    for (const char *p = message; (p = strstr(p, "); ")); p++) got++;
    ck_assert_msg(got == some, "%d named in '%s'", got, message);
    snprintf(says, sizeof says, ", %d tensors: ", all);
    ck_assert_msg(strstr(message, says) != NULL, "'%s' lacks '%s'", message, says);
    snprintf(says, sizeof says, "); and %d more (all of them: -v)", all - some);
    ck_assert_msg(strstr(message, says) != NULL, "'%s' lacks '%s'", message, says);
    free_set(s);
}

/* A wholly other file; then one whose long names leave room for few. */
START_TEST(of_many_misfits_the_first_are_named) {
    char name[2][299];
    set s = make_set("mobilenetv1_025");
    s.n = 1;
    s.list[0].name = "unrelated";
    expect_named(&s, 4, 138);
    s = make_set("mobilenetv1_025");
    for (int i = 0; i < 2; i++) {
        snprintf(name[i], sizeof name[i], "%0*d", (int)sizeof name[i] - 1, i);
        s.list[i].name = name[i];
    }
    expect_named(&s, 3, 4);
}
END_TEST

START_TEST(the_file_names_its_family_and_preprocessing) {
    char message[1000];
    ln_model *m;
    set s = make_set("mobilenetv1_025");
    ln_str labels = {0};
    ln_str_add(&labels, "background\n");
    for (int i = 0; i < 1000; i++) ln_str_add(&labels, "label %d\r\n", i);
    ln_meta meta[] = {{"family", "mobilenetv1_025"},
                      {"preprocessing",
                       "{\"size\":96,\"crop_pct\":0.9,\"resize\":110,\"interpolation\":"
                       "\"bilinear\",\"antialias\":false,\"channels\":\"bgr\",\"scale\":1,"
                       "\"mean\":[1,2,3],\"std\":[4,5,6]}"},
                      {"labels", labels.p}};
    ln_model_params p = {.model = store(&s, meta, 3)};
    ck_assert_msg(ln_test_open(&p, &m, message) == LINNET_OK, "%s", message);
    const ln_preprocess *q = ln_model_prep(m);
    ck_assert_int_eq(q->size, 96);
    ck_assert_int_eq(q->resize, 110);
    ck_assert(q->bgr && !q->antialias && q->interp == LN_INTERP_BILINEAR);
    ck_assert_float_eq(q->scale, 1.0f);
    ck_assert_float_eq(q->std[2], 6.0f);
    ck_assert_str_eq(ln_model_name(m), "mobilenetv1_025");
    ck_assert_str_eq(ln_model_label(m, 999), "label 999");
    ck_assert_str_eq(ln_model_label(m, 0), "label 0");
    ck_assert_ptr_null(ln_model_label(m, -1));
    ck_assert_int_eq(ln_model_classes(m), 1000);
    ck_assert_str_eq(ln_model_row(m)->name, "mobilenetv1_025");
    ln_model_close(&m);

    static const char *const bad[] = {
        "{\"size\":0}",
        "{\"size\":1.5}",
        "{\"mean\":[1,2]}",
        "{\"std\":[0,1,1]}",
        "{\"channels\":\"hsv\"}",
        "{\"antialias\":1}",
        "{\"crop_pct\":2}",
        "{\"interpolation\":3}",
        "[]",
        "{",
        "{\"mean\":7}",
        "{\"std\":[1,1,\"1\"]}",
    };
    for (size_t i = 0; i < LN_COUNT(bad); i++) {
        meta[1].value = bad[i];
        p.model = store(&s, meta, 2);
        ck_assert_msg(ln_test_open(&p, &m, message) == LINNET_ERR_BAD_FILE, "taken: %s", bad[i]);
        ck_assert_ptr_nonnull(strstr(message, "preprocessing"));
    }
    p.model = store(&s, NULL, 0);
    ck_assert_int_eq(ln_test_open(&p, &m, message), LINNET_ERR_INVALID_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(message, "--arch"));
    meta[2] = (ln_meta){"labels", "one\ntwo"};
    p.model = store(&s, meta + 2, 1);
    p.arch = "mobilenetv1_025";
    ck_assert_int_eq(ln_test_open(&p, &m, message), LINNET_ERR_BAD_FILE);
    ck_assert_ptr_nonnull(strstr(message, "2 labels for 1000 classes"));
    p.labels = file_of("own.txt", labels.p, labels.len); /* overrides what the file says */
    ck_assert_msg(ln_test_open(&p, &m, message) == LINNET_OK, "%s", message);
    ck_assert_str_eq(ln_model_label(m, 5), "label 5");
    ln_model_close(&m);
    p.labels = file_of("nul.txt", "a\0b", 3);
    ck_assert_int_eq(ln_test_open(&p, &m, message), LINNET_ERR_BAD_FILE);
    ln_str_free(&labels);
    free_set(&s);
}
END_TEST

/* A missing, a renamed and a misshapen tensor of one network of each family. */
START_TEST(misfits_in_every_family) {
    static const char *const models[] = {"mobilenetv1_100h",       "tv_mobilenet_v2",
                                         "tf_efficientnet_lite0",  "mobilenetv3_small_050",
                                         "tv_mobilenet_v3_small",  "mobilenetv4_hybrid_medium",
                                         "tv_efficientnet_b0",     "tv_mnasnet1_0",
                                         "mobilenet_edgetpu_v2_m", "shufflenetv1_1.0x_g3",
                                         "tv_shufflenet_v2_x0_5",  "mobilevit_xxs",
                                         "mobilevitv2_050",        "mobilevitv3_xxs",
                                         "nasnetamobile",          "tv_vgg16"};
    for (size_t i = 0; i < LN_COUNT(models); i++) {
        char message[1000], want[200];
        set s = make_set(models[i]);
        ln_weight *first = &s.list[0], *middle = &s.list[s.n / 2], *last = &s.list[s.n - 1];
        snprintf(want, sizeof want, "%s missing", middle->name);
        char moved[200];
        snprintf(moved, sizeof moved, "%s is ", first->name);
        middle->name = "renamed";
        ck_assert_int_eq(first->shape.rank, 4);
        first->shape = (ln_shape){2, {first->shape.dim[0], first->stride[0]}};
        ln_row_major(&first->shape, first->stride);
        s.n--; /* the last is not written at all */
        char gone[200];
        snprintf(gone, sizeof gone, "%s missing", last->name);
        ck_assert_int_eq(build_from(store_hollow(&s), models[i], message), LINNET_ERR_BAD_FILE);
        ck_assert_msg(strstr(message, "4 tensors") && strstr(message, want) &&
                          strstr(message, moved) && strstr(message, gone) &&
                          strstr(message, "renamed unexpected"),
                      "%s", message);
        free_set(&s);
    }
}
END_TEST

/* Weights stored as half or double give the logits of the rounded weights: close to f32's. */
START_TEST(other_float_types) {
    set s = make_set("mobilenetv1_025");
    float *y[3] = {0};
    for (int kind = 0; kind < 3; kind++) {
        static const ln_dtype types[3] = {LN_F32, LN_F16, LN_F64};
        ln_pool pool = {0};
        for (size_t i = 0; i < s.n; i++) {
            ln_weight *t = &s.list[i];
            int64_t n = 1;
            for (int d = 0; d < t->shape.rank; d++) n *= t->shape.dim[d];
            const float *from = ln_weights_at(s.w, i)->data;
            double *f64 = ln_pool_alloc(&pool, (size_t)n, sizeof *f64);
            uint16_t *f16 = ln_pool_alloc(&pool, (size_t)n, sizeof *f16);
            for (int64_t k = 0; k < n; k++)
                f64[k] = (double)from[k], f16[k] = ln_f32_to_f16(from[k]);
            t->dtype = types[kind];
            t->data = kind == 0 ? (const void *)from : kind == 1 ? (void *)f16 : (void *)f64;
        }
        linnet_error err = {0};
        ln_model *m;
        ln_graph *g;
        ln_ref *r;
        ln_model_params p = {.model = store(&s, NULL, 0), .arch = "mobilenetv1_025"};
        ck_assert_int_eq(ln_test_open(&p, &m, NULL), LINNET_OK);
        ck_assert_int_eq(ln_model_graph(m, 1, 96, 96, &g, &err), LINNET_OK);
        ck_assert_int_eq(ln_ref_create(g, &r, &err), LINNET_OK);
        float *x = malloc(96 * 96 * 3 * sizeof *x);
        ln_synthetic_image(0, 1, 96, 96, x);
        ck_assert_int_eq(ln_ref_set(r, g->input[0], x, &err), LINNET_OK);
        ck_assert_int_eq(ln_ref_run(r, false, &err), LINNET_OK);
        y[kind] = malloc(1000 * sizeof(float));
        memcpy(y[kind], r->value[g->output[0]], 1000 * sizeof(float));
        ln_ref_destroy(&r);
        ln_graph_destroy(&g);
        ln_model_close(&m);
        ln_pool_free(&pool);
        free(x);
    }
    double half = 0;
    for (int i = 0; i < 1000; i++) {
        half = fmax(half, fabs((double)y[1][i] - (double)y[0][i]));
        ck_assert_float_eq(y[2][i], y[0][i]);
    }
    ck_assert(half > 0 && half < 0.02);
    for (int i = 0; i < 3; i++) free(y[i]);
    free_set(&s);
}
END_TEST

CHECK_MAIN("model", names, published_figures_are_explained, blocks_alone_are_those_of_the_networks,
           layers_alone_are_those_of_the_networks, no_weights, every_misfit_is_named_at_once,
           of_many_misfits_the_first_are_named, the_file_names_its_family_and_preprocessing,
           misfits_in_every_family, other_float_types)
