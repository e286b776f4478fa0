/* Nodes at the edge of what an operator takes: hostile attributes are refused, and arguments in an
 * unusual order mean what the specification says. */
#include "engine/ref/ref.h"
#include "models/import/import.h"
#include "tests/check_main.h"
#include "tests/models/onnxwrite.h"

static linnet_error err;

enum { F = LN_ONNX_FLOAT, I = LN_ONNX_INT64 };
typedef struct edge {
    const char *what;
    int opset;
    const char *x; /* dimensions of the input, which counts 0, 1, ... */
    void (*make)(ln_str *g);
    const char *part; /* of the message; NULL: it is taken */
    const char *shape;
    float y[8]; /* the first elements */
} edge;

static void ints(ln_str *g, const char *name, const char *dims, const int64_t *v, size_t n) {
    ln_str t = ow_tensor(name, I, dims);
    for (size_t i = 0; i < n; i++) pw_int(&t, 7, v[i]);
    ow_init(g, &t);
}

static void no_first_output(ln_str *g) {
    ints(g, "s", "2", (int64_t[]){3, 2}, 2);
    ow_node(g, "Reshape", "x,s", ",y", NULL);
}
static void no_operand(ln_str *g) {
    ln_str a = {0};
    pw_text(&a, 1, "equation");
    pw_text(&a, 4, "ij,jk->ik");
    pw_int(&a, 20, 3);
    ln_str attrs = {0};
    pw_message(&attrs, 5, &a);
    ow_node(g, "Einsum", "x,,", "y", &attrs);
}
static void old_axis(ln_str *g, int64_t axis) {
    ln_str a = {0};
    ow_attr_int(&a, "broadcast", 1);
    ow_attr_int(&a, "axis", axis);
    ow_floats(g, "w", "2", (float[]){10, 20}, 2);
    ow_node(g, "Add", "x,w", "y", &a);
}
static void axis_overflows(ln_str *g) {
    old_axis(g, INT64_MAX);
}
static void old_axis_after_use(ln_str *g) {
    ow_floats(g, "v", "2,2", (float[]){1, 1, 1, 1}, 4);
    ow_node(g, "Identity", "v", "u", NULL);
    old_axis(g, 0);
}
static void prelu_by_channel(ln_str *g) {
    ow_floats(g, "w", "2", (float[]){10, 20}, 2);
    ow_floats(g, "m", "1", (float[]){-1}, 1);
    ln_str a = {0};
    ow_attr_int(&a, "broadcast", 1);
    ow_node(g, "Mul", "x,m", "n", &a);
    ow_node(g, "PRelu", "n,w", "y", NULL);
}
static void step(ln_str *g, int64_t by) {
    ints(g, "s", "1", (int64_t[]){by < 0 ? -1 : 1}, 1);
    ints(g, "e", "1", (int64_t[]){by < 0 ? INT64_MIN : INT64_MAX}, 1);
    ints(g, "a", "1", (int64_t[]){0}, 1);
    ints(g, "t", "1", &by, 1);
    ow_node(g, "Slice", "x,s,e,a,t", "y", NULL);
}
static void longest_step(ln_str *g) {
    step(g, INT64_MAX);
}
static void longest_step_back(ln_str *g) {
    step(g, -INT64_MAX);
}
static void split_attribute(ln_str *g) {
    ln_str a = {0};
    ow_attr_ints(&a, "split", (int64_t[]){1, 3}, 2);
    ow_node(g, "Split", "x", "z,y", &a);
}
static void split_short(ln_str *g) {
    ln_str a = {0};
    ow_attr_ints(&a, "split", (int64_t[]){1, 2}, 2);
    ow_node(g, "Split", "x", "z,y", &a);
}
static void spread(ln_str *g, const char *name, int64_t v) {
    ln_str a = {0};
    if (name) ow_attr_ints(&a, name, (int64_t[]){v}, 1);
    ow_floats(g, "w", "1,1,2", (float[]){1, 1}, 2);
    ow_node(g, "ConvTranspose", "x,w", "y", &a);
}
static void more_overflows(ln_str *g) {
    spread(g, "output_padding", INT64_MAX);
}
static void output_overflows(ln_str *g) {
    spread(g, "output_shape", INT64_MIN);
}
static void deep_window(ln_str *g) {
    float w[65] = {0};
    ow_floats(g, "w", "1,1,65,1,1", w, 65);
    ow_node(g, "ConvTranspose", "x,w", "y", NULL);
}
static void many_constants(ln_str *g) {
    ints(g, "s", "2", (int64_t[]){1 << 11, 1 << 10}, 2);
    ow_node(g, "ConstantOfShape", "s", "a", NULL);
    ow_node(g, "ConstantOfShape", "s", "b", NULL);
    ow_node(g, "ConstantOfShape", "s", "c", NULL);
    ow_node(g, "Concat", "a,b,c", "d", NULL);
    ow_node(g, "Add", "x,d", "y", NULL);
}
static void quantize_to(ln_str *g, int64_t type) {
    ln_str a = {0};
    ow_attr_int(&a, "output_dtype", type);
    ow_floats(g, "s", "1", (float[]){-1}, 1);
    ow_node(g, "QuantizeLinear", "x,s", "y", &a);
}
static void quantize_to_int8(ln_str *g) {
    quantize_to(g, LN_ONNX_INT8);
}
static void quantize_to_float8(ln_str *g) {
    quantize_to(g, 17);
}

