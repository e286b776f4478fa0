/* What moves elements: on constants at import, else by the graph's ops, in the layout that the
 * value has. */
#include "models/import/ops.h"

/* The value's layout, with ONNX's dimension d at at[d] of the graph's tensor. */
static ln_imp_layout layout_of(const ln_val *v, int at[LN_MAX_RANK]) {
    const ln_imp_layout l = ln_val_is_last(v) ? LN_LAST : LN_PLAIN;
    for (int d = 0; d < LN_MAX_RANK; d++) at[d] = ln_imp_place(l, d, v->shape.rank);
    return l;
}

/* ---- order ---- */
/* In the graph it may be less, or nothing at all: pictures lie in another order. */
static void permuted(ln_imp *im, const ln_val *v, const int *perm) {
    int at[LN_MAX_RANK], g[LN_MAX_RANK], out_at[LN_MAX_RANK];
    const int rank = v->shape.rank;
    const ln_imp_layout from = layout_of(v, at);
    ln_val y = {.shape = {.rank = rank}, .tid = {LN_NONE, LN_NONE}};
    for (int i = 0; i < rank; i++) y.shape.dim[i] = v->shape.dim[perm[i]];
    for (int to = LN_LAST; to >= LN_PLAIN; to--) {
        bool same = true;
        y.tid[LN_LAST] = to == LN_LAST ? 0 : LN_NONE;
        layout_of(&y, out_at);
        for (int i = 0; i < rank; i++) g[out_at[i]] = at[perm[i]];
        for (int i = 0; i < rank; i++) same &= g[i] == i;
        if (!same && to != LN_PLAIN) continue;
        const ln_tid t = ln_imp_get(im, v, from);
        ln_imp_out_as(im, 0, same ? t : ln_imp_permute(im, t, g), (ln_imp_layout)to, 0, &y.shape);
        return;
    }
}

void ln_imp_transposed(ln_imp *im, const ln_val *v, const int64_t *order, int64_t n) {
    const int rank = v->shape.rank;
    int perm[LN_MAX_RANK] = {0};
    unsigned seen = 0;
    for (int i = 0; i < rank && i < n; i++)
        perm[i] = order[i] < 0 || order[i] >= rank ? 0 : (int)order[i];
    for (int i = 0; i < rank; i++) seen |= 1u << perm[i];
    if (n != rank || seen != (1u << rank) - 1) {
        ln_imp_refuse(im, "perm is no order of %d dimensions", rank);
        return;
    }
    if (!v->host) {
        permuted(im, v, perm);
        return;
    }
    ln_shape s = v->shape;
    int64_t dense[LN_MAX_RANK], stride[LN_MAX_RANK];
    ln_shape_strides(&v->shape, dense);
    for (int i = 0; i < rank; i++) s.dim[i] = v->shape.dim[perm[i]], stride[i] = dense[perm[i]];
    ln_imp_out_host(im, 0, ln_host_view(im, v->host, &s, stride, 0));
}

void ln_imp_op_transpose(ln_imp *im, const ln_imp_op *op) {
    const ln_val *v = ln_imp_in(im, 0);
    const int rank = v->shape.rank;
    size_t n;
    const int64_t *attr = ln_imp_ints(im, "perm", &n);
    int64_t perm[LN_MAX_RANK];
    (void)op;
    for (int i = 0; i < rank; i++) perm[i] = rank - 1 - i;
    ln_imp_transposed(im, v, attr ? attr : perm, attr ? (int64_t)n : rank);
}

/* ---- joining and taking apart ---- */
ln_tid ln_imp_join(ln_imp *im, ln_tid *in, int n, int axis) {
    const ln_attr a = {.concat = {.back = ln_imp_rank(im, in[0]) - 1 - axis}};
    while (n > 1 && ln_imp_ok(im)) {
        int made = 0;
        for (int i = 0; i < n; i += LN_MAX_IN) {
            const int part = LN_MIN(n - i, LN_MAX_IN);
            in[made++] = part == 1 ? in[i] : ln_imp_node(im, LN_OP_CONCAT, &a, in + i, part);
        }
        n = made;
    }
    return in[0];
}

/* Empty operands of one dimension add nothing. */
static int operands(ln_imp *im, const ln_val **v) {
    int n = 0;
    for (int i = 0; i < im->node->n_in; i++) {
        const ln_val *x = ln_imp_in(im, i);
        int64_t count = 1;
        if (!x) return ln_imp_refuse(im, "input %d is missing", i), 0;
        ln_count(&x->shape, &count);
        if (count || im->node->n_in == 1) v[n++] = x;
    }
    return n;
}

