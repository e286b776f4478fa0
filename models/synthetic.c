/* Deterministic weights and inputs: any family runs without a download, and independent programs
 * agree on every bit. Stream of (key, seed), 64-bit and wrapping:
 *   base = fnv1a64(key) ^ mix64(seed + PHI),  k[i] = mix64(base + (i + 1) PHI) >> 40
 *   v[i] = (k[i] - 2^23) / 2^23 in [-1, 1)
 * Element j of a weight is float(c + a t), t = v[j] or v[j] - 15/16 v[j'] with j' the same element
 * of the next input channel: that takes out the common mean of a layer's inputs, without which
 * deep ReLU networks answer nearly the same for any image. Every sum and product before the last
 * rounding is exact in double, so order and contraction cannot change a bit. */
#include "base/thread.h"
#include "models/weights_impl.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PHI  0x9E3779B97F4A7C15ull
#define HALF (1 << 23)

static uint64_t mix64(uint64_t z) {
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ z >> 27) * 0x94D049BB133111EBull;
    return z ^ z >> 31;
}

static uint64_t stream(const char *key, uint64_t seed) {
    return ln_hash(LN_HASH_INIT, key, strlen(key)) ^ mix64(seed + PHI);
}

static int32_t k24(uint64_t base, uint64_t i) {
    return (int32_t)(mix64(base + (i + 1) * PHI) >> 40);
}

/* ---- weights ---- */
typedef struct rule {
    double c, a, lambda;
} rule;

static bool contains(const char *s, const char *part) {
    return strstr(s, part) != NULL;
}

static double spread(double gain, int64_t fan_in) {
    return (double)(float)sqrt(gain / (double)fan_in);
}

static rule vector_rule(const char *key, const char *leaf, bool gate) {
    if (!strcmp(leaf, "running_mean")) return (rule){0, 0.0625, 0};
    if (!strcmp(leaf, "running_var")) return (rule){1, 0.25, 0};
    if (!strcmp(leaf, "gamma")) return (rule){0.3125, 0.1875, 0};
    if (strcmp(leaf, "bias")) return (rule){1, 0.25, 0};
    if (gate && (contains(key, ".conv_expand.") || contains(key, ".fc2."))) return (rule){2, 1, 0};
    return (rule){0, 0.0625, 0};
}

static rule rule_of(const char *key, const ln_shape *s, int64_t taps) {
    const char *dot = strrchr(key, '.'), *leaf = dot ? dot + 1 : key;
    bool gate = contains(key, ".se.") ||
                (contains(key, ".block.") && (contains(key, ".fc1.") || contains(key, ".fc2.")));
    static const char *const named[] = {"running_mean", "running_var", "gamma", "bias"};
    bool vector = s->rank < 2;
    for (size_t i = 0; i < LN_COUNT(named); i++) vector |= !strcmp(leaf, named[i]);
    if (vector) return vector_rule(key, leaf, gate);
    int64_t fan_in = s->dim[1] * taps;
    if (s->dim[1] == 1 && taps > 1) return (rule){0, spread(4.5, fan_in), 0}; /* depthwise */
    double gain = 4; /* expansion, square, dense k x k */
    if (gate)
        gain = 0.5;
    else if (taps > 1)
        gain = s->dim[1] == 3 ? 128 : 4; /* the stem sees three channels */
    else if (s->dim[0] < s->dim[1])
        gain = 1.5; /* projection */
    return (rule){0, spread(gain, fan_in), 0.9375};
}

typedef struct fill {
    uint64_t base;
    rule r;
    int64_t count, rows_per_job, inputs, taps; /* a row is inputs * taps elements */
    float *dst;
} fill;

static double unit(uint64_t base, int64_t i) {
    return (k24(base, (uint64_t)i) - HALF) / (double)HALF;
}

static void fill_plain(const fill *f, int64_t from, int64_t to) {
    for (int64_t j = from; j < to; j++) f->dst[j] = (float)(f->r.c + f->r.a * unit(f->base, j));
}

/* One row: the stream is drawn once and kept in dst as exact floats (k - 2^23 fits 24 bits). */
static void fill_row(const fill *f, int64_t row) {
    const double scale = 1.0 / HALF;
    int64_t n = f->inputs * f->taps, start = row * n;
    float *d = f->dst + start;
    for (int64_t i = 0; i < n; i++) d[i] = (float)(k24(f->base, (uint64_t)(start + i)) - HALF);
    for (int64_t t = 0; t < f->taps; t++) {
        double first = d[t];
        for (int64_t i = 0; i < f->inputs; i++) {
            int64_t at = i * f->taps + t;
            double next = i + 1 < f->inputs ? d[at + f->taps] : first;
            d[at] = (float)(f->r.c + f->r.a * (d[at] * scale - f->r.lambda * (next * scale)));
        }
    }
}

