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

/* Largest error beyond `step` of b's size; infinite where one is NaN and the other is not. */
static double worst_error(const float *a, const float *b, int64_t n, double step) {
    double worst = 0;
    for (int64_t i = 0; i < n; i++) {
        if (a[i] == b[i] || (isnan(a[i]) && isnan(b[i]))) continue;
        double d = fabs((double)a[i] - b[i]);
        if (isnan(d)) return INFINITY;
        worst = LN_MAX(worst, d - step * fabs((double)b[i]));
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

/* How far one tensor, or several, are off. */
typedef struct verdict {
    double max_abs, rel;
    bool pass;
    bool halves; /* floats are what a whole network of halves gives */
    bool chain;  /* several nodes in one step */
    bool fast;   /* sums are halves */
} verdict;

/* Steps of bytes are rounded in f32 where the reference is exact: few are off, and by one. Where
 * one step's bytes were another's, the same holds a step further. */
static void compare_bytes(const int8_t *a, const int8_t *b, int64_t n, bool several, verdict *v) {
    const int near = several ? 1 : 0;
    int worst = 0;
    int64_t off = 0;
    double sum = 0, square = 0;
    for (int64_t i = 0; i < n; i++) {
        worst = LN_MAX(worst, abs(a[i] - b[i]));
        off += abs(a[i] - b[i]) > near;
        sum += b[i], square += b[i] * b[i];
    }
    const double variance = (square - sum * sum / (double)n) / (double)n;
    v->max_abs = LN_MAX(v->max_abs, worst);
    v->rel = LN_MAX(v->rel, variance > 0 ? worst / sqrt(variance) : worst);
    if (worst > near + 1 || off > 1 + n / 1000) v->pass = false;
}

static void compare_words(const int32_t *a, const int32_t *b, int64_t n, verdict *v) {
    double worst = 0;
    for (int64_t i = 0; i < n; i++) worst = LN_MAX(worst, fabs((double)a[i] - b[i]));
    v->max_abs = LN_MAX(v->max_abs, worst);
    if (worst > 0) v->rel = INFINITY, v->pass = false;
}

/* Floats over their deviation; integers are the same or infinitely off. several: steps one after
 * another, some of them of bytes. A half may be the next one. */
static void compare(const ln_tensor *t, const float *got, const float *want, int64_t n,
                    bool several, verdict *v) {
    if (t->dtype == LN_I8) {
        compare_bytes((const int8_t *)got, (const int8_t *)want, n, several, v);
    } else if (t->dtype == LN_I32) {
        compare_words((const int32_t *)got, (const int32_t *)want, n, v);
    } else {
        const bool half = t->dtype == LN_F16;
        const double worst = worst_error(got, want, n, half ? 0x1p-10 : 0);
        const double rel = relative(worst, want, n);
        double tolerance = !half      ? LN_DIFF_TOLERANCE
                           : v->fast  ? LN_DIFF_FAST
                           : v->chain ? LN_DIFF_HALF_CHAIN
                                      : LN_DIFF_HALVES;
        if (several) tolerance = LN_DIFF_QUANTIZED;
        if (v->halves) tolerance = v->fast ? LN_DIFF_ALL_FAST : LN_DIFF_ALL_HALF;
        v->max_abs = LN_MAX(v->max_abs, worst_error(got, want, n, 0));
        v->rel = LN_MAX(v->rel, rel);
        if (!(rel <= tolerance)) v->pass = false;
    }
}

static bool has_type(const ln_graph *g, ln_dtype type) {
    for (int t = 0; t < g->n_tensor; t++)
        if (g->tensor[t].dtype == type && g->tensor[t].kind != LN_TENSOR_CONST) return true;
    return false;
}

static int64_t not_finite(const float *v, int64_t n) {
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++) count += !isfinite(v[i]);
    return count;
}

/* Of an activation that the step reads from outside. */
static bool comes_finite(const ln_ref *ref, const ln_step *step) {
    for (int i = step->first; i <= step->node; i++)
        for (int k = 0; k < ref->graph->node[i].n_in; k++) {
            const ln_tid t = ref->graph->node[i].in[k];
            int64_t n = 0;
            if (t == LN_NONE || !ln_dtype_is_real(ref->graph->tensor[t].dtype)) continue;
            bool inside = false;
            for (int m = step->first; m < i; m++) inside |= ref->graph->node[m].out[0] == t;
            ln_shape_count(&ref->graph->tensor[t].shape, &n);
            if (!inside && ref->value[t] && not_finite(ref->value[t], n)) return false;
        }
    return true;
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
    const ln_graph *g = ref->graph;
    const ln_node *n = &g->node[step->node];
    const bool chain = step->first < step->node;
    const bool several = chain && g->tensor[n->out[0]].dtype == LN_I8;
    verdict v = {.pass = true, .chain = chain, .fast = ln_variant_is_fast(step->variant)};
    int64_t overflow = 0;
    for (int k = 0; k < n->n_out; k++) {
        int64_t count = 0;
        ln_shape_count(&g->tensor[n->out[k]].shape, &count);
        float *got = malloc((size_t)count * sizeof *got);
        if (!got) return ln_fail_oom(err, "diff", (size_t)count * sizeof *got);
        linnet_status st = ln_session_read(s, n->out[k], got, err);
        if (st == LINNET_OK)
            compare(&g->tensor[n->out[k]], got, ref->value[n->out[k]], count, several, &v);
        if (st == LINNET_OK && g->tensor[n->out[k]].dtype == LN_F16 && comes_finite(ref, step))
            overflow += not_finite(got, count);
        free(got);
        LN_TRY(st);
    }
    *layer = (ln_diff_layer){.name = n->name,
                             .op = ln_op_infos[n->op].name,
                             .variant = step->variant->name,
                             .max_abs = v.max_abs,
                             .rel = v.rel,
                             .overflow = overflow,
                             .pass = v.pass && !overflow};
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
    for (int i = 0; i < g->n_input; i++) LN_TRY(ln_ref_input(ref, i, inputs[i], err));
    return LINNET_OK;
}

/* One whole run: each output against the reference's. */
static linnet_status diff_whole(ln_session *s, const ln_ref *ref, const void *const *inputs,
                                verdict *v, linnet_error *err) {
    const ln_graph *g = ref->graph;
    const bool several = has_type(g, LN_I8);
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
        compare(&g->tensor[t], out[i], ref->value[t], count, several, v);
    }
    for (int i = 0; i < g->n_output; i++) free(out[i]);
    free(out);
    return st;
}

static linnet_status diff_all(ln_session *s, ln_ref *ref, const void *const *inputs,
                              ln_diff_report *out, linnet_error *err) {
    LN_TRY(set_inputs(ref, inputs, err));
    LN_TRY(ln_ref_run(ref, true, err));
    verdict whole = {.pass = true,
                     .halves = has_type(ref->graph, LN_F16),
                     .fast = ln_plan_fast_macs(ln_session_plan(s)) > 0};
    LN_TRY(diff_whole(s, ref, inputs, &whole, err));
    out->end_to_end = whole.rel;
    for (int i = 0; i < out->n_layer; i++) {
        LN_TRY(ln_diff_step(s, ref, i, &out->layer[i], err));
        if (!out->layer[i].pass && out->first_bad < 0) out->first_bad = i;
        if (out->layer[i].rel > out->layer[out->worst].rel) out->worst = i;
    }
    out->pass = out->first_bad < 0 && whole.pass;
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
