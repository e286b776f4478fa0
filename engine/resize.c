/* Places and weights of a resize. */
#include "engine/resize.h"
#include <math.h>

const char *const ln_resize_names[LN_RESIZE_KINDS] = {"nearest", "linear", "cubic"};
const char *const ln_grid_names[LN_RESIZE_GRIDS] = {
    "half_pixel",           "align_corners",        "asymmetric",        "pytorch_half_pixel",
    "half_pixel_symmetric", "tf_half_pixel_for_nn", "tf_crop_and_resize"};
const char *const ln_round_names[LN_RESIZE_ROUNDS] = {"floor", "ceil", "round_prefer_floor",
                                                      "round_prefer_ceil"};

const char *const ln_number_names[LN_RESIZE_NUMBERS] = {"double", "single", "fixed"};

int64_t ln_resize_size(const ln_resize_attr *r, int axis, int64_t in) {
    return r->axis[axis].size ? r->axis[axis].size : in;
}

bool ln_resize_moves(const ln_resize_attr *r, int axis, int64_t in) {
    const ln_resize_axis *a = &r->axis[axis];
    if (!a->size) return false;
    return a->size != in || (a->scale != 0.0 && a->scale != 1.0) || r->grid == LN_GRID_CROP ||
           r->grid == LN_GRID_HALF_PIXEL_NN;
}

static double scale_of(const ln_resize_axis *a, int64_t in) {
    return a->scale != 0.0 ? a->scale : (double)a->size / (double)in;
}

/* v / scale; by the sizes, so that a whole number stays one. */
static double back(const ln_resize_axis *a, int64_t in, double v) {
    return a->scale != 0.0 ? v / a->scale : v * (double)in / (double)a->size;
}

static double place(const ln_resize_attr *r, const ln_resize_axis *a, int64_t in, int64_t i) {
    const double length = a->scale != 0.0 ? a->scale * (double)in : (double)a->size;
    const double from = a->from, to = a->to, last = (double)(in - 1), at = (double)i;
    switch (r->grid) {
    case LN_GRID_ALIGN_CORNERS: return length == 1.0 ? 0.0 : at * last / (length - 1.0);
    case LN_GRID_ASYMMETRIC: return back(a, in, at);
    case LN_GRID_PYTORCH_HALF_PIXEL: return length == 1.0 ? 0.0 : back(a, in, at + 0.5) - 0.5;
    case LN_GRID_HALF_PIXEL_SYMMETRIC:
        return (double)in / 2.0 * (1.0 - (double)a->size / length) + back(a, in, at + 0.5) - 0.5;
    case LN_GRID_HALF_PIXEL_NN: return back(a, in, at + 0.5);
    case LN_GRID_CROP:
        if (a->size == 1) return 0.5 * (from + to) * last;
        return from * last + at * (to - from) * last / (double)(a->size - 1);
    default: return back(a, in, at + 0.5) - 0.5;
    }
}

static double rounded(ln_resize_round how, double v) {
    switch (how) {
    case LN_ROUND_UP: return ceil(v);
    case LN_ROUND_HALF_DOWN: return ceil(v - 0.5);
    case LN_ROUND_HALF_UP: return floor(v + 0.5);
    default: return floor(v);
    }
}

/* How much the kernel is compressed: less than 1 stretches it. */
static double squeeze(const ln_resize_attr *r, const ln_resize_axis *a, int64_t in) {
    return r->antialias ? LN_MIN(scale_of(a, in), 1.0) : 1.0;
}

/* Pixels on each side of a place that lies between two. */
static int64_t reach(const ln_resize_attr *r, const ln_resize_axis *a, int64_t in) {
    return (int64_t)ceil((r->kind == LN_RESIZE_CUBIC ? 2.0 : 1.0) / squeeze(r, a, in));
}

int64_t ln_resize_taps(const ln_resize_attr *r, int axis, int64_t in) {
    if (r->kind == LN_RESIZE_NEAREST || !ln_resize_moves(r, axis, in)) return 1;
    return 2 * reach(r, &r->axis[axis], in);
}

