/* Each family at synthetic weights: counts, bits of weights and input, and the logits of the C
 * reference, against figures computed elsewhere in double precision.
 * Arguments: shell patterns on the names of the tables. */
#include "engine/passes/passes.h"
#include "engine/ref/ref.h"
#include "tests/models/golden.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static char **list;
#define TOLERANCE 3e-5 /* of the logits' standard deviation */

static const ln_family_row *row_of(const golden *g) {
    linnet_error err = {0};
    const ln_family_row *row = ln_family_find(g->model, &err);
    ck_assert_msg(row != NULL, "%s", err.message);
    return row;
}

static ln_graph *build(const golden *g, ln_weights *w, int batch) {
    linnet_error err = {0};
    ln_graph *graph;
    const ln_family_row *row = row_of(g);
    linnet_status st = ln_network_build(row->arch, row->name, row->classes, w, batch, g->size,
                                        g->size, &graph, &err);
    ck_assert_msg(st == LINNET_OK, "%s", err.message);
    return graph;
}

static int64_t bytes_of(const ln_weight *w) {
    int64_t n = 1;
    for (int i = 0; i < w->shape.rank; i++) n *= w->shape.dim[i];
    return n * 4;
}

START_TEST(counts_and_bits) {
    golden g = golden_read(list[_i]);
    ln_graph *shape_only = build(&g, NULL, 1);
    ck_assert_msg(shape_only->params == g.params, "%s: %ld parameters, not %ld", g.model,
                  shape_only->params, g.params);
    ck_assert_msg(shape_only->macs == g.macs, "%s: %ld MACs, not %ld", g.model, shape_only->macs,
                  g.macs);
    ln_graph_destroy(&shape_only);

    ln_weights *w;
    linnet_error err = {0};
    ck_assert_int_eq(ln_synthetic_open(1, &w, &err), LINNET_OK);
    ln_graph *graph = build(&g, w, 1);
    uint32_t crc = 0;
    for (size_t i = 0; i < ln_weights_count(w); i++)
        crc = ln_crc32(crc, ln_weights_at(w, i)->data, (size_t)bytes_of(ln_weights_at(w, i)));
    ck_assert_msg(crc == g.weights_crc, "%s: weights %08x, not %08x", g.model, crc, g.weights_crc);
    ln_graph_destroy(&graph);
    ln_weights_close(&w);

    size_t n = (size_t)g.size * (size_t)g.size * 3;
    float *image = malloc(n * sizeof *image);
    ln_synthetic_image(0, 1, g.size, g.size, image);
    ck_assert_uint_eq(ln_crc32(0, image, n * sizeof *image), g.input_crc);
    free(image);
    golden_free(&g);
}
END_TEST

/* The reference takes N,H,W,C. */
static float *nhwc_image(uint64_t index, int size) {
    size_t pixels = (size_t)size * (size_t)size;
    float *planar = malloc(3 * pixels * sizeof(float)), *out = malloc(3 * pixels * sizeof(float));
    ln_synthetic_image(index, 1, size, size, planar);
    for (size_t i = 0; i < pixels; i++)
        for (size_t c = 0; c < 3; c++) out[3 * i + c] = planar[c * pixels + i];
    free(planar);
    return out;
}

static int node_named(const ln_graph *g, const char *name) {
    for (int i = 0; i < g->n_node; i++)
        if (!strcmp(g->node[i].name, name)) return i;
    return -1;
}

/* Mean and deviation of the layers that the table names: a wrong network shows where. */
static void check_layers(const golden *g, const ln_ref *r) {
    for (int i = 0; i < g->n_layer; i++) {
        const golden_layer *l = &g->layer[i];
        int node = node_named(r->graph, l->name);
        ck_assert_msg(node >= 0, "%s has no layer %s", g->model, l->name);
        ln_tid t = r->graph->node[node].out[0];
        int64_t n;
        ln_shape_count(&r->graph->tensor[t].shape, &n);
        double sum = 0, square = 0;
        for (int64_t k = 0; k < n; k++) sum += (double)r->value[t][k];
        for (int64_t k = 0; k < n; k++) square += pow((double)r->value[t][k] - sum / (double)n, 2);
        double off = fmax(fabs(sum / (double)n - l->mean), fabs(sqrt(square / (double)n) - l->std));
        ck_assert_msg(off <= 1e-5 * l->std, "%s: %s is the first layer off: mean %.9g, not %.9g",
                      g->model, l->name, sum / (double)n, l->mean);
    }
}

static void run_reference(const golden *g, ln_graph *graph, bool layers, const char *what) {
    linnet_error err = {0};
    ln_ref *r;
    ck_assert_msg(ln_ref_create(graph, &r, &err) == LINNET_OK, "%s", err.message);
    float *image = nhwc_image(0, g->size);
    ck_assert_int_eq(ln_ref_set(r, graph->input[0], image, &err), LINNET_OK);
    ck_assert_msg(ln_ref_run(r, layers, &err) == LINNET_OK, "%s", err.message);
    if (layers) check_layers(g, r);
    double e = golden_error(g, r->value[graph->output[0]]);
    ck_assert_msg(e <= TOLERANCE, "%s %s: error %.3g of the deviation", g->model, what, e);
    printf("%-32s %3d %-8s %.2g\n", g->model, g->size, what, e);
    free(image);
    ln_ref_destroy(&r);
}

START_TEST(reference_logits) {
    golden g = golden_read(list[_i]);
    ln_weights *w;
    linnet_error err = {0};
    ck_assert_int_eq(ln_synthetic_open(1, &w, &err), LINNET_OK);
    ln_graph *graph = build(&g, w, 1);
    run_reference(&g, graph, true, "as built");
    ck_assert_msg(ln_passes_run(graph, NULL, &err) == LINNET_OK, "%s", err.message);
    run_reference(&g, graph, false, "fused");
    ln_graph_destroy(&graph);
    ln_weights_close(&w);
    golden_free(&g);
}
END_TEST

int main(int argc, char **argv) {
    list = golden_list(argc - 1, argv + 1);
    int n = 0;
    while (list[n]) n++;
    Suite *s = suite_create("goldens");
    TCase *t = tcase_create("goldens");
    tcase_set_timeout(t, 0);
    if (!n) {
        fprintf(stderr, "no table matches\n");
        return 1;
    }
    tcase_add_loop_test(t, counts_and_bits, 0, n);
    tcase_add_loop_test(t, reference_logits, 0, n);
    suite_add_tcase(s, t);
    SRunner *run = srunner_create(s);
    srunner_run_all(run, CK_ENV);
    int failed = srunner_ntests_failed(run);
    srunner_free(run);
    for (int i = 0; i < n; i++) free(list[i]);
    free(list);
    return failed != 0;
}
