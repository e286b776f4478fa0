/* Inputs of other sizes and batches: what is taken, and what is refused with its reason. */
#include "models/model.h"
#include "tests/models/files.h"

#include "tests/check_main.h"

#include <stdlib.h>
#include <string.h>

START_TEST(sizes_and_batches) {
    linnet_error err = {0};
    ln_model *m;
    ln_graph *g;
    ln_model_params p = {.model = "mobilenetv1_025", .shape_only = true};
    ck_assert_int_eq(ln_test_open(&p, &m, NULL), LINNET_OK);
    ck_assert_int_eq(ln_model_graph(m, 3, 160, 192, &g, &err), LINNET_OK);
    ck_assert_int_eq(g->tensor[g->input[0]].shape.dim[1], 160);
    ck_assert_int_eq(g->tensor[g->input[0]].shape.dim[2], 192);
    ck_assert_int_eq(g->tensor[g->output[0]].shape.dim[0], 3);
    ln_graph_destroy(&g);
    ck_assert_int_eq(ln_model_graph(m, 1, 225, 225, &g, &err), LINNET_OK);
    ln_graph_destroy(&g);
    ck_assert_int_eq(ln_model_graph(m, 0, 0, 0, &g, &err), LINNET_OK); /* the model's own */
    ck_assert_int_eq(g->tensor[g->input[0]].shape.dim[0], 1);
    ck_assert_int_eq(g->tensor[g->input[0]].shape.dim[1], 224);
    ln_graph_destroy(&g);
    ck_assert_int_eq(ln_model_graph(m, -1, 0, 0, &g, &err), LINNET_ERR_INVALID_ARGUMENT);
    ck_assert_int_eq(ln_model_graph(m, 1, 8, 224, &g, &err), LINNET_ERR_UNSUPPORTED);
    ck_assert_int_eq(ln_model_graph(m, 1, 224, 1 << 20, &g, &err), LINNET_ERR_UNSUPPORTED);
    ck_assert_ptr_null(g);
    ln_model_close(&m);
    ck_assert_ptr_null(m);
    ln_model_close(&m);
}
END_TEST

START_TEST(sizes_that_a_family_cannot_take) {
    static const struct {
        const char *model;
        int h, w;
        const char *says;
    } refused[] = {
        {"nasnetamobile", 225, 224, "multiples of 32"},
        {"shufflenetv1_1.0x_g8", 224, 240, "multiples of 32"},
        {"mobilevit_s", 224, 224, "map of 7x7"},
        {"mobilevitv2_100", 256, 224, "map of 8x7"},
        {"mobilevitv3_s", 288, 288, "map of 9x9"},
        {"vgg16", 192, 256, "one side is below 224"},
    };
    for (size_t i = 0; i < LN_COUNT(refused); i++) {
        linnet_error err = {0};
        ln_model *m;
        ln_graph *g;
        ln_model_params p = {.model = refused[i].model, .shape_only = true};
        ck_assert_int_eq(ln_test_open(&p, &m, NULL), LINNET_OK);
        ck_assert_int_eq(ln_model_graph(m, 1, refused[i].h, refused[i].w, &g, &err),
                         LINNET_ERR_UNSUPPORTED);
        ck_assert_ptr_null(g);
        ck_assert_msg(strstr(err.message, refused[i].says) && strstr(err.message, p.model), "%s",
                      err.message);
        ln_model_close(&m);
    }
    static const struct {
        const char *model;
        int h, w;
    } taken[] = {{"mobilevit_s", 128, 320},  {"vgg16", 256, 224},
                 {"vgg16", 160, 192},        {"tv_vgg16", 450, 230},
                 {"nasnetamobile", 96, 160}, {"shufflenetv1_1.0x_g3", 192, 160}};
    for (size_t i = 0; i < LN_COUNT(taken); i++) {
        linnet_error err = {0};
        ln_model *m;
        ln_graph *g;
        ln_model_params p = {.model = taken[i].model, .shape_only = true};
        ck_assert_int_eq(ln_test_open(&p, &m, NULL), LINNET_OK);
        ck_assert_msg(ln_model_graph(m, 2, taken[i].h, taken[i].w, &g, &err) == LINNET_OK, "%s",
                      err.message);
        ln_graph_destroy(&g);
        ln_model_close(&m);
    }
}
END_TEST

/* torchvision's VGG averages any map to 7x7: a 5x6 one by windows that overlap. */
START_TEST(adaptive_windows) {
    static const int from[2][7] = {{0, 0, 1, 2, 2, 3, 4}, {0, 0, 1, 2, 3, 4, 5}};
    static const int to[2][7] = {{1, 2, 3, 3, 4, 5, 5}, {1, 2, 3, 4, 5, 6, 6}};
    linnet_error err = {0};
    ln_model *m;
    ln_graph *g;
    ln_model_params p = {.model = "tv_vgg16", .shape_only = true};
    int found = 0;
    ck_assert_int_eq(ln_test_open(&p, &m, NULL), LINNET_OK);
    ck_assert_int_eq(ln_model_graph(m, 1, 160, 192, &g, &err), LINNET_OK);
    for (int i = 0; i < g->n_node; i++) {
        const ln_node *n = &g->node[i];
        if (n->op != LN_OP_SLICE) continue;
        const int at[2] = {found / 7, found % 7};
        for (int d = 0; d < 2; d++) {
            int64_t begin = n->attr.slice.begin[d + 1];
            ck_assert_int_eq(begin, from[d][at[d]]);
            ck_assert_int_eq(begin + n->attr.slice.size.dim[d + 1], to[d][at[d]]);
        }
        found++;
    }
    ck_assert_int_eq(found, 49);
    ck_assert_int_eq(g->params, 138357544);
    ln_graph_destroy(&g);
    ln_model_close(&m);
}
END_TEST

CHECK_MAIN("input sizes", sizes_and_batches, sizes_that_a_family_cannot_take, adaptive_windows)
