/* What renames dimensions or moves elements. */
#include "models/tflite/import.h"

int64_t ln_tfl_number(ln_imp *im, int slot, const char *what) {
    const ln_host *h = ln_imp_const(im, slot, what);
    if (h && h->count != 1) ln_imp_refuse(im, "%s is not one number", what);
    return ln_imp_ok(im) ? ln_host_i(h, 0) : 0;
}

void ln_tfl_reshaped(ln_imp *im, int slot, const ln_shape *s) {
    if (!ln_imp_ok(im) || !ln_imp_wants(im, slot)) return;
    ln_val *v = &im->val[im->node->out[slot]];
    const ln_shape g = ln_shape_graph(s);
    if (v->host)
        v->host = ln_host_reshape(im, v->host, s);
    else
        v->tid[LN_PLAIN] = ln_imp_reshape(im, v->tid[LN_PLAIN], &g);
    v->shape = *s;
}

/* ---- shapes ---- */
/* Where a dimension may be anything. A file for a batch of its own says it here too: the first
 * dimension then follows what there is. */
static void resolve(ln_imp *im, const ln_shape *x, ln_shape *s) {
    int64_t all = 0, rest = 1;
    int open = -1;
    ln_count(x, &all);
    for (int i = 0; i < s->rank; i++) {
        if (s->dim[i] == -1 && open < 0)
            open = i;
        else if (s->dim[i] < 0 || !ln_mul_i64(rest, s->dim[i], &rest))
            ln_imp_refuse(im, "dimension %d of the shape is %lld", i, (long long)s->dim[i]);
    }
    if (!ln_imp_ok(im)) return;
    if (open < 0 && s->rank && s->dim[0] && rest != all) {
        open = 0;
        rest /= s->dim[0];
    }
    if (open >= 0) s->dim[open] = rest ? all / rest : 0;
}

void ln_tfl_op_reshape(ln_imp *im, const ln_imp_op *op) {
    const ln_val *v = ln_imp_in(im, 0);
    size_t n = 0;
    const bool input = ln_imp_in(im, 1) != NULL;
    const int64_t *attr = input ? NULL : ln_imp_ints(im, "shape", &n);
    const ln_host *h = input ? ln_imp_const(im, 1, "the shape")
                             : ln_host_ints(im, attr, (int)LN_MIN(n, LN_MAX_RANK + 1));
    ln_shape s;
    (void)op;
    if (!ln_imp_dims(im, h, "shape", &s)) return;
    resolve(im, &v->shape, &s);
    ln_imp_renamed(im, v, &s);
}

void ln_tfl_op_squeeze(ln_imp *im, const ln_imp_op *op) {
    const ln_val *v = ln_imp_in(im, 0);
    size_t n = 0;
    const int64_t *dims = ln_imp_ints(im, "dims", &n);
    unsigned axes = 0;
    ln_shape s = {0};
    (void)op;
    for (size_t i = 0; i < n && ln_imp_ok(im); i++)
        axes |= 1u << ln_imp_axis(im, dims[i], v->shape.rank);
    for (int i = 0; i < v->shape.rank; i++) {
        const bool out = n ? axes >> i & 1u : v->shape.dim[i] == 1;
        if (!out) s.dim[s.rank++] = v->shape.dim[i];
        if (out && v->shape.dim[i] != 1)
            ln_imp_refuse(im, "dimension %d is %lld, not 1", i, (long long)v->shape.dim[i]);
    }
    ln_imp_renamed(im, v, &s);
}

/* s with a dimension of 1 more at `axis`. */
static bool widened(ln_imp *im, const ln_shape *x, int64_t axis, ln_shape *s, int *at) {
    *s = (ln_shape){0};
    if (x->rank == LN_MAX_RANK)
        return ln_imp_refuse(im, "more than %d dimensions", LN_MAX_RANK), false;
    *at = ln_imp_axis(im, axis, x->rank + 1);
    for (int i = 0; i <= x->rank; i++) s->dim[s->rank++] = i == *at ? 1 : x->dim[i - (i > *at)];
    return ln_imp_ok(im);
}

void ln_tfl_op_expand_dims(ln_imp *im, const ln_imp_op *op) {
    const ln_val *v = ln_imp_in(im, 0);
    ln_shape s;
    int at;
    (void)op;
    if (widened(im, &v->shape, ln_tfl_number(im, 1, "the axis"), &s, &at))
        ln_imp_renamed(im, v, &s);
}

