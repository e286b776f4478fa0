/* Resize: resize.cl. */
#include "engine/kernels/kernels.h"

/* Output i lies at (i * step + shift) / unit of the input: graph.h's grids in whole numbers. */
typedef struct scale {
    int64_t step, shift, unit;
} scale;

static scale scale_of(const ln_resize_attr *r, int64_t in, int64_t out) {
    bool near = r->kind == LN_RESIZE_NEAREST;
    switch (r->grid) {
    case LN_GRID_HALF_PIXEL: return (scale){2 * in, near ? in : in - out, 2 * out};
    case LN_GRID_ALIGN_CORNERS:
        if (out == 1) return (scale){0, 0, 1};
        return near ? (scale){2 * (in - 1), out - 1, 2 * (out - 1)} : (scale){in - 1, 0, out - 1};
    default: return (scale){in, 0, out};
    }
}

static bool small(scale k, int64_t in, int64_t out) {
    int64_t last;
    return ln_mul_i64(out, k.step, &last) && last + k.shift < INT32_MAX &&
           ln_mul_i64(in, k.unit, &last) && last < INT32_MAX;
}

static void scales(const ln_site *s, scale *y, scale *x, bool *fits) {
    const ln_resize_attr *r = &s->node->attr.resize;
    const ln_shape *in = ln_site_shape(s, s->node->in[0]);
    *y = scale_of(r, in->dim[1], r->h);
    *x = scale_of(r, in->dim[2], r->w);
    *fits = small(*y, in->dim[1], r->h) && small(*x, in->dim[2], r->w);
}

static bool can_run(const ln_variant *v, const ln_site *s) {
    scale y, x;
    bool fits, bilinear = s->node->attr.resize.kind == LN_RESIZE_BILINEAR;
    scales(s, &y, &x, &fits);
    return fits && ln_site_plain(s) && bilinear == (ln_variant_tunable(v, "BILINEAR", 0) != 0);
}

static void bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    scale y, x;
    bool fits;
    scales(s, &y, &x, &fits);
    a->t0 = (ln_i32)y.step, a->t1 = (ln_i32)y.shift, a->t2 = (ln_i32)y.unit;
    a->t3 = (ln_i32)x.step, a->t4 = (ln_i32)x.shift, a->t5 = (ln_i32)x.unit;
    a->tiles = ln_tiles(v, (int64_t)a->m * ln_cpad(a->oc) / 8, 1);
}

const ln_family ln_family_resize = {"resize", LN_OP_RESIZE, can_run, NULL, NULL, bind};
