/* Permutations are put off for as long as what reads them does not mind the order of dimensions:
 * elementwise functions, concats, slices and padding run on the values as they were, and what is
 * asked for in the end is one permutation, which often is none at all or moves only dimensions of
 * one, which is a reshape. */
#include "engine/passes/rewrite.h"

#include <stdlib.h>
#include <string.h>

/* Tensor t stands for the tensor of the same id with its dimensions in the order perm, once
 * `pending`; `made` is where that was done already. */
typedef struct order {
    ln_tid src, made;
    int perm[LN_MAX_RANK];
    bool pending;
} order;

typedef struct walk {
    ln_graph *g;
    order *of;    /* by tensor that was there at the start */
    int n_tensor; /* how many */
} walk;

static order *order_of(const walk *w, ln_tid t) {
    return t >= 0 && t < w->n_tensor && w->of[t].pending ? &w->of[t] : NULL;
}

static const ln_shape *shape_of(const walk *w, ln_tid t) {
    return &w->g->tensor[t].shape;
}

static bool is_output(const ln_graph *g, ln_tid t) {
    for (int i = 0; i < g->n_output; i++)
        if (g->output[i] == t) return true;
    return false;
}

static bool is_identity(const int *perm, int rank) {
    for (int d = 0; d < rank; d++)
        if (perm[d] != d) return false;
    return true;
}

/* Whether all dimensions but those of one stay in order: a reshape does it. */
static bool keeps_order(const ln_shape *x, const int *perm) {
    int last = -1;
    for (int d = 0; d < x->rank; d++) {
        if (x->dim[perm[d]] == 1) continue;
        if (perm[d] < last) return false;
        last = perm[d];
    }
    return true;
}

static ln_shape permuted(const ln_shape *x, const int *perm) {
    ln_shape y = *x;
    for (int d = 0; d < x->rank; d++) y.dim[d] = x->dim[perm[d]];
    return y;
}

static void invert(const int *perm, int rank, int *back) {
    for (int d = 0; d < rank; d++) back[perm[d]] = d;
}

/* ---- making it so ---- */

/* A constant is a view: other strides will do. Fewer dimensions than rank get ones in front. */
static ln_tid permute_const(walk *w, ln_tid t, const int *perm, int rank, linnet_error *err) {
    const ln_tensor c = w->g->tensor[t]; /* a copy: the table may move */
    const int front = rank - c.shape.rank;
    ln_view v = c.view;
    ln_shape s = {.rank = rank};
    for (int d = 0; d < rank; d++) {
        s.dim[d] = perm[d] < front ? 1 : c.shape.dim[perm[d] - front];
        v.stride[d] = perm[d] < front ? 0 : c.view.stride[perm[d] - front];
    }
    const ln_tid y = ln_graph_const(w->g, c.name, s, v, false, err);
    if (y == LN_NONE) return LN_NONE;
    w->g->tensor[y].params = c.params;
    w->g->tensor[y].is_param = c.is_param;
    return y;
}

static ln_attr permute_attr(const ln_shape *x, const int *perm, ln_op *op) {
    ln_attr a = {.permute = {{0}}};
    *op = keeps_order(x, perm) ? LN_OP_RESHAPE : LN_OP_PERMUTE;
    if (*op == LN_OP_RESHAPE)
        a.reshape = (ln_reshape_attr){permuted(x, perm)};
    else
        memcpy(a.permute.perm, perm, sizeof a.permute.perm);
    return a;
}

static ln_tid permute(walk *w, ln_tid t, const int *perm, linnet_error *err) {
    const ln_shape x = *shape_of(w, t);
    ln_op op;
    if (is_identity(perm, x.rank)) return t;
    if (w->g->tensor[t].kind == LN_TENSOR_CONST && !w->g->tensor[t].view.scale)
        return permute_const(w, t, perm, x.rank, err);
    const ln_attr a = permute_attr(&x, perm, &op);
    const char *name = ln_pool_printf(&w->g->pool, "%s.permute", w->g->tensor[t].name);
    if (!name) {
        ln_fail_oom(err, "a graph pass", 1);
        return LN_NONE;
    }
    return ln_graph_node(w->g, op, name, &a, &t, 1, err);
}

