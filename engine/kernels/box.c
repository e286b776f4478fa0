/* Slice, padding, channel shuffle and concat: box.cl, box8.cl, concat.cl, move_deep.cl. */
#include "engine/kernels/kernels.h"
#include "engine/quant.h"

enum { PIECES = 8 }; /* of 8 channels, to a work-item of box8.cl */

/* Where output index i of a dimension comes from: i * step - before. */
typedef struct axis {
    int64_t step, before;
} axis;

typedef struct box {
    axis n, h, w, c;
} box;

static axis axis_of(const ln_node *n, int dim) {
    if (n->op == LN_OP_PAD) return (axis){1, n->attr.pad.before[dim]};
    /* the step of one element may be any */
    int64_t step = n->attr.slice.size.dim[dim] > 1 ? n->attr.slice.step[dim] : 1;
    return (axis){step, -n->attr.slice.begin[dim]};
}

/* Dimensions as ln_dims_of lays them out. */
static box box_of(const ln_site *s) {
    static const axis whole = {1, 0};
    int rank = ln_site_shape(s, s->node->in[0])->rank;
    box b = {whole, whole, whole, axis_of(s->node, rank - 1)};
    if (rank > 1) b.n = axis_of(s->node, 0);
    if (rank > 2) b.w = axis_of(s->node, rank - 2);
    if (rank > 3) b.h = axis_of(s->node, 1);
    return b;
}

static bool can_run(const ln_variant *v, const ln_site *s) {
    (void)v;
    bool outside = s->node->op == LN_OP_PAD && s->node->attr.pad.mode != LN_PAD_CONSTANT;
    return ln_site_plain(s) && !outside && ln_site_shape(s, s->node->in[0])->rank <= 4;
}

static bool can_run8(const ln_variant *v, const ln_site *s) {
    if (!can_run(v, s)) return false;
    axis c = box_of(s).c;
    int64_t from = ln_site_channels(s, s->node->in[0]);
    bool padded = c.before > 0 || ln_site_channels(s, s->node->out[0]) > from - c.before;
    return c.step == 1 && c.before % 8 == 0 && (!padded || from % 8 == 0);
}

static void bind_box(const ln_site *s, ln_args *a) {
    box b = box_of(s);
    a->t0 = (ln_i32)b.c.before, a->t1 = (ln_i32)b.c.step;
    a->t2 = (ln_i32)b.n.before, a->t3 = (ln_i32)b.n.step;
    a->top = (ln_i32)b.h.before, a->sh = (ln_i32)b.h.step;
    a->left = (ln_i32)b.w.before, a->sw = (ln_i32)b.w.step;
    if (s->node->op != LN_OP_PAD) return;
    const ln_tensor *x = &s->graph->tensor[s->node->in[0]];
    const float value = s->node->attr.pad.value;
    a->alpha =
        x->dtype == LN_I8 ? (float)ln_quantize(&x->q, value) : ln_pad_word(s->graph, s->node);
}

static void bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    bind_box(s, a);
    a->tiles = ln_tiles(v, (int64_t)a->m * ln_cpad(a->oc), 1);
}

static void bind8(const ln_variant *v, const ln_site *s, ln_args *a) {
    bind_box(s, a);
    a->t4 = PIECES;
    a->tiles = ln_tiles(v, (int64_t)a->m * ln_cpad(a->oc) / 8, PIECES);
}

static bool shuffle_can_run(const ln_variant *v, const ln_site *s) {
    (void)v;
    return ln_site_plain(s);
}

static void shuffle_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    a->groups = s->node->attr.shuffle.groups;
    a->tiles = ln_tiles(v, (int64_t)a->m * ln_cpad(a->oc), 1);
}

static bool slice_deep_can_run(const ln_variant *v, const ln_site *s) {
    return can_run(v, s) && box_of(s).c.step == 1;
}

static void deep_cut(const ln_site *s, ln_args *a) {
    a->t4 = ln_deep_pixels(s, a);
    a->tiles = (ln_i32)ln_ceil_div(a->m, a->t4);
}

static void slice_deep_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    (void)v;
    bind_box(s, a);
    deep_cut(s, a);
}

static void shuffle_deep_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    shuffle_bind(v, s, a);
    deep_cut(s, a);
}

static bool concat_can_run(const ln_variant *v, const ln_site *s) {
    (void)v;
    return ln_site_plain(s) && !s->node->attr.concat.back;
}

static void concat_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    const ln_concat_attr *c = &s->node->attr.concat;
    a->groups = LN_MAX(c->groups, 1);
    a->t0 = (ln_i32)c->begin, a->t1 = 0;
    for (int i = 0; i < s->node->n_in; i++) a->t1 += a->u.part[i].c;
    a->tiles = ln_tiles(v, (int64_t)a->m * ln_cpad(a->oc), 1);
}

static bool concat_deep_can_run(const ln_variant *v, const ln_site *s) {
    (void)v;
    return ln_site_plain(s) && ln_node_is_plain_concat(s->node);
}

/* Operand j is group j, and the first channel kept comes from the first operand. */
static bool zip_deep_can_run(const ln_variant *v, const ln_site *s) {
    const ln_node *n = s->node;
    (void)v;
    if (!ln_site_plain(s) || n->attr.concat.groups != n->n_in ||
        n->attr.concat.begin % n->attr.concat.groups)
        return false;
    for (int i = 1; i < n->n_in; i++)
        if (ln_site_channels(s, n->in[i]) != ln_site_channels(s, n->in[0])) return false;
    return true;
}

static void concat_deep_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    concat_bind(v, s, a);
    deep_cut(s, a);
}

const ln_family ln_family_slice = {"slice", LN_OP_SLICE, can_run, NULL, NULL, bind};
const ln_family ln_family_slice8 = {"slice8", LN_OP_SLICE, can_run8, NULL, NULL, bind8};
const ln_family ln_family_pad = {"pad", LN_OP_PAD, can_run, NULL, NULL, bind};
const ln_family ln_family_pad8 = {"pad8", LN_OP_PAD, can_run8, NULL, NULL, bind8};
const ln_family ln_family_shuffle = {"shuffle", LN_OP_CHANNEL_SHUFFLE, shuffle_can_run, NULL,
                                     NULL,      shuffle_bind};
const ln_family ln_family_slice_deep = {"slice_deep", LN_OP_SLICE, slice_deep_can_run,
                                        NULL,         NULL,        slice_deep_bind};
const ln_family ln_family_concat = {"concat", LN_OP_CONCAT, concat_can_run,
                                    NULL,     NULL,         concat_bind};
const ln_family ln_family_concat_deep = {"concat_deep", LN_OP_CONCAT, concat_deep_can_run,
                                         NULL,          NULL,         concat_deep_bind};
const ln_family ln_family_zip_deep = {"zip_deep", LN_OP_CONCAT, zip_deep_can_run,
                                      NULL,       NULL,         concat_deep_bind};
const ln_family ln_family_shuffle_deep = {
    "shuffle_deep", LN_OP_CHANNEL_SHUFFLE, shuffle_can_run, NULL, NULL, shuffle_deep_bind};
