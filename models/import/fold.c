/* Arithmetic on host constants: what shapes are computed with, evaluated at import. Integers are
 * exact in int64 and wrap to their type; floats are computed in double and rounded to theirs. */
#include "models/import/import.h"

bool ln_imp_spend(ln_imp *im, int64_t n) {
    if (!ln_imp_ok(im)) return false;
    if (n <= im->room) {
        im->room -= n;
        return true;
    }
    ln_imp_refuse(im, "a constant of %lld elements is too large; %lld may still be computed",
                  (long long)n, (long long)im->room);
    return false;
}

ln_host *ln_host_new(ln_imp *im, int type, const ln_shape *s, void **data) {
    int64_t n;
    *data = NULL;
    if (!ln_count(s, &n)) n = INT64_MAX;
    if (!ln_imp_spend(im, n)) return NULL;
    ln_host *h = ln_pool_alloc(&im->g->pool, 1, sizeof *h);
    *data = ln_pool_alloc(&im->g->pool, (size_t)LN_MAX(n, 1), 8);
    if (!h || !*data) {
        im->status = ln_fail_oom(im->err, "a constant", (size_t)n * 8);
        return NULL;
    }
    const int stored = ln_type_is_float(type) ? LN_ONNX_DOUBLE : LN_ONNX_INT64;
    *h = (ln_host){.type = type, .stored = stored, .shape = *s, .count = n, .data = *data};
    return h;
}

/* An empty constant that may become h's relative: same types, another shape, room for elements of
 * the stored size. */
static ln_host *like(ln_imp *im, const ln_host *h, const ln_shape *s, uint8_t **data) {
    void *p;
    if (!h) return NULL;
    ln_host *r = ln_host_new(im, h->type, s, &p);
    *data = p;
    if (r) r->stored = h->stored;
    return r;
}

/* Steps an odometer over s, its last dimension first; false at the end. */
static bool step(const ln_shape *s, int64_t *at) {
    for (int d = s->rank - 1; d >= 0; d--) {
        if (++at[d] < s->dim[d]) return true;
        at[d] = 0;
    }
    return false;
}

static int64_t offset_at(const int64_t *at, const int64_t *stride, int rank) {
    int64_t o = 0;
    for (int d = 0; d < rank; d++) o += at[d] * stride[d];
    return o;
}

const ln_host *ln_host_view(ln_imp *im, const ln_host *h, const ln_shape *s, const int64_t *stride,
                            int64_t offset) {
    uint8_t *to;
    ln_host *r = like(im, h, s, &to);
    if (!r || !r->count) return r;
    const size_t size = ln_onnx_type_size(h->stored);
    int64_t at[LN_MAX_RANK] = {0};
    do {
        const int64_t from = offset + offset_at(at, stride, s->rank);
        memcpy(to, (const uint8_t *)h->data + (size_t)from * size, size);
        to += size;
    } while (step(s, at));
    return r;
}

const ln_host *ln_host_reshape(ln_imp *im, const ln_host *h, const ln_shape *s) {
    if (!h) return NULL;
    ln_host *r = ln_pool_alloc(&im->g->pool, 1, sizeof *r);
    if (!r) {
        im->status = ln_fail_oom(im->err, "a constant", sizeof *r);
        return NULL;
    }
    *r = *h;
    r->shape = *s;
    return r;
}

const ln_host *ln_host_ints(ln_imp *im, const int64_t *v, int n) {
    void *data;
    const ln_shape s = {1, {n}};
    ln_host *h = ln_host_new(im, LN_ONNX_INT64, &s, &data);
    if (h && n > 0) memcpy(data, v, (size_t)n * sizeof *v);
    return h;
}

/* Stores element i of a constant made by ln_host_new. */
static void put_f(ln_host *h, void *data, int64_t i, double v) {
    if (h->stored == LN_ONNX_DOUBLE)
        ((double *)data)[i] = ln_type_round(h->type, v);
    else
        ((int64_t *)data)[i] = ln_type_from_f(h->type, v);
}

static void put_i(ln_host *h, void *data, int64_t i, int64_t v) {
    if (h->stored == LN_ONNX_DOUBLE)
        ((double *)data)[i] = ln_type_round(h->type, (double)v);
    else
        ((int64_t *)data)[i] = ln_type_wrap(h->type, v);
}

const ln_host *ln_host_cast(ln_imp *im, const ln_host *h, int type) {
    void *data;
    if (!h) return NULL;
    if (h->type == type) return h;
    ln_host *r = ln_host_new(im, type, &h->shape, &data);
    for (int64_t i = 0; r && i < r->count; i++) {
        if (ln_type_is_float(h->type))
            put_f(r, data, i, ln_host_f(h, i));
        else
            put_i(r, data, i, ln_host_i(h, i));
    }
    return r;
}

