/* Where every activation lies: liveness, sharing, and one arena.
 *
 * Sharing first: a reshape renames, a concat's inputs are slices of its output, an elementwise
 * result or a sum may overwrite the operand that dies with it. What is left gets offsets, the
 * largest first, each at the lowest place free over its whole life. */
#include "engine/plan.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGN_BYTES = 128, MOST_TRIES = 64 };

ln_dims ln_dims_of(const ln_shape *s) {
    ln_dims d = {1, 1, 1, s->dim[s->rank - 1]};
    if (s->rank > 1) d.n = s->dim[0];
    if (s->rank > 2) d.w = s->dim[s->rank - 2];
    for (int i = 1; i < s->rank - 2; i++) d.h *= s->dim[i];
    return d;
}

static int64_t pixels(const ln_shape *s) {
    ln_dims d = ln_dims_of(s);
    return d.n * d.h * d.w;
}

static bool is_activation(const ln_tensor *t) {
    return t->kind != LN_TENSOR_CONST;
}

/* A reshape that keeps the last dimension moves nothing in a channel-padded layout. */
static bool reshape_renames(const ln_graph *g, const ln_node *n) {
    const ln_shape *a = &g->tensor[n->in[0]].shape, *b = &g->tensor[n->out[0]].shape;
    bool planar = ln_tensor_planar(&g->tensor[n->in[0]]);
    return n->op == LN_OP_RESHAPE && !planar && a->dim[a->rank - 1] == b->dim[b->rank - 1];
}

static bool concat_aliases(const ln_plan *p, const ln_node *n) {
    if (n->op != LN_OP_CONCAT || n->attr.concat.groups > 1 || n->attr.concat.size) return false;
    for (int i = 0; i < n->n_in; i++)
        if (p->place[n->in[i]].owner != n->out[0]) return false;
    return true;
}

bool ln_plan_is_alias(const ln_plan *p, const ln_node *n) {
    if (reshape_renames(p->graph, n)) return p->place[n->out[0]].owner == n->in[0];
    return concat_aliases(p, n);
}

static ln_tid root(const ln_plan *p, ln_tid t) {
    while (p->place[t].owner != t) t = p->place[t].owner;
    return t;
}

/* The root when t is all of its memory, LN_NONE when t is a slice of it. */
static ln_tid whole_root(const ln_plan *p, ln_tid t) {
    for (; p->place[t].owner != t; t = p->place[t].owner)
        if (p->place[t].slice) return LN_NONE;
    return t;
}

static linnet_status init_places(ln_plan *p, linnet_error *err) {
    const ln_graph *g = p->graph;
    char text[96];
    for (ln_tid t = 0; t < g->n_tensor; t++) {
        const ln_tensor *x = &g->tensor[t];
        ln_place *pl = &p->place[t];
        *pl = (ln_place){.offset = -1, .owner = t, .first = -1, .last = -1};
        if (!is_activation(x)) continue;
        ln_dims d = ln_dims_of(&x->shape);
        pl->dense = ln_tensor_planar(x);
        pl->ps = pl->dense ? 1 : ln_round_up(d.c, LN_CPAD);
        pl->elem = (int64_t)ln_dtype_size(x->dtype);
        int64_t row = pl->dense ? d.c : pl->ps, count;
        if (!ln_mul_i64(pixels(&x->shape), row, &count) || !ln_mul_i64(count, pl->elem, &pl->bytes))
            pl->bytes = INT64_MAX;
        if (pl->bytes / pl->elem > LN_MAX_ELEMENTS)
            return ln_fail(err, LINNET_ERR_UNSUPPORTED,
                           "%s: tensor %s %s has more than 2^31 elements; use a smaller batch or "
                           "size",
                           g->name, x->name, ln_shape_text(&x->shape, text));
    }
    return LINNET_OK;
}

/* A chain writes its output while it still reads its inputs, from first node to last. */
static void note_chains(ln_plan *p) {
    const ln_graph *g = p->graph;
    for (int i = 0; i < g->n_node; i++) {
        int first = p->choice[i].chain, last = p->choice[first].chain_end;
        for (int k = 0; k < g->node[i].n_in; k++)
            if (g->node[i].in[k] != LN_NONE)
                p->place[g->node[i].in[k]].last = LN_MAX(p->place[g->node[i].in[k]].last, last);
        p->place[g->node[i].out[0]].first = first;
    }
}

