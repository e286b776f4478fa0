/* What converters refuse, with the node's name and op; and that pictures lie as kernels want them
 * without a permutation. */
#include "models/import/import.h"
#include "tests/models/onnxwrite.h"

#include "tests/check_main.h"

static linnet_error err;

typedef struct wrong {
    const char *op;
    int opset;
    const char *x; /* dimensions of the input */
    const char *w; /* of an initialiser, of -1, 0, 1, ...; NULL: none */
    int w_type;
    const char *attr; /* name */
    int64_t ints[4];
    int n; /* of ints; 0: one integer */
    const char *part;
} wrong;

enum { F = LN_ONNX_FLOAT, I = LN_ONNX_INT64 };
static const wrong list[] = {
    {"Conv", 13, "1,3,8,8", "4,2,3,3", F, NULL, {0}, 0, "weight"},
    {"Conv", 13, "1,3,8,8", "4,3,3", F, NULL, {0}, 0, "weight 4x3x3 does not fit input 1x3x8x8"},
    {"Conv", 13, "1,3,2,8", "4,3,3,3", F, NULL, {0}, 0, "fewer than the window's 3"},
    {"Conv", 13, "1,3,8,8", "4,3,3,3", F, "pads", {-1, 0, 0, 0}, 4, "pads -1,0"},
    {"Conv", 13, "1,3,8,8", "4,3,3,3", F, "pads", {1, 1}, 2, "pads has 2 values"},
    {"Conv", 13, "1,3,8,8", "4,3,3,3", F, "strides", {0, 1}, 2, "strides 0"},
    {"Conv", 13, "1,3,8,8", "4,3,3,3", F, "group", {0}, 0, "group is 0"},
    {"Conv", 13, "1,3,8,8", "4,3,3,3", F, "strides", {1}, 0, "attribute strides is of another"},
    {"ConvTranspose", 13, "1,3,8,8", "4,2,3,3", F, NULL, {0}, 0, "over input"},
    {"MaxPool", 12, "1,3,8,8", NULL, F, NULL, {0}, 0, "kernel_shape is missing"},
    {"MaxPool", 12, "3,8", NULL, F, "kernel_shape", {2}, 1, "spatial dimensions"},
    {"GlobalAveragePool", 13, "3,8", NULL, F, NULL, {0}, 0, "rank 2"},
    {"Flatten", 13, "2,3", NULL, F, "axis", {3}, 0, "axis 3 is outside rank 2"},
    {"Softmax", 13, "2,3", NULL, F, "axis", {-3}, 0, "axis -3 is outside rank 2"},
    {"Transpose", 13, "2,3", NULL, F, "perm", {0, 0}, 2, "perm is no order"},
    {"Concat", 13, "2,3", "2,3,1", F, "axis", {0}, 0, "different rank"},
    {"Add", 13, "2,3", "2", F, NULL, {0}, 0, "2x3 does not go with 2"},
    {"Add", 6, "2,3", "2", F, NULL, {0}, 0, "does not go with"},
    {"MatMul", 13, "2,3", "2,3", F, NULL, {0}, 0, "2x3 does not go with 2x3"},
    {"Gemm", 13, "2,3,4", "2,3", F, NULL, {0}, 0, "rank 3 and 2"},
    {"Reshape", 13, "2,3", "5", I, NULL, {0}, 0, "2x3 cannot become 0x3x1x2x3"},
    {"Squeeze", 13, "2,3", "1", I, NULL, {0}, 0, "dimension 1 is 3, not 1"},
    {"Unsqueeze", 11, "2,3", NULL, F, "axes", {0, 0}, 2, "an axis is named twice"},
    {"Tile", 13, "2,3", "2", I, NULL, {0}, 0, "is repeated -1 times"},
    {"Expand", 13, "2,3", "2", I, NULL, {0}, 0, "dimension 0 is -1"},
    {"TopK", 13, "2,3", "1", I, NULL, {0}, 0, "the best -1 of dimension 1 of 2x3"},
    {"Pad", 13, "2,3", "2", I, NULL, {0}, 0, "2 sizes for 2 dimensions"},
    {"Resize", 10, "1,1,4,4", "4", F, NULL, {0}, 0, "scale -1"},
    {"Resize", 10, "1,1,4,4", "2", F, NULL, {0}, 0, "2 sizes or scales for 4 dimensions"},
    {"DepthToSpace",
     13,
     "1,3,4,4",
     NULL,
     F,
     "blocksize",
     {2},
     0,
     "3 channels are no multiple of 4"},
    {"SpaceToDepth", 13, "1,3,5,4", NULL, F, "blocksize", {2}, 0, "5x4 pixels"},
    {"Cast", 13, "2", NULL, F, "to", {8}, 0, "a cast to string"},
    {"Cast", 13, "2", NULL, F, "to", {-1}, 0, "is not supported"},
    {"BatchNormalization", 13, "1,3,4,4", NULL, F, NULL, {0}, 0, "1 inputs, 5 to 5 are needed"},
    {"Split", 11, "6", NULL, F, "split", {7}, 1, "part 0 of 7"},
    {"Slice", 9, "6", NULL, F, "starts", {1}, 1, "1 starts, 0 ends"},
    {"Einsum", 13, "2,2", NULL, F, NULL, {0}, 0, "operand 0 has rank 2, the equation 0 labels"},
    {"Mod", 13, "2", "2", F, "fmod", {1}, 0, "fmod"},
    {"HardSwish", 13, "2", NULL, F, NULL, {0}, 0, "operator set 13"},
};

