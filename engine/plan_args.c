/* What of a step's arguments follows from the node and the places of its tensors. */
#include "engine/plan.h"
#include "engine/quant.h"

static ln_u32 element(const ln_plan *p, ln_tid t) {
    if (t == LN_NONE || p->graph->tensor[t].kind == LN_TENSOR_CONST || p->place[t].offset < 0)
        return LN_NO_OFF;
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
        a->u.part[i].at = LN_NO_OFF;
        if (n->in[i] == LN_NONE) continue;
        const ln_shape *s = &p->graph->tensor[n->in[i]].shape;
        int32_t c = (int32_t)s->dim[s->rank - 1];
        a->u.part[i] = (ln_operand){element(p, n->in[i]), pixel_stride(p, n->in[i]), c, first};
        first += c;
    }
}

/* Places of operands of any rank; engine/kernels/nd.c makes strides of them. */
static void fill_nd(const ln_plan *p, const ln_node *n, ln_args *a) {
    for (int i = 0; i < LN_ND_IN; i++) {
        a->u.nd.at[i] = element(p, ln_node_in(n, i));
        a->u.nd.ps[i] = pixel_stride(p, ln_node_in(n, i));
    }
}

/* Zero points, and limits of the output for those of its activations that are clamps. */
static void fill_quant(const ln_plan *p, const ln_node *n, ln_args *a) {
    const ln_graph *g = p->graph;
    const ln_tid second = ln_node_in(n, 1);
    const ln_quant *y = &g->tensor[n->out[0]].q;
    const ln_act *act = n->op == LN_OP_CONV2D                      ? &n->attr.conv.act
                        : n->op == LN_OP_FC                        ? &n->attr.fc.act
                        : n->op == LN_OP_ADD || n->op == LN_OP_MUL ? &n->attr.binary.act
                                                                   : &(ln_act){LN_ACT_NONE};
    int32_t lo, hi;
    a->xz = g->tensor[n->in[0]].q.zero;
    a->wz = second == LN_NONE ? 0 : g->tensor[second].q.zero;
    a->yz = y->zero;
    ln_quant_limits(y, act, &lo, &hi);
    a->lo = (float)(lo - y->zero);
    a->hi = (float)(hi - y->zero);
}

void ln_args_fill(const ln_plan *p, const ln_node *n, ln_args *a) {
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
    a->y2 = n->n_out > 1 ? element(p, n->out[1]) : LN_NO_OFF;
    a->y3 = n->n_out > 2 ? element(p, n->out[2]) : LN_NO_OFF;
    a->y2ps = n->n_out > 1 ? pixel_stride(p, n->out[1]) : 0;
    a->y3ps = n->n_out > 2 ? pixel_stride(p, n->out[2]) : 0;
    fill_window(&(ln_window){1, 1, 1, 1, 1, 1, 0, 0, 0, 0}, a);
    a->groups = 1;
    ln_tid second = ln_node_in(n, 1);
    float act[4] = {0}, post[4] = {0};
    switch (n->op) {
    case LN_OP_CONV2D: {
        const ln_conv_attr *c = &n->attr.conv;
        fill_window(&c->win, a);
        a->groups = c->groups;
        a->flags = c->interleaved ? LN_FLAG_INTERLEAVED : 0;
        a->res = element(p, ln_node_in(n, LN_CONV_RES));
        a->rps = pixel_stride(p, ln_node_in(n, LN_CONV_RES));
        a->gate = element(p, ln_node_in(n, LN_CONV_GATE));
        a->x2ps = pixel_stride(p, ln_node_in(n, LN_CONV_GATE));
        fill_act(&c->act, &a->act, act);
        fill_act(&c->post, &a->post, post);
        if (ln_node_is_dynamic(p->graph, n)) fill_parts(p, n, a);
        second = LN_NONE;
        break;
    }
    case LN_OP_CONV_TRANSPOSE:
        fill_window(&n->attr.conv.win, a);
        a->groups = n->attr.conv.groups;
        fill_act(&n->attr.conv.act, &a->act, act);
        if (ln_node_is_dynamic(p->graph, n)) fill_parts(p, n, a);
        second = LN_NONE;
        break;
    case LN_OP_FC:
        if (ln_node_is_dynamic(p->graph, n)) fill_parts(p, n, a);
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
    case LN_OP_SE:
        fill_act(&n->attr.se.act, &a->act, act);
        fill_act(&n->attr.se.gate, &a->post, post);
        second = LN_NONE;
        break;
    case LN_OP_LINEAR_ATTENTION: fill_act(&n->attr.linear.act, &a->act, act); break;
    case LN_OP_ATTENTION:
    case LN_OP_CONCAT: fill_parts(p, n, a); break;
    default: fill_nd(p, n, a); break;
    }
    if (second != LN_NONE) {
        const ln_shape *s = &p->graph->tensor[second].shape;
        a->x2 = element(p, second);
        a->x2ps = pixel_stride(p, second);
        a->x2c = (int32_t)s->dim[s->rank - 1];
    }
    a->lo = act[0], a->hi = act[1], a->alpha = act[2], a->beta = act[3];
    a->plo = post[0], a->phi = post[1], a->palpha = post[2], a->pbeta = post[3];
    if (p->graph->tensor[y].dtype == LN_I8) fill_quant(p, n, a);
}