static void pad(ln_str *g, const int64_t *axes) {
    ints(g, "p", "4", (int64_t[]){1, 0, 0, 2}, 4);
    ints(g, "a", "2", axes, 2);
    ow_node(g, "Pad", "x,p,,a", "y", NULL);
}
static void pad_in_order(ln_str *g) {
    pad(g, (int64_t[]){-1, 0});
}
static void pad_twice(ln_str *g) {
    pad(g, (int64_t[]){1, -1});
}
static void unknown_auto_pad(ln_str *g) {
    ln_str a = {0}, attrs = {0};
    pw_text(&a, 1, "auto_pad");
    pw_text(&a, 4, "SAME");
    pw_int(&a, 20, 3);
    pw_message(&attrs, 5, &a);
    ow_floats(g, "w", "1,1,2", (float[]){1, 1}, 2);
    ow_node(g, "Conv", "x,w", "y", &attrs);
}

static void slope_too_large(ln_str *g) {
    ow_floats(g, "w", "2,1,3", (float[]){1, 2, 3, 4, 5, 6}, 6);
    ow_node(g, "PRelu", "x,w", "y", NULL);
}
static void sum_too_large(ln_str *g) {
    ow_floats(g, "b", "3,2", (float[]){1, 2, 3, 4, 5, 6}, 6);
    ow_floats(g, "c", "4,2", (float[]){1, 2, 3, 4, 5, 6, 7, 8}, 8);
    ow_node(g, "Gemm", "x,b,c", "y", NULL);
}

