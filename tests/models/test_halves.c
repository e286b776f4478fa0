/* Networks stored as halves on a device, through the public API: logits near the reference figures,
 * or a report of where numbers are too large for halves.
 * Arguments: table patterns. */
#include "tests/models/logits.h"

#include <math.h>
#include <stdio.h>

#define TOLERANCE 5e-2 /* of the logits' standard deviation */

/* Layers whose finite inputs come to more than a half holds; -1: the report failed. */
static int overflows(linnet_session *s, const golden *g, const float *x) {
    linnet_error err = {0};
    linnet_diff_report r = {0};
    if (logits_failed(linnet_session_diff(s, (const void *[]){x}, &r, &err), g, &err)) return -1;
    int count = 0;
    for (size_t i = 0; i < r.layers; i++) {
        if (!r.layer[i].overflow) continue;
        if (!count++) printf("  %s overflows", r.layer[i].name);
    }
    linnet_free(r.layer);
    return count;
}

static bool check(linnet_device *d, const golden *g) {
    logits l;
    linnet_session_stats stats = {0};
    bool ok = logits_run(&l, d, g, 0, 1, LINNET_PRECISION_F16) &&
              linnet_session_get_stats(l.session, &stats) == LINNET_OK;
    const double e = ok ? golden_error(g, l.y) : INFINITY;
    printf("%-34s %3d  error %.2g  %.2f bytes a parameter", g->model, g->size, e,
           (double)stats.weight_bytes / (double)g->params);
    if (ok && !(e <= TOLERANCE)) ok = overflows(l.session, g, l.x) > 0;
    printf("%s\n", ok ? "" : "  FAILED");
    logits_free(&l);
    return ok;
}

int main(int argc, char **argv) {
    return logits_main("", argc - 1, argv + 1, check);
}
