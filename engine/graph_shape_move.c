/* Shape rules of ops that move values: reshape, concat, shuffle, slice, pad, permute,
 * tile, resize. */
#include "engine/graph_shape.h"
#include "engine/resize.h"

#include <math.h>

linnet_status ln_shape_reshape(const ln_graph *g, const ln_node *n, ln_shape *out,
                               linnet_error *err) {
    char a[96], b[96];
    int64_t from, to;
    const ln_shape *x = ln_in_shape(g, n, 0);
    *out = n->attr.reshape.shape;
    if (!ln_shape_count(x, &from) || !ln_shape_count(out, &to) || from != to)
        return LN_BAD("%s cannot become %s", ln_shape_text(x, a), ln_shape_text(out, b));
    return LINNET_OK;
}

/* The part of `all` joined channels that a concat keeps. */
static linnet_status pick_channels(const ln_node *n, int64_t *all, linnet_error *err) {
    const ln_concat_attr *a = &n->attr.concat;
    if (a->groups < 0 || (a->groups > 1 && *all % a->groups))
        return LN_BAD("%d groups do not divide %lld channels", a->groups, (long long)*all);
    if (a->begin < 0 || a->size < 0 || a->begin > *all || a->size > *all - a->begin ||
        (a->begin && !a->size))
        return LN_BAD("%lld channels from %lld lie outside %lld", (long long)a->size,
                      (long long)a->begin, (long long)*all);
    if (a->size) *all = a->size;
    return LINNET_OK;
}

linnet_status ln_shape_concat(const ln_graph *g, const ln_node *n, ln_shape *out,
                              linnet_error *err) {
    char a[96], b[96];
    const ln_concat_attr *c = &n->attr.concat;
    const ln_shape *first = ln_in_shape(g, n, 0);
    const int axis = first->rank - 1 - c->back;
    *out = *first;
    if (c->back < 0 || axis < 0)
        return LN_BAD("no dimension %d from the last in %s", c->back, ln_shape_text(first, a));
    if (c->back && (c->groups < 0 || c->groups > 1 || c->begin || c->size))
        return LN_BAD("only channels are shuffled or cut, not dimension %d", axis);
    for (int i = 1; i < n->n_in; i++) {
        const ln_shape *x = ln_in_shape(g, n, i);
        if (!x) return LN_BAD("input %d is missing", i);
        ln_shape like = *x;
        if (like.rank == first->rank) like.dim[axis] = first->dim[axis];
        if (!ln_shape_equal(&like, first))
            return LN_BAD("%s differs from %s in more than dimension %d", ln_shape_text(x, a),
                          ln_shape_text(first, b), axis);
        if (__builtin_add_overflow(out->dim[axis], x->dim[axis], &out->dim[axis]))
            return LN_BAD("sum of dimension %d overflows", axis);
    }
    return c->back ? LINNET_OK : pick_channels(n, &out->dim[axis], err);
}

linnet_status ln_shape_shuffle(const ln_graph *g, const ln_node *n, ln_shape *out,
                               linnet_error *err) {
    char a[96];
    const int groups = n->attr.shuffle.groups;
    *out = *ln_in_shape(g, n, 0);
    if (groups < 1 || out->dim[out->rank - 1] % groups)
        return LN_BAD("%d groups do not divide the channels of %s", groups, ln_shape_text(out, a));
    return LINNET_OK;
}

linnet_status ln_shape_slice(const ln_graph *g, const ln_node *n, ln_shape *out,
                             linnet_error *err) {
    char a[96], b[96];
    const ln_shape *x = ln_in_shape(g, n, 0);
    const ln_slice_attr *s = &n->attr.slice;
    int64_t reach;
    *out = s->size;
    if (s->size.rank != x->rank)
        return LN_BAD("%s is no part of %s", ln_shape_text(&s->size, b), ln_shape_text(x, a));
    for (int i = 0; i < x->rank; i++) {
        const int64_t begin = s->begin[i], last = x->dim[i] - 1;
        if (begin < 0 || begin > last || !s->step[i] || s->size.dim[i] < 1 ||
            !ln_mul_i64(s->size.dim[i] - 1, s->step[i], &reach) || reach > last - begin ||
            reach < -begin)
            return LN_BAD("dimension %d: %lld from %lld by %lld lie outside %s", i,
                          (long long)s->size.dim[i], (long long)begin, (long long)s->step[i],
                          ln_shape_text(x, a));
    }
    return LINNET_OK;
}

/* Output size of one dimension: negative sizes crop first, and something must stay. */
static linnet_status pad_axis(const ln_pad_attr *p, int i, int64_t *size, linnet_error *err) {
    const int64_t before = p->before[i], after = p->after[i], most = (int64_t)1 << 60;
    if (before < -most || after < -most || LN_MIN(before, 0) + LN_MIN(after, 0) <= -*size)
        return LN_BAD("dimension %d: padding %lld,%lld leaves nothing of %lld", i,
                      (long long)before, (long long)after, (long long)*size);
    if (__builtin_add_overflow(*size, before, size) || __builtin_add_overflow(*size, after, size))
        return LN_BAD("dimension %d: padded size overflows", i);
    return LINNET_OK;
}

