/* The last contest: the whole network by the record against the default plan, and the ways in
 * which its steps can reach the device. */
#include "engine/tune_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_WAYS = 4, LEAST_ROUNDS = 5 };
#define OUTPUTS_AGREE 1e-3 /* of the deviation: two plans round in different orders */

typedef struct way {
    const char *name;
    bool by_record;
    ln_stream stream;
    ln_graph *graph;
    ln_session *session;
    float **out;
    double sample[LN_TUNE_ROUNDS];
    int n_sample;
} way;

typedef struct io {
    float **in;
    int n_in;
} io;

static float *random_floats(int64_t count) {
    float *x = malloc((size_t)count * sizeof *x);
    uint64_t state = 1;
    for (int64_t i = 0; x && i < count; i++) {
        state = state * 6364136223846793005ull + 1442695040888963407ull;
        x[i] = (float)(int32_t)(state >> 32) * (1.0f / 2147483648.0f);
    }
    return x;
}

static linnet_status make_arrays(const ln_graph *g, const ln_tid *list, int n, float ***out,
                                 linnet_error *err) {
    float **a = calloc((size_t)n + 1, sizeof *a);
    *out = a;
    if (!a) return ln_fail_oom(err, "tensors", (size_t)n * sizeof *a);
    for (int i = 0; i < n; i++) {
        int64_t count = 0;
        ln_shape_count(&g->tensor[list[i]].shape, &count);
        bool floats = g->tensor[list[i]].dtype == LN_F32; /* integers: zero is the safest index */
        if (!(a[i] = floats ? random_floats(count) : calloc((size_t)count, sizeof(float))))
            return ln_fail_oom(err, "a tensor", (size_t)count * sizeof(float));
    }
    return LINNET_OK;
}

static void free_arrays(float **a, int n) {
    for (int i = 0; a && i < n; i++) free(a[i]);
    free((void *)a);
}

static linnet_status run_way(way *w, const io *x, linnet_error *err) {
    double start = ln_now();
    LN_TRY(ln_session_run(w->session, (const void *const *)x->in, (void *const *)w->out, err));
    if (w->n_sample < LN_TUNE_ROUNDS) w->sample[w->n_sample++] = ln_now() - start;
    return LINNET_OK;
}

static linnet_status open_way(ln_tuner *t, way *w, ln_record *r, io *x, linnet_error *err) {
    const ln_plan_params params = ln_record_params(r);
    const ln_session_params how = {.stream = w->stream};
    ln_plan *plan = NULL;
    LN_TRY(t->params->graph(t->params->user, &w->graph, err));
    const ln_graph *g = w->graph;
    LN_TRY(ln_plan_create(w->graph, ln_device_caps(t->device), w->by_record ? &params : NULL, &plan,
                          err));
    LN_TRY(ln_session_create(t->device, plan, &how, &w->session, err)); /* takes the plan */
    if (ln_session_stream(w->session) != w->stream)
        return ln_fail(err, LINNET_ERR_UNSUPPORTED, "%s: not on this device", w->name);
    if (!x->in) {
        x->n_in = g->n_input;
        LN_TRY(make_arrays(g, g->input, g->n_input, &x->in, err));
    }
    LN_TRY(make_arrays(g, g->output, g->n_output, &w->out, err));
    LN_TRY(run_way(w, x, err));
    w->n_sample = 0; /* the first compiles */
    return LINNET_OK;
}

static void close_way(way *w) {
    if (w->graph) free_arrays(w->out, w->graph->n_output);
    ln_session_destroy(&w->session);
    ln_graph_destroy(&w->graph);
    w->out = NULL;
}

/* Largest difference of two answers over the deviation of the first. */
static double difference(const ln_graph *g, float *const *a, float *const *b) {
    double worst = 0;
    for (int i = 0; i < g->n_output; i++) {
        if (g->tensor[g->output[i]].dtype != LN_F32) continue;
        int64_t n = 0;
        double sum = 0, square = 0, most = 0;
        ln_shape_count(&g->tensor[g->output[i]].shape, &n);
        for (int64_t k = 0; k < n; k++) {
            double d = fabs((double)a[i][k] - b[i][k]);
            sum += a[i][k];
            square += (double)a[i][k] * a[i][k];
            most = d <= most ? most : d; /* NaN stays */
        }
        double deviation =
            sqrt(LN_MAX(square / (double)n - sum / (double)n * (sum / (double)n), 0));
        double rel = most == 0 ? 0 : deviation > 0 ? most / deviation : INFINITY;
        worst = rel <= worst ? worst : rel;
    }
    return worst;
}