void ln_tfl_op_shape(ln_imp *im, const ln_imp_op *op) {
    const ln_shape *x = &ln_imp_in(im, 0)->shape;
    (void)op;
    ln_imp_out_host(im, 0,
                    ln_host_cast(im, ln_host_ints(im, x->dim, x->rank),
                                 (int)ln_imp_int(im, "to", LN_ONNX_INT32)));
}

/* ---- order ---- */
void ln_tfl_op_transpose(ln_imp *im, const ln_imp_op *op) {
    ln_shape perm;
    int64_t order[LN_MAX_RANK] = {0};
    const ln_val *v = ln_imp_in(im, 0);
    (void)op;
    if (!ln_imp_dims(im, ln_imp_const(im, 1, "the order"), "perm", &perm)) return;
    for (int i = 0; i < perm.rank; i++)
        order[i] = perm.dim[i] < 0 ? perm.dim[i] + perm.rank : perm.dim[i];
    ln_imp_transposed(im, v, order, perm.rank);
}

/* ---- taking apart ---- */
static const int64_t ones[LN_MAX_RANK] = {1, 1, 1, 1, 1, 1};

/* Parts of v along an axis, side by side, one an output. */
static void parts(ln_imp *im, const ln_val *v, int axis, const ln_host *sizes) {
    const int n = im->node->n_out;
    int64_t begin[LN_MAX_RANK] = {0}, known = 0, all;
    if (!ln_imp_ok(im)) return;
    if (v->shape.rank < 1 || (!sizes && v->shape.dim[axis] % n) || (sizes && sizes->count != n)) {
        ln_imp_refuse(im, "%d outputs for the parts of dimension %d", n, axis);
        return;
    }
    all = v->shape.dim[axis];
    for (int i = 0; sizes && i < n; i++) {
        const int64_t k = ln_host_i(sizes, i);
        if (k > all || k < -1) ln_imp_refuse(im, "part %d of %lld", i, (long long)k);
        known += k > 0 ? LN_MIN(k, all) : 0;
    }
    for (int i = 0; i < n && ln_imp_ok(im); i++) {
        ln_shape s = v->shape;
        s.dim[axis] = sizes ? ln_host_i(sizes, i) : all / n;
        if (s.dim[axis] == -1) s.dim[axis] = all - known;
        if (s.dim[axis] < 0 || s.dim[axis] > all - begin[axis]) {
            ln_imp_refuse(im, "part %d of %lld is not in the %lld left", i, (long long)s.dim[axis],
                          (long long)(all - begin[axis]));
            return;
        }
        if (ln_imp_wants(im, i)) ln_imp_sliced(im, i, v, begin, ones, &s);
        begin[axis] += s.dim[axis];
    }
}

void ln_tfl_op_split(ln_imp *im, const ln_imp_op *op) {
    const ln_val *v = ln_imp_in(im, 1);
    (void)op;
    parts(im, v, ln_imp_axis(im, ln_tfl_number(im, 0, "the axis"), v->shape.rank), NULL);
}

void ln_tfl_op_split_v(ln_imp *im, const ln_imp_op *op) {
    const ln_val *v = ln_imp_in(im, 0);
    const ln_host *sizes = ln_imp_const(im, 1, "the sizes");
    (void)op;
    parts(im, v, ln_imp_axis(im, ln_tfl_number(im, 2, "the axis"), v->shape.rank), sizes);
}

void ln_tfl_op_unpack(ln_imp *im, const ln_imp_op *op) {
    const ln_val *v = ln_imp_in(im, 0);
    const int axis = ln_imp_axis(im, ln_imp_int(im, "axis", 0), v->shape.rank);
    (void)op;
    if (!ln_imp_ok(im)) return;
    if (v->shape.rank < 1 || v->shape.dim[axis] != im->node->n_out) {
        ln_imp_refuse(im, "%d outputs for the parts of dimension %d", im->node->n_out, axis);
        return;
    }
    ln_shape s = {0};
    for (int d = 0; d < v->shape.rank; d++)
        if (d != axis) s.dim[s.rank++] = v->shape.dim[d];
    parts(im, v, axis, NULL);
    for (int i = 0; i < im->node->n_out; i++) ln_tfl_reshaped(im, i, &s);
}