/* Keys, Cubic convolution interpolation for digital image processing (1981), and the triangle. */
static double kernel(const ln_resize_attr *r, double x) {
    const double a = r->cubic_a;
    x = fabs(x);
    if (r->kind == LN_RESIZE_LINEAR) return LN_MAX(1.0 - x, 0.0);
    if (x <= 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
    return x < 2.0 ? ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a : 0.0;
}

static int32_t inside(double v, int64_t in) {
    return (int32_t)LN_MIN(LN_MAX(v, 0.0), (double)(in - 1));
}

/* ---- in TFLite's arithmetic ---- */
/* f32 operations by way of double: rounded once, and never fused with the next. */
static float times(float a, float b) {
    return (float)((double)a * b);
}
static float plus(float a, float b) {
    return (float)((double)a + b);
}

static float single_place(const ln_resize_attr *r, int64_t out, int64_t in, int64_t i) {
    const bool ends = r->grid == LN_GRID_ALIGN_CORNERS && out > 1;
    const float scale = (float)(in - ends) / (float)(out - ends), at = (float)i;
    if (r->grid == LN_GRID_HALF_PIXEL) return plus(times(plus(at, 0.5f), scale), -0.5f);
    return times(r->grid == LN_GRID_HALF_PIXEL_NN ? plus(at, 0.5f) : at, scale);
}

/* In 1024ths. */
static int64_t fixed_place(const ln_resize_attr *r, int64_t out, int64_t in, int64_t i) {
    const bool ends = r->grid == LN_GRID_ALIGN_CORNERS && out > 1;
    const int64_t scale = (1024 * (in - ends) + (out - ends) / 2) / (out - ends);
    return i * scale + (r->grid == LN_GRID_HALF_PIXEL ? scale / 2 - 512 : 0);
}

static void tflite_tap(const ln_resize_attr *r, int64_t out, int64_t in, int64_t i, int32_t *index,
                       double *weight) {
    const int64_t fixed = fixed_place(r, out, in, i);
    const float at = single_place(r, out, in, i);
    weight[0] = 1.0;
    if (r->kind == LN_RESIZE_NEAREST) {
        index[0] = inside(r->round == LN_ROUND_HALF_UP ? roundf(at) : floorf(at), in);
    } else if (r->number == LN_NUMBER_FIXED) {
        index[0] = inside((double)(fixed / 1024), in);
        index[1] = inside((double)((fixed + 1023) / 1024), in);
        weight[1] = (double)(fixed - 1024 * (int64_t)index[0]) / 1024.0;
        weight[0] = 1.0 - weight[1];
    } else {
        index[0] = inside(floorf(at), in);
        index[1] = inside(ceilf(at), in);
        weight[1] = plus(at, -(float)index[0]);
        weight[0] = plus(1.0f, -(float)weight[1]);
    }
}

bool ln_resize_tap(const ln_resize_attr *r, int axis, int64_t in, int64_t i, int32_t *index,
                   double *weight) {
    const ln_resize_axis *a = &r->axis[axis];
    const bool moves = ln_resize_moves(r, axis, in);
    double at = moves ? place(r, a, in, i) : (double)i, sum = 0.0;
    if (moves && r->grid == LN_GRID_CROP && !(at >= 0.0 && at <= (double)(in - 1))) return false;
    if (moves && r->number != LN_NUMBER_DOUBLE) {
        tflite_tap(r, a->size, in, i, index, weight);
        return true;
    }
    if (!moves || r->kind == LN_RESIZE_NEAREST) {
        *index = inside(moves ? rounded(r->round, at) : at, in);
        *weight = 1.0;
        return true;
    }
    /* the same by linear weights, and a place on the border reads no pixel twice */
    if (r->kind == LN_RESIZE_LINEAR && !r->antialias)
        at = LN_MIN(LN_MAX(at, 0.0), (double)(in - 1));
    const double s = squeeze(r, a, in), first = floor(at) + 1.0 - (double)reach(r, a, in);
    const int64_t taps = ln_resize_taps(r, axis, in);
    for (int64_t k = 0; k < taps; k++) {
        const double p = first + (double)k;
        const bool counts = !r->exclude_outside || (p >= 0.0 && p < (double)in);
        index[k] = inside(p, in);
        weight[k] = counts ? kernel(r, (p - at) * s) : 0.0;
        sum += weight[k];
    }
    if (r->antialias || r->exclude_outside)
        for (int64_t k = 0; k < taps; k++) weight[k] /= sum;
    return true;
}
