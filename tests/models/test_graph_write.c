/* Graphs as files: nodes and constants come back as they were, attributes as JSON. */
#include "models/model.h"
#include "tests/check_main.h"
#include "tests/models/files.h"

#include <cjson/cJSON.h>
#include <math.h>

static ln_graph *small_network(bool shape_only) {
    linnet_error err = {0};
    ln_model *m;
    ln_graph *g = NULL;
    ln_model_params p = {
        .model = "mobilenetv1_025", .synthetic = !shape_only, .seed = 1, .shape_only = shape_only};
    ck_assert_int_eq(ln_model_open(&p, &m, &err), LINNET_OK);
    ck_assert_int_eq(ln_model_graph(m, 2, 32, 32, &g, &err), LINNET_OK);
    static ln_model *kept; /* the constants are the model's */
    ln_model_close(&kept);
    kept = m;
    return g;
}

/* Writes g and opens the file; the JSON of its metadata in *json. */
static ln_weights *through_file(const ln_graph *g, cJSON **json) {
    linnet_error err = {0};
    ln_weights *w;
    const char *path = scratch("graph.safetensors");
    ck_assert_msg(ln_graph_write(g, path, &err) == LINNET_OK, "%s", err.message);
    ck_assert_msg(ln_safetensors_open(path, &w, &err) == LINNET_OK, "%s", err.message);
    *json = cJSON_Parse(ln_weights_meta(w, "graph"));
    ck_assert_ptr_nonnull(*json);
    return w;
}

static cJSON *get(cJSON *object, const char *list, int i) {
    return cJSON_GetArrayItem(cJSON_GetObjectItem(object, list), i);
}

static void same_ints(cJSON *object, const char *key, const int *want, int n) {
    ck_assert_int_eq(cJSON_GetArraySize(cJSON_GetObjectItem(object, key)), n);
    for (int i = 0; i < n; i++) ck_assert_int_eq(get(object, key, i)->valueint, want[i]);
}

static void same_constant(const ln_graph *g, ln_tid t, ln_weights *w) {
    linnet_error err = {0};
    char name[16];
    int64_t count;
    snprintf(name, sizeof name, "%d", t);
    const ln_weight *c = ln_weights_find(w, name, NULL, &err);
    ck_assert_ptr_nonnull(c);
    ck_assert(ln_shape_equal(&c->shape, &g->tensor[t].shape));
    ck_assert(ln_shape_count(&c->shape, &count));
    float *want = malloc((size_t)count * sizeof *want);
    ck_assert_int_eq(ln_const_copy_f32(g, t, want, &err), LINNET_OK);
    ck_assert_int_eq(memcmp(want, c->data, (size_t)count * sizeof *want), 0);
    free(want);
}

START_TEST(network) {
    ln_graph *g = small_network(false);
    cJSON *json;
    g->node[0].attr.conv.interleaved = true;
    ln_weights *w = through_file(g, &json);
    ck_assert_str_eq(cJSON_GetObjectItem(json, "name")->valuestring, g->name);
    same_ints(json, "inputs", g->input, g->n_input);
    same_ints(json, "outputs", g->output, g->n_output);
    size_t constants = 0;
    for (int i = 0; i < g->n_tensor; i++) {
        cJSON *t = get(json, "tensors", i);
        ck_assert_str_eq(cJSON_GetObjectItem(t, "name")->valuestring, g->tensor[i].name);
        const bool constant = g->tensor[i].kind == LN_TENSOR_CONST;
        ck_assert_int_eq(cJSON_IsTrue(cJSON_GetObjectItem(t, "constant")), constant);
        if (constant) same_constant(g, i, w);
        constants += constant;
    }
    ck_assert_uint_eq(ln_weights_count(w), constants);
    ck_assert_int_eq(cJSON_GetArraySize(cJSON_GetObjectItem(json, "nodes")), g->n_node);
    for (int i = 0; i < g->n_node; i++) {
        cJSON *n = get(json, "nodes", i);
        ck_assert_str_eq(cJSON_GetObjectItem(n, "op")->valuestring,
                         ln_op_infos[g->node[i].op].name);
        same_ints(n, "in", g->node[i].in, g->node[i].n_in);
        same_ints(n, "out", g->node[i].out, g->node[i].n_out);
    }
    const ln_window *win = &g->node[0].attr.conv.win;
    ck_assert(cJSON_IsTrue(cJSON_GetObjectItem(get(json, "nodes", 0), "interleaved")));
    ck_assert(!cJSON_HasObjectItem(get(json, "nodes", 1), "interleaved"));
    same_ints(get(json, "nodes", 0), "stride", (int[]){2, 2}, 2);
    same_ints(get(json, "nodes", 0), "pad", (int[]){win->top, win->left, win->bottom, win->right},
              4);
    cJSON_Delete(json);
    ln_weights_close(&w);
    ln_graph_destroy(&g);
}
END_TEST

