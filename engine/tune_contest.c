/* One contest: candidates in turn, round after round, so that a noisy neighbour disturbs all of
 * them alike. */
#include "engine/tune_parts.h"

#include <stdlib.h>
#include <string.h>

const char *const ln_verdict_names[LN_VERDICT_COUNT] = {"chosen",  "slower", "wrong",  "failed",
                                                        "stopped", "pruned", "untried"};

enum {
    MARGIN_PERCENT = 2,
    STEADY_PERCENT = 25,
    BUSY_MARGIN_PERCENT = 5,
    NEAR_PERCENT = 3,
    FAR_BEHIND = 2,
    LEAST_ROUNDS = 3,
    FAR_FROM_BOUND = 20,
    BARRIERS_US = 300
};

double ln_roofline(const ln_tuner *t, int64_t macs, int64_t bytes) {
    return LN_MAX(2.0 * (double)macs / t->flops, (double)bytes / t->bytes);
}

bool ln_tune_late(ln_tuner *t) {
    if (t->deadline == 0 || ln_now() < t->deadline) return false;
    t->out->complete = false;
    return true;
}

/* ---- the report ---- */

static bool grow(void **list, int *cap, int want, size_t size) {
    if (want <= *cap) return true;
    int cap_new = LN_MAX(want, 2 * *cap);
    void *p = realloc(*list, (size_t)cap_new * size);
    if (!p) return false;
    *list = p;
    *cap = cap_new;
    return true;
}

int ln_contest_add(ln_tuner *t, const char *name, const char *op, int n, linnet_error *err) {
    ln_tune_report *r = t->out;
    if (!grow((void **)&r->contest, &r->cap_contest, r->n_contest + 1, sizeof *r->contest) ||
        !grow((void **)&r->candidate, &r->cap_candidate, r->n_candidate + n,
              sizeof *r->candidate)) {
        ln_fail_oom(err, "the tuner's report", (size_t)n * sizeof *r->candidate);
        return -1;
    }
    ln_tune_contest *c = &r->contest[r->n_contest];
    *c = (ln_tune_contest){.uses = 1, .first = r->n_candidate, .count = n};
    snprintf(c->name, sizeof c->name, "%s", name);
    snprintf(c->op, sizeof c->op, "%s", op);
    for (int i = 0; i < n; i++)
        r->candidate[r->n_candidate++] = (ln_tune_candidate){.verdict = LN_VERDICT_UNTRIED};
    return r->n_contest++;
}

void ln_tune_free(ln_tune_report *r) {
    free(r->contest);
    free(r->candidate);
    *r = (ln_tune_report){0};
}

/* ---- choosing ---- */

void ln_contest_choose(ln_tuner *t, int contest, double margin) {
    ln_tune_contest *c = &t->out->contest[contest];
    const ln_tune_candidate *list = ln_contest_candidate(t, contest, 0);
    int best = -1;
    for (int i = 0; i < c->count; i++) {
        if (list[i].verdict != LN_VERDICT_SLOWER) continue;
        const ln_tune_candidate *b = best < 0 ? NULL : &list[best];
        bool better = !b;
        if (b && best == 0)
            better = list[i].least_us < (1 - margin) * b->least_us &&
                     list[i].median_us < (1 - margin) * b->median_us;
        else if (b)
            better = list[i].least_us < b->least_us;
        if (better) best = i;
    }
    c->chosen = LN_MAX(best, 0);
    if (best >= 0) ln_contest_candidate(t, contest, best)->verdict = LN_VERDICT_CHOSEN;
}

void ln_contest_choose_way(ln_tuner *t, int contest, const ln_stream *stream) {
    const ln_tune_candidate *usual = ln_contest_candidate(t, contest, 0);
    t->out->busy = usual->median_us > 0.01 * (100 + STEADY_PERCENT) * usual->least_us;
    for (int i = 1; i < t->out->contest[contest].count && t->out->busy; i++) {
        ln_tune_candidate *c = ln_contest_candidate(t, contest, i);
        if (c->verdict == LN_VERDICT_SLOWER && stream[i] != stream[0])
            c->verdict = LN_VERDICT_UNTRIED;
    }
    ln_contest_choose(t, contest, 0.01 * (t->out->busy ? BUSY_MARGIN_PERCENT : 1));
}

/* ---- trying ---- */

static bool fatal(linnet_status st) {
    return st == LINNET_ERR_DEVICE_LOST || st == LINNET_ERR_NO_DEVICE;
}

/* Builds one, holds it against the reference and runs it once more to warm up. */
static linnet_status enter(ln_tuner *t, ln_tune_candidate *c, const ln_unit *unit,
                           const ln_trial_spec *spec, ln_trial *trial, linnet_error *err) {
    ln_diff_layer layer = {0};
    LN_TRY(ln_trial_create(t->device, spec, trial, err));
    LN_TRY(ln_trial_check(trial, unit, &layer, err));
    c->error = layer.rel;
    c->verdict = layer.pass ? LN_VERDICT_SLOWER : LN_VERDICT_WRONG;
    if (!layer.pass) {
        ln_log(LN_LOG_WARN, "tune: %s gives a wrong result on %s: off by %.2g deviations", c->name,
               ln_device_caps(t->device)->name, layer.rel);
        return LINNET_OK;
    }
    LN_TRY(ln_trial_time(trial, err));
    trial->n_sample = 0;
    return LINNET_OK;
}