static void concat(ln_imp *im, const ln_val **v, const ln_host **h, ln_tid *t) {
    const int n = operands(im, v);
    bool fixed = true, last = true;
    if (!n) {
        ln_imp_refuse(im, "there is nothing to join");
        return;
    }
    const int rank = v[0]->shape.rank;
    if (!rank) {
        ln_imp_refuse(im, "scalars have no dimension to be joined along");
        return;
    }
    const int axis = ln_imp_axis(im, ln_imp_int(im, "axis", 1), rank);
    for (int i = 0; i < n; i++) {
        if (v[i]->shape.rank != rank) ln_imp_refuse(im, "operands of different rank");
        h[i] = v[i]->host;
        fixed &= h[i] != NULL;
        last &= ln_val_is_last(v[i]) || (h[i] && rank > 2);
    }
    if (fixed) {
        ln_imp_out_host(im, 0, ln_host_concat(im, h, n, axis));
        return;
    }
    for (int i = 0; i < n; i++) t[i] = ln_imp_get(im, v[i], last ? LN_LAST : LN_PLAIN);
    const int at = ln_imp_place(last ? LN_LAST : LN_PLAIN, axis, rank);
    const ln_tid y = ln_imp_join(im, t, n, at);
    ln_imp_out(im, 0, y, last ? LN_LAST : LN_PLAIN, v[0]->type);
}

void ln_imp_op_concat(ln_imp *im, const ln_imp_op *op) {
    const size_t n = (size_t)im->node->n_in;
    const ln_val **v = ln_pool_alloc(&im->g->pool, n, sizeof *v);
    const ln_host **h = ln_pool_alloc(&im->g->pool, n, sizeof *h);
    ln_tid *t = ln_pool_alloc(&im->g->pool, n, sizeof *t);
    (void)op;
    if (!v || !h || !t)
        im->status = ln_fail_oom(im->err, "operands", n * sizeof *v);
    else
        concat(im, v, h, t);
}

void ln_imp_sliced(ln_imp *im, int slot, const ln_val *v, const int64_t *begin, const int64_t *step,
                   const ln_shape *size) {
    int at[LN_MAX_RANK];
    int64_t dense[LN_MAX_RANK], stride[LN_MAX_RANK], offset = 0;
    if (v->host) {
        ln_shape_strides(&v->shape, dense);
        for (int i = 0; i < size->rank; i++) {
            stride[i] = size->dim[i] > 1 ? dense[i] * step[i] : 0;
            offset += dense[i] * begin[i];
        }
        ln_imp_out_host(im, slot, ln_host_view(im, v->host, size, stride, offset));
        return;
    }
    ln_attr a = {0};
    const ln_imp_layout l = layout_of(v, at);
    bool all = true;
    a.slice.size.rank = size->rank;
    for (int i = 0; i < size->rank; i++) {
        a.slice.begin[at[i]] = begin[i];
        a.slice.step[at[i]] = size->dim[i] == 1 ? 1 : step[i];
        a.slice.size.dim[at[i]] = size->dim[i];
        all &= size->dim[i] == v->shape.dim[i] && a.slice.step[at[i]] == 1;
        if (size->dim[i] < 1) {
            ln_imp_refuse(im, "the result is empty: dimension %d has no elements", i);
            return;
        }
    }
    const ln_tid x = ln_imp_get(im, v, l);
    ln_imp_out_as(im, slot, all ? x : ln_imp_1(im, LN_OP_SLICE, a, x), l, v->type, size);
}

