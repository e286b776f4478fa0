/* Logits of whole networks on a device, through the public API, against the reference figures:
 * one image alone, and three in a batch, each as it is alone.
 * Arguments: a device ("" for the usual choice, "ref", "cpu", part of a name), table patterns. */
#include "tests/models/golden.h"

#include <linnet/linnet.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 3 };

static double tolerance(const golden *g) {
    static const char *const strict[] = {"mobilenetv1", "mobilenetv2", "lite", "mobilenet_v2"};
    if (strstr(g->model, "vgg")) return 1e-4;
    for (size_t i = 0; i < LN_COUNT(strict); i++)
        if (strstr(g->model, strict[i])) return 3e-5;
    return 5e-5;
}

static bool failed(linnet_status st, const golden *g, const linnet_error *err) {
    if (st == LINNET_OK) return false;
    fprintf(stderr, "%s: %s\n", g->model, err->message);
    return true;
}

/* Images first..first+batch-1; the caller frees. NULL after a printed error. */
static float *logits_of(linnet_device *d, const golden *g, uint64_t first, int batch) {
    linnet_error err = {0};
    linnet_model_params mp = LINNET_MODEL_PARAMS_INIT;
    linnet_session_params sp = LINNET_SESSION_PARAMS_INIT;
    linnet_model *m = NULL;
    linnet_session *s = NULL;
    size_t pixels = 3 * (size_t)g->size * (size_t)g->size;
    float *x = malloc((size_t)batch * pixels * sizeof *x);
    float *y = calloc((size_t)(batch * g->classes), sizeof *y);
    mp.model = g->model;
    mp.synthetic = 1;
    mp.seed = 1;
    mp.size = g->size;
    sp.batch = batch;
    for (int i = 0; i < batch; i++)
        linnet_synthetic_image(first + (uint64_t)i, 1, g->size, g->size, x + (size_t)i * pixels);
    bool bad = failed(linnet_model_open(&mp, &m, &err), g, &err) ||
               failed(linnet_session_create(m, d, &sp, &s, &err), g, &err) ||
               failed(linnet_session_run(s, (const void *[]){x}, (void *[]){y}, &err), g, &err);
    linnet_session_destroy(&s);
    linnet_model_close(&m);
    free(x);
    if (!bad) return y;
    free(y);
    return NULL;
}

static double apart(const golden *g, const float *a, const float *b) {
    double worst = 0;
    for (int i = 0; i < g->classes; i++) {
        double e = fabs((double)a[i] - (double)b[i]);
        worst = isnan(e) ? INFINITY : fmax(worst, e);
    }
    return worst / g->std;
}

static bool check(linnet_device *d, const char *path) {
    golden g = golden_read(path);
    float *alone[BATCH] = {0}, *together = logits_of(d, &g, 0, BATCH);
    double first = INFINITY, batch = INFINITY;
    bool ok = together != NULL;
    for (int i = 0; i < BATCH && ok; i++) ok = (alone[i] = logits_of(d, &g, (uint64_t)i, 1));
    if (ok) {
        first = golden_error(&g, alone[0]);
        batch = 0;
        for (int i = 0; i < BATCH; i++)
            batch = fmax(batch, apart(&g, alone[i], together + i * g.classes));
        ok = first <= tolerance(&g) && batch <= tolerance(&g);
    }
    printf("%-34s %3d  alone %.2g  in a batch %.2g%s\n", g.model, g.size, first, batch,
           ok ? "" : "  FAILED");
    fflush(stdout);
    for (int i = 0; i < BATCH; i++) free(alone[i]);
    free(together);
    golden_free(&g);
    return ok;
}

int main(int argc, char **argv) {
    linnet_device *d = NULL;
    linnet_error err = {0};
    linnet_device_info info = {0};
    const char *spec = argc > 1 && argv[1][0] ? argv[1] : NULL;
    if (linnet_device_open(spec, &d, &err) != LINNET_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    linnet_device_get_info(d, &info);
    printf("on %s\n", info.name);
    char **list = golden_list(argc - 2, argv + 2);
    int bad = 0, n = 0;
    for (; list[n]; n++) {
        bad += !check(d, list[n]);
        free(list[n]);
    }
    free(list);
    linnet_device_close(&d);
    if (!n) fprintf(stderr, "no table matches\n");
    return bad || !n;
}