/* Strides of h stretched over s: 0 along what is repeated. */
static void stretch(const ln_host *h, const ln_shape *s, int64_t stride[LN_MAX_RANK]) {
    int64_t at = 1;
    for (int d = s->rank - 1, k = h->shape.rank - 1; d >= 0; d--, k--) {
        const int64_t n = k >= 0 ? h->shape.dim[k] : 1;
        stride[d] = n == 1 ? 0 : at;
        at *= n;
    }
}

static void map_element(const ln_fold *fn, ln_host *r, void *data, int64_t i, const ln_host *a,
                        int64_t ai, const ln_host *b, int64_t bi) {
    if (fn->i && !ln_type_is_float(a->type))
        put_i(r, data, i, fn->i(ln_host_i(a, ai), b ? ln_host_i(b, bi) : 0));
    else
        put_f(r, data, i, fn->f(ln_host_f(a, ai), b ? ln_host_f(b, bi) : 0.0));
}

const ln_host *ln_host_map(ln_imp *im, const ln_fold *fn, int type, const ln_host *a,
                           const ln_host *b) {
    void *data;
    char ta[96], tb[96];
    int64_t sa[LN_MAX_RANK], sb[LN_MAX_RANK] = {0}, at[LN_MAX_RANK] = {0};
    if (!ln_imp_ok(im)) return NULL;
    ln_shape s = a->shape;
    if (b && !ln_broadcast(&a->shape, &b->shape, &s)) {
        ln_imp_refuse(im, "%s does not go with %s", ln_shape_text(&a->shape, ta),
                      ln_shape_text(&b->shape, tb));
        return NULL;
    }
    for (int64_t i = 0; fn->divides && b && !ln_type_is_float(a->type) && i < b->count; i++)
        if (!ln_host_i(b, i)) return ln_imp_refuse(im, "division by zero"), NULL;
    ln_host *r = ln_host_new(im, type, &s, &data);
    if (!r || !r->count) return r;
    stretch(a, &s, sa);
    if (b) stretch(b, &s, sb);
    int64_t i = 0;
    do map_element(fn, r, data, i++, a, offset_at(at, sa, s.rank), b, offset_at(at, sb, s.rank));
    while (step(&s, at));
    return r;
}

const ln_host *ln_host_where(ln_imp *im, const ln_host *c, const ln_host *a, const ln_host *b) {
    void *data;
    char ta[96], tb[96], tc[96];
    int64_t sc[LN_MAX_RANK], sa[LN_MAX_RANK], sb[LN_MAX_RANK], at[LN_MAX_RANK] = {0};
    ln_shape s;
    if (!ln_imp_ok(im)) return NULL;
    if (!ln_broadcast(&a->shape, &b->shape, &s) || !ln_broadcast(&c->shape, &s, &s)) {
        ln_imp_refuse(im, "%s, %s and %s do not go together", ln_shape_text(&c->shape, tc),
                      ln_shape_text(&a->shape, ta), ln_shape_text(&b->shape, tb));
        return NULL;
    }
    ln_host *r = ln_host_new(im, a->type, &s, &data);
    if (!r || !r->count) return r;
    stretch(c, &s, sc);
    stretch(a, &s, sa);
    stretch(b, &s, sb);
    int64_t i = 0;
    do {
        const bool yes = ln_host_i(c, offset_at(at, sc, s.rank)) != 0;
        const ln_host *from = yes ? a : b;
        const int64_t k = offset_at(at, yes ? sa : sb, s.rank);
        if (r->stored == LN_ONNX_DOUBLE)
            put_f(r, data, i++, ln_host_f(from, k));
        else
            put_i(r, data, i++, ln_host_i(from, k));
    } while (step(&s, at));
    return r;
}

/* s without the axes, or with them as 1; stride: of the result, by s's dimensions. */
static ln_shape reduced(const ln_shape *s, unsigned axes, bool keep, int64_t stride[LN_MAX_RANK]) {
    ln_shape r = {0};
    int64_t at = 1;
    for (int d = s->rank - 1; d >= 0; d--) {
        stride[d] = axes >> d & 1u ? 0 : at;
        if (!(axes >> d & 1u)) at *= s->dim[d];
    }
    for (int d = 0; d < s->rank; d++)
        if (!(axes >> d & 1u) || keep) r.dim[r.rank++] = axes >> d & 1u ? 1 : s->dim[d];
    return r;
}

