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

linnet_status ln_ref_concat(const ln_ref_call *c, linnet_error *err) {
    (void)err;
    const ln_concat_attr *a = &c->node->attr.concat;
    const int last = c->oshape->rank - 1;
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
        from[i] *= a->step[i];
    }
    copy_box(c->oshape, c->in[0] + base, from, c->out, to);
    return LINNET_OK;
}

linnet_status ln_ref_pad(const ln_ref_call *c, linnet_error *err) {
    (void)err;
    int64_t from[LN_MAX_RANK], to[LN_MAX_RANK], base = 0, n = 0;
    ln_shape_strides(c->shape[0], from);
    ln_shape_strides(c->oshape, to);
    ln_shape_count(c->oshape, &n);
    const float value = ln_pad_word(c->graph, c->node);
    for (int64_t i = 0; i < n; i++) c->out[i] = value;
    for (int i = 0; i < c->oshape->rank; i++) base += c->node->attr.pad.before[i] * to[i];
    copy_box(c->shape[0], c->in[0], from, c->out + base, to);
    return LINNET_OK;
}
