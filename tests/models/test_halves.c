/* Networks stored as halves on a device, through the public API: logits near the reference figures,
 * or a report of where numbers are too large for halves.
 * Arguments: table patterns. */
#include "tests/models/golden.h"

#include <linnet/linnet.h>

#include <math.h>
#include <stdlib.h>

#define TOLERANCE 5e-2 /* of the logits' standard deviation */

static bool failed(linnet_status st, const golden *g, const linnet_error *err) {
    if (st == LINNET_OK) return false;
    fprintf(stderr, "%s: %s\n", g->model, err->message);
    return true;
}

/* Layers whose finite inputs come to more than a half holds; -1: the report failed. */
static int overflows(linnet_session *s, const golden *g, const float *x) {
    linnet_error err = {0};
    linnet_diff_report r = {0};
    if (failed(linnet_session_diff(s, (const void *[]){x}, &r, &err), g, &err)) return -1;
    int count = 0;
    for (size_t i = 0; i < r.layers; i++) {
        if (!r.layer[i].overflow) continue;
        if (!count++) printf("  %s overflows", r.layer[i].name);
    }
    linnet_free(r.layer);
    return count;
}

static bool check(linnet_device *d, const char *path) {
    golden g = golden_read(path);
    linnet_error err = {0};
    linnet_model_params mp = LINNET_MODEL_PARAMS_INIT;
    linnet_session_params sp = LINNET_SESSION_PARAMS_INIT;
    linnet_session_stats stats = {0};
    linnet_model *m = NULL;
    linnet_session *s = NULL;
    float *x = malloc(3 * (size_t)g.size * (size_t)g.size * sizeof *x);
    float *y = calloc((size_t)g.classes, sizeof *y);
    mp.model = g.model;
    mp.synthetic = 1;
    mp.seed = 1;
    mp.size = g.size;
    sp.precision = LINNET_PRECISION_F16;
    linnet_synthetic_image(0, 1, g.size, g.size, x);
    bool ok = !failed(linnet_model_open(&mp, &m, &err), &g, &err) &&
              !failed(linnet_session_create(m, d, &sp, &s, &err), &g, &err) &&
              !failed(linnet_session_run(s, (const void *[]){x}, (void *[]){y}, &err), &g, &err) &&
              linnet_session_get_stats(s, &stats) == LINNET_OK;
    double e = ok ? golden_error(&g, y) : INFINITY;
    printf("%-34s %3d  error %.2g  %.2f bytes a parameter", g.model, g.size, e,
           (double)stats.weight_bytes / (double)g.params);
    if (ok && !(e <= TOLERANCE)) ok = overflows(s, &g, x) > 0;
    printf("%s\n", ok ? "" : "  FAILED");
    fflush(stdout);
    linnet_session_destroy(&s);
    linnet_model_close(&m);
    free(x);
    free(y);
    golden_free(&g);
    return ok;
}

int main(int argc, char **argv) {
    linnet_device *d = NULL;
    linnet_error err = {0};
    if (linnet_device_open(NULL, &d, &err) != LINNET_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    char **list = golden_list(argc - 1, argv + 1);
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
