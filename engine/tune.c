/* The tuner: which contests there are, and the record of their winners. */
#include "engine/tune_parts.h"

#include "engine/peak.h"
#include "engine/resident.h"

#include <stdlib.h>
#include <string.h>

enum { FAST_ROUNDS = 7, FULL_ROUNDS = LN_TUNE_ROUNDS, MOST_CANDIDATES = 64, MOST_REPEATS = 64 };
#define SLICE_SECONDS  0.25
#define FAST_SECONDS   18.0
#define LAUNCH_SECONDS 1e-3 /* of one timed launch */
/* Bytes for each multiply-add that a device can do, at least: a processor's caches, a GPU's memory.
 */
#define BYTES_A_FLOP 0.2

/* ---- candidates ---- */

/* What a general kernel loses against one for the device's vectors. */
static double share(const ln_tuner *t, const ln_variant *v) {
    const ln_caps *caps = ln_device_caps(t->device);
    if (v->tier != LN_TIER_ANY) return 1;
    return ln_caps_deep(caps) ? 1.0 / ln_vector_width(caps) : 0.125;
}

/* The default first, then the others; pruned ones are marked. */
static int list_candidates(const ln_tuner *t, const ln_site *s, const ln_variant **list,
                           bool *pruned) {
    int n = 0;
    const ln_variant *first = ln_variant_choose(s);
    if (!first) return 0;
    pruned[n] = false;
    list[n++] = first;
    for (int i = ln_variant_count - 1; i >= 0 && n < MOST_CANDIDATES; i--) {
        const ln_variant *v = &ln_variants[i];
        if (v == first || !ln_variant_can_run(v, s)) continue;
        /* a roofline lower than a quarter of the default's cannot win */
        pruned[n] = !t->params->full && 4 * share(t, v) < share(t, first);
        list[n++] = v;
    }
    return n;
}

static void gather(const ln_tuner *t, const ln_graph *g, bool *used) {
    const ln_variant *list[MOST_CANDIDATES];
    bool pruned[MOST_CANDIDATES];
    for (int i = 0; i < g->n_node; i++) {
        const ln_site site = {g, &g->node[i], ln_device_caps(t->device)};
        int n = list_candidates(t, &site, list, pruned);
        for (int k = 0; k < n; k++)
            if (!pruned[k]) used[list[k] - ln_variants] = true;
    }
}

static bool constant(void *user, const ln_graph *g, int node) {
    (void)g;
    (void)node;
    return *(const bool *)user;
}

/* The variants of every candidate, gates whole and apart: one program serves all trials. */
static linnet_status list_variants(ln_tuner *t, linnet_error *err) {
    bool *used = calloc((size_t)ln_variant_count, sizeof *used);
    t->also = calloc((size_t)ln_variant_count, sizeof *t->also);
    if (!used || !t->also) {
        free(used);
        return ln_fail_oom(err, "candidates", (size_t)ln_variant_count * sizeof *t->also);
    }
    linnet_status st = LINNET_OK;
    for (int apart = 0; apart < 2 && st == LINNET_OK; apart++) {
        bool all = apart;
        const ln_plan_params params = {.split = constant, .user = &all};
        ln_graph *g = NULL;
        ln_plan *p = NULL;
        st = t->params->graph(t->params->user, &g, err);
        if (st == LINNET_OK) st = ln_plan_create(g, ln_device_caps(t->device), &params, &p, err);
        if (st == LINNET_OK) gather(t, g, used);
        if (st == LINNET_OK && !apart)
            t->stream = ln_resident_possible(p) ? LN_STREAM_RESIDENT : LN_STREAM_LAUNCHES;
        ln_plan_destroy(&p);
        ln_graph_destroy(&g);
    }
    for (int i = 0; i < ln_variant_count; i++)
        if (used[i]) t->also[t->n_also++] = i;
    free(used);
    return st;
}

/* ---- specs ---- */