/* The i-th weight is i - 1. */
static void add_weight(ln_str *g, const wrong *w) {
    ln_str t = ow_tensor("w", w->w_type, w->w);
    int64_t n = 1;
    for (const char *p = w->w; *p; p++)
        if (p == w->w || p[-1] == ',') n *= strtoll(p, NULL, 10);
    for (int64_t i = 0; i < n; i++)
        if (w->w_type == F)
            pw_float(&t, 4, (float)(i - 1));
        else
            pw_int(&t, 7, i - 1);
    ow_init(g, &t);
}

static linnet_status import(const wrong *w, ln_graph **out) {
    ln_str g = {0}, attrs = {0};
    ln_net *m = NULL;
    if (w->attr && w->n) ow_attr_ints(&attrs, w->attr, w->ints, (size_t)w->n);
    if (w->attr && !w->n) ow_attr_int(&attrs, w->attr, w->ints[0]);
    ow_node(&g, w->op, w->w ? "x,w" : "x", "y", &attrs);
    ow_value(&g, 11, "x", F, w->x);
    ow_value(&g, 12, "y", F, NULL);
    if (w->w) add_weight(&g, w);
    ln_str text = ow_model(&g, 8, w->opset);
    ck_assert_msg(ow_open(&text, &m, &err) == LINNET_OK, "%s: %s", w->op, err.message);
    ln_net_bind bind = {.planar = true, .shape = {.rank = m->input[0].rank}};
    for (int i = 0; i < bind.shape.rank; i++) bind.shape.dim[i] = m->input[0].dim[i].value;
    const linnet_status s = ln_net_graph(m, &bind, out, &err);
    ln_onnx_close(&m);
    return s;
}

START_TEST(refusals_name_the_node) {
    const wrong *w = &list[_i];
    ln_graph *g;
    char node[64];
    ck_assert_msg(import(w, &g) == LINNET_ERR_UNSUPPORTED, "%s is taken", w->op);
    ck_assert_ptr_null(g);
    snprintf(node, sizeof node, "node y (%s): ", w->op);
    ck_assert_msg(strstr(err.message, node) != NULL, "%s: %s", w->op, err.message);
    ck_assert_msg(strstr(err.message, w->part) != NULL, "%s: %s", w->op, err.message);
}
END_TEST

START_TEST(pictures_stay_as_they_lie) {
    static const wrong ok[] = {
        {"Conv", 13, "1,3,8,8", "4,3,3,3", F, NULL, {0}, 0, NULL},
        {"MaxPool", 12, "1,3,8,8", NULL, F, "kernel_shape", {2, 2}, 2, NULL},
        {"Add", 13, "1,3,8,8", "3,1,1", F, NULL, {0}, 0, NULL},
        {"Relu", 13, "1,3,8,8", NULL, F, NULL, {0}, 0, NULL},
        {"Softmax", 13, "1,3,8,8", NULL, F, "axis", {1}, 0, NULL},
        {"Concat", 13, "1,3,8,8", "1,2,8,8", F, "axis", {1}, 0, NULL},
        {"Transpose", 13, "1,3,8,8", NULL, F, "perm", {0, 2, 3, 1}, 4, NULL},
        {"Flatten", 13, "2,3,1,1", NULL, F, NULL, {0}, 0, NULL},
    };
    for (size_t i = 0; i < LN_COUNT(ok); i++) {
        ln_graph *g;
        ck_assert_msg(import(&ok[i], &g) == LINNET_OK, "%s: %s", ok[i].op, err.message);
        for (int n = 0; n < g->n_node; n++)
            ck_assert_msg(g->node[n].op != LN_OP_PERMUTE, "%s moves", ok[i].op);
        ln_graph_destroy(&g);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("onnx convert");
    TCase *c = tcase_create("convert");
    tcase_add_loop_test(c, refusals_name_the_node, 0, (int)LN_COUNT(list));
    tcase_add_test(c, pictures_stay_as_they_lie);
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
