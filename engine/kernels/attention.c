/* Attention and its separable form: attention_*.cl, linear_attention*.cl. */
#include "engine/kernels/kernels.h"

enum { Q, K, V };

static bool can_run(const ln_variant *v, const ln_site *s) {
    (void)v;
    return ln_site_plain(s);
}

/* Channel ranges of q, k and v, and the keys' map. */
static void bind_attention(const ln_site *s, ln_args *a) {
    const ln_attention_attr *t = &s->node->attr.attention;
    const ln_shape *k = ln_site_shape(s, s->node->in[K]);
    a->t0 = t->heads, a->t1 = t->kv_heads;
    a->t2 = t->dim, a->t3 = t->vdim;
    a->kh = t->patch_h, a->kw = t->patch_w;
    a->alpha = t->scale;
    /* in elements, for a head of halves may begin within a word */
    const ln_u32 word = 4 / (ln_u32)ln_dtype_size(s->graph->tensor[s->node->in[Q]].dtype);
    a->u.part[Q].at = a->u.part[Q].at * word + (ln_u32)t->q_at;
    a->u.part[K].at = a->u.part[K].at * word + (ln_u32)t->k_at;
    a->u.part[V].at = a->u.part[V].at * word + (ln_u32)t->v_at;
    a->u.part[K].c = (ln_i32)k->dim[1], a->u.part[K].first = (ln_i32)k->dim[2];
}

static void any_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    bind_attention(s, a);
    a->tiles = ln_tiles(v, (int64_t)a->m * a->t0, 1);
}

static bool deep_can_run(const ln_variant *v, const ln_site *s) {
    const ln_attention_attr *t = &s->node->attr.attention;
    int most = ln_variant_tunable(v, "DIM", 128);
    return ln_site_plain(s) && t->dim <= most && t->vdim <= most;
}

/* Chunks of blocks of queries until there is work for every unit a few times over. */
static void deep_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    (void)v;
    bind_attention(s, a);
    int64_t seqs = (int64_t)a->kh * a->kw, parts = a->n * seqs * a->t1;
    int64_t rows = a->oh * a->ow / seqs * (a->t0 / a->t1);
    int64_t blocks = ln_ceil_div(rows, 2 * ln_vector_width(s->caps));
    int64_t want = LN_MAX(s->caps->compute_units, 1) * (int64_t)4;
    a->t4 = (ln_i32)LN_MAX(LN_MIN(ln_ceil_div(want, parts), blocks), 1);
    a->tiles = (ln_i32)(parts * a->t4);
}

static bool has_local(const ln_site *s, int64_t floats) {
    return (uint64_t)floats * sizeof(float) <= s->caps->local_mem;
}

/* As attention_wide.cl lays it out: half as many queries as items, their scores, two of each. */
static bool wide_can_run(const ln_variant *v, const ln_site *s) {
    const ln_attention_attr *t = &s->node->attr.attention;
    int most = ln_variant_tunable(v, "DIM", 64), queries = v->local / 2;
    return ln_site_plain(s) && t->dim <= most && t->vdim <= most &&
           has_local(s, queries * (most + v->local + 1) + 2 * v->local);
}

static void wide_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    bind_attention(s, a);
    int64_t seqs = (int64_t)a->kh * a->kw, rows = a->oh * a->ow / seqs * (a->t0 / a->t1);
    a->t4 = (ln_i32)ln_ceil_div(rows, v->local / 2);
    a->tiles = (ln_i32)(a->n * seqs * a->t1 * a->t4);
}

static void linear_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    const ln_linear_attention_attr *t = &s->node->attr.linear;
    a->kh = t->patch_h, a->kw = t->patch_w;
    a->tiles = ln_tiles(v, (int64_t)a->n * a->kh * a->kw * ln_cpad(a->oc) / 8, 1);
}

static bool linear_deep_can_run(const ln_variant *v, const ln_site *s) {
    return can_run(v, s) && s->node->attr.linear.dim >= ln_vector_width(s->caps);
}

static void linear_deep_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    linear_bind(v, s, a);
    int64_t parts = (int64_t)a->n * a->kh * a->kw, units = LN_MAX(s->caps->compute_units, 1);
    int64_t groups = ln_ceil_div(a->oc, 4 * ln_vector_width(s->caps));
    a->t3 = (ln_i32)LN_MIN(ln_ceil_div(units * 4, parts), groups);
    a->tiles = (ln_i32)(parts * a->t3);
}

static bool linear_wide_can_run(const ln_variant *v, const ln_site *s) {
    return can_run(v, s) && has_local(s, 2 * v->local);
}

static void linear_wide_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    linear_bind(v, s, a);
    a->t3 = (ln_i32)ln_ceil_div(ln_cpad(a->oc), ln_variant_tunable(v, "WIDE", 32));
    a->tiles = a->n * a->kh * a->kw * a->t3;
}

const ln_family ln_family_attention_any = {"attention_any", LN_OP_ATTENTION, can_run, NULL, NULL,
                                           any_bind};
const ln_family ln_family_attention_deep = {
    "attention_deep", LN_OP_ATTENTION, deep_can_run, NULL, NULL, deep_bind};
const ln_family ln_family_linear_attention = {
    "linear_attention", LN_OP_LINEAR_ATTENTION, can_run, NULL, NULL, linear_bind};
const ln_family ln_family_linear_attention_deep = {
    "linear_attention_deep", LN_OP_LINEAR_ATTENTION, linear_deep_can_run, NULL, NULL,
    linear_deep_bind};
const ln_family ln_family_attention_wide = {
    "attention_wide", LN_OP_ATTENTION, wide_can_run, NULL, NULL, wide_bind};
const ln_family ln_family_linear_attention_wide = {
    "linear_attention_wide", LN_OP_LINEAR_ATTENTION, linear_wide_can_run, NULL, NULL,
    linear_wide_bind};
