/* ConvTranspose over one to three dimensions, its weights in the file or computed, against ONNX's
 * definition in ONNX's own order. */
#include "engine/ref/ref.h"
#include "models/import/import.h"
#include "tests/check_main.h"
#include "tests/models/onnxwrite.h"

#include <stdlib.h>
#include <string.h>

/* Spatial dimensions last: a shorter shape begins with ones. */
typedef struct spread {
    int n; /* of them */
    int64_t batch, ic, each, groups;
    int64_t in[3], k[3], stride[3], dil[3], before[3], after[3], more[3];
} spread;

static const spread rows[] = {
    {1, 2, 2, 3, 1, {1, 1, 5}, {1, 1, 3}, {1, 1, 2}, {1, 1, 1}, {0, 0, 1}, {0, 0, 0}, {0, 0, 1}},
    {1, 1, 4, 2, 2, {1, 1, 4}, {1, 1, 2}, {1, 1, 3}, {1, 1, 2}, {0, 0, 0}, {0, 0, 1}, {0}},
    {2, 2, 3, 2, 1, {1, 3, 4}, {1, 3, 2}, {1, 2, 1}, {1, 1, 2}, {0, 1, 0}, {0, 0, 1}, {0, 1, 0}},
    {2, 1, 6, 2, 3, {1, 3, 4}, {1, 2, 3}, {1, 2, 2}, {1, 1, 1}, {0, 0, 1}, {0, 1, 1}, {0}},
    {3, 1, 2, 3, 1, {2, 3, 4}, {3, 2, 3}, {2, 1, 2}, {1, 2, 1}, {1, 0, 1}, {0, 1, 1}, {1, 0, 1}},
    {3, 2, 4, 3, 2, {3, 2, 3}, {2, 3, 1}, {1, 2, 2}, {2, 1, 1}, {0, 1, 0}, {1, 0, 0}, {0}},
};

static linnet_error err;

static int64_t outputs(const spread *s, int d) {
    return s->stride[d] * (s->in[d] - 1) + s->more[d] + (s->k[d] - 1) * s->dil[d] + 1 -
           s->before[d] - s->after[d];
}

static float *random_values(int64_t n, uint32_t *seed) {
    float *v = malloc((size_t)n * sizeof *v);
    for (int64_t i = 0; i < n; i++) {
        *seed = *seed * 1664525u + 1013904223u;
        v[i] = (float)(*seed >> 8) / (float)(1 << 23) - 1.0f;
    }
    return v;
}

/* "2,3,4": two dimensions, then the last n of v. */
static void dims_text(char *out, int64_t a, int64_t b, const int64_t *v, int n) {
    out += sprintf(out, "%lld,%lld", (long long)a, (long long)b);
    for (int i = 3 - n; i < 3; i++) out += sprintf(out, ",%lld", (long long)v[i]);
}

static ln_net *model_of(const spread *s, const float *w, int64_t weights) {
    char x[64], ws[64];
    int64_t pads[6];
    const int n = s->n, first = 3 - n;
    ln_str g = {0}, a = {0};
    ln_net *m;
    dims_text(x, s->batch, s->ic, s->in, n);
    dims_text(ws, s->ic, s->each, s->k, n);
    memcpy(pads, s->before + first, (size_t)n * sizeof *pads);
    memcpy(pads + n, s->after + first, (size_t)n * sizeof *pads);
    ow_attr_int(&a, "group", s->groups);
    ow_attr_ints(&a, "strides", s->stride + first, (size_t)n);
    ow_attr_ints(&a, "dilations", s->dil + first, (size_t)n);
    ow_attr_ints(&a, "pads", pads, 2 * (size_t)n);
    ow_attr_ints(&a, "output_padding", s->more + first, (size_t)n);
    ow_node(&g, "ConvTranspose", "x,w", "y", &a);
    ow_value(&g, 11, "x", 1, x);
    if (w)
        ow_floats(&g, "w", ws, w, (size_t)weights);
    else
        ow_value(&g, 11, "w", 1, ws);
    ow_value(&g, 12, "y", 1, NULL);
    ln_str text = ow_model(&g, 8, 17);
    ck_assert_msg(ow_open(&text, &m, &err) == LINNET_OK, "%s", err.message);
    return m;
}