static void note_life(ln_plan *p) {
    const ln_graph *g = p->graph;
    for (ln_tid t = 0; t < g->n_tensor; t++)
        if (g->tensor[t].kind == LN_TENSOR_INPUT) p->place[t].first = p->place[t].last = 0;
    for (int i = 0; i < g->n_node; i++) {
        const ln_node *n = &g->node[i];
        for (int k = 0; k < n->n_out; k++) p->place[n->out[k]].first = p->place[n->out[k]].last = i;
        for (int k = 0; k < n->n_in; k++)
            if (n->in[k] != LN_NONE) p->place[n->in[k]].last = i;
    }
    for (int i = 0; i < g->n_output; i++) {
        const ln_tid rows = g->tensor[g->output[i]].rows;
        p->place[g->output[i]].last = g->n_node;
        if (rows != LN_NONE) p->place[rows].last = g->n_node;
    }
    note_chains(p);
}

/* What is written once stays for many runs. */
static void keep_inputs(ln_plan *p) {
    const ln_graph *g = p->graph;
    for (int i = 0; i < g->n_input; i++) p->place[g->input[i]].last = g->n_node;
}

static bool is_output(const ln_graph *g, ln_tid t) {
    for (int i = 0; i < g->n_output; i++)
        if (g->output[i] == t) return true;
    return false;
}

/* Puts t into its owner's memory; the owner's life then covers t's. */
static void share(ln_plan *p, ln_tid t, ln_tid with) {
    ln_tid r = root(p, with);
    p->place[t].owner = with;
    p->place[r].first = LN_MIN(p->place[r].first, p->place[t].first);
    p->place[r].last = LN_MAX(p->place[r].last, p->place[t].last);
}

/* Whether each operand can be a part of the output: channels that start on a multiple of the
 * padding, or pixels that follow those of the operand before. */
static bool has_slices(const ln_graph *g, const ln_node *n) {
    const ln_shape *y = &g->tensor[n->out[0]].shape;
    int64_t at = 0;
    if (ln_node_is_plain_concat(n)) {
        for (int i = 0; i < n->n_in - 1; i++) {
            const ln_shape *x = &g->tensor[n->in[i]].shape;
            at += x->dim[x->rank - 1];
            if (at % LN_CPAD) return false;
        }
        return true;
    }
    if (n->op != LN_OP_CONCAT || !n->attr.concat.back) return false;
    for (int d = 0; d < y->rank - 1 - n->attr.concat.back; d++)
        if (y->dim[d] != 1) return false;
    return true;
}

/* All inputs as slices, or none: each must be made by a node for this concat's sake alone (no
 * other slice, no output of the graph). */
static void try_concat(ln_plan *p, const ln_node *n) {
    const ln_graph *g = p->graph;
    if (!has_slices(g, n)) return;
    for (int i = 0; i < n->n_in; i++) {
        const ln_place *pl = &p->place[n->in[i]];
        if (g->tensor[n->in[i]].kind != LN_TENSOR_NODE || pl->owner != n->in[i] || pl->dense ||
            is_output(g, n->in[i]))
            return;
        for (int k = 0; k < i; k++)
            if (n->in[k] == n->in[i]) return;
    }
    for (int i = 0; i < n->n_in; i++) {
        share(p, n->in[i], n->out[0]);
        p->place[n->in[i]].slice = true;
    }
}

/* The input whose memory the output may overwrite: every element is read only to make the same
 * element of the output. A chain's other tiles may still read it. */
