/* Trained EfficientNet-Lite0, quantized here: the answers of int8 against those of f32, on the
 * device. Calibrated on some crops of eight photographs, measured on others and on the photographs:
 * mean cosine of the logits at least 0.99, the same first answer wherever f32's first two
 * probabilities are more than 0.1 apart, and elsewhere one of f32's first two. argv[1]: sets of
 * crops to measure on, 1 when not given; each has others.
 *
 * Needs $LINNET_TEST_DATA (images) and the converted weights: $LINNET_TEST_WEIGHTS, or
 * models/tf_efficientnet_lite0.safetensors in the cache. Skips, saying why, without them. */
#include <linnet/linnet.h>

#include "base/base.h"
#include "base/env.h"
#include "vision/vision.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SKIP = 77, PHOTOS = 8, MEASURED = 25, CALIBRATED = 4, CLASSES = 1000 };

static const char *const names[PHOTOS] = {
    "bird_segmentation.bmp", "cat_720p.jpg",    "grace_hopper.bmp",
    "hot_dog.jpg",           "owl.jpg",         "parrot.jpg",
    "crops/chelsea.ppm",     "crops/coffee.ppm"};

static void must(linnet_status st, const linnet_error *err) {
    if (st == LINNET_OK) return;
    fprintf(stderr, "failed: %s\n", err->message);
    exit(1);
}

typedef struct test {
    linnet_model *model;
    ln_image photo[PHOTOS];
} test;

/* In [0, 1), the same for the same key. */
static double draw(uint64_t key) {
    const uint64_t h = ln_hash(LN_HASH_INIT, &key, sizeof key);
    return (double)((h ^ h >> 29) % 100003) / 100003;
}

/* A square of half to all of the shorter side, anywhere; as the network's input. */
static linnet_status crop(const test *t, int photo, uint64_t seed, float *out, linnet_error *err) {
    const ln_image *im = &t->photo[photo];
    const uint64_t key = (seed * PHOTOS + (uint64_t)photo) * 3;
    const int least = LN_MIN(im->width, im->height);
    const int side = (int)(least * (0.5 + 0.5 * draw(key)));
    const int x = (int)((im->width - side + 1) * draw(key + 1));
    const int y = (int)((im->height - side + 1) * draw(key + 2));
    char head[64];
    const size_t n = (size_t)snprintf(head, sizeof head, "P6\n%d %d\n255\n", side, side);
    const size_t row = 3 * (size_t)side, bytes = n + row * (size_t)side;
    uint8_t *ppm = malloc(bytes);
    if (!ppm) return ln_fail_oom(err, "a crop", bytes);
    memcpy(ppm, head, n);
    for (int r = 0; r < side; r++)
        memcpy(ppm + n + row * (size_t)r,
               im->rgb + 3 * ((size_t)(y + r) * (size_t)im->width + (size_t)x), row);
    const linnet_status st = linnet_image_decode(t->model, ppm, bytes, names[photo], out, err);
    free(ppm);
    return st;
}

static linnet_status picture(void *user, size_t i, float *out, linnet_error *err) {
    return crop(user, (int)(i % PHOTOS), 1000 + i / PHOTOS, out, err);
}

static linnet_model *open_model(const char *weights) {
    linnet_model_params p = LINNET_MODEL_PARAMS_INIT;
    linnet_model *m;
    linnet_error err;
    p.model = "tf_efficientnet_lite0";
    p.weights = weights;
    must(linnet_model_open(&p, &m, &err), &err);
    return m;
}

static double cosine(const float *a, const float *b) {
    double ab = 0, aa = 0, bb = 0;
    for (int i = 0; i < CLASSES; i++) {
        ab += (double)a[i] * (double)b[i];
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
    }
    return ab / sqrt(aa * bb);
}

typedef enum verdict { SAME, SECOND, TIE_LOST, WRONG } verdict;

static verdict judge(const float *f32, const float *int8) {
    linnet_top two[2], one;
    linnet_topk(f32, CLASSES, 2, two);
    linnet_topk(int8, CLASSES, 1, &one);
    if (one.index == two[0].index) return SAME;
    if (two[0].probability - two[1].probability > 0.1f) return WRONG;
    return one.index == two[1].index ? SECOND : TIE_LOST;
}

/* Photograph by photograph, of one set of crops; the number of answers that are neither f32's first
 * nor, where it may be, its second, and of photographs that are too far. */
