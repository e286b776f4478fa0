/* Quantized pools and means over a map: pool_i8.cl, mean_i8_deep.cl. */
#include "engine/kernels/kernels.h"
#include "engine/quant.h"

static bool can_run(const ln_variant *v, const ln_site *s) {
    (void)v;
    return !ln_site_planar(s);
}

static void pool_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    const ln_pool_attr *p = &s->node->attr.pool;
    a->flags = (p->kind == LN_POOL_MAX ? LN_FLAG_MAX : 0) |
               (p->count_pad && !p->global ? LN_FLAG_COUNT_PAD : 0) |
               (p->is_unsigned ? LN_FLAG_UNSIGNED : 0);
    a->t0 = a->h + p->win.bottom - p->ceil_bottom;
    a->t1 = a->wd + p->win.right - p->ceil_right;
    a->tiles = ln_tiles(v, (int64_t)a->m * ln_cpad(a->oc) / 8, 1);
}

static bool mean_can_run(const ln_variant *v, const ln_site *s) {
    return s->node->attr.reduce.kind == LN_REDUCE_MEAN && can_run(v, s);
}

static void mean_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    const ln_tensor *t = s->graph->tensor;
    const ln_rescale r = ln_rescale_of(
        ln_quant_mean(&t[s->node->in[0]].q, &t[s->node->out[0]].q, (int64_t)a->h * a->wd));
    a->kh = a->h, a->kw = a->wd;
    a->t2 = r.mul;
    a->alpha = r.unit;
    a->m = a->n;
    a->oh = a->ow = 1;
    a->tiles = ln_tiles(v, (int64_t)a->m * ln_cpad(a->oc) / 8, 1);
}

static void mean_deep_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    mean_bind(v, s, a);
    a->tiles = (int32_t)(a->n * ln_ceil_div(ln_cpad(a->oc), 64));
}

const ln_family ln_family_pool_i8 = {"pool_i8", LN_OP_POOL, can_run, NULL, NULL, pool_bind};
const ln_family ln_family_mean_i8 = {"mean_i8", LN_OP_REDUCE, mean_can_run, NULL, NULL, mean_bind};
const ln_family ln_family_mean_i8_deep = {"mean_i8_deep", LN_OP_REDUCE, mean_can_run,
                                          NULL,           NULL,         mean_deep_bind};
