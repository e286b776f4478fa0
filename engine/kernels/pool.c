/* Pooling: pool_any.cl, pool_deep.cl. */
#include "engine/kernels/kernels.h"

static bool can_run(const ln_variant *v, const ln_site *s) {
    return !ln_site_planar(s) &&
           (s->node->attr.pool.indices != 0) == (ln_variant_tunable(v, "INDICES", 0) != 0);
}

static void bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    const ln_pool_attr *p = &s->node->attr.pool;
    a->flags = (p->kind == LN_POOL_MAX ? LN_FLAG_MAX : 0) |
               (p->count_pad && !p->global ? LN_FLAG_COUNT_PAD : 0);
    a->t0 = a->h + p->win.bottom - p->ceil_bottom;
    a->t1 = a->wd + p->win.right - p->ceil_right;
    a->t2 = p->indices == LN_INDICES_COLUMNS;
    a->tiles = ln_tiles(v, (int64_t)a->m * ln_cpad(a->oc) / 8, 1);
}

/* A dilated window may step over the whole of a small map; padding lanes of minus infinity then are
 * what the deep kernel does not mask. */
static bool may_miss(const ln_pool_attr *p) {
    const ln_window *w = &p->win;
    return p->kind == LN_POOL_MAX && !p->global && (w->dh > 1 || w->dw > 1) &&
           (w->top || w->left || w->bottom || w->right);
}

static bool deep_can_run(const ln_variant *v, const ln_site *s) {
    return can_run(v, s) && !may_miss(&s->node->attr.pool) &&
           ln_cpad(ln_site_channels(s, s->node->in[0])) >= ln_vector_width(s->caps);
}

/* Pixels first; a map that becomes few pixels is cut by channels as well. */
static void deep_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    bind(v, s, a);
    int64_t want = LN_MAX(s->caps->compute_units, 1) * (int64_t)4;
    int64_t vectors = ln_ceil_div(ln_cpad(a->oc), ln_vector_width(s->caps));
    a->t2 = (ln_i32)LN_MIN(want, a->m);
    a->t3 = (ln_i32)LN_MIN(ln_ceil_div(want, a->t2), vectors);
    a->tiles = a->t2 * a->t3;
}

const ln_family ln_family_pool = {"pool", LN_OP_POOL, can_run, NULL, NULL, bind};
const ln_family ln_family_pool_deep = {"pool_deep", LN_OP_POOL, deep_can_run,
                                       NULL,        NULL,       deep_bind};
