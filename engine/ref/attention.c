/* Attention: y[t] = sum over u of softmax(q[t] . k[u] * scale) v[u], a head at a time, and its
 * separable form. Tokens are the pixels of a map; with patches, pixel (py,px) of every patch is a
 * sequence of its own (graph.h). */
#include "engine/ref/ops.h"
#include <math.h>

/* Pixel (row of the [N*H*W, C] matrix) of token t of sequence s of image n. */
static int64_t pixel(const ln_shape *x, int ph, int pw, int64_t n, int64_t s, int64_t t) {
    const int64_t across = x->dim[2] / pw; /* patches in a row */
    const int64_t y = t / across * ph + s / pw, z = t % across * pw + s % pw;
    return (n * x->dim[1] + y) * x->dim[2] + z;
}

/* In place; NaN anywhere gives NaN everywhere. */
static void softmax(double *e, int64_t count) {
    double top = e[0], sum = 0.0;
    for (int64_t i = 1; i < count; i++)
        if (e[i] > top) top = e[i];
    for (int64_t i = 0; i < count; i++) sum += e[i] = exp(e[i] - top);
    for (int64_t i = 0; i < count; i++) e[i] /= sum;
}

/* Row r: one query of one head. */
static void attention_row(const ln_ref_call *c, const void *ctx, int64_t r, double *score) {
    (void)ctx;
    const ln_attention_attr *a = &c->node->attr.attention;
    const ln_shape *qs = c->shape[0], *ks = c->shape[1], *vs = c->shape[2];
    const int64_t seqs = (int64_t)a->patch_h * a->patch_w;
    const int64_t queries = qs->dim[1] * qs->dim[2] / seqs, keys = ks->dim[1] * ks->dim[2] / seqs;
    const int64_t t = r % queries, h = r / queries % a->heads;
    const int64_t s = r / queries / a->heads % seqs, n = r / queries / a->heads / seqs;
    const int64_t kv = h / (a->heads / a->kv_heads);
    const int64_t mine = pixel(qs, a->patch_h, a->patch_w, n, s, t);
    const float *q = c->in[0] + mine * qs->dim[3] + a->q_at + h * a->dim;
    for (int64_t u = 0; u < keys; u++) {
        const float *k = c->in[1] + pixel(ks, a->patch_h, a->patch_w, n, s, u) * ks->dim[3] +
                         a->k_at + kv * a->dim;
        double dot = 0.0;
        for (int i = 0; i < a->dim; i++) dot += (double)q[i] * k[i];
        score[u] = dot * a->scale;
    }
    softmax(score, keys);
    double *sum = score + keys;
    for (int i = 0; i < a->vdim; i++) sum[i] = 0.0;
    for (int64_t u = 0; u < keys; u++) {
        const float *v = c->in[2] + pixel(vs, a->patch_h, a->patch_w, n, s, u) * vs->dim[3] +
                         a->v_at + kv * a->vdim;
        for (int i = 0; i < a->vdim; i++) sum[i] += score[u] * v[i];
    }
    float *y = c->out + mine * c->oshape->dim[3] + h * a->vdim;
    for (int i = 0; i < a->vdim; i++) y[i] = (float)sum[i];
}

linnet_status ln_ref_attention(const ln_ref_call *c, linnet_error *err) {
    const ln_attention_attr *a = &c->node->attr.attention;
    const ln_shape *q = c->shape[0], *k = c->shape[1];
    const int64_t keys = k->dim[1] * k->dim[2] / ((int64_t)a->patch_h * a->patch_w);
    return ln_ref_rows(c, q->dim[0] * q->dim[1] * q->dim[2] * a->heads, (size_t)(keys + a->vdim),
                       attention_row, NULL, err);
}

/* Row r: one sequence. */
static void linear_row(const ln_ref_call *c, const void *ctx, int64_t r, double *score) {
    (void)ctx;
    const ln_linear_attention_attr *a = &c->node->attr.linear;
    const ln_shape *x = c->shape[0];
    const int64_t seqs = (int64_t)a->patch_h * a->patch_w, tokens = x->dim[1] * x->dim[2] / seqs;
    const int64_t n = r / seqs, s = r % seqs;
    double *sum = score + tokens;
    for (int64_t t = 0; t < tokens; t++)
        score[t] = c->in[0][pixel(x, a->patch_h, a->patch_w, n, s, t) * x->dim[3]];
    softmax(score, tokens);
    for (int i = 0; i < a->dim; i++) sum[i] = 0.0;
    for (int64_t t = 0; t < tokens; t++) {
        const int64_t at = pixel(x, a->patch_h, a->patch_w, n, s, t);
        const float *key = c->in[0] + at * x->dim[3] + 1;
        for (int i = 0; i < a->dim; i++) sum[i] += score[t] * key[i];
    }
    for (int64_t t = 0; t < tokens; t++) {
        const int64_t at = pixel(x, a->patch_h, a->patch_w, n, s, t);
        const float *value = c->in[0] + at * x->dim[3] + 1 + a->dim;
        for (int i = 0; i < a->dim; i++)
            c->out[at * a->dim + i] = (float)(ln_act_eval(&a->act, value[i]) * sum[i]);
    }
}

linnet_status ln_ref_linear_attention(const ln_ref_call *c, linnet_error *err) {
    const ln_linear_attention_attr *a = &c->node->attr.linear;
    const ln_shape *x = c->shape[0];
    const int64_t seqs = (int64_t)a->patch_h * a->patch_w;
    const int64_t tokens = x->dim[1] * x->dim[2] / seqs;
    return ln_ref_rows(c, x->dim[0] * seqs, (size_t)(tokens + a->dim), linear_row, NULL, err);
}
