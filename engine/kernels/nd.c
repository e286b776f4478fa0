/* Operands of any rank: strides, broadcasting, packed constants. */
#include "engine/kernels/nd.h"

#include <stdlib.h>
#include <string.h>

static const ln_tensor *constant(const ln_site *s, int k) {
    const ln_tid t = ln_node_in(s->node, k);
    if (t == LN_NONE || s->graph->tensor[t].kind != LN_TENSOR_CONST) return NULL;
    return &s->graph->tensor[t];
}

bool ln_nd_can_run(const ln_variant *v, const ln_site *s) {
    (void)v;
    for (int k = 0; k < s->node->n_in; k++)
        if (ln_site_has(s, k) && ln_tensor_planar(&s->graph->tensor[s->node->in[k]])) return false;
    return true;
}

/* ---- constants ---- */

static int64_t row_of(const ln_shape *x) {
    return x->dim[x->rank - 1];
}

static int64_t rows_of(const ln_shape *x) {
    int64_t rows = 1;
    for (int d = 0; d < x->rank - 1; d++) rows *= x->dim[d];
    return rows;
}

static int64_t size_of(const ln_tensor *t) {
    return (int64_t)ln_dtype_size(t->dtype);
}

int64_t ln_nd_words(const ln_tensor *t) {
    const int64_t bytes = rows_of(&t->shape) * ln_cpad(row_of(&t->shape)) * size_of(t);
    return ln_ceil_div(bytes, (int64_t)sizeof(float));
}

size_t ln_nd_packed(const ln_variant *v, const ln_site *s) {
    (void)v;
    int64_t sum = 0;
    for (int k = 0; k < s->node->n_in; k++)
        if (constant(s, k)) sum += ln_nd_words(constant(s, k));
    return (size_t)sum;
}

static linnet_status pack_one(const ln_site *s, int k, float *dst, linnet_error *err) {
    const ln_shape *x = &constant(s, k)->shape;
    const int64_t size = size_of(constant(s, k)), row = row_of(x) * size, rows = rows_of(x);
    const int64_t ps = ln_cpad(row_of(x)) * size;
    const size_t bytes = (size_t)(rows * row);
    char *dense = malloc(bytes);
    if (!dense) return ln_fail_oom(err, s->node->name, bytes);
    const linnet_status st = ln_const_copy(s->graph, s->node->in[k], dense, err);
    for (int64_t r = 0; r < rows && st == LINNET_OK; r++)
        memcpy((char *)dst + r * ps, dense + r * row, (size_t)row);
    free(dense);
    return st;
}

linnet_status ln_nd_pack(const ln_variant *v, const ln_site *s, float *dst, linnet_error *err) {
    (void)v;
    for (int k = 0; k < s->node->n_in; k++) {
        if (!constant(s, k)) continue;
        LN_TRY(pack_one(s, k, dst, err));
        dst += ln_nd_words(constant(s, k));
    }
    return LINNET_OK;
}

void ln_nd_bind_consts(const ln_site *s, ln_args *a) {
    int64_t at = 0;
    a->u.nd.consts = 0;
    for (int k = 0; k < LN_MIN(s->node->n_in, LN_ND_IN); k++) {
        const ln_tensor *c = constant(s, k);
        if (!c) continue;
        a->w = 0;
        a->u.nd.consts |= 1 << k;
        a->u.nd.at[k] = (ln_u32)at;
        a->u.nd.ps[k] = (ln_i32)ln_cpad(row_of(&c->shape));
        at += ln_nd_words(c);
    }
}

/* ---- strides ---- */

void ln_nd_dims(const ln_shape *x, ln_i32 dim[LN_ND]) {
    for (int d = 0; d < LN_ND; d++) {
        const int own = d - (LN_ND - x->rank);
        dim[d] = own < 0 ? 1 : (ln_i32)x->dim[own];
    }
}

void ln_nd_strides(const ln_shape *x, int64_t ps, ln_i32 stride[LN_ND]) {
    int64_t step = 1;
    for (int d = LN_ND - 1; d >= 0; d--) {
        const int own = d - (LN_ND - x->rank);
        stride[d] = own < 0 ? 0 : (ln_i32)step;
        if (own >= 0) step = own == x->rank - 1 ? ps : step * x->dim[own];
    }
}

void ln_nd_broadcast(const ln_shape *x, int64_t ps, const ln_shape *y, ln_i32 stride[LN_ND]) {
    ln_i32 from[LN_ND], to[LN_ND];
    ln_nd_dims(x, from);
    ln_nd_dims(y, to);
    ln_nd_strides(x, ps, stride);
    for (int d = 0; d < LN_ND; d++)
        if (from[d] == 1) stride[d] = 0;
}

void ln_nd_bind_elementwise(const ln_site *s, int operands, ln_args *a) {
    const ln_shape *y = ln_site_shape(s, s->node->out[0]);
    ln_nd *d = &a->u.nd;
    ln_nd_bind_consts(s, a);
    ln_nd_dims(y, d->dim);
    ln_nd_strides(y, a->yps, d->ystr);
    for (int k = 0; k < operands; k++)
        ln_nd_broadcast(ln_site_shape(s, s->node->in[k]), d->ps[k], y, d->xstr[k]);
}

/* Whether dimension d and the one behind it are one run of elements for everybody. */
static bool joins(int operands, const ln_nd *d, int at) {
    if (d->ystr[at] != d->ystr[at + 1] * d->dim[at + 1]) return false;
    for (int k = 0; k < operands; k++)
        if (d->xstr[k][at] != d->xstr[k][at + 1] * d->dim[at + 1]) return false;
    return true;
}

/* Dimension `from` moves to `to`. */
static void move(int operands, ln_nd *d, int from, int to) {
    d->dim[to] = d->dim[from];
    d->ystr[to] = d->ystr[from];
    for (int k = 0; k < operands; k++) d->xstr[k][to] = d->xstr[k][from];
}

void ln_nd_collapse(int operands, ln_nd *d) {
    int to = LN_ND - 1;
    for (int from = LN_ND - 2; from >= 0; from--) {
        if (d->dim[from] == 1) continue;
        move(operands, d, from, --to);
        if (!joins(operands, d, to)) continue;
        d->dim[to + 1] *= d->dim[to];
        to++;
    }
    for (int i = 0; i < to; i++) {
        d->dim[i] = 1;
        d->ystr[i] = 0;
        for (int k = 0; k < operands; k++) d->xstr[k][i] = 0;
    }
}
