#include "tests/models/logits.h"

#include <stdio.h>
#include <stdlib.h>

bool logits_failed(linnet_status st, const golden *g, const linnet_error *err) {
    if (st == LINNET_OK) return false;
    fprintf(stderr, "%s: %s\n", g->model, err->message);
    return true;
}

bool logits_run(logits *l, linnet_device *d, const golden *g, uint64_t first, int batch,
                linnet_precision precision) {
    linnet_error err = {0};
    linnet_model_params mp = LINNET_MODEL_PARAMS_INIT;
    linnet_session_params sp = LINNET_SESSION_PARAMS_INIT;
    const size_t pixels = 3 * (size_t)g->size * (size_t)g->size;
    *l = (logits){.x = malloc((size_t)batch * pixels * sizeof *l->x),
                  .y = calloc((size_t)(batch * g->classes), sizeof *l->y)};
    mp.model = g->model;
    mp.synthetic = 1;
    mp.seed = 1;
    mp.size = g->size;
    sp.batch = batch;
    sp.precision = precision;
    for (int i = 0; i < batch; i++)
        linnet_synthetic_image(first + (uint64_t)i, 1, g->size, g->size, l->x + (size_t)i * pixels);
    const void *in[] = {l->x};
    void *out[] = {l->y};
    return !logits_failed(linnet_model_open(&mp, &l->model, &err), g, &err) &&
           !logits_failed(linnet_session_create(l->model, d, &sp, &l->session, &err), g, &err) &&
           !logits_failed(linnet_session_run(l->session, in, out, &err), g, &err);
}

void logits_close(logits *l) {
    linnet_session_destroy(&l->session);
    linnet_model_close(&l->model);
    free(l->x);
    l->x = NULL;
}

void logits_free(logits *l) {
    logits_close(l);
    free(l->y);
    l->y = NULL;
}

int logits_main(const char *device, int n, char **pattern,
                bool (*check)(linnet_device *d, const golden *g)) {
    linnet_device *d = NULL;
    linnet_error err = {0};
    linnet_device_info info = {0};
    if (linnet_device_open(device[0] ? device : NULL, &d, &err) != LINNET_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    linnet_device_get_info(d, &info);
    printf("on %s\n", info.name);
    char **list = golden_list(n, pattern);
    int bad = 0, count = 0;
    for (; list[count]; count++) {
        golden g = golden_read(list[count]);
        bad += !check(d, &g);
        fflush(stdout);
        golden_free(&g);
        free(list[count]);
    }
    free(list);
    linnet_device_close(&d);
    if (!count) fprintf(stderr, "no table matches\n");
    return bad || !count;
}
