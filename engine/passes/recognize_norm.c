/* Layer norm written out: (x - mean) / sqrt(mean((x - mean)^2) + eps), over the last dimension,
 * then maybe times a vector and plus one. The square is a power or a product, the root divides or
 * its inverse multiplies, and x - mean may be there once or twice. */
#include "engine/passes/match.h"
#include <math.h>

/* The mean over the last dimension, which stays as one. */
static bool mean_of(const ln_rewrite *rw, ln_tid t, ln_tid *x) {
    const ln_node *n = ln_match_op(rw, t, LN_OP_REDUCE);
    if (!n) return false;
    *x = n->in[0];
    return n->attr.reduce.kind == LN_REDUCE_MEAN && n->attr.reduce.keep &&
           n->attr.reduce.axes == 1u << (rw->g->tensor[*x].shape.rank - 1);
}

/* x - mean(x) */
static bool centred(const ln_rewrite *rw, ln_tid t, ln_tid *x) {
    ln_tid mean, of;
    return ln_match_pair(rw, t, LN_MAP_SUB, x, &mean) && mean_of(rw, mean, &of) && of == *x;
}

static bool squared(const ln_rewrite *rw, ln_tid t, ln_tid *x) {
    ln_tid other;
    double two;
    if (ln_match_with(rw, t, LN_MAP_POW, x, &two)) return two == 2.0;
    return ln_match_pair(rw, t, LN_MAP_MUL, x, &other) && other == *x;
}

/* sqrt(mean((x - mean)^2) + eps) */
static bool spread(const ln_rewrite *rw, ln_tid t, ln_tid x, double *eps) {
    const ln_node *root = ln_match_map(rw, t, LN_MAP_SQRT);
    ln_tid v, of;
    return root && ln_match_with(rw, root->in[0], LN_MAP_ADD, &v, eps) && mean_of(rw, v, &v) &&
           squared(rw, v, &v) && centred(rw, v, &of) && of == x && *eps >= 0.0 && isfinite(*eps);
}

/* 1 / t */
static bool inverse(const ln_rewrite *rw, ln_tid t, ln_tid *of) {
    const ln_node *n = ln_match_map(rw, t, LN_MAP_DIV);
    double one;
    if (!n || !ln_match_scalar(rw->g, n->in[0], &one) || one != 1.0) return false;
    *of = n->in[1];
    return true;
}

static bool normalised(const ln_rewrite *rw, ln_tid t, ln_tid *x, double *eps) {
    ln_tid a, b, sd;
    if (ln_match_pair(rw, t, LN_MAP_DIV, &a, &b))
        return centred(rw, a, x) && spread(rw, b, *x, eps);
    if (!ln_match_pair(rw, t, LN_MAP_MUL, &a, &b)) return false;
    if (inverse(rw, b, &sd)) return centred(rw, a, x) && spread(rw, sd, *x, eps);
    return inverse(rw, a, &sd) && centred(rw, b, x) && spread(rw, sd, *x, eps);
}

/* One constant for each element of a row. */
static bool is_vector(const ln_graph *g, ln_tid t, int64_t size) {
    const ln_tensor *v = &g->tensor[t];
    return v->kind == LN_TENSOR_CONST && v->shape.rank == 1 && v->shape.dim[0] == size;
}

/* A product with a vector (slot 1), or a sum with one (slot 2), of a norm that has none yet. */
static bool affine(ln_rewrite *rw, ln_node *n, ln_map_kind kind, int slot) {
    const ln_shape *y = &rw->g->tensor[n->out[0]].shape;
    ln_tid in[2];
    if (!ln_match_pair(rw, n->out[0], kind, &in[0], &in[1])) return false;
    for (int k = 0; k < 2; k++) {
        const ln_node *norm = ln_rewrite_sole_maker(rw, in[k]);
        if (!norm || norm->op != LN_OP_LAYER_NORM || norm->n_in > slot ||
            !is_vector(rw->g, in[1 - k], y->dim[y->rank - 1]))
            continue;
        const ln_attr attr = norm->attr;
        const ln_tid all[3] = {norm->in[0], slot == 1 ? in[1 - k] : ln_node_in(norm, 1),
                               slot == 2 ? in[1 - k] : LN_NONE};
        ln_match_become(rw, n, LN_OP_LAYER_NORM, &attr, all, slot + 1);
        return true;
    }
    return false;
}

linnet_status ln_pass_recognize_norm(ln_graph *g, int *changed, linnet_error *err) {
    ln_rewrite rw;
    LN_TRY(ln_rewrite_begin(&rw, g, err));
    for (int i = 0; i < g->n_node; i++) {
        ln_node *n = &g->node[i];
        ln_tid x;
        double eps;
        if (affine(&rw, n, LN_MAP_MUL, 1) || affine(&rw, n, LN_MAP_ADD, 2)) continue;
        if ((n->op != LN_OP_MAP && n->op != LN_OP_MUL) || !normalised(&rw, n->out[0], &x, &eps))
            continue;
        const ln_attr a = {.norm = {.eps = (float)eps}};
        ln_match_become(&rw, n, LN_OP_LAYER_NORM, &a, &x, 1);
    }
    return ln_rewrite_end(&rw, LINNET_OK, changed, err);
}