/* Two activations of one node have names of their own. */
START_TEST(both_activations) {
    linnet_error err = {0};
    ln_graph *g;
    cJSON *json;
    float *data;
    ck_assert_int_eq(ln_graph_create("g", &g, &err), LINNET_OK);
    const ln_tid in[] = {ln_graph_input(g, "x", ln_nhwc(1, 4, 4, 8), &err),
                         ln_graph_const_new(g, "w1", ln_nhwc(2, 1, 1, 8), &data, &err),
                         ln_graph_const_new(g, "w2", ln_nhwc(8, 1, 1, 2), &data, &err)};
    const ln_attr a = {.se = {ln_act_of(LN_ACT_SWISH), ln_act_of(LN_ACT_SIGMOID)}};
    const ln_tid y = ln_graph_node(g, LN_OP_SE, "se", &a, in, 3, &err);
    ck_assert_msg(y >= 0, "%s", err.message);
    ck_assert_int_eq(ln_graph_output(g, y, &err), LINNET_OK);
    ln_weights *w = through_file(g, &json);
    ck_assert_ptr_nonnull(strstr(ln_weights_meta(w, "graph"),
                                 "\"act\":{\"kind\":\"swish\"},\"gate\":{\"kind\":\"sigmoid\"}"));
    cJSON_Delete(json);
    ln_weights_close(&w);
    ln_graph_destroy(&g);
}
END_TEST

/* The size of a transposed convolution's output is an attribute. */
START_TEST(transposed) {
    linnet_error err = {0};
    ln_graph *g;
    cJSON *json;
    float *data;
    ck_assert_int_eq(ln_graph_create("g", &g, &err), LINNET_OK);
    const ln_tid in[] = {ln_graph_input(g, "x", ln_nhwc(1, 4, 4, 2), &err),
                         ln_graph_const_new(g, "w", ln_nhwc(3, 2, 2, 2), &data, &err)};
    const ln_attr a = {
        .conv = {.win = {2, 2, 2, 2, 1, 1, 0, 0, 0, 0}, .groups = 1, .h = 8, .w = 9}};
    ck_assert_int_ge(ln_graph_node(g, LN_OP_CONV_TRANSPOSE, "t", &a, in, 2, &err), 0);
    ln_weights *w = through_file(g, &json);
    ck_assert_ptr_nonnull(
        strstr(ln_weights_meta(w, "graph"),
               "\"op\":\"conv_transpose\",\"in\":[0,1],\"out\":[2],\"size\":[8,9],"
               "\"kernel\":[2,2]"));
    cJSON_Delete(json);
    ln_weights_close(&w);
    ln_graph_destroy(&g);
}
END_TEST

static ln_tid add(ln_graph *g, ln_op op, ln_attr attr, ln_tid a, ln_tid b, ln_tid c) {
    linnet_error err = {0};
    ln_tid in[] = {a, b, c};
    int n = c >= 0 ? 3 : b >= 0 ? 2 : 1;
    ln_tid t = ln_graph_node(g, op, "a \"node\"", &attr, in, n, &err);
    ck_assert_msg(t >= 0, "%s", err.message);
    return t;
}