static const edge edges[] = {
    {"slope", 13, "1,3", slope_too_large, "the result is 2x1x3 where 1x3 is needed", NULL, {0}},
    {"C of Gemm", 13, "1,3", sum_too_large, "the result is 4x2 where 1x2 is needed", NULL, {0}},
    {"axes of Pad", 18, "1,2", pad_in_order, NULL, "3x3", {0, 0, 1}},
    {"axis of Pad twice", 18, "1,2", pad_twice, "an axis is named twice", NULL, {0}},
    {"auto_pad", 13, "1,1,4", unknown_auto_pad, "auto_pad SAME is not supported", NULL, {0}},
    {"first output", 13, "2,3", no_first_output, "it has no first output", NULL, {0}},
    {"second operand", 13, "2,3", no_operand, "input 1 is missing", NULL, {0}},
    {"old axis", 6, "2,2,2,2,2,2", axis_overflows, "does not place", NULL, {0}},
    {"old axis 0", 6, "2,2", old_axis_after_use, NULL, "2x2", {10, 11, 22, 23}},
    {"old PRelu", 6, "1,2,2", prelu_by_channel, NULL, "1x2x2", {0, -10, -40, -60}},
    {"step", 13, "4", longest_step, NULL, "1", {1}},
    {"step back", 13, "4", longest_step_back, NULL, "1", {3}},
    {"Split 1", 1, "4", split_attribute, NULL, "3", {1, 2, 3}},
    {"Split", 11, "4", split_short, "the parts end at 3 of 4", NULL, {0}},
    {"output_padding", 13, "1,1,4", more_overflows, "output_padding is", NULL, {0}},
    {"output_shape", 13, "1,1,4", output_overflows, "output_shape is", NULL, {0}},
    {"planes", 13, "1,1,2,1,1", deep_window, "at most 64 are supported", NULL, {0}},
    {"constants", 13, "1", many_constants, "is too large; 8 may still be", NULL, {0}},
    {"int8", 21, "3", quantize_to_int8, NULL, "3", {0, -1, -2}},
    {"float8", 21, "3", quantize_to_float8, "quantization to", NULL, {0}},
};

static linnet_status import(const edge *e, ln_graph **out) {
    ln_str g = {0};
    ln_net *m = NULL;
    ow_value(&g, 11, "x", F, e->x);
    ow_value(&g, 12, "y", F, NULL);
    e->make(&g);
    ln_str text = ow_model(&g, 8, e->opset);
    ck_assert_msg(ow_open(&text, &m, &err) == LINNET_OK, "%s: %s", e->what, err.message);
    ln_net_bind bind = {.shape = {.rank = m->input[0].rank}};
    for (int i = 0; i < bind.shape.rank; i++) bind.shape.dim[i] = m->input[0].dim[i].value;
    const linnet_status s = ln_net_graph(m, &bind, out, &err);
    if (s == LINNET_OK) { /* its constants lie in the file */
        ln_ref *r;
        char text_of[96];
        float x[64];
        int64_t n = 0;
        for (int i = 0; i < 64; i++) x[i] = (float)i;
        const ln_tensor *y = &(*out)->tensor[(*out)->output[0]];
        ck_assert_str_eq(ln_shape_text(&y->shape, text_of), e->shape);
        ck_assert_int_eq(ln_ref_create(*out, &r, &err), LINNET_OK);
        ck_assert_int_eq(ln_ref_set(r, (*out)->input[0], x, &err), LINNET_OK);
        ck_assert_msg(ln_ref_run(r, true, &err) == LINNET_OK, "%s", err.message);
        ck_assert(ln_shape_count(&y->shape, &n));
        for (int64_t i = 0; i < LN_MIN(n, 8); i++) {
            const void *v = r->value[(*out)->output[0]];
            const float got =
                y->dtype == LN_F32 ? ((const float *)v)[i] : (float)((const int32_t *)v)[i];
            ck_assert_msg(got == e->y[i], "%s: %g at %lld", e->what, (double)got, (long long)i);
        }
        ln_ref_destroy(&r);
    }
    ln_onnx_close(&m);
    return s;
}

START_TEST(edges_are_held) {
    const edge *e = &edges[_i];
    ln_graph *g = NULL;
    const linnet_status s = import(e, &g);
    if (e->part) {
        ck_assert_msg(s == LINNET_ERR_UNSUPPORTED, "%s is taken", e->what);
        ck_assert_msg(strstr(err.message, e->part) && strstr(err.message, ": node "), "%s: %s",
                      e->what, err.message);
    } else {
        ck_assert_msg(s == LINNET_OK, "%s: %s", e->what, err.message);
    }
    ln_graph_destroy(&g);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("onnx edges");
    TCase *c = tcase_create("edges");
    tcase_add_loop_test(c, edges_are_held, 0, (int)LN_COUNT(edges));
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
