/* linnet_tune: the engine's tuner on a model, and its report in one block of memory. */
#include "api/api.h"

#include <stdlib.h>
#include <string.h>

const char *linnet_verdict_text(linnet_verdict v) {
    _Static_assert((int)LINNET_VERDICT_UNTRIED == LN_VERDICT_UNTRIED, "the same verdicts");
    return (unsigned)v < LN_VERDICT_COUNT ? ln_verdict_names[v] : "unknown";
}

typedef struct source {
    const linnet_model *model;
    const linnet_session_params *session;
    const linnet_tune_params *tune;
} source;

static linnet_status new_graph(void *user, ln_graph **out, linnet_error *err) {
    const source *s = user;
    return ln_api_graph(s->model, s->session, false, out, err);
}

static void progress(void *user, const char *contest, const char *candidate) {
    const source *s = user;
    if (s->tune->progress) s->tune->progress(s->tune->user, contest, candidate);
}

/* A copy of s at *at, which moves behind it. */
static const char *keep(char **at, const char *s) {
    char *copy = strcpy(*at, s);
    *at += strlen(s) + 1;
    return copy;
}

/* Contests, candidates, then their names. */
static linnet_status copy_report(const ln_tune_report *r, linnet_tune_report *out,
                                 linnet_error *err) {
    size_t contests = (size_t)r->n_contest * sizeof *out->contest;
    size_t candidates = (size_t)r->n_candidate * sizeof(linnet_tune_candidate), text = 0;
    for (int i = 0; i < r->n_contest; i++)
        text += strlen(r->contest[i].name) + strlen(r->contest[i].op) + 2;
    for (int i = 0; i < r->n_candidate; i++) text += strlen(r->candidate[i].name) + 1;
    linnet_tune_contest *list = calloc(1, contests + candidates + text + 1);
    if (!list) return ln_fail_oom(err, "the report", contests + candidates + text);
    linnet_tune_candidate *cand = (linnet_tune_candidate *)(list + r->n_contest);
    char *at = (char *)(cand + r->n_candidate);
    for (int i = 0; i < r->n_candidate; i++) {
        const ln_tune_candidate *c = &r->candidate[i];
        cand[i] = (linnet_tune_candidate){.name = keep(&at, c->name),
                                          .verdict = (linnet_verdict)c->verdict,
                                          .least_us = c->least_us,
                                          .median_us = c->median_us,
                                          .error = c->error};
    }
    for (int i = 0; i < r->n_contest; i++) {
        const ln_tune_contest *c = &r->contest[i];
        list[i] = (linnet_tune_contest){.name = keep(&at, c->name),
                                        .op = keep(&at, c->op),
                                        .uses = c->uses,
                                        .bound_us = c->bound_us,
                                        .bytes = c->bytes,
                                        .saved = c->saved,
                                        .candidate = cand + c->first,
                                        .candidates = (size_t)c->count,
                                        .chosen = (size_t)c->chosen};
    }
    *out = (linnet_tune_report){.contest = list,
                                .contests = (size_t)r->n_contest,
                                .default_ms = r->default_ms,
                                .tuned_ms = r->tuned_ms,
                                .kept = r->kept,
                                .complete = r->complete,
                                .busy = r->busy,
                                .seconds = r->seconds,
                                .stream = (linnet_stream)r->stream};
    return LINNET_OK;
}

linnet_status linnet_tune(linnet_model *m, linnet_device *d, const linnet_session_params *p,
                          const linnet_tune_params *t, linnet_tune_report *out, linnet_error *err) {
    static const linnet_session_params session = LINNET_SESSION_PARAMS_INIT;
    static const linnet_tune_params tune = LINNET_TUNE_PARAMS_INIT;
    source s = {m, p ? p : &session, t ? t : &tune};
    ln_tune_report r;
    memset(out, 0, sizeof *out);
    if (!d->dev)
        return ln_fail(err, LINNET_ERR_UNSUPPORTED,
                       "the C reference has nothing to tune; choose an OpenCL device");
    const ln_tune_params inner = {.full = s.tune->full != 0,
                                  .seconds = s.tune->seconds,
                                  .graph = new_graph,
                                  .progress = progress,
                                  .user = &s};
    LN_TRY(ln_tune_run(d->dev, &inner, &r, err));
    linnet_status st = copy_report(&r, out, err);
    ln_tune_free(&r);
    return st;
}
