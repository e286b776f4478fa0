/* Sums, extremes and their places over any dimensions. A NaN is the largest and the smallest. */
#include "engine/ref/ops.h"

#include <math.h>
#include <string.h>

typedef struct walk {
    const ln_reduce_attr *attr;
    bool whole;
    ln_shape gone;               /* sizes of the dimensions that go, 1 for the others */
    int64_t stride[LN_MAX_RANK]; /* of x */
    int64_t kept[LN_MAX_RANK];   /* sizes of the dimensions that stay, 1 for the others */
    int64_t count;               /* of elements for one of the output */
} walk;

static double number(const ln_ref_call *c, const walk *w, int64_t at) {
    int32_t v;
    memcpy(&v, &c->in[0][at], 4);
    return w->whole ? (double)v : (double)c->in[0][at];
}

/* The e-th element that goes into the output element at `base`. */
static int64_t element(const walk *w, int64_t base, int64_t e) {
    for (int d = w->gone.rank - 1; d >= 0; d--) {
        base += e % w->gone.dim[d] * w->stride[d];
        e /= w->gone.dim[d];
    }
    return base;
}

static int64_t place(const ln_ref_call *c, const walk *w, int64_t base) {
    const bool most = w->attr->kind == LN_REDUCE_ARGMAX;
    double best = number(c, w, base);
    int64_t at = 0;
    for (int64_t e = 1; e < w->count; e++) {
        const double v = number(c, w, element(w, base, e));
        const bool tie = v == best || (isnan(v) && isnan(best));
        const bool better = isnan(v) ? !isnan(best) : most ? v > best : v < best;
        if (!better && !(tie && w->attr->last)) continue;
        best = v;
        at = e;
    }
    return at;
}

static double extreme(const ln_ref_call *c, const walk *w, int64_t base, bool most) {
    double best = number(c, w, base);
    for (int64_t e = 1; e < w->count; e++) {
        const double v = number(c, w, element(w, base, e));
        if (isnan(v) || (most ? v > best : v < best)) best = v;
    }
    return best;
}

static double total(const ln_ref_call *c, const walk *w, int64_t base) {
    double sum = w->attr->kind == LN_REDUCE_PROD;
    for (int64_t e = 0; e < w->count; e++) {
        const double v = number(c, w, element(w, base, e));
        switch (w->attr->kind) {
        case LN_REDUCE_PROD: sum *= v; break;
        case LN_REDUCE_L1: sum += fabs(v); break;
        case LN_REDUCE_L2:
        case LN_REDUCE_SUM_SQUARE: sum += v * v; break;
        default: sum += v; break;
        }
    }
    return sum;
}

static double log_sum_exp(const ln_ref_call *c, const walk *w, int64_t base) {
    const double top = extreme(c, w, base, true);
    double sum = 0;
    if (isinf(top)) return top;
    for (int64_t e = 0; e < w->count; e++) sum += exp(number(c, w, element(w, base, e)) - top);
    return top + log(sum);
}

static double reduced(const ln_ref_call *c, const walk *w, int64_t base) {
    switch (w->attr->kind) {
    case LN_REDUCE_MEAN: return total(c, w, base) / (double)w->count;
    case LN_REDUCE_MAX: return extreme(c, w, base, true);
    case LN_REDUCE_MIN: return extreme(c, w, base, false);
    case LN_REDUCE_L2: return sqrt(total(c, w, base));
    case LN_REDUCE_LOG_SUM: return log(total(c, w, base));
    case LN_REDUCE_LOG_SUM_EXP: return log_sum_exp(c, w, base);
    case LN_REDUCE_ARGMAX:
    case LN_REDUCE_ARGMIN: return (double)place(c, w, base);
    default: return total(c, w, base);
    }
}

/* Integers wrap as 32 bits do, which a double would not. */
static int32_t wrapped(const ln_ref_call *c, const walk *w, int64_t base) {
    uint32_t sum = w->attr->kind == LN_REDUCE_PROD;
    for (int64_t e = 0; e < w->count; e++) {
        const int32_t i = (int32_t)number(c, w, element(w, base, e));
        const uint32_t v = (uint32_t)i;
        switch (w->attr->kind) {
        case LN_REDUCE_PROD: sum *= v; break;
        case LN_REDUCE_L1: sum += i < 0 ? 0u - v : v; break;
        case LN_REDUCE_SUM_SQUARE: sum += v * v; break;
        default: sum += v; break;
        }
    }
    return (int32_t)sum;
}

static void reduce_row(const ln_ref_call *c, const void *ctx, int64_t r, double *scratch) {
    (void)scratch;
    const walk *w = ctx;
    const ln_reduce_kind kind = w->attr->kind;
    int64_t base = 0, rest = r;
    for (int d = w->gone.rank - 1; d >= 0; d--) {
        base += rest % w->kept[d] * w->stride[d];
        rest /= w->kept[d];
    }
    const bool wraps = kind == LN_REDUCE_SUM || kind == LN_REDUCE_PROD || kind == LN_REDUCE_L1 ||
                       kind == LN_REDUCE_SUM_SQUARE;
    if (!w->whole && !ln_reduce_is_place(kind)) {
        c->out[r] = (float)reduced(c, w, base);
        return;
    }
    const int32_t v = w->whole && wraps ? wrapped(c, w, base) : (int32_t)reduced(c, w, base);
    memcpy(&c->out[r], &v, 4);
}

linnet_status ln_ref_reduce(const ln_ref_call *c, linnet_error *err) {
    walk w = {.attr = &c->node->attr.reduce, .gone = *c->shape[0], .count = 1};
    int64_t n = 0;
    w.whole = c->graph->tensor[c->node->in[0]].dtype == LN_I32;
    ln_shape_strides(c->shape[0], w.stride);
    for (int d = 0; d < w.gone.rank; d++) {
        const bool goes = w.attr->axes >> d & 1;
        w.kept[d] = goes ? 1 : w.gone.dim[d];
        w.gone.dim[d] = goes ? w.gone.dim[d] : 1;
        w.count *= w.gone.dim[d];
    }
    ln_shape_count(c->oshape, &n);
    return ln_ref_rows(c, n, 0, reduce_row, &w, err);
}
