/* Resize and Upsample: each axis by itself, in every way that the graph's op knows. */
#include "models/onnx/ops.h"

/* An attribute's word by its place in a list of names. */
static int word(ln_imp *im, const char *attr, const char *otherwise, const char *const *names,
                int n) {
    const char *w = ln_imp_string(im, attr, otherwise);
    for (int i = 0; i < n; i++)
        if (!strcmp(w, names[i])) return i;
    ln_imp_refuse(im, "%s %s is not supported", attr, w);
    return 0;
}

/* What the operator says in how many ways: operator set 10 and Upsample floor the nearest pixel of
 * an asymmetric grid; from 11 on attributes say it. */
static void read_how(ln_imp *im, bool old, ln_resize_attr *r) {
    r->kind = (ln_resize_kind)word(im, "mode", "nearest", ln_resize_names, LN_RESIZE_KINDS);
    r->grid = LN_GRID_ASYMMETRIC;
    r->round = LN_ROUND_DOWN;
    if (old) return;
    r->grid = (ln_resize_grid)word(im, "coordinate_transformation_mode", "half_pixel",
                                   ln_grid_names, LN_RESIZE_GRIDS);
    r->round = (ln_resize_round)word(im, "nearest_mode", "round_prefer_floor", ln_round_names,
                                     LN_RESIZE_ROUNDS);
    r->antialias = ln_imp_int(im, "antialias", 0) != 0 && r->kind != LN_RESIZE_NEAREST;
    r->exclude_outside = ln_imp_int(im, "exclude_outside", 0) != 0;
    r->cubic_a = ln_imp_float(im, "cubic_coeff_a", -0.75f);
    r->outside = ln_imp_float(im, "extrapolation_value", 0.0f);
}

/* Which dimensions the sizes or scales are of: all, or those of `axes` (operator set 18). */
static int axes_of(ln_imp *im, int rank, int axis[LN_MAX_RANK]) {
    size_t n;
    const int64_t *axes = ln_imp_ints(im, "axes", &n);
    if (!axes) n = (size_t)rank;
    if (n > LN_MAX_RANK) return ln_imp_refuse(im, "%zu axes", n), 0;
    for (size_t i = 0; i < n; i++) axis[i] = axes ? ln_imp_axis(im, axes[i], rank) : (int)i;
    return (int)n;
}

/* The size that stays within (not_larger) or covers (not_smaller) the wanted ones in proportion. */
static void keep_aspect(ln_imp *im, const ln_shape *x, const int *axis, int n, ln_resize_axis *a) {
    const char *policy = ln_imp_string(im, "keep_aspect_ratio_policy", "stretch");
    if (!strcmp(policy, "stretch")) return;
    const bool larger = !strcmp(policy, "not_smaller");
    double scale = larger ? 0.0 : INFINITY;
    for (int i = 0; i < n; i++) {
        const double s = (double)a[i].size / (double)x->dim[axis[i]];
        scale = larger ? fmax(scale, s) : fmin(scale, s);
    }
    for (int i = 0; i < n; i++) {
        a[i].size = (int64_t)floor(scale * (double)x->dim[axis[i]] + 0.5);
        a[i].scale = scale;
    }
}

static bool read_sizes(ln_imp *im, const ln_host *scales, const ln_host *sizes, const ln_shape *x,
                       const int *axis, int n, ln_resize_axis *a) {
    const ln_host *h = sizes && sizes->count ? sizes : scales;
    if (!h || h->count != n)
        return ln_imp_refuse(im, "%lld sizes or scales for %d dimensions",
                             (long long)(h ? h->count : 0), n),
               false;
    for (int i = 0; i < n; i++) {
        if (h == sizes) {
            a[i] = (ln_resize_axis){.size = LN_MIN(ln_host_i(h, i), INT32_MAX)};
        } else {
            const double s = ln_host_f(h, i), size = floor((double)x->dim[axis[i]] * s);
            if (!(s > 0) || size > INT32_MAX) return ln_imp_refuse(im, "scale %g", s), false;
            a[i] = (ln_resize_axis){.size = (int64_t)size, .scale = s};
        }
    }
    if (h == sizes) keep_aspect(im, x, axis, n, a);
    for (int i = 0; i < n; i++)
        if (a[i].size < 1)
            return ln_imp_refuse(im, "dimension %d becomes %lld", axis[i], (long long)a[i].size),
                   false;
    return ln_imp_ok(im);
}

static bool read_roi(ln_imp *im, const ln_host *roi, int n, ln_resize_axis *a) {
    if (!roi || roi->count != 2 * n) return ln_imp_refuse(im, "no region to crop"), false;
    for (int i = 0; i < n; i++) {
        a[i].from = (float)ln_host_f(roi, i);
        a[i].to = (float)ln_host_f(roi, n + i);
    }
    return true;
}

static const ln_host *optional(ln_imp *im, int slot, const char *what) {
    return ln_imp_in(im, slot) ? ln_imp_const(im, slot, what) : NULL;
}

/* Scales of Upsample-7, an attribute. */
static const ln_host *attr_scales(ln_imp *im) {
    size_t n;
    const float *f = ln_imp_floats(im, "scales", &n);
    const ln_shape s = {1, {(int64_t)n}};
    void *data;
    ln_host *h = ln_host_new(im, LN_ONNX_FLOAT, &s, &data);
    for (size_t i = 0; h && i < n; i++) ((double *)data)[i] = (double)f[i];
    return h;
}

/* arg: 0 scales are input 1; 1 region, scales and sizes are inputs 1 to 3; 2 an attribute */
void ln_imp_op_resize(ln_imp *im, const ln_imp_op *op) {
    const ln_val *v = ln_imp_in(im, 0);
    const ln_host *scales = op->arg == 2   ? attr_scales(im)
                            : op->arg == 1 ? optional(im, 2, "scales")
                                           : ln_imp_const(im, 1, "scales");
    const ln_host *sizes = op->arg == 1 ? optional(im, 3, "sizes") : NULL;
    ln_attr attr = {0};
    ln_resize_axis a[LN_MAX_RANK] = {{0}};
    int axis[LN_MAX_RANK];
    const int rank = v->shape.rank, n = axes_of(im, rank, axis);
    read_how(im, op->arg != 1, &attr.resize);
    if (!ln_imp_ok(im) || !read_sizes(im, scales, sizes, &v->shape, axis, n, a)) return;
    if (attr.resize.grid == LN_GRID_CROP && !read_roi(im, optional(im, 1, "roi"), n, a)) return;
    /* pictures and the like are best read with their channels last */
    const ln_imp_layout l = rank > 2 && rank < 6 ? LN_LAST : LN_PLAIN;
    ln_shape s = v->shape;
    for (int i = 0; i < n; i++) {
        const bool still = a[i].size == s.dim[axis[i]] && (a[i].scale == 0 || a[i].scale == 1);
        s.dim[axis[i]] = a[i].size;
        if (!still || attr.resize.grid == LN_GRID_CROP)
            attr.resize.axis[ln_imp_place(l, axis[i], rank)] = a[i];
    }
    const ln_tid x = ln_imp_get(im, v, l);
    const bool f32 = ln_imp_is_f32(im, x);
    const ln_tid y = ln_imp_1(im, LN_OP_RESIZE, attr, ln_imp_to_f32(im, x));
    ln_imp_out_as(im, 0, f32 ? y : ln_imp_to_i32(im, y), l, 0, &s);
}
