/* What converters read of a node: axes, dimensions, windows. */
#include "models/import/import.h"

int ln_imp_axis(ln_imp *im, int64_t axis, int rank) {
    const int least = rank ? rank : 1; /* a scalar's axis is 0 */
    if (axis < -least || axis >= least) {
        ln_imp_refuse(im, "axis %lld is outside rank %d", (long long)axis, rank);
        return 0;
    }
    return (int)(axis < 0 ? axis + least : axis);
}

unsigned ln_imp_axes(ln_imp *im, int slot, const char *name, int rank, bool *given) {
    size_t n = 0;
    const int64_t *attr = ln_imp_ints(im, name, &n);
    const ln_host *in = slot >= 0 && ln_imp_in(im, slot) ? ln_imp_const(im, slot, name) : NULL;
    unsigned mask = 0;
    if (in) n = (size_t)in->count;
    *given = in != NULL || attr != NULL;
    for (size_t i = 0; i < n && ln_imp_ok(im); i++)
        mask |= 1u << ln_imp_axis(im, in ? ln_host_i(in, (int64_t)i) : attr[i], rank);
    return mask;
}

bool ln_broadcast(const ln_shape *a, const ln_shape *b, ln_shape *out) {
    ln_shape s = {.rank = LN_MAX(a->rank, b->rank)};
    for (int i = 1; i <= s.rank; i++) {
        const int64_t x = i <= a->rank ? a->dim[a->rank - i] : 1;
        const int64_t y = i <= b->rank ? b->dim[b->rank - i] : 1;
        if (x != y && x != 1 && y != 1) return false;
        s.dim[s.rank - i] = x == 1 ? y : x;
    }
    *out = s;
    return true;
}

bool ln_imp_dims(ln_imp *im, const ln_host *h, const char *what, ln_shape *out) {
    *out = (ln_shape){0};
    if (!h || !ln_imp_ok(im)) return false;
    if (h->count > LN_MAX_RANK || ln_type_is_float(h->type))
        return ln_imp_refuse(im, "%s: %lld elements of type %s; at most %d integers are taken",
                             what, (long long)h->count, ln_onnx_type_name(h->type), LN_MAX_RANK),
               false;
    out->rank = (int)h->count;
    for (int i = 0; i < out->rank; i++) out->dim[i] = ln_host_i(h, i);
    return true;
}

/* One value an axis, or `otherwise` for all. */
static bool per_axis(ln_imp *im, const char *name, int n, int64_t otherwise, int64_t *out) {
    size_t have;
    const int64_t *v = ln_imp_ints(im, name, &have);
    if (v && have < (size_t)n)
        return ln_imp_refuse(im, "%s has %zu values for %d dimensions", name, have, n), false;
    for (int i = 0; i < n; i++) out[i] = v ? v[i] : otherwise;
    for (int i = 0; i < n; i++)
        if (out[i] < 1 || out[i] > INT32_MAX)
            return ln_imp_refuse(im, "%s %lld is not in 1..2^31-1", name, (long long)out[i]), false;
    return true;
}

static bool read_pads(ln_imp *im, ln_imp_window *w) {
    size_t have;
    const int64_t *v = ln_imp_ints(im, "pads", &have);
    if (v && have < 2 * (size_t)w->n)
        return ln_imp_refuse(im, "pads has %zu values for %d dimensions", have, w->n), false;
    for (int i = 0; v && i < w->n; i++) {
        w->before[i] = v[i];
        w->after[i] = v[w->n + i];
        if (v[i] < 0 || v[w->n + i] < 0 || v[i] > INT32_MAX || v[w->n + i] > INT32_MAX)
            return ln_imp_refuse(im, "pads %lld,%lld are not in 0..2^31-1", (long long)v[i],
                                 (long long)v[w->n + i]),
                   false;
    }
    return true;
}

/* Output ceil(in/stride); the odd pixel goes after (SAME_UPPER) or before. */
static void pad_same(ln_imp_window *w, int i, int64_t in, bool lower) {
    const int64_t eff = (w->k[i] - 1) * w->dil[i] + 1, out = ln_ceil_div(in, w->stride[i]);
    const int64_t total = LN_MAX((out - 1) * w->stride[i] + eff - in, 0);
    w->before[i] = lower ? total - total / 2 : total / 2;
    w->after[i] = total - w->before[i];
}

