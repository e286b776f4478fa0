/* Filter weights for resizing. */
#include "vision/resize.h"
#include <math.h>
#include <stdlib.h>

void ln_taps_free(ln_taps *t) {
    free(t->first);
    free(t->n);
    free(t->weight);
    *t = (ln_taps){0};
}

linnet_status ln_taps_alloc(ln_taps *t, int count, int64_t taps, linnet_error *err) {
    *t = (ln_taps){.count = count, .taps = (int)taps};
    size_t total;
    if (ln_mul_size((size_t)count, (size_t)taps, &total)) {
        t->first = calloc((size_t)count, sizeof *t->first);
        t->n = calloc((size_t)count, sizeof *t->n);
        t->weight = calloc(total, sizeof *t->weight);
        if (t->first && t->n && t->weight) return LINNET_OK;
    }
    ln_taps_free(t);
    return ln_fail_oom(err, "the weights of a resize", (size_t)count * (size_t)taps * 4);
}

/* Keys' cubic convolution (IEEE ASSP-29, 1981). */
static double cubic(double x, double a) {
    x = fabs(x);
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
    return 0;
}
static double weight_at(double x, ln_filter filter) {
    if (filter == LN_FILTER_BICUBIC) return cubic(x, -0.5);
    x = fabs(x);
    return x < 1 ? 1 - x : 0;
}

#define ANTIALIAS_BITS 22

linnet_status ln_taps_antialias(ln_taps *t, int in, ln_axis axis, ln_filter filter,
                                linnet_error *err) {
    double scale = (double)in / axis.size, widen = LN_MAX(scale, 1.0);
    double support = (filter == LN_FILTER_BICUBIC ? 2.0 : 1.0) * widen;
    int64_t taps = LN_MIN((int64_t)ceil(support) * 2 + 1, (int64_t)in);
    LN_TRY(ln_taps_alloc(t, axis.count, taps, err));
    double *w = malloc((size_t)taps * sizeof *w);
    if (!w) {
        ln_taps_free(t);
        return ln_fail_oom(err, "the weights of a resize", (size_t)taps * sizeof *w);
    }
    for (int i = 0; i < axis.count; i++) {
        double center = (axis.from + i + 0.5) * scale, sum = 0;
        int lo = (int)LN_MAX(center - support + 0.5, 0.0);
        int hi = (int)LN_MIN(center + support + 0.5, (double)in);
        t->first[i] = lo;
        t->n[i] = hi - lo;
        for (int k = 0; k < hi - lo; k++)
            sum += w[k] = weight_at((k + lo - center + 0.5) / widen, filter);
        for (int k = 0; k < hi - lo; k++) {
            double v = (sum != 0 ? w[k] / sum : w[k]) * (1 << ANTIALIAS_BITS);
            t->weight[(size_t)i * (size_t)taps + (size_t)k] = (int32_t)(v < 0 ? v - 0.5 : v + 0.5);
        }
    }
    free(w);
    return LINNET_OK;
}

#define SAMPLED_BITS 11

linnet_status ln_taps_sampled(ln_taps *t, int in, ln_axis axis, ln_filter filter,
                              linnet_error *err) {
    bool wide = filter == LN_FILTER_BICUBIC;
    int taps = wide ? 4 : 2;
    double scale = (double)in / axis.size;
    LN_TRY(ln_taps_alloc(t, axis.count, taps, err));
    for (int i = 0; i < axis.count; i++) {
        double at = (axis.from + i + 0.5) * scale - 0.5;
        int base = (int)floor(at);
        float f = (float)(at - base), w[4] = {1 - f, f};
        if (wide) {
            w[0] = (float)cubic(f + 1.0, -0.75), w[1] = (float)cubic(f, -0.75);
            w[2] = (float)cubic(1.0 - f, -0.75), w[3] = 1 - w[0] - w[1] - w[2];
        }
        t->first[i] = wide ? base - 1 : base;
        t->n[i] = taps;
        for (int k = 0; k < taps; k++)
            t->weight[i * taps + k] = (int32_t)lrintf(w[k] * (1 << SAMPLED_BITS));
    }
    return LINNET_OK;
}
