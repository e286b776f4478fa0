/* Device against reference, step by step. */
#include "engine/diff.h"
#include "engine/ref/ref.h"

#include <math.h>
#include <stdlib.h>

static double deviation(const float *v, int64_t n) {
    double sum = 0, sq = 0;
    for (int64_t i = 0; i < n; i++) sum += v[i];
    double mean = n ? sum / (double)n : 0;
    for (int64_t i = 0; i < n; i++) sq += (v[i] - mean) * (v[i] - mean);
    return n ? sqrt(sq / (double)n) : 0;
}

/* Largest error; infinite where one is NaN and the other is not. */
static double worst_error(const float *a, const float *b, int64_t n) {
    double worst = 0;
    for (int64_t i = 0; i < n; i++) {
        if (a[i] == b[i] || (isnan(a[i]) && isnan(b[i]))) continue;
        double d = fabs((double)a[i] - b[i]);
        if (isnan(d)) return INFINITY;
        worst = LN_MAX(worst, d);
    }
    return worst;
}

/* Over the deviation; a constant output is judged by its own size instead. */
static double relative(double max_abs, const float *ref, int64_t n) {
    double scale = deviation(ref, n);
    if (scale == 0)
        for (int64_t i = 0; i < n; i++) scale = LN_MAX(scale, fabs((double)ref[i]));
    return max_abs == 0 ? 0 : scale > 0 ? max_abs / scale : INFINITY;
}

/* Floats over their deviation; integers are the same or infinitely off. */
static void compare(const ln_tensor *t, const float *got, const float *want, int64_t n,
                    double *max_abs, double *rel) {
    if (t->dtype == LN_I32) {
        const int32_t *a = (const int32_t *)got, *b = (const int32_t *)want;
        double worst = 0;
        for (int64_t i = 0; i < n; i++) worst = LN_MAX(worst, fabs((double)a[i] - b[i]));
        *max_abs = LN_MAX(*max_abs, worst);
        *rel = worst > 0 ? INFINITY : *rel;
        return;
    }
    const double worst = worst_error(got, want, n);
    *max_abs = LN_MAX(*max_abs, worst);
    *rel = LN_MAX(*rel, relative(worst, want, n));
}

/* Every activation that a step reads, but for what lies inside a chain. */
static linnet_status feed(ln_session *s, const ln_ref *ref, const ln_step *step,
                          linnet_error *err) {
    const ln_plan *p = ln_session_plan(s);
    for (int i = step->first; i <= step->node; i++) {
        const ln_node *n = &ref->graph->node[i];
        for (int k = 0; k < n->n_in; k++) {
            ln_tid t = n->in[k];
            if (t != LN_NONE && ref->graph->tensor[t].kind != LN_TENSOR_CONST &&
                !ln_chain_inner(p, t))
                LN_TRY(ln_session_write(s, t, ref->value[t], err));
        }
    }
    return LINNET_OK;
}

linnet_status ln_diff_check(ln_session *s, const ln_ref *ref, const ln_step *step,
                            ln_diff_layer *layer, linnet_error *err) {
    const ln_node *n = &ref->graph->node[step->node];
    *layer = (ln_diff_layer){n->name, ln_op_infos[n->op].name, step->variant->name, 0, 0, true};
    for (int k = 0; k < n->n_out; k++) {
        int64_t count = 0;
        ln_shape_count(&ref->graph->tensor[n->out[k]].shape, &count);
        float *got = malloc((size_t)count * sizeof *got);
        if (!got) return ln_fail_oom(err, "diff", (size_t)count * sizeof *got);
        linnet_status st = ln_session_read(s, n->out[k], got, err);
        if (st == LINNET_OK)
            compare(&ref->graph->tensor[n->out[k]], got, ref->value[n->out[k]], count,
                    &layer->max_abs, &layer->rel);
        free(got);
        LN_TRY(st);
    }
    layer->pass = layer->rel <= LN_DIFF_TOLERANCE;
    return LINNET_OK;
}

