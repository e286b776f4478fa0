/* Shape rules of ops that move values: reshape, concat, shuffle, slice, pad, resize. */
#include "engine/graph_shape.h"

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
    const ln_shape *first = ln_in_shape(g, n, 0);
    const int last = first->rank - 1;
    *out = *first;
    for (int i = 1; i < n->n_in; i++) {
        const ln_shape *x = ln_in_shape(g, n, i);
        if (!x) return LN_BAD("input %d is missing", i);
        ln_shape like = *x;
        if (like.rank == first->rank) like.dim[last] = first->dim[last];
        if (!ln_shape_equal(&like, first))
            return LN_BAD("%s differs from %s in more than the last dimension", ln_shape_text(x, a),
                          ln_shape_text(first, b));
        if (__builtin_add_overflow(out->dim[last], x->dim[last], &out->dim[last]))
            return LN_BAD("sum of channels overflows");
    }
    return pick_channels(n, &out->dim[last], err);
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
        if (s->begin[i] < 0 || s->step[i] < 1 || s->size.dim[i] < 1 ||
            !ln_mul_i64(s->size.dim[i] - 1, s->step[i], &reach) ||
            reach >= x->dim[i] - LN_MIN(s->begin[i], x->dim[i]))
            return LN_BAD("dimension %d: %lld from %lld by %lld lie outside %s", i,
                          (long long)s->size.dim[i], (long long)s->begin[i], (long long)s->step[i],
                          ln_shape_text(x, a));
    }
    return LINNET_OK;
}

linnet_status ln_shape_pad(const ln_graph *g, const ln_node *n, ln_shape *out, linnet_error *err) {
    const ln_pad_attr *p = &n->attr.pad;
    *out = *ln_in_shape(g, n, 0);
    for (int i = 0; i < out->rank; i++) {
        if (p->before[i] < 0 || p->after[i] < 0)
            return LN_BAD("dimension %d: negative padding %lld,%lld", i, (long long)p->before[i],
                          (long long)p->after[i]);
        if (__builtin_add_overflow(out->dim[i], p->before[i], &out->dim[i]) ||
            __builtin_add_overflow(out->dim[i], p->after[i], &out->dim[i]))
            return LN_BAD("dimension %d: padded size overflows", i);
    }
    return LINNET_OK;
}

linnet_status ln_shape_resize(const ln_graph *g, const ln_node *n, ln_shape *out,
                              linnet_error *err) {
    const ln_resize_attr *r = &n->attr.resize;
    const ln_shape *x = ln_in_shape(g, n, 0);
    LN_TRY(ln_need_rank(x, 4, "input", err));
    if ((unsigned)r->kind > LN_RESIZE_BILINEAR || (unsigned)r->grid > LN_GRID_ASYMMETRIC)
        return LN_BAD("no interpolation %d on grid %d", (int)r->kind, (int)r->grid);
    if (r->h < 1 || r->w < 1)
        return LN_BAD("size %lldx%lld must be at least 1x1", (long long)r->h, (long long)r->w);
    *out = ln_nhwc(x->dim[0], r->h, r->w, x->dim[3]);
    return LINNET_OK;
}