/* Ceil mode: a last window that is partial counts, unless it would begin in the padding. */
static void pad_ceil(ln_imp_window *w, int i, int64_t in) {
    const int64_t eff = (w->k[i] - 1) * w->dil[i] + 1;
    const int64_t room = in + w->before[i] + w->after[i] - eff;
    int64_t out = ln_ceil_div(room, w->stride[i]) + 1;
    if ((out - 1) * w->stride[i] >= in + w->before[i]) out--;
    w->ceil[i] = LN_MAX((out - 1) * w->stride[i] - room, 0);
    w->after[i] += w->ceil[i];
}

bool ln_imp_window_attrs(ln_imp *im, int n, const int64_t *k, ln_imp_window *w) {
    *w = (ln_imp_window){.n = n};
    if (!ln_imp_ok(im)) return false;
    if (n < 1 || n > 3)
        return ln_imp_refuse(im, "%d spatial dimensions, 1 to 3 are supported", n), false;
    if (!k && !ln_imp_ints(im, "kernel_shape", &(size_t){0}))
        return ln_imp_refuse(im, "kernel_shape is missing"), false;
    if (!per_axis(im, "kernel_shape", n, 1, w->k) || !per_axis(im, "strides", n, 1, w->stride) ||
        !per_axis(im, "dilations", n, 1, w->dil))
        return false;
    if (k) memcpy(w->k, k, (size_t)n * sizeof *k);
    for (int i = 0; i < n; i++)
        if (w->k[i] < 1 || w->k[i] > INT16_MAX || w->dil[i] > INT16_MAX)
            return ln_imp_refuse(im, "a window of %lld pixels with dilation %lld",
                                 (long long)w->k[i], (long long)w->dil[i]),
                   false;
    const char *pad = ln_imp_string(im, "auto_pad", "NOTSET");
    if (!strcmp(pad, "NOTSET")) return read_pads(im, w);
    if (strcmp(pad, "VALID") && strcmp(pad, "SAME_UPPER") && strcmp(pad, "SAME_LOWER"))
        return ln_imp_refuse(im, "auto_pad %s is not supported", pad), false;
    return ln_imp_ok(im);
}

bool ln_imp_window_of(ln_imp *im, const ln_shape *x, const int64_t *k, ln_imp_window *w) {
    const char *pad = ln_imp_string(im, "auto_pad", "NOTSET");
    const bool same = !strcmp(pad, "SAME_UPPER") || !strcmp(pad, "SAME_LOWER");
    if (!ln_imp_window_attrs(im, x->rank - 2, k, w)) return false;
    const bool ceil = ln_imp_int(im, "ceil_mode", 0) != 0;
    for (int i = 0; i < w->n; i++) {
        const int64_t in = x->dim[2 + i], eff = (w->k[i] - 1) * w->dil[i] + 1;
        if (same) pad_same(w, i, in, !strcmp(pad, "SAME_LOWER"));
        if (in + w->before[i] + w->after[i] < eff)
            return ln_imp_refuse(im,
                                 "%lld pixels with padding %lld,%lld are fewer than the "
                                 "window's %lld",
                                 (long long)in, (long long)w->before[i], (long long)w->after[i],
                                 (long long)eff),
                   false;
        if (ceil) pad_ceil(w, i, in);
        w->out[i] = (in + w->before[i] + w->after[i] - eff) / w->stride[i] + 1;
    }
    return true;
}

ln_window ln_imp_window_2d(const ln_imp_window *w) {
    ln_window r = {1, 1, 1, 1, 1, 1, 0, 0, 0, 0};
    const int x = w->n - 1; /* one dimension is the width */
    r.kw = (int)w->k[x], r.sw = (int)w->stride[x], r.dw = (int)w->dil[x];
    r.left = (int)w->before[x], r.right = (int)w->after[x];
    if (w->n < 2) return r;
    r.kh = (int)w->k[0], r.sh = (int)w->stride[0], r.dh = (int)w->dil[0];
    r.top = (int)w->before[0], r.bottom = (int)w->after[0];
    return r;
}
