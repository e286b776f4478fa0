/* Tokens stay pixels of the map. Files unfold a map into patches (MobileViT, arXiv:2110.02178) or
 * into rows of tokens, run layers on the rows and fold them back. Layers of rows do not mind their
 * order: they run on the map, attention takes its patches by index, and unfolding and folding
 * cancel. A fully connected layer of a map's rows is a 1x1 convolution. */
#include "engine/passes/view.h"

#include <stdlib.h>
#include <string.h>

/* Tensor t as a view of a map; real: its node is in the graph; made: the same, made when needed. */
typedef struct rows {
    bool pending, real;
    ln_tid made;
    ln_moved m;
} rows;

typedef struct walk {
    ln_graph *g;
    rows *of;
    int n_tensor, changed;
} walk;

static rows *rows_of(const walk *w, ln_tid t) {
    return t >= 0 && t < w->n_tensor && w->of[t].pending ? &w->of[t] : NULL;
}

static bool is_output(const ln_graph *g, ln_tid t) {
    for (int i = 0; i < g->n_output; i++)
        if (g->output[i] == t) return true;
    return false;
}

static ln_tid failed(linnet_error *err) {
    ln_fail_oom(err, "a graph pass", 1);
    return LN_NONE;
}

/* Both have as many factors in each dimension. */
static bool same_first(const ln_moved *a, const ln_moved *b) {
    return a->rank == b->rank &&
           !memcmp(a->first, b->first, (size_t)(a->rank + 1) * sizeof *a->first);
}

/* ---- where a view must be made ---- */
static bool is_identity(const walk *w, ln_tid t, const ln_moved *m) {
    ln_moved own;
    if (!ln_shape_equal(&w->g->tensor[t].shape, &w->g->tensor[m->src].shape)) return false;
    ln_moved_whole(w->g, m->src, &own);
    return same_first(&own, m) && ln_moved_is(m, 0, m->rank, own.f, own.first[own.rank]);
}

static ln_tid add(walk *w, ln_op op, const char *what, ln_tid t, const ln_attr *a,
                  linnet_error *err) {
    const char *name = ln_pool_printf(&w->g->pool, "%s.%s", w->g->tensor[t].name, what);
    return name ? ln_graph_node(w->g, op, name, a, &t, 1, err) : failed(err);
}

/* A reshape into the factors in the order in which they lie, a permutation, and a reshape. */
static ln_tid make(walk *w, ln_tid t, const ln_moved *m, linnet_error *err) {
    const int n = m->first[m->rank];
    ln_attr apart = {.reshape = {{.rank = n}}}, turn = {0};
    const ln_attr to = {.reshape = {w->g->tensor[t].shape}};
    bool moved = false;
    for (int i = 0; i < n; i++) {
        int before = 0;
        for (int k = 0; k < n; k++) before += m->f[k].stride > m->f[i].stride;
        moved |= before != i;
        turn.permute.perm[i] = before;
        apart.reshape.shape.dim[before] = m->f[i].size;
    }
    if (!moved) return add(w, LN_OP_RESHAPE, "tokens", m->src, &to, err);
    ln_tid y = add(w, LN_OP_RESHAPE, "rows", m->src, &apart, err);
    if (y != LN_NONE) y = add(w, LN_OP_PERMUTE, "order", y, &turn, err);
    return y == LN_NONE ? y : add(w, LN_OP_RESHAPE, "tokens", y, &to, err);
}

static ln_tid settle(walk *w, ln_tid t, linnet_error *err) {
    rows *r = rows_of(w, t);
    if (!r) return t;
    if (is_identity(w, t, &r->m)) return r->m.src;
    if (r->real) return t;
    if (r->made == LN_NONE) r->made = make(w, t, &r->m, err);
    return r->made;
}

static linnet_status keep(walk *w, ln_node n, linnet_error *err) {
    for (int k = 0; k < n.n_in; k++) {
        if (n.in[k] == LN_NONE) continue;
        n.in[k] = settle(w, n.in[k], err);
        if (n.in[k] == LN_NONE) return LINNET_ERR_OUT_OF_MEMORY;
    }
    return ln_graph_append(w->g, &n, err);
}

