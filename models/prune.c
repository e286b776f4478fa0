/* linnet prune: the expanded channels that matter least are taken out of the weights, and the file
 * says how wide its layers are.
 *
 * How much a channel matters: L1 the sum of magnitudes of the weights that read it (of the filters
 * behind a norm; those before it, as in Li et al. 2017, arXiv:1608.08710, say nothing, for the norm
 * undoes their scale), BN the product of the scales of the norms on its way (Liu et al. 2017,
 * arXiv:1708.06519). */
#include "models/prune.h"

#include "models/build.h"
#include "models/quantized.h"
#include "models/save.h"
#include "models/weights_impl.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct kept {
    const int *at[2]; /* by dimension; NULL: all */
    int n[2];
} kept;

typedef struct job {
    const ln_model *m;
    const ln_prune_params *p;
    const ln_graph *g;
    ln_weights *from, *to;
    ln_expansion *e;
    int n_e;
    kept *kept; /* by tensor */
    ln_pruned *report;
    ln_str widths;
    ln_pool pool;
    linnet_error *err;
} job;

/* ---- which channels ---- */
/* To the nearest multiple of 8 where there are more than 8. */
static int left_of(int channels, double removed) {
    const double v = channels * (1 - removed);
    return LN_MIN(channels, LN_MAX(8, (int)(v + 4) / 8 * 8));
}

static linnet_status values(job *j, ln_tid t, float **out, int64_t *n) {
    if (!ln_shape_count(&j->g->tensor[t].shape, n) ||
        !(*out = ln_pool_alloc(&j->pool, (size_t)*n, sizeof **out)))
        return ln_fail_oom(j->err, j->g->tensor[t].name, 0);
    return ln_const_copy_f32(j->g, t, *out, j->err);
}

static linnet_status score(job *j, const ln_expansion *e, double *out) {
    float *v;
    int64_t n;
    for (int c = 0; c < e->channels; c++) out[c] = j->p->by == LN_PRUNE_BN;
    if (j->p->by == LN_PRUNE_L1) {
        for (int k = 0; k < e->n_cut; k++) {
            if (e->cut[k].dim == 0) continue;
            LN_TRY(values(j, e->cut[k].t, &v, &n));
            for (int64_t i = 0; i < n; i++) out[i % e->channels] += fabs((double)v[i]);
        }
        return LINNET_OK;
    }
    for (int k = 0; k < e->n_norm; k++) {
        LN_TRY(values(j, j->g->node[e->norm[k]].in[1], &v, &n));
        for (int64_t i = 0; i < n; i++) out[i] *= fabs((double)v[i]);
    }
    return LINNET_OK;
}

/* The n channels of the largest scores, in order; of equals the first. */
static void choose(const double *of, int channels, int *list, int n) {
    int have = 0;
    for (int c = 0; c < channels; c++) {
        int better = 0;
        for (int k = 0; k < channels; k++) better += of[k] > of[c] || (k < c && of[k] == of[c]);
        if (better < n) list[have++] = c;
    }
}

static void put_width(ln_str *s, const char *name, int64_t channels) {
    ln_str_add(s, s->len > 1 ? "," : "");
    ln_json_string(s, name);
    ln_str_add(s, ":%lld", (long long)channels);
}

static linnet_status shrink(job *j, const ln_expansion *e, ln_pruned *r) {
    const int channels = (int)e->channels, n = left_of(channels, j->p->channels);
    const ln_node *conv = &j->g->node[e->node];
    double *of = ln_pool_alloc(&j->pool, (size_t)channels, sizeof *of);
    int *list = ln_pool_alloc(&j->pool, (size_t)channels, sizeof *list);
    if (!of || !list) return ln_fail_oom(j->err, "channels", (size_t)channels * sizeof *of);
    LN_TRY(score(j, e, of));
    for (int c = 0; c < channels; c++)
        if (!isfinite(of[c]))
            return ln_fail(j->err, LINNET_ERR_BAD_FILE,
                           "%s: %s: weights of channel %d are not "
                           "finite",
                           ln_weights_path(j->from), conv->name, c);
    choose(of, channels, list, n);
    for (int i = 0; i < e->n_cut; i++) {
        kept *k = &j->kept[e->cut[i].t];
        k->at[e->cut[i].dim] = list;
        k->n[e->cut[i].dim] = n;
    }
    put_width(&j->widths, conv->name, n);
    for (int i = 0; i < e->n_squeeze; i++) {
        const ln_node *s = &j->g->node[e->squeeze[i]];
        put_width(&j->widths, s->name, j->g->tensor[s->out[0]].shape.dim[3]);
    }
    *r = (ln_pruned){.name = ln_pool_strdup(&j->pool, conv->name), .before = channels, .after = n};
    return r->name ? LINNET_OK : ln_fail_oom(j->err, "a name", strlen(conv->name));
}

