/* Networks computed in halves (--fast-math), on the kernels that GPUs get: logits near the
 * reference figures, or a report of where numbers are too large. Where the device has no half
 * arithmetic it is acted (cl_kernels/half.clh). Arguments: table patterns. */
#include "engine/diff.h"
#include "engine/passes/passes.h"
#include "tests/models/golden.h"

#include <math.h>
#include <stdlib.h>

static linnet_error err;

static bool failed(linnet_status st, const golden *g) {
    if (st != LINNET_OK) printf("%s: %s\n", g->model, err.message);
    return st != LINNET_OK;
}

/* The fast row, whatever the tier. */
static const ln_variant *choose(void *user, const ln_site *s) {
    (void)user;
    for (int i = ln_variant_count - 1; i >= 0; i--)
        if (ln_variant_is_fast(&ln_variants[i]) && ln_variant_fits(&ln_variants[i], s))
            return &ln_variants[i];
    return ln_variant_choose(s);
}

static ln_session *open_session(ln_device *d, const golden *g, ln_weights *w, ln_graph **graph) {
    const ln_family_row *row = ln_family_find(g->model, &err);
    const ln_plan_params params = {.choose = choose};
    const ln_session_params how = {.stream = LN_STREAM_LAUNCHES};
    ln_caps caps = *ln_device_caps(d);
    ln_plan *plan = NULL;
    ln_session *s = NULL;
    caps.acted_halves = !ln_caps_has(&caps, LN_FEAT_FP16);
    caps.features |= 1u << LN_FEAT_FP16;
    if (failed(row ? LINNET_OK : err.status, g) ||
        failed(ln_network_build(row->arch, row->name, row->classes, w, 1, g->size, g->size, graph,
                                &err),
               g) ||
        failed(ln_passes_run(*graph, NULL, &err), g) || failed(ln_graph_halve(*graph, &err), g))
        return NULL;
    (*graph)->fast = true;
    if (failed(ln_plan_create(*graph, &caps, &params, &plan, &err), g) ||
        failed(ln_session_create(d, plan, &how, &s, &err), g))
        return NULL;
    return s;
}

/* Layers whose finite inputs come to more than a half holds; -1: the report failed. */
static int overflows(ln_session *s, const golden *g, const float *x) {
    ln_diff_report r = {0};
    int count = 0;
    if (failed(ln_diff_run(s, (const void *[]){x}, &r, &err), g)) return -1;
    for (int i = 0; i < r.n_layer; i++)
        if (r.layer[i].overflow && !count++) printf("  %s overflows", r.layer[i].name);
    ln_diff_free(&r);
    return count;
}

static bool check(ln_device *d, const golden *g) {
    const size_t pixels = 3 * (size_t)g->size * (size_t)g->size;
    float *x = malloc(pixels * sizeof *x), *y = calloc((size_t)g->classes, sizeof *y);
    ln_graph *graph = NULL;
    ln_weights *w = NULL;
    ln_synthetic_image(0, 1, g->size, g->size, x);
    ln_session *s =
        failed(ln_synthetic_open(1, &w, &err), g) ? NULL : open_session(d, g, w, &graph);
    bool ok = s && !failed(ln_session_run(s, (const void *[]){x}, (void *[]){y}, &err), g);
    const double e = ok ? golden_error(g, y) : INFINITY;
    const ln_plan *p = s ? ln_session_plan(s) : NULL;
    printf("%-34s %3d  error %.2g  %.0f %% in halves", g->model, g->size, e,
           p ? 100.0 * (double)ln_plan_fast_macs(p) / (double)graph->macs : 0);
    ok = ok && ln_plan_fast_macs(p) > graph->macs / 2;
    if (ok && !(e <= LN_DIFF_ALL_FAST)) ok = overflows(s, g, x) > 0;
    printf("%s\n", ok ? "" : "  FAILED");
    fflush(stdout);
    ln_session_destroy(&s);
    ln_graph_destroy(&graph);
    ln_weights_close(&w);
    free(x);
    free(y);
    return ok;
}

int main(int argc, char **argv) {
    ln_device *d = NULL;
    if (ln_device_open(NULL, &d, &err) != LINNET_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    const ln_caps *caps = ln_device_caps(d);
    printf("on %s, %s\n", caps->name,
           ln_caps_has(caps, LN_FEAT_FP16) ? "its own halves" : "halves acted: no cl_khr_fp16");
    char **list = golden_list(argc - 1, argv + 1);
    int bad = 0, count = 0;
    for (; list[count]; count++) {
        golden g = golden_read(list[count]);
        bad += !check(d, &g);
        golden_free(&g);
        free(list[count]);
    }
    free(list);
    ln_device_release(&d);
    if (!count) fprintf(stderr, "no table matches\n");
    return bad || !count;
}