static ln_tid overwritable(const ln_plan *p, int at, const ln_node *n) {
    const ln_graph *g = p->graph;
    int slot[3], count = 0;
    switch (n->op) {
    case LN_OP_ACT:
    case LN_OP_BATCH_NORM:
    case LN_OP_LAYER_NORM: slot[count++] = 0; break;
    case LN_OP_ADD:
    case LN_OP_MUL:
        slot[count++] = 0;
        slot[count++] = 1;
        break;
    case LN_OP_MAP:
        while (count < n->n_in) slot[count] = count, count++;
        break;
    case LN_OP_CONV2D: slot[count++] = LN_CONV_RES; break;
    default: break;
    }
    for (int i = 0; i < count; i++) {
        ln_tid t = ln_node_in(n, slot[i]);
        if (t == LN_NONE || p->place[n->out[0]].owner != n->out[0]) continue;
        ln_tid r = whole_root(p, t);
        if (r == LN_NONE || g->tensor[r].kind != LN_TENSOR_NODE || p->place[r].last != at) continue;
        if (!ln_shape_equal(&g->tensor[t].shape, &g->tensor[n->out[0]].shape) ||
            p->place[t].elem != p->place[n->out[0]].elem)
            continue;
        bool read_twice = p->choice[at].chain != at;
        for (int k = 0; k < n->n_in; k++)
            if (k != slot[i] && n->in[k] != LN_NONE && is_activation(&g->tensor[n->in[k]]))
                read_twice |= root(p, n->in[k]) == r;
        if (!read_twice) return t;
    }
    return LN_NONE;
}

static void share_all(ln_plan *p) {
    const ln_graph *g = p->graph;
    for (int i = 0; i < g->n_node; i++) {
        const ln_node *n = &g->node[i];
        if (n->op == LN_OP_CONCAT) try_concat(p, n);
    }
    for (int i = 0; i < g->n_node; i++) {
        const ln_node *n = &g->node[i];
        if (reshape_renames(g, n)) {
            if (p->place[n->out[0]].owner == n->out[0]) share(p, n->out[0], n->in[0]);
            continue;
        }
        ln_tid t = overwritable(p, i, n);
        if (t != LN_NONE) share(p, n->out[0], t);
    }
}

typedef struct block {
    ln_place *place;
    int64_t size, best; /* best: its offset in the smallest arena so far */
    int order;
} block;

static int by_size(const void *a, const void *b) {
    const block *x = a, *y = b;
    if (x->size != y->size) return x->size < y->size ? 1 : -1;
    return x->order < y->order ? -1 : 1; /* a fixed order keeps plans deterministic */
}

static int by_offset(const void *a, const void *b) {
    const ln_place *const *x = a, *const *y = b;
    return (*x)->offset < (*y)->offset ? -1 : (*x)->offset > (*y)->offset;
}

/* Everything that needs memory of its own: tensors and the scratch of chains. */
static int list_blocks(const ln_plan *p, int64_t guard, block *b) {
    const ln_graph *g = p->graph;
    int count = 0;
    for (ln_tid t = 0; t < g->n_tensor; t++)
        if (is_activation(&g->tensor[t]) && p->place[t].owner == t && !ln_chain_inner(p, t))
            b[count++] = (block){.place = &p->place[t]};
    for (int i = 0; i < g->n_node; i++)
        if (p->scratch[i].bytes) b[count++] = (block){.place = &p->scratch[i]};
    for (int i = 0; i < count; i++) {
        b[i].size = ln_round_up(b[i].place->bytes, ALIGN_BYTES) + guard;
        b[i].order = i;
    }
    qsort(b, (size_t)count, sizeof *b, by_size);
    return count;
}

/* The lowest offset where a block fits beside those placed already that live when it does. */
static int64_t lowest_gap(const block *b, int i, int64_t guard, const ln_place **near) {
    const ln_place *pl = b[i].place;
    int n = 0;
    for (int k = 0; k < i; k++)
        if (b[k].place->first <= pl->last && pl->first <= b[k].place->last) near[n++] = b[k].place;
    if (n) qsort((void *)near, (size_t)n, sizeof *near, by_offset);
    int64_t at = guard;
    for (int k = 0; k < n; k++) {
        if (near[k]->offset - at >= b[i].size) break;
        at = LN_MAX(at, near[k]->offset + ln_round_up(near[k]->bytes, ALIGN_BYTES) + guard);
    }
    return at;
}