/* ---- the tensors that are left ---- */
static linnet_status gather(job *j, const ln_weight *w, const kept *k, ln_weight *out) {
    const size_t size = ln_dtype_size(w->dtype);
    int64_t index[LN_MAX_RANK] = {0}, total;
    *out = *w;
    for (int d = 0; d < 2; d++)
        if (k->at[d]) out->shape.dim[d] = k->n[d];
    ln_row_major(&out->shape, out->stride);
    uint8_t *to =
        ln_shape_count(&out->shape, &total) ? ln_pool_alloc(&j->pool, (size_t)total, size) : NULL;
    if (!to) return ln_fail_oom(j->err, w->name, 0);
    out->data = to;
    for (int64_t i = 0; i < total; i++) {
        int64_t at = 0;
        for (int d = 0; d < w->shape.rank; d++)
            at += w->stride[d] * (d < 2 && k->at[d] ? k->at[d][index[d]] : index[d]);
        memcpy(to + (size_t)i * size, (const uint8_t *)w->data + (size_t)at * size, size);
        for (int d = w->shape.rank - 1; d >= 0 && ++index[d] == out->shape.dim[d]; d--)
            index[d] = 0;
    }
    return LINNET_OK;
}

static linnet_status put_tensors(job *j) {
    for (ln_tid t = 0; t < j->g->n_tensor; t++) {
        if (j->g->tensor[t].kind != LN_TENSOR_CONST) continue;
        const ln_weight *w = ln_weights_find(j->from, j->g->tensor[t].name, NULL, j->err);
        ln_weight own;
        if (!w) continue; /* a constant of the network, not of the file */
        LN_TRY(gather(j, w, &j->kept[t], &own));
        LN_TRY(ln_weights_add(j->to, &own, false, j->err));
    }
    return LINNET_OK;
}

static linnet_status put_meta(job *j) {
    ln_str_add(&j->widths, "}");
    if (j->widths.failed) return ln_fail_oom(j->err, "metadata", j->widths.len);
    LN_TRY(ln_save_meta(j->m, j->to, j->err));
    return ln_weights_meta_add(j->to, LN_META_WIDTHS, j->widths.p, j->err);
}

/* ---- the whole ---- */
static linnet_status plan(job *j) {
    int removed = 0;
    const char *name = ln_model_name(j->m);
    LN_TRY(ln_find_expansions(j->g, &j->pool, &j->e, &j->n_e, j->err));
    if (!j->n_e)
        return ln_fail(j->err, LINNET_ERR_UNSUPPORTED,
                       "%s: no expanded channels to remove; prune takes networks of inverted "
                       "bottlenecks or depthwise-separable blocks",
                       name);
    j->kept = ln_pool_alloc(&j->pool, (size_t)j->g->n_tensor, sizeof *j->kept);
    j->report = calloc((size_t)j->n_e, sizeof *j->report);
    if (!j->kept || !j->report) return ln_fail_oom(j->err, "channels", 0);
    ln_str_add(&j->widths, "{");
    for (int i = 0; i < j->n_e; i++) {
        LN_TRY(shrink(j, &j->e[i], &j->report[i]));
        removed += j->report[i].before - j->report[i].after;
    }
    if (removed) return LINNET_OK;
    return ln_fail(j->err, LINNET_ERR_INVALID_ARGUMENT,
                   "%s: %g of the channels is none, for multiples of 8 and at least 8 are kept; "
                   "give more",
                   name, j->p->channels);
}

static linnet_status write(job *j, const char *path, ln_pruning *out) {
    const ln_family_row *row = ln_model_row(j->m);
    const ln_shape *s = &j->g->tensor[j->g->input[0]].shape;
    ln_graph *g = NULL;
    LN_TRY(ln_weights_new(path, &j->to, j->err));
    LN_TRY(put_tensors(j));
    LN_TRY(put_meta(j));
    LN_TRY(ln_network_build(row->arch, row->name, ln_model_classes(j->m), j->to, 1, s->dim[1],
                            s->dim[2], &g, j->err));
    out->params[0] = j->g->params;
    out->params[1] = g->params;
    out->macs[0] = j->g->macs;
    out->macs[1] = g->macs;
    ln_graph_destroy(&g);
    return ln_save(j->to, path, j->err);
}

linnet_status ln_prune(const ln_model *m, const ln_prune_params *p, int64_t h, int64_t w,
                       const char *path, ln_pruning *out, linnet_error *err) {
    *out = (ln_pruning){0};
    if (!(p->channels > 0 && p->channels < 1))
        return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT,
                       "%g of the channels: give more than 0 and less than 1", p->channels);
    if (!ln_model_row(m))
        return ln_fail(err, LINNET_ERR_UNSUPPORTED,
                       "%s: prune takes families with weights, not files with a graph of their own",
                       ln_model_name(m));
    job j = {.m = m, .p = p, .from = ln_model_weights(m), .err = err};
    if (!j.from)
        return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT, "%s: prune needs weights",
                       ln_model_name(m));
    if (ln_weights_meta(j.from, LN_META_QUANT))
        return ln_fail(err, LINNET_ERR_UNSUPPORTED,
                       "%s: quantized already; prune the weights of floats, then quantize",
                       ln_weights_path(j.from));
    ln_graph *g = NULL;
    LN_TRY(ln_model_graph(m, 1, h, w, &g, err));
    j.g = g;
    linnet_status st = plan(&j);
    if (st == LINNET_OK) st = write(&j, path, out);
    out->layer = j.report;
    out->count = j.n_e;
    out->pool = j.pool;
    if (st != LINNET_OK) ln_pruning_free(out);
    ln_weights_close(&j.to);
    ln_str_free(&j.widths);
    ln_graph_destroy(&g);
    return st;
}

void ln_pruning_free(ln_pruning *p) {
    free(p->layer);
    ln_pool_free(&p->pool);
    *p = (ln_pruning){0};
}
