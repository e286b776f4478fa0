/* Elementwise functions with broadcasting: map.cl. */
#include "engine/kernels/nd.h"

#include "cl_kernels/map.h"

static bool can_run(const ln_variant *v, const ln_site *s) {
    const int row = ln_node_map_row(s->graph, s->node);
    return (int)ln_map_rows[row].group == ln_variant_tunable(v, "GROUP", 0) && ln_nd_can_run(v, s);
}

static void bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    ln_nd *d = &a->u.nd;
    const int operands = s->node->n_in;
    int64_t rows = 1;
    ln_nd_bind_elementwise(s, operands, a);
    ln_nd_collapse(operands, d);
    for (int k = operands; k < 3; k++) {
        d->at[k] = d->at[0];
        d->consts |= (d->consts & 1) << k;
        for (int i = 0; i < LN_ND; i++) d->xstr[k][i] = 0;
    }
    for (int i = 0; i < LN_ND - 1; i++) rows *= d->dim[i];
    a->t0 = ln_node_map_row(s->graph, s->node);
    a->alpha = s->node->attr.map.alpha, a->beta = s->node->attr.map.beta;
    a->t2 = (ln_i32)(rows * ln_ceil_div(d->dim[LN_ND - 1], 8));
    a->t1 = 1;
    if (ln_caps_deep(s->caps)) { /* a few tiles a unit, none of less than 4096 elements */
        const int64_t units = LN_MAX(s->caps->compute_units, 1);
        a->t1 = (ln_i32)ln_ceil_div(LN_MAX(512, ln_ceil_div(a->t2, units * 4)), v->local);
    }
    a->tiles = ln_tiles(v, a->t2, a->t1);
}

const ln_family ln_family_map = {"map", LN_OP_MAP, can_run, ln_nd_packed, ln_nd_pack, bind};
