/* Smaller networks. */
#include "api/api.h"
#include "engine/ptq.h"

#include <stdlib.h>

linnet_status linnet_prune(const linnet_model *m, const linnet_prune_params *p, const char *path,
                           linnet_pruned *out, linnet_error *err) {
    const ln_prune_params inner = {
        .channels = p->channels,
        .by = p->by == LINNET_PRUNE_BN ? LN_PRUNE_BN : LN_PRUNE_L1,
    };
    ln_pruning r;
    *out = (linnet_pruned){0};
    linnet_pruned_layer *list = NULL;
    LN_TRY(ln_prune(m->model, &inner, m->h, m->w, path, &r, err));
    list = calloc((size_t)r.count, sizeof *list);
    for (int i = 0; list && i < r.count; i++) {
        snprintf(list[i].name, sizeof list[i].name, "%s", r.layer[i].name);
        list[i].before = r.layer[i].before;
        list[i].after = r.layer[i].after;
    }
    *out = (linnet_pruned){.layers = list,
                           .n_layers = list ? (size_t)r.count : 0,
                           .params = {r.params[0], r.params[1]},
                           .macs = {r.macs[0], r.macs[1]}};
    ln_pruning_free(&r);
    return list ? LINNET_OK : ln_fail_oom(err, "the list of layers", 0);
}

/* ---- int8 ---- */
typedef struct source {
    const linnet_model *m;
    const linnet_quantize_params *p;
} source;

static linnet_status new_graph(void *user, ln_graph **out, linnet_error *err) {
    const source *s = user;
    return ln_model_graph(s->m->model, 1, s->m->h, s->m->w, out, err);
}

static linnet_status picture(void *user, size_t i, float *out, linnet_error *err) {
    const source *s = user;
    return s->p->picture(s->p->user, i, out, err);
}

static void progress(void *user, size_t done, size_t total) {
    const source *s = user;
    if (s->p->progress) s->p->progress(s->p->user, done, total);
}

static linnet_status report(const ln_ptq *q, linnet_quantized *out, linnet_error *err) {
    linnet_quantized_layer *list = calloc((size_t)q->n_layer + 1, sizeof *list);
    if (!list) return ln_fail_oom(err, "the list of layers", (size_t)q->n_layer * sizeof *list);
    for (int i = 0; i < q->n_layer; i++) {
        const ln_ptq_layer *l = &q->layer[i];
        snprintf(list[i].name, sizeof list[i].name, "%s", l->name);
        snprintf(list[i].op, sizeof list[i].op, "%s", l->op);
        list[i].lo = l->lo;
        list[i].hi = l->hi;
        list[i].scale = l->q.scale;
        list[i].zero = l->q.zero;
        list[i].sqnr_db = l->sqnr;
        list[i].cosine = l->cosine;
    }
    *out = (linnet_quantized){.layers = list,
                              .n_layers = (size_t)q->n_layer,
                              .equalized = q->equalized,
                              .sqnr_db = q->sqnr,
                              .cosine = q->cosine,
                              .measured = q->measured};
    return LINNET_OK;
}

linnet_status linnet_quantize(const linnet_model *m, linnet_device *d,
                              const linnet_quantize_params *p, const char *path,
                              linnet_quantized *out, linnet_error *err) {
    _Static_assert((int)LINNET_EQUALIZE_ON == LN_EQUALIZE_ON &&
                       (int)LINNET_RANGE_PERCENTILE == LN_RANGE_PERCENTILE,
                   "the public enums are the inner ones");
    source s = {m, p};
    ln_ptq_params inner = {.graph = new_graph,
                           .picture = picture,
                           .progress = progress,
                           .user = &s,
                           .pictures = p->n_pictures,
                           .device = d->dev,
                           .range = (ln_range_kind)p->range,
                           .percentile = p->percentile > 0 ? p->percentile : 99.99,
                           .equalize = (ln_equalize)p->equalize,
                           .keep_bias = p->keep_bias != 0,
                           .nearest = p->nearest != 0};
    ln_ptq q;
    *out = (linnet_quantized){0};
    if (!ln_model_row(m->model) || !ln_model_weights(m->model))
        return ln_fail(err, LINNET_ERR_UNSUPPORTED,
                       "%s: quantize takes families with weights, not files with a graph of their "
                       "own",
                       m->info.name);
    LN_TRY(ln_ptq_run(&inner, &q, err));
    linnet_status st = ln_quantized_write(m->model, q.graph, q.row, q.n_row, path, err);
    if (st == LINNET_OK) st = report(&q, out, err);
    ln_ptq_free(&q);
    return st;
}