/* Every input value adds to a window of the output. */
static void scatter(const spread *s, const float *x, const float *w, double *y) {
    const int64_t plane = s->in[0] * s->in[1] * s->in[2], win = s->k[0] * s->k[1] * s->k[2];
    const int64_t o0 = outputs(s, 0), o1 = outputs(s, 1), o2 = outputs(s, 2);
    const int64_t icg = s->ic / s->groups;
    for (int64_t i = 0; i < s->batch * s->ic * plane; i++)
        for (int64_t j = 0; j < s->each * win; j++) {
            const int64_t at = i % plane, c = i / plane % s->ic, image = i / plane / s->ic;
            const int64_t k = j % win, o = c / icg * s->each + j / win;
            const int64_t p[3] = {at / s->in[2] / s->in[1], at / s->in[2] % s->in[1],
                                  at % s->in[2]};
            const int64_t q[3] = {k / s->k[2] / s->k[1], k / s->k[2] % s->k[1], k % s->k[2]};
            int64_t v[3];
            for (int d = 0; d < 3; d++)
                v[d] = p[d] * s->stride[d] + q[d] * s->dil[d] - s->before[d];
            if (v[0] < 0 || v[0] >= o0 || v[1] < 0 || v[1] >= o1 || v[2] < 0 || v[2] >= o2)
                continue;
            y[(((image * s->each * s->groups + o) * o0 + v[0]) * o1 + v[1]) * o2 + v[2]] +=
                (double)x[i] * w[c * s->each * win + j];
        }
}

static ln_shape shape_of(int64_t a, int64_t b, const int64_t *v, int n) {
    ln_shape s = {n + 2, {a, b}};
    memcpy(s.dim + 2, v + (3 - n), (size_t)n * sizeof *v);
    return s;
}

START_TEST(agrees_with_the_definition) {
    const spread *s = &rows[_i / 2];
    const bool computed = _i % 2;
    const ln_shape xs = shape_of(s->batch, s->ic, s->in, s->n);
    const ln_shape ws = shape_of(s->ic, s->each, s->k, s->n);
    int64_t nx = 0, nw = 0, ny = 0;
    uint32_t seed = (uint32_t)_i + 1;
    ln_shape_count(&xs, &nx);
    ln_shape_count(&ws, &nw);
    float *x = random_values(nx, &seed), *w = random_values(nw, &seed);
    ln_net *m = model_of(s, computed ? NULL : w, nw);
    const ln_net_bind bind[] = {{.shape = xs}, {.shape = ws}};
    ln_graph *g;
    ln_ref *r;
    ck_assert_msg(ln_net_graph(m, bind, &g, &err) == LINNET_OK, "%s", err.message);
    ck_assert_int_eq(ln_ref_create(g, &r, &err), LINNET_OK);
    ck_assert_int_eq(ln_ref_set(r, g->input[0], x, &err), LINNET_OK);
    if (computed) ck_assert_int_eq(ln_ref_set(r, g->input[1], w, &err), LINNET_OK);
    ck_assert_msg(ln_ref_run(r, true, &err) == LINNET_OK, "%s", err.message);

    const ln_tensor *t = &g->tensor[g->output[0]];
    int64_t out[3] = {outputs(s, 0), outputs(s, 1), outputs(s, 2)};
    const ln_shape want_shape = shape_of(s->batch, s->each * s->groups, out, s->n);
    ln_shape_count(&want_shape, &ny);
    double *want = calloc((size_t)ny, sizeof *want);
    float *got = malloc((size_t)ny * sizeof *got);
    const bool last = t->shape.rank == 4 && !t->as_is; /* held as N,H,W,C */
    const ln_shape shape = last ? ln_shape_from_last(&t->shape) : t->shape;
    ck_assert(ln_shape_equal(&shape, &want_shape));
    if (last)
        ln_nhwc_to_nchw(&t->shape, LN_F32, r->value[g->output[0]], got);
    else
        memcpy(got, r->value[g->output[0]], (size_t)ny * sizeof *got);
    scatter(s, x, w, want);
    for (int64_t i = 0; i < ny; i++) ck_assert_double_eq_tol((double)got[i], want[i], 1e-5);
    free(x);
    free(w);
    free(want);
    free(got);
    ln_ref_destroy(&r);
    ln_graph_destroy(&g);
    ln_onnx_close(&m);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("onnx spread");
    TCase *c = tcase_create("onnx spread");
    tcase_add_loop_test(c, agrees_with_the_definition, 0, 2 * (int)LN_COUNT(rows));
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
