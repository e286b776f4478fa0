/* What the files of the tuner share. */
#ifndef LN_TUNE_PARTS_H
#define LN_TUNE_PARTS_H

#include "engine/diff.h"
#include "engine/tune.h"

/* ---- tune_unit.c: a few nodes of a network as a graph of their own ---- */
typedef struct ln_unit {
    ln_graph *graph; /* the constants are the network's */
    ln_ref *ref;     /* with the values of all tensors, once ln_unit_reference has run */
} ln_unit;
/* Nodes first..last of g. split: a squeeze-and-excitation comes apart (the unit of a single one).
 */
linnet_status ln_unit_create(const ln_graph *g, int first, int last, const ln_caps *caps,
                             bool split, ln_unit *out, linnet_error *err);
linnet_status ln_unit_reference(ln_unit *u, linnet_error *err);
void ln_unit_destroy(ln_unit *u);
/* A hash of ops, attributes, shapes and wiring; names and weights do not count. */
uint64_t ln_graph_key(const ln_graph *g, uint64_t h);

/* ---- tune_trial.c: one candidate on the device ---- */
enum { LN_TUNE_ROUNDS = 25 };
typedef struct ln_trial_spec {
    const ln_unit *unit;
    const ln_variant *const *choice; /* by node of the unit's graph; NULL entries: the default */
    int first, last;                 /* nodes that are timed */
    int chain;                       /* first node of the chain among them, -1: none */
    ln_stream stream;
    const int *also;
    int n_also;
    int times; /* passes in one launch */
} ln_trial_spec;
typedef struct ln_trial {
    ln_session *session;
    int steps, times;              /* of one pass; passes */
    double sample[LN_TUNE_ROUNDS]; /* seconds of one pass */
    int n_sample;
} ln_trial;
linnet_status ln_trial_create(ln_device *d, const ln_trial_spec *spec, ln_trial *out,
                              linnet_error *err);
/* One pass from the reference's inputs: the error of its last step. */
linnet_status ln_trial_check(ln_trial *t, const ln_unit *u, ln_diff_layer *layer,
                             linnet_error *err);
linnet_status ln_trial_time(ln_trial *t, linnet_error *err); /* one more sample */
double ln_trial_least(const ln_trial *t);
double ln_trial_median(const ln_trial *t);
void ln_trial_destroy(ln_trial *t);

/* ---- tune_contest.c: candidates against each other ---- */
typedef struct ln_tuner {
    ln_device *device;
    const ln_tune_params *params;
    ln_tune_report *out;
    struct ln_journal *journal;
    double start, deadline; /* deadline 0: none */
    double flops, bytes;    /* peaks, a second */
    ln_stream stream;
    int rounds;   /* at least */
    double slice; /* seconds after which a contest ends even on a busy machine */
    int *also, n_also;
} ln_tuner;
/* A contest in the report, with n candidates that are not tried yet; its index, or -1. */
int ln_contest_add(ln_tuner *t, const char *name, const char *op, int n, linnet_error *err);
static inline ln_tune_candidate *ln_contest_candidate(const ln_tuner *t, int contest, int i) {
    return &t->out->candidate[t->out->contest[contest].first + i];
}
/* Tries, checks and times the candidates, one spec each (pruned ones are left out), and chooses.
 * Only a lost device or a lack of memory is an error. key: names the contest in the journal. */
linnet_status ln_contest_run(ln_tuner *t, int contest, uint64_t key, ln_unit *const *unit,
                             const ln_trial_spec *spec, linnet_error *err);
/* Chooses among candidates whose times are known: the first unless another is faster in both. */
void ln_contest_choose(ln_tuner *t, int contest, double margin);
/* The same for ways to run a network, one stream each. Barriers and launches suffer from other
 * processes by different amounts: while the default's own times scatter, the report says busy,
 * only ways of its stream can win, and by a wider margin. */
void ln_contest_choose_way(ln_tuner *t, int contest, const ln_stream *stream);
/* The least time that a device of these peaks needs for a step, in seconds. */
double ln_roofline(const ln_tuner *t, int64_t macs, int64_t bytes);
bool ln_tune_late(ln_tuner *t); /* past the deadline: the report is then not complete */

/* ---- tune.c: what its files share ---- */
typedef struct ln_tune_decision {
    const ln_variant *best, *banded; /* banded: the fastest that can be part of a chain */
} ln_tune_decision;

typedef struct ln_network {
    ln_graph *graph;
    ln_plan *plan; /* by default, but for the gates that were decided */
    ln_tune_decision *node;
    struct ln_pair {
        int first, last;
        double saved_us; /* by chaining: of one place */
    } * pair;            /* chains that could be */
    int n_pair, cap_pair;
    bool failed; /* out of memory in a callback */
    const char **apart;
    int n_apart;
} ln_network;

/* Contests held already: the same unit again takes their results. */
typedef struct ln_known {
    struct ln_known_row {
        uint64_t key;
        int contest;
    } * row;
    int n, cap;
} ln_known;

int ln_find_known(const ln_known *k, uint64_t key); /* the contest, -1: none */
linnet_status ln_note_known(ln_known *k, uint64_t key, int contest, linnet_error *err);
/* All of a unit's nodes, default choices; passes enough for a launch of some length. */
ln_trial_spec ln_tune_spec(const ln_tuner *t, const ln_unit *u, const ln_variant *const *choice,
                           int64_t macs, int64_t bytes);
void ln_tune_describe(const ln_graph *g, int node, char *buf, size_t size);
/* Of nodes first..last: bytes that each must move alone; multiply-adds. */
int64_t ln_tune_bytes(const ln_graph *g, int first, int last);
int64_t ln_tune_macs(const ln_graph *g, int first, int last);

/* ---- tune_chain.c ---- */
/* As ln_plan_params.chain: keeps what could be a chain, and wants none. */
bool ln_network_note_pair(void *user, const ln_plan *p, int first, int last);
linnet_status ln_network_decide_chain(ln_tuner *t, ln_network *n, struct ln_pair *p, ln_known *k,
                                      linnet_error *err);
linnet_status ln_network_pick_chains(const ln_network *n, ln_record *r, linnet_error *err);

/* ---- tune_whole.c ---- */
/* The whole network by the record against the default plan, in each way its steps can run;
 * completes the record with the winner. */
linnet_status ln_tune_whole(ln_tuner *t, ln_record **r, linnet_error *err);

/* ---- tune_journal.c: what was tried, so that what hung or crashed is not tried again ---- */
typedef struct ln_journal ln_journal;
/* Opens the device's journal under a lock; NULL in *out where there is no cache. Fails when another
 * process is tuning the device. */
linnet_status ln_journal_open(uint64_t key, ln_journal **out, linnet_error *err);
void ln_journal_close(ln_journal **j);
/* Whether a candidate was begun by a process that did not come back from it. */
bool ln_journal_stopped(const ln_journal *j, uint64_t unit, const char *candidate);
void ln_journal_begin(ln_journal *j, uint64_t unit, const char *candidate);
void ln_journal_end(ln_journal *j, uint64_t unit, const char *candidate, const char *what);

#endif