static int by_value(const void *a, const void *b) {
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void note_times(ln_tune_candidate *c, way *w) {
    if (!w->n_sample) return;
    qsort(w->sample, (size_t)w->n_sample, sizeof *w->sample, by_value);
    c->least_us = 1e6 * w->sample[0];
    c->median_us = 0.5e6 * (w->sample[(w->n_sample - 1) / 2] + w->sample[w->n_sample / 2]);
}

/* Opens each way, and holds it to the default's answer. */
static linnet_status open_all(ln_tuner *t, int contest, way *list, int n, ln_record *r, io *x,
                              linnet_error *err) {
    for (int i = 0; i < n; i++) {
        ln_tune_candidate *c = ln_contest_candidate(t, contest, i);
        linnet_error why;
        snprintf(c->name, sizeof c->name, "%s", list[i].name);
        if (t->params->progress) t->params->progress(t->params->user, "network", c->name);
        linnet_status st = open_way(t, &list[i], r, x, &why);
        if (st != LINNET_OK && (i == 0 || st == LINNET_ERR_DEVICE_LOST)) {
            if (err) *err = why;
            return st;
        }
        c->verdict = st == LINNET_OK ? LN_VERDICT_SLOWER : LN_VERDICT_FAILED;
        if (st == LINNET_OK && i > 0) {
            c->error = difference(list[0].graph, list[0].out, list[i].out);
            if (!(c->error <= OUTPUTS_AGREE)) c->verdict = LN_VERDICT_WRONG;
        }
        if (st != LINNET_OK) ln_log(LN_LOG_INFO, "tune: %s: %s", c->name, why.message);
        if (c->verdict != LN_VERDICT_SLOWER) close_way(&list[i]);
    }
    return LINNET_OK;
}

static linnet_status hold(ln_tuner *t, int contest, way *list, int n, ln_record *r, io *x,
                          linnet_error *err) {
    LN_TRY(open_all(t, contest, list, n, r, x, err));
    double start = ln_now();
    for (int round = 0; round < LN_TUNE_ROUNDS; round++) {
        if (round >= LEAST_ROUNDS && ln_now() - start > 8 * t->slice) break;
        for (int k = 0; k < n; k++) {
            way *w = &list[(round + k) % n];
            if (w->session) LN_TRY(run_way(w, x, err));
        }
    }
    for (int i = 0; i < n; i++) note_times(ln_contest_candidate(t, contest, i), &list[i]);
    ln_stream stream[MOST_WAYS];
    for (int i = 0; i < n; i++) stream[i] = list[i].stream;
    ln_contest_choose_way(t, contest, stream);
    return LINNET_OK;
}

/* The defaults as a record, so that one of an earlier run goes. */
static linnet_status make_default(ln_record *r, const ln_plan *p, ln_graph *plain,
                                  linnet_error *err) {
    r->n_node = p->graph->n_node;
    r->n_apart = 0;
    r->variant = ln_pool_alloc(&r->pool, (size_t)r->n_node, sizeof *r->variant);
    r->chain_end = ln_pool_alloc(&r->pool, (size_t)r->n_node, sizeof *r->chain_end);
    r->apart = ln_pool_alloc(&r->pool, (size_t)plain->n_node + 1, sizeof *r->apart);
    if (!r->variant || !r->chain_end || !r->apart)
        return ln_fail_oom(err, "a record", (size_t)r->n_node * sizeof *r->variant);
    for (int i = 0; i < r->n_node; i++) r->chain_end[i] = i;
    for (int i = 0; i < r->n_node; i++)
        if (p->choice[i].chain == i) r->chain_end[i] = p->choice[i].chain_end;
    for (int i = 0; i < plain->n_node; i++) {
        const ln_node *n = &plain->node[i];
        if (n->op != LN_OP_SE || !ln_plan_splits(&(ln_site){plain, n, &p->caps}, NULL)) continue;
        if (!(r->apart[r->n_apart++] = ln_pool_strdup(&r->pool, n->name)))
            return ln_fail_oom(err, "a record", strlen(n->name));
    }
    return LINNET_OK;
}

linnet_status ln_tune_whole(ln_tuner *t, ln_record **record, linnet_error *err) {
    bool resident = t->stream == LN_STREAM_RESIDENT;
    way list[MOST_WAYS] = {
        {.name = resident ? "default, resident" : "default, launches", .stream = t->stream},
        {.name = resident ? "tuned, resident" : "tuned, launches",
         .by_record = true,
         .stream = t->stream},
    };
    int n = 2;
    if (resident)
        list[n++] =
            (way){.name = "tuned, launches", .by_record = true, .stream = LN_STREAM_LAUNCHES};
    if (ln_caps_has(ln_device_caps(t->device), LN_FEAT_COMMAND_BUFFER))
        list[n++] =
            (way){.name = "tuned, command buffer", .by_record = true, .stream = LN_STREAM_COMMANDS};
    int contest = ln_contest_add(t, "network", "", n, err);
    if (contest < 0) return err->status;
    io x = {0};
    ln_graph *plain = NULL;
    linnet_status st = hold(t, contest, list, n, *record, &x, err);
    if (st == LINNET_OK) {
        int chosen = t->out->contest[contest].chosen;
        t->out->default_ms = 1e-3 * ln_contest_candidate(t, contest, 0)->median_us;
        t->out->tuned_ms = 1e-3 * ln_contest_candidate(t, contest, chosen)->median_us;
        t->out->kept = list[chosen].by_record;
        t->out->stream = (*record)->stream = list[chosen].stream;
        if (!t->out->kept) {
            st = t->params->graph(t->params->user, &plain, err);
            if (st == LINNET_OK)
                st = make_default(*record, ln_session_plan(list[0].session), plain, err);
        }
    }
    free_arrays(x.in, x.n_in);
    for (int i = 0; i < n; i++) close_way(&list[i]);
    ln_graph_destroy(&plain);
    return st;
}