/* ---- slices ---- */
void ln_tfl_op_slice(ln_imp *im, const ln_imp_op *op) {
    const ln_val *v = ln_imp_in(im, 0);
    ln_shape begin, size;
    char t[96];
    (void)op;
    if (!ln_imp_dims(im, ln_imp_const(im, 1, "the begin"), "begin", &begin) ||
        !ln_imp_dims(im, ln_imp_const(im, 2, "the size"), "size", &size))
        return;
    bool fits = begin.rank == v->shape.rank && size.rank == v->shape.rank;
    for (int i = 0; fits && i < size.rank; i++) {
        fits = begin.dim[i] >= 0 && begin.dim[i] <= v->shape.dim[i];
        if (!fits) break;
        const int64_t left = v->shape.dim[i] - begin.dim[i];
        if (size.dim[i] == -1) size.dim[i] = left;
        fits = size.dim[i] >= 0 && size.dim[i] <= left;
    }
    if (fits)
        ln_imp_sliced(im, 0, v, begin.dim, ones, &size);
    else
        ln_imp_refuse(im, "the slice is not inside %s", ln_shape_text(&v->shape, t));
}

/* Numbers of a strided slice, and the masks that change what they mean: bit i is for number i. */
typedef struct strided {
    const ln_host *begin, *end, *step;
    int64_t masks[5]; /* begin, end, ellipsis, new axis, shrink */
    bool offset;
} strided;
enum { BEGIN, END, ELLIPSIS, NEW, SHRINK };

static bool bit(const strided *a, int mask, int64_t i) {
    return a->masks[mask] >> i & 1;
}

static bool read_strided(ln_imp *im, strided *a) {
    static const char *const name[] = {"begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask",
                                       "shrink_axis_mask"};
    for (int i = 0; i < 5; i++) a->masks[i] = ln_imp_int(im, name[i], 0);
    a->offset = ln_imp_int(im, "offset", 0) != 0;
    a->begin = ln_imp_const(im, 1, "the begin");
    a->end = ln_imp_const(im, 2, "the end");
    a->step = ln_imp_const(im, 3, "the strides");
    if (!ln_imp_ok(im)) return false;
    if (a->begin->count == a->end->count && a->begin->count == a->step->count &&
        a->begin->count <= 2 * LN_MAX_RANK)
        return true;
    return ln_imp_refuse(im, "%lld begins, %lld ends, %lld strides", (long long)a->begin->count,
                         (long long)a->end->count, (long long)a->step->count),
           false;
}

static bool one_axis(ln_imp *im, const strided *a, int64_t i, int64_t n, int64_t *begin,
                     int64_t *step, int64_t *count) {
    int64_t from = ln_host_i(a->begin, i), to = ln_host_i(a->end, i);
    *step = ln_host_i(a->step, i);
    if (a->offset) to = (int64_t)((uint64_t)to + (uint64_t)from);
    if (bit(a, SHRINK, i)) {
        *begin = from < 0 ? from + n : from;
        *step = *count = 1;
        if (*begin >= 0 && *begin < n) return true;
        return ln_imp_refuse(im, "index %lld of %lld", (long long)from, (long long)n), false;
    }
    if (bit(a, BEGIN, i)) from = *step > 0 ? INT32_MIN : INT32_MAX;
    if (bit(a, END, i)) to = *step > 0 ? INT32_MAX : INT32_MIN;
    return ln_imp_slice_axis(im, n, from, to, *step, begin, count);
}

/* The dimensions of x in turn: each taken by a number, or whole under the ellipsis and behind the
 * last number. */
static void strided_slice(ln_imp *im, const ln_val *v, const strided *a) {
    const int rank = v->shape.rank;
    const int64_t n = a->begin->count;
    int64_t begin[LN_MAX_RANK] = {0}, step[LN_MAX_RANK] = {1, 1, 1, 1, 1, 1}, taken = 0;
    ln_shape size = v->shape, to = {0};
    int d = 0;
    for (int64_t i = 0; i < n; i++) taken += !bit(a, NEW, i) && !bit(a, ELLIPSIS, i);
    for (int64_t i = 0; i < n && ln_imp_ok(im); i++) {
        int64_t whole = bit(a, ELLIPSIS, i) ? LN_MAX(rank - taken, 0) : 0;
        if (bit(a, NEW, i) && !bit(a, ELLIPSIS, i)) {
            if (to.rank < LN_MAX_RANK) to.dim[to.rank++] = 1;
            continue;
        }
        for (; whole && d < rank && to.rank < LN_MAX_RANK; whole--)
            to.dim[to.rank++] = v->shape.dim[d++];
        if (bit(a, ELLIPSIS, i)) continue;
        if (d == rank || to.rank == LN_MAX_RANK) {
            ln_imp_refuse(im, "%lld numbers for %d dimensions", (long long)n, rank);
            return;
        }
        if (!one_axis(im, a, i, v->shape.dim[d], &begin[d], &step[d], &size.dim[d])) return;
        if (!bit(a, SHRINK, i)) to.dim[to.rank++] = size.dim[d];
        d++;
    }
    for (; d < rank && to.rank < LN_MAX_RANK; d++) to.dim[to.rank++] = v->shape.dim[d];
    ln_imp_sliced(im, 0, v, begin, step, &size);
    ln_tfl_reshaped(im, 0, &to);
}

