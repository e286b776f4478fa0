/* Ops that choose elements by their size: topk.cl, nms.cl, nms_rows.cl. */
#include "engine/kernels/kernels.h"

static bool can_run(const ln_variant *v, const ln_site *s) {
    (void)v;
    return ln_site_plain(s);
}

static void bind_topk(const ln_site *s, ln_args *a) {
    a->t0 = s->graph->tensor[s->node->in[0]].dtype == LN_F32;
    a->t1 = s->node->attr.topk.smallest;
    a->t2 = (ln_i32)s->node->attr.topk.k;
}

static void topk_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    bind_topk(s, a);
    a->tiles = ln_tiles(v, a->m, 1);
}

/* Every element is held against every other of its row. */
static bool count_can_run(const ln_variant *v, const ln_site *s) {
    return can_run(v, s) && ln_site_channels(s, s->node->in[0]) <= 16384;
}

static void count_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    bind_topk(s, a);
    a->tiles = ln_tiles(v, (int64_t)a->m * a->c, 1);
}

const ln_family ln_family_topk = {"topk", LN_OP_TOPK, can_run, NULL, NULL, topk_bind};
const ln_family ln_family_topk_count = {"topk_count", LN_OP_TOPK, count_can_run,
                                        NULL,         NULL,       count_bind};

static void nms_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    const ln_nms_attr *p = &s->node->attr.nms;
    const ln_shape *score = ln_site_shape(s, s->node->in[1]);
    a->t0 = (ln_i32)score->dim[1];
    a->t1 = a->oc;
    a->t2 = p->center;
    a->lo = p->score, a->hi = p->iou;
    a->tiles = ln_tiles(v, a->m, 1);
}

static void rows_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    const ln_shape *x = ln_site_shape(s, s->node->in[0]);
    a->t0 = (ln_i32)x->dim[1];
    a->t1 = (ln_i32)(x->dim[0] * x->dim[1]);
    a->t2 = (ln_i32)x->dim[2];
    a->tiles = ln_tiles(v, a->t1, 1);
}

const ln_family ln_family_nms = {"nms", LN_OP_NMS, can_run, NULL, NULL, nms_bind};
const ln_family ln_family_nms_rows = {"nms_rows", LN_OP_NMS_ROWS, can_run, NULL, NULL, rows_bind};
