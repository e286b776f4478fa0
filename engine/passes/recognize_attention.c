/* Attention written out: softmax(scale * Q K^T) V, where Q, K and V are views of maps [N,H,W,C] (or
 * of tokens [N,T,C]) whose channels hold the heads, and the product lies in such an order again.
 * Any spelling of the way there will do: reshapes, permutations, splits, a scale on either side. */
#include "engine/passes/view.h"

#include <stdlib.h>
#include <string.h>

typedef struct found {
    ln_attention_attr attr;
    ln_tid in[3];
} found;

/* A map, or tokens as a map of one column. */
static bool as_map(const ln_graph *g, ln_tid t, ln_shape *s) {
    const ln_shape *x = &g->tensor[t].shape;
    if (x->rank != 3 && x->rank != 4) return false;
    *s = x->rank == 4 ? *x : ln_nhwc(x->dim[0], x->dim[1], 1, x->dim[2]);
    return g->tensor[t].kind != LN_TENSOR_CONST;
}

/* Whether m is [image, head, token, channel of the head] of its source: rows in all dimensions but
 * the last, `heads` of them. */
static bool in_heads(const ln_moved *m, const ln_shape *s, int64_t heads, int64_t dim) {
    const int64_t tokens = s->dim[1] * s->dim[2], c = s->dim[3];
    const ln_factor rows[3] = {{s->dim[0], tokens * c}, {heads, dim}, {tokens, c}};
    const ln_factor lane = {dim, 1};
    return heads >= 1 && m->offset >= 0 && m->offset + heads * dim <= c &&
           ln_moved_is(m, 0, m->rank - 1, rows, 3) && ln_moved_is(m, m->rank - 1, 1, &lane, 1);
}

/* Rows for each token of the map; 0: they do not come out even. */
static int64_t heads_of(const ln_shape *s, int64_t rows) {
    const int64_t tokens = s->dim[0] * s->dim[1] * s->dim[2];
    return rows % tokens ? 0 : rows / tokens;
}

/* Keys or values: each head's own, or one for all of them, which may be written as repeated. */
static bool shared_heads(const ln_moved *m, const ln_shape *s, int64_t heads, int64_t dim,
                         int64_t *kv) {
    ln_moved once = *m;
    int64_t again;
    int n = 0;
    *kv = heads_of(s, ln_moved_count(m, 0, m->rank - 1, &again));
    if (again > 1 && (*kv != 1 || again != heads)) return false;
    for (int d = 0; d < m->rank; d++) {
        for (int i = m->first[d]; i < m->first[d + 1]; i++)
            if (m->f[i].stride) once.f[n++] = m->f[i];
        once.first[d + 1] = n;
    }
    return (*kv == heads || *kv == 1) && in_heads(&once, s, *kv, dim);
}

/* The product p that y = scale * p is, a matmul; NULL: none. */
static const ln_node *scaled_product(const ln_rewrite *rw, ln_tid y, double *scale) {
    ln_product p;
    if (!ln_match_product(rw, y, LN_NONE, &p) || p.n != 1) return NULL;
    *scale = p.scale;
    return ln_match_op(rw, p.f[0], LN_OP_MATMUL);
}

static int64_t dim_back(const ln_shape *s, int back) {
    return s->dim[s->rank - back];
}

static bool match_keys(const ln_rewrite *rw, const ln_node *qk, found *f, double *scale) {
    const ln_graph *g = rw->g;
    ln_attention_attr *a = &f->attr;
    ln_moved q, k;
    ln_shape qs, ks;
    int64_t all, kv;
    ln_moved_trace(rw, qk->in[0], true, &q);
    ln_moved_trace(rw, qk->in[1], true, &k);
    if (qk->attr.matmul.trans_a) ln_moved_turn(&q);
    if (!qk->attr.matmul.trans_b) ln_moved_turn(&k);
    if (!as_map(g, q.src, &qs) || !as_map(g, k.src, &ks) || qs.dim[0] != ks.dim[0]) return false;
    const int64_t dim = ln_moved_count(&q, q.rank - 1, 1, NULL);
    const int64_t heads = heads_of(&qs, ln_moved_count(&q, 0, q.rank - 1, NULL));
    if (!in_heads(&q, &qs, heads, dim) || !shared_heads(&k, &ks, heads, dim, &kv)) return false;
    const int64_t tokens = ks.dim[1] * ks.dim[2];
    const ln_shape *s = &g->tensor[qk->out[0]].shape; /* every head of every image, once */
    if (!ln_shape_count(s, &all) || dim_back(s, 1) != tokens ||
        all != qs.dim[0] * heads * qs.dim[1] * qs.dim[2] * tokens)
        return false;
    a->heads = (int)heads, a->kv_heads = (int)kv, a->dim = (int)dim;
    a->q_at = (int)q.offset, a->k_at = (int)k.offset;
    a->patch_h = a->patch_w = 1;
    *scale *= q.scale * k.scale;
    f->in[0] = q.src, f->in[1] = k.src;
    return true;
}

static bool match_values(const ln_rewrite *rw, const ln_node *pv, found *f) {
    ln_attention_attr *a = &f->attr;
    ln_moved v;
    ln_shape vs, ks;
    int64_t kv;
    ln_moved_trace(rw, pv->in[1], false, &v);
    if (pv->attr.matmul.trans_b) ln_moved_turn(&v);
    if (!as_map(rw->g, v.src, &vs) || !as_map(rw->g, f->in[1], &ks)) return false;
    const int64_t vdim = ln_moved_count(&v, v.rank - 1, 1, NULL);
    if (vs.dim[0] != ks.dim[0] || vs.dim[1] != ks.dim[1] || vs.dim[2] != ks.dim[2] ||
        !shared_heads(&v, &vs, a->heads, vdim, &kv) || kv != a->kv_heads)
        return false;
    a->vdim = (int)vdim;
    a->v_at = (int)v.offset;
    f->in[2] = v.src;
    return true;
}

