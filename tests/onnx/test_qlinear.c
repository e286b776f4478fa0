/* Operators on quantized tensors compute what their formulas say, and which are nodes of I8. */
#include "engine/ref/ref.h"
#include "tests/check_main.h"
#include "tests/onnx/qlinear_forms.h"

static linnet_error err;

static linnet_status import(ln_str *text, ln_net **m, ln_graph **g) {
    ck_assert_msg(ow_open(text, m, &err) == LINNET_OK, "%s", err.message);
    const ln_net_bind bind = {.shape = {4, {1, 4, 2, 2}}};
    return ln_net_graph(*m, &bind, g, &err);
}

/* The output of the graph by the reference, which the caller destroys. */
static ln_ref *run(const ln_graph *g, float *x) {
    ln_ref *r;
    for (int i = 0; i < N; i++) x[i] = x_at(i);
    ck_assert_int_eq(ln_ref_create(g, &r, &err), LINNET_OK);
    ck_assert_int_eq(ln_ref_set(r, g->input[0], x, &err), LINNET_OK);
    ck_assert_msg(ln_ref_run(r, true, &err) == LINNET_OK, "%s", err.message);
    return r;
}

static int of_bytes(const ln_graph *g, ln_op op) {
    int n = 0;
    for (int i = 0; i < g->n_node; i++)
        n += g->node[i].op == op && g->tensor[g->node[i].out[0]].dtype == LN_I8;
    return n;
}

static double clamped(double v) {
    const double least = -128 - T_ZERO, most = 127 - T_ZERO;
    return fmin(fmax(v, least * T_SCALE), most * T_SCALE);
}

START_TEST(formulas_hold) {
    const form *f = &forms[_i];
    ln_str text = form_file(f, f->own ? "y" : "dequantized", F);
    ln_net *m;
    ln_graph *g;
    float x[N];
    double y[2 * N];
    int64_t n;
    ck_assert_msg(import(&text, &m, &g) == LINNET_OK, "%s: %s", f->what, err.message);
    ck_assert_msg(of_bytes(g, f->op) == f->bytes, "%s: %d nodes of bytes", f->what,
                  of_bytes(g, f->op));
    ln_ref *r = run(g, x);
    const float *got = r->value[g->output[0]];
    ck_assert(ln_shape_count(&g->tensor[g->output[0]].shape, &n));
    ck_assert_int_eq(n, f->n);
    f->want(x, y);
    const ln_tensor *t = &g->tensor[g->output[0]];
    const int c = t->shape.rank == 4 && !t->as_is ? (int)t->shape.dim[3] : 1; /* pixels of c */
    for (int i = 0; i < f->n; i++) {
        const double v = y[i % c * (f->n / c) + i / c], want = f->own ? v : clamped(v);
        ck_assert_msg(fabs((double)got[i] - want) <= f->off * T_SCALE, "%s: %g and not %g at %d",
                      f->what, (double)got[i], want, i);
    }
    ln_ref_destroy(&r);
    ln_graph_destroy(&g);
    ln_onnx_close(&m);
}
END_TEST

/* The sum as integers: for a converter that knows no bytes, and as an output of the file. */
START_TEST(integers_come_out) {
    static const int types[] = {U8, S8};
    for (int k = 0; k < 4; k++) {
        const int type = types[k % 2], mid = type == U8 ? 128 : 0;
        const bool words = k / 2;
        form f = words ? words_form : sum_form;
        f.type = type;
        ln_str text = form_file(&f, words ? "y" : "t", words ? F : type);
        ln_net *m;
        ln_graph *g;
        float x[N];
        ck_assert_msg(import(&text, &m, &g) == LINNET_OK, "%s", err.message);
        ck_assert_int_eq(of_bytes(g, LN_OP_ADD), 1);
        const ln_tensor *t = &g->tensor[g->output[0]];
        ck_assert_int_eq(t->dtype, words ? LN_F32 : LN_I8);
        ck_assert_int_eq(t->file_dtype, words ? LN_F32 : type == U8 ? LN_U8 : LN_I8);
        ln_ref *r = run(g, x);
        for (int i = 0; i < N; i++) {
            const void *v = r->value[g->output[0]];
            const double got =
                words ? (double)((const float *)v)[i] : ((const int8_t *)v)[i] + (double)mid;
            const double want = clamped(2 * (double)x[i]) / T_SCALE + mid + T_ZERO;
            ck_assert_msg(fabs(got - want) < 0.51 && got == rint(got), "%g and not %g at %d", got,
                          want, i);
        }
        ln_ref_destroy(&r);
        ln_graph_destroy(&g);
        ln_onnx_close(&m);
    }
}
END_TEST

START_TEST(refusals_name_the_node) {
    const form f = {.type = U8, .make = lies[_i].make};
    ln_str text = form_file(&f, "dequantized", F);
    ln_net *m;
    ln_graph *g;
    ck_assert_int_eq(import(&text, &m, &g), LINNET_ERR_UNSUPPORTED);
    ck_assert_msg(strstr(err.message, lies[_i].says), "%s", err.message);
    ln_onnx_close(&m);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("onnx qlinear");
    TCase *c = tcase_create("qlinear");
    tcase_add_loop_test(c, formulas_hold, 0, form_count);
    tcase_add_test(c, integers_come_out);
    tcase_add_loop_test(c, refusals_name_the_node, 0, lie_count);
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
