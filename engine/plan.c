/* Graph to plan: a variant and its arguments for each node, constants packed, memory placed. */
#include "engine/plan.h"

#include <stdlib.h>
#include <string.h>

/* ---- copies behind inputs that no reader can take as they come ---- */

static bool reads_planar(const ln_graph *g, const ln_node *n, ln_tid t) {
    for (int k = 1; k < n->n_in; k++)
        if (n->in[k] == t) return false;
    return n->in[0] != t || n->op == LN_OP_ACT ||
           (n->op == LN_OP_CONV2D && !ln_node_is_depthwise(g, n) && n->attr.conv.groups == 1 &&
            (n->attr.conv.win.kh > 1 || n->attr.conv.win.kw > 1));
}

static linnet_status copy_input(ln_graph *g, ln_tid t, linnet_error *err) {
    bool needed = false;
    for (int i = 0; i < g->n_node; i++) needed |= !reads_planar(g, &g->node[i], t);
    for (int i = 0; i < g->n_output; i++) needed |= g->output[i] == t;
    if (!needed) return LINNET_OK;
    ln_attr attr = {.act = ln_act_of(LN_ACT_NONE)};
    const char *name = ln_pool_printf(&g->pool, "%s.copy", g->tensor[t].name);
    if (!name) return ln_fail_oom(err, "graph", 64);
    ln_tid copy = ln_graph_node(g, LN_OP_ACT, name, &attr, &t, 1, err);
    if (copy == LN_NONE) return err ? err->status : LINNET_ERR_INTERNAL;
    ln_node last = g->node[g->n_node - 1];
    memmove(g->node + 1, g->node, (size_t)(g->n_node - 1) * sizeof *g->node);
    g->node[0] = last;
    for (int i = 1; i < g->n_node; i++)
        for (int k = 0; k < g->node[i].n_in; k++)
            if (g->node[i].in[k] == t) g->node[i].in[k] = copy;
    for (int i = 0; i < g->n_output; i++)
        if (g->output[i] == t) g->output[i] = copy;
    return LINNET_OK;
}

static linnet_status copy_inputs(ln_graph *g, linnet_error *err) {
    for (int i = 0; i < g->n_input; i++)
        if (g->tensor[g->input[i]].shape.rank == 4) LN_TRY(copy_input(g, g->input[i], err));
    return LINNET_OK;
}

/* ---- arguments ---- */

static ln_u32 element(const ln_plan *p, ln_tid t) {
    if (t == LN_NONE || p->graph->tensor[t].kind == LN_TENSOR_CONST) return LN_NO_OFF;
    return (ln_u32)(p->place[t].offset / (int64_t)sizeof(float));
}

static int32_t pixel_stride(const ln_plan *p, ln_tid t) {
    return t == LN_NONE ? 0 : (int32_t)p->place[t].ps;
}

static void fill_act(const ln_act *a, int32_t *kind, float *v) {
    *kind = (int32_t)a->kind;
    v[0] = a->lo;
    v[1] = a->hi;
    v[2] = a->alpha;
    v[3] = a->beta;
}

static void fill_input(const ln_plan *p, ln_tid t, ln_args *a) {
    ln_dims d = ln_dims_of(&p->graph->tensor[t].shape);
    const ln_place *pl = &p->place[t];
    a->n = (int32_t)d.n;
    a->h = (int32_t)d.h;
    a->wd = (int32_t)d.w;
    a->c = (int32_t)d.c;
    a->x = element(p, t);
    a->xps = (int32_t)pl->ps;
    a->xrs = (int32_t)(d.w * pl->ps);
    a->xcs = pl->dense ? (int32_t)(d.h * d.w) : 1;
    a->xns = (int32_t)(d.h * d.w * (pl->dense ? d.c : pl->ps));
}

static void fill_window(const ln_window *w, ln_args *a) {
    a->kh = w->kh;
    a->kw = w->kw;
    a->sh = w->sh;
    a->sw = w->sw;
    a->dh = w->dh;
    a->dw = w->dw;
    a->top = w->top;
    a->left = w->left;
}

static void fill_parts(const ln_plan *p, const ln_node *n, ln_args *a) {
    int32_t first = 0;
    for (int i = 0; i < n->n_in && i < LN_PARTS; i++) {
        const ln_shape *s = &p->graph->tensor[n->in[i]].shape;
        int32_t c = (int32_t)s->dim[s->rank - 1];
        a->part[i] = (ln_operand){element(p, n->in[i]), pixel_stride(p, n->in[i]), c, first};
        first += c;
    }
}

