/* Logits of whole networks on a device, through the public API, against the reference figures:
 * one image alone, and three in a batch, each as it is alone.
 * Arguments: a device ("" for the usual choice, "ref", "cpu", part of a name), table patterns. */
#include "tests/models/logits.h"

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

static double apart(const golden *g, const float *a, const float *b) {
    double worst = 0;
    for (int i = 0; i < g->classes; i++) {
        double e = fabs((double)a[i] - (double)b[i]);
        worst = isnan(e) ? INFINITY : fmax(worst, e);
    }
    return worst / g->std;
}

static bool check(linnet_device *d, const golden *g) {
    logits together, alone[BATCH] = {0};
    double first = INFINITY, batch = INFINITY;
    bool ok = logits_run(&together, d, g, 0, BATCH, LINNET_PRECISION_F32);
    logits_close(&together);
    for (int i = 0; i < BATCH && ok; i++) {
        ok = logits_run(&alone[i], d, g, (uint64_t)i, 1, LINNET_PRECISION_F32);
        logits_close(&alone[i]);
    }
    if (ok) {
        first = golden_error(g, alone[0].y);
        batch = 0;
        for (int i = 0; i < BATCH; i++)
            batch = fmax(batch, apart(g, alone[i].y, together.y + i * g->classes));
        ok = first <= tolerance(g) && batch <= tolerance(g);
    }
    printf("%-34s %3d  alone %.2g  in a batch %.2g%s\n", g->model, g->size, first, batch,
           ok ? "" : "  FAILED");
    for (int i = 0; i < BATCH; i++) logits_free(&alone[i]);
    logits_free(&together);
    return ok;
}

int main(int argc, char **argv) {
    return logits_main(argc > 1 ? argv[1] : "", argc - 2, argv + 2, check);
}