linnet_status ln_diff_step(ln_session *s, const ln_ref *ref, int i, ln_diff_layer *layer,
                           linnet_error *err) {
    const ln_step *step = &ln_session_plan(s)->step[i];
    LN_TRY(feed(s, ref, step, err));
    LN_TRY(ln_session_run_step(s, i, err));
    return ln_diff_check(s, ref, step, layer, err);
}

static linnet_status set_inputs(ln_ref *ref, const void *const *inputs, linnet_error *err) {
    const ln_graph *g = ref->graph;
    for (int i = 0; i < g->n_input; i++) {
        LN_TRY(ln_ref_input(ref, i, inputs[i], err));
    }
    return LINNET_OK;
}

/* One whole run: each output against the reference's. */
static linnet_status diff_whole(ln_session *s, const ln_ref *ref, const void *const *inputs,
                                double *worst, linnet_error *err) {
    const ln_graph *g = ref->graph;
    double max_abs = 0;
    void **out = calloc((size_t)g->n_output + 1, sizeof *out);
    if (!out) return ln_fail_oom(err, "diff", sizeof *out);
    linnet_status st = LINNET_OK;
    for (int i = 0; i < g->n_output && st == LINNET_OK; i++) {
        int64_t count = 0;
        ln_shape_count(&g->tensor[g->output[i]].shape, &count);
        out[i] = malloc((size_t)count * sizeof(float));
        if (!out[i]) st = ln_fail_oom(err, "diff", (size_t)count * sizeof(float));
    }
    if (st == LINNET_OK) st = ln_session_run(s, inputs, out, err);
    for (int i = 0; i < g->n_output && st == LINNET_OK; i++) {
        ln_tid t = g->output[i];
        int64_t count = 0;
        ln_shape_count(&g->tensor[t].shape, &count);
        st = ln_session_read(s, t, out[i], err);
        if (st != LINNET_OK) break;
        compare(&g->tensor[t], out[i], ref->value[t], count, &max_abs, worst);
    }
    for (int i = 0; i < g->n_output; i++) free(out[i]);
    free(out);
    return st;
}

static linnet_status diff_all(ln_session *s, ln_ref *ref, const void *const *inputs,
                              ln_diff_report *out, linnet_error *err) {
    LN_TRY(set_inputs(ref, inputs, err));
    LN_TRY(ln_ref_run(ref, true, err));
    LN_TRY(diff_whole(s, ref, inputs, &out->end_to_end, err));
    for (int i = 0; i < out->n_layer; i++) {
        LN_TRY(ln_diff_step(s, ref, i, &out->layer[i], err));
        if (!out->layer[i].pass && out->first_bad < 0) out->first_bad = i;
        if (out->layer[i].rel > out->layer[out->worst].rel) out->worst = i;
    }
    out->pass = out->first_bad < 0 && out->end_to_end <= LN_DIFF_TOLERANCE;
    return LINNET_OK;
}

linnet_status ln_diff_run(ln_session *s, const void *const *inputs, ln_diff_report *out,
                          linnet_error *err) {
    const ln_plan *p = ln_session_plan(s);
    *out = (ln_diff_report){.n_layer = p->n_step, .first_bad = -1};
    out->layer = calloc((size_t)p->n_step + 1, sizeof *out->layer);
    if (!out->layer) return ln_fail_oom(err, "diff", (size_t)p->n_step * sizeof *out->layer);
    ln_ref *ref = NULL;
    linnet_status st = ln_ref_create(p->graph, &ref, err);
    if (st == LINNET_OK) st = diff_all(s, ref, inputs, out, err);
    ln_ref_destroy(&ref);
    if (st != LINNET_OK) ln_diff_free(out);
    return st;
}

void ln_diff_free(ln_diff_report *r) {
    free(r->layer);
    *r = (ln_diff_report){.first_bad = -1};
}