/* y as the product of attention, tokens outside, heads inside. */
static bool match(const ln_rewrite *rw, ln_tid y, found *f) {
    ln_moved m;
    ln_shape qs;
    double scale = 1.0;
    *f = (found){0};
    ln_moved_trace(rw, y, false, &m);
    const ln_node *pv = ln_match_op(rw, m.src, LN_OP_MATMUL);
    if (!pv || pv->attr.matmul.trans_a || m.offset) return false;
    const ln_node *soft = ln_match_op(rw, pv->in[0], LN_OP_SOFTMAX);
    const ln_node *qk = soft ? scaled_product(rw, soft->in[0], &scale) : NULL;
    if (!qk || !match_keys(rw, qk, f, &scale) || !match_values(rw, pv, f)) return false;
    const ln_attention_attr *a = &f->attr;
    as_map(rw->g, f->in[0], &qs);
    const int64_t tokens = qs.dim[1] * qs.dim[2], d = a->vdim;
    const ln_factor order[4] = {
        {qs.dim[0], a->heads * tokens * d}, {tokens, d}, {a->heads, tokens * d}, {d, 1}};
    f->attr.scale = (float)scale;
    return ln_moved_is(&m, 0, m.rank, order, 4);
}

/* ---- rewriting ---- */
static ln_tid mapped(ln_graph *g, ln_tid t, linnet_error *err) {
    ln_attr a = {0};
    as_map(g, t, &a.reshape.shape);
    if (g->tensor[t].shape.rank == 4) return t;
    const char *name = ln_pool_printf(&g->pool, "%s.map", g->tensor[t].name);
    if (name) return ln_graph_node(g, LN_OP_RESHAPE, name, &a, &t, 1, err);
    ln_fail_oom(err, "a graph pass", 1);
    return LN_NONE;
}

/* n makes what it made, now as attention. */
static linnet_status emit(ln_graph *g, ln_node n, const found *f, linnet_error *err) {
    const ln_attr attr = {.attention = f->attr};
    const ln_shape to = g->tensor[n.out[0]].shape;
    ln_shape s[LN_MAX_OUT];
    ln_node y = n;
    y.op = LN_OP_ATTENTION;
    y.attr = attr;
    y.n_in = 3;
    for (int i = 0; i < 3; i++) {
        y.in[i] = mapped(g, f->in[i], err);
        if (y.in[i] == LN_NONE) return LINNET_ERR_OUT_OF_MEMORY;
    }
    LN_TRY(ln_node_shape(g, &y, s, err));
    if (ln_shape_equal(&s[0], &to)) return ln_graph_append(g, &y, err);
    n.in[0] = ln_graph_node(g, LN_OP_ATTENTION, n.name, &attr, y.in, 3, err);
    if (n.in[0] == LN_NONE) return LINNET_ERR_OUT_OF_MEMORY;
    n.op = LN_OP_RESHAPE;
    n.attr = (ln_attr){.reshape = {to}};
    n.n_in = 1;
    return ln_graph_append(g, &n, err);
}

/* What each node is, if attention; *n: how many. */
static linnet_status find(ln_graph *g, found *f, bool *is, int *n, linnet_error *err) {
    ln_rewrite rw;
    int changed;
    LN_TRY(ln_rewrite_begin(&rw, g, err));
    for (int i = 0; i < g->n_node; i++) {
        const ln_op op = g->node[i].op;
        if (op != LN_OP_RESHAPE && op != LN_OP_PERMUTE && op != LN_OP_MATMUL) continue;
        is[i] = match(&rw, g->node[i].out[0], &f[i]);
        *n += is[i];
    }
    return ln_rewrite_end(&rw, LINNET_OK, &changed, err);
}

static bool has_products(const ln_graph *g) {
    for (int i = 0; i < g->n_node; i++)
        if (g->node[i].op == LN_OP_MATMUL) return true;
    return false;
}

static linnet_status rebuild(ln_graph *g, ln_node *old, const found *f, const bool *is,
                             linnet_error *err) {
    const int n = g->n_node;
    memcpy(old, g->node, (size_t)n * sizeof *old);
    g->n_node = 0;
    for (int i = 0; i < n; i++)
        LN_TRY(is[i] ? emit(g, old[i], &f[i], err) : ln_graph_append(g, &old[i], err));
    LN_TRY(ln_graph_compact(g, err));
    return ln_graph_verify(g, err);
}

linnet_status ln_pass_recognize_attention(ln_graph *g, int *changed, linnet_error *err) {
    const size_t n = (size_t)g->n_node + 1;
    *changed = 0;
    if (!has_products(g)) return LINNET_OK;
    found *f = calloc(n, sizeof *f);
    bool *is = calloc(n, sizeof *is);
    ln_node *old = calloc(n, sizeof *old);
    linnet_status s = LINNET_OK;
    if (!f || !is || !old)
        s = ln_fail_oom(err, "a graph pass", n * sizeof *old);
    else
        s = find(g, f, is, changed, err);
    if (s == LINNET_OK && *changed) s = rebuild(g, old, f, is, err);
    free(f);
    free(is);
    free(old);
    return s;
}
