/* y = (conv - mean) / sqrt(variance + eps) * gamma + beta, folded into the convolution. */
#include "engine/passes/rewrite.h"
#include <math.h>
#include <stdlib.h>

/* Reads the four vectors of a batch norm and gives its factor and shift. */
static linnet_status read_bn(const ln_graph *g, const ln_node *bn, size_t count, float *part,
                             double *factor, double *shift, linnet_error *err) {
    for (int i = 0; i < 4; i++)
        LN_TRY(ln_const_copy_f32(g, bn->in[i + 1], part + (size_t)i * count, err));
    const float *gamma = part, *beta = gamma + count, *mean = beta + count, *var = mean + count;
    for (size_t i = 0; i < count; i++) {
        factor[i] = gamma[i] / sqrt((double)var[i] + bn->attr.bn.eps);
        shift[i] = beta[i] - mean[i] * factor[i];
    }
    return LINNET_OK;
}

static linnet_status fold_one(ln_rewrite *rw, ln_node *conv, ln_node *bn, linnet_error *err) {
    const ln_graph *g = rw->g;
    const size_t count = (size_t)g->tensor[bn->in[1]].shape.dim[0];
    ln_affine a = {.shifts = true};
    for (int i = 1; i < 5; i++) a.params += g->tensor[bn->in[i]].params;
    linnet_status s = LINNET_OK;
    double *both = NULL;
    if (g->tensor[bn->in[1]].view.data) {
        both = malloc(count * (2 * sizeof *both + 4 * sizeof(float)));
        if (!both) return ln_fail_oom(err, bn->name, count * 2 * sizeof *both);
        a.factor = both;
        a.shift = both + count;
        s = read_bn(g, bn, count, (float *)(both + 2 * count), both, both + count, err);
    }
    if (s == LINNET_OK) s = ln_fold_affine(rw, conv, &a, err);
    if (s == LINNET_OK) ln_rewrite_absorb(rw, conv, bn);
    free(both);
    return s;
}

linnet_status ln_pass_fold_bn(ln_graph *g, int *changed, linnet_error *err) {
    ln_rewrite rw;
    linnet_status s = LINNET_OK;
    LN_TRY(ln_rewrite_begin(&rw, g, err));
    for (int i = 0; i < g->n_node && s == LINNET_OK; i++) {
        ln_node *bn = &g->node[i];
        if (bn->op != LN_OP_BATCH_NORM) continue;
        ln_node *conv = ln_rewrite_sole_maker(&rw, bn->in[0]);
        if (conv && ln_is_affine(g, conv)) s = fold_one(&rw, conv, bn, err);
    }
    return ln_rewrite_end(&rw, s, changed, err);
}
