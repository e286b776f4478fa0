#include "engine/passes/view.h"
#include <string.h>

enum { MAX_CHAIN = 16 };

/* Adds a factor to those of [begin, *n), joined with the one before it where it continues that. */
static bool push(ln_factor *f, int begin, int *n, ln_factor x) {
    if (x.size == 1) return true;
    if (*n > begin && f[*n - 1].stride == x.size * x.stride) {
        f[*n - 1].size *= x.size;
        f[*n - 1].stride = x.stride;
        return true;
    }
    if (*n == LN_MAX_FACTORS) return false;
    f[(*n)++] = x;
    return true;
}

void ln_moved_whole(const ln_graph *g, ln_tid t, ln_moved *m) {
    const ln_shape *s = &g->tensor[t].shape;
    int64_t stride[LN_MAX_RANK];
    int n = 0;
    *m = (ln_moved){.src = t, .scale = 1.0, .rank = s->rank};
    ln_shape_strides(s, stride);
    for (int d = 0; d < s->rank; d++) {
        push(m->f, n, &n, (ln_factor){s->dim[d], stride[d]});
        m->first[d + 1] = n;
    }
}

/* The same factors in dimensions of other sizes; those that lie across a border are split. */
static bool reshaped(ln_moved *m, const ln_shape *s) {
    ln_factor all[LN_MAX_FACTORS], out[LN_MAX_FACTORS];
    int n_all = 0, at = 0, n = 0;
    for (int i = 0; i < m->first[m->rank]; i++)
        if (!push(all, 0, &n_all, m->f[i])) return false;
    for (int d = 0; d < s->rank; d++) {
        const int begin = n;
        for (int64_t need = s->dim[d]; need > 1;) {
            if (at == n_all) return false;
            ln_factor *f = &all[at], take = *f;
            if (need % f->size == 0) {
                at++;
            } else if (f->size % need == 0) {
                f->size /= need;
                take = (ln_factor){need, f->stride * f->size};
            } else {
                return false;
            }
            need /= take.size;
            if (!push(out, begin, &n, take)) return false;
        }
        m->first[d + 1] = n;
    }
    m->rank = s->rank;
    memcpy(m->f, out, sizeof out);
    return true;
}

static void permuted(ln_moved *m, const int *perm) {
    const ln_moved old = *m;
    int n = 0;
    for (int d = 0; d < m->rank; d++) {
        for (int i = old.first[perm[d]]; i < old.first[perm[d] + 1]; i++) m->f[n++] = old.f[i];
        m->first[d + 1] = n;
    }
}

static void drop(ln_moved *m, int d) {
    const int last = m->first[m->rank], cut = m->first[d + 1] - m->first[d];
    memmove(m->f + m->first[d], m->f + m->first[d + 1],
            (size_t)(last - m->first[d + 1]) * sizeof *m->f);
    for (int i = d + 1; i <= m->rank; i++) m->first[i] -= cut;
}

static bool sliced(ln_moved *m, const ln_slice_attr *a, const ln_shape *x) {
    for (int d = 0; d < m->rank; d++) {
        if (a->size.dim[d] == x->dim[d] && a->step[d] == 1) continue;
        if (m->first[d + 1] - m->first[d] != 1) return false;
        ln_factor *f = &m->f[m->first[d]];
        m->offset += a->begin[d] * f->stride;
        f->size = a->size.dim[d];
        f->stride *= a->step[d];
        if (f->size == 1) drop(m, d);
    }
    return true;
}

/* Dimensions of one are repeated. */
static bool tiled(ln_moved *m, const ln_shape *x, const ln_shape *y) {
    for (int d = 0; d < m->rank; d++) {
        const int last = m->first[m->rank], at = m->first[d];
        if (x->dim[d] == y->dim[d]) continue;
        if (x->dim[d] != 1 || last == LN_MAX_FACTORS) return false;
        memmove(m->f + at + 1, m->f + at, (size_t)(last - at) * sizeof *m->f);
        m->f[at] = (ln_factor){y->dim[d], 0};
        for (int i = d + 1; i <= m->rank; i++) m->first[i]++;
    }
    return true;
}

