/* Cross-layer equalisation (Nagel et al. 2019, arXiv:1906.04721, section 4.1): between two layers
 * with nothing but a clamp at zero, a channel may be divided by s in the first and multiplied by s
 * in the second. There one asks for weights as large on both sides; here weights have a scale for
 * each output channel, and what shares one are the channels of the map between, m the largest value
 * of each and M of all, and the columns of the second layer, r and R. s = sqrt((m/M) / (r/R)) makes
 * a channel's part of the two as large; a depthwise layer has no columns, and r is R. A clamp's
 * upper end stays exact: s keeps channels below it that were below it, and is 1 for those at it. */
#include "engine/ptq_parts.h"

#include <math.h>
#include <stdlib.h>

typedef struct layer {
    float *w, *bias; /* [oc, taps, in], dense, owned by the graph; bias may be NULL */
    int64_t oc, taps, in;
    bool depthwise;
} layer;

typedef struct pair {
    int first, second; /* nodes */
} pair;

static const ln_act *act_of(const ln_node *n) {
    return n->op == LN_OP_FC ? &n->attr.fc.act : &n->attr.conv.act;
}

static bool scalable(const ln_graph *g, const ln_node *n) {
    if (n->op != LN_OP_CONV2D || n->n_in > 3 || ln_node_is_dynamic(g, n)) return false;
    return (n->attr.conv.groups == 1 || ln_node_is_depthwise(g, n)) &&
           g->tensor[n->in[LN_CONV_W]].is_param;
}

/* The only reader of t, as its x; -1: none, several, or something else. */
static int only_reader(const ln_graph *g, ln_tid t) {
    int found = -1;
    for (int i = 0; i < g->n_output; i++)
        if (g->output[i] == t) return -1;
    for (int i = 0; i < g->n_node; i++)
        for (int k = 0; k < g->node[i].n_in; k++)
            if (g->node[i].in[k] == t) {
                if (found >= 0 || k) return -1;
                found = i;
            }
    return found;
}

static int find_pairs(const ln_graph *g, const ln_ptq_stats *stats, pair *out) {
    int n = 0;
    for (int i = 0; i < g->n_node; i++) {
        const ln_node *a = &g->node[i];
        if (!scalable(g, a) || !stats[a->out[0]].on) continue;
        const ln_act *act = act_of(a);
        if (act->kind != LN_ACT_NONE && (act->kind != LN_ACT_CLAMP || act->lo != 0)) continue;
        const int b = only_reader(g, a->out[0]);
        if (b >= 0 && scalable(g, &g->node[b])) out[n++] = (pair){i, b};
    }
    return n;
}

static linnet_status own_layer(ln_graph *g, int node, layer *l, linnet_error *err) {
    if (l->w) return LINNET_OK;
    ln_node *n = &g->node[node];
    const ln_shape *s = &g->tensor[n->in[LN_CONV_W]].shape;
    l->oc = s->dim[0];
    l->taps = s->dim[1] * s->dim[2];
    l->in = s->dim[3];
    l->depthwise = ln_node_is_depthwise(g, n);
    LN_TRY(ln_ptq_own(g, &n->in[LN_CONV_W], &l->w, err));
    if (ln_node_in(n, LN_CONV_BIAS) == LN_NONE) return LINNET_OK;
    return ln_ptq_own(g, &n->in[LN_CONV_BIAS], &l->bias, err);
}

/* What makes channel c, and what reads it, multiplied by `by`. */
static void scale_maker(layer *l, int64_t c, float by) {
    for (int64_t i = 0; i < l->taps * l->in; i++) l->w[c * l->taps * l->in + i] *= by;
    if (l->bias) l->bias[c] *= by;
}

static void scale_reader(layer *l, int64_t c, float by) {
    for (int64_t i = 0; l->depthwise && i < l->taps; i++) l->w[c * l->taps + i] *= by;
    for (int64_t i = 0; !l->depthwise && i < l->oc * l->taps; i++) l->w[i * l->in + c] *= by;
}

/* The largest weight that reads channel c; 1 where channels are read apart. */
static double column(const layer *l, int64_t c) {
    float most = 0;
    for (int64_t i = 0; !l->depthwise && i < l->oc * l->taps; i++)
        most = fmaxf(most, fabsf(l->w[i * l->in + c]));
    return l->depthwise ? 1 : (double)most;
}

static void balance(layer *a, layer *b, const float *top, double end) {
    const double room = 0.9, dead = 1e-9;
    double m = 0, r = 0;
    for (int64_t c = 0; c < a->oc; c++) {
        m = fmax(m, (double)top[c]);
        r = fmax(r, column(b, c));
    }
    for (int64_t c = 0; c < a->oc; c++) {
        const double part = (double)top[c] / m, other = column(b, c) / r;
        if (!(part > dead && other > dead) || (double)top[c] > room * end) continue;
        const double s = fmax(sqrt(part / other), (double)top[c] / (room * end));
        scale_maker(a, c, (float)(1 / s));
        scale_reader(b, c, (float)s);
    }
}

static linnet_status equalize(ln_graph *g, const ln_ptq_stats *stats, layer *l, const pair *p,
                              int n, linnet_error *err) {
    for (int i = 0; i < n; i++) {
        const ln_node *first = &g->node[p[i].first];
        const ln_act *act = act_of(first);
        const double end = act->kind == LN_ACT_CLAMP ? (double)act->hi : INFINITY;
        LN_TRY(own_layer(g, p[i].first, &l[p[i].first], err));
        LN_TRY(own_layer(g, p[i].second, &l[p[i].second], err));
        balance(&l[p[i].first], &l[p[i].second], stats[first->out[0]].top, end);
    }
    return LINNET_OK;
}

linnet_status ln_ptq_equalize(ln_graph *g, const ln_ptq_stats *stats, int *pairs,
                              linnet_error *err) {
    const size_t nodes = (size_t)g->n_node + 1;
    pair *p = malloc(nodes * sizeof *p);
    layer *l = calloc(nodes, sizeof *l);
    linnet_status st = LINNET_OK;
    *pairs = 0;
    if (p && l) {
        *pairs = find_pairs(g, stats, p);
        st = equalize(g, stats, l, p, *pairs, err);
    } else {
        st = ln_fail_oom(err, "pairs of layers", nodes * sizeof *l);
    }
    free(p);
    free(l);
    return st;
}