void ln_tfl_op_strided_slice(ln_imp *im, const ln_imp_op *op) {
    strided a;
    (void)op;
    if (read_strided(im, &a)) strided_slice(im, ln_imp_in(im, 0), &a);
}

/* ---- joining ---- */
/* Inputs side by side along a new dimension. */
void ln_tfl_op_pack(ln_imp *im, const ln_imp_op *op) {
    const int n = im->node->n_in;
    ln_tid *t = ln_pool_alloc(&im->g->pool, (size_t)n, sizeof *t);
    const ln_host **h = ln_pool_alloc(&im->g->pool, (size_t)n, sizeof *h);
    ln_shape s;
    int at = 0;
    bool fixed = true;
    (void)op;
    if (!t || !h) {
        im->status = ln_fail_oom(im->err, "operands", (size_t)n * sizeof *h);
        return;
    }
    for (int i = 0; i < n; i++) {
        if (!ln_imp_in(im, i)) ln_imp_refuse(im, "input %d is missing", i);
        fixed &= ln_imp_ok(im) && ln_imp_in(im, i)->host != NULL;
    }
    for (int i = 0; i < n && ln_imp_ok(im); i++) {
        const ln_val *v = ln_imp_in(im, i);
        if (!ln_shape_equal(&v->shape, &ln_imp_in(im, 0)->shape))
            ln_imp_refuse(im, "operands of different shapes");
        if (!widened(im, &v->shape, ln_imp_int(im, "axis", 0), &s, &at)) return;
        if (fixed)
            h[i] = ln_host_reshape(im, v->host, &s);
        else
            t[i] = ln_imp_reshape(im, ln_imp_get(im, v, LN_PLAIN), &s);
    }
    if (!ln_imp_ok(im)) return;
    if (fixed)
        ln_imp_out_host(im, 0, ln_host_concat(im, h, n, at));
    else
        ln_imp_out(im, 0, ln_imp_join(im, t, n, at), LN_PLAIN, 0);
}

/* ---- picking ---- */
/* y[b,j,r] = x[b,index[b,j,:],r] */
static void gather_nd(ln_imp *im, const ln_val *v, const ln_val *index, int batch) {
    const ln_shape *x = &v->shape, *j = &index->shape;
    if (j->rank <= batch || x->rank < batch || j->dim[j->rank - 1] + batch > x->rank) {
        char a[96], b[96];
        ln_imp_refuse(im, "indices %s do not go with %s", ln_shape_text(j, a), ln_shape_text(x, b));
        return;
    }
    ln_shape s = {0};
    const int skip = batch + (int)j->dim[j->rank - 1];
    if (j->rank - 1 + x->rank - skip > LN_MAX_RANK) {
        ln_imp_refuse(im, "more than %d dimensions", LN_MAX_RANK);
        return;
    }
    for (int d = 0; d < j->rank - 1; d++) s.dim[s.rank++] = j->dim[d];
    for (int d = skip; d < x->rank; d++) s.dim[s.rank++] = x->dim[d];
    const ln_tid in[2] = {ln_imp_get(im, v, LN_PLAIN), ln_imp_get(im, index, LN_PLAIN)};
    const ln_attr a = {.gather = {.batch = batch}};
    ln_imp_out_as(im, 0, ln_imp_node(im, LN_OP_GATHER_ND, &a, in, 2), LN_PLAIN, 0, &s);
}

void ln_tfl_op_gather_nd(ln_imp *im, const ln_imp_op *op) {
    (void)op;
    gather_nd(im, ln_imp_in(im, 0), ln_imp_in(im, 1), 0);
}

void ln_tfl_op_gather(ln_imp *im, const ln_imp_op *op) {
    const ln_val *v = ln_imp_in(im, 0), *index = ln_imp_in(im, 1);
    const int axis = ln_imp_axis(im, ln_imp_int(im, "axis", 0), v->shape.rank);
    const int64_t batch = ln_imp_int(im, "batch_dims", 0);
    (void)op;
    if (!ln_imp_ok(im)) return;
    if (!batch) {
        ln_imp_gathered(im, v, index, axis);
        return;
    }
    if (batch != axis || index->shape.rank < axis || index->shape.rank == LN_MAX_RANK ||
        index->host) {
        ln_imp_refuse(im, "batch_dims %lld with axis %d over indices of rank %d is not supported",
                      (long long)batch, axis, index->shape.rank);
        return;
    }
    ln_val each = *index; /* an index of one dimension for each element */
    each.shape.dim[each.shape.rank++] = 1;
    each.tid[LN_PLAIN] = ln_imp_reshape(im, ln_imp_get(im, index, LN_PLAIN), &each.shape);
    gather_nd(im, v, &each, axis);
}