static linnet_status try_one(ln_tuner *t, int contest, int i, uint64_t key, const ln_unit *unit,
                             const ln_trial_spec *spec, ln_trial *trial, linnet_error *err) {
    ln_tune_candidate *c = ln_contest_candidate(t, contest, i);
    linnet_error why;
    if (ln_journal_stopped(t->journal, key, c->name)) {
        c->verdict = LN_VERDICT_STOPPED;
        ln_log(LN_LOG_WARN, "tune: %s stopped the process that tried it last; skipped", c->name);
        return LINNET_OK;
    }
    ln_journal_begin(t->journal, key, c->name);
    if (t->params->progress)
        t->params->progress(t->params->user, t->out->contest[contest].name, c->name);
    linnet_status st = enter(t, c, unit, spec, trial, &why);
    if (st != LINNET_OK) c->verdict = LN_VERDICT_FAILED;
    if (c->verdict != LN_VERDICT_SLOWER) ln_trial_destroy(trial);
    ln_journal_end(t->journal, key, c->name, ln_verdict_names[c->verdict]);
    if (st == LINNET_OK) return st;
    if (fatal(st)) {
        if (err) *err = why;
        return st;
    }
    ln_log(LN_LOG_INFO, "tune: %s: %s", c->name, why.message);
    return LINNET_OK;
}

/* One round over those that are left; after it, who is far behind is. */
static linnet_status round_of(ln_tuner *t, int contest, int round, ln_trial *trial,
                              linnet_error *err) {
    int n = t->out->contest[contest].count;
    double least = 0;
    for (int k = 0; k < n; k++) {
        int i = (round + k) % n;
        if (!trial[i].session) continue;
        linnet_error why;
        linnet_status st = ln_trial_time(&trial[i], &why);
        if (fatal(st)) {
            if (err) *err = why;
            return st;
        }
        if (st != LINNET_OK) {
            ln_contest_candidate(t, contest, i)->verdict = LN_VERDICT_FAILED;
            ln_trial_destroy(&trial[i]);
            continue;
        }
        double s = ln_trial_least(&trial[i]);
        least = least == 0 ? s : LN_MIN(least, s);
    }
    for (int i = 0; i < n && round > 0; i++)
        if (trial[i].session && ln_trial_least(&trial[i]) > FAR_BEHIND * least)
            ln_trial_destroy(&trial[i]);
    return LINNET_OK;
}

/* On a quiet machine the fastest times of each repeat; on a busy one it takes more rounds. */
static bool settled(const ln_trial *trial, int n) {
    for (int i = 0; i < n; i++) {
        double least = ln_trial_least(&trial[i]);
        int near = 0;
        for (int k = 0; k < trial[i].n_sample; k++)
            near += trial[i].sample[k] <= least * (1 + NEAR_PERCENT * 0.01);
        if (trial[i].session && near < 3) return false;
    }
    return true;
}

static int64_t traffic(const ln_trial *t) {
    int64_t sum = 0;
    for (int i = 0; i < t->steps; i++) sum += ln_session_plan(t->session)->step[i].bytes;
    return sum;
}

static bool disturbed(const ln_tuner *t, int contest) {
    const ln_tune_contest *c = &t->out->contest[contest];
    double least = 0;
    for (int i = 0; i < c->count; i++) {
        const ln_tune_candidate *x = ln_contest_candidate(t, contest, i);
        if (x->least_us > 0) least = least == 0 ? x->least_us : LN_MIN(least, x->least_us);
    }
    return c->bound_us > 0 && least > FAR_FROM_BOUND * c->bound_us + BARRIERS_US;
}

linnet_status ln_contest_run(ln_tuner *t, int contest, uint64_t key, ln_unit *const *unit,
                             const ln_trial_spec *spec, linnet_error *err) {
    int n = t->out->contest[contest].count, left = 0;
    ln_trial *trial = calloc((size_t)n, sizeof *trial);
    int64_t *bytes = calloc((size_t)n, sizeof *bytes);
    linnet_status st = LINNET_OK;
    if (!trial || !bytes) st = ln_fail_oom(err, "a contest", (size_t)n * sizeof *trial);
    for (int i = 0; i < n && st == LINNET_OK && !ln_tune_late(t); i++) {
        if (ln_contest_candidate(t, contest, i)->verdict == LN_VERDICT_PRUNED) continue;
        st = ln_unit_reference(unit[i], err);
        if (st == LINNET_OK) st = try_one(t, contest, i, key, unit[i], &spec[i], &trial[i], err);
        if (st == LINNET_OK && trial[i].session) {
            bytes[i] = traffic(&trial[i]);
            left++;
        }
    }
    double start = ln_now();
    for (int r = 0; r < LN_TUNE_ROUNDS && left > 1 && st == LINNET_OK; r++) {
        if (r >= t->rounds && settled(trial, n)) break;
        if (r >= LEAST_ROUNDS && ln_now() - start > t->slice) break;
        st = round_of(t, contest, r, trial, err);
    }
    for (int i = 0; trial && i < n; i++) {
        ln_tune_candidate *c = ln_contest_candidate(t, contest, i);
        c->least_us = 1e6 * ln_trial_least(&trial[i]);
        c->median_us = 1e6 * ln_trial_median(&trial[i]);
        ln_trial_destroy(&trial[i]);
    }
    if (st == LINNET_OK) {
        ln_tune_contest *c = &t->out->contest[contest];
        /* times that far from what the device can do are other processes': nothing is learnt */
        ln_contest_choose(t, contest, disturbed(t, contest) ? 1 : 0.01 * MARGIN_PERCENT);
        for (int i = 0; i < n; i++) c->bytes = LN_MAX(c->bytes, bytes[i]);
        c->saved = bytes[c->chosen] ? c->bytes - bytes[c->chosen] : 0;
    }
    free(trial);
    free(bytes);
    return st;
}
