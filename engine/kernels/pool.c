/* Pooling: pool_any.cl. */
#include "engine/kernels/kernels.h"

static bool can_run(const ln_variant *v, const ln_site *s) {
    (void)v;
    return !ln_site_planar(s);
}

static void bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    const ln_pool_attr *p = &s->node->attr.pool;
    a->flags = (p->kind == LN_POOL_MAX ? LN_FLAG_MAX : 0) |
               (p->count_pad && !p->global ? LN_FLAG_COUNT_PAD : 0);
    a->t0 = a->h + p->win.bottom - p->ceil_bottom;
    a->t1 = a->wd + p->win.right - p->ceil_right;
    a->tiles = ln_tiles(v, (int64_t)a->m * ln_cpad(a->oc) / 8, 1);
}

const ln_family ln_family_pool = {"pool", LN_OP_POOL, can_run, NULL, NULL, bind};
