/* Chains: nodes that run one after another over a band of rows, so that what lies between them
 * stays in the cache and never becomes a tensor (an inverted bottleneck: expand, depthwise,
 * project). The parts are the nodes' own variants with their arguments cut down to a band; rows
 * that two bands both need are computed twice. cl_kernels/walk.clh walks them. */
#include "engine/plan.h"

#include <stdlib.h>
#include <string.h>

enum {
    LONGEST = LN_STEP_PARTS, /* nodes of a chain */
    BAND_BYTES = 640 * 1024, /* of what lies between: within a core's own cache */
    TILES_A_UNIT = 2         /* so that a disturbed core can be helped */
};
/* Work over that of the nodes alone, for rows that two bands need; what a chain saves is less. */
#define MOST_REPEATED 1.2

/* ---- which nodes ---- */

static const ln_shape *shape_of(const ln_plan *p, ln_tid t) {
    return &p->graph->tensor[t].shape;
}

static bool pointwise(const ln_node *n) {
    return n->attr.conv.win.kh == 1 && n->attr.conv.win.kw == 1 && n->attr.conv.groups == 1;
}

static bool narrows(const ln_plan *p, const ln_node *n) {
    return shape_of(p, n->out[0])->dim[3] < shape_of(p, n->in[0])->dim[3];
}

/* A chain is no kernel that could be checked alone, as those of some compilers must be. */
static bool can_band(const ln_plan *p, int i) {
    if (ln_caps_quirk(&p->caps, LN_QUIRK_MISCOMPILES)) return false;
    const ln_variant *v = p->choice[i].variant;
    return p->graph->node[i].op == LN_OP_CONV2D && v && v->tier == LN_TIER_DEEP && v->family->bands;
}

/* Node i+1 is the only reader of node i's output. */
static bool feeds_next(const ln_plan *p, int i, const int *uses) {
    const ln_graph *g = p->graph;
    ln_tid t = g->node[i].out[0];
    return i + 1 < g->n_node && g->node[i + 1].in[0] == t && uses[t] == 1 && can_band(p, i + 1);
}

/* A chain ends where the map is narrow again: at a pointwise that projects, or, where a depthwise
 * begins the chain, at the pointwise behind it unless that one only expands for another. */
static int chain_from(const ln_plan *p, int first, const int *uses) {
    const ln_node *node = p->graph->node;
    const ln_tensor *x = &p->graph->tensor[node[first].in[0]];
    /* a band begins on a whole word */
    bool words = x->shape.rank == 4 && x->shape.dim[2] * (int64_t)ln_dtype_size(x->dtype) % 4 == 0;
    if (!can_band(p, first) || !words) return first;
    int i = first;
    while (i - first + 1 < LONGEST && feeds_next(p, i, uses)) {
        i++;
        if (!pointwise(&node[i])) continue;
        if (narrows(p, &node[i])) return i;
        bool another = feeds_next(p, i, uses) && !pointwise(&node[i + 1]) &&
                       feeds_next(p, i + 1, uses) && pointwise(&node[i + 2]) &&
                       narrows(p, &node[i + 2]);
        if (!another && !pointwise(&node[i - 1])) return i;
    }
    return i;
}

static int *count_uses(const ln_graph *g, linnet_error *err) {
    int *uses = calloc((size_t)g->n_tensor + 1, sizeof *uses);
    if (!uses) {
        ln_fail_oom(err, "plan", (size_t)g->n_tensor * sizeof *uses);
        return NULL;
    }
    for (int i = 0; i < g->n_node; i++)
        for (int k = 0; k < g->node[i].n_in; k++)
            if (g->node[i].in[k] != LN_NONE) uses[g->node[i].in[k]]++;
    for (int i = 0; i < g->n_output; i++) uses[g->output[i]]++;
    return uses;
}

/* ---- bands ---- */

typedef struct rows {
    int from, to;
} rows;

/* Rows of the input that output rows y read. */
static rows input_rows(const ln_args *a, rows y) {
    int from = y.from * a->sh - a->top, to = (y.to - 1) * a->sh - a->top + (a->kh - 1) * a->dh + 1;
    return (rows){LN_MAX(from, 0), LN_MIN(to, a->h)};
}

/* A chain's nodes with their arguments as if each ran alone, last first out. */
typedef struct chain {
    int first, count;
    ln_args args[LONGEST];
    int64_t elem[LONGEST];    /* bytes of an element that each node makes */
    int64_t in, out;          /* of what the first reads, of the residuals */
    int tiles, bands, height; /* tiles of the step; bands of a tile; rows of a band */
} chain;

/* Rows that each node makes for output rows y of the chain. */
static void trace(const chain *c, rows y, rows *made) {
    for (int k = c->count - 1; k >= 0; k--) {
        made[k] = y;
        y = input_rows(&c->args[k], y);
    }
}

