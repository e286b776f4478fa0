/* Squeeze-and-excitation: gate(w2 act(w1 mean(x) + b1) + b2), in double from end to end. */
#include "engine/ref/ops.h"

static double product(const float *w, const double *v, int64_t n, const float *bias, int64_t at) {
    double sum = bias ? bias[at] : 0.0;
    for (int64_t i = 0; i < n; i++) sum += (double)w[at * n + i] * v[i];
    return sum;
}

/* One image. */
static void image(const ln_ref_call *c, const void *ctx, int64_t n, double *mean) {
    (void)ctx;
    const ln_se_attr *a = &c->node->attr.se;
    const int64_t ch = c->shape[LN_SE_X]->dim[3], squeezed = c->shape[LN_SE_W1]->dim[0];
    const int64_t pixels = c->shape[LN_SE_X]->dim[1] * c->shape[LN_SE_X]->dim[2];
    const float *x = c->in[LN_SE_X] + n * pixels * ch;
    double *hidden = mean + ch;
    for (int64_t i = 0; i < ch; i++) mean[i] = 0.0;
    for (int64_t p = 0; p < pixels; p++)
        for (int64_t i = 0; i < ch; i++) mean[i] += x[p * ch + i];
    for (int64_t i = 0; i < ch; i++) mean[i] /= (double)pixels;
    for (int64_t r = 0; r < squeezed; r++)
        hidden[r] = ln_act_eval(&a->act, product(c->in[LN_SE_W1], mean, ch, c->in[LN_SE_B1], r));
    for (int64_t i = 0; i < ch; i++)
        c->out[n * ch + i] = (float)ln_act_eval(
            &a->gate, product(c->in[LN_SE_W2], hidden, squeezed, c->in[LN_SE_B2], i));
}

linnet_status ln_ref_se(const ln_ref_call *c, linnet_error *err) {
    const size_t doubles = (size_t)(c->shape[LN_SE_X]->dim[3] + c->shape[LN_SE_W1]->dim[0]);
    return ln_ref_rows(c, c->oshape->dim[0], doubles, image, NULL, err);
}
