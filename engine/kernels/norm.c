/* Layer norm and group norm: layer_norm.cl, group_norm_any.cl, group_norm_deep.cl,
 * group_norm_wide.cl. Packed: gamma, then beta. */
#include "engine/kernels/kernels.h"

enum { GAMMA = 1, BETA };

static bool can_run(const ln_variant *v, const ln_site *s) {
    (void)v;
    return !ln_site_planar(s);
}

static size_t packed(const ln_variant *v, const ln_site *s) {
    (void)v;
    return (size_t)(2 * ln_cpad(ln_site_channels(s, s->node->in[0])));
}

static linnet_status pack(const ln_variant *v, const ln_site *s, float *dst, linnet_error *err) {
    (void)v;
    int64_t c = ln_site_channels(s, s->node->in[0]);
    for (int64_t i = 0; i < c; i++) dst[i] = 1.0f;
    if (ln_site_has(s, GAMMA)) LN_TRY(ln_const_copy_f32(s->graph, s->node->in[GAMMA], dst, err));
    if (!ln_site_has(s, BETA)) return LINNET_OK;
    return ln_const_copy_f32(s->graph, s->node->in[BETA], dst + ln_cpad(c), err);
}

static void bind_norm(const ln_site *s, ln_args *a) {
    a->w = 0;
    a->b = (ln_u32)ln_cpad(a->c);
    a->alpha = s->node->attr.norm.eps;
}

static void layer_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    bind_norm(s, a);
    a->t1 = 1;
    a->tiles = ln_tiles(v, a->m, a->t1);
}

static void layer_deep_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    bind_norm(s, a);
    a->t1 = ln_deep_pixels(s, a);
    a->tiles = ln_tiles(v, a->m, a->t1);
}

static void group_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    bind_norm(s, a);
    a->groups = s->node->attr.norm.groups;
    a->tiles = ln_tiles(v, (int64_t)a->n * a->groups, 1);
}

static bool group_deep_can_run(const ln_variant *v, const ln_site *s) {
    int64_t groups = s->node->attr.norm.groups, c = ln_site_channels(s, s->node->in[0]);
    return can_run(v, s) && (groups == 1 || c / groups % 8 == 0);
}

/* Every chunk makes the moments anew: no more of them than units. */
static void group_deep_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    group_bind(v, s, a);
    int64_t parts = (int64_t)a->n * a->groups, units = LN_MAX(s->caps->compute_units, 1);
    a->t4 = (ln_i32)LN_MAX(LN_MIN(units / parts, a->h * a->wd / 16), 1);
    a->tiles = (ln_i32)(parts * a->t4);
}

static bool group_wide_can_run(const ln_variant *v, const ln_site *s) {
    return group_deep_can_run(v, s) && (uint64_t)v->local * sizeof(float) <= s->caps->local_mem;
}

const ln_family ln_family_layer_norm = {"layer_norm", LN_OP_LAYER_NORM, can_run, packed,
                                        pack,         layer_bind};
const ln_family ln_family_group_norm_any = {
    "group_norm_any", LN_OP_GROUP_NORM, can_run, packed, pack, group_bind};
const ln_family ln_family_layer_norm_deep = {
    "layer_norm_deep", LN_OP_LAYER_NORM, can_run, packed, pack, layer_deep_bind};
const ln_family ln_family_group_norm_deep = {
    "group_norm_deep", LN_OP_GROUP_NORM, group_deep_can_run, packed, pack, group_deep_bind};
const ln_family ln_family_group_norm_wide = {
    "group_norm_wide", LN_OP_GROUP_NORM, group_wide_can_run, packed, pack, group_deep_bind};