static int64_t live_peak(const ln_plan *p, const block *b, int count) {
    int64_t peak = 0;
    for (int s = 0; s <= p->graph->n_node; s++) {
        int64_t live = 0;
        for (int i = 0; i < count; i++)
            if (b[i].place->first <= s && s <= b[i].place->last) live += b[i].size;
        peak = LN_MAX(peak, live);
    }
    return peak;
}

/* Places all in their order; the bytes that takes. *top: the block that ends last. */
static int64_t place_all(block *b, int count, int64_t guard, const ln_place **near, int *top) {
    int64_t bytes = 0;
    for (int i = 0; i < count; i++) {
        int64_t end = (b[i].place->offset = lowest_gap(b, i, guard, near)) + b[i].size;
        if (end <= bytes) continue;
        bytes = end;
        *top = i;
    }
    return bytes;
}

/* The largest first; as long as that takes more than the peak, the one that lies on top is placed
 * before all others, and the smallest arena is kept. */
static linnet_status assign(ln_plan *p, int64_t guard, linnet_error *err) {
    size_t most = (size_t)p->graph->n_tensor + (size_t)p->graph->n_node + 1;
    block *b = calloc(most, sizeof *b);
    const ln_place **near = calloc(most, sizeof(void *));
    if (!b || !near) {
        free(b);
        free((void *)near);
        return ln_fail_oom(err, "memory plan", most * sizeof *b);
    }
    int count = list_blocks(p, guard, b), top = 0;
    p->live_peak_bytes = live_peak(p, b, count);
    p->arena_bytes = INT64_MAX;
    for (int try = 0; try < MOST_TRIES && p->arena_bytes > p->live_peak_bytes + guard; try++) {
        if (try > 0) {
            block first = b[top];
            memmove(b + 1, b, (size_t)top * sizeof *b);
            b[0] = first;
        }
        int64_t bytes = place_all(b, count, guard, near, &top);
        if (bytes >= p->arena_bytes) continue;
        p->arena_bytes = bytes;
        for (int i = 0; i < count; i++) b[i].best = b[i].place->offset;
    }
    for (int i = 0; i < count; i++) b[i].place->offset = b[i].best;
    free(b);
    free((void *)near);
    return LINNET_OK;
}

/* Elements from the start of a concat's output, of pixel stride ps, to its slice t. */
static int64_t slice_offset(const ln_graph *g, ln_tid t, ln_tid whole, int64_t ps) {
    for (int i = 0; i < g->n_node; i++) {
        const ln_node *n = &g->node[i];
        if (n->op != LN_OP_CONCAT || n->out[0] != whole) continue;
        int64_t c = 0;
        for (int k = 0; k < n->n_in && n->in[k] != t; k++) {
            const ln_shape *s = &g->tensor[n->in[k]].shape;
            c += n->attr.concat.back ? pixels(s) * ps : s->dim[s->rank - 1];
        }
        return c;
    }
    return 0;
}

/* Slices and renamed tensors: offset and pixel stride follow from the owner's. */
static void resolve(ln_plan *p, ln_tid t) {
    const ln_tid r = root(p, t);
    int64_t offset = 0;
    for (ln_tid at = t; at != r; at = p->place[at].owner)
        if (p->place[at].slice)
            offset += slice_offset(p->graph, at, p->place[at].owner, p->place[r].ps);
    if (r == t) return;
    p->place[t].ps = p->place[r].ps;
    p->place[t].offset = p->place[r].offset + offset * p->place[r].elem;
}

linnet_status ln_plan_place(ln_plan *p, const ln_plan_params *params, linnet_error *err) {
    LN_TRY(init_places(p, err));
    LN_TRY(ln_chain_find(p, params, err));
    note_life(p);
    if (!params || !params->no_sharing) share_all(p);
    if (ln_caps_shares(&p->caps) || (params && params->no_sharing)) keep_inputs(p);
    LN_TRY(assign(p, params ? ln_round_up(params->guard, ALIGN_BYTES) : 0, err));
    for (ln_tid t = 0; t < p->graph->n_tensor; t++)
        if (is_activation(&p->graph->tensor[t])) resolve(p, t);
    p->arena_bytes = LN_MAX(p->arena_bytes, ALIGN_BYTES);
    return LINNET_OK;
}