ln_trial_spec ln_tune_spec(const ln_tuner *t, const ln_unit *u, const ln_variant *const *choice,
                           int64_t macs, int64_t bytes) {
    double guess = 2.5 * ln_roofline(t, macs, bytes) + 3e-6;
    int most = t->stream == LN_STREAM_RESIDENT ? MOST_REPEATS : MOST_REPEATS / 4;
    return (ln_trial_spec){.unit = u,
                           .choice = choice,
                           .first = 0,
                           .last = u->graph->n_node - 1,
                           .chain = -1,
                           .stream = t->stream,
                           .also = t->also,
                           .n_also = t->n_also,
                           .times = LN_MAX(LN_MIN((int)(LAUNCH_SECONDS / guess), most), 2)};
}

void ln_tune_describe(const ln_graph *g, int node, char *buf, size_t size) {
    char shape[96];
    const ln_node *n = &g->node[node];
    snprintf(buf, size, "%s %s", ln_op_infos[n->op].name,
             ln_shape_text(&g->tensor[n->out[0]].shape, shape));
}

int64_t ln_tune_bytes(const ln_graph *g, int first, int last) {
    int64_t sum = 0, count;
    for (int i = first; i <= last; i++) {
        const ln_node *n = &g->node[i];
        for (int k = 0; k < n->n_in; k++)
            if (n->in[k] != LN_NONE && ln_shape_count(&g->tensor[n->in[k]].shape, &count))
                sum += count * (int64_t)sizeof(float);
        if (ln_shape_count(&g->tensor[n->out[0]].shape, &count))
            sum += count * (int64_t)sizeof(float);
    }
    return sum;
}

int64_t ln_tune_macs(const ln_graph *g, int first, int last) {
    int64_t sum = 0;
    for (int i = first; i <= last; i++) sum += ln_node_macs(g, &g->node[i]);
    return sum;
}

/* ---- contests held already: the same unit again takes its result ---- */

int ln_find_known(const ln_known *k, uint64_t key) {
    for (int i = 0; i < k->n; i++)
        if (k->row[i].key == key) return k->row[i].contest;
    return -1;
}

linnet_status ln_note_known(ln_known *k, uint64_t key, int contest, linnet_error *err) {
    if (k->n == k->cap) {
        int cap = k->cap ? 2 * k->cap : 64;
        struct ln_known_row *row = realloc(k->row, (size_t)cap * sizeof *row);
        if (!row) return ln_fail_oom(err, "contests", (size_t)cap * sizeof *row);
        k->row = row;
        k->cap = cap;
    }
    k->row[k->n++] = (struct ln_known_row){key, contest};
    return LINNET_OK;
}

/* ---- gates: one step or several ---- */

static linnet_status hold_gate(ln_tuner *t, const ln_graph *g, int node, ln_unit *whole,
                               uint64_t key, ln_known *k, linnet_error *err) {
    const ln_caps *caps = ln_device_caps(t->device);
    ln_unit parts = {0};
    const ln_unit *in[2];
    char op[64];
    ln_tune_describe(g, node, op, sizeof op);
    int c = ln_contest_add(t, g->node[node].name, op, 2, err);
    if (c < 0) return err->status;
    LN_TRY(ln_unit_create(g, node, node, caps, true, &parts, err));
    const ln_site site = {g, &g->node[node], caps};
    bool default_apart = ln_plan_splits(&site, NULL);
    in[0] = default_apart ? &parts : whole;
    in[1] = default_apart ? whole : &parts;
    int64_t macs = ln_tune_macs(g, node, node), bytes = ln_tune_bytes(g, node, node);
    ln_trial_spec spec[2];
    for (int i = 0; i < 2; i++) {
        spec[i] = ln_tune_spec(t, in[i], NULL, macs, bytes);
        snprintf(ln_contest_candidate(t, c, i)->name, sizeof t->out->candidate->name, "%s",
                 in[i] == whole ? "whole" : "apart");
    }
    t->out->contest[c].bound_us = 1e6 * ln_roofline(t, macs, bytes);
    ln_unit *units[2] = {default_apart ? &parts : whole, default_apart ? whole : &parts};
    linnet_status st = ln_contest_run(t, c, key, units, spec, err);
    ln_unit_destroy(&parts);
    return st == LINNET_OK ? ln_note_known(k, key, c, err) : st;
}

