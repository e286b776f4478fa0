/* What passes share: who makes a tensor, who reads it, and how one node swallows another.
 *
 * A pass walks the nodes in order between begin and end. Absorbing leaves node indices and
 * tensor ids as they are until end sweeps the dead nodes and checks the graph. */
#ifndef LN_REWRITE_H
#define LN_REWRITE_H

#include "engine/graph.h"
#include "engine/passes/passes.h"

typedef struct ln_rewrite {
    ln_graph *g;
    int *maker;   /* by tensor: the node that makes it; -1: an input or a constant */
    int *uses;    /* by tensor: reads by living nodes, and one for each graph output */
    bool *dead;   /* by node */
    int n_tensor; /* of the two tables; constants added since have larger ids */
    int changed;
} ln_rewrite;

linnet_status ln_rewrite_begin(ln_rewrite *rw, ln_graph *g, linnet_error *err);
/* Sweeps and verifies when something changed; frees the tables whatever happened. status: what
 * the pass itself came to. */
linnet_status ln_rewrite_end(ln_rewrite *rw, linnet_status status, int *changed, linnet_error *err);

/* The living node that makes t, or NULL. */
ln_node *ln_rewrite_maker(const ln_rewrite *rw, ln_tid t);
/* The same, only when t has exactly one reader and is no output of the graph. */
ln_node *ln_rewrite_sole_maker(const ln_rewrite *rw, ln_tid t);
/* Sets an input slot (absent slots before it become LN_NONE) and keeps the use counts. */
void ln_rewrite_set_in(ln_rewrite *rw, ln_node *n, int slot, ln_tid t);
/* `into` makes the output of `gone` from now on; `gone` dies. */
void ln_rewrite_absorb(ln_rewrite *rw, ln_node *into, ln_node *gone);
/* A folded constant that stands for `params` learnable elements; the graph's count is kept. */
ln_tid ln_rewrite_const(ln_rewrite *rw, const char *name, ln_shape shape, ln_view view,
                        int64_t params, linnet_error *err);

/* Takes all nodes out of the graph and hands them to visit in order, which appends what stands for
 * each; then sweeps and verifies. After an error the graph is only good for being destroyed. */
typedef linnet_status (*ln_replay_fn)(void *user, const ln_node *n, linnet_error *err);
linnet_status ln_rewrite_replay(ln_graph *g, ln_replay_fn visit, void *user, linnet_error *err);

/* factor[o] * y + shift[o] for each output channel o. */
typedef struct ln_affine {
    const double *factor, *shift; /* both NULL: the graph has shapes only, no data */
    bool shifts;                  /* false: shift is zero and makes no bias */
    int64_t params;               /* learnable elements behind the two */
} ln_affine;
/* Folds it into conv or FC n, which ln_is_affine. Weights stay where they lie: the factor becomes
 * the view's scale. */
linnet_status ln_fold_affine(ln_rewrite *rw, ln_node *n, const ln_affine *a, linnet_error *err);
/* True when n is a conv or FC of constant weights whose output is still a plain affine map of them.
 */
bool ln_is_affine(const ln_graph *g, const ln_node *n);
/* A 1x1 convolution of stride 1 over all channels, without padding. */
bool ln_is_pointwise(const ln_node *n);

linnet_status ln_pass_remove_noops(ln_graph *g, int *changed, linnet_error *err);
linnet_status ln_pass_fold_constants(ln_graph *g, int *changed, linnet_error *err);
linnet_status ln_pass_move_bytes(ln_graph *g, int *changed, linnet_error *err);
linnet_status ln_pass_merge_permutes(ln_graph *g, int *changed, linnet_error *err);
linnet_status ln_pass_recognize_act(ln_graph *g, int *changed, linnet_error *err);
linnet_status ln_pass_recognize_attention(ln_graph *g, int *changed, linnet_error *err);
linnet_status ln_pass_recognize_norm(ln_graph *g, int *changed, linnet_error *err);
linnet_status ln_pass_recognize_shuffle(ln_graph *g, int *changed, linnet_error *err);
linnet_status ln_pass_sink_rows(ln_graph *g, int *changed, linnet_error *err);
linnet_status ln_pass_fold_bn(ln_graph *g, int *changed, linnet_error *err);
linnet_status ln_pass_fold_pad(ln_graph *g, int *changed, linnet_error *err);
linnet_status ln_pass_fold_scale(ln_graph *g, int *changed, linnet_error *err);
linnet_status ln_pass_fuse_activation(ln_graph *g, int *changed, linnet_error *err);
linnet_status ln_pass_fuse_residual(ln_graph *g, int *changed, linnet_error *err);
linnet_status ln_pass_fuse_se_block(ln_graph *g, int *changed, linnet_error *err);
linnet_status ln_pass_fuse_se(ln_graph *g, int *changed, linnet_error *err);
linnet_status ln_pass_fuse_shuffle(ln_graph *g, int *changed, linnet_error *err);

#endif