/* The tensor that t stands for. */
static ln_tid settle(walk *w, ln_tid t, linnet_error *err) {
    order *o = order_of(w, t);
    if (!o) return t;
    if (o->made == LN_NONE) o->made = permute(w, o->src, o->perm, err);
    return o->made;
}

/* ---- putting it off ---- */

/* Attributes of n for operands in the order before perm; false: n minds the order. */
static bool turn_attr(const ln_node *n, const int *perm, int rank, ln_attr *a) {
    *a = n->attr;
    switch (n->op) {
    case LN_OP_ACT:
    case LN_OP_MAP: return true;
    case LN_OP_CONCAT:
        if (n->attr.concat.groups > 1 || n->attr.concat.size) return false;
        a->concat.back = rank - 1 - perm[rank - 1 - n->attr.concat.back];
        return true;
    case LN_OP_SLICE:
        for (int d = 0; d < rank; d++) {
            a->slice.begin[perm[d]] = n->attr.slice.begin[d];
            a->slice.step[perm[d]] = n->attr.slice.step[d];
            a->slice.size.dim[perm[d]] = n->attr.slice.size.dim[d];
        }
        return true;
    case LN_OP_PAD:
        for (int d = 0; d < rank; d++) {
            a->pad.before[perm[d]] = n->attr.pad.before[d];
            a->pad.after[perm[d]] = n->attr.pad.after[d];
        }
        return true;
    default: return false;
    }
}

static bool same_order(const order *o, const int *perm, int rank) {
    return o && !memcmp(o->perm, perm, (size_t)rank * sizeof *perm);
}

/* Whether operand t of n can be had in the order before perm for nothing or next to it: it stands
 * for such a tensor, is one element, or only dimensions of one would move; constants turn freely.
 */
static bool turns(const walk *w, const ln_node *n, ln_tid t, const int *perm, int rank) {
    const ln_shape *x = shape_of(w, t);
    int64_t count = 0;
    int back[LN_MAX_RANK];
    if (order_of(w, t)) return x->rank == rank && same_order(order_of(w, t), perm, rank);
    if (n->op == LN_OP_MAP && ln_shape_count(x, &count) && count == 1) return true;
    const ln_tensor *c = &w->g->tensor[t];
    if (c->kind == LN_TENSOR_CONST && !c->view.scale) return n->op == LN_OP_MAP || x->rank == rank;
    if (x->rank != rank) return false;
    invert(perm, rank, back);
    return keeps_order(x, back);
}

static ln_tid turned(walk *w, ln_tid t, const int *perm, int rank, linnet_error *err) {
    int back[LN_MAX_RANK];
    if (order_of(w, t)) return order_of(w, t)->src;
    invert(perm, rank, back);
    if (shape_of(w, t)->rank == rank) return permute(w, t, back, err);
    if (w->g->tensor[t].kind != LN_TENSOR_CONST) return t; /* one element */
    return permute_const(w, t, back, rank, err);
}

/* The shape of what t stands for. */
static ln_shape real_shape(const walk *w, ln_tid t) {
    const order *o = order_of(w, t);
    return o ? permuted(shape_of(w, o->src), o->perm) : *shape_of(w, t);
}

static bool equal_shapes(const walk *w, const ln_node *n) {
    const ln_shape a = real_shape(w, n->in[0]), b = real_shape(w, n->in[1]);
    return ln_shape_equal(&a, &b);
}

/* The order that n's output can have pending, from one of its operands; NULL: none. */
static const order *common_order(const walk *w, const ln_node *n, int rank, ln_attr *a) {
    const order *o = NULL;
    for (int k = 0; k < n->n_in && !o; k++) o = order_of(w, n->in[k]);
    if (!o || n->n_out != 1 || is_output(w->g, n->out[0])) return NULL;
    *a = n->attr;
    const bool sum = (n->op == LN_OP_ADD || n->op == LN_OP_MUL) && equal_shapes(w, n);
    if (shape_of(w, o->src)->rank != rank || (!sum && !turn_attr(n, o->perm, rank, a))) return NULL;
    for (int k = 0; k < n->n_in; k++)
        if (n->in[k] == LN_NONE || !turns(w, n, n->in[k], o->perm, rank)) return NULL;
    return o;
}