const ln_host *ln_host_reduce(ln_imp *im, const ln_fold *fn, bool mean, const ln_host *h,
                              unsigned axes, bool keep) {
    void *data;
    int64_t stride[LN_MAX_RANK], at[LN_MAX_RANK] = {0}, i = 0;
    if (!ln_imp_ok(im) || !h) return NULL;
    const ln_shape s = reduced(&h->shape, axes, keep, stride);
    if (!h->count) return ln_imp_refuse(im, "nothing to reduce"), NULL;
    ln_host *r = ln_host_new(im, h->type, &s, &data);
    bool *seen = r ? ln_pool_alloc(&im->g->pool, (size_t)r->count, 1) : NULL;
    if (!seen) {
        if (r) im->status = ln_fail_oom(im->err, "a constant", (size_t)r->count);
        return NULL;
    }
    do {
        const int64_t k = offset_at(at, stride, h->shape.rank);
        if (seen[k])
            map_element(fn, r, data, k, r, k, h, i);
        else if (ln_type_is_float(h->type))
            put_f(r, data, k, ln_host_f(h, i));
        else
            put_i(r, data, k, ln_host_i(h, i));
        seen[k] = true;
        i++;
    } while (step(&h->shape, at));
    const double n = (double)(h->count / r->count);
    for (int64_t k = 0; mean && k < r->count; k++) put_f(r, data, k, ln_host_f(r, k) / n);
    return r;
}

const ln_host *ln_host_gather(ln_imp *im, const ln_host *h, const ln_host *index, int axis) {
    uint8_t *to;
    ln_shape s = {0};
    int64_t outer = 1, inner = 1;
    if (!ln_imp_ok(im)) return NULL;
    if (h->shape.rank + index->shape.rank - 1 > LN_MAX_RANK)
        return ln_imp_refuse(im, "more than %d dimensions", LN_MAX_RANK), NULL;
    for (int d = 0; d < axis; d++) outer *= s.dim[s.rank++] = h->shape.dim[d];
    for (int d = 0; d < index->shape.rank; d++) s.dim[s.rank++] = index->shape.dim[d];
    for (int d = axis + 1; d < h->shape.rank; d++) inner *= s.dim[s.rank++] = h->shape.dim[d];
    ln_host *r = like(im, h, &s, &to);
    if (!r || !r->count) return r;
    const size_t size = ln_onnx_type_size(h->stored) * (size_t)inner;
    const int64_t n = h->shape.dim[axis];
    for (int64_t o = 0; o < outer; o++)
        for (int64_t k = 0; k < index->count; k++) {
            int64_t at = ln_host_i(index, k);
            if (at < -n || at >= n)
                return ln_imp_refuse(im, "index %lld is outside the %lld of dimension %d",
                                     (long long)at, (long long)n, axis),
                       NULL;
            at += at < 0 ? n : 0;
            memcpy(to, (const uint8_t *)h->data + (size_t)(o * n + at) * size, size);
            to += size;
        }
    return r;
}

const ln_host *ln_host_concat(ln_imp *im, const ln_host *const *h, int n, int axis) {
    void *data;
    char ta[96], tb[96];
    if (!ln_imp_ok(im)) return NULL;
    ln_shape s = h[0]->shape;
    for (int i = 1; i < n; i++) {
        ln_shape like_first = h[i]->shape;
        if (like_first.rank == s.rank) like_first.dim[axis] = s.dim[axis];
        if (!ln_shape_equal(&like_first, &s))
            return ln_imp_refuse(im, "%s does not go behind %s", ln_shape_text(&h[i]->shape, ta),
                                 ln_shape_text(&s, tb)),
                   NULL;
        s.dim[axis] += h[i]->shape.dim[axis];
    }
    ln_host *r = ln_host_new(im, h[0]->type, &s, &data);
    if (!r || !r->count) return r;
    int64_t inner = 1, base = 0, total = s.dim[axis];
    for (int d = axis + 1; d < s.rank; d++) inner *= s.dim[d];
    for (int k = 0; k < n; k++) {
        const int64_t row = h[k]->shape.dim[axis] * inner;
        for (int64_t i = 0; i < h[k]->count; i++) {
            const int64_t at = i / row * total * inner + base + i % row;
            if (r->stored == LN_ONNX_DOUBLE)
                put_f(r, data, at, ln_host_f(h[k], i));
            else
                put_i(r, data, at, ln_host_i(h[k], i));
        }
        base += row;
    }
    return r;
}
