/* Concat along any dimension, constants among the operands: concat_nd.cl. */
#include "engine/kernels/nd.h"

static bool can_run(const ln_variant *v, const ln_site *s) {
    const ln_concat_attr *c = &s->node->attr.concat;
    return c->groups <= 1 && !c->size && ln_nd_can_run(v, s);
}

static bool rows_can_run(const ln_variant *v, const ln_site *s) {
    return s->node->attr.concat.back && can_run(v, s);
}

static bool is_const(const ln_site *s, int i) {
    return s->graph->tensor[s->node->in[i]].kind == LN_TENSOR_CONST;
}

static void bind_parts(const ln_site *s, ln_args *a) {
    const ln_node *n = s->node;
    const int rank = ln_site_shape(s, n->out[0])->rank, axis = rank - 1 - n->attr.concat.back;
    ln_i32 first = 0;
    int64_t at = 0;
    a->t1 = !n->attr.concat.back;
    a->t2 = 0;
    for (int i = 0; i < n->n_in; i++) {
        const ln_shape *x = ln_site_shape(s, n->in[i]);
        ln_operand *part = &a->u.part[i];
        part->c = (ln_i32)x->dim[axis];
        for (int d = axis + 1; d < rank - 1; d++) part->c *= (ln_i32)x->dim[d];
        part->first = first;
        first += part->c;
        if (!is_const(s, i)) continue;
        a->w = 0;
        a->t2 |= 1 << i;
        part->at = (ln_u32)at;
        part->ps = (ln_i32)ln_cpad(x->dim[rank - 1]);
        at += ln_nd_words(&s->graph->tensor[n->in[i]]);
    }
    a->t0 = first;
}

static void bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    bind_parts(s, a);
    a->tiles = ln_tiles(v, (int64_t)a->m * ln_cpad(a->oc) / 8, 1);
}

static void rows_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    (void)v;
    bind_parts(s, a);
    a->t4 = ln_deep_pixels(s, a);
    a->tiles = (ln_i32)ln_ceil_div(a->m, a->t4);
}

const ln_family ln_family_concat_nd = {"concat_nd",  LN_OP_CONCAT, can_run,
                                       ln_nd_packed, ln_nd_pack,   bind};
const ln_family ln_family_concat_rows = {"concat_rows", LN_OP_CONCAT, rows_can_run,
                                         ln_nd_packed,  ln_nd_pack,   rows_bind};