/* One element of dimension `axis`, which goes. */
static bool picked(ln_moved *m, const ln_graph *g, const ln_node *n) {
    const ln_shape *x = &g->tensor[n->in[0]].shape;
    const int axis = n->attr.gather.axis;
    const ln_tensor *index = &g->tensor[n->in[1]];
    ln_slice_attr a = ln_slice_all(x);
    int64_t count;
    int32_t at;
    if (index->kind != LN_TENSOR_CONST || index->dtype != LN_I32 || !index->view.data ||
        !ln_shape_count(&index->shape, &count) || count != 1 ||
        ln_const_copy(g, n->in[1], &at, NULL) != LINNET_OK)
        return false;
    a.begin[axis] = at < 0 ? at + x->dim[axis] : at;
    a.size.dim[axis] = 1;
    return a.begin[axis] >= 0 && a.begin[axis] < x->dim[axis] && sliced(m, &a, x) &&
           reshaped(m, &g->tensor[n->out[0]].shape);
}

bool ln_moved_apply(ln_moved *m, const ln_graph *g, const ln_node *n) {
    const ln_shape *x = &g->tensor[n->in[0]].shape, *y = &g->tensor[n->out[0]].shape;
    switch (n->op) {
    case LN_OP_RESHAPE: return reshaped(m, y);
    case LN_OP_PERMUTE: permuted(m, n->attr.permute.perm); return true;
    case LN_OP_SLICE: return sliced(m, &n->attr.slice, x);
    case LN_OP_TILE: return tiled(m, x, y);
    case LN_OP_GATHER: return picked(m, g, n);
    default: return true; /* a product with a scalar */
    }
}

static bool moves(ln_op op) {
    return op == LN_OP_RESHAPE || op == LN_OP_PERMUTE || op == LN_OP_SLICE || op == LN_OP_TILE ||
           op == LN_OP_GATHER;
}

/* What t is made from when it only moves or scales that; *c: the scale. */
static ln_tid before(const ln_rewrite *rw, ln_tid t, bool scaled, double *c) {
    const ln_node *n = ln_rewrite_maker(rw, t);
    ln_tid x;
    double v;
    *c = 1.0;
    if (n && moves(n->op)) return n->in[0];
    if (scaled && ln_match_with(rw, t, LN_MAP_MUL, &x, &v)) return *c = v, x;
    if (scaled && ln_match_with(rw, t, LN_MAP_DIV, &x, &v)) return *c = 1.0 / v, x;
    return LN_NONE;
}

void ln_moved_trace(const ln_rewrite *rw, ln_tid t, bool scaled, ln_moved *m) {
    const ln_node *chain[MAX_CHAIN];
    double scale[MAX_CHAIN];
    int n = 0;
    for (; n < MAX_CHAIN; n++) {
        const ln_tid from = before(rw, t, scaled, &scale[n]);
        if (from == LN_NONE) break;
        chain[n] = ln_rewrite_maker(rw, t);
        t = from;
    }
    ln_moved_whole(rw->g, t, m);
    while (n--) {
        m->scale *= scale[n];
        if (!ln_moved_apply(m, rw->g, chain[n])) ln_moved_whole(rw->g, chain[n]->out[0], m);
    }
}

void ln_moved_turn(ln_moved *m) {
    int perm[LN_MAX_RANK];
    for (int d = 0; d < m->rank; d++) perm[d] = d;
    perm[m->rank - 2] = m->rank - 1;
    perm[m->rank - 1] = m->rank - 2;
    permuted(m, perm);
}

bool ln_moved_is(const ln_moved *m, int d, int n, const ln_factor *f, int count) {
    ln_factor a[LN_MAX_FACTORS] = {0}, b[LN_MAX_FACTORS] = {0};
    int na = 0, nb = 0;
    for (int i = m->first[d]; i < m->first[d + n]; i++) push(a, 0, &na, m->f[i]);
    for (int i = 0; i < count; i++) push(b, 0, &nb, f[i]);
    for (int i = 0; i < na && na == nb; i++)
        if (a[i].size != b[i].size || a[i].stride != b[i].stride) return false;
    return na == nb;
}

int64_t ln_moved_count(const ln_moved *m, int d, int n, int64_t *repeats) {
    int64_t count = 1, again = 1;
    for (int i = m->first[d]; i < m->first[d + n]; i++) {
        if (repeats && !m->f[i].stride)
            again *= m->f[i].size;
        else
            count *= m->f[i].size;
    }
    if (repeats) *repeats = again;
    return count;
}
