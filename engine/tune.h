/* The tuner: what runs fastest on this device, measured and checked, and the records of it.
 *
 * Contests: for each node its variants, for each squeeze-and-excitation one step against several,
 * for each chain one step against the nodes apart, and at the end the whole network with the
 * winners against the default plan, in each way that its steps can reach the device. */
#ifndef LN_TUNE_H
#define LN_TUNE_H

#include "engine/session.h"

/* ---- records: what a plan is made from ---- */
typedef struct ln_record {
    const ln_variant **variant; /* by node of the planned graph; NULL: the default */
    int *chain_end;             /* by node: last of the chain that begins there, else the node */
    int n_node;
    const char **apart; /* names of squeeze-and-excitations that come apart */
    int n_apart;
    ln_stream stream;
    ln_pool pool;
} ln_record;

/* The record of a graph as the passes left it, before it is planned; key: ln_record_key of it.
 * LINNET_OK and *out NULL: there is none that is whole and fits. */
uint64_t ln_record_key(const ln_device *d, const ln_graph *g);
linnet_status ln_record_load(const ln_device *d, uint64_t key, ln_record **out, linnet_error *err);
void ln_record_destroy(ln_record **r);
/* Parameters that plan by a record; r outlives their use. NULL: all defaults. */
ln_plan_params ln_record_params(ln_record *r);
/* Plans by the record of the graph where there is a good one (*stream: its stream), else by default
 * (*stream: AUTO). *recorded may be NULL; caps: NULL for the device's. */
linnet_status ln_plan_by_record(const ln_device *d, const ln_caps *caps, ln_graph *g, ln_plan **out,
                                ln_stream *stream, bool *recorded, linnet_error *err);

/* ---- tuning ---- */
typedef enum ln_verdict {
    LN_VERDICT_CHOSEN,
    LN_VERDICT_SLOWER,
    LN_VERDICT_WRONG,   /* differs from the reference */
    LN_VERDICT_FAILED,  /* does not build or run */
    LN_VERDICT_STOPPED, /* stopped the process that tried it last */
    LN_VERDICT_PRUNED,  /* cannot win by the roofline estimate */
    LN_VERDICT_UNTRIED, /* no time was left */
    LN_VERDICT_COUNT
} ln_verdict;
extern const char *const ln_verdict_names[LN_VERDICT_COUNT];

typedef struct ln_tune_candidate {
    char name[192]; /* a variant, "chain of ...", "apart", or a stream */
    ln_verdict verdict;
    double least_us, median_us; /* of one pass; 0: not timed */
    double error;               /* of its result, over the deviation of the reference's */
} ln_tune_candidate;
typedef struct ln_tune_contest {
    char name[128], op[64]; /* of the node, or "first .. last" */
    int uses;               /* places in the network that it decides */
    double bound_us;        /* no kernel is faster: the roofline */
    int64_t bytes, saved;   /* traffic of the candidate that moves most; less, by the choice */
    int first, count;       /* candidates; the first is the default */
    int chosen;             /* index among them */
} ln_tune_contest;
typedef struct ln_tune_report {
    ln_tune_contest *contest;
    ln_tune_candidate *candidate;
    int n_contest, n_candidate, cap_contest, cap_candidate;
    double default_ms, tuned_ms; /* the whole network: medians */
    bool kept;                   /* the tuned plan is the faster one, and recorded */
    bool complete;               /* no time limit cut it short */
    bool busy;                   /* other processes disturbed the last contest: see tune_parts.h */
    double seconds;
    ln_stream stream;
} ln_tune_report;

typedef struct ln_tune_params {
    bool full;      /* every candidate, many rounds, no limit; else fast */
    double seconds; /* limit of a fast run; 0: 18 */
    /* A new graph of the network after its passes; called more than once. */
    linnet_status (*graph)(void *user, ln_graph **out, linnet_error *err);
    /* Before each candidate; may be NULL. */
    void (*progress)(void *user, const char *contest, const char *candidate);
    void *user;
} ln_tune_params;
/* Writes the record and fills the report, which ln_tune_free releases. */
linnet_status ln_tune_run(ln_device *d, const ln_tune_params *params, ln_tune_report *out,
                          linnet_error *err);
void ln_tune_free(ln_tune_report *r);
/* For the tuner: writes a record. The names are those of the planned graph. */
linnet_status ln_record_store(const ln_device *d, uint64_t key, const ln_graph *g,
                              const ln_record *r, linnet_error *err);

#endif