static int compare(const test *t, uint64_t set, linnet_session *f32, linnet_session *int8) {
    const uint64_t from = set * 10000;
    static float x[3 * 224 * 224], y[2][CLASSES];
    linnet_error err;
    double all = 0, signal = 0, noise = 0;
    int bad = 0, lost = 0, second = 0;
    for (int p = 0; p < PHOTOS; p++) {
        double sum = 0, least = 1;
        int got[4] = {0};
        for (uint64_t seed = from; seed < from + MEASURED; seed++) {
            const void *in = x;
            void *out[2] = {y[0], y[1]};
            must(crop(t, p, seed, x, &err), &err);
            must(linnet_session_run(f32, &in, &out[0], &err), &err);
            must(linnet_session_run(int8, &in, &out[1], &err), &err);
            const double c = cosine(y[0], y[1]);
            for (int i = 0; i < CLASSES; i++) {
                signal += (double)y[0][i] * (double)y[0][i];
                noise += ((double)y[1][i] - (double)y[0][i]) * ((double)y[1][i] - (double)y[0][i]);
            }
            sum += c;
            least = fmin(least, c);
            got[judge(y[0], y[1])]++;
        }
        all += sum / MEASURED / PHOTOS;
        lost += got[TIE_LOST] + got[WRONG];
        second += got[SECOND];
        bad += !(sum / MEASURED >= 0.99);
        printf("%-22s cosine %.5f, least %.5f; first: %d same, %d f32's second, %d neither, %d "
               "wrong\n",
               names[p], sum / MEASURED, least, got[SAME], got[SECOND], got[TIE_LOST], got[WRONG]);
    }
    printf("set %d: cosine %.5f, %.2f dB; %d of %d hold, %d of them by f32's second\n", (int)set,
           all, 10 * log10(signal / noise), PHOTOS * MEASURED - lost, PHOTOS * MEASURED, second);
    return bad + lost;
}

/* The photographs as classify sees them. */
static int compare_whole(const test *t, const char *data, linnet_session *f32,
                         linnet_session *int8) {
    static float x[3 * 224 * 224], y[2][CLASSES];
    linnet_error err;
    int bad = 0;
    for (int p = 0; p < PHOTOS; p++) {
        const void *in = x;
        void *out[2] = {y[0], y[1]};
        char path[1024];
        snprintf(path, sizeof path, "%s/images/%s", data, names[p]);
        must(linnet_image_load(t->model, path, x, &err), &err);
        must(linnet_session_run(f32, &in, &out[0], &err), &err);
        must(linnet_session_run(int8, &in, &out[1], &err), &err);
        if (judge(y[0], y[1]) <= SECOND) continue;
        printf("%s: another first answer\n", names[p]);
        bad++;
    }
    return bad;
}

static int run(test *t, int sets, const char *data, const char *weights, const char *path) {
    linnet_error err;
    linnet_device *d;
    linnet_quantize_params p = LINNET_QUANTIZE_PARAMS_INIT;
    linnet_quantized q;
    linnet_session *s[2];
    t->model = open_model(weights);
    must(linnet_device_open(NULL, &d, &err), &err);
    p.n_pictures = PHOTOS * CALIBRATED;
    p.picture = picture;
    p.range = LINNET_RANGE_PERCENTILE;
    p.equalize = LINNET_EQUALIZE_OFF;
    p.user = t;
    must(linnet_quantize(t->model, d, &p, path, &q, &err), &err);
    printf("calibrated on %zu crops: cosine %.5f, %.2f dB%s\n", p.n_pictures, q.cosine, q.sqnr_db,
           q.equalized ? ", equalised" : "");
    linnet_free(q.layers);
    linnet_model *small = open_model(path);
    must(linnet_session_create(t->model, d, NULL, &s[0], &err), &err);
    must(linnet_session_create(small, d, NULL, &s[1], &err), &err);
    linnet_session_stats stats[2];
    for (int i = 0; i < 2; i++) must(linnet_session_get_stats(s[i], &stats[i]), &err);
    printf("weights of %.2f MB, of int8 %.2f MB\n", (double)stats[0].weight_bytes / 1e6,
           (double)stats[1].weight_bytes / 1e6);
    int bad = compare_whole(t, data, s[0], s[1]);
    for (int set = 0; set < sets; set++) bad += compare(t, (uint64_t)set, s[0], s[1]);
    bad += stats[1].weight_bytes > stats[0].weight_bytes * 3 / 10;
    for (int i = 0; i < 2; i++) linnet_session_destroy(&s[i]);
    linnet_model_close(&small);
    linnet_model_close(&t->model);
    linnet_device_close(&d);
    return bad;
}

int main(int argc, char **argv) {
    const int sets = argc > 1 ? LN_MAX(atoi(argv[1]), 1) : 1;
    char found[1024], path[1024];
    linnet_error err;
    const char *data = ln_env(LN_ENV_TEST_DATA), *weights = getenv("LINNET_TEST_WEIGHTS");
    if (!weights &&
        ln_cache_path(found, sizeof found, "models/tf_efficientnet_lite0.safetensors") &&
        access(found, R_OK) == 0)
        weights = found;
    if (!data || !weights) {
        printf("skipped: %s\n",
               !data ? "LINNET_TEST_DATA is not set" : "no trained Lite0; ./dev demo fetches it");
        return SKIP;
    }
    test t = {0};
    for (int i = 0; i < PHOTOS; i++) {
        snprintf(path, sizeof path, "%s/images/%s", data, names[i]);
        must(ln_image_load(path, &t.photo[i], &err), &err);
    }
    char folder[] = "/tmp/linnet-int8-XXXXXX";
    if (!mkdtemp(folder)) return 1;
    snprintf(path, sizeof path, "%s/lite0.safetensors", folder);
    const int bad = run(&t, sets, data, weights, path);
    for (int i = 0; i < PHOTOS; i++) ln_image_free(&t.photo[i]);
    unlink(path);
    rmdir(folder);
    return bad ? 1 : 0;
}