static linnet_status decide_gate(ln_tuner *t, ln_network *n, const ln_graph *g, int node,
                                 ln_known *k, linnet_error *err) {
    ln_unit whole = {0};
    const ln_site site = {g, &g->node[node], ln_device_caps(t->device)};
    bool apart = true;
    if (ln_variant_choose(&site)) {
        LN_TRY(ln_unit_create(g, node, node, site.caps, false, &whole, err));
        uint64_t key = ln_graph_key(whole.graph, LN_HASH_INIT);
        int c = ln_find_known(k, key);
        linnet_status st = LINNET_OK;
        if (c >= 0)
            t->out->contest[c].uses++;
        else
            st = hold_gate(t, g, node, &whole, key, k, err);
        ln_unit_destroy(&whole);
        LN_TRY(st);
        c = ln_find_known(k, key);
        apart = !strcmp(ln_contest_candidate(t, c, t->out->contest[c].chosen)->name, "apart");
    }
    if (apart) n->apart[n->n_apart++] = g->node[node].name;
    return LINNET_OK;
}

static linnet_status decide_gates(ln_tuner *t, ln_network *n, linnet_error *err) {
    ln_known k = {0};
    linnet_status st = LINNET_OK;
    n->apart = calloc((size_t)n->graph->n_node + 1, sizeof *n->apart);
    if (!n->apart) return ln_fail_oom(err, "gates", (size_t)n->graph->n_node * sizeof *n->apart);
    for (int i = 0; i < n->graph->n_node && st == LINNET_OK; i++)
        if (n->graph->node[i].op == LN_OP_SE) st = decide_gate(t, n, n->graph, i, &k, err);
    free(k.row);
    return st;
}

/* ---- nodes: which variant ---- */

static linnet_status hold_node(ln_tuner *t, const ln_network *n, int node, ln_unit *u, uint64_t key,
                               ln_known *k, linnet_error *err) {
    const ln_graph *g = n->graph;
    const ln_site site = {g, &g->node[node], ln_device_caps(t->device)};
    const ln_variant *list[MOST_CANDIDATES];
    ln_trial_spec spec[MOST_CANDIDATES];
    ln_unit *units[MOST_CANDIDATES];
    bool pruned[MOST_CANDIDATES];
    char op[64];
    int count = list_candidates(t, &site, list, pruned);
    ln_tune_describe(g, node, op, sizeof op);
    int c = ln_contest_add(t, g->node[node].name, op, count, err);
    if (c < 0) return err->status;
    int64_t macs = ln_tune_macs(g, node, node), bytes = ln_tune_bytes(g, node, node);
    int alive = 0;
    for (int i = 0; i < count; i++) {
        ln_tune_candidate *cand = ln_contest_candidate(t, c, i);
        snprintf(cand->name, sizeof cand->name, "%s", list[i]->name);
        if (pruned[i]) cand->verdict = LN_VERDICT_PRUNED;
        alive += !pruned[i];
        units[i] = u;
        spec[i] = ln_tune_spec(t, u, NULL, macs, bytes);
    }
    t->out->contest[c].bound_us = 1e6 * ln_roofline(t, macs, bytes);
    t->out->contest[c].bytes = bytes;
    if (alive < 2) {
        ln_contest_candidate(t, c, 0)->verdict = LN_VERDICT_CHOSEN;
        return ln_note_known(k, key, c, err);
    }
    const ln_variant **by_node = calloc((size_t)count * (size_t)u->graph->n_node, sizeof *by_node);
    if (!by_node) return ln_fail_oom(err, "a contest", (size_t)count * sizeof *by_node);
    for (int i = 0; i < count; i++) {
        by_node[i * u->graph->n_node] = list[i];
        spec[i].choice = by_node + i * u->graph->n_node;
    }
    linnet_status st = ln_contest_run(t, c, key, units, spec, err);
    free((void *)by_node);
    return st == LINNET_OK ? ln_note_known(k, key, c, err) : st;
}

