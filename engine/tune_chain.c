/* Contests of chains against their nodes apart, and which chains together save most. */
#include "engine/tune_parts.h"

#include <stdlib.h>
#include <string.h>

bool ln_network_note_pair(void *user, const ln_plan *p, int first, int last) {
    ln_network *n = user;
    (void)p;
    if (n->n_pair == n->cap_pair) {
        int cap = n->cap_pair ? 2 * n->cap_pair : 64;
        struct ln_pair *pair = realloc(n->pair, (size_t)cap * sizeof *pair);
        if (!pair) {
            n->failed = true;
            return false;
        }
        n->pair = pair;
        n->cap_pair = cap;
    }
    n->pair[n->n_pair++] = (struct ln_pair){first, last, 0};
    return false;
}

static linnet_status hold_chain(ln_tuner *t, const ln_network *n, const struct ln_pair *p,
                                ln_unit *u, uint64_t key, ln_known *k, linnet_error *err) {
    const ln_graph *g = n->graph;
    int nodes = p->last - p->first + 1, total = u->graph->n_node;
    char name[128], op[64];
    snprintf(name, sizeof name, "%.60s .. %.60s", g->node[p->first].name, g->node[p->last].name);
    ln_tune_describe(g, p->last, op, sizeof op);
    int c = ln_contest_add(t, name, op, 2, err);
    if (c < 0) return err->status;
    const ln_variant **choice = calloc(2 * (size_t)total, sizeof *choice);
    if (!choice) return ln_fail_oom(err, "a contest", 2 * (size_t)total * sizeof *choice);
    bool first_is_chain = ln_chain_default(NULL, n->plan, p->first, p->last);
    int64_t macs = ln_tune_macs(g, p->first, p->last), bytes = ln_tune_bytes(g, p->first, p->last);
    ln_trial_spec spec[2];
    ln_unit *units[2] = {u, u};
    for (int i = 0; i < 2; i++) {
        bool chain = (i == 0) == first_is_chain;
        for (int m = 0; m < nodes; m++)
            choice[i * total + m] =
                chain ? n->node[p->first + m].banded : n->node[p->first + m].best;
        spec[i] = ln_tune_spec(t, u, choice + i * total, macs, bytes);
        spec[i].chain = chain ? 0 : -1;
        snprintf(ln_contest_candidate(t, c, i)->name, sizeof t->out->candidate->name, "%s",
                 chain ? "chain" : "apart");
    }
    t->out->contest[c].bound_us = 1e6 * ln_roofline(t, macs, 0);
    linnet_status st = ln_contest_run(t, c, key, units, spec, err);
    free((void *)choice);
    return st == LINNET_OK ? ln_note_known(k, key, c, err) : st;
}

/* What chaining saves, leaning to the default as contests do. */
static double saved_by(const ln_tuner *t, int contest) {
    const ln_tune_contest *c = &t->out->contest[contest];
    const ln_tune_candidate *a = ln_contest_candidate(t, contest, 0),
                            *b = ln_contest_candidate(t, contest, 1);
    bool first_is_chain = !strcmp(a->name, "chain"), chain = (c->chosen == 0) == first_is_chain;
    double both = a->least_us > 0 && b->least_us > 0 ? a->least_us - b->least_us : 0;
    double gain = first_is_chain ? -both : both;
    /* an untimed one counts for little, but for its side */
    return chain ? LN_MAX(gain, 1e-3) : LN_MIN(gain, -1e-3);
}

linnet_status ln_network_decide_chain(ln_tuner *t, ln_network *n, struct ln_pair *p, ln_known *k,
                                      linnet_error *err) {
    ln_unit u = {0};
    for (int i = p->first; i <= p->last; i++)
        if (!n->node[i].banded || !n->node[i].banded->family->bands) {
            p->saved_us = -1;
            return LINNET_OK;
        }
    LN_TRY(ln_unit_create(n->graph, p->first, p->last, ln_device_caps(t->device), false, &u, err));
    uint64_t key = ln_graph_key(u.graph, ~LN_HASH_INIT);
    int c = ln_find_known(k, key);
    linnet_status st = LINNET_OK;
    if (c >= 0)
        t->out->contest[c].uses++;
    else
        st = hold_chain(t, n, p, &u, key, k, err);
    if (st == LINNET_OK) p->saved_us = saved_by(t, ln_find_known(k, key));
    ln_unit_destroy(&u);
    return st;
}

/* Chains that do not overlap and save most together: the best of the nodes from i on, from the
 * last node back. */
linnet_status ln_network_pick_chains(const ln_network *n, ln_record *r, linnet_error *err) {
    size_t nodes = (size_t)n->graph->n_node;
    double *best = calloc(nodes + 1, sizeof *best);
    int *by = calloc(nodes + 1, sizeof *by);
    if (!best || !by) {
        free(best);
        free(by);
        return ln_fail_oom(err, "chains", nodes * sizeof *best);
    }
    for (int i = (int)nodes - 1; i >= 0; i--) {
        best[i] = best[i + 1];
        by[i] = -1;
        for (int k = 0; k < n->n_pair; k++) {
            const struct ln_pair *p = &n->pair[k];
            if (p->first != i || p->saved_us + best[p->last + 1] <= best[i]) continue;
            best[i] = p->saved_us + best[p->last + 1];
            by[i] = k;
        }
    }
    for (int i = 0; i < (int)nodes; i++) {
        if (by[i] < 0 || r->chain_end[i] != i) continue;
        const struct ln_pair *p = &n->pair[by[i]];
        r->chain_end[i] = p->last;
        for (int m = i; m <= p->last; m++) r->variant[m] = n->node[m].banded;
        i = p->last;
    }
    free(best);
    free(by);
    return LINNET_OK;
}
