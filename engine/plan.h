/* The plan: one step for each node that moves data, with its variant, arguments and arena offsets.
 * Deterministic: the same graph, caps and records give the same bytes. Knows a device only as
 * ln_caps. */
#ifndef LN_PLAN_H
#define LN_PLAN_H

#include "engine/variant.h"

/* Kernels index with int: the most elements of a tensor, of the arena and of the weights. */
#define LN_MAX_ELEMENTS INT32_MAX

/* Where an activation lies. */
typedef struct ln_place {
    int64_t offset;  /* bytes from the start of the arena; -1: not placed */
    int64_t bytes;   /* of the whole tensor, padding included */
    int64_t ps;      /* elements from pixel to pixel (channels padded, or the slice's owner's) */
    int64_t elem;    /* bytes of an element */
    int first, last; /* steps between which it lives; outputs live to the end */
    ln_tid owner;    /* the tensor whose memory it shares (concat slice, in-place), or itself */
    bool slice;      /* part of the owner: a concat's input */
    bool dense;      /* an input in the caller's layout: planar NCHW, no padding */
} ln_place;

typedef struct ln_step {
    const ln_variant *variant; /* &ln_variant_chain: several nodes in one step */
    int first, node;           /* nodes of the graph; the same but for a chain */
    ln_args args;
    int64_t macs, bytes; /* work, and compulsory traffic */
} ln_step;

/* Parts of a step whose times are told apart: the nodes of a chain. */
#define LN_STEP_PARTS 8
/* When a step ran, and for how long. part_ns: in its parts, the mean of the units; what is missing
 * to ns is waiting. Only ns is known of a step that is a launch. */
typedef struct ln_step_time {
    double start_ns, ns, part_ns[LN_STEP_PARTS];
} ln_step_time;

/* A node's variant, and where its packed constants lie in the weights buffer, in elements. */
typedef struct ln_choice {
    const ln_variant *variant; /* NULL: the node only renames memory */
    int64_t packed_at, packed;
    int chain_end; /* last node of the chain that begins here; the node itself without one */
    int chain;     /* first node of the chain that it is in, or itself */
} ln_choice;

typedef struct ln_plan {
    const ln_graph *graph; /* not owned */
    ln_caps caps;
    ln_step *step;
    int n_step;
    ln_args *record; /* behind the steps in the step table: the parts of chains */
    int n_record;
    ln_choice *choice; /* by node */
    ln_place *place;   /* by tensor id */
    ln_place *scratch; /* by node: memory of the chain that begins there */
    int64_t arena_bytes, live_peak_bytes, weight_bytes;
} ln_plan;

typedef struct ln_plan_params {
    const ln_variant *(*choose)(void *user, const ln_site *s); /* NULL: ln_variant_choose */
    /* Whether nodes first..last run as a chain; NULL: ln_chain_default. */
    bool (*chain)(void *user, const ln_plan *p, int first, int last);
    /* Whether a squeeze-and-excitation comes apart; NULL: the rule of split.c. */
    bool (*split)(void *user, const ln_graph *g, int node);
    void *user;
    int64_t guard;   /* bytes left free around every activation, for tests of stray writes */
    bool no_sharing; /* no in-place, no slices, and inputs stay whole to the end: such a plan can
                        run again without its inputs being written again */
} ln_plan_params;
/* The graph may get copy nodes behind inputs whose readers cannot take the caller's planar
 * layout, and squeeze-and-excitation may come apart; it must outlive the plan. params may be NULL.
 */
linnet_status ln_plan_create(ln_graph *g, const ln_caps *caps, const ln_plan_params *params,
                             ln_plan **out, linnet_error *err);
void ln_plan_destroy(ln_plan **p);
/* The plan that runs steps first..first+count-1 alone, `times` over: what the tuner times. */
linnet_status ln_plan_repeat(ln_plan *p, int first, int count, int times, linnet_error *err);
/* Packs every constant into dst (plan->weight_bytes, 64-byte aligned, zeroed). */
linnet_status ln_plan_pack(const ln_plan *p, void *dst, linnet_error *err);
/* Takes nodes apart that run faster as several (split.c). */
bool ln_plan_splits(const ln_site *site, const ln_plan_params *params);
linnet_status ln_plan_split(ln_graph *g, const ln_caps *caps, const ln_plan_params *params,
                            linnet_error *err);
/* A tensor's shape as the kernels see it: rank 4 as it is, [N,T,C] with h = 1, [N,C] one pixel. */
typedef struct ln_dims {
    int64_t n, h, w, c;
} ln_dims;
ln_dims ln_dims_of(const ln_shape *s);
/* A node's arguments but for what its variant binds (plan_args.c). Tensors without a place of
 * their own get LN_NO_OFF. */
void ln_args_fill(const ln_plan *p, const ln_node *n, ln_args *a);
/* The variant's part of node i's arguments, and its place in the weights. */
void ln_plan_bind(const ln_plan *p, int node, ln_args *a);
/* Which nodes form chains (choice[].chain, chain_end) and how much memory each needs; before
 * places are assigned (chain.c). */
linnet_status ln_chain_find(ln_plan *p, const ln_plan_params *params, linnet_error *err);
bool ln_chain_default(void *user, const ln_plan *p, int first, int last);
/* Appends the records of a chain's step and fills its arguments; after places are assigned. */
linnet_status ln_chain_records(ln_plan *p, ln_step *s, linnet_error *err);
/* Bytes that any kernel of nodes first..last must move: activations in and out once, constants
 * once; what lies inside a chain not at all. */
int64_t ln_plan_traffic(const ln_plan *p, int first, int last);
/* True on CPU-like devices when every step can be run by work-groups of one item: no variant is a
 * wide one or needs a barrier. Such plans run through one kernel (walk.clh, resident.clh). */
bool ln_plan_walkable(const ln_plan *p);
/* True when t lives only inside a chain. */
bool ln_chain_inner(const ln_plan *p, ln_tid t);
/* Fills places, arena_bytes and live_peak_bytes (plan_arena.c). */
linnet_status ln_plan_place(ln_plan *p, const ln_plan_params *params, linnet_error *err);
/* True when the node only renames memory: its output lies where its input does. */
bool ln_plan_is_alias(const ln_plan *p, const ln_node *n);

/* `linnet info --plan`. */
void ln_plan_print(const ln_plan *p, ln_str *out);
/* Multiply-adds of steps that compute in halves, and why there are none (NULL: there are). */
int64_t ln_plan_fast_macs(const ln_plan *p);
const char *ln_plan_slow(const ln_plan *p);
/* Why the plan cannot be one launch; NULL: it can. buf: for the text. */
const char *ln_plan_unwalkable(const ln_plan *p, char *buf, size_t size);

#endif
