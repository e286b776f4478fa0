/* The plan: one step for each node that moves data, with its variant, arguments and arena offsets.
 * Deterministic: the same graph, caps and records give the same bytes. Knows a device only as
 * ln_caps. */
#ifndef LN_PLAN_H
#define LN_PLAN_H

#include "engine/variant.h"

/* Where an activation lies. */
typedef struct ln_place {
    int64_t offset;  /* bytes from the start of the arena; -1: not placed */
    int64_t bytes;   /* of the whole tensor, padding included */
    int64_t ps;      /* elements from pixel to pixel (channels padded, or the slice's owner's) */
    int first, last; /* steps between which it lives; outputs live to the end */
    ln_tid owner;    /* the tensor whose memory it shares (concat slice, in-place), or itself */
    bool slice;      /* part of the owner: a concat's input */
    bool dense;      /* an input in the caller's layout: planar NCHW, no padding */
} ln_place;

typedef struct ln_step {
    const ln_variant *variant;
    int node; /* index in the graph */
    ln_args args;
    int64_t packed_at, packed; /* elements in the weights buffer */
    int64_t macs, bytes;       /* work, and compulsory traffic */
} ln_step;

typedef struct ln_plan {
    const ln_graph *graph; /* not owned */
    ln_caps caps;
    ln_step *step;
    int n_step;
    ln_place *place; /* by tensor id */
    int64_t arena_bytes, live_peak_bytes, weight_bytes;
} ln_plan;

typedef struct ln_plan_params {
    const ln_variant *(*choose)(void *user, const ln_site *s); /* NULL: ln_variant_choose */
    void *user;
    int64_t
        guard; /* bytes left free around every activation, for tests that look for stray writes */
    bool no_sharing; /* every activation has memory of its own: no in-place, no slices */
} ln_plan_params;
/* The graph may get copy nodes behind inputs whose readers cannot take the caller's planar
 * layout; it must outlive the plan. params may be NULL. */
linnet_status ln_plan_create(ln_graph *g, const ln_caps *caps, const ln_plan_params *params,
                             ln_plan **out, linnet_error *err);
void ln_plan_destroy(ln_plan **p);
/* Packs every constant into dst (plan->weight_bytes, 64-byte aligned, zeroed). */
linnet_status ln_plan_pack(const ln_plan *p, void *dst, linnet_error *err);
/* A tensor's shape as the kernels see it: rank 4 as it is, [N,T,C] with h = 1, [N,C] one pixel. */
typedef struct ln_dims {
    int64_t n, h, w, c;
} ln_dims;
ln_dims ln_dims_of(const ln_shape *s);
/* Fills places, arena_bytes and live_peak_bytes (plan_arena.c). */
linnet_status ln_plan_place(ln_plan *p, const ln_plan_params *params, linnet_error *err);
/* True when the node only renames memory: its output lies where its input does. */
bool ln_plan_is_alias(const ln_plan *p, const ln_node *n);

/* `linnet info --plan`. */
void ln_plan_print(const ln_plan *p, ln_str *out);

#endif