/* What the attributes of each op look like, and that a name is quoted. */
static const struct {
    ln_op op;
    ln_attr attr;
    const char *says;
} rows[] = {
    {LN_OP_ACT,
     {.act = {LN_ACT_CLAMP, 0, INFINITY, 0, 0}},
     "\"act\":{\"kind\":\"clamp\",\"lo\":0,\"hi\":null}"},
    {LN_OP_ACT,
     {.act = {LN_ACT_HARD_SIGMOID, 0, 0, 0.25f, 0.5f}},
     "\"act\":{\"kind\":\"hard_sigmoid\",\"alpha\":0.25,\"beta\":0.5}"},
    {LN_OP_POOL,
     {.pool = {.kind = LN_POOL_MAX, .global = true}},
     "\"kind\":\"max\",\"global\":true"},
    {LN_OP_POOL,
     {.pool = {.kind = LN_POOL_MAX, .global = true, .indices = LN_INDICES_COLUMNS}},
     "\"global\":true,\"indices\":\"columns\""},
    {LN_OP_POOL,
     {.pool = {.kind = LN_POOL_AVG, .count_pad = true, .win = {2, 2, 2, 2, 1, 1, 0, 0, 0, 0}}},
     "\"kernel\":[2,2],\"stride\":[2,2],\"dilation\":[1,1],\"pad\":[0,0,0,0],\"count_pad\":true,"
     "\"ceil\":[0,0]"},
    {LN_OP_CHANNEL_SHUFFLE, {.shuffle = {4}}, "\"groups\":4"},
    {LN_OP_CONCAT, {.concat = {2, 2, 4}}, "\"groups\":2,\"begin\":2,\"size\":4"},
    {LN_OP_LAYER_NORM, {.norm = {.eps = 0.5f}}, "\"eps\":0.5"},
    {LN_OP_GROUP_NORM, {.norm = {.eps = 0.5f, .groups = 2}}, "\"groups\":2,\"eps\":0.5"},
    {LN_OP_SLICE,
     {.slice = {.begin = {0, 0, 0, 2}, .step = {1, 1, 1, 1}, .size = {4, {1, 4, 4, 6}}}},
     "\"begin\":[0,0,0,2],\"step\":[1,1,1,1]"},
    {LN_OP_PAD,
     {.pad = {.before = {0, 1, 1, 0}, .value = 0.5f}},
     "\"before\":[0,1,1,0],\"after\":[0,0,0,0],\"value\":0.5,\"mode\":\"constant\""},
    {LN_OP_PAD, {.pad = {.after = {0, 1, 1, 0}, .mode = LN_PAD_REFLECT}}, "\"mode\":\"reflect\""},
    {LN_OP_CONCAT, {.concat = {.back = 2}}, "\"back\":2"},
    {LN_OP_TOPK, {.topk = {3, true}}, "\"smallest\":true"},
    {LN_OP_PERMUTE, {.permute = {{0, 3, 1, 2}}}, "\"perm\":[0,3,1,2]"},
    {LN_OP_RESIZE,
     {.resize = {.kind = LN_RESIZE_LINEAR,
                 .grid = LN_GRID_ALIGN_CORNERS,
                 .antialias = true,
                 .cubic_a = -0.75f,
                 .axis = {[1] = {8, 2, 0, 1}}}},
     "\"kind\":\"linear\",\"grid\":\"align_corners\",\"round\":\"floor\",\"number\":\"double\","
     "\"antialias\":true,"
     "\"exclude_outside\":false,\"cubic_a\":-0.75,\"outside\":0,\"axes\":[{\"size\":0,\"scale\":0,"
     "\"from\":0,\"to\":0},{\"size\":8,\"scale\":2,\"from\":0,\"to\":1},"},
    {LN_OP_MAP, {.map = {LN_MAP_ELU, 0.5f, 0.0f}}, "\"kind\":\"elu\",\"alpha\":0.5,\"beta\":0"},
    {LN_OP_REDUCE,
     {.reduce = {LN_REDUCE_MEAN, 6, true, false}},
     "\"kind\":\"mean\",\"axes\":[1,2],\"keep\":true,\"last\":false"},
    {LN_OP_ATTENTION,
     {.attention = {.heads = 2,
                    .kv_heads = 1,
                    .dim = 4,
                    .vdim = 4,
                    .patch_h = 1,
                    .patch_w = 1,
                    .scale = 0.5f}},
     "\"heads\":2,\"kv_heads\":1,\"dim\":4,\"vdim\":4,\"q_at\":0,\"k_at\":0,\"v_at\":0,"
     "\"patch\":[1,1],\"scale\":0.5"},
    {LN_OP_LINEAR_ATTENTION,
     {.linear = {.dim = 3, .patch_h = 2, .patch_w = 2}},
     "\"dim\":3,\"patch\":[2,2]"},
};

START_TEST(attributes) {
    for (size_t i = 0; i < LN_COUNT(rows); i++) {
        linnet_error err = {0};
        ln_graph *g;
        cJSON *json;
        ck_assert_int_eq(ln_graph_create("g", &g, &err), LINNET_OK);
        const int64_t c = rows[i].op == LN_OP_LINEAR_ATTENTION ? 7 : 8;
        ln_tid x = ln_graph_input(g, "x", ln_nhwc(1, 4, 4, c), &err);
        const bool three = rows[i].op == LN_OP_ATTENTION;
        ln_tid y = add(g, rows[i].op, rows[i].attr, x, three ? x : -1, three ? x : -1);
        ck_assert_int_eq(ln_graph_output(g, y, &err), LINNET_OK);
        ln_weights *w = through_file(g, &json);
        ck_assert_msg(strstr(ln_weights_meta(w, "graph"), rows[i].says), "'%s' has no '%s'",
                      ln_weights_meta(w, "graph"), rows[i].says);
        ck_assert_str_eq(cJSON_GetObjectItem(get(json, "nodes", 0), "name")->valuestring,
                         "a \"node\"");
        cJSON_Delete(json);
        ln_weights_close(&w);
        ln_graph_destroy(&g);
    }
}
END_TEST

START_TEST(refusals) {
    linnet_error err = {0};
    ln_graph *g = small_network(true);
    ck_assert_int_ne(ln_graph_write(g, scratch("none.safetensors"), &err), LINNET_OK);
    ck_assert_ptr_nonnull(strstr(err.message, "conv_stem.weight"));
    ln_graph_destroy(&g);
    g = small_network(false);
    ck_assert_int_eq(ln_graph_write(g, "/no/such/folder/g.safetensors", &err), LINNET_ERR_IO);
    ln_graph_destroy(&g);
}
END_TEST

CHECK_MAIN("graph_write", network, attributes, both_activations, transposed, refusals)