/* ---- moves ---- */
static bool starts(const ln_graph *g, ln_tid t) {
    const ln_tensor *x = &g->tensor[t];
    return x->shape.rank == 4 && x->kind == LN_TENSOR_NODE && x->dtype == LN_F32 &&
           x->shape.dim[1] * x->shape.dim[2] > 1;
}

static linnet_status move(walk *w, const ln_node *n, linnet_error *err) {
    rows *r = rows_of(w, n->in[0]), y = {.pending = true, .real = true, .made = LN_NONE};
    if (!r && !starts(w->g, n->in[0])) return keep(w, *n, err);
    if (r)
        y.m = r->m, y.real = r->real;
    else
        ln_moved_whole(w->g, n->in[0], &y.m);
    if (is_output(w->g, n->out[0]) || !ln_moved_apply(&y.m, w->g, n) ||
        y.m.first[y.m.rank] > LN_MAX_RANK)
        return keep(w, *n, err);
    w->of[n->out[0]] = y;
    return y.real ? ln_graph_append(w->g, n, err) : LINNET_OK;
}

/* ---- layers of rows ---- */
/* Whole pixels of the map in some order, or NULL. */
static const ln_moved *in_rows(const walk *w, ln_tid t) {
    const rows *r = rows_of(w, t);
    if (!r) return NULL;
    const ln_factor lane = {w->g->tensor[r->m.src].shape.dim[3], 1};
    return ln_moved_is(&r->m, r->m.rank - 1, 1, &lane, 1) ? &r->m : NULL;
}

/* The same pixels in the same order. */
static bool same_rows(const walk *w, const ln_moved *a, const ln_moved *b) {
    const ln_shape *s = &w->g->tensor[a->src].shape, *t = &w->g->tensor[b->src].shape;
    const int64_t c = s->dim[3], d = t->dim[3];
    if (s->dim[0] != t->dim[0] || s->dim[1] != t->dim[1] || s->dim[2] != t->dim[2] ||
        !same_first(a, b))
        return false;
    for (int i = 0; i < a->first[a->rank - 1]; i++)
        if (a->f[i].size != b->f[i].size || a->f[i].stride / c != b->f[i].stride / d) return false;
    return true;
}

/* A matrix [OC,IC] as the weights of a 1x1 convolution. */
static ln_tid as_kernel(walk *w, ln_tid t, linnet_error *err) {
    const ln_tensor x = w->g->tensor[t];
    ln_view v = x.view;
    v.stride[1] = v.stride[2] = 0;
    v.stride[3] = x.view.stride[1];
    const ln_shape s = ln_nhwc(x.shape.dim[0], 1, 1, x.shape.dim[1]);
    const ln_tid y = ln_graph_const(w->g, x.name, s, v, false, err);
    if (y == LN_NONE) return LN_NONE;
    w->g->tensor[y].params = x.params;
    w->g->tensor[y].is_param = x.is_param;
    return y;
}

/* Pixels of patches first, then the patches: how MobileViT's tokens lie. */
static bool patches(const walk *w, const ln_moved *m, ln_attention_attr *a) {
    const ln_shape *s = &w->g->tensor[m->src].shape;
    const int64_t n = s->dim[0], height = s->dim[1], width = s->dim[2], c = s->dim[3];
    const int64_t seqs = ln_moved_count(m, 0, 1, NULL) / n;
    if (m->rank != 4 || a->patch_h != 1 || a->patch_w != 1) return false;
    for (int64_t ph = 1; ph <= LN_MIN(seqs, height); ph++) {
        const int64_t pw = seqs / ph;
        if (ph * pw != seqs || height % ph || width % pw) continue;
        const ln_factor seq[3] = {{n, height * width * c}, {ph, width * c}, {pw, c}};
        const ln_factor tok[2] = {{height / ph, ph * width * c}, {width / pw, pw * c}};
        if (!ln_moved_is(m, 0, 1, seq, 3) || !ln_moved_is(m, 1, 2, tok, 2)) continue;
        a->patch_h = (int)ph;
        a->patch_w = (int)pw;
        return true;
    }
    return false;
}

