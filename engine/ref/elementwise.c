/* y = act(a + b), y = act(a * b), y = act(x). b: a's shape, [N,1,1,C] or [C]. */
#include "engine/ref/ops.h"

static int64_t count(const ln_shape *s) {
    int64_t n = 0;
    ln_shape_count(s, &n);
    return n;
}

/* Row r of the output: every channel of one pixel. */
static void binary_row(const ln_ref_call *c, const void *ctx, int64_t r, double *scratch) {
    (void)scratch;
    const bool mul = *(const bool *)ctx;
    const ln_shape *as = c->shape[0], *bs = c->shape[1];
    const int64_t ch = as->dim[as->rank - 1];
    const float *a = c->in[0] + r * ch, *b = c->in[1];
    if (ln_shape_equal(as, bs))
        b += r * ch;
    else if (bs->rank == 4)
        b += r / (as->dim[1] * as->dim[2]) * ch;
    for (int64_t i = 0; i < ch; i++) {
        const double v = mul ? (double)a[i] * b[i] : (double)a[i] + b[i];
        c->out[r * ch + i] = (float)ln_act_eval(&c->node->attr.binary.act, v);
    }
}

static linnet_status binary(const ln_ref_call *c, bool mul, linnet_error *err) {
    const int64_t ch = c->oshape->dim[c->oshape->rank - 1];
    return ln_ref_rows(c, count(c->oshape) / ch, 0, binary_row, &mul, err);
}

linnet_status ln_ref_add(const ln_ref_call *c, linnet_error *err) {
    return binary(c, false, err);
}

linnet_status ln_ref_mul(const ln_ref_call *c, linnet_error *err) {
    return binary(c, true, err);
}

static void act_row(const ln_ref_call *c, const void *ctx, int64_t r, double *scratch) {
    (void)scratch;
    const int64_t ch = *(const int64_t *)ctx;
    for (int64_t i = r * ch; i < (r + 1) * ch; i++)
        c->out[i] = ln_act_apply(&c->node->attr.act, c->in[0][i]);
}

linnet_status ln_ref_act(const ln_ref_call *c, linnet_error *err) {
    const int64_t ch = c->oshape->dim[c->oshape->rank - 1];
    return ln_ref_rows(c, count(c->oshape) / ch, 0, act_row, &ch, err);
}
