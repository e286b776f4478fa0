/* Networks at sizes that no table has, two pictures at once, other seeds: a device against the C
 * reference, both through the public API. Arguments: a device, then models. */
#include <linnet/linnet.h>

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 2, SEED = 5, MOST_CLASSES = 1001 };
static const int sizes[][2] = {{160, 192}, {225, 225}};
/* of the standard deviation; VGG sums 25088 products into each of its hidden units */
static double tolerance(const char *model) {
    return strstr(model, "vgg") ? 1e-4 : 5e-5;
}

static bool run(linnet_device *d, const char *model, int h, int w, float *y, int *classes,
                linnet_error *err) {
    linnet_model_params mp = LINNET_MODEL_PARAMS_INIT;
    linnet_session_params sp = LINNET_SESSION_PARAMS_INIT;
    linnet_model_info info = {0};
    linnet_model *m = NULL;
    linnet_session *s = NULL;
    size_t pixels = 3 * (size_t)h * (size_t)w;
    float *x = malloc(BATCH * pixels * sizeof *x);
    mp.model = model;
    mp.synthetic = 1;
    mp.seed = SEED;
    mp.height = h;
    mp.width = w;
    sp.batch = BATCH;
    for (int i = 0; i < BATCH; i++)
        linnet_synthetic_image((uint64_t)i, SEED, h, w, x + (size_t)i * pixels);
    bool ok = linnet_model_open(&mp, &m, err) == LINNET_OK &&
              linnet_model_get_info(m, &info, err) == LINNET_OK && info.classes <= MOST_CLASSES &&
              linnet_session_create(m, d, &sp, &s, err) == LINNET_OK &&
              linnet_session_run(s, (const void *[]){x}, (void *[]){y}, err) == LINNET_OK;
    *classes = info.classes;
    linnet_session_destroy(&s);
    linnet_model_close(&m);
    free(x);
    return ok;
}

/* Largest difference over the deviation of what is expected. */
static double apart(const float *y, const float *expect, int n) {
    double sum = 0, square = 0, worst = 0;
    for (int i = 0; i < n; i++) {
        double e = fabs((double)y[i] - (double)expect[i]);
        worst = isnan(e) ? INFINITY : fmax(worst, e);
        sum += (double)expect[i];
        square += (double)expect[i] * (double)expect[i];
    }
    double mean = sum / n;
    return worst / sqrt(square / n - mean * mean);
}

static bool check(linnet_device *d, linnet_device *ref, const char *model, int h, int w) {
    static float y[BATCH * MOST_CLASSES], expect[BATCH * MOST_CLASSES];
    linnet_error err = {0};
    int n = 0;
    if (!run(ref, model, h, w, expect, &n, &err) || !run(d, model, h, w, y, &n, &err)) {
        printf("%s at %dx%d: %s\n", model, h, w, err.message);
        return false;
    }
    double e = apart(y, expect, BATCH * n);
    printf("%-30s %3dx%-3d %.2g%s\n", model, h, w, e, e <= tolerance(model) ? "" : "  FAILED");
    fflush(stdout);
    return e <= tolerance(model);
}

int main(int argc, char **argv) {
    linnet_device *d = NULL, *ref = NULL;
    linnet_error err = {0};
    const char *spec = argc > 1 && argv[1][0] ? argv[1] : NULL;
    if (linnet_device_open(spec, &d, &err) != LINNET_OK ||
        linnet_device_open("ref", &ref, &err) != LINNET_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    int bad = argc < 3;
    for (int i = 2; i < argc; i++)
        for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++)
            bad += !check(d, ref, argv[i], sizes[k][0], sizes[k][1]);
    linnet_device_close(&d);
    linnet_device_close(&ref);
    return bad != 0;
}
