/* y = f(a, b, c) for each element, shapes broadcast as numpy does; f: cl_kernels/map.h. */
#include "cl_kernels/map.h"
#include "engine/ref/ops.h"

#include <math.h>
#include <string.h>

static int64_t divide(int64_t i, int64_t j) {
    return j ? i / j : 0;
}

static int64_t modulo(int64_t i, int64_t j) {
    const int64_t r = j ? i % j : 0;
    return r && (r ^ j) < 0 ? r + j : r;
}

/* As divide: negative powers are 0 but for those of 1 and -1. Wraps. */
static int64_t power(int64_t i, int64_t j) {
    uint32_t y = 1, square = (uint32_t)i;
    if (j < 0) return i == 1 || (i == -1 && !(j & 1)) ? 1 : i == -1 ? -1 : 0;
    for (; j; j >>= 1, square *= square)
        if (j & 1) y *= square;
    return (int32_t)y;
}

static double modulo_real(double a, double b) {
    const double r = fmod(a, b);
    return r != 0.0 && (r < 0.0) != (b < 0.0) ? r + b : r;
}

static double half(double v) {
    return (double)ln_f16_to_f32(ln_f32_to_f16((float)v));
}

static double bfloat(double v) {
    const float f = (float)v;
    float back;
    uint32_t u;
    memcpy(&u, &f, 4);
    if (!isfinite(f)) return v;
    u = (u + 0x7FFFu + (u >> 16 & 1u)) & 0xFFFF0000u;
    memcpy(&back, &u, 4);
    return (double)back;
}

/* Words of i32 among those of f32. */
static int64_t whole(const float *p) {
    int32_t v;
    memcpy(&v, p, 4);
    return v;
}

static float word_F(double v) {
    return (float)v;
}

static float word_I(int64_t v) { /* wraps as 32 bits do */
    const uint32_t bits = (uint32_t)(uint64_t)v;
    float f;
    memcpy(&f, &bits, 4);
    return f;
}

typedef struct map_call {
    int row;
    double alpha, beta;
    int64_t stride[3][LN_MAX_RANK];
} map_call;

#define LN_V(x)             ((double)(x))
#define LN_YES(x)           (x)
#define LN_INT(x)           ((int64_t)ln_f64_to_i32(x))
#define LN_FLOAT(x)         ((double)(x))
#define LN_IDIV             divide
#define LN_IMOD             modulo
#define LN_F16              half
#define LN_BF16             bfloat
#define LN_EXP              exp
#define LN_ERF              erf
#define LN_R(x)             ((double)(float)(x))
#define LN_FMOD             modulo_real
#define LN_IPOW             power
#define LN_SHIFT_LEFT(i, j) ((int64_t)((uint64_t)(i) << (j)))

static float evaluate(const map_call *m, const float *x[3]) {
    const double a = *x[0], b = *x[1], c = *x[2], alpha = m->alpha, beta = m->beta;
    const int64_t i = whole(x[0]), j = whole(x[1]), k = whole(x[2]);
    (void)alpha, (void)beta;
    switch (m->row) {
#define LN_MAP_CASE(kind, in, out, group, expression)                                              \
    case LN_MAP_##kind##_##in: return word_##out expression;
        LN_MAP_ROWS(LN_MAP_CASE)
#undef LN_MAP_CASE
    }
    return NAN;
}

void ln_ref_strides(const ln_shape *x, const ln_shape *y, int64_t stride[LN_MAX_RANK]) {
    int64_t own[LN_MAX_RANK];
    const int skip = y->rank - x->rank;
    ln_shape_strides(x, own);
    for (int d = 0; d < LN_MAX_RANK; d++)
        stride[d] = d < skip || d >= y->rank || x->dim[d - skip] == 1 ? 0 : own[d - skip];
}

static void map_row(const ln_ref_call *c, const void *ctx, int64_t r, double *scratch) {
    (void)scratch;
    const map_call *m = ctx;
    const ln_shape *y = c->oshape;
    const int last = y->rank - 1;
    const float *x[3] = {c->in[0], c->in[0], c->in[0]};
    for (int k = 0; k < c->node->n_in; k++) {
        x[k] = c->in[k];
        int64_t rest = r;
        for (int d = last - 1; d >= 0; d--) {
            x[k] += rest % y->dim[d] * m->stride[k][d];
            rest /= y->dim[d];
        }
    }
    for (int64_t e = 0; e < y->dim[last]; e++) {
        c->out[r * y->dim[last] + e] = evaluate(m, x);
        for (int k = 0; k < c->node->n_in; k++) x[k] += m->stride[k][last];
    }
}

linnet_status ln_ref_map(const ln_ref_call *c, linnet_error *err) {
    const ln_map_attr *a = &c->node->attr.map;
    map_call m = {ln_node_map_row(c->graph, c->node), (double)a->alpha, (double)a->beta, {{0}}};
    int64_t n = 0;
    for (int k = 0; k < c->node->n_in; k++) ln_ref_strides(c->shape[k], c->oshape, m.stride[k]);
    ln_shape_count(c->oshape, &n);
    return ln_ref_rows(c, n / c->oshape->dim[c->oshape->rank - 1], 0, map_row, &m, err);
}
