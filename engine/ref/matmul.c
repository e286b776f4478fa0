/* Matrix product. */
#include "engine/ref/ops.h"

/* Strides of a factor's rows and columns as it is used, and of the batch, 0 where it is repeated.
 */
typedef struct factor {
    const float *x;
    int64_t row, column, batch[LN_MAX_RANK];
} factor;

static factor factor_of(const ln_ref_call *c, int slot, bool turned) {
    const ln_shape *s = c->shape[slot];
    const int front = c->oshape->rank - s->rank;
    factor f = {.x = c->in[slot]};
    int64_t stride[LN_MAX_RANK];
    ln_shape_strides(s, stride);
    f.row = stride[s->rank - (turned ? 1 : 2)];
    f.column = stride[s->rank - (turned ? 2 : 1)];
    for (int d = 0; d < s->rank - 2; d++) f.batch[d + front] = s->dim[d] == 1 ? 0 : stride[d];
    return f;
}

typedef struct product {
    factor a, b;
    int64_t depth;
} product;

/* One row of y. */
static void row(const ln_ref_call *c, const void *ctx, int64_t at, double *sum) {
    const product *p = ctx;
    const ln_shape *y = c->oshape;
    const int64_t rows = y->dim[y->rank - 2], columns = y->dim[y->rank - 1];
    const float *a = p->a.x + at % rows * p->a.row, *b = p->b.x;
    int64_t image = at / rows;
    for (int d = y->rank - 3; d >= 0; d--) {
        a += image % y->dim[d] * p->a.batch[d];
        b += image % y->dim[d] * p->b.batch[d];
        image /= y->dim[d];
    }
    for (int64_t j = 0; j < columns; j++) sum[j] = 0;
    for (int64_t k = 0; k < p->depth; k++)
        for (int64_t j = 0; j < columns; j++)
            sum[j] += (double)a[k * p->a.column] * (double)b[k * p->b.row + j * p->b.column];
    for (int64_t j = 0; j < columns; j++) c->out[at * columns + j] = (float)sum[j];
}

linnet_status ln_ref_matmul(const ln_ref_call *c, linnet_error *err) {
    const ln_matmul_attr *m = &c->node->attr.matmul;
    const ln_shape *x = c->shape[0], *y = c->oshape;
    const product p = {factor_of(c, 0, m->trans_a), factor_of(c, 1, m->trans_b),
                       x->dim[x->rank - (m->trans_a ? 2 : 1)]};
    int64_t n = 0;
    ln_shape_count(y, &n);
    const int64_t columns = y->dim[y->rank - 1];
    return ln_ref_rows(c, n / columns, (size_t)columns, row, &p, err);
}
