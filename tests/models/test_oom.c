/* Every allocation of opening, building and converting fails in turn: a clean error each time. */
#include "models/build.h"
#include "models/model.h"
#include "tests/check_main.h"
#include "tests/models/files.h"
#include "tests/models/onnxwrite.h"
#include "tests/oom.h"

typedef linnet_status (*act)(const char *path, linnet_error *err);

/* Runs fn with the 1st, 2nd, ... allocation failing until it succeeds. */
static void fail_each(act fn, const char *path) {
    for (long n = 1; n < 100000; n++) {
        linnet_error err = {0};
        oom_fail_nth(n);
        linnet_status st = fn(path, &err);
        const bool failed = oom_has_failed();
        oom_fail_nth(0);
        if (st == LINNET_OK && failed) continue; /* it did without */
        if (st == LINNET_OK) {
            ck_assert_int_gt(n, 3);
            return;
        }
        ck_assert_msg(st == LINNET_ERR_OUT_OF_MEMORY || st == LINNET_ERR_IO,
                      "allocation %ld: status %d: %s", n, st, err.message);
        ck_assert_uint_gt(strlen(err.message), 0);
    }
    ck_abort_msg("never succeeded");
}

static linnet_status open_and_build(const char *path, linnet_error *err) {
    ln_model *m;
    ln_graph *g = NULL;
    ln_model_params p = {.model = path ? path : "mobilenetv1_025", .synthetic = !path};
    LN_TRY(ln_model_open(&p, &m, err));
    linnet_status st = ln_model_graph(m, 1, 96, 96, &g, err);
    ln_graph_destroy(&g);
    ln_model_close(&m);
    return st;
}

/* An ONNX file: reader, bound shapes, metadata, converters. */
static linnet_status open_onnx(const char *path, linnet_error *err) {
    static const char *const shapes[] = {"x=2x3x8x8"};
    ln_model *m;
    ln_graph *g = NULL;
    ln_model_params p = {.model = path, .shape = shapes, .n_shape = 1};
    LN_TRY(ln_model_open(&p, &m, err));
    linnet_status st = ln_model_graph(m, 0, 0, 0, &g, err);
    ln_graph_destroy(&g);
    ln_model_close(&m);
    return st;
}

START_TEST(onnx_file) {
    static const float w[6] = {1, 2, 3, 4, 5, 6};
    ln_str g = {0}, prop = {0}, to = ow_tensor("to", LN_ONNX_INT64, "2");
    const int64_t whole[] = {0, -1};
    pw_packed(&to, 7, whole, 2);
    ow_init(&g, &to);
    ow_floats(&g, "w", "2,3,1,1", w, 6);
    /* out of order, so that the reader has to sort */
    ow_node(&g, "Reshape", "c,to", "y", NULL);
    ow_node(&g, "Conv", "x,w", "c", NULL);
    ow_value(&g, 11, "x", LN_ONNX_FLOAT, "N,3,8,8");
    ow_value(&g, 12, "y", LN_ONNX_FLOAT, "N,?");
    ln_str m = ow_model(&g, 8, 17);
    pw_text(&prop, 1, "names");
    pw_text(&prop, 2, "{0: 'a', 1: 'b'}");
    pw_message(&m, 14, &prop);
    fail_each(open_onnx, file_of("m.onnx", m.p, m.len));
    ln_str_free(&m);
}
END_TEST

/* Blocks of every kind, and the averaging of an odd map, without weights. */
static linnet_status shapes(const char *model, linnet_error *err) {
    ln_model *m;
    ln_graph *g = NULL;
    ln_model_params p = {.model = model, .shape_only = true};
    LN_TRY(ln_model_open(&p, &m, err));
    int side = strstr(model, "vgg") ? 160 : 0;
    linnet_status st = ln_model_graph(m, 1, side, side, &g, err);
    ln_graph_destroy(&g);
    ln_model_close(&m);
    return st;
}

START_TEST(every_block) {
    static const char *const models[] = {"mobilenetv3_small_050",
                                         "mobilenetv4_hybrid_medium",
                                         "mobilenetv4_conv_blur_medium",
                                         "mobilenet_edgetpu_v2_m",
                                         "mobilevit_xxs",
                                         "mobilevitv2_050",
                                         "mobilevitv3_xxs",
                                         "nasnetamobile",
                                         "shufflenetv1_1.0x_g3",
                                         "tv_shufflenet_v2_x0_5",
                                         "tv_vgg16",
                                         "vgg16_bn"};
    for (size_t i = 0; i < LN_COUNT(models); i++) fail_each(shapes, models[i]);
}
END_TEST