static const ln_variant *named(const char *name) {
    for (int i = 0; i < ln_variant_count; i++)
        if (!strcmp(ln_variants[i].name, name)) return &ln_variants[i];
    return NULL;
}

static void take_winners(const ln_tuner *t, int contest, ln_tune_decision *d) {
    const ln_tune_contest *c = &t->out->contest[contest];
    double least = 0;
    d->best = named(ln_contest_candidate(t, contest, c->chosen)->name);
    d->banded = d->best->family->bands ? d->best : NULL;
    for (int i = 0; i < c->count && !d->banded; i++) { /* the default comes first */
        const ln_tune_candidate *x = ln_contest_candidate(t, contest, i);
        const ln_variant *v = named(x->name);
        bool good = x->verdict == LN_VERDICT_SLOWER || x->verdict == LN_VERDICT_CHOSEN;
        if (!v || !v->family->bands || !good || (least > 0 && x->least_us >= least)) continue;
        least = x->least_us;
        d->banded = v;
    }
    if (!d->banded) d->banded = d->best;
}

static linnet_status decide_node(ln_tuner *t, ln_network *n, int node, ln_known *k,
                                 linnet_error *err) {
    ln_unit u = {0};
    LN_TRY(ln_unit_create(n->graph, node, node, ln_device_caps(t->device), false, &u, err));
    uint64_t key = ln_graph_key(u.graph, LN_HASH_INIT);
    int c = ln_find_known(k, key);
    linnet_status st = LINNET_OK;
    if (c >= 0)
        t->out->contest[c].uses++;
    else
        st = hold_node(t, n, node, &u, key, k, err);
    if (st == LINNET_OK) take_winners(t, ln_find_known(k, key), &n->node[node]);
    ln_unit_destroy(&u);
    return st;
}

/* ---- the whole ---- */

static bool apart_by_list(void *user, const ln_graph *g, int node) {
    const ln_network *n = user;
    for (int i = 0; i < n->n_apart; i++)
        if (!strcmp(n->apart[i], g->node[node].name)) return true;
    return false;
}

/* Nothing is known of what integers may be: their nodes keep the default. */
static bool all_floats(const ln_graph *g, const ln_node *n) {
    for (int k = 0; k < n->n_in; k++)
        if (n->in[k] != LN_NONE && !ln_dtype_is_real(g->tensor[n->in[k]].dtype)) return false;
    for (int k = 0; k < n->n_out; k++)
        if (!ln_dtype_is_real(g->tensor[n->out[k]].dtype)) return false;
    return true;
}

/* Ends a stage of contests when it has had its share of the time that is left, so that a slow
 * machine comes to the others too. */
static void share_time(ln_tuner *t, double end, double part) {
    double now = ln_now();
    if (end > 0) t->deadline = LN_MAX(now + part * (end - now), 1e-9);
}

/* A node that only renames memory has no variant. */
static linnet_status decide_nodes(ln_tuner *t, ln_network *n, linnet_error *err) {
    ln_known k = {0};
    linnet_status st = LINNET_OK;
    n->node = calloc((size_t)n->graph->n_node + 1, sizeof *n->node);
    if (!n->node) return ln_fail_oom(err, "nodes", (size_t)n->graph->n_node * sizeof *n->node);
    double end = t->deadline;
    share_time(t, end, 0.5);
    for (int i = 0; i < n->graph->n_node && st == LINNET_OK; i++)
        if (n->plan->choice[i].variant && all_floats(n->graph, &n->graph->node[i]))
            st = decide_node(t, n, i, &k, err);
    t->deadline = end;
    for (int i = 0; i < n->n_pair && st == LINNET_OK; i++)
        st = ln_network_decide_chain(t, n, &n->pair[i], &k, err);
    free(k.row);
    return st;
}

