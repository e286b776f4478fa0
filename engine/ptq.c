/* The whole of post-training quantization: see ptq.h. */
#include "engine/ptq_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MEASURED = 16 }; /* pictures that errors are measured on */

typedef struct job {
    const ln_ptq_params *p;
    const float *truth;  /* answers of the network before, for each measured picture */
    ln_ptq_probe *probe; /* the network of floats */
    ln_tid *list;        /* what it shows; at last its output */
    int count;
    ln_graph *g; /* prepared */
    bool *scaled;
    ln_ptq_stats *stats;     /* by tensor */
    ln_ptq_moments *moments; /* by node; of layers, when asked for */
    int n_moments;
    float *picture, *nhwc;
    size_t done, total; /* runs of the network, for progress */
    ln_pool pool;
    linnet_error *err;
} job;

static linnet_status next(job *j, size_t i) {
    if (j->p->progress) j->p->progress(j->p->user, j->done, j->total);
    j->done++;
    return j->p->picture(j->p->user, i, j->picture, j->err);
}

/* ---- the network ---- */
static linnet_status new_graph(const ln_ptq_params *p, ln_graph **out, linnet_error *err) {
    LN_TRY(p->graph(p->user, out, err));
    const ln_graph *g = *out;
    if (g->n_input != 1 || g->n_output != 1 || g->tensor[g->input[0]].shape.rank != 4)
        return ln_fail(err, LINNET_ERR_UNSUPPORTED,
                       "%s: quantization takes networks of one picture and one answer", g->name);
    for (int i = 0; i < g->n_node; i++)
        for (int k = 0; k < g->node[i].n_out; k++)
            if (g->tensor[g->node[i].out[k]].dtype != LN_F32)
                return ln_fail(err, LINNET_ERR_UNSUPPORTED,
                               "%s: %s is of %s: only networks of floats are quantized", g->name,
                               g->node[i].name, ln_dtype_names[g->tensor[g->node[i].out[k]].dtype]);
    return ln_quantize_prepare(*out, err);
}

static linnet_status open_job(job *j) {
    int64_t n = 0;
    LN_TRY(new_graph(j->p, &j->g, j->err));
    const ln_graph *g = j->g;
    const size_t tensors = (size_t)g->n_tensor + 8 * (size_t)g->n_node + 1; /* with new constants */
    ln_shape_count(&g->tensor[g->input[0]].shape, &n);
    j->scaled = ln_pool_alloc(&j->pool, tensors, sizeof *j->scaled);
    j->stats = ln_pool_alloc(&j->pool, tensors, sizeof *j->stats);
    j->list = ln_pool_alloc(&j->pool, tensors, sizeof *j->list);
    j->picture = ln_alloc_aligned((size_t)n, sizeof *j->picture);
    j->nhwc = ln_alloc_aligned((size_t)n, sizeof *j->nhwc);
    if (!j->scaled || !j->stats || !j->list || !j->picture || !j->nhwc)
        return ln_fail_oom(j->err, "calibration", tensors);
    LN_TRY(ln_ptq_choose(g, j->scaled, j->err));
    for (int i = 0; i < g->n_node; i++)
        if (ln_ptq_is_layer(g, &g->node[i], j->scaled)) return LINNET_OK;
    return ln_fail(j->err, LINNET_ERR_UNSUPPORTED,
                   "%s: no convolution or classifier that could be quantized", g->name);
}

static void close_job(job *j) {
    for (int i = 0; i < j->n_moments; i++) ln_ptq_moments_free(&j->moments[i]);
    ln_ptq_probe_destroy(&j->probe);
    ln_graph_destroy(&j->g);
    free(j->picture);
    free(j->nhwc);
    ln_pool_free(&j->pool);
    *j = (job){.p = j->p, .err = j->err};
}