static void fill_job(void *user, size_t index) {
    const fill *f = user;
    int64_t row = f->inputs * f->taps, rows = f->count / row;
    int64_t from = (int64_t)index * f->rows_per_job;
    int64_t to = LN_MIN(from + f->rows_per_job, rows);
    if (f->r.lambda == 0) {
        fill_plain(f, from * row, to * row);
        return;
    }
    for (int64_t r = from; r < to; r++) fill_row(f, r);
}

void ln_synthetic_tensor(const char *key, const ln_shape *shape, uint64_t seed, float *dst) {
    enum { JOB = 1 << 18 };
    fill f = {.base = stream(key, seed), .count = 1, .inputs = 1, .taps = 1, .dst = dst};
    for (int i = 0; i < shape->rank; i++) f.count *= shape->dim[i];
    for (int i = 2; i < shape->rank; i++) f.taps *= shape->dim[i];
    if (shape->rank > 1) f.inputs = shape->dim[1];
    f.r = rule_of(key, shape, f.taps);
    int64_t row = f.inputs * f.taps, rows = f.count / row;
    f.rows_per_job = LN_MAX(JOB / row, 1);
    size_t jobs = (size_t)ln_ceil_div(rows, f.rows_per_job);
    if (jobs < 2 || ln_parallel(0, jobs, fill_job, &f, NULL) != LINNET_OK)
        for (size_t i = 0; i < jobs; i++) fill_job(&f, i);
}

/* ---- inputs: a quarter noise, a quarter triangle waves, half colour ---- */
void ln_synthetic_image(uint64_t index, uint64_t seed, int64_t h, int64_t w, float *dst) {
    if (h < 1 || w < 1) return;
    for (int c = 0; c < 3; c++) {
        char key[64];
        snprintf(key, sizeof key, "input#%llu.pattern.%d", (unsigned long long)index, c);
        int64_t r[5];
        uint64_t base = stream(key, seed);
        for (uint64_t i = 0; i < 5; i++) r[i] = k24(base, i);
        snprintf(key, sizeof key, "input#%llu.noise.%d", (unsigned long long)index, c);
        base = stream(key, seed);
        int64_t sx = ((1 << 22) + r[1] * 15 / 4) / w, sy = ((1 << 22) + r[2] * 15 / 4) / h;
        if (r[3] & 1) sx = -sx;
        for (int64_t y = 0; y < h; y++)
            for (int64_t x = 0; x < w; x++) {
                int64_t t = (r[0] + x * sx + y * sy) & 0xFFFFFF;
                int64_t tri = 2 * (t > HALF ? t - HALF : HALF - t) - HALF;
                int64_t n = k24(base, (uint64_t)(y * w + x));
                *dst++ = (float)((double)(n - HALF + tri + 2 * (r[4] - HALF)) / (1 << 25));
            }
    }
}

/* ---- a source of tensors ---- */
linnet_status ln_synthetic_open(uint64_t seed, ln_weights **out, linnet_error *err) {
    LN_TRY(ln_weights_new("synthetic weights", out, err));
    (*out)->synthetic = true;
    (*out)->seed = seed;
    return LINNET_OK;
}

static linnet_status make(ln_weights *w, const char *name, const ln_shape *shape,
                          linnet_error *err) {
    int64_t n = 0;
    float *data = ln_shape_count(shape, &n) ? ln_alloc_aligned((size_t)n, sizeof *data) : NULL;
    if (!data) return ln_fail_oom(err, name, (size_t)n * sizeof *data);
    ln_synthetic_tensor(name, shape, w->seed, data);
    LN_TRY(ln_weights_own(w, data, err));
    ln_weight t = {.name = name, .shape = *shape, .dtype = LN_F32, .data = data};
    return ln_weights_add(w, &t, false, err);
}

const ln_weight *ln_weights_find(ln_weights *w, const char *name, const ln_shape *expect,
                                 linnet_error *err) {
    if (!w->synthetic) return ln_weights_lookup(w, name);
    pthread_mutex_lock(&w->lock);
    const ln_weight *t = ln_weights_lookup(w, name);
    if (!t && expect && make(w, name, expect, err) == LINNET_OK) t = ln_weights_lookup(w, name);
    pthread_mutex_unlock(&w->lock);
    return t;
}