linnet_status ln_shape_pad(const ln_graph *g, const ln_node *n, ln_shape *out, linnet_error *err) {
    const ln_pad_attr *p = &n->attr.pad;
    *out = *ln_in_shape(g, n, 0);
    if ((unsigned)p->mode > LN_PAD_WRAP) return LN_BAD("no padding mode %d", (int)p->mode);
    for (int i = 0; i < out->rank; i++) LN_TRY(pad_axis(p, i, &out->dim[i], err));
    return LINNET_OK;
}

linnet_status ln_shape_permute(const ln_graph *g, const ln_node *n, ln_shape *out,
                               linnet_error *err) {
    const ln_shape *x = ln_in_shape(g, n, 0);
    unsigned seen = 0;
    *out = *x;
    for (int i = 0; i < x->rank; i++) {
        const int from = n->attr.permute.perm[i];
        if (from < 0 || from >= x->rank || (seen >> from & 1u))
            return LN_BAD("dimension %d of the output is %d: not an order of %d dimensions", i,
                          from, x->rank);
        seen |= 1u << from;
        out->dim[i] = x->dim[from];
    }
    return LINNET_OK;
}

linnet_status ln_shape_tile(const ln_graph *g, const ln_node *n, ln_shape *out, linnet_error *err) {
    char a[96], b[96];
    const ln_shape *x = ln_in_shape(g, n, 0);
    *out = n->attr.tile.shape;
    bool fits = out->rank == x->rank;
    for (int i = 0; fits && i < x->rank; i++)
        fits = out->dim[i] >= 1 && out->dim[i] % x->dim[i] == 0;
    if (!fits) return LN_BAD("%s is no multiple of %s", ln_shape_text(out, b), ln_shape_text(x, a));
    return LINNET_OK;
}

/* Scales are held to the sizes, so that places stay near the map and taps are few. */
static linnet_status resize_axis(const ln_resize_attr *r, int axis, int64_t in, int64_t *out,
                                 linnet_error *err) {
    const ln_resize_axis *a = &r->axis[axis];
    *out = ln_resize_size(r, axis, in);
    if (a->size < 0 || in > INT32_MAX)
        return LN_BAD("dimension %d: size %lld from %lld", axis, (long long)a->size, (long long)in);
    if (!a->size) return LINNET_OK;
    if (r->grid == LN_GRID_CROP
            ? !isfinite(a->from) || !isfinite(a->to) || a->scale != 0.0
            : a->scale != 0.0 && !(a->scale * (double)in >= 0.5 &&
                                   fabs(a->scale * (double)in - (double)a->size) <= 1.0))
        return LN_BAD("dimension %d: scale %g, part %g to %g do not make %lld of %lld", axis,
                      a->scale, (double)a->from, (double)a->to, (long long)a->size, (long long)in);
    return LINNET_OK;
}

/* What TFLite's arithmetic is there for. */
static linnet_status resize_number(const ln_graph *g, const ln_node *n, linnet_error *err) {
    const ln_resize_attr *r = &n->attr.resize;
    const bool linear = r->kind == LN_RESIZE_LINEAR, bytes = g->tensor[n->in[0]].dtype == LN_I8;
    bool ok = r->kind != LN_RESIZE_CUBIC && !r->antialias && !r->exclude_outside;
    ok = ok && (r->grid == LN_GRID_ALIGN_CORNERS || r->grid == LN_GRID_ASYMMETRIC ||
                r->grid == (linear ? LN_GRID_HALF_PIXEL : LN_GRID_HALF_PIXEL_NN));
    if (r->number == LN_NUMBER_FIXED) ok = ok && linear && bytes;
    for (int i = 0; i < LN_MAX_RANK; i++) {
        ok = ok && r->axis[i].scale == 0.0;
        if (linear && bytes && r->axis[i].size)
            ok = ok && ln_in_shape(g, n, 0)->rank == 4 && (i == 1 || i == 2);
    }
    return ok ? LINNET_OK : LN_BAD("no such interpolation in %s", ln_number_names[r->number]);
}

linnet_status ln_shape_resize(const ln_graph *g, const ln_node *n, ln_shape *out,
                              linnet_error *err) {
    const ln_resize_attr *r = &n->attr.resize;
    const ln_shape *x = ln_in_shape(g, n, 0);
    if ((unsigned)r->kind >= LN_RESIZE_KINDS || (unsigned)r->grid >= LN_RESIZE_GRIDS ||
        (unsigned)r->round >= LN_RESIZE_ROUNDS || (unsigned)r->number >= LN_RESIZE_NUMBERS)
        return LN_BAD("no interpolation %d on grid %d, rounded by %d, in numbers %d", (int)r->kind,
                      (int)r->grid, (int)r->round, (int)r->number);
    if (r->number != LN_NUMBER_DOUBLE) LN_TRY(resize_number(g, n, err));
    if (!isfinite(r->cubic_a)) return LN_BAD("cubic coefficient %g", (double)r->cubic_a);
    *out = *x;
    for (int i = 0; i < LN_MAX_RANK; i++) {
        if (i < x->rank)
            LN_TRY(resize_axis(r, i, x->dim[i], &out->dim[i], err));
        else if (r->axis[i].size)
            return LN_BAD("no dimension %d to resize", i);
    }
    return LINNET_OK;
}