/* ---- calibration ---- */
/* The tensors to look at, with nothing seen so far. */
static linnet_status watch(job *j) {
    const ln_graph *g = j->g;
    bool *wanted = ln_pool_alloc(&j->pool, (size_t)g->n_tensor + 1, sizeof *wanted);
    if (!wanted) return ln_fail_oom(j->err, "calibration", (size_t)g->n_tensor);
    memcpy(wanted, j->scaled, (size_t)g->n_tensor * sizeof *wanted);
    for (int i = 0; i < g->n_node; i++) /* the means of what layers read */
        if (ln_ptq_is_layer(g, &g->node[i], j->scaled)) wanted[g->node[i].in[0]] = true;
    j->count = 0;
    for (ln_tid t = 0; t < g->n_tensor; t++) {
        ln_ptq_stats *s = &j->stats[t];
        if (!wanted[t]) continue;
        const ln_shape *shape = &g->tensor[t].shape;
        *s = (ln_ptq_stats){.on = true, .channels = shape->dim[shape->rank - 1]};
        s->top = ln_pool_alloc(&j->pool, (size_t)s->channels, sizeof *s->top);
        if (!s->top) return ln_fail_oom(j->err, g->tensor[t].name, (size_t)s->channels);
        if (t != g->input[0]) j->list[j->count++] = t;
    }
    j->list[j->count] = g->output[0];
    return LINNET_OK;
}

static void see_layers(job *j, ln_tid t, const float *v) {
    for (int i = 0; i < j->n_moments; i++)
        if (j->moments[i].k && j->g->node[i].in[0] == t)
            ln_ptq_moments_see(&j->moments[i], j->g, &j->g->node[i], v);
}

static linnet_status pass(job *j, void (*see)(ln_ptq_stats *, const float *, int64_t)) {
    const ln_graph *g = j->g;
    const ln_tid in = g->input[0];
    int64_t n;
    for (size_t i = 0; i < j->p->pictures; i++) {
        LN_TRY(next(j, i));
        LN_TRY(ln_ptq_probe_run(j->probe, j->picture, j->err));
        for (int k = 0; k < j->count; k++) {
            const float *v = ln_ptq_probe_value(j->probe, k, &n);
            see(&j->stats[j->list[k]], v, n);
            if (see == ln_ptq_see) see_layers(j, j->list[k], v);
        }
        if (!j->stats[in].on) continue;
        ln_shape_count(&g->tensor[in].shape, &n);
        if (ln_tensor_planar(&g->tensor[in]))
            ln_nchw_to_nhwc(&g->tensor[in].shape, LN_F32, j->picture, j->nhwc);
        else
            memcpy(j->nhwc, j->picture, (size_t)n * sizeof *j->nhwc);
        see(&j->stats[in], j->nhwc, n);
        if (see == ln_ptq_see) see_layers(j, in, j->nhwc);
    }
    return LINNET_OK;
}

/* Lowest, highest. */
static linnet_status look(job *j) {
    ln_ptq_probe_destroy(&j->probe);
    LN_TRY(watch(j));
    LN_TRY(ln_ptq_probe_create(j->g, j->list, j->count + 1, j->p->device, &j->probe, j->err));
    return pass(j, ln_ptq_see);
}

/* And what the layers read. */
static linnet_status look_closely(job *j) {
    const ln_graph *g = j->g;
    j->moments = ln_pool_alloc(&j->pool, (size_t)g->n_node, sizeof *j->moments);
    if (!j->moments) return ln_fail_oom(j->err, "calibration", (size_t)g->n_node);
    j->n_moments = g->n_node;
    for (int i = 0; i < g->n_node; i++)
        if (ln_ptq_is_layer(g, &g->node[i], j->scaled))
            LN_TRY(ln_ptq_moments_create(g, &g->node[i], &j->pool, &j->moments[i], j->err));
    return look(j);
}