static int64_t row_bytes(const chain *c, int k) {
    return c->args[k].ow * ln_round_up(c->args[k].oc, LN_CPAD) * c->elem[k];
}

/* Bytes of memory for what lies between the nodes, for the largest band of the given height. */
static int64_t between(const chain *c, int height, int64_t *part) {
    int oh = c->args[c->count - 1].oh;
    int64_t sum = 0;
    for (int k = 0; k < c->count - 1; k++) part[k] = 0;
    for (int y = 0; y < oh; y += height) {
        rows made[LONGEST];
        trace(c, (rows){y, LN_MIN(y + height, oh)}, made);
        for (int k = 0; k < c->count - 1; k++)
            part[k] = LN_MAX(part[k], (made[k].to - made[k].from) * row_bytes(c, k));
    }
    for (int k = 0; k < c->count - 1; k++) {
        part[k] = ln_round_up(part[k], 128);
        sum += part[k];
    }
    return sum;
}

/* Tiles of whole images or of rows of one; bands as high as the cache allows. */
static void cut(const ln_plan *p, chain *c) {
    const ln_args *last = &c->args[c->count - 1];
    int64_t part[LONGEST];
    int units = (int)LN_MAX(p->caps.compute_units, 1);
    int want = (int)ln_ceil_div(units * TILES_A_UNIT, last->n);
    if (want < TILES_A_UNIT * 2) want = last->oh >= 28 ? want : LN_MIN(want, units);
    int each = LN_MAX((int)ln_ceil_div(last->oh, want), 1);
    c->tiles = (int)ln_ceil_div(last->oh, each);
    c->height = each;
    while (c->height > 1 && between(c, c->height, part) > BAND_BYTES) c->height--;
    c->bands = (int)ln_ceil_div(each, c->height);
    c->height = (int)ln_ceil_div(each, c->bands); /* even ones */
}

static ln_dtype type_of(const ln_plan *p, ln_tid t) {
    return p->graph->tensor[t].dtype;
}

/* What lies between two nodes of a chain of halves is never stored, and stays as it was summed. */
static bool stays_float(const ln_plan *p, int node) {
    const ln_node *n = &p->graph->node[node];
    return type_of(p, n->out[0]) == LN_F16 && ln_node_in(n, LN_CONV_RES) == LN_NONE &&
           ln_node_in(n + 1, LN_CONV_GATE) == LN_NONE;
}

static void load(const ln_plan *p, int first, int last, chain *c) {
    const ln_node *node = p->graph->node;
    c->first = first;
    c->count = last - first + 1;
    for (int k = 0; k < c->count; k++) ln_args_fill(p, &node[first + k], &c->args[k]);
    for (int k = 0; k < c->count; k++) {
        const bool floats = k + 1 < c->count && stays_float(p, first + k);
        c->elem[k] = (int64_t)ln_dtype_size(floats ? LN_F32 : type_of(p, node[first + k].out[0]));
        if (floats) c->args[k].flags |= LN_FLAG_Y_FLOAT, c->args[k + 1].flags |= LN_FLAG_X_FLOAT;
    }
    c->in = (int64_t)ln_dtype_size(type_of(p, node[first].in[0]));
    c->out = (int64_t)ln_dtype_size(type_of(p, node[last].out[0]));
    cut(p, c);
}

/* Multiply-adds of all bands over those of the nodes alone. */
static double repeated(const chain *c) {
    const int oh = c->args[c->count - 1].oh, each = (int)ln_ceil_div(oh, c->tiles);
    double sum = 0, once = 0;
    for (int k = 0; k < c->count; k++) {
        const ln_args *a = &c->args[k];
        once += (double)a->oh * a->ow * a->oc * a->kh * a->kw * a->c / a->groups;
    }
    for (int from = 0; from < oh; from += each)
        for (int y = from; y < LN_MIN(from + each, oh); y += c->height) {
            rows made[LONGEST];
            trace(c, (rows){y, LN_MIN(LN_MIN(y + c->height, from + each), oh)}, made);
            for (int k = 0; k < c->count; k++) {
                const ln_args *a = &c->args[k];
                sum += (double)(made[k].to - made[k].from) * a->ow * a->oc * a->kh * a->kw * a->c /
                       a->groups;
            }
        }
    return sum / once;
}

bool ln_chain_default(void *user, const ln_plan *p, int first, int last) {
    (void)user;
    const ln_shape *in = shape_of(p, p->graph->node[first].in[0]);
    if (last == first || in->dim[1] * in->dim[2] < 28 * 28) return false;
    chain c;
    load(p, first, last, &c);
    return repeated(&c) <= MOST_REPEATED;
}