static void fill_args(const ln_plan *p, const ln_node *n, ln_args *a) {
    ln_tid y = n->out[0];
    ln_dims d = ln_dims_of(&p->graph->tensor[y].shape);
    *a = (ln_args){.x = LN_NO_OFF,
                   .res = LN_NO_OFF,
                   .gate = LN_NO_OFF,
                   .x2 = LN_NO_OFF,
                   .w = LN_NO_OFF,
                   .b = LN_NO_OFF};
    fill_input(p, n->in[0], a);
    a->oh = (int32_t)d.h;
    a->ow = (int32_t)d.w;
    a->oc = (int32_t)d.c;
    a->m = (int32_t)(d.n * d.h * d.w);
    a->y = element(p, y);
    a->yps = pixel_stride(p, y);
    fill_window(&(ln_window){1, 1, 1, 1, 1, 1, 0, 0, 0, 0}, a);
    a->groups = 1;
    ln_tid second = ln_node_in(n, 1);
    float act[4] = {0}, post[4] = {0};
    switch (n->op) {
    case LN_OP_CONV2D: {
        const ln_conv_attr *c = &n->attr.conv;
        fill_window(&c->win, a);
        a->groups = c->groups;
        a->res = element(p, ln_node_in(n, LN_CONV_RES));
        a->rps = pixel_stride(p, ln_node_in(n, LN_CONV_RES));
        a->gate = element(p, ln_node_in(n, LN_CONV_GATE));
        a->x2ps = pixel_stride(p, ln_node_in(n, LN_CONV_GATE));
        fill_act(&c->act, &a->act, act);
        fill_act(&c->post, &a->post, post);
        second = LN_NONE;
        break;
    }
    case LN_OP_FC:
        fill_act(&n->attr.fc.act, &a->act, act);
        second = LN_NONE;
        break;
    case LN_OP_POOL:
        if (n->attr.pool.global)
            fill_window(&(ln_window){a->h, a->wd, 1, 1, 1, 1, 0, 0, 0, 0}, a);
        else
            fill_window(&n->attr.pool.win, a);
        break;
    case LN_OP_ADD:
    case LN_OP_MUL: fill_act(&n->attr.binary.act, &a->act, act); break;
    case LN_OP_ACT: fill_act(&n->attr.act, &a->act, act); break;
    case LN_OP_LINEAR_ATTENTION: fill_act(&n->attr.linear.act, &a->act, act); break;
    case LN_OP_ATTENTION:
    case LN_OP_CONCAT: fill_parts(p, n, a); break;
    default: break;
    }
    if (second != LN_NONE) {
        const ln_shape *s = &p->graph->tensor[second].shape;
        a->x2 = element(p, second);
        a->x2ps = pixel_stride(p, second);
        a->x2c = (int32_t)s->dim[s->rank - 1];
    }
    a->lo = act[0], a->hi = act[1], a->alpha = act[2], a->beta = act[3];
    a->plo = post[0], a->phi = post[1], a->palpha = post[2], a->pbeta = post[3];
}

/* Bytes that any kernel must move: activations in and out once, constants once. */
static int64_t traffic(const ln_plan *p, const ln_node *n) {
    int64_t sum = 0, count;
    for (int k = 0; k < n->n_in + n->n_out; k++) {
        ln_tid t = k < n->n_in ? n->in[k] : n->out[k - n->n_in];
        if (t != LN_NONE && ln_shape_count(&p->graph->tensor[t].shape, &count))
            sum += count * (int64_t)sizeof(float);
    }
    return sum;
}

/* ---- steps ---- */

static linnet_status no_variant(const ln_plan *p, const ln_node *n, linnet_error *err) {
    char in[96], out[96];
    return ln_fail(err, LINNET_ERR_UNSUPPORTED, "%s: no kernel for %s %s -> %s on %s", n->name,
                   ln_op_infos[n->op].name, ln_shape_text(&p->graph->tensor[n->in[0]].shape, in),
                   ln_shape_text(&p->graph->tensor[n->out[0]].shape, out), p->caps.name);
}