static linnet_status make_record(const ln_network *n, ln_record **out, linnet_error *err) {
    ln_record *r = calloc(1, sizeof *r);
    size_t nodes = (size_t)n->graph->n_node;
    *out = r;
    if (!r) return ln_fail_oom(err, "a record", sizeof *r);
    r->n_node = (int)nodes;
    r->variant = ln_pool_alloc(&r->pool, nodes, sizeof *r->variant);
    r->chain_end = ln_pool_alloc(&r->pool, nodes, sizeof *r->chain_end);
    r->apart = ln_pool_alloc(&r->pool, (size_t)n->n_apart + 1, sizeof *r->apart);
    if (!r->variant || !r->chain_end || !r->apart)
        return ln_fail_oom(err, "a record", nodes * sizeof *r->variant);
    for (int i = 0; i < n->n_apart; i++)
        if (!(r->apart[r->n_apart++] = ln_pool_strdup(&r->pool, n->apart[i])))
            return ln_fail_oom(err, "a record", strlen(n->apart[i]));
    for (int i = 0; i < r->n_node; i++) {
        r->chain_end[i] = i;
        r->variant[i] = n->node[i].best;
    }
    return ln_network_pick_chains(n, r, err);
}

static linnet_status tune_network(ln_tuner *t, ln_network *n, linnet_error *err) {
    const ln_plan_params params = {
        .chain = ln_network_note_pair, .split = apart_by_list, .user = n};
    ln_record *r = NULL;
    LN_TRY(t->params->graph(t->params->user, &n->graph, err));
    uint64_t key = ln_record_key(t->device, n->graph);
    LN_TRY(list_variants(t, err));
    double end = t->deadline;
    share_time(t, end, 0.3);
    LN_TRY(decide_gates(t, n, err));
    t->deadline = end;
    LN_TRY(ln_plan_create(n->graph, ln_device_caps(t->device), &params, &n->plan, err));
    if (n->failed) return ln_fail_oom(err, "chains", (size_t)n->n_pair * sizeof *n->pair);
    LN_TRY(decide_nodes(t, n, err));
    linnet_status st = make_record(n, &r, err);
    if (st == LINNET_OK) st = ln_tune_whole(t, &r, err);
    if (st == LINNET_OK) st = ln_record_store(t->device, key, n->graph, r, err);
    ln_record_destroy(&r);
    return st;
}

static void free_network(ln_network *n) {
    ln_plan_destroy(&n->plan);
    ln_graph_destroy(&n->graph);
    free(n->node);
    free(n->pair);
    free((void *)n->apart);
}

linnet_status ln_tune_run(ln_device *d, const ln_tune_params *params, ln_tune_report *out,
                          linnet_error *err) {
    linnet_error local;
    ln_network n = {0};
    double gflops = 0;
    if (!err) err = &local;
    *out = (ln_tune_report){.complete = true};
    ln_tuner t = {.device = d,
                  .params = params,
                  .out = out,
                  .start = ln_now(),
                  .rounds = params->full ? FULL_ROUNDS : FAST_ROUNDS};
    t.slice = params->full ? 8 * SLICE_SECONDS : SLICE_SECONDS;
    if (!params->full)
        t.deadline = t.start + (params->seconds > 0 ? params->seconds : FAST_SECONDS);
    LN_TRY(ln_journal_open(ln_device_key(d), &t.journal, err));
    linnet_status st = ln_peak_gflops(d, &gflops, err);
    t.flops = 1e9 * LN_MAX(gflops, 1e-3);
    t.bytes = BYTES_A_FLOP * t.flops;
    if (st == LINNET_OK) st = tune_network(&t, &n, err);
    free_network(&n);
    free(t.also);
    ln_journal_close(&t.journal);
    out->seconds = ln_now() - t.start;
    if (st != LINNET_OK) ln_tune_free(out);
    return st;
}
