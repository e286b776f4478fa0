/* Normalisations.
 *   batch norm: y = (x - mean) / sqrt(variance + eps) * gamma + beta, for each channel
 *   layer norm: the same with mean and variance of the last dimension
 *   group norm: the same with those of an image's pixels and a group's channels
 *   softmax:    y = exp(x - max) / sum exp(x - max), over the last dimension
 * Variances divide by the count, not by one less. */
#include "engine/ref/ops.h"
#include <math.h>

static int64_t rows_of(const ln_shape *s) {
    int64_t n = 0;
    ln_shape_count(s, &n);
    return n / s->dim[s->rank - 1];
}

static void batch_norm_row(const ln_ref_call *c, const void *ctx, int64_t r, double *scratch) {
    (void)scratch;
    const int64_t ch = *(const int64_t *)ctx;
    const double eps = c->node->attr.bn.eps;
    for (int64_t i = 0; i < ch; i++) {
        const double sd = sqrt((double)c->in[4][i] + eps);
        const double x = (double)c->in[0][r * ch + i] - c->in[3][i];
        c->out[r * ch + i] = (float)(x / sd * c->in[1][i] + c->in[2][i]);
    }
}

linnet_status ln_ref_batch_norm(const ln_ref_call *c, linnet_error *err) {
    const int64_t ch = c->oshape->dim[c->oshape->rank - 1];
    return ln_ref_rows(c, rows_of(c->oshape), 0, batch_norm_row, &ch, err);
}

static void softmax_row(const ln_ref_call *c, const void *ctx, int64_t r, double *e) {
    const int64_t ch = *(const int64_t *)ctx;
    const float *x = c->in[0] + r * ch;
    double top = x[0], sum = 0.0;
    for (int64_t i = 1; i < ch; i++)
        if (x[i] > top) top = x[i];
    for (int64_t i = 0; i < ch; i++) sum += e[i] = exp(x[i] - top);
    for (int64_t i = 0; i < ch; i++) c->out[r * ch + i] = (float)(e[i] / sum);
}

linnet_status ln_ref_softmax(const ln_ref_call *c, linnet_error *err) {
    const int64_t ch = c->oshape->dim[c->oshape->rank - 1];
    return ln_ref_rows(c, rows_of(c->oshape), (size_t)ch, softmax_row, &ch, err);
}

static float scale_shift(const ln_ref_call *c, double v, int64_t channel) {
    if (c->in[1]) v *= c->in[1][channel];
    if (c->in[2]) v += c->in[2][channel];
    return (float)v;
}

/* Mean and standard deviation of `runs` stretches of `len` values, `pitch` apart; two passes. */
static void moments(const float *x, int64_t runs, int64_t len, int64_t pitch, double eps,
                    double *mean, double *sd) {
    const double count = (double)runs * (double)len;
    double sum = 0.0, square = 0.0;
    for (int64_t r = 0; r < runs; r++)
        for (int64_t i = 0; i < len; i++) sum += x[r * pitch + i];
    *mean = sum / count;
    for (int64_t r = 0; r < runs; r++)
        for (int64_t i = 0; i < len; i++) {
            const double d = x[r * pitch + i] - *mean;
            square += d * d;
        }
    *sd = sqrt(square / count + eps);
}

static void layer_norm_row(const ln_ref_call *c, const void *ctx, int64_t r, double *scratch) {
    (void)scratch;
    const int64_t ch = *(const int64_t *)ctx;
    const float *x = c->in[0] + r * ch;
    double mean, sd;
    moments(x, 1, ch, ch, c->node->attr.norm.eps, &mean, &sd);
    for (int64_t i = 0; i < ch; i++) c->out[r * ch + i] = scale_shift(c, (x[i] - mean) / sd, i);
}

linnet_status ln_ref_layer_norm(const ln_ref_call *c, linnet_error *err) {
    const int64_t ch = c->oshape->dim[c->oshape->rank - 1];
    return ln_ref_rows(c, rows_of(c->oshape), 0, layer_norm_row, &ch, err);
}

/* Row r: one group of one image. */
static void group_norm_row(const ln_ref_call *c, const void *ctx, int64_t r, double *scratch) {
    (void)ctx;
    (void)scratch;
    const int groups = c->node->attr.norm.groups;
    const int64_t pixels = c->oshape->dim[1] * c->oshape->dim[2], ch = c->oshape->dim[3];
    const int64_t len = ch / groups, first = r % groups * len;
    const int64_t base = r / groups * pixels * ch + first;
    double mean, sd;
    moments(c->in[0] + base, pixels, len, ch, c->node->attr.norm.eps, &mean, &sd);
    for (int64_t p = 0; p < pixels; p++)
        for (int64_t i = 0; i < len; i++) {
            const int64_t at = base + p * ch + i;
            c->out[at] = scale_shift(c, (c->in[0][at] - mean) / sd, first + i);
        }
}

linnet_status ln_ref_group_norm(const ln_ref_call *c, linnet_error *err) {
    const int64_t rows = c->oshape->dim[0] * c->node->attr.norm.groups;
    return ln_ref_rows(c, rows, 0, group_norm_row, NULL, err);
}
