/* Normalisations: batch norm and softmax.
 *   batch norm: y = (x - mean) / sqrt(variance + eps) * gamma + beta, for each channel
 *   softmax:    y = exp(x - max) / sum exp(x - max), over the last dimension */
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