/* arg: slot of the sizes, -1: an attribute */
void ln_imp_op_split(ln_imp *im, const ln_imp_op *op) {
    const ln_val *v = ln_imp_in(im, 0);
    const int axis = ln_imp_axis(im, ln_imp_int(im, "axis", 0), v->shape.rank);
    const bool given = op->arg >= 0 && ln_imp_in(im, op->arg);
    const ln_host *in = given ? ln_imp_const(im, op->arg, "the sizes") : NULL;
    size_t n = 0;
    const int64_t *attr = given ? NULL : ln_imp_ints(im, "split", &n);
    const int parts = im->node->n_out;
    int64_t begin[LN_MAX_RANK] = {0}, step[LN_MAX_RANK] = {1, 1, 1, 1, 1, 1};
    if (!ln_imp_ok(im)) return;
    const int64_t all = v->shape.rank ? v->shape.dim[axis] : 1, each = ln_ceil_div(all, parts);
    if (in) n = (size_t)in->count;
    if ((in || attr) && n != (size_t)parts) {
        ln_imp_refuse(im, "%zu sizes for %d outputs", n, parts);
        return;
    }
    for (int i = 0; i < parts && ln_imp_ok(im); i++) {
        ln_shape s = v->shape;
        const int64_t left = all - begin[axis];
        const int64_t size = in ? ln_host_i(in, i) : attr ? attr[i] : LN_MIN(each, left);
        if (size < 0 || size > left) {
            ln_imp_refuse(im, "part %d of %lld is not in the %lld left", i, (long long)size,
                          (long long)left);
            return;
        }
        s.dim[axis] = size;
        if (ln_imp_wants(im, i)) ln_imp_sliced(im, i, v, begin, step, &s);
        begin[axis] += size;
    }
    if (begin[axis] != all)
        ln_imp_refuse(im, "the parts end at %lld of %lld", (long long)begin[axis], (long long)all);
}

bool ln_imp_slice_axis(ln_imp *im, int64_t n, int64_t start, int64_t end, int64_t step,
                       int64_t *begin, int64_t *count) {
    if (!step || step == INT64_MIN) return ln_imp_refuse(im, "a step of 0"), false;
    const int64_t least = step > 0 ? 0 : -1, most = step > 0 ? n : n - 1;
    start = start < -n ? 0 : start < 0 ? start + n : LN_MIN(start, most);
    end = end < -n ? least : end < 0 ? end + n : LN_MIN(end, most);
    if (!n) start = end = 0;
    step = LN_MAX(LN_MIN(step, n + 1), -n - 1); /* farther takes no more */
    *begin = start;
    *count = step > 0 ? (end > start ? ln_ceil_div(end - start, step) : 0)
                      : (start > end ? ln_ceil_div(start - end, -step) : 0);
    return true;
}

/* Element i of an argument that is an input or (before operator set 10) an attribute. */
typedef struct list {
    const ln_host *in;
    const int64_t *attr;
    size_t n;
} list;
static list list_of(ln_imp *im, bool attr, int slot, const char *name) {
    list l = {0};
    if (attr)
        l.attr = ln_imp_ints(im, name, &l.n);
    else if (ln_imp_in(im, slot))
        l.in = ln_imp_const(im, slot, name);
    if (l.in) l.n = (size_t)l.in->count;
    return l;
}
static int64_t list_at(const list *l, size_t i) {
    return l->in ? ln_host_i(l->in, (int64_t)i) : l->attr[i];
}

/* arg: 1 all are attributes */
void ln_imp_op_slice(ln_imp *im, const ln_imp_op *op) {
    const ln_val *v = ln_imp_in(im, 0);
    const list starts = list_of(im, op->arg, 1, "starts"), ends = list_of(im, op->arg, 2, "ends");
    const list axes = list_of(im, op->arg, 3, "axes"), steps = list_of(im, op->arg, 4, "steps");
    int64_t begin[LN_MAX_RANK] = {0}, step[LN_MAX_RANK] = {1, 1, 1, 1, 1, 1};
    ln_shape s = v->shape;
    if (ln_imp_ok(im) && (starts.n != ends.n || (axes.n && axes.n != starts.n) ||
                          (steps.n && steps.n != starts.n) || starts.n > (size_t)s.rank))
        ln_imp_refuse(im, "%zu starts, %zu ends, %zu axes, %zu steps", starts.n, ends.n, axes.n,
                      steps.n);
    for (size_t i = 0; i < starts.n && ln_imp_ok(im); i++) {
        const int d = axes.n ? ln_imp_axis(im, list_at(&axes, i), s.rank) : (int)i;
        step[d] = steps.n ? list_at(&steps, i) : 1;
        if (!ln_imp_slice_axis(im, v->shape.dim[d], list_at(&starts, i), list_at(&ends, i), step[d],
                               &begin[d], &s.dim[d]))
            return;
    }
    if (ln_imp_ok(im)) ln_imp_sliced(im, 0, v, begin, step, &s);
}

