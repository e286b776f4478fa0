/* Rules of matrix products and of ops that read by index. */
#include "engine/graph_shape.h"

linnet_status ln_shape_matmul(const ln_graph *g, const ln_node *n, ln_shape *out,
                              linnet_error *err) {
    char p[96], q[96];
    const ln_matmul_attr *m = &n->attr.matmul;
    const ln_shape *a = ln_in_shape(g, n, 0), *b = ln_in_shape(g, n, 1);
    if (a->rank < 2 || b->rank < 2)
        return LN_BAD("%s times %s: matrices are needed", ln_shape_text(a, p), ln_shape_text(b, q));
    const int64_t *da = &a->dim[a->rank - 2], *db = &b->dim[b->rank - 2];
    if (da[!m->trans_a] != db[m->trans_b])
        return LN_BAD("%s%s times %s%s: %lld columns and %lld rows", ln_shape_text(a, p),
                      m->trans_a ? " turned" : "", ln_shape_text(b, q), m->trans_b ? " turned" : "",
                      (long long)da[!m->trans_a], (long long)db[m->trans_b]);
    ln_shape batch = *a, other = *b;
    batch.rank -= 2, other.rank -= 2;
    LN_TRY(ln_shape_broadcast(&batch, &other, err));
    *out = batch;
    out->dim[out->rank++] = da[m->trans_a];
    out->dim[out->rank++] = db[!m->trans_b];
    return LINNET_OK;
}

static linnet_status need_axis(int axis, const ln_shape *x, linnet_error *err) {
    char a[96];
    if (axis >= 0 && axis < x->rank) return LINNET_OK;
    return LN_BAD("no dimension %d in %s", axis, ln_shape_text(x, a));
}

/* Appends a dimension. */
static linnet_status append(ln_shape *s, int64_t dim, linnet_error *err) {
    if (s->rank == LN_MAX_RANK) return LN_BAD("more than %d dimensions", LN_MAX_RANK);
    s->dim[s->rank++] = dim;
    return LINNET_OK;
}

linnet_status ln_shape_gather(const ln_graph *g, const ln_node *n, ln_shape *out,
                              linnet_error *err) {
    const ln_shape *x = ln_in_shape(g, n, 0), *at = ln_in_shape(g, n, 1);
    const int axis = n->attr.gather.axis;
    LN_TRY(need_axis(axis, x, err));
    *out = (ln_shape){0};
    for (int d = 0; d < axis; d++) LN_TRY(append(out, x->dim[d], err));
    for (int d = 0; d < at->rank; d++) LN_TRY(append(out, at->dim[d], err));
    for (int d = axis + 1; d < x->rank; d++) LN_TRY(append(out, x->dim[d], err));
    return LINNET_OK;
}

linnet_status ln_shape_gather_nd(const ln_graph *g, const ln_node *n, ln_shape *out,
                                 linnet_error *err) {
    char a[96], b[96];
    const ln_shape *x = ln_in_shape(g, n, 0), *at = ln_in_shape(g, n, 1);
    const int batch = n->attr.gather.batch;
    const int64_t tuple = at->dim[at->rank - 1];
    bool fits = batch >= 0 && batch < at->rank && batch < x->rank && tuple <= x->rank - batch;
    for (int d = 0; fits && d < batch; d++) fits = x->dim[d] == at->dim[d];
    if (!fits)
        return LN_BAD("indices %s with %d dimensions of a batch do not go with %s",
                      ln_shape_text(at, b), batch, ln_shape_text(x, a));
    *out = (ln_shape){0};
    for (int d = 0; d < at->rank - 1; d++) LN_TRY(append(out, at->dim[d], err));
    for (int d = batch + (int)tuple; d < x->rank; d++) LN_TRY(append(out, x->dim[d], err));
    return out->rank ? LINNET_OK : append(out, 1, err);
}

linnet_status ln_shape_gather_elements(const ln_graph *g, const ln_node *n, ln_shape *out,
                                       linnet_error *err) {
    char a[96], b[96];
    const ln_shape *x = ln_in_shape(g, n, 0);
    const int axis = n->attr.gather.axis;
    *out = *ln_in_shape(g, n, 1);
    LN_TRY(need_axis(axis, x, err));
    bool fits = out->rank == x->rank;
    for (int d = 0; fits && d < x->rank; d++) fits = d == axis || out->dim[d] <= x->dim[d];
    if (!fits)
        return LN_BAD("indices %s do not go with %s", ln_shape_text(out, b), ln_shape_text(x, a));
    return LINNET_OK;
}

linnet_status ln_shape_topk(const ln_graph *g, const ln_node *n, ln_shape *out, linnet_error *err) {
    char a[96];
    const int64_t k = n->attr.topk.k;
    const ln_shape *x = ln_in_shape(g, n, 0);
    if (k < 1 || k > x->dim[x->rank - 1])
        return LN_BAD("no best %lld along the last dimension of %s", (long long)k,
                      ln_shape_text(x, a));
    out[0] = *x;
    out[0].dim[x->rank - 1] = k;
    out[1] = out[0];
    return LINNET_OK;
}

linnet_status ln_shape_nms(const ln_graph *g, const ln_node *n, ln_shape *out, linnet_error *err) {
    char a[96], b[96];
    const ln_nms_attr *p = &n->attr.nms;
    const ln_shape *box = ln_in_shape(g, n, 0), *score = ln_in_shape(g, n, 1);
    if (box->rank != 3 || score->rank != 3 || box->dim[2] != 4 || box->dim[0] != score->dim[0] ||
        box->dim[1] != score->dim[2])
        return LN_BAD("boxes %s and scores %s are not [N,B,4] and [N,C,B]", ln_shape_text(box, a),
                      ln_shape_text(score, b));
    if (p->most < 1) return LN_BAD("at most %lld boxes of a class", (long long)p->most);
    if (!(p->iou >= 0.0f && p->iou <= 1.0f))
        return LN_BAD("an overlap of %g is not from 0 to 1", (double)p->iou);
    out[0] = out[1] = *score;
    out[0].dim[2] = LN_MIN(p->most, score->dim[2]);
    return LINNET_OK;
}

linnet_status ln_shape_nms_rows(const ln_graph *g, const ln_node *n, ln_shape *out,
                                linnet_error *err) {
    int64_t rows;
    const ln_shape *x = ln_in_shape(g, n, 0);
    LN_TRY(ln_need_rank(x, 3, "input", err));
    if (!ln_shape_count(x, &rows)) return LN_BAD("too many rows");
    out[0] = (ln_shape){2, {rows, 3}};
    out[1] = (ln_shape){1, {1}};
    return LINNET_OK;
}
