/* One candidate on the device: its nodes over and over in one launch, as a session runs them. */
#include "engine/tune_parts.h"

#include <stdlib.h>
#include <string.h>

static const ln_variant *chosen(void *user, const ln_site *s) {
    const ln_trial_spec *spec = user;
    const ln_variant *v = spec->choice ? spec->choice[s->node - s->graph->node] : NULL;
    return v ? v : ln_variant_choose(s);
}

static bool chained(void *user, const ln_plan *p, int first, int last) {
    (void)p;
    const ln_trial_spec *spec = user;
    return first == spec->chain && last == spec->last;
}

static bool as_it_is(void *user, const ln_graph *g, int node) {
    (void)user;
    (void)g;
    (void)node;
    return false;
}

/* The steps that hold nodes first..last; -1: the chain that was asked for cannot be. */
static int find_steps(const ln_plan *p, const ln_trial_spec *spec, int *from) {
    int count = 0;
    *from = 0;
    for (int i = 0; i < p->n_step; i++) {
        const ln_step *s = &p->step[i];
        if (s->first < spec->first || s->node > spec->last) continue;
        if (!count++) *from = i;
    }
    if (spec->chain >= 0 && p->choice[spec->chain].chain_end != spec->last) return -1;
    return count;
}

linnet_status ln_trial_create(ln_device *d, const ln_trial_spec *spec, ln_trial *out,
                              linnet_error *err) {
    memset(out, 0, sizeof *out);
    /* Nothing may be overwritten: a pass that is repeated would go on from its own results. */
    const ln_plan_params params = {.choose = chosen,
                                   .chain = chained,
                                   .split = as_it_is,
                                   .user = (void *)(uintptr_t)spec,
                                   .no_sharing = true};
    const ln_session_params how = {
        .stream = spec->stream, .also = spec->also, .n_also = spec->n_also};
    ln_plan *plan = NULL;
    int from;
    LN_TRY(ln_plan_create(spec->unit->graph, ln_device_caps(d), &params, &plan, err));
    out->steps = find_steps(plan, spec, &from);
    out->times = spec->times;
    linnet_status st = LINNET_OK;
    if (out->steps <= 0)
        st = ln_fail(err, LINNET_ERR_UNSUPPORTED, "%s cannot be planned so",
                     spec->unit->graph->name);
    if (st == LINNET_OK) st = ln_plan_repeat(plan, from, out->steps, spec->times, err);
    if (st != LINNET_OK) {
        ln_plan_destroy(&plan);
        return st;
    }
    st = ln_session_create(d, plan, &how, &out->session, err); /* takes the plan */
    if (st == LINNET_OK && ln_session_stream(out->session) != spec->stream)
        st = ln_fail(err, LINNET_ERR_UNSUPPORTED,
                     "the device does not run this as it runs the rest");
    if (st != LINNET_OK) ln_trial_destroy(out);
    return st;
}

linnet_status ln_trial_check(ln_trial *t, const ln_unit *u, ln_diff_layer *layer,
                             linnet_error *err) {
    const ln_step *step = ln_session_plan(t->session)->step;
    for (int i = 0; i < u->graph->n_input; i++)
        LN_TRY(ln_session_write(t->session, u->graph->input[i], u->ref->value[u->graph->input[i]],
                                err));
    LN_TRY(ln_session_replay(t->session, t->steps, err));
    return ln_diff_check(t->session, u->ref, &step[t->steps - 1], layer, err);
}

linnet_status ln_trial_time(ln_trial *t, linnet_error *err) {
    double start = ln_now();
    LN_TRY(ln_session_replay(t->session, t->steps * t->times, err));
    if (t->n_sample < LN_TUNE_ROUNDS)
        t->sample[t->n_sample++] = (ln_now() - start) / (double)t->times;
    return LINNET_OK;
}

double ln_trial_least(const ln_trial *t) {
    double least = t->n_sample ? t->sample[0] : 0;
    for (int i = 1; i < t->n_sample; i++) least = LN_MIN(least, t->sample[i]);
    return least;
}

static int by_value(const void *a, const void *b) {
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

double ln_trial_median(const ln_trial *t) {
    double sorted[LN_TUNE_ROUNDS];
    if (!t->n_sample) return 0;
    memcpy(sorted, t->sample, (size_t)t->n_sample * sizeof *sorted);
    qsort(sorted, (size_t)t->n_sample, sizeof *sorted, by_value);
    return 0.5 * (sorted[(t->n_sample - 1) / 2] + sorted[t->n_sample / 2]);
}

void ln_trial_destroy(ln_trial *t) {
    ln_session_destroy(&t->session);
}