static linnet_status count_bins(job *j) {
    for (ln_tid t = 0; t < j->g->n_tensor; t++) {
        if (!j->stats[t].on) continue;
        j->stats[t].bin = ln_pool_alloc(&j->pool, LN_PTQ_BINS, sizeof *j->stats[t].bin);
        if (!j->stats[t].bin) return ln_fail_oom(j->err, "a histogram", LN_PTQ_BINS);
    }
    return pass(j, ln_ptq_count);
}

/* ---- scales ---- */
static ln_quant quant_of(const job *j, ln_tid t) {
    float lo, hi;
    ln_ptq_range(&j->stats[t], j->p->percentile, &lo, &hi);
    return ln_quant_cover(lo, hi);
}

/* A concat and what it joins share a range, so that joining moves bytes and nothing else. */
static void share_ranges(job *j) {
    const ln_graph *g = j->g;
    for (int i = g->n_node; i-- > 0;) {
        const ln_node *n = &g->node[i];
        if (n->op != LN_OP_CONCAT || !j->scaled[n->out[0]]) continue;
        for (int k = 0; k < n->n_in; k++)
            if (j->scaled[n->in[k]]) {
                j->stats[n->in[k]].lo = j->stats[n->out[0]].lo;
                j->stats[n->in[k]].hi = j->stats[n->out[0]].hi;
                j->stats[n->in[k]].bin = j->stats[n->out[0]].bin;
            }
    }
}

static int maker(const ln_graph *g, ln_tid t) {
    for (int i = 0; i < g->n_node; i++)
        for (int k = 0; k < g->node[i].n_out; k++)
            if (g->node[i].out[k] == t) return i;
    return -1;
}

static linnet_status make_rows(job *j, ln_ptq *out) {
    const ln_graph *g = j->g;
    out->row = ln_pool_alloc(&out->pool, (size_t)g->n_tensor + 1, sizeof *out->row);
    if (!out->row) return ln_fail_oom(j->err, "scales", (size_t)g->n_tensor);
    share_ranges(j);
    for (ln_tid t = 0; t < g->n_tensor; t++) {
        if (!j->scaled[t]) continue;
        out->row[out->n_row++] = (ln_quant_row){.name = ln_ptq_name(g, t), .q = quant_of(j, t)};
    }
    return LINNET_OK;
}

/* The scale of the bytes that a layer reads: of its input, or of what that was moved from. */
static ln_quant input_quant(const job *j, ln_tid t) {
    while (!j->scaled[t]) t = j->g->node[maker(j->g, t)].in[0];
    return quant_of(j, t);
}

static linnet_status quantize_weights(job *j) {
    const ln_ptq_how how = {.correct = !j->p->keep_bias, .feed = !j->p->nearest};
    ln_graph *g = j->g;
    for (int i = 0; i < g->n_node; i++) {
        ln_node *n = &g->node[i];
        if (!ln_ptq_is_layer(g, n, j->scaled)) continue;
        const ln_quant x = input_quant(j, n->in[0]);
        LN_TRY(ln_ptq_weights(g, n, &x, &j->moments[i], &how, j->err));
        ln_ptq_moments_free(&j->moments[i]);
    }
    return LINNET_OK;
}

/* ---- what is lost ---- */
static size_t measured(const ln_ptq_params *p) {
    return LN_MIN(p->pictures, MEASURED);
}

/* Pictures to measure on are taken from all over the list. */
static size_t measured_at(const ln_ptq_params *p, size_t i) {
    return i * p->pictures / measured(p);
}

/* The tensors of the quantized graph beside those of j->list. */
static void pair_up(const job *j, const ln_graph *bytes, ln_tid *with) {
    for (int k = 0; k < j->count; k++) {
        const char *name = j->scaled[j->list[k]] ? ln_ptq_name(j->g, j->list[k]) : NULL;
        with[k] = name ? ln_ptq_find(bytes, name) : LN_NONE;
    }
    with[j->count] = bytes->output[0];
}