static linnet_status convert(const char *path, linnet_error *err) {
    return ln_convert(path, scratch("copy.safetensors"), NULL, NULL, err);
}

static linnet_status write_graph(const char *path, linnet_error *err) {
    ln_model *m;
    ln_graph *g = NULL;
    ln_model_params p = {.model = "mobilenetv1_025", .synthetic = true};
    LN_TRY(ln_model_open(&p, &m, err));
    linnet_status st = ln_model_graph(m, 1, 32, 32, &g, err);
    if (st == LINNET_OK) st = ln_graph_write(g, path, err);
    ln_graph_destroy(&g);
    ln_model_close(&m);
    return st;
}

static const char *stored_model(void) {
    linnet_error err = {0};
    ln_weights *w;
    ln_graph *g;
    ln_str labels = {0};
    const ln_family_row *r = ln_family_find("mobilenetv1_025", &err);
    ck_assert_int_eq(ln_synthetic_open(1, &w, &err), LINNET_OK);
    ck_assert_int_eq(ln_network_build(r->arch, r->name, 1000, w, 1, 96, 96, &g, &err), LINNET_OK);
    ln_weight *list = calloc(ln_weights_count(w), sizeof *list);
    for (size_t i = 0; i < ln_weights_count(w); i++) list[i] = *ln_weights_at(w, i);
    for (int i = 0; i < 1000; i++) ln_str_add(&labels, "%d\n", i);
    ln_meta meta[] = {
        {"family", r->name}, {"labels", labels.p}, {"preprocessing", "{\"size\":96}"}};
    const char *path = scratch("stored.safetensors");
    ck_assert_int_eq(ln_safetensors_write(path, list, ln_weights_count(w), meta, 3, &err),
                     LINNET_OK);
    free(list);
    ln_str_free(&labels);
    ln_graph_destroy(&g);
    ln_weights_close(&w);
    return path;
}

static linnet_status prune(const char *path, linnet_error *err) {
    static const ln_prune_params half = {.channels = 0.5};
    ln_model_params p = {.model = "mobilenetv1_025", .synthetic = true};
    ln_model *m;
    ln_pruning r;
    (void)path;
    LN_TRY(ln_model_open(&p, &m, err));
    linnet_status st = ln_prune(m, &half, 32, 32, scratch("pruned.safetensors"), &r, err);
    if (st == LINNET_OK) ln_pruning_free(&r);
    ln_model_close(&m);
    return st;
}

START_TEST(pruning) {
    fail_each(prune, NULL);
}
END_TEST

START_TEST(synthetic) {
    fail_each(open_and_build, NULL);
}
END_TEST

START_TEST(file) {
    fail_each(open_and_build, stored_model());
}
END_TEST

START_TEST(conversion) {
    char path[300];
    snprintf(path, sizeof path, "%s", stored_model());
    fail_each(convert, path);
}
END_TEST

START_TEST(whole_graph) {
    char path[300];
    snprintf(path, sizeof path, "%s", scratch("graph.safetensors"));
    fail_each(write_graph, path);
}
END_TEST

static linnet_status open_torch(const char *path, linnet_error *err) {
    ln_weights *w;
    LN_TRY(ln_weights_open(path, &w, err));
    ln_weights_close(&w);
    return LINNET_OK;
}

START_TEST(checkpoint) {
    static const float six[6];
    ln_shape shape = {2, {2, 3}};
    int64_t stride[2] = {3, 1};
    for (int legacy = 0; legacy < 2; legacy++) {
        ln_str object = {0}, bytes = {0};
        ckpt_storage st = {"0", six, 6, 4};
        ln_str_put(&object, "}q\1(", 4);
        pk_text(&object, "a");
        pk_tensor(&object, legacy, "FloatStorage", "0", 6, 0, &shape, stride);
        ln_str_put(&object, "u", 1);
        if (legacy)
            ckpt_legacy(&bytes, &object, &st, 1);
        else
            ckpt_zip(&bytes, &object, &st, 1);
        fail_each(open_torch, file_of("small.pth", bytes.p, bytes.len));
        ln_str_free(&object);
        ln_str_free(&bytes);
    }
}
END_TEST

CHECK_MAIN("oom", synthetic, every_block, onnx_file, file, conversion, whole_graph, checkpoint,
           pruning)
