/* Ops that only move values. */
#include "engine/ref/ops.h"
#include <string.h>

linnet_status ln_ref_reshape(const ln_ref_call *c, linnet_error *err) {
    (void)err;
    int64_t n = 0;
    ln_shape_count(c->oshape, &n);
    memcpy(c->out, c->in[0], (size_t)n * sizeof *c->out);
    return LINNET_OK;
}

/* Operands joined along any dimension: each a run of `part` elements in each of the output's rows
 * of `all`. */
static void join(const ln_ref_call *c, int axis) {
    int64_t n = 0, all = 1, at = 0;
    ln_shape_count(c->oshape, &n);
    for (int d = axis; d < c->oshape->rank; d++) all *= c->oshape->dim[d];
    for (int i = 0; i < c->node->n_in; i++) {
        const int64_t part = all / c->oshape->dim[axis] * c->shape[i]->dim[axis];
        for (int64_t r = 0; r < n / all; r++)
            memcpy(c->out + r * all + at, c->in[i] + r * part, (size_t)part * sizeof *c->out);
        at += part;
    }
}

linnet_status ln_ref_concat(const ln_ref_call *c, linnet_error *err) {
    (void)err;
    const ln_concat_attr *a = &c->node->attr.concat;
    const int last = c->oshape->rank - 1;
    if (a->groups <= 1 && !a->size) {
        join(c, last - a->back);
        return LINNET_OK;
    }
    const int64_t size = c->oshape->dim[last], groups = LN_MAX(a->groups, 1);
    int64_t n = 0, at = 0, all = 0;
    ln_shape_count(c->oshape, &n);
    for (int i = 0; i < c->node->n_in; i++) all += c->shape[i]->dim[last];
    for (int i = 0; i < c->node->n_in; i++) {
        const int64_t part = c->shape[i]->dim[last], per = all / groups;
        for (int64_t k = 0; k < part; k++) {
            const int64_t to = (at + k) % per * groups + (at + k) / per - a->begin;
            if (to < 0 || to >= size) continue;
            for (int64_t r = 0; r < n / size; r++) c->out[r * size + to] = c->in[i][r * part + k];
        }
        at += part;
    }
    return LINNET_OK;
}

linnet_status ln_ref_shuffle(const ln_ref_call *c, linnet_error *err) {
    (void)err;
    int64_t n = 0;
    const int64_t groups = c->node->attr.shuffle.groups, ch = c->oshape->dim[c->oshape->rank - 1];
    const int64_t per = ch / groups;
    ln_shape_count(c->oshape, &n);
    for (int64_t r = 0; r < n; r += ch)
        for (int64_t i = 0; i < per; i++)
            for (int64_t j = 0; j < groups; j++)
                c->out[r + i * groups + j] = c->in[0][r + j * per + i];
    return LINNET_OK;
}

/* Copies a box of `size` from src to dst, each with a stride for every dimension. */
static void copy_box(const ln_shape *size, const float *src, const int64_t *from, float *dst,
                     const int64_t *to) {
    const int last = size->rank - 1;
    int64_t at[LN_MAX_RANK] = {0}, s = 0, d = 0;
    for (;;) {
        for (int64_t i = 0; i < size->dim[last]; i++)
            dst[d + i * to[last]] = src[s + i * from[last]];
        int k = last - 1;
        for (; k >= 0; k--) {
            s += from[k];
            d += to[k];
            if (++at[k] < size->dim[k]) break;
            s -= from[k] * at[k];
            d -= to[k] * at[k];
            at[k] = 0;
        }
        if (k < 0) return;
    }
}

linnet_status ln_ref_slice(const ln_ref_call *c, linnet_error *err) {
    (void)err;
    const ln_slice_attr *a = &c->node->attr.slice;
    int64_t from[LN_MAX_RANK], to[LN_MAX_RANK], base = 0;
    ln_shape_strides(c->shape[0], from);
    ln_shape_strides(c->oshape, to);
    for (int i = 0; i < c->oshape->rank; i++) {
        base += a->begin[i] * from[i];
        from[i] *= c->oshape->dim[i] > 1 ? a->step[i] : 0; /* the step of one element may be any */
    }
    copy_box(c->oshape, c->in[0] + base, from, c->out, to);
    return LINNET_OK;
}

/* Where index i of a padded dimension comes from, counted from the first of `size` elements that
 * are left of it; -1: from nowhere. */
static int64_t pad_source(ln_pad_mode mode, int64_t i, int64_t size) {
    const int64_t turn = mode == LN_PAD_REFLECT ? 2 * size - 2 : 2 * size;
    if (i >= 0 && i < size) return i;
    switch (mode) {
    case LN_PAD_EDGE: return i < 0 ? 0 : size - 1;
    case LN_PAD_WRAP: return (i % size + size) % size;
    case LN_PAD_REFLECT:
    case LN_PAD_SYMMETRIC:
        if (!turn) return 0;
        i = (i % turn + turn) % turn;
        return i < size ? i : mode == LN_PAD_REFLECT ? turn - i : turn - 1 - i;
    default: return -1;
    }
}

/* The next index of an odometer over `size`. */
static void step(const ln_shape *size, int64_t *at) {
    for (int k = size->rank - 1; k >= 0 && ++at[k] == size->dim[k]; k--) at[k] = 0;
}

linnet_status ln_ref_pad(const ln_ref_call *c, linnet_error *err) {
    (void)err;
    const ln_pad_attr *a = &c->node->attr.pad;
    const float value = ln_pad_word(c->graph, c->node);
    int64_t stride[LN_MAX_RANK], at[LN_MAX_RANK] = {0}, n = 0;
    ln_shape_strides(c->shape[0], stride);
    ln_shape_count(c->oshape, &n);
    for (int64_t i = 0; i < n; i++, step(c->oshape, at)) {
        int64_t from = 0;
        for (int k = 0; k < c->oshape->rank && from >= 0; k++) {
            const int64_t cut = LN_MAX(-a->before[k], 0), cut_end = LN_MAX(-a->after[k], 0);
            const int64_t j = pad_source(a->mode, at[k] - LN_MAX(a->before[k], 0),
                                         c->shape[0]->dim[k] - cut - cut_end);
            from = j < 0 ? -1 : from + (j + cut) * stride[k];
        }
        c->out[i] = from < 0 ? value : c->in[0][from];
    }
    return LINNET_OK;
}

linnet_status ln_ref_permute(const ln_ref_call *c, linnet_error *err) {
    (void)err;
    int64_t stride[LN_MAX_RANK], from[LN_MAX_RANK], to[LN_MAX_RANK];
    ln_shape_strides(c->shape[0], stride);
    ln_shape_strides(c->oshape, to);
    for (int i = 0; i < c->oshape->rank; i++) from[i] = stride[c->node->attr.permute.perm[i]];
    copy_box(c->oshape, c->in[0], from, c->out, to);
    return LINNET_OK;
}

linnet_status ln_ref_tile(const ln_ref_call *c, linnet_error *err) {
    (void)err;
    int64_t stride[LN_MAX_RANK], at[LN_MAX_RANK] = {0}, n = 0;
    ln_shape_strides(c->shape[0], stride);
    ln_shape_count(c->oshape, &n);
    for (int64_t i = 0; i < n; i++, step(c->oshape, at)) {
        int64_t from = 0;
        for (int k = 0; k < c->oshape->rank; k++) from += at[k] % c->shape[0]->dim[k] * stride[k];
        c->out[i] = c->in[0][from];
    }
    return LINNET_OK;
}