static linnet_status run_both(job *j, ln_ptq_probe *bytes, ln_ptq_error *e, ln_ptq_error *answer) {
    int64_t n;
    for (size_t i = 0; i < measured(j->p); i++) {
        LN_TRY(next(j, measured_at(j->p, i)));
        LN_TRY(ln_ptq_probe_run(j->probe, j->picture, j->err));
        LN_TRY(ln_ptq_probe_run(bytes, j->picture, j->err));
        for (int k = 0; k < j->count; k++) {
            const float *b = ln_ptq_probe_value(bytes, k, &n);
            if (b) ln_ptq_compare(&e[k], ln_ptq_probe_value(j->probe, k, &n), b, n);
        }
        const float *b = ln_ptq_probe_value(bytes, j->count, &n);
        ln_ptq_compare(answer, j->truth + (int64_t)i * n, b, n);
    }
    return LINNET_OK;
}

static void report(const job *j, const ln_ptq_error *e, const ln_tid *with, ln_ptq *out) {
    for (int k = 0; k < j->count; k++) {
        const ln_tid t = j->list[k];
        const int made = maker(j->g, t);
        if (made < 0 || with[k] == LN_NONE) continue;
        out->layer[out->n_layer++] = (ln_ptq_layer){.name = j->g->node[made].name,
                                                    .op = ln_op_infos[j->g->node[made].op].name,
                                                    .lo = j->stats[t].lo,
                                                    .hi = j->stats[t].hi,
                                                    .q = quant_of(j, t),
                                                    .sqnr = ln_ptq_sqnr(&e[k]),
                                                    .cosine = ln_ptq_cosine(&e[k])};
    }
}

static linnet_status measure(job *j, ln_graph *bytes, ln_ptq *out) {
    ln_ptq_probe *probe = NULL;
    ln_ptq_error answer = {0};
    const size_t n = (size_t)j->count + 1;
    ln_tid *with = ln_pool_alloc(&j->pool, n, sizeof *with);
    ln_ptq_error *e = ln_pool_alloc(&j->pool, n, sizeof *e);
    out->layer = ln_pool_alloc(&out->pool, n, sizeof *out->layer);
    if (!with || !e || !out->layer) return ln_fail_oom(j->err, "a report", n * sizeof *e);
    LN_TRY(ln_quantize_graph(bytes, out->row, out->n_row, j->err));
    pair_up(j, bytes, with);
    LN_TRY(ln_ptq_probe_create(bytes, with, j->count + 1, j->p->device, &probe, j->err));
    const linnet_status st = run_both(j, probe, e, &answer);
    ln_ptq_probe_destroy(&probe);
    LN_TRY(st);
    report(j, e, with, out);
    out->measured = measured(j->p);
    out->cosine = ln_ptq_cosine(&answer);
    out->sqnr = ln_ptq_sqnr(&answer);
    return LINNET_OK;
}

/* ---- the whole ---- */
/* One attempt; j is closed by the caller, whatever comes of it. */
static linnet_status attempt(job *j, bool equalize, ln_ptq *out) {
    ln_graph *bytes = NULL;
    int pairs = 0;
    LN_TRY(open_job(j));
    if (equalize) {
        LN_TRY(look(j));
        LN_TRY(ln_ptq_equalize(j->g, j->stats, &pairs, j->err));
        if (!pairs && j->p->equalize == LN_EQUALIZE_AUTO) return LINNET_OK;
        if (!pairs)
            return ln_fail(j->err, LINNET_ERR_UNSUPPORTED,
                           "%s: no layers to equalize: none is followed by another with nothing "
                           "but a ReLU between",
                           j->g->name);
    }
    LN_TRY(look_closely(j));
    out->equalized = equalize;
    if (j->p->range == LN_RANGE_PERCENTILE) LN_TRY(count_bins(j));
    LN_TRY(make_rows(j, out));
    LN_TRY(quantize_weights(j));
    LN_TRY(ln_ptq_copy(j->g, &bytes, j->err));
    const linnet_status st = measure(j, bytes, out);
    ln_graph_destroy(&bytes);
    LN_TRY(st);
    out->graph = j->g; /* names of rows and layers are its own */
    j->g = NULL;
    return LINNET_OK;
}

