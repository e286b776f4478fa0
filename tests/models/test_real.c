/* Trained weights on real pictures: EfficientNet-Lite0 against logits computed in double.
 * Needs $LINNET_TEST_DATA (images/crops, specs) and the converted weights: $LINNET_TEST_WEIGHTS,
 * or models/tf_efficientnet_lite0.safetensors in the cache. Skips, saying why, without them. */
#include "base/env.h"
#include "engine/passes/passes.h"
#include "engine/ref/ref.h"
#include "models/json.h"
#include "models/model.h"
#include "base/file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SKIP = 77, SIDE = 224, CLASSES = 1000 };
#define TOLERANCE 2e-5 /* of the largest logit */

static void die(const char *what, const char *where) {
    fprintf(stderr, "%s: %s\n", where, what);
    exit(1);
}

static void must(linnet_status st, const linnet_error *err) {
    if (st != LINNET_OK) die(err->message, "failed");
}

/* A 224 x 224 binary PPM to the network's input. */
static float *crop(const char *path, const ln_preprocess *p) {
    ln_file f;
    linnet_error err;
    must(ln_file_map(path, &f, &err), &err);
    size_t pixels = SIDE * SIDE;
    if (f.size < pixels * 3 || memcmp(f.data, "P6\n224 224\n255\n", 15))
        die("not such a PPM", path);
    float *out = malloc(pixels * 3 * sizeof *out);
    for (size_t i = 0; i < pixels * 3; i++)
        out[i] = ((float)f.data[15 + i] * p->scale - p->mean[i % 3]) / p->std[i % 3];
    ln_file_unmap(&f);
    return out;
}

static double worst(const float *y, const cJSON *logits) {
    double error = 0, largest = 0;
    if (cJSON_GetArraySize(logits) != CLASSES) die("not 1000 logits", "reference");
    int i = 0;
    const cJSON *v;
    cJSON_ArrayForEach(v, logits) {
        double e = fabs((double)y[i++] - v->valuedouble);
        error = isnan(e) ? INFINITY : fmax(error, e);
        largest = fmax(largest, fabs(v->valuedouble));
    }
    return error / largest;
}

static bool check(ln_graph *g, const ln_model *m, const char *data, const cJSON *image) {
    char path[1024];
    linnet_error err;
    ln_ref *r;
    const char *name = cJSON_GetObjectItem(image, "crop")->valuestring;
    snprintf(path, sizeof path, "%s/images/crops/%s", data, name);
    float *x = crop(path, ln_model_prep(m));
    must(ln_ref_create(g, &r, &err), &err);
    must(ln_ref_set(r, g->input[0], x, &err), &err);
    must(ln_ref_run(r, false, &err), &err);
    const float *y = r->value[g->output[0]];
    double e = worst(y, cJSON_GetObjectItem(image, "logits"));
    int best = 0;
    for (int i = 1; i < CLASSES; i++) best = y[i] > y[best] ? i : best;
    const cJSON *top = cJSON_GetArrayItem(cJSON_GetObjectItem(image, "top5"), 0);
    bool ok = e <= TOLERANCE && best == cJSON_GetObjectItem(top, "index")->valueint;
    const char *label = ln_model_label(m, best);
    printf("%-28s %.2g %d %s%s\n", name, e, best, label ? label : "", ok ? "" : "  WRONG");
    ln_ref_destroy(&r);
    free(x);
    return ok;
}

int main(void) {
    char path[1024];
    linnet_error err;
    const char *data = ln_env(LN_ENV_TEST_DATA), *weights = getenv("LINNET_TEST_WEIGHTS");
    if (!weights && ln_cache_path(path, sizeof path, "models/tf_efficientnet_lite0.safetensors") &&
        access(path, R_OK) == 0)
        weights = path;
    if (!data || !weights) {
        printf("skipped: %s\n",
               !data ? "LINNET_TEST_DATA is not set" : "no trained Lite0; ./dev demo fetches it");
        return SKIP;
    }
    ln_model *m;
    ln_graph *g;
    ln_file f;
    cJSON *root;
    ln_model_params p = {.model = "tf_efficientnet_lite0", .weights = weights};
    must(ln_model_open(&p, &m, &err), &err);
    must(ln_model_graph(m, 1, 0, 0, &g, &err), &err);
    must(ln_passes_run(g, NULL, &err), &err);
    snprintf(path, sizeof path, "%s/specs/efficientnet_lite0_real.json", data);
    must(ln_file_map(path, &f, &err), &err);
    must(ln_json_object((const char *)f.data, f.size, path, &root, &err), &err);
    int bad = 0, n = 0;
    const cJSON *image;
    cJSON_ArrayForEach(image, cJSON_GetObjectItem(root, "images")) {
        bad += !check(g, m, data, image);
        n++;
    }
    cJSON_Delete(root);
    ln_file_unmap(&f);
    ln_graph_destroy(&g);
    ln_model_close(&m);
    return bad || !n;
}
