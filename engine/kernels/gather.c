/* Ops that read by index: gather.cl, one MODE a family. */
#include "engine/kernels/nd.h"

static int64_t product(const ln_shape *s, int from, int to) {
    int64_t n = 1;
    for (int d = from; d < to; d++) n *= s->dim[d];
    return n;
}

static const ln_shape *x_of(const ln_site *s) {
    return ln_site_shape(s, s->node->in[0]);
}

static const ln_shape *indices_of(const ln_site *s) {
    return ln_site_shape(s, s->node->in[1]);
}

static bool rows_can_run(const ln_variant *v, const ln_site *s) {
    return ln_nd_can_run(v, s) && s->node->attr.gather.axis < x_of(s)->rank - 1;
}

static bool lanes_can_run(const ln_variant *v, const ln_site *s) {
    return ln_nd_can_run(v, s) && s->node->attr.gather.axis == x_of(s)->rank - 1;
}

static void cut(const ln_variant *v, const ln_site *s, ln_args *a) {
    ln_nd_bind_consts(s, a);
    a->tiles = ln_tiles(v, (int64_t)a->m * ln_cpad(a->oc) / 8, 1);
}

static void rows_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    const ln_shape *x = x_of(s), *at = indices_of(s);
    const int axis = s->node->attr.gather.axis;
    cut(v, s, a);
    a->t1 = (ln_i32)product(x, axis + 1, x->rank - 1);
    a->t2 = (ln_i32)product(at, 0, at->rank);
    a->t3 = (ln_i32)x->dim[axis];
    a->t4 = (ln_i32)at->dim[at->rank - 1];
}

static void lanes_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    const ln_shape *x = x_of(s), *at = indices_of(s);
    cut(v, s, a);
    a->t2 = (ln_i32)product(at, 0, at->rank - 1);
    a->t3 = (ln_i32)x->dim[x->rank - 1];
}

static void elements_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    const ln_shape *x = x_of(s);
    const int axis = s->node->attr.gather.axis;
    cut(v, s, a);
    ln_nd_dims(ln_site_shape(s, s->node->out[0]), a->u.nd.dim);
    ln_nd_strides(x, a->u.nd.ps[0], a->u.nd.xstr[0]);
    a->t0 = LN_ND - x->rank + axis;
    a->t3 = (ln_i32)x->dim[axis];
}

static void tuples_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    const ln_shape *x = x_of(s), *at = indices_of(s);
    const int batch = s->node->attr.gather.batch, tuple = (int)at->dim[at->rank - 1];
    ln_i32 stride[LN_ND];
    cut(v, s, a);
    ln_nd_strides(x, a->u.nd.ps[0], stride);
    for (int k = 0; k < tuple; k++) {
        a->u.nd.size[k] = (ln_i32)x->dim[batch + k];
        a->u.nd.xstr[0][k] = stride[LN_ND - x->rank + batch + k];
    }
    const bool whole = batch + tuple == x->rank; /* down to single elements */
    a->t0 = tuple;
    a->t1 = (ln_i32)product(x, batch + tuple, x->rank);
    a->t2 = (ln_i32)product(at, batch, at->rank - 1);
    a->t3 = batch ? stride[LN_ND - x->rank + batch - 1] : 0;
    a->t5 = whole ? 1 : (ln_i32)x->dim[x->rank - 1];
}

#define GATHER_FAMILY(name, op, can, bind)                                                         \
    const ln_family ln_family_##name = {#name, LN_OP_##op, can, ln_nd_packed, ln_nd_pack, bind}
GATHER_FAMILY(gather_rows, GATHER, rows_can_run, rows_bind);
GATHER_FAMILY(gather_lanes, GATHER, lanes_can_run, lanes_bind);
GATHER_FAMILY(gather_elements, GATHER_ELEMENTS, ln_nd_can_run, elements_bind);
GATHER_FAMILY(gather_nd, GATHER_ND, ln_nd_can_run, tuples_bind);