/* Answers of the network before, for the pictures that errors are measured on. */
static linnet_status find_truth(job *j, float **truth) {
    ln_ptq_probe *probe = NULL;
    int64_t n = 0;
    LN_TRY(open_job(j));
    ln_shape_count(&j->g->tensor[j->g->output[0]].shape, &n);
    *truth = ln_alloc_aligned((size_t)n * measured(j->p), sizeof **truth);
    if (!*truth) return ln_fail_oom(j->err, "answers", (size_t)n);
    LN_TRY(ln_ptq_probe_create(j->g, j->g->output, 1, j->p->device, &probe, j->err));
    linnet_status st = LINNET_OK;
    for (size_t i = 0; i < measured(j->p) && st == LINNET_OK; i++) {
        st = next(j, measured_at(j->p, i));
        if (st == LINNET_OK) st = ln_ptq_probe_run(probe, j->picture, j->err);
        if (st != LINNET_OK) break;
        memcpy(*truth + (int64_t)i * n, ln_ptq_probe_value(probe, 0, &n),
               (size_t)n * sizeof **truth);
    }
    ln_ptq_probe_destroy(&probe);
    return st;
}

static size_t runs_of(const ln_ptq_params *p) {
    const bool plain = p->equalize != LN_EQUALIZE_ON, equal = p->equalize != LN_EQUALIZE_OFF;
    const size_t bins = p->range == LN_RANGE_PERCENTILE;
    return measured(p) * (1 + plain + equal) +
           p->pictures * (plain * (1 + bins) + equal * (2 + bins));
}

static linnet_status run(job *j, ln_ptq *out, linnet_error *err) {
    const ln_ptq_params *p = j->p;
    float *truth = NULL;
    ln_ptq other = {0};
    linnet_status st = find_truth(j, &truth);
    const size_t total = j->total;
    size_t done = j->done;
    for (int equalize = p->equalize == LN_EQUALIZE_ON;
         st == LINNET_OK && equalize <= (p->equalize != LN_EQUALIZE_OFF); equalize++) {
        close_job(j);
        *j = (job){.p = p, .err = err, .truth = truth, .total = total, .done = done};
        st = attempt(j, equalize, &other);
        done = j->done;
        if (st != LINNET_OK || !other.graph) break;
        if (!out->graph || other.sqnr > out->sqnr) {
            ln_ptq_free(out);
            *out = other;
            other = (ln_ptq){0};
        }
        ln_ptq_free(&other);
    }
    ln_ptq_free(&other);
    free(truth);
    return st;
}

linnet_status ln_ptq_run(const ln_ptq_params *p, ln_ptq *out, linnet_error *err) {
    linnet_error local = {0};
    *out = (ln_ptq){0};
    if (!p->pictures)
        return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT, "no pictures to calibrate on");
    if (p->range == LN_RANGE_PERCENTILE && !(p->percentile > 50 && p->percentile <= 100))
        return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT,
                       "percentile %g: give more than 50, at most 100", p->percentile);
    job j = {.p = p, .err = &local, .total = runs_of(p)};
    const linnet_status st = run(&j, out, &local);
    close_job(&j);
    if (p->progress && st == LINNET_OK) p->progress(p->user, runs_of(p), runs_of(p));
    if (st != LINNET_OK) ln_ptq_free(out);
    if (st != LINNET_OK && err) *err = local;
    return st;
}

void ln_ptq_free(ln_ptq *p) {
    ln_graph_destroy(&p->graph);
    ln_pool_free(&p->pool);
    *p = (ln_ptq){0};
}