linnet_status ln_chain_find(ln_plan *p, const ln_plan_params *params, linnet_error *err) {
    const ln_graph *g = p->graph;
    int *uses = count_uses(g, err);
    if (!uses) return LINNET_ERR_OUT_OF_MEMORY;
    for (int i = 0, end; i < g->n_node; i = end + 1) {
        end = chain_from(p, i, uses);
        bool wanted = end > i && (params && params->chain ? params->chain(params->user, p, i, end)
                                                          : ln_chain_default(NULL, p, i, end));
        if (!wanted) end = i;
        p->choice[i].chain_end = end;
        for (int k = i; k <= end; k++) p->choice[k].chain = i;
        if (end == i) continue;
        chain c;
        int64_t part[LONGEST];
        load(p, i, end, &c);
        p->scratch[i].bytes = between(&c, c.height, part) * c.tiles * c.args[c.count - 1].n;
        p->scratch[i].first = i;
        p->scratch[i].last = end;
    }
    free(uses);
    return LINNET_OK;
}

bool ln_chain_inner(const ln_plan *p, ln_tid t) {
    const ln_graph *g = p->graph;
    for (int i = 0; i < g->n_node; i++)
        if (g->node[i].out[0] == t) return p->choice[p->choice[i].chain].chain_end > i;
    return false;
}

/* ---- records ---- */

/* An offset in words of 4 bytes. */
static ln_u32 words(int64_t count, int64_t bytes) {
    return (ln_u32)(count * bytes / (int64_t)sizeof(float));
}

static void band_record(const chain *c, int k, int image, const rows *made, const int64_t *inner,
                        ln_args *a) {
    const ln_args *whole = &c->args[k];
    rows y = made[k], in = input_rows(whole, y);
    *a = *whole;
    a->n = 1;
    a->top = in.from - (y.from * whole->sh - whole->top);
    a->h = in.to - in.from;
    a->oh = y.to - y.from;
    a->m = a->oh * a->ow;
    a->t1 = a->t3 = a->tiles = 1;
    if (k == 0)
        a->x += words((int64_t)image * whole->xns + (int64_t)in.from * whole->xrs, c->in);
    else
        a->x = words(inner[k - 1], 1); /* begins at the very row: made[k-1].from == in.from */
    int64_t first = (int64_t)image * whole->oh + y.from; /* row of the batch */
    if (k + 1 < c->count)
        a->y = words(inner[k], 1);
    else
        a->y += words(first * whole->ow * whole->yps, c->elem[k]);
    if (a->res != LN_NO_OFF) a->res += words(first * whole->ow * whole->rps, c->out);
    if (a->gate != LN_NO_OFF) a->gate += words((int64_t)image * whole->x2ps, c->out);
}

/* Inner tensors lie dense in the scratch: their strides are those of a tensor of its own. */
static void bind(const ln_plan *p, chain *c) {
    for (int k = 0; k < c->count; k++) ln_plan_bind(p, c->first + k, &c->args[k]);
}

linnet_status ln_chain_records(ln_plan *p, ln_step *s, linnet_error *err) {
    chain c;
    load(p, s->first, s->node, &c);
    bind(p, &c);
    const ln_args *last = &c.args[c.count - 1];
    int64_t part[LONGEST], inner[LONGEST], size = between(&c, c.height, part);
    int per_tile = c.bands * c.count, tiles = c.tiles * last->n;
    size_t want = (size_t)p->n_record + (size_t)per_tile * (size_t)tiles;
    ln_args *grown = realloc(p->record, want * sizeof *grown);
    if (!grown) return ln_fail_oom(err, "plan", want * sizeof *grown);
    p->record = grown;
    s->args = (ln_args){.variant = LN_CHAIN,
                        .tiles = tiles,
                        .t0 = p->n_record,
                        .t1 = per_tile,
                        .t2 = c.count,
                        .n = last->n,
                        .oh = last->oh,
                        .ow = last->ow,
                        .oc = last->oc};
    for (int t = 0; t < tiles; t++) {
        int image = t / c.tiles, slab = t % c.tiles;
        int each = (int)ln_ceil_div(last->oh, c.tiles);
        rows own = {slab * each, LN_MIN((slab + 1) * each, last->oh)};
        inner[0] = p->scratch[s->first].offset + t * size;
        for (int k = 1; k < c.count; k++) inner[k] = inner[k - 1] + part[k - 1];
        for (int b = 0; b < c.bands; b++) {
            rows made[LONGEST],
                y = {own.from + b * c.height, LN_MIN(own.from + (b + 1) * c.height, own.to)};
            bool empty = y.from >= y.to;
            if (!empty) trace(&c, y, made);
            for (int k = 0; k < c.count; k++) {
                ln_args *a = &p->record[p->n_record++];
                if (empty)
                    *a = (ln_args){.variant = LN_SKIP};
                else
                    band_record(&c, k, image, made, inner, a);
            }
        }
    }
    return LINNET_OK;
}