/* n on its operands as they were; its output stands for what it was. */
static linnet_status put_off(walk *w, ln_node n, const order *o, const ln_attr *a, int rank,
                             linnet_error *err) {
    order mine = *o;
    ln_shape shape[LN_MAX_OUT];
    for (int k = 0; k < n.n_in; k++) {
        n.in[k] = turned(w, n.in[k], mine.perm, rank, err);
        if (n.in[k] == LN_NONE) return LINNET_ERR_OUT_OF_MEMORY;
    }
    n.attr = *a;
    LN_TRY(ln_node_shape(w->g, &n, shape, err));
    w->g->tensor[n.out[0]].shape = shape[0];
    mine.src = n.out[0], mine.made = LN_NONE;
    w->of[n.out[0]] = mine;
    return ln_graph_append(w->g, &n, err);
}

/* A permutation of what may be one already. */
static linnet_status merge(walk *w, ln_node n, linnet_error *err) {
    const order *before = order_of(w, n.in[0]);
    const int rank = shape_of(w, n.out[0])->rank;
    order mine = {.src = before ? before->src : n.in[0], .made = LN_NONE, .pending = true};
    for (int d = 0; d < rank; d++) {
        const int from = n.attr.permute.perm[d];
        mine.perm[d] = before ? before->perm[from] : from;
    }
    if (!is_output(w->g, n.out[0])) {
        w->of[n.out[0]] = mine;
        return LINNET_OK;
    }
    n.in[0] = mine.src;
    n.attr = permute_attr(shape_of(w, mine.src), mine.perm, &n.op);
    return ln_graph_append(w->g, &n, err);
}

/* A factor whose last two dimensions are exchanged is one that the product itself can turn. */
static ln_tid settle_factor(walk *w, ln_tid t, bool *turn, linnet_error *err) {
    const order *o = order_of(w, t);
    const int rank = shape_of(w, t)->rank;
    int perm[LN_MAX_RANK];
    if (!o || o->perm[rank - 2] != rank - 1) return settle(w, t, err);
    memcpy(perm, o->perm, sizeof perm);
    perm[rank - 2] = o->perm[rank - 1], perm[rank - 1] = rank - 1;
    *turn = !*turn;
    return permute(w, o->src, perm, err);
}

static ln_tid settle_input(walk *w, ln_node *n, int k, linnet_error *err) {
    if (n->op != LN_OP_MATMUL) return settle(w, n->in[k], err);
    return settle_factor(w, n->in[k], k ? &n->attr.matmul.trans_b : &n->attr.matmul.trans_a, err);
}

static linnet_status visit(void *user, const ln_node *n, linnet_error *err) {
    walk *w = user;
    ln_attr a;
    const int rank = shape_of(w, n->out[0])->rank;
    if (n->op == LN_OP_PERMUTE) return merge(w, *n, err);
    const order *o = common_order(w, n, rank, &a);
    if (o) return put_off(w, *n, o, &a, rank, err);
    ln_node copy = *n;
    for (int k = 0; k < copy.n_in; k++) {
        if (copy.in[k] == LN_NONE) continue;
        copy.in[k] = settle_input(w, &copy, k, err);
        if (copy.in[k] == LN_NONE) return LINNET_ERR_OUT_OF_MEMORY;
    }
    return ln_graph_append(w->g, &copy, err);
}

static bool has_permutes(const ln_graph *g) {
    for (int i = 0; i < g->n_node; i++)
        if (g->node[i].op == LN_OP_PERMUTE) return true;
    return false;
}

linnet_status ln_pass_merge_permutes(ln_graph *g, int *changed, linnet_error *err) {
    walk w = {.g = g, .n_tensor = g->n_tensor};
    *changed = 0;
    if (!has_permutes(g)) return LINNET_OK;
    w.of = calloc((size_t)g->n_tensor + 1, sizeof *w.of);
    if (!w.of) return ln_fail_oom(err, "a graph pass", (size_t)g->n_tensor * sizeof *w.of);
    const linnet_status s = ln_rewrite_replay(g, visit, &w, err);
    free(w.of);
    *changed = 1;
    return s;
}