static linnet_status add_step(ln_plan *p, int node, const ln_plan_params *params, int64_t *packed,
                              linnet_error *err) {
    const ln_node *n = &p->graph->node[node];
    ln_site site = {p->graph, n, &p->caps};
    const ln_variant *v =
        params && params->choose ? params->choose(params->user, &site) : ln_variant_choose(&site);
    if (!v) return no_variant(p, n, err);
    ln_step *s = &p->step[p->n_step];
    *s = (ln_step){.variant = v, .node = node, .packed_at = *packed};
    fill_args(p, n, &s->args);
    s->args.variant = (int32_t)(v - ln_variants);
    v->family->bind(v, &site, &s->args);
    s->packed = v->family->packed ? (int64_t)v->family->packed(v, &site) : 0;
    *packed += ln_round_up(s->packed, 32);
    if (*packed >= (int64_t)LN_NO_OFF)
        return ln_fail(err, LINNET_ERR_UNSUPPORTED, "%s: weights exceed 2^32 elements", n->name);
    if (s->args.w != LN_NO_OFF) s->args.w += (ln_u32)s->packed_at;
    if (s->args.b != LN_NO_OFF) s->args.b += (ln_u32)s->packed_at;
    s->macs = ln_node_macs(p->graph, n);
    s->bytes = traffic(p, n);
    p->n_step++;
    return LINNET_OK;
}

static linnet_status check_limits(const ln_plan *p, linnet_error *err) {
    struct {
        const char *what, *remedy;
        int64_t bytes;
    } part[] = {{"activations", "use a smaller batch or size", p->arena_bytes},
                {"weights", "use a smaller network or half precision", p->weight_bytes}};
    for (size_t i = 0; i < LN_COUNT(part); i++)
        if (p->caps.max_alloc && (uint64_t)part[i].bytes > p->caps.max_alloc)
            return ln_fail(err, LINNET_ERR_OUT_OF_MEMORY,
                           "%s: %s need %lld bytes in one buffer, %s allows %llu; %s",
                           p->graph->name, part[i].what, (long long)part[i].bytes, p->caps.name,
                           (unsigned long long)p->caps.max_alloc, part[i].remedy);
    if (p->arena_bytes / (int64_t)sizeof(float) >= (int64_t)LN_NO_OFF)
        return ln_fail(err, LINNET_ERR_UNSUPPORTED, "%s: activations exceed 2^32 elements",
                       p->graph->name);
    return LINNET_OK;
}

static linnet_status fill_plan(ln_plan *p, const ln_plan_params *params, linnet_error *err) {
    const ln_graph *g = p->graph;
    p->step = calloc((size_t)g->n_node + 1, sizeof *p->step);
    p->place = calloc((size_t)g->n_tensor + 1, sizeof *p->place);
    if (!p->step || !p->place) return ln_fail_oom(err, "plan", (size_t)g->n_node * sizeof *p->step);
    LN_TRY(ln_plan_place(p, params, err));
    int64_t packed = 0;
    for (int i = 0; i < g->n_node; i++)
        if (!ln_plan_is_alias(p, &g->node[i])) LN_TRY(add_step(p, i, params, &packed, err));
    p->weight_bytes = LN_MAX(packed, 32) * (int64_t)sizeof(float);
    return check_limits(p, err);
}

linnet_status ln_plan_create(ln_graph *g, const ln_caps *caps, const ln_plan_params *params,
                             ln_plan **out, linnet_error *err) {
    *out = NULL;
    linnet_error local;
    if (!err) err = &local;
    LN_TRY(copy_inputs(g, err));
    ln_plan *p = calloc(1, sizeof *p);
    if (!p) return ln_fail_oom(err, "plan", sizeof *p);
    p->graph = g;
    p->caps = *caps;
    linnet_status st = fill_plan(p, params, err);
    if (st != LINNET_OK) {
        ln_plan_destroy(&p);
        return st;
    }
    *out = p;
    return LINNET_OK;
}

void ln_plan_destroy(ln_plan **p) {
    if (!p || !*p) return;
    free((*p)->step);
    free((*p)->place);
    free(*p);
    *p = NULL;
}

linnet_status ln_plan_pack(const ln_plan *p, void *dst, linnet_error *err) {
    for (int i = 0; i < p->n_step; i++) {
        const ln_step *s = &p->step[i];
        if (!s->packed) continue;
        ln_site site = {p->graph, &p->graph->node[s->node], &p->caps};
        LN_TRY(s->variant->family->pack(s->variant, &site, (float *)dst + s->packed_at, err));
    }
    return LINNET_OK;
}