void ln_tfl_op_topk(ln_imp *im, const ln_imp_op *op) {
    const ln_val *v = ln_imp_in(im, 0);
    const int64_t k = ln_tfl_number(im, 1, "k");
    const ln_attr a = {.topk = {.k = k}};
    ln_tid out[LN_MAX_OUT], x = ln_imp_get(im, v, LN_PLAIN);
    (void)op;
    if (!ln_imp_ok(im)) return;
    if (v->shape.rank < 1 || k < 1 || k > v->shape.dim[v->shape.rank - 1]) {
        ln_imp_refuse(im, "the best %lld of them", (long long)k);
        return;
    }
    ln_imp_node_all(im, LN_OP_TOPK, &a, &x, 1, out);
    ln_imp_out(im, 0, out[0], LN_PLAIN, 0);
    ln_imp_out(im, 1, out[1], LN_PLAIN, LN_ONNX_INT32);
}

/* ---- padding ---- */
static bool sizes(ln_imp *im, const ln_val *v, ln_attr *a) {
    const ln_host *h = ln_imp_const(im, 1, "the padding");
    if (!h) return false;
    if (h->count != 2 * v->shape.rank || v->shape.rank < 1 || ln_type_is_float(h->type))
        return ln_imp_refuse(im, "%lld sizes for %d dimensions", (long long)h->count,
                             v->shape.rank),
               false;
    for (int d = 0; d < v->shape.rank; d++) {
        a->pad.before[d] = ln_host_i(h, 2 * d);
        a->pad.after[d] = ln_host_i(h, 2 * d + 1);
        if (a->pad.before[d] < 0 || a->pad.after[d] < 0)
            return ln_imp_refuse(im, "padding of %lld and %lld", (long long)a->pad.before[d],
                                 (long long)a->pad.after[d]),
                   false;
    }
    return ln_imp_ok(im);
}

void ln_tfl_op_pad(ln_imp *im, const ln_imp_op *op) {
    const ln_val *v = ln_imp_in(im, 0);
    const ln_host *value = op->max_in > 2 ? ln_imp_const(im, 2, "the value") : NULL;
    ln_attr a = {0};
    if (!ln_imp_ok(im) || !sizes(im, v, &a)) return;
    if (value && value->count != 1) ln_imp_refuse(im, "the value is not one number");
    if (value && ln_imp_ok(im)) a.pad.value = (float)ln_host_f(value, 0);
    ln_imp_out(im, 0, ln_imp_1(im, LN_OP_PAD, a, ln_imp_get(im, v, LN_PLAIN)), LN_PLAIN, 0);
}

void ln_tfl_op_mirror_pad(ln_imp *im, const ln_imp_op *op) {
    const ln_val *v = ln_imp_in(im, 0);
    const bool symmetric = ln_imp_int(im, "mode", 0) == 1;
    ln_attr a = {.pad = {.mode = symmetric ? LN_PAD_SYMMETRIC : LN_PAD_REFLECT}};
    (void)op;
    if (sizes(im, v, &a))
        ln_imp_out(im, 0, ln_imp_1(im, LN_OP_PAD, a, ln_imp_get(im, v, LN_PLAIN)), LN_PLAIN, 0);
}

/* ---- blocks ---- */
void ln_tfl_op_depth_to_space(ln_imp *im, const ln_imp_op *op) {
    const ln_tid x = ln_imp_get(im, ln_imp_in(im, 0), LN_PLAIN);
    (void)op;
    ln_imp_out(im, 0, ln_imp_depth_to_space(im, x, ln_imp_int(im, "block", 0), false), LN_PLAIN, 0);
}

void ln_tfl_op_space_to_depth(ln_imp *im, const ln_imp_op *op) {
    const ln_tid x = ln_imp_get(im, ln_imp_in(im, 0), LN_PLAIN);
    (void)op;
    ln_imp_out(im, 0, ln_imp_space_to_depth(im, x, ln_imp_int(im, "block", 0)), LN_PLAIN, 0);
}
