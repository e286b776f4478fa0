/* Nodes that run faster as several: squeeze-and-excitation where one step would leave units idle
 * becomes its pool and two convolutions again. */
#include "engine/plan.h"

#include <string.h>

/* Weights that one unit may read alone. With every gate in one step, two units of a Xeon under PoCL
 * are 2 % quicker on EfficientNet-B0 (at most 1152 x 48, twice) and 4 % slower on MobileNetV3 Large
 * (up to 960 x 240) than with three steps. */
enum { MOST_ALONE = 1 << 17 };

/* Without a barrier one work-item makes an image; an image by a work-group is worth three
 * launches. */
bool ln_plan_splits(const ln_site *site, const ln_plan_params *params) {
    const ln_graph *g = site->graph;
    const ln_node *n = site->node;
    const ln_variant *v =
        params && params->choose ? params->choose(params->user, site) : ln_variant_choose(site);
    if (!v) return true;
    if (params && params->split) return params->split(params->user, g, (int)(n - g->node));
    if (params && params->choose) return false;
    if (v->needs & (1u << LN_FEAT_BARRIER)) return false;
    const ln_shape *w = &g->tensor[n->in[LN_SE_W1]].shape;
    const int64_t images = g->tensor[n->out[0]].shape.dim[0], units = site->caps->compute_units;
    return 2 * images < units || (images < units && 2 * w->dim[0] * w->dim[3] > MOST_ALONE);
}

static ln_attr pointwise(ln_act act) {
    return (ln_attr){.conv = {.win = {1, 1, 1, 1, 1, 1, 0, 0, 0, 0}, .groups = 1, .act = act}};
}

/* Appends node `name`.`part`; its output, or LN_NONE. */
static ln_tid append(ln_graph *g, const char *name, const char *part, ln_op op, ln_attr attr,
                     const ln_tid *in, int n_in, linnet_error *err) {
    const char *full = ln_pool_printf(&g->pool, "%s.%s", name, part);
    if (full) return ln_graph_node(g, op, full, &attr, in, n_in, err);
    ln_fail_oom(err, "graph", strlen(name));
    return LN_NONE;
}

static linnet_status split(ln_graph *g, int at, linnet_error *err) {
    const ln_node n = g->node[at];
    const ln_attr mean = {.pool = {.kind = LN_POOL_AVG, .global = true}};
    const ln_tid p = append(g, n.name, "pool", LN_OP_POOL, mean, &n.in[LN_SE_X], 1, err);
    if (p == LN_NONE) return err->status;
    const ln_tid first[] = {p, n.in[LN_SE_W1], ln_node_in(&n, LN_SE_B1)};
    const ln_tid r =
        append(g, n.name, "reduce", LN_OP_CONV2D, pointwise(n.attr.se.act), first, 3, err);
    if (r == LN_NONE) return err->status;
    ln_node *last = &g->node[at];
    last->op = LN_OP_CONV2D;
    last->attr = pointwise(n.attr.se.gate);
    last->in[LN_CONV_X] = r;
    last->in[LN_CONV_W] = n.in[LN_SE_W2];
    last->in[LN_CONV_BIAS] = ln_node_in(&n, LN_SE_B2);
    last->n_in = last->in[LN_CONV_BIAS] == LN_NONE ? 2 : 3;
    ln_node two[2];
    memcpy(two, &g->node[g->n_node - 2], sizeof two);
    memmove(&g->node[at + 2], &g->node[at], (size_t)(g->n_node - 2 - at) * sizeof *two);
    memcpy(&g->node[at], two, sizeof two);
    return LINNET_OK;
}

linnet_status ln_plan_split(ln_graph *g, const ln_caps *caps, const ln_plan_params *params,
                            linnet_error *err) {
    for (int i = 0; i < g->n_node; i++)
        if (g->node[i].op == LN_OP_SE && ln_plan_splits(&(ln_site){g, &g->node[i], caps}, params)) {
            LN_TRY(split(g, i, err));
            i += 2;
        }
    return LINNET_OK;
}