/* Whether n, its operands in rows like m, is a layer of rows; y: the same on the map. */
static bool as_layer(const walk *w, const ln_node *n, const ln_moved *m, ln_node *y) {
    const ln_tensor *second = n->n_in > 1 && n->in[1] != LN_NONE ? &w->g->tensor[n->in[1]] : NULL;
    *y = *n;
    switch (n->op) {
    case LN_OP_ACT: break;
    case LN_OP_LAYER_NORM:
        for (int k = 1; k < n->n_in; k++)
            if (n->in[k] != LN_NONE && w->g->tensor[n->in[k]].kind != LN_TENSOR_CONST) return false;
        break;
    case LN_OP_FC: {
        const ln_conv_attr conv = {.win = {1, 1, 1, 1, 1, 1}, .groups = 1, .act = n->attr.fc.act};
        if (ln_node_is_dynamic(w->g, n) || second->shape.rank != 2) return false;
        y->op = LN_OP_CONV2D;
        y->attr = (ln_attr){.conv = conv};
        break;
    }
    case LN_OP_ADD:
    case LN_OP_MUL:
        if (second->kind == LN_TENSOR_CONST) {
            if (second->shape.rank != 1) return false;
            break;
        }
        if (!in_rows(w, n->in[1]) || !same_rows(w, m, in_rows(w, n->in[1]))) return false;
        y->in[1] = in_rows(w, n->in[1])->src;
        break;
    case LN_OP_ATTENTION:
        for (int k = 1; k < 3; k++) {
            const ln_moved *o = in_rows(w, n->in[k]);
            if (!o || !same_rows(w, m, o)) return false;
            y->in[k] = o->src;
        }
        if (!patches(w, m, &y->attr.attention)) return false;
        break;
    default: return false;
    }
    y->in[0] = m->src;
    return true;
}

static linnet_status layer(walk *w, const ln_node *n, ln_node y, const ln_moved *m,
                           linnet_error *err) {
    rows out = {.pending = true, .made = LN_NONE, .m = *m};
    const int64_t before = w->g->tensor[m->src].shape.dim[3];
    if (n->op == LN_OP_FC) y.in[1] = as_kernel(w, y.in[1], err);
    if (n->op == LN_OP_FC && y.in[1] == LN_NONE) return LINNET_ERR_OUT_OF_MEMORY;
    out.m.src = ln_graph_node(w->g, y.op, n->name, &y.attr, y.in, y.n_in, err);
    if (out.m.src == LN_NONE) return err->status;
    const int64_t c = w->g->tensor[out.m.src].shape.dim[3];
    const int lane = out.m.first[out.m.rank - 1];
    for (int i = 0; i < lane; i++) out.m.f[i].stride = out.m.f[i].stride / before * c;
    out.m.f[lane] = (ln_factor){c, 1};
    w->of[n->out[0]] = out;
    w->changed++;
    return LINNET_OK;
}

static linnet_status visit(void *user, const ln_node *n, linnet_error *err) {
    walk *w = user;
    const ln_moved *m = in_rows(w, n->in[0]);
    ln_node y;
    if (n->op == LN_OP_RESHAPE || n->op == LN_OP_PERMUTE) return move(w, n, err);
    if (m && !is_output(w->g, n->out[0]) && w->g->tensor[m->src].shape.dim[3] > 1 &&
        as_layer(w, n, m, &y))
        return layer(w, n, y, m, err);
    return keep(w, *n, err);
}

static bool has_attention(const ln_graph *g) {
    for (int i = 0; i < g->n_node; i++)
        if (g->node[i].op == LN_OP_ATTENTION) return true;
    return false;
}

linnet_status ln_pass_sink_rows(ln_graph *g, int *changed, linnet_error *err) {
    walk w = {.g = g, .n_tensor = g->n_tensor};
    *changed = 0;
    if (!has_attention(g)) return LINNET_OK;
    w.of = calloc((size_t)g->n_tensor + 1, sizeof *w.of);
    if (!w.of) return ln_fail_oom(err, "a graph pass", (size_t)g->n_tensor * sizeof *w.of);
    const linnet_status s = ln_rewrite_replay(g, visit, &w, err);
    free(w.of);
    *changed = w.changed;
    return s;
}
