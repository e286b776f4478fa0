/* The registry of kernel variants: cl_kernels/variants.def, joined with the C half of each
 * kernel family (can it run, how are weights packed, how is the work cut).
 *
 * A family is one .cl template and one file in engine/kernels/; a variant is the template with
 * one set of tunables. */
#ifndef LN_VARIANT_H
#define LN_VARIANT_H

#include "cl_kernels/args.h"
#include "engine/graph.h"
#include "host/caps.h"

typedef struct ln_variant ln_variant;

/* What a node looks like to a variant: the node, its graph, and where its tensors lie. */
typedef struct ln_site {
    const ln_graph *graph;
    const ln_node *node;
    const ln_caps *caps;
} ln_site;

/* True when the node's first input is a picture in the caller's planar layout (see args.h). */
static inline bool ln_site_planar(const ln_site *s) {
    return ln_tensor_planar(&s->graph->tensor[s->node->in[0]]);
}

/* The C half of a kernel. Pure functions, safe from any thread. */
typedef struct ln_family {
    const char *name;
    ln_op op; /* the op it serves; families of several ops have a row for each */
    bool (*can_run)(const ln_variant *v, const ln_site *s);
    /* Elements of packed constants (weights then bias), 0 for none. NULL: none. */
    size_t (*packed)(const ln_variant *v, const ln_site *s);
    /* Writes them to dst (zeroed), laid out as bind says. */
    linnet_status (*pack)(const ln_variant *v, const ln_site *s, float *dst, linnet_error *err);
    /* Fills what is the variant's own: tiles, t0.., and w/b relative to the packed block.
     * Shapes, strides and activations are filled already by ln_args_fill. */
    void (*bind)(const ln_variant *v, const ln_site *s, ln_args *a);
    /* Whether t1 = t3 = 1 makes all of one image a single tile, the args' sizes being those of any
     * band of rows: what a chain needs. */
    bool bands;
    /* Constants are tables of words, whatever the variant stores. */
    bool words;
    /* Takes nodes whose weight or bias is no constant (ln_node_is_dynamic), and only those. */
    bool dynamic;
    /* Asks for weights ahead of their use (ln_args.ahead). */
    bool asks_ahead;
} ln_family;

typedef enum ln_tier { LN_TIER_ANY, LN_TIER_WIDE, LN_TIER_DEEP } ln_tier;

struct ln_variant {
    const char *name;   /* also the kernel's name */
    const char *file;   /* "pw_deep.cl" */
    const char *source; /* its embedded text */
    ln_tier tier;
    const ln_family *family;
    const char
        *defines;   /* "PX=8 NV=3": tunables, each an #ifndef default in the .cl. ELEM: bytes
                       of an element of the first input, 4 by default. HALF=1: halves are read,
                       packed and written, but for the input with XF=1, the output with YF=1. FAST=1:
                       products and short sums are halves too (half.clh), of graphs that ask for it */
    int local;      /* work-items of a work-group */
    uint32_t needs; /* features, 1 << ln_feature */
};
extern const ln_variant ln_variants[]; /* index is ln_args.variant */
extern const int ln_variant_count;
extern const ln_variant ln_variant_chain; /* of a step that is a chain of others; in no table */

/* True when constants are packed as halves: two to a word of the weights. */
bool ln_variant_packs_halves(const ln_variant *v);
/* True when products and short sums are halves. */
bool ln_variant_is_fast(const ln_variant *v);
/* Value of a tunable in v->defines, else fallback. */
int ln_variant_tunable(const ln_variant *v, const char *name, int fallback);
/* The op, work-group size, features and the family's own word, whatever the tier: what a forced
 * choice must pass. */
bool ln_variant_fits(const ln_variant *v, const ln_site *s);
/* Tiers, features, LINNET_DISABLE (names, tiers or features), then the family's own word. */
bool ln_variant_can_run(const ln_variant *v, const ln_site *s);
/* The default choice: the last row that can run (general rows come first). NULL: none. */
const ln_variant *ln_variant_choose(const ln_site *s);

/* Goes on with a hash over the sources of all kernels. */
uint64_t ln_variant_hash(uint64_t h);

/* Floats in a vector of the deep kernels: 16 or 8 (LN_VW). */
int ln_vector_width(const ln_caps *caps);

/* What a program holds besides the variants' inline functions. */
typedef enum ln_program_kind {
    LN_PROGRAM_KERNELS, /* a kernel for each variant */
    LN_PROGRAM_WALK,    /* ln_walk alone: any step, or all, in work-groups of one (resident.clh) */
    LN_PROGRAM_CLOCK    /* ln_walk that notes when each step ends */
} ln_program_kind;
/* Source of one program (prelude, then each template under its name), and the compiler options for
 * the device. variants: rows of the table. None of ln_walk's may need LN_FEAT_BARRIER. */
linnet_status ln_variant_source(const int *variants, int count, ln_program_kind kind,
                                const ln_caps *caps, ln_str *text, ln_str *options,
                                linnet_error *err);

#endif