/* ---- picking and repeating ---- */
void ln_imp_gathered(ln_imp *im, const ln_val *v, const ln_val *index, int axis) {
    if (!ln_imp_ok(im)) return;
    if (v->shape.rank < 1) {
        ln_imp_refuse(im, "a scalar has no elements to pick");
        return;
    }
    if (v->host && index->host) {
        ln_imp_out_host(im, 0, ln_host_gather(im, v->host, index->host, axis));
        return;
    }
    ln_shape s = {0};
    if (v->shape.rank + index->shape.rank - 1 > LN_MAX_RANK) {
        ln_imp_refuse(im, "more than %d dimensions", LN_MAX_RANK);
        return;
    }
    for (int d = 0; d < axis; d++) s.dim[s.rank++] = v->shape.dim[d];
    for (int d = 0; d < index->shape.rank; d++) s.dim[s.rank++] = index->shape.dim[d];
    for (int d = axis + 1; d < v->shape.rank; d++) s.dim[s.rank++] = v->shape.dim[d];
    const ln_tid in[2] = {ln_imp_get(im, v, LN_PLAIN), ln_imp_get(im, index, LN_PLAIN)};
    const ln_attr a = {.gather = {.axis = axis}};
    const ln_shape g = ln_shape_graph(&s);
    const ln_tid y = ln_imp_reshape(im, ln_imp_node(im, LN_OP_GATHER, &a, in, 2), &g);
    ln_imp_out_as(im, 0, y, LN_PLAIN, 0, &s);
}

void ln_imp_op_gather(ln_imp *im, const ln_imp_op *op) {
    const ln_val *v = ln_imp_in(im, 0);
    (void)op;
    ln_imp_gathered(im, v, ln_imp_in(im, 1),
                    ln_imp_axis(im, ln_imp_int(im, "axis", 0), v->shape.rank));
}

void ln_imp_repeated(ln_imp *im, const ln_val *v, const ln_shape *s) {
    const ln_shape x = ln_shape_graph(&v->shape), g = ln_shape_graph(s);
    ln_shape wide = {.rank = g.rank};
    for (int i = 0; i < g.rank; i++)
        wide.dim[i] = i < g.rank - x.rank ? 1 : x.dim[i - g.rank + x.rank];
    const ln_tid t = ln_imp_reshape(im, ln_imp_get(im, v, LN_PLAIN), &wide);
    const bool all = ln_shape_equal(&wide, &g);
    ln_imp_out_as(im, 0, all ? t : ln_imp_1(im, LN_OP_TILE, (ln_attr){.tile = {g}}, t), LN_PLAIN, 0,
                  s);
}

void ln_imp_op_expand(ln_imp *im, const ln_imp_op *op) {
    const ln_val *v = ln_imp_in(im, 0);
    int64_t dense[LN_MAX_RANK], stride[LN_MAX_RANK];
    ln_shape s;
    char a[96], b[96];
    (void)op;
    if (!ln_imp_dims(im, ln_imp_const(im, 1, "the shape"), "shape", &s)) return;
    for (int i = 0; i < s.rank; i++)
        if (s.dim[i] < 0) ln_imp_refuse(im, "dimension %d is %lld", i, (long long)s.dim[i]);
    if (!ln_broadcast(&v->shape, &s, &s)) {
        ln_imp_refuse(im, "%s does not become %s", ln_shape_text(&v->shape, a),
                      ln_shape_text(&s, b));
        return;
    }
    if (!v->host) {
        ln_imp_repeated(im, v, &s);
        return;
    }
    ln_shape_strides(&v->shape, dense);
    for (int i = 0; i < s.rank; i++) {
        const int k = i - s.rank + v->shape.rank;
        stride[i] = k < 0 || v->shape.dim[k] == 1 ? 0 : dense[k];
    }
    ln_imp_out_host(im, 0, ln_host_view(im, v->host, &s, stride, 0));
}

void ln_imp_op_tile(ln_imp *im, const ln_imp_op *op) {
    const ln_val *v = ln_imp_in(im, 0);
    ln_shape r, s = v->shape;
    (void)op;
    if (!ln_imp_dims(im, ln_imp_const(im, 1, "the repeats"), "repeats", &r)) return;
    if (r.rank != s.rank) {
        ln_imp_refuse(im, "%d repeats for %d dimensions", r.rank, s.rank);
        return;
    }
    for (int i = 0; i < s.rank; i++)
        if (r.dim[i] < 1 || !ln_mul_i64(s.dim[i], r.dim[i], &s.dim[i]))
            ln_imp_refuse(im, "dimension %d is repeated %lld times", i, (long long)r.dim[i]);
    ln_imp_repeated(im, v, &s);
}
