/* Matrix product of two activations: matmul_any.cl, matmul_deep.cl. */
#include "engine/kernels/nd.h"

enum { ROWS = LN_ND - 2, COLUMNS = LN_ND - 1 };

/* Strides of a factor, repeated over the batch; the two of the matrix as it is used. */
static void factor(const ln_site *s, int k, bool turned, ln_args *a) {
    const ln_shape *x = ln_site_shape(s, s->node->in[k]);
    ln_shape y = *ln_site_shape(s, s->node->out[0]);
    ln_i32 *stride = a->u.nd.xstr[k], rows;
    for (int d = 1; d <= 2; d++) y.dim[y.rank - d] = x->dim[x->rank - d];
    ln_nd_broadcast(x, a->u.nd.ps[k], &y, stride);
    if (!turned) return;
    rows = stride[ROWS];
    stride[ROWS] = stride[COLUMNS];
    stride[COLUMNS] = rows;
}

static void bind_factors(const ln_site *s, ln_args *a) {
    const ln_matmul_attr *m = &s->node->attr.matmul;
    const ln_shape *x = ln_site_shape(s, s->node->in[0]), *y = ln_site_shape(s, s->node->out[0]);
    ln_nd_bind_consts(s, a);
    ln_nd_dims(y, a->u.nd.dim);
    factor(s, 0, m->trans_a, a);
    factor(s, 1, m->trans_b, a);
    a->t0 = (ln_i32)x->dim[x->rank - (m->trans_a ? 2 : 1)];
    a->t1 = (ln_i32)y->dim[y->rank - 2];
}

static int64_t images(const ln_args *a) {
    int64_t n = 1;
    for (int d = 0; d < ROWS; d++) n *= a->u.nd.dim[d];
    return n;
}

static void any_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    bind_factors(s, a);
    a->tiles = ln_tiles(v, images(a) * ln_ceil_div(a->t1, 4) * ln_cpad(a->oc) / 8, 1);
}

/* Chunks of rows until there is work for every unit a few times over, but none so short that
 * copying the panels shows; then panels. */
static void deep_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    enum { LEAST_ROWS = 32 };
    bind_factors(s, a);
    const int64_t units = LN_MAX(s->caps->compute_units, 1);
    const int64_t want = ln_ceil_div(units * 4, images(a));
    const int64_t wide = (int64_t)ln_variant_tunable(v, "NV", 3) * ln_vector_width(s->caps);
    a->t3 = (ln_i32)LN_MAX(LN_MIN(want, a->t1 / LEAST_ROWS), 1);
    a->t4 = (ln_i32)LN_MIN(ln_ceil_div(want, a->t3), ln_ceil_div(a->oc, wide));
    a->tiles = (ln_i32)(images(a) * a->t3 * a->t4);
}

const ln_family ln_family_matmul = {"matmul",     LN_OP_MATMUL, ln_nd_can_run,
                                    ln_nd_packed, ln_nd_pack,   any_bind};
const ln_family ln_family_matmul_deep = {"matmul_deep", LN_OP_MATMUL, ln_nd_can_run,
                                         ln_nd_packed,  ln_nd_pack,   deep_bind};
